"""Workspaces with a generated market in their store, and backtests on it, to try research on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.config import BacktestConfig, Workspace, backtest_from
from tradewind.market import SeriesKey, Store, generate_market
from tradewind.market.manifest import SourceEntry
from tradewind.market.rules.answers import RuleSet
from tradewind.market.rules.book import RuleBook
from tradewind.units.time import format_interval, format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradewind.market import GeneratedMarket, Instrument, MarketSpec, Series

__all__ = ["backtest_of", "make_desk", "stock"]


def make_desk(folder: Path, *specs: MarketSpec) -> Workspace:
    """Return a new workspace whose store holds these generated markets."""
    desk = Workspace.create(folder)
    for spec in specs:
        stock(desk, generate_market(spec))
    return desk


def stock(desk: Workspace, market: GeneratedMarket) -> None:
    """Put a generated market and its rules into the store of a workspace."""
    spec = market.spec
    _put(desk, spec.venue, market.instruments, market.bars, market.mark, market.funding, market.open_interest)
    if market.spot_bars:
        _put(desk, spec.spot_venue, market.spot_instruments, market.spot_bars)


def _put(
    desk: Workspace, venue: str, instruments: Mapping[str, Instrument], *tables: Mapping[str, Series]
) -> None:
    store = Store(desk.data)
    source = SourceEntry(name="generated", sha256="", imported_ns=0, notes=())
    parts = [
        (SeriesKey(venue, series.KIND, symbol, series.spacing_ns), series)
        for table in tables
        for symbol, series in table.items()
    ]
    store.merge_all(parts, source)
    with RuleBook.changing(store.root) as book:
        book.add(RuleSet(venue, dict(instruments)), 0)


def backtest_of(spec: MarketSpec, strategy: str, **tables: object) -> BacktestConfig:
    """Return a backtest over the whole of a generated market; further tables or keys as in a file, merged in.

    >>> backtest_of(spec, "ema_cross", costs={"funding": "none"}, params={"fast_period": 5})
    """
    end_ns = spec.start_ns + spec.bars * spec.interval_ns
    values: dict[str, object] = {
        "strategy": strategy,
        "period": {"start": format_utc(spec.start_ns), "end": format_utc(end_ns)},
        "capital": {"amount": 10_000.0, "currency": "USDT"},
        "market": {
            "venue": spec.venue,
            "symbols": [coin.symbol for coin in spec.coins],
            "bars": format_interval(spec.interval_ns),
        },
    }
    for name, given in tables.items():
        known = values.get(name)
        values[name] = {**known, **given} if isinstance(known, dict) and isinstance(given, dict) else given
    return backtest_from({name: value for name, value in values.items() if value is not None}).config
