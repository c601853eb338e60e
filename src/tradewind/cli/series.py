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
    """Return the length of a bar that a flag names. Raises TIMEFRAME_INVALID."""
    from tradewind.units.time import INTERVALS, parse_interval

    try:
        return parse_interval(bars)
    except ValueError as error:
        raise ConfigError(
            "TIMEFRAME_INVALID", f"{bars[:40]!r} is no length of a bar.", where="--bars", known=INTERVALS
        ) from error


def key_fields(key: "SeriesKey") -> dict[str, object]:
    """Return what names a series, as every command shows it."""
    from tradewind.units.time import format_interval

    bars = format_interval(key.interval_ns) if key.interval_ns else ""
    return {"venue": key.venue, "symbol": key.symbol, "kind": key.kind, "bars": bars}
