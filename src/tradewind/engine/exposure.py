"""Exposure of whole accounts: its sums, and the judgement of what stands although nothing was sent.

Sums are made when something is to be asked for, or to be judged. A judgement stands until a fact or a request
changes what it rests on, or a close leaves its instrument's calm band: inside the bands of a wallet no
combination of moves can lift any of its sums over a limit (docs/concepts/engine.md).
"""

import math

from tradewind.engine.accounting import money, worth
from tradewind.engine.breakers import watch_legs
from tradewind.engine.gate import breach_of
from tradewind.engine.masks import place
from tradewind.units.enums import BIG, NEVER_HIGH, NEVER_LOW
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import GROUPS, OWNERS, Account, Context, Core, View

__all__ = ["judge_exposure", "sum_exposure", "watch_exposure"]

_WIDEST = 0.25
"""Largest relative move that a calm band allows; up to here an inverse contract's worth moves by less than twice it."""
_DUST = 64.0
"""Units of money that truncation may hide in the sums of a wallet, and then some."""


@kernel(hot=True)
def watch_exposure(core: Core, accounts: Rows[Account], views: Rows[View], contexts: Rows[Context]) -> None:
    """Judge exposure again where a verdict could have changed."""
    if core.leg_groups:
        _weigh_legs(core, accounts, views, contexts)
    if core.recheck or (core.exposure_limits and _is_stirred(core, views)):
        judge_exposure(core, accounts, views, contexts)


@kernel(hot=True)
def _is_stirred(core: Core, views: Rows[View]) -> bool:
    """Tell whether the last judgement may not hold any more."""
    if core.facts + core.requests != core.judged:
        return True
    stirred = False
    for j in range(len(views)):
        view = views[place(j)]
        stirred = stirred | (view.close < view.calm_low) | (view.close > view.calm_high)
    return stirred


@kernel
def judge_exposure(core: Core, accounts: Rows[Account], views: Rows[View], contexts: Rows[Context]) -> None:
    """Look for what stands above a limit: a mark moved, a fill came, a limit was lowered."""
    if core.exposure_limits:
        sum_exposure(core, accounts, views)
    core.breached = 0
    for k in range(len(contexts)):
        context = contexts[k]
        for side in range(2):
            if breach_of(core, accounts[context.wallet], views[context.instrument], context, side):
                core.breached = 1
    core.recheck = core.breached
    core.judged = core.facts + core.requests
    if core.exposure_limits:
        _draw_calm(core, accounts, views, contexts)


@kernel
def sum_exposure(core: Core, accounts: Rows[Account], views: Rows[View]) -> None:
    """Sum what is held or may open per side and group."""
    core.summed_ns = core.now_ns
    for w in range(len(accounts)):
        _forget_sums(core, accounts[w])
    counts = core.positions_limit | core.sector_limits
    if counts:
        _forget_counts(core)
    for j in range(len(views)):
        view = views[j]
        if view.close > 0:
            held = _sum_sides(core, accounts[view.wallet], view)
            if counts and held:
                owner = accounts[view.wallet].owner
                core.positions[owner] += 1
                core.sector_positions[owner * GROUPS + view.sector] += 1


@kernel
def _forget_sums(core: Core, account: Account) -> None:
    """Begin to sum up a wallet anew."""
    for side in range(2):
        account.gross[side] = 0
    if core.group_limits:
        for g in range(GROUPS):
            account.group_gross[g] = 0
    if core.sector_limits:
        for g in range(GROUPS):
            account.sector_gross[g] = 0


@kernel
def _forget_counts(core: Core) -> None:
    """Begin to count positions anew."""
    for owner in range(OWNERS):
        core.positions[owner] = 0
    for at in range(OWNERS * GROUPS):
        core.sector_positions[at] = 0


@kernel
def _sum_sides(core: Core, account: Account, view: View) -> bool:
    """Add what an instrument holds or may open to its sums; return whether that is anything."""
    held = False
    for side in range(2):
        lots = view.side_lot[side] + view.external_lot[side]
        if lots:
            held = True
            notional = money(worth(view, lots, view.close))
            account.gross[side] += notional
            if core.group_limits:
                account.group_gross[view.group] += notional
            if core.sector_limits:
                account.sector_gross[view.sector] += notional
    return held


@kernel
def _weigh_legs(core: Core, accounts: Rows[Account], views: Rows[View], contexts: Rows[Context]) -> None:
    """Sum the unhedged part of each leg group, longs less shorts over its legs, and watch how long it stands."""
    for g in range(GROUPS):
        core.group[g].unhedged = 0
    for k in range(len(contexts)):
        context = contexts[k]
        view = views[context.instrument]
        if context.leg_group and view.close > 0:
            net = context.working.holding[0].pos_lot - context.working.holding[1].pos_lot
            sign = 1 if net >= 0 else -1
            core.group[context.leg_group].unhedged += sign * money(worth(view, abs(net), view.close))
    watch_legs(core, accounts, views)


@kernel
def _draw_calm(core: Core, accounts: Rows[Account], views: Rows[View], contexts: Rows[Context]) -> None:
    """Set each instrument's band; without an opener at the venue no move of a price can matter."""
    for j in range(len(views)):
        views[j].calm_low = NEVER_LOW
        views[j].calm_high = NEVER_HIGH
    for w in range(len(accounts)):
        opening = False
        for k in range(len(contexts)):
            holding = contexts[k].working.holding
            if contexts[k].wallet == w and (holding[0].open_lot or holding[1].open_lot):
                opening = True
        if opening:
            ratio = _calm_ratio(core, accounts[w], views, w)
            for j in range(len(views)):
                view = views[j]
                if view.wallet == w and view.close > 0:
                    view.calm_low = int(math.ceil(view.close * (1.0 - ratio)))
                    view.calm_high = int(view.close * (1.0 + ratio))


@kernel
def _calm_ratio(core: Core, account: Account, views: Rows[View], wallet: int) -> float:
    """Return the relative move that all prices of a wallet may make together before any limit could break."""
    total = float(account.gross[0] + account.gross[1])
    ratio = _least(_WIDEST, account, core.leverage_limit, total, total)
    ratio = _least(ratio, account, core.total_limit, total, total)
    for side in range(2):
        ratio = _least(ratio, account, core.side_limit[side], float(account.gross[side]), total)
    if core.group_limits:
        for g in range(GROUPS):
            ratio = _least(ratio, account, core.group[g].exposure_limit, float(account.group_gross[g]), total)
    if core.sector_limits:
        for g in range(GROUPS):
            limit = core.sector[g].exposure_limit
            ratio = _least(ratio, account, limit, float(account.sector_gross[g]), total)
    for j in range(len(views)):
        view = views[j]
        if view.wallet == wallet and view.close > 0:
            for side in range(2):
                position = worth(view, view.side_lot[side], view.close)
                ratio = _least(ratio, account, view.symbol_limit, position, total)
                if position > 0.0 and view.position_limit_notional < BIG:
                    ratio = min(ratio, (view.position_limit_notional - position - _DUST) / (2.0 * position))
    return max(0.0, 0.999 * ratio)


@kernel
def _least(ratio: float, account: Account, limit: float, gross: float, total: float) -> float:
    """Return the smaller of a ratio and the move by which `gross` could come to `limit` times equity.

    A move r lifts gross to at most gross (1 + 2 r) and takes at most 2 r total from equity.
    """
    if limit <= 0.0:
        return ratio
    allowed = limit * float(max(account.equity, 1))
    slack = allowed - gross - _DUST - 1e-12 * allowed
    return min(ratio, slack / (2.0 * (gross + limit * total) + 1.0))
