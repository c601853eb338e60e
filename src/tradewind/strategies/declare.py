"""How a strategy file declares its parameters: a default, a range and a sentence, beside the code."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from tradewind.errors import StrategyError
from tradewind.units.records import PARAMS

__all__ = ["Choice", "Flag", "Number", "Param", "Whole", "pack_params", "resolve_params"]


@dataclass(frozen=True, slots=True)
class Param:
    """One declared parameter.

    Parameters
    ----------
    default, low, high
        Numbers; for words their places in `choices`, for yes and no 1 and 0.
    whole
        True where the compiled strategy reads an integer.
    choices
        The words that may be written, empty for a number; ("no", "yes") for a flag.
    """

    default: float
    low: float
    high: float
    whole: bool
    summary: str = ""
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError("a range has two finite ends")
        if not self.low <= self.high:
            raise ValueError(f"the range {self.low:g}..{self.high:g} is empty")
        if not self.low <= self.default <= self.high:
            raise ValueError(
                f"the default {self.default:g} lies outside its range {self.low:g}..{self.high:g}"
            )

    def range_text(self) -> str:
        """Return what may be written: "2..500", "market|limit", "true|false"."""
        if self.choices == _NO_YES:
            return "true|false"
        return "|".join(self.choices) if self.choices else f"{self.low:g}..{self.high:g}"

    def shown(self, value: float) -> object:
        """Return a value as its user writes it."""
        if self.choices == _NO_YES:
            return bool(value)
        if self.choices:
            return self.choices[int(value)]
        return int(value) if self.whole else float(value)


_NO_YES = ("no", "yes")


# These four return a `Param`; annotated is what the compiled strategy reads, so that a type checker
# understands both sides.
def Whole(default: int, low: int, high: int, summary: str = "") -> int:
    """Declare a whole number between low and high, both included."""
    for value in (default, low, high):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"Whole() takes whole numbers, not {value!r}; Number() takes fractions")
    return Param(default, low, high, True, summary)  # type: ignore[return-value]


def Number(default: float, low: float, high: float, summary: str = "") -> float:
    """Declare a number between low and high, both included."""
    for value in (default, low, high):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"Number() takes numbers, not {value!r}")
    return Param(float(default), float(low), float(high), False, summary)  # type: ignore[return-value]


def Choice(default: str, choices: Sequence[str], summary: str = "") -> int:
    """Declare one of several words; the compiled strategy reads its place among them, from 0."""
    words = tuple(choices)
    if default not in words:
        raise ValueError(f"the default {default!r} is none of {', '.join(words)}")
    return Param(words.index(default), 0, len(words) - 1, True, summary, words)  # type: ignore[return-value]


def Flag(default: bool, summary: str = "") -> int:
    """Declare true or false; the compiled strategy reads 1 or 0."""
    return Param(int(bool(default)), 0, 1, True, summary, _NO_YES)  # type: ignore[return-value]


def resolve_params(name: str, declared: Mapping[str, Param], given: Mapping[str, object]) -> dict[str, float]:
    """Return a number for each declared parameter: the given one, checked, or the default.

    Raises StrategyError with every mistake found: CONFIG_UNKNOWN_KEY, CONFIG_TYPE, CONFIG_NOT_FINITE,
    CONFIG_CHOICE, PARAM_RANGE.
    """
    mistakes = [_unknown(name, declared, key) for key in given if key not in declared]
    values: dict[str, float] = {}
    for key, param in declared.items():
        try:
            values[key] = _number(key, param, given[key]) if key in given else param.default
        except StrategyError as mistake:
            mistakes.append(mistake)
    if mistakes:
        first = mistakes[0]
        first.also = tuple(mistakes[1:])
        raise first
    return values


def pack_params(declared: Mapping[str, Param], values: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Return the vector that the core hands on, integers stored as their 64 bits; shape (PARAMS,)."""
    vector = np.zeros(PARAMS, np.float64)
    bits = vector.view(np.int64)
    for place, (key, param) in enumerate(declared.items()):
        if param.whole:
            bits[place] = int(values[key])
        else:
            vector[place] = values[key]
    return vector


def _unknown(name: str, declared: Mapping[str, Param], key: str) -> StrategyError:
    close = get_close_matches(key, declared, 1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    known = [f"{each} ({param.range_text()})" for each, param in declared.items()]
    return StrategyError(
        "CONFIG_UNKNOWN_KEY",
        f"unknown parameter {key!r} of {name}.{guess}",
        key=f"params.{key}",
        hint="" if known else f"{name} has no parameters",
        known=known,
    )


def _number(key: str, param: Param, value: object) -> float:
    where = f"params.{key}"
    if param.choices:
        return _place(where, param, value)
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise StrategyError(
            "CONFIG_TYPE", f"{key} is a number, not {value!r}", key=where, hint=f"write {param.range_text()}"
        )
    if not math.isfinite(value):
        raise StrategyError(
            "CONFIG_NOT_FINITE", f"{key} is {value}", key=where, hint=f"write {param.range_text()}"
        )
    if param.whole and isinstance(value, float | np.floating):
        # 20.0 too: what is not converted in the other tables of a file is not converted here.
        raise StrategyError(
            "CONFIG_TYPE",
            f"{key} is a whole number, not {value!r}",
            key=where,
            hint=f"write {param.range_text()}",
        )
    if not param.low <= value <= param.high:
        raise StrategyError(
            "PARAM_RANGE", f"{key} is {value:g}", key=where, hint=f"write a value within {param.range_text()}"
        )
    return int(value) if param.whole else float(value)


def _place(where: str, param: Param, value: object) -> float:
    if param.choices == _NO_YES:
        if not isinstance(value, bool):
            raise StrategyError(
                "CONFIG_TYPE",
                f"{where} is true or false, not {value!r}",
                key=where,
                hint="write true or false",
            )
        return int(value)
    if value not in param.choices:
        raise StrategyError("CONFIG_CHOICE", f"{where} is {value!r}", key=where, known=param.choices)
    return param.choices.index(str(value))
