"""Pages of a venue's history for `data download`: what `market.download` asks, answered through ccxt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.errors import ConfigError
from tradewind.market.bars import Bars, Funding, Mark, OpenInterest, Series
from tradewind.market.download import Page
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tradewind.venues.ccxt.rules import market_named, symbol_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.market import SeriesKey
    from tradewind.venues.ccxt.history import RestReader

__all__ = ["CcxtPages"]

_FUNDING_JITTER_NS = 10 * SECOND_NS


class CcxtPages:
    """A `market.download.PageSource`.

    Parameters
    ----------
    exchange
        A ccxt object with its markets loaded.
    rest
        What asks it.
    now_ns
        Our clock.
    """

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - ccxt ships no types
        rest: RestReader,
        now_ns: Callable[[], int],
    ) -> None:
        self._exchange, self._rest, self._now_ns = exchange, rest, now_ns

    def unified(self, symbol: str) -> str:
        """Return ccxt's name of the venue's symbol. Raises SYMBOL_UNKNOWN with the nearest ones."""
        market = market_named(self._exchange, symbol)
        if market is None:
            from tradewind.config import did_you_mean

            known = sorted(map(symbol_of, (self._exchange.markets or {}).values()))
            hint = did_you_mean(symbol, known)
            raise ConfigError("SYMBOL_UNKNOWN", f"the venue lists no {symbol[:40]!r}.", hint=hint)
        return str(market["symbol"])

    async def begins_ns(self, key: SeriesKey) -> int | None:
        """Return when the instrument was listed, or how far back the venue keeps what is asked for."""
        market, rest = self._exchange.market(self.unified(key.symbol)), self._rest.rest
        found = [market["created"] * 1_000_000] if market.get("created") else []
        kept_days = {"open_interest": rest.interest_days, "funding": rest.funding_days}.get(key.kind, 0)
        if kept_days:
            found.append(self._now_ns() - kept_days * DAY_NS)
        return max(found) if found else None

    async def page(self, key: SeriesKey, step_ns: int, start_ns: int, end_ns: int) -> Page:
        """Return what the venue has from `start_ns` on: one request."""
        symbol = self.unified(key.symbol)
        if key.kind == "funding":
            return await self._funding(symbol, start_ns, end_ns)
        if key.kind == "open_interest":
            return await self._interest(symbol, step_ns, start_ns, end_ns)
        return await self._bars(key, symbol, start_ns, end_ns)

    async def _bars(self, key: SeriesKey, symbol: str, start_ns: int, end_ns: int) -> Page:
        is_mark = key.kind == "mark"
        rows_max = self._rest.rest.mark_rows if is_mark else self._rest.rest.page_rows
        rows = await self._rest.bars(symbol, key.interval_ns, start_ns, end_ns, mark=is_mark)
        cls: type[Series] = Mark if is_mark else Bars
        series = cls.from_columns(_columns(cls, rows), key.interval_ns)
        return Page(series, min(end_ns, start_ns + rows_max * key.interval_ns))

    async def _funding(self, symbol: str, start_ns: int, end_ns: int) -> Page:
        """Ask for so short a time that hourly settlements fill one answer: some venues give the newest first."""
        until_ns = min(end_ns, start_ns + self._rest.rest.funding_rows * HOUR_NS)
        rows = await self._rest.funding(symbol, start_ns, until_ns)
        rates = {_settled(ts_ns): rate for ts_ns, rate in rows}
        return Page(Funding.from_columns(_columns(Funding, sorted(rates.items()))), until_ns)

    async def _interest(self, symbol: str, step_ns: int, start_ns: int, end_ns: int) -> Page:
        until_ns = min(end_ns, start_ns + self._rest.rest.interest_rows * step_ns)
        rows = await self._rest.open_interest(symbol, step_ns, start_ns, until_ns)
        return Page(OpenInterest.from_columns(_columns(OpenInterest, rows)), until_ns)


def _columns(cls: type[Series], rows: Any) -> dict[str, Any]:  # noqa: ANN401 - rows of several widths
    names = [name for name in cls.names() if name not in cls.OPTIONAL or cls is OpenInterest]
    if not rows:
        return {name: np.empty(0) for name in names}
    values = list(zip(*(row[: len(names)] for row in rows), strict=True))
    first = np.array(values[0], dtype=np.int64)
    return {
        "ts_ns": first,
        **{name: np.array(v, dtype=np.float64) for name, v in zip(names[1:], values[1:], strict=True)},
    }


def _settled(ts_ns: int) -> int:
    """Return a settlement on its full minute, which venues miss by some milliseconds."""
    minute_ns = (ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
    return minute_ns if abs(ts_ns - minute_ns) <= _FUNDING_JITTER_NS else ts_ns
