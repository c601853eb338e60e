"""W1 to W4: the engine beside vectorbt on the same bars, with the same fills."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import works
from market import SYMBOLS, YEAR
from table import Row
from worker import Side

HERE = Path(__file__).parent
BARS = {"W1": YEAR, "W2": SYMBOLS * YEAR, "W3": YEAR, "W3 asleep": YEAR, "W4": len(works.FAST_SET) * YEAR}
TITLES = {
    "W1": "W1 EMA cross, 1 symbol x 525,600 bars",
    "W2": "W2 20 symbols, one wallet",
    "W3": "W3 grid with 10 re-entries",
    "W3 asleep": "W3 the same, asleep between its fills",
    "W4": "W4 200 parameter sets, two processes, wall",
}
GOALS = {"W1": 2.5, "W2": 6, "W3": 14, "W3 asleep": 14, "W4": 7}
"""Ratios that were aimed at; the page says where one is missed, and what bounds it."""
ENGINES = ("rust", "numba")


def compare(work: str, ours: Path, theirs: Path) -> str:
    """Assert that both sides traded the same; return what was compared."""
    with np.load(ours) as a, np.load(theirs) as b:
        assert np.allclose(a["final"], b["final"], rtol=1e-7), f"{work}: {a['final'][:3]} {b['final'][:3]}"
        if "bar" not in a.files:
            return f"{len(a['final'])} final equities agree to 1e-7"
        assert len(a["bar"]) == len(b["bar"]), f"{work}: {len(a['bar'])} fills, the peer has {len(b['bar'])}"
        for name in ("bar", "symbol"):
            assert np.array_equal(a[name], b[name]), f"{work}: {name} of a fill differs"
        for name in ("quantity", "price"):
            assert np.allclose(a[name], b[name], rtol=1e-9), f"{work}: {name} of a fill differs"
        return f"same {len(a['bar']):,} fills, final equity {a['final'][0]:,.2f}"


def faster_engine(peers: dict[str, Side], work: str, clock: str, folder: Path) -> str:
    """Return the peer's engine that takes less for this work, by the best of three runs after one that compiles."""
    costs = {}
    for engine, side in peers.items():
        side.run(work, folder / f"{engine}.npz")
        costs[engine] = min(side.run(work)[clock] for _ in range(3))
    return min(costs, key=lambda engine: costs[engine])


def measure(work: str, ours: Side, peers: dict[str, Side], rounds: int, folder: Path) -> Row:
    """Check one work, then let both sides run it in turns."""
    theirs_work = work.split()[0]
    ours.run(work)
    ours.run(work, folder / "ours.npz")
    clock = "wall" if work == "W4" else "cpu"
    engine = faster_engine(peers, theirs_work, clock, folder)
    said = compare(work, folder / "ours.npz", folder / f"{engine}.npz")
    pairs = [(ours.run(work)[clock], peers[engine].run(theirs_work)[clock]) for _ in range(rounds)]
    own, other = (min(column) * 1e9 / BARS[work] for column in zip(*pairs, strict=True))
    unit = f"ns a {'symbol-bar' if work == 'W2' else 'bar'}, {'wall' if clock == 'wall' else 'CPU'}"
    return Row.of(
        TITLES[work],
        f"vectorbt 1.2.0 ({engine})",
        own,
        other,
        unit,
        f"goal {GOALS[work]}; {said}; {rounds} rounds",
    )


def rows(data: Path, peer_python: Path, quick: bool) -> list[Row]:
    """Measure all works."""
    ours = Side(Path(sys.executable), HERE / "tradewind_side.py", data)
    peers = {engine: Side(peer_python, HERE / "vectorbt_side.py", data, engine) for engine in ENGINES}
    found = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for work in TITLES:
                rounds = 3 if quick or work == "W4" else 9
                found.append(measure(work, ours, peers, rounds, Path(folder)))
                print(f"{found[-1].work}: {found[-1].ratio} x  ({found[-1].note})", flush=True)
    finally:
        for side in (ours, *peers.values()):
            side.close()
    return found
