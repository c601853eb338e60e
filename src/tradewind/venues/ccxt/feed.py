"""Market data of one venue through ccxt.pro: it subscribes and keeps sockets, we read what they say.

ccxt's `watch_…` calls are made for what they do on the wire, not for what they return: every message is read by
`hearing` as it arrives, so that nothing is lost between two calls, and no cache of ccxt's is filled or trusted. When a
connection ends, every call that stood on it is made again, not faster than the `Dialler` lets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ccxt.pro as ccxt
import numpy as np

from tradewind.errors import ConfigError, DataUnfit, TradewindError, VenueDown
from tradewind.market.grid import grid_offset_ns
from tradewind.units.enums import StreamCode
from tradewind.units.time import SECOND_NS, format_interval, format_utc, parse_interval
from tradewind.venues.ccxt.books import Book
from tradewind.venues.ccxt.candles import CandleKeeper
from tradewind.venues.ccxt.decoding import Garbage, Grid
from tradewind.venues.ccxt.exchange import guard_streams, redact
from tradewind.venues.ccxt.healing import Healer
from tradewind.venues.ccxt.hearing import Heard, Hearing
from tradewind.venues.ccxt.history import RestReader
from tradewind.venues.ccxt.inbox import Inbox
from tradewind.venues.ccxt.polling import RATE_MAX, Poller
from tradewind.venues.ccxt.quiet import Quiet, ask_for_sign
from tradewind.venues.ccxt.rules import market_named
from tradewind.venues.ccxt.stream_shapes import BookShape, Stream
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.ccxt.streams import SILENCE_MAX_S, Dialler, Health
from tradewind.venues.ccxt.unreached import said_by
from tradewind.venues.gateway import FundingRateSeen, StreamKind

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from ccxt.async_support.base.ws.client import Client

    from tradewind.venues.ccxt.budget import Address
    from tradewind.venues.ccxt.candles import Closed
    from tradewind.venues.ccxt.exchange import ClientSpec
    from tradewind.venues.ccxt.traffic import MarketTraffic
    from tradewind.venues.gateway import Event, Listing

__all__ = ["CcxtMarketFeed", "refuse_unstreamed"]

_OPEN_S = 45.0
_ATTEMPTS = 4
"""Of one request of a live feed: what matters is asked for again soon anyway."""
_CHUNK = 50
"""Symbols in one subscription: Binance takes 200 streams a connection, Bybit 2,000 characters of topics."""


@dataclass(slots=True)
class _Watch:
    """One call that subscribes, and what it stands for."""

    stream: Stream
    kind: StreamKind
    arguments: tuple[object, ...]
    instruments: tuple[int, ...]

    @property
    def keys(self) -> list[tuple[StreamKind, int]]:
        return [(self.kind, index) for index in self.instruments]


class CcxtMarketFeed:
    """A `MarketFeed`.

    Parameters
    ----------
    venue
        Our name of it, as in `stream_table.STREAMS`.
    exchange
        A ccxt.pro object of this venue (`exchange.build_exchange`), without keys. The feed closes it.
    listings
        The instruments, by their indices in the session.
    kinds, intervals_ns
        What is listened for, and the lengths of bars where BARS is among it.
    now_ns
        Our clock, ns UTC.
    rng
        Where the jitter of reconnecting comes from.
    grace_ns
        How long after the end of a bar it is fetched by REST where the stream did not tell it.
    """

    def __init__(
        self,
        venue: str,
        exchange: Any,  # noqa: ANN401 - ccxt ships no types
        listings: Sequence[Listing],
        *,
        kinds: frozenset[StreamKind],
        intervals_ns: tuple[int, ...] = (),
        now_ns: Callable[[], int],
        rng: random.Random,
        grace_ns: int = 4 * SECOND_NS,
    ) -> None:
        self._venue, self._exchange, self._now_ns = venue, exchange, now_ns
        self._table = STREAMS[_known(venue)]
        self._kinds = _offered(venue, kinds)
        timeframes = _timeframes(exchange)
        if StreamKind.BARS in self._kinds:
            _check_streamed(venue, intervals_ns, timeframes)
        self.inbox = Inbox(now_ns)
        self.health = Health(now_ns, self.inbox.put)
        self._quiet = Quiet(asyncio.get_running_loop().time)
        self.dialler = Dialler(now_ns, rng)
        self.rest = RestReader(exchange, self._table.rest, now_ns, attempts=_ATTEMPTS)
        self._heard = {one.instrument.symbol: self._heard_of(one, intervals_ns) for one in listings}
        self._by_index = {one.listing.index: one for one in self._heard.values()}
        self._hearing = Hearing(
            self._table,
            self._heard,
            self._kinds,
            timeframes,
            (self.inbox, self.health, self._on_broken_book),
            now_ns,
        )
        self._healer = Healer(self.rest, self._hearing, self._by_index, self.unified, grace_ns)
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching: dict[object, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._guarded: set[Client] = set()
        self.tell_to = self.inbox.tell_to

    def _heard_of(self, listing: Listing, intervals_ns: tuple[int, ...]) -> Heard:
        one = Heard(listing, Grid.of(listing.instrument))
        if StreamKind.BARS in self._kinds:
            one.keepers = {interval_ns: CandleKeeper(interval_ns) for interval_ns in intervals_ns}
        stream = self._table.streams.get(StreamKind.TOP)
        if StreamKind.TOP in self._kinds and stream is not None and isinstance(stream.shape, BookShape):
            one.book = Book(stream.shape.rule)
        return one

    def share(self, addresses: Mapping[str, Address]) -> None:
        """Count what is asked by REST for all who ask its venue from here, and keep to their bans."""
        self.rest.address = addresses.get(self._venue, self.rest.address)

    def traffics(self) -> list[MarketTraffic]:
        """Return what became of what was asked by REST."""
        return [self.rest.traffic]

    @property
    def dropped(self) -> dict[str, int]:
        """Return how many messages or parts of them were dropped, by reason."""
        return dict(self._hearing.dropped)

    def unified(self, instrument: int) -> str:
        """Return ccxt's name of an instrument."""
        symbol = self._by_index[instrument].listing.instrument.symbol
        market = market_named(self._exchange, symbol)
        if market is None:
            raise ConfigError("SYMBOL_UNKNOWN", f"{self._venue} lists no {symbol!r}", where=self._venue)
        return str(market["symbol"])

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Connect and subscribe; return when every stream has been heard of. Raises VenueDown, VenueRefused.

        SYMBOL_UNKNOWN for an instrument that the venue does not list.
        """
        guard_streams(asyncio.get_running_loop())
        self._tap()
        await self.rest.call("load_markets")
        for kind, index in self._expected():
            stream = self._table.streams.get(kind)
            stale_s = stream.stale_s if stream is not None else 5.0 * self._table.polls[kind].every_s
            self.health.expect(kind, index, stale_s)
        for one in self._by_index.values():
            for keeper in one.keepers.values():
                keeper.start_at(self._now_ns() // keeper.interval_ns * keeper.interval_ns)
        for watch in self._watches():
            self._start(self._keep(watch))
        poller = Poller(self.rest, self._table, self._by_index, (self.inbox, self.health), self._now_ns)
        for kind in sorted(self._polled(), key=lambda kind: kind.value):
            self._start(poller.run(kind, self.unified))
        self._start(self._keep_house())
        await self._wait_until_heard()

    def _expected(self) -> list[tuple[StreamKind, int]]:
        told_alone = [kind for kind in self._kinds if kind not in (StreamKind.FUNDING,)]
        return [
            (kind, index) for kind in sorted(told_alone, key=lambda k: k.value) for index in self._by_index
        ]

    def _polled(self) -> set[StreamKind]:
        return {kind for kind in self._kinds if kind in self._table.polls and kind not in self._table.streams}

    async def _wait_until_heard(self) -> None:
        until_ns = self._now_ns() + int(_OPEN_S * SECOND_NS)
        while silent := self.health.not_up():
            if self._now_ns() >= until_ns:
                kind, index = silent[0]
                symbol = self._by_index[index].listing.instrument.symbol
                await self.close()
                raise VenueDown(
                    "VENUE_DOWN",
                    f"{len(silent)} streams were not heard within {_OPEN_S:.0f} s, first {kind.value} of {symbol}",
                    where=self._venue,
                )
            await asyncio.sleep(0.05)

    async def next_events(self) -> list[Event]:
        """Return what came in since the last call, at least one event, in order of receipt."""
        return await self.inbox.take()

    async def close(self) -> None:
        """Let go of everything."""
        self._ended.set()
        tasks = [*self._tasks, *self._fetching.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._fetching.clear()
        await self._exchange.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A task of the feed never ends by itself: what ended it is ours to hear, not to lose.
            self.inbox.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    # ------------------------------------------------------------------ subscriptions

    def _watches(self) -> list[_Watch]:
        found = []
        for kind, stream in self._table.streams.items():
            if kind in self._kinds:
                found += self._calls(kind, stream)
        return found

    def _calls(self, kind: StreamKind, stream: Stream) -> list[_Watch]:
        names = {index: self.unified(index) for index in self._by_index}
        tail = (
            ((stream.limit,) if stream.limit is not None else ())
            if stream.calls in ("symbols", "each")
            else ()
        )
        if stream.calls in ("each", "each_pair"):
            intervals = (
                [format_interval(ns) for ns in self._intervals()] if stream.calls == "each_pair" else [None]
            )
            return [
                _Watch(stream, kind, (name, *([word] if word else []), *tail), (index,))
                for index, name in names.items()
                for word in intervals
            ]
        indices = list(names)
        chunks = [indices[at : at + _CHUNK] for at in range(0, len(indices), _CHUNK)]
        return [
            _Watch(stream, kind, (self._many(stream, [names[i] for i in chunk]), *tail), tuple(chunk))
            for chunk in chunks
        ]

    def _many(self, stream: Stream, names: list[str]) -> list[object]:
        if stream.calls == "pairs":
            return [[name, format_interval(ns)] for name in names for ns in self._intervals()]
        return list(names)

    def _intervals(self) -> list[int]:
        return sorted({ns for one in self._by_index.values() for ns in one.keepers})

    async def _keep(self, watch: _Watch) -> None:
        """Keep one subscription for as long as the feed lives."""
        while True:
            await self.dialler.turn()
            try:
                await self._subscribe(watch)
            except (ccxt.BaseError, OSError, TimeoutError) as error:
                self.dialler.failed()
                self._is_down(watch, redact(error))

    async def _subscribe(self, watch: _Watch) -> None:
        """Subscribe, and stay until the connection ends. Raises what ccxt raises.

        Since the data do not pass through ccxt, its call stays pending until its connection ends. Should one return,
        whatever connection ends next begins it anew.
        """
        method = getattr(self._exchange, watch.stream.watch)
        self._ended.clear()
        call = asyncio.ensure_future(method(*watch.arguments))
        try:
            await asyncio.wait({call})
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        if not call.cancelled():
            call.result()
            await self._ended.wait()
        raise ccxt.NetworkError("the connection has ended")

    def _is_down(self, watch: _Watch, text: str) -> None:
        self.health.change_all(watch.keys, StreamCode.DOWN, text)
        if watch.kind is StreamKind.TOP:
            for index in watch.instruments:
                one = self._by_index[index]
                one.top = None
                if one.book is not None:
                    one.book.forget()

    # ------------------------------------------------------------------ messages and connections

    def _tap(self) -> None:
        """Put our ear where ccxt's is. Call it before the first `watch_…`, when ccxt binds its handler.

        What we read does not pass through ccxt: its caches and books are not used, would cost more than ours, and
        fetch snapshots at a pace that is nobody's. It still gets what keeps a connection: answers to subscriptions,
        pongs, errors.
        """
        exchange = self._exchange
        own = exchange.handle_message
        if hasattr(exchange, "handle_order_book_subscription"):
            exchange.handle_order_book_subscription = _leave_alone

        def handle(client: Client, message: object) -> None:
            if client not in self._guarded:
                self._guarded.add(client)
                self._start(self._guard(client))
            if self._hearing.hear(client, message, self._now_ns()):
                return
            try:
                own(client, message)
            except Exception as error:  # noqa: BLE001 - whatever ccxt made of it, the loop must go on receiving
                self._hearing.dropped[f"handler_{type(error).__name__}"] += 1
                self._cut(client, said_by(error))

        exchange.handle_message = handle

    async def _guard(self, client: Client) -> None:
        """Wait until a connection ends, whoever ended it, and let all subscriptions be made again."""
        end = client.future("tradewind")
        await asyncio.wait({end})
        if not end.cancelled():
            end.exception()
        self._guarded.discard(client)
        self.dialler.failed()
        self._ended.set()

    def _on_broken_book(self, instrument: int, client: object, why: str) -> None:
        """Begin a book anew: by a snapshot where the venue gives one by REST, else by a new connection."""
        book = self._by_index[instrument].book
        if book is not None and not book.wants_snapshot:
            self._cut(client, f"a book must begin anew: {why}")

    @staticmethod
    def _cut(client: Any, why: str) -> None:  # noqa: ANN401
        client.on_error(ccxt.NetworkError(why))

    # ------------------------------------------------------------------ every second

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for client in self._clients():
                await ask_for_sign(self._exchange, client, self._quiet.silent_s(client))
            self._end_silent_connections()
            self.health.judge()
            self._note_connected()
            for name, work in self._healer.due(self._now_ns()):
                if name not in self._fetching:
                    self._fetch(name, work)

    def _clients(self) -> list[Client]:
        return list((self._exchange.clients or {}).values())

    def _end_silent_connections(self) -> None:
        for client in self._clients():
            silent_s = self._quiet.silent_s(client)
            if client.isConnected and silent_s > SILENCE_MAX_S:
                self._cut(client, f"nothing was heard for {silent_s:.0f} s")

    def _note_connected(self) -> None:
        """Let a stream that may be silent be up while the connections speak."""
        if self.dialler.is_waiting or not self._guarded:
            return
        for kind, index in self.health.not_up():
            self.health.connected(kind, index)

    def _fetch(self, name: object, work: Callable[[], Awaitable[None]]) -> None:
        async def fetch() -> None:
            try:
                await work()
            except (TradewindError, Garbage) as error:
                self._hearing.dropped[f"fetch_{type(error).__name__}"] += 1
            finally:
                self._fetching.pop(name, None)

        self._fetching[name] = asyncio.get_running_loop().create_task(fetch())

    # ------------------------------------------------------------------ bars by REST

    async def bars(self, instrument: int, interval_ns: int, start_ns: int, end_ns: int) -> np.ndarray:
        """Return closed bars by REST: (n, 6) int64 of open time, OHLC in ticks, volume in lots.

        Bars that are not over at the time of asking are left out at the end. Raises VenueDown, VenueRefused, and
        DataUnfit (DATA_GAP) with the place where the venue has no bar between two others.
        """
        first_ns = -(-start_ns // interval_ns) * interval_ns
        symbol = self.unified(instrument)
        found: list[Closed] = []
        while first_ns < end_ns:
            page = await self._healer.page(instrument, interval_ns, (first_ns, end_ns), recent=False)
            if not page:
                break
            for open_ns, _ in page:
                if open_ns != first_ns:
                    raise _gap(symbol, first_ns, open_ns)
                first_ns += interval_ns
            found += page
        rows = [(open_ns, *bar) for open_ns, bar in found]
        return np.array(rows, dtype=np.int64).reshape(-1, 6)

    async def settlements(self, instrument: int, start_ns: int, end_ns: int) -> list[FundingRateSeen]:
        """Return the rates that were settled after `start_ns` and not after `end_ns`; none where nobody hears them.

        Raises VenueDown, VenueRefused.
        """
        if StreamKind.FUNDING not in self._kinds:
            return []
        found = await self.rest.funding(self.unified(instrument), start_ns + 1, end_ns + 1)
        now_ns = self._now_ns()
        return [
            FundingRateSeen(instrument, rate, ts_ns, now_ns) for ts_ns, rate in found if abs(rate) <= RATE_MAX
        ]


def _leave_alone(*_arguments: object) -> None:
    """Do nothing where ccxt would fetch a snapshot of a book."""


def _gap(symbol: str, start_ns: int, end_ns: int) -> DataUnfit:
    message = f"bars are missing from {format_utc(start_ns)} to {format_utc(end_ns)}"
    return DataUnfit("DATA_GAP", message, where=symbol)


def _known(venue: str) -> str:
    if venue not in STREAMS:
        raise ConfigError(
            "EXCHANGE_UNSUPPORTED", f"{venue} has no live market data here", known=tuple(STREAMS)
        )
    return venue


def _offered(venue: str, kinds: frozenset[StreamKind]) -> frozenset[StreamKind]:
    """Return the kinds if the venue has them all. Raises EXCHANGE_UNSUPPORTED."""
    table = STREAMS[venue]
    absent = sorted(kind.value for kind in kinds if kind not in table.streams and kind not in table.polls)
    if absent:
        known = sorted(kind.value for kind in (*table.streams, *table.polls))
        raise ConfigError("EXCHANGE_UNSUPPORTED", f"{venue} does not tell {', '.join(absent)}", known=known)
    return kinds


def refuse_unstreamed(venue: str, spec: ClientSpec, interval_ns: int) -> None:
    """Refuse bars that a venue does not stream before anything is opened. Raises ConfigError: EXCHANGE_UNSUPPORTED."""
    unopened = getattr(ccxt, spec.ccxt_id)({"options": dict(spec.options)})
    _check_streamed(_known(venue), (interval_ns,), _timeframes(unopened))


def _check_streamed(venue: str, intervals_ns: tuple[int, ...], timeframes: dict[str, int]) -> None:
    """Refuse bars that the venue does not stream, and weeks: they begin on Mondays, the grid of live bars does not."""
    streamed = sorted({ns for ns in timeframes.values() if not grid_offset_ns(ns)})
    for interval_ns in intervals_ns:
        if interval_ns not in streamed:
            raise ConfigError(
                "EXCHANGE_UNSUPPORTED",
                f"{venue} streams no bars of {format_interval(interval_ns)} that can be followed.",
                key="market.bars",
                known=[format_interval(ns) for ns in streamed],
                hint="Take shorter bars, and `market.decide_on` for the longer ones",
            )


def _timeframes(exchange: Any) -> dict[str, int]:  # noqa: ANN401
    """Return intervals in ns by the venue's words for them, those it shares with us.

    Bitget's streams have words of their own, which ccxt keeps apart.
    """
    found: dict[str, int] = {}
    streamed = (exchange.options or {}).get("timeframes") or {}
    for ours, theirs in [*(exchange.timeframes or {}).items(), *streamed.items()]:
        try:
            found[str(theirs)] = parse_interval(ours)
        except ValueError:
            continue
    return found
