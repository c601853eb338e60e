"""Fields that do not exist and writes that are not allowed, found by following records through the text.

A record is followed from the stage's arguments through attributes, rows, assignments, our kernels' return
types and the author's own functions. What cannot be followed is left to the compiler.
"""

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Annotated, get_args, get_origin, get_type_hints

from tradewind.strategies.grammar import Function, Mistake, did_you_mean, plain_function, resolve
from tradewind.strategies.literals import constant, impossible
from tradewind.units.enums import TriggerKind
from tradewind.units.layout import Layout, Rows
from tradewind.units.records import (
    Account,
    Context,
    Core,
    Frame,
    Group,
    Holding,
    Intent,
    Order,
    Strategy,
    View,
    Working,
)

__all__ = ["RowsOf", "check_fields"]


@dataclass(frozen=True, slots=True)
class RowsOf:
    """Rows of one kind of record, or of numbers where the kind is None; length 0 where it is not fixed."""

    kind: "type[Layout] | None"
    length: int = 0


Kind = type[Layout] | RowsOf | None
"""What an expression is: a record, rows, or nothing that can be followed."""

_READ_ONLY: Mapping[type[Layout], str] = {
    View: "view",
    Frame: "view",
    Account: "account",
    Working: "working",
    Holding: "working",
    Order: "working",
    Context: "contexts",
    Core: "the core",
    Group: "the core",
}
_UNUSED = "unused"
"""The field of a record that would have none."""
_PLAN_WRITES = frozenset({"sleep", "wake_ns"})
"""What `plan` may set of its strategy's record."""


def check_fields(
    start: Function,
    arguments: Sequence[Kind],
    own: Mapping[str, type[Layout]],
    known: Mapping[tuple[str, int], Function],
    needs: Sequence[str] = (),
) -> list[Mistake]:
    """Return the mistakes in a function called with these records, and in the author's functions that it calls.

    own: what `Params`, `Memory` and `PlanMemory` make of a vector, by name. needs: feeds that the strategy asks for.
    """
    mistakes: list[Mistake] = []
    waiting: list[tuple[Function, tuple[Kind, ...]]] = [(start, tuple(arguments))]
    seen = []
    while waiting:
        task = waiting.pop()
        if task in seen:
            continue
        seen.append(task)
        walk = _Walk(*task, own, known, needs)
        walk.visit_body()
        mistakes += [mistake for mistake in walk.mistakes if mistake not in mistakes]
        waiting += walk.calls
    return mistakes


class _Walk(ast.NodeVisitor):
    """Follows records through one function, once."""

    def __init__(
        self,
        function: Function,
        arguments: Sequence[Kind],
        own: Mapping[str, type[Layout]],
        known: Mapping[tuple[str, int], Function],
        needs: Sequence[str],
    ) -> None:
        self.mistakes: list[Mistake] = []
        self.calls: list[tuple[Function, tuple[Kind, ...]]] = []
        self._function = function
        self._own = own
        self._known = known
        self._needs = needs
        names = [a.arg for a in (*function.node.args.posonlyargs, *function.node.args.args)]
        self._kinds: dict[str, Kind] = dict(zip(names, arguments, strict=False))

    def visit_body(self) -> None:
        """Look at every statement in the order of the text."""
        for statement in self._function.node.body:
            self.visit(statement)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Remember which records names stand for, and refuse writes to what is only read."""
        self.visit(node.value)
        for target in node.targets:
            self._store(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Treat an annotated assignment as an assignment."""
        if node.value is not None:
            self.visit(node.value)
            self._store(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Refuse += on what is only read."""
        self.visit(node.value)
        self._store(node.target, None)

    def visit_For(self, node: ast.For) -> None:
        """Know what a loop over rows runs through."""
        rows = self.kind(node.iter)
        if isinstance(node.target, ast.Name):
            self._kinds[node.target.id] = rows.kind if isinstance(rows, RowsOf) else None
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Refuse fields that a record does not have."""
        self.visit(node.value)
        owner = self.kind(node.value)
        if isinstance(owner, type) and node.attr not in _hints(owner):
            fields = [name for name in _hints(owner) if name != _UNUSED]
            guess = did_you_mean(node.attr, fields)
            hint = f"fields: {', '.join(fields)}" if fields else self._declare(owner)
            self._say(node, f"{ast.unparse(node.value)} has no field '{node.attr}'{guess}", hint)

    def _declare(self, owner: type[Layout]) -> str:
        """Return how to declare the first field of a strategy's own record."""
        if owner is self._own.get("Params"):
            return "declare it:  class Params:  name = Whole(default, low, high)"
        return "declare it:  class Memory:  name: float"

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Refuse an index into one number, and a written index outside rows of a fixed length."""
        self.generic_visit(node)
        rows, said = self.kind(node.value), ast.unparse(node.value)
        if isinstance(node.slice, ast.Slice):
            return
        if self._is_number(node.value):
            last = ", that of the last bar" if self._is_of_view(node.value) else ""
            hint = "keep older values in Memory: Annotated[Rows[float], 100], or a signal's Window"
            self._say(node, f"'{said}' is one number{last}", hint)
        elif isinstance(rows, type):
            self._say(node, f"'{said}' is a record, not rows", "take one of its fields")
        elif rows is not None and rows.length:
            place = constant(node.slice, self._function.names)
            if place is not None and not -rows.length <= place < rows.length:
                self._say(
                    node,
                    f"'{said}' has {rows.length} rows, no row {place:g}",
                    f"rows are 0 to {rows.length - 1}",
                )

    def _is_of_view(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and self.kind(node.value) in (View, Frame)

    def visit_Call(self, node: ast.Call) -> None:
        """Follow records into the author's own functions, and check what ours are given."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and isinstance(self.kind(node.func.value), type):
            self._say(node, f"{ast.unparse(node.func)} is a field, not a function", "remove the brackets")
        called = plain_function(resolve(node.func, self._function.names))
        if called is None:
            return
        key = (called.__code__.co_filename, called.__code__.co_firstlineno)
        if key in self._known:
            self.calls.append((self._known[key], tuple(self.kind(each) for each in node.args)))
        else:
            self._check_given(node, called)

    def _check_given(self, node: ast.Call, called: FunctionType) -> None:
        """Refuse a record where one of our kernels takes a number, and the other way round."""
        for given, (name, wanted) in zip(node.args, _argument_kinds(called), strict=False):
            kind = self.kind(given)
            if wanted is None:
                self._need_number(given)
            elif isinstance(wanted, type) and self._is_other(given, kind, wanted):
                what = f"{called.__name__}() takes a {wanted.__name__} as '{name}'"
                self._say(given, what, f"name one in Memory:  {name}: {wanted.__name__}")

    def _is_other(self, given: ast.expr, kind: Kind, wanted: type[Layout]) -> bool:
        """Tell whether an argument surely is not the record that is wanted."""
        if isinstance(kind, type):
            return not issubclass(kind, wanted)
        return kind is not None or isinstance(given, ast.Constant) or self._is_number(given)

    def _is_number(self, node: ast.expr) -> bool:
        """Tell whether an expression is a number field of a known record."""
        if not isinstance(node, ast.Attribute):
            return False
        owner = self.kind(node.value)
        return isinstance(owner, type) and node.attr in _hints(owner) and _hints(owner)[node.attr] is None

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Refuse sums of whole records or rows."""
        self._need_number(node.left, node.right)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Refuse `not record`."""
        self._need_number(node.operand)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Refuse comparing whole records or rows."""
        self._need_number(node.left, *node.comparators)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Refuse records as conditions."""
        self._need_number(*node.values)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        """Refuse a record as a condition."""
        self._need_number(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """Refuse a record as a condition."""
        self._need_number(node.test)
        self.generic_visit(node)

    def _need_number(self, *nodes: ast.expr) -> None:
        for node in nodes:
            kind = self.kind(node)
            if kind is not None:
                what = "rows of values" if isinstance(kind, RowsOf) else "a record"
                hint = "take one of them: [i]" if isinstance(kind, RowsOf) else "take one of its fields"
                self._say(node, f"'{ast.unparse(node)}' is {what}, not a number", hint)

    def kind(self, node: ast.expr) -> Kind:
        """Return which record an expression is."""
        if isinstance(node, ast.Name):
            return self._kinds.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.kind(node.value)
            return _hints(owner).get(node.attr) if isinstance(owner, type) else None
        if isinstance(node, ast.Subscript):
            rows = self.kind(node.value)
            return rows.kind if isinstance(rows, RowsOf) else None
        if isinstance(node, ast.Call):
            return self._returned(node)
        if isinstance(node, ast.IfExp):
            return self.kind(node.body)
        return None

    def _returned(self, node: ast.Call) -> Kind:
        if isinstance(node.func, ast.Name) and node.func.id in self._own:
            return self._own[node.func.id]
        called = plain_function(resolve(node.func, self._function.names))
        return _return_kind(called) if called is not None else None

    def _store(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self._kinds[target.id] = self.kind(value) if value is not None else None
        elif isinstance(target, ast.Tuple):
            for each in target.elts:
                self._store(each, None)
        else:
            self.visit(target)
            self._refuse_write(target)
            self._refuse_whole(target)
            self._refuse_impossible(target, value)
            self._need_mark(target, value)
            if value is not None:
                self._need_number(value)

    def _refuse_whole(self, target: ast.expr) -> None:
        """Refuse to put a number where a record or rows stand."""
        kind = self.kind(target)
        said = ast.unparse(target)
        if isinstance(kind, RowsOf):
            self._say(target, f"'{said}' is rows of values, not a number", "set one of them: [i]")
        elif kind is not None:
            hint = "set its fields, or give it to the signal that keeps it"
            self._say(target, f"'{said}' is a {kind.__name__}, not a number", hint)

    def _refuse_impossible(self, target: ast.expr, value: ast.expr | None) -> None:
        """Refuse a slot, side or quantity written into an intent that cannot be."""
        if isinstance(target, ast.Attribute) and value is not None and self.kind(target.value) is Intent:
            given = constant(value, self._function.names)
            wrong = None if given is None else impossible(target.attr, given)
            if wrong is not None:
                self._say(target, *wrong)

    def _need_mark(self, target: ast.expr, value: ast.expr | None) -> None:
        """Refuse a stop on the mark price in a strategy that is told no marks: it would never trigger."""
        if "mark" in self._needs or not isinstance(target, ast.Attribute) or target.attr != "trigger":
            return
        # What cannot be followed, such as a row that an own function returned, is an intent here too.
        if self.kind(target.value) not in (Intent, None):
            return
        given: object = value.value if isinstance(value, ast.Constant) else None
        if isinstance(value, ast.Name | ast.Attribute):
            given = resolve(value, self._function.names)
        if given != TriggerKind.LAST:
            said = "a stop that watches the mark price is never told one"
            self._say(target, said, 'write NEEDS = ("mark",) at the top of the file')

    def _refuse_write(self, target: ast.expr) -> None:
        place = target
        while isinstance(place, ast.Subscript):
            place = place.value
        if not isinstance(place, ast.Attribute):
            return
        owner = self.kind(place.value)
        if not isinstance(owner, type):
            return
        written = "params" if owner is self._own.get("Params") else _READ_ONLY.get(owner)
        if owner is Strategy and place.attr not in _PLAN_WRITES:
            written = "strategy"
        if written:
            hint = "keep what must last in memory, say what is wanted in intents"
            self._say(target, f"a strategy may not write to {written}", hint)

    def _say(self, node: ast.AST, sentence: str, hint: str) -> None:
        line = getattr(node, "lineno", self._function.node.lineno)
        mistake = Mistake(self._function.file, line, sentence, hint)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


_FIELDS: dict[type[Layout], Mapping[str, Kind]] = {}


def _hints(layout: type[Layout]) -> Mapping[str, Kind]:
    """Return the kind of each field of a record."""
    if layout not in _FIELDS:
        hints = get_type_hints(layout, include_extras=True)
        _FIELDS[layout] = {name: _kind_of(hint) for name, hint in hints.items()}
    return _FIELDS[layout]


def _kind_of(hint: object) -> Kind:
    if get_origin(hint) is Annotated:
        inner, length = _kind_of(get_args(hint)[0]), get_args(hint)[1]
        if isinstance(inner, RowsOf) and isinstance(length, int):
            return replace(inner, length=length)
        return inner
    if get_origin(hint) is Rows:
        inner = _kind_of(get_args(hint)[0])
        return RowsOf(inner if isinstance(inner, type) else None)
    return hint if isinstance(hint, type) and issubclass(hint, Layout) else None


def _argument_kinds(function: FunctionType) -> list[tuple[str, Kind]]:
    """Return name and kind of each argument of one of our kernels."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return []
    names = inspect.signature(function).parameters
    return [(name, _kind_of(hints[name])) for name in names if name in hints]


def _return_kind(function: FunctionType) -> Kind:
    try:
        return _kind_of(get_type_hints(function, include_extras=True).get("return"))
    except (NameError, TypeError):
        return None
