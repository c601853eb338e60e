"""Plans of misfortune: which fault strikes when, whom, how often; asked at named points by whoever carries it out.

A plan is a list of strikes, written by hand or drawn from a seed. It has no clock and no chance of its own once it is
made: the same plan asked the same questions gives the same answers.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Self

from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.fake.faults import FAULTS, Fault

__all__ = ["Misfortunes", "Strike"]

_NO_END_NS = 1 << 62


@dataclass(slots=True)
class Strike:
    """One fault in its window of time.

    Parameters
    ----------
    at_ns
        When its window opens, ns UTC of the exchange.
    fault
        Its name, "F02".
    pattern
        Shell pattern of symbols, endpoints or frames that it strikes; "*": all.
    account
        Shell pattern of account names.
    duration_ns
        Length of the window.
    count
        It strikes so many times and is used up; 0: as often as it is asked within the window. Negative: 0 for a
        fault that lasts, else 1.
    args
        Numbers that replace those of the fault.
    """

    at_ns: int
    fault: str
    pattern: str = "*"
    account: str = "*"
    duration_ns: int = MINUTE_NS
    count: int = -1
    args: dict[str, float] = field(default_factory=dict)
    struck: int = 0

    def __post_init__(self) -> None:
        """Take the fault's own numbers where none are given. Raises KeyError for a fault that does not exist."""
        self.args = {**FAULTS[self.fault].args, **self.args}
        if self.count < 0:
            self.count = 0 if FAULTS[self.fault].lasting else 1
        if FAULTS[self.fault].once:
            self.count = 1

    @property
    def end_ns(self) -> int:
        """Return when the window closes."""
        return min(self.at_ns + self.duration_ns, _NO_END_NS)

    def arg(self, name: str, default: float = 0.0) -> float:
        """Return one of its numbers."""
        return self.args.get(name, default)


class Misfortunes:
    """A plan, and what has struck of it.

    Parameters
    ----------
    plan
        The strikes.
    seed
        Printed with a failure, and the seed of `chance`.

    Attributes
    ----------
    on_strike
        Called with (strike, point, now_ns, symbol, account) for each strike that happens; the exchange writes it
        into its record.
    """

    def __init__(self, plan: Iterable[Strike] = (), *, seed: int = 0) -> None:
        self.seed = seed
        self.plan = sorted(plan, key=lambda strike: (strike.at_ns, strike.fault, strike.pattern))
        self.on_strike: Callable[[Strike, str, int, str, str], None] | None = None
        self._chance = random.Random(f"chance {seed}")  # noqa: S311
        self._by_point: dict[str, list[Strike]] = defaultdict(list)
        self._first_ns: dict[str, int] = {}
        for strike in self.plan:
            self._file(strike)

    @classmethod
    def swarm(
        cls,
        seed: int,
        minutes: float,
        *,
        start_ns: int = 0,
        faults: Sequence[str] = (),
        accounts: Sequence[str] = ("*",),
    ) -> Self:
        """Draw a plan: a random part of the faults, each some times, each with an end within the given minutes.

        faults: those to choose from; by default every one that a fake exchange or its wire carries out.
        """
        draw = random.Random(f"swarm {seed}")  # noqa: S311
        names = list(faults) or [name for name, fault in FAULTS.items() if fault.points]
        chosen = [name for name in names if draw.random() < draw.choice((0.1, 0.3))]
        chosen = chosen or [draw.choice(names)]
        span_ns = int(minutes * MINUTE_NS)
        plan = []
        for name in chosen:
            for _ in range(1 if FAULTS[name].once else draw.randint(1, 3)):
                at_ns = start_ns + int(draw.random() * 0.8 * span_ns)
                lasts_ns = min(int(draw.uniform(1.0, 60.0) * SECOND_NS), span_ns // 5)
                count = 0 if FAULTS[name].lasting else draw.choice((1, 1, 2, 5))
                plan.append(
                    Strike(at_ns, name, account=draw.choice(accounts), duration_ns=lasts_ns, count=count)
                )
        return cls(plan, seed=seed)

    def add(self, strike: Strike) -> None:
        """Add a strike to the plan, also while it runs."""
        self.plan.append(strike)
        self._file(strike)

    def strikes(
        self,
        point: str,
        *,
        now_ns: int,
        symbol: str = "",
        account: str = "",
        detail: str = "",
        fault: str = "",
    ) -> Strike | None:
        """Return the fault that strikes here and now, and use up one of its times; None if none does.

        Parameters
        ----------
        point
            Where the question is asked, as in `Fault.points`.
        symbol, detail
            What the strike's pattern is compared with: the symbol, or an endpoint or kind of frame. A question that
            names neither is about all symbols and meets every pattern.
        account
            Name of the account.
        fault
            Only this one; "": any that has this point.
        """
        for strike in self.all_at(point, now_ns=now_ns, symbol=symbol, account=account, detail=detail):
            if fault not in ("", strike.fault):
                continue
            self.use(strike, point, now_ns=now_ns, symbol=symbol, account=account)
            return strike
        return None

    def all_at(
        self, point: str, *, now_ns: int, symbol: str = "", account: str = "", detail: str = ""
    ) -> list[Strike]:
        """Return every strike that could happen here and now, without using any of them up."""
        if now_ns < self._first_ns.get(point, _NO_END_NS):
            return []
        return [
            strike
            for strike in self._by_point[point]
            if strike.at_ns <= now_ns < strike.end_ns
            and not (strike.count and strike.struck >= strike.count)
            and (
                symbol == detail == "" or any(fnmatchcase(name, strike.pattern) for name in (symbol, detail))
            )
            and fnmatchcase(account, strike.account)
        ]

    def use(self, strike: Strike, point: str, *, now_ns: int, symbol: str = "", account: str = "") -> None:
        """Count a strike as having happened. One without a count is told the first time."""
        strike.struck += 1
        if self.on_strike is not None and (strike.count or strike.struck == 1):
            self.on_strike(strike, point, now_ns, symbol, account)

    def chance(self) -> float:
        """Return the next of the plan's own random numbers in [0, 1), for faults that choose among forms."""
        return self._chance.random()

    @property
    def end_ns(self) -> int:
        """Return when the last window closes, 0 for an empty plan."""
        return max((strike.end_ns for strike in self.plan), default=0)

    def told(self) -> list[str]:
        """Return the plan as lines for a report of a failure."""
        return [
            f"{s.fault} {FAULTS[s.fault].title}: at {s.at_ns}, {s.duration_ns / SECOND_NS:.1f} s, "
            f"{s.pattern} {s.account}, {s.struck} of {s.count or 'any'}"
            for s in self.plan
        ]

    def _file(self, strike: Strike) -> None:
        for point in fault_of(strike).points:
            self._by_point[point].append(strike)
            self._first_ns[point] = min(self._first_ns.get(point, _NO_END_NS), strike.at_ns)


def fault_of(strike: Strike) -> Fault:
    """Return what a strike is."""
    return FAULTS[strike.fault]
