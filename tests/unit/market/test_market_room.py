"""What the room promises as a whole."""

from __future__ import annotations

import subprocess
import sys

import tradewind.market as room


def test_every_public_name_is_there_and_documented():
    for name in room.__all__:
        assert getattr(room, name).__doc__ or name.isupper()
    assert room.__all__ == sorted(room.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n))


def test_importing_the_room_loads_neither_duckdb_nor_a_frame_library():
    heavy = "('duckdb', 'pandas', 'polars', 'pyarrow', 'numba', 'scipy')"
    script = f"import sys, tradewind.market; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_and_writing_loads_no_frame_library(tmp_path):
    script = (
        "import sys, pathlib\n"
        "from tradewind.market import *\n"
        "spec = MarketSpec(seed=1, start_ns=0, bars=50, coins=COINS[:1])\n"
        "bars = generate_market(spec).bars['BTCUSDT']\n"
        "store, key = Store(pathlib.Path(sys.argv[1])), SeriesKey('generated', 'bars', 'BTCUSDT', spec.interval_ns)\n"
        "store.merge(key, bars, SourceEntry(name='x', sha256='', imported_ns=0))\n"
        "assert store.read(key).same_as(bars)\n"
        "print([m for m in ('pandas', 'polars', 'pyarrow', 'numba') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
