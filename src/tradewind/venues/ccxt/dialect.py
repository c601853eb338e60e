"""The grammar in which a venue's differences are written down: calls, answers, words, errors, limits.

A `Dialect` is data. The adapter reads it and holds no branch on a venue's name, so that adding a venue means
writing one of these and proving it on the wire. Every part of a dialect says where it comes from: "sample" (a
captured message), "documentation" (the venue's, or ccxt 4.5.90 read as such), "assumed" (to be proven by
`venue certify`).

A call's `fields` are a template: a text that begins with ``$`` is replaced by the value of that name and left
out where there is none; everything else stands as written. A name with a dot is a field of a table within.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, cast

from tradewind.venues.ccxt.shapes import HoldingShape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.ccxt.shapes import Shape

__all__ = [
    "Call",
    "Clock",
    "Dialect",
    "ErrorRow",
    "KeyShape",
    "Meaning",
    "Notices",
    "Pages",
    "Path",
    "Reading",
    "Stream",
    "Topic",
    "Window",
    "Words",
    "error_rows",
    "fill_template",
    "filled_in_part",
    "is_addressed",
    "nested",
    "value_at",
]

_PLACES = re.compile(r"{(\w+)}")

Path = tuple[str, ...]
"""Keys from the outside in; a number stands for a place in a list, ``*`` for every element, ``.`` for a table with
those within it: what is below stands beside the rest, under names with dots, or with ``..`` under its own."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Parameters
    ----------
    api, method, path
        ccxt's section (and what is below it, after a slash), the HTTP method, the path after the section's address.
    fields
        Template of the parameters.
    rows
        Where the rows of the answer are.
    wrap
        "": the fields are the body; "[]": the body is a list of them; else the field that holds such a list.
    outer
        What stands beside a named list; a text that begins with ``$`` is the field of that name of the rows.
    group, weight
        What it costs, in which budget.
    batch, alike
        How many rows one request may hold, and whether they must be of one instrument.
    codes
        Where the codes of the rows stand, where they are not in the rows.
    refused, named_by
        Where the rows stand that were refused, where that is a list of its own, and the field by which they and the
        others are known to be the answer to which row.
    no_rows
        Whether null stands where the list is empty.
    ours
        The same where an order is named by our id, if that is another request.
    """

    api: str
    method: str
    path: str
    fields: Mapping[str, object] = field(default_factory=dict)
    rows: Path = ()
    wrap: str = ""
    outer: Mapping[str, object] = field(default_factory=dict)
    group: str = "read"
    weight: int = 1
    batch: int = 1
    alike: bool = False
    codes: Path = ()
    refused: Path = ()
    named_by: str = ""
    no_rows: bool = False
    ours: Call | None = None

    @property
    def sections(self) -> list[str]:
        """Return the section as ccxt takes it, the outer one first."""
        return self.api.split("/")

    def naming(self, reference: Mapping[str, object]) -> Call:
        """Return the request for an order that is named like this: by the venue's id, or by ours."""
        return self if self.ours is None or reference.get("venue_id") else self.ours


def fill_template(fields: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of a template; what has no value (None) is left out. Raises KeyError for no such name."""
    made: dict[str, object] = {}
    for name, word in fields.items():
        value = values[word[1:]] if isinstance(word, str) and word.startswith("$") else word
        if value is not None:
            made[name] = value
    return nested(made)


def nested(fields: dict[str, object]) -> dict[str, object]:
    """Return fields with those that have dots in their names in tables within, in the order of the template."""
    if not any("." in name for name in fields):
        return fields
    made: dict[str, object] = {}
    for name, value in fields.items():
        *tables, last = name.split(".")
        place = made
        for table in tables:
            place = cast("dict[str, object]", place.setdefault(table, {}))
        place[last] = value
    return made


def is_addressed(call: Call, fields: Mapping[str, object]) -> bool:
    """Say whether a request names everything that its path has a place for."""
    return all(name in fields for name in _PLACES.findall(call.path))


def filled_in_part(
    fields: Mapping[str, object], values: Mapping[str, object]
) -> tuple[dict[str, object], tuple[tuple[str, str], ...]]:
    """Return the parameters of a template as far as they are known, and of what is not the field and the name wanted.

    What is not known holds its place: its field is there and empty, and must be filled.
    """
    made: dict[str, object] = {}
    missing: list[tuple[str, str]] = []
    for name, word in fields.items():
        value = word
        if isinstance(word, str) and word.startswith("$"):
            value = values.get(word[1:], "")
            if word[1:] not in values:
                missing.append((name, word[1:]))
        if value is not None:
            made[name] = value
    return made, tuple(missing)


def value_at(body: object, path: Path) -> object:
    """Return what stands at a place of an answer (no ``*``), None where nothing does."""
    for key in path:
        if isinstance(body, dict):
            body = body.get(key)
        elif isinstance(body, list) and key.isdigit() and int(key) < len(body):
            body = body[int(key)]
        else:
            return None
    return body


# ---------------------------------------------------------------------- reading everything


@dataclass(frozen=True, slots=True)
class Pages:
    """How a list goes on.

    Parameters
    ----------
    size
        Rows of a full page; a shorter one is the last.
    size_field
        Where the size is asked for.
    cursor_field
        Where the next page is asked for.
    cursor_row
        Field of the last row that is the cursor, or
    cursor_at
        where in the answer the cursor stands.
    start_field, end_field, window_ns
        Bounds of time in ms, and the longest stretch that one request may span (0: any).
    id_field
        What tells two rows apart where pages overlap; of several fields their names with blanks between.
    per_symbol
        Whether it is asked for each instrument.
    rising
        Whether the oldest row comes first, so that the cursor is a time to go on from.
    made
        Field of the time in ms at which a row was made, where a list that cannot be asked for by time begins with the
        newest: it is read until a page ends before the time that matters.
    reach_ns
        How far back the list goes, by the venue's documentation or less; 0: it does not say. More is never asked for,
        since some venues refuse that.
    unit_ms
        Milliseconds in the unit in which times are asked for and `made` is written.
    counted
        The cursor is the number of rows that were read.
    numbered
        `cursor_field` is the number of the page, from 1.
    symbol_field
        Where the symbol that was asked for is put into each row, since the venue does not repeat it.
    """

    size: int
    size_field: str = ""
    cursor_field: str = ""
    cursor_row: str = ""
    cursor_at: Path = ()
    start_field: str = ""
    end_field: str = ""
    window_ns: int = 0
    id_field: str = ""
    per_symbol: bool = False
    rising: bool = False
    made: str = ""
    reach_ns: int = 0
    unit_ms: int = 1
    counted: bool = False
    numbered: bool = False
    symbol_field: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A list of the account: the call, its pages, how its rows read.

    Parameters
    ----------
    of_symbol
        The same of one symbol for less.
    archive
        The same list for what lies before the reach of this one.
    when
        (field, words) that a row must show to be read.
    names_children
        Nothing but these stops says which order each of them became.
    """

    call: Call
    shape: Shape
    pages: Pages = field(default_factory=lambda: Pages(0))
    of_symbol: Call | None = None
    archive: Reading | None = None
    when: tuple[str, frozenset[str]] | None = None
    names_children: bool = False


# ---------------------------------------------------------------------- the user's stream


@dataclass(frozen=True, slots=True)
class Stream:
    """A `watch_…` of ccxt.pro that keeps a channel open, with its arguments."""

    method: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topic:
    """Rows of one shape in the messages of one topic; `renew`: the listen key is over.

    `when`: (field, words) that a row must show to be of the market that is traded here, where one stream tells of
    several in which the same symbol means another instrument. `unless`: a switch in the message that says that its rows
    are no news.
    """

    name: str
    rows: Path
    shape: Shape | None
    renew: bool = False
    when: tuple[str, frozenset[str]] | None = None
    unless: Path = ()


# ---------------------------------------------------------------------- errors, limits, words


class Meaning(Enum):
    """What an error code proves.

    OUTAGE: the venue serves nobody now, and its documentation does not say what became of the request, as with DOUBT,
    where it says that nobody knows. Both leave an order in question.
    """

    REJECTED = "rejected"
    NOT_SENT = "not sent"
    CLOCK = "clock"
    KEY = "key"
    RATE = "rate"
    GONE = "gone"
    DONE = "done"
    CLOSED = "closed"
    REDUCE_ONLY = "reduce only"
    DUPLICATE = "duplicate"
    OUTAGE = "outage"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One code of the venue.

    Parameters
    ----------
    code
        As in the body.
    ccxt_class
        The class that ccxt 4.5.90 raises for it; another one makes the outcome UNKNOWN.
    meaning
        What it proves.
    rule
        Name of the `units.enums.Rule`.
    text
        What the venue's sentence says as well, where one code stands for several things; of the rows of a code the
        first one that fits counts.
    """

    code: str
    ccxt_class: str
    meaning: Meaning
    rule: str = "VENUE_OTHER"
    provenance: str = "documentation"
    text: str = ""


def error_rows(codes: str, ccxt_class: str, meaning: Meaning, rule: str = "VENUE_OTHER") -> list[ErrorRow]:
    """Return the rows of several codes, apart by spaces, that mean the same."""
    return [ErrorRow(code, ccxt_class, meaning, rule) for code in codes.split()]


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` units of a group in `length_s`; `header`: where the venue says how many it has counted.

    remaining
        The header counts what is left, not what was used.
    shared
        Everybody who asks from one address counts in it; else each account by itself.
    """

    group: str
    length_s: float
    limit: int
    header: str = ""
    remaining: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """How the venue's time is read: a call and where its milliseconds stand, or the Date header of that call."""

    call: Call
    at: Path = ()
    date_header: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """How sides, modes and switches are spelled; None: left out.

    Parameters
    ----------
    hedged, one_way
        Position modes.
    opens, closes
        Whether an order opens or closes, at a venue that asks for it where both positions may be held; the side of an
        order is that of its position then.
    up, down
        Which way the price goes to a stop's trigger.
    no
        That an order does not only reduce.
    """

    buy: str
    sell: str
    net: object
    long: object
    short: object
    yes: object
    cross: str = "cross"
    isolated: str = "isolated"
    last: object = "last"
    mark: object = "mark"
    hedged: object = "long_short_mode"
    one_way: object = "net_mode"
    opens: object = None
    closes: object = None
    up: object = 1
    down: object = 2
    no: object = None


@dataclass(frozen=True, slots=True)
class KeyShape:
    """Where the venue says what a key may do.

    Parameters
    ----------
    call
        The request.
    trades, withdraws, transfers
        Each a list of (path, words): any of them found means yes; an empty list: the venue does not say.
    ips
        Where the list of allowed addresses is.
    user
        Where the number of the user is, which ccxt must know to listen to his stream; () where it need not.
    owner
        Where the address of the account is that a wallet's key signs for; () where keys are not those of wallets.
    account
        The request that says in one word how the account is kept, where there are kinds whose money is told elsewhere.
    kinds
        The words for those whose lists are read here.
    """

    call: Call | None
    trades: tuple[tuple[Path, frozenset[str]], ...] = ()
    withdraws: tuple[tuple[Path, frozenset[str]], ...] = ()
    ips: Path = ()
    unrestricted: tuple[Path, str] | None = None
    demo_too: bool = True
    transfers: tuple[tuple[Path, frozenset[str]], ...] = ()
    user: Path = ()
    owner: Path = ()
    account: Call | None = None
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Notices:
    """Where a venue announces its maintenance.

    Parameters
    ----------
    call
        The request; it is public.
    state, ahead, running
        The field that says where it stands, its words for what is to come, and for what goes on.
    begin, end
        Times in ms.
    concerns
        Fields with the words of which one must be there: what does not touch our trading is no news.
    worlds
        The field that says which world it is about, its word for real money and for practice.
    """

    call: Call
    state: str
    ahead: frozenset[str]
    running: frozenset[str]
    begin: str
    end: str
    concerns: tuple[tuple[str, frozenset[str]], ...] = ()
    worlds: tuple[str, str, str] | None = None
    provenance: str = "documentation"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything that differs at one venue; see the fields' types. Optional parts are None or empty where it has none.

    Parameters
    ----------
    create
        A call for each style: limit, post_only, ioc, market, stop, stop_trailing; ``…_in_parts`` is that for quantities
        that are no whole numbers, where it is another one.
    batch
        The same fields in one request, for the styles of `batch_styles`.
    cancel, cancel_algo
        By our id or the venue's.
    by_id, by_id_algo
        Query of one order; None where the venue has none.
    working, ended, fills, positions, balances, funding, transfers
        Lists of the account.
    code_at
        Where error codes stand in a body, in order of trust.
    fence
        "window" where a signed request dies after `receive_window_ms`, "expiry" where a header says when, "".
    trail
        "ratio" of the price in percent, "distance" in price, "" where trailing is not native.
    leverage, position_mode, margin_mode
        How they are set; None where there is nothing to set: what is held is held once and paid whole.
    dead_man_message
        What must be said on the user's stream for the venue's timer to watch it.
    notices
        Where it announces maintenance.
    dead_man_off
        Whether a timer of 0 switches it off.
    reduce_in_hedge
        Whether the reduce-only switch may stand beside a position side.
    reduce_is_side
        Where both sides are held, that switch says which of them an order is of, and stands at all that close.
    signed_qty
        A quantity carries its side: it is negative where it sells, and a number where it is whole.
    whole_qty
        A quantity is a number of contracts, and no text.
    client_id_form
        How our ids are written there: a key of `client_ids.FORMS`.
    seconds
        Times are written in seconds with a fraction, or finer: what they are is told by their size.
    hedged
        Calls by the name of their field here that take the place of those where both sides of a position are held.
    actions
        What changes something is an action that a wallet's key signs; ``@account`` and ``@signer`` in a request are the
        addresses of the account and of that key. Each dies after `receive_window_ms`.
    worded
        Errors have no codes: the code of a row in `errors` is how the venue's sentence begins.
    last_price
        How the last price of a symbol is asked for, and where it stands, where stops have no side (`stop_sides`).
    """

    venue: str
    provenance: str
    words: Words
    create: Mapping[str, Call]
    batch: Call | None
    batch_styles: frozenset[str]
    amend: Call | None
    cancel: Call
    cancel_algo: Call
    cancel_all: tuple[Call, ...]
    by_id: Reading | None
    by_id_algo: Reading | None
    working: tuple[Reading, ...]
    ended: tuple[Reading, ...]
    fills: Reading
    positions: Reading
    balances: Reading
    funding: Reading | None
    transfers: Reading | None
    settings: tuple[Reading, ...]
    leverage: Call | None
    position_mode: Call | None
    margin_mode: Call | None
    dead_man: Call | None
    dead_man_unit_ms: int
    clock: Clock
    key: KeyShape
    code_at: tuple[Path, ...]
    row_code: str
    row_ok: frozenset[str]
    row_text: str
    errors: tuple[ErrorRow, ...]
    windows: tuple[Window, ...]
    fence: str
    receive_window_ms: int
    trail: str
    expires: bool
    reduce_in_hedge: bool
    client_id_signs: str
    client_id_length: int
    streams: tuple[Stream, ...]
    topic_at: tuple[Path, ...]
    topics: tuple[Topic, ...]
    ack: tuple[Path, str] | None
    acks: int
    private_url: str
    renew_option: str
    stream_fills: bool
    unique_nonce_ms: bool = False
    dead_man_message: Mapping[str, object] | None = None
    dead_man_off: bool = True
    notices: Notices | None = None
    reduce_is_side: bool = False
    signed_qty: bool = False
    client_id_form: str = ""
    seconds: bool = False
    hedged: Mapping[str, Call] = field(default_factory=dict)
    actions: bool = False
    worded: bool = False
    whole_qty: bool = False
    last_price: tuple[Call, Path] | None = None

    @property
    def holds_coins(self) -> bool:
        """Say whether a position is what is held of a coin: nothing is short there, and nothing only reduces."""
        return isinstance(self.positions.shape, HoldingShape)
