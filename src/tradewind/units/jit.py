"""The one door to Numba: options, typed overlays, and a cache that cannot serve machine code of older sources.

Numba keys a cached function on the content of its own file only: a changed constant in another module would
run the old machine code in silence. The cache folder is therefore named by a hash of every source that can
reach a kernel, the versions of the compiler and the switches that change its output
(docs/concepts/engine.md).
"""

import errno
import hashlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast, overload

import llvmlite
import numba
import numpy as np
from numba import from_dtype, types
from numba.core import cgutils, config
from numba.core.errors import NumbaExperimentalFeatureWarning
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from platformdirs import user_cache_path

from tradewind.units.layout import Layout, dtype_of, named
from tradewind.units.linking import compile_driver, declare_leaf

__all__ = [
    "PLAIN",
    "SLOTS",
    "address_of",
    "allocate",
    "array_of",
    "cache_dir",
    "caller",
    "kernel",
    "overlay",
    "record_of",
    "signature",
]

# First-class functions are what lets one engine serve every strategy; their signatures are explicit and tested.
warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_L = TypeVar("_L", bound=Layout)

PLAIN = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]
"""True when the kernels run as ordinary Python, under a debugger (NUMBA_DISABLE_JIT=1)."""

SLOTS = int(os.environ.get("TRADEWIND_SLOTS", "64"))
"""Places for orders in one context: 64, or 256 for very long ladders. The last four belong to the core."""

_ROOMS = ("units", "engine", "signals", "strategies")
_SWITCHES = ("TRADEWIND_SLOTS", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_OPT")
_KEPT_CACHES = 4
_PAGED = 1 << 20
"""Bytes from which records are fresh pages instead of memory that must be cleared first."""


def _sources() -> Iterable[Path]:
    root = Path(__file__).resolve().parent.parent
    for room in _ROOMS:
        yield from sorted((root / room).rglob("*.py"))


def _cache_key() -> str:
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, np.__version__)
    switches = tuple(os.environ.get(name, "") for name in _SWITCHES)
    digest.update(repr((versions, switches)).encode())
    return digest.hexdigest()[:16]


def _cache_root() -> Path:
    given = os.environ.get("TRADEWIND_CACHE")
    return Path(given) if given else user_cache_path("tradewind") / "kernels"


def _forget_old_caches(root: Path, current: Path) -> None:
    """Keep the newest few cache folders; the others belong to sources that no longer exist."""
    found = sorted(
        (p for p in root.iterdir() if p.is_dir() and p != current),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    for stale in found[_KEPT_CACHES - 1 :]:
        shutil.rmtree(stale, ignore_errors=True)


def _open_cache() -> Path:
    root = _cache_root()
    current = root / _cache_key()
    if not current.is_dir():
        try:
            current.mkdir(parents=True, exist_ok=True)
        except OSError as refused:
            # Whatever stands in the way, it is a place that we may not use; a missing file elsewhere is another matter.
            raise PermissionError(errno.EACCES, refused.strerror, str(current)) from refused
        _forget_old_caches(root, current)
    config.CACHE_DIR = str(current)  # type: ignore[attr-defined]
    return current


_CACHE = _open_cache()


def cache_dir() -> Path:
    """Return the folder in which this process keeps its machine code and its generated modules."""
    return _CACHE


@overload
def kernel(fn: Callable[_P, _R]) -> Callable[_P, _R]: ...
@overload
def kernel(
    fn: None = None, *, sig: Signature | None = None, hot: bool = False, checked: bool = False
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...
def kernel(
    fn: Callable[_P, _R] | None = None,
    *,
    sig: Signature | None = None,
    hot: bool = False,
    checked: bool = False,
) -> Callable[_P, _R] | Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Compile a function of the portable subset (docs/concepts/engine.md).

    sig: explicit signature, or None to compile lazily. hot: force inlining (leaves of the per-bar path only).
    checked: bounds checks on (always for what users write). Reference counting is off, so that an allocation
    is a compile error; no fastmath; errors raise as in Python.
    """
    # Every option is stated: Numba lets a callee inherit from the caller that happens to compile it first.
    options: dict[str, object] = {
        "_nrt": False,
        "fastmath": False,
        "nogil": True,
        "error_model": "python",
        "forceinline": hot,
        "boundscheck": checked,
    }

    def compile_(function: Callable[_P, _R]) -> Callable[_P, _R]:
        if PLAIN:
            return function
        made = declare_leaf(function, options) if sig is None else compile_driver(function, sig, options)
        return cast("Callable[_P, _R]", made)

    return compile_ if fn is None else compile_(fn)


def record_of(layout: type[Layout]) -> types.Record:
    """Return the Numba type of one record of a layout."""
    return cast("types.Record", from_dtype(dtype_of(layout)))


def array_of(layout: type[Layout] | str, dimensions: int = 1) -> types.Array:
    """Return the Numba type of a C-contiguous array of records, or of cells given as "i8" or "f8"."""
    element = (
        {"i8": types.int64, "f8": types.float64}[layout] if isinstance(layout, str) else record_of(layout)
    )
    return types.Array(element, dimensions, "C")


def signature(*arguments: object) -> Signature:
    """Return the signature of a kernel from these types ("i8", "f8": scalars) to an integer."""
    cells = {"i8": types.int64, "f8": types.float64}
    return types.int64(*(cells[a] if isinstance(a, str) else a for a in arguments))


_CALLABLES: list[Callable[..., int]] = []
"""Functions by their "address" where nothing is compiled."""


def address_of(function: Callable[..., int] | None) -> int:
    """Return the address of a driver kernel's machine code, good while the kernel lives; 0 for None."""
    if function is None:
        return 0
    if PLAIN:
        if function not in _CALLABLES:
            _CALLABLES.append(function)
        return _CALLABLES.index(function) + 1
    return _machine_address(function)


@cache
def _machine_address(driver: Callable[..., int]) -> int:
    (compiled,) = driver.overloads.values()  # type: ignore[attr-defined]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def caller(sig: Signature) -> Callable[..., int]:
    """Return a kernel `call(address, *arguments)` that enters a function of this signature; what it raises travels on.

    Cheaper than Numba's first-class functions: nothing is unboxed when a driver is entered from Python, and
    one driver serves any number of functions.
    """
    return _plain_call if PLAIN else _compiled_call(sig)


def _plain_call(address: int, *arguments: object) -> int:
    return _CALLABLES[address - 1](*arguments)


def _compiled_call(sig: Signature) -> Callable[..., int]:
    @intrinsic
    def call(typingctx, address, *arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN202
        def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            entry = context.call_conv.get_function_type(sig.return_type, sig.args).as_pointer()
            function = builder.inttoptr(values[0], entry)
            given = [builder.extract_value(values[1], i) for i in range(len(sig.args))]
            status, result = context.call_conv.call_function(
                builder, function, sig.return_type, sig.args, given
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return sig.return_type(address, types.StarArgTuple(sig.args)), codegen

    return cast("Callable[..., int]", call)


def allocate(layout: type[Layout], rows: int = 1) -> np.ndarray:
    """Return `rows` zeroed records of a layout, readable by attribute when nothing is compiled.

    Large ones are fresh pages, which cost nothing until they are touched: most logs and rings stay short.
    """
    dtype = named(dtype_of(layout)) if PLAIN else dtype_of(layout)
    size = rows * dtype.itemsize
    if size < _PAGED:
        return np.zeros(rows, dtype)
    return np.frombuffer(mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS), dtype, rows)


def overlay(layout: type[_L], cells: int) -> Callable[[Layout], _L]:
    """Return a cast that reads a flat vector record of `cells` doubles as the record `layout`, at no cost.

    Raises ValueError if the layout does not fit.
    """
    dtype = dtype_of(layout)
    if dtype.itemsize > 8 * cells:
        raise ValueError(f"{layout.__name__} needs {dtype.itemsize // 8} cells, there are {cells}")
    return _plain_overlay(dtype) if PLAIN else _compiled_overlay(dtype)


def _plain_overlay(dtype: np.dtype[np.void]) -> Callable[[Layout], Any]:
    twin, used = named(dtype), dtype.itemsize // 8

    def read(vector: Layout) -> object:
        return vector["v"][:used].view(twin)[0]  # type: ignore[index]

    return read


def _compiled_overlay(dtype: np.dtype[np.void]) -> Callable[[Layout], Any]:
    target = from_dtype(dtype)

    @intrinsic
    def read(typingctx, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(vector), codegen

    return cast("Callable[[Layout], Any]", read)
