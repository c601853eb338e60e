"""What a configuration means: strategies with their code and parameters, instruments with their rules and fees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from tradewind.config import BacktestConfig, SessionConfig, StrategyUse, Workspace, check_feasible
from tradewind.errors import ConfigError, StrategyError, TradewindError
from tradewind.market import Instrument, Store, resolve_instrument
from tradewind.research.unending import ends_in_time
from tradewind.strategies.load import CompiledStrategy
from tradewind.strategies.registry import load_named

__all__ = ["Part", "Resolved", "check_strategies", "resolve", "resolve_symbol"]


@dataclass(frozen=True, slots=True)
class Part:
    """One strategy of a run.

    Parameters
    ----------
    label
        What the file calls it.
    code
        The compiled strategy.
    given
        Its parameters as written in the file; the others keep their defaults.
    columns
        Which instruments it trades, by their place in the run.
    warmup_bars
        Bars it must have seen before its decisions count.
    """

    label: str
    code: CompiledStrategy
    given: Mapping[str, object]
    columns: tuple[int, ...]
    warmup_bars: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration with every name looked up; `labels` are the symbols as the file writes them."""

    config: BacktestConfig
    parts: tuple[Part, ...]
    labels: tuple[str, ...]
    instruments: tuple[Instrument, ...]

    @property
    def warmup_bars(self) -> int:
        """Return the bars that every strategy, and the file, wants to have seen first; a strategy counts its own."""
        market = self.config.market
        longest = max(part.warmup_bars for part in self.parts)
        return max(self.config.warmup.bars or 0, longest * (market.decide_ns // market.bar_ns))

    @property
    def needs(self) -> frozenset[str]:
        """Return the feeds that any strategy wants."""
        return frozenset(need for part in self.parts for need in part.code.needs)


def resolve(
    config: BacktestConfig,
    workspace: Workspace,
    load: Callable[[str], CompiledStrategy] | None = None,
) -> Resolved:
    """Return what a configuration names, checked against each other.

    load: how a strategy is found by name; by default in the workspace, then among the shipped ones. Raises
    StrategyError, ConfigError (CONFIG_CHOICE for a strategy that is not there, from `check_feasible`, and
    CONFIG_UNKNOWN_KEY … for parameters), DATA_*.
    """
    find = load or (lambda name: load_named(name, workspace.strategies))
    parts = tuple(_part(config, place, use, find) for place, use in enumerate(config.uses))
    store = Store(workspace.data)
    labels = config.market.symbols
    instruments = tuple(
        _with_fees(resolve_symbol(store, config, place), config, workspace) for place in range(len(labels))
    )
    check_feasible(config, dict(zip(labels, (_with_life(store, each) for each in instruments), strict=True)))
    return Resolved(_with_params(config, parts), parts, labels, instruments)


def check_strategies(config: BacktestConfig | SessionConfig, workspace: Workspace) -> list[TradewindError]:
    """Return what each strategy of a configuration, or its parameters, is refused for.

    Of a session also what its signals are refused for; nothing else is looked up.
    """
    # Imported here because it reads the parts of this module.
    from tradewind.research.outside import feature_problems

    parts: list[Part] = []
    problems: list[TradewindError] = []
    for place, use in enumerate(config.uses):
        try:
            parts.append(_part(config, place, use, lambda name: load_named(name, workspace.strategies)))
        except TradewindError as error:
            problems.append(error)
    if not problems and isinstance(config, SessionConfig):
        problems += feature_problems(config, parts)
    return problems


def resolve_symbol(store: Store, config: BacktestConfig, place: int) -> Instrument:
    """Return the rules of one symbol of the file. Raises SYMBOL_UNKNOWN with its key."""
    try:
        return resolve_instrument(store, *config.market.instruments[place])
    except ConfigError as error:
        error.key = error.key or f"market.symbols.{place}"
        raise


def _with_life(store: Store, instrument: Instrument) -> Instrument:
    """Return an instrument that began with its first bar, where its stated listing is that of a relaunch."""
    begun = [
        info.first_ns
        for info in store.list()
        if (info.key.venue, info.key.symbol, info.key.kind) == (instrument.venue, instrument.symbol, "bars")
    ]
    if not begun or instrument.listed_ns is None:
        return instrument
    return replace(instrument, listed_ns=min(instrument.listed_ns, *begun))


def _part(
    config: BacktestConfig | SessionConfig,
    place: int,
    use: StrategyUse,
    find: Callable[[str], CompiledStrategy],
) -> Part:
    try:
        with ends_in_time():
            code = find(use.strategy)
            warmup_bars = code.warmup_bars(use.params)
        code.resolve(use.params)
    except StrategyError as error:
        if error.code == "STRATEGY_UNKNOWN":
            key = f"strategies.{place}.strategy" if config.strategies else "strategy"
            # A file that names what is not there is a wrong configuration; a command that does has found nothing.
            raise ConfigError("CONFIG_CHOICE", error.message, key=key, known=error.known) from None
        raise _in_list(error, place) if config.strategies else error from None
    symbols = use.symbols or config.market.symbols
    columns = tuple(config.market.symbols.index(symbol) for symbol in symbols)
    return Part(use.label, code, dict(use.params), columns, warmup_bars)


def _in_list(error: StrategyError, place: int) -> StrategyError:
    """Let an error about parameters point into the entry of `strategies` that gives them."""
    for each in (error, *error.also):
        if each.key.startswith("params."):
            each.key = f"strategies.{place}.{each.key}"
    return error


def _with_params(config: BacktestConfig, parts: tuple[Part, ...]) -> BacktestConfig:
    """Return the configuration with the value of every declared parameter written out."""
    values = [{n: p.code.params[n].shown(v) for n, v in p.code.resolve(p.given).items()} for p in parts]
    if config.strategy is not None:
        return config.model_copy(update={"params": values[0]})
    uses = [use.model_copy(update={"params": v}) for use, v in zip(config.strategies, values, strict=True)]
    return config.model_copy(update={"strategies": tuple(uses)})


def _with_fees(instrument: Instrument, config: BacktestConfig, workspace: Workspace) -> Instrument:
    """Return an instrument with the fees that count: the file's, else the workspace's, else the venue's."""
    own, costs = workspace.settings.venues.get(instrument.venue), config.costs
    chosen = {
        "maker_rate": _first(costs.maker_rate, own.maker_rate if own else None),
        "taker_rate": _first(costs.taker_rate, own.taker_rate if own else None),
        "liquidation_fee_rate": costs.liquidation_fee_rate,
    }
    rates = {name: Decimal(repr(rate)) for name, rate in chosen.items() if rate is not None}
    if any(abs(rate) > Decimal("0.05") for rate in rates.values()):
        raise ConfigError("CONFIG_RANGE", "a fee above 5 % is no fee of a venue", key="costs.taker_rate")
    return replace(instrument, **rates)  # type: ignore[arg-type]


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
