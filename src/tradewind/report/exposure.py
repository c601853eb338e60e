"""What was held: the value of all positions after each fill, and the time in which there was one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tradewind.report.files import Fills, FloatColumn, IntColumn
    from tradewind.report.pyramid import BarColumns
    from tradewind.report.trades import Trade


@dataclass(frozen=True, slots=True)
class Holdings:
    """The positions right after each fill. Shapes: (n,), money in account currency.

    ``gross`` adds all positions, ``net`` subtracts the short ones. Each instrument is valued at the price of
    its own last fill, so between fills the value stands still.
    """

    ts_ns: IntColumn
    gross: FloatColumn
    net: FloatColumn


def find_holdings(fills: Fills) -> Holdings:
    """Return the value held after each fill."""
    gross, net = np.zeros(len(fills)), np.zeros(len(fills))
    held: dict[tuple[str, str], float] = {}
    worth: dict[tuple[str, str], float] = {}
    total_gross = total_net = 0.0
    open_count = 0
    for row in range(len(fills)):
        key = (fills.symbol[row], fills.position_side[row])
        sign = -1.0 if key[1] == "short" else 1.0
        before = worth.get(key, 0.0)
        qty = held.get(key, 0.0)
        moved = float(fills.qty[row])
        moved = moved if (fills.side[row] == "buy") == (sign > 0.0) else -moved
        # A residue at the size of rounding would otherwise stay as a position for ever.
        left = qty + moved if abs(qty + moved) > 1e-9 * abs(moved) else 0.0
        open_count += (left != 0.0) - (qty != 0.0)
        held[key] = left
        worth[key] = abs(left) * abs(float(fills.notional[row])) / abs(moved) if moved else before
        total_gross += worth[key] - before
        total_net += sign * (worth[key] - before)
        if open_count == 0:
            total_gross = total_net = 0.0
        gross[row], net[row] = total_gross, total_net
    return Holdings(fills.ts_ns, gross, net)


def exposure_ratio(holdings: Holdings, ts_ns: IntColumn, equity: FloatColumn, start: float) -> FloatColumn:
    """Return gross value over equity after each fill (n,), zero where equity is not positive."""
    row = np.searchsorted(ts_ns, holdings.ts_ns, side="right") - 1
    money = np.where(row >= 0, equity[np.maximum(row, 0)], start) if len(equity) else np.full(len(row), start)
    ratio = np.zeros(len(row))
    np.divide(holdings.gross, money, out=ratio, where=money > 0.0)
    return ratio


def exposed_ns(trades: list[Trade], bar_ns: int, end_ns: int) -> int:
    """Return the time of all bars in which a position was held, overlaps counted once.

    A fill is stamped with the opening of its bar, so the bar of an exit counts as a whole.
    """
    spans = sorted(
        (t.entry_ts_ns, t.exit_ts_ns + bar_ns if t.exit_ts_ns is not None else end_ns) for t in trades
    )
    total, reached = 0, -(2**63)
    for start, end in spans:
        total += max(0, min(end, end_ns) - max(start, reached))
        reached = max(reached, end)
    return total


def exposure_at(
    fills: Fills, bars: Mapping[str, BarColumns], ts_ns: IntColumn
) -> tuple[FloatColumn, FloatColumn]:
    """Return gross and net value of all positions at given times (m,), in account currency.

    Between fills a position moves with the close of its bars, where there are bars and the contract is
    linear; an inverse contract is worth the same number of quote units at every price.
    """
    gross, net = np.zeros(len(ts_ns)), np.zeros(len(ts_ns))
    symbol, position_side = np.array(fills.symbol, dtype=object), np.array(fills.position_side, dtype=object)
    for name, side in sorted(set(zip(fills.symbol, fills.position_side, strict=True))):
        rows = np.flatnonzero((symbol == name) & (position_side == side))
        value = _value_at(fills, rows, bars.get(name), ts_ns)
        gross += np.abs(value)
        net += value
    return gross, net


def _value_at(fills: Fills, rows: NDArray[np.intp], bars: BarColumns | None, ts_ns: IntColumn) -> FloatColumn:
    """Return the value of one symbol and position side at given times (m,), negative for a short one."""
    buys = np.array([fills.side[row] == "buy" for row in rows], dtype=np.bool_)
    qty, price, notional = fills.qty[rows], fills.price[rows], np.abs(fills.notional[rows])
    held = np.cumsum(np.where(buys, qty, -qty))
    held[np.abs(held) <= 1e-9 * np.maximum.accumulate(qty)] = 0.0
    per_unit = np.divide(notional, qty, out=np.zeros(len(rows)), where=qty > 0.0)
    at = np.searchsorted(fills.ts_ns[rows], ts_ns, side="right") - 1
    last = np.maximum(at, 0)
    value: FloatColumn = np.where(at >= 0, held[last] * per_unit[last], 0.0)
    if bars is None or not len(bars.ts_ns) or _is_inverse(per_unit, price):
        return value
    now = bars.close[np.maximum(np.searchsorted(bars.ts_ns, ts_ns, side="right") - 1, 0)]
    moved: FloatColumn = value * np.divide(now, price[last], out=np.ones(len(now)), where=price[last] > 0.0)
    return moved


def _is_inverse(per_unit: FloatColumn, price: FloatColumn) -> bool:
    """Tell whether the value of one unit stays the same while its price moves."""
    priced = price > 0.0
    if np.ptp(price[priced]) == 0.0 if priced.any() else True:
        return False
    constant = np.ptp(per_unit[priced]) / np.max(per_unit[priced], initial=1e-300)
    by_price = per_unit[priced] / price[priced]
    linear = np.ptp(by_price) / np.max(by_price, initial=1e-300)
    return bool(constant < linear)
