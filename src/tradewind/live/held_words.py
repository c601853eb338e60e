"""Why a strategy is held alone, as a person can mend it: which row of what it wanted, of which instrument, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.report.impossible import NO_VERDICT, row_words, wanted_impossibly
from tradewind.units.enums import Rule, names_of
from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradewind.engine.world import World
    from tradewind.journal.bodies import Audit

__all__ = ["held_words", "impossible_in", "why_held"]


def impossible_in(audit: Audit) -> dict[str, Any]:
    """Return the row for which a record of the journal says that a strategy is held; empty for every other record."""
    held = audit.what == "held" and not audit.actor
    return (audit.detail.get("impossible") or {}) if held else {}


def held_words(detail: Mapping[str, Any], instruments: Sequence[str]) -> str:
    """Return why a strategy is held, of the detail of a ``held`` of `live.trading_state.changes_of`.

    instruments: their names, in the world's order.
    """
    figures = f", {detail['value']:g} seen, {detail['limit']:g} allowed" if detail["limit"] else ""
    rule = str(detail["rule"]).lower().replace("_", " ")
    if detail["rule"] != names_of(Rule)[Rule.BAD_OUTPUT]:
        return rule + figures
    told = detail.get("impossible")
    if not told:
        return f"{rule}{figures}: {NO_VERDICT}"
    place = int(told["instrument"])
    symbol = instruments[place] if place < len(instruments) else f"instrument {place}"
    bar = f", bar of {format_utc(told['bar_ns'])}" if "bar_ns" in told else ""
    return f"{rule}{figures}: {symbol}{bar}, {row_words(told)}"


def why_held(world: World, strategy: int, instruments: Sequence[str]) -> str:
    """Return why a strategy is held that was held before this process began, as far as the world still tells it."""
    row = world.strategies[strategy]
    rule = int(row["held"])
    reason = {"limit": float(row["held_limit"]), "value": float(row["held_value"])}
    told = wanted_impossibly(world, strategy) if rule == Rule.BAD_OUTPUT else {}
    if rule == Rule.BAD_OUTPUT and not told:
        return "bad output: 'tradewind journal explain refused' tells which row"
    told.pop("bar_ns", None)  # That of now, and not of when it was held.
    return held_words({"rule": names_of(Rule)[rule], "impossible": told} | reason, instruments)
