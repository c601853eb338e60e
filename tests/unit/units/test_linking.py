"""What the core leans on in Numba: no reference counts, one compile for all, a cache that sees every edit."""

import subprocess
import sys

import numpy as np
import pytest
from numba import int64, njit

from tradewind.engine.run import run
from tradewind.engine.run_single import run_single
from tradewind.engine.step import step
from tradewind.units import records, wire
from tradewind.units.jit import PLAIN, cache_dir, kernel, signature
from tradewind.units.layout import Layout, dtype_of

compiled_only = pytest.mark.skipif(PLAIN, reason="nothing is compiled in this run")


def kept_code(driver: object) -> bytes:
    """Return what the disk cache keeps of a driver: what its machine code calls outside stands in it by name."""
    name = driver.py_func.__name__  # type: ignore[attr-defined]
    files = list(cache_dir().rglob(f"{name}.{name}-*.nbc"))
    assert files, f"{name} was not kept"
    return b"".join(path.read_bytes() for path in files)


@compiled_only
@pytest.mark.parametrize("driver", [run, run_single, step], ids=["run", "run_single", "step"])
def test_no_driver_counts_references(driver: object):
    code = kept_code(driver)
    assert b"ELF" in code
    assert b"NRT_" not in code


@compiled_only
def test_reference_counts_would_be_seen():
    counts = njit(int64[:](int64))(lambda n: np.zeros(n, np.int64)[1:])
    (compiled,) = counts.overloads.values()
    assert b"NRT_" in compiled.library._get_compiled_object()


@compiled_only
def test_a_leaf_has_no_machine_code_of_its_own_and_a_driver_calls_nothing_outside():
    @kernel
    def leaf(x: int) -> int:
        return x * 3 + 1

    @kernel
    def middle(x: int) -> int:
        return leaf(x) + leaf(x + 1)

    @kernel(sig=signature("i8"))
    def driver(x: int) -> int:
        return middle(x)

    assert driver(5) == 16 + 19
    for kernel_of_others in (leaf, middle):
        (compiled,) = kernel_of_others.overloads.values()  # type: ignore[attr-defined]
        assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) == 0
    assert leaf(2) == 7, "from Python a leaf gets a driver of its own"


@compiled_only
def test_errors_of_a_leaf_reach_python_through_its_driver():
    @kernel
    def divides(x: int) -> int:
        return 10 // x

    @kernel(sig=signature("i8"))
    def driver(x: int) -> int:
        return divides(x)

    assert driver(3) == 3
    with pytest.raises(ZeroDivisionError):
        driver(0)


def layouts() -> list[type[Layout]]:
    from tradewind.engine import venue_records

    modules = (records, wire, venue_records)
    found = [thing for module in modules for thing in vars(module).values() if isinstance(thing, type)]
    return [thing for thing in found if issubclass(thing, Layout) and thing is not Layout]


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.__name__)
def test_no_field_hides_an_attribute_of_numpys_records(layout: type[Layout]):
    """Such a field compiles well and is silently something else uncompiled: `order.flags` is NumPy's."""
    assert not set(dtype_of(layout).names or ()) & set(dir(np.record))


@compiled_only
def test_machine_code_is_found_again_by_the_next_process():
    code = "from tradewind.engine.run import run; print(sum(run.stats.cache_misses.values()))"
    first = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    again = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert again.stdout.strip() == "0", first.stdout + again.stdout
