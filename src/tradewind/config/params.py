"""Check the parameters a file gives against those a strategy declares."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from tradewind.config.problems import did_you_mean, show
from tradewind.errors import ConfigError, StrategyError, TradewindError

__all__ = ["Declared", "check_params", "describe_param"]


class Declared(Protocol):
    """What a strategy says of one parameter; the ranges include both ends."""

    @property
    def default(self) -> float:
        """Return the value where none is given."""
        ...

    @property
    def low(self) -> float:
        """Return the lowest value."""
        ...

    @property
    def high(self) -> float:
        """Return the highest value."""
        ...

    @property
    def whole(self) -> bool:
        """Return whether it is a whole number."""
        ...

    @property
    def summary(self) -> str:
        """Return what it does, in a sentence."""
        ...


def check_params(
    strategy: str,
    given: Mapping[str, object],
    declared: Mapping[str, Declared],
    where: Callable[[str], str] | str = "",
) -> dict[str, float]:
    """Return a value for every declared parameter: the given one, else its default.

    ``where`` is a place, or tells the place of the dotted key ``params.<name>``. Whole parameters stay `int`.
    Raises `ConfigError` (CONFIG_UNKNOWN_KEY, CONFIG_TYPE, CONFIG_NOT_FINITE) or `StrategyError` (PARAM_RANGE),
    with everything that was found.
    """
    problems = list(_problems(strategy, given, declared, where))
    if problems:
        problems[0].also = tuple(problems[1:])
        raise problems[0]
    values = {name: given.get(name, spec.default) for name, spec in declared.items()}
    return {name: _number(value, declared[name]) for name, value in values.items()}


def describe_param(name: str, spec: Declared) -> str:
    """Return ``fast_period (2..500)``."""
    return f"{name} ({spec.low:g}..{spec.high:g})"


def _number(value: object, spec: Declared) -> float:
    assert isinstance(value, int | float)
    return int(value) if spec.whole else float(value)


def _problems(
    strategy: str,
    given: Mapping[str, object],
    declared: Mapping[str, Declared],
    where: Callable[[str], str] | str,
) -> Iterable[TradewindError]:
    for name, value in given.items():
        place = where if isinstance(where, str) else where(f"params.{name}")
        key = f"strategy.params.{name}"
        if name in declared:
            problem = _problem(strategy, name, value, declared[name])
            if problem:
                problem.where, problem.key = place, key
                yield problem
        else:
            yield ConfigError(
                "CONFIG_UNKNOWN_KEY",
                f"unknown parameter '{name[:40]}' of {strategy}.",
                where=place,
                key=key,
                hint=did_you_mean(name, declared),
                known=[describe_param(other, spec) for other, spec in declared.items()],
            )


def _problem(strategy: str, name: str, value: object, spec: Declared) -> TradewindError | None:
    allowed = f"allowed: {spec.low:g}..{spec.high:g}"
    needs = "a whole number" if spec.whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int if spec.whole else int | float):
        return ConfigError(
            "CONFIG_TYPE", f"{name} = {show(value)} of {strategy} is not {needs}.", hint=allowed
        )
    if value != value or value in (float("inf"), float("-inf")):
        return ConfigError("CONFIG_NOT_FINITE", f"{name} of {strategy} is not finite.", hint=allowed)
    if not spec.low <= value <= spec.high:
        return StrategyError(
            "PARAM_RANGE", f"{name} = {show(value)} of {strategy} is out of range.", hint=allowed
        )
    return None
