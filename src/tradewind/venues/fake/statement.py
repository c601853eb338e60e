"""What an account of a fake exchange may look up: its orders, trades and income."""

from collections import deque
from dataclasses import replace

from tradewind.venues.fake.orders import FakeIncome, FakeOrder, FakeTrade, IncomeKind, Reason, Refused

__all__ = ["Statement"]

_NEVER_NS = 1 << 62
_KEPT = 20_000
"""Orders that ended, trades and incomes that stay readable."""


class Statement:
    """Orders, trades and income of one account. What is handed out is a copy or cannot change."""

    def __init__(self) -> None:
        self.working: dict[int, FakeOrder] = {}
        self._ended: dict[int, FakeOrder] = {}
        self._by_client: dict[str, int] = {}
        self._trades: deque[FakeTrade] = deque(maxlen=_KEPT)
        self._income: deque[FakeIncome] = deque(maxlen=_KEPT)

    def add(self, order: FakeOrder) -> None:
        """Take in a new order."""
        self.working[order.order_id] = order
        if order.placement.client_id:
            self._by_client[order.placement.client_id] = order.order_id

    def end(self, order: FakeOrder) -> None:
        """Move an order that ended to the ended ones; the oldest of those are forgotten."""
        if self.working.pop(order.order_id, None) is None:
            return
        self._ended[order.order_id] = order
        if len(self._ended) > _KEPT:
            old = self._ended.pop(next(iter(self._ended)))
            if self._by_client.get(old.placement.client_id) == old.order_id:
                del self._by_client[old.placement.client_id]

    def add_trade(self, trade: FakeTrade) -> None:
        """Take in a fill."""
        self._trades.append(trade)

    def add_income(self, income: FakeIncome) -> None:
        """Take in a change of cash."""
        self._income.append(income)

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> FakeOrder:
        """Return the order itself, not a copy. Raises Refused(UNKNOWN_ORDER)."""
        if order_id is None:
            order_id = self._by_client.get(client_id or "", 0)
        order = self.working.get(order_id) or self._ended.get(order_id)
        if order is None or (symbol and order.placement.symbol != symbol):
            raise Refused(Reason.UNKNOWN_ORDER)
        return order

    def knows(self, client_id: str, *, ever: bool) -> bool:
        """Return whether a working order (ever: any order) has this client id."""
        order_id = self._by_client.get(client_id, 0)
        return order_id in self.working or (ever and order_id != 0)

    def open_orders(self, symbol: str | None = None, algo: bool | None = None) -> list[FakeOrder]:
        """Return working orders by rising id, of a symbol or all; algo: waiting stops only, or none of them."""
        return [
            replace(order)
            for order in self.working.values()
            if symbol in (None, order.placement.symbol) and algo in (None, order.algo)
        ]

    def ended_orders(
        self,
        symbol: str | None = None,
        *,
        algo: bool | None = None,
        start_ns: int = 0,
        end_ns: int = _NEVER_NS,
        limit: int = 500,
    ) -> list[FakeOrder]:
        """Return the last orders that ended, created in start .. end, by rising id."""
        found = [
            replace(order)
            for order in self._ended.values()
            if symbol in (None, order.placement.symbol)
            and algo in (None, order.algo)
            and start_ns <= order.created_ns <= end_ns
        ]
        return sorted(found, key=lambda order: order.order_id)[-limit:]

    def trades(
        self,
        symbol: str | None = None,
        *,
        order_id: int | None = None,
        start_ns: int = 0,
        end_ns: int = _NEVER_NS,
        limit: int = 500,
    ) -> list[FakeTrade]:
        """Return the last fills in start .. end, oldest first."""
        found = [
            trade
            for trade in self._trades
            if symbol in (None, trade.symbol)
            and order_id in (None, trade.order_id)
            and start_ns <= trade.ts_ns <= end_ns
        ]
        return found[-limit:]

    def income(
        self,
        kind: IncomeKind | None = None,
        *,
        symbol: str | None = None,
        start_ns: int = 0,
        end_ns: int = _NEVER_NS,
        limit: int = 500,
    ) -> list[FakeIncome]:
        """Return the last changes of cash in start .. end, oldest first."""
        found = [
            income
            for income in self._income
            if kind in (None, income.kind)
            and symbol in (None, income.symbol)
            and start_ns <= income.ts_ns <= end_ns
        ]
        return found[-limit:]
