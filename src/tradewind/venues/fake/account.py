"""One account of a fake exchange: what its owner may ask, with the checks and the misfortunes of asking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.desk import Desk
from tradewind.venues.fake.entry import (
    ALGO_KINDS,
    Terms,
    check_grid,
    check_shape,
    check_sizes,
    check_status,
    terms_of,
)
from tradewind.venues.fake.orders import FakeOrder, Reason, Refused
from tradewind.venues.fake.portfolio import decimal_money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeIncome, FakeTrade, IncomeKind, Placement

__all__ = ["FakeAccount"]

_NEVER_NS = 1 << 62
ALGO_LIMIT = 100
"""Stops that may wait, for each symbol."""


class FakeAccount(Desk):
    """An account, with the key that opens it.

    Parameters
    ----------
    permissions
        Of the key: "read", "trade", "withdraw".
    ips
        Addresses from which the key is good; empty: all.
    """

    def __init__(
        self,
        exchange: FakeExchange,
        name: str,
        balances: Mapping[str, Decimal],
        *,
        api_key: str,
        secret: str,
        passphrase: str = "",
        permissions: frozenset[str] = frozenset({"read", "trade"}),
        ips: tuple[str, ...] = (),
    ) -> None:
        super().__init__(exchange, name, balances)
        self.api_key, self.secret, self.passphrase, self.ips = api_key, secret, passphrase, ips
        self.key_valid = True
        self._permissions = permissions
        self._dead_man: dict[str, int] = {}

    @property
    def permissions(self) -> frozenset[str]:
        """Return what the key may do now; by misfortune it may not trade (F66) or may withdraw (F67)."""
        found = self._permissions
        if self._strike("F66", "check.trade") is not None:
            found = found - {"trade"}
        if self._strike("F67", "permissions") is not None:
            found = found | {"withdraw"}
        return found

    @permissions.setter
    def permissions(self, permissions: frozenset[str]) -> None:
        self._permissions = permissions

    # ------------------------------------------------------------------ orders

    def place(self, placement: Placement) -> FakeOrder:
        """Place an order; what it takes at once is filled and told before this returns. Raises Refused."""
        exchange, symbol = self.exchange, placement.symbol
        placement = self._shrunk(placement)
        try:
            j, price_tick = self._check(placement)
        except Refused as refused:
            self._note_refusal(placement, refused)
            raise
        now_ns = exchange.now_ns()
        algo = placement.kind in ALGO_KINDS
        order = FakeOrder(
            exchange.next_order_id(),
            placement,
            "new",
            now_ns,
            now_ns,
            algo=algo,
            stop_price=placement.trigger,
        )
        late = self._strike("F28", "place", symbol)
        if late is not None:
            self._reject_later(order, Reason.INTERNAL, late.arg("after_s"))
            return replace(order)
        try:
            self._check_account(placement, j, price_tick)
        except Refused as refused:
            if exchange.habits.asynchronous and not algo:
                self._reject_later(order, refused.reason, 0.01)
                return replace(order)
            self._note_refusal(placement, refused)
            raise
        if algo and placement.kind == "trailing_stop":
            self._trail(order, j, exchange.market.last_tick(j))
        crosses = bool(
            placement.tif == "GTX" and self.crossed(j, 1 if placement.side == "buy" else -1, placement.price)
        )
        if crosses:
            self.statement.add(order)
            self.announce(order, "placed")
            self.end(order, "canceled", Reason.POST_ONLY.name)
        else:
            self.enter(order, j)
        if self._strike("F34", "place", symbol) is not None:
            raise Refused(Reason.DUPLICATE_ID)
        return replace(order)

    def cancel(self, symbol: str, order_id: int | None = None, client_id: str | None = None) -> FakeOrder:
        """Cancel an order; return it as it stands. Raises Refused: UNKNOWN_ORDER, ENDED_ORDER.

        By misfortune it is filled first, in part (F30), whole (F31: the answer still says cancelled), or the fill is
        told after the cancel (F32).
        """
        order = self.statement.find(symbol, order_id, client_id)
        if not order.working:
            raise Refused(Reason.ENDED_ORDER, order.state)
        race = self._strike("F30", "cancel", order.placement.symbol)
        if race is not None:
            self.fill_part(order, race.arg("share"))
        if self._strike("F31", "cancel", order.placement.symbol) is not None and not order.algo:
            asked = replace(order, state="canceled")
            self.fill_part(order, 1.0)
            return asked
        late = self._strike("F32", "cancel", order.placement.symbol)
        if late is not None:
            self._fill_told_late(order, late.arg("share"))
        if order.working:
            self.end(order, "canceled", "USER")
        return replace(order)

    def cancel_all(
        self, symbol: str | None = None, algo: bool | None = None, reason: str = "USER"
    ) -> list[FakeOrder]:
        """Cancel every working order of a symbol or of all; algo: waiting stops only, or none of them."""
        found = [self.statement.working[order.order_id] for order in self.statement.open_orders(symbol, algo)]
        for order in found:
            if order.working:
                self.end(order, "canceled", reason)
        return [replace(order) for order in found]

    def amend(
        self,
        symbol: str,
        order_id: int | None = None,
        client_id: str | None = None,
        *,
        price: Decimal | None = None,
        qty: Decimal | None = None,
        trigger: Decimal | None = None,
    ) -> FakeOrder:
        """Change price, total quantity or trigger of a working order; what crosses then takes. Raises Refused."""
        order = self.statement.find(symbol, order_id, client_id)
        old = order.placement
        if not order.working:
            raise Refused(Reason.ENDED_ORDER, order.state)
        new = replace(
            old,
            price=old.price if price is None else price,
            qty=old.qty if qty is None else qty,
            trigger=old.trigger if trigger is None else trigger,
        )
        if new == old:
            raise Refused(Reason.NO_CHANGE)
        if not order.algo and new.price is None:
            raise Refused(Reason.NOT_AMENDABLE)
        j = self.exchange.market.at(old.symbol)
        terms = self._check_rules(new, j)
        if new.qty <= order.filled:
            raise Refused(Reason.AMEND_QTY)
        if order.algo:
            order.placement, order.stop_price = new, new.trigger or order.stop_price
            self.announce(order, "amended")
            return replace(order)
        if new.tif == "GTX" and self.crossed(j, terms.side, new.price):
            raise Refused(Reason.POST_ONLY)
        if self._strike("F33", "amend", old.symbol) is not None:
            return self.place(replace(new, qty=new.qty - order.filled, client_id=""))
        self._check_growth(order, new, j, terms)
        self.change(order, j, new)
        return replace(order)

    def order(self, symbol: str, order_id: int | None = None, client_id: str | None = None) -> FakeOrder:
        """Return one order, working or ended. Raises Refused(UNKNOWN_ORDER)."""
        return replace(self.statement.find(symbol, order_id, client_id))

    def open_orders(self, symbol: str | None = None, algo: bool | None = None) -> list[FakeOrder]:
        """Return working orders by rising id; algo: waiting stops only, or none of them. F61 cuts the list short."""
        found = self.statement.open_orders(symbol, algo)
        strike = self._strike("F61", "query.open_orders", symbol or "") if found else None
        return found if strike is None else found[: int(strike.arg("rows"))]

    def ended_orders(
        self,
        symbol: str | None = None,
        *,
        algo: bool | None = None,
        start_ns: int = 0,
        end_ns: int = _NEVER_NS,
        limit: int = 500,
    ) -> list[FakeOrder]:
        """Return the last ended orders that were created in start .. end, by rising id."""
        return self.statement.ended_orders(symbol, algo=algo, start_ns=start_ns, end_ns=end_ns, limit=limit)

    def trades(
        self,
        symbol: str | None = None,
        *,
        order_id: int | None = None,
        start_ns: int = 0,
        end_ns: int = _NEVER_NS,
        limit: int = 500,
    ) -> list[FakeTrade]:
        """Return the last fills in start .. end, oldest first. F62 misses the newest."""
        found = self.statement.trades(
            symbol, order_id=order_id, start_ns=start_ns, end_ns=end_ns, limit=limit
        )
        strike = self._strike("F62", "query.trades", symbol or "") if found else None
        return found if strike is None else found[: -int(strike.arg("rows"))]

    def income(
        self,
        kind: IncomeKind | None = None,
        *,
        symbol: str | None = None,
        start_ns: int = 0,
        end_ns: int = _NEVER_NS,
        limit: int = 500,
    ) -> list[FakeIncome]:
        """Return the last changes of cash that are no trades, oldest first."""
        return self.statement.income(kind, symbol=symbol, start_ns=start_ns, end_ns=end_ns, limit=limit)

    def arm_dead_man(self, timeout_ns: int, symbol: str = "") -> None:
        """Cancel all but waiting stops (of a symbol, "": all) unless called again in time; 0 disarms."""
        self._dead_man.pop(symbol, None)
        if timeout_ns > 0:
            due_ns = self.exchange.now_ns() + timeout_ns
            self._dead_man[symbol] = due_ns
            self.exchange.later(due_ns, lambda: self._die(symbol, due_ns))

    # ------------------------------------------------------------------ inside

    def _die(self, symbol: str, due_ns: int) -> None:
        if self._dead_man.get(symbol) == due_ns:
            del self._dead_man[symbol]
            self.cancel_all(symbol or None, algo=False, reason="DEAD_MAN")

    def _note_refusal(self, placement: Placement, refused: Refused) -> None:
        now_ns = self.exchange.now_ns()
        order = FakeOrder(0, placement, "rejected", now_ns, now_ns, reason=refused.reason.name)
        self.exchange.record.order(self.name, order, "refused", now_ns)

    def _reject_later(self, order: FakeOrder, reason: Reason, after_s: float) -> None:
        """Acknowledge now, reject soon."""

        def reject() -> None:
            if order.working:
                self.end(order, "rejected", reason.name)

        self.statement.add(order)
        self.announce(order, "placed")
        self.exchange.later(self.exchange.now_ns() + int(after_s * SECOND_NS), reject)

    def _fill_told_late(self, order: FakeOrder, share: float) -> None:
        """Fill a part, and tell it only after the cancel (F32)."""
        self._holds_fills = True
        self.fill_part(order, share)
        self._holds_fills = False

    def _shrunk(self, placement: Placement) -> Placement:
        """Return the placement; F37 makes one that reduces smaller."""
        if not placement.reduce_only or placement.kind in ALGO_KINDS:
            return placement
        strike = self._strike("F37", "place.reduce", placement.symbol)
        if strike is None:
            return placement
        lot = self.exchange.market.rules[self.exchange.market.at(placement.symbol)].lot_size
        half = placement.qty * int(strike.arg("share") * 1000) / 1000 // lot * lot
        return replace(placement, qty=max(lot, half))

    def _check(self, p: Placement) -> tuple[int, int]:
        """Refuse what the rules do not allow; return the instrument and the price to reckon with, in ticks."""
        j = self.exchange.market.at(p.symbol)
        terms = self._check_rules(p, j)
        self._check_misfortunes(p, reduces=terms.reduces)
        if p.client_id and self.statement.knows(p.client_id, ever=self.exchange.habits.unique_ids == "ever"):
            raise Refused(Reason.DUPLICATE_ID, p.client_id)
        algo = p.kind in ALGO_KINDS
        room = (
            self.ledger.has_room(j)
            if not algo
            else len(self.statement.open_orders(p.symbol, algo=True)) < ALGO_LIMIT
        )
        if not room:
            raise Refused(Reason.ORDER_LIMIT)
        crosses = self.crossed(j, terms.side, p.price) if p.tif == "GTX" else []
        if crosses and self.exchange.habits.post_only == "refuse":
            raise Refused(Reason.POST_ONLY)
        if algo:
            self._check_trigger(p, j)
        if p.price is not None:
            return j, self.tick_of(j, p.price)
        bid, ask = self.exchange.books.touch(j)
        return j, ask if terms.side > 0 else bid

    def _check_rules(self, p: Placement, j: int) -> Terms:
        """Refuse what status, modes, shape, grid and sizes do not allow."""
        market = self.exchange.market
        terms = terms_of(p, hedge=self.hedge)
        rules, mark = market.rules[j], market.price(j, market.mark_tick(j))
        check_status(self.exchange.status(p.symbol), reduces=terms.reduces, text=p.symbol)
        check_shape(p)
        check_grid(p, rules, mark)
        check_sizes(p, rules, p.price or mark, reduces=terms.reduces)
        return terms

    def _check_misfortunes(self, p: Placement, *, reduces: bool) -> None:
        """Refuse by misfortune."""
        if not reduces and self._strike("F64", "place", p.symbol) is not None:
            raise Refused(Reason.REDUCE_ONLY_REGIME)
        if p.tif == "GTX" and self._strike("F35", "place.post_only", p.symbol) is not None:
            raise Refused(Reason.POST_ONLY)
        if p.kind in ALGO_KINDS and self._strike("F38", "place.stop", p.symbol) is not None:
            raise Refused(Reason.WOULD_TRIGGER)
        if reduces and p.kind not in ALGO_KINDS:
            if self._strike("F36", "place.reduce", p.symbol) is not None:
                raise Refused(Reason.REDUCE_ONLY)
            if self._strike("F27", "place.reduce", p.symbol) is not None:
                raise Refused(Reason.OVERLOAD)

    def _check_trigger(self, p: Placement, j: int) -> None:
        """Refuse a stop that would trigger at once."""
        if p.trigger is None:
            return
        market = self.exchange.market
        now = market.price(j, market.mark_tick(j) if p.trigger_by == "mark" else market.last_tick(j))
        rising = (p.side == "buy") != p.kind.startswith("take_profit")
        if (now >= p.trigger) if rising else (now <= p.trigger):
            raise Refused(Reason.WOULD_TRIGGER, f"{p.trigger} with {now}")

    def _check_account(self, p: Placement, j: int, price_tick: int) -> None:
        """Refuse what the account cannot carry: nothing to reduce, too little margin."""
        terms = terms_of(p, hedge=self.hedge)
        if p.kind in ALGO_KINDS:
            return
        held = self.ledger.lots(j, terms.position_side)
        lots = self.lots_of(j, p.qty)
        if terms.reduces:
            if not held or (self.hedge and lots > held):
                raise Refused(Reason.REDUCE_ONLY)
            return
        opens = lots if self.hedge else lots - self.ledger.lots(j, 1 - terms.position_side)
        free = self.balance(self.exchange.market.rules[j].settle).available
        if opens > 0 and decimal_money(self.margin_for(j, opens, price_tick)) > free:
            raise Refused(Reason.MARGIN, f"{free} is available")

    def _check_growth(self, order: FakeOrder, new: Placement, j: int, terms: Terms) -> None:
        """Refuse an amendment for whose growth the margin does not suffice."""
        if terms.reduces or new.price is None:
            return
        open_lots = self.lots_of(j, new.qty - order.filled)
        needed = self.margin_for(j, open_lots, self.tick_of(j, new.price)) - self._reserved(order.order_id)
        if decimal_money(needed) > self.balance(self.exchange.market.rules[j].settle).available:
            raise Refused(Reason.MARGIN)
