"""History of a venue by REST: paced, retried, and never an open bar.

One `RestReader` serves the live feed (missed bars, snapshots of books, polls) and `data download`. It keeps to
half of the venue's public limit at most, obeys Retry-After and bans to the second, and gives up after a stated number
of attempts with a coded error.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import ccxt.pro as ccxt

from tradewind.errors import ConfigError, RateLimited, VenueDown, VenueRefused
from tradewind.units.time import SECOND_NS, format_interval
from tradewind.venues.ccxt.budget import Address
from tradewind.venues.ccxt.classification import is_never_sent
from tradewind.venues.ccxt.exchange import redact
from tradewind.venues.ccxt.traffic import MarketTraffic
from tradewind.venues.ccxt.unreached import is_hopeless, silent, why_unreached

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.ccxt.stream_shapes import Rest

__all__ = ["RestReader", "Row"]

Row = tuple[int, float, float, float, float, float]
"""Open time in ns, open, high, low, close, volume in base units."""

_MS_NS = 1_000_000
_SETTLED_NS = 2 * SECOND_NS
"""A bar is taken as over this long after its end: venues finish it within a second or two."""

_LONGEST_WAIT_S = 60.0
_REACH_NS = 15 * SECOND_NS
"""A venue that was never reached is given up after so long: somebody waits who can mend a network."""

_BAN = re.compile(r"banned until (\d{13})")
_LATER = (ccxt.OperationFailed, ccxt.ExchangeNotAvailable, TimeoutError, OSError)
_GARBAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError)
"""What ccxt raises where an answer is not what it expects."""
_SHUTTING_DOWN = re.compile(r'"code":\s*-1016\b')
"""What Binance says while a service is shut down for a while, which ccxt takes for a bad request."""
_TOO_MANY = (ccxt.RateLimitExceeded, ccxt.DDoSProtection)


class RestReader:
    """Reads what everybody may read.

    Parameters
    ----------
    exchange
        A ccxt object with its markets loaded.
    rest
        The venue's limits.
    now_ns
        Our clock.
    attempts
        How often one request is tried.
    """

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - ccxt ships no types
        rest: Rest,
        now_ns: Callable[[], int],
        *,
        attempts: int = 10,
    ) -> None:
        self._exchange = exchange
        self.rest = rest
        self._now_ns = now_ns
        self._attempts = attempts
        self.address = Address()
        """What it shares with accounts that ask this venue from here: their bans, and what it asks counts for them."""
        self.traffic = MarketTraffic()
        """What became of what it asked."""
        self._free_ns = 0
        self._began_ns = 0
        self._reached = False
        self.requests = 0

    # ------------------------------------------------------------------ requests

    async def call(self, method: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401
        """Call a method of ccxt, paced and retried.

        Raises VenueDown (VENUE_DOWN) or RateLimited where it stays unanswered, VenueRefused (VENUE_REFUSED) where
        the venue says no, ConfigError (EXCHANGE_UNSUPPORTED) where it has no such thing. One that was never reached
        is given up sooner.
        """
        for attempt in range(self._attempts):
            await self._wait_for_turn()
            try:
                return await self._asked(method, arguments, named)
            except ccxt.NotSupported as error:
                raise ConfigError(
                    "EXCHANGE_UNSUPPORTED", redact(error), where=str(self._exchange.id)
                ) from error
            except _TOO_MANY as error:
                last: Exception = error
                self._hold(self._rest_of_ban(error, attempt))
                self.traffic.banned_until_ns = self._free_ns
            except (*_LATER, *_GARBAGE) as error:
                last = error
                wait_s = min(_LONGEST_WAIT_S, 2.0**attempt)
                if self._gives_up(error, wait_s):
                    raise self._given_up(method, error, attempt + 1) from error
                self._hold(wait_s)
            except ccxt.BaseError as error:
                if _SHUTTING_DOWN.search(str(error)):
                    last = error
                    self._hold(min(_LONGEST_WAIT_S, 2.0**attempt))
                    continue
                raise VenueRefused("VENUE_REFUSED", redact(error), where=str(self._exchange.id)) from error
        raise self._given_up(method, last, self._attempts)

    async def _asked(self, method: str, arguments: tuple[object, ...], named: dict[str, object]) -> Any:  # noqa: ANN401
        asked_ns = self._now_ns()
        try:
            found = await getattr(self._exchange, method)(*arguments, **named)
        except ccxt.NotSupported:
            raise  # By ccxt, and not by the venue.
        except (ccxt.BaseError, *_LATER, *_GARBAGE) as error:
            self.traffic.count(_outcome_of(error), self._now_ns() - asked_ns)
            raise
        self.traffic.count("answered", self._now_ns() - asked_ns)
        self._reached = True
        return found

    def _given_up(self, method: str, error: Exception, attempts: int) -> VenueDown | RateLimited:
        venue = str(self._exchange.id)
        message = f"{method} was not answered in {attempts} {'attempt' if attempts == 1 else 'attempts'}"
        if why_unreached(error) is not None:
            return silent(venue, error, message)
        kind = RateLimited if isinstance(error, _TOO_MANY) else VenueDown
        return kind("VENUE_DOWN", f"{message}: {redact(error)}", where=venue)

    def _gives_up(self, error: Exception, wait_s: float) -> bool:
        """Say whether a venue that was never reached is not tried again after this wait."""
        self._reached |= why_unreached(error) is None
        waited_ns = self._now_ns() - self._began_ns + int(wait_s * SECOND_NS)
        return not self._reached and (is_hopeless(error) or waited_ns > _REACH_NS)

    async def _wait_for_turn(self) -> None:
        """Take the next place in the line of requests, all at the stated pace."""
        now_ns = self._now_ns()
        turn_ns = max(self._free_ns, now_ns, self.address.banned_until_ns)
        self._free_ns = turn_ns + int(SECOND_NS / self.rest.requests_per_s)
        self._began_ns = self._began_ns or turn_ns
        self.requests += 1
        if turn_ns > now_ns:
            await asyncio.sleep((turn_ns - now_ns) / SECOND_NS)
        self.address.note(max(turn_ns, now_ns))

    def _hold(self, wait_s: float) -> None:
        self._free_ns = max(self._free_ns, self._now_ns() + int(wait_s * SECOND_NS))

    def _rest_of_ban(self, error: Exception, attempt: int) -> float:
        """Return the seconds for which the venue wants no request: as it says, else longer each time."""
        ban = _BAN.search(str(error))
        if ban:
            return max(1.0, (int(ban.group(1)) * _MS_NS - self._now_ns()) / SECOND_NS)
        headers = getattr(self._exchange, "last_response_headers", None) or {}
        stated = {str(name).lower(): value for name, value in headers.items()}.get("retry-after")
        if stated is not None and str(stated).replace(".", "", 1).isdigit():
            return max(1.0, float(stated))
        return 5.0 * 2.0**attempt

    # ------------------------------------------------------------------ pages

    async def bars(
        self, symbol: str, interval_ns: int, start_ns: int, end_ns: int, *, mark: bool = False
    ) -> list[Row]:
        """Return one page of bars that open in [start_ns, end_ns) and are over, ascending, each time once.

        `symbol` is ccxt's. Bars the venue has none of are absent; nothing is filled.
        """
        rest, timeframe = self.rest, format_interval(interval_ns)
        if mark and rest.mark_params is None:
            raise ConfigError("EXCHANGE_UNSUPPORTED", "the venue gives no history of mark prices")
        if timeframe not in self._exchange.timeframes:
            known = tuple(self._exchange.timeframes)
            raise ConfigError("TIMEFRAME_INVALID", f"the venue has no bars of {timeframe}", known=known)
        rows = rest.mark_rows if mark else rest.page_rows
        until_ns = min(end_ns, start_ns + rows * interval_ns)
        params = {"until": until_ns // _MS_NS - 1, **(rest.mark_params or {} if mark else {})}
        found = await self.call("fetch_ohlcv", symbol, timeframe, start_ns // _MS_NS, rows, params=params)
        over_ns = self._now_ns() - _SETTLED_NS - interval_ns
        scale = 1.0 if mark or rest.volume_in_base else self._contract_size(symbol)
        page = {int(row[0]) * _MS_NS: row for row in found if row and row[0] is not None}
        return [
            _bar(ts_ns, row, 0.0 if mark else scale)
            for ts_ns, row in sorted(page.items())
            if start_ns <= ts_ns < until_ns and ts_ns <= over_ns
        ]

    def _contract_size(self, symbol: str) -> float:
        return float(self._exchange.market(symbol).get("contractSize") or 1.0)

    async def funding(self, symbol: str, start_ns: int, end_ns: int) -> list[tuple[int, float]]:
        """Return one page of settled rates in [start_ns, end_ns): (time in ns, rate), ascending."""
        if not self.rest.funding_rows:
            raise ConfigError("EXCHANGE_UNSUPPORTED", "the venue gives no history of funding")
        params = {"until": end_ns // _MS_NS - 1}
        found = await self.call(
            "fetch_funding_rate_history", symbol, start_ns // _MS_NS, self.rest.funding_rows, params=params
        )
        rates = {
            int(row["timestamp"]) * _MS_NS: _number(row["fundingRate"])
            for row in found
            if row.get("timestamp") is not None
        }
        return [(ts_ns, rate) for ts_ns, rate in sorted(rates.items()) if start_ns <= ts_ns < end_ns]

    async def open_interest(
        self, symbol: str, interval_ns: int, start_ns: int, end_ns: int
    ) -> list[tuple[int, float, float]]:
        """Return one page of open interest in [start_ns, end_ns): (time in ns, base units, quote units)."""
        if not self.rest.interest_rows:
            raise ConfigError("EXCHANGE_UNSUPPORTED", "the venue gives no history of open interest")
        rows = self.rest.interest_rows
        until_ns = min(end_ns, start_ns + rows * interval_ns)
        found = await self.call(
            "fetch_open_interest_history",
            symbol,
            format_interval(interval_ns),
            start_ns // _MS_NS,
            rows,
            params={"until": until_ns // _MS_NS - 1},
        )
        page = {
            int(row["timestamp"]) * _MS_NS: (
                _number(row.get("openInterestAmount")),
                _number(row.get("openInterestValue")),
            )
            for row in found
        }
        return [(ts_ns, *page[ts_ns]) for ts_ns in sorted(page) if start_ns <= ts_ns < until_ns]


def _outcome_of(error: Exception) -> str:
    if isinstance(error, _TOO_MANY):
        return "rate limited"
    if isinstance(error, (*_LATER, *_GARBAGE)):
        return "not sent" if is_never_sent(error) else "unknown"
    return "refused"


def _bar(ts_ns: int, row: list[object], scale: float) -> Row:
    first, high, low, last = (_number(value) for value in row[1:5])
    return ts_ns, first, high, low, last, _number(row[5]) * scale if scale else 0.0


def _number(value: object) -> float:
    """Return a number as ccxt gives it, NaN for what it could not read."""
    return float(value) if isinstance(value, int | float | str) else float("nan")
