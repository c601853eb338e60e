"""One finding about a history: its kind, its place, its code."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewind.config.data_policy import DEFECTS
from tradewind.units.time import format_utc

__all__ = ["CODES", "Defect", "bounds_of", "runs_of"]

CODES: dict[str, str] = {
    **{kind: defect.code for kind, defect in DEFECTS.items()},
    "not_finite": "DATA_NOT_FINITE",
    "volume": "DATA_RANGE",
    "order": "DATA_ORDER",
    "grid": "DATA_GRID",
    "future": "DATA_FUTURE",
    "funding_extra": "FUNDING_EXTRA",
    "funding_range": "FUNDING_RANGE",
}
"""Every kind of defect with its error code. Kinds that stand under ``[data]`` have a policy, the others never pass."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One finding: its kind, where it begins and ends (ns, end excluded), how many records, and one sentence."""

    kind: str
    ts_ns: int
    end_ns: int
    count: int
    detail: str

    @property
    def code(self) -> str:
        """Return the error code under which a backtest refuses it."""
        return CODES[self.kind]

    @property
    def has_policy(self) -> bool:
        """Return whether a backtest file may say what to do about it."""
        return self.kind in DEFECTS

    def __str__(self) -> str:
        return f"{self.kind} at {format_utc(self.ts_ns)}: {self.detail}"


def bounds_of(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and past-the-last row of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def runs_of(
    kind: str, mask: NDArray[np.bool_], ts_ns: NDArray[np.int64], interval_ns: int, detail: str
) -> list[Defect]:
    """Return one defect for each run of neighbouring rows in a mask."""
    return [
        Defect(kind, int(ts_ns[a]), int(ts_ns[b - 1]) + interval_ns, b - a, f"{detail} (row {a + 1})")
        for a, b in bounds_of(mask)
    ]
