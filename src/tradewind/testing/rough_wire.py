"""A stepped session over a wire on which everything goes wrong, with the smallest resolver that puts it right.

Answers are lost, late, told twice and out of order; requests never arrive or arrive late; the venue refuses for
reasons of its own and changes its tick. What happened stays true, and whoever asks about an order is told the
truth. The resolver only does what any shell can: after a time it asks about an order, and tells the core what it
was told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.testing.stepping import SteppedSession
from tradewind.units.enums import FactKind, OrderState, RequestKind, Rule, SettingCode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from tradewind.engine.world import World
    from tradewind.testing.scenarios import Market

__all__ = ["Mischief", "RoughSession"]

_ORDER_FACTS = (
    FactKind.ACK,
    FactKind.AMENDED,
    FactKind.FILL,
    FactKind.CANCELLED,
    FactKind.EXPIRED,
    FactKind.REJECT,
    FactKind.TRIGGERED,
)
_TAKEN = (FactKind.ACCOUNT_LIQUIDATED, FactKind.ADL, FactKind.DELISTED)
_IN_DOUBT = (OrderState.PENDING, OrderState.AMENDING, OrderState.CANCELLING, OrderState.UNKNOWN)
_REFUSALS = (Rule.VENUE_RATE, Rule.VENUE_OTHER, Rule.VENUE_MARGIN)

_LATE_BARS = 2
_PATIENCE_BARS = 4
"""Longer than anything can be under way, so that "not found" means that it never came."""
_AUDIT_BARS = 6


@dataclass(frozen=True, slots=True)
class Mischief:
    """How likely each misfortune is, per answer, per request, or per bar for a change of the tick."""

    lost: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    swapped: float = 0.0
    request_lost: float = 0.0
    request_late: float = 0.0
    refused: float = 0.0
    tick_changed: float = 0.0


class RoughSession(SteppedSession):
    """A session over a rough wire.

    Attributes
    ----------
    happened
        How many misfortunes there were, by name.
    worst_burst
        The most requests of one batch.
    """

    def __init__(self, world: World, market: Market, random: Random, mischief: Mischief) -> None:
        super().__init__(world, market)
        self._random, self._mischief = random, mischief
        self._bar = 0
        self._late: list[tuple[int, Any]] = []
        self._late_requests: list[tuple[int, Any]] = []
        self._lost_fees: list[Any] = []
        self.happened: dict[str, int] = {}
        self.worst_burst = 0

    def calm_down(self) -> None:
        """Let the faults stop: what is late arrives, and everything is asked about."""
        self._mischief = Mischief()
        late, self._late_requests = self._late_requests, []
        self._arrive(request for _, request in late)
        self._tell_late(force=True)
        self._resolve(self._orders_in(*_IN_DOUBT, OrderState.LIVE, OrderState.TRIGGERED))

    # ------------------------------------------------------------------ one bar

    def _play_bar(self, i: int) -> None:
        self._bar = i
        due = [request for at, request in self._late_requests if at <= i]
        self._late_requests = [(at, request) for at, request in self._late_requests if at > i]
        self._arrive(due)
        self._tell_late()
        self._ask_about_the_overdue()
        self._change_tick()
        asked = int(self.world.core["requests"][0])
        super()._play_bar(i)
        self.worst_burst = max(self.worst_burst, int(self.world.core["requests"][0]) - asked)

    def _arrive(self, requests: Iterable[Any]) -> None:
        for request in requests:
            super()._take([request], int(self.world.core["now_ns"][0]))
            self._hear(0)

    def _tell_late(self, *, force: bool = False) -> None:
        due = [fact for at, fact in self._late if force or at <= self._bar]
        self._late = [] if force else [(at, fact) for at, fact in self._late if at > self._bar]
        self._random.shuffle(due)
        for fact in due:
            self._tell_row(fact)

    def _change_tick(self) -> None:
        if not self._strikes("tick_changed"):
            return
        j = self._random.randrange(len(self.world.views))
        step = self._random.choice((1, 2, 5))
        self.world.venue_instruments["tick_step"][j] = step
        now_ns = int(self.world.core["now_ns"][0])
        fields = {"instrument": j, "code": SettingCode.TICK_STEP, "qty_lot": step}
        self._tell(kind=FactKind.SETTING, recv_ts_ns=now_ns, venue_ts_ns=now_ns, **fields)

    # ------------------------------------------------------------------ the wire

    def _take(self, asked: Iterable[Any], at_ns: int) -> None:
        for request in asked:
            if self._strikes("request_lost"):
                continue
            if self._strikes("request_late"):
                self._late_requests.append((self._bar + self._random.randint(1, _LATE_BARS), request))
            elif self._strikes("refused"):
                self._refuse(request, at_ns)
            else:
                super()._take([request], at_ns)

    def _refuse(self, request: Any, at_ns: int) -> None:  # noqa: ANN401
        """Refuse for a reason of the venue's own; a cancel is never refused while the order is there."""
        if request["kind"] == RequestKind.CANCEL:
            super()._take([request], at_ns)
            return
        box = self._box
        fact = box["fact"][0, int(box["facts"][0])]
        box["facts"] += 1
        for name in fact.dtype.names:
            fact[name] = 0
        fact["kind"], fact["code"] = FactKind.REJECT, self._random.choice(_REFUSALS)
        fact["side"], fact["venue_ts_ns"], fact["recv_ts_ns"] = request["kind"], at_ns, at_ns
        for name in ("cid", "instrument", "price_tick", "qty_lot"):
            fact[name] = request[name]

    def _hear(self, at_ns: int) -> None:
        box = self._box[0]
        said = [box["fact"][q].copy() for q in range(int(box["facts"]))]
        box["facts"] = 0
        for q in range(len(said) - 1):
            if self._may_suffer(said[q]) and self._may_suffer(said[q + 1]) and self._strikes("swapped"):
                said[q], said[q + 1] = said[q + 1], said[q]
        for fact in said:
            self._let_through(fact)

    def _let_through(self, fact: Any) -> None:  # noqa: ANN401
        if fact["kind"] in _TAKEN:
            # Who is told that position was taken asks about the orders first: their fills came before.
            self._resolve(self._orders_in(*_IN_DOUBT, OrderState.LIVE, OrderState.TRIGGERED))
        if not self._may_suffer(fact):
            self._tell_row(fact)
        elif self._strikes("lost"):
            if fact["kind"] == FactKind.FEE:
                self._lost_fees.append(fact)
        elif self._strikes("late"):
            self._late.append((self._bar + self._random.randint(1, _LATE_BARS), fact))
        else:
            self._tell_row(fact)
            if self._strikes("twice"):
                self._late.append((self._bar + self._random.randint(0, _LATE_BARS), fact))

    def _may_suffer(self, fact: Any) -> bool:  # noqa: ANN401
        return fact["kind"] in (*_ORDER_FACTS, FactKind.FEE)

    def _strikes(self, name: str) -> bool:
        if self._random.random() >= getattr(self._mischief, name):
            return False
        self.happened[name] = self.happened.get(name, 0) + 1
        return True

    # ------------------------------------------------------------------ the resolver

    def _orders_in(self, *states: int) -> list[int]:
        orders = self.world.contexts["working"]["order"]
        found: list[int] = orders["cid"][np.isin(orders["state"], states)].tolist()
        return found

    def _ask_about_the_overdue(self) -> None:
        orders = self.world.contexts["working"]["order"]
        doubtful = orders[np.isin(orders["state"], _IN_DOUBT)]
        # Counted from the last request about an order: an amend that follows an answer has its own time on the way.
        waited_ns = int(self.world.core["now_ns"][0]) - doubtful["asked_ns"]
        due: list[int] = doubtful["cid"][waited_ns >= _PATIENCE_BARS * self._step_ns].tolist()
        if self._bar % _AUDIT_BARS == 0:
            due += self._orders_in(OrderState.LIVE, OrderState.TRIGGERED)
        self._resolve(due)

    def _resolve(self, cids: list[int]) -> None:
        """Ask about orders, and about fees that never came; tell the core what the venue says."""
        fees, self._lost_fees = self._lost_fees, []
        for fact in fees:
            self._tell_row(fact)
        for cid in cids:
            table = self.world.venue_contexts[cid >> 8 & 0xFFF]
            order = table["order"][cid & 0xFF]
            rests = order["cid"] == cid and int(table["live"][(cid & 0xFF) >> 6]) >> (cid & 63) & 1
            if cid in self._orders_in(*_IN_DOUBT):
                self._say_of(cid, FactKind.UNKNOWN)
            self._say_truth(cid, order, rests=bool(rests))

    def _say_truth(self, cid: int, order: Any, *, rests: bool) -> None:  # noqa: ANN401
        filled = {"qty_lot": int(order["filled_lot"]), "amount": int(order["notional"])}
        price = {"price_tick": int(order["price_tick"])}
        if rests:
            self._say_of(cid, FactKind.FILL, **filled, **price)
            self._say_of(cid, FactKind.AMENDED, qty_lot=int(order["qty_lot"]), code=1, **price)
            if order["triggered"]:
                self._say_of(cid, FactKind.TRIGGERED)
        elif order["cid"] == cid:
            self._say_of(cid, FactKind.CANCELLED, **filled, **price)
        elif order["done_cid"] == cid:
            self._say_of(
                cid, FactKind.CANCELLED, qty_lot=int(order["done_lot"]), amount=int(order["done_notional"])
            )
        elif cid not in [int(request["cid"]) for _, request in self._late_requests]:
            self._say_of(cid, FactKind.NOT_SENT, code=Rule.NOT_SENT)

    def _say_of(self, cid: int, kind: int, **fields: int) -> None:
        now_ns = int(self.world.core["now_ns"][0])
        context = self.world.contexts[cid >> 8 & 0xFFF]
        place = {"cid": cid, "instrument": int(context["instrument"])}
        self._tell(kind=kind, recv_ts_ns=now_ns, venue_ts_ns=now_ns, **place, **fields)
