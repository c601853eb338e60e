"""What a gateway is told beside what the core asked for: how long an opener lives, what it is worth, that we live."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.facts import asked_of
from tradewind.live.inbox import Inbox
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing.clock import VirtualLoop
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world
from tradewind.testing.small_exchange import SmallExchange, SmallFeed, SmallGateway, Wire
from tradewind.units.enums import BUY, LONG, SELL, IntentKind, RequestKind, Rule
from tradewind.venues.gateway import Outcome, OutcomeKind
from tradewind.venues.keys.report import KeyReport
from tradewind.venues.port import REQUEST

S = 1_000_000_000
TAKEN = Outcome(OutcomeKind.ACCEPTED)


class Noting(SmallGateway):
    """A gateway that notes what it is asked, and answers as it is told to."""

    answer = TAKEN

    def __init__(self, *parts):
        super().__init__(*parts)
        self.sent, self.armed = [], []

    async def create(self, orders, hear=None):
        self.sent += orders
        return await super().create(orders, hear)

    async def arm_dead_man(self, timeout_s):
        self.armed.append((self._clock(), timeout_s))
        return self.answer


class InParts(SmallGateway):
    """A gateway that knows at once what became of some orders, and of the others late or never."""

    async def create(self, orders, hear=None):
        for place in (2, 0):
            hear(place, Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_MARGIN))
        await asyncio.sleep(9.0)
        if self.breaks:
            raise OSError("broken")
        return [TAKEN] * len(orders)


class Keeping(SmallGateway):
    """A gateway that learns what its key may do when it is opened."""

    key_report = None
    said = None

    async def open(self):
        await super().open()
        self.key_report = self.said


@pytest.mark.parametrize(
    ("addresses", "demo", "told"),
    [((), False, ["KEY_ANYWHERE"]), (("192.0.2.7",), False, []), (None, False, []), ((), True, [])],
    ids=["anywhere", "listed", "not said", "practice money"],
)
def test_a_key_of_real_money_that_may_be_used_from_anywhere_is_told_at_each_start(addresses, demo, told):
    loop, alerts, dice = VirtualLoop(START_NS), [], random.Random(1)
    gateway = Keeping(SmallExchange(loop.now_ns, 1e6, MINUTE_NS, dice), Wire(dice), loop.now_ns)
    gateway.said = KeyReport("bybit_linear", demo, addresses=addresses)
    terms = AccountTerms("small", frozenset({0}), {"USDT": 0})
    account = TradingAccount(0, terms, gateway, Inbox(), loop.now_ns)
    try:
        loop.run_until_complete(account.open(alerts.append))
        loop.run_until_complete(gateway.close())
    finally:
        loop.close()
    assert [alert.code for alert in alerts] == told
    assert all("small" in alert.text and "bybit_linear" in alert.text for alert in alerts)


class Bench:
    """An account at a small exchange in virtual time."""

    def __init__(self):
        self.loop = VirtualLoop(START_NS)
        dice = random.Random(1)
        self.exchange = SmallExchange(self.loop.now_ns, 1e6, MINUTE_NS, dice)
        self.gateway = Noting(self.exchange, Wire(dice), self.loop.now_ns)

    def sent(self, rows, **terms):
        """Return what leaves for the gateway."""
        inbox = Inbox()
        account = TradingAccount(
            0,
            AccountTerms("small", frozenset({0}), {"USDT": 0}, **terms),
            self.gateway,
            inbox,
            self.loop.now_ns,
        )

        async def send():
            account.send(asked_of(rows), np.array([5_000]))
            while not inbox.items:
                await inbox.wait(1.0)
            await inbox.close()

        self.loop.run_until_complete(send())
        self.loop.close()
        return {order.cid: order for order in self.gateway.sent}


def row(cid, kind, side=BUY, *, reduce=0, price_tick=4_000):
    made = np.zeros(1, REQUEST)
    made["kind"], made["order_kind"], made["cid"], made["side"] = RequestKind.NEW, kind, cid, side
    made["position_side"], made["reduce"], made["price_tick"], made["qty_lot"] = LONG, reduce, price_tick, 3
    return made


ROWS = np.concatenate([
    row(1 << 20, IntentKind.REST), row(2 << 20, IntentKind.REST, SELL, reduce=1, price_tick=6_000),
    row(3 << 20, IntentKind.STOP, SELL, reduce=1, price_tick=3_000), row(4 << 20, IntentKind.TARGET, price_tick=0),
])  # fmt: skip


def test_openers_that_rest_carry_an_end_and_nothing_else_does():
    sent = Bench().sent(ROWS, opener_life_ns=90 * S)
    assert {cid >> 20: order.expires_ns for cid, order in sent.items()} == {
        1: START_NS + 90 * S,
        2: 0,
        3: 0,
        4: 0,
    }


def test_without_such_a_policy_no_order_ends_by_itself():
    assert {order.expires_ns for order in Bench().sent(ROWS).values()} == {0}


def test_each_order_is_sent_with_the_last_price_by_which_its_worth_is_capped():
    assert {order.near_tick for order in Bench().sent(ROWS).values()} == {5_000}


@pytest.mark.parametrize(("breaks", "rest"), [(False, OutcomeKind.ACCEPTED), (True, OutcomeKind.UNKNOWN)])
def test_what_is_known_of_an_order_waits_for_no_other_and_each_is_answered_once(breaks, rest):
    loop, inbox, dice = VirtualLoop(START_NS), Inbox(), random.Random(1)
    gateway = InParts(SmallExchange(loop.now_ns, 1e6, MINUTE_NS, dice), Wire(dice), loop.now_ns)
    gateway.breaks = breaks
    account = TradingAccount(
        0, AccountTerms("small", frozenset({0}), {"USDT": 0}), gateway, inbox, loop.now_ns
    )

    def answered():
        return [(item.cid >> 20, item.outcome.kind) for item in inbox.items]

    async def send():
        account.send(asked_of(ROWS), np.array([5_000]))
        await asyncio.sleep(1.0)
        soon = answered()
        asking = [cid for cid in (1, 2, 3, 4) if account.is_asking(cid << 20)]
        await asyncio.sleep(9.0)
        await inbox.close()
        return soon, asking

    soon, asking = loop.run_until_complete(send())
    loop.close()
    assert soon == [(3, OutcomeKind.REJECTED), (1, OutcomeKind.REJECTED)]
    assert asking == [2, 4]
    assert answered() == [*soon, (2, rest), (4, rest)]


def armed_for(minutes, answer=TAKEN, *, stands_down=False, at_end=TAKEN, **terms):
    """Return when the venue was told that we live, and what a person was told, of a session of some minutes.

    stands_down: an operator ends it, and the venue answers `at_end` to that.
    """
    bench = Bench()
    bench.gateway.answer = answer
    told = []
    venue = LiveVenue(
        small_world(), [(AccountTerms("small", frozenset({0}), {"USDT": 0}, **terms), bench.gateway)],
        {0: SmallFeed(bench.exchange)}, LiveRules(), bench.loop.now_ns, notify=told.append,
    )  # fmt: skip

    async def live():
        number = 0
        while bench.loop.now_ns() < START_NS + minutes * MINUTE_NS:
            batch = await venue.next_batch(number, number)
            number = max(number, batch.number)
        if stands_down:
            bench.gateway.answer = at_end
            await venue.stand_down()
            await asyncio.sleep(600)
        await venue.close()

    bench.exchange.listen(lambda event: None)
    bench.loop.run_until_complete(live())
    bench.loop.close()
    return bench.gateway.armed, [alert for alert in told if alert.code == "DEAD_MAN"]


def test_the_venue_is_told_three_times_within_its_patience_that_we_live():
    armed, told = armed_for(12, dead_man_s=120.0)
    assert {seconds for _, seconds in armed} == {120.0}
    gaps = np.diff([at_ns for at_ns, _ in armed])
    assert len(gaps) >= 4
    assert (np.abs(gaps - 40 * S) <= 1).all()
    assert told == []


def test_a_venue_without_patience_is_told_nothing():
    assert armed_for(2)[0] == []


def test_a_timer_that_cannot_be_armed_is_told_once_and_tried_on():
    armed, told = armed_for(12, Outcome(OutcomeKind.REJECTED, text="no such thing"), dead_man_s=120.0)
    assert len(armed) >= 4
    assert ["no such thing" in alert.text for alert in told] == [True]


def test_a_session_that_is_stopped_takes_the_timer_back_and_does_not_set_it_again():
    armed, told = armed_for(5, stands_down=True, dead_man_s=120.0)
    assert [seconds for _, seconds in armed][-2:] == [120.0, 0.0]
    assert [seconds for _, seconds in armed].count(0.0) == 1
    assert told == []


def test_a_session_that_ends_otherwise_leaves_the_timer_to_go_off():
    armed, _ = armed_for(5, dead_man_s=120.0)
    assert 0.0 not in [seconds for _, seconds in armed]


def test_a_timer_that_cannot_be_taken_back_is_told():
    refusal = Outcome(OutcomeKind.REJECTED, text="not now")
    _, told = armed_for(5, stands_down=True, at_end=refusal, dead_man_s=120.0)
    assert ["may go off in 120 s: not now" in alert.text for alert in told] == [True]
    assert armed_for(2, stands_down=True) == ([], [])
