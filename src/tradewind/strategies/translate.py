"""The compiler's complaints, said in one sentence with the author's file and line."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from numba.core.errors import NumbaError

from tradewind.errors import StrategyError

if TYPE_CHECKING:
    from tradewind.strategies.load import DeclaredStrategy

__all__ = ["translated"]


@contextmanager
def translated(declared: "DeclaredStrategy") -> Iterator[None]:
    """Turn what the compiler raises inside into a StrategyError (STRATEGY_COMPILE) with the author's line."""
    try:
        yield
    except StrategyError:
        raise
    except (
        NumbaError,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        NotImplementedError,
        AssertionError,
    ) as fault:
        text = _uncoloured(str(fault))
        sentence, hint = _sentence(fault, text)
        raise StrategyError(
            "STRATEGY_COMPILE", sentence, where=_place(declared, fault, text), hint=hint
        ) from None


_RULES: Sequence[tuple[str, str, str]] = (
    (
        r"NRT required|NRT is not|requires NRT|NRT is (?:not )?enabled|because NRT",
        "this line makes something that needs memory of its own",
        "use plain numbers, or rows in Memory",
    ),
    (
        r"[Vv]ariable '([\w.]+)' (?:referenced before|is not defined|undefined)",
        "'{0}' is used before it has a value",
        "give it a value on every path that leads here",
    ),
    (
        r"Cannot unify (\S+) and (\S+) for '([\w.]+)'",
        "'{2}' is one kind of thing on one path and another on the next",
        "use two names",
    ),
    (
        r"Can't unify return type",
        "the function returns different kinds of things",
        "return a number on every path",
    ),
    (r"Unknown attribute '(\w+)' of type", "there is no '{0}' here", "correct the name"),
    (r"Field '?(\w+)'? was not found", "there is no field '{0}' here", "correct the name"),
    (r"^'?(\w+)'?$", "there is no field '{0}'", "correct the name"),
    (
        r"Invalid use of BoundFunction|NumberClass",
        "this cannot be called",
        "call your own functions and signals only",
    ),
    (
        r"failed to unpack|not iterable|unpack",
        "one number cannot be unpacked into several",
        "take each field by its name",
    ),
    (
        r"No implementation of function Function\(<built-in function getitem>\)",
        "one number is read as if it were rows",
        "keep older values in Memory: Annotated[Rows[float], 100], or a signal's Window",
    ),
    (
        r"No implementation of function Function\(<built-in function (\w+)>\)",
        "'{0}' does not work on these values",
        "use it on plain numbers, one field at a time",
    ),
    (
        r"No implementation of function",
        "this does not work on these values",
        "use plain numbers, one field at a time",
    ),
    (r"Cannot cast|No conversion", "this is another kind of value than is wanted here", "use a plain number"),
    (r"cannot be called|not callable", "this cannot be called", "call your own functions and signals only"),
    (r"[Rr]ecursion|self-recursion", "a function calls itself", "write a loop"),
)


def _sentence(fault: BaseException, text: str) -> tuple[str, str]:
    subject = str(fault.args[0]) if isinstance(fault, KeyError) and fault.args else text
    for pattern, sentence, hint in _RULES:
        found = re.search(pattern, subject)
        if found:
            return sentence.format(*(_own_name(g) for g in found.groups())), hint
    return (
        "this line cannot be compiled",
        "use numbers, fields of records, loops, signals and your own functions",
    )


def _own_name(name: str) -> str:
    """Return a variable's name as its author wrote it: the compiler numbers its versions."""
    return name.partition(".")[0]


def _uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _place(declared: "DeclaredStrategy", fault: BaseException, text: str) -> str:
    """Return file:line of the innermost place in the author's files that the compiler names."""
    named = re.findall(r'File "([^"]+)", line (\d+)', text)
    for path, line in reversed(named):
        for file in declared.source.files:
            if str(file.path).endswith(path):
                return f"{file.path}:{line}"
    location = getattr(fault, "loc", None)
    if location is not None and declared.source.file_of(str(location.filename)):
        return f"{location.filename}:{location.line}"
    decide = declared.functions["decide"].__code__
    return f"{decide.co_filename}:{decide.co_firstlineno}"
