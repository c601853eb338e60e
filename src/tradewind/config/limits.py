"""The risk limits, as data: the gate of the core is compiled from them.

A limit that is not written does not limit. Exposure is notional over equity, written as a multiple: 1.5 means that
positions of one and a half times the equity may be held. What would be refused at once is refused here: an exposure
above the leverage can never be reached, and usually is a percentage written in the wrong unit.
"""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from tradewind.config.fields import Model, Money, Name, Pct, Symbol, SymbolList, refusal

__all__ = ["ExposureX", "GroupLimits", "LegLimits", "Limits", "SymbolLimits"]

ExposureX = Annotated[float, Field(gt=0, le=200)]
_Leverage = Annotated[float, Field(ge=1, le=200)]
_Count = Annotated[int, Field(ge=1, le=100_000)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]


class SymbolLimits(Model):
    """Limits of one instrument."""

    max_qty: Money | None = None
    """Largest position, in the instrument's own units."""
    max_notional_per_order: Money | None = None
    """Largest order, in the account's currency."""
    max_position_notional: Money | None = None
    """Largest position, in the account's currency."""
    max_leverage: _Leverage | None = None
    """Highest leverage setting for this instrument."""
    max_exposure_x: ExposureX | None = None
    """Largest position as a multiple of equity."""


class GroupLimits(Model):
    """A limit on instruments that move together."""

    symbols: SymbolList
    """The instruments of the group."""
    max_exposure_x: ExposureX
    """Largest sum of their positions as a multiple of equity."""


class LegLimits(Model):
    """A hedge whose legs may be unequal only so much and so long."""

    symbols: SymbolList
    """The legs; their notionals are meant to cancel."""
    max_unhedged_notional: Money
    """Largest difference between the legs, in the account's currency."""
    max_unhedged_s: _Seconds
    """Longest time above that difference before openers are refused, in seconds."""

    @model_validator(mode="after")
    def _need_two(self) -> Self:
        if len(self.symbols) < 2:
            raise refusal("CONFIG_CONFLICT", "a leg group needs two symbols", "name both legs", key="symbols")
        return self


class Limits(Model):
    """Limits of the account, of its instruments and of groups of them."""

    max_leverage: _Leverage | None = None
    """Highest leverage: of the setting of any instrument, and of all positions together over equity."""
    max_exposure_total_x: ExposureX | None = None
    """Largest sum of all positions, long plus short, as a multiple of equity."""
    max_exposure_side_x: ExposureX | None = None
    """Largest sum of the positions on one side, long or short, as a multiple of equity."""
    max_exposure_long_x: ExposureX | None = None
    """Largest sum of long positions; `max_exposure_side_x` unless given."""
    max_exposure_short_x: ExposureX | None = None
    """Largest sum of short positions; `max_exposure_side_x` unless given."""
    max_open_orders: _Count | None = None
    """Most orders working at once in the account."""
    max_orders_per_minute: _Count | None = None
    """Most requests sent within a minute."""
    price_band_pct: Pct | None = None
    """Farthest an order's price may lie from the mark price."""
    loss_day_pct: Pct | None = None
    """Loss since midnight UTC that halts trading, of the equity at midnight."""
    loss_session_pct: Pct | None = None
    """Loss since the start that halts trading, of the equity at the start."""
    drawdown_pct: Pct | None = None
    """Fall from the highest equity that halts trading."""
    each: SymbolLimits = SymbolLimits()
    """Limits of every instrument that has no table of its own."""
    symbols: dict[Symbol, SymbolLimits] = {}
    """Limits of single instruments; what such a table leaves out comes from `each`."""
    groups: dict[Name, GroupLimits] = {}
    """Limits on instruments that move together."""
    legs: dict[Name, LegLimits] = {}
    """Limits on the open side of hedges."""

    def of(self, symbol: str) -> SymbolLimits:
        """Return the limits of one instrument: its own where written, else those of `each`."""
        own = self.symbols.get(symbol, SymbolLimits())
        return self.each.model_copy(update=own.model_dump(exclude_none=True))

    def tightened(self, house: "Limits") -> "Limits":
        """Return these limits, none of them looser than the ``house`` limits of the workspace."""
        kept = {name: _tighter(getattr(self, name), getattr(house, name)) for name in _ACCOUNT_WIDE}
        names = [*self.symbols, *(name for name in house.symbols if name not in self.symbols)]
        return self.model_copy(
            update={
                **kept,
                "each": _tighter_symbol(self.each, house.each),
                "symbols": {name: _tighter_symbol(self.of(name), house.of(name)) for name in names},
                "groups": self.groups | {f"house-{name}": group for name, group in house.groups.items()},
                "legs": self.legs | {f"house-{name}": leg for name, leg in house.legs.items()},
            }
        )

    def fitting(self, symbols: Sequence[str], leverage: float) -> "Limits":
        """Return these limits as they bear on a run of ``symbols``: of no others, no exposure above the leverage."""
        groups = {
            name: group.model_copy(
                update={"symbols": _kept(group.symbols, symbols), **_reached(group, leverage)}
            )
            for name, group in self.groups.items()
            if _kept(group.symbols, symbols)
        }
        legs = {
            name: leg.model_copy(update={"symbols": _kept(leg.symbols, symbols)})
            for name, leg in self.legs.items()
            if len(_kept(leg.symbols, symbols)) > 1
        }
        own = {name: table for name, table in self.symbols.items() if name in symbols}
        return self.model_copy(
            update={
                **_reached(self, leverage),
                "each": self.each.model_copy(update=_reached(self.each, leverage)),
                "symbols": {
                    name: table.model_copy(update=_reached(table, leverage)) for name, table in own.items()
                },
                "groups": groups,
                "legs": legs,
            }
        )


def _kept(named: Sequence[str], symbols: Sequence[str]) -> tuple[str, ...]:
    return tuple(symbol for symbol in named if symbol in symbols)


def _reached(table: Model, leverage: float) -> dict[str, float]:
    """Return the exposures of a table that are higher than the leverage reaches, at what it reaches."""
    names = [name for name in type(table).model_fields if name.startswith("max_exposure")]
    return {name: leverage for name in names if (getattr(table, name) or 0.0) > leverage}


_ACCOUNT_WIDE = tuple(
    name for name in Limits.model_fields if name not in {"each", "symbols", "groups", "legs"}
)


def _tighter(own: float | None, house: float | None) -> float | None:
    given = [limit for limit in (own, house) if limit is not None]
    return min(given) if given else None


def _tighter_symbol(own: SymbolLimits, house: SymbolLimits) -> SymbolLimits:
    kept = {name: _tighter(getattr(own, name), getattr(house, name)) for name in SymbolLimits.model_fields}
    return own.model_copy(update=kept)
