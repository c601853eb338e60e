"""A live session over ccxt at a fake exchange in virtual time, whose journal lies on this machine's disk."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tradewind_side as side

from tradewind import __version__
from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.journal import FileDisk, Identity
from tradewind.live.accounts import AccountTerms
from tradewind.live.opening import Place, open_session
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.strategies.load import load_strategy
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.gateway import Listing, StreamKind
from tradewind.venues.keys import AccountKeys, Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from tradewind.journal.disk import OpenFile
    from tradewind.live.session import DiskPort, Session
    from tradewind.market import Instrument
    from tradewind.testing.virtual_venues import VirtualWorld

VENUE = "binance_usdm"
MINUTE_NS = 60_000_000_000
QUANTITY = 0.01
_NEVER_NS = 1 << 60


class _UnsyncedFile:
    """A file whose bytes reach the system and are not waited for."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.append, self.truncate, self.close = file.append, file.truncate, file.close

    def sync(self) -> None:
        """Return at once."""


class UnsyncedDisk(FileDisk):
    """The disk of this machine without waiting for it."""

    def create(self, path: Path) -> OpenFile:
        """Make an empty file."""
        return _UnsyncedFile(super().create(path))

    def open(self, path: Path) -> OpenFile:
        """Open an existing file for appending."""
        return _UnsyncedFile(super().open(path))


def flipping_world(instruments: Sequence[Instrument]) -> World:
    """Return a world whose strategy wants something else after every bar."""
    strategy = load_strategy(side.STRATEGIES / "flip.py")
    vector = strategy.params_vector({"quantity": QUANTITY})
    setups = [
        InstrumentSetup(one, leverage=5.0, highest_price=1e7, position_limit_qty=1.0) for one in instruments
    ]
    places = range(len(instruments))
    return World([WalletSetup("USDT", 10_000.0)], setups, [StrategySetup(strategy.decide, places, vector)])


@dataclass(frozen=True, slots=True)
class Terms:
    """How a session runs: where it writes, how it waits for the disk, by which clock, what it listens for.

    `clock` is the market's and the session's; the account lives by the world's, unless `alone`, where the venue has no
    part in it. `symbols` of the venue's are traded.
    """

    disk: FileDisk
    port: DiskPort
    clock: Callable[[], int]
    kinds: frozenset[StreamKind] = frozenset({StreamKind.BARS})
    symbols: int = 1
    alone: bool = False


@asynccontextmanager
async def session_at(
    world: VirtualWorld, folder: Path, terms: Terms
) -> AsyncIterator[tuple[Session, Any, Any]]:
    """Open a session of one strategy; hand out it and the ccxt objects that trade and that listen."""
    instruments = list(world.exchanges[VENUE].instruments.values())[: terms.symbols]
    listings = [Listing(place, one) for place, one in enumerate(instruments)]
    login, dice = world.logins["main"], random.Random(1)
    now_ns = terms.clock if terms.alone else world.loop.local_ns
    keys = AccountKeys("main", VENUE, False, Secret(login.api_key), Secret(login.secret), Secret(""))
    settings = TradingSettings(VENUE, "BENCHM")
    gateway = CcxtTradingGateway(settings, listings, world.session(), keys, now_ns=now_ns, chance=dice)
    listening = build_exchange(CLIENTS[VENUE], world.session())
    feed = CcxtMarketFeed(
        VENUE, listening, listings,
        kinds=terms.kinds, intervals_ns=(MINUTE_NS,), now_ns=terms.clock, rng=dice,
    )  # fmt: skip
    believed = flipping_world(instruments)
    account = AccountTerms("main", frozenset(range(terms.symbols)), {"USDT": 0})
    rules = LiveRules(warm_bars=2, jump_ns=_NEVER_NS, reconcile_ns=_NEVER_NS)
    feeds = dict.fromkeys(range(terms.symbols), feed)
    venue = LiveVenue(believed, [(account, gateway)], feeds, rules, terms.clock, notify=lambda alert: None)
    place = Place(terms.disk, folder, Identity("bench", (VENUE,)), terms.clock, __version__)
    opened = open_session(place, believed, venue, inside=venue.books)
    session = opened.session
    session.memory, session.waits, session.disk = venue.books, True, terms.port
    try:
        yield session, gateway._exchange, listening
    finally:
        await venue.close()
        opened.close(finished=False)
