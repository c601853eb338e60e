"""What was held: the value of all positions after each fill, and the time in which there was one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradewind.report.files import Fills, FloatColumn, IntColumn
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
