"""Downloads against a venue that is a list of records: what is fetched, what is stored, where it ends."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tradewind.config.files import lock
from tradewind.errors import DataUnfit, VenueDown
from tradewind.market import Bars, Funding, Series, SeriesKey, SourceEntry, Store
from tradewind.market import download as downloading
from tradewind.market.download import DownloadPlan, DownloadResult, Page, download
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_700_006_400_000_000_000
KEY = SeriesKey("binance_usdm", "bars", "BTCUSDT", MINUTE_NS)
OTHER = SeriesKey("binance_usdm", "bars", "ETHUSDT", MINUTE_NS)


def bars(first: int, last: int, shift: float = 0.0) -> Bars:
    """Return the minutes [first, last) after T0, each with numbers of its own."""
    n = np.arange(first, last)
    price = 100.0 + n % 50 + shift
    columns = {
        "ts_ns": T0 + n * MINUTE_NS,
        "open": price,
        "high": price + 1,
        "low": price - 1,
        "close": price,
    }
    return Bars.from_columns({**columns, "volume": n * 1.0}, MINUTE_NS)


class Listed:
    """A venue whose history is `series`; `absent` minutes are left out of answers, so many times each."""

    def __init__(self, series: Series, rows: int = 100, listed_ns: int | None = None) -> None:
        self.series, self.rows, self.listed_ns = series, rows, listed_ns
        self.asked: list[tuple[int, int]] = []
        self.absent: dict[int, int] = {}
        self.fails_at: int | None = None
        self.hangs_at: int | None = None
        self.hanging = asyncio.Event()

    async def begins_ns(self, key: SeriesKey) -> int | None:
        return self.listed_ns

    async def page(self, key: SeriesKey, step_ns: int, start_ns: int, end_ns: int) -> Page:
        await asyncio.sleep(0)
        until_ns = min(end_ns, start_ns + self.rows * (step_ns or HOUR_NS))
        self.asked.append(((start_ns - T0) // MINUTE_NS, (until_ns - T0) // MINUTE_NS))
        if self.fails_at is not None and until_ns > T0 + self.fails_at * MINUTE_NS:
            raise VenueDown("VENUE_DOWN", "the venue does not answer")
        if self.hangs_at is not None and until_ns > T0 + self.hangs_at * MINUTE_NS:
            self.hanging.set()
            await asyncio.Event().wait()
        found = self.series.between(start_ns, until_ns)
        there = np.array([not self._is_absent(int(ts)) for ts in found.ts_ns], dtype=bool)
        return Page(found.take(there), until_ns)

    def _is_absent(self, ts_ns: int) -> bool:
        minute = (ts_ns - T0) // MINUTE_NS
        left = self.absent.get(minute, 0)
        self.absent[minute] = left - 1
        return left > 0


def fetch(store: Store, source: Listed, first: int, last: int, **plan: object) -> DownloadResult:
    """Download the minutes [first, last) of KEY."""
    wanted = DownloadPlan(
        (KEY,),
        T0 + first * MINUTE_NS,
        T0 + last * MINUTE_NS,
        now_ns=T0 + DAY_NS * 30,
        **plan,  # type: ignore[arg-type]
    )
    (result,) = asyncio.run(download(store, source, wanted, lambda *_: None))
    return result


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def test_everything_is_fetched_once_and_stored(store: Store) -> None:
    source = Listed(bars(0, 1000))
    result = fetch(store, source, 0, 950)
    assert (result.error, result.fetched, result.added) == (None, 950, 950)
    assert store.read(KEY).same_as(bars(0, 950))
    assert source.asked == [(n, min(950, n + 100)) for n in range(0, 950, 100)]
    assert store.show(KEY).sources[0].name == "download"


def test_what_is_stored_is_not_fetched_again(store: Store) -> None:
    source = Listed(bars(0, 1000))
    fetch(store, source, 100, 300)
    source.asked.clear()
    assert fetch(store, source, 100, 300).fetched == 0
    assert source.asked == []
    result = fetch(store, source, 0, 500)
    assert source.asked[0] == (0, 100)
    assert min(start for start, _ in source.asked[1:] if start > 101) == 298
    assert (result.error, result.added, result.known) == (None, 300, 4)
    assert store.read(KEY).same_as(bars(0, 500))


def test_a_hole_in_the_store_is_filled(store: Store) -> None:
    for part in (bars(0, 100), bars(150, 300)):
        store.merge(KEY, part, SourceEntry(name="file", sha256="", imported_ns=0))
    source = Listed(bars(0, 1000))
    assert fetch(store, source, 0, 300).added == 50
    assert source.asked == [(98, 152)]
    assert store.read(KEY).same_as(bars(0, 300))


def test_a_page_that_comes_short_is_asked_for_again(store: Store) -> None:
    source = Listed(bars(0, 1000))
    source.absent = dict.fromkeys(range(130, 160), 2)
    result = fetch(store, source, 0, 400)
    assert (result.error, result.requests) == (None, 6)
    assert store.read(KEY).same_as(bars(0, 400))


@pytest.mark.parametrize("absent", [range(130, 160), range(190, 200), range(100, 200), range(399, 400)])
def test_a_missing_page_is_an_error_and_what_came_before_it_stays(store: Store, absent: range) -> None:
    source = Listed(bars(0, 1000))
    source.absent = dict.fromkeys(absent, 99)
    result = fetch(store, source, 0, 400)
    assert isinstance(result.error, DataUnfit)
    assert result.error.code == "DATA_GAP"
    assert f"{len(absent)} records" in result.error.message
    assert store.read(KEY).same_as(bars(0, absent.start))
    source.absent.clear()
    assert fetch(store, source, 0, 400).error is None
    assert store.read(KEY).same_as(bars(0, 400))


def test_a_hole_that_is_accepted_is_noted(store: Store) -> None:
    source = Listed(bars(0, 1000))
    source.absent = dict.fromkeys(range(130, 160), 99)
    result = fetch(store, source, 0, 400, accept_gaps=True)
    assert (result.error, result.added) == (None, 370)
    assert "the venue has nothing from" in store.show(KEY).sources[0].notes[0]


def test_nothing_before_the_listing_is_missed(store: Store) -> None:
    assert fetch(store, Listed(bars(250, 1000)), 0, 400).error is None
    assert store.read(KEY).same_as(bars(250, 400))
    source = Listed(bars(250, 1000), listed_ns=T0 + 249 * MINUTE_NS + 5)
    assert fetch(Store(store.root / "other"), source, 0, 400).error is None
    assert source.asked[0][0] == 250


def test_the_same_command_again_finds_nothing_wrong_with_a_late_beginning(store: Store) -> None:
    """Whether a listing is not known, or the first bar came days after it."""
    for name, listed_ns in (("a", None), ("b", T0 - 10 * DAY_NS)):
        other = Store(store.root / name)
        for last in (400, 400, 600):
            assert fetch(other, Listed(bars(250, 1000), listed_ns=listed_ns), 0, last).error is None
        assert other.read(KEY).same_as(bars(250, 600))


@pytest.mark.parametrize("absent", [range(100), range(30), range(250)])
def test_a_missing_first_page_is_an_error_where_the_listing_is_long_past(store: Store, absent: range) -> None:
    source = Listed(bars(0, 1000), listed_ns=T0 - 100 * DAY_NS)
    source.absent = dict.fromkeys(absent, 3)
    assert fetch(store, source, 0, 400).error is None
    assert store.read(KEY).same_as(bars(0, 400))
    source.absent = dict.fromkeys(absent, 99)
    other = Store(store.root / "other")
    result = fetch(other, source, 0, 400)
    assert result.error is not None
    assert result.error.code == "DATA_GAP"
    assert not other.list()
    result = fetch(other, source, 0, 400, accept_gaps=True)
    assert (result.error, result.added, len(result.notes)) == (None, 400 - len(absent), 1)


def test_a_bar_that_is_not_over_is_not_wanted(store: Store) -> None:
    plan = DownloadPlan((KEY,), T0, T0 + 100 * MINUTE_NS, now_ns=T0 + 50 * MINUTE_NS + 30)
    asyncio.run(download(store, Listed(bars(0, 1000)), plan, lambda *_: None))
    assert store.read(KEY).same_as(bars(0, 50))


def test_a_venue_that_says_otherwise_than_the_store_is_refused(store: Store) -> None:
    fetch(store, Listed(bars(0, 1000)), 0, 200)
    result = fetch(store, Listed(bars(0, 1000, shift=1.0)), 0, 400)
    assert isinstance(result.error, DataUnfit)
    assert result.error.code == "DATA_CONFLICT"
    assert store.read(KEY).same_as(bars(0, 200))


def test_numbers_that_are_impossible_are_refused(store: Store) -> None:
    bad = bars(0, 1000)
    bad.high[150] = np.nan
    result = fetch(store, Listed(bad), 0, 400)
    assert result.error is not None
    assert result.error.code == "DATA_NOT_FINITE"
    assert store.read(KEY).same_as(bars(0, 100))


def test_a_venue_that_fails_leaves_what_was_complete(store: Store) -> None:
    source = Listed(bars(0, 1000))
    source.fails_at = 350
    result = fetch(store, source, 0, 1000)
    assert isinstance(result.error, VenueDown)
    assert result.error.where == str(KEY)
    assert store.read(KEY).same_as(bars(0, 300))


def test_one_series_that_fails_does_not_stop_the_others(store: Store) -> None:
    source = Listed(bars(0, 1000))
    store.merge(OTHER, bars(0, 100, shift=3.0), SourceEntry(name="file", sha256="", imported_ns=0))
    told: list[tuple[int, int, str]] = []
    plan = DownloadPlan((OTHER, KEY), T0, T0 + 400 * MINUTE_NS, now_ns=T0 + DAY_NS)
    results = asyncio.run(download(store, source, plan, lambda *at: told.append(at)))
    assert [result.error.code if result.error else "" for result in results] == ["DATA_CONFLICT", ""]
    assert store.read(KEY).same_as(bars(0, 400))
    assert told[-1][0] == told[-1][1] > 0


def test_an_interruption_keeps_what_was_complete(store: Store) -> None:
    source = Listed(bars(0, 1000))
    source.hangs_at = 550

    async def interrupted() -> None:
        plan = DownloadPlan((KEY,), T0, T0 + 900 * MINUTE_NS, now_ns=T0 + DAY_NS)
        work = asyncio.create_task(download(store, source, plan, lambda *_: None))
        await source.hanging.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(interrupted())
    assert store.read(KEY).same_as(bars(0, 500))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a download look at a lock three times within milliseconds."""
    monkeypatch.setattr(downloading, "_LOOK_S", 0.001)
    monkeypatch.setattr(downloading, "PATIENCE_S", 0.003)


@pytest.mark.usefixtures("hasty")
def test_a_write_of_another_process_is_waited_for_and_told(store: Store) -> None:
    other, told = ExitStack(), []
    other.enter_context(lock(store.root / ".lock", "data import"))

    def tell(done: int, total: int, title: str) -> None:
        if "waits" in title:
            told.append(title)
            other.close()

    plan = DownloadPlan((KEY,), T0, T0 + 400 * MINUTE_NS, now_ns=T0 + DAY_NS)
    (result,) = asyncio.run(download(store, Listed(bars(0, 1000)), plan, tell))
    assert (result.error, result.added) == (None, 400)
    (said,) = told
    assert said.startswith(f"{KEY} waits: the store is in use by process ")


@pytest.mark.usefixtures("hasty")
def test_what_could_not_be_stored_is_kept_and_stored_by_the_next_attempt(store: Store) -> None:
    source = Listed(bars(0, 1000))
    with lock(store.root / ".lock", "data import"):
        for fetched in (400, 0):
            result = fetch(store, source, 0, 400)
            assert (result.fetched, result.added) == (fetched, 0)
            assert result.error is not None
            assert (result.error.code, "is kept" in result.error.hint) == ("LOCKED", True)
            assert result.error.where.startswith(str(KEY))
    source.asked.clear()
    result = fetch(store, source, 0, 500)
    assert (result.error, result.added, result.known) == (None, 500, 2)
    assert source.asked == [(398, 498), (498, 500)]
    assert store.read(KEY).same_as(bars(0, 500))
    assert not list(store.root.rglob(".fetched/**/*.parquet"))


def test_an_interruption_while_another_process_writes_keeps_what_was_fetched(store: Store) -> None:
    async def interrupted() -> None:
        waits = asyncio.Event()
        plan = DownloadPlan((KEY,), T0, T0 + 400 * MINUTE_NS, now_ns=T0 + DAY_NS)

        def tell(_done: int, _of: int, title: str) -> None:
            if "waits" in title:
                waits.set()

        work = asyncio.create_task(download(store, Listed(bars(0, 1000)), plan, tell))
        await waits.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with lock(store.root / ".lock", "data import"):
        asyncio.run(interrupted())
    source = Listed(bars(0, 1000))
    assert fetch(store, source, 0, 400).added == 400
    assert source.asked == []


def test_what_is_kept_and_cannot_be_read_is_fetched_again(store: Store) -> None:
    torn = store.root / ".fetched" / KEY.folder / "1-1.parquet"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"PAR1")
    assert fetch(store, Listed(bars(0, 1000)), 0, 400).added == 400
    assert not torn.exists()


def test_funding_is_fetched_and_a_missing_settlement_is_an_error(store: Store) -> None:
    key = SeriesKey("binance_usdm", "funding", "BTCUSDT")
    n = np.arange(60)
    whole = Funding.from_columns({"ts_ns": T0 + n * 8 * HOUR_NS, "rate": n * 1e-6})
    plan = DownloadPlan((key,), T0, T0 + 20 * DAY_NS, now_ns=T0 + 40 * DAY_NS, step_ns=MINUTE_NS)
    (result,) = asyncio.run(download(store, Listed(whole), plan, lambda *_: None))
    assert (result.error, result.added) == (None, 60)
    (again,) = asyncio.run(download(store, Listed(whole), plan, lambda *_: None))
    assert (again.error, again.added, again.known) == (None, 0, 2)
    holed = Listed(whole.take(n != 30))
    (result,) = asyncio.run(download(Store(store.root / "b"), holed, plan, lambda *_: None))
    assert result.error is not None
    assert result.error.code == "FUNDING_MISSING"


@pytest.mark.parametrize(("first", "last"), [(0, 12), (30, 42), (72, 90)])
def test_a_missing_page_of_funding_is_an_error_wherever_it_is(first: int, last: int, store: Store) -> None:
    key = SeriesKey("binance_usdm", "funding", "BTCUSDT")
    n = np.arange(90)
    whole = Funding.from_columns({"ts_ns": T0 + n * 8 * HOUR_NS, "rate": n * 1e-6})
    plan = DownloadPlan((key,), T0, T0 + 30 * DAY_NS, now_ns=T0 + 40 * DAY_NS)
    holed = Listed(whole.take((n < first) | (n >= last)), listed_ns=T0 - 100 * DAY_NS)
    (result,) = asyncio.run(download(store, holed, plan, lambda *_: None))
    assert result.error is not None
    assert result.error.code == "DATA_GAP"
    assert result.added == first
    (result,) = asyncio.run(
        download(store, Listed(whole, listed_ns=T0 - 100 * DAY_NS), plan, lambda *_: None)
    )
    assert result.error is None
    assert store.read(key).same_as(whole)
