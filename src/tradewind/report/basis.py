"""What every metric is computed from, worked out once per run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.report import ratios
from tradewind.report.curve import Days, Underwater, find_drawdowns, row_interval_ns, sample_days, utc
from tradewind.report.exposure import exposed_ns, exposure_ratio, find_holdings
from tradewind.report.files import text_setting
from tradewind.report.ratios import Measured, Undefined
from tradewind.report.trades import Trade, find_trades
from tradewind.units.time import DAY_NS, INTERVALS, parse_interval

if TYPE_CHECKING:
    from tradewind.report.exposure import Holdings
    from tradewind.report.files import FloatColumn, IntColumn, RunFiles

SHORT_DAYS = 30
"""Below this many days nothing is scaled to a year of growth, and ratios carry a warning."""


@dataclass(frozen=True, slots=True)
class Basis:
    """One run, prepared: the curve by day, falls, trades and holdings. Built by `prepare`."""

    run: RunFiles
    start_equity: float
    end_equity: float
    bar_ns: int
    start_ts_ns: int
    end_ts_ns: int
    days: Days
    underwater: Underwater
    trades: list[Trade]
    trade_of_fill: IntColumn
    holdings: Holdings
    exposure: FloatColumn

    @property
    def closed(self) -> list[Trade]:
        """Return the trades that were flat again before the end."""
        return [trade for trade in self.trades if trade.is_closed]

    @property
    def span_days(self) -> float:
        """Return the length of the run in days, the last row's bar included."""
        return (self.end_ts_ns - self.start_ts_ns) / DAY_NS

    @property
    def returns(self) -> FloatColumn | Undefined:
        """Return the daily returns, or why they have no meaning."""
        if self.days.ruined_day is not None:
            date = utc(self.days.ruined_day * DAY_NS).date()
            return Undefined(f"equity reached zero on {date}; a return after that has no meaning")
        return self.days.returns

    @property
    def too_short(self) -> Undefined:
        """Return why a figure of a short run is not scaled to a year."""
        return Undefined(f"{self.span_days:.3g} days are not scaled to a year; needs {SHORT_DAYS}")

    @property
    def yearly(self) -> Measured:
        """Return the growth scaled to a year, not below `SHORT_DAYS`."""
        if self.span_days < SHORT_DAYS:
            return Undefined(
                f"a run of {self.span_days:.3g} days is not scaled to a year; needs {SHORT_DAYS}"
            )
        return ratios.annual_return(self.start_equity, self.end_equity, self.span_days)

    @property
    def worst_drawdown(self) -> Measured:
        """Return the deepest fall on any row."""
        if not len(self.run.equity):
            return Undefined("the run has no equity rows")
        if self.start_equity <= 0.0:
            return Undefined("the run began without money")
        return min((fall.depth for fall in self.underwater.falls), default=0.0)

    @property
    def mean_equity(self) -> float:
        """Return the average equity over all rows."""
        rows = self.run.equity.equity
        return float(np.mean(rows)) if len(rows) else self.start_equity


def prepare(run: RunFiles) -> Basis:
    """Work out everything that more than one metric or picture needs."""
    equity = run.equity
    start = run.start_equity
    bars = text_setting(run.settings, "market", "bars")
    bar_ns = parse_interval(bars) if bars in INTERVALS else row_interval_ns(equity.ts_ns)
    last_row_ns = row_interval_ns(equity.ts_ns) if len(equity) > 1 else bar_ns
    # A row is stamped with the opening of the bar at whose close it was taken, also where rows are thinned.
    first_ts_ns = int(equity.ts_ns[0]) + bar_ns - last_row_ns if len(equity) else 0
    end_ts_ns = int(equity.ts_ns[-1]) + bar_ns if len(equity) else 0
    trades, trade_of_fill = find_trades(run.fills, run.funding)
    holdings = find_holdings(run.fills)
    return Basis(
        run=run,
        start_equity=start,
        end_equity=float(equity.equity[-1]) if len(equity) else start,
        bar_ns=bar_ns,
        start_ts_ns=first_ts_ns,
        end_ts_ns=end_ts_ns,
        days=sample_days(equity, start),
        underwater=find_drawdowns(equity, start),
        trades=trades,
        trade_of_fill=trade_of_fill,
        holdings=holdings,
        exposure=exposure_ratio(holdings, equity.ts_ns, equity.equity, start),
    )


def exposed_share(basis: Basis) -> Measured:
    """Return the share of the run's time in which a position was open."""
    span = basis.end_ts_ns - basis.start_ts_ns
    if span <= 0:
        return Undefined("the run has no equity rows")
    return min(1.0, exposed_ns(basis.trades, basis.bar_ns, basis.end_ts_ns) / span)
