"""The risk limits, as data: the gate of the core is compiled from them.

A limit that is not written does not limit. Exposure is notional over equity, written as a multiple: 1.5 means that
positions of one and a half times the equity may be held. What would be refused at once is refused here: an exposure
above the leverage can never be reached, and usually is a percentage written in the wrong unit.
"""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from tradewind.config.fields import Currency, Model, Money, Name, Pct, Span, Symbol, SymbolList, refusal
from tradewind.config.sectors import SECTORS
from tradewind.units.time import parse_timeframe

__all__ = ["ExposureX", "GroupLimits", "LegLimits", "Limits", "SectorLimits", "SymbolLimits"]

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


class SectorLimits(Model):
    """Limits of one sector in each account; which coins belong to it says `coins`, else a table of well-known ones."""

    max_exposure_x: ExposureX | None = None
    """Largest sum of its positions as a multiple of equity."""
    max_positions: _Count | None = None
    """Most of its instruments held, or opening, at once."""

    @model_validator(mode="after")
    def _need_one(self) -> Self:
        if self.max_exposure_x is None and self.max_positions is None:
            raise refusal("CONFIG_MISSING", "a sector limit limits nothing", "write max_exposure_x = 0.5")
        return self


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
    max_positions: _Count | None = None
    """Most instruments held, or opening, at once in an account."""
    loss_day_pct: Pct | None = None
    """Loss since midnight UTC that halts trading, of the equity at midnight."""
    loss_day_pause: Span | None = None
    """How long a day's loss halts trading; until midnight UTC unless given, and never longer."""
    loss_session_pct: Pct | None = None
    """Loss since the start that halts trading, of the equity at the start."""
    loss_session_pause: Span | None = None
    """How long a session's loss halts trading; until an operator resumes unless given."""
    drawdown_pct: Pct | None = None
    """Fall from the highest equity that halts trading."""
    drawdown_pause: Span | None = None
    """How long a drawdown halts trading; until an operator resumes unless given."""
    loss_streak: _Count | None = None
    """Round trips lost in a row, before fees, that halt trading in an account."""
    loss_streak_pause: Span | None = None
    """How long losses in a row halt trading; until an operator resumes unless given."""
    exit_drawdown_pct: Pct | None = None
    """Fall from the highest equity at which everything in the account is closed."""
    exit_drawdown_pause: Span | None = None
    """How long nothing opens after that; until an operator resumes unless given."""
    exit_position_loss_pct: Pct | None = None
    """Loss of one position, in percent of the equity, at which it is closed."""
    strategy_loss_streak: _Count | None = None
    """Round trips lost in a row that hold a strategy alone."""
    strategy_loss_streak_pause: Span | None = None
    """How long losses in a row hold it; until an operator resumes unless given."""
    strategy_bad_outputs: _Count | None = None
    """Nonsensical sets of a strategy that hold it; 1 unless given."""
    each: SymbolLimits = SymbolLimits()
    """Limits of every instrument that has no table of its own."""
    symbols: dict[Symbol, SymbolLimits] = {}
    """Limits of single instruments; what such a table leaves out comes from `each`."""
    groups: dict[Name, GroupLimits] = {}
    """Limits on instruments that move together."""
    legs: dict[Name, LegLimits] = {}
    """Limits on the open side of hedges."""
    sectors: dict[Name, SectorLimits] = {}
    """Limits on sectors: mega, l1, l2, defi, meme, exchange, payment, or names of your own."""
    coins: dict[Currency, Name] = {}
    """The sector of single coins, where it is not that of the built-in table."""

    @model_validator(mode="after")
    def _know_sectors(self) -> Self:
        known = {*SECTORS, *self.coins.values()}
        for name in self.sectors:
            if name not in known:
                raise refusal(
                    "CONFIG_CHOICE",
                    f"no coin is in a sector called {name!r}",
                    f'known: {", ".join(sorted(known))}; or assign coins: coins = {{ BTC = "{name}" }}',
                    key=f"sectors.{name}",
                )
        return self

    def of(self, symbol: str) -> SymbolLimits:
        """Return the limits of one instrument: its own where written, else those of `each`."""
        own = self.symbols.get(symbol, SymbolLimits())
        return self.each.model_copy(update=own.model_dump(exclude_none=True))

    def tightened(self, house: "Limits") -> "Limits":
        """Return these limits, none of them looser than the ``house`` limits of the workspace."""
        kept = {name: _tighter(getattr(self, name), getattr(house, name)) for name in _ACCOUNT_WIDE}
        pauses = {_pause_of(limit): _pause(self, house, limit) for limit in _PAUSED}
        sectors = {**house.sectors, **self.sectors}
        names = [*self.symbols, *(name for name in house.symbols if name not in self.symbols)]
        return self.model_copy(
            update={
                **kept,
                **pauses,
                "each": _tighter_symbol(self.each, house.each),
                "symbols": {name: _tighter_symbol(self.of(name), house.of(name)) for name in names},
                "groups": self.groups | {f"house-{name}": group for name, group in house.groups.items()},
                "legs": self.legs | {f"house-{name}": leg for name, leg in house.legs.items()},
                "sectors": {name: _tighter_sector(self, house, name) for name in sectors},
                "coins": self.coins | house.coins,
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
                "sectors": {
                    name: table.model_copy(update=_reached(table, leverage))
                    for name, table in self.sectors.items()
                },
            }
        )


def _kept(named: Sequence[str], symbols: Sequence[str]) -> tuple[str, ...]:
    return tuple(symbol for symbol in named if symbol in symbols)


def _reached(table: Model, leverage: float) -> dict[str, float]:
    """Return the exposures of a table that are higher than the leverage reaches, at what it reaches."""
    names = [name for name in type(table).model_fields if name.startswith("max_exposure")]
    return {name: leverage for name in names if (getattr(table, name) or 0.0) > leverage}


_PAUSED = (
    "loss_day_pct",
    "loss_session_pct",
    "drawdown_pct",
    "loss_streak",
    "exit_drawdown_pct",
    "strategy_loss_streak",
)
"""Limits whose breach is followed by a pause."""
_TABLES = {"each", "symbols", "groups", "legs", "sectors", "coins"}
_ACCOUNT_WIDE = tuple(
    name for name in Limits.model_fields if name not in _TABLES and not name.endswith("_pause")
)


def _pause_of(limit: str) -> str:
    return f"{limit.removesuffix('_pct')}_pause"


def _pause(own: Limits, house: Limits, limit: str) -> str | None:
    """Return the longer pause of those whose limit is set; none, which waits for an operator, is the longest."""
    given = [
        getattr(limits, _pause_of(limit)) for limits in (own, house) if getattr(limits, limit) is not None
    ]
    return None if None in given or not given else max(given, key=parse_timeframe)


def _tighter_sector(own: Limits, house: Limits, name: str) -> SectorLimits:
    """Return the smaller of each limit of a sector."""
    tables = [limits.sectors[name] for limits in (own, house) if name in limits.sectors]
    first, last = tables[0], tables[-1]
    return first.model_copy(
        update={n: _tighter(getattr(first, n), getattr(last, n)) for n in SectorLimits.model_fields}
    )


def _tighter(own: float | None, house: float | None) -> float | None:
    given = [limit for limit in (own, house) if limit is not None]
    return min(given) if given else None


def _tighter_symbol(own: SymbolLimits, house: SymbolLimits) -> SymbolLimits:
    kept = {name: _tighter(getattr(own, name), getattr(house, name)) for name in SymbolLimits.model_fields}
    return own.model_copy(update=kept)
