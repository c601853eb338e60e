"""A whole session at Bybit's spot market, over unmodified ccxt: it buys, its stop rests and triggers, it comes back."""

from __future__ import annotations

import asyncio
import random

import pytest

from tradewind.journal import Identity
from tradewind.live.accounts import AccountTerms
from tradewind.live.amounts import listing_of
from tradewind.live.opening import Place, open_session
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing.bybit_coins import BybitCoins
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.scripted_venue import run_scripted
from tradewind.testing.small_coins import CoinExchange, coin_world
from tradewind.testing.small_exchange import SmallFeed
from tradewind.testing.small_live import FOLDER
from tradewind.testing.traded_rules import traded
from tradewind.units.enums import LONG, MONEY, IntentKind
from tradewind.units.time import MINUTE_NS
from tradewind.venues.gateway import AccountMode, BarSeen, OrderStatus

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

S = 1_000_000_000


class Trader:
    """One account, and the sessions that trade it one after the other."""

    def __init__(self, venue, seed=1):
        rules = traded("bybit_spot")[0]
        self.venue, self.clock = venue, venue.loop.now_ns
        self.listing = listing_of(0, rules)
        lot = float(self.listing.instrument.lot_size)
        self.exchange = CoinExchange(
            self.clock, lot * float(rules.tick_size) * MONEY, MINUTE_NS, random.Random(seed), lot
        )
        self.bybit = BybitCoins(self.exchange, self.listing, self.clock)
        self.bybit.venue = venue
        self.disk, self.alerts, self.world = SimulatedDisk(), [], None

    async def market(self):
        while True:
            self.exchange.live_bar()
            await asyncio.sleep((MINUTE_NS - self.clock() % MINUTE_NS) / S + 1e-6)

    async def live(self, minutes):
        self.world, feed = coin_world(), SmallFeed(self.exchange)

        def hear(event):
            (feed if isinstance(event, BarSeen) else self.bybit).hear(event)

        self.exchange.listen(hear)
        terms = AccountTerms("coins", frozenset({0}), {"USDT": 0}, fence_ns=7 * S, leverage=1.0)
        rules = LiveRules(warm_bars=2, reconcile_ns=60 * S)
        gateway = self.venue.gateway(AccountMode.DEMO)
        venue = LiveVenue(
            self.world, [(terms, gateway)], {0: feed}, rules, self.clock, notify=self.alerts.append
        )
        place = Place(
            self.disk, FOLDER, Identity("live", ("coins",)), self.clock, "test", 15_000, snapshot_every=5
        )
        opened = open_session(place, self.world, venue, inside=venue.books)
        opened.session.memory, opened.session.waits = venue.books, True
        running = asyncio.ensure_future(opened.session.run())
        await asyncio.wait((running,), timeout=minutes * 60)
        opened.session.stop()
        await running
        await venue.close()
        opened.close(finished=False)
        return gateway.dropped

    def sides(self):
        """Return coins and cash, as the session believes and as the market knows."""
        holding = self.world.contexts["working"]["holding"][0, LONG]
        ours = int(holding["pos_lot"]), int(self.world.accounts["balance"][0]) - int(holding["cost"])
        return ours, (int(self.exchange.positions[0, LONG]), int(self.exchange.balance))


def sailed(voyage):
    """Let a voyage happen at a fresh account and its market; return the account, and what the voyage returns."""
    made = []

    async def work(venue):
        made.append(Trader(venue))
        trader = made[0]
        market = asyncio.ensure_future(trader.market())
        await asyncio.sleep(200)
        found = await voyage(trader)
        market.cancel()
        return trader, found

    return run_scripted(
        "bybit_spot",
        lambda asked: made[0].bybit.answer(asked),
        work,
        lambda message: made[0].bybit.react(message),
    )


def stops_filled(trader):
    orders = trader.exchange._orders.values()
    return [o.new.cid for o in orders if o.new.kind == IntentKind.STOP and o.status is OrderStatus.FILLED]


def test_a_session_buys_is_stopped_out_and_comes_back():
    async def voyage(trader):
        dropped = [await trader.live(12.3)]
        assert trader.exchange.positions[0, LONG] > 0
        asyncio.get_running_loop().call_later(300, trader.exchange.fall, 60)
        return [*dropped, await trader.live(12.3)]

    trader, dropped = sailed(voyage)
    ours, theirs = trader.sides()
    assert ours == theirs
    assert stops_filled(trader)
    assert trader.exchange.fees_in_coins > 0
    assert (trader.exchange.oversold, trader.exchange.doubled) == (0, [])
    assert [alert.text for alert in trader.alerts if alert.code != "PROTECTOR_MISSING"] == []
    others = {"balance: coin not traded here", "holding: coin not traded here"}
    assert {text for each in dropped for text in each} <= others


def test_what_was_traded_while_nobody_listened_is_known_after_the_start():
    """Its stop sells everything between two lives of the session: the trades, fees and the end are read then."""

    async def voyage(trader):
        await trader.live(8.3)
        held = int(trader.exchange.positions[0, LONG])
        trader.exchange.listen(lambda event: None)
        trader.exchange.fall(60)
        await asyncio.sleep(120)
        left = int(trader.exchange.positions[0, LONG])
        await trader.live(2.3)
        return held, left

    trader, (held, left) = sailed(voyage)
    assert left != held
    assert stops_filled(trader)
    ours, theirs = trader.sides()
    assert ours == theirs
    assert [alert.text for alert in trader.alerts if alert.code != "PROTECTOR_MISSING"] == []
