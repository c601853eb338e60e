"""The house keeps its sizes, its names and its purity.

What breaks a rule stands in tidy_exceptions.toml, which may only shrink.
"""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tradewind"
FILES = sorted(SOURCE.rglob("*.py"))

FUNCTION_LINES, FUNCTION_LINES_MEDIAN, FUNCTION_LINES_P90 = 70, 10, 35
FILE_LINES, FILE_LINES_P90 = 600, 400
POSITIONAL_PARAMETERS = 6
SCALARS = {"int", "float", "bool", "str"}
PUBLIC_MEMBERS = 15
ROOM_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "core", "misc", "shared"}

# Rooms that must answer the same on the same facts: no clock, no chance, no surroundings, no order of a
# hash, no maths of the system's library.
PURE_ROOMS = ("units", "engine", "signals", "strategies")
# The order of a dict is that of its filling: where a strategy file is read that is the order of the file, and wanted.
READERS_OF_SOURCE = ("units/enums.py", "units/layout.py", "strategies/")
IMPURE_MODULES = {
    *("time", "random", "secrets", "uuid", "numpy.random"),
    *("socket", "subprocess", "threading", "asyncio"),
}
CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter"}
SURROUNDINGS = {"environ", "getenv", "getcwd", "getpid", "cpu_count", "urandom"}
LIBM = {
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "pow", "power", "float_power"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "arcsin", "arccos", "arctan", "arctan2"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "arcsinh", "arccosh", "arctanh"),
    *("erf", "erfc", "gamma", "lgamma", "hypot", "cbrt"),
}
REORDERING = {"sum", "nansum", "dot", "matmul", "einsum", "mean", "std", "var", "cumsum"}
DICT_VIEWS = {"items", "keys", "values"}


@dataclass(frozen=True)
class Breach:
    """One place that breaks one rule: its size where the rule is about size, else how many times it does."""

    rule: str
    place: str
    measure: int

    @property
    def key(self) -> tuple[str, str]:
        return (self.rule, self.place)


def room_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its qualified name."""
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        prefix, node = stack.pop()
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            name = f"{prefix}.{child.name}".lstrip(".") if named else prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, child
            stack.append((name, child))


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its decorators and its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    decorators = [d.func if isinstance(d, ast.Call) else d for d in function.decorator_list]
    return any(isinstance(d, ast.Name) and d.id == "kernel" for d in decorators)


def positional_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count what a caller must put in order.

    A kernel is handed the records of its world one by one, because a record that holds references to others
    does not compile without counting them; together they count as one.
    """
    taken = [a for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
    if not _is_kernel(function):
        return len(taken)
    plain = [a for a in taken if isinstance(a.annotation, ast.Name) and a.annotation.id in SCALARS]
    return len(plain) + (len(plain) < len(taken))


def size_breaches(path: Path, tree: ast.Module) -> Iterator[Breach]:
    lines = len(path.read_text().splitlines())
    if lines > FILE_LINES:
        yield Breach("file-lines", name_of(path), lines)
    for name, function in functions(tree):
        place = f"{name_of(path)}::{name}"
        if length_of(function) > FUNCTION_LINES:
            yield Breach("function-lines", place, length_of(function))
        if positional_of(function) > POSITIONAL_PARAMETERS:
            yield Breach("positional-parameters", place, positional_of(function))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = (m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
            public = [m.name for m in methods if not m.name.startswith("_")]
            if len(public) > PUBLIC_MEMBERS:
                yield Breach("public-members", f"{name_of(path)}::{node.name}", len(public))


def stated_names(tree: ast.Module) -> Iterator[str]:
    """Yield every name that a file gives to something: parameters, variables, fields, functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def name_breaches(path: Path, tree: ast.Module) -> Iterator[Breach]:
    for part in path.relative_to(SOURCE).parts:
        if part.removesuffix(".py") in ROOM_NAMES:
            yield Breach("room-name", name_of(path), 1)
    for name in sorted(set(stated_names(tree))):
        if name.endswith("_ts"):
            yield Breach("unit-missing", f"{name_of(path)}::{name}", 1)
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield Breach("left-undone", f"{name_of(path)}:{number}", 1)


def imported_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _order_of(iterated: ast.expr) -> str | None:
    """Name the order that a loop over this expression follows, if it is that of a set or a dict."""
    if isinstance(iterated, ast.Set | ast.SetComp):
        return "set-order"
    called = iterated.func if isinstance(iterated, ast.Call) else None
    if isinstance(called, ast.Name) and called.id in ("set", "frozenset"):
        return "set-order"
    if isinstance(called, ast.Attribute) and called.attr in DICT_VIEWS:
        return "dict-order"
    return None


def _impure_attribute(node: ast.Attribute) -> str | None:
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    if node.attr in CLOCKS and owner in ("datetime", "date", "time"):
        return "clock"
    if node.attr in SURROUNDINGS and owner == "os":
        return "surroundings"
    if node.attr in LIBM and owner in ("math", "np", "numpy"):
        return "libm"
    if node.attr in REORDERING and owner in ("np", "numpy"):
        return "order-of-sum"
    return None


def _is_whole_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _impurity(node: ast.AST) -> str | None:
    """Name the rule of purity that one node of the syntax tree breaks, if any."""
    modules = imported_modules(node)
    if any(m in IMPURE_MODULES or m.startswith("numpy.random") for m in modules):
        return "impure-module"
    if any(m.startswith(("math.", "numpy.")) and m.rpartition(".")[2] in LIBM for m in modules):
        return "libm"
    if isinstance(node, ast.Attribute):
        return _impure_attribute(node)
    if isinstance(node, ast.For | ast.comprehension):
        return _order_of(node.iter)
    # A whole, written exponent compiles to multiplications; any other goes to the system's pow.
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not _is_whole_number(node.right):
        return None if _is_whole_number(node.left) else "libm"
    if isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel"):
        return (
            "order-of-sum"
            if not (isinstance(node.value, ast.Constant) and node.value.value is False)
            else None
        )
    return None


def purity_breaches(path: Path, tree: ast.Module) -> Iterator[Breach]:
    if room_of(path) not in PURE_ROOMS:
        return
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        rule = _impurity(node)
        if rule:
            counts[rule] = counts.get(rule, 0) + 1
    if name_of(path).startswith(READERS_OF_SOURCE) and "/shipped/" not in name_of(path):
        counts.pop("dict-order", None)
    for rule in sorted(counts):
        yield Breach(rule, name_of(path), counts[rule])


def all_breaches() -> dict[tuple[str, str], Breach]:
    found: dict[tuple[str, str], Breach] = {}
    for path in FILES:
        tree = ast.parse(path.read_text())
        for judge in (size_breaches, name_breaches, purity_breaches):
            found.update({breach.key: breach for breach in judge(path, tree)})
    return found


@pytest.fixture(scope="module")
def breaches() -> dict[tuple[str, str], Breach]:
    return all_breaches()


@pytest.fixture(scope="module")
def exceptions() -> dict[tuple[str, str], dict[str, object]]:
    table = tomllib.loads((Path(__file__).parent / "tidy_exceptions.toml").read_text())
    return {(row["rule"], row["place"]): row for row in table.get("exception", [])}


def test_no_new_breach_of_the_house_rules(breaches, exceptions):
    new = [
        b for key, b in breaches.items() if key not in exceptions or b.measure > exceptions[key]["measure"]
    ]
    assert not new, "\n".join(f"{b.rule}: {b.place} ({b.measure})" for b in new)


def test_no_exception_is_kept_that_is_not_needed(breaches, exceptions):
    stale = [
        key
        for key, row in exceptions.items()
        if key not in breaches or breaches[key].measure < row["measure"]
    ]
    assert not stale, f"tighten or remove in tidy_exceptions.toml: {stale}"


def test_each_exception_says_why(exceptions):
    assert all(len(str(row.get("why", ""))) > 20 for row in exceptions.values())


def test_sizes_of_the_whole_house():
    lengths = sorted(length_of(f) for path in FILES for _, f in functions(ast.parse(path.read_text())))
    files = sorted(len(path.read_text().splitlines()) for path in FILES)
    assert statistics.median(lengths) <= FUNCTION_LINES_MEDIAN
    assert lengths[int(0.9 * len(lengths))] <= FUNCTION_LINES_P90
    assert files[int(0.9 * len(files))] <= FILE_LINES_P90


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("impure-module", "import time"),
        ("impure-module", "from numpy import random"),
        ("clock", "datetime.now()"),
        ("surroundings", "os.environ['A']"),
        ("libm", "math.exp(x)"),
        ("libm", "from math import log"),
        ("libm", "y = x ** 0.5"),
        ("order-of-sum", "np.sum(x)"),
        ("order-of-sum", "njit(parallel=True)(f)"),
        ("dict-order", "for k, v in d.items(): pass"),
        ("set-order", "[x for x in {1, 2}]"),
    ],
)
def test_judge_of_purity_sees_each_kind(rule, code):
    assert rule in {_impurity(node) for node in ast.walk(ast.parse(code))}


@pytest.mark.parametrize(
    "code",
    [
        "y = x ** 2",
        "y = 10 ** n",
        "math.sqrt(x)",
        "math.floor(x)",
        "for k in sorted(d.items()): pass",
        "f(fastmath=False)",
    ],
)
def test_judge_of_purity_lets_exact_things_pass(code):
    assert {_impurity(node) for node in ast.walk(ast.parse(code))} == {None}


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("def f(self, a, b, *, c): pass", 2),
        ("@kernel\ndef f(core: Core, views: Rows[View], at: int, x: float): pass", 3),
        ("@kernel(hot=True)\ndef f(a: int): pass", 1),
        ("def f(core: Core, views: Rows[View]): pass", 2),
    ],
)
def test_records_of_a_kernels_world_count_once(code, count):
    assert [positional_of(f) for _, f in functions(ast.parse(code))] == [count]


def test_judge_of_sizes_counts_without_docstring():
    body = "\n".join(f"    a{i} = {i}" for i in range(FUNCTION_LINES - 1))
    tree = ast.parse(f'def f(self, a, b):\n    """Say\n    more."""\n{body}\n')
    assert [length_of(f) for _, f in functions(tree)] == [FUNCTION_LINES]
