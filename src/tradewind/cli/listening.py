"""Bind a backtest or session file to venues that are heard now: rules of today, feeds, a world without a history."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tradewind.errors import ConfigError
from tradewind.venues.steady_clock import SteadyClock

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from tradewind.config import BacktestConfig, SessionConfig, Workspace
    from tradewind.engine.setup import WalletSetup
    from tradewind.engine.world import World
    from tradewind.journal.bodies import Boot
    from tradewind.live.running import Reached, RunningSetup
    from tradewind.market import Instrument
    from tradewind.ops.alerts import Alert
    from tradewind.research.resolve import Resolved
    from tradewind.venues.ccxt.feed import CcxtMarketFeed
    from tradewind.venues.gateway import Listing, MarketFeed, StreamKind

__all__ = [
    "Bound",
    "bind_again",
    "bind_now",
    "first_boot",
    "open_feeds",
    "paper_setup",
    "prices_at",
    "with_accounts",
]

_FOREVER = timedelta(days=365 * 30)
_ANY_AMOUNT = 1_000_000.0


@dataclass(slots=True)
class Bound:
    """A file bound to its venues as they are now.

    Parameters
    ----------
    session
        What the file says, as a session.
    resolved
        Its strategies and instruments.
    prices
        A price of today of each instrument, in the order of the file.
    wallets, columns
        In place of those of the file, where accounts hold what they hold, and the wallet of each instrument.
    account_venues
        The venue of each account, in their order; none on paper.
    clock
        The time of the session, the same for all of it.
    """

    session: "SessionConfig"
    resolved: "Resolved"
    prices: tuple[float, ...]
    wallets: "tuple[WalletSetup, ...]" = ()
    columns: tuple[int, ...] = ()
    account_venues: tuple[str, ...] = ()
    worlds: "list[World]" = field(default_factory=list)
    clock: SteadyClock = field(default_factory=SteadyClock)

    def make_world(self) -> "World":
        """Return a fresh world of the session."""
        from tradewind.research.worlds import bind_world, terms_of

        terms = [
            terms_of(self.resolved, column, price, self.columns[column] if self.columns else None)
            for column, price in enumerate(self.prices)
        ]
        self.worlds.append(bind_world(self.resolved, terms, wallets=self.wallets))
        return self.worlds[-1]

    @contextmanager
    def strategy_faults(self) -> Iterator[None]:
        """Turn what a strategy raises inside into STRATEGY_OUTPUT; the first world made inside decides."""
        from tradewind.research.faults import strategy_faults

        self.worlds.clear()
        try:
            yield
        except Exception:
            if not self.worlds:
                raise
            with strategy_faults(self.resolved, self.worlds[0]):
                raise

    @property
    def warm_bars(self) -> int:
        """Return how many bars its strategies learn from first, which its file may make more."""
        return max(self.resolved.warmup_bars, self.session.warmup_bars or 0)

    @property
    def venues(self) -> tuple[str, ...]:
        """Return the venues of its instruments, each once."""
        return tuple(dict.fromkeys(instrument.venue for instrument in self.resolved.instruments))

    def listings(self, venue: str) -> "list[Listing]":
        """Return the instruments of one venue with their places in the session."""
        from tradewind.live.amounts import listing_of

        return [
            listing_of(j, each) for j, each in enumerate(self.resolved.instruments) if each.venue == venue
        ]

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of instruments and strategies."""
        return self.resolved.labels, tuple(part.label for part in self.resolved.parts)

    def boot(self, version: str) -> "Boot":
        """Return what the journal says about a process; a change of any of its hashes is another session."""
        from tradewind.config import config_hash, to_toml
        from tradewind.journal.bodies import Boot, Instrument
        from tradewind.units.enums import MONEY

        parts, instruments = self.resolved.parts, self.resolved.instruments
        grids = (f"{i.venue} {i.symbol} {i.tick_size} {i.lot_size} {i.contract_size}" for i in instruments)
        return Boot(
            process=0,
            version=version,
            code_hash=_digest(part.code.source_hash for part in parts),
            config_hash=config_hash(self.session),
            data_hash=_digest(grids),
            config=to_toml(self.session),
            instruments=[
                Instrument(label, f"{i.tick_size:f}", f"{i.lot_size:f}", i.settle, MONEY)
                for label, i in zip(self.resolved.labels, instruments, strict=True)
            ],
            strategies=[(part.label, part.code.signals, part.code.tags) for part in parts],
            contexts=[(number, column) for number, part in enumerate(parts) for column in part.columns],
            snapshot_every=0,
            rules=[instrument.to_dict() for instrument in instruments],
            prices=list(self.prices),
            account_venues=list(self.account_venues),
        )

    def as_begun(self, boot: "Boot") -> "Bound":
        """Return the same bound to the rules with which its journal began: what changed since comes as facts."""
        from tradewind.market import Instrument

        rules = tuple(
            Instrument.from_dict(table, label)
            for table, label in zip(boot.rules, self.resolved.labels, strict=True)
        )
        return replace(self, resolved=replace(self.resolved, instruments=rules), prices=tuple(boot.prices))


def with_accounts(bound: Bound, venues: tuple[str, ...]) -> Bound:
    """Return a bound file whose wallets are those of accounts: empty until the venues say what they hold.

    venues: of the accounts, in their order. Each account has a wallet of each currency in which its instruments
    settle.
    """
    from tradewind.research.worlds import wallets_of

    wallets: list[WalletSetup] = []
    places: dict[tuple[str, str], int] = {}
    for number, venue in enumerate(venues):
        settled = {i.settle: 0.0 for i in bound.resolved.instruments if i.venue == venue}
        for wallet in wallets_of(bound.resolved.config, number, settled):
            places[venue, wallet.currency] = len(wallets)
            wallets.append(wallet)
    columns = tuple(places[i.venue, i.settle] for i in bound.resolved.instruments)
    return replace(bound, wallets=tuple(wallets), columns=columns, account_venues=venues)


def first_boot(folder: "Path") -> "Boot | None":
    """Return how the first process of a session began that was bound to a venue, None for a session without one."""
    from tradewind.journal import FileDisk, JournalReader, RecordKind
    from tradewind.journal.bodies import decode_boot

    for record in JournalReader(FileDisk(), folder).records():
        if record.kind == RecordKind.BOOT:
            boot = decode_boot(record)
            return boot if boot.rules else None
    return None


def bind_again(boot: "Boot", desk: "Workspace", name: str) -> Bound:
    """Return what a recorded session was bound to, from its journal and the strategies of the workspace."""
    import tomllib

    from tradewind.config import session_from
    from tradewind.research.resolve import resolve

    session = session_from(tomllib.loads(boot.config), name=f"{name}, record of its start").config
    resolved = resolve(_view(session, desk), desk)
    bound = Bound(session, resolved, tuple(boot.prices)).as_begun(boot)
    return with_accounts(bound, tuple(boot.account_venues)) if boot.account_venues else bound


async def bind_now(
    config: "BacktestConfig | SessionConfig",
    desk: "Workspace",
    folder: "Path | None",
    note: Callable[[str], None],
) -> Bound:
    """Ask the venues of a file for their rules and prices, and look up its strategies.

    folder: of the session; one that was begun goes on with the rules of its beginning, None begins anew. note: is told
    what is being done. Raises ConfigError, StrategyError, VenueDown, VenueRefused.
    """
    from tradewind.cli.reaching import client_of
    from tradewind.cli.venue import fetch_rules
    from tradewind.config import SessionConfig
    from tradewind.research.resolve import resolve
    from tradewind.venues.ccxt.feed import refuse_unstreamed

    session = config if isinstance(config, SessionConfig) else SessionConfig.from_backtest(config)
    venues = [venue for venue, _ in session.market.instruments]
    if session.feed.secondary is not None:
        venues.append(session.feed.secondary)
    for venue in dict.fromkeys(venues):
        refuse_unstreamed(venue, client_of(venue), session.market.bar_ns)
        note(f"asking {venue} for its rules")
        await fetch_rules(desk, venue)
    resolved = resolve(_view(session, desk), desk)
    _refuse_inactive(resolved)
    begun = first_boot(folder) if folder is not None else None
    if begun is not None and len(begun.rules) == len(resolved.labels):
        return Bound(session, resolved, ()).as_begun(begun)
    return Bound(session, resolved, await _prices(resolved, desk))


def _view(session: "SessionConfig", desk: "Workspace") -> "BacktestConfig":
    """Return a session as the backtest that binds it; on accounts the file's wallet is only a place to stand on."""
    from tradewind.config import Capital
    from tradewind.market import Store, resolve_instrument

    now = datetime.now(UTC)
    if session.capital is not None or not session.accounts:
        return session.backtest_view(now, now + _FOREVER)
    settled = resolve_instrument(Store(desk.data), *session.market.instruments[0]).settle
    return session.backtest_view(now, now + _FOREVER, Capital(amount=_ANY_AMOUNT, currency=settled))


def _refuse_inactive(resolved: "Resolved") -> None:
    for place, instrument in enumerate(resolved.instruments):
        if not instrument.active:
            raise ConfigError(
                "SYMBOL_INACTIVE",
                f"{instrument.symbol} does not trade at {instrument.venue} now.",
                key=f"market.symbols.{place}",
            )


async def _prices(resolved: "Resolved", desk: "Workspace") -> tuple[float, ...]:
    """Return a price of now of each instrument: integers are sized by it. Raises VenueDown where there is none."""
    found: dict[str, float] = {}
    for venue in dict.fromkeys(instrument.venue for instrument in resolved.instruments):
        here = [instrument for instrument in resolved.instruments if instrument.venue == venue]
        found.update(
            {f"{venue} {i.symbol}": price for i, price in zip(here, await prices_at(desk, here), strict=True)}
        )
    return tuple(found[f"{i.venue} {i.symbol}"] for i in resolved.instruments)


async def prices_at(desk: "Workspace", instruments: "Sequence[Instrument]") -> list[float]:
    """Return a price of now of each of several instruments of one venue. Raises VenueDown where there is none."""
    from tradewind.cli.reaching import client_of, way_to
    from tradewind.venues.ccxt.exchange import build_exchange
    from tradewind.venues.ccxt.history import RestReader
    from tradewind.venues.ccxt.last_price import last_price
    from tradewind.venues.ccxt.stream_table import STREAMS

    venue = instruments[0].venue
    async with way_to(desk, venue) as session:
        exchange = build_exchange(client_of(venue), session)
        reader = RestReader(exchange, STREAMS[venue].rest, time.time_ns)
        try:
            await reader.call("load_markets")
            return [await last_price(reader, exchange, venue, each.symbol) for each in instruments]
        finally:
            await exchange.close()


# ---------------------------------------------------------------------- paper


def paper_setup(bound: Bound, desk: "Workspace", version: str) -> "RunningSetup":
    """Return what the live loop needs to trade a bound file on paper."""
    from tradewind.live.running import RunningSetup

    async def reach(world: "World", folder: "Path", notify: Callable[["Alert"], None]) -> "Reached":
        return await _reach_paper(bound, desk, world, folder, notify)

    return RunningSetup(
        bound.make_world,
        bound.boot(version),
        ("paper",),
        reach,
        bound.labels,
        bound.clock,
        bound.session.on_stop,
        (bound.session.memory_max_mb or 0) << 20,
    )


async def _reach_paper(
    bound: Bound, desk: "Workspace", world: "World", folder: "Path", notify: Callable[["Alert"], None]
) -> "Reached":
    """Return the simulated exchange on the venues' own streams, with what an earlier life had heard."""
    from tradewind.journal import FileDisk, JournalReader, newest_start
    from tradewind.live.listening import ListenedMarket, ListeningRules
    from tradewind.live.running import Reached
    from tradewind.live.streaming import PaperVenue, recorded_steps
    from tradewind.venues.simulated.streamed import StreamedExchange

    config = bound.resolved.config
    slippage = config.costs.slippage_bps / 10_000.0
    exchange = StreamedExchange(bound.make_world(), config.market.bar_ns, slippage)
    rules = ListeningRules(
        warm_bars=bound.warm_bars,
        grace_ns=int(bound.session.feed.grace_ms * 1_000_000),
    )
    feeds, closing = open_feeds(bound, desk)
    listened = ListenedMarket(world, feeds, rules, bound.clock, notify=notify)
    reader = JournalReader(FileDisk(), folder)
    recorded = recorded_steps(reader, newest_start(reader)) if reader.headers else ()
    venue = PaperVenue(exchange, listened, recorded)
    return Reached(venue, exchange, closing=closing, hourly=listened.tell_conflated, figures=listened.figures)


def open_feeds(
    bound: Bound, desk: "Workspace"
) -> "tuple[dict[int, MarketFeed], tuple[Callable[[], Awaitable[Any]], ...]]":
    """Return who tells the market of each instrument, and what is to be closed after them; needs a running loop.

    Raises ConfigError: SYMBOL_UNKNOWN where a second venue is to stand in that does not list an instrument,
    EXCHANGE_UNSUPPORTED where a venue does not tell what a strategy wants.
    """
    kinds = {venue: _kinds(bound, venue) for venue in bound.venues}
    feeds: dict[int, MarketFeed] = {}
    sessions: list[aiohttp.ClientSession] = []
    stand_ins = _stand_ins(bound, desk)
    for venue in bound.venues:
        listings = bound.listings(venue)
        feed: MarketFeed = _feed(bound, desk, listings, kinds[venue], sessions)
        if stand_ins and venue == bound.session.market.venue:
            feed = _with_stand_in(bound, desk, feed, (listings, stand_ins), sessions)
        feeds.update(dict.fromkeys((listing.index for listing in listings), feed))
    return feeds, tuple(session.close for session in sessions)


def _feed(
    bound: Bound,
    desk: "Workspace",
    listings: "list[Listing]",
    kinds: "frozenset[StreamKind]",
    sessions: "list[aiohttp.ClientSession]",
) -> "CcxtMarketFeed":
    """Return what tells the market of instruments, all of one venue."""
    import random

    from tradewind.cli.reaching import client_of, way_to
    from tradewind.venues.ccxt.exchange import build_exchange
    from tradewind.venues.ccxt.feed import CcxtMarketFeed

    venue = listings[0].instrument.venue
    sessions.append(way_to(desk, venue))
    return CcxtMarketFeed(
        venue, build_exchange(client_of(venue), sessions[-1]), listings, kinds=kinds,
        intervals_ns=(bound.resolved.config.market.bar_ns,), now_ns=bound.clock,
        rng=random.Random(),  # noqa: S311 - spreads reconnections, guards nothing
    )  # fmt: skip


def _with_stand_in(
    bound: Bound,
    desk: "Workspace",
    first: "CcxtMarketFeed | MarketFeed",
    pair: "tuple[list[Listing], list[Listing]]",
    sessions: "list[aiohttp.ClientSession]",
) -> "MarketFeed":
    """Return a feed that a second venue stands in for while the first one fails."""
    from tradewind.venues.ccxt.failover import PRICED, FailoverFeed, FailoverRules
    from tradewind.venues.gateway import StreamKind

    listings, others = pair
    told = _told(others[0].instrument.venue) & frozenset(PRICED)
    second = _feed(bound, desk, others, told, sessions)
    return FailoverFeed(
        first, second, list(zip(listings, others, strict=True)), needed=frozenset({StreamKind.BARS, StreamKind.MARK}),
        now_ns=bound.clock, rules=FailoverRules(healed_s=bound.session.feed.healed_after_s),
    )  # fmt: skip


def _stand_ins(bound: Bound, desk: "Workspace") -> "list[Listing]":
    """Return the instruments of the second venue by the indices of the first one's, none where the file names none."""
    from tradewind.live.amounts import listing_of

    venue, second = bound.session.market.venue, bound.session.feed.secondary
    if second is None:
        return []
    return [listing_of(one.index, _same_coin(desk, second, one.instrument)) for one in bound.listings(venue)]


def _same_coin(desk: "Workspace", venue: str, instrument: "Instrument") -> "Instrument":
    """Return the instrument of another venue that is of the same coin, quote and payoff. Raises SYMBOL_UNKNOWN."""
    from tradewind.market import Store
    from tradewind.market.rules.book import RuleBook

    book = RuleBook.load(Store(desk.data).root)
    wanted = (instrument.base, instrument.quote, instrument.payoff)
    for symbol in book.symbols(venue):
        found = book.find(venue, symbol)
        if found is not None and found.active and (found.base, found.quote, found.payoff) == wanted:
            return found
    raise ConfigError(
        "SYMBOL_UNKNOWN",
        f"{venue} lists nothing that could stand in for {instrument.symbol}.",
        key="feed.secondary",
        hint="name another venue, or leave it out",
    )


def _kinds(bound: Bound, venue: str) -> "frozenset[Any]":
    """Return what is listened for at a venue: bars, prints and prices, and what strategies want.

    Raises ConfigError (EXCHANGE_UNSUPPORTED) where it does not tell what they want.
    """
    from tradewind.venues.gateway import StreamKind

    always = (StreamKind.TRADES, StreamKind.TOP, StreamKind.MARK, StreamKind.FUNDING)
    wanted: Mapping[str, Any] = {
        "open_interest": StreamKind.OPEN_INTEREST,
        "liquidations": StreamKind.LIQUIDATIONS,
        "funding": StreamKind.FUNDING,
        "mark": StreamKind.MARK,
    }
    needed = {wanted[need] for need in bound.resolved.needs if need in wanted}
    absent = sorted(kind.value for kind in needed - _told(venue))
    if absent:
        raise ConfigError(
            "EXCHANGE_UNSUPPORTED",
            f"{venue} does not tell {', '.join(absent)}, which a strategy wants.",
            key="market.venue",
            hint="listen at another venue, or take it out of NEEDS",
        )
    return frozenset({StreamKind.BARS} | needed | (_told(venue) & set(always)))


def _told(venue: str) -> "frozenset[StreamKind]":
    """Return everything that a venue tells of its market."""
    from tradewind.venues.ccxt.stream_table import STREAMS

    return frozenset({*STREAMS[venue].streams, *STREAMS[venue].polls})


def _digest(parts: Any) -> str:  # noqa: ANN401 - any texts
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
