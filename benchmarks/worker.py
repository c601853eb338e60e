"""One side of a benchmark as a process: it warms up once, then runs what it is asked for, one line of JSON each way.

Both sides live at once and take turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Task = Callable[[], Callable[[], dict[str, np.ndarray]]]


def serve(tasks: dict[str, Task]) -> None:
    """Answer requests until the input ends. A task prepares its data once and returns what is timed."""
    ready: dict[str, Callable[[], dict[str, np.ndarray]]] = {}
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints must not stand among the answers
    for line in sys.stdin:
        asked = json.loads(line)
        work = asked["work"]
        if work not in ready:
            ready[work] = tasks[work]()
        wall, cpu = time.perf_counter(), time.process_time()
        result = ready[work]()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if asked.get("save"):
            np.savez(asked["save"], **result)
        print(json.dumps({"cpu": cpu, "wall": wall}), file=answers, flush=True)


class Side:
    """A worker seen from the process that asks."""

    def __init__(self, python: Path, script: Path, *arguments: object) -> None:
        command = [str(python), str(script), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, work: str, save: Path | None = None) -> dict[str, float]:
        """Run one work once; return CPU and wall seconds. `save` keeps its result as an npz file."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"work": work, "save": str(save) if save else None}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended while it ran {work}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the worker."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=60)
