"""A recorded session replays to the same hashes, is told from fact to fill, and a changed one is noticed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tradewind.engine.setup import AccountLimits
from tradewind.errors import JournalError, NotFound
from tradewind.journal import Authorship, Identity, JournalReader, RecordKind, RetentionRule, open_journal
from tradewind.journal.bodies import (
    LAYOUTS,
    NO_WAKE,
    Audit,
    BatchPart,
    Boot,
    Instrument,
    decode_facts,
    decode_requests,
    encode,
    encode_facts,
    layouts_at,
)
from tradewind.live.explain import Explanation, Step, Wishes, explain_order, explain_refused
from tradewind.live.facts import Told, rows_of
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.live.story import Story
from tradewind.live.takeover import first_cid
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.puppets import Desk
from tradewind.testing.sessions import small_world, walk
from tradewind.units.enums import FactKind, IntentKind, OperatorCode, RequestKind, Rule
from tradewind.units.ids import wire_id
from tradewind.units.jit import SLOTS, allocate
from tradewind.units.wire import Fact
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/told")
BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001", "USDT", 100_000_000)],
    [("restless", ("noise", "phase"), ("first", "second", "third"))], [(0, 0)], 20,
)  # fmt: skip


def record_session(steps=80, retention=None, limits=None, disk=None):
    disk = disk or SimulatedDisk()
    place = Place(disk, FOLDER, Identity("told", ("sim",)), lambda: 0, "test", 60_000, snapshot_every=20)
    exchange = SimulatedExchange(small_world(limits=limits), walk(steps))
    world = small_world(limits=limits)
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
    compared = [r for r in JournalReader(disk, FOLDER).records() if chr(r.kind) not in "BCSA"]
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


def test_a_state_that_is_another_at_the_end_is_told_apart_from_other_decisions(told, monkeypatch):
    """A newer version whose state has another form decides as it did, and cannot compare what it keeps."""
    disk, _ = record_session(15)
    world = small_world()
    monkeypatch.setattr(world, "state_hash", lambda: "f" * 64)
    with pytest.raises(JournalError, match="everything was decided as recorded") as caught:
        replay_journal(FOLDER, world, disk)
    assert caught.value.code == "REPLAY_DIFFERS"


def test_a_decision_that_does_not_come_out_is_a_difference_and_no_torn_end(told):
    """Once a replay that decided nothing where the session had was said to have come out as written."""
    world = small_world()
    world.strategies["held"] = Rule.HUNG
    with pytest.raises(JournalError, match="did not come out") as caught:
        replay_journal(FOLDER, world, told[0])
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


def facts_in(disk, kind):
    reader = JournalReader(disk, FOLDER)
    for record in reader.records():
        if record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            _, rows = decode_facts(record, layouts_at(reader.headers, record.seq))
            yield from rows[rows["kind"] == kind]


def test_fees_are_told_in_currency_and_fills_by_what_is_new(told):
    disk, _ = told
    fees = {int(row["trade_id"]): int(row["amount"]) for row in facts_in(disk, FactKind.FEE)}
    fills = list(facts_in(disk, FactKind.FILL))
    assert len(fills) > 5
    for row in fills:
        steps = explain_order(FOLDER, str(int(row["cid"])), disk).steps
        total = Decimal(0)
        for step in steps:
            if step.stage == "fill":
                total += Decimal(step.detail["quantity"])
            if step.stage == "fee":
                amount, currency = step.detail["amount"].split()
                assert currency == "USDT"
                assert Decimal(amount) == Decimal(fees[step.detail["trade"]]) / 10**8
                assert 0 < Decimal(amount) < 1
        mine = [int(other["qty_lot"]) for other in fills if other["cid"] == row["cid"]]
        assert total == max(mine) * Decimal("0.001")


def puppet_session(*rows):
    """Return the disk of a session in which a puppet wants these rows from its first bar on."""
    disk, desk = SimulatedDisk(), Desk()
    desk.want(*rows)
    play(disk, desk, walk(6))
    return disk


def play(disk, desk, feed):
    exchange = SimulatedExchange(Desk().world, feed)
    place = Place(disk, FOLDER, Identity("told", ("sim",)), lambda: 0, "test")
    opened = open_session(place, desk.world, LocalVenue(exchange), inside=exchange, boot=BOOT)
    asyncio.run(opened.session.run())
    opened.close(finished=True)


def told_by_stage(disk, order="last"):
    return {step.stage: step.detail for step in explain_order(FOLDER, order, disk).steps}


def test_a_market_order_has_no_price_but_the_market():
    told = told_by_stage(puppet_session({"kind": IntentKind.TARGET, "slot": 4, "qty_lot": 10}))
    assert told["intent"]["price"] == told["request"]["price"] == told["ack"]["price"] == "market"
    assert (told["request"]["order"], told["intent"]["does"]) == ("market", "holds")
    assert float(told["fill"]["price"]) == pytest.approx(500, rel=0.1)


def test_a_target_with_a_worst_price_and_a_trailing_stop_are_told_as_such():
    disk = puppet_session({"kind": IntentKind.TARGET, "slot": 4, "qty_lot": 10, "price_tick": 9_000})
    told = told_by_stage(disk)
    assert (told["request"]["order"], told["request"]["price"]) == ("limit IOC", "900.0")
    stop = {"kind": IntentKind.STOP, "slot": 5, "qty_lot": -1, "reduce": 1, "trail_tick": 150}
    told = told_by_stage(puppet_session({"kind": IntentKind.TARGET, "slot": 4, "qty_lot": 10}, stop))
    assert (told["request"]["order"], told["request"]["trail"], told["request"]["price"]) == (
        "stop",
        "15.0",
        "",
    )
    assert float(told["ack"]["price"]) == pytest.approx(485, rel=0.1)


def test_what_the_core_flattens_with_is_told_as_its_own_intent():
    disk, desk = SimulatedDisk(), Desk()
    desk.want({"kind": IntentKind.TARGET, "slot": 4, "qty_lot": 10})
    feed = walk(6, funding_every=0)
    end = allocate(Fact, 1)
    end["kind"], end["code"] = FactKind.OPERATOR, OperatorCode.FLATTEN
    end["venue_ts_ns"] = end["recv_ts_ns"] = feed.ts[3]
    play(disk, desk, replace(feed, events=end))
    told = told_by_stage(disk)
    assert told["intent"] == {
        "kind": "TARGET", "side": "long", "does": "closes", "price": "market", "trail": "",
        "quantity": "0.00", "slot": SLOTS - 4, "tag": "",
    } | {"quantity": told["intent"]["quantity"]}  # fmt: skip
    assert Decimal(told["intent"]["quantity"]) == 0
    assert told["fill"]["liquidity"] == "taker"
    assert told["cause"] == {"operator": "flatten"}
    assert "signals" not in told


@pytest.mark.parametrize(
    ("rule", "amount", "words"),
    [
        (Rule.MIN_NOTIONAL, 5e8, "5 USDT"),
        (Rule.MIN_QTY, 12.0, "0.012"),
        (Rule.LEVERAGE, 3.25, "3.25"),
        (Rule.ORDER_RATE, 30.0, "30"),
        (Rule.POSITION_NOTIONAL, 2.5e10, "250 USDT"),
        (Rule.POSITION_NOTIONAL, 1.5, "1.5"),
        (Rule.SIDE_LIMIT, float(1 << 62), "none"),
        (Rule.PRICE_BAND, float("inf"), "none"),
    ],
)
def test_a_refusal_is_told_in_the_unit_of_its_rule(told, rule, amount, words):
    disk, _ = told
    story = Story(int(orders(disk)["cid"][-1]), JournalReader(disk, FOLDER))
    story._take_boot(BOOT)
    assert story._compared(rule, amount) == words


def test_a_journal_that_names_no_currency_is_still_told():
    old = msgspec.msgpack.encode([["S0USDT", "0.1", "0.001"]])
    (instrument,) = msgspec.msgpack.decode(old, type=list[Instrument])
    assert (instrument.symbol, instrument.currency, instrument.scale) == ("S0USDT", "", 0)


def test_a_fee_that_names_its_order_is_told_once_with_its_amount(told):
    disk, _ = told
    fill = next(facts_in(disk, FactKind.FILL))
    reader = JournalReader(disk, FOLDER)
    record = next(r for r in reader.records() if r.kind == RecordKind.FACTS)
    story = Story(int(fill["cid"]), reader)
    story._take_boot(BOOT)
    rows = allocate(Fact, 2)
    for row, kind in zip(rows, (FactKind.FILL, FactKind.FEE), strict=True):
        row["kind"], row["cid"], row["trade_id"], row["qty_lot"] = kind, fill["cid"], 77, 3
    rows["amount"] = 25_000_000
    story._take_facts(record, rows)
    assert [step.stage for step in story.told.steps] == ["fill", "fee"]
    assert story.told.steps[-1].detail == {"trade": 77, "amount": "0.25 USDT"}


@pytest.mark.parametrize(("instrument", "trade", "fees"), [(0, 77, 1), (1, 77, 0), (0, 78, 0), (0, 0, 0)])
def test_a_fee_that_names_no_order_is_told_of_the_trade_of_its_instrument(told, instrument, trade, fees):
    disk, _ = told
    fill = next(facts_in(disk, FactKind.FILL))
    reader = JournalReader(disk, FOLDER)
    record = next(r for r in reader.records() if r.kind == RecordKind.FACTS)
    story = Story(int(fill["cid"]), reader)
    story._take_boot(BOOT)
    filled = Told(FactKind.FILL, 5, 5, cid=int(fill["cid"]), trade_id=77 if trade else 0, qty_lot=3)
    charged = Told(FactKind.FEE, 5, 5, instrument, trade_id=trade, amount=25_000_000)
    story._take_facts(record, rows_of([filled, charged]))
    assert [step.stage for step in story.told.steps] == ["fill"] + ["fee"] * fees


def test_what_a_takeover_cancelled_ends_once_and_by_its_word():
    """After a restart the venue's history says that the order is gone, and so does the core that waits for it."""
    stop = {"kind": IntentKind.STOP, "slot": 5, "qty_lot": -1, "reduce": 1, "trail_tick": 150}
    disk = puppet_session({"kind": IntentKind.TARGET, "slot": 4, "qty_lot": 10}, stop)
    before = explain_order(FOLDER, "last", disk)
    assert before.steps[-1].stage == "ack"
    theirs = ClientIds("abcdef").encode(before.cid)
    gone_for = "of S0USDT, sell 0.010 at 485.0, since nothing is held there"
    steps = ["cancel order 1", "", f"cancel stop {theirs} {gone_for}", "close 0.01 S0USDT long at market"]
    word = Audit(
        1 << 60, "ada (process 7)", "takeover", {"reason": "drill", "accounts": {"sim": {"steps": steps}}}
    )
    gone = [
        Told(kind, 5, 5, cid=before.cid, code=code)
        for kind, code in ((FactKind.CANCELLED, Rule.UNWANTED), (FactKind.EXPIRED, Rule.VENUE_OTHER))
    ]
    append(
        disk,
        (RecordKind.AUDIT, encode(word)),
        (
            RecordKind.FACTS,
            encode_facts(BatchPart(9_999, 1 << 61, 1, 1, NO_WAKE, again=False), rows_of(gone).tobytes()),
        ),
    )
    *_, cause, end = explain_order(FOLDER, theirs, disk).steps
    assert (cause.stage, cause.ts_ns) == ("cause", 1 << 60)
    said = {"operator": "takeover by ada (process 7)", "reason": "drill", "cancels": f"stop {gone_for}"}
    assert cause.detail == said
    assert (end.stage, end.detail["reason"]) == ("cancelled", "takeover")
    assert len(explain_order(FOLDER, "last", disk).steps) == len(before.steps) + 2


def append(disk, *records):
    """Go on with a journal without a session."""
    author = Authorship(Identity("told", ("sim",)), lambda: 1 << 61, "test", LAYOUTS)
    writer = open_journal(disk, FOLDER, author)
    for kind, body in records:
        writer.append(kind, body)
    writer.close()


def test_what_was_refused_is_told_from_fact_to_rule():
    disk = SimulatedDisk()
    record_session(40, limits=AccountLimits(open_orders=2), disk=disk)
    story = explain_order(FOLDER, "refused", disk)
    assert (story.cid, story.symbol, story.strategy) == (0, "S0USDT", "restless")
    assert [step.stage for step in story.steps] == ["fact", "signals", "intent", "gate"]
    told = {step.stage: step.detail for step in story.steps}
    assert list(told["signals"]) == ["noise", "phase"]
    assert (told["intent"]["kind"], told["intent"]["does"]) == ("REST", "opens")
    assert told["intent"]["tag"] == ("first", "second", "third")[told["intent"]["slot"]]
    assert told["gate"] == {"refused": "open orders", "limit": "2", "value": "2"}
    assert len({step.ts_ns for step in story.steps}) == 1


def test_a_halt_that_refused_is_told_in_place_of_the_bar():
    disk, desk = SimulatedDisk(), Desk()
    desk.want({"kind": IntentKind.REST, "slot": 1, "qty_lot": 40, "price_tick": 4_000})
    feed = walk(6, funding_every=0)
    end = allocate(Fact, 1)
    end["kind"], end["code"] = FactKind.OPERATOR, OperatorCode.PAUSE
    end["venue_ts_ns"] = end["recv_ts_ns"] = feed.ts[3]
    play(disk, desk, replace(feed, events=end))
    story = explain_order(FOLDER, "refused", disk)
    told = {step.stage: step.detail for step in story.steps}
    assert told["gate"]["refused"] == "halted"
    assert told["cause"] == {"operator": "pause"}
    assert told["intent"]["quantity"] == "0.040"


def test_a_session_that_had_nothing_refused_says_so(told):
    with pytest.raises(NotFound, match="nothing refused") as caught:
        explain_order(FOLDER, "refused", told[0])
    assert caught.value.code == "ORDER_UNKNOWN"


def amendment(minute, price="500.0", **gate):
    stages = {
        "fact": {}, "intent": {"price": price}, "gate": gate or {"verdict": "let through"},
        "request": {"kind": "amend", "price": price}, "amended": {"price": price},
    }  # fmt: skip
    return [Step(minute, minute * 60_000_000_000, stage, detail) for stage, detail in stages.items()]


def test_a_long_run_of_amendments_is_told_by_its_first_and_its_last():
    run = [amendment(minute, f"{490 + minute}.5") for minute in range(10)]
    made = [Step(0, 0, "fact", {}), Step(0, 0, "request", {"kind": "new", "price": "480.0"})]
    filled = [Step(11, 660_000_000_000, "fill", {"price": "499.5"})]
    told = Explanation(1, steps=[*made, *(step for part in run for step in part), *filled]).brief()
    # The last amendment is told with the fill that follows it, so that nine are left to fold.
    assert told == [*made, *run[0], told[7], *run[8], *run[9], *filled]
    assert told[7].detail == {
        "amendments": 7, "until": "1970-01-01T00:07:00Z", "price": "491.5 to 497.5",
    }  # fmt: skip
    assert told[7].line().startswith("1970-01-01T00:01:00Z  …")


def test_few_amendments_and_refused_ones_are_told_each():
    few = [step for minute in range(3) for step in amendment(minute)]
    assert Explanation(1, steps=few).brief() == few
    refused = [step for minute in range(5) for step in amendment(minute, refused="price band")]
    assert Explanation(1, steps=refused).brief() == refused


def test_what_was_refused_is_told_one_by_one_as_the_newest_is():
    disk = SimulatedDisk()
    record_session(40, limits=AccountLimits(open_orders=2), disk=disk)
    every = explain_refused(FOLDER, Wishes(None), disk)
    assert len(every) > 3
    assert every[-1] == explain_order(FOLDER, "refused", disk)
    assert explain_refused(FOLDER, Wishes(3), disk) == every[-3:]
    ends = [story.steps[-1] for story in every]
    assert {end.detail["refused"] for end in ends} == {"open orders"}
    assert [end.seq for end in ends] == sorted(end.seq for end in ends)
    assert len(
        {(end.seq, story.steps[-2].detail["slot"]) for end, story in zip(ends, every, strict=True)}
    ) == len(every)
    since_ns = ends[2].ts_ns
    later = explain_refused(FOLDER, Wishes(None, since_ns), disk)
    assert later == [story for story in every if story.steps[-1].ts_ns >= since_ns]
    assert later != every
    assert explain_refused(FOLDER, Wishes(None, strategy="restless", symbol="S0USDT"), disk) == every


@pytest.mark.parametrize(
    ("wishes", "said", "known"),
    [
        (Wishes(None, 1 << 62), "nothing of this refused", ()),
        (Wishes(None, strategy="calm"), "no strategy 'calm'", ("restless",)),
        (Wishes(None, symbol="XUSDT"), "no symbol 'XUSDT'", ("S0USDT",)),
    ],
)
def test_refusals_that_are_none_are_told_as_such(wishes, said, known):
    disk = SimulatedDisk()
    record_session(20, limits=AccountLimits(open_orders=2), disk=disk)
    with pytest.raises(NotFound, match=said) as caught:
        explain_refused(FOLDER, wishes, disk)
    assert (caught.value.code, caught.value.known) == ("ORDER_UNKNOWN", known)


def test_an_order_whose_market_has_expired_keeps_its_times():
    """The times of the facts before a decision are gone with them; once it was told as of the facts before those."""
    disk, _ = record_session(limits=AccountLimits(open_orders=2))
    cids = sorted(set(orders(disk)["cid"].tolist()))
    before = {cid: explain_order(FOLDER, str(cid), disk).steps for cid in cids}
    refused = explain_refused(FOLDER, Wishes(None), disk)
    shorter, _ = record_session(retention=RetentionRule(2), limits=AccountLimits(open_orders=2))
    expired = [r for r in JournalReader(shorter, FOLDER).records() if r.kind == RecordKind.EXPIRED]
    assert expired
    gone = 0
    for cid in cids:
        steps = explain_order(FOLDER, str(cid), shorter).steps
        kept = [step for step in before[cid] if step.stage != "fact" or step in steps]
        gone += len(before[cid]) - len(kept)
        assert [(step.stage, step.ts_ns) for step in steps] == [(step.stage, step.ts_ns) for step in kept]
    assert gone
    times = [story.steps[-1].ts_ns for story in explain_refused(FOLDER, Wishes(None), shorter)]
    assert times == [story.steps[-1].ts_ns for story in refused]


def test_an_order_of_a_takeover_is_told_by_its_word_and_by_what_it_traded():
    disk = puppet_session({"kind": IntentKind.TARGET, "slot": 4, "qty_lot": 10})
    cid = first_cid(1_800_000_000_000_000_000)
    steps = [
        f"close 0.02 S0USDT long at market, order {cid}1",
        f"close 0.01 S0USDT long at market, order {cid}",
    ]
    word = Audit(
        1 << 60, "ada (process 7)", "takeover", {"reason": "drill", "accounts": {"sim": {"steps": steps}}}
    )
    append(disk, (RecordKind.AUDIT, encode(word)))
    told = explain_order(FOLDER, str(cid), disk)
    did = {
        "operator": "takeover by ada (process 7)",
        "reason": "drill",
        "does": "close 0.01 S0USDT long at market",
    }
    assert [(step.stage, step.detail) for step in told.steps] == [("cause", did)]
    traded = Told(
        FactKind.ADL, 5, 5, cid=cid, price_tick=4_900, qty_lot=10, amount=49, trade_id=77, position_side=0
    )
    charged = Told(FactKind.FEE, 5, 5, amount=5, trade_id=77)
    rows = rows_of([traded, charged]).tobytes()
    append(
        disk, (RecordKind.FACTS, encode_facts(BatchPart(9_999, 1 << 61, 1, 1, NO_WAKE, again=False), rows))
    )
    told = explain_order(FOLDER, str(cid), disk)
    assert [step.stage for step in told.steps] == ["cause", "fill", "fee"]
    assert told.steps[1].detail == {"price": "490.0", "quantity": "0.010", "trade": 77}
    assert (told.symbol, told.strategy) == ("S0USDT", "")
