"""`make bench`: measure everything side by side, write benchmarks/results/*.json and docs/benchmarks.md.

python benchmarks/run.py [--quick] [speed growth start calls live]
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import table
from market import write_market

HERE = Path(__file__).parent
DATA = HERE / "data"
PEERS = HERE.parent / ".venv-bench"
PINS = HERE.parent / "constraints" / "bench.txt"


def peer_python() -> Path:
    """Return the interpreter of the peers' own environment, made or brought up to date where needed."""
    python, stamp = PEERS / "bin" / "python", PEERS / ".installed"
    if not stamp.exists() or stamp.stat().st_mtime < PINS.stat().st_mtime:
        print(f"installing the peers into {PEERS.name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "-r", PINS]
        subprocess.run(install, check=True)
        stamp.touch()
    return python


def main() -> None:
    """Measure what was asked for, all of it by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see whether it works")
    parser.add_argument(
        "parts", nargs="*", default=[], help="speed, growth, start, calls, live; all by default"
    )
    asked = parser.parse_args()
    write_market(DATA)
    for name in asked.parts or table.TITLES:
        part = importlib.import_module(name)
        rows = part.rows(DATA, peer_python(), asked.quick) if name == "speed" else part.rows(DATA)
        table.store(name, rows)
        table.write_page()
    print(f"wrote {table.RESULTS} and {table.PAGE}")


if __name__ == "__main__":
    main()
