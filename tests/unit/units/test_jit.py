"""The door to the compiler: options, overlays, and a cache that sees every edit."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tradewind.units.jit import PLAIN, allocate, array_of, cache_dir, kernel, overlay, record_of, signature
from tradewind.units.layout import Layout
from tradewind.units.records import Params

compiled_only = pytest.mark.skipif(PLAIN, reason="nothing is compiled in this run")


class Own(Layout):
    count: int
    level: float


@compiled_only
def test_an_allocation_is_a_compile_error():
    @kernel
    def allocates(n: int) -> float:
        return np.zeros(n)[0]

    with pytest.raises(Exception, match=r"NRT|No implementation"):
        allocates(3)


@compiled_only
def test_errors_raise_as_in_python():
    @kernel
    def divides(a: float, b: float) -> float:
        return a / b

    assert divides(1.0, 4.0) == 0.25
    with pytest.raises(ZeroDivisionError):
        divides(1.0, 0.0)


@compiled_only
def test_bounds_are_checked_where_it_is_asked_for():
    @kernel(checked=True)
    def reads(values: object, place: int) -> float:
        return values[place]  # type: ignore[index]

    assert reads(np.arange(3.0), 2) == 2.0
    with pytest.raises(IndexError):
        reads(np.arange(3.0), 3)


def test_a_vector_is_read_as_the_authors_record():
    cast = overlay(Own, 64)

    @kernel
    def raises_level(params: object) -> float:
        own = cast(params)
        own.count += 2
        own.level = own.count / 4.0
        return own.level

    params = allocate(Params)
    params[0]["v"][:1].view(np.int64)[0] = 5
    assert raises_level(params[0]) == 1.75
    assert params[0]["v"][:1].view(np.int64)[0] == 7
    assert params[0]["v"][1] == 1.75


def test_a_record_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="needs 2 cells, there are 1"):
        overlay(Own, 1)


def test_types_are_made_of_layouts_and_cells():
    assert record_of(Own).size == 16
    assert array_of("i8", 2).ndim == 2
    assert len(signature(record_of(Own), "i8", "f8").args) == 3


_SCRIPT = """
from tradewind.units.jit import kernel, signature
from tradewind.units.rounding import floor_tick

@kernel(sig=signature("f8", "f8"))
def ticks(price, tick):
    return floor_tick(price, tick)

print(ticks(99.99, 1.0))
"""


def run(script, folder, **changes):
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "TRADEWIND_CACHE": str(folder / "cache"),
        **changes,
    }
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def copy(repository, tmp_path):
    """A copy of the lowest room, its own cache, and a script whose kernel calls into it."""
    for name in ("__init__.py", "errors.py", "units"):
        source, target = repository / "src" / "tradewind" / name, tmp_path / "src" / "tradewind" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    return tmp_path


@compiled_only
def test_an_edited_constant_of_another_file_is_seen(copy):
    script = copy / "script.py"
    assert run(script, copy) == run(script, copy) == "99"
    rounding = copy / "src" / "tradewind" / "units" / "rounding.py"
    rounding.write_text(rounding.read_text().replace("_NOISE = 4.0 *", "_NOISE = 4.0e14 *"))
    assert run(script, copy) == "100"
    assert len(list((copy / "cache").iterdir())) == 2


@compiled_only
def test_another_processor_has_a_cache_of_its_own(copy):
    script = copy / "script.py"
    run(script, copy)
    run(script, copy, NUMBA_CPU_NAME="generic")
    assert len(list((copy / "cache").iterdir())) == 2


@compiled_only
def test_caches_of_sources_that_are_gone_are_forgotten(copy):
    for number in range(9):
        stale = copy / "cache" / f"stale{number}"
        stale.mkdir(parents=True)
        os.utime(stale, (number, number))
    run(copy / "script.py", copy)
    kept = sorted(each.name for each in (copy / "cache").iterdir() if each.name.startswith("stale"))
    assert kept == ["stale6", "stale7", "stale8"]


def test_the_cache_folder_is_there():
    assert cache_dir().is_dir()
