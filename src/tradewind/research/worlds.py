"""A configuration bound to the engine: wallets, instruments with their limits, strategies, clocks.

`build_world` takes from the history what a venue does not say: the grid of its prices, how high and how low they went,
what was not listed yet. `bind_world` takes the same as `Terms`, so that a session binds instruments by their rules,
without any history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tradewind.config import BacktestConfig, Exits, StrategyUse
from tradewind.config.sectors import sector_of
from tradewind.config.venue_defaults import RESERVING_HEDGES, VENUES
from tradewind.engine.setup import (
    AccountLimits,
    CoolDowns,
    ExitSetup,
    InstrumentSetup,
    LegGroup,
    SectorLimit,
    StrategySetup,
    VenueSetup,
    WalletSetup,
)
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.errors import ConfigError
from tradewind.market import Instrument
from tradewind.research.history import Histories, History
from tradewind.research.resolve import Resolved
from tradewind.units.enums import LiquidationRule, Protection, TriggerKind
from tradewind.units.records import GROUPS
from tradewind.units.time import parse_timeframe

__all__ = [
    "Terms",
    "bind_world",
    "build_world",
    "hedges_left_out",
    "leg_groups",
    "terms_of",
    "wallet_of",
    "wallets_of",
]

_FILLS = {"strict": FillRule.STRICT, "touch": FillRule.TOUCH, "volume": FillRule.VOLUME}
_LIQUIDATIONS = {
    "each_own_extreme": LiquidationRule.EACH_OWN_EXTREME,
    "together": LiquidationRule.TOGETHER,
}
_PROTECTIONS = {
    "none": Protection.NONE,
    "watched": Protection.WATCHED,
    "resting": Protection.RESTING,
}
_HEADROOM = 4
"""How far above its highest price an instrument may be quoted before integers could overflow."""
_BPS = 10_000.0
_MS_NS = 1_000_000
_GRACE_SHARE = 60
"""A request takes part in a whole bar if it arrives within this part of it: one second of a minute."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How one instrument of a configuration is bound: what its history, or its venue's rules and last price, tell.

    Parameters
    ----------
    label
        The symbol as the file writes it.
    instrument
        Its rules, fees included.
    tick_size
        Grid on which prices are counted; the instrument's own is `tick_step` of it.
    tick_step
        Order prices are multiples of so many ticks of the grid.
    highest, lowest
        Prices between which it traded: bounds of what integers must hold.
    closed
        Whether it cannot be traded yet; a LISTED fact opens it.
    wallet
        Index of the wallet that holds its margin.
    """

    label: str
    instrument: Instrument
    tick_size: Decimal
    tick_step: int
    highest: float
    lowest: float
    closed: bool
    wallet: int


def terms_of(resolved: Resolved, column: int, price: float, wallet: int | None = None) -> Terms:
    """Return the terms of an instrument without a history, from its rules and a price of today.

    wallet: where several accounts trade in one world; by default the one of its currency.
    """
    instrument = resolved.instruments[column]
    return Terms(
        label=resolved.labels[column],
        instrument=instrument,
        tick_size=instrument.tick_size,
        tick_step=1,
        highest=price,
        lowest=price,
        closed=False,
        wallet=wallet_of(resolved, column) if wallet is None else wallet,
    )


def build_world(resolved: Resolved, histories: Histories, costs_factor: float = 1.0) -> World:
    """Return a world at the start of the run. costs_factor: fees and slippage are multiplied by it.

    Raises ConfigError (CONFIG_INFEASIBLE, CONFIG_CONFLICT, TIMEFRAME_INVALID, INSTRUMENT_UNSIZED).
    """
    first_ns = int(histories.aligned.ts_ns[0])
    each = [_terms(resolved, k, history, first_ns) for k, history in enumerate(histories.each)]
    return bind_world(resolved, each, costs_factor)


def bind_world(
    resolved: Resolved,
    terms: Sequence[Terms],
    costs_factor: float = 1.0,
    *,
    wallets: Sequence[WalletSetup] = (),
) -> World:
    """Return a world of a configuration whose instruments are bound on these terms, one each in the order of the file.

    wallets: in place of those of the file, where accounts hold what they hold (`wallets_of` gives the limits).
    Raises ConfigError (CONFIG_INFEASIBLE, CONFIG_CONFLICT, TIMEFRAME_INVALID, INSTRUMENT_UNSIZED).
    """
    config = resolved.config
    groups = _groups({name: group.symbols for name, group in config.limits.groups.items()}, "groups")
    world = World(
        list(wallets) or wallets_of(config),
        [_instrument(resolved, column, each, groups, costs_factor) for column, each in enumerate(terms)],
        [_strategy(resolved, place) for place in range(len(resolved.parts))],
        _limits(config, groups),
        _venue(config),
    )
    _check_range(resolved, terms, world)
    world.core["log_orders"] = 1
    world.views["closed"] = [int(each.closed) for each in terms]
    world.views["shared"] |= [int(_is_reserved(config, each.instrument)) for each in terms]
    return world


def _is_reserved(config: BacktestConfig, instrument: Instrument) -> bool:
    """Tell whether the venue keeps what an order rests to close from a stop beside it: coins, and some hedges."""
    hedge = config.account.position_mode == "hedge"
    return instrument.payoff == "spot" or (hedge and instrument.venue in RESERVING_HEDGES)


def _terms(resolved: Resolved, column: int, history: History, first_ns: int) -> Terms:
    """Return what the history of an instrument tells; what begins later is closed until a fact opens it."""
    return Terms(
        label=history.label,
        instrument=history.instrument,
        tick_size=history.grid.step,
        tick_step=history.grid.ratio,
        highest=float(history.bars.high.max()),
        lowest=float(history.bars.close.min()),
        closed=not history.episodes or history.episodes[0].start_ns > first_ns,
        wallet=wallet_of(resolved, column),
    )


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


def wallets_of(
    config: BacktestConfig, account: int = 0, balances: Mapping[str, float] | None = None
) -> list[WalletSetup]:
    """Return the wallets of a file with their limits, for one account.

    balances: currency → what the account really holds, in place of the file's amounts.
    """
    limits = config.limits
    held = {wallet.currency: wallet.amount for wallet in (config.capital, *config.wallets)}
    cool_downs = CoolDowns(
        day_ns=_length(limits.loss_day_pause),
        session_ns=_length(limits.loss_session_pause),
        drawdown_ns=_length(limits.drawdown_pause),
        streak_ns=_length(limits.loss_streak_pause),
        emergency_ns=_length(limits.exit_drawdown_pause),
    )
    return [
        WalletSetup(
            currency=currency,
            balance=balance,
            loss_day=_ratio(limits.loss_day_pct),
            loss_session=_ratio(limits.loss_session_pct),
            drawdown=_ratio(limits.drawdown_pct),
            emergency=_ratio(limits.exit_drawdown_pct),
            position_loss=_ratio(limits.exit_position_loss_pct),
            loss_streak=limits.loss_streak or 0,
            cool_downs=cool_downs,
            account=account,
        )
        for currency, balance in (balances or held).items()
    ]


def _length(timeframe: str | None) -> int:
    """Return nanoseconds, 0 for none."""
    return parse_timeframe(timeframe) if timeframe else 0


def _ratio(percent: float | None) -> float:
    return (percent or 0.0) / 100.0


def _instrument(
    resolved: Resolved, column: int, terms: Terms, groups: Mapping[str, int], costs_factor: float
) -> InstrumentSetup:
    config, label, instrument = resolved.config, terms.label, terms.instrument
    costs, limits = config.costs, config.limits.of(label)
    _check_limits(config, label)
    slip = (costs.slippage_bps + costs.spread_bps / 2.0) / _BPS
    return InstrumentSetup(
        instrument=replace(instrument, tick_size=terms.tick_size),
        tick_step=terms.tick_step,
        wallet=terms.wallet,
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
        sector=_sectors(config).get(sector_of(instrument.base, config.limits.coins) or "", 0),
        highest_price=terms.highest * _HEADROOM,
        amends=VENUES[instrument.venue].amends,
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


def _sectors(config: BacktestConfig) -> dict[str, int]:
    """Return sector → its number, from 1, for those that are limited. Raises CONFIG_INFEASIBLE for too many."""
    if len(config.limits.sectors) >= GROUPS:
        raise ConfigError(
            "CONFIG_INFEASIBLE", f"there is room for {GROUPS - 1} sectors", key="limits.sectors"
        )
    return {name: number for number, name in enumerate(config.limits.sectors, start=1)}


def _strategy(resolved: Resolved, place: int) -> StrategySetup:
    part, limits = resolved.parts[place], resolved.config.limits
    legs = leg_groups(resolved)
    return StrategySetup(
        decide=part.code.decide,
        plan=part.code.plan,
        scan=part.code.scan,
        instruments=part.columns,
        params=part.code.params_vector(part.given),
        leg_groups=[legs.get(resolved.labels[column], 0) for column in part.columns],
        exits=_exits(resolved.config.uses[place]),
        streak=limits.strategy_loss_streak or 0,
        cool_ns=_length(limits.strategy_loss_streak_pause),
        bad_limit=limits.strategy_bad_outputs or 1,
    )


def _exits(use: StrategyUse) -> ExitSetup:
    exits = use.exits or Exits()
    return ExitSetup(
        protection=_PROTECTIONS[exits.guarded_by(use.protection)],
        stop_loss=_ratio(exits.stop_loss_pct),
        take_profit=_ratio(exits.take_profit_pct),
        trailing=_ratio(exits.trailing_pct),
        lock_from=_ratio(exits.profit_lock_from_pct),
        lock_back=_ratio(exits.profit_lock_back_pct),
        max_age_ns=_length(exits.max_age),
        trigger=TriggerKind.MARK if exits.trigger == "mark" else TriggerKind.LAST,
        reopen_ns=_length(exits.reopen_after),
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
        positions=limits.max_positions or 0,
        sectors={
            number: SectorLimit(
                limits.sectors[name].max_exposure_x or 0.0, limits.sectors[name].max_positions or 0
            )
            for name, number in _sectors(config).items()
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


def _check_range(resolved: Resolved, terms: Sequence[Terms], world: World) -> None:
    """Refuse capital that buys more of an instrument than integers can count. Raises INSTRUMENT_UNSIZED."""
    for each, view in zip(terms, world.views, strict=True):
        price_tick = each.lowest / float(each.tick_size)
        money = float(world.accounts["balance"][view["wallet"]]) * float(view["leverage"])
        worth = view["unit"] * price_tick if view["sense"] > 0 else view["unit"] / price_tick
        limited = resolved.config.limits.of(each.label).max_qty is not None
        if money / worth > view["side_limit_lot"][0] and not limited:
            raise ConfigError(
                "INSTRUMENT_UNSIZED",
                f"{each.label} is counted in {view['lot']:g} at ticks of {each.tick_size:f}: "
                "the account could buy more of it than 62 bits hold",
                key="capital.amount",
                hint=f"lower the capital, or set limits.each.max_qty below {view['side_limit_lot'][0] * view['lot']:g}",
            )
