"""A world: every record of a core and its simulated venue, bound from what the user configured, and drained as it runs.

Binding is where overflow is refused: lots and ticks must be exact as doubles, and the worth of whatever can
be held must fit 62 bits.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tradewind.engine.contract import Kernel, codes_of
from tradewind.engine.setup import AccountLimits, InstrumentSetup, StrategySetup, VenueSetup, WalletSetup
from tradewind.engine.venue_records import TIERS, Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.errors import ConfigError
from tradewind.market import Instrument
from tradewind.market.grid import grid_offset_ns
from tradewind.units.enums import BIG, NEVER_HIGH, NEVER_LOW, Payoff, Protection
from tradewind.units.ids import CONTEXTS_MAX
from tradewind.units.jit import allocate
from tradewind.units.layout import dtype_of, joined, overwrite
from tradewind.units.records import FRAMES, GROUPS, OWNERS, Account, Context, Core, Strategy, View
from tradewind.units.wire import CashRow, Fact, FillRow, Mailbox, OrderRow, RefusalRow

__all__ = ["CORE_BYTES", "Drained", "World", "atoms_of", "lot_of", "money_unit"]

CORE_BYTES = dtype_of(Core).itemsize
"""Size of the core's registers, for `World.move_core`."""
_EXACT = 1 << 53
"""Whole numbers below it are exact as doubles."""
_ATOMS = 1000
_ATOM_LEAST = Decimal("1e-8")
_PAYOFFS = {"linear": Payoff.LINEAR, "inverse": Payoff.INVERSE, "spot": Payoff.SPOT}

Records = np.ndarray
State = tuple[Records, Records, Records, Records, Records, Records]
VenueState = tuple[Records, Records, Records, Records]
Ints = npt.NDArray[np.int64]


def atoms_of(instrument: Instrument) -> int:
    """Return the internal lots per exchange lot: spot counts in atoms, because base fees leave dust below a lot.

    An atom is a thousandth of a lot, but not below 1e-8: finer ones would only use up the range of integers.
    """
    if instrument.payoff != "spot":
        return 1
    return int(min(Decimal(_ATOMS), max(Decimal(1), instrument.lot_size / _ATOM_LEAST)))


def lot_of(instrument: Instrument) -> Decimal:
    """Return the quantity of one internal lot: the exchange's lot, or an atom of it for spot."""
    return instrument.lot_size / atoms_of(instrument)


def money_unit(instrument: Instrument, scale: int) -> float:
    """Return money per lot and tick (inverse: money times ticks per lot)."""
    size = lot_of(instrument) * instrument.contract_size * scale
    return float(
        size / instrument.tick_size if instrument.payoff == "inverse" else size * instrument.tick_size
    )


@dataclass(frozen=True, slots=True)
class Drained:
    """Rows that a world logged since it was last drained, in order."""

    fills: Records
    orders: Records
    refusals: Records
    cash: Records


class World:
    """Records of one core, its contexts and its simulated venue.

    Arrays are public: drivers, snapshots and tests read them. `state` and `venue` are the arguments of the
    drivers in their order.
    """

    def __init__(
        self,
        wallets: Sequence[WalletSetup],
        instruments: Sequence[InstrumentSetup],
        strategies: Sequence[StrategySetup],
        limits: AccountLimits | None = None,
        venue: VenueSetup | None = None,
    ) -> None:
        """Allocate and fill everything; ConfigError where numbers could overflow or capacities do not suffice."""
        self.wallet_setups, self.instrument_setups, self.strategy_setups = (
            list(wallets),
            list(instruments),
            list(strategies),
        )
        contexts = [(g, j) for g, s in enumerate(strategies) for j in s.instruments]
        if len(contexts) > CONTEXTS_MAX:
            raise ConfigError(
                "CONFIG_INFEASIBLE", f"{len(contexts)} strategy-instrument pairs, at most {CONTEXTS_MAX}"
            )
        self.core = allocate(Core)
        self.accounts = allocate(Account, len(wallets))
        self.views = allocate(View, len(instruments))
        self.contexts = allocate(Context, len(contexts))
        self.strategies = allocate(Strategy, len(strategies))
        self.box = allocate(Mailbox)
        self.venues = allocate(Venue)
        self.venue_instruments = allocate(VenueInstrument, len(instruments))
        self.venue_wallets = allocate(VenueWallet, len(wallets))
        self.venue_contexts = allocate(VenueContext, len(contexts))
        self._bind_core(limits or AccountLimits())
        self._bind_venue(venue or VenueSetup())
        for w, wallet in enumerate(wallets):
            self._bind_wallet(w, wallet)
        for j, setup in enumerate(instruments):
            self._bind_instrument(j, setup)
        self._bind_strategies(contexts)
        self.codes = codes_of(self._codes())

    @property
    def state(self) -> State:
        """Return the core's arrays in the order of `engine.step.STATE`."""
        return (self.core, self.accounts, self.views, self.contexts, self.strategies, self.box)

    @property
    def venue(self) -> VenueState:
        """Return the venue's arrays in the order of `engine.loop.VENUE`."""
        return (self.venues, self.venue_instruments, self.venue_wallets, self.venue_contexts)

    def advance(self, bars: Ints, ts: Ints, events: Records, equity: Ints, start: int, stop: int) -> int:
        """Run bars start..stop-1 of a chunk; return the next bar to run (see `engine.loop.run_bars`)."""
        interval_ns = int(self.views["interval_ns"][0])
        drive = self._driver
        return int(
            drive(self.codes, *self.state, *self.venue, bars, ts, events, equity, start, stop, interval_ns)
        )

    @property
    def driver_name(self) -> str:
        """Return which driver runs a world of this shape."""
        shape = (self.views, self.contexts, self.accounts, self.strategies)
        return "run_single" if all(len(rows) == 1 for rows in shape) else "run"

    @cached_property
    def _driver(self) -> Kernel:
        """Return the driver for this world's shape; each is compiled when it is first wanted."""
        if self.driver_name == "run_single":
            from tradewind.engine.run_single import run_single

            return run_single
        from tradewind.engine.run import run

        return run

    def drain(self) -> Drained:
        """Take the logged rows out and leave the log empty."""
        log = self.box["log"][0]
        counts = [int(log[name]) for name in ("fills", "orders", "refusals", "cash")]
        rows = ("fill_row", "order_row", "refusal_row", "cash_row")
        drained = Drained(*(joined([log[name][:count]]) for name, count in zip(rows, counts, strict=True)))
        for name in ("fills", "orders", "refusals", "cash"):
            self.box["log"][name] = 0
        return drained

    def move_core(self, buffer: memoryview) -> None:
        """Let the core's registers live in a buffer of at least `CORE_BYTES`, so that another process can read them.

        `core.deciding` says there who is thinking, also while it never returns. The buffer must outlive the world.
        """
        core = np.frombuffer(buffer, self.core.dtype, 1)
        overwrite(core, self.core)
        self.core = core

    def decisions_hash(self) -> str:
        """Return the rolling hash of intents and requests so far."""
        return f"{int(self.core['decision_a'][0]):08x}{int(self.core['decision_b'][0]):08x}"

    def state_hash(self) -> str:
        """Return a hash of everything the core believes; equal on every machine that saw the same facts."""
        digest = hashlib.sha256()
        for part in self.state[:-1]:
            digest.update(part.tobytes())
        return digest.hexdigest()

    def snapshot(self) -> list[Records]:
        """Return a copy of every array but the mailbox."""
        return [joined([part]) for part in (*self.state[:-1], *self.venue)]

    def restore(self, parts: Sequence[Records]) -> None:
        """Put back a snapshot."""
        for target, part in zip((*self.state[:-1], *self.venue), parts, strict=True):
            overwrite(target, part)

    def _codes(self) -> list[tuple[Kernel, Kernel | None, Kernel | None]]:
        """Return (decide, plan, scan) of each different strategy code, in the order of first use."""
        return list(dict.fromkeys((setup.decide, setup.plan, setup.scan) for setup in self.strategy_setups))

    def _bind_core(self, limits: AccountLimits) -> None:
        core = self.core[0]
        core["open_orders_limit"] = limits.open_orders or BIG
        core["rate_limit"] = limits.order_rate or BIG
        core["rate_window_ns"] = limits.rate_window_ns
        core["rate_start_ns"] = core["summed_ns"] = -BIG
        core["leverage_limit"], core["total_limit"] = limits.leverage, limits.total
        core["side_limit"] = limits.long or limits.side, limits.short or limits.side
        core["retry_ns"] = limits.retry_ns
        for g, ratio in limits.groups.items():
            core["group"]["exposure_limit"][_group(g)] = ratio
        for g, legs in limits.leg_groups.items():
            core["group"]["unhedged_limit"][_group(g)] = int(
                legs.unhedged_notional * self.wallet_setups[0].scale
            )
            core["group"]["unhedged_limit_ns"][_group(g)] = legs.unhedged_ns
        for g, sector in sorted(limits.sectors.items()):
            core["sector"][_group(g)] = sector.exposure, sector.positions
        core["sector_limits"], core["positions_limit"] = int(bool(limits.sectors)), limits.positions
        core["group_limits"], core["leg_groups"] = int(bool(limits.groups)), len(limits.leg_groups)
        symbol_limits = any(s.symbol_limit or s.position_limit_notional for s in self.instrument_setups)
        any_ratio = (
            limits.leverage
            or limits.side
            or limits.long
            or limits.short
            or limits.total
            or limits.groups
            or limits.leg_groups
            or limits.positions
            or limits.sectors
            or symbol_limits
        )
        core["exposure_limits"] = int(bool(any_ratio))

    def _bind_venue(self, setup: VenueSetup) -> None:
        venue = self.venues[0]
        venue["liquidation_rule"], venue["lagged"] = setup.liquidation_rule, int(setup.lagged)
        venue["request_ns"], venue["answer_ns"] = setup.request_ns, setup.answer_ns
        venue["feed_ns"], venue["grace_ns"] = setup.feed_ns, setup.grace_ns
        if setup.wake_every_ns:
            venue["wake_every_ns"] = setup.wake_every_ns
            venue["wake_from_ns"] = grid_offset_ns(setup.wake_every_ns)

    def _bind_wallet(self, w: int, setup: WalletSetup) -> None:
        balance = int(round(setup.balance * setup.scale))
        if not 0 <= balance < BIG:
            raise ConfigError(
                "CONFIG_RANGE",
                f"{setup.balance} {setup.currency} does not fit the wallet",
                key="capital.amount",
            )
        account = self.accounts[w]
        for name in ("balance", "equity", "start", "peak", "fall_from", "session_start", "day_start"):
            account[name] = balance
        account["scale"], account["haircut"], account["floor"] = setup.scale, setup.haircut, -BIG
        account["loss_day"], account["loss_session"], account["drawdown"] = (
            setup.loss_day,
            setup.loss_session,
            setup.drawdown,
        )
        account["emergency"], account["position_loss"] = setup.emergency, setup.position_loss
        account["follows"] = int(setup.drawdown > 0.0 or setup.emergency > 0.0)
        account["streak_limit"], account["cool_ns"] = setup.loss_streak, astuple(setup.cool_downs)
        account["owner"] = _owner(setup.account)
        self.core["watches"] |= int(setup.emergency > 0.0)
        self.venue_wallets["balance"][w] = balance

    def _bind_instrument(self, j: int, setup: InstrumentSetup) -> None:
        instrument, view, scale = setup.instrument, self.views[j], self.wallet_setups[setup.wallet].scale
        lot, steps = lot_of(instrument), atoms_of(instrument)
        highest_tick = int(Decimal(setup.highest_price) / instrument.tick_size) + 1
        view["payoff"] = _PAYOFFS[instrument.payoff]
        view["sense"] = -1 if instrument.payoff == "inverse" else 1
        view["tick"], view["lot"] = float(instrument.tick_size), float(lot)
        view["unit"] = money_unit(instrument, scale)
        worth = float(view["unit"]) * (1.0 if instrument.payoff == "inverse" else highest_tick)
        largest = min(_EXACT, int(BIG // worth)) if highest_tick < _EXACT else 0
        if largest < steps:
            raise ConfigError(
                "INSTRUMENT_UNSIZED", "one lot is worth more than integers hold", where=instrument.where
            )
        view["wallet"], view["interval_ns"] = setup.wallet, setup.interval_ns
        view["group"], view["sector"] = _group(setup.group), _group(setup.sector)
        view["leverage"] = 1.0 if instrument.payoff == "spot" else setup.leverage
        view["maker"] = float(instrument.maker_rate) if setup.maker_rate is None else setup.maker_rate
        view["taker"] = float(instrument.taker_rate) if setup.taker_rate is None else setup.taker_rate
        view["tick_step"], view["lot_step"] = setup.tick_step, steps
        view["min_lot"] = max(steps, int(-(-instrument.min_qty // lot)))
        view["max_lot"] = (
            largest if instrument.max_qty is None else min(largest, int(instrument.max_qty // lot))
        )
        view["min_notional"] = int(instrument.min_notional * scale) if instrument.payoff != "inverse" else 0
        view["hedge"], view["amends"] = int(setup.hedge), int(setup.amends)
        view["hedge_wanted"], view["isolated_wanted"] = int(setup.hedge), int(setup.isolated)
        view["order_limit_notional"] = _money(setup.order_limit_notional, scale)
        view["position_limit_notional"] = _money(setup.position_limit_notional, scale)
        view["symbol_limit"], view["price_band"] = setup.symbol_limit, setup.price_band
        view["open_orders_limit"] = setup.open_orders or BIG
        limit = (
            largest
            if setup.position_limit_qty is None
            else min(largest, int(Decimal(str(setup.position_limit_qty)) // lot))
        )
        view["side_limit_lot"] = limit
        view["funding_paid_ns"] = -BIG
        view["calm_low"], view["calm_high"] = NEVER_LOW, NEVER_HIGH
        self._bind_frames(j, setup)
        self._bind_venue_instrument(j, setup)

    def _bind_frames(self, j: int, setup: InstrumentSetup) -> None:
        view = self.views[j]
        if len(setup.frames) > FRAMES:
            raise ConfigError("CONFIG_INFEASIBLE", f"{len(setup.frames)} coarser bars, at most {FRAMES}")
        view["frames"] = len(setup.frames)
        for i, interval_ns in enumerate(setup.frames):
            if interval_ns <= setup.interval_ns or interval_ns % setup.interval_ns:
                raise ConfigError("TIMEFRAME_INVALID", "a coarser bar must be a multiple of the fine one")
            view["frame"]["interval_ns"][i] = interval_ns
        view["wide"]["interval_ns"] = setup.wide_ns
        view["folds"] = int(bool(setup.frames or setup.wide_ns))
        self.core["wide"] |= int(bool(setup.wide_ns))

    def _bind_venue_instrument(self, j: int, setup: InstrumentSetup) -> None:
        instrument, view, held = setup.instrument, self.views[j], self.venue_instruments[j]
        scale = self.wallet_setups[setup.wallet].scale
        held["safe_low"], held["safe_high"] = NEVER_LOW, NEVER_HIGH
        held["fill_rule"], held["gap_open"] = setup.fill_rule, int(setup.gap_open)
        held["slip"], held["share"] = setup.slip, setup.share
        held["maker"], held["taker"] = view["maker"], view["taker"]
        held["liquidation_fee"] = float(instrument.liquidation_fee_rate)
        held["isolated"], held["tick_step"], held["min_notional"] = (
            int(setup.isolated),
            setup.tick_step,
            view["min_notional"],
        )
        held["tiers"] = max(1, min(TIERS, len(instrument.tiers)))
        held["upto"], held["left_bar"] = BIG, -1
        for i, tier in enumerate(instrument.tiers[:TIERS]):
            last = i == held["tiers"] - 1 or tier.notional_upto is None
            held["upto"][i] = BIG if last else int(tier.notional_upto * scale)  # type: ignore[operator]
            held["rate"][i], held["deduct"][i] = float(tier.maintenance_rate), int(tier.deduction * scale)

    def _bind_strategies(self, contexts: Sequence[tuple[int, int]]) -> None:
        codes = self._codes()
        at = 0
        for g, setup in enumerate(self.strategy_setups):
            row = self.strategies[g]
            row["index"] = g
            row["fn"], row["lo"], row["hi"] = (
                codes.index((setup.decide, setup.plan, setup.scan)),
                at,
                at + len(setup.instruments),
            )
            row["has_plan"], row["has_scan"] = int(setup.plan is not None), int(setup.scan is not None)
            row["exits"] = astuple(setup.exits)
            row["streak_limit"], row["cool_ns"], row["bad_limit"] = (
                setup.streak,
                setup.cool_ns,
                setup.bad_limit,
            )
            plan_params = setup.params if setup.plan_params is None else setup.plan_params
            row["params"]["v"][: len(plan_params)] = plan_params
            at += len(setup.instruments)
        for k, (g, j) in enumerate(contexts):
            self._bind_context(k, g, j)
        for j in range(len(self.views)):
            users = [g for g, i in contexts if i == j]
            self.views["shared"][j] = int(len(users) > 1)

    def _bind_context(self, k: int, g: int, j: int) -> None:
        setup, context, view = self.strategy_setups[g], self.contexts[k], self.views[j]
        context["index"], context["strategy"], context["instrument"] = k, g, j
        context["wallet"] = view["wallet"]
        losses = float(self.accounts["position_loss"][view["wallet"]])
        context["guarded"] = int(losses > 0.0 or setup.exits.protection != Protection.NONE)
        self.core["watches"] |= context["guarded"]
        context["params"]["v"][: len(setup.params)] = setup.params
        limit = int(view["side_limit_lot"][0])
        if setup.holding_limit_qty is not None:
            lot = lot_of(self.instrument_setups[j].instrument)
            limit = min(limit, int(Decimal(str(setup.holding_limit_qty)) // lot))
        context["working"]["holding"]["limit_lot"] = limit
        if setup.leg_groups:
            context["leg_group"] = _group(setup.leg_groups[list(setup.instruments).index(j)])
        table = self.venue_contexts[k]
        table["instrument"], table["low_wake"], table["high_wake"] = j, NEVER_LOW, NEVER_HIGH


def _group(number: int) -> int:
    if not 0 <= number < GROUPS:
        raise ConfigError("CONFIG_INFEASIBLE", f"group {number}; there are {GROUPS}")
    return number


def _owner(number: int) -> int:
    if not 0 <= number < OWNERS:
        raise ConfigError("CONFIG_INFEASIBLE", f"account {number}; a session has room for {OWNERS}")
    return number


def _money(amount: float | None, scale: int) -> int:
    return BIG if not amount else int(amount * scale)


ROWS = {"fills": FillRow, "orders": OrderRow, "refusals": RefusalRow, "cash": CashRow, "events": Fact}
