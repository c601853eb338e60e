"""The history of a market as columns: bars, mark prices, funding settlements, open interest.

Every series is a frozen set of NumPy columns of one length, in order of time. Bars are stamped by the time at
which they open, in nanoseconds since 1970 (UTC), and are known only when they end: `Bars.end_ns`. Prices are in
quote units, quantities in base units, rates per settlement as ratios. Slices share memory with their source.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tradewind.market.ticks import as_written

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["KINDS", "Bars", "Floats", "Funding", "Instants", "Mark", "OpenInterest", "Series", "series_class"]

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

_LITTLE_ENDIAN = {"f": "<f8", "i": "<i8"}


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Columns of one length, the first of which is the time in ns, ascending.

    Subclasses name their value columns in `COLUMNS` and the words of their kind in `KIND`.
    """

    KIND: ClassVar[str] = ""
    COLUMNS: ClassVar[tuple[str, ...]] = ()
    OPTIONAL: ClassVar[frozenset[str]] = frozenset()
    SPACED: ClassVar[bool] = False

    ts_ns: Instants

    @classmethod
    def from_columns(cls, columns: dict[str, NDArray[np.generic]], interval_ns: int = 0) -> Self:
        """Return a series of these columns, as int64 and contiguous float64; absent optional ones are NaN.

        Units: `ts_ns` and `interval_ns` in ns. Raises ValueError where lengths differ or a column is missing.
        """
        ts_ns = np.ascontiguousarray(columns["ts_ns"], dtype=np.int64)
        values = {name: cls._column(columns, name, len(ts_ns)) for name in cls.COLUMNS}
        spacing = {"interval_ns": int(interval_ns)} if cls.SPACED else {}
        return cls(ts_ns=ts_ns, **values, **spacing)

    @classmethod
    def _column(cls, columns: dict[str, NDArray[np.generic]], name: str, rows: int) -> Floats:
        if name not in columns and name in cls.OPTIONAL:
            return np.full(rows, np.nan)
        if name not in columns:
            raise ValueError(f"{cls.__name__} needs a column '{name}'")
        given = columns[name]
        single = as_written(given.astype(np.float32)) if given.dtype == np.float32 else given
        column = np.ascontiguousarray(single, dtype=np.float64)
        if len(column) != rows:
            raise ValueError(f"column '{name}' has {len(column)} rows, the times have {rows}")
        return column

    @classmethod
    def empty(cls, interval_ns: int = 0) -> Self:
        """Return a series without records."""
        nothing = np.empty(0)
        return cls.from_columns({"ts_ns": nothing, **dict.fromkeys(cls.COLUMNS, nothing)}, interval_ns)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Return the parts one after another; the caller sees to it that their times ascend.

        Raises ValueError for no parts or for parts of different intervals.
        """
        if not parts:
            raise ValueError("nothing to join")
        if len({part.spacing_ns for part in parts}) > 1:
            raise ValueError("bars of different intervals cannot be joined")
        joined = {name: np.concatenate([part.column(name) for part in parts]) for name in cls.names()}
        return cls.from_columns(joined, parts[0].spacing_ns)

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def spacing_ns(self) -> int:
        """Return the interval of a series that has one, else 0."""
        return 0

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all columns, the time first."""
        return ("ts_ns", *cls.COLUMNS)

    def column(self, name: str) -> NDArray[np.generic]:
        """Return one column by name; the array is shared, not copied."""
        found: NDArray[np.generic] = getattr(self, name)
        return found

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return all columns by name, the time first; the arrays are shared, not copied."""
        return {name: self.column(name) for name in self.names()}

    def take(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return these rows: a view for a slice, a copy for an index or a mask."""
        return self.from_columns({name: self.column(name)[rows] for name in self.names()}, self.spacing_ns)

    def between(self, start_ns: int | None, end_ns: int | None) -> Self:
        """Return the records stamped in [start_ns, end_ns) as views; None leaves a side open."""
        first = 0 if start_ns is None else int(np.searchsorted(self.ts_ns, start_ns))
        last = len(self) if end_ns is None else int(np.searchsorted(self.ts_ns, end_ns))
        return self.take(slice(first, max(first, last)))

    def same_as(self, other: Series) -> bool:
        """Return whether both hold the same bits in all columns (NaN equals NaN)."""
        if type(self) is not type(other) or self.spacing_ns != other.spacing_ns:
            return False
        mine, theirs = self.columns(), other.columns()
        return all(np.array_equal(mine[n], theirs[n], equal_nan=n != "ts_ns") for n in mine)

    def content_hash(self) -> str:
        """Return a SHA-256 over kind, interval and every value, the same on every machine.

        Why: a run states which data it saw. File hashes would change with the Parquet writer's version.
        """
        digest = hashlib.sha256(f"{self.KIND} {self.spacing_ns} {len(self)}".encode())
        for name in self.names():
            column = self.column(name)
            wire = np.ascontiguousarray(column, dtype=_LITTLE_ENDIAN[column.dtype.kind])
            digest.update(name.encode())
            digest.update(wire.data)
        return digest.hexdigest()

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, f.name)) for f in fields(self) if f.name != "interval_ns"}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")


@dataclass(frozen=True, slots=True, eq=False)
class Bars(Series):
    """Candles: five float64 columns beside the opening time; a missing bar is absent, never filled by us."""

    KIND: ClassVar[str] = "bars"
    COLUMNS: ClassVar[tuple[str, ...]] = ("open", "high", "low", "close", "volume")
    SPACED: ClassVar[bool] = True

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    interval_ns: int

    @property
    def spacing_ns(self) -> int:
        """Return the length of a bar in ns."""
        return self.interval_ns

    @property
    def end_ns(self) -> Instants:
        """Return the times at which the bars end, which is when they are known."""
        return self.ts_ns + self.interval_ns


@dataclass(frozen=True, slots=True, eq=False)
class Mark(Series):
    """Mark prices as bars without volume."""

    KIND: ClassVar[str] = "mark"
    COLUMNS: ClassVar[tuple[str, ...]] = ("open", "high", "low", "close")
    SPACED: ClassVar[bool] = True

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    interval_ns: int

    @property
    def spacing_ns(self) -> int:
        """Return the length of a mark bar in ns."""
        return self.interval_ns

    @property
    def end_ns(self) -> Instants:
        """Return the times at which the closing mark prices are known."""
        return self.ts_ns + self.interval_ns


@dataclass(frozen=True, slots=True, eq=False)
class Funding(Series):
    """Funding settlements: the rate as a ratio of notional, paid by longs where positive.

    `mark_price` is the price the venue settled on, NaN where its record does not say.
    """

    KIND: ClassVar[str] = "funding"
    COLUMNS: ClassVar[tuple[str, ...]] = ("rate", "mark_price")
    OPTIONAL: ClassVar[frozenset[str]] = frozenset({"mark_price"})

    rate: Floats
    mark_price: Floats


@dataclass(frozen=True, slots=True, eq=False)
class OpenInterest(Series):
    """Open interest at instants: `qty` in base units, `value` in quote units; NaN where a source lacks one."""

    KIND: ClassVar[str] = "open_interest"
    COLUMNS: ClassVar[tuple[str, ...]] = ("qty", "value")
    OPTIONAL: ClassVar[frozenset[str]] = frozenset({"qty", "value"})

    qty: Floats
    value: Floats


KINDS: tuple[str, ...] = ("bars", "funding", "mark", "open_interest")
"""The kinds of history the store keeps."""

_CLASSES: dict[str, type[Series]] = {c.KIND: c for c in (Bars, Funding, Mark, OpenInterest)}


def series_class(kind: str) -> type[Series]:
    """Return the class of a kind in `KINDS`. Raises KeyError for another word."""
    return _CLASSES[kind]
