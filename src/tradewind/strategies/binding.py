"""An author's functions as machine code: compiled leaves in their own files, entered through a generated one.

The generated file lies in the cache folder and its name carries a hash of the author's sources: Numba's disk
cache looks only at the file of the function it keeps, and would otherwise serve machine code of an older
local import. That the file is there says that the lint has passed.
"""

import hashlib
import linecache
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, cast

from tradewind.engine.contract import DECIDE, PLAN, SCAN
from tradewind.strategies.layouts import NoMemory
from tradewind.strategies.source import run_source
from tradewind.units.jit import PLAIN, cache_dir, kernel, overlay
from tradewind.units.records import MEMORY, PARAMS

if TYPE_CHECKING:
    from tradewind.strategies.load import DeclaredStrategy

__all__ = ["Binding"]

_SIGNATURES = {"decide": DECIDE, "plan": PLAN, "scan": SCAN}
_ENTRIES = {
    "decide": (
        "view, account, working, params, memory, intents",
        "decide(view, account, working, Params(params), Memory(memory), intents)",
    ),
    "plan": ("account, instruments, contexts, strategy", "plan(account, instruments, contexts, strategy)"),
    "scan": (
        "view, params, memory, bars, column, start, stop",
        "scan(view, Params(params), Memory(memory), bars, column, start, stop)",
    ),
}
_KEPT_ENTRIES = 4
"""Generated files kept per strategy: the newest versions of its text."""


class Binding:
    """A second run of the author's files, in which compiled functions stand where the plain ones stood.

    Attributes
    ----------
    modules
        The author's modules by path, their own file first.
    is_new
        True until this text has passed the lint once.
    """

    def __init__(self, declared: "DeclaredStrategy") -> None:
        self._declared = declared
        path_hash = hashlib.sha256(str(declared.path).encode()).hexdigest()[:8]
        self._family = f"{declared.name}_{path_hash}_"
        self._stem = f"{self._family}{declared.source_hash[:16]}"
        self._entry = cache_dir() / "strategies" / f"{self._stem}.py"
        self.is_new = PLAIN or not self._entry.is_file()
        self.modules = self._compiled_modules()

    def bind(self) -> dict[str, Callable[..., int]]:
        """Compile each stage behind the core's signature, or load it from the disk cache."""
        if not self._entry.is_file():
            self._write_entry()
        main = self.modules[str(self._declared.path)]
        entry = self._importable(ModuleType("entry"), self._entry)
        names = vars(entry)
        names.update({name: value for name, value in vars(main).items() if not name.startswith("__")})
        linecache.checkcache(str(self._entry))
        exec(compile(self._entry.read_text(), str(self._entry), "exec"), names)  # noqa: S102
        stages = [stage for stage in _SIGNATURES if stage in self._declared.functions]
        return {stage: self._driver(stage, names[f"{stage}_entry"]) for stage in stages}

    def _driver(self, stage: str, function: object) -> Callable[..., int]:
        return kernel(sig=_SIGNATURES[stage], checked=True)(cast("Callable[..., int]", function))

    def _compiled_modules(self) -> dict[str, ModuleType]:
        declared = self._declared
        main, local = run_source(declared.source)
        modules = {str(module.__file__): module for module in (main, *local.values())}
        kernels: dict[FunctionType, Callable[..., object]] = {}
        for path, module in modules.items():
            self._importable(module, Path(path))
            for name, value in list(vars(module).items()):
                if isinstance(value, FunctionType) and value.__code__.co_filename in modules:
                    if value not in kernels:
                        kernels[value] = kernel(checked=True, hot=True)(cast("Callable[..., object]", value))
                    vars(module)[name] = kernels[value]
        for path, module in modules.items():
            for value in kernels:
                if value.__code__.co_filename == path:
                    value.__module__ = module.__name__
        casts = {"Params": overlay(declared.params_layout, PARAMS)}
        casts["Memory"] = overlay(declared.memory or NoMemory, MEMORY)
        if declared.plan_memory is not None:
            casts["PlanMemory"] = overlay(declared.plan_memory, MEMORY)
        vars(main).update(casts)
        return modules

    def _importable(self, module: ModuleType, path: Path) -> ModuleType:
        """Give a module a name of its own and keep it importable: the disk cache asks for it by name."""
        place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
        module.__name__ = f"tradewind_user_{self._stem}_{path.stem}_{place}"
        module.__file__ = str(path)
        sys.modules[module.__name__] = module
        return module

    def _write_entry(self) -> None:
        lines = [f'"""Written by tradewind around {self._declared.path.name}; safe to delete."""', ""]
        for stage, (arguments, call) in _ENTRIES.items():
            if stage in self._declared.functions:
                lines += ["", f"def {stage}_entry({arguments}):", f"    return {call}", ""]
        folder = self._entry.parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".", delete=False) as part:
            part.write("\n".join(lines))
        Path(part.name).replace(self._entry)
        self._forget_older()

    def _forget_older(self) -> None:
        """Drop generated files and machine code of all but the newest versions of this strategy."""
        found = sorted(
            self._entry.parent.glob(f"{self._family}*.py"), key=lambda p: p.stat().st_mtime, reverse=True
        )
        for stale in found[_KEPT_ENTRIES:]:
            for file in (stale, *cache_dir().rglob(f"{stale.stem}.*")):
                file.unlink(missing_ok=True)
