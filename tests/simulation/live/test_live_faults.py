"""What happens to a live session while it runs: streams break, hands trade, machines sleep."""

from __future__ import annotations

from random import Random

import pytest

from tradewind.journal import JournalReader, RecordKind
from tradewind.journal.bodies import decode_audit, decode_facts, decode_requests, layouts_at
from tradewind.live.explain import explain_order
from tradewind.live.reconcile import Policy
from tradewind.live.replay import replay_journal
from tradewind.live.venue import LiveRules
from tradewind.testing.sessions import START_NS, small_world
from tradewind.testing.small_exchange import Wire
from tradewind.testing.small_live import FOLDER, SmallLive
from tradewind.units.enums import BUY, LONG, FactKind, Halt, RequestKind, WakeCode

S = 1_000_000_000


class Disturbed(SmallLive):
    """Something happens at a minute of the session."""

    def __init__(self, at_s, happen, **settings):
        super().__init__(**settings)
        self._disturbance = (at_s, happen)

    def open(self):
        at_s, happen = self._disturbance
        left_s = at_s - (self.loop.now_ns() - START_NS) / 1e9
        if left_s > 0:
            self.loop.call_later(left_s, happen, self)
        return super().open()


def facts_of(live):
    """Yield (time, kind of batch, rows) of everything that was taken."""
    reader = JournalReader(live.disk, FOLDER)
    for record in reader.records():
        layouts = layouts_at(reader.headers, record.seq)
        if record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            head, rows = decode_facts(record, layouts)
            yield (head.now_ns - START_NS) / 1e9, head, rows
        elif record.kind == RecordKind.REQUESTS:
            yield None, None, decode_requests(record, layouts)[1]


def wakes(live):
    return [
        (at, head.wake) for at, head, _ in facts_of(live) if head is not None and head.part and head.wake >= 0
    ]


def opened_between(live, start_s, end_s):
    """Return the openers that were asked for in a span of time."""
    now, found = 0.0, []
    for at, _, rows in facts_of(live):
        now = now if at is None else at
        if at is None and start_s <= now < end_s:
            found += rows["cid"][(rows["kind"] == RequestKind.NEW) & (rows["reduce"] == 0)].tolist()
    return found


def audits(live):
    records = JournalReader(live.disk, FOLDER).records()
    return [decode_audit(record) for record in records if record.kind == RecordKind.AUDIT]


def test_while_the_own_stream_is_down_nothing_is_opened_and_the_account_is_read_until_it_is_back():
    """F09: fills happen meanwhile; they are known within seconds."""

    def break_it(live):
        live.gateway.lose_stream()
        live.loop.call_later(240, live.gateway.restore_stream)

    live = Disturbed(300, break_it, bars=14)
    live.run()
    assert opened_between(live, 300, 540) == []
    assert opened_between(live, 545, 2_000)
    assert live.final()[0] == live.final()[1]
    assert int(live.world.core["halts"][0]) == 0
    assert int(live.world.accounts["balance"][0]) == live.exchange.balance


def test_a_position_opened_by_hand_counts_and_halts_by_policy():
    """F48: recorded as external, never mended silently."""
    for external, halts in (("halt", True), ("ignore", False)):
        rules = LiveRules(warm_bars=2, reconcile_ns=20 * S, policy=Policy(external=external))
        live = Disturbed(400, lambda live: live.exchange.trade_by_hand(0, BUY, LONG, 7), rules=rules)
        live.run()
        assert live.world.views["external_lot"].tolist() == [[7, 0]]
        assert live.final()[0] == live.final()[1]
        assert bool(live.world.core["halts"][0] & Halt.EXTERNAL) == halts
        assert (opened_between(live, 430, 9_999) == []) == halts
        changes = [audit.detail for audit in audits(live) if audit.what == "halts"]
        assert [change["set"] for change in changes] == ([["EXTERNAL"]] if halts else [])


def test_a_position_opened_by_hand_is_adopted_by_policy_and_traded_on():
    """It is held by whoever trades the instrument from then on, and the money agrees to the last unit."""
    rules = LiveRules(warm_bars=2, reconcile_ns=20 * S, policy=Policy(external="adopt"))
    live = Disturbed(400, lambda live: live.exchange.trade_by_hand(0, BUY, LONG, 7), rules=rules)
    live.run()
    assert live.world.views["external_lot"].tolist() == [[0, 0]]
    assert live.final()[0] == live.final()[1]
    assert int(live.world.core["halts"][0]) == 0
    assert opened_between(live, 430, 9_999)
    booked = [row for _, _, rows in facts_of(live) for row in booked_in(rows)]
    assert [int(row["qty_lot"]) for row in booked] == [7]
    assert [alert.text for alert in live.alerts if "taken over" in alert.text]


def booked_in(rows):
    """Return the bookings among facts; none among requests."""
    return rows[rows["kind"] == FactKind.BOOKED] if "amount" in rows.dtype.names else rows[:0]


@pytest.mark.parametrize("dies_at", [(), *((step,) for step in range(627, 640, 2)), (1_500,)])
def test_a_fill_told_after_the_cancel_was_acknowledged_is_ours(dies_at):
    """F32: booked once, with its fee; nothing is external and the money agrees, also over a death of the process."""
    cids = []
    live = Disturbed(425, lambda live: cids.append(live.exchange.fill_late()), dies_at=dies_at)
    live.run()
    assert live.lives == len(dies_at)
    booked = [row for _, _, rows in facts_of(live) for row in booked_in(rows)]
    assert [int(row["cid"]) for row in booked] == cids
    assert live.world.views["external_lot"].tolist() == [[0, 0]]
    assert live.final()[0] == live.final()[1]
    assert int(live.world.accounts["balance"][0]) == live.exchange.balance
    assert not [alert for alert in live.alerts if alert.code in ("UNEXPLAINED", "RECONCILED")]
    assert "late fill" in [step.stage for step in explain_order(FOLDER, str(cids[0]), live.disk).steps]
    assert replay_journal(FOLDER, small_world(), live.disk).state_hash == live.world.state_hash()


@pytest.mark.parametrize("fence_s", [0, 6])
def test_an_order_that_is_given_up_leaves_a_record_of_why(fence_s):
    """The record names the looks that found nothing and when, and the order's story tells it."""
    wire = Wire(Random(3), request_lost=0.3)
    live = SmallLive(bars=8, wire=wire, fence_ns=fence_s * S)
    live.run()
    told = [audit for audit in audits(live) if audit.what == "ABANDONED"]
    assert len(told) == len([a for a in live.alerts if "it is given up" in a.text]) > 0
    for audit in told:
        detail = audit.detail
        assert detail["cid"] not in live.exchange.created
        assert detail["looks"] >= 2
        assert detail["first_look_ns"] >= detail["asked_ns"] > START_NS
        assert detail["fence_ns"] == fence_s * S
        apart_ns = detail["last_look_ns"] - (detail["asked_ns"] if fence_s else detail["first_look_ns"])
        assert apart_ns > (detail["fence_ns"] if fence_s else 59 * S)
        assert bool(detail["position_agreed_ns"] > detail["first_look_ns"]) or fence_s
    steps = explain_order(FOLDER, str(told[0].detail["cid"]), live.disk).steps
    (given_up,) = [step for step in steps if step.stage == "abandoned"]
    assert "none of the venue's lists" in given_up.detail["reason"]
    assert [step.stage for step in steps][-1] == "not sent"


def test_the_first_comparison_is_no_difference():
    """At a first start the balance is the venue's; nobody is told that something was off."""
    live = SmallLive(bars=3)
    live.exchange.balance += 5_000 * 100_000_000
    live.run()
    assert [alert.code for alert in live.alerts if alert.code in ("RECONCILED", "UNEXPLAINED")] == []
    assert int(live.world.accounts["start"][0]) == 15_000 * 100_000_000


def test_after_the_machine_slept_everything_is_read_before_anything_is_decided():
    """F92."""

    def sleep(live):
        live.loop._jumping.now_ns += 7_200 * S

    live = Disturbed(405, sleep, bars=140)
    live.run()
    codes = [alert.code for alert in live.alerts]
    assert "LOOP_STALLED" in codes
    assert all(wake != WakeCode.BATCH for at, wake in wakes(live) if 405 < at < 7_600)
    assert opened_between(live, 7_700, 99_999)
    assert live.final()[0] == live.final()[1]
    assert int(live.world.accounts["balance"][0]) == live.exchange.balance


def test_decisions_that_come_too_late_are_skipped_and_never_made_up_for():
    """F87: the loop stood still for 45 seconds, less than would count as sleep."""
    live = Disturbed(
        418, lambda live: setattr(live.loop._jumping, "now_ns", live.loop._jumping.now_ns + 45 * S)
    )
    live.run()
    late = [wake for at, wake in wakes(live) if 418 < at < 470]
    assert late == [WakeCode.MARK]
    assert opened_between(live, 418, 470) == []
    assert opened_between(live, 470, 9_999)


def test_replay_of_a_disturbed_session_ends_in_the_same_state():
    live = Disturbed(400, lambda live: live.exchange.trade_by_hand(0, BUY, LONG, 7))
    live.run()
    assert replay_journal(FOLDER, small_world(), live.disk).state_hash == live.world.state_hash()
