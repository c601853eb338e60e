"""`data download` over unmodified ccxt against fake venues in virtual time: what is stored is what the venue has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tradewind.errors import VenueError
from tradewind.market import SeriesKey, Store
from tradewind.market.download import DownloadPlan, DownloadResult, download
from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.time import HOUR_NS, MINUTE_NS, SECOND_NS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.history import RestReader
from tradewind.venues.ccxt.pages import CcxtPages
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.fake.misfortunes import Misfortunes, Strike

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "binance_usdm": ("bars", "mark", "funding", "open_interest"),
    "bybit_linear": ("bars", "mark", "funding", "open_interest"),
    "okx_swap": ("bars", "mark", "funding"),
    "blofin_swap": ("bars", "funding"),
}


def fetched(
    venue: str, store: Store, kinds: tuple[str, ...], hours: float, *strikes: Strike
) -> tuple[tuple[DownloadResult, ...], dict[int, tuple[float, ...]]]:
    """Download the last hours of one symbol in 5-minute steps; return the results and the exchange's own bars."""

    async def work(world: VirtualWorld) -> tuple[tuple[DownloadResult, ...], dict[int, tuple[float, ...]]]:
        fake = world.exchanges[venue]
        symbol = next(iter(fake.instruments))
        exchange = build_exchange(CLIENTS[venue], world.session())
        reader = RestReader(exchange, STREAMS[venue].rest, world.loop.now_ns)
        await reader.call("load_markets")
        step_ns, now_ns = 5 * MINUTE_NS, world.loop.now_ns() - 5 * SECOND_NS
        keys = tuple(
            SeriesKey(venue, kind, symbol, step_ns if kind in ("bars", "mark") else 0) for kind in kinds
        )
        start_ns = START_NS - int(hours * HOUR_NS)
        plan = DownloadPlan(keys, start_ns, START_NS, now_ns, step_ns)
        pages = CcxtPages(exchange, reader, world.loop.now_ns)
        results = await download(store, pages, plan, lambda *_: None)
        await exchange.close()
        contract = float(fake.instruments[symbol].contract_size)
        truth = {
            row.open_ns: (
                *(float(price) for price in (row.open, row.high, row.low, row.close)),
                float(row.volume) * contract,
            )
            for row in fake.candles(symbol, step_ns, start_ns, START_NS - 1, 100_000)
        }
        return results, truth

    plan = Misfortunes(strikes, seed=1)
    found: tuple[tuple[DownloadResult, ...], dict[int, tuple[float, ...]]] = run_world(
        work, seed=5, venues=(venue,), misfortunes={venue: plan}
    )
    return found


@pytest.mark.parametrize("venue", KINDS)
def test_what_is_stored_is_what_the_venue_has(venue: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    results, truth = fetched(venue, store, KINDS[venue], 130.0)
    assert [(result.key.kind, result.error) for result in results] == [(kind, None) for kind in KINDS[venue]]
    bars = store.read(results[0].key)
    closed = [ts_ns for ts_ns in truth if ts_ns + 5 * MINUTE_NS <= START_NS - 5 * SECOND_NS]
    assert bars.ts_ns.tolist() == closed
    expected = np.array([truth[ts_ns] for ts_ns in closed])
    columns = ("open", "high", "low", "close", "volume")
    found = np.column_stack([bars.column(name) for name in columns])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for result in results[1:]:
        least = 16 if result.key.kind == "funding" else 1_550
        assert len(store.read(result.key)) >= least, result.key


def test_a_kind_that_the_venue_does_not_have_is_an_error_that_names_the_series(tmp_path: Path) -> None:
    results, _ = fetched("blofin_swap", Store(tmp_path), ("bars", "mark"), 10.0)
    bars, mark = (result.error for result in results)
    assert bars is None
    assert mark is not None
    assert (mark.code, mark.where) == ("EXCHANGE_UNSUPPORTED", "blofin_swap BTC-USDT mark 5m")


def test_the_second_time_nothing_is_asked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fetched("binance_usdm", store, ("bars",), 60.0)
    (again,), _ = fetched("binance_usdm", store, ("bars",), 60.0)
    assert (again.error, again.requests, again.fetched) == (None, 0, 0)


@pytest.mark.parametrize(("fault", "count"), [("F22", 3), ("F23", 1), ("F07", 1), ("F25", 0), ("F58", 2)])
def test_a_venue_in_trouble_is_waited_for(fault: str, count: int, tmp_path: Path) -> None:
    """Limits, bans, slow, broken and impossible answers: waited for as told, and in the end everything is there."""
    store = Store(tmp_path)
    strike = Strike(START_NS + SECOND_NS // 2, fault, duration_ns=60 * SECOND_NS, count=count)
    (result,), truth = fetched("binance_usdm", store, ("bars",), 400.0, strike)
    assert strike.struck > 0
    assert result.error is None
    assert len(store.read(result.key)) == len(truth) - 1


def test_a_venue_that_stays_silent_is_an_error_and_what_was_complete_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    strike = Strike(START_NS + SECOND_NS // 2, "F08", duration_ns=7 * HOUR_NS, count=0)
    (result,), truth = fetched("binance_usdm", store, ("bars",), 400.0, strike)
    assert isinstance(result.error, VenueError)
    assert 0 < len(store.read(result.key)) < len(truth) - 1


def test_many_series_keep_to_the_pace_of_the_venue() -> None:
    """Ten callers at once are served one after the other."""

    async def work(world: VirtualWorld) -> float:
        exchange = build_exchange(CLIENTS["binance_usdm"], world.session())
        reader = RestReader(exchange, STREAMS["binance_usdm"].rest, world.loop.now_ns)
        await reader.call("load_markets")
        began = world.loop.time()
        await asyncio.gather(*(reader.call("fetch_time") for _ in range(10)))
        await exchange.close()
        return world.loop.time() - began

    took_s = run_world(work, seed=1)
    assert took_s == pytest.approx(10 / STREAMS["binance_usdm"].rest.requests_per_s, abs=0.5)
