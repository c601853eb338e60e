"""Reading an account whole: every page of every list, or an error. To be absent from one page is not to be absent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tradewind.errors import VenueDown
from tradewind.venues.ccxt.budget import Urgency
from tradewind.venues.ccxt.classification import code_of, look_up
from tradewind.venues.ccxt.dialect import Meaning, fill_template, is_addressed
from tradewind.venues.ccxt.parsing import has_rows, own_trade, rows_at, shows, word_of
from tradewind.venues.ccxt.shapes import FillShape, OrderShape
from tradewind.venues.gateway import (
    NO_HISTORY,
    BalanceSeen,
    FillSeen,
    Found,
    FundingPaidSeen,
    OrderRef,
    OrderSeen,
    OrderStatus,
    PositionSeen,
    SettingSeen,
    Snapshot,
    TransferSeen,
    closes_side,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from tradewind.venues.ccxt.dialect import Dialect, Pages, Reading
    from tradewind.venues.ccxt.orders import Speller
    from tradewind.venues.ccxt.parsing import RowReader
    from tradewind.venues.ccxt.row_values import Row
    from tradewind.venues.ccxt.wire import Answer, Wire
    from tradewind.venues.gateway import Event, Listing

__all__ = ["AccountReader"]

Money = TypeVar("Money", FundingPaidSeen, TransferSeen)

_MS_NS = 1_000_000
_PAGES_MAX = 1_000
_OVERLAP_NS = 60_000_000_000
"""Trades are asked for from a little before: a venue's list may lag behind its own stamps."""
_STOPS_LIVE_NS = 30 * 86_400_000_000_000
"""So much older than its trades a stop may be, of which only its own list says what it became."""
_REACH_MARGIN_NS = 3_600_000_000_000
"""So much less far back is a list believed to go: it is judged by the venue's clock, when the question arrives."""
_ALIVE = (OrderStatus.WORKING, OrderStatus.TRIGGERED)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A list from a time on, and to a time where that is not 0."""

    reading: Reading
    since_ns: int
    urgency: Urgency
    until_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Span:
    start_ms: int
    end_ms: int


class AccountReader:
    """Reads the lists of one account.

    Parameters
    ----------
    listings
        The session's instruments, by index.
    """

    def __init__(
        self, wire: Wire, rows: RowReader, speller: Speller, listings: Mapping[int, Listing]
    ) -> None:
        self._wire = wire
        self._rows = rows
        self._speller = speller
        self._listings = listings
        self._strangers: set[tuple[int, str]] = set()

    @property
    def _dialect(self) -> Dialect:
        return self._wire.dialect

    # ------------------------------------------------------------------ everything

    async def snapshot(self, since_ns: int) -> Snapshot:
        """Return the whole account. Raises VenueDown where any page of any list cannot be read."""
        asked_ns = self._wire.now_ns()
        self._rows.strangers.clear()
        self._rows.undecided.clear()
        orders: dict[tuple[bool, int, str], OrderSeen] = {}
        for reading in self._dialect.working:
            for event in await self.read(reading):
                if isinstance(event, OrderSeen) and event.status in _ALIVE:
                    orders[_is_of_stops(reading), event.instrument, event.venue_id] = event
        positions = await self._whole(self._dialect.positions)
        settings = await self._settings()
        balances = await self.read(self._dialect.balances)
        strangers = set(self._rows.strangers)
        fills, funding, transfers = await self._history(since_ns)
        return Snapshot(
            orders=tuple(_priced(self._decided(one, positions), fills) for one in orders.values()),
            fills=tuple(fills),
            positions=tuple(p for p in positions if isinstance(p, PositionSeen) and p.qty_lot),
            balances=tuple(b for b in balances if isinstance(b, BalanceSeen)),
            settings=tuple(
                {(s.instrument, s.code): s for s in settings if isinstance(s, SettingSeen)}.values()
            ),
            funding=tuple(funding),
            transfers=tuple(transfers),
            strangers=tuple(sorted(strangers)),
            asked_ns=asked_ns,
            told_ns=self._wire.now_ns(),
            history_from_ns=0 if since_ns == NO_HISTORY else self._history_from_ns(since_ns),
        )

    def _decided(self, order: OrderSeen, positions: Sequence[Event]) -> OrderSeen:
        """Return a stop of which nothing says it as one that only reduces, where it would take from what is held."""
        if (order.instrument, order.venue_id) not in self._rows.undecided:
            return order
        held = [seen for seen in positions if isinstance(seen, PositionSeen) and seen.qty_lot]
        for seen in held:
            if seen.instrument == order.instrument and closes_side(order.side, seen.position_side):
                return msgspec.structs.replace(order, position_side=seen.position_side, reduce=1)
        return order

    async def _settings(self) -> list[Event]:
        """Return every setting; an answer that says several is asked for once. Raises VenueDown."""
        alike: list[list[Reading]] = []
        for reading in self._dialect.settings:
            same = [each for each in alike if (each[0].call, each[0].pages) == (reading.call, reading.pages)]
            if same:
                same[0].append(reading)
            else:
                alike.append([reading])
        events: list[Event] = []
        for readings in alike:
            wanted = _Wanted(readings[0], 0, Urgency.READ)
            async for row in self._all_rows(wanted, list(self._listings.values())):
                told = (reading for reading in readings if shows(row, reading.when))
                for reading in told:
                    events += self._rows.read(row, reading.shape, self._wire.now_ns())
        return events

    async def _history(
        self, since_ns: int
    ) -> tuple[list[FillSeen], list[FundingPaidSeen], list[TransferSeen]]:
        """Return what was traded, and what else moved money, since a time; nothing where that is `NO_HISTORY`."""
        if since_ns == NO_HISTORY:
            return [], [], []
        fills = await self._named(await self.fills(since_ns), since_ns)
        funding = await self._since(self._dialect.funding, since_ns, FundingPaidSeen)
        return fills, funding, await self._since(self._dialect.transfers, since_ns, TransferSeen)

    def _history_from_ns(self, since_ns: int) -> int:
        """Return from when on everything that was traded and paid is told; 0 where that is since the time asked for."""
        begins_ns = 0
        for reading in (self._dialect.fills, self._dialect.funding, self._dialect.transfers):
            while reading is not None and reading.archive is not None:
                reading = reading.archive
            begins_ns = max(begins_ns, self._begins_ns(reading.pages) if reading is not None else 0)
        return begins_ns if begins_ns > since_ns else 0

    async def _whole(self, reading: Reading) -> list[Event]:
        """Return every row of a list in which absence says something. Raises VenueDown where a row cannot be read.

        A position that is not on the list is gone; one that says nonsense is not.
        """
        self._rows.unread.clear()
        events = await self.read(reading)
        if id(reading.shape) in self._rows.unread:
            text = f"{self._dialect.venue}: a row of a list cannot be believed"
            raise VenueDown("VENUE_DOWN", text, where=reading.call.path)
        return events

    async def _named(self, fills: list[FillSeen], since_ns: int) -> list[FillSeen]:
        """Return trades with our ids, also of orders that ended while nobody listened. Raises VenueDown.

        Where the list of trades names the venue's ids only, the orders that ended say whose they are; each
        stranger is asked about once.
        """
        unknown = {(f.instrument, f.venue_id) for f in fills if not f.cid} - self._strangers
        if not unknown:
            return fills
        for instrument in sorted({instrument for instrument, _ in unknown}):
            for reading in self._dialect.ended:
                if reading.names_children:
                    await self.read(reading, max(since_ns - _STOPS_LIVE_NS, 0), instrument)
            for reading in self._dialect.ended:
                if not _is_of_stops(reading):
                    await self.read(reading, max(since_ns - _OVERLAP_NS, 0), instrument)
        named = await self.fills(since_ns)
        self._strangers |= {(f.instrument, f.venue_id) for f in named if not f.cid}
        return named

    async def fills(self, since_ns: int, only: int | None = None) -> list[FillSeen]:
        """Return every trade since a time, oldest first, each once; of one instrument or all. Raises VenueDown."""
        events = await self.read(self._dialect.fills, max(since_ns - _OVERLAP_NS, 0), only)
        found = {own_trade(f): f for f in events if isinstance(f, FillSeen) and f.ts_ns >= since_ns}
        return sorted(found.values(), key=lambda fill: (fill.ts_ns, fill.trade_key))

    async def _since(self, reading: Reading | None, since_ns: int, kind: type[Money]) -> list[Money]:
        """Return what moved money since a time, also where the list knows no time: what is older was in the balance."""
        events = await self.read(reading, since_ns) if reading is not None else []
        return [event for event in events if isinstance(event, kind) and event.ts_ns >= since_ns]

    async def working(self, instruments: Collection[int]) -> list[OrderSeen]:
        """Return what works in some instruments, at least, for as little as the venue counts. Raises VenueDown."""
        events: list[Event] = []
        for reading in self._dialect.working:
            call = reading.of_symbol
            if call is None or len(instruments) * call.weight >= reading.call.weight:
                events += await self.read(reading)
                continue
            alone = replace(reading, call=call, pages=replace(reading.pages, per_symbol=True))
            for instrument in sorted(instruments):
                events += await self.read(alone, only=instrument)
        return [event for event in events if isinstance(event, OrderSeen)]

    # ------------------------------------------------------------------ one list

    async def read(
        self,
        reading: Reading,
        since_ns: int = 0,
        only: int | None = None,
        *,
        urgency: Urgency = Urgency.READ,
    ) -> list[Event]:
        """Return every row of a list as events. Raises VenueDown.

        only: the instrument that is asked for, where a list is kept by instrument; else its rows are among all.
        """
        events: list[Event] = []
        listings = list(self._listings.values()) if only is None else [self._listings[only]]
        async for row in self._all_rows(_Wanted(reading, since_ns, urgency), listings):
            if shows(row, reading.when):
                events += self._rows.read(row, reading.shape, self._wire.now_ns())
        return events

    async def _all_rows(self, wanted: _Wanted, listings: Sequence[Listing]) -> AsyncIterator[Row]:
        for part in self._parts(wanted):
            for values in self._askings(part.reading, listings):
                for span in self._spans(part):
                    async for row in self._pages(part, values, span):
                        yield row

    def _parts(self, wanted: _Wanted) -> list[_Wanted]:
        """Return a list as far back as it goes, and before it its archive for what lies further back."""
        begins_ns = self._begins_ns(wanted.reading.pages)
        if wanted.since_ns >= begins_ns:
            return [wanted]
        recent = replace(wanted, since_ns=begins_ns)
        if wanted.reading.archive is None:
            return [recent]
        archived = replace(wanted, reading=wanted.reading.archive, until_ns=begins_ns - _MS_NS)
        return [*self._parts(archived), recent]

    def _begins_ns(self, pages: Pages) -> int:
        """Return from when on a list tells, 0 where its venue does not say."""
        return self._wire.now_ns() - pages.reach_ns + _REACH_MARGIN_NS if pages.reach_ns else 0

    def _askings(self, reading: Reading, listings: Sequence[Listing]) -> list[dict[str, object]]:
        """Return the values of each request that a list needs: one, one for each instrument, or for each currency."""
        words = reading.call.fields.values()
        margin: dict[str, object] = {"margin_mode": self._speller.margin_word}
        if reading.pages.per_symbol:
            return [{**margin, "symbol": listing.instrument.symbol} for listing in listings]
        if "$settle" in words:
            return [
                {**margin, "settle": name} for name in sorted({one.instrument.settle for one in listings})
            ]
        return [margin]

    def _spans(self, part: _Wanted) -> list[_Span]:
        pages, start_ms = part.reading.pages, part.since_ns // _MS_NS
        if not pages.start_field:
            return [_Span(start_ms, 0)]
        now_ms = (self._wire.now_ns() + self._wire.clock.offset_ns) // _MS_NS + 1_000
        end_ms, window_ms = part.until_ns // _MS_NS or now_ms, pages.window_ns // _MS_NS
        if not window_ms:
            return [_Span(start_ms, end_ms)]
        edges = list(range(start_ms, end_ms, window_ms)) or [start_ms]
        return [_Span(edge, min(edge + window_ms, end_ms)) for edge in edges]

    async def _pages(self, wanted: _Wanted, values: dict[str, object], span: _Span) -> AsyncIterator[Row]:
        """Yield the rows of one stretch of time, page after page, each row once."""
        reading, cursor, seen = wanted.reading, "", set[tuple[str, ...]]()
        pages, ids = reading.pages, _ids_of_rows(reading)
        for _ in range(_PAGES_MAX):
            answer = await self._ask(wanted, values, span, cursor)
            rows = rows_at(answer.body, reading.call.rows)
            fresh = [
                row for row in rows if not ids or tuple(word_of(row.get(name)) for name in ids) not in seen
            ]
            for row in fresh:
                seen.add(tuple(word_of(row.get(name)) for name in ids))
                yield {**row, pages.symbol_field: values["symbol"]} if pages.symbol_field else row
            following = self._cursor(pages, answer, rows, cursor)
            if not following or (pages.size and len(rows) < pages.size and not pages.cursor_at):
                return
            if _is_before(rows[-1], pages.made, span.start_ms // pages.unit_ms):
                return
            if following == cursor or not fresh:
                raise VenueDown(
                    "VENUE_DOWN",
                    f"{self._dialect.venue}: a list does not go on from its page",
                    where=reading.call.path,
                )
            cursor = following
        raise VenueDown("VENUE_DOWN", f"{self._dialect.venue}: a list has no end", where=reading.call.path)

    def _cursor(self, pages: Pages, answer: Answer, rows: list[Row], cursor: str) -> str:
        if not pages.cursor_field or not rows:
            return ""
        if pages.numbered:
            return str(int(cursor or 1) + 1)
        if pages.counted:
            return str(int(cursor or 0) + len(rows))
        if pages.cursor_at:
            parent = rows_at(answer.body, pages.cursor_at[:-1])
            return word_of(parent[0].get(pages.cursor_at[-1])) if parent else ""
        return word_of(rows[-1].get(pages.cursor_row))

    async def _ask(self, wanted: _Wanted, values: dict[str, object], span: _Span, cursor: str) -> Answer:
        reading, pages = wanted.reading, wanted.reading.pages
        params = fill_template(reading.call.fields, values)
        if pages.size_field:
            params[pages.size_field] = pages.size
        if pages.start_field:
            unit_ms = pages.unit_ms
            params[pages.start_field] = span.start_ms // unit_ms
            params[pages.end_field] = -(-span.end_ms // unit_ms)
        if cursor:
            params[pages.cursor_field] = int(cursor) if pages.rising else cursor
        answer = await self._wire.ask(reading.call, params, wanted.urgency)
        if not self._is_told(answer, reading):
            raise VenueDown(
                "VENUE_DOWN",
                f"{self._dialect.venue}: {self._wire.text_of(answer)}",
                where=reading.call.path,
            )
        return answer

    def _is_told(self, answer: Answer, reading: Reading) -> bool:
        """Return whether an answer says what was asked: no error, and rows or an empty place for them."""
        return (
            answer.fine
            and not code_of(self._dialect, answer.body)
            and has_rows(answer.body, reading.call.rows, or_null=reading.call.no_rows)
        )

    # ------------------------------------------------------------------ one order

    async def find(self, order: OrderRef, client_id: str, sent_ns: int) -> Found:
        """Look for an order wherever the venue may show it.

        Found by its id, else in the lists of what works and what ended, else in the trades. `absent` only where each
        of them was read to its end and none has it.
        """
        try:
            by_id = await self._by_id(order, client_id)
            if by_id is None or by_id.order is not None:
                return by_id or Found(None, text="the venue did not answer the question")
            seen = await self._in_lists(order, client_id, sent_ns)
            fills = [
                f
                for f in await self.fills(sent_ns - _OVERLAP_NS, order.instrument)
                if self._is_its(f, order, client_id, seen)
            ]
        except VenueDown as error:
            return Found(None, text=error.message)
        if seen is None and not fills:
            return Found(None, absent=True)
        return Found(seen, tuple(fills))

    async def _by_id(self, order: OrderRef, client_id: str) -> Found | None:
        """Return what the query of one order says: an empty finding where there is none, None for no answer.

        It is asked for first among the stops where it is one, else among the orders.
        """
        instrument = self._listings[order.instrument].instrument
        for reading in sorted(self._queries, key=lambda one: _is_of_stops(one) is not order.algo):
            values = self._speller.reference(order, instrument)
            call = reading.call.naming(values)
            fields = fill_template(call.fields, values)
            if not is_addressed(call, fields):
                continue
            answer = await self._wire.ask(call, fields)
            row = look_up(self._dialect, code_of(self._dialect, answer.body))
            if row is not None and row.meaning is Meaning.GONE:
                continue
            if not self._is_told(answer, reading):
                return None
            rows = rows_at(answer.body, reading.call.rows)
            found = await self._found(rows[0], reading, order, client_id) if rows else Found(None)
            if found is None or found.order is not None:
                return found
        return Found(None)

    @property
    def _queries(self) -> list[Reading]:
        return [one for one in (self._dialect.by_id, self._dialect.by_id_algo) if one is not None]

    async def _found(self, row: Row, reading: Reading, order: OrderRef, client_id: str) -> Found | None:
        """Return an order with its trades; of a stop that was triggered, the order that it became.

        One that has the number in the other list of the venue is not it, and says nothing; nor is the stop that became
        the order that is asked for. None where it cannot be read.
        """
        for event in self._rows.read(row, reading.shape, self._wire.now_ns()):
            if not isinstance(event, OrderSeen):
                continue
            if not _names(event, order, client_id):
                return Found(None)
            child = self._rows.child_named(event.client_id) if event.status is OrderStatus.TRIGGERED else ""
            if child and child == order.venue_id:
                return Found(None)
            if child and child != event.venue_id and reading is self._dialect.by_id_algo:
                became = await self._by_id(OrderRef(event.instrument, event.cid, child), client_id)
                if became is None or became.order is not None or reading.names_children:
                    return became
            fills = tuple(await self._fills_of(event))
            return Found(_priced(event, fills), fills)
        return None

    async def _fills_of(self, seen: OrderSeen) -> list[FillSeen]:
        if not seen.filled_lot:
            return []
        since_ns = max(seen.ts_ns - 7 * 86_400_000_000_000, 0)
        fills = await self.fills(since_ns, seen.instrument)
        return [f for f in fills if (f.instrument, f.venue_id) == (seen.instrument, seen.venue_id)]

    async def _in_lists(self, order: OrderRef, client_id: str, sent_ns: int) -> OrderSeen | None:
        """Return the order as the lists show it: what a triggered stop became, rather than the stop.

        Lists of stops are read first, since the order that one became may name it only by the venue's id.
        """
        triggered: OrderSeen | None = None
        readings = [
            r for r in (*self._dialect.working, *self._dialect.ended) if isinstance(r.shape, OrderShape)
        ]
        for reading in sorted(readings, key=lambda one: not _is_of_stops(one)):
            for event in await self.read(reading, max(sent_ns - _OVERLAP_NS, 0), order.instrument):
                if not isinstance(event, OrderSeen) or not _names(event, order, client_id):
                    continue
                if event.status is not OrderStatus.TRIGGERED:
                    return event
                triggered = event
        return triggered

    async def children(self, stop: OrderSeen, since_ns: int) -> list[OrderSeen]:
        """Return the orders, working and ended, that may be what a stop became. Raises VenueDown.

        Where only the stop says which one it was it is asked first.
        """
        found: list[OrderSeen] = []
        instrument, reading = stop.instrument, self._dialect.by_id_algo
        if reading is not None and reading.names_children and not self._rows.child_named(stop.client_id):
            order = OrderRef(instrument, stop.cid, stop.venue_id, algo=True)
            became = await self._by_id(order, stop.client_id)
            if became is not None and became.order is not None and became.order.venue_id != stop.venue_id:
                return [became.order]
        for reading in (*self._dialect.working, *self._dialect.ended):
            if not _is_of_stops(reading):
                events = await self.read(reading, since_ns, instrument)
                found += [event for event in events if isinstance(event, OrderSeen)]
        return found

    def _is_its(self, fill: FillSeen, order: OrderRef, client_id: str, seen: OrderSeen | None) -> bool:
        ids = {order.venue_id, seen.venue_id if seen is not None else ""} - {""}
        by_number = fill.instrument == order.instrument and fill.venue_id in ids
        return fill.client_id == client_id or (by_number and fill.cid in (0, order.cid))


def _priced(order: OrderSeen, fills: Sequence[FillSeen]) -> OrderSeen:
    """Return an order with the money of its trades, where it does not tell it and they are all there."""
    if not order.filled_lot or order.notional:
        return order
    own = [f for f in fills if (f.instrument, f.venue_id) == (order.instrument, order.venue_id)]
    if sum(f.qty_lot for f in own) != order.filled_lot:
        return order
    return msgspec.structs.replace(order, notional=sum(f.notional for f in own))


def _names(event: OrderSeen, order: OrderRef, client_id: str) -> bool:
    """Say whether an order is the one that is looked for: numbers may repeat in another symbol or list."""
    by_number = bool(order.venue_id) and event.venue_id == order.venue_id
    here = event.instrument == order.instrument and event.cid in (0, order.cid)
    return event.client_id == client_id or (by_number and here)


def _ids_of_rows(reading: Reading) -> tuple[str, ...]:
    """Return the fields by which a row is told from another; a trade with oneself has one number and two orders."""
    names = tuple(reading.pages.id_field.split()) if reading.pages.id_field else ()
    return (*names, reading.shape.venue_id) if names and isinstance(reading.shape, FillShape) else names


def _is_before(row: Row, field: str, start_ms: int) -> bool:
    """Say whether a row was made before a time; one that does not say when was not."""
    word = word_of(row.get(field)).partition(".")[0] if field else ""
    return word.isascii() and word.isdigit() and int(word) < start_ms


def _is_of_stops(reading: Reading) -> bool:
    return bool(getattr(reading.shape, "algo", False))
