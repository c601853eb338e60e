"""A paper session as a process: it stops in order, goes on where it was, and shares nothing."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tradewind.config import Workspace, config_hash, session_from, to_toml
from tradewind.engine.setup import VenueSetup
from tradewind.errors import Busy, SafetyRefusal
from tradewind.journal import FileDisk, JournalReader, RecordKind, verify_journal
from tradewind.journal.bodies import Boot, Instrument, decode_facts, layouts_at
from tradewind.live.paper import PaperSetup, run_paper
from tradewind.live.replay import replay_journal
from tradewind.live.resolver import PATIENCE_NS
from tradewind.testing.misfortunes import ForgetfulVenue
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import SCENARIOS, make_market, make_world, play
from tradewind.testing.sessions import MINUTE_NS, small_world, walk
from tradewind.units.enums import FactKind, OrderState
from tradewind.venues.simulated.feed import ReplayFeed

STEPS = 120
IN_FLIGHT = (OrderState.PENDING, OrderState.AMENDING, OrderState.CANCELLING, OrderState.UNKNOWN)
BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001")],
    [("restless", ("noise", "phase"), ())], [(0, 0)], 20,
)  # fmt: skip


@pytest.fixture
def desk(tmp_path):
    return Workspace.create(tmp_path / "desk")


def setup(steps=STEPS, boot=BOOT):
    return PaperSetup(small_world, walk(steps), boot)


def backtest():
    world, feed = small_world(), walk(STEPS)
    equity = np.zeros((STEPS, 1, 3), np.int64)
    assert world.advance(feed.bars, feed.ts, feed.events, equity, 0, STEPS) == STEPS
    return world


def test_session_runs_to_the_end_and_decides_as_the_backtest(desk):
    told = []
    result = run_paper(setup(), desk, "first", progress=lambda done, steps: told.append((done, steps)))
    world = backtest()
    assert result.finished
    assert (result.decisions_hash, result.state_hash) == (world.decisions_hash(), world.state_hash())
    assert result.equities[0] == pytest.approx(world.accounts["equity"][0] / 1e8)
    assert told == [(step, STEPS) for step in range(1, STEPS + 1)]
    assert replay_journal(result.folder, small_world()).state_hash == result.state_hash


def test_session_told_to_stop_ends_in_order_and_goes_on_later(desk):
    def stop_halfway(done, _steps):
        if done == STEPS // 2:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = run_paper(setup(), desk, "first", snapshot_every=16, progress=stop_halfway)
    assert not stopped.finished
    assert stopped.steps < STEPS
    assert verify_journal(FileDisk(), stopped.folder).bytes_dropped == 0
    ended = run_paper(setup(), desk, "first", snapshot_every=16)
    assert (ended.finished, ended.process) == (True, 2)
    assert ended.resumed_at > 1
    assert ended.state_hash == backtest().state_hash()


def test_session_that_has_ended_is_only_run_again_to_say_so(desk):
    first = run_paper(setup(), desk, "first")
    again = run_paper(setup(), desk, "first")
    assert (again.finished, again.state_hash, again.requests) == (True, first.state_hash, first.requests)
    kinds = [r.kind for r in JournalReader(FileDisk(), first.folder).records()]
    assert kinds.count(RecordKind.BOOT) == 2


def test_what_it_ends_with_names_who_is_held_and_for_which_row(desk):
    def wanting_one_slot_twice():
        world = Desk()
        world.want({"qty_lot": 5, "price_tick": 900}, {"qty_lot": 5, "price_tick": 901})
        return world.world

    assert run_paper(setup(), desk, "first").held == ()
    told = run_paper(PaperSetup(wanting_one_slot_twice, walk(STEPS), BOOT), desk, "second").held
    assert [text.partition(": ")[0] for text in told] == ["restless"]
    assert "S0USDT, row 2 of 2, a rest in slot 0 that opens" in told[0]


def test_what_it_ends_with_names_the_currency(desk):
    assert run_paper(setup(), desk, "first").currencies == ("USDT",)


def test_two_sessions_run_side_by_side_and_none_runs_twice(desk):
    (first,) = desk.session_locks("first", ()).values()
    FileDisk().make_folder(first.parent)
    lease = FileDisk().lock(first, "trades the first elsewhere")
    account = FileDisk().lock(desk.account_lock("paper"), "trades an account of this name")
    assert run_paper(setup(), desk, "second").finished
    with pytest.raises(Busy, match="trades the first elsewhere"):
        run_paper(setup(), desk, "first")
    lease.release()
    account.release()
    FileDisk().make_folder(desk.session_dir("first"))
    lock = FileDisk().lock(desk.session_dir("first") / "lock", "writes the journal")
    with pytest.raises(Busy, match="writes the journal"):
        run_paper(setup(), desk, "first")
    lock.release()


def test_session_of_another_configuration_or_account_is_refused(desk):
    run_paper(setup(), desk, "first")
    for changed, what in (("config_hash", "configuration"), ("code_hash", "code"), ("data_hash", "history")):
        other = msgspec.structs.replace(BOOT, **{changed: "0ther"})
        with pytest.raises(SafetyRefusal, match=what) as caught:
            run_paper(setup(boot=other), desk, "first")
        assert caught.value.code == "JOURNAL_IDENTITY"
    with pytest.raises(SafetyRefusal, match="JOURNAL_IDENTITY"):
        run_paper(setup(), desk, "first", account="second")


def test_what_differs_in_the_settings_is_named_and_a_setting_that_is_new_today_does_not_differ(desk):
    loss = {"strategy": "steady", "capital": {"amount": 1_000.0, "currency": "USDT"}, "protection": "none",
            "market": {"venue": "generated", "symbols": ["S0USDT"], "bars": "1m"},
            "limits": {"loss_day_pct": 5.0}}  # fmt: skip
    begun, now = (session_from(loss | {"limits": {"loss_day_pct": percent}}).config for percent in (5.0, 4.0))
    older = "\n".join(
        line for line in to_toml(begun).splitlines() if not line.startswith("reconcile_every_s")
    )
    assert older != to_toml(begun)
    first = msgspec.structs.replace(BOOT, config=older, config_hash="of an older version")
    run_paper(setup(boot=first), desk, "first")
    same = msgspec.structs.replace(BOOT, config=to_toml(begun), config_hash=config_hash(begun))
    assert run_paper(setup(boot=same), desk, "first").finished
    other = msgspec.structs.replace(BOOT, config=to_toml(now), config_hash=config_hash(now))
    with pytest.raises(SafetyRefusal, match=r"; limits\.loss_day_pct was 5\.0, is 4\.0\n") as caught:
        run_paper(setup(boot=other), desk, "first")
    assert caught.value.code == "JOURNAL_IDENTITY"


def test_session_at_the_pace_of_the_feed_waits_for_it(desk):
    began = time.monotonic()

    def stop_soon(done, _steps):
        if done == 1:
            signal.setitimer(signal.ITIMER_REAL, 0.3)

    old = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        result = run_paper(setup(), desk, "first", speed="1x", progress=stop_soon)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert not result.finished
    assert result.steps <= 2
    assert time.monotonic() - began < 30


def forgets_some(row):
    """Lose every fifth acknowledgement, and every third of an amend or of a cancel, for good."""
    each = {FactKind.ACK: 5, FactKind.AMENDED: 3, FactKind.CANCELLED: 3}.get(int(row["kind"]), 0)
    return each > 0 and int(row["seq"]) % each == 0


@pytest.mark.parametrize("stopped", [False, True])
def test_an_order_whose_answer_was_lost_is_asked_about_and_resolved(desk, stopped):
    venues, worlds = [], []

    def reach(exchange):
        venues.append(ForgetfulVenue(exchange, forgets_some))
        return venues[-1]

    def make_world():
        worlds.append(small_world())
        return worlds[-1]

    def stop_on_the_way(done, _steps):
        if stopped and done == STEPS // 2:
            os.kill(os.getpid(), signal.SIGTERM)

    paper = PaperSetup(make_world, walk(STEPS), BOOT, reach)
    result = run_paper(paper, desk, "lossy", snapshot_every=16, progress=stop_on_the_way)
    assert result.finished != stopped
    if stopped:
        result = run_paper(paper, desk, "lossy", snapshot_every=16)
    assert result.finished
    asked = {cid for venue in venues for cid in venue.asked}
    assert len(asked) > 10
    assert {int(row["cid"]) for row in facts_of(result.folder, FactKind.UNKNOWN)} == asked
    check_settled(worlds[-2], worlds[-1], result.now_ns)
    assert replay_journal(result.folder, small_world()).state_hash == result.state_hash


def check_settled(ours, theirs, now_ns):
    """Both sides agree about the position and about every order that was not asked for just now."""
    patience_ns = PATIENCE_NS + 2 * MINUTE_NS
    orders = ours.contexts["working"]["order"][0]
    fresh = orders["asked_ns"] > now_ns - patience_ns
    assert not np.isin(orders["state"][~fresh], IN_FLIGHT).any()
    rests = theirs.venue_contexts["order"]["cid"][0]
    live = orders["cid"][(orders["state"] == OrderState.LIVE) & ~fresh]
    assert np.isin(live, rests).all()
    held = ours.contexts["working"]["holding"]["pos_lot"][0] + ours.views["external_lot"][0]
    at_venue = theirs.venue_instruments["pos_lot"][0]
    assert int(held[0] - held[1]) == int(at_venue[0] - at_venue[1])


def facts_of(folder, kind):
    reader = JournalReader(FileDisk(), folder)
    for record in reader.records():
        if record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            _, rows = decode_facts(record, layouts_at(reader.headers, record.seq))
            yield from rows[rows["kind"] == kind]


@pytest.mark.parametrize("latency_s", [(20, 55, 3, 1), (90, 60, 0, 0)])
def test_an_order_that_is_only_late_is_not_asked_about(desk, latency_s):
    request, answer, feed, grace = (seconds * 1_000_000_000 for seconds in latency_s)
    late = VenueSetup(lagged=True, request_ns=request, answer_ns=answer, feed_ns=feed, grace_ns=grace)
    venues, market = [], walk(STEPS)

    def reach(exchange):
        venues.append(ForgetfulVenue(exchange, lambda row: False))
        return venues[-1]

    def make_world():
        return small_world(venue=late)

    result = run_paper(PaperSetup(make_world, market, BOOT, reach), desk, "late")
    world, equity = make_world(), np.zeros((STEPS, 1, 3), np.int64)
    world.advance(market.bars, market.ts, market.events, equity, 0, STEPS)
    assert venues[0].asked == []
    assert (result.decisions_hash, result.state_hash) == (world.decisions_hash(), world.state_hash())


def test_a_session_whose_wallet_is_gone_ends_there_and_says_so(desk):
    scenario = replace(SCENARIOS["liquidated"], seed=3)
    market, tested = make_market(scenario, 200), make_world(scenario)
    played = play(tested, market)
    assert tested.venues["bankrupt"][0]
    feed = ReplayFeed(market.bars, market.ts, market.events, MINUTE_NS)
    boot = msgspec.structs.replace(BOOT, contexts=[(0, 0), (0, 1)], instruments=BOOT.instruments * 2)
    paper = PaperSetup(lambda: make_world(scenario), feed, boot)
    for process in (1, 2):
        result = run_paper(paper, desk, "ruin")
        assert (result.finished, result.bankrupt, result.process) == (True, True, process)
        assert result.steps == played.bars < len(market)
        assert result.state_hash == tested.state_hash()
