"""What the page's script gets: curves, bars, fills and trades as packed columns, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tradewind.report.encoding import Blob, decimals_of, to_units
from tradewind.report.exposure import exposure_at
from tradewind.report.pyramid import build_pyramid
from tradewind.units.time import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradewind.report.basis import Basis
    from tradewind.report.files import FloatColumn, IntColumn
    from tradewind.report.metrics import Metrics
    from tradewind.report.pyramid import BarColumns, Candles
    from tradewind.report.trades import Trade

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

OVERVIEW_BARS = 160_000
"""Coarse bars of all symbols together; one symbol gets at most `OVERVIEW_BARS_EACH`."""

OVERVIEW_BARS_EACH = 40_000
DETAIL_BARS = 250_000
FILLS_SHOWN = 60_000
CURVE_POINTS = 2_400

VOLUME_STEP = 1.01
"""Volumes are stored as powers of this: a chart needs them within one percent."""


@dataclass(frozen=True, slots=True)
class Payload:
    """``facts`` is plain JSON, ``columns`` the packed numbers that it points into."""

    facts: dict[str, Json]
    columns: str


def build_payload(basis: Basis, metrics: Metrics, bars: Mapping[str, BarColumns]) -> Payload:
    """Return everything that the page's script draws."""
    blob = Blob()
    facts: dict[str, Json] = {
        "currency": basis.run.currency,
        "start_equity": basis.start_equity,
        "out_of_sample_ms": _ms(basis.run.checks.out_of_sample_start_ns),
        "curve": _curve(blob, basis, bars),
        "fan": _fan(blob, basis, metrics),
        "falls": [
            [fall.peak_ts_ns / 1e6, _ms(fall.recovered_ts_ns), fall.depth] for fall in metrics.drawdowns
        ],
        "symbols": list(basis.run.symbols),
        "bars": _all_bars(blob, basis, bars),
        "fills": _fills(blob, basis),
        "trades": _trades(blob, basis),
    }
    return Payload(facts, blob.to_text())


def _ms(ts_ns: int | None) -> float | None:
    return None if ts_ns is None else ts_ns / 1e6


def _curve(blob: Blob, basis: Basis, bars: Mapping[str, BarColumns]) -> Json:
    """Return equity thinned to `CURVE_POINTS`: each point keeps the extremes of the rows it stands for."""
    rows = basis.run.equity
    if not len(rows):
        return None
    last = np.unique(np.linspace(0, len(rows) - 1, min(CURVE_POINTS, len(rows))).astype(np.int64))
    first = np.concatenate(([0], last[:-1] + 1))
    alive: FloatColumn = np.where(rows.equity > 0.0, rows.equity, np.inf)
    gross, net = exposure_at(basis.run.fills, bars, rows.ts_ns[last])
    return {
        "t": blob.add_times(rows.ts_ns[last]),
        "equity": blob.add_numbers(_short(rows.equity[last])),
        "balance": blob.add_numbers(_short(rows.balance[last])),
        "low": blob.add_numbers(_short(np.minimum.reduceat(rows.equity, first))),
        "high": blob.add_numbers(_short(np.maximum.reduceat(rows.equity, first))),
        "underwater": blob.add_numbers(_places(np.minimum.reduceat(basis.underwater.depth, first), 5)),
        "margin": blob.add_numbers(_places(np.maximum.reduceat(rows.margin_used / alive, first), 4)),
        "gross": blob.add_numbers(_places(gross / alive[last], 4)),
        "net": blob.add_numbers(_places(net / alive[last], 4)),
    }


def _fan(blob: Blob, basis: Basis, metrics: Metrics) -> Json:
    bands = metrics.bands
    if not len(bands.fan_day):
        return None
    # The band opens at the start of the run, where every resample has the same money.
    ends_ns = (basis.days.day[bands.fan_day] + 1) * DAY_NS
    growth = np.vstack((np.ones((1, 3)), bands.fan))
    low, mid, high = (_short(basis.start_equity * growth[:, at]) for at in range(3))
    return {
        "t": blob.add_times(np.concatenate(([basis.start_ts_ns], ends_ns))),
        "low": blob.add_numbers(low),
        "mid": blob.add_numbers(mid),
        "high": blob.add_numbers(high),
        "level": bands.bands[0].level,
    }


def _all_bars(blob: Blob, basis: Basis, bars: Mapping[str, BarColumns]) -> Json:
    fills = basis.run.fills
    names = np.array(fills.symbol, dtype=object)
    charted = [symbol for symbol in basis.run.symbols if symbol in bars and len(bars[symbol].ts_ns)]
    each = max(200, min(OVERVIEW_BARS_EACH, OVERVIEW_BARS // max(len(charted), 1)))
    detail = DETAIL_BARS // max(len(charted), 1)
    found: dict[str, Json] = {}
    for symbol in charted:
        own = fills.ts_ns[names == symbol] if len(fills) else fills.ts_ns
        pyramid = build_pyramid(bars[symbol], own, each, detail)
        decimals = decimals_of(bars[symbol].close)
        found[symbol] = {
            "decimals": decimals,
            "overview": _candles(blob, pyramid.overview, decimals),
            "detail": _candles(blob, pyramid.detail, decimals) if pyramid.detail is not None else None,
        }
    return found


def _candles(blob: Blob, candles: Candles, decimals: int) -> Json:
    """Store prices as steps: the open from the last close, the extremes from the body."""
    opened, high, low, close = (
        to_units(price, decimals) for price in (candles.open, candles.high, candles.low, candles.close)
    )
    known = np.nan_to_num(np.maximum(candles.volume, 0.0))
    floor = float(np.min(known[known > 0.0], initial=1.0)) if len(known) else 1.0
    power = np.rint(np.log(np.maximum(known / floor, 1.0)) / np.log(VOLUME_STEP)).astype(np.int64)
    return {
        "open_first": int(opened[0]) if len(opened) else 0,
        "interval_ms": candles.interval_ns / 1e6,
        "t": blob.add_times(candles.ts_ns),
        "close": blob.add_steps(close),
        "open_gap": blob.add_plain(opened - np.concatenate((opened[:1], close[:-1]))),
        "above": blob.add_plain(high - np.maximum(opened, close)),
        "below": blob.add_plain(np.minimum(opened, close) - low),
        "volume": blob.add_plain(np.where(known > 0.0, power + 1, 0)),
        "volume_floor": floor,
        "volume_step": VOLUME_STEP,
    }


def _fills(blob: Blob, basis: Basis) -> Json:
    fills = basis.run.fills
    shown = slice(max(0, len(fills) - FILLS_SHOWN), None)
    roles, role = _codes(fills.role[shown])
    tags, tag = _codes(fills.tag[shown])
    symbol_of = {name: number for number, name in enumerate(basis.run.symbols)}
    sells = np.array([side == "sell" for side in fills.side[shown]], dtype=np.int64)
    shorts = np.array([side == "short" for side in fills.position_side[shown]], dtype=np.int64)
    makers = np.array([liquidity == "maker" for liquidity in fills.liquidity[shown]], dtype=np.int64)
    return {
        "total": len(fills),
        "roles": roles,
        "tags": tags,
        "t": blob.add_times(fills.ts_ns[shown]),
        "symbol": blob.add_plain(np.array([symbol_of[name] for name in fills.symbol[shown]], dtype=np.int64)),
        "price": blob.add_numbers(fills.price[shown]),
        "qty": blob.add_numbers(fills.qty[shown]),
        "fee": blob.add_numbers(_short(fills.fee[shown])),
        "flags": blob.add_plain(sells + 2 * shorts + 4 * makers),
        "role": blob.add_plain(role),
        "tag": blob.add_plain(tag),
        "trade": blob.add_steps(basis.trade_of_fill[shown]),
    }


def _trades(blob: Blob, basis: Basis) -> Json:
    """Store the trades whose fills are shown; ``first`` is the number of the first of them."""
    fills_cut = max(0, len(basis.run.fills) - FILLS_SHOWN)
    first = int(np.min(basis.trade_of_fill[fills_cut:], initial=len(basis.trades)))
    trades = basis.trades[first:]
    roles, role = _codes([trade.exit_role for trade in trades])
    tags, tag = _codes([trade.tag for trade in trades])
    symbol_of = {name: number for number, name in enumerate(basis.run.symbols)}
    ends = [trade.exit_ts_ns if trade.exit_ts_ns is not None else basis.end_ts_ns for trade in trades]
    started = np.array([trade.entry_ts_ns for trade in trades], dtype=np.int64)
    return {
        "total": len(basis.trades),
        "first": first,
        "roles": roles,
        "tags": tags,
        "entry": blob.add_times(started),
        "held_s": blob.add_plain((np.array(ends, dtype=np.int64) - started) // 1_000_000_000),
        "symbol": blob.add_plain(np.array([symbol_of[trade.symbol] for trade in trades], dtype=np.int64)),
        "flags": blob.add_plain(_flags(trades)),
        "entry_price": blob.add_numbers(_prices([trade.entry_price for trade in trades])),
        "exit_price": blob.add_numbers(_prices([trade.exit_price for trade in trades])),
        "qty": blob.add_numbers(_prices([trade.peak_qty for trade in trades])),
        "pnl": blob.add_numbers(_short(_prices([trade.pnl for trade in trades]))),
        "fees": blob.add_numbers(_short(_prices([trade.fees for trade in trades]))),
        "funding": blob.add_numbers(_short(_prices([trade.funding for trade in trades]))),
        "ratio": blob.add_numbers(_places(_prices([trade.return_ratio for trade in trades]), 6)),
        "role": blob.add_plain(role),
        "tag": blob.add_plain(tag),
    }


def _flags(trades: list[Trade]) -> IntColumn:
    """Return 1 for short, plus 2 for open, of each trade."""
    return np.array([(t.position_side == "short") + 2 * (not t.is_closed) for t in trades], dtype=np.int64)


def _prices(values: Sequence[float | None]) -> FloatColumn:
    # A price that does not exist is written as zero: the script shows a dash for it.
    return np.array([0.0 if value is None else value for value in values], dtype=np.float64)


def _short(values: FloatColumn) -> FloatColumn:
    """Round money to what a reader can see: six digits of the largest value, at least a hundredth."""
    largest = float(np.max(np.abs(values), initial=0.0))
    decimals = 2 if largest == 0.0 else max(2, min(10, 5 - int(np.floor(np.log10(largest)))))
    return _places(values, decimals)


def _places(values: FloatColumn, decimals: int) -> FloatColumn:
    rounded: FloatColumn = np.round(values, decimals).astype(np.float64)
    return rounded


def _codes(words: Sequence[str]) -> tuple[list[str], IntColumn]:
    """Return the distinct words and, for each place, the number of its word."""
    known = list(dict.fromkeys(words))
    number_of = {word: number for number, word in enumerate(known)}
    return known, np.array([number_of[word] for word in words], dtype=np.int64)
