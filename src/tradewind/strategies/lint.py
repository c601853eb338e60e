"""Everything that is looked at before a strategy is compiled.

`check_source` reads the text (grammar, fields). `check_types` runs the compiler's own type inference and
looks at every store: a float into a whole number would be cut off in silence, and a write to what is only
read would change the account under everyone else.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

from numba import types
from numba.core import compiler as numba_compiler
from numba.core import compiler_machinery, ir
from numba.core.registry import cpu_target

from tradewind.engine.contract import PLAN, SCAN
from tradewind.errors import StrategyError
from tradewind.strategies.fields import Kind, RowsOf, check_fields
from tradewind.strategies.grammar import Grammar, Mistake, functions_of, plain_function, reachable
from tradewind.strategies.layouts import NoMemory
from tradewind.strategies.literals import check_literals
from tradewind.strategies.source import definition_line
from tradewind.units.jit import PLAIN, record_of
from tradewind.units.layout import Layout
from tradewind.units.records import Account, Context, Intents, Strategy, View, Working

if TYPE_CHECKING:
    from tradewind.strategies.load import DeclaredStrategy

# Numba has no types of its own; nothing of it leaves this file.
_compiler: Any = numba_compiler
_machinery: Any = compiler_machinery

__all__ = ["check_source", "check_types", "strategy_error"]


def check_source(declared: "DeclaredStrategy") -> None:
    """Read the author's functions.

    Raises StrategyError (STRATEGY_LINT) with every mistake found, in the order of the lines.
    """
    known = functions_of(declared.source, _modules(declared))
    mistakes: list[Mistake] = []
    for stage in _stages(declared):
        start = declared.functions[stage]
        called = list(reachable(start, known))
        for function in called:
            found = [*Grammar(function, known).check(), *check_literals(function, declared.signals)]
            mistakes += [m for m in found if m not in mistakes]
        for mistake in check_fields(
            called[0], _arguments(declared, stage), _own(declared), known, declared.needs
        ):
            if mistake not in mistakes:
                mistakes.append(mistake)
    _raise("STRATEGY_LINT", mistakes)


def check_types(declared: "DeclaredStrategy", modules: Mapping[str, ModuleType]) -> None:
    """Infer the types of each stage and of the author's functions it calls, and look at every store and result.

    modules: the author's modules by path, in which compiled functions stand. Raises StrategyError
    (STRATEGY_LINT); what the compiler itself refuses comes out as it is, for `translate`.
    """
    if PLAIN:
        return
    known = functions_of(declared.source, modules)
    mistakes: list[Mistake] = []
    for stage in _stages(declared):
        start = _author_function(vars(modules[str(declared.path)])[stage])
        mistakes += _typed_mistakes(declared, start, _stage_types(declared, stage))
        mistakes += _typed_result(declared, start, stage)
        for function in list(reachable(start, known))[1:]:
            dispatcher = function.names[function.node.name]
            for signature in getattr(dispatcher, "signatures", ()):
                mistakes += _typed_mistakes(declared, _author_function(dispatcher), signature)
    _raise("STRATEGY_LINT", list(dict.fromkeys(mistakes)))


def _author_function(dispatcher: object) -> FunctionType:
    function = plain_function(dispatcher)
    assert function is not None, "an author's compiled function has a plain one behind it"
    return function


def strategy_error(code: str, mistakes: list[Mistake]) -> StrategyError:
    """Return one error for all mistakes: the first, and the others beside it."""
    errors = [StrategyError(code, m.sentence, where=f"{m.file.path}:{m.line}", hint=m.hint) for m in mistakes]
    errors[0].also = tuple(errors[1:])
    return errors[0]


def _raise(code: str, mistakes: list[Mistake]) -> None:
    if mistakes:
        raise strategy_error(code, sorted(mistakes, key=lambda m: (str(m.file.path), m.line)))


def _modules(declared: "DeclaredStrategy") -> dict[str, ModuleType]:
    return {str(m.__file__): m for m in (declared.module, *declared.local_modules.values())}


def _stages(declared: "DeclaredStrategy") -> list[str]:
    return [stage for stage in ("decide", "plan", "scan") if stage in declared.functions]


def _own(declared: "DeclaredStrategy") -> dict[str, type[Layout]]:
    own = {"Params": declared.params_layout, "Memory": declared.memory, "PlanMemory": declared.plan_memory}
    return {name: layout for name, layout in own.items() if layout is not None}


def _arguments(declared: "DeclaredStrategy", stage: str) -> tuple[Kind, ...]:
    params, memory = declared.params_layout, declared.memory or NoMemory
    if stage == "decide":
        return (View, Account, Working, params, memory, Intents)
    if stage == "plan":
        return (Account, RowsOf(View), RowsOf(Context), Strategy)
    return (View, params, memory)


def _stage_types(declared: "DeclaredStrategy", stage: str) -> tuple[types.Type, ...]:
    if stage == "plan":
        return tuple(PLAN.args)
    params, memory = record_of(declared.params_layout), record_of(declared.memory or NoMemory)
    if stage == "scan":
        return (record_of(View), params, memory, *SCAN.args[3:])
    return (record_of(View), record_of(Account), record_of(Working), params, memory, record_of(Intents))


def _typed_mistakes(
    declared: "DeclaredStrategy", function: FunctionType, arguments: Sequence[types.Type]
) -> Iterator[Mistake]:
    """Yield what one function does wrong when it is called with these types."""
    inferred = _infer(function, arguments)
    file = declared.source.file_of(function.__code__.co_filename) or declared.source.main
    for block in inferred.func_ir.blocks.values():
        for statement in block.body:
            for sentence, hint in _look(statement, inferred.typemap, declared):
                yield Mistake(file, statement.loc.line, sentence, hint)


def _look(
    statement: ir.Stmt, typed: Mapping[str, types.Type], declared: "DeclaredStrategy"
) -> Iterator[tuple[str, str]]:
    if isinstance(statement, ir.SetAttr):
        owner = typed[statement.target.name]
        written = _read_only(owner, declared)
        if written:
            yield (
                f"a strategy may not write to {written}",
                "keep what must last in memory, say what is wanted in intents",
            )
        elif isinstance(owner, types.Record):
            yield from _cut_off(statement.attr, owner.typeof(statement.attr), typed[statement.value.name])
    elif isinstance(statement, ir.SetItem | ir.StaticSetItem):
        rows = typed[statement.target.name]
        if isinstance(rows, types.Array):
            yield from _cut_off("the row", rows.dtype, typed[statement.value.name])
    elif (
        isinstance(statement, ir.Assign)
        and isinstance(statement.value, ir.Expr)
        and statement.value.op == "call"
    ):
        yield from _look_at_call(statement.value, typed)


def _look_at_call(call: ir.Expr, typed: Mapping[str, types.Type]) -> Iterator[tuple[str, str]]:
    """Find fractions given to our kernels where they take whole numbers: they would be cut off inside."""
    called = typed[call.func.name]
    function = plain_function(getattr(called, "dispatcher", None))
    if function is None or not function.__module__.startswith("tradewind."):
        return
    hints = get_type_hints(function)
    names = list(hints)
    given = [*zip(names, call.args, strict=False), *call.kws]
    for name, value in given:
        if hints.get(name) is int:
            yield from _cut_off(name, types.int64, typed[value.name])


def _cut_off(name: str, wanted: types.Type, given: types.Type) -> Iterator[tuple[str, str]]:
    if isinstance(wanted, types.Integer) and isinstance(given, types.Float):
        yield f"{_quoted(name)} is a whole number; a fraction would be cut off in silence", _whole_hint(name)


def _quoted(name: str) -> str:
    return name if " " in name else f"'{name}'"


def _whole_hint(name: str) -> str:
    if "tick" in name:
        return "use order_tick(view, price, BUY or SELL), or int()"
    if "lot" in name:
        return "use lots_for(), lots_worth() or int()"
    return "use int(), or declare the field as float"


def _read_only(owner: types.Type, declared: "DeclaredStrategy") -> str:
    for layout, name in (
        (View, "view"),
        (Account, "account"),
        (Working, "working"),
        (declared.params_layout, "params"),
    ):
        if owner == record_of(layout):
            return name
    return ""


def _typed_result(declared: "DeclaredStrategy", function: FunctionType, stage: str) -> Iterator[Mistake]:
    returned = _infer(function, _stage_types(declared, stage)).return_type
    if not isinstance(returned, types.Integer | types.Boolean):
        line = definition_line(declared.source.main.tree, stage)
        said = "returns a fraction" if isinstance(returned, types.Float) else "never returns a verdict"
        yield Mistake(declared.source.main, line, f"{stage}() {said}", "return a verdict: SET, HOLD or PULL")


@_machinery.register_pass(mutates_CFG=False, analysis_only=True)
class _Keep(_machinery.AnalysisPass):  # type: ignore[misc]
    """Ends a compilation after type inference, with its state as the result."""

    _name = "tradewind_keep_types"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: "_Inferred") -> bool:
        state.cr = state
        return False


class _Inferred:
    """What is kept of the compiler's state (for the type checker only)."""

    func_ir: ir.FunctionIR
    typemap: Mapping[str, types.Type]
    return_type: types.Type
    cr: object


class _TypesOnly(_compiler.CompilerBase):  # type: ignore[misc]
    """The compiler's front half: everything up to the types, nothing after."""

    def define_pipelines(self) -> list[object]:
        """Return the one pipeline."""
        manager = _machinery.PassManager("tradewind types")
        untyped = _compiler.DefaultPassBuilder.define_untyped_pipeline(self.state)
        manager.passes.extend(untyped.passes)
        typed = _compiler.DefaultPassBuilder.define_typed_pipeline(self.state)
        manager.passes.extend(each for each in typed.passes if "type_inference" in each[0].name())
        manager.add_pass(_Keep, "keep the types")
        manager.finalize()
        return [manager]


def _infer(function: FunctionType, arguments: Sequence[types.Type]) -> "_Inferred":
    flags = _compiler.Flags()
    flags.nrt = False
    flags.boundscheck = True
    inferred: _Inferred = _compiler.compile_extra(
        cpu_target.typing_context,
        cpu_target.target_context,
        function,
        tuple(arguments),
        None,
        flags,
        {},
        pipeline_class=_TypesOnly,
    )
    return inferred
