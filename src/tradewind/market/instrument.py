"""What trading an instrument involves: steps, minimums, fees, margin tiers, funding, its life at the venue.

Numbers at this edge are decimals, exactly as the venue writes them; the core gets integers made from them.
Rules that cannot be true are refused (MARKET_RULES_INVALID): a tick of zero would fill orders at any price.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Literal, Self, cast

from tradewind.errors import ConfigError
from tradewind.units.time import HOUR_NS, format_utc

__all__ = ["Instrument", "Payoff", "Tier", "decimal_of"]

Payoff = Literal["linear", "inverse", "spot"]

_STEP_MIN = Decimal("1e-18")
_RATE_MAX = Decimal("0.05")


def decimal_of(value: object, name: str, where: str) -> Decimal:
    """Return a venue's number as an exact decimal. Raises MARKET_RULES_INVALID for text, holes, NaN and infinity."""
    try:
        number = Decimal(str(value).strip()) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _invalid(where, name, f"{value!r} is no number")
    return number


def _invalid(where: str, name: str, reason: str) -> ConfigError:
    return ConfigError("MARKET_RULES_INVALID", reason, where=where, key=name)


@dataclass(frozen=True, slots=True)
class Tier:
    """One margin bracket: up to this notional a position needs `notional x maintenance_rate - deduction`.

    `notional_upto` is None for a last bracket without an end. `deduction` makes the requirement continuous.
    """

    notional_upto: Decimal | None
    maintenance_rate: Decimal
    deduction: Decimal
    leverage_max: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """The rules of one instrument at one venue.

    Parameters
    ----------
    payoff
        ``linear`` (settled in quote), ``inverse`` (settled in base) or ``spot``.
    tick_size, lot_size
        Steps of price (quote units) and of quantity (contracts for derivatives, base units for spot).
    min_qty, max_qty, min_notional
        Bounds of one order, at market too; a maximum of None is no bound. Notional in quote units.
    contract_size
        Base units of one contract (linear, spot), quote units of one contract (inverse).
    maker_rate, taker_rate, liquidation_fee_rate
        Fees as shares of notional; a negative maker rate is a rebate.
    leverage_max, tiers
        Largest leverage, and margin brackets by rising notional; spot has none.
    funding_interval_ns
        Time between settlements; 0 where nothing settles.
    price_band_ratio
        Largest distance of a limit price from the mark that the venue accepts; None where not known.
    listed_ns, delisted_ns
        Life at the venue in ns since 1970; None where not known, or not over.
    provenance
        Where these rules come from, and from when.
    assumptions
        Sentences for the report: what about these rules is assumed rather than known.
    """

    venue: str
    symbol: str
    payoff: Payoff
    base: str
    quote: str
    settle: str
    tick_size: Decimal
    lot_size: Decimal
    min_qty: Decimal
    max_qty: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    maker_rate: Decimal
    taker_rate: Decimal
    liquidation_fee_rate: Decimal = Decimal(0)
    leverage_max: Decimal = Decimal(1)
    tiers: tuple[Tier, ...] = ()
    funding_interval_ns: int = 0
    price_band_ratio: Decimal | None = None
    listed_ns: int | None = None
    delisted_ns: int | None = None
    active: bool = True
    provenance: str = ""
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rules that cannot be true. Raises MARKET_RULES_INVALID with the field."""
        self._check_steps()
        self._check_rates()
        self._check_tiers()
        if self.listed_ns is not None and self.delisted_ns is not None and self.delisted_ns <= self.listed_ns:
            raise self._wrong("delisted_ns", f"delisted {format_utc(self.delisted_ns)}, before it was listed")
        if self.funding_interval_ns < 0 or self.funding_interval_ns % (HOUR_NS // 60):
            raise self._wrong(
                "funding_interval_ns", f"{self.funding_interval_ns} ns is no whole number of minutes"
            )

    @property
    def where(self) -> str:
        """Return the instrument as errors name it."""
        return f"{self.venue} {self.symbol}"

    def alive_at(self, ts_ns: int) -> bool:
        """Return whether the instrument was listed at a time, as far as its life is known."""
        listed = self.listed_ns is None or ts_ns >= self.listed_ns
        return listed and (self.delisted_ns is None or ts_ns < self.delisted_ns)

    def assuming(self, *sentences: str) -> Self:
        """Return the same rules with further assumptions for the report."""
        fresh = tuple(s for s in sentences if s not in self.assumptions)
        return replace(self, assumptions=(*self.assumptions, *fresh))

    def _wrong(self, name: str, reason: str) -> ConfigError:
        return _invalid(self.where, name, reason)

    def _check_steps(self) -> None:
        for name in ("tick_size", "lot_size", "contract_size"):
            if not getattr(self, name).is_finite() or getattr(self, name) < _STEP_MIN:
                raise self._wrong(name, f"{getattr(self, name)} is no step (at least {_STEP_MIN})")
        if self.min_qty < 0 or self.min_notional < 0:
            raise self._wrong("min_qty" if self.min_qty < 0 else "min_notional", "a minimum is negative")
        if self.max_qty is not None and self.max_qty < max(self.min_qty, self.lot_size):
            raise self._wrong(
                "max_qty", f"the largest order {self.max_qty} is below the smallest {self.min_qty}"
            )

    def _check_rates(self) -> None:
        for name in ("maker_rate", "taker_rate", "liquidation_fee_rate"):
            rate = getattr(self, name)
            if abs(rate) > _RATE_MAX or (rate < 0 and name != "maker_rate"):
                raise self._wrong(name, f"a fee of {rate} is no share of notional between 0 and {_RATE_MAX}")
        if self.leverage_max < 1:
            raise self._wrong("leverage_max", f"a largest leverage of {self.leverage_max} is below 1")
        if self.price_band_ratio is not None and self.price_band_ratio <= 0:
            raise self._wrong(
                "price_band_ratio", f"a price band of {self.price_band_ratio} lets no order through"
            )

    def _check_tiers(self) -> None:
        bound, rate = Decimal(0), Decimal(0)
        for n, tier in enumerate(self.tiers):
            last = n == len(self.tiers) - 1
            if (tier.notional_upto is None and not last) or (
                tier.notional_upto is not None and tier.notional_upto <= bound
            ):
                raise self._wrong("tiers", f"bracket {n + 1} ends at {tier.notional_upto}, not above {bound}")
            if not rate <= tier.maintenance_rate <= 1 or tier.leverage_max < 1 or tier.deduction < 0:
                raise self._wrong("tiers", f"bracket {n + 1} has rate {tier.maintenance_rate}")
            bound, rate = tier.notional_upto or bound, tier.maintenance_rate

    # ------------------------------------------------------------------ as data

    def to_dict(self) -> dict[str, object]:
        """Return the rules as plain values for JSON and TOML; decimals are text, unknown values are left out."""
        plain = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        return {name: value for name, value in plain.items() if value is not None and value != []}

    @classmethod
    def from_dict(cls, data: Mapping[str, object], where: str = "") -> Self:
        """Return the rules from plain values. Raises MARKET_RULES_INVALID for a wrong or missing field."""
        place = where or f"{data.get('venue', '?')} {data.get('symbol', '?')}"
        known = {f.name: f for f in fields(cls)}
        strange = sorted(set(data) - set(known))
        if strange:
            raise _invalid(place, strange[0], "no rule has this name")
        try:
            return cls(**{name: _read_field(name, value, place) for name, value in data.items()})  # type: ignore[arg-type]
        except TypeError as error:
            raise _invalid(place, "", f"a rule is missing or has a wrong type: {error}") from error


_DECIMALS = frozenset(
    {
        "tick_size",
        "lot_size",
        "min_qty",
        "max_qty",
        "min_notional",
        "contract_size",
        "maker_rate",
        "taker_rate",
    }
    | {"liquidation_fee_rate", "leverage_max", "price_band_ratio"}
)
_WHOLE = frozenset({"funding_interval_ns", "listed_ns", "delisted_ns"})


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Tier):
        return {
            f.name: _plain(getattr(value, f.name))
            for f in fields(value)
            if getattr(value, f.name) is not None
        }
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _read_field(name: str, value: object, where: str) -> object:
    if name in _DECIMALS:
        return decimal_of(value, name, where)
    if name in _WHOLE:
        return _typed(value, int, name, where)
    if name == "active":
        return _typed(value, bool, name, where)
    if name == "tiers":
        return tuple(
            _read_tier(entry, where) for entry in cast("list[object]", _typed(value, list, name, where))
        )
    if name == "assumptions":
        return tuple(
            str(_typed(v, str, name, where)) for v in cast("list[object]", _typed(value, list, name, where))
        )
    if name == "payoff" and value not in ("linear", "inverse", "spot"):
        raise _invalid(where, name, f"{value!r} is none of linear, inverse, spot")
    return _typed(value, str, name, where)


def _typed(value: object, kind: type, name: str, where: str) -> object:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _invalid(where, name, f"{value!r} is no {kind.__name__}")
    return value


def _read_tier(entry: object, where: str) -> Tier:
    table = cast("dict[str, object]", _typed(entry, dict, "tiers", where))
    if set(table) - {f.name for f in fields(Tier)}:
        raise _invalid(where, "tiers", f"a bracket has unknown fields: {sorted(table)}")
    numbers = {name: decimal_of(value, f"tiers.{name}", where) for name, value in table.items()}
    try:
        return Tier(**{"notional_upto": None, **numbers})  # type: ignore[arg-type]
    except TypeError as error:
        raise _invalid(where, "tiers", f"a bracket lacks a field: {error}") from error
