"""A session at a fake exchange trades on what comes from outside, forgets it in time, and replays to the bit."""

from __future__ import annotations

import asyncio
import gc
import json

import numpy as np
import pytest

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.journal import JournalReader, RecordKind, verify_journal
from tradewind.journal.bodies import decode_facts, layouts_at
from tradewind.live.intake import FeatureBounds, Intake, IntakeTerms
from tradewind.live.nonces import Nonces
from tradewind.live.outside import Feature, ForgettingVenue
from tradewind.live.replay import replay_journal
from tradewind.live.signing import path_of, sign
from tradewind.live.taking import by_place
from tradewind.live.webhook import SignalDesk
from tradewind.ops.intelligence.database import Intelligence
from tradewind.strategies.wants import target_net
from tradewind.testing.venue_live import FOLDER, VenueLife, live_at
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import FactKind, Verdict
from tradewind.units.jit import kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.keys import Secret

# What a killed process leaves behind never gets to its end; it is dropped here, not in somebody else's test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

S = 1_000_000_000
PATH = path_of("live")
FEATURE = Feature("exposure", "X", 0, 0, 150 * S)
BOUNDS = {"exposure": FeatureBounds(-1.0, 1.0, ("X",))}
KEY = Secret("the key of a test, longer than a guess")


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


@kernel(sig=DECIDE, checked=True)
def following(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Hold what a value from outside says, and nothing where none is known."""
    intents.signal[0] = view.feature[0]
    intents.signal[1] = 1.0 if view.feature_ns[0] > 0 else 0.0
    wanted = int(params.v[0] * view.feature[0]) if view.feature_ns[0] > 0 else 0
    target_net(intents, wanted)
    return Verdict.SET


def following_world(instrument, seed, *, amends):
    params = np.zeros(PARAMS)
    params[0] = 20.0 * max(int(instrument.min_qty / instrument.lot_size), 1)
    setup = InstrumentSetup(instrument, leverage=5.0, amends=amends, highest_price=1e7)
    return World([WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(following, [0], params)])


class Outside:
    """Somebody who sends signals to a life, each process of which has a desk of its own."""

    def __init__(self, *sent):
        self.sent = sorted(sent)
        self.answers, self.forgotten, self.positions = [], [], []
        self.dies = ""

    def open(self, life, world):
        session = life.opened.session
        session.venue = ForgettingVenue(
            life.live_venue, life.world, (FEATURE,), lambda old, now_ns: self.forgotten.append(now_ns)
        )

        async def keep(work):
            moment, self.dies = self.dies, ""
            if moment != "before":
                await session.disk(work)
            if moment:
                life.process.kill()
                await asyncio.sleep(0)  # Nothing of it runs any more.

        nonces = Nonces(life.disk, FOLDER, 300_000, world.loop.now_ns() // 1_000_000)
        desk = SignalDesk(
            Intake(IntakeTerms("live", KEY, BOUNDS, 300_000), nonces), nonces, by_place((FEATURE,)),
            post=session.post, keep=keep, clock=world.loop.now_ns, counted=lambda outcome: None,
            refused=lambda code, who: None,
        )  # fmt: skip
        life.live_venue.inbox.start(self.send(desk, life, world))

    async def send(self, desk, life, world):
        """Send each signal when it is due, and each that is overdue again: as somebody would who has recorded it."""
        for at_s, value in self.sent:
            await asyncio.sleep(max(0.0, at_s - (world.loop.now_ns() - START_NS) / S))
            body = json.dumps({"values": [{"name": "exposure", "value": value}]}).encode()
            stamp_ms = START_NS // 1_000_000 + int(at_s * 1_000)
            headers = sign(KEY, PATH, body, stamp_ms, f"nonce-of-second-{int(at_s):06d}").headers()
            status, told = await desk.answer(PATH, headers, body, "webhook here")
            self.answers.append((at_s, told["error"]["code"] if "error" in told else status))
            self.positions.append(life.believed_position())


def lived(outside, venue="bybit_linear", **named):
    life = VenueLife(venue, 7, make_world=following_world, on_open=outside.open, **named)
    live_at(life)
    return life


def told_features(life):
    """Return the values from outside as the journal has them: seconds since the start, value."""
    reader = JournalReader(life.disk, FOLDER)
    found = []
    for record in reader.records():
        if record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            head, rows = decode_facts(record, layouts_at(reader.headers, record.seq))
            for row in rows[rows["kind"] == FactKind.FEATURE]:
                assert record.kind == RecordKind.FACTS, "what nobody else has would expire"
                found.append(((head.now_ns - START_NS) // S, float(row["value"])))
    return found


def assert_replays(life):
    verify_journal(life.disk, FOLDER)
    amends = dialect_of(life.venue).amend is not None
    replayed = replay_journal(FOLDER, following_world(life.instrument, life.seed, amends=amends), life.disk)
    assert replayed.decisions_hash == life.world.decisions_hash()
    assert replayed.state_hash == life.world.state_hash()


@pytest.mark.parametrize("venue", ["bybit_linear", "blofin_swap"])
def test_a_session_holds_what_it_is_told_from_outside_and_replays(venue):
    outside = Outside((70.0, 1.0), (190.0, -0.5), (310.0, 0.25), (430.0, 0.25))
    life = lived(outside, venue)
    assert [answer for _, answer in outside.answers] == [200] * 4
    whole = outside.positions[1]
    assert whole > 0
    assert outside.positions[2:] == [-whole / 2, whole / 4]
    assert life.believed_position() == whole / 4
    assert outside.forgotten == []
    assert [value for _, value in told_features(life)] == [1.0, -0.5, 0.25, 0.25]
    assert_replays(life)


def test_a_value_that_has_outlived_its_validity_is_taken_back_before_anybody_decides():
    outside = Outside((70.0, 1.0), (390.0, 1.0))
    life = lived(outside)
    assert outside.positions[0] == 0
    # 150 s after 70: the WAKE after 180 s still saw it, that after 240 s did not.
    assert len(outside.forgotten) == 1
    assert 220 * S < outside.forgotten[0] - START_NS < 243 * S
    assert outside.positions[1] == 0
    assert life.believed_position() > 0
    features = told_features(life)
    assert [value for _, value in features][::2] == [1.0, 1.0]
    assert np.isnan(features[1][1])
    assert_replays(life)


def test_a_value_outlives_the_process_and_its_signal_cannot_be_sent_again(tmp_path):
    """Killed after it was told: it is known in the next life, once, and the recorded signal is refused there."""
    outside = Outside((70.0, 1.0), (200.0, 0.5), (340.0, 0.5))
    life = lived(outside, dies_at=[4_000])
    assert outside.answers == [(70.0, 200), (70.0, "SIGNAL_REPLAYED"), (200.0, 200), (340.0, 200)]
    assert outside.positions[2] > 0
    assert life.believed_position() == outside.positions[2] / 2
    assert [value for _, value in told_features(life)] == [1.0, 0.5, 0.5]
    assert_replays(life)
    model = Intelligence(tmp_path / "i.sqlite", life.disk)
    model.follow("live", FOLDER)
    rows = model.rows("outside_values")
    assert [(row["name"], row["symbol"], row["value"]) for row in rows] == [
        ("exposure", "X", 1.0),
        ("exposure", "X", 0.5),
        ("exposure", "X", 0.5),
    ]
    assert {row["sender"] for row in rows} == {"webhook here"}
    assert model.rows("operator_actions") == []
    model.close()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_signal_is_made_durable_it_is_told_once_or_never(moment):
    """Without an answer its sender signs it anew; what was recorded of the first try is worth nothing."""
    outside = Outside((70.0, 1.0))
    outside.dies = moment
    life = lived(outside)
    assert life.lives == 1
    assert outside.answers == ([(70.0, 200)] if moment == "before" else [(70.0, "SIGNAL_REPLAYED")])
    told = [value for _, value in told_features(life) if not np.isnan(value)]
    assert told == [1.0][: moment == "before"]
    assert_replays(life)
