"""Hold a backtest against the rules of its instruments: what the venue would refuse, or what could never trade."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Protocol

from tradewind.config.backtest import BacktestConfig
from tradewind.errors import ConfigError

__all__ = ["InstrumentRules", "check_feasible"]


class InstrumentRules(Protocol):
    """What is asked of an instrument here; `tradewind.market.Instrument` answers."""

    @property
    def payoff(self) -> str:
        """Return linear, inverse or spot."""
        ...

    @property
    def settle(self) -> str:
        """Return the currency that profit is paid in."""
        ...

    @property
    def min_qty(self) -> Decimal:
        """Return the smallest order in the instrument's own units."""
        ...

    @property
    def min_notional(self) -> Decimal:
        """Return the least value of an order in quote units."""
        ...

    @property
    def leverage_max(self) -> Decimal:
        """Return the largest leverage."""
        ...

    @property
    def listed_ns(self) -> int | None:
        """Return when trading began, None where not known."""
        ...

    @property
    def delisted_ns(self) -> int | None:
        """Return when trading ended, None where it has not."""
        ...


def check_feasible(config: BacktestConfig, rules: Mapping[str, InstrumentRules]) -> None:
    """Refuse what the instruments' rules make impossible.

    ``rules`` has each entry of ``market.symbols``, as the file writes it. Raises `ConfigError`: LEVERAGE_ABOVE_MAX,
    CONFIG_INFEASIBLE, SYMBOL_INACTIVE, DATE_RANGE; its ``where`` is for `Loaded.placed` to fill in.
    """
    found = [
        problem
        for symbol in config.market.symbols
        for check in (_leverage, _life, _size)
        for problem in check(config, symbol, rules[symbol])
    ]
    found += _nothing_listed(config, rules)
    if found:
        found[0].also = tuple(found[1:])
        raise found[0]


def _leverage(config: BacktestConfig, symbol: str, rules: InstrumentRules) -> Iterator[ConfigError]:
    leverage = config.account.leverage
    if rules.payoff != "spot" and Decimal(repr(leverage)) > rules.leverage_max:
        yield ConfigError(
            "LEVERAGE_ABOVE_MAX",
            f"{symbol} allows at most {rules.leverage_max:f} x, not {leverage:g} x.",
            key="account.leverage",
        )


def _life(config: BacktestConfig, symbol: str, rules: InstrumentRules) -> Iterator[ConfigError]:
    is_over = rules.delisted_ns is not None and rules.delisted_ns <= config.period.start_ns
    is_to_come = rules.listed_ns is not None and rules.listed_ns >= config.period.end_ns
    if is_over or is_to_come:
        yield ConfigError(
            "SYMBOL_INACTIVE",
            f"{symbol} was {'delisted before' if is_over else 'listed only after'} the period.",
            key="market.symbols",
        )


def _nothing_listed(config: BacktestConfig, rules: Mapping[str, InstrumentRules]) -> list[ConfigError]:
    """Instruments may enter during a run, but something must be there to begin with."""
    listed = [rules[symbol].listed_ns or 0 for symbol in config.market.symbols]
    if not config.period.start_ns < min(listed) < config.period.end_ns:
        return []
    return [
        ConfigError("DATE_RANGE", "the period starts before anything in it was listed.", key="period.start")
    ]


def _size(config: BacktestConfig, symbol: str, rules: InstrumentRules) -> Iterator[ConfigError]:
    limits = config.limits.of(symbol)
    if limits.max_qty is not None and Decimal(repr(limits.max_qty)) < rules.min_qty:
        yield _infeasible(config, symbol, f"{limits.max_qty:g}", f"{rules.min_qty:f}", "max_qty")
    if config.capital.currency != rules.settle or rules.payoff == "inverse":
        return  # Its minimum is in another currency than the limits.
    for name, notional in _notionals(config, symbol):
        if Decimal(repr(notional)) < rules.min_notional:
            yield _infeasible(config, symbol, f"{notional:g}", f"{rules.min_notional:f}", name)


def _notionals(config: BacktestConfig, symbol: str) -> Iterator[tuple[str, float]]:
    """Yield each limit on a position of the symbol as a notional at the start."""
    limits, equity = config.limits.of(symbol), config.capital.amount
    yield "account.leverage", equity * config.account.leverage
    for name, exposure_x in (
        ("max_exposure_x", limits.max_exposure_x),
        ("max_exposure_total_x", config.limits.max_exposure_total_x),
    ):
        if exposure_x is not None:
            yield name, exposure_x * equity
    for name, notional in (
        ("max_notional_per_order", limits.max_notional_per_order),
        ("max_position_notional", limits.max_position_notional),
    ):
        if notional is not None:
            yield name, notional


def _infeasible(config: BacktestConfig, symbol: str, allowed: str, least: str, name: str) -> ConfigError:
    return ConfigError(
        "CONFIG_INFEASIBLE",
        f"{name} allows {allowed} of {symbol}, its smallest order is {least}.",
        key=_key_of(config, symbol, name),
        hint="raise the limit or the capital, or leave the symbol out",
    )


def _key_of(config: BacktestConfig, symbol: str, name: str) -> str:
    """Return where the limit is written that decides: in the symbol's own table, or in that of all."""
    if name == "account.leverage":
        return "capital.amount"
    if name == "max_exposure_total_x":
        return "limits.max_exposure_total_x"
    own = config.limits.symbols.get(symbol)
    return (
        f"limits.symbols.{symbol}.{name}" if getattr(own, name, None) is not None else f"limits.each.{name}"
    )
