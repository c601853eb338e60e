"""Trades from fills: from flat to flat, for each symbol and position side.

A fill that adds to a position belongs to the open trade or begins one; a fill that takes from it realises
profit; the trade is closed when nothing is left. A fill larger than the position closes the trade, and what
remains of it opens one on the other side. A fill that closes what this run never opened (a position taken
over from outside) is a trade without an entry price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tradewind.report.files import Fills, Funding, IntColumn

FLAT_SHARE = 1e-9
"""What is left below this share of the trade's largest position is rounding of the file, not a position."""


@dataclass(slots=True)
class Trade:
    """One position from flat to flat, money in account currency.

    ``pnl`` is what the trade earned after its fees and its funding; ``gross_pnl`` is before both.
    ``exit_ts_ns`` is None while the position is open at the end of the run.
    """

    symbol: str
    position_side: str
    entry_ts_ns: int
    exit_ts_ns: int | None = None
    entry_price: float | None = None
    exit_price: float | None = None
    peak_qty: float = 0.0
    entry_notional: float = 0.0
    gross_pnl: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    fill_count: int = 0
    exit_role: str = ""
    tag: str = ""
    _entered_qty: float = field(default=0.0, repr=False)
    _exited_qty: float = field(default=0.0, repr=False)

    @property
    def pnl(self) -> float:
        """Return the profit after fees and funding."""
        return self.gross_pnl - self.fees + self.funding

    @property
    def is_closed(self) -> bool:
        """Tell whether the position was flat again before the run ended."""
        return self.exit_ts_ns is not None

    @property
    def return_ratio(self) -> float | None:
        """Return profit over the money that entered, None where nothing did."""
        return self.pnl / self.entry_notional if self.entry_notional > 0.0 else None

    @property
    def open_qty(self) -> float:
        """Return what is held now."""
        return self._entered_qty - self._exited_qty

    def add(self, qty: float, price: float, notional: float) -> None:
        """Enter more."""
        self._entered_qty += qty
        self.entry_price = _blend(self.entry_price, price, qty / self._entered_qty)
        self.entry_notional += notional
        self.peak_qty = max(self.peak_qty, self.open_qty)

    def take(self, qty: float, price: float) -> None:
        """Leave a part, or all."""
        self._exited_qty += qty
        self.exit_price = _blend(self.exit_price, price, qty / self._exited_qty)


def find_trades(fills: Fills, funding: Funding) -> tuple[list[Trade], IntColumn]:
    """Return all trades by time of entry, and for each fill the number of the trade it belongs to (n,)."""
    trades: list[Trade] = []
    running: dict[tuple[str, str], int] = {}
    trade_of_fill = np.zeros(len(fills), dtype=np.int64)
    for row in range(len(fills)):
        trade_of_fill[row] = _apply_fill(fills, row, trades, running)
    _assign_funding(trades, funding)
    return trades, trade_of_fill


def _apply_fill(fills: Fills, row: int, trades: list[Trade], running: dict[tuple[str, str], int]) -> int:
    key = (fills.symbol[row], fills.position_side[row])
    qty, price, notional = float(fills.qty[row]), float(fills.price[row]), abs(float(fills.notional[row]))
    number = running[key] if key in running else _begin(fills, row, key, trades, running)
    trade = trades[number]
    trade.fees += float(fills.fee[row])
    trade.gross_pnl += float(fills.realized_pnl[row])
    trade.fill_count += 1
    if (fills.side[row] == "buy") == (key[1] != "short"):
        trade.add(qty, price, notional)
        return number
    held = trade.open_qty
    rounding = FLAT_SHARE * max(trade.peak_qty, qty)
    if held <= rounding or qty <= held + rounding:
        trade.take(qty, price)
    else:
        trade.take(held, price)
        other = (key[0], "long" if key[1] == "short" else "short")
        trades[_begin(fills, row, other, trades, running)].add(
            qty - held, price, notional * (1.0 - held / qty)
        )
    if qty >= held - rounding:
        trade.exit_ts_ns, trade.exit_role = int(fills.ts_ns[row]), fills.role[row]
        del running[key]
    return number


def _begin(
    fills: Fills, row: int, key: tuple[str, str], trades: list[Trade], running: dict[tuple[str, str], int]
) -> int:
    """Open a trade, or go on with the one that is open on this side already."""
    if key not in running:
        trades.append(Trade(*key, entry_ts_ns=int(fills.ts_ns[row]), tag=fills.tag[row]))
        running[key] = len(trades) - 1
    return running[key]


def _blend(average: float | None, price: float, weight: float) -> float:
    return price if average is None else average + (price - average) * weight


def _assign_funding(trades: list[Trade], funding: Funding) -> None:
    """Give each settlement to the trade that was open then, by the sign of the settled quantity."""
    groups: dict[tuple[str, str], list[Trade]] = {}
    for trade in trades:
        groups.setdefault((trade.symbol, trade.position_side), []).append(trade)
    entries = {key: np.array([trade.entry_ts_ns for trade in group]) for key, group in groups.items()}
    for row in range(len(funding)):
        key = (funding.symbol[row], "short" if funding.qty[row] < 0.0 else "long")
        if key not in groups:
            continue
        ts_ns = int(funding.ts_ns[row])
        at = int(np.searchsorted(entries[key], ts_ns, side="right")) - 1
        if at >= 0:
            groups[key][at].funding += float(funding.amount[row])
