"""A venue's answer, read field by field: what is missing or absurd is named, never guessed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradewind.errors import ConfigError
from tradewind.market.instrument import Instrument, Tier, decimal_of

__all__ = ["FeeRates", "Fields", "RuleSet", "Skipped", "entries", "largest_order", "tiers_without_steps"]

_MILLISECOND_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Skipped:
    """A symbol whose rules were left out, and why."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Fees of an account for one symbol, as shares of notional; a negative maker rate is a rebate."""

    maker_rate: Decimal
    taker_rate: Decimal


@dataclass(slots=True)
class RuleSet:
    """What one answer says about a venue's instruments, by symbol.

    An answer holds one of these: rules, intervals of funding, margin brackets, fees.
    """

    venue: str
    instruments: dict[str, Instrument] = field(default_factory=dict)
    funding_interval_ns: dict[str, int] = field(default_factory=dict)
    tiers: dict[str, tuple[Tier, ...]] = field(default_factory=dict)
    fees: dict[str, FeeRates] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        parts = (self.instruments, self.funding_interval_ns, self.tiers, self.fees)
        return sum(len(part) for part in parts)


@dataclass(frozen=True, slots=True)
class Fields:
    """One table of an answer. Every reading method raises MARKET_RULES_INVALID with the field's name."""

    table: Mapping[str, object]
    where: str

    def has(self, name: str) -> bool:
        """Return whether a field is there and says something."""
        return self.table.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.table.get(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, f"{value!r} is no text")
        return value

    def number(self, name: str) -> Decimal:
        """Return a number that must be there, exactly as it is written."""
        return decimal_of(self.table.get(name), name, self.where)

    def number_or(self, name: str, default: Decimal | None) -> Decimal | None:
        """Return a number, or the default where the field is absent or empty."""
        return self.number(name) if self.has(name) else default

    def instant_ns(self, name: str) -> int | None:
        """Return a time given in ms as ns; None where it is absent, empty or zero."""
        if not self.has(name):
            return None
        milliseconds = int(self.number(name))
        return milliseconds * _MILLISECOND_NS if milliseconds > 0 else None

    def part(self, name: str) -> "Fields":
        """Return a table inside this one."""
        value = self.table.get(name)
        if not isinstance(value, dict):
            raise self._wrong(name, "this part of the answer is missing")
        return Fields(value, self.where)

    def parts(self, name: str) -> list["Fields"]:
        """Return the tables of a list inside this one."""
        return [Fields(table, self.where) for table in entries(self.table.get(name), self.where, name)]

    def _wrong(self, name: str, reason: str) -> ConfigError:
        return ConfigError("MARKET_RULES_INVALID", reason, where=self.where, key=name)


def entries(answer: object, where: str, name: str = "") -> Iterator[dict[str, object]]:
    """Yield the tables of a list. Raises MARKET_RULES_INVALID where the answer has another shape."""
    if not isinstance(answer, list) or not all(isinstance(table, dict) for table in answer):
        raise ConfigError("MARKET_RULES_INVALID", "a list of tables is expected", where=where, key=name)
    yield from answer


def largest_order(least: Decimal, limit: Decimal | None, *others: Decimal | None) -> Decimal | None:
    """Return the largest order that is taken in every form, None for no bound.

    What closes and what protects is sent at market, of which venues take less at a time than of limits. A bound below
    the least order is written where nobody trades, and binds nothing.
    """
    bounds = [other for other in others if other is not None and other >= least]
    return min(bounds if limit is None else [limit, *bounds], default=None)


def tiers_without_steps(bounds: Sequence[tuple[Decimal | None, Decimal, Decimal]]) -> tuple[Tier, ...]:
    """Return margin brackets whose requirement has no step, from (upper notional, maintenance rate, leverage).

    Formula: the deduction of a bracket is that of the one below plus its upper notional times the rise of the rate.
    """
    tiers: list[Tier] = []
    for upto, rate, leverage in bounds:
        below = tiers[-1] if tiers else None
        deduction = Decimal(0)
        if below is not None and below.notional_upto is not None:
            deduction = below.deduction + below.notional_upto * (rate - below.maintenance_rate)
        tiers.append(Tier(upto, rate, deduction, leverage))
    return tuple(tiers)
