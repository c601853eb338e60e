"""The judges are put to the test: each objects to what it is there for, and says all that is needed to find out why."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.journal.bodies import FACT
from tradewind.testing.lookout import Stretch
from tradewind.testing.sessions import drifting
from tradewind.testing.swarm import VENUES
from tradewind.testing.voyage import Landfall, Voyage, VoyageFailed, sail, strike
from tradewind.testing.voyage_oracles import judged
from tradewind.units.enums import FactKind, StreamCode
from tradewind.units.records import PARAMS

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def landfall():
    """A short voyage on which nothing went wrong."""
    found = sail(Voyage(minutes=3, calm_minutes=3, settle_s=60))
    assert judged(found) == []
    assert len(found.of("fill")) >= 3
    return found


@pytest.mark.parametrize("venue", VENUES)
def test_a_voyage_without_misfortune_alarms_nobody(venue):
    """No stream is called dead because it spoke before the venue answered, and stops move with what they protect."""
    found = sail(Voyage(venue, minutes=8, calm_minutes=2, settle_s=0, protection_s=5.0, position_s=3.0))
    assert {alert.code for alert in found.life.alerts} <= {"RECONCILED"}
    assert len(found.of("fill")) >= 10
    assert found.life.dropped == {}


def objections(landfall):
    return {text[1] for text in judged(landfall)}


def ours(landfall, what):
    return next(e for e in landfall.of(what) if e["client_id"] and not e.get("reduce_only"))


def test_a_fill_that_we_know_nothing_of(landfall):
    landfall.entries.append({**ours(landfall, "fill"), "trade_id": 1, "kind": "trade"})
    assert objections(landfall) == {"a"}


def test_a_fill_that_could_not_be_told_any_more(landfall):
    fill = {**ours(landfall, "fill"), "trade_id": 1, "kind": "trade"}
    landfall.entries.append({**fill, "ts_ns": landfall.life.end_ns})
    assert objections(landfall) == set()


def test_what_the_venue_took_is_held_no_more(landfall):
    """Each fill is taken away by a liquidation at once: the next order can never be one too many."""
    placed = ours(landfall, "order")
    limit = 8 * 20 * landfall.instrument.lot_size
    opened = {**ours(landfall, "fill"), "qty": str(limit), "side": placed["side"]}
    taken = {
        **opened,
        "order_id": 0,
        "side": "sell" if placed["side"] == "buy" else "buy",
        "kind": "liquidation",
    }
    others = {**taken, "side": placed["side"], "kind": "trade"}
    landfall.entries[:0] = [opened, others]
    at = landfall.entries.index(placed)
    landfall.entries[at:at] = [taken]
    assert "c" not in objections(landfall)
    landfall.entries.remove(taken)
    assert "c" in objections(landfall)


def test_an_order_placed_twice(landfall):
    landfall.entries.append(
        {**ours(landfall, "order"), "order_id": 1, "cause": "placed", "state": "rejected"}
    )
    assert objections(landfall) == {"b"}


def test_an_order_beyond_the_limit(landfall):
    placed = ours(landfall, "order")
    landfall.entries.insert(landfall.entries.index(placed), {**placed, "qty": "1000"})
    assert objections(landfall) == {"c"}


def test_an_opener_on_stale_data(landfall, monkeypatch):
    told = list(landfall.journal())

    def silenced(_):
        row = np.zeros(1, FACT)
        row["kind"], row["code"] = FactKind.STREAM, StreamCode.DOWN
        yield 0, row
        for now_ns, rows in told:
            yield now_ns, rows[rows["kind"] != FactKind.STREAM] if rows.dtype == FACT else rows

    monkeypatch.setattr(Landfall, "journal", silenced)
    assert objections(landfall) == {"f"}


def test_what_was_believed_for_too_long(landfall):
    end_ns = landfall.life.end_ns
    landfall.lookout.stretches.append(Stretch("position", end_ns - 30 * 10**9, end_ns, "wrong"))
    assert objections(landfall) == {"d"}


def test_a_journal_that_replays_otherwise(landfall):
    params = np.zeros(PARAMS)
    params[:2] = 1.0, 1.0
    setup = InstrumentSetup(landfall.instrument, highest_price=1e7)
    landfall.life.make_world = lambda *_, **__: World(
        [WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(drifting, [0], params)]
    )
    assert objections(landfall) == {"g"}


def test_a_process_that_ends_by_a_bug(landfall):
    landfall.life.errors.append(KeyError("what"))
    assert objections(landfall) == {"h"}


def test_a_failure_says_all_that_is_needed_to_find_out_why():
    """A strategy that promises stops and has none."""

    def unprotected(instrument, seed, *, amends):
        params = np.zeros(PARAMS)
        params[:2] = 20.0, float(seed)
        setup = InstrumentSetup(instrument, amends=amends, leverage=5.0, highest_price=1e7)
        return World([WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(drifting, [0], params)])

    voyage = Voyage(
        seed=5, plan=[strike("F14", 60)], life={"make_world": unprotected}, again="sail again",
        protection_s=0.0, settle_s=0.0,
    )  # fmt: skip
    with pytest.raises(VoyageFailed) as caught:
        sail(voyage)
    text = str(caught.value)
    assert text.startswith("(e) ")
    for part in ("has no stop", "seed 5 at binance_usdm", "sail again", "F14 a frame arrives twice", "POST "):
        assert part in text
    assert len(text.partition("trace:\n")[2].splitlines()) == 200
