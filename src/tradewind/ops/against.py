"""Live against backtest: the fills of a session beside those of a run over the same time, order by order.

Orders are compared, not fills: several fills of one order are one line at their average price. Those of the same
symbol, side and position side are paired in time, each with the nearest of the other that is not farther away than
`window_ns`; what finds no partner was missed or is extra.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Comparison", "FillLine", "Pair", "compare_orders", "orders_of"]


@dataclass(frozen=True, slots=True)
class FillLine:
    """One fill of a session or of a run, or what one order got in all, in the instrument's own units."""

    ts_ns: int
    order: str
    symbol: str
    side: str
    position_side: str
    price: float
    quantity: float
    notional: float
    fee: float


@dataclass(frozen=True, slots=True)
class Pair:
    """An order of the session and the one of the run that it stands beside."""

    live: FillLine
    run: FillLine

    @property
    def slippage_bps(self) -> float:
        """Return by how much the session's price was worse, in hundredths of a percent."""
        worse = (
            self.live.price - self.run.price if self.live.side == "buy" else self.run.price - self.live.price
        )
        return 10_000 * worse / self.run.price

    @property
    def delay_ns(self) -> int:
        """Return how much later the session was filled."""
        return self.live.ts_ns - self.run.ts_ns


@dataclass(slots=True)
class Comparison:
    """The session beside the run.

    Parameters
    ----------
    pairs
        Orders of both, in time.
    missed
        Orders of the run that the session did not do.
    extra
        Orders that only the session did.
    """

    pairs: list[Pair] = field(default_factory=list)
    missed: list[FillLine] = field(default_factory=list)
    extra: list[FillLine] = field(default_factory=list)

    @property
    def slippage_bps(self) -> float | None:
        """Return the average slippage by notional, None without a pair."""
        notional = sum(pair.live.notional for pair in self.pairs)
        weighted = sum(pair.slippage_bps * pair.live.notional for pair in self.pairs)
        return weighted / notional if notional else None

    @property
    def slippage_cost(self) -> float:
        """Return what slippage cost, in the currency of the notional."""
        return sum(pair.slippage_bps * pair.live.notional for pair in self.pairs) / 10_000

    @property
    def fee_bps(self) -> tuple[float | None, float | None]:
        """Return the fees over the notional, of the session and of the run, all their orders."""
        return _fee_bps(self._all("live")), _fee_bps(self._all("run"))

    @property
    def filled_share(self) -> float | None:
        """Return which share of the run's orders the session did as well, None for a run without orders."""
        count = len(self.pairs) + len(self.missed)
        return len(self.pairs) / count if count else None

    @property
    def quantity_ratio(self) -> float | None:
        """Return the notional of the session's paired orders over that of the run's, None without a pair."""
        run = sum(pair.run.notional for pair in self.pairs)
        return sum(pair.live.notional for pair in self.pairs) / run if run else None

    def _all(self, which: str) -> list[FillLine]:
        paired = [pair.live if which == "live" else pair.run for pair in self.pairs]
        return paired + (self.extra if which == "live" else self.missed)


def _fee_bps(orders: list[FillLine]) -> float | None:
    notional = sum(order.notional for order in orders)
    return 10_000 * sum(order.fee for order in orders) / notional if notional else None


def orders_of(fills: Iterable[FillLine]) -> list[FillLine]:
    """Return what each order got, in the order of the first fills."""
    found: dict[tuple[str, str], list[FillLine]] = {}
    for fill in sorted(fills, key=lambda line: line.ts_ns):
        found.setdefault((fill.order, fill.symbol), []).append(fill)
    return [_done(lines) for lines in found.values()]


def _done(lines: list[FillLine]) -> FillLine:
    first = lines[0]
    quantity = sum(line.quantity for line in lines)
    price = sum(line.price * line.quantity for line in lines) / quantity if quantity else first.price
    return FillLine(
        first.ts_ns, first.order, first.symbol, first.side, first.position_side, price, quantity,
        sum(line.notional for line in lines), sum(line.fee for line in lines),
    )  # fmt: skip


def compare_orders(live: Iterable[FillLine], run: Iterable[FillLine], window_ns: int) -> Comparison:
    """Return the orders of a session beside those of a run.

    Parameters
    ----------
    live, run
        Fills of the same time and of the same symbols.
    window_ns
        So far apart two fills may be and still be of the same want, 0 or more.
    """
    told = Comparison()
    done, wanted = _by_kind(orders_of(live)), _by_kind(orders_of(run))
    for kind in sorted(done.keys() | wanted.keys()):
        _pair_up(done.get(kind, []), wanted.get(kind, []), window_ns, told)
    told.pairs.sort(key=lambda pair: pair.run.ts_ns)
    told.missed.sort(key=lambda order: order.ts_ns)
    told.extra.sort(key=lambda order: order.ts_ns)
    return told


def _by_kind(orders: list[FillLine]) -> dict[tuple[str, str, str], list[FillLine]]:
    found: dict[tuple[str, str, str], list[FillLine]] = {}
    for order in orders:
        found.setdefault((order.symbol, order.side, order.position_side), []).append(order)
    return found


def _pair_up(live: list[FillLine], run: list[FillLine], window_ns: int, told: Comparison) -> None:
    """Pair the nearest first, so that one that was missed does not shift all that follow."""
    times = [order.ts_ns for order in run]
    gaps = sorted(
        (abs(order.ts_ns - times[j]), j, i)
        for i, order in enumerate(live)
        for j in range(
            bisect_left(times, order.ts_ns - window_ns), bisect_right(times, order.ts_ns + window_ns)
        )
    )
    taken_live: set[int] = set()
    taken_run: set[int] = set()
    for _, j, i in gaps:
        if i not in taken_live and j not in taken_run:
            taken_live.add(i)
            taken_run.add(j)
            told.pairs.append(Pair(live[i], run[j]))
    told.missed += [order for j, order in enumerate(run) if j not in taken_run]
    told.extra += [order for i, order in enumerate(live) if i not in taken_live]
