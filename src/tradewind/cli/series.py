"""How commands name a series of history, and how flags name one."""

from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.errors import ConfigError

if TYPE_CHECKING:
    from tradewind.market import SeriesKey

__all__ = ["SymbolFlag", "VenueFlag", "interval_ns", "key_fields"]

VenueFlag = Annotated[str | None, typer.Option("--venue", metavar="V", help="Venue, such as binance_usdm.")]
SymbolFlag = Annotated[str | None, typer.Option("--symbol", metavar="S", help="The venue's own symbol.")]


def interval_ns(bars: str) -> int:
    """Return the length of stored bars that a flag names. Raises TIMEFRAME_INVALID."""
    from tradewind.units.time import INTERVALS, parse_interval, parse_timeframe

    if bars in INTERVALS:
        return parse_interval(bars)
    try:
        parse_timeframe(bars)
    except ValueError:
        message, hint = f"{bars[:40]!r} is no length of a bar.", ""
    else:
        message = f"bars of {bars} are made, not stored."
        hint = f'Store finer ones, such as 1m; a backtest makes them of those: bars = "{bars}".'
    raise ConfigError("TIMEFRAME_INVALID", message, where="--bars", hint=hint, known=INTERVALS)


def key_fields(key: "SeriesKey") -> dict[str, object]:
    """Return what names a series, as every command shows it."""
    from tradewind.units.time import format_interval

    bars = format_interval(key.interval_ns) if key.interval_ns else ""
    return {"venue": key.venue, "symbol": key.symbol, "kind": key.kind, "bars": bars}
