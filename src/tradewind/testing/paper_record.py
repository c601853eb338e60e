"""A simulated exchange that is watched: what it did, in the words of a fake exchange's record, for the same judges.

The exchange lives in the session's process and dies with it; the record does not. A process that comes back lives
through its journal again from a batch on, so what the record holds from that batch on is struck out: it never happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.units.enums import BUY, LONG, SHORT, FactKind, IntentKind, RequestKind
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.simulated.streamed import StreamedExchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.testing.venue_reach import Traded
    from tradewind.venues.fake.record import Entry

__all__ = ["PaperRecord", "WatchedExchange"]

_STATES = {
    FactKind.ACK: ("placed", "new"),
    FactKind.AMENDED: ("amended", "new"),
    FactKind.TRIGGERED: ("triggered", "new"),
    FactKind.CANCELLED: ("cancelled", "canceled"),
    FactKind.EXPIRED: ("expired", "expired"),
    FactKind.REJECT: ("refused", "rejected"),
    FactKind.NOT_SENT: ("refused", "rejected"),
}


@dataclass(slots=True)
class PaperRecord:
    """What simulated exchanges did for one session, over all its processes.

    Parameters
    ----------
    tag
        What tells the session's orders.
    traded
        What it trades.

    Attributes
    ----------
    entries
        (number of the batch, number of the account, entry), in the order in which it happened.
    """

    tag: str
    traded: Sequence[Traded] = ()
    entries: list[tuple[int, int, Entry]] = field(default_factory=list)
    _asked: dict[int, dict[str, int]] = field(default_factory=dict)
    _filled: dict[int, int] = field(default_factory=dict)

    def of(self, account: int) -> list[Entry]:
        """Return the entries of an account."""
        return [entry for _, number, entry in self.entries if number == account]

    def strike_out(self, batch: int) -> None:
        """Forget everything from a batch on."""
        self.entries = [kept for kept in self.entries if kept[0] < batch]
        self._filled = {}
        for _, _, entry in self.entries:
            if entry["what"] == "order":
                self._filled[int(str(entry["order_id"]))] = int(str(entry["lots"]))

    def ask(self, requests: NDArray[Any]) -> None:
        """Note requests, rows of `REQUEST`: facts about orders do not repeat their terms."""
        for row in requests:
            if row["kind"] == RequestKind.NEW:
                self._asked[int(row["cid"])] = dict(zip(row.dtype.names, row.item(), strict=True))

    def tell(self, batch: int, facts: NDArray[Any]) -> None:
        """Note what an exchange did in a batch, rows of `FACT`."""
        for fact in facts:
            kind, cid = int(fact["kind"]), int(fact["cid"])
            if cid in self._asked and (kind == FactKind.FILL or kind in _STATES):
                self._tell_one(batch, kind, self._asked[cid], fact)

    def _tell_one(self, batch: int, kind: int, asked: dict[str, int], fact: Any) -> None:  # noqa: ANN401 - a row
        cid, instrument = asked["cid"], self.traded[asked["instrument"]].instrument
        if kind in (FactKind.ACK, FactKind.AMENDED):
            asked["qty_lot"] = int(fact["qty_lot"]) or asked["qty_lot"]
        before = self._filled.get(cid, 0)
        total = (
            int(fact["qty_lot"]) if kind in (FactKind.FILL, FactKind.CANCELLED, FactKind.EXPIRED) else before
        )
        self._filled[cid] = total
        cause, state = _STATES.get(
            kind, ("filled", "filled" if total >= asked["qty_lot"] else "partially_filled")
        )
        order: Entry = {
            "ts_ns": int(fact["recv_ts_ns"]),
            "order_id": cid,
            "client_id": ClientIds(self.tag).encode(cid),
            "symbol": instrument.symbol,
            "side": "buy" if asked["side"] == BUY else "sell",
            "kind": cause,
        }
        account = self.traded[asked["instrument"]].account
        if total > before:
            qty = (total - before) * instrument.lot_size
            self.entries.append((batch, account, {**order, "what": "fill", "qty": str(qty)}))
        more = {
            "what": "order",
            "reduce_only": bool(asked["reduce"]),
            "qty": str(asked["qty_lot"] * instrument.lot_size),
            "filled": str(total * instrument.lot_size),
            "lots": total,
            "state": state,
            "cause": cause,
            "parent_id": "",
        }
        self.entries.append((batch, account, {**order, **more}))


class WatchedExchange(StreamedExchange):
    """A `StreamedExchange` that writes down what it does.

    Parameters
    ----------
    world, interval_ns
        As for `StreamedExchange`.
    record
        Where to.
    """

    def __init__(self, world: World, interval_ns: int, record: PaperRecord) -> None:
        super().__init__(world, interval_ns)
        self._record = record
        self._began = False

    def submit(self, first: int, requests: NDArray[Any]) -> None:
        """Take requests numbered from `first`, each once."""
        self._record.ask(requests)
        super().submit(first, requests)

    def _heard(self) -> NDArray[Any]:
        if not self._began:
            self._began = True
            self._record.strike_out(self._at.batches + 1)
        box = self._world.box[0]
        self._record.tell(self._at.batches + 1, box["fact"][: box["facts"]])
        return super()._heard()

    def position(self, traded: Traded, j: int) -> Decimal:
        """Return what is held net of an instrument, in units of the coin."""
        lots = self._world.venue_instruments["pos_lot"][j]
        unit = traded.instrument.lot_size * traded.instrument.contract_size
        return Decimal(int(lots[LONG]) - int(lots[SHORT])) * unit

    def covered(self, traded: Traded, j: int, *, long: bool) -> Decimal:
        """Return for how much of an instrument, in units of the coin, stops wait that close one side."""
        lots = 0
        for table in self._world.venue_contexts[self._world.venue_contexts["instrument"] == j]:
            for slot, order in enumerate(table["order"]):
                waits = int(table["live"][slot >> 6]) >> (slot & 63) & 1
                closes = order["kind"] == IntentKind.STOP and (order["side"] == BUY) != long
                if waits and closes:
                    lots += int(order["qty_lot"]) - int(order["filled_lot"])
        return Decimal(lots) * traded.instrument.lot_size * traded.instrument.contract_size
