"""The truth of a fake exchange, for whoever judges afterwards: requests taken, states of orders, fills, strikes."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO

from tradewind.venues.fake.orders import FakeOrder, FakeTrade

__all__ = ["Entry", "Record"]

Entry = dict[str, object]
"""One line: "seq", "ts_ns", "what" and the fields of its kind; numbers of the venue are text."""


class Record:
    """What happened, in order, as plain values; kept in memory and, where a path is given, as JSON lines.

    Kinds ("what"): "request" (as the protocol took it), "order" (every state), "fill", "money" (every other change of
    cash), "strike" (a misfortune), "market" (rules, status and prices changed by hand).

    Parameters
    ----------
    path
        File of JSON lines that is written anew, flushed with every line.
    keep
        Whether entries stay in memory.
    """

    def __init__(self, path: Path | None = None, *, keep: bool = True) -> None:
        self.entries: list[Entry] = []
        self._keep = keep
        self._seq = 0
        self._file: IO[str] | None = None if path is None else path.open("w", encoding="utf-8")

    def add(self, what: str, ts_ns: int, **fields: object) -> None:
        """Write one entry."""
        self._seq += 1
        entry: Entry = {"seq": self._seq, "ts_ns": ts_ns, "what": what, **fields}
        if self._keep:
            self.entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry, default=str, separators=(",", ":")) + "\n")
            self._file.flush()

    def request(self, account: str, what: str, fields: Mapping[str, object], ts_ns: int = 0) -> None:
        """Write a request as it was taken, without keys and signatures; `what` is its method and path."""
        self.add("request", ts_ns, account=account, request=what, fields=dict(fields))

    def order(self, account: str, order: FakeOrder, cause: str, ts_ns: int) -> None:
        """Write the state of an order."""
        p = order.placement
        self.add(
            "order",
            ts_ns,
            account=account,
            order_id=order.order_id,
            client_id=p.client_id,
            symbol=p.symbol,
            side=p.side,
            position_side=p.position_side,
            kind=p.kind,
            reduce_only=p.reduce_only or p.close_position,
            qty=_text(p.qty),
            price=_text(p.price),
            trigger=_text(order.stop_price),
            state=order.state,
            filled=_text(order.filled),
            algo=order.algo,
            parent_id=order.parent_id,
            reason=order.reason,
            cause=cause,
        )

    def fill(self, account: str, trade: FakeTrade) -> None:
        """Write a fill."""
        self.add(
            "fill",
            trade.ts_ns,
            account=account,
            trade_id=trade.trade_id,
            order_id=trade.order_id,
            client_id=trade.client_id,
            symbol=trade.symbol,
            side=trade.side,
            position_side=trade.position_side,
            price=_text(trade.price),
            qty=_text(trade.qty),
            quote=_text(trade.quote),
            fee=_text(trade.fee),
            fee_asset=trade.fee_asset,
            realized_pnl=_text(trade.realized_pnl),
            maker=trade.maker,
            kind=trade.kind,
        )

    def of(self, what: str, account: str = "") -> list[Entry]:
        """Return the entries of a kind, of one account or of all."""
        return [e for e in self.entries if e["what"] == what and account in ("", e.get("account"))]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _text(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")
