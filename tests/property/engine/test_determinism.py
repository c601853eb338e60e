"""One answer everywhere: compiled or not, on any processor, in threads, processes and chunks; and for good."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tradewind.testing.fingerprints import FINGERPRINTED, fingerprint, fingerprints
from tradewind.testing.scenarios import SCENARIOS, make_market, make_world, play
from tradewind.units.jit import PLAIN, cache_dir

GOLDEN = Path(__file__).with_name("golden.json")
NO_FMA = "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F,-FMA4,-AVX2_Usable,-FMA_Usable"

compiled_only = pytest.mark.skipif(PLAIN, reason="nothing is compiled in this run")


@pytest.fixture(scope="module")
def here() -> dict[str, dict[str, str]]:
    return fingerprints()


def elsewhere(**environment: str) -> dict[str, dict[str, str]]:
    """Return the fingerprints that another process finds."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tradewind.testing.fingerprints"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_the_golden_results_of_random_sessions_come_out(here: dict):
    """Where behaviour changes on purpose, `python -m tradewind.testing.fingerprints` writes new ones."""
    kept = {name: {k: v for k, v in row.items() if k != "state"} for name, row in here.items()}
    assert kept == {
        name: {k: v for k, v in row.items() if k != "state"}
        for name, row in json.loads(GOLDEN.read_text()).items()
    }


@compiled_only
def test_plain_python_gives_the_same_bits(here: dict):
    assert elsewhere(NUMBA_DISABLE_JIT="1") == here


@compiled_only
def test_a_generic_processor_gives_the_same_bits(here: dict):
    # A cache of its own: the ordinary one keeps only the newest few folders.
    root = cache_dir().parent
    assert (
        elsewhere(NUMBA_CPU_NAME="generic", TRADEWIND_CACHE=str(root.with_name(root.name + "-generic")))
        == here
    )


def test_a_system_library_without_fma_gives_the_same_bits(here: dict):
    assert elsewhere(GLIBC_TUNABLES=NO_FMA) == here


def test_another_process_with_another_order_of_hashes_gives_the_same_bits(here: dict):
    assert elsewhere(PYTHONHASHSEED="12345", TZ="Asia/Tokyo", LC_ALL="C") == here


def test_two_threads_give_the_same_bits(here: dict):
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda name: (name, fingerprint(name, 60)), FINGERPRINTED * 2))
    assert all(here[name] == found for name, found in both)


@pytest.mark.parametrize("name", SCENARIOS)
def test_chunks_of_any_length_give_the_same_bits(name: str):
    market = make_market(SCENARIOS[name], 200)
    results = []
    for chunk in (0, 1, 7, 64):
        world = make_world(SCENARIOS[name])
        played = play(world, market, chunk=chunk)
        results.append((world.state_hash(), played.fills.tobytes(), played.equity.tobytes()))
    assert results[1:] == results[:-1]


@pytest.mark.parametrize("name", ["late, everything", "hedged, planned", "liquidated"])
def test_a_snapshot_restored_goes_on_the_same(name: str):
    market = make_market(SCENARIOS[name], 120)
    whole, broken = make_world(SCENARIOS[name]), make_world(SCENARIOS[name])
    equity = np.zeros((120, len(whole.accounts), 3), np.int64)
    at = whole.advance(market.bars, market.ts, market.events, equity, 0, 120)
    half = broken.advance(market.bars, market.ts, market.events, equity, 0, min(60, at))
    kept = broken.snapshot()
    resumed = make_world(SCENARIOS[name])
    resumed.restore(kept)
    while half < at:
        half = resumed.advance(market.bars, market.ts, market.events, equity, half, at)
    assert resumed.state_hash() == whole.state_hash()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(resumed.venue, whole.venue, strict=True))
