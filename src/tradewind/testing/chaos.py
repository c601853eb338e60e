"""A strategy and a plan that wish at random: every kind, side, quantity and verdict, sensible or not.

Whatever they ask for, the core's promises must hold; `tradewind.testing.invariants` says which.
"""

from tradewind.engine.contract import DECIDE, PLAN
from tradewind.engine.planning import edit
from tradewind.units.enums import ALL, LONG, SHORT, IntentKind, Payoff, TriggerKind, Verdict
from tradewind.units.jit import kernel, overlay
from tradewind.units.layout import Layout, Rows
from tradewind.units.records import (
    MEMORY,
    PARAMS,
    Account,
    Context,
    Intent,
    Intents,
    Memory,
    Params,
    Strategy,
    View,
    Working,
)

__all__ = ["CHAOS_SLOTS", "ChaosParams", "blank", "chaos", "chaos_plan", "next_random"]

CHAOS_SLOTS = 12
"""Slots that `chaos` mentions; its plan adds one more."""
_PLAN_SLOT = 40
_REST, _TARGET, _STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP


class ChaosParams(Layout):
    """Where the dice start and how far they fall."""

    seed: int
    lots: int
    """Largest quantity asked for, in lot steps."""
    reach_tick: int
    """Largest distance of a price from the close."""
    calm: int
    """1: the wish depends on what is known only, as the contract demands; 0: every call throws the dice again."""


class _Dice(Layout):
    x: int


_params = overlay(ChaosParams, PARAMS)
_dice = overlay(_Dice, MEMORY)


@kernel
def next_random(x: int) -> int:
    """Return the next state of a 31-bit congruential generator."""
    return (x * 1103515245 + 12345) & 0x7FFFFFFF


@kernel
def blank(intents: Intents, slot: int) -> Intent:
    """Append a row with every field but the slot zero, and return it."""
    row = intents.row[intents.n]
    intents.n += 1
    row.kind = 0
    row.slot = slot
    row.position_side = 0
    row.reduce = 0
    row.price_tick = 0
    row.qty_lot = 0
    row.tolerance_lot = 0
    row.tolerance_tick = 0
    row.post_only = 0
    row.deadline_ns = 0
    row.epoch = 0
    row.trail_tick = 0
    row.trigger = 0
    row.show_lot = 0
    row.group = 0
    row.tag = slot + 1
    row.exact_price = 0.0
    row.exact_qty = 0.0
    return row


@kernel
def _wish_stop(view: View, row: Intent, q: int, side: int, away: int) -> None:
    """Wish for a protector or a stop entry: fixed or trailing, watching the last price or the mark."""
    row.kind = _STOP
    row.trigger = TriggerKind.MARK if q % 6 == 0 else TriggerKind.LAST
    if q % 7 == 0:
        row.trail_tick = 5 + away
    else:
        row.price_tick = max(1, view.close + side * (8 + away))


@kernel
def _wish(
    view: View, account: Account, working: Working, p: ChaosParams, row: Intent, q: int, r: int
) -> None:
    """Fill one row: what a slot is for is fixed, everything else is thrown."""
    slot = row.slot
    row.position_side = (q >> 3) & 1
    if view.payoff == Payoff.SPOT and q % 16:
        row.position_side = LONG
    row.qty_lot = view.lot_step * ((r >> 4) % (p.lots + 1))
    if slot < 2:
        row.kind = _TARGET
        row.position_side = slot
        row.tolerance_lot = view.lot_step * (q & 1)
        if q % 5 == 0:
            row.price_tick = view.close + (1 - 2 * slot) * ((q >> 2) % 9)
        return
    row.reduce = 0 if slot < 7 or slot == 10 else 1
    if row.reduce and q % 4 < 2:
        row.qty_lot = ALL
    side = 1 if (row.position_side == LONG) == (row.reduce == 0) else -1
    away = (q >> 4) % p.reach_tick
    if slot > 8:
        _wish_stop(view, row, q, side, away)
    else:
        row.kind = _REST
        row.price_tick = max(1, view.close - side * away + (3 * side if r % 11 == 0 else 0))
        row.post_only = int(r % 7 == 0)
        row.epoch = working.holding[row.position_side].trips if r % 3 else 0
        row.tolerance_tick = int(r % 5 == 0)
        if r % 13 == 0:
            row.deadline_ns = account.ts_ns + 2 * view.interval_ns


@kernel
def _halve(planned: Intents) -> None:
    """Ask for half of each limit order."""
    for i in range(planned.n):
        row = planned.row[i]
        if row.kind == _REST and row.qty_lot > 0:
            row.qty_lot = row.qty_lot // 2


@kernel(sig=DECIDE, checked=True)
def chaos(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Wish at random."""
    p = _params(params)
    m = _dice(memory)
    x = next_random(m.x ^ p.seed)
    if p.calm:
        x = next_random(next_random(view.bars * 7919 ^ p.seed) ^ view.close)
    verdict = (x >> 8) % 32
    if verdict == 2:
        intents.sleep = 1
        intents.wake_ns = account.ts_ns + 3 * view.interval_ns
    slot = 0
    while slot < CHAOS_SLOTS and verdict > 1:
        x = next_random(x)
        q = x >> 7
        if q % 3:
            x = next_random(x)
            _wish(view, account, working, p, blank(intents, slot), q, x >> 5)
        slot += 1
    m.x = x
    intents.signal[0] = float(x)
    if verdict == 0:
        return Verdict.HOLD
    return Verdict.PULL if verdict == 1 else Verdict.SET


@kernel(sig=PLAN)
def chaos_plan(account: Account, instruments: Rows[View], contexts: Rows[Context], strategy: Strategy) -> int:
    """Drop, halve and add wishes at random."""
    m = _dice(strategy.memory)
    x = m.x
    for k in range(len(contexts)):
        context = contexts[k]
        view = instruments[context.instrument]
        x = next_random(x ^ k)
        q = x >> 8
        if q % 8 < 4:
            planned = edit(context)
            if q % 8 == 0:
                planned.n = 0
            elif q % 8 < 3:
                _halve(planned)
            elif planned.n < CHAOS_SLOTS + 1:
                row = blank(planned, _PLAN_SLOT)
                row.reduce = 1
                row.position_side = LONG if view.payoff == Payoff.SPOT else (q >> 3) & 1
                row.qty_lot = view.lot_step * (1 + q % 5)
                row.price_tick = max(1, view.close + (3 if row.position_side != SHORT else -3))
    m.x = x
    if x % 32 == 0:
        strategy.sleep = 1
        strategy.wake_ns = account.ts_ns + 120_000_000_000
    verdict = (x >> 9) % 16
    if verdict == 0:
        return Verdict.HOLD
    return Verdict.PULL if verdict == 1 else Verdict.SET
