"""Paper on what an exchange streams: unmodified ccxt hears a fake Binance, and everything replays."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import aiohttp
import ccxt.pro
import numpy as np
import pytest

from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, VenueSetup, WalletSetup
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.journal import Identity, JournalReader, newest_start
from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.live.streaming import PaperVenue, recorded_steps
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import restless
from tradewind.testing.steady import steady
from tradewind.testing.virtual_venues import START_NS, run_world
from tradewind.units.enums import FactKind, IntentKind, Protection, WakeCode
from tradewind.units.records import PARAMS
from tradewind.units.time import HOUR_NS, MINUTE_NS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.gateway import Listing, StreamKind
from tradewind.venues.simulated.streamed import StreamedExchange

FOLDER = Path("/journal/paper")
S = 1_000_000_000
VENUE = "binance_usdm"
LAGGED = VenueSetup(lagged=True, request_ns=S // 5, answer_ns=S // 10)


def core_of(instruments, venue):
    """Return a world in which `restless` trades each instrument, near the money."""
    params = np.zeros(PARAMS)
    params[:2] = 40.0, 1.0
    setups = [
        InstrumentSetup(rules, leverage=5.0, fill_rule=FillRule.TOUCH, slip=0.0002, highest_price=1e7)
        for rules in instruments
    ]
    return World(
        [WalletSetup("USDT", 1_000_000.0)],
        setups,
        [StrategySetup(restless, range(len(setups)), params)],
        venue=venue,
    )


class Paper:
    """A desk on which one session is run, stopped and run again while the market goes on."""

    def __init__(self, world, venue, kinds, symbols=2, exchange=StreamedExchange):
        self._world, self._venue, self._kinds, self._exchange = world, venue, kinds, exchange
        self._rules = list(world.exchanges[VENUE].instruments.values())[:symbols]
        self.disk, self.alerts, self.wakes = SimulatedDisk(), [], {}
        self.batches = []
        self.figures = None

    async def run(self, minutes):
        world = self._world
        core, inside = self.core(), self._exchange(self.core(), MINUTE_NS)
        listings = [Listing(j, rules) for j, rules in enumerate(self._rules)]
        feed = CcxtMarketFeed(
            VENUE, build_exchange(CLIENTS[VENUE], world.session()), listings, kinds=self._kinds,
            intervals_ns=(MINUTE_NS,), now_ns=world.loop.now_ns, rng=random.Random(1),
        )  # fmt: skip
        market = ListenedMarket(
            core, dict.fromkeys(range(len(listings)), feed), ListeningRules(warm_bars=3), world.loop.now_ns,
            notify=self.alerts.append,
        )  # fmt: skip
        reader = JournalReader(self.disk, FOLDER)
        recorded = recorded_steps(reader, newest_start(reader)) if reader.headers else ()
        venue = PaperVenue(inside, market, recorded)
        place = Place(self.disk, FOLDER, Identity("paper", ()), world.loop.now_ns, "test", snapshot_every=4)
        opened = open_session(place, core, venue, inside=inside)
        opened.session.waits = True
        opened.session.progress = self._note
        running = asyncio.ensure_future(opened.session.run())
        await asyncio.wait((running,), timeout=minutes * 60)
        self.figures = market.figures()
        opened.session.stop()
        assert await running is False
        await venue.close()
        opened.close(finished=False)
        return core

    def _note(self, batch):
        self.batches.append(batch)
        if batch.wake is not None:
            self.wakes[batch.number] = batch

    def core(self):
        return core_of(self._rules, self._venue)


BARS = frozenset({StreamKind.BARS})
ALL = frozenset({StreamKind.BARS, StreamKind.TRADES, StreamKind.TOP, StreamKind.MARK})


def test_a_session_hears_trades_stops_comes_back_and_replays():
    async def work(world):
        paper = Paper(world, LAGGED, ALL)
        await paper.run(6.2)
        await asyncio.sleep(200)
        core = await paper.run(6.1)
        return paper, core

    paper, core = run_world(work, seed=3)
    assert int(core.core["fills"][0]) > 5
    replayed = replay_journal(FOLDER, paper.core(), paper.disk)
    assert replayed.decisions_hash == core.decisions_hash()
    assert replayed.state_hash == core.state_hash()
    # Warm bars, then one WAKE a minute; what passed while nobody was there was valued and not decided on.
    wakes = list(paper.wakes.values())
    assert [batch.wake for batch in wakes].count(WakeCode.WARM) == 3
    absent = [batch for batch in wakes if batch.wake == WakeCode.MARK]
    assert 3 <= len(absent) <= 5
    bars = [batch.facts[batch.facts["kind"] == FactKind.BAR] for batch in wakes]
    closes = [int(rows["venue_ts_ns"].max()) for rows in bars]
    assert closes == list(range(closes[0], closes[-1] + 1, MINUTE_NS))


def test_a_settlement_that_went_by_unheard_is_paid_once():
    settles_ns = START_NS + 8 * HOUR_NS

    async def work(world):
        paper = Paper(world, VenueSetup(), ALL | {StreamKind.FUNDING})
        await paper.run(6.2)
        await asyncio.sleep((settles_ns - world.loop.now_ns()) / S + 150)
        core = await paper.run(4.1)
        return paper, core

    paper, core = run_world(work, seed=3, start_ns=settles_ns - 9 * MINUTE_NS)
    told = np.concatenate([batch.facts for batch in paper.batches])
    rates = told[told["kind"] == FactKind.FUNDING_RATE]
    assert sorted(rates["instrument"].tolist()) == [0, 1]
    assert set(rates["venue_ts_ns"].tolist()) == {settles_ns}
    paid = told[told["kind"] == FactKind.FUNDING_PAID]
    assert len(paid) > 0
    assert set(paid["venue_ts_ns"].tolist()) == {settles_ns}
    assert replay_journal(FOLDER, paper.core(), paper.disk).state_hash == core.state_hash()


def test_bars_alone_are_enough():
    async def work(world):
        paper = Paper(world, VenueSetup(), BARS, symbols=1)
        return paper, await paper.run(8.5)

    paper, core = run_world(work, seed=3)
    assert int(core.core["fills"][0]) > 0
    assert paper.figures.streams == {("market", "bars"): (1, 0)}
    (market,) = paper.figures.accounts
    assert (market.account, market.read_ns, market.budget_share) == ("market", 0, None)
    assert market.calls.keys() == {"answered"}
    assert market.calls["answered"] == len(market.waits_s) >= 2, "its rules, and the bars to learn from"
    assert replay_journal(FOLDER, paper.core(), paper.disk).state_hash == core.state_hash()


def test_the_same_seed_is_the_same_session():
    async def work(world):
        return await Paper(world, LAGGED, ALL).run(4.0)

    assert run_world(work, seed=5).state_hash() == run_world(work, seed=5).state_hash()


def test_paper_asks_for_nothing_that_is_signed(monkeypatch):
    """Every private door is a bomb: to sign, and to be asked for what only an account is told."""
    spec = CLIENTS[VENUE]
    sign = getattr(ccxt.pro, spec.ccxt_id).sign
    asked = []

    def exploding(self, path, api="public", *rest, **named):
        asked.append(str(api))
        assert "rivate" not in str(api), f"paper asked for {api} {path}"
        return sign(self, path, api, *rest, **named)

    monkeypatch.setattr(getattr(ccxt.pro, spec.ccxt_id), "sign", exploding)

    async def work(world):
        core = await Paper(world, LAGGED, ALL).run(5.2)
        return core, [entry["what"] for entry in world.exchanges[VENUE].record.entries]

    core, seen = run_world(work, seed=3)
    assert int(core.core["requests"][0]) > 3
    assert asked
    assert {"order", "fill", "request"}.isdisjoint(seen)
    exchange = build_exchange_without_keys()
    assert {exchange.apiKey, exchange.secret, exchange.password} <= {"", None}


def build_exchange_without_keys():
    """Return what paper hears a venue with."""

    async def make():
        session = aiohttp.ClientSession()
        exchange = build_exchange(CLIENTS[VENUE], session)
        await exchange.close()
        await session.close()
        return exchange

    return asyncio.run(make())


class Stopless(StreamedExchange):
    """A simulated exchange that refuses every stop, as an order that may only rest and would take at once."""

    def submit(self, first, requests):
        requests = requests.copy()
        stops = requests["order_kind"] == IntentKind.STOP
        requests["order_kind"][stops], requests["post_only"][stops] = IntentKind.REST, 1
        requests["price_tick"][stops] = 1
        super().submit(first, requests)


class Protected(Paper):
    """A session that holds a position for which a stop is to rest."""

    def core(self):
        params = np.zeros(PARAMS)
        params[0] = 40.0
        setups = [InstrumentSetup(rules, leverage=5.0, highest_price=1e7) for rules in self._rules]
        exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.02)
        return World(
            [WalletSetup("USDT", 1_000_000.0)],
            setups,
            [StrategySetup(steady, [0], params, exits=exits)],
            venue=self._venue,
        )


@pytest.mark.parametrize("exchange", [Stopless, StreamedExchange])
def test_a_position_on_paper_without_its_stop_is_told_as_it_would_be_live(exchange):
    """Within half a minute, and not again and again; where the stop rests nobody hears a word."""

    async def work(world):
        paper = Protected(world, LAGGED, BARS, symbols=1, exchange=exchange)
        core = await paper.run(4.2)
        return [alert for alert in paper.alerts if alert.code == "PROTECTOR_MISSING"], core

    told, core = run_world(work, seed=3)
    assert int(core.core["fills"][0])
    if exchange is Stopless:
        assert len(told) == 1
        assert "paper: 0.04 of 0.04 BTCUSDT, long" in told[0].text
    else:
        assert told == []
