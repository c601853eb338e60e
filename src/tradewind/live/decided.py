"""What a WAKE led to, read out of the core's memory: requests, the intents behind them, what the gate refused.

Records of the core are rows of cells of eight bytes. They are read here as such, by the number of a cell, since this
lies on the way of every order: NumPy takes a microsecond for each field that it finds by name.
"""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.diff import CORE_SLOTS
from tradewind.journal.bodies import INTENT, REFUSAL, REQUEST, Reason, Wanted
from tradewind.units.enums import RequestKind
from tradewind.units.jit import SLOTS
from tradewind.units.layout import dtype_of
from tradewind.units.records import SIGNALS, Context
from tradewind.units.wire import FILL_ROWS, ORDER_ROWS, Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tradewind.engine.world import World

__all__ = ["Decided", "cells_of"]

_CELL = 8
_NO_INTENT = bytes(INTENT.itemsize)


def cells_of(rows: NDArray[Any]) -> memoryview:
    """Return the memory of records as one row of int64; what is written there is written into them."""
    return rows.view(np.uint8).data.cast("q")


def _cell(dtype: np.dtype[Any], *path: str) -> int:
    """Return the number of the cell where a field begins; a path goes into records, and into the first row of many."""
    at = 0
    for name in path:
        assert dtype.fields is not None
        found, offset, *_ = dtype.fields[name]
        dtype, at = found.base, at + offset
    return at // _CELL


_BOX, _CONTEXT = dtype_of(Mailbox), dtype_of(Context)
_COUNT, _ROWS = _cell(_BOX, "requests"), _cell(_BOX, "request")
_FILLS, _ORDERS = _cell(_BOX, "log", "fills"), _cell(_BOX, "log", "orders")
_REFUSALS, _REFUSED = _cell(_BOX, "log", "refusals"), _cell(_BOX, "log", "refusal_row")
_ROW, _REFUSED_ROW, _INTENT = (dtype.itemsize // _CELL for dtype in (REQUEST, REFUSAL, INTENT))
_WHOSE = itemgetter(*(_cell(REQUEST, name) for name in ("cid", "kind", "context", "slot")))
_BEHIND = itemgetter(*(_cell(REFUSAL, name) for name in ("context", "slot")))
_STATED_AS = itemgetter(*(_cell(INTENT, name) for name in ("kind", "position_side", "reduce", "tag")))
_CANCEL, _OWN_SLOTS = int(RequestKind.CANCEL), SLOTS - CORE_SLOTS
_EDITED, _GUARDS = _cell(_CONTEXT, "edited"), _cell(_CONTEXT, "guards")
_PLANNED, _INTENTS = _cell(_CONTEXT, "planned"), _cell(_CONTEXT, "intents")
_GUARD_ROWS = _CONTEXT["guards"].shape[0]
_STATED, _STATED_ROWS = _cell(_CONTEXT["intents"], "n"), _cell(_CONTEXT["intents"], "row")
_SIGNALS_AT, _INTENT_SLOT = _INTENTS + _cell(_CONTEXT["intents"], "signal"), _cell(INTENT, "slot")


class Decided:
    """The mailbox of a world, and the intents in its contexts.

    Parameters
    ----------
    world
        Whose mailbox it is; what is taken from it here is gone from there.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._box, self._contexts = cells_of(world.box), cells_of(world.contexts)
        self._numbers = self._contexts.cast("B").cast("d")
        self._size = _CONTEXT.itemsize // _CELL

    @property
    def requests(self) -> int:
        """Return how many requests the last WAKE led to."""
        return self._box[_COUNT]

    @property
    def refusals(self) -> int:
        """Return how many refusals of the gate are not taken yet."""
        return self._box[_REFUSALS]

    def rows(self) -> bytes:
        """Return the requests, rows of `REQUEST`."""
        return self._box[_ROWS : _ROWS + self._box[_COUNT] * _ROW].tobytes()

    def reasons(self) -> list[Reason]:
        """Return why each request is made: the intent of its slot as it was stated, and the values recorded with it."""
        box = self._box
        return [
            self._reason(*_WHOSE(box[at : at + _ROW]))
            for at in range(_ROWS, _ROWS + box[_COUNT] * _ROW, _ROW)
        ]

    def take_refusals(self) -> bytes:
        """Return what the gate refused, rows of `REFUSAL`, once."""
        count = self._box[_REFUSALS]
        if not count:
            return b""
        self._box[_REFUSALS] = 0
        return self._box[_REFUSED : _REFUSED + count * _REFUSED_ROW].tobytes()

    def wanted(self, refusals: bytes) -> list[Wanted]:
        """Return what stood behind each refusal of rows that were taken just now: the intent, and its signals."""
        rows, cells = memoryview(refusals).cast("q"), self._contexts
        found = []
        for at in range(0, len(rows), _REFUSED_ROW):
            place, slot = _BEHIND(rows[at : at + _REFUSED_ROW])
            context = place * self._size
            intent = self._stated(context, slot)
            kind, side, reduce, tag = (
                (-1, 0, 0, 0) if intent < 0 else _STATED_AS(cells[intent : intent + _INTENT])
            )
            signal = context + _SIGNALS_AT
            signals = tuple(self._numbers[signal : signal + SIGNALS].tolist())
            found.append(Wanted(place, slot, kind, side, reduce, tag, signals))
        return found

    def bound_log(self) -> None:
        """Empty the world's log before it is full; the journal has it all."""
        if self._box[_FILLS] > FILL_ROWS // 2 or self._box[_ORDERS] > ORDER_ROWS // 2:
            self._world.drain()

    def _reason(self, cid: int, kind: int, place: int, slot: int) -> Reason:
        context = place * self._size
        at = -1 if kind == _CANCEL else self._stated(context, slot)
        intent = _NO_INTENT if at < 0 else self._contexts[at : at + _INTENT].tobytes()
        signal = context + _SIGNALS_AT
        return Reason(
            cid, kind, place, slot, intent, tuple(self._numbers[signal : signal + SIGNALS].tolist())
        )

    def _stated(self, context: int, slot: int) -> int:
        """Return where the intent of a slot begins in the memory of its context, -1 where none is stated."""
        cells = self._contexts
        # What the core itself flattens and guards with is not what was stated.
        own = slot >= _OWN_SLOTS
        stated = context + (_PLANNED if own or cells[context + _EDITED] else _INTENTS)
        first, guard = stated + _STATED_ROWS, context + _GUARDS
        places: Iterable[int] = range(first, first + cells[stated + _STATED] * _INTENT, _INTENT)
        if own:
            places = chain(places, range(guard, guard + _GUARD_ROWS * _INTENT, _INTENT))
        for at in places:
            if cells[at + _INTENT_SLOT] == slot:
                return at
        return -1
