"""A live session is killed at steps of its loop and comes back: nothing is sent twice, no fill is lost."""

from __future__ import annotations

import random

import pytest

from tradewind.live.replay import replay_journal
from tradewind.testing.sessions import small_world
from tradewind.testing.small_exchange import Wire
from tradewind.testing.small_live import FOLDER, SmallLive


def check(live):
    """What must hold after any life, however often it was cut short."""
    ours, theirs = live.final()
    assert ours == theirs
    assert len(live.exchange.asked) == len(set(live.exchange.asked)), "an order was sent twice"
    assert live.exchange.doubled == [], "two orders for one intent"
    assert told(live) == live.exchange.filled(), "a fill was lost"
    assert int(live.world.accounts["balance"][0]) == live.exchange.balance
    working = live.world.contexts["working"]["order"]
    believed = set(working["cid"][working["state"] > 0].tolist())
    assert believed == set(live.exchange.working())
    assert replay_journal(FOLDER, small_world(), live.disk).state_hash == live.world.state_hash()


def told(live):
    ledger = live.venue.books._ledger
    return {cid: known.told_lot for cid, known in ledger._orders.items() if known.told_lot}


def explained(live):
    """Nothing that happened came as a surprise."""
    assert not [alert for alert in live.alerts if alert.code in ("UNEXPLAINED", "RECONCILED")]
    assert int(live.world.core["halts"][0]) == 0


@pytest.fixture(scope="module")
def undisturbed():
    live = SmallLive()
    live.run()
    check(live)
    explained(live)
    assert len(live.exchange.fills) >= 2
    assert len(live.exchange.created) >= 8
    return live


def test_killed_at_a_step_it_ends_as_it_should(undisturbed):
    for step in range(2, undisturbed.steps, 61):
        live = SmallLive(dies_at=(step,))
        live.run()
        assert live.lives == 1, step
        check(live)
        explained(live)


def test_killed_again_while_it_comes_back_it_ends_as_it_should():
    for seed in range(8):
        dice = random.Random(seed)
        live = SmallLive(seed=seed, dies_at=tuple(dice.choice((3, 20, 40, 90, 400)) for _ in range(8)))
        live.run()
        assert live.lives == 8
        check(live)
        explained(live)


@pytest.mark.parametrize("fence_s", [6, 0])
def test_with_a_bad_wire_it_ends_as_it_should(fence_s):
    """Requests and answers get lost, what is told is lost, late or doubled, and the process dies on top of it."""
    happened = {}
    for seed in range(8):
        dice = random.Random(seed)
        wire = Wire(
            dice, lambda dice=dice: dice.choice((0.001, 0.02, 0.4)), request_lost=0.1, request_late=0.1,
            answer_lost=0.1, event_lost=0.1, event_twice=0.1, event_late=0.1,
        )  # fmt: skip
        live = Calming(
            bars=16, seed=seed, fence_ns=fence_s * 10**9, dies_at=(dice.randint(200, 2000),), wire=wire
        )
        live.run()
        check(live)
        for name, count in wire.happened.items():
            happened[name] = happened.get(name, 0) + count
    assert all(
        happened.get(name, 0) > 5 for name in ("request_lost", "request_late", "answer_lost", "event_lost")
    )


class Calming(SmallLive):
    """Misfortunes end some bars before the session does."""

    def open(self):
        bars_s = (self._end_ns - self.loop.now_ns()) / 1e9 - 200
        self.loop.call_later(max(0.0, bars_s), self._calm)
        return super().open()

    def _calm(self):
        self.wire.calm = True
