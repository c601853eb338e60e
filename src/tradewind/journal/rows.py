"""Packed rows: facts and requests as the core holds them, readable by every later version.

A body is the rows' bytes as they are. The segment's header keeps the fields they were written with; rows of
an older layout are widened on reading, field by field by name, and a field they did not have is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    written = np.frombuffer(body, dtype=np.dtype(list(layout)))
    if written.dtype == dtype:
        return written.astype(dtype)
    rows = np.zeros(len(written), dtype=dtype)
    shared = [name for name, _ in layout if name in (dtype.names or ())]
    for name in shared:
        rows[name] = written[name]
    return rows
