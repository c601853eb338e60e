"""Records as classes: one annotated class is at once the memory layout, the static type and the documentation.

A class that derives from `Layout` is never instantiated. Its annotations name the fields of a C-aligned
record: `int` is a signed 64-bit integer, `float` a double, `Mask` an unsigned 64-bit integer, another layout
a nested record, and `Annotated[Rows[X], n]` a nested array of n. All integers are 64 bits wide: mixed widths
make Numba compile the same kernel once per width.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints, overload

import numpy as np
import numpy.typing as npt

__all__ = ["Layout", "Mask", "Rows", "dtype_of", "joined", "named", "overwrite"]

Mask = np.uint64
_T = TypeVar("_T")
_CELLS = {int: "i8", float: "f8", Mask: "u8"}


_DTYPES: dict[type["Layout"], np.dtype[np.void]] = {}


class Layout:
    """Base of all record classes; the fields of a subclass are its annotations."""


class Rows(Protocol, Generic[_T]):
    """A nested array or an array of records, as kernels see it."""

    @overload
    def __getitem__(self, index: int, /) -> _T: ...
    @overload
    def __getitem__(self, index: slice, /) -> "Rows[_T]": ...
    def __setitem__(self, index: int, value: _T, /) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_T]: ...


def dtype_of(layout: type[Layout]) -> np.dtype[np.void]:
    """Return the aligned NumPy dtype of a layout class."""
    if layout not in _DTYPES:
        hints = get_type_hints(layout, include_extras=True)
        _DTYPES[layout] = np.dtype([_field(name, hint) for name, hint in hints.items()], align=True)
    return _DTYPES[layout]


def _field(name: str, hint: object) -> tuple[object, ...]:
    """Return one entry of a dtype description: (name, cell) or (name, cell, (n,))."""
    if get_origin(hint) is Annotated:
        rows, length = get_args(hint)
        (cell,) = get_args(rows)
        return (name, _cell(cell), (length,))
    return (name, _cell(hint))


def _cell(kind: object) -> object:
    if isinstance(kind, type) and issubclass(kind, Layout):
        return dtype_of(kind)
    if kind in _CELLS:
        return _CELLS[kind]
    raise TypeError(f"a layout field is int, float, Mask, a Layout or Annotated[Rows[...], n], not {kind!r}")


def named(dtype: npt.DTypeLike) -> np.dtype[np.void]:
    """Return the `np.record` twin of a dtype: same bytes, fields readable as attributes without the compiler."""
    plain = np.dtype(dtype)
    if plain.names is None:
        if plain.subdtype is None:
            return plain
        inner, shape = plain.subdtype
        return np.dtype((named(inner), shape))
    formats = [named(plain.fields[name][0]) for name in plain.names]  # type: ignore[index]
    offsets = [plain.fields[name][1] for name in plain.names]  # type: ignore[index]
    described = np.dtype(
        {"names": list(plain.names), "formats": formats, "offsets": offsets, "itemsize": plain.itemsize}
    )
    return np.dtype((np.record, described))


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return a copy of rows of one layout, one part after the other: as bytes, where NumPy would go field by field."""
    return np.concatenate([_as_bytes(part) for part in parts]).view(parts[0].dtype)


def overwrite(target: np.ndarray, source: np.ndarray) -> None:
    """Put as many rows of the same layout in place of the target's."""
    _as_bytes(target)[:] = _as_bytes(source)


def _as_bytes(rows: np.ndarray) -> np.ndarray:
    return rows.view(np.dtype((np.void, rows.dtype.itemsize)))
