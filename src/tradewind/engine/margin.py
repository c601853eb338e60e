"""The simulated venue's own position, money and margin: settlement of trades, funding, liquidation, delisting.

Maintenance margin by brackets: notional * rate - deduction. A wallet is judged inside each bar, by default
with every instrument at its own worse extreme, so that a hedged book is never judged kindly. Between two
judgements the prices may move inside a band in which no combination of moves can use up the slack found last;
inside it nothing is computed, and the result is the same.
"""

import numpy as np

from tradewind.engine.accounting import money, worth
from tradewind.engine.masks import low_bit
from tradewind.engine.venue import remove, rewake
from tradewind.engine.venue_facts import say, say_ended, say_fee
from tradewind.engine.venue_records import Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.units.enums import (
    BIG,
    BUY,
    LONG,
    NEVER_HIGH,
    NEVER_LOW,
    SHORT,
    FactKind,
    LiquidationRule,
    Payoff,
    Rule,
)
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import WORDS, Account, View
from tradewind.units.wire import Mailbox

__all__ = ["close_instrument", "judge_margin", "pay_funding", "settle"]

_SPOT = Payoff.SPOT
_ONE = np.uint64(1)


@kernel
def settle(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    side: int,
    position_side: int,
    lots: int,
    notional: int,
) -> None:
    """Move the venue's position by one trade. One-way: the other side is reduced first, what is left opens."""
    venue.judge = 1
    own = LONG if side == BUY else SHORT
    if view.hedge:
        if own == position_side:
            _add(instrument, own, lots, notional)
        else:
            _reduce(view, instrument, wallet, position_side, lots, notional)
        return
    closing = min(lots, instrument.pos_lot[1 - own])
    part = notional if closing == lots else money(notional * (closing / lots))
    if closing:
        _reduce(view, instrument, wallet, 1 - own, closing, part)
    if lots > closing:
        _add(instrument, own, lots - closing, notional - part)


@kernel
def _add(instrument: VenueInstrument, side: int, lots: int, notional: int) -> None:
    instrument.pos_lot[side] += lots
    instrument.cost[side] += notional


@kernel
def _reduce(
    view: View, instrument: VenueInstrument, wallet: VenueWallet, side: int, lots: int, notional: int
) -> None:
    """Close part of one side; the money made or lost goes to the wallet."""
    held = instrument.pos_lot[side]
    cost = instrument.cost[side]
    part = cost if lots >= held else money(cost * (lots / held))
    instrument.pos_lot[side] -= lots
    instrument.cost[side] -= part
    wallet.balance += (1 - 2 * side) * view.sense * (notional - part)


@kernel
def pay_funding(
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    box: Mailbox,
    index: int,
    rate: float,
    ts_ns: int,
) -> None:
    """Settle funding on the venue's own position at the mark price: longs pay a positive rate."""
    mark = view.mark if view.mark > 0.0 else float(view.close)
    if mark <= 0.0:
        return
    for side in range(2):
        lots = instrument.pos_lot[side]
        if lots:
            amount = money(worth(view, lots, mark) * rate) * (1 - 2 * side)
            wallet.balance -= amount
            fact = say(box, FactKind.FUNDING_PAID, index, 0, ts_ns)
            fact.wallet = view.wallet
            fact.position_side = side
            fact.qty_lot = lots
            fact.amount = amount
            fact.value = rate
            fact.price_tick = int(mark)


@kernel
def maintenance(instrument: VenueInstrument, notional: int) -> int:
    """Return the maintenance margin of a notional, by its bracket."""
    tier = 0
    while tier < instrument.tiers - 1 and notional > instrument.upto[tier]:
        tier += 1
    return max(0, money(notional * instrument.rate[tier]) - instrument.deduct[tier])


@kernel
def _slack_at(view: View, instrument: VenueInstrument, price_tick: int) -> int:
    """Return unrealised value less maintenance margin of one instrument at a price."""
    total = 0
    for side in range(2):
        lots = instrument.pos_lot[side]
        if lots:
            notional = money(worth(view, lots, price_tick))
            total += (1 - 2 * side) * view.sense * (notional - instrument.cost[side]) - maintenance(
                instrument, notional
            )
    return total


@kernel
def _low_of(view: View, ts_ns: int) -> int:
    """Return the low of the bar that opened at `ts_ns`; an instrument without a bar then stands at its close."""
    return view.low if view.ts_ns == ts_ns else view.close


@kernel
def _high_of(view: View, ts_ns: int) -> int:
    """Return the high of the bar that opened at `ts_ns`, or the close."""
    return view.high if view.ts_ns == ts_ns else view.close


@kernel
def _isolated_margin(view: View, instrument: VenueInstrument) -> int:
    """Return the margin set aside for an isolated instrument."""
    return money((instrument.cost[0] + instrument.cost[1]) / view.leverage)


@kernel
def _is_margined(view: View, instrument: VenueInstrument) -> bool:
    """Tell whether an instrument has a position that can be liquidated."""
    return view.payoff != _SPOT and (instrument.pos_lot[0] != 0 or instrument.pos_lot[1] != 0)


@kernel
def judge_margin(
    venue: Venue,
    accounts: Rows[Account],
    views: Rows[View],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    contexts: Rows[VenueContext],
    box: Mailbox,
    ts_ns: int,
) -> None:
    """Judge every wallet at the present bar's extremes; liquidate what falls short; set the safe bands of the rest."""
    venue.judge = 0
    for j in range(len(views)):
        view = views[j]
        instrument = instruments[j]
        instrument.safe_low = NEVER_LOW
        instrument.safe_high = NEVER_HIGH
        if instrument.isolated and _is_margined(view, instrument):
            instrument.safe_low = BIG
            margin = _isolated_margin(view, instrument)
            low_tick, high_tick = _low_of(view, ts_ns), _high_of(view, ts_ns)
            low, high = _slack_at(view, instrument, low_tick), _slack_at(view, instrument, high_tick)
            if margin + min(low, high) < 0:
                price_tick = low_tick if low <= high else high_tick
                _liquidate(
                    venue, view, instrument, wallets[view.wallet], contexts, box, j, price_tick, margin, ts_ns
                )
    for w in range(len(wallets)):
        _judge_wallet(venue, views, instruments, wallets[w], contexts, box, w, ts_ns)


@kernel
def _judge_wallet(
    venue: Venue,
    views: Rows[View],
    instruments: Rows[VenueInstrument],
    wallet: VenueWallet,
    contexts: Rows[VenueContext],
    box: Mailbox,
    w: int,
    ts_ns: int,
) -> None:
    """Judge one wallet's cross margin. What was paid for spot is no collateral."""
    own, at_low, at_high, at_close, held = wallet.balance, 0, 0, 0, 0
    for j in range(len(views)):
        view = views[j]
        instrument = instruments[j]
        if view.wallet == w and view.payoff == _SPOT:
            own -= instrument.cost[LONG]
        if view.wallet != w or not _is_margined(view, instrument):
            continue
        if instrument.isolated:
            own -= _isolated_margin(view, instrument)
            continue
        held += 1
        low = _slack_at(view, instrument, _low_of(view, ts_ns))
        high = _slack_at(view, instrument, _high_of(view, ts_ns))
        together = venue.liquidation_rule == LiquidationRule.TOGETHER
        at_low += low if together else min(low, high)
        at_high += high if together else min(low, high)
        at_close += _slack_at(view, instrument, view.close)
    if held == 0:
        return
    if own + min(at_low, at_high) >= 0:
        _set_bands(views, instruments, w, own + at_close, held)
        return
    low_first = at_low <= at_high
    together = venue.liquidation_rule == LiquidationRule.TOGETHER
    for j in range(len(views)):
        view = views[j]
        instrument = instruments[j]
        if view.wallet == w and _is_margined(view, instrument) and not instrument.isolated:
            low_tick, high_tick = _low_of(view, ts_ns), _high_of(view, ts_ns)
            worse_low = _slack_at(view, instrument, low_tick) <= _slack_at(view, instrument, high_tick)
            price_tick = low_tick if (low_first if together else worse_low) else high_tick
            _liquidate(venue, view, instrument, wallet, contexts, box, j, price_tick, BIG, ts_ns)
    _make_good(venue, views, wallet, box, w, ts_ns)


@kernel
def _set_bands(views: Rows[View], instruments: Rows[VenueInstrument], w: int, slack: int, held: int) -> None:
    """Give each instrument its part of the slack as a band of prices around its close."""
    share = slack / (held * 1.0001) - 8.0
    for j in range(len(views)):
        view = views[j]
        instrument = instruments[j]
        if view.wallet != w or instrument.isolated or not _is_margined(view, instrument):
            continue
        if view.sense < 0 or share <= 0.0:
            instrument.safe_low = BIG
            continue
        steepest = 0.0
        for tier in range(instrument.tiers):
            steepest = max(steepest, instrument.rate[tier])
        lots = instrument.pos_lot[0] + instrument.pos_lot[1]
        room = share / (lots * view.unit * (1.0 + steepest))
        reach = BIG // 4 if room > 1e15 else int(room)
        instrument.safe_low = view.close - reach
        instrument.safe_high = view.close + reach


@kernel
def _cancel_everything(contexts: Rows[VenueContext], box: Mailbox, index: int, code: int, ts_ns: int) -> None:
    """Cancel every order of one instrument, over all contexts."""
    for k in range(len(contexts)):
        context = contexts[k]
        if context.instrument != index:
            continue
        for word in range(WORDS):
            left = context.live[word]
            while left:
                slot = (word << 6) + low_bit(left)
                left = left & (left - _ONE)
                remove(context, slot)
                say_ended(box, FactKind.CANCELLED, index, context.order[slot], code, ts_ns)
        context.later = 0
        rewake(context)


@kernel
def _liquidate(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    contexts: Rows[VenueContext],
    box: Mailbox,
    index: int,
    price_tick: int,
    loss_limit: int,
    ts_ns: int,
) -> None:
    """Cancel the instrument's orders, close both sides at a price, charge the fee.

    loss_limit: an isolated loss ends at its margin; BIG for cross margin.
    """
    _cancel_everything(contexts, box, index, Rule.LIQUIDATED, ts_ns)
    before = wallet.balance
    _close_sides(venue, view, instrument, wallet, box, index, FactKind.ACCOUNT_LIQUIDATED, price_tick, ts_ns)
    wallet.liquidations += 1
    venue.judge = 1
    excess = before - loss_limit - wallet.balance
    if loss_limit < BIG and excess > 0:
        _insure(view.wallet, wallet, box, wallet.balance + excess, ts_ns)


@kernel
def _close_sides(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    box: Mailbox,
    index: int,
    kind: int,
    price_tick: int,
    ts_ns: int,
) -> None:
    """Close both sides of an instrument at a price, as facts of a kind; liquidations also pay their fee."""
    for side in range(2):
        lots = instrument.pos_lot[side]
        if lots == 0:
            continue
        notional = money(worth(view, lots, price_tick))
        _reduce(view, instrument, wallet, side, lots, notional)
        venue.trade_id += 1
        fact = say(box, kind, index, 0, ts_ns)
        fact.wallet = view.wallet
        fact.position_side = side
        fact.qty_lot = lots
        fact.price_tick = price_tick
        fact.amount = notional
        fact.trade_id = venue.trade_id
        if kind == FactKind.ACCOUNT_LIQUIDATED:
            fee = money(notional * instrument.liquidation_fee)
            wallet.balance -= fee
            say_fee(box, view, index, fee, venue.trade_id, ts_ns)


@kernel
def _insure(w: int, wallet: VenueWallet, box: Mailbox, balance: int, ts_ns: int) -> None:
    """Let the venue bear a loss beyond the margin: the balance becomes what it should be."""
    borne = balance - wallet.balance
    wallet.insured += borne
    wallet.balance = balance
    fact = say(box, FactKind.ACCOUNT, 0, 0, ts_ns)
    fact.wallet = w
    fact.code = 1
    fact.amount = borne


@kernel
def _make_good(
    venue: Venue, views: Rows[View], wallet: VenueWallet, box: Mailbox, w: int, ts_ns: int
) -> None:
    """After a liquidation a wallet is never negative: the venue bears the rest, and the wallet is bankrupt."""
    if wallet.balance <= 0:
        if wallet.balance < 0:
            _insure(w, wallet, box, 0, ts_ns)
        wallet.bankrupt = 1
        venue.bankrupt = 1


@kernel
def close_instrument(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    contexts: Rows[VenueContext],
    box: Mailbox,
    index: int,
    ts_ns: int,
) -> None:
    """Delist an instrument: orders cancelled, positions settled at the last price, without a fee."""
    instrument.closed = 1
    price_tick = max(view.close, 1)
    _cancel_everything(contexts, box, index, Rule.VENUE_CLOSED, ts_ns)
    _close_sides(venue, view, instrument, wallet, box, index, FactKind.DELISTED, price_tick, ts_ns)
    fact = say(box, FactKind.DELISTED, index, 0, ts_ns)
    fact.wallet = view.wallet
    fact.price_tick = price_tick
