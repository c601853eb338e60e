"""Where the money came from: by cause, by symbol, by side, by tag and by the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.report import ratios
from tradewind.report.checks import Attribution
from tradewind.report.ratios import Undefined
from tradewind.units.time import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.report.basis import Basis
    from tradewind.report.files import FloatColumn
    from tradewind.report.ratios import Measured
    from tradewind.report.trades import Trade


@dataclass(frozen=True, slots=True)
class Share:
    """One cause of profit, in account currency, negative where it cost."""

    cause: str
    amount: float


@dataclass(frozen=True, slots=True)
class TradeGroup:
    """The closed trades that have something in common."""

    name: str
    count: int
    won: int
    pnl: float
    fees: float
    funding: float


def money_sources(basis: Basis) -> list[Share]:
    """Return the causes of the whole profit; they add up to it, with what stays unexplained named."""
    given = basis.run.checks.attribution or _from_files(basis)
    shares = [
        Share("Price", given.price),
        Share("Fees", given.fees),
        Share("Funding", given.funding),
        Share("Slippage", given.slippage),
        Share("Liquidation", given.liquidation),
    ]
    total = basis.end_equity - basis.start_equity
    rest = total - sum(share.amount for share in shares)
    if abs(rest) > 1e-6 * max(1.0, abs(total), *(abs(share.amount) for share in shares)):
        shares.append(Share("Unexplained", rest))
    return shares


def _from_files(basis: Basis) -> Attribution:
    """Return what fills and funding alone tell: slippage then hides in the price."""
    run = basis.run
    fees, funding = float(run.fills.fee.sum()), float(run.funding.amount.sum())
    total = basis.end_equity - basis.start_equity
    return Attribution(price=total + fees - funding, fees=-fees, funding=funding)


def group_trades(trades: list[Trade], name_of: Callable[[Trade], str]) -> list[TradeGroup]:
    """Return closed trades by name, the ones that moved the most money first."""
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        if trade.is_closed:
            groups.setdefault(name_of(trade), []).append(trade)
    found = [
        TradeGroup(
            name,
            len(members),
            sum(trade.pnl > 0.0 for trade in members),
            sum(trade.pnl for trade in members),
            sum(trade.fees for trade in members),
            sum(trade.funding for trade in members),
        )
        for name, members in groups.items()
    ]
    return sorted(found, key=lambda group: (-abs(group.pnl), group.name))


@dataclass(frozen=True, slots=True)
class SamplePart:
    """One part of a run that was cut where the out-of-sample time begins."""

    name: str
    days: int
    total_return: float
    sharpe: Measured
    max_drawdown: float


def split_sample(basis: Basis) -> list[SamplePart]:
    """Return in-sample and out-of-sample figures from daily returns; nothing where there is no cut."""
    cut_ns = basis.run.checks.out_of_sample_start_ns
    returns = basis.returns
    if cut_ns is None or isinstance(returns, Undefined):
        return []
    at = int(np.searchsorted(basis.days.day, cut_ns // DAY_NS))
    return [
        _sample_part("In sample", returns[:at]),
        _sample_part("Out of sample", returns[at:]),
    ]


def _sample_part(name: str, returns: FloatColumn) -> SamplePart:
    growth = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    fall = growth / np.maximum.accumulate(growth) - 1.0
    return SamplePart(name, len(returns), float(growth[-1] - 1.0), ratios.sharpe(returns), float(fall.min()))
