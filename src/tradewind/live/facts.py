"""Facts as the shell writes them: a row named field by field, packed at once into what the core takes."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradewind.units.enums import FactKind, HaltScope
from tradewind.venues.gateway import closes_side
from tradewind.venues.port import FACT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Asked", "Told", "asked_of", "halt_fact", "numbered", "rows_of"]

_ROW = struct.Struct("<17qd")
_REQUEST = struct.Struct("<16q")
_NUMBER_BITS = 20


class Told(NamedTuple):
    """One fact, fields as in `units.wire.Fact` and in its order, without its number."""

    kind: int
    venue_ts_ns: int = 0
    recv_ts_ns: int = 0
    instrument: int = 0
    wallet: int = 0
    cid: int = 0
    side: int = 0
    position_side: int = 0
    code: int = 0
    price_tick: int = 0
    qty_lot: int = 0
    open_tick: int = 0
    high_tick: int = 0
    low_tick: int = 0
    amount: int = 0
    trade_id: int = 0
    value: float = 0.0


class Asked(NamedTuple):
    """One request, fields as in `units.wire.Request` and in its order."""

    kind: int
    order_kind: int
    context: int
    slot: int
    instrument: int
    side: int
    position_side: int
    reduce: int
    post_only: int
    cid: int
    price_tick: int
    qty_lot: int
    trail_tick: int
    trigger: int
    show_lot: int
    tag: int

    @property
    def closes(self) -> bool:
        """Say whether it takes away from its position side, also where the venue is not told so (`reduce` 0)."""
        return closes_side(self.side, self.position_side)


_ASKED = partial(tuple.__new__, Asked)


def asked_of(requests: NDArray[Any]) -> list[Asked]:
    """Return rows of `REQUEST` one by one."""
    return list(map(_ASKED, _REQUEST.iter_unpack(requests.tobytes())))


def rows_of(facts: Iterable[Told]) -> NDArray[Any]:
    """Return facts as rows of `FACT`, shape (n,), numbers zero."""
    return np.frombuffer(bytearray(b"".join([_ROW.pack(0, *fact) for fact in facts])), FACT)


def numbered(batch: int, facts: Iterable[Told]) -> NDArray[Any]:
    """Return facts as rows with numbers that rise over all batches and need no memory but the batch's own."""
    first = (batch << _NUMBER_BITS) + 1
    packed = b"".join([_ROW.pack(number, *fact) for number, fact in enumerate(facts, first)])
    return np.frombuffer(bytearray(packed), FACT)


def halt_fact(bits: int, wallet: int, now_ns: int, *, on: bool, limit: int = 0, value: float = 0.0) -> Told:
    """Return what sets or clears bits of `Halt` on the account of a wallet, with what was allowed and what was seen."""
    return Told(
        FactKind.HALT, now_ns, now_ns, wallet=wallet, side=HaltScope.ACCOUNT, code=bits, qty_lot=int(on),
        amount=limit, value=value,
    )  # fmt: skip
