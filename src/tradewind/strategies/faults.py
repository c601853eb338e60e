"""What a strategy does wrong while it runs, said in one sentence with its author's file and line.

Machine code knows the line of a `raise` alone. Strategies are therefore compiled with the line of everything
that can fail (`line_numbers`); where one of our kernels fails in its author's hands, `decide` is run once more
as plain Python to see who called it.
"""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core import callconv, ir, lowering

from tradewind.errors import StrategyError
from tradewind.strategies.layouts import NoMemory
from tradewind.units.layout import Layout, dtype_of, named

if TYPE_CHECKING:
    from tradewind.strategies.load import DeclaredStrategy

__all__ = ["Call", "line_numbers", "strategy_fault"]

Call = Sequence[np.void]
"""What `decide` is called with: view, account, working, params, memory, intents."""

_ROOT = Path(__file__).resolve().parent.parent
_LENT = tuple(str(_ROOT / room) for room in ("strategies", "signals"))
"""Where our kernels lie that authors call."""
# Numba has no types of its own; nothing of it leaves this file.
_lower: Any = lowering.Lower
_calls: Any = callconv.CPUCallConv


class _Lowering:
    """What is read of the compiler's state (for the type checker only)."""

    loc: object
    func_ir: ir.FunctionIR


@contextmanager
def line_numbers() -> Iterator[None]:
    """Let what is compiled inside keep the line of each division and each index that can fail.

    It costs nothing until it fails: the line lies beside the text of the exception.
    """
    lower, leave = _lower.lower_inst, _calls.return_user_exc
    places: list[tuple[object, str]] = []

    def lower_inst(self: _Lowering, statement: object) -> None:
        places.append((self.loc, self.func_ir.func_id.func_name))
        try:
            lower(self, statement)
        finally:
            places.pop()

    def return_user_exc(
        self: object,
        builder: object,
        exc: object,
        exc_args: object = None,
        loc: object = None,
        func_name: str | None = None,
    ) -> None:
        if loc is None and places:
            loc, func_name = places[-1]
        leave(self, builder, exc, exc_args=exc_args, loc=loc, func_name=func_name)

    _lower.lower_inst, _calls.return_user_exc = lower_inst, return_user_exc
    try:
        yield
    finally:
        _lower.lower_inst, _calls.return_user_exc = lower, leave


def strategy_fault(
    fault: Exception, uses: Iterable[tuple["DeclaredStrategy", Iterable[Call]]]
) -> StrategyError | None:
    """Return what went wrong in a strategy while it ran, None where it was not a strategy that failed.

    uses: the strategies that were running, each with the records its `decide` may have been called with, which
    are not changed. Source: STRATEGY_OUTPUT.
    """
    frames = traceback.extract_tb(fault.__traceback__)
    running = list(uses)
    for frame in reversed(frames):
        if any(declared.source.file_of(frame.filename) for declared, _ in running):
            return _error(fault, f"{frame.filename}:{frame.lineno}")
    for declared, calls in running:
        for call in calls:
            place = _replayed(declared, call, fault)
            if place:
                return _error(fault, place)
    if not running or not frames[-1].filename.startswith(_LENT):
        return None
    decide = running[0][0].functions["decide"].__code__
    return _error(fault, f"{decide.co_filename}:{decide.co_firstlineno}", f" (in {frames[-1].name}())")


def _error(fault: Exception, where: str, beside: str = "") -> StrategyError:
    return StrategyError("STRATEGY_OUTPUT", _said(fault) + beside, where=where, hint=_hint(fault))


def _replayed(declared: "DeclaredStrategy", call: Call, fault: Exception) -> str:
    """Run `decide` as plain Python until it fails in the same way; return the author's file:line, or nothing.

    It has folded the bar into its memory already, so it is also asked as if one more bar had passed.
    """
    for passed in (0, 1):
        view, account, working, params, memory, intents = (_copy(record) for record in call)
        view.bars += passed
        intents.n = 0
        own = _lay(declared.params_layout, params), _lay(declared.memory or NoMemory, memory)
        try:
            with np.errstate(divide="raise", invalid="raise"):
                declared.functions["decide"](view, account, working, *own, intents)
        except Exception as raised:  # noqa: BLE001  (whatever it is, its line is what is looked for)
            frames = traceback.extract_tb(raised.__traceback__)
            lines = [frame for frame in frames if declared.source.file_of(frame.filename)]
            if lines and _is_same(raised, fault):
                return f"{lines[-1].filename}:{lines[-1].lineno}"
    return ""


def _is_same(raised: Exception, fault: Exception) -> bool:
    """Tell whether plain Python failed as the machine code did; it says the same in other words."""
    if isinstance(fault, ZeroDivisionError):
        return isinstance(raised, ZeroDivisionError | FloatingPointError)
    return isinstance(raised, type(fault)) and _said(raised) == _said(fault)


def _copy(record: np.void) -> np.record:
    """Return a copy whose fields are readable as attributes."""
    twin: np.record = np.array([record], record.dtype).view(named(record.dtype))[0]
    return twin


def _lay(layout: type[Layout], vector: np.record) -> np.record:
    """Return a flat vector of cells read as the author's record."""
    dtype = dtype_of(layout)
    row: np.record = vector["v"][: dtype.itemsize // 8].view(named(dtype))[0]
    return row


def _said(fault: Exception) -> str:
    if isinstance(fault, ZeroDivisionError):
        return "a division by zero"
    if isinstance(fault, IndexError) and "out of bounds" in str(fault):
        return "an index lies outside its rows"
    return str(fault) or type(fault).__name__


def _hint(fault: Exception) -> str:
    if isinstance(fault, ZeroDivisionError):
        return "test the divisor first; fields are 0 until something is known"
    if isinstance(fault, IndexError) and "out of bounds" in str(fault):
        return "test the index first; rows count from 0"
    return "see the line that is named"
