"""Why trading was halted, as a person reads it: who or what, by how much, and what was said of it at the time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tradewind.units.time import SECOND_NS, format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradewind.ops.intelligence.rows import Row
    from tradewind.ops.record import SessionRecord

__all__ = ["MEANINGS", "action_line", "halt_line"]

MEANINGS: Final[Mapping[str, str]] = {
    "OPERATOR": "an operator paused it",
    "LOSS_DAY": "the day's loss",
    "LOSS_SESSION": "the session's loss",
    "DRAWDOWN": "the fall from the highest equity",
    "LIQUIDATED": "a position was closed by the exchange, or by somebody else who trades the account",
    "VENUE": "the exchange takes nothing new",
    "BANKRUPT": "nothing is left",
    "UNHEDGED": "one leg of a hedge stood alone for too long",
    "FLATTEN": "everything was to be closed",
    "LOSS_STREAK": "losses in a row",
    "LOCK": "nothing can be signed",
    "EMERGENCY": "the fall at which everything is closed",
    "ERRORS": "too many requests failed",
    "STALE": "the market data is too old",
    "CLOCK": "the clock is off",
    "DISK": "the journal cannot be written",
    "MEMORY": "too much memory is used",
    "RECONCILE": "the account is not explained",
    "EXTERNAL": "orders or positions that are not ours, or somebody else has closed one of ours",
    "SETTINGS": "the account is set otherwise than the file says",
    "HOLD": "nothing new was to be opened",
    "HELD": "it is held alone",
}
"""What each reason of a halt says, by the name of its bit; HELD is that of one strategy."""

_RATIOS: Final = frozenset(("LOSS_DAY", "LOSS_SESSION", "DRAWDOWN", "EMERGENCY"))
_COUNTS: Final = frozenset(("LOSS_STREAK",))
_BY_WORD: Final = frozenset(("OPERATOR", "FLATTEN", "HOLD", "LOCK"))
"""Reasons that an operator's command may set."""
_VENUE: Final = frozenset(("VENUE", "LOCK", "HOLD", "FLATTEN"))
_ACCOUNT: Final = frozenset(("RECONCILE", "EXTERNAL", "SETTINGS"))
_TOLD: Final[Mapping[str, frozenset[str]]] = {
    "HALTED": frozenset(MEANINGS) - {"OPERATOR", "HELD", "LIQUIDATED"} - _ACCOUNT,
    "LOCKED": _VENUE,
    "VENUE_REFUSES": _VENUE,
    "BANNED": _VENUE,
    "UNEXPLAINED": _ACCOUNT,
    "LIQUIDATED": frozenset(("LIQUIDATED", "EXTERNAL")),
    "STRATEGY_HELD": frozenset(("HELD",)),
}
"""By the code of an alert, the reasons that it may speak of."""
_NO_HALTS: Final = frozenset(("resume", "status"))
"""What an operator asks for that halts nothing."""
_NEAR_NS: Final = 2 * SECOND_NS
"""A word that was said so long before or after belongs to the halt."""


def halt_line(record: SessionRecord, row: Row) -> str:
    """Return one halt that began: when, what it holds for, each reason in words, and what was said of it."""
    reasons = "; ".join(_reason(row, name) for name in json.loads(row["begun"]))
    said = _said(record, row)
    return f"{format_utc(row['ts_ns'])} {_place(record, row)}, {reasons}{f' ({said})' if said else ''}"


def _place(record: SessionRecord, row: Row) -> str:
    place, scope = row["place"], row["scope"]
    if scope == "account":
        return record.wallet_account(place) or record.wallet_currency(place)
    if scope == "instrument":
        return _named(record.instruments, place, "symbol") or f"instrument {place}"
    if scope == "strategy":
        return _named(record.tables.get("strategies", []), place, "label") or f"strategy {place}"
    return "the session"


def _named(rows: Sequence[Row], place: int, name: str) -> str:
    return str(rows[place][name]) if 0 <= place < len(rows) else ""


def _reason(row: Row, name: str) -> str:
    """Return one reason by its name, its meaning, and the figures where they are noted for this one."""
    causes = json.loads(row["cause"])
    if name == "HELD":
        figures = _figures(row, "{:g} seen, {:g} allowed")
        return f"{name} by {', '.join(causes)}: {MEANINGS[name]}{figures}"
    noted = causes == [name]
    if noted and name in _RATIOS:
        figures = _figures(row, "{:.2%} lost, {:.2%} allowed")
    else:
        figures = _figures(row, "{:g}, {:g} allowed") if noted and name in _COUNTS else ""
    return f"{name}: {MEANINGS.get(name, 'no more is noted')}{figures}"


def _figures(row: Row, words: str) -> str:
    limit, seen = row["limit_value"], row["seen_value"]
    return f", {words.format(seen, limit).replace('%', ' %')}" if limit and seen is not None else ""


def _said(record: SessionRecord, row: Row) -> str:
    """Return the words of an operator, or of an alert, that belong to a halt; "" where nobody said any."""
    at_ns, begun = row["ts_ns"], set(json.loads(row["begun"]))
    span = at_ns - _NEAR_NS, at_ns + _NEAR_NS + 1
    if _BY_WORD & begun:
        words = [each for each in record.rows("operator_actions", *span) if each["action"] not in _NO_HALTS]
        # A command is written down before what comes of it.
        before = [each for each in words if each["seq"] < row["seq"]]
        if before:
            return action_line(max(before, key=lambda each: each["seq"]))
    told = [each for each in record.rows("told", *span) if _is_of(record, row, each)]
    whose = f"{_place(record, row)} is held alone: "
    texts = dict.fromkeys(each["text"].removeprefix(whose) for each in told)
    if not texts and json.loads(row["cause"]) == ["BAD_OUTPUT"]:
        return f"tradewind journal explain refused --session {record.session} tells which row"
    return "; ".join(texts)


def _is_of(record: SessionRecord, row: Row, told: Row) -> bool:
    """Say whether an alert speaks of a halt: of its reason, its place, and no other halt of that sort is nearer."""
    text, speaks_of = str(told["text"]), _TOLD.get(told["code"], frozenset())
    if not speaks_of & set(json.loads(row["begun"])):
        return False
    if any(f"{name}, {meaning}" in text for name, meaning in MEANINGS.items()):
        return False  # The core's own words, which stand in the line already.
    if "HELD" in speaks_of:
        return text.startswith(f"{_place(record, row)} ")
    apart_ns = abs(told["ts_ns"] - row["ts_ns"])
    others = record.rows("halts", told["ts_ns"] - apart_ns + 1, told["ts_ns"] + apart_ns)
    return not any(speaks_of & set(json.loads(other["begun"])) for other in others)


def action_line(row: Row) -> str:
    """Return what an operator did, who he is, and the reason that he gave."""
    reason = json.loads(row["detail"]).get("reason") or ""
    return f"{row['action']} by {row['actor']}{f': {reason}' if reason else ''}"
