"""Compile every kernel once: leaves are translated only, drivers are linked with all they reach and optimised.

Numba makes machine code of each function by itself and links it, optimised, into each of its callers, which
optimise it again: a tree of a hundred small functions costs its depth times over (minutes instead of seconds;
docs/concepts/engine.md has the figures). Here a function without an explicit signature is a *leaf*: its
library holds unlinked intermediate code and no machine code. A function with one is a *driver*: its library
links every leaf it reaches, once, and is what the disk cache keeps. A leaf called from Python gets a driver
of its own.

This leans on Numba's internals, as the exact pin of its version allows; tests/unit/units/test_linking.py
guards the behaviour.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from llvmlite.binding import ModuleRef, ValueRef
from numba import njit, types
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typing.templates import Signature

__all__ = ["compile_driver", "declare_leaf"]


_SMALL = 60
"""Instructions up to which the optimiser is left to decide."""
_NAME = re.compile(r'@"?([\w.$]+)')
"""A name of something global in the text of a module."""
_DEFINED_AND_CALLED_ONCE = 2


class _Mute:
    """A code generator seen from a leaf: there is no machine code in which an environment could be set."""

    def __init__(self, codegen: object) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> object:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: object) -> None:
        """Do nothing."""


class _LeafLibrary(JITCodeLibrary):
    """Intermediate code of one function, and the libraries that it calls."""

    @property
    def codegen(self) -> object:
        return _Mute(self._codegen)

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in self._linking_libraries:
            self._reload_init.update(library._reload_init)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


def _wants_inlining(function: ValueRef) -> bool:
    """Tell whether a function is Numba's own, marked hot, or small."""
    if function.name.startswith("_ZN5numba") or any(b"alwaysinline" in a for a in function.attributes):
        return True
    return sum(1 for block in function.blocks for _ in block.instructions) <= _SMALL


def _close(module: ModuleRef, entries: set[str]) -> None:
    """Let nothing but the entries be seen from outside, so that arguments nobody needs are dropped.

    What is called from one place may be merged into it; anything larger that is called from several stays out of
    line, or O3 copies it everywhere.
    """
    mentions = Counter(_NAME.findall(str(module)))
    for function in module.functions:
        if function.is_declaration or function.name in entries:
            continue
        function.linkage = "internal"
        if mentions[function.name] > _DEFINED_AND_CALLED_ONCE and not _wants_inlining(function):
            function.add_function_attribute("noinline")


class _DriverLibrary(JITCodeLibrary):
    """A library that links everything its leaves reach before it is optimised."""

    def finalize(self) -> None:
        self._entries = {f.name for f in self._final_module.functions if not f.is_declaration}
        self._linking_libraries = _reached(self._linking_libraries)
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Optimise once, without vectorising: loops here run over one account or ten instruments, not over arrays."""
        _close(self._final_module, self._entries)
        passes, builder = self._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False)
        with self._recorded_timings.record("Module passes", builder):
            passes.run(self._final_module, builder)


def _reached(libraries: list[JITCodeLibrary]) -> list[JITCodeLibrary]:
    """Return each library reachable through leaves once, callers before callees.

    The order matters: the linker drops a function that nothing linked so far refers to.
    """
    done: dict[int, JITCodeLibrary] = {}

    def visit(library: JITCodeLibrary) -> None:
        if id(library) not in done:
            if isinstance(library, _LeafLibrary):
                for callee in library._linking_libraries:
                    visit(callee)
            done[id(library)] = library

    for library in libraries:
        visit(library)
    return list(reversed(done.values()))


@contextmanager
def _libraries_are(kind: type[JITCodeLibrary]) -> Iterator[None]:
    """Let functions compiled inside have libraries of one kind."""
    codegen = cpu_target.target_context.codegen()
    with global_compiler_lock:
        before = codegen._library_class
        codegen._library_class = kind
        try:
            yield
        finally:
            codegen._library_class = before


class _Leaf(CPUDispatcher):
    """A function that other compiled functions call: compiled once per types, never again per literal value."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        plain = tuple(types.unliteral(argument) for argument in args)
        return super().get_call_template(plain, {name: types.unliteral(kws[name]) for name in kws})

    def compile(self, sig: Any) -> Any:
        with _libraries_are(_LeafLibrary):
            return super().compile(sig)

    def __call__(self, *args: object) -> object:
        return self.standalone(*args)

    @cached_property
    def standalone(self) -> Callable[..., object]:
        """The same function as a driver, for callers in Python."""
        options = {
            k: v for k, v in self.targetoptions.items() if not k.startswith("no_c") and k != "nopython"
        }
        alone: Callable[..., object] = _driver(self.py_func, options)
        return alone


class _Shelf(FunctionCache):
    """A disk cache that hands out machine code without first loading what only a compilation needs."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class _Driver(CPUDispatcher):
    """A function that Python, or a first-class call, enters."""

    def enable_caching(self) -> None:
        self._cache = _Shelf(self.py_func)

    def compile(self, sig: Any) -> Any:
        with _libraries_are(_DriverLibrary):
            return super().compile(sig)


def _driver(function: Callable[..., object], options: Mapping[str, object]) -> Dispatcher:
    dispatcher = _Driver(py_func=function, targetoptions={"nopython": True, **options})
    dispatcher.enable_caching()
    return dispatcher


def declare_leaf(function: Callable[..., object], options: Mapping[str, object]) -> Dispatcher:
    """Return a kernel that is compiled for each set of argument types inside whatever driver reaches it."""
    njit(function)  # refuses what is no plain function, with Numba's own words
    wrappers = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return _Leaf(py_func=function, targetoptions={"nopython": True, **wrappers, **options})


def compile_driver(
    function: Callable[..., object], signature: Signature, options: Mapping[str, object]
) -> Dispatcher:
    """Compile a kernel with an explicit signature, or load it from the disk cache."""
    from numba.core import typeinfer

    dispatcher = _driver(function, options)
    with typeinfer.register_dispatcher(dispatcher):
        dispatcher.compile(signature)
        dispatcher.disable_compile()
    return dispatcher
