"""From a strategy file to machine code: read it, see what it declares, check it, bind it to the core."""

import ast
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType, SimpleNamespace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tradewind.errors import StrategyError
from tradewind.strategies.declare import Param, pack_params, resolve_params
from tradewind.strategies.grammar import did_you_mean, doors
from tradewind.strategies.layouts import FieldError, memory_layout, params_layout
from tradewind.strategies.source import Source, defined_names, definition_line, read_source, run_source
from tradewind.units.layout import Layout
from tradewind.units.records import FEATURES, FRAMES, PARAMS, SIGNALS
from tradewind.units.time import parse_timeframe

__all__ = [
    "STAGES",
    "CompiledStrategy",
    "DeclaredStrategy",
    "compile_strategy",
    "declare_strategy",
    "load_strategy",
]

_T = TypeVar("_T")
_FEEDS = ("funding", "liquidations", "mark", "open_interest")
STAGES = {
    "decide": ("view", "account", "working", "params", "memory", "intents"),
    "plan": ("account", "instruments", "contexts", "strategy"),
    "scan": ("view", "params", "memory", "bars", "column", "start", "stop"),
}
"""What the core calls, and the arguments it gives."""


@dataclass(frozen=True, slots=True)
class DeclaredStrategy:
    """What a strategy file says of itself; nothing is compiled yet.

    Parameters
    ----------
    params
        Name → declared parameter, in the order of the file.
    memory, plan_memory
        Layout of the strategy's memory per instrument, and once for `plan`; None where it keeps none.
    signals, tags, frames, needs
        Names of recorded values, of tags from 1 on, intervals of coarser bars, feeds wanted.
    kind
        "market" or "limit": how it mostly enters, which decides what can be expected of it on a fair game.
    source_hash
        SHA-256 over the file and the files beside it that it imports.
    """

    name: str
    summary: str
    path: Path
    source: Source
    source_hash: str
    module: ModuleType
    local_modules: Mapping[str, ModuleType]
    params: Mapping[str, Param]
    params_layout: type[Layout]
    memory: type[Layout] | None
    plan_memory: type[Layout] | None
    signals: tuple[str, ...]
    tags: tuple[str, ...]
    frames: tuple[str, ...]
    needs: tuple[str, ...]
    kind: str
    functions: Mapping[str, FunctionType]
    """The author's decide, plan, scan and warmup as plain Python, those that are there."""

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of its features: the first is `view.feature[0]`, and so on."""
        return tuple(need.partition(":")[2] for need in self.needs if need.startswith("feature:"))

    def resolve(self, given: Mapping[str, object]) -> dict[str, float]:
        """Return a checked number for each parameter. Raises StrategyError (`declare.resolve_params`)."""
        return resolve_params(self.name, self.params, given)

    def params_vector(self, given: Mapping[str, object]) -> npt.NDArray[np.float64]:
        """Return the checked parameters as the core wants them, shape (PARAMS,)."""
        return pack_params(self.params, self.resolve(given))

    def warmup_bars(self, given: Mapping[str, object]) -> int:
        """Return how many bars the strategy must have seen before its decisions count; 0 where it says nothing."""
        if "warmup" not in self.functions:
            return 0
        values = _Params(**{k: _plain(self.params[k], v) for k, v in self.resolve(given).items()})
        bars = _call_author(self.source, lambda: self.functions["warmup"](values))
        if isinstance(bars, bool) or not isinstance(bars, int | np.integer) or bars < 0:
            raise self.fault("warmup", f"warmup() returned {bars!r}; it returns a number of bars")
        return int(bars)

    def fault(self, name: str, sentence: str, hint: str = "") -> StrategyError:
        """Return an error at the place where the file defines `name`, or at its first line."""
        return _fault(self.source, sentence, name=name, hint=hint)


@dataclass(frozen=True, slots=True)
class CompiledStrategy(DeclaredStrategy):
    """A strategy whose functions the core can call; None where the file has no such function."""

    decide: Callable[..., int]
    plan: Callable[..., int] | None
    scan: Callable[..., int] | None


def load_strategy(path: Path) -> CompiledStrategy:
    """Read, check and compile a strategy file.

    Raises StrategyError: STRATEGY_LOAD, STRATEGY_LINT, STRATEGY_COMPILE, each with the author's file and
    line.
    """
    return compile_strategy(declare_strategy(path))


def declare_strategy(path: Path) -> DeclaredStrategy:
    """Read a strategy file and run its module level; compile nothing.

    Raises StrategyError (STRATEGY_LOAD, ID_INVALID).
    """
    name = path.stem
    if not (name.isidentifier() and name.isascii() and name == name.lower()):
        raise StrategyError(
            "ID_INVALID", f"{path.name!r} cannot name a strategy", where=str(path), hint="use a-z, 0-9 and _"
        )
    source = read_source(path)
    module, local_modules = _call_author(source, lambda: run_source(source))
    functions = {n: f for n in (*STAGES, "warmup") if isinstance(f := vars(module).get(n), FunctionType)}
    _check_spelling(source)
    _check_functions(source, functions)
    params, layout = _params(source, module)
    return DeclaredStrategy(
        name=name,
        summary=(module.__doc__ or "").strip().partition("\n")[0],
        path=source.main.path,
        source=source,
        source_hash=source.hash,
        module=module,
        local_modules=MappingProxyType(local_modules),
        params=MappingProxyType(params),
        params_layout=layout,
        memory=_memory(source, module, "Memory"),
        plan_memory=_memory(source, module, "PlanMemory"),
        signals=_words(source, module, "SIGNALS", SIGNALS),
        tags=_words(source, module, "TAGS", 1_000),
        frames=_frames(source, module),
        needs=_needs(source, module),
        kind=_kind(source, module),
        functions=MappingProxyType(functions),
    )


def compile_strategy(declared: DeclaredStrategy) -> CompiledStrategy:
    """Check a declared strategy and bind its functions to the core's signatures.

    Raises StrategyError (STRATEGY_LINT, STRATEGY_COMPILE), each with the author's file and line.
    """
    # All four need Numba, which a list of strategies should not wait for.
    from tradewind.strategies.binding import Binding
    from tradewind.strategies.faults import line_numbers
    from tradewind.strategies.lint import check_source, check_types
    from tradewind.strategies.translate import translated

    binding = Binding(declared)
    if binding.is_new:
        check_source(declared)
    with translated(declared), line_numbers():
        if binding.is_new:
            check_types(declared, binding.modules)
        stages = binding.bind()
    base = {field.name: getattr(declared, field.name) for field in fields(DeclaredStrategy)}
    return CompiledStrategy(**base, decide=stages["decide"], plan=stages.get("plan"), scan=stages.get("scan"))


def _params(source: Source, module: ModuleType) -> tuple[dict[str, Param], type[Layout]]:
    declared = vars(module).get("Params")
    if declared is None:
        return {}, params_layout({})
    if not isinstance(declared, type):
        raise _fault(source, "Params is a class that lists the parameters", name="Params", hint=_PARAMS_HINT)
    params: dict[str, Param] = {}
    for name in vars(declared).get("__annotations__", {}):
        if name not in vars(declared):
            raise _fault(source, f"parameter '{name}' has no range", name=f"Params.{name}", hint=_PARAMS_HINT)
    for name, value in vars(declared).items():
        if name.startswith("__"):
            continue
        if not isinstance(value, Param):
            raise _fault(source, f"parameter '{name}' has no range", name=f"Params.{name}", hint=_PARAMS_HINT)
        params[name] = value
    if len(params) > PARAMS:
        raise _fault(
            source, f"{len(params)} parameters are declared; there is room for {PARAMS}", name="Params"
        )
    return params, _layout(source, "Params", lambda: params_layout(params))


_PARAMS_HINT = "write  name = Whole(default, low, high)  or Number(...), Choice(...), Flag(...)"


def _memory(source: Source, module: ModuleType, name: str) -> type[Layout] | None:
    declared = vars(module).get(name)
    if declared is None:
        return None
    if not isinstance(declared, type):
        raise _fault(
            source,
            f"{name} is a class that names its fields",
            name=name,
            hint="write  class Memory:  bars: int",
        )
    return _layout(source, name, lambda: memory_layout(declared, vars(module)))


def _layout(source: Source, name: str, build: Callable[[], type[Layout]]) -> type[Layout]:
    try:
        return build()
    except FieldError as fault:
        field = fault.field
        raise _fault(source, str(fault), name=f"{name}.{field}" if field else name) from None


def _words(source: Source, module: ModuleType, name: str, most: int) -> tuple[str, ...]:
    given = vars(module).get(name, ())
    if not isinstance(given, tuple | list) or not all(isinstance(word, str) and word for word in given):
        raise _fault(
            source, f"{name} is a tuple of words", name=name, hint=f'write  {name} = ("first", "second")'
        )
    if len(given) > most:
        raise _fault(source, f"{name} names {len(given)}, there is room for {most}", name=name)
    return tuple(given)


def _needs(source: Source, module: ModuleType) -> tuple[str, ...]:
    needs = _words(source, module, "NEEDS", 32)
    for need in needs:
        feature = need.startswith("feature:") and len(need) > len("feature:")
        if need not in _FEEDS and not feature:
            guess = did_you_mean(need, _FEEDS)
            hint = f"known: {', '.join(_FEEDS)}, feature:NAME"
            raise _fault(source, f"no feed is called '{need}'{guess}", name="NEEDS", hint=hint)
    if sum(need.startswith("feature:") for need in needs) > FEATURES:
        raise _fault(source, f"NEEDS names more than {FEATURES} features", name="NEEDS")
    return needs


def _kind(source: Source, module: ModuleType) -> str:
    kind = vars(module).get("KIND", "market")
    if kind not in ("market", "limit"):
        raise _fault(
            source, f"KIND is {kind!r}", name="KIND", hint='write  KIND = "market"  or  KIND = "limit"'
        )
    return str(kind)


def _frames(source: Source, module: ModuleType) -> tuple[str, ...]:
    frames = _words(source, module, "FRAMES", FRAMES)
    for frame in frames:
        try:
            parse_timeframe(frame)
        except ValueError as fault:
            raise _fault(source, str(fault), name="FRAMES") from None
    return frames


_READ = (
    *("decide", "plan", "scan", "warmup", "Params", "Memory", "PlanMemory"),
    *("SIGNALS", "TAGS", "FRAMES", "NEEDS", "KIND", "PLAN_PARAMS"),
)
"""The names that are looked for in a strategy file; every one but decide() may be missing."""


def _check_spelling(source: Source) -> None:
    """Refuse a definition that nothing uses and that is nearly called what would have been read."""
    tree = source.main.tree
    defined = {name: node for node in tree.body for name in defined_names(node)}
    used = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    missing = [name for name in _READ if name not in defined]
    for name in (each for each in defined if each not in used and each not in _READ):
        close = get_close_matches(name, missing, 1, 0.75) or [m for m in missing if m.lower() == name.lower()]
        if close:
            raise _fault(
                source,
                f"nothing reads '{name}' (did you mean '{close[0]}'?)",
                name=name,
                hint="correct the name",
            )


def _check_functions(source: Source, functions: Mapping[str, FunctionType]) -> None:
    if "decide" not in functions:
        hint = f"write  def decide({', '.join(STAGES['decide'])}):"
        raise _fault(source, "the file has no decide()", hint=hint)
    for stage, arguments in {**STAGES, "warmup": ("params",)}.items():
        if stage in functions:
            wrong = _wrong_shape(functions[stage], len(arguments))
            if wrong:
                hint = f"write  def {stage}({', '.join(arguments)}):"
                raise _fault(source, f"{stage}() {wrong}", name=stage, hint=hint)


def _wrong_shape(function: FunctionType, arguments: int) -> str:
    """Return what is wrong with the head of a function that the core calls, nothing if all is well."""
    code = function.__code__
    if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR):
        return "is no ordinary function"
    if code.co_argcount != arguments or code.co_kwonlyargcount:
        return f"takes {arguments} argument{'s' if arguments > 1 else ''}"
    return "takes no * arguments" if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) else ""


def _call_author(source: Source, call: Callable[[], _T]) -> _T:
    """Run plain Python of the author's; whatever goes wrong is said with the last line of theirs that ran."""
    try:
        return call()
    except StrategyError:
        raise
    except (Exception, SystemExit) as fault:  # noqa: BLE001  (any mistake of theirs becomes a sentence)
        frames = [each for each in traceback.extract_tb(fault.__traceback__) if source.file_of(each.filename)]
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(source.main.path)
        names = [name for file in source.files for node in file.tree.body for name in defined_names(node)]
        sentence = _said(fault, names)
        raise StrategyError("STRATEGY_LOAD", sentence, where=where, hint="correct the line") from None


def _said(fault: BaseException, names: Iterable[str]) -> str:
    """Return what is wrong in a plain sentence, with the name that was probably meant."""
    if isinstance(fault, ImportError):
        return _said_of_import(fault)
    if isinstance(fault, NameError) and fault.name:
        public = [name for _, each in doors() for name in each]
        return f"unknown name '{fault.name}'{did_you_mean(fault.name, [*names, *public])}"
    if isinstance(fault, AttributeError) and isinstance(fault.obj, _Params):
        return f"params has no field '{fault.name}'{did_you_mean(str(fault.name), vars(fault.obj))}"
    if isinstance(fault, SystemExit):
        return "the file ends the program"
    return str(fault) or type(fault).__name__


def _said_of_import(fault: ImportError) -> str:
    found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(fault))
    if found:
        name, module = found.groups()
        return f"'{module}' has no '{name}'{did_you_mean(name, dir(sys.modules.get(module)))}"
    if isinstance(fault, ModuleNotFoundError):
        return f"there is no module '{fault.name}'"
    return f"the import fails: {fault}"


class _Params(SimpleNamespace):
    """Parameters as `warmup` reads them."""


def _plain(param: Param, value: float) -> float:
    return int(value) if param.whole else value


def _fault(source: Source, sentence: str, *, name: str = "", hint: str = "") -> StrategyError:
    line = definition_line(source.main.tree, name)
    return StrategyError("STRATEGY_LOAD", sentence, where=f"{source.main.path}:{line}", hint=hint)
