"""The rules between tables of a backtest or a session file: what contradicts itself, and what could never trade."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from tradewind.config.exits import check_protection
from tradewind.config.fields import refusal

if TYPE_CHECKING:
    from tradewind.config.backtest import BacktestConfig
    from tradewind.config.limits import Limits
    from tradewind.config.session import SessionConfig

    Terms: TypeAlias = BacktestConfig | SessionConfig

__all__ = ["check_agreement", "check_terms"]


def check_agreement(config: "BacktestConfig") -> None:
    """Refuse a configuration whose tables contradict each other."""
    check_terms(config)
    _check_times(config)


def check_terms(config: "Terms") -> None:
    """Refuse terms of trading, of a backtest or a session, that contradict each other."""
    _check_strategies(config)
    _check_wallets(config)
    _check_account(config)
    _check_limited_symbols(config)
    _check_exposures(config)
    _check_exits(config)


def _check_strategies(config: "Terms") -> None:
    if config.strategy is not None and config.strategies:
        raise refusal(
            "CONFIG_CONFLICT",
            "both 'strategy' and 'strategies' are given",
            "keep one of them",
            key="strategies",
        )
    if config.strategy is None and not config.strategies:
        raise refusal(
            "CONFIG_MISSING", "no strategy is named", 'write strategy = "ema_cross"', key="strategy"
        )
    if config.strategies and config.params:
        raise refusal(
            "CONFIG_CONFLICT",
            "[params] belongs to a single strategy",
            "write params into each entry of strategies",
            key="params",
        )
    labels = [use.label for use in config.strategies]
    for place, use in enumerate(config.strategies):
        _check_use(config, place, labels.index(use.label) != place)


def _check_use(config: "Terms", place: int, is_twin: bool) -> None:
    use = config.strategies[place]
    if is_twin:
        raise refusal(
            "ID_INVALID",
            f"two strategies are called {use.label!r}",
            "give one of them another name = ...",
            key=f"strategies.{place}.name",
        )
    strangers = [symbol for symbol in use.symbols or () if symbol not in config.market.symbols]
    if strangers:
        raise refusal(
            "SYMBOL_UNKNOWN",
            f"{strangers[0]!r} is not among the symbols of the market",
            "known: " + ", ".join(config.market.symbols[:20]),
            key=f"strategies.{place}.symbols",
        )


def _check_wallets(config: "Terms") -> None:
    if config.capital is None:
        if config.wallets:
            raise refusal("CONFIG_CONFLICT", "further wallets stand beside no capital", key="wallets")
        return
    currencies = [config.capital.currency, *(wallet.currency for wallet in config.wallets)]
    for place, currency in enumerate(currencies):
        if currency in currencies[:place]:
            raise refusal(
                "CONFIG_CONFLICT",
                f"two wallets hold {currency}",
                "add their amounts",
                key=f"wallets.{place - 1}",
            )


def _check_account(config: "Terms") -> None:
    account, venue = config.account, config.market.defaults
    if account.leverage > venue.leverage_max:
        raise refusal(
            "LEVERAGE_ABOVE_MAX",
            f"{venue.title} offers at most {venue.leverage_max} x, not {account.leverage:g} x",
            key="account.leverage",
        )
    if account.position_mode == "hedge" and not venue.hedges:
        raise refusal(
            "EXCHANGE_UNSUPPORTED",
            f"{venue.title} holds no long and short side by side",
            'write position_mode = "one_way"',
            key="account.position_mode",
        )
    limit = config.limits.max_leverage
    if limit is not None and account.leverage > limit:
        raise refusal(
            "CONFIG_CONFLICT",
            f"the leverage {account.leverage:g} is above the limit of {limit:g}",
            "lower one or raise the other",
            key="account.leverage",
        )


def _check_limited_symbols(config: "Terms") -> None:
    limits = config.limits
    named = [(f"limits.symbols.{symbol}", symbol) for symbol in limits.symbols]
    named += [
        (f"limits.groups.{name}", symbol) for name, group in limits.groups.items() for symbol in group.symbols
    ]
    named += [(f"limits.legs.{name}", symbol) for name, leg in limits.legs.items() for symbol in leg.symbols]
    for key, symbol in named:
        if symbol not in config.market.symbols:
            raise refusal(
                "SYMBOL_UNKNOWN",
                f"a limit is set for {symbol!r}, which is not traded",
                "known: " + ", ".join(config.market.symbols[:20]),
                key=key,
            )


def _check_exits(config: "Terms") -> None:
    check_protection(config.exits, config.protection, "protection")
    for place, use in enumerate(config.strategies):
        exits, protection = use.exits or config.exits, use.protection or config.protection
        check_protection(exits, protection, f"strategies.{place}.protection")


def _check_exposures(config: "Terms") -> None:
    for key, exposure_x in _exposures(config.limits):
        if exposure_x > config.account.leverage:
            raise refusal(
                "CONFIG_CONFLICT",
                f"an exposure of {exposure_x:g} times the equity cannot be reached with leverage "
                f"{config.account.leverage:g}",
                "exposures are multiples (1.5 is 150 %): lower it or raise account.leverage",
                key=key,
            )


def _exposures(limits: "Limits") -> Iterator[tuple[str, float]]:
    for side in ("total", "side", "long", "short"):
        name = f"max_exposure_{side}_x"
        exposure_x = getattr(limits, name)
        if exposure_x is not None:
            yield f"limits.{name}", exposure_x
    tables = {"limits.each": limits.each}
    tables |= {f"limits.symbols.{symbol}": table for symbol, table in limits.symbols.items()}
    for key, table in tables.items():
        if table.max_exposure_x is not None:
            yield f"{key}.max_exposure_x", table.max_exposure_x
    for name, sector in limits.sectors.items():
        if sector.max_exposure_x is not None:
            yield f"limits.sectors.{name}.max_exposure_x", sector.max_exposure_x
    for name, group in limits.groups.items():
        yield f"limits.groups.{name}.max_exposure_x", group.max_exposure_x


def _check_times(config: "BacktestConfig") -> None:
    period, market, shaded = config.period, config.market, config.report.out_of_sample_from
    length_ns = period.end_ns - period.start_ns
    if length_ns < market.decide_ns:
        raise refusal(
            "DATE_RANGE",
            f"the period is shorter than one bar of {market.decide_on or market.bars}",
            "end it later",
            key="period.end",
        )
    if shaded is not None and not period.start < shaded < period.end:
        raise refusal(
            "DATE_RANGE", "out_of_sample_from lies outside the period", key="report.out_of_sample_from"
        )
