"""A configuration bound to the engine: wallets, instruments with their limits, strategies, clocks."""

from collections.abc import Mapping
from dataclasses import replace

from tradewind.config import BacktestConfig
from tradewind.engine.setup import (
    AccountLimits,
    InstrumentSetup,
    LegGroup,
    StrategySetup,
    VenueSetup,
    WalletSetup,
)
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.errors import ConfigError
from tradewind.research.history import Histories, History
from tradewind.research.resolve import Part, Resolved
from tradewind.units.enums import LiquidationRule
from tradewind.units.records import GROUPS
from tradewind.units.time import parse_timeframe

__all__ = ["build_world", "hedges_left_out", "leg_groups", "wallet_of"]

_FILLS = {"strict": FillRule.STRICT, "touch": FillRule.TOUCH, "volume": FillRule.VOLUME}
_LIQUIDATIONS = {
    "each_own_extreme": LiquidationRule.EACH_OWN_EXTREME,
    "together": LiquidationRule.TOGETHER,
}
_HEADROOM = 4
"""How far above its highest price an instrument may be quoted before integers could overflow."""
_BPS = 10_000.0
_MS_NS = 1_000_000
_GRACE_SHARE = 60
"""A request takes part in a whole bar if it arrives within this part of it: one second of a minute."""


def build_world(resolved: Resolved, histories: Histories, costs_factor: float = 1.0) -> World:
    """Return a world at the start of the run. costs_factor: fees and slippage are multiplied by it.

    Raises ConfigError (CONFIG_INFEASIBLE, CONFIG_CONFLICT, TIMEFRAME_INVALID, INSTRUMENT_UNSIZED).
    """
    config = resolved.config
    groups = _groups({name: group.symbols for name, group in config.limits.groups.items()}, "groups")
    wallets = _wallets(config)
    instruments = [
        _instrument(resolved, column, history, groups, costs_factor)
        for column, history in enumerate(histories.each)
    ]
    world = World(
        wallets,
        instruments,
        [_strategy(resolved, part) for part in resolved.parts],
        _limits(config, groups),
        _venue(config),
    )
    _check_range(resolved, histories, world)
    world.core["log_orders"] = 1
    _begin_closed(world, histories)
    return world


def wallet_of(resolved: Resolved, column: int) -> int:
    """Return the wallet that an instrument settles in. Raises CONFIG_CONFLICT where there is none."""
    config, instrument = resolved.config, resolved.instruments[column]
    currencies = [config.capital.currency, *(wallet.currency for wallet in config.wallets)]
    if instrument.settle not in currencies:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"{resolved.labels[column]} settles in {instrument.settle}; the account holds {', '.join(currencies)}",
            key="capital.currency",
            hint=f"hold {instrument.settle}, or write: wallets = [{{ amount = 1, currency = '{instrument.settle}' }}]",
        )
    return currencies.index(instrument.settle)


def _wallets(config: BacktestConfig) -> list[WalletSetup]:
    limits = config.limits
    return [
        WalletSetup(
            currency=wallet.currency,
            balance=wallet.amount,
            loss_day=_ratio(limits.loss_day_pct),
            loss_session=_ratio(limits.loss_session_pct),
            drawdown=_ratio(limits.drawdown_pct),
        )
        for wallet in (config.capital, *config.wallets)
    ]


def _ratio(percent: float | None) -> float:
    return (percent or 0.0) / 100.0


def _instrument(
    resolved: Resolved, column: int, history: History, groups: Mapping[str, int], costs_factor: float
) -> InstrumentSetup:
    config, label, instrument = resolved.config, history.label, history.instrument
    costs, limits = config.costs, config.limits.of(history.label)
    _check_limits(config, label)
    slip = (costs.slippage_bps + costs.spread_bps / 2.0) / _BPS
    return InstrumentSetup(
        instrument=replace(instrument, tick_size=history.grid.step),
        tick_step=history.grid.ratio,
        wallet=wallet_of(resolved, column),
        interval_ns=config.market.bar_ns,
        frames=_frames(resolved, column),
        wide_ns=config.market.decide_ns if config.market.decide_ns != config.market.bar_ns else 0,
        leverage=config.account.leverage,
        hedge=config.account.position_mode == "hedge" and instrument.payoff != "spot",
        isolated=config.account.margin_mode == "isolated" and instrument.payoff != "spot",
        fill_rule=_FILLS[costs.fill],
        gap_open=costs.limit_gap == "open",
        slip=slip * costs_factor,
        share=costs.fill_share_pct / 100.0,
        maker_rate=_scaled(float(instrument.maker_rate), costs_factor),
        taker_rate=_scaled(float(instrument.taker_rate), costs_factor),
        position_limit_qty=limits.max_qty,
        order_limit_notional=limits.max_notional_per_order,
        position_limit_notional=limits.max_position_notional,
        symbol_limit=limits.max_exposure_x or 0.0,
        price_band=_ratio(config.limits.price_band_pct),
        group=groups.get(label, 0),
        highest_price=float(history.bars.high.max()) * _HEADROOM,
    )


def _scaled(rate: float, costs_factor: float) -> float:
    """Return a fee at higher costs; a rebate does not grow with them."""
    return rate * costs_factor if rate > 0.0 else rate


def _check_limits(config: BacktestConfig, label: str) -> None:
    """Refuse a leverage above the limit of the instrument or of the account, which may be the workspace's."""
    given = (config.limits.of(label).max_leverage, config.limits.max_leverage)
    highest = min((limit for limit in given if limit is not None), default=None)
    if highest is not None and config.account.leverage > highest:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"the leverage {config.account.leverage:g} is above the limit of {highest:g} for {label}",
            key="account.leverage",
            hint="lower one or raise the other",
        )


def _frames(resolved: Resolved, column: int) -> tuple[int, ...]:
    """Return the coarser bars of an instrument; several strategies must agree about their places."""
    found: tuple[str, ...] = ()
    for part in resolved.parts:
        if column in part.columns:
            longer, shorter = sorted((found, part.code.frames), key=len, reverse=True)
            if longer[: len(shorter)] != shorter:
                raise ConfigError(
                    "CONFIG_INFEASIBLE",
                    f"strategies want different coarser bars of {resolved.labels[column]}: {found}, {part.code.frames}",
                    key="strategies",
                    hint="run them in two runs",
                )
            found = longer
    return tuple(parse_timeframe(word) for word in found)


def _groups(named: Mapping[str, tuple[str, ...]], key: str) -> dict[str, int]:
    """Return label → number of its group, from 1. Raises CONFIG_INFEASIBLE for a symbol in two, or too many."""
    numbers: dict[str, int] = {}
    for number, (name, symbols) in enumerate(named.items(), start=1):
        for symbol in symbols:
            if symbol in numbers or number >= GROUPS:
                raise ConfigError(
                    "CONFIG_INFEASIBLE",
                    f"{symbol} is in two groups"
                    if symbol in numbers
                    else f"there is room for {GROUPS - 1} groups",
                    key=f"limits.{key}.{name}",
                )
            numbers[symbol] = number
    return numbers


def leg_groups(resolved: Resolved) -> dict[str, int]:
    """Return label → leg group: as the file says, else spot and perpetual of one coin belong together.

    The numbers are the account's: strategies that trade the same legs share a group and its limit.
    """
    config = resolved.config
    if config.limits.legs:
        return _groups({name: legs.symbols for name, legs in config.limits.legs.items()}, "legs")
    named = {base: tuple(labels) for base, labels in _hedges(resolved).items()}
    return _groups(dict(list(named.items())[: GROUPS - 1]), "legs")


def hedges_left_out(resolved: Resolved) -> tuple[str, ...]:
    """Return the coins whose spot and perpetual are no leg group because there is room for no more."""
    return () if resolved.config.limits.legs else tuple(_hedges(resolved))[GROUPS - 1 :]


def _hedges(resolved: Resolved) -> dict[str, list[str]]:
    """Return coin → its labels, for each coin that is traded both as spot and as a perpetual."""
    labels: dict[str, list[str]] = {}
    kinds: dict[str, set[bool]] = {}
    for label, instrument in zip(resolved.labels, resolved.instruments, strict=True):
        labels.setdefault(instrument.base, []).append(label)
        kinds.setdefault(instrument.base, set()).add(instrument.payoff == "spot")
    return {base: each for base, each in labels.items() if len(kinds[base]) == 2}


def _strategy(resolved: Resolved, part: Part) -> StrategySetup:
    legs = leg_groups(resolved)
    return StrategySetup(
        decide=part.code.decide,
        plan=part.code.plan,
        scan=part.code.scan,
        instruments=part.columns,
        params=part.code.params_vector(part.given),
        leg_groups=[legs.get(resolved.labels[column], 0) for column in part.columns],
    )


def _limits(config: BacktestConfig, groups: Mapping[str, int]) -> AccountLimits:
    limits = config.limits
    return AccountLimits(
        open_orders=limits.max_open_orders or 0,
        order_rate=limits.max_orders_per_minute or 0,
        leverage=limits.max_leverage or 0.0,
        total=limits.max_exposure_total_x or 0.0,
        side=limits.max_exposure_side_x or 0.0,
        long=limits.max_exposure_long_x or 0.0,
        short=limits.max_exposure_short_x or 0.0,
        groups={groups[group.symbols[0]]: group.max_exposure_x for group in limits.groups.values()},
        leg_groups={
            number: LegGroup(legs.max_unhedged_notional, int(legs.max_unhedged_s * 1e9))
            for number, legs in enumerate(limits.legs.values(), start=1)
        },
    )


def _venue(config: BacktestConfig) -> VenueSetup:
    costs, market = config.costs, config.market
    extra_bars = costs.latency_bars - 1
    latencies = (costs.latency_ms, costs.answer_latency_ms, costs.feed_latency_ms)
    has_clock = any(latencies)
    return VenueSetup(
        request_ns=extra_bars * market.bar_ns + int(costs.latency_ms * _MS_NS),
        answer_ns=int(costs.answer_latency_ms * _MS_NS),
        feed_ns=int(costs.feed_latency_ms * _MS_NS),
        grace_ns=market.bar_ns // _GRACE_SHARE if has_clock else 0,
        lagged=has_clock or extra_bars > 0,
        wake_every_ns=market.decide_ns if market.decide_ns != market.bar_ns else 0,
        liquidation_rule=_LIQUIDATIONS[costs.liquidation],
    )


def _check_range(resolved: Resolved, histories: Histories, world: World) -> None:
    """Refuse capital that buys more of an instrument than integers can count. Raises INSTRUMENT_UNSIZED."""
    for history, view in zip(histories.each, world.views, strict=True):
        price_tick = float(history.bars.close.min()) / float(history.grid.step)
        money = float(world.accounts["balance"][view["wallet"]]) * float(view["leverage"])
        worth = view["unit"] * price_tick if view["sense"] > 0 else view["unit"] / price_tick
        limited = resolved.config.limits.of(history.label).max_qty is not None
        if money / worth > view["side_limit_lot"][0] and not limited:
            raise ConfigError(
                "INSTRUMENT_UNSIZED",
                f"{history.label} is counted in {view['lot']:g} at ticks of {history.grid.step:f}: "
                "the account could buy more of it than 62 bits hold",
                key="capital.amount",
                hint=f"lower the capital, or set limits.each.max_qty below {view['side_limit_lot'][0] * view['lot']:g}",
            )


def _begin_closed(world: World, histories: Histories) -> None:
    """Close what cannot be traded yet; a fact opens it."""
    first_ns = int(histories.aligned.ts_ns[0])
    for column, history in enumerate(histories.each):
        if not history.episodes or history.episodes[0].start_ns > first_ns:
            world.views["closed"][column] = 1
