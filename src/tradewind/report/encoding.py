"""Pack columns of numbers into few bytes that a browser unpacks without a library.

A column becomes int32 steps (differences, zigzag), its four byte planes stand one after another, and all
columns together are deflated: a year of minute bars needs five to six bytes a bar. The page's script
(assets/data.js) is the other half of this file.
"""

from __future__ import annotations

import base64
import math
import zlib
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.report.files import FloatColumn, IntColumn

Described: TypeAlias = dict[str, int | float]

LARGEST_STEP = 2**31 - 1
DECIMALS_MAX = 10
DIGITS = 8
"""Significant digits kept of a column that is no decimal of at most ten places."""


class Blob:
    """All columns of one page; each `add_…` returns what the script needs to find its column again."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add_steps(self, values: IntColumn) -> Described:
        """Store integers (n,) as the differences of neighbours; a difference is cut at int32."""
        return self._add(np.diff(values, prepend=np.int64(0)), running=1)

    def add_plain(self, values: IntColumn) -> Described:
        """Store integers (n,) as they are: for columns whose neighbours do not resemble each other."""
        return self._add(values, running=0)

    def add_numbers(self, values: FloatColumn) -> Described:
        """Store numbers (n,) exactly if they are short decimals, else to `DIGITS` significant digits."""
        decimals = decimals_of(values)
        return {**self.add_steps(to_units(values, decimals)), "scale": 10.0**-decimals}

    def add_times(self, ts_ns: IntColumn) -> Described:
        """Store ascending times in ns (n,); the script gets milliseconds."""
        if not len(ts_ns):
            return {**self.add_steps(ts_ns), "scale": 1.0, "offset": 0.0}
        offset = int(ts_ns[0])
        apart = ts_ns - offset
        step_ns = int(np.gcd.reduce(apart)) or 1
        longest = int(np.max(np.diff(apart), initial=0))
        # Times off any grid are cut to milliseconds, or to seconds where weeks lie between two of them.
        for coarser_ns in (1_000_000, 1_000_000_000):
            if longest // step_ns > LARGEST_STEP:
                step_ns = max(step_ns, coarser_ns)
        return {**self.add_steps(apart // step_ns), "scale": step_ns / 1e6, "offset": offset / 1e6}

    def to_text(self) -> str:
        """Return everything as base64 of one deflated stream."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 6)).decode("ascii")

    def _add(self, values: IntColumn, running: int) -> Described:
        cut = np.clip(values, -LARGEST_STEP, LARGEST_STEP)
        zigzag: NDArray[np.uint32] = ((cut << 1) ^ (cut >> 63)).astype("<u4")
        planes = np.ascontiguousarray(zigzag.view(np.uint8).reshape(-1, 4).T).tobytes()
        described: Described = {"at": self._size, "n": len(values), "run": running}
        self._parts.append(planes)
        self._size += len(planes)
        return described


def decimals_of(values: FloatColumn) -> int:
    """Return how many decimal places say these numbers exactly, or enough for `DIGITS` digits."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return 0
    for decimals in range(DECIMALS_MAX + 1):
        scaled = values * 10.0**decimals
        if largest * 10.0**decimals > LARGEST_STEP / 2:
            break
        # The distance counts against the number itself, or the price of a very cheap coin would become zero.
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-6 * np.minimum(np.abs(scaled), 1.0)):
            return decimals
    return max(-300, min(300, DIGITS - 1 - math.floor(math.log10(largest))))


def to_units(values: FloatColumn, decimals: int) -> IntColumn:
    """Return numbers as whole units of 10^−decimals."""
    units: IntColumn = np.rint(values * 10.0**decimals).astype(np.int64)
    return units
