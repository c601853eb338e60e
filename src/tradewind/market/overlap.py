"""Two records of one time must agree: joining new history to what is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tradewind.errors import DataUnfit
from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.market.bars import Series

    _S = TypeVar("_S", bound=Series)

__all__ = ["MergeCount", "differing_rows", "merge_series"]

AGREEMENT_RATIO = 1e-9
"""Relative difference below which two sources say the same: exports differ in the last bits of volumes."""


@dataclass(frozen=True, slots=True)
class MergeCount:
    """How many records were new, how many were known, and how many of these gained a value they had lacked."""

    added: int
    known: int
    completed: int = 0

    def __add__(self, other: MergeCount) -> MergeCount:
        return MergeCount(
            self.added + other.added, self.known + other.known, self.completed + other.completed
        )


def merge_series(old: _S, new: _S, where: str) -> tuple[_S, MergeCount]:
    """Return both in order of time; of a record that both hold, the old one stays, completed where it lacks a value.

    Requires: both ascend strictly. Raises DATA_CONFLICT (FUNDING_CONFLICT) where they differ, with the place.
    """
    if not len(old):
        return new, MergeCount(len(new), 0)
    at = np.searchsorted(old.ts_ns, new.ts_ns)
    inside = at < len(old)
    known = inside.copy()
    known[inside] = old.ts_ns[at[inside]] == new.ts_ns[inside]
    _refuse_conflict(old.take(at[known]), new.take(known), where)
    old, completed = _completed(old, at[known], new.take(known))
    fresh = new.take(~known)
    if not len(fresh):
        return old, MergeCount(0, len(new), completed)
    joined = type(old).concat([old, fresh])
    ordered = joined.take(np.argsort(joined.ts_ns, kind="stable"))
    return ordered, MergeCount(len(fresh), int(known.sum()), completed)


def _completed(old: _S, rows: NDArray[np.intp], new: Series) -> tuple[_S, int]:
    """Return the old records with values in place of NaN where the new ones have them, and how many gained one."""
    gained = np.zeros(len(new), dtype=np.bool_)
    columns = old.columns()
    for name in sorted(old.OPTIONAL):
        lacking = np.isnan(columns[name][rows].astype(np.float64))
        given = new.column(name).astype(np.float64)
        filled = lacking & ~np.isnan(given)
        if filled.any():
            columns[name] = columns[name].copy()
            columns[name][rows[filled]] = given[filled]
            gained |= filled
    return type(old).from_columns(columns, old.spacing_ns), int(gained.sum())


def differing_rows(one: Series, other: Series) -> NDArray[np.intp]:
    """Return the rows in which two series of the same times differ by more than the last bits.

    A value that is absent (NaN) on one side contradicts nothing.
    """
    differs = np.zeros(len(one), dtype=np.bool_)
    for name in one.COLUMNS:
        a, b = one.column(name).astype(np.float64), other.column(name).astype(np.float64)
        scale = np.maximum(np.abs(a), np.abs(b))
        differs |= np.abs(a - b) > AGREEMENT_RATIO * scale
    return np.flatnonzero(differs)


def _refuse_conflict(old: Series, new: Series, where: str) -> None:
    rows = differing_rows(old, new)
    if not len(rows):
        return
    row = int(rows[0])
    code = "FUNDING_CONFLICT" if old.KIND == "funding" else "DATA_CONFLICT"
    raise DataUnfit(
        code,
        f"{len(rows)} records differ from what is stored, first at {format_utc(int(old.ts_ns[row]))}: "
        f"{_record(old, row)} stored, {_record(new, row)} in the file",
        where=where,
        hint="nothing was written; find out which source is right, then import that one into an empty store",
    )


def _record(series: Series, row: int) -> str:
    return " ".join(f"{name}={float(series.column(name)[row]):.12g}" for name in series.COLUMNS)
