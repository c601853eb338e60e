"""Small histories that are sound, for tests that break one thing each."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.market import Bars, ImportRequest, SourceEntry, Store
from tradewind.units.time import HOUR_NS, MINUTE_NS, parse_utc

NOW_NS = parse_utc("2026-08-01")


def make_bars(rows: int = 200, interval_ns: int = MINUTE_NS, start: str = "2025-05-31T22:00:00Z") -> Bars:
    """Return sound bars on a tick of 0.1 and a lot of 0.001, across the end of a month."""
    steps = np.random.default_rng(5).integers(-9, 10, rows + 1)
    path = 1_000_000 + np.cumsum(steps)
    opens, closes = path[:-1], path[1:]
    highs = np.maximum(opens, closes) + steps[1:] % 4
    lows = np.minimum(opens, closes) - steps[1:] % 3
    ts_ns = parse_utc(start) + np.arange(rows) * interval_ns
    volume = (1000 + np.arange(rows) % 700) / 1000
    return Bars(ts_ns, opens / 10, highs / 10, lows / 10, closes / 10, volume, interval_ns)


@pytest.fixture
def bars() -> Bars:
    return make_bars()


@pytest.fixture
def hourly() -> Bars:
    return make_bars(500, HOUR_NS, "2024-02-10")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def request_now() -> ImportRequest:
    return ImportRequest(now_ns=NOW_NS)


@pytest.fixture
def source() -> SourceEntry:
    return SourceEntry(name="somewhere.parquet", sha256="0" * 64, imported_ns=NOW_NS)
