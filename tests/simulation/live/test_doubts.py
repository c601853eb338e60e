"""What could send twice, lose or hold something: late requests, orders that came back, accounts beside each other."""

from __future__ import annotations

import asyncio

from tradewind.live.venue import LiveRules
from tradewind.testing.sessions import START_NS
from tradewind.testing.small_exchange import SmallGateway
from tradewind.testing.small_live import SmallLive
from tradewind.venues.gateway import OrderStatus

S = 1_000_000_000


class Life(SmallLive):
    """A session to which things happen: `acts` are (second, what), `on_open` what each process begins with."""

    def __init__(self, acts=(), on_open=lambda live: None, **settings):
        super().__init__(**settings)
        self._acts, self._on_open = acts, on_open

    @property
    def now_s(self):
        return (self.loop.now_ns() - START_NS) / 1e9

    def open(self):
        opened = super().open()
        for at_s, act in self._acts:
            if at_s > self.now_s:
                self.loop.call_later(at_s - self.now_s, act, self)
        self._on_open(self)
        return opened


# ---------------------------------------------------------------------- orders that work and should not


def test_an_order_that_works_after_its_end_is_cancelled_though_only_a_snapshot_shows_it():
    """The stream has said that it ended, or it was given up, and was silent when it came back."""
    risen = []

    def rise(live):
        ended = [
            order
            for order in live.exchange._orders.values()
            if order.status is OrderStatus.CANCELLED and not order.new.reduce
        ]
        order = max(ended, key=lambda order: order.ts_ns)
        order.status, order.price_tick = OrderStatus.WORKING, 10
        risen.append(order)

    live = Life([(425, rise)], bars=12, rules=LiveRules(warm_bars=2, reconcile_ns=20 * S))
    live.run()
    assert risen[0].status is OrderStatus.CANCELLED
    assert [alert.code for alert in live.alerts if alert.code == "ORDER_ABANDONED"] == ["ORDER_ABANDONED"]
    assert live.final()[0] == live.final()[1]


class Queueing(SmallGateway):
    """A gateway behind which requests may wait for half a minute before they leave."""

    slow_s = (0.0, 0.0)

    async def create(self, orders):
        now_s = self._clock() / 1e9 - START_NS / 1e9
        if self.slow_s[0] < now_s < self.slow_s[1]:
            await asyncio.sleep(35.0)
        return await super().create(orders)


def queue_up(live):
    """Let the gateway of a process keep what it is given between 415 and 425 s."""
    own = Queueing(live.exchange, live.wire, live.loop.now_ns)
    own.slow_s, own._stream = (415, 425), live.gateway._stream
    live.venue._accounts[0].gateway = own


def test_an_order_that_has_not_left_yet_is_not_given_up_and_never_sent_twice():
    """No list of the venue can show what waits here: its absence proves nothing."""
    live = Life(on_open=queue_up, bars=12)
    live.run()
    assert live.exchange.doubled == []
    assert not [alert for alert in live.alerts if alert.code == "ORDER_ABANDONED"]
    assert live.final()[0] == live.final()[1]


def stall(live):
    """Let the disk of a process stand still from 238 to 278 s, while the first orders are written down."""

    async def work_later(work):
        if 238 < live.now_s < 278:
            await asyncio.sleep(278 - live.now_s)
        work()

    live.session.session.disk = work_later


def test_what_would_open_is_not_sent_when_the_disk_has_kept_it_for_too_long():
    """F81: a decision that waited for its journal longer than decisions may is skipped, and reductions leave."""
    live = Life(on_open=stall, bars=12)
    placed = []
    place = live.exchange.place
    live.exchange.place = lambda new: placed.append((live.now_s, bool(new.reduce))) or place(new)
    live.run()
    assert [at for at, reduces in placed if at < 299 and not reduces] == []
    assert [at for at, reduces in placed if at > 299]
    assert live.final()[0] == live.final()[1]
