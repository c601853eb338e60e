"""Records as classes: bytes, names, and what every record of ours must keep."""

from typing import Annotated

import numpy as np
import pytest

from tradewind.units import records, wire
from tradewind.units.layout import Layout, Mask, Rows, dtype_of, named

LAYOUTS = [
    each
    for module in (records, wire)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Layout) and each is not Layout
]


class Inner(Layout):
    count: int
    level: float


class Outer(Layout):
    mask: Mask
    inner: Inner
    inners: Annotated[Rows[Inner], 3]
    cells: Annotated[Rows[float], 5]


def test_a_class_is_a_dtype():
    assert dtype_of(Inner) == np.dtype([("count", "i8"), ("level", "f8")], align=True)
    outer = dtype_of(Outer)
    assert outer.itemsize == 8 * (1 + 2 + 3 * 2 + 5)
    assert outer["inners"].shape == (3,)
    assert outer["mask"] == np.uint64


@pytest.mark.parametrize("kind", [str, list, Rows[float], "nothing"])
def test_what_is_no_cell_is_refused(kind):
    wrong = type("Wrong", (Layout,), {"__annotations__": {"field": kind}})
    with pytest.raises((TypeError, NameError)):
        dtype_of(wrong)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.__name__)
def test_every_record_has_cells_of_eight_bytes_and_names_of_its_own(layout):
    dtype = dtype_of(layout)
    assert dtype.itemsize % 8 == 0
    assert not set(dtype.names) & set(dir(np.record))
    assert all(dtype[name].base.fields or dtype[name].base.itemsize == 8 for name in dtype.names)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.__name__)
def test_the_twin_for_plain_python_has_the_same_bytes(layout):
    plain, twin = dtype_of(layout), named(dtype_of(layout))
    assert twin.itemsize == plain.itemsize
    assert [twin.fields[name][1] for name in twin.names] == [plain.fields[name][1] for name in plain.names]


def test_fields_of_the_twin_are_attributes_that_write_through():
    rows = np.zeros(2, named(dtype_of(Outer)))
    rows[1].inner.level = 2.5
    rows[1].inners[2].count = 7
    rows[1].cells[4] = 1.5
    assert rows["inner"]["level"].tolist() == [0.0, 2.5]
    assert rows["inners"]["count"].tolist() == [[0, 0, 0], [0, 0, 7]]
    assert rows[1]["cells"][4] == 1.5
