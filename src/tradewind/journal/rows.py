"""Packed rows: facts and requests as the core holds them, readable by every later version.

A body is the rows' bytes as they are. The segment's header keeps the fields they were written with; rows of
an older layout are widened on reading, field by field by name, and a field they did not have is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


_LAYOUTS_MAX = 64


def layout_of(dtype: np.dtype[np.void]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a row as (name, NumPy format), for a segment's header.

    The row must be flat and free of padding: its bytes are then its fields and nothing else.
    """
    assert dtype.names is not None
    fields = tuple((name, dtype[name].str) for name in dtype.names)
    assert all(dtype[name].subdtype is None and dtype[name].names is None for name in dtype.names)
    assert sum(dtype[name].itemsize for name in dtype.names) == dtype.itemsize
    return fields


def pack_rows(rows: NDArray[Any]) -> bytes:
    """Return the body that holds `rows`."""
    return rows.tobytes()


def unpack_rows(body: bytes, layout: tuple[tuple[str, str], ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the rows of a body in today's layout.

    Parameters
    ----------
    body
        What `pack_rows` gave when it was written.
    layout
        The fields they were written with.
    dtype
        The fields wanted; those that `layout` lacks are zero, those it has beside them are left out.

    Returns
    -------
    Array of shape (rows,), writable.
    """
    as_written, same = _written(layout, dtype)
    if same:
        return np.frombuffer(bytearray(body), dtype)
    written = np.frombuffer(body, as_written)
    rows = np.zeros(len(written), dtype=dtype)
    shared = [name for name, _ in layout if name in (dtype.names or ())]
    for name in shared:
        rows[name] = written[name]
    return rows


_READ: dict[tuple[int, int], tuple[object, object, np.dtype[Any], bool]] = {}


def _written(layout: tuple[tuple[str, str], ...], dtype: np.dtype[Any]) -> tuple[np.dtype[Any], bool]:
    """Return a layout as a type, and whether it is today's; remembered by identity, since a journal has one or two."""
    found = _READ.get((id(layout), id(dtype)))
    if found is None or found[0] is not layout or found[1] is not dtype:
        as_written = np.dtype(list(layout))
        found = layout, dtype, as_written, as_written == dtype
        if len(_READ) >= _LAYOUTS_MAX:
            _READ.clear()
        _READ[id(layout), id(dtype)] = found
    return found[2], found[3]
