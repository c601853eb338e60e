"""Downloading history: what is stored is not fetched again, a missing page is an error, what was complete stays.

The pages come through a `PageSource`, which lives with whoever speaks to the venue. Each series is fetched in
order of time; what has come without a hole is stored when it is much, at the end, and when the work is interrupted
or fails, so that the next attempt begins where this one ended. Another process that writes is waited for; what
still cannot be stored is kept beside the store. A few records on either side of what is stored are fetched again
and must agree (DATA_CONFLICT).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tradewind.errors import Busy, DataUnfit, TradewindError
from tradewind.market.aside import keep_series, kept_series
from tradewind.market.bars import Funding, Series, series_class
from tradewind.market.manifest import SourceEntry
from tradewind.market.quality import hard_defects
from tradewind.market.settlements import check_funding
from tradewind.market.store import PATIENCE_S
from tradewind.units.time import DAY_NS, format_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tradewind.market.store import SeriesKey, Store

__all__ = ["DownloadPlan", "DownloadResult", "Page", "PageSource", "download"]

_FLUSH_ROWS = 100_000
_ASK_AGAIN = 3
_LOOK_S = 0.2
_OVERLAP_ROWS = 2
_MS_NS = 1_000_000
"""What has no step is asked for by the millisecond, as venues count."""

_FIRST_RECORD_NS = 31 * DAY_NS
"""So long after the day of its listing an instrument may have its first record; a venue lists it before it trades."""

_SETTLED_NS = DAY_NS
"""No perpetual settles less often, whatever its interval."""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the venue has of [start asked for, `until_ns`), and nothing that is not over."""

    series: Series
    until_ns: int


class PageSource(Protocol):
    """A venue's history, a page at a time."""

    async def page(self, key: SeriesKey, step_ns: int, start_ns: int, end_ns: int) -> Page:
        """Return what the venue has from `start_ns` on, `end_ns` at most.

        step_ns: distance of open interest records; for bars and marks the interval. Raises VenueDown,
        VenueRefused, ConfigError where the venue has no such history.
        """

    async def begins_ns(self, key: SeriesKey) -> int | None:
        """Return before which time the venue surely has nothing, None where that is not known."""


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What is wanted.

    Parameters
    ----------
    keys
        The series.
    start_ns, end_ns
        Records stamped in [start_ns, end_ns).
    step_ns
        Distance of open interest records in ns; 0 for what has none.
    now_ns
        Time of asking: nothing is wanted that is not over by then.
    accept_gaps
        Whether a hole that the venue confirms is left open and noted, instead of being an error.
    parallel
        How many series are fetched at a time.
    """

    keys: tuple[SeriesKey, ...]
    start_ns: int
    end_ns: int
    now_ns: int
    step_ns: int = 0
    accept_gaps: bool = False
    parallel: int = 4


@dataclass(slots=True)
class DownloadResult:
    """What became of one series.

    fetched: records that came; added, known: what the store made of them; error: why it ended early.
    """

    key: SeriesKey
    fetched: int = 0
    added: int = 0
    known: int = 0
    requests: int = 0
    notes: list[str] = field(default_factory=list)
    error: TradewindError | None = None


async def download(
    store: Store, source: PageSource, plan: DownloadPlan, tell: Callable[[int, int, str], None]
) -> tuple[DownloadResult, ...]:
    """Fetch all series of a plan; one that fails does not stop the others, its error stands in its result.

    tell: told how many ns of all stretches are done and of how many, and which series went on or waits for whom.
    Cancelling keeps what was complete.
    """
    turns = asyncio.Semaphore(plan.parallel)
    work = [_Download(store, source, plan, key) for key in plan.keys]

    def advance(title: str) -> None:
        tell(sum(one.done_ns for one in work), sum(one.total_ns for one in work), title)

    async def run(one: _Download) -> None:
        async with turns:
            await one.run(advance)

    tasks = [asyncio.create_task(run(one)) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return tuple(one.result for one in work)


class _Download:
    """The download of one series."""

    def __init__(self, store: Store, source: PageSource, plan: DownloadPlan, key: SeriesKey) -> None:
        self._store, self._source, self._plan, self._key = store, source, plan, key
        self._step_ns = key.interval_ns or (plan.step_ns if key.kind == "open_interest" else 0)
        self._waiting: list[Series] = []
        self._begun = False
        self._patience = int(PATIENCE_S / _LOOK_S)
        self._surely_ns: int | None = None
        self._noted: tuple[int, int] | None = None
        self.result = DownloadResult(key)
        self.done_ns = 0
        self.total_ns = max(0, plan.end_ns - plan.start_ns)

    async def run(self, advance: Callable[[str], None]) -> None:
        """Fetch every stretch that is not stored."""
        try:
            await self._store_kept(advance)
            stretches = await self._stretches()
            self.total_ns = sum(end - start for start, end, _ in stretches)
            for start_ns, end_ns, begun in stretches:
                self._begun = begun
                await self._fetch(start_ns, end_ns, advance)
        except TradewindError as error:
            self.result.error = self._placed(error)
        except asyncio.CancelledError:
            self._patience = 0
            raise
        finally:
            await self._flush(advance)

    def _placed(self, error: TradewindError) -> TradewindError:
        """Return an error that names the series."""
        if str(self._key) not in error.where:
            error.where = f"{self._key} ({error.where})" if error.where else str(self._key)
        return error

    # ------------------------------------------------------------------ what is wanted

    async def _stretches(self) -> list[tuple[int, int, bool]]:
        """Return what is not stored, and of each stretch whether its first record is known to be there."""
        plan, step_ns = self._plan, self._step_ns
        start_ns, end_ns = plan.start_ns, min(plan.end_ns, plan.now_ns)
        first_ns = await self._source.begins_ns(self._key)
        if first_ns is not None and first_ns > start_ns:
            self.result.notes.append(f"the venue has nothing before {format_utc(first_ns)}")
            start_ns = first_ns
        if first_ns is not None:
            self._surely_ns = first_ns + _FIRST_RECORD_NS
        if step_ns:
            start_ns = -(-start_ns // step_ns) * step_ns
            over_ns = (plan.now_ns - step_ns) // step_ns * step_ns + step_ns
            end_ns = min(-(-plan.end_ns // step_ns) * step_ns, over_ns)
        if end_ns <= start_ns:
            return []
        stored = self._stored(start_ns, end_ns)
        if not len(stored):
            return [(start_ns, end_ns, False)]
        return _holes(stored, start_ns, end_ns, step_ns)

    def _stored(self, start_ns: int, end_ns: int) -> NDArray[np.int64]:
        if self._key not in {info.key for info in self._store.list()}:
            return np.empty(0, np.int64)
        try:
            return self._store.read(self._key, start_ns, end_ns).ts_ns
        except TradewindError as error:
            if error.code == "DATA_MISSING":
                return np.empty(0, np.int64)
            raise

    # ------------------------------------------------------------------ pages

    async def _fetch(self, start_ns: int, end_ns: int, advance: Callable[[str], None]) -> None:
        while start_ns < end_ns:
            page = await self._sound_page(start_ns, end_ns)
            self._take(page.series)
            self.done_ns += page.until_ns - start_ns
            start_ns = page.until_ns
            advance(str(self._key))
            if sum(len(part) for part in self._waiting) >= _FLUSH_ROWS:
                self._try_flush()

    async def _sound_page(self, start_ns: int, end_ns: int) -> Page:
        """Return a page without holes. Raises DATA_GAP with the place, and stores what came before it."""
        page = await self._ask(start_ns, end_ns)
        for _ in range(_ASK_AGAIN):
            if self._first_hole(page, start_ns) is None and not hard_defects(page.series):
                return page
            page = await self._ask(start_ns, end_ns)
        bad = hard_defects(page.series)
        if bad:
            raise DataUnfit(
                bad[0].code,
                f"the venue sends {bad[0].detail}",
                where=f"{self._key} {format_utc(bad[0].ts_ns)}",
            )
        hole = self._first_hole(page, start_ns)
        if hole is None:
            return page
        return self._with_hole(page, hole)

    async def _ask(self, start_ns: int, end_ns: int) -> Page:
        self.result.requests += 1
        page = await self._source.page(self._key, self._step_ns, start_ns, end_ns)
        if page.until_ns <= start_ns:
            raise DataUnfit("DATA_GAP", f"no page begins at {format_utc(start_ns)}", where=str(self._key))
        return Page(page.series.between(start_ns, page.until_ns), page.until_ns)

    def _first_hole(self, page: Page, start_ns: int) -> tuple[int, int] | None:
        """Return the first stretch without records that should have some.

        Before the first record nothing is missed, unless the instrument was listed long before.
        """
        ts_ns = page.series.ts_ns
        width_ns = _SETTLED_NS if self._key.kind == "funding" else self._step_ns
        listed = self._surely_ns is not None and self._surely_ns <= start_ns
        if not len(ts_ns):
            is_hole = (self._begun or listed) and page.until_ns - start_ns >= width_ns
            return (start_ns, page.until_ns) if is_hole else None
        late_ns = width_ns if self._key.kind == "funding" else 0
        if (self._begun or listed) and ts_ns[0] > start_ns + late_ns:
            return start_ns, int(ts_ns[0])
        edges = np.append(ts_ns, page.until_ns)
        rows = np.flatnonzero(np.diff(edges) > width_ns)
        if not len(rows):
            return None
        return int(edges[rows[0]]) + (self._step_ns or 1), int(edges[rows[0] + 1])

    def _with_hole(self, page: Page, hole: tuple[int, int]) -> Page:
        if self._plan.accept_gaps:
            self._note_hole(hole)
            return page
        self._take(page.series.between(None, hole[0]))
        missing = (
            "settlements"
            if self._key.kind == "funding"
            else f"{-(-(hole[1] - hole[0]) // self._step_ns)} records"
        )
        raise DataUnfit(
            "DATA_GAP",
            f"{missing} are missing from {_stretch(hole)}: asked {_ASK_AGAIN + 1} times",
            where=str(self._key),
            hint="what came before it is stored; if the venue really has nothing there, add --accept-gaps",
        )

    def _note_hole(self, hole: tuple[int, int]) -> None:
        """Note a hole once, however many pages it goes on for."""
        if self._noted is not None and self._noted[1] == hole[0]:
            hole = self._noted[0], hole[1]
            self.result.notes.pop()
        self._noted = hole
        self.result.notes.append(f"the venue has nothing from {_stretch(hole)}")

    # ------------------------------------------------------------------ storing

    def _take(self, series: Series) -> None:
        if not len(series):
            return
        self._begun = True
        self.result.fetched += len(series)
        self._waiting.append(series)

    async def _store_kept(self, advance: Callable[[str], None]) -> None:
        """Store what an earlier attempt fetched and could not store. Raises what storing it raises."""
        for path, series in kept_series(self._store.root, self._key):
            self._waiting = [series]
            # It is removed first: what still cannot be stored is kept anew.
            path.unlink(missing_ok=True)
            await self._flush(advance)
            if self.result.error is not None:
                raise self.result.error
            self.result.notes.append(f"{len(series)} records were fetched before")

    async def _flush(self, advance: Callable[[str], None]) -> None:
        """Store what waits once nobody else writes; what still cannot be stored is kept beside the store."""
        busy = self._try_flush()
        try:
            for _ in range(self._patience):
                if busy is None:
                    return
                advance(f"{self._key} waits: the store is {busy.message}")
                await asyncio.sleep(_LOOK_S)
                busy = self._try_flush()
        finally:
            if busy is not None:
                self._keep(busy)

    def _try_flush(self) -> Busy | None:
        """Store what waits unless another process writes, which is returned.

        Another error is that of the series, unless there is one already.
        """
        if not self._waiting:
            return None
        try:
            self._merge(self._joined())
        except Busy as busy:
            return busy
        except TradewindError as error:
            self.result.error = self.result.error or self._placed(error)
        self._waiting = []
        return None

    def _keep(self, busy: Busy) -> None:
        """Keep beside the store what waits; the next attempt stores it."""
        busy.hint = "what was fetched is kept: the same command stores it, and goes on from there"
        try:
            keep_series(self._store.root, self._key, self._joined())
        except TradewindError as error:
            busy.hint = f"what was fetched could not be kept: {error.message}"
        self._waiting = []
        self.result.error = self.result.error or self._placed(busy)

    def _joined(self) -> Series:
        return series_class(self._key.kind).concat(self._waiting)

    def _merge(self, series: Series) -> None:
        self._refuse_holes_in_funding(series)
        source = SourceEntry(
            name="download", sha256="", imported_ns=self._plan.now_ns, notes=tuple(self.result.notes)
        )
        count = self._store.merge(self._key, series, source, wait_s=0.0)
        self.result.added += count.added
        self.result.known += count.known

    def _refuse_holes_in_funding(self, series: Series) -> None:
        if not isinstance(series, Funding) or self._plan.accept_gaps or len(series) < 2:
            return
        found = [d for d in check_funding(series) if d.kind == "funding_missing"]
        if found:
            raise DataUnfit(
                "FUNDING_MISSING",
                f"{len(found)} settlements are missing, first {found[0].detail}",
                where=str(self._key),
                hint="ask again later; if the venue really has none there, add --accept-gaps",
            )


def _holes(
    stored: NDArray[np.int64], start_ns: int, end_ns: int, step_ns: int
) -> list[tuple[int, int, bool]]:
    """Return the stretches of [start, end) that are not stored, each with a few stored records beside it.

    Those behind a stored record begin with it; the one before all of them may begin with nothing.
    """
    first, last, width_ns = int(stored[0]), int(stored[-1]), step_ns or _MS_NS
    found = []
    if first > start_ns:
        found.append((start_ns, int(stored[min(_OVERLAP_ROWS, len(stored)) - 1]) + width_ns, False))
    for row in np.flatnonzero(np.diff(stored) > step_ns).tolist() if step_ns else ():
        before = int(stored[max(0, row + 1 - _OVERLAP_ROWS)])
        after = int(stored[min(len(stored) - 1, row + _OVERLAP_ROWS)])
        found.append((before, after + width_ns, True))
    if last + width_ns < end_ns:
        found.append((int(stored[max(0, len(stored) - _OVERLAP_ROWS)]), end_ns, True))
    return found


def _stretch(hole: tuple[int, int]) -> str:
    return f"{format_utc(hole[0])} to {format_utc(hole[1])}"
