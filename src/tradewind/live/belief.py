"""What a world believes, as it is compared with a venue; and what lots are worth in it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tradewind.engine.world import lot_of
from tradewind.live.amounts import in_words
from tradewind.live.reconcile import Belief, Terms
from tradewind.units.enums import BUY, LONG, MONEY, SHORT, Halt, IntentKind, OrderState, Payoff, SettingCode
from tradewind.units.ids import context_of, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tradewind.engine.world import World
    from tradewind.venues.gateway import FillSeen

__all__ = [
    "asked_ns_of",
    "belief_of",
    "coins_in",
    "dust_of",
    "is_unknown",
    "setting_of",
    "terms_of",
    "worth_in",
]

_UNDER_WAY = (OrderState.PENDING, OrderState.AMENDING, OrderState.CANCELLING, OrderState.UNKNOWN)
_NOW = 1 << 62
_MARGIN_MODE = 2
"""Bit of `View.modes_wrong`: the venue's margin mode is not the one that is wanted."""


def worth_in(world: World) -> Callable[[int, int, float], int]:
    """Return what tells the money that (instrument, lots, price in ticks) are worth, as the core counts it."""
    units = world.views["unit"].tolist()
    inverse = (world.views["payoff"] == Payoff.INVERSE).tolist()

    def worth(instrument: int, lots: int, price_tick: float) -> int:
        unit = units[instrument]
        if inverse[instrument]:
            return int(lots * unit / price_tick) if price_tick else 0
        return int(lots * price_tick * unit)

    return worth


def coins_in(world: World) -> Callable[[FillSeen], int]:
    """Return what tells how many lots a trade's fee took out of the coins that were bought, 0 for a fee in money.

    Parts of a lot of the core count as one, so that what is believed to be there is never more than there is.
    """
    spot = (world.views["payoff"] == Payoff.SPOT).tolist()

    def coin_lots(seen: FillSeen) -> int:
        rules = world.instrument_setups[seen.instrument].instrument
        if not spot[seen.instrument] or seen.fee_currency != rules.base or seen.side != BUY:
            return 0
        return max(0, math.ceil(Decimal(seen.fee) / MONEY / lot_of(rules)))

    return coin_lots


def asked_ns_of(world: World, cid: int) -> int:
    """Return when the last request about an order was made, 0 for one that the core does not have any more."""
    order = world.contexts[context_of(cid)]["working"]["order"][slot_of(cid)]
    return int(order["asked_ns"]) if order["cid"] == cid and order["state"] != OrderState.FREE else 0


def is_unknown(world: World, cid: int) -> bool:
    """Say whether the core does not know what became of an order's last request."""
    order = world.contexts[context_of(cid)]["working"]["order"][slot_of(cid)]
    return bool(order["cid"] == cid and order["state"] == OrderState.UNKNOWN)


def _in_flight(world: World) -> set[int]:
    """Return the instruments of which an order is under way."""
    states = world.contexts["working"]["order"]["state"]
    busy = np.isin(states, _UNDER_WAY).any(axis=1)
    return set(world.contexts["instrument"][busy].tolist())


def belief_of(
    world: World, instruments: Collection[int], wallets: Collection[int], moved_ns: Mapping[int, int]
) -> Belief:
    """Return what is believed of an account.

    Parameters
    ----------
    instruments, wallets
        Those of the account.
    moved_ns
        When each instrument last traded; one with an order under way counts as moving.
    """
    views, contexts = world.views, world.contexts
    held: dict[tuple[int, int], int] = {}
    external, external_open = dict(held), dict(held)
    for instrument in instruments:
        mine = contexts["working"]["holding"]["pos_lot"][contexts["instrument"] == instrument]
        for side in (LONG, SHORT):
            held[instrument, side] = int(mine[:, side].sum())
            external[instrument, side] = int(views["external_lot"][instrument, side])
            external_open[instrument, side] = int(views["external_open_lot"][instrument, side])
    return Belief(
        held,
        external,
        external_open,
        {wallet: int(world.accounts["balance"][wallet]) for wallet in wallets},
        _settings(world, instruments),
        frozenset(j for j in instruments if views["hedge"][j]),
        {**moved_ns, **dict.fromkeys(_in_flight(world), _NOW)},
        {j: int(views["close"][j]) for j in instruments},
        {j: int(views["wallet"][j]) for j in instruments},
        {j: float(views["tick"][j]) for j in instruments},
        _first_contexts(world),
        {j: cost for j in instruments if (cost := _netted_cost(world, j)) is not None},
        frozenset(j for j in instruments if views["payoff"][j] == Payoff.INVERSE),
        lambda instrument, lots: in_words(world.instrument_setups[instrument].instrument, lots),
        _own_orders(world, instruments),
        {j: _least_order(world, j) for j in instruments if views["payoff"][j] == Payoff.SPOT},
        _coins_cost(world, instruments),
        frozenset(wallet for wallet in wallets if world.accounts["told"][wallet] & Halt.LIQUIDATED),
    )


def _least_order(world: World, instrument: int) -> int:
    """Return the lots of the least order of an instrument."""
    view = world.views[instrument]
    return max(int(view["lot_step"]), int(view["min_lot"]))


def _coins_cost(world: World, instruments: Collection[int]) -> dict[int, int]:
    """Return the money that the coins of an account cost, by wallet: the core counts it in the balance, a venue not."""
    views, contexts, spent = world.views, world.contexts, dict[int, int]()
    for j in instruments:
        if views["payoff"][j] == Payoff.SPOT:
            cost = contexts["working"]["holding"]["cost"][contexts["instrument"] == j]
            wallet = int(views["wallet"][j])
            spent[wallet] = spent.get(wallet, 0) + int(cost[:, LONG].sum())
    return spent


def _own_orders(world: World, instruments: Collection[int]) -> dict[int, Terms]:
    """Return the terms of every order that works and of which no request is under way, by id."""
    contexts = world.contexts[np.isin(world.contexts["instrument"], list(instruments))]
    orders = contexts["working"]["order"]
    return {int(order["cid"]): _terms(order) for order in orders[orders["state"] == OrderState.LIVE]}


def terms_of(world: World, cid: int) -> Terms | None:
    """Return the terms of an order that works, None for one that does not or of which a request is under way."""
    order = world.contexts[context_of(cid)]["working"]["order"][slot_of(cid)]
    return _terms(order) if order["cid"] == cid and order["state"] == OrderState.LIVE else None


def _terms(order: np.void) -> Terms:
    price_tick = 0 if order["trail_tick"] else int(order["price_tick"])
    lots = int(order["qty_lot"]), int(order["filled_lot"])
    is_stop = bool(order["kind"] == IntentKind.STOP)
    return Terms(price_tick, *lots, bool(order["reduce"]), is_stop, int(order["asked_ns"]))


def _netted_cost(world: World, instrument: int) -> int | None:
    """Return what the holdings of an instrument cost, longs less shorts; None where the venue keeps them as we do.

    It keeps one average price for all of an instrument, where each of several strategies has its own.
    """
    views, contexts = world.views, world.contexts
    if views["hedge"][instrument] or views["payoff"][instrument] == Payoff.SPOT:
        return None
    mine = contexts["working"]["holding"][contexts["instrument"] == instrument]
    if len(mine) < 2 and not mine["pos_lot"].all():
        return None
    return int(mine["cost"][:, LONG].sum()) - int(mine["cost"][:, SHORT].sum())


def _first_contexts(world: World) -> dict[int, int]:
    """Return the first context of each instrument: contexts stand in the order of the strategies in the file."""
    places = world.contexts["instrument"].tolist()
    return {instrument: context for context, instrument in reversed(list(enumerate(places)))}


def dust_of(world: World, instruments: Collection[int]) -> dict[int, int]:
    """Return by instrument the lots of ours that no order can close, since the venue's lot has grown over them.

    Spot is left out: fees taken in the coin leave dust there all the time.
    """
    found = {}
    for instrument in instruments:
        if world.views["payoff"][instrument] == Payoff.SPOT:
            continue
        mine = world.contexts["working"]["holding"]["pos_lot"][world.contexts["instrument"] == instrument]
        lots = int((mine % max(1, int(world.views["lot_step"][instrument]))).sum())
        if lots:
            found[instrument] = lots
    return found


def setting_of(world: World, instrument: int, code: int) -> float | None:
    """Return the value of a setting (`SettingCode`) that the core keeps, None for one that it does not compare."""
    return _settings(world, [instrument]).get((instrument, code))


def _settings(world: World, instruments: Collection[int]) -> dict[tuple[int, int], float]:
    """Return the settings that a venue states and the core keeps; for spot there is none."""
    views = world.views
    settings = {}
    for j in instruments:
        if views["payoff"][j] != Payoff.SPOT:
            settings[j, SettingCode.LEVERAGE] = float(views["leverage"][j])
            settings[j, SettingCode.POSITION_MODE] = float(views["hedge"][j])
            other = bool(views["modes_wrong"][j] & _MARGIN_MODE)
            settings[j, SettingCode.MARGIN_MODE] = float(bool(views["isolated_wanted"][j]) != other)
    return settings
