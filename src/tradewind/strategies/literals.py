"""Numbers written out in a strategy's text that cannot be right: said before anything runs."""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType

from tradewind.engine.diff import CORE_SLOTS
from tradewind.strategies.grammar import Function, Mistake, plain_function, resolve
from tradewind.units.enums import ALL
from tradewind.units.jit import SLOTS

__all__ = ["check_literals", "constant", "impossible"]

_WANTS = "tradewind.strategies.wants"
_FIELDS = frozenset({"slot", "position_side", "qty_lot", "trail_tick"})


def check_literals(function: Function, signals: Sequence[str]) -> Iterator[Mistake]:
    """Yield divisions by a written zero, and wants with a slot, side, quantity or signal that does not exist."""
    local = {
        n.id for n in ast.walk(function.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    names = {name: value for name, value in function.names.items() if name not in local}
    for node in ast.walk(function.node):
        for sentence, hint in _look(node, names, signals):
            yield Mistake(function.file, getattr(node, "lineno", 1), sentence, hint)


def constant(node: ast.expr, names: Mapping[str, object]) -> float | None:
    """Return the number that an expression always is: written out, or a name of the module; None otherwise."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = constant(node.operand, names)
        return None if inner is None else -inner
    value = node.value if isinstance(node, ast.Constant) else resolve(node, names)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def impossible(field: str, value: float) -> tuple[str, str] | None:
    """Return what is wrong with the value of an intent's field, and what to write; None where it may be."""
    if field == "slot" and not 0 <= value < SLOTS - CORE_SLOTS:
        return f"there is no slot {value:g}", f"slots are 0 to {SLOTS - CORE_SLOTS - 1}"
    if field == "position_side" and value not in (0, 1):
        return f"there is no side {value:g}", "write LONG or SHORT"
    if field == "qty_lot" and value < 0 and value != ALL:
        return (
            f"a quantity of {value:g} lots cannot be wanted",
            "quantities count from 0; the side is LONG or SHORT",
        )
    if field == "trail_tick" and value < 0:
        return f"a stop cannot trail {value:g} ticks behind", "write how far behind, above 0"
    return None


def _look(node: ast.AST, names: Mapping[str, object], signals: Sequence[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
        divisor = node.right if isinstance(node, ast.BinOp) else node.value
        if constant(divisor, names) == 0:
            yield "a division by zero", "divide by something else"
    elif isinstance(node, ast.Call):
        called = plain_function(resolve(node.func, names))
        if called is not None and called.__module__ == _WANTS:
            yield from _look_at_want(node, called, names, signals)


def _look_at_want(
    node: ast.Call, called: FunctionType, names: Mapping[str, object], signals: Sequence[str]
) -> Iterator[tuple[str, str]]:
    given = dict(zip(inspect.signature(called).parameters, node.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    values = {name: value for name, each in given.items() if (value := constant(each, names)) is not None}
    for name in _FIELDS & values.keys():
        wrong = None if called.__name__ == "target_net" else impossible(name, values[name])
        if wrong is not None:
            yield wrong
    place = values.get("place")
    if called.__name__ == "record" and place is not None and not 0 <= place < len(signals):
        named = f"SIGNALS names {len(signals)}" if signals else "no SIGNALS are named"
        yield f"signal {place:g} has no name: {named}", 'write  SIGNALS = ("first", "second"), counted from 0'
