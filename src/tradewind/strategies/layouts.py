"""Records out of a strategy's classes: `Params` from its ranges, `Memory` from its annotations."""

from collections.abc import Mapping
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np

from tradewind.signals.windows import sized
from tradewind.strategies.declare import Param
from tradewind.units.layout import Layout, Mask, Rows, dtype_of
from tradewind.units.records import MEMORY

__all__ = ["FieldError", "NoMemory", "memory_layout", "params_layout"]

_TAKEN = frozenset(dir(np.record))
"""Names that NumPy's records use themselves: such a field would be another thing without the compiler."""


class NoMemory(Layout):
    """The memory of a strategy that keeps none."""

    unused: float


class FieldError(TypeError):
    """A field of `Params` or `Memory` cannot be laid out."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def params_layout(params: Mapping[str, Param]) -> type[Layout]:
    """Return the record of a strategy's parameters, in the order of their declaration."""
    for name in params:
        _check_name("parameter", name)
    fields: dict[str, object] = {name: int if param.whole else float for name, param in params.items()}
    return _layout("Params", fields or {"unused": float})


def memory_layout(declared: type, names: Mapping[str, object]) -> type[Layout]:
    """Return the record of a strategy's memory; all of it starts at zero.

    Fields are `int`, `float`, another such class, `Annotated[Rows[float], n]`, or a signal's state, whose
    rings `Annotated[Window, n]` makes n long. Raises FieldError for anything else, or when it needs more than
    MEMORY cells.
    """
    layout = _record(declared, names)
    cells = dtype_of(layout).itemsize // 8
    if cells > MEMORY:
        raise FieldError("", f"the memory needs {cells} cells; there are {MEMORY}")
    return layout


def _record(declared: type, names: Mapping[str, object]) -> type[Layout]:
    for name, value in vars(declared).items():
        if not name.startswith("__") and name not in declared.__annotations__:
            raise FieldError(
                name, f"memory field '{name}' has no type; write  {name}: {type(value).__name__}"
            )
        if not name.startswith("__") and value != 0:
            raise FieldError(
                name, f"memory field '{name}' begins at zero; set it in decide() at the first bar"
            )
    fields: dict[str, object] = {}
    for name, hint in _hints(declared, names).items():
        _check_name("memory field", name)
        fields[name] = _field(name, hint, names)
    return _layout(declared.__name__, fields or {"unused": float})


def _hints(declared: type, names: Mapping[str, object]) -> dict[str, object]:
    try:
        return get_type_hints(declared, dict(names), include_extras=True)
    except NameError as fault:
        raise FieldError("", f"a memory field has an unknown type: {fault}") from None


def _field(name: str, hint: object, names: Mapping[str, object]) -> object:
    if hint in (int, float, Mask):
        return hint
    if get_origin(hint) is Annotated:
        inner, length = get_args(hint)[:2]
        return _array(name, inner, length, names)
    if isinstance(hint, type) and issubclass(hint, Layout):
        return hint
    if isinstance(hint, type) and getattr(hint, "__annotations__", None) and hint.__module__ != "builtins":
        return _record(hint, names)
    raise FieldError(
        name, f"memory field '{name}' is int, float, a signal's state or Annotated[Rows[float], n]"
    )


def _array(name: str, inner: object, length: object, names: Mapping[str, object]) -> object:
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise FieldError(name, f"memory field '{name}' has no length; write Annotated[Rows[float], 100]")
    if isinstance(inner, type) and issubclass(inner, Layout):
        return sized(inner, length)
    if get_origin(inner) is not Rows:
        raise FieldError(
            name, f"memory field '{name}' is int, float, a signal's state or Annotated[Rows[float], n]"
        )
    return Annotated[Rows[_field(name, get_args(inner)[0], names)], length]  # type: ignore[misc]


def _check_name(what: str, name: str) -> None:
    if name in _TAKEN:
        raise FieldError(name, f"a {what} cannot be called '{name}'; choose another name")


def _layout(name: str, fields: Mapping[str, object]) -> type[Layout]:
    return type(
        name, (Layout,), {"__annotations__": dict(fields), "__doc__": "Made from a strategy's class."}
    )
