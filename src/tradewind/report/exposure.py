"""What was held: the value of all positions after fills, and the time in which there was one."""

from __future__ import annotations

import math
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
    """The positions once all fills of a time are booked. Shapes: (n,), money in account currency.

    ``gross`` adds all positions, ``net`` subtracts the short ones. Each instrument is valued at the price of
    its own last fill, so between fills the value stands still.
    """

    ts_ns: IntColumn
    gross: FloatColumn
    net: FloatColumn


def find_holdings(fills: Fills) -> Holdings:
    """Return the value held after each time at which something was filled.

    Fills of one time stand in the order of the file's symbols; what is between them depends on that order, and
    sums are exact before they are rounded, so that nothing here does.
    """
    ends = np.flatnonzero(np.append(fills.ts_ns[1:] != fills.ts_ns[:-1], np.ones(min(1, len(fills)), bool)))
    gross, net = np.zeros(len(ends)), np.zeros(len(ends))
    held: dict[tuple[str, str], float] = {}
    worth: dict[tuple[str, str], float] = {}
    start = 0
    for place, end in enumerate(ends.tolist()):
        for row in range(start, end + 1):
            _book(fills, row, held, worth)
        start = end + 1
        gross[place] = math.fsum(worth.values())
        net[place] = math.fsum(-value if side == "short" else value for (_, side), value in worth.items())
    return Holdings(fills.ts_ns[ends], gross, net)


def _book(
    fills: Fills, row: int, held: dict[tuple[str, str], float], worth: dict[tuple[str, str], float]
) -> None:
    """Book one fill into the quantities held and into what they are worth; what is closed leaves both."""
    key = (fills.symbol[row], fills.position_side[row])
    moved, opens = float(fills.qty[row]), (fills.side[row] == "buy") == (key[1] != "short")
    left = held.get(key, 0.0) + (moved if opens else -moved)
    # A residue at the size of rounding would otherwise stay as a position for ever.
    if abs(left) <= 1e-9 * abs(moved):
        held.pop(key, None)
        worth.pop(key, None)
        return
    held[key] = left
    if moved:
        worth[key] = abs(left) * abs(float(fills.notional[row])) / abs(moved)


def exposure_ratio(holdings: Holdings, ts_ns: IntColumn, equity: FloatColumn, start: float) -> FloatColumn:
    """Return gross value over equity for each row of holdings (n,), zero where equity is not positive."""
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
