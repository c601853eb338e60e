"""A recorded session replays to the same hashes, is told from fact to fill, and a changed one is noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tradewind.errors import JournalError, NotFound
from tradewind.journal import Identity, JournalReader, RecordKind, RetentionRule
from tradewind.live.bodies import Boot, Instrument, decode_requests, layouts_at
from tradewind.live.explain import explain_order
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import small_world, walk
from tradewind.units.enums import RequestKind
from tradewind.units.ids import wire_id
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/told")
BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001")],
    [("restless", ("noise", "phase"), ("first", "second", "third"))], [(0, 0)], 20,
)  # fmt: skip


def record_session(steps=80, retention=None):
    disk = SimulatedDisk()
    place = Place(disk, FOLDER, Identity("told", ("sim",)), lambda: 0, "test", 60_000, snapshot_every=20)
    exchange = SimulatedExchange(small_world(), walk(steps))
    world = small_world()
    opened = open_session(place, world, LocalVenue(exchange), inside=exchange, boot=BOOT)
    asyncio.run(opened.session.run())
    opened.close(finished=True)
    if retention:
        opened.expire(place, retention)
    return disk, world


@pytest.fixture(scope="module")
def told():
    return record_session()


def orders(disk):
    reader = JournalReader(disk, FOLDER)
    rows = [
        decode_requests(r, layouts_at(reader.headers, r.seq))[1]
        for r in reader.records()
        if r.kind == RecordKind.REQUESTS
    ]
    return np.concatenate(rows)


def test_replay_gives_the_same_hashes(told):
    disk, world = told
    replayed = replay_journal(FOLDER, small_world(), disk)
    assert (replayed.decisions_hash, replayed.state_hash) == (world.decisions_hash(), world.state_hash())
    assert replayed.from_seq == 1
    assert replayed.states == 4
    compared = [r for r in JournalReader(disk, FOLDER).records() if chr(r.kind) not in "BCS"]
    assert replayed.records == len(compared)


def test_replay_starts_at_the_oldest_kept_snapshot():
    disk, world = record_session(retention=RetentionRule(2))
    replayed = replay_journal(FOLDER, small_world(), disk)
    assert replayed.from_seq > 1
    assert replayed.state_hash == world.state_hash()


def test_replay_with_other_parameters_differs(told):
    with pytest.raises(JournalError) as caught:
        replay_journal(FOLDER, small_world(seed=2), told[0])
    assert caught.value.code == "REPLAY_DIFFERS"


def test_explain_tells_a_filled_order_from_fact_to_fill(told):
    disk, _ = told
    for cid in orders(disk)["cid"].tolist():
        stages = [step.stage for step in explain_order(FOLDER, str(cid), disk).steps]
        if "fill" in stages:
            break
    assert stages[:6] == ["fact", "signals", "intent", "gate", "request", "ack"]
    told_order = explain_order(FOLDER, str(cid), disk)
    assert "fee" in stages
    assert (told_order.symbol, told_order.strategy) == ("S0USDT", "restless")
    signals, intent, request = (told_order.steps[i].detail for i in (1, 2, 4))
    assert list(signals) == ["noise", "phase"]
    assert intent["tag"] in ("first", "second", "third", "11", "12")
    assert request["price"] == intent["price"]
    assert float(request["price"]) == pytest.approx(500, rel=0.2)
    assert all(step.line() for step in told_order.steps)


def test_explain_tells_amends_and_cancels_with_their_reasons(told):
    disk, _ = told
    rows = orders(disk)
    for kind, word in ((RequestKind.AMEND, "amend"), (RequestKind.CANCEL, "cancel")):
        cid = int(rows["cid"][rows["kind"] == kind][0])
        details = [
            step.detail for step in explain_order(FOLDER, str(cid), disk).steps if step.stage == "request"
        ]
        assert word in [detail["kind"] for detail in details]


def test_explain_takes_the_id_of_the_wire_and_the_last(told):
    disk, _ = told
    last = int(orders(disk)["cid"][-1])
    assert explain_order(FOLDER, "last", disk).cid == last
    assert explain_order(FOLDER, wire_id("tw", 1, last), disk).cid == last


@pytest.mark.parametrize("order", ["1", "nonsense", "", "9" * 30, "äöü", "tw" + "0" * 19])
def test_explain_unknown_order_is_refused(told, order):
    with pytest.raises(NotFound) as caught:
        explain_order(FOLDER, order, told[0])
    assert caught.value.code == "ORDER_UNKNOWN"
