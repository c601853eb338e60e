"""Every metric, with its formula beside its definition: the docs are generated from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from tradewind.report import ratios
from tradewind.report.basis import SHORT_DAYS, Basis, exposed_share
from tradewind.report.ratios import Measured, Undefined

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.report.files import FloatColumn
    from tradewind.report.trades import Trade

Unit: TypeAlias = Literal["ratio", "number", "money", "days", "count", "times"]
Group: TypeAlias = Literal["growth", "risk", "risk-adjusted", "trades", "activity", "costs", "doubt"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a result shows.

    ``unit``: ratio (0.05 is 5 %), number, money (account currency), days, count, times (of equity).
    """

    name: str
    label: str
    unit: Unit
    group: Group
    formula: str
    convention: str
    why: str
    compute: Callable[[Basis], Measured]


def _of_returns(formula: Callable[[FloatColumn], Measured]) -> Callable[[Basis], Measured]:
    def compute(basis: Basis) -> Measured:
        returns = basis.returns
        return returns if isinstance(returns, Undefined) else formula(returns)

    return compute


def _of_closed(formula: Callable[[list[Trade]], Measured]) -> Callable[[Basis], Measured]:
    def compute(basis: Basis) -> Measured:
        closed = basis.closed
        return formula(closed) if closed else Undefined("no trade was closed")

    return compute


def _average_drawdown(basis: Basis) -> Measured:
    worst = basis.worst_drawdown
    falls = basis.underwater.falls
    if isinstance(worst, Undefined) or not falls:
        return worst
    return sum(fall.depth for fall in falls) / len(falls)


def _under_water(basis: Basis) -> Measured:
    worst = basis.worst_drawdown
    if isinstance(worst, Undefined):
        return worst
    return float(np.mean(basis.underwater.depth < 0.0))


def _longest_drawdown(basis: Basis) -> Measured:
    worst = basis.worst_drawdown
    return worst if isinstance(worst, Undefined) else basis.underwater.longest_days


def _recovery(basis: Basis) -> Measured:
    worst = basis.worst_drawdown
    if isinstance(worst, Undefined):
        return worst
    if worst == 0.0:
        return Undefined("equity never fell, so there is no drawdown to divide by")
    grown = ratios.total_return(basis.start_equity, basis.end_equity)
    return grown if isinstance(grown, Undefined) else grown / -worst


def _deflated(basis: Basis) -> Measured:
    returns = basis.returns
    if isinstance(returns, Undefined):
        return returns
    return ratios.deflated_sharpe(returns, basis.run.checks.trials)


def _profit_factor(closed: list[Trade]) -> Measured:
    lost = -sum(trade.pnl for trade in closed if trade.pnl < 0.0)
    if lost == 0.0:
        return Undefined("no trade lost, so there is no loss to divide by")
    return sum(trade.pnl for trade in closed if trade.pnl > 0.0) / lost


def _payoff(closed: list[Trade]) -> Measured:
    won = [trade.pnl for trade in closed if trade.pnl > 0.0]
    lost = [trade.pnl for trade in closed if trade.pnl < 0.0]
    if not won or not lost:
        return Undefined("needs a trade that won and one that lost")
    return (sum(won) / len(won)) / -(sum(lost) / len(lost))


def _return_per_trade(closed: list[Trade]) -> Measured:
    found = [ratio for trade in closed if (ratio := trade.return_ratio) is not None]
    return sum(found) / len(found) if found else Undefined("no trade entered with a value")


def _holding_days(closed: list[Trade]) -> Measured:
    held = [(trade.exit_ts_ns or 0) - trade.entry_ts_ns for trade in closed]
    return sum(held) / len(held) / 86_400e9


def _traded(basis: Basis) -> float:
    return float(np.abs(basis.run.fills.notional).sum())


def _turnover(basis: Basis) -> Measured:
    if basis.mean_equity <= 0.0:
        return Undefined("mean equity is not positive")
    return _traded(basis) / basis.mean_equity


def _yearly_turnover(basis: Basis) -> Measured:
    turned = _turnover(basis)
    if isinstance(turned, Undefined):
        return turned
    if basis.span_days < SHORT_DAYS:
        return basis.too_short
    return turned * ratios.PERIODS_PER_YEAR / basis.span_days


def _largest_exposure(basis: Basis) -> Measured:
    return float(np.max(basis.exposure, initial=0.0))


def _largest_margin(basis: Basis) -> Measured:
    rows = basis.run.equity
    if not len(rows):
        return Undefined("the run has no equity rows")
    alive = rows.equity > 0.0
    return float(np.max(rows.margin_used[alive] / rows.equity[alive], initial=0.0))


def _maker_share(basis: Basis) -> Measured:
    traded = _traded(basis)
    if traded == 0.0:
        return Undefined("nothing was traded")
    made = np.array([liquidity == "maker" for liquidity in basis.run.fills.liquidity], dtype=np.bool_)
    return float(np.abs(basis.run.fills.notional[made]).sum()) / traded


def _doubled(basis: Basis) -> Measured:
    doubled = basis.run.checks.costs_doubled
    if doubled is None:
        return Undefined("the run was not repeated with doubled costs")
    return ratios.total_return(basis.start_equity, doubled.final_equity)


def _slippage(basis: Basis) -> Measured:
    attribution = basis.run.checks.attribution
    return -attribution.slippage if attribution else Undefined("the run does not say what slippage cost")


_MARKED = "Equity marked to market, open positions included; rows as stored."
_DAILY = (
    "Daily UTC returns of marked equity; a day without a row carries equity forward; "
    "the first return is from the capital to the end of the first day."
)
_YEAR = "365 days a year, because crypto has no closed days (quantstats assumes 252 unless told)."
_FLAT = "A trade is a position from flat to flat per symbol and position side, after its fees and funding."

METRICS: tuple[Metric, ...] = (
    Metric("start_equity", "Start", "money", "growth", "capital",
           "The capital of the run, before the first bar.", "Everything else is measured against it.",
           lambda b: b.start_equity),
    Metric("final_equity", "Final equity", "money", "growth", "equity of the last row",
           _MARKED, "What the account is worth if everything is closed at the mark.",
           lambda b: b.end_equity),
    Metric("total_return", "Total return", "ratio", "growth", "final equity / start − 1",
           _MARKED, "The plain result.", lambda b: ratios.total_return(b.start_equity, b.end_equity)),
    Metric("annual_return", "Annual return", "ratio", "growth", "(final / start)^(365 / days) − 1",
           f"{_YEAR} Days is the exact length of the run. Not given below {SHORT_DAYS} days.",
           "Compares runs of different length; growth of a few days scaled to a year is a fantasy.",
           lambda b: b.yearly),
    Metric("best_day", "Best day", "ratio", "growth", "max(r)", _DAILY,
           "One lucky day can be the whole result.",
           _of_returns(lambda r: float(np.max(r)) if len(r) else Undefined("no day"))),
    Metric("worst_day", "Worst day", "ratio", "growth", "min(r)", _DAILY,
           "What a holder had to sit through in one day.",
           _of_returns(lambda r: float(np.min(r)) if len(r) else Undefined("no day"))),
    Metric("volatility", "Volatility", "ratio", "risk", "sd(r) · √365",
           f"Sample deviation (n − 1). {_DAILY} {_YEAR}", "The usual size of the swings.",
           _of_returns(ratios.volatility)),
    Metric("max_drawdown", "Maximum drawdown", "ratio", "risk", "min(equity / peak so far − 1)",
           f"{_MARKED} Not on daily ends: a fall inside a day counts. Negative.",
           "What a holder had to sit through.", lambda b: b.worst_drawdown),
    Metric("average_drawdown", "Average drawdown", "ratio", "risk", "mean of the deepest point of each fall",
           "A fall lasts from a peak until equity is back there. Each fall counts once.",
           "Tells one bad fall from a habit of falling.", _average_drawdown),
    Metric("longest_drawdown", "Longest drawdown", "days", "risk", "longest time from a peak back to it",
           "A fall that has not recovered lasts to the end of the run.",
           "Patience runs out before money does.", _longest_drawdown),
    Metric("time_under_water", "Time under water", "ratio", "risk", "rows below the last peak / rows",
           _MARKED, "How much of the time the account stood below what it had been.", _under_water),
    Metric("value_at_risk", "Value at risk, 95\u00a0%", "ratio", "risk", "5 % quantile of r",
           "Historical, interpolated between order statistics (not the normal formula of quantstats). "
           f"Negative. {_DAILY}",
           "One day in twenty is worse.", _of_returns(ratios.value_at_risk)),
    Metric("expected_shortfall", "Expected shortfall, 95\u00a0% (CVaR)", "ratio", "risk",
           "mean of all r ≤ value at risk", f"Historical. Negative. {_DAILY}",
           "How bad those days are on average.", _of_returns(ratios.expected_shortfall)),
    Metric("tail_ratio", "Tail ratio", "number", "risk", "|q95(r)| / |q5(r)|", _DAILY,
           "Above one, good extremes outweigh bad ones.", _of_returns(ratios.tail_ratio)),
    Metric("skewness", "Skewness", "number", "risk", "√(n(n−1))/(n−2) · m₃/m₂^1.5",
           f"Bias-corrected, as pandas and quantstats do. {_DAILY}",
           "Negative: small gains, rare large losses.", _of_returns(ratios.skewness)),
    Metric("excess_kurtosis", "Excess kurtosis", "number", "risk",
           "(n−1)/((n−2)(n−3)) · ((n+1)(m₄/m₂²−3) + 6)",
           f"Bias-corrected; a normal distribution has 0. {_DAILY}",
           "Fat tails: how far volatility understates the extremes.", _of_returns(ratios.excess_kurtosis)),
    Metric("sharpe", "Sharpe ratio", "number", "risk-adjusted", "mean(r) / sd(r) · √365",
           f"Riskless rate zero, sample deviation (n − 1). {_DAILY} {_YEAR}",
           "Return per unit of swing.", _of_returns(ratios.sharpe)),
    Metric("sortino", "Sortino ratio", "number", "risk-adjusted", "mean(r) / √(Σ min(r, 0)² / n) · √365",
           f"The downside divides by all days, not by the losing ones. {_DAILY} {_YEAR}",
           "Like Sharpe, but only losses count as risk.", _of_returns(ratios.sortino)),
    Metric("calmar", "Calmar ratio", "number", "risk-adjusted", "annual return / |maximum drawdown|",
           f"Over the whole run, not the last three years. Not given below {SHORT_DAYS} days.",
           "Growth per unit of the worst fall.", lambda b: ratios.calmar(b.yearly, b.worst_drawdown)),
    Metric("omega", "Omega ratio", "number", "risk-adjusted", "Σ max(r, 0) / Σ max(−r, 0)",
           f"Threshold zero. {_DAILY}", "Uses the whole distribution, not two moments.",
           _of_returns(ratios.omega)),
    Metric("recovery_factor", "Recovery factor", "number", "risk-adjusted",
           "total return / |maximum drawdown|",
           "Not annualised, so it is given for short runs too.", "How often the run earned its worst fall.",
           _recovery),
    Metric("probabilistic_sharpe", "Probabilistic Sharpe", "ratio", "doubt",
           "Φ(SR·√(n−1) / √(1 − g₃·SR + (g₄−1)/4·SR²))",
           f"SR per day, bias-corrected skewness and raw kurtosis (Bailey, López de Prado 2012). {_DAILY}",
           "Probability that the true Sharpe ratio is above zero, given length and tails.",
           _of_returns(ratios.probabilistic_sharpe)),
    Metric("deflated_sharpe", "Deflated Sharpe", "ratio", "doubt",
           "probabilistic Sharpe against E[max of N unskilled tries]",
           "N is the number of trials counted for this strategy and data; "
           "each unskilled try has variance 1/(n−1).",
           "The best of many tries looks good by luck; this takes the luck out.", _deflated),
    Metric("costs_doubled_return", "Total return, costs doubled", "ratio", "doubt",
           "final equity with fees, slippage and spread doubled / start − 1",
           "The run is repeated, not scaled. Funding and rebates stay as they are.",
           "An edge that dies at twice the costs is thin.", _doubled),
    Metric("trade_count", "Closed trades", "count", "trades", "number of closed trades", _FLAT,
           "Few trades prove little.", lambda b: float(len(b.closed))),
    Metric("win_rate", "Win rate", "ratio", "trades", "trades with profit > 0 / closed trades", _FLAT,
           "Says nothing without the payoff beside it.",
           _of_closed(lambda t: sum(trade.pnl > 0.0 for trade in t) / len(t))),
    Metric("profit_factor", "Profit factor", "number", "trades", "Σ profits / Σ losses", _FLAT,
           "Below one the trades lost money.", _of_closed(_profit_factor)),
    Metric("payoff_ratio", "Payoff ratio", "number", "trades", "mean profit / mean loss", _FLAT,
           "How much a winner is larger than a loser.", _of_closed(_payoff)),
    Metric("expectancy", "Expectancy", "money", "trades", "mean profit of a closed trade", _FLAT,
           "What one more trade is worth on average.",
           _of_closed(lambda t: sum(trade.pnl for trade in t) / len(t))),
    Metric("return_per_trade", "Return per trade", "ratio", "trades", "mean(profit / notional entered)",
           _FLAT,
           "To be compared with the cost of a round trip.", _of_closed(_return_per_trade)),
    Metric("best_trade", "Best trade", "money", "trades", "max(profit)", _FLAT,
           "One trade can be the whole result.", _of_closed(lambda t: max(trade.pnl for trade in t))),
    Metric("worst_trade", "Worst trade", "money", "trades", "min(profit)", _FLAT,
           "What one trade can cost.", _of_closed(lambda t: min(trade.pnl for trade in t))),
    Metric("holding_days", "Mean holding time", "days", "trades", "mean(exit − entry)",
           "Both stamped with the opening of their bar.", "How long money is tied.",
           _of_closed(_holding_days)),
    Metric("open_trades", "Open at the end", "count", "trades", "number of trades not closed", _FLAT,
           "They count in equity but in no figure of closed trades.",
           lambda b: float(len(b.trades) - len(b.closed))),
    Metric("fill_count", "Fills", "count", "activity", "number of executions", "Partial fills count each.",
           "Shows how busy the strategy is.", lambda b: float(len(b.run.fills))),
    Metric("exposure_time", "Exposure time", "ratio", "activity", "time with a position / time of the run",
           "Overlapping positions count once; a bar in which a position was held counts as a whole.",
           "Return that needs less time in the market is worth more.", exposed_share),
    Metric("max_exposure", "Largest exposure", "times", "activity", "max(Σ |position value| / equity)",
           "Once all fills of a time are booked, each instrument at the price of its own last fill; "
           "long and short add up.",
           "Leverage really used.", _largest_exposure),
    Metric("max_margin_use", "Largest margin use", "ratio", "activity", "max(margin used / equity)", _MARKED,
           "How near the account came to a margin call.", _largest_margin),
    Metric("turnover", "Turnover", "times", "activity", "Σ |notional of fills| / mean equity",
           "Entries and exits both count; over the whole run.", "Costs grow with it.", _turnover),
    Metric("turnover_per_year", "Turnover a year", "times", "activity", "turnover · 365 / days",
           f"Not given below {SHORT_DAYS} days.", "Compares runs of different length.", _yearly_turnover),
    Metric("fees_paid", "Fees paid", "money", "costs", "Σ fee", "Rebates are negative fees.",
           "The surest of all losses.", lambda b: float(b.run.fills.fee.sum())),
    Metric("funding_paid", "Funding paid", "money", "costs", "−Σ funding amount",
           "Positive when the account paid, negative when it received.",
           "The rent of a perpetual position.", lambda b: -float(b.run.funding.amount.sum())),
    Metric("slippage_paid", "Slippage paid", "money", "costs", "as the simulated venue counted it",
           "Distance of market fills from the price before slippage, times quantity.",
           "The cost that backtests like to forget.", _slippage),
    Metric("maker_share", "Maker share", "ratio", "costs", "notional of maker fills / notional of all fills",
           "By what happened, not by what was intended.", "Maker fills pay less and are harder to get.",
           _maker_share),
)  # fmt: skip
"""Every metric of a run, in the order in which a reader wants them."""
