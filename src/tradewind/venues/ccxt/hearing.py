"""From messages of a venue to events of the session: read, checked, counted where they are dropped."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.units.enums import StreamCode
from tradewind.units.time import SECOND_NS, format_utc
from tradewind.venues.ccxt.books import Book, BookBroken, BookReader
from tradewind.venues.ccxt.decoding import (
    CandleReader,
    Garbage,
    Grid,
    LiquidationReader,
    MarkReader,
    Near,
    TradeReader,
    place,
)
from tradewind.venues.ccxt.stream_shapes import (
    BookShape,
    CandleShape,
    LiquidationShape,
    MarkShape,
    TradeShape,
)
from tradewind.venues.gateway import (
    BarSeen,
    LiquidationSeen,
    MarkSeen,
    OpenInterestSeen,
    StreamKind,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.ccxt.books import Top
    from tradewind.venues.ccxt.candles import CandleKeeper, Closed
    from tradewind.venues.ccxt.inbox import Inbox
    from tradewind.venues.ccxt.stream_shapes import VenueStreams
    from tradewind.venues.ccxt.streams import Health
    from tradewind.venues.gateway import Listing

    _Handler = Callable[[object, int, object], None]
    """Takes a message, our time of it, and its connection."""

__all__ = ["Heard", "Hearing"]

_ROUTES_MAX = 20_000
_RECENT_TRADES = 1_024
_CLOCKS_DIFFER_NS = SECOND_NS
"""By how much the venue's clock may be ahead of ours."""
_UNSEEDED_NS = 5 * SECOND_NS
"""How long changes of a book may come before its snapshot does."""


@dataclass(slots=True)
class Heard:
    """What is known of one instrument from its streams.

    Parameters
    ----------
    listing, grid
        The instrument, and its steps.
    keepers
        Its candles by interval in ns.
    book
        Its book, None where it is not watched.
    """

    listing: Listing
    grid: Grid
    keepers: dict[int, CandleKeeper] = field(default_factory=dict)
    book: Book | None = None
    top: Top | None = None
    unseeded_ns: int = 0
    near: Near = field(default_factory=Near)
    latest_ns: dict[StreamKind, int] = field(default_factory=dict)
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=_RECENT_TRADES))
    recent_keys: set[int] = field(default_factory=set)

    def is_repeated(self, key: int) -> bool:
        """Return whether a trade was told already; remember it otherwise."""
        if key in self.recent_keys:
            return True
        if len(self.recent) == _RECENT_TRADES:
            self.recent_keys.discard(self.recent[0])
        self.recent.append(key)
        self.recent_keys.add(key)
        return False

    def forward(self, kind: StreamKind, ts_ns: int) -> int:
        """Return a time of the venue that never goes back within a stream."""
        latest = max(ts_ns, self.latest_ns.get(kind, 0))
        self.latest_ns[kind] = latest
        return latest


class Hearing:
    """Turns messages into events.

    Parameters
    ----------
    streams
        The venue's row of the table.
    heard
        The instruments by the venue's own symbol.
    kinds
        What is listened for; messages of other channels are passed over.
    timeframes
        Intervals in ns by the venue's own words.
    outlets
        Where events go, who is told that a stream was heard, and what is called with (instrument, connection, why)
        when a book must begin anew.
    now_ns
        Our clock.
    """

    def __init__(
        self,
        streams: VenueStreams,
        heard: Mapping[str, Heard],
        kinds: frozenset[StreamKind],
        timeframes: Mapping[str, int],
        outlets: tuple[Inbox, Health, Callable[[int, object, str], None]],
        now_ns: Callable[[], int],
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.now_ns = now_ns
        self._heard = heard
        self._timeframes = timeframes
        self._inbox, self._health, self._broken = outlets
        self._channel = place("^" + streams.channel)
        self._routes: dict[str, _Handler | None] = {}
        chosen = [stream for kind, stream in streams.streams.items() if kind in kinds]
        self._handlers = [(stream.channel, self._handler_of(stream.shape)) for stream in chosen]

    def hear(self, client: object, message: object, recv_ns: int) -> bool:
        """Take one message, decoded from JSON; return whether it was data of a channel that is listened for.

        Never raises for what a message says.
        """
        text = self._channel(message, None)
        if not isinstance(text, str):
            return False
        try:
            handler = self._routes[text]
        except KeyError:
            handler = self._learn(text)
        event = message.get("event") if isinstance(message, dict) else None
        if handler is None or not (event is None or event == "update"):
            return False  # It speaks of a subscription rather than of the market.
        handler(message, recv_ns, client)
        return True

    def _learn(self, text: str) -> _Handler | None:
        """Return who takes the messages of a channel, None where nobody does; remember it."""
        if len(self._routes) >= _ROUTES_MAX:
            self._routes.clear()
        fitting = [handler for prefix, handler in self._handlers if text.startswith(prefix)]
        self._routes[text] = fitting[0] if fitting else None
        return self._routes[text]

    def _handler_of(self, shape: object) -> _Handler:
        if isinstance(shape, TradeShape):
            return _Trades(self, TradeReader(shape)).take
        if isinstance(shape, CandleShape):
            return _Candles(self, CandleReader(shape)).take
        if isinstance(shape, BookShape):
            return _Tops(self, BookReader(shape)).take
        if isinstance(shape, MarkShape):
            return _Marks(self, MarkReader(shape)).take
        assert isinstance(shape, LiquidationShape)
        return _Liquidations(self, LiquidationReader(shape)).take

    # ------------------------------------------------------------------ for the readers below

    def find(self, symbol: object) -> Heard | None:
        """Return the instrument of a symbol; count one that is not ours."""
        found = self._heard.get(symbol) if isinstance(symbol, str) else None
        if found is None:
            self.dropped["unknown_symbol"] += 1
        return found

    def interval_ns(self, word: object) -> int:
        """Return the interval that a venue's word means, 0 for none."""
        return self._timeframes.get(word, 0) if isinstance(word, str) else 0

    def tell_bars(self, one: Heard, interval_ns: int, bars: list[Closed], recv_ns: int) -> None:
        """Tell bars that are over."""
        index = one.listing.index
        for open_ns, bar in bars:
            self._inbox.put(BarSeen(index, interval_ns, *bar, open_ns, recv_ns))
        if bars:
            self._health.heard(StreamKind.BARS, index, recv_ns)

    def tell_gap(self, one: Heard, text: str) -> None:
        """Tell that bars are missing for good."""
        self._health.change(StreamKind.BARS, one.listing.index, StreamCode.GAP, text)

    def tell_revision(self, one: Heard, open_ns: int) -> None:
        """Tell that a bar that was told is another one now; it is not told again, since it was decided upon."""
        self.dropped["revised_bar"] += 1
        index = one.listing.index
        text = f"the bar of {format_utc(open_ns)} was changed after its end"
        self._health.change(StreamKind.BARS, index, StreamCode.GAP, text)
        self._health.change(StreamKind.BARS, index, StreamCode.UP, "")

    def tell_top(self, one: Heard, top: Top | None, ts_ns: int, recv_ns: int) -> None:
        """Tell a top of book that differs from the one before."""
        index = one.listing.index
        if top is None:
            return
        self._health.heard(StreamKind.TOP, index, recv_ns)
        if top != one.top:
            one.top = top
            self._inbox.put(TopSeen(index, *top, one.forward(StreamKind.TOP, ts_ns), recv_ns))

    def end_book(self, one: Heard, client: object, why: str) -> None:
        """Let a book begin anew."""
        self.dropped["book_broken"] += 1
        one.top = None
        if one.book is not None:
            one.book.forget()
        self._health.change(StreamKind.TOP, one.listing.index, StreamCode.GAP, why)
        self._broken(one.listing.index, client, why)

    def put(self, event: TradeSeen | MarkSeen | OpenInterestSeen | LiquidationSeen, kind: StreamKind) -> None:
        """Tell one event of a stream."""
        self._health.heard(kind, event.instrument, event.recv_ns)
        self._inbox.put(event)


class _Trades:
    def __init__(self, hearing: Hearing, reader: TradeReader) -> None:
        self._hearing, self._reader = hearing, reader

    def take(self, message: object, recv_ns: int, _client: object) -> None:
        hearing, reader = self._hearing, self._reader
        for row in reader.rows(message):
            one = hearing.find(reader.symbol(message, row))
            if one is None:
                continue
            try:
                side, tick, lots, key, ts_ns = reader.read(message, row, one.grid)
                one.near.admit(tick, recv_ns)
            except Garbage as error:
                hearing.dropped[error.reason] += 1
                continue
            if one.is_repeated(key):
                hearing.dropped["repeated_trade"] += 1
                continue
            ts_ns = one.forward(StreamKind.TRADES, ts_ns)
            seen = TradeSeen(one.listing.index, side, tick, lots, key, ts_ns, recv_ns)
            hearing.put(seen, StreamKind.TRADES)


class _Candles:
    def __init__(self, hearing: Hearing, reader: CandleReader) -> None:
        self._hearing, self._reader = hearing, reader
        self._known: dict[tuple[object, object], tuple[Heard, int, CandleKeeper]] = {}

    def take(self, message: object, recv_ns: int, _client: object) -> None:
        hearing, reader = self._hearing, self._reader
        for row in reader.rows(message):
            found = reader.values(message, row)
            try:
                one, interval_ns, keeper = self._known[found[0], found[1]]
            except (KeyError, TypeError):
                if not self._learn(found[0], found[1]):
                    continue
                one, interval_ns, keeper = self._known[found[0], found[1]]
            try:
                open_ns, bar, over = reader.read(found, one.grid)
                one.near.admit_both(bar[1], bar[2], recv_ns)
            except Garbage as error:
                hearing.dropped[error.reason] += 1
                continue
            if over and recv_ns < open_ns + interval_ns - _CLOCKS_DIFFER_NS:
                # A candle is not over before its end, whatever the flag says: REST will tell.
                hearing.dropped["closed_too_early"] += 1
                continue
            revised = keeper.counts.revised
            hearing.tell_bars(one, interval_ns, keeper.hear(open_ns, bar, over), recv_ns)
            if keeper.counts.revised > revised:
                hearing.tell_revision(one, open_ns)

    def _learn(self, symbol: object, word: object) -> bool:
        """Remember whose candle it is; say whether it is somebody's, and count it where it is not."""
        one = self._hearing.find(symbol)
        if one is None:
            return False
        interval_ns = self._hearing.interval_ns(word)
        keeper = one.keepers.get(interval_ns)
        if keeper is None:
            self._hearing.dropped["unknown_interval"] += 1
            return False
        self._known[symbol, word] = one, interval_ns, keeper
        return True


class _Tops:
    def __init__(self, hearing: Hearing, reader: BookReader) -> None:
        self._hearing, self._reader = hearing, reader

    def take(self, message: object, recv_ns: int, client: object) -> None:
        hearing, reader = self._hearing, self._reader
        for row in reader.rows(message):
            one = hearing.find(reader.symbol(message, row))
            if one is None or one.book is None:
                continue
            try:
                update = reader.read(message, row, one.grid)
                top = one.book.apply(update)
                if top is not None:
                    one.near.admit(top[0], recv_ns)
                    one.near.admit(top[2], recv_ns)
            except Garbage as error:
                hearing.dropped[error.reason] += 1
                hearing.end_book(one, client, f"a message of the book is garbage: {error.reason}")
            except BookBroken as error:
                hearing.end_book(one, client, str(error))
            else:
                hearing.tell_top(one, top, update.ts_ns, recv_ns)
                self._miss_snapshot(one, one.book, client, recv_ns)

    def _miss_snapshot(self, one: Heard, book: Book, client: object, recv_ns: int) -> None:
        """Begin anew where changes come, and the snapshot before them was lost."""
        if book.valid or book.wants_snapshot:
            one.unseeded_ns = 0
        elif not one.unseeded_ns:
            one.unseeded_ns = recv_ns
        elif recv_ns - one.unseeded_ns > _UNSEEDED_NS:
            one.unseeded_ns = 0
            self._hearing.end_book(one, client, "changes came without a snapshot")


class _Marks:
    def __init__(self, hearing: Hearing, reader: MarkReader) -> None:
        self._hearing, self._reader = hearing, reader

    def take(self, message: object, recv_ns: int, _client: object) -> None:
        hearing, reader = self._hearing, self._reader
        for row in reader.rows(message):
            one = hearing.find(reader.symbol(message, row))
            if one is None:
                continue
            try:
                mark, interest, ts_ns = reader.read(message, row, one.grid)
                if mark is not None:
                    one.near.admit(mark, recv_ns)
            except Garbage as error:
                hearing.dropped[error.reason] += 1
                continue
            index, ts_ns = one.listing.index, one.forward(StreamKind.MARK, ts_ns)
            if mark is not None:
                hearing.put(MarkSeen(index, mark, ts_ns, recv_ns), StreamKind.MARK)
            if interest is not None:
                hearing.put(OpenInterestSeen(index, interest, ts_ns, recv_ns), StreamKind.OPEN_INTEREST)


class _Liquidations:
    def __init__(self, hearing: Hearing, reader: LiquidationReader) -> None:
        self._hearing, self._reader = hearing, reader

    def take(self, message: object, recv_ns: int, _client: object) -> None:
        hearing, reader = self._hearing, self._reader
        for row in reader.rows(message):
            one = hearing.find(reader.symbol(message, row))
            if one is None:
                continue
            try:
                for side, notional, ts_ns in reader.read(message, row, one.grid.contract_size):
                    ts_ns = one.forward(StreamKind.LIQUIDATIONS, ts_ns)
                    seen = LiquidationSeen(one.listing.index, side, notional, ts_ns, recv_ns)
                    hearing.put(seen, StreamKind.LIQUIDATIONS)
            except Garbage as error:
                hearing.dropped[error.reason] += 1
