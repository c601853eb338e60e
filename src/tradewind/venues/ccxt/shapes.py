"""Which field of a venue's row says what: the words of orders, trades, positions, money and settings, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.gateway import OrderStatus

__all__ = [
    "BalanceShape",
    "FillShape",
    "FundingShape",
    "HoldingShape",
    "OrderShape",
    "PositionShape",
    "SettingShape",
    "Shape",
    "TransferShape",
]


Lifts = tuple[tuple[str, tuple[str, ...]], ...]
"""Names, each with the place within a row where its value stands."""


@dataclass(frozen=True, slots=True)
class OrderShape:
    """Which field of a row says what about an order; "" where none does.

    Parameters
    ----------
    statuses
        The venue's words for its state.
    notional, average
        The money filled so far, or else the average price: from whole ticks and lots the money follows exactly.
    child_id
        Venue's id of the order that a triggered stop became.
    parent_client_id, parent_id, parent_mark
        On that order: our id of the stop, or the venue's, and what stands before that.
    with_child
        States that are another one where `child_id` names an order.
    unpriced
        States in which the average is not told, however much was filled.
    reason, reasons
        Why it ended, and the words for it as names of `units.enums.Rule`; ``STATE/word`` counts in that state only.
    taken_by, taken
        The field that says that it was the venue's own, to close a position, and how its words begin for each kind.
    taken_of
        How those words end where they name the position side that was closed; it is told by the side else.
    also
        A second field of the state: the word is then both, with a slash between; ``*`` for all others after it.
    leads
        The field that says whether an order opens or closes one of two positions; where it does, `side` is that of the
        position.
    lifts
        What stands deeper in the row, by the name under which it is then found; of several the first that is there.
    left
        What is not filled, where `filled` is not told.
    trigger_first
        An order with a trigger is at its trigger, whatever its limit.
    signed
        The quantity carries the side; `side` is not read.
    """

    symbol: str
    client_id: str
    venue_id: str
    status: str
    statuses: Mapping[str, OrderStatus]
    side: str
    position_side: str
    reduce: str
    price: str
    qty: str
    filled: str
    notional: str = ""
    average: str = ""
    trigger: str = ""
    ts: str = ""
    ts_other: str = ""
    child_id: str = ""
    parent_client_id: str = ""
    parent_id: str = ""
    reason: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    algo: bool = False
    taken: Mapping[str, str] = field(default_factory=dict)
    taken_by: str = ""
    also: str = ""
    leads: str = ""
    lifts: Lifts = ()
    left: str = ""
    signed: bool = False
    trigger_first: bool = False
    parent_mark: str = ""
    with_child: Mapping[str, OrderStatus] = field(default_factory=dict)
    unpriced: frozenset[str] = frozenset()
    taken_of: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FillShape:
    """Which field says what about a trade of ours.

    Parameters
    ----------
    fee_sign
        -1 where the venue writes what it takes as a negative number.
    when
        (field, words) that a row must show to be a trade.
    taken_by, taken
        The field that says that the venue closed the position itself, and how its words begin for each kind; "" where
        only its order says so.
    sides
        The words for a buy and a sell where they are not the venue's usual ones.
    leads, lifts, signed, parent_id, parent_mark, taken_of
        As of an order.
    own_side
        The side is the trade's own, also where `leads` says whether it opens or closes.
    liquidated
        The field that names whose position was liquidated by the trade, an address; others than ours are no concern.
    quiet
        What it paid is not said: the trade counts towards its order's money, and is told once a list says it whole.
    """

    symbol: str
    client_id: str
    venue_id: str
    trade_id: str
    side: str
    position_side: str
    price: str
    qty: str
    fee: str
    fee_currency: str
    maker: str
    maker_words: frozenset[str]
    ts: str
    fee_sign: int = 1
    notional: str = ""
    when: tuple[str, frozenset[str]] | None = None
    taken: Mapping[str, str] = field(default_factory=dict)
    taken_by: str = ""
    reduce: str = ""
    sides: tuple[str, str] | None = None
    leads: str = ""
    lifts: Lifts = ()
    quiet: bool = False
    signed: bool = False
    parent_id: str = ""
    parent_mark: str = ""
    own_side: bool = False
    taken_of: Mapping[str, int] = field(default_factory=dict)
    liquidated: str = ""


@dataclass(frozen=True, slots=True)
class PositionShape:
    """Which field says what about a position.

    Parameters
    ----------
    signed
        The quantity carries the side where there is one position.
    worth
        What all of it is worth at the mark, where the mark itself is not said.
    """

    symbol: str
    position_side: str
    qty: str
    entry: str
    mark: str
    ts: str
    signed: bool = True
    side: str = ""
    worth: str = ""


@dataclass(frozen=True, slots=True)
class BalanceShape:
    """Which field says what about the cash of a currency.

    Parameters
    ----------
    locked
        The part of it that lies in orders, if apart.
    unrealised, each
        What of it is not cash yet, where it is all that the account is worth; where in the row the tables are that have
        a part of that each.
    lower
        The currency is written in small letters.
    """

    currency: str
    balance: str
    ts: str = ""
    locked: str = ""
    unrealised: str = ""
    lower: bool = False
    each: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldingShape:
    """Which field says what about a coin that is held at a spot market; `locked`: the part in orders, if apart."""

    currency: str
    qty: str
    ts: str = ""
    locked: str = ""


@dataclass(frozen=True, slots=True)
class FundingShape:
    """Which field says what about a funding payment; `sign` -1 where a negative amount is a payment."""

    symbol: str
    currency: str
    amount: str
    ts: str
    sign: int = -1
    rate: str = ""
    position_side: str = ""
    when: tuple[str, frozenset[str]] | None = None


@dataclass(frozen=True, slots=True)
class TransferShape:
    """Which field says what about money moved.

    Parameters
    ----------
    into
        Words of `direction` that mean in, "" where signed; of `direction` and `also` with a slash between, where both
        are named.
    to
        The field that names the address of who received it, in rows that have one: it decides in their stead.
    kept
        What of the amount does not arrive.
    """

    currency: str
    amount: str
    transfer_id: str
    ts: str
    direction: str = ""
    into: frozenset[str] = frozenset()
    when: tuple[str, frozenset[str]] | None = None
    also: str = ""
    to: str = ""
    kept: str = ""


@dataclass(frozen=True, slots=True)
class SettingShape:
    """A setting in an answer: `code` of `SettingCode`, words for values that are no numbers, what its row must show."""

    code: str
    value: str
    symbol: str = ""
    words: Mapping[str, float] = field(default_factory=dict)
    ts: str = ""
    when: tuple[str, frozenset[str]] | None = None


Shape = (
    OrderShape
    | FillShape
    | PositionShape
    | HoldingShape
    | BalanceShape
    | FundingShape
    | TransferShape
    | SettingShape
)
