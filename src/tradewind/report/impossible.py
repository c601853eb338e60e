"""Which row of what a strategy stated cannot be wanted, and by which rule: a core holds it for that without a word.

The core finds the first such row of a context and says only that there is one. Here the same rows are read again once
it has: the rules are those of `engine.diff`, in its order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tradewind.engine.diff import CORE_SLOTS
from tradewind.engine.world import lot_of
from tradewind.units.enums import ALL, IntentKind, names_of
from tradewind.units.jit import SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tradewind.engine.world import World

__all__ = ["NO_VERDICT", "Impossible", "find_impossible", "impossible_of", "row_words", "wanted_impossibly"]

NO_VERDICT: Final = (
    "it answered with none of SET, HOLD and PULL, or with more or fewer rows than there can be"
)
"""What holds a strategy none of whose rows is at fault."""

_KINDS: Final = names_of(IntentKind)
_SIDES: Final = ("long", "short")
_OWN: Final = SLOTS - CORE_SLOTS
_REST, _TARGET, _STOP = int(IntentKind.REST), int(IntentKind.TARGET), int(IntentKind.STOP)


@dataclass(frozen=True, slots=True)
class Impossible:
    """One row that cannot be wanted.

    Parameters
    ----------
    row, rows
        Which, from 1, and how many were stated.
    slot, kind, side, does
        Its place, and in words what it is: ``target``, ``rest`` or ``stop``; ``long`` or ``short``; ``holds``,
        ``opens`` or ``closes``. A number that means nothing is told as it is.
    price_tick, qty_lot
        In ticks and lots; ALL is everything that is held.
    rule, hint
        What it broke, and what to do instead.
    """

    row: int
    rows: int
    slot: int
    kind: str
    side: str
    does: str
    price_tick: int
    qty_lot: int
    rule: str
    hint: str


def impossible_of(world: World, strategy: int) -> Iterator[tuple[int, Impossible]]:
    """Yield each context of a strategy that states what cannot be wanted, with the row at fault."""
    contexts = world.contexts
    for place in np.flatnonzero(contexts["strategy"] == strategy):
        context = contexts[place]
        stated = context["planned"] if context["edited"] else context["intents"]
        count = int(stated["n"])
        found = find_impossible(stated["row"][: min(max(count, 0), SLOTS)])
        if found is not None:
            yield int(place), found


def wanted_impossibly(world: World, strategy: int) -> dict[str, Any]:
    """Return what a strategy states now that cannot be wanted, as it is written down; empty where there is nothing.

    The fields of `Impossible`, with the context and the instrument by number, when the bar opened at
    which it was decided, and price and quantity in the instrument's units.
    """
    for context, found in impossible_of(world, strategy):
        instrument = int(world.contexts["instrument"][context])
        rules = world.instrument_setups[instrument].instrument
        told = asdict(found)
        price_tick, qty_lot = told.pop("price_tick"), told.pop("qty_lot")
        price = f"{price_tick * rules.tick_size:f}" if price_tick else ""
        quantity = "all" if qty_lot == ALL else f"{qty_lot * lot_of(rules):f}"
        place = {
            "context": context,
            "instrument": instrument,
            "bar_ns": int(world.views["ts_ns"][instrument]),
        }
        return told | place | {"price": price, "quantity": quantity}
    return {}


def row_words(told: Mapping[str, Any]) -> str:
    """Return what a row wants and what is wrong with it, in words, of what `wanted_impossibly` returned."""
    price = f" at {told['price']}" if told["price"] else ""
    what = f"a {told['kind']} in slot {told['slot']} that {told['does']} {told['quantity']} {told['side']}{price}"
    return f"row {told['row']} of {told['rows']}, {what}: {told['rule']}; {told['hint']}"


def find_impossible(rows: Any) -> Impossible | None:  # noqa: ANN401 - rows of `Intent`
    """Return the first of some rows of `Intent` that cannot be wanted, None where all can be."""
    taken: dict[int, int] = {}
    for at, row in enumerate(rows):
        slot = int(row["slot"])
        broken = next(((rule, hint) for is_broken, rule, hint in _RULES if is_broken(row)), None)
        if broken is None and slot in taken:
            broken = _twice(slot, taken[slot] + 1, rows[taken[slot]])
        if broken is not None:
            return _told(at + 1, len(rows), row, *broken)
        taken[slot] = at
    return None


def _twice(slot: int, first: int, row: np.void) -> tuple[str, str]:
    kind, side = _KINDS[int(row["kind"])].lower(), _SIDES[int(row["position_side"])]
    rule = f"slot {slot} is that of row {first} already, a {kind} of the {side} side"
    if int(row["kind"]) == _TARGET and slot == int(row["position_side"]):
        return rule, "target() takes slot 0 for long and slot 1 for short: give the others slots from 2 on"
    return rule, "give each row of a set a slot of its own"


def _told(at: int, rows: int, row: np.void, rule: str, hint: str) -> Impossible:
    kind, side = int(row["kind"]), int(row["position_side"])
    does = "closes" if row["reduce"] else "holds" if kind == _TARGET else "opens"
    return Impossible(
        at, rows, int(row["slot"]),
        kind=_KINDS.get(kind, f"kind {kind}").lower(),
        side=_SIDES[side] if side in (0, 1) else f"side {side}",
        does=does, price_tick=int(row["price_tick"]), qty_lot=int(row["qty_lot"]), rule=rule, hint=hint,
    )  # fmt: skip


def _is_no_quantity(row: np.void) -> bool:
    quantity = int(row["qty_lot"])
    return quantity < 0 and not (quantity == ALL and row["reduce"])


_RULES: Final[tuple[tuple[Callable[[np.void], bool], str, str], ...]] = (
    (
        lambda row: not 0 <= row["slot"] < _OWN,
        f"its slot is none of 0 to {_OWN - 1}",
        f"give it a slot from 0 to {_OWN - 1}: the last {CORE_SLOTS} are the platform's",
    ),
    (
        lambda row: not 0 <= row["kind"] <= _STOP,
        "its kind is none of REST, TARGET and STOP",
        "set one of them",
    ),
    (
        lambda row: not 0 <= row["position_side"] <= 1,
        "its position_side is neither 0, long, nor 1, short",
        "state the side of the position, not that of the order: LONG or SHORT",
    ),
    (
        lambda row: not 0 <= row["reduce"] <= 1,
        "its reduce is neither 0 nor 1",
        "set 1 for what closes, else 0",
    ),
    (
        _is_no_quantity,
        "its qty_lot is negative",
        "amounts are not signed: the side says which way; ALL is for what closes",
    ),
    (
        lambda row: row["kind"] == _TARGET and row["reduce"],
        "a target cannot be reduce-only",
        "a target says how much is to be held: want 0 to close",
    ),
    (
        lambda row: row["kind"] != _STOP and row["trail_tick"],
        "only a stop can trail",
        "leave trail_tick 0, or want a stop: trail()",
    ),
    (lambda row: not 0 <= row["trigger"] <= 1, "its trigger is neither LAST nor MARK", "set one of them"),
    (
        lambda row: not 0 <= row["post_only"] <= int(row["kind"] == _REST),
        "only a limit order can be post-only",
        "leave post_only 0, or want it at rest: rest()",
    ),
    (
        lambda row: row["price_tick"] < 0 or row["trail_tick"] < 0,
        "its price or its distance is negative",
        "test the price first; a signal may not know its value yet",
    ),
)
"""(broken, the rule in words, what to do instead), in the order in which `engine.diff` judges."""
