"""How a life in virtual time reaches its market: by gateways that sign at fake exchanges, or by a simulated one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.journal import JournalReader, newest_start
from tradewind.live.accounts import AccountTerms
from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.live.running import Reached
from tradewind.live.streaming import PaperVenue, recorded_steps
from tradewind.live.venue import LiveVenue
from tradewind.testing.paper_record import WatchedExchange
from tradewind.testing.sessions import MINUTE_NS
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.gateway import Listing
from tradewind.venues.keys import AccountKeys, Secret
from tradewind.venues.steady_clock import SteadyClock

if TYPE_CHECKING:
    from tradewind.market import Instrument
    from tradewind.testing.venue_live import VenueLife
    from tradewind.testing.virtual_venues import VirtualWorld
    from tradewind.venues.gateway import MarketFeed, TradingGateway

__all__ = ["FOLDER", "Berth", "Traded", "reach_live", "reach_paper", "traded_at"]

FOLDER = Path("/journal/venue")
_CLOCK_SKEW_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Berth:
    """An account of a session: at which venue, whose, and how many of the instruments listed there it trades."""

    venue: str
    account: str = "main"
    symbols: int = 1


@dataclass(frozen=True, slots=True)
class Traded:
    """One instrument of a session, and the number of the account that trades it."""

    instrument: Instrument
    account: int

    @property
    def amends(self) -> bool:
        """Say whether its venue amends orders."""
        return dialect_of(self.instrument.venue).amend is not None


def traded_at(world: VirtualWorld, berths: tuple[Berth, ...]) -> tuple[Traded, ...]:
    """Return what the accounts of a session trade, in the order of its instruments."""
    return tuple(
        Traded(instrument, number)
        for number, berth in enumerate(berths)
        for instrument in list(world.exchanges[berth.venue].instruments.values())[: berth.symbols]
    )


def reach_live(life: VenueLife, world: VirtualWorld) -> Reached:
    """Return the accounts of a life as one venue, each with a gateway and a feed of its own."""
    dice = random.Random(life.seed)  # noqa: S311 - dice, not secrets
    accounts: list[tuple[AccountTerms, TradingGateway]] = []
    feeds: dict[int, MarketFeed] = {}
    life.gateways = []
    clock = _clock(world)
    for number, berth in enumerate(life.moored):
        listings, login = _listings(life, number), world.logins[berth.account]
        keys = AccountKeys(
            berth.account,
            berth.venue,
            False,
            Secret(login.api_key),
            Secret(login.secret),
            Secret(login.passphrase),
        )
        gateway = CcxtTradingGateway(
            TradingSettings(berth.venue, life.tag, **life.settings), listings, world.session(), keys,
            now_ns=clock, chance=dice,
        )  # fmt: skip
        life.gateways.append(gateway)
        feeds.update(
            dict.fromkeys(
                (listing.index for listing in listings), _feed(life, world, berth, listings, dice, clock)
            )
        )
        places = frozenset(listing.index for listing in listings)
        usual = {"fence_ns": _fence_ns(berth.venue)}
        accounts.append(
            (AccountTerms(berth.account, places, {"USDT": number}, **usual | life.terms), gateway)
        )
    venue = LiveVenue(life.world, accounts, feeds, life.rules, clock, notify=life.alerts.append)
    return Reached(venue, venue.books, venue.books, hourly=venue.inbox.tell_conflated)


def reach_paper(life: VenueLife, world: VirtualWorld) -> Reached:
    """Return a simulated exchange on what the fake ones stream, with what an earlier life had heard."""
    dice = random.Random(life.seed)  # noqa: S311 - dice, not secrets
    feeds: dict[int, MarketFeed] = {}
    clock = _clock(world)
    for number, berth in enumerate(life.moored):
        listings = _listings(life, number)
        feeds.update(
            dict.fromkeys(
                (listing.index for listing in listings), _feed(life, world, berth, listings, dice, clock)
            )
        )
    rules = ListeningRules(warm_bars=life.rules.warm_bars)
    market = ListenedMarket(life.world, feeds, rules, clock, notify=life.alerts.append)
    life.exchange = WatchedExchange(life.fresh_world(), MINUTE_NS, life.paper_record)
    reader = JournalReader(life.disk, FOLDER)
    recorded = recorded_steps(reader, newest_start(reader)) if reader.headers else ()
    paper = PaperVenue(life.exchange, life.heard_as(market), recorded)
    return Reached(paper, life.exchange, hourly=market.tell_conflated)


def _listings(life: VenueLife, number: int) -> list[Listing]:
    return [Listing(j, each.instrument) for j, each in enumerate(life.traded) if each.account == number]


def _feed(
    life: VenueLife,
    world: VirtualWorld,
    berth: Berth,
    listings: list[Listing],
    dice: random.Random,
    clock: SteadyClock,
) -> CcxtMarketFeed:
    return CcxtMarketFeed(
        berth.venue, build_exchange(CLIENTS[berth.venue], world.session()), listings,
        kinds=life.kinds, intervals_ns=(MINUTE_NS,), now_ns=clock, rng=dice,
    )  # fmt: skip


def _clock(world: VirtualWorld) -> SteadyClock:
    """Return the time of a session whose process's clock of the day may be set."""
    return SteadyClock(world.loop.local_ns, world.loop.counted_ns)


def _fence_ns(venue: str) -> int:
    """Return after how long a request can no longer arrive, as real accounts count it; 0 for no such time."""
    dialect = dialect_of(venue)
    return dialect.receive_window_ms * 1_000_000 + _CLOCK_SKEW_NS if dialect.fence else 0
