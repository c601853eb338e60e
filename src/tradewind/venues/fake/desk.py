"""The matching of one account: what is taken from the book at once, what rests, what waits for its trigger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.units.enums import BUY, LONG, SHORT, FactKind, Rule
from tradewind.venues.fake.entry import ALGO_KINDS, Terms, terms_of
from tradewind.venues.fake.events import FundingSettled, OrderChanged
from tradewind.venues.fake.orders import FakeOrder, FakeTrade, Placement, Reason
from tradewind.venues.fake.portfolio import Portfolio, decimal_money

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import OrderState, PositionSide, TradeKind
    from tradewind.venues.fake.paths import SecondOf

__all__ = ["Desk"]

_TAKEN: dict[int, tuple[TradeKind, str]] = {
    FactKind.ACCOUNT_LIQUIDATED: ("liquidation", "autoclose-"),
    FactKind.ADL: ("adl", "adl_autoclose-"),
    FactKind.DELISTED: ("settlement", "settlement_autoclose-"),
}
"""Closings that nobody asked for: kind of the trade, and how the venue's order ids begin."""
_EXPIRY = {Rule.VENUE_REDUCE_ONLY: Reason.REDUCE_ONLY.name, Rule.UNFILLED: Reason.IOC.name}


@dataclass(slots=True)
class _Resting:
    """An order in the ledger: its terms, and what of it is booked already, in lots and money."""

    order: FakeOrder
    j: int
    terms: Terms
    lots: int
    price_tick: int
    filled: int = 0
    notional: int = 0


class Desk(Portfolio):
    """Orders of one account against the market."""

    def __init__(self, exchange: FakeExchange, name: str, balances: Mapping[str, Decimal]) -> None:
        super().__init__(exchange, name, balances)
        self._resting: dict[int, _Resting] = {}
        self._waiting: dict[int, tuple[FakeOrder, int]] = {}
        self._shadow = [[[0, 0], [0, 0]] for _ in self.leverages]
        self._held_back: list[OrderChanged] = []
        self._holds_fills = False
        self._first_expiry_ns = 1 << 62

    # ------------------------------------------------------------------ time

    def step(self, bars: NDArray[np.int64], seconds: list[SecondOf], open_ns: int) -> None:
        """Let one second happen: stops trigger, resting orders fill, margin is judged, orders expire."""
        if self._waiting:
            for order, j in list(self._waiting.values()):
                if order.working:
                    self._watch(order, j, seconds[j])
        if not self.ledger.is_idle:
            self.ledger.step(bars, open_ns)
            self.hear("trade")
        now_ns = self.exchange.now_ns()
        if now_ns >= self._first_expiry_ns:
            self._expire(now_ns)
        if self._held_back:
            self._release()

    def settle_funding(self, j: int, rate: Decimal) -> None:
        """Charge or pay funding on a position."""
        if self.ledger.lots(j, LONG) or self.ledger.lots(j, SHORT):
            self.ledger.settle_funding(
                j, float(rate), self.exchange.market.mark_tick(j), self.exchange.now_ns()
            )
            self.hear("funding")

    def adl(self, symbol: str, share: float = 1.0) -> None:
        """Deleverage a share of what is held, at the mark."""
        j = self.exchange.market.at(symbol)
        self._take_away(FactKind.ADL, j, share)

    def liquidate(self, symbol: str) -> None:
        """Liquidate what is held, at the mark and for a fee; its orders are cancelled first."""
        j = self.exchange.market.at(symbol)
        self._cancel_all_of(j, Reason.LIQUIDATING.name)
        self._take_away(FactKind.ACCOUNT_LIQUIDATED, j, 1.0)

    def delist(self, j: int) -> None:
        """Settle an instrument for good at the mark."""
        self._cancel_all_of(j, Reason.SYMBOL_CLOSED.name)
        self.ledger.delist(j, self.exchange.market.mark_tick(j), self.exchange.now_ns())
        self.hear("settlement")

    def resize(self, j: int, ratio: float) -> None:
        """Let a contract stand for `ratio` as much: orders are cancelled, positions keep their worth."""
        self._cancel_all_of(j, "RULES")
        self.ledger.resize(j, ratio)
        for side in (LONG, SHORT):
            lots = self.ledger.lots(j, side)
            self._shadow[j][side][0] = lots
            if lots:
                self._told_position(j, side, "setting")

    # ------------------------------------------------------------------ orders

    def enter(self, order: FakeOrder, j: int) -> None:
        """Take a checked order: a stop waits; what crosses takes from the book; the rest rests or expires."""
        placement = order.placement
        self.statement.add(order)
        if placement.expires_ns:
            self._first_expiry_ns = min(self._first_expiry_ns, placement.expires_ns)
        if placement.kind in ALGO_KINDS and not order.parent_id:
            self._waiting[order.order_id] = (order, j)
            self.announce(order, "placed")
            return
        self.announce(order, "placed")
        terms = terms_of(placement, hedge=self.hedge)
        lots = self.lots_of(j, placement.qty)
        levels = self.crossed(j, terms.side, placement.price)
        if not self._prevent_self_trade(order, j, terms.side, self._reach(order, j, lots, levels)):
            return
        at_once = placement.kind in ("market", "stop_market", "take_profit_market") or placement.tif in (
            "IOC",
            "FOK",
        )
        short = sum(n for _, n in levels) < lots
        if (at_once and not levels) or (placement.tif == "FOK" and short):
            self.end(order, "expired", placement.tif if placement.tif == "FOK" else Reason.IOC.name)
            return
        if placement.price is not None:
            price_tick = self.tick_of(j, placement.price)
        else:
            price_tick = levels[-1][0]
        self.ledger.place(
            j,
            order.order_id,
            terms.side,
            terms.position_side,
            reduce=terms.reduces,
            price_tick=price_tick,
            lots=lots,
        )
        self._resting[order.order_id] = _Resting(order, j, terms, lots, price_tick)
        self._take_levels(order, j, levels)
        if at_once and order.working:
            self.end(order, "expired", Reason.IOC.name)

    def change(self, order: FakeOrder, j: int, placement: Placement) -> None:
        """Give a resting order another price or quantity; what crosses now takes."""
        resting = self._resting[order.order_id]
        assert placement.price is not None
        order.placement = placement
        resting.price_tick, resting.lots = self.tick_of(j, placement.price), self.lots_of(j, placement.qty)
        self.ledger.amend(order.order_id, j, resting.terms.side, resting.price_tick, resting.lots)
        self.hear("trade")
        self.announce(order, "amended")
        self._take_levels(order, j, self.crossed(j, resting.terms.side, placement.price))

    def end(self, order: FakeOrder, state: OrderState, reason: str) -> None:
        """End an order that works."""
        resting = self._resting.pop(order.order_id, None)
        if resting is not None:
            self.ledger.cancel(order.order_id, resting.j)
            self.ledger.release(order.order_id)
            self.hear("trade")
        self._waiting.pop(order.order_id, None)
        self._close(order, state, reason)

    def crossed(self, j: int, side: int, price: Decimal | None) -> list[tuple[int, int]]:
        """Return the levels of the book that an order would take: (tick, lots), best first."""
        levels = self.exchange.books.levels(j, side)
        if price is None:
            return levels
        limit = self.tick_of(j, price)
        return [(tick, lots) for tick, lots in levels if (limit - tick) * side >= 0]

    def fill_part(self, order: FakeOrder, share: float) -> None:
        """Fill a share of what remains of a resting order at its own price, as its counterparty came (F30-F32)."""
        resting = self._resting.get(order.order_id)
        if resting is not None:
            lots = max(1, round((resting.lots - resting.filled) * share))
            self.ledger.fill(
                order.order_id, resting.price_tick, lots, maker=True, ts_ns=self.exchange.now_ns()
            )
            self.hear("trade")

    def announce(self, order: FakeOrder, cause: str, trade: FakeTrade | None = None) -> None:
        """Tell the state of an order and write it down; by misfortune late, or not at all (F15, F16)."""
        order.updated_ns = self.exchange.now_ns()
        self.exchange.record.order(self.name, order, cause, order.updated_ns)
        event = OrderChanged(self, replace(order), trade, cause)  # type: ignore[arg-type]
        symbol = order.placement.symbol
        if trade is not None and self._strike("F16", "event.order", symbol, cause) is not None:
            return
        if self._holds_fills and trade is not None:
            self._held_back.append(event)
            return
        if self._strike("F15", "event.order", symbol, cause) is not None:
            self._held_back.append(event)
            return
        self._tell(event)
        if self._held_back:
            self._release()

    def tick_of(self, j: int, price: Decimal) -> int:
        """Return a price in the ledger's ticks."""
        return int(price / self.exchange.market.paths.instruments[j].tick_size)

    def lots_of(self, j: int, qty: Decimal) -> int:
        """Return a quantity in the ledger's lots."""
        return int(qty / self.exchange.market.paths.instruments[j].lot_size)

    # ------------------------------------------------------------------ inside

    def _take_away(self, kind: int, j: int, share: float) -> None:
        """Close a share of every side of an instrument from outside."""
        for side in (LONG, SHORT):
            lots = self.ledger.lots(j, side)
            if lots:
                part, mark_tick = max(1, round(lots * share)), self.exchange.market.mark_tick(j)
                self.ledger.take_away(kind, j, side, part, mark_tick, self.exchange.now_ns())
        self.hear("adl" if kind == FactKind.ADL else "liquidation")

    def _cancel_all_of(self, j: int, reason: str) -> None:
        for order in self.statement.open_orders(self.exchange.market.rules[j].symbol):
            self.end(self.statement.working[order.order_id], "canceled", reason)

    def _reserved(self, order_id: int) -> int:
        resting = self._resting.get(order_id)
        if resting is None or resting.terms.reduces:
            return 0
        return self.margin_for(resting.j, resting.lots - resting.filled, resting.price_tick)

    def _release(self) -> None:
        held, self._held_back = self._held_back, []
        for event in held:
            self._tell(event)

    def _take_levels(self, order: FakeOrder, j: int, levels: list[tuple[int, int]]) -> None:
        """Fill an order from the book, level by level."""
        for tick, lots in levels:
            resting = self._resting.get(order.order_id)
            if resting is None or resting.filled >= resting.lots:
                break
            before = resting.filled
            price_tick = self._slipped(order, tick, resting.terms.side)
            self.ledger.fill(order.order_id, price_tick, lots, maker=False, ts_ns=self.exchange.now_ns())
            self.hear("trade")
            self.exchange.books.take(j, tick, resting.filled - before)
        self.exchange.book_taken(j)

    def _slipped(self, order: FakeOrder, tick: int, side: int) -> int:
        strike = self._strike("F52", "fill.take", order.placement.symbol)
        return tick if strike is None else max(1, round(tick * (1.0 + side * strike.arg("ratio"))))

    def _reach(self, order: FakeOrder, j: int, lots: int, levels: list[tuple[int, int]]) -> int | None:
        """Return the worst price, in ticks, at which an order trades or rests; None where it can do neither."""
        left = lots
        for tick, there in levels:
            left -= there
            if left <= 0:
                return tick
        price = order.placement.price
        if price is not None:
            return self.tick_of(j, price)
        return levels[-1][0] if levels else None

    def _prevent_self_trade(self, order: FakeOrder, j: int, side: int, reach: int | None) -> bool:
        """End what would trade with ourselves, by habit or misfortune; return whether the order goes on."""
        own = [
            resting
            for resting in self._resting.values()
            if resting.j == j
            and resting.terms.side != side
            and reach is not None
            and (reach - resting.price_tick) * side >= 0
        ]
        habit = self.exchange.habits.self_trade
        if self._strike("F42", "place", order.placement.symbol) is not None:
            habit = "expire_taker"
        elif not own or habit == "none":
            return True
        if habit == "expire_taker":
            self.end(order, "expired", Reason.SELF_TRADE.name)
            return False
        for resting in own:
            self.end(resting.order, "expired", Reason.SELF_TRADE.name)
        return True

    # ------------------------------------------------------------------ stops

    def _watch(self, order: FakeOrder, j: int, second: SecondOf) -> None:
        """Trigger a waiting order if its price was reached; move a trailing stop first."""
        p = order.placement
        if p.trigger_by == "mark":
            high = low = self.exchange.market.mark_tick(j)
        else:
            high, low = second.high, second.low
        buys = p.side == "buy"
        if p.kind == "trailing_stop":
            self._trail(order, j, low if buys else high)
        assert order.stop_price is not None
        stop_tick = self.tick_of(j, order.stop_price)
        rising = buys != p.kind.startswith("take_profit")
        if high >= stop_tick if rising else low <= stop_tick:
            self._trigger(order, j)

    def _trail(self, order: FakeOrder, j: int, best_tick: int) -> None:
        p = order.placement
        best = self.exchange.market.price(j, best_tick)
        sign = 1 if p.side == "buy" else -1
        away = p.callback if p.callback is not None else best * (p.callback_ratio or Decimal(0))
        tick = self.exchange.market.rules[j].tick_size
        stop = (best + sign * away) // tick * tick
        if order.stop_price is None or (order.stop_price - stop) * sign > 0:
            order.stop_price = stop

    def _trigger(self, order: FakeOrder, j: int) -> None:
        """Let a stop become an order of the book."""
        p = order.placement
        terms = terms_of(p, hedge=self.hedge)
        held = self.ledger.lots(j, terms.position_side)
        qty = self.exchange.market.qty(j, held) if p.close_position else p.qty
        limited = p.kind in ("stop_limit", "take_profit_limit")
        keeps = self.exchange.habits.child_keeps_id
        child = FakeOrder(
            self.exchange.next_order_id(),
            replace(
                p,
                kind="limit" if limited else "market",
                qty=qty,
                trigger=None,
                client_id=p.client_id if keeps else "",
                close_position=False,
                reduce_only=p.reduce_only or p.close_position,
            ),
            "new",
            self.exchange.now_ns(),
            self.exchange.now_ns(),
            parent_id=order.order_id,
        )
        order.child_id = child.order_id
        self._waiting.pop(order.order_id, None)
        self._close(order, "triggered", "")
        strike = self._strike("F40", "trigger", p.symbol)
        if strike is not None or (terms.reduces and not held) or not self.ledger.has_room(j):
            child.state = "rejected"
            child.reason = Reason.MARGIN.name if strike is not None else Reason.REDUCE_ONLY.name
            self.statement.add(child)
            self.statement.end(child)
            self.announce(child, "rejected")
            return
        self.enter(child, j)

    def _expire(self, now_ns: int) -> None:
        for order in list(self.statement.working.values()):
            if order.placement.expires_ns and order.placement.expires_ns <= now_ns:
                self.end(order, "expired", "EXPIRY")
        left = [o.placement.expires_ns for o in self.statement.working.values() if o.placement.expires_ns]
        self._first_expiry_ns = min(left, default=1 << 62)

    def _close(self, order: FakeOrder, state: OrderState, reason: str) -> None:
        order.state, order.reason = state, reason
        self.statement.end(order)
        causes = {"triggered": "triggered", "expired": "expired", "rejected": "rejected"}
        self.announce(order, causes.get(state, "canceled"))

    # ------------------------------------------------------------------ what the ledger says

    def hear(self, cause: str) -> None:
        """Book everything that the ledger said, then tell what changed of positions and cash."""
        rows = self.ledger.heard()
        if not len(rows):
            return
        touched: dict[tuple[int, int], None] = {}
        for n, row in enumerate(rows):
            fee = (
                int(rows[n + 1]["amount"]) if n + 1 < len(rows) and rows[n + 1]["kind"] == FactKind.FEE else 0
            )
            touched.update(dict.fromkeys(self._book(row, fee)))
        told: dict[object, tuple[int, int]] = {}
        for j, side in touched:
            held = [self.ledger.lots(j, side), self.ledger.cost(j, side)]
            assert held == self._shadow[j][side], (
                f"the ledger holds {held}, its fills {self._shadow[j][side]}"
            )
            if self.hedge or held[0] or not self.ledger.lots(j, 1 - side):
                told[(j, side) if self.hedge else j] = (j, side)
        for j, side in told.values():
            self._told_position(j, side, cause)
        self._told_balances(cause)
        self._remember()

    def _book(self, row: np.void, fee: int) -> list[tuple[int, int]]:
        """Book one fact, with the fee that follows it; return the sides of positions that it touched."""
        kind = int(row["kind"])
        if kind == FactKind.FILL:
            return self._book_fill(row, fee)
        if kind in _TAKEN and int(row["qty_lot"]):
            return self._book_taken(row, fee)
        if kind == FactKind.FUNDING_PAID:
            return self._book_funding(row)
        if kind in (FactKind.CANCELLED, FactKind.EXPIRED):
            self._book_end(row)
        elif kind == FactKind.ACCOUNT:
            asset = self.ledger.assets[int(row["wallet"])]
            self._earn("insurance", asset, decimal_money(int(row["amount"])), "")
        return []

    def _book_fill(self, row: np.void, fee: int) -> list[tuple[int, int]]:
        """Book one fill of an order of ours."""
        resting = self._resting[int(row["cid"])]
        order, j = resting.order, resting.j
        lots, notional = int(row["qty_lot"]) - resting.filled, int(row["amount"]) - resting.notional
        resting.filled, resting.notional = int(row["qty_lot"]), int(row["amount"])
        touched, gain = self._move(j, int(row["side"]), int(row["position_side"]), lots, notional)
        trade = self._trade(order, row, lots=lots, notional=notional, fee=fee, gain=gain)
        order.filled += trade.qty
        order.quote += trade.quote
        order.fee += trade.fee
        order.priced += trade.price * trade.qty
        whole = resting.filled >= resting.lots
        order.state = "filled" if whole else "partially_filled"
        if whole:
            del self._resting[order.order_id]
            self.ledger.release(order.order_id)
            self.statement.end(order)
        self.announce(order, "filled", trade)
        return touched

    def _book_end(self, row: np.void) -> None:
        """Book an end that the ledger decided: reduced away, or a liquidation took all orders."""
        resting = self._resting.pop(int(row["cid"]), None)
        if resting is None:
            return
        self.ledger.release(resting.order.order_id)
        code = int(row["code"])
        expired = int(row["kind"]) == FactKind.EXPIRED
        reason = Reason.LIQUIDATING.name if code == Rule.LIQUIDATED else _EXPIRY.get(code, "")
        self._close(resting.order, "expired" if expired else "canceled", reason)

    def _book_taken(self, row: np.void, fee: int) -> list[tuple[int, int]]:
        """Book a position that was closed from outside, as an order of the exchange's own."""
        j, side, lots = int(row["instrument"]), int(row["position_side"]), int(row["qty_lot"])
        kind, prefix = _TAKEN[int(row["kind"])]
        direction = -1 if side == LONG else BUY
        touched, gain = self._move(j, direction, side, lots, int(row["amount"]))
        now_ns = self.exchange.now_ns()
        order_id = self.exchange.next_order_id()
        placement = Placement(
            self.exchange.market.rules[j].symbol,
            "buy" if direction == BUY else "sell",
            "market",
            self.exchange.market.qty(j, lots),
            reduce_only=True,
            position_side=self._side_word(side),
            client_id=f"{prefix}{order_id}",
        )
        order = FakeOrder(order_id, placement, "filled", now_ns, now_ns, reason=kind)
        trade = self._trade(order, row, lots=lots, notional=int(row["amount"]), fee=fee, gain=gain, kind=kind)
        order.filled, order.quote, order.fee = trade.qty, trade.quote, trade.fee
        order.priced = trade.price * trade.qty
        self.statement.add(order)
        self.statement.end(order)
        self.announce(order, "filled", trade)
        if kind == "liquidation":
            self.exchange.print_liquidation(j, trade)
        return touched

    def _book_funding(self, row: np.void) -> list[tuple[int, int]]:
        """Book funding on one side of a position."""
        j, side = int(row["instrument"]), int(row["position_side"])
        rules = self.exchange.market.rules[j]
        amount, rate = decimal_money(-int(row["amount"])), Decimal(str(float(row["value"])))
        income = self._earn("funding", rules.settle, amount, rules.symbol, self._side_word(side), rate)
        self._tell(FundingSettled(self, income))  # type: ignore[arg-type]
        return [(j, side)]

    def _move(
        self, j: int, side: int, position_side: int, lots: int, notional: int
    ) -> tuple[list[tuple[int, int]], int]:
        """Move the shadow of the ledger's position by one fill; return the sides touched and the gain, in `MONEY`."""
        own = LONG if side == BUY else SHORT
        if self.hedge and own == position_side:
            self._grow(j, own, lots, notional)
            return [(j, own)], 0
        if self.hedge:
            return [(j, position_side)], self._shrink(j, position_side, lots, notional)
        closing = min(lots, self._shadow[j][1 - own][0])
        part = notional if closing == lots else int(notional * (closing / lots))
        gain, touched = 0, []
        if closing:
            gain = self._shrink(j, 1 - own, closing, part)
            touched.append((j, 1 - own))
        if lots > closing:
            self._grow(j, own, lots - closing, notional - part)
            touched.append((j, own))
        return touched, gain

    def _grow(self, j: int, side: int, lots: int, notional: int) -> None:
        self._shadow[j][side][0] += lots
        self._shadow[j][side][1] += notional

    def _shrink(self, j: int, side: int, lots: int, notional: int) -> int:
        held, cost = self._shadow[j][side]
        part = cost if lots >= held else int(cost * (lots / held))
        self._shadow[j][side] = [held - lots, cost - part]
        sense = -1 if self.exchange.market.rules[j].payoff == "inverse" else 1
        return (1 - 2 * side) * sense * (notional - part)

    def _side_word(self, side: int) -> PositionSide:
        if not self.hedge:
            return "both"
        return "long" if side == LONG else "short"

    def _trade(
        self,
        order: FakeOrder,
        row: np.void,
        *,
        lots: int,
        notional: int,
        fee: int,
        gain: int,
        kind: TradeKind = "trade",
    ) -> FakeTrade:
        """Make a trade of a fact, with what of it is new, in lots and money."""
        j = int(row["instrument"])
        p, market = order.placement, self.exchange.market
        trade = FakeTrade(
            self.exchange.next_id(),
            order.order_id,
            p.client_id,
            p.symbol,
            p.side,
            p.position_side,
            market.price(j, int(row["price_tick"])),
            market.qty(j, lots),
            decimal_money(notional),
            decimal_money(fee),
            market.rules[j].settle,
            kind == "trade" and int(row["code"]) == 1,
            decimal_money(gain),
            self.exchange.now_ns(),
            kind,
        )
        self.statement.add_trade(trade)
        self.exchange.record.fill(self.name, trade)
        return trade
