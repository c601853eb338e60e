"""What holding a position of a fake market brings: premium, funding, and how much others hold."""

import random
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from tradewind.units.time import HOUR_NS, SECOND_NS
from tradewind.venues.fake.orders import FundingNow

if TYPE_CHECKING:
    from tradewind.venues.fake.market import FakeMarket

__all__ = ["Carry"]

_RATE_STEP = Decimal("0.00000001")
_RATE_MAX = 0.02


class Carry:
    """Premium, funding and open interest: functions of seed and time, besides rates that were set by hand.

    Attributes
    ----------
    settled
        (time, rate) of the settlements since the start, for each instrument.
    override
        Rates that hold until they are taken out again, by instrument.
    """

    def __init__(self, market: "FakeMarket", seed: int) -> None:
        self._market = market
        self._seed = seed
        self.settled: list[list[tuple[int, Decimal]]] = [[] for _ in market.rules]
        self.override: dict[int, float] = {}
        self._predicted: dict[int, tuple[tuple[int, int, int, float | None], Decimal]] = {}

    def premium(self, j: int, ts_ns: int) -> float:
        """Return by how much the mark stands above the index, as a ratio: lines between one knot an hour."""
        hour, rest = divmod(ts_ns, HOUR_NS)
        one, two = _knot(self._seed, j, hour), _knot(self._seed, j, hour + 1)
        return one + (two - one) * (rest / HOUR_NS)

    def rate(self, j: int, start_ns: int, end_ns: int) -> Decimal:
        """Return the funding rate of a period: mean premium and 0.01 % of interest per 8 h, clamped at 0.05 %."""
        override = self.override.get(j)
        if override is not None:
            return Decimal(str(override)).quantize(_RATE_STEP)
        marks = [start_ns, *range((start_ns // HOUR_NS + 1) * HOUR_NS, end_ns, HOUR_NS), end_ns]
        values = [self.premium(j, mark) for mark in marks]
        area = sum(
            (b - a) * (x + y) / 2 for a, b, x, y in zip(marks, marks[1:], values, values[1:], strict=False)
        )
        mean = area / (end_ns - start_ns) if end_ns > start_ns else values[0]
        interval_ns = self._market.rules[j].funding_interval_ns or 8 * HOUR_NS
        interest = 1e-4 * interval_ns / (8 * HOUR_NS)
        rate = mean + min(max(interest - mean, -5e-4), 5e-4)
        return Decimal(str(min(max(rate, -_RATE_MAX), _RATE_MAX))).quantize(_RATE_STEP)

    def funding(self, j: int) -> FundingNow:
        """Return the last settlement, the next one, and what it would be by now."""
        interval_ns = self._market.rules[j].funding_interval_ns or 8 * HOUR_NS
        period_ns = self._market.now_ns // interval_ns * interval_ns
        history = self.funding_history(j, period_ns - 2 * interval_ns, self._market.now_ns, 1)
        settled_ns, rate = history[-1] if history else (period_ns, Decimal(0))
        predicted, next_ns = self.predicted(j)
        return FundingNow(rate, settled_ns, next_ns, predicted, interval_ns)

    def predicted(self, j: int) -> tuple[Decimal, int]:
        """Return what the next settlement would be by now, reckoned each ten seconds, and when it is."""
        interval_ns = self._market.rules[j].funding_interval_ns or 8 * HOUR_NS
        period_ns = self._market.now_ns // interval_ns * interval_ns
        until_ns = max(period_ns, self._market.now_ns // (10 * SECOND_NS) * 10 * SECOND_NS)
        key = (period_ns, until_ns, interval_ns, self.override.get(j))
        known = self._predicted.get(j)
        if known is None or known[0] != key:
            known = (key, self.rate(j, period_ns, until_ns))
            self._predicted[j] = known
        return known[1], period_ns + interval_ns

    def funding_history(self, j: int, start_ns: int, end_ns: int, limit: int) -> list[tuple[int, Decimal]]:
        """Return (time, rate) of settlements in start .. end, oldest first, the last `limit` of them."""
        interval_ns = self._market.paths.instruments[j].funding_interval_ns
        if not interval_ns:
            return []
        found = [(at, rate) for at, rate in self.settled[j] if start_ns <= at <= end_ns]
        at_ns = min(end_ns, self._market.paths.start_ns) // interval_ns * interval_ns
        while at_ns >= start_ns and at_ns > 0 and len(found) < limit:
            if at_ns <= self._market.paths.start_ns and (not found or at_ns < found[0][0]):
                found.insert(0, (at_ns, self._settled_before(j, at_ns, interval_ns)))
            at_ns -= interval_ns
        return found[-limit:]

    def _settled_before(self, j: int, at_ns: int, interval_ns: int) -> Decimal:
        override = self.override.pop(j, None)
        rate = self.rate(j, at_ns - interval_ns, at_ns)
        if override is not None:
            self.override[j] = override
        return rate

    def open_interest(self, j: int, ts_ns: int) -> Decimal:
        """Return open interest in the instrument's unit at a time: lines between one knot in 4 hours."""
        knot, rest = divmod(ts_ns, 4 * HOUR_NS)
        one, two = _knot(self._seed, j + 1000, knot), _knot(self._seed, j + 1000, knot + 1)
        wander = 1.0 + 150.0 * (one + (two - one) * (rest / (4 * HOUR_NS)))
        return self._market.qty(j, max(1, round(self._market.paths.day_lots(j) * 0.5 * max(0.2, wander))))


@lru_cache(maxsize=4096)
def _knot(seed: int, j: int, hour: int) -> float:
    """Return a deviate of about 8 basis points that depends on its arguments alone."""
    draw = random.Random(f"knot {seed} {j} {hour}")  # noqa: S311
    return (draw.random() + draw.random() + draw.random() - 1.5) * 1.6e-3
