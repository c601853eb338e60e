"""Paper on what an exchange streams takes signals too: stopped, run again and replayed, it knows each once."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from pathlib import Path

import numpy as np
import pytest

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import InstrumentSetup, StrategySetup, VenueSetup, WalletSetup
from tradewind.engine.world import World
from tradewind.journal import Identity, JournalReader, newest_start
from tradewind.live.intake import FeatureBounds, Intake, IntakeTerms
from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.live.nonces import Nonces
from tradewind.live.opening import Place, open_session
from tradewind.live.outside import Feature, ForgettingVenue
from tradewind.live.replay import replay_journal
from tradewind.live.signing import path_of, sign
from tradewind.live.streaming import PaperVenue, recorded_steps
from tradewind.live.taking import by_place
from tradewind.live.webhook import SignalDesk
from tradewind.strategies.wants import target_net
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.virtual_venues import START_NS, run_world
from tradewind.units.enums import Verdict
from tradewind.units.jit import kernel
from tradewind.units.records import Account, Intents, Memory, Params, View, Working
from tradewind.units.time import MINUTE_NS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.gateway import Listing, StreamKind
from tradewind.venues.keys import Secret
from tradewind.venues.simulated.streamed import StreamedExchange

pytest.importorskip("ccxt")

FOLDER = Path("/journal/paper")
VENUE = "binance_usdm"
S = 1_000_000_000
KEY = Secret("the key of a test, longer than a guess")
FEATURES = (Feature("exposure", "X", 0, 0, 130 * S), Feature("exposure", "Y", 1, 0, 130 * S))
BOUNDS = {"exposure": FeatureBounds(-1.0, 1.0, ("X", "Y"))}
LAGGED = VenueSetup(lagged=True, request_ns=S // 5, answer_ns=S // 10)


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


@kernel(sig=DECIDE, checked=True)
def obedient(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Hold what a value from outside says, and what is held already where none is known."""
    if view.feature_ns[0] == 0:
        return Verdict.HOLD
    target_net(intents, int(100.0 * view.feature[0]))
    return Verdict.SET


class Paper:
    """A desk on which one session is run, stopped and run again while the market goes on."""

    def __init__(self, world):
        self._world = world
        self._rules = list(world.exchanges[VENUE].instruments.values())[:2]
        self.disk, self.forgotten, self.answers = SimulatedDisk(), [], []

    def core(self):
        setups = [InstrumentSetup(rules, leverage=5.0, highest_price=1e7) for rules in self._rules]
        strategies = [StrategySetup(obedient, range(2), np.zeros(64))]
        return World([WalletSetup("USDT", 1_000_000.0)], setups, strategies, venue=LAGGED)

    async def run(self, until_s, *signals):
        """Run until a time, and send each (time, symbol, value) when it is due."""
        world = self._world
        core, inside = self.core(), StreamedExchange(self.core(), MINUTE_NS)
        listings = [Listing(j, rules) for j, rules in enumerate(self._rules)]
        feed = CcxtMarketFeed(
            VENUE, build_exchange(CLIENTS[VENUE], world.session()), listings,
            kinds=frozenset({StreamKind.BARS, StreamKind.MARK}), intervals_ns=(MINUTE_NS,),
            now_ns=world.loop.now_ns, rng=random.Random(1),
        )  # fmt: skip
        market = ListenedMarket(
            core,
            {0: feed, 1: feed},
            ListeningRules(warm_bars=2),
            world.loop.now_ns,
            notify=lambda alert: None,
        )
        reader = JournalReader(self.disk, FOLDER)
        recorded = recorded_steps(reader, newest_start(reader)) if reader.headers else ()
        venue = ForgettingVenue(
            PaperVenue(inside, market, recorded), core, FEATURES,
            lambda old, now_ns: self.forgotten.append(((now_ns - START_NS) // S, [f.symbol for f in old])),
        )  # fmt: skip
        place = Place(self.disk, FOLDER, Identity("paper", ()), world.loop.now_ns, "test", snapshot_every=4)
        opened = open_session(place, core, venue, inside=inside)
        opened.session.waits = True
        nonces = Nonces(self.disk, FOLDER, 30_000, world.loop.now_ns() // 1_000_000)
        desk = SignalDesk(
            Intake(IntakeTerms("paper", KEY, BOUNDS), nonces), nonces, by_place(FEATURES),
            post=opened.session.post, keep=opened.session.disk, clock=world.loop.now_ns,
            counted=lambda outcome: None, refused=lambda code, who: None,
        )  # fmt: skip
        running = asyncio.ensure_future(opened.session.run())
        for at_s, symbol, value in signals:
            await asyncio.sleep(at_s - self.now_s)
            body = json.dumps({"values": [{"name": "exposure", "symbol": symbol, "value": value}]}).encode()
            path = path_of("paper")
            headers = sign(KEY, path, body, world.loop.now_ns() // 1_000_000, f"{at_s:016d}").headers()
            self.answers.append((await desk.answer(path, headers, body, "webhook here"))[0])
        await asyncio.wait((running,), timeout=until_s - self.now_s)
        opened.session.stop()
        assert await running is False
        nonces.close()
        await venue.close()
        opened.close(finished=False)
        return core

    @property
    def now_s(self):
        return (self._world.loop.now_ns() - START_NS) / S

    def held(self, core):
        held = core.contexts["working"]["holding"]["pos_lot"]
        return (held[:, 0] - held[:, 1]).tolist()


def test_paper_trades_on_signals_stops_comes_back_and_replays():
    async def work(world):
        paper = Paper(world)
        first = await paper.run(310, (70, "X", 1.0), (100, "Y", -0.5), (190, "X", 0.25))
        held = paper.held(first)
        # Bars alone fill what was sent before them: what was decided at 240 is there at 300.
        assert held == [25, -50]
        await asyncio.sleep(20)
        second = await paper.run(550, (430, "Y", 0.5))
        return paper, second

    paper, core = run_world(work, seed=3)
    assert paper.answers == [200] * 4
    assert [symbols for _, symbols in paper.forgotten] == [["Y"], ["X"]]
    (forgot_y, _), (forgot_x, _) = paper.forgotten
    assert 230 <= forgot_y <= 234
    assert 330 <= forgot_x <= 334  # Nobody was there at 320.
    # Where nothing is known everything stays as it is.
    assert paper.held(core) == [25, 50]
    assert int(core.views["feature_ns"][0, 0]) == 0
    assert np.isnan(core.views["feature"][0, 0])
    replayed = replay_journal(FOLDER, paper.core(), paper.disk)
    assert replayed.decisions_hash == core.decisions_hash()
    assert replayed.state_hash == core.state_hash()
