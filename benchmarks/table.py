"""Rows of measurements, as files and as the table of the docs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Row:
    """One comparison. `ratio` is ours over the peer, higher is better: 2 means twice as fast, or half as much."""

    work: str
    peer: str
    ratio: float
    ours: float
    theirs: float
    unit: str
    note: str

    @staticmethod
    def of(work: str, peer: str, ours: float, theirs: float, unit: str, note: str) -> Row:
        """Return a row of two costs; the ratio is how many times cheaper ours is."""
        return Row(
            work, peer, round(theirs / ours, 3), float(f"{ours:.4g}"), float(f"{theirs:.4g}"), unit, note
        )


def store(name: str, rows: list[Row]) -> None:
    """Write one list of rows as benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def machine() -> str:
    """Return the processor and Python that measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


TITLES = {
    "speed": "Side by side",
    "growth": "Growth",
    "start": "Start",
    "calls": "One step, one record",
}
HEAD = """# Benchmarks

Written by `make bench`, which measures both sides in one run: they take turns, so that whatever else the machine
does falls on both. A row is the median of several runs. The fills of both sides are compared bar by bar before
anything is timed. Ratio is ours over the peer, higher is better: 2 means twice as fast.

"""


def write_page() -> None:
    """Write docs/benchmarks.md from all stored rows."""
    parts = [HEAD, f"Measured on: {machine()}.\n"]
    for name, title in TITLES.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        parts.append(f"\n## {title}\n\n| work | peer | ratio | ours | theirs | unit | note |\n")
        parts.append("| --- | --- | --: | --: | --: | --- | --- |\n")
        for row in json.loads(path.read_text()):
            cells = (
                row["work"],
                row["peer"],
                row["ratio"],
                row["ours"],
                row["theirs"],
                row["unit"],
                row["note"],
            )
            parts.append("| " + " | ".join(str(cell) for cell in cells) + " |\n")
    PAGE.write_text("".join(parts))
