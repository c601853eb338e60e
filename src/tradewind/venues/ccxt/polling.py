"""What no stream carries, asked for by REST: settled funding, open interest, and marks where need be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.errors import TradewindError
from tradewind.units.enums import StreamCode
from tradewind.units.time import HOUR_NS, SECOND_NS
from tradewind.venues.ccxt.decoding import Garbage, finite, place, rows_of
from tradewind.venues.gateway import FundingRateSeen, MarkSeen, OpenInterestSeen, StreamKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.ccxt.hearing import Heard
    from tradewind.venues.ccxt.history import RestReader
    from tradewind.venues.ccxt.inbox import Inbox
    from tradewind.venues.ccxt.stream_shapes import Poll, VenueStreams
    from tradewind.venues.ccxt.streams import Health

__all__ = ["RATE_MAX", "Poller"]

_AFTER_SETTLEMENT_S = (10, 60, 300)
"""When the settlements of a full hour are asked for, in seconds after it: venues write them down within minutes."""
RATE_MAX = 0.5


class Poller:
    """Asks in turn.

    Parameters
    ----------
    rest, table
        Where is asked, and what.
    heard
        The instruments by index.
    outlets
        Where answers go, and who is told that they came.
    now_ns
        Our clock.
    """

    def __init__(
        self,
        rest: RestReader,
        table: VenueStreams,
        heard: Mapping[int, Heard],
        outlets: tuple[Inbox, Health],
        now_ns: Callable[[], int],
    ) -> None:
        self._rest, self._table, self._heard = rest, table, heard
        self._inbox, self._health = outlets
        self._now_ns = now_ns
        self._settled_ns = dict.fromkeys(heard, now_ns())

    async def run(self, kind: StreamKind, unified: Callable[[int], str]) -> None:
        """Ask for ever."""
        poll = self._table.polls[kind]
        while True:
            if kind is StreamKind.FUNDING:
                await self._wait_for_settlement()
            for index in self._heard if not poll.by_id else (-1,):
                await self._ask(kind, poll, index, unified)
            if kind is not StreamKind.FUNDING:
                await asyncio.sleep(poll.every_s)

    async def _wait_for_settlement(self) -> None:
        past_s = self._now_ns() % HOUR_NS / SECOND_NS
        later = [at for at in _AFTER_SETTLEMENT_S if at > past_s]
        wait_s = (later[0] if later else _AFTER_SETTLEMENT_S[0] + HOUR_NS / SECOND_NS) - past_s
        await asyncio.sleep(wait_s)

    async def _ask(self, kind: StreamKind, poll: Poll, index: int, unified: Callable[[int], str]) -> None:
        try:
            if kind is StreamKind.FUNDING:
                await self._ask_funding(index, unified(index))
            elif kind is StreamKind.OPEN_INTEREST:
                await self._ask_interest(poll, index, unified(index))
            else:
                await self._ask_marks(poll)
        except (TradewindError, Garbage) as error:
            text = error.message if isinstance(error, TradewindError) else error.reason
            for one in self._heard if index < 0 else (index,):
                self._health.change(kind, one, StreamCode.DOWN, text)

    async def _ask_funding(self, index: int, symbol: str) -> None:
        now_ns = self._now_ns()
        known_ns = self._settled_ns[index]
        for ts_ns, rate in await self._rest.funding(symbol, known_ns + 1, now_ns + 1):
            if abs(rate) <= RATE_MAX:
                self._settled_ns[index] = ts_ns
                self._inbox.put(FundingRateSeen(index, rate, ts_ns, self._now_ns()))

    async def _ask_interest(self, poll: Poll, index: int, symbol: str) -> None:
        found = await self._rest.call(poll.method, symbol)
        amount = finite(found.get(poll.field), "open_interest")
        now_ns = self._now_ns()
        if amount < 0.0:
            raise Garbage("open_interest")
        ts_ns = int(found["timestamp"]) * 1_000_000 if found.get("timestamp") else now_ns
        self._health.heard(StreamKind.OPEN_INTEREST, index, now_ns)
        self._inbox.put(OpenInterestSeen(index, amount, ts_ns, now_ns))

    async def _ask_marks(self, poll: Poll) -> None:
        """Ask for the marks of all instruments at once."""
        answer = await self._rest.call(poll.method)
        now_ns = self._now_ns()
        symbols = {one.listing.instrument.symbol: one for one in self._heard.values()}
        mark_of = place(poll.field)
        for row in rows_of("data")(answer):
            one = symbols.get(str(row.get("instId"))) if isinstance(row, dict) else None
            if one is None:
                continue
            ts_ns = int(finite(place("ts")(None, row), "time")) * 1_000_000
            mark = one.grid.price(mark_of(None, row))
            one.near.admit(mark, now_ns)
            self._health.heard(StreamKind.MARK, one.listing.index, now_ns)
            self._inbox.put(MarkSeen(one.listing.index, mark, one.forward(StreamKind.MARK, ts_ns), now_ns))
