"""What an answer proves. Only what is on a list is proven; everything else that was asked of an order is UNKNOWN.

A list names the venue's code and the class that ccxt raises for it: where they disagree, ccxt or the venue has changed
and nothing is proven any more. That no connection was made is a proof too: then nothing was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from ccxt.base import errors as ccxt_errors

from tradewind.units.enums import Rule
from tradewind.venues.ccxt.dialect import Meaning, value_at
from tradewind.venues.gateway import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.ccxt.dialect import Dialect, ErrorRow

__all__ = ["Judgement", "code_of", "is_never_sent", "judge", "look_up", "rule_named"]

_KINDS = {
    Meaning.REJECTED: OutcomeKind.REJECTED,
    Meaning.CLOSED: OutcomeKind.REJECTED,
    Meaning.REDUCE_ONLY: OutcomeKind.REJECTED,
    Meaning.KEY: OutcomeKind.REJECTED,
    Meaning.NOT_SENT: OutcomeKind.NOT_SENT,
    Meaning.CLOCK: OutcomeKind.NOT_SENT,
    Meaning.RATE: OutcomeKind.NOT_SENT,
    Meaning.DONE: OutcomeKind.ACCEPTED,
    Meaning.GONE: OutcomeKind.UNKNOWN,
    Meaning.DUPLICATE: OutcomeKind.UNKNOWN,
    Meaning.OUTAGE: OutcomeKind.UNKNOWN,
    Meaning.DOUBT: OutcomeKind.UNKNOWN,
}
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a request, by proof.

    Parameters
    ----------
    kind
        UNKNOWN unless proven.
    rule
        The reason as a `units.enums.Rule`.
    meaning
        What else the code says: that the clock, the key or the rate is at fault, that the order is gone.
    code
        The venue's code, "" where it gave none.
    """

    kind: OutcomeKind
    rule: int = 0
    meaning: Meaning | None = None
    code: str = ""


def judge(dialect: Dialect, error: Exception | None, body: object, *, known: str | None = None) -> Judgement:
    """Return what an answer proves about a request that changes something.

    Parameters
    ----------
    error
        What ccxt raised, None where it raised nothing.
    body
        The decoded answer, None where none came.
    known
        The code, where the caller has read it from a row of its own.
    """
    if error is not None and is_never_sent(error):
        return Judgement(OutcomeKind.NOT_SENT, Rule.NOT_SENT)
    code = code_of(dialect, body) if known is None else known
    said = str(value_at(body, (dialect.row_text,)) or "")
    fitting = (row for row in _rows(dialect, code) if row.text in said and _agrees(row, error))
    row = next(fitting, None)
    if row is None:
        return Judgement(OutcomeKind.UNKNOWN, code=code)
    return Judgement(_KINDS[row.meaning], rule_named(row.rule), row.meaning, code)


def is_never_sent(error: Exception) -> bool:
    """Return whether no connection was made: refused, no such host, no trusted certificate, no answer to the dial."""
    cause = error.__cause__
    return isinstance(cause, _NO_CONNECTION)


def look_up(dialect: Dialect, code: str) -> ErrorRow | None:
    """Return what is known of a code, of several things that it may stand for the first."""
    return next(iter(_rows(dialect, code)), None)


_TABLES: dict[str, Mapping[str, tuple[ErrorRow, ...]]] = {}


def _rows(dialect: Dialect, code: str) -> tuple[ErrorRow, ...]:
    if dialect.venue not in _TABLES:
        rows = dialect.errors
        _TABLES[dialect.venue] = {one.code: tuple(r for r in rows if r.code == one.code) for one in rows}
    if dialect.worded:
        return tuple(row for row in dialect.errors if code.startswith(row.code)) if code else ()
    return _TABLES[dialect.venue].get(code, ())


def _agrees(row: ErrorRow, error: Exception | None) -> bool:
    """Return whether ccxt raised what it raises for this code: its class, or one that tells nothing about it.

    `ExchangeError` itself is what ccxt raises for a code that it cannot see (BloFin hides it within) or does not know;
    429 and 418 are `DDoSProtection` before any code is read. No exception at all: the row of a batch.
    """
    if error is None:
        return True
    raised = type(error)
    if raised.__name__ == row.ccxt_class or raised is ccxt_errors.ExchangeError:
        return True
    return row.meaning is Meaning.RATE and isinstance(error, ccxt_errors.NetworkError)


def code_of(dialect: Dialect, body: object) -> str:
    """Return the venue's error code in an answer, the innermost first; "" where it names none."""
    for path in dialect.code_at:
        found = value_at(body, path)
        if found is None or isinstance(found, dict | list):
            continue
        if str(found) not in ("", "0", "200") and str(found) not in dialect.row_ok:
            return str(found)
    return ""


def rule_named(name: str) -> int:
    """Return the rule of a name in a table. Raises AttributeError for a name that is none."""
    found: int = getattr(Rule, name)
    return found
