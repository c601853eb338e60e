"""Put a generated market into the store, for ``data generate`` and for the demo."""

import time
from typing import TYPE_CHECKING

from tradewind.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.market import Coin, MarketSpec, Series, SeriesKey, Store

__all__ = ["END", "SEED", "START", "SYMBOLS", "generate_into", "market_spec"]

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START, END = "2024-01-01", "2025-01-01"
SEED = 1
"""What is generated unless something else is asked for, in the demo too."""
_BARS_MAX = 20_000_000


def market_spec(
    symbols: "Sequence[str]",
    start: str,
    end: str,
    interval_ns: int,
    seed: int,
    *,
    regimes: bool = False,
    spot: bool = False,
) -> "MarketSpec":
    """Return what to generate, from the texts of flags. Raises DATE_INVALID, DATE_RANGE, CONFIG_RANGE, ID_INVALID."""
    from tradewind.config import read_instant, to_ns
    from tradewind.market import MarketSpec

    start_ns, end_ns = to_ns(read_instant(start, "--start")), to_ns(read_instant(end, "--end"))
    if not symbols:
        raise UsageError("CONFIG_EMPTY_LIST", "no symbol is named.", where="--symbols")
    count = (end_ns - start_ns) // interval_ns
    if count < 1:
        raise UsageError("DATE_RANGE", f"no bar lies between {start} and {end}.", where="--end")
    if count * len(symbols) > _BARS_MAX:
        raise UsageError(
            "CONFIG_RANGE", f"this is more than {_BARS_MAX:,} bars.", where="--end", hint="shorten it"
        )
    coins = tuple(_coin(symbol) for symbol in symbols)
    return MarketSpec(
        seed=seed,
        start_ns=start_ns,
        bars=count,
        interval_ns=interval_ns,
        coins=coins,
        regimes=regimes,
        spot=spot,
    )


def _coin(symbol: str) -> "Coin":
    from tradewind.market import COINS, Coin

    known = {coin.symbol: coin for coin in COINS}
    if symbol in known:
        return known[symbol]
    base = symbol.removesuffix("USDT")
    if not (
        symbol.endswith("USDT") and base.isascii() and base.isalnum() and base.isupper() and len(base) <= 12
    ):
        raise UsageError(
            "ID_INVALID",
            f"{symbol[:40]!r} cannot name a generated coin.",
            where="--symbols",
            hint="such as ABCUSDT",
        )
    return Coin(symbol, base)


def generate_into(store: "Store", spec: "MarketSpec", progress: "Callable[[float, float, str], None]") -> int:
    """Generate a market and add it to the store with its rules; return how many records it has.

    Raises DATA_CONFLICT where the store holds another market of these names and times.
    """
    from tradewind.market import generate_market
    from tradewind.market.manifest import SourceEntry
    from tradewind.market.rules.answers import RuleSet
    from tradewind.market.rules.book import RuleBook

    progress(0, 2, "generating the market")
    market = generate_market(spec)
    parts = _parts(spec.venue, spec, market.bars, market.mark, market.funding, market.open_interest)
    parts += _parts(spec.spot_venue, spec, market.spot_bars)
    progress(1, 2, "storing the market")
    now_ns = time.time_ns()
    source = SourceEntry(name=f"generated, seed {spec.seed}", sha256="", imported_ns=now_ns, notes=())
    store.merge_all(parts, source)
    with RuleBook.changing(store.root) as book:
        book.add(RuleSet(spec.venue, market.instruments), now_ns)
        if market.spot_instruments:
            book.add(RuleSet(spec.spot_venue, market.spot_instruments), now_ns)
    progress(2, 2, "storing the market")
    return sum(len(series) for _, series in parts)


def _parts(
    venue: str, spec: "MarketSpec", *tables: "Mapping[str, Series]"
) -> "list[tuple[SeriesKey, Series]]":
    from tradewind.market import SeriesKey

    kinds = ("bars", "mark", "funding", "open_interest")
    return [
        (SeriesKey(venue, kind, symbol, spec.interval_ns if kind in ("bars", "mark") else 0), series)
        for kind, table in zip(kinds, tables, strict=False)
        for symbol, series in table.items()
    ]
