"""The words in which `stream_table` says how venues tell the market: shapes of messages, streams, polls, history."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.gateway import StreamKind

__all__ = [
    "BookRule",
    "BookShape",
    "CandleShape",
    "LiquidationShape",
    "MarkShape",
    "Poll",
    "Rest",
    "Stream",
    "TradeShape",
    "VenueStreams",
]


class BookRule(Enum):
    """How messages of a book join.

    WHOLE: each is the whole book to its depth. CHAINED: each names the one before it. CONSECUTIVE: ids rise by
    one from message to message. FETCHED: changes only, in a chain that begins at a snapshot fetched by REST.
    """

    WHOLE = "whole"
    CHAINED = "chained"
    CONSECUTIVE = "consecutive"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class TradeShape:
    """Trades. `words` gives the taker's side for what stands at `side`; None: the sign of the quantity."""

    rows: str
    symbol: str
    price: str
    qty: str
    side: str
    words: Mapping[object, int] | None
    key: str
    ts: str
    ts_unit_ns: int = 1_000_000


@dataclass(frozen=True, slots=True)
class CandleShape:
    """Candles. `closed` holds `closed_word` once a candle is over; "": the venue never says so."""

    rows: str
    symbol: str
    interval: str
    open_time: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    closed: str = ""
    closed_word: object = True
    ts_unit_ns: int = 1_000_000


@dataclass(frozen=True, slots=True)
class BookShape:
    """A book. `action` holds `whole_word` where a message is a snapshot; ids are paths, "" where there are none.

    Where a message has only the best prices (`one_level`), they stand at `bids` and `asks`, their quantities at
    `qty` and `ask_qty`.
    """

    rule: BookRule
    rows: str
    symbol: str
    bids: str
    asks: str
    price: str = "0"
    qty: str = "1"
    action: str = ""
    whole_word: str = "snapshot"
    first: str = ""
    last: str = ""
    previous: str = ""
    ts: str = ""
    one_level: bool = False
    ask_qty: str = ""


@dataclass(frozen=True, slots=True)
class MarkShape:
    """Mark prices, and open interest where the same message tells it. A field may be absent: nothing changed."""

    rows: str
    symbol: str
    mark: str
    ts: str
    open_interest: str = ""


@dataclass(frozen=True, slots=True)
class LiquidationShape:
    """Liquidations; `qty` in contracts (base units where the contract size is 1)."""

    rows: str
    symbol: str
    price: str
    qty: str
    side: str
    words: Mapping[object, int]
    ts: str
    details: str = ""


Shape = TradeShape | CandleShape | BookShape | MarkShape | LiquidationShape


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a venue.

    Parameters
    ----------
    watch
        The ccxt.pro method that subscribes; its answers are not used, its errors are.
    calls
        "symbols": once with all symbols; "each": once per symbol; "pairs": once with (symbol, timeframe) pairs;
        "each_pair": once per symbol and timeframe; "none": once without any (a channel of all instruments).
    channel
        How the channel's name begins in messages.
    stale_s
        Silence of one instrument after which it is not trusted, in seconds; 0: it may be silent for ever, and is as
        alive as its connection.
    limit
        Levels of a book that are asked for, passed to the method.
    """

    watch: str
    calls: str
    channel: str
    shape: Shape
    stale_s: float
    provenance: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """What no stream carries and is asked for by REST: a ccxt method, every so many seconds, and its fields."""

    method: str
    every_s: float
    field: str
    provenance: str
    by_id: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """How history is fetched.

    Parameters
    ----------
    page_rows
        Most bars in one answer.
    volume_in_base
        Whether ccxt gives the volume of a bar in base units (else contracts).
    mark_params
        What makes `fetch_ohlcv` give mark prices; None: the venue has no history of them.
    funding_rows, interest_rows
        Most records in one answer; 0: no such history.
    interest_days, funding_days
        How many days back open interest and settlements are kept; 0: since it was listed.
    interest_steps
        Distances at which open interest is told, the finest first.
    requests_per_s
        Pace of history requests: half of the venue's public limit for one address at most, so that trading beside
        it is not slowed.
    """

    page_rows: int
    volume_in_base: bool
    mark_params: Mapping[str, object] | None
    mark_rows: int
    funding_rows: int
    interest_rows: int
    requests_per_s: float
    provenance: str
    interest_days: int = 0
    interest_steps: tuple[str, ...] = ()
    funding_days: int = 0


@dataclass(frozen=True, slots=True)
class VenueStreams:
    """Everything that is known of one venue's market data.

    channel: path of the channel's name in a message.
    polls: what is asked by REST, by kind.
    """

    channel: str
    streams: Mapping[StreamKind, Stream]
    polls: Mapping[StreamKind, Poll]
    rest: Rest
