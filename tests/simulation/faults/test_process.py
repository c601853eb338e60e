"""Processes that die, hang, sleep, run out of memory or run wild, and strategies that fail (F75-F78, F86-F93)."""

import sys
import threading
from decimal import Decimal
from itertools import pairwise

import pytest

from tradewind.errors import SafetyRefusal
from tradewind.live.guard import Guard, GuardPolicy
from tradewind.live.renewal import Renewal
from tradewind.live.watch import Gauges, Watch, WatchLimits
from tradewind.ops.dispatch import Dispatcher
from tradewind.testing.logbook import alerted_s, asked_s, orders_of, placed_s, seconds, told
from tradewind.testing.steady import halts, sail_steady, unlucky_pair
from tradewind.units.enums import FactKind, Halt, RequestKind, Rule, WakeCode
from tradewind.venues.ccxt.caps import Caps

S = 1_000_000_000


def kill(deck):
    deck.process.kill()


def sent_once(sea):
    placed = [entry["client_id"] for entry in orders_of(sea, cause="placed") if not entry["parent_id"]]
    return len(placed) == len(set(placed)) > 3


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear", "okx_swap", "blofin_swap"])
def test_F75_a_process_killed_at_any_moment_sends_nothing_twice_and_loses_no_fill(venue):
    """Before a request leaves, while it is under way, between the fill and its news, while cancelling: the next process
    asks what became of everything, and goes on."""
    moments = (120.02, 180.018, 183.0, 240.02, 243.05, 300.02, 360.02)
    sea = sail_steady(venue, acts=[(at, kill) for at in moments], minutes=7.0, calm_minutes=3.0)
    assert sea.life.ends == ["killed"] * len(sea.life.ends)
    assert len(sea.life.ends) >= 6
    assert sent_once(sea)
    assert any(at > 420 for at in placed_s(sea))


def test_F76_a_process_killed_while_it_recovers_recovers_all_the_same():
    """A start is a recovery, however often it is broken off."""
    moments = (180.018, 180.3, 180.6, 181.0, 181.6, 182.5, 183.2)
    sea = sail_steady("binance_usdm", acts=[(at, kill) for at in moments], minutes=5.0, calm_minutes=3.0)
    assert len(sea.life.ends) >= 6
    assert sent_once(sea)
    assert any(at > 300 for at in placed_s(sea))


def test_F77_a_loop_of_crashes_is_ended_by_the_guard(tmp_path):
    """A process that dies again and again is left dead, and somebody is told; what rests at the exchange protects."""
    incidents = []
    dying = [sys.executable, "-S", "-c", "import os; os.kill(os.getpid(), 9)"]
    guard = Guard(dying, tmp_path, GuardPolicy(restarts_per_minute=3), tell=incidents.append)
    with pytest.raises(SafetyRefusal) as caught:
        guard.run()
    assert caught.value.code == "CRASH_LOOP"
    assert [incident.kind for incident in incidents] == ["died"] * 4 + ["crash loop"]


def test_F78_an_end_that_is_asked_for_while_an_order_leaves_is_an_order():
    """The process ends within seconds, its journal whole; what was under way is resolved by the next one."""
    sea = sail_steady(
        "binance_usdm", acts=[(180.02, lambda deck: deck.session.stop())], minutes=6.0, calm_minutes=2.0
    )
    assert sea.life.ends == ["stopped"]
    assert sent_once(sea)
    first = min(row["cid"] for _, row in told(sea, FactKind.NOT_SENT))
    assert first in sea.requests(RequestKind.NEW)["cid"].tolist()
    assert any(at > 300 for at in placed_s(sea))


def watched(gauges, limits=None, may_renew=lambda: False):
    """Return what starts a watch in each process; may_renew: a guard would start it again."""

    def begin(life, world):
        core, session = life.world.core, life.opened.session

        def monotonic():
            return int(world.loop.time() * S)

        watch = Watch(
            limits or WatchLimits(memory_bytes=100),
            gauges,
            world.loop.local_ns,
            monotonic,
            life.alerts.append,
            session.post,
            lambda: int(core["own_halts"][0]),
            Renewal(session, life.world, may_renew, monotonic).ask,
        )
        life.live_venue.inbox.start(watch.run())

    return begin


def test_F86_a_process_that_uses_too_much_memory_takes_no_new_risk():
    """It says so and holds; what is held is protected and closed; when it has passed it goes on."""
    used = [50]

    def uses(amount):
        return lambda deck: used.__setitem__(0, amount)

    gauges = Gauges(lambda: used[0], lambda: 1 << 40)
    sea = sail_steady(
        "binance_usdm",
        acts=[(150, uses(200)), (400, uses(50))],
        minutes=8.0,
        life={"on_open": watched(gauges)},
    )
    assert [(bits, on) for _, bits, on in halts(sea)] == [(Halt.MEMORY, True), (Halt.MEMORY, False)]
    assert [at for at in asked_s(sea, reduces=False) if 152 < at < 400] == []
    assert 150 < alerted_s(sea, "MEMORY_HIGH")[0] < 152
    assert any(at > 419 for at in placed_s(sea, reduces=False))


@pytest.mark.parametrize(("venue", "leaks"), [("binance_usdm", False), ("blofin_swap", True)])
def test_F86_a_process_whose_memory_does_not_come_back_is_started_again_in_order_and_not_again_and_again(
    venue, leaks
):
    """After a minute over its limit it keeps a snapshot, ends at a moment at which no request is under way, and its
    guard, which holds the leases meanwhile, starts another: nothing is sent twice and stops stay where they are. A
    process that uses too much from its start holds instead: it is started again once in an hour at most."""
    used, lives = [50], []

    def born(life, world):
        lives.append(seconds(world.loop.now_ns()))
        used[0] = 200 if lives[1:] and leaks else 50
        watched(Gauges(lambda: used[0], lambda: 1 << 40), may_renew=lambda: len(lives) == 1)(life, world)

    sea = sail_steady(
        venue,
        acts=[(150, lambda deck: used.__setitem__(0, 200))],
        minutes=7.5,
        life={"on_open": born},
    )
    assert sea.life.ends == ["stopped"]
    assert 210 < lives[1] < 216
    changes = [(bits, on) for _, bits, on in halts(sea)]
    assert changes == [(Halt.MEMORY, True)] + [(Halt.MEMORY, False)] * (not leaks)
    assert sea.life.opened.resumed_at > 100
    opened = [at for at in asked_s(sea, reduces=False) if at > 152]
    assert [at for at in opened if at < 220 or leaks] == []
    assert sent_once(sea) or leaks
    assert leaks or any(at > 419 for at in opened)
    assert len(sea.alerts("MEMORY_HIGH")) == 1


def test_F87_a_loop_that_stood_still_is_told_and_decides_nothing_late():
    """What was due meanwhile is skipped, not made up for; what protects rests at the exchange and needs no loop."""
    gauges = Gauges(lambda: 0, lambda: 1 << 40)
    sea = sail_steady(
        "binance_usdm",
        acts=[(238, lambda deck: deck.world.loop.block(15.0))],
        life={"on_open": watched(gauges, WatchLimits())},
    )
    assert any("stood still" in alert.text for alert in sea.alerts("LOOP_STALLED"))
    wakes = [row["code"] for at, row in told(sea, FactKind.WAKE) if 238 < at < 262]
    assert WakeCode.BATCH not in wakes
    assert [at for at in asked_s(sea) if 238 < at < 295] == []
    assert any(at > 299 for at in placed_s(sea))


@pytest.mark.parametrize(("nonsense", "rule"), [(False, Rule.RAISED), (True, Rule.BAD_OUTPUT)])
def test_F88_a_strategy_that_raises_or_wants_nonsense_is_held_alone(nonsense, rule):
    """Its openers go, it says nothing any more; the other one on the same instrument trades on."""

    def pair(instrument, seed, *, amends):
        return unlucky_pair(instrument, amends=amends, nonsense=nonsense)

    sea = sail_steady("binance_usdm", life={"make_world": pair}, minutes=6.0, protects=False)
    assert sea.life.world.strategies["held"].tolist() == [0, rule]
    ours = {cid >> 8 & 0xFFF for cid in sea.requests(RequestKind.NEW)["cid"].tolist()}
    assert ours == {0, 1}
    last = [(at, row["cid"] >> 8 & 0xFFF) for at, row in told(sea, FactKind.ACK)]
    assert max(at for at, context in last if context == 0) > 400
    closed = [at for at, row in told(sea, FactKind.ACK) if row["cid"] & 0xFFFFF == 0 and 360 < at < 366]
    assert len(closed) == 1, "its stop, which rests for the whole holding, does not keep it in"
    assert max(at for at, context in last if context == 1) < 250
    assert sea.life.ends == []


class Hanging(list):
    """Alerts that are handed to a notifier too, which never comes back until it is let go."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Event()
        self.called = threading.Event()
        self.dispatcher = Dispatcher([self.hang])

    def hang(self, title, body):
        self.called.set()
        self.gate.wait(60.0)

    def append(self, alert):
        super().append(alert)
        self.dispatcher.tell(alert)


def test_F89_a_notifier_that_hangs_delays_nothing():
    """Alerts go out through a thread of their own: the session trades on as if nobody had to be told."""
    alerts = Hanging()
    try:
        sea = sail_steady("binance_usdm", life={"alerts": alerts}, minutes=3.5, calm_minutes=1.0)
    finally:
        alerts.gate.set()
        alerts.dispatcher.close()
    assert alerts.called.is_set()
    usual = sail_steady("binance_usdm", minutes=3.5, calm_minutes=1.0)
    assert placed_s(sea) == placed_s(usual)


def test_F92_after_a_sleep_everything_is_read_before_anything_is_done():
    """Data and account count as stale until they were read again; decisions of the time asleep are skipped."""

    sea = sail_steady(
        "binance_usdm",
        acts=[
            (200, lambda deck: deck.process.freeze()),
            (800, lambda deck: deck.process.thaw(deck.world.loop)),
        ],
        minutes=14.0,
    )
    assert any("slept" in alert.text for alert in sea.alerts("LOOP_STALLED"))
    back = next(at for at, row in told(sea, FactKind.STREAM) if at > 800 and row["code"] == 0)
    assert [at for at in asked_s(sea, reduces=False) if 200 < at < back] == []
    decided = [
        at for at, row in told(sea, FactKind.WAKE) if row["code"] == WakeCode.BATCH and 200 < at < 1000
    ]
    assert min(decided) > 800
    assert any(at > 830 for at in placed_s(sea))


def test_F93_orders_beyond_the_hard_caps_never_leave():
    """Beside the signer, where no strategy and no setting of risk reaches, orders are counted and valued: what is too
    many or too large is not sent, and a person is told. What reduces always passes."""
    few = Caps(orders_per_minute_max=1, order_notional_max=Decimal(5_000))
    sea = sail_steady("binance_usdm", life={"settings": {"caps": few}}, minutes=6.0)
    openers = placed_s(sea, reduces=False)
    assert all(later - sooner > 59 for sooner, later in pairwise(openers))
    refused = [row["code"] for _, row in told(sea, FactKind.NOT_SENT)]
    assert Rule.ORDER_RATE in refused
    assert sea.alerts("CAP_HIT")
    small = Caps(order_notional_max=Decimal(100))
    sea = sail_steady("binance_usdm", life={"settings": {"caps": small}}, minutes=3.0, calm_minutes=1.0)
    assert placed_s(sea) == []
