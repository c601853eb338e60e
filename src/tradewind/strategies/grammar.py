"""The part of Python that a compiled function may use, checked before the compiler sees it.

The compiler's own messages are hundreds of lines about its inside. Nearly everything it would refuse can be
seen in the syntax tree, and there the author's line is known.
"""

import ast
import builtins
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import BuiltinFunctionType, FunctionType, ModuleType

from tradewind.strategies.flow import endless_loops, unbound_reads
from tradewind.strategies.source import Source, SourceFile

__all__ = [
    "Function",
    "Grammar",
    "Mistake",
    "did_you_mean",
    "doors",
    "functions_of",
    "plain_function",
    "reachable",
]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in an author's file, with what to write instead."""

    file: SourceFile
    line: int
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an author's: its tree, its file and the names it can see."""

    node: ast.FunctionDef
    file: SourceFile
    names: Mapping[str, object]


def plain_function(value: object) -> FunctionType | None:
    """Return the Python function behind a value, compiled or not; None if there is none."""
    inner = getattr(value, "py_func", value)
    return inner if isinstance(inner, FunctionType) else None


def functions_of(source: Source, modules: Mapping[str, ModuleType]) -> dict[tuple[str, int], Function]:
    """Return every top-level function of the author's files by (path, line); `modules` are theirs by path."""
    found = {}
    for file in source.files:
        module = modules.get(str(file.path))
        for node in file.tree.body:
            if isinstance(node, ast.FunctionDef) and module is not None:
                line = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                found[str(file.path), line] = Function(node, file, vars(module))
    return found


def reachable(start: FunctionType, known: Mapping[tuple[str, int], Function]) -> Iterator[Function]:
    """Yield the author's functions that calling `start` may run, itself first."""
    waiting, seen = [_key(start)], set()
    while waiting:
        key = waiting.pop()
        if key in seen or key not in known:
            continue
        seen.add(key)
        yield known[key]
        waiting.extend(reversed([_key(f) for f in _used(known[key])]))


def _key(function: FunctionType) -> tuple[str, int]:
    return function.__code__.co_filename, function.__code__.co_firstlineno


def _used(function: Function) -> Iterator[FunctionType]:
    for node in ast.walk(function.node):
        if isinstance(node, ast.Name | ast.Attribute):
            used = plain_function(resolve(node, function.names))
            if used is not None:
                yield used


_UNKNOWN = object()


def resolve(node: ast.expr, names: Mapping[str, object]) -> object:
    """Return the value of a global name or of an attribute of a module; `_UNKNOWN` for anything else."""
    if isinstance(node, ast.Name):
        return names[node.id] if node.id in names else getattr(builtins, node.id, _UNKNOWN)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, names)
        if isinstance(owner, ModuleType):
            return getattr(owner, node.attr, _UNKNOWN)
    return _UNKNOWN


_BUILTINS = frozenset(
    ("abs", "bool", "divmod", "enumerate", "float", "int", "len", "max", "min", "range", "round", "zip")
)
_MATH = frozenset(
    (
        "ceil",
        "copysign",
        "e",
        "fabs",
        "floor",
        "inf",
        "isfinite",
        "isinf",
        "isnan",
        "nan",
        "pi",
        "sqrt",
        "tau",
        "trunc",
    )
)
_OURS = {"exp": "exp", "log": "log", "pow": "pow_", "tanh": "tanh"}
_OUTSIDE = {
    "time": "the clock: view.ts_ns is the time that is known",
    "datetime": "the clock: view.ts_ns is the time that is known",
    "random": "chance: the same facts must give the same decision",
    "secrets": "chance: the same facts must give the same decision",
    "os": "the machine: what a strategy needs comes as a parameter or a fact",
}
_FORMS: dict[type[ast.AST], tuple[str, str]] = {
    ast.List: ("a list cannot be made here", "keep rows in Memory: Annotated[Rows[float], 100]"),
    ast.ListComp: ("a list cannot be made here", "write a loop over rows in Memory"),
    ast.GeneratorExp: ("a generator cannot be made here", "write a loop"),
    ast.Dict: ("a dict cannot be made here", "name the values as fields of Memory"),
    ast.DictComp: ("a dict cannot be made here", "name the values as fields of Memory"),
    ast.Set: ("a set cannot be made here", "keep rows in Memory: Annotated[Rows[int], 100]"),
    ast.SetComp: ("a set cannot be made here", "keep rows in Memory: Annotated[Rows[int], 100]"),
    ast.JoinedStr: ("an f-string cannot be made here", "record(intents, i, value) writes numbers down"),
    ast.Try: ("try cannot be used here", "test the value before you use it"),
    ast.With: ("with cannot be used here", "a strategy opens nothing"),
    ast.Lambda: ("a lambda cannot be used here", "write a function of its own, beside decide()"),
    ast.ClassDef: ("a class cannot be made here", "write it beside decide()"),
    ast.Yield: ("yield cannot be used here", "return a verdict: SET, HOLD or PULL"),
    ast.YieldFrom: ("yield cannot be used here", "return a verdict: SET, HOLD or PULL"),
    ast.Await: ("await cannot be used here", "a strategy waits for nothing"),
    ast.Import: ("an import belongs at the top of the file", "move it there"),
    ast.ImportFrom: ("an import belongs at the top of the file", "move it there"),
    ast.Global: ("a global cannot be changed here", "keep what must last in Memory"),
    ast.Nonlocal: ("nonlocal cannot be used here", "keep what must last in Memory"),
    ast.Match: ("match cannot be used here", "write if and elif"),
    ast.Delete: ("del cannot be used here", "set the field to 0"),
}


class Grammar(ast.NodeVisitor):
    """Collects what a function may not say. One object per function; `mistakes` is the result."""

    def __init__(self, function: Function, known: Mapping[tuple[str, int], Function]) -> None:
        self.mistakes: list[Mistake] = []
        self._function = function
        self._names = function.names
        self._known = known
        self._locals = {
            node.id for node in ast.walk(function.node) if isinstance(node, ast.Name) and _stored(node)
        }
        arguments = function.node.args
        self._locals |= {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}

    def check(self) -> list[Mistake]:
        """Walk the function's body and return the mistakes in the order of its lines."""
        body = self._function.node.body
        for statement in (
            body[1:] if ast.get_docstring(self._function.node, clean=False) is not None else body
        ):
            self.visit(statement)
        self._check_recursion()
        self._check_flow()
        if self._function.node.name in ("decide", "plan", "scan"):
            self._check_returns()
        return sorted(self.mistakes, key=lambda mistake: mistake.line)

    def _say(self, node: ast.AST, sentence: str, hint: str) -> None:
        line = getattr(node, "lineno", self._function.node.lineno)
        self.mistakes.append(Mistake(self._function.file, line, sentence, hint))

    def generic_visit(self, node: ast.AST) -> None:
        """Refuse the forms that need memory or the interpreter; look into everything else."""
        if type(node) in _FORMS:
            self._say(node, *_FORMS[type(node)])
        else:
            super().generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Refuse a function inside a function."""
        self._say(node, f"'{node.name}' is a function inside a function", "write it beside decide()")

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Look at the value; an annotation is for readers."""
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Refuse text and None."""
        if isinstance(node.value, str | bytes):
            self._say(
                node, f"text {node.value!r} where a number is wanted", "name the cases with whole numbers"
            )
        elif node.value is None:
            self._say(
                node, "there is no None here: every field is a number and begins at 0", "compare with 0"
            )

    def visit_Return(self, node: ast.Return) -> None:
        """Say it once where None is returned."""
        if node.value is not None and _is_none(node.value):
            name = self._function.node.name
            self._say(node, f"{name}() returns nothing here", _VERDICT.get(name, "return a number"))
        else:
            self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        """Refuse slices where only records are at hand."""
        if self._function.node.name not in ("plan", "scan"):
            self._say(node, "a slice cannot be taken here", "write a loop over the index")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Allow an exception with a fixed text."""
        error = node.exc
        fixed = isinstance(error, ast.Call) and all(isinstance(a, ast.Constant) for a in error.args)
        if not (fixed or isinstance(error, ast.Name)):
            self._say(
                node, "raise takes an exception with a fixed text", 'write  raise ValueError("what is wrong")'
            )

    def visit_Assert(self, node: ast.Assert) -> None:
        """Look at the condition; the message is a fixed text."""
        self.visit(node.test)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Refuse powers but of two constants: the system's pow has other bits on other machines."""
        both = isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant)
        if isinstance(node.op, ast.Pow) and not both:
            self._say(node, _BITS.format("'**'"), "write x * x, math.sqrt(x) or pow_(x, n)")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Refuse **= as **."""
        if isinstance(node.op, ast.Pow):
            self._say(node, _BITS.format("'**='"), "write x * x, math.sqrt(x) or pow_(x, n)")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Say it once where something is compared with None."""
        if any(_is_none(each) for each in (node.left, *node.comparators)):
            self._say(node, "nothing is None here: every field is a number and begins at 0", "compare with 0")
            return
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Refuse names that nothing has, and values that cannot be compiled."""
        if node.id in self._locals or _stored(node):
            return
        value = resolve(node, self._names)
        if value is _UNKNOWN:
            self._say(node, *self._unknown_name(node.id))
        else:
            self._check_value(node, node.id, value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Judge an attribute of a module by what it is; look into any other."""
        owner = resolve(node.value, self._names) if self._root(node) not in self._locals else _UNKNOWN
        if not isinstance(owner, ModuleType):
            self.generic_visit(node)
            return
        value = getattr(owner, node.attr, _UNKNOWN)
        name = f"{ast.unparse(node.value)}.{node.attr}"
        if value is _UNKNOWN:
            self._say(node, f"{name} does not exist{did_you_mean(node.attr, dir(owner))}", "correct the name")
        else:
            self._check_value(node, name, value)

    def visit_Call(self, node: ast.Call) -> None:
        """Check the number of arguments of functions whose signature is known, then look inside."""
        local = isinstance(node.func, ast.Name) and node.func.id in self._locals
        called = _UNKNOWN if local else resolve(node.func, self._names)
        function = plain_function(called)
        if function is not None:
            self._check_arguments(node, function)
        self.generic_visit(node)

    def _check_arguments(self, node: ast.Call, function: FunctionType) -> None:
        if any(isinstance(each, ast.Starred) for each in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            self._say(node, "arguments cannot be unpacked with * here", "write each argument")
            return
        signature = inspect.signature(function)
        unknown = [k for k in node.keywords if k.arg and k.arg not in signature.parameters]
        if unknown:
            guess = did_you_mean(str(unknown[0].arg), signature.parameters)
            takes = f"it takes {', '.join(signature.parameters)}"
            self._say(node, f"{function.__name__}() has no argument '{unknown[0].arg}'{guess}", takes)
            return
        try:
            signature.bind(*node.args, **{k.arg: k.value for k in node.keywords if k.arg})
        except TypeError:
            takes = ", ".join(
                name if each.default is each.empty else f"{name}={each.default}"
                for name, each in signature.parameters.items()
            )
            given = len(node.args) + len(node.keywords)
            self._say(
                node,
                f"{function.__name__}({takes}) is called with {_count(given)}",
                "give the arguments it takes",
            )

    def _check_value(self, node: ast.expr, name: str, value: object) -> None:
        """Judge a global: numbers, tuples of numbers, our kernels and the author's functions pass."""
        if _is_number(value) or (isinstance(value, type) and issubclass(value, BaseException)):
            return
        if isinstance(value, type) and name in ("Params", "Memory", "PlanMemory", *_BUILTINS):
            return
        if isinstance(value, ModuleType):
            self._say(node, f"'{name}' is a module, not a number", f"name what you want of it: {name}.…")
        elif isinstance(value, str | bytes):
            self._say(node, f"'{name}' is text where a number is wanted", "name the cases with whole numbers")
        elif isinstance(value, list | dict | set):
            self._say(
                node,
                f"'{name}' is a {type(value).__name__}, which cannot be read here",
                "make it a tuple of numbers",
            )
        elif not self._is_compilable(value):
            self._say(node, *self._refused(name, value))

    def _is_compilable(self, value: object) -> bool:
        function = plain_function(value)
        if function is None:
            return (
                isinstance(value, BuiltinFunctionType)
                and _home(value) in ("builtins", "math")
                and _is_allowed(value)
            )
        return (
            hasattr(value, "py_func")
            or _home(function).startswith("tradewind.")
            or _key(function) in self._known
        )

    def _refused(self, name: str, value: object) -> tuple[str, str]:
        home = _home(value).partition(".")[0]
        short = name.rpartition(".")[2]
        if home == "math":
            ours = _OURS.get(short)
            return _BITS.format(f"'{name}'"), (
                f"from tradewind.strategies import {ours}" if ours else "use + - * /, math.sqrt or a signal"
            )
        if home in _OUTSIDE:
            return f"'{name}' asks {_OUTSIDE[home]}", "remove it"
        if home == "numpy":
            return (
                f"'{name}' cannot be used here: it makes arrays or has other bits",
                "use math.*, a signal, or rows in Memory",
            )
        if home == "builtins":
            return f"{name}() cannot be called here", _BUILTIN_HINTS.get(
                name, "use numbers, signals and your own functions"
            )
        return (
            f"'{name}' cannot be compiled",
            "allowed: math, tradewind.signals, tradewind.strategies, your own functions",
        )

    def _unknown_name(self, name: str) -> tuple[str, str]:
        for module, public in doors():
            if name in public:
                return f"'{name}' is not imported", f"from {module} import {name}"
        known = [*self._locals, *(n for n in self._names if not n.startswith("__"))]
        public_names = [each for _, public in doors() for each in public]
        return (
            f"unknown name '{name}'{did_you_mean(name, [*known, *public_names])}",
            "define it, or correct the name",
        )

    def _root(self, node: ast.expr) -> str:
        while isinstance(node, ast.Attribute):
            node = node.value
        return node.id if isinstance(node, ast.Name) else ""

    def _check_recursion(self) -> None:
        for node in ast.walk(self._function.node):
            if isinstance(node, ast.Call):
                called = plain_function(resolve(node.func, self._names))
                if called is not None and self._function in list(reachable(called, self._known)):
                    self._say(node, f"'{self._function.node.name}' calls itself", "write a loop")
                    return

    def _check_flow(self) -> None:
        for name in unbound_reads(self._function.node):
            self._say(name, f"'{name.id}' may have no value yet", "give it one on every path that leads here")
        for loop in endless_loops(self._function.node):
            self._say(loop, "this loop never ends", "give it an end: break, return or a condition")

    def _check_returns(self) -> None:
        node = self._function.node
        for each in ast.walk(node):
            if isinstance(each, ast.Return) and each.value is None:
                self._say(each, f"{node.name}() returns nothing here", _VERDICT[node.name])
        if not _always_leaves(node.body):
            self._say(node.body[-1], f"{node.name}() can end without a return", _VERDICT[node.name])


_BITS = "{} gives other bits on other machines"
_VERDICT = {
    "decide": "return a verdict: SET, HOLD or PULL",
    "plan": "return a verdict: SET, HOLD or PULL",
    "scan": "return the bar at which decide() must be asked",
}
_BUILTIN_HINTS = {
    "print": "record(intents, i, value) writes numbers down",
    "sum": "write a loop: the order of a sum decides its last bit",
    "sorted": "keep rows in order in Memory",
    "list": "keep rows in Memory: Annotated[Rows[float], 100]",
    "dict": "name the values as fields of Memory",
    "set": "keep rows in Memory: Annotated[Rows[int], 100]",
    "str": "there is no text here",
    "pow": "from tradewind.strategies import pow_",
    "open": "what a strategy needs comes as a parameter or a fact",
}


def doors() -> list[tuple[str, list[str]]]:
    """Return the two modules that authors import from, with their public names."""
    import tradewind.signals
    import tradewind.strategies

    return [
        ("tradewind.signals", tradewind.signals.__all__),
        ("tradewind.strategies", tradewind.strategies.__all__),
        ("math", ["math"]),
    ]


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_number(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_number(each) for each in value)
    return isinstance(value, bool | int | float) or (
        hasattr(value, "dtype") and getattr(value, "shape", None) == ()
    )


def _home(value: object) -> str:
    """Return the module that a function belongs to, also where it is a method of something hidden in there."""
    owner = getattr(value, "__self__", None)
    if getattr(value, "__module__", None) is None and owner is not None:
        return owner.__name__ if isinstance(owner, ModuleType) else type(owner).__module__
    return str(getattr(value, "__module__", None) or type(value).__module__)


def _is_allowed(value: Callable[..., object]) -> bool:
    return value.__name__ in (_MATH if _home(value) == "math" else _BUILTINS)


def _count(given: int) -> str:
    return "1 argument" if given == 1 else f"{given or 'no'} arguments"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" where a known name is close, else nothing."""
    close = get_close_matches(name, list(known), 1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _always_leaves(body: list[ast.stmt]) -> bool:
    """Tell whether a block cannot be left at its end."""
    last = body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and _always_leaves(last.body) and _always_leaves(last.orelse)
    if isinstance(last, ast.While):
        endless = isinstance(last.test, ast.Constant) and bool(last.test.value)
        return endless and not any(isinstance(node, ast.Break) for node in ast.walk(last))
    return False
