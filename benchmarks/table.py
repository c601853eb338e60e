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
    "live": "Live",
}
BOUNDS = {
    "speed": """
Both sides make all their objects, run all bars and take their fills out; reading the data and compiling do not
count. Ours does so with the risk gate, leverage and exposure limits, fees, margin and the equity curve on; the peer
has neither gate nor margin, and works out its curve when somebody asks for it.

W1, W2 and W4 are bounded by a bar on which nothing happens: the strategy is called by its address, the bar shown, what
is held marked, the breakers looked at, the curve written. The peer walks whole columns and calls nobody.

W3 is bounded by its requests. It asks for another price in many of its bars, and each time that is decided, gated,
compared, sent, taken by the venue, answered and booked, where the peer's order function writes two numbers into an
array; and prices are rounded by a rule that is exact for every tick, the peer's by `floor`. The goals were set on
another processor.
""",
    "growth": """
Making a world is not counted here; that its pages are touched for the first time is, and shows at 10,000 bars. One
strategy on one instrument in one wallet runs in a driver that knows it; with more, the records of all contexts take
turns in the processor's caches.
""",
    "live": """
Unmodified ccxt runs in one process with us and in virtual time. Where orders are far apart, as they mostly are in a
real market, the fake exchange fills the processor's caches between them; where they are close together, as when the
bars of many instruments end at once, an answer out of memory stands in for it. What is left out on both sides: reading
the socket and, for the rows from a bar to its order, decoding the message.

From a bar to its order we are as fast as ccxt, not three times faster. Only the ratio of one run means something: the
same code took 170 microseconds and 600 within minutes, as other work came and went on the machine's two threads, and
ccxt's share moved with it. In the ratio, ccxt's cost over ours, it went from 0.56 to 0.8 by taking two turns of the
loop where it took five, by events made in C, and by reading the core's memory as cells where NumPy looked fields up by
name. Of the step from there to 1.0 most is the benchmark's own: it no longer takes turns of its own between a message
and its order, and its clock costs one call where a real one is C. A quarter fewer calls on our side gave three
hundredths where twenty were predicted, probably because most of them were second and third calls of a small function,
whose code is near by then.
A sixth fewer bytecodes on our side, by one pass of the budget, prepared orders and one entry into the core, gave 1.32
where 1.14 was, close together, and nothing far apart.

Where it goes, in parts of a hundred: hearing the candle and checking it against its grid 12; the turn of the loop and
gathering the interval into a batch 17; writing its facts down 5; applying them and deciding, compiled, 8; what is
halted, the requests and their reasons 9; checksums, chain and the write of three records 12; handing the order to its
task 13; spelling it in exact decimals under the venue's id, and its caps, 15; clock and budget 9. In a tight loop of
its own a part takes a few microseconds: hearing 7, gathering 4, three records framed and written 9, the order spelled
5, the budget 3. In its place it takes five to six times as much, as does what ccxt does (its signing: 17 and 93),
because some hundred small functions run once each, and their code and objects come from afar. So 30 microseconds are
out of reach of Python that runs once; what would help is fewer different functions on the way, or one compiled step
from facts to the journal's bytes. The disk's sync takes many times all of it.

A start without a snapshot decides everything again and compares it record by record. Reading a record, with its
checksum and two digests, takes some three microseconds; deciding, encoding and comparing one some twenty-five. Quotes
after which nobody decided, nine in ten of these records, are taken by the dozen in one call instead: that took this
start from 29 seconds to 8. Snapshots are kept every 16,384 batches at the latest, so it happens only where somebody
has removed them.
""",
}
HEAD = """# Benchmarks

Written by `make bench`, which measures both sides in one run: they take turns, so that whatever else the machine
does falls on both. A row is the best of several runs of each: what a machine does beside them only adds. The fills
of both sides are compared bar by bar before anything is timed. Ratio is ours over the peer, higher is better: 2
means twice as fast.

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
        parts.append(BOUNDS.get(name, ""))
    PAGE.write_text("".join(parts))
