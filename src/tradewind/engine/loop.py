"""The backtest's driver: columns of bars in, facts applied, everyone decides, requests answered.

It is the only loop over time; below it the same leaves that `step` uses. As long as nothing happens a bar's
work is to show it, to mark, and to decide: one band says that no order can act, no margin fail and no exposure
reach a limit, one comparison that no event is due, and "every intent already works" that there is nothing to
ask. Everything else is out of line, and whatever it changed is surveyed afterwards.
"""

import numpy as np
import numpy.typing as npt

from tradewind.engine.contract import CODES, Codes, call_scan
from tradewind.engine.exits import watch_exits
from tradewind.engine.exposure import watch_exposure
from tradewind.engine.latency import in_flight, post_facts, post_requests, pump
from tradewind.engine.margin import close_instrument, judge_margin, pay_funding
from tradewind.engine.market_facts import apply_bar
from tradewind.engine.masks import place
from tradewind.engine.matching import match, match_closers, trigger_on_mark
from tradewind.engine.step import STATE, apply_fact
from tradewind.engine.venue import accept
from tradewind.engine.venue_records import Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.engine.wake import act, act_between, decide_again, forget_sleep, mark, think
from tradewind.units.enums import BIG, FactKind
from tradewind.units.jit import array_of, kernel, signature
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import CASH_ROWS, FILL_ROWS, ORDER_ROWS, REFUSAL_ROWS, Fact, Mailbox

__all__ = ["RUN", "VENUE", "Ints", "run_bars"]

VENUE = (array_of(Venue), array_of(VenueInstrument), array_of(VenueWallet), array_of(VenueContext))
"""The arrays that are a simulated venue, in the order in which the driver takes them."""

RUN = signature(
    CODES,
    *STATE,
    *VENUE,
    array_of("i8", 3),
    array_of("i8"),
    array_of(Fact),
    array_of("i8", 3),
    "i8",
    "i8",
    "i8",
)
"""Signature of every backtest driver: codes, state, venue, bars, ts, events, equity, start, stop, interval_ns."""

_TURNS = 4
"""Rounds of decide-and-ask within one batch; each starts with an answered cancel."""

Ints = npt.NDArray[np.int64]


@kernel
def _apply_answers(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
) -> None:
    """Let the core know what the venue said: now, or after the answer latency."""
    if venue.lagged:
        post_facts(venue, box, core.now_ns)
        return
    for q in range(box.facts):
        apply_fact(core, accounts, views, contexts, strategies, box, box.fact[q])
    box.facts = 0


@kernel
def _apply_events(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    events: Rows[Fact],
    until_ns: int,
) -> None:
    """Apply every event known by `until_ns`.

    The venue acts on those that concern it: marks, settlements, transfers, listings.
    """
    while venue.event_at < len(events) and events[venue.event_at].recv_ts_ns <= until_ns:
        fact = events[venue.event_at]
        venue.event_at += 1
        j = fact.instrument
        if fact.kind == FactKind.DELISTED:
            close_instrument(
                venue, views[j], instruments[j], wallets[views[j].wallet], tables, box, j, fact.venue_ts_ns
            )
        else:
            if fact.kind == FactKind.TRANSFER:
                wallets[fact.wallet].balance += fact.amount
                venue.judge = 1
            apply_fact(core, accounts, views, contexts, strategies, box, fact)
            if fact.kind == FactKind.MARK:
                for k in range(len(tables)):
                    if tables[k].instrument == j:
                        trigger_on_mark(views[j], tables[k], box, fact.venue_ts_ns)
            elif fact.kind == FactKind.FUNDING_RATE:
                wallet = wallets[views[j].wallet]
                pay_funding(views[j], instruments[j], wallet, box, j, fact.value, fact.venue_ts_ns)
                venue.judge = 1
            elif fact.kind == FactKind.LISTED:
                instruments[j].closed = 0
        _apply_answers(core, accounts, views, contexts, strategies, box, venue)


@kernel
def _match_late(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    open_ns: int,
) -> None:
    """Match the limits that close: after the judgement of margin."""
    venue.later = 0
    for k in range(len(tables)):
        table = tables[k]
        if table.later:
            j = table.instrument
            match_closers(venue, views[j], instruments[j], wallets[views[j].wallet], table, box, open_ns)
            _apply_answers(core, accounts, views, contexts, strategies, box, venue)


@kernel
def _ask(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    tables: Rows[VenueContext],
) -> None:
    """Ask the venue: with latency requests go on their way, else all is answered at once.

    After an answered cancel its strategy decides again.
    """
    if venue.lagged:
        post_requests(venue, box, core.now_ns)
        return
    turn = 0
    while box.requests:
        for q in range(box.requests):
            request = box.request[q]
            table = tables[request.context]
            j = table.instrument
            accept(views[j], instruments[j], table, box, request, core.now_ns)
        box.requests = 0
        _apply_answers(core, accounts, views, contexts, strategies, box, venue)
        turn += 1
        if turn < _TURNS:
            decide_again(codes, core, accounts, views, contexts, strategies, box)


@kernel(hot=True)
def _is_scanning(strategies: Rows[Strategy]) -> bool:
    """Tell whether any strategy can look ahead for its next decision."""
    scans = 0
    for g in range(len(strategies)):
        scans = scans | strategies[g].has_scan
    return scans != 0


@kernel
def _scan_ahead(
    codes: Codes,
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    bars: Ints,
    ts: Ints,
    at: int,
    stop: int,
) -> None:
    """Let strategies that can look for the next bar worth a decision; only while nothing of theirs is at the venue."""
    for g in range(len(strategies)):
        strategy = strategies[g]
        if strategy.has_scan == 0:
            continue
        for k in range(strategy.lo, strategy.hi):
            context = contexts[k]
            context.ask_ns = 0
            if context.asleep or context.working.live_count:
                continue
            view = views[context.instrument]
            ask = call_scan(
                codes[strategy.fn, 2],
                view,
                context.params,
                context.memory,
                bars,
                context.instrument,
                at + 1,
                stop,
            )
            if ask > at + 1:
                context.ask_ns = (
                    ts[ask] + view.interval_ns if ask < stop else ts[stop - 1] + view.interval_ns + 1
                )


@kernel(hot=True)
def run_bars(
    codes: Codes,
    cores: Rows[Core],
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    boxes: Rows[Mailbox],
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    bars: Ints,
    ts: Ints,
    events: Rows[Fact],
    equity: Ints,
    start: int,
    stop: int,
    interval_ns: int,
) -> int:
    """Run bars start..stop-1; return the next bar to run.

    That is earlier than `stop` when the log wants draining or a wallet is gone.

    bars: (n, instruments, 5) ticks and lots: open, high, low, close, volume; a close of 0 means no bar, a
    negative volume one in which nothing trades. ts: (n,) open times.
    events: facts other than bars in order of `recv_ts_ns`. equity: (n, wallets, 3): balance, equity, margin
    used.
    """
    core, box, venue = cores[0], boxes[0], venues[0]
    lagged, feed_ns = venue.lagged != 0, venue.feed_ns
    wake_every_ns, wake_from_ns = venue.wake_every_ns, venue.wake_from_ns
    scans = _is_scanning(strategies)
    busy = _survey(core, views, strategies, venue, instruments, tables, events)
    stirred = True
    for i in range(start, stop):
        open_ns = ts[place(i)]
        close_ns = open_ns + interval_ns
        news = False
        busy = _deliver(
            codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables, events,
            open_ns + venue.grace_ns, lagged, busy,
        )  # fmt: skip
        core.now_ns = max(core.now_ns, close_ns)
        if _apply_bars(views, instruments, bars, i, open_ns):
            news = True
            _match_bars(
                core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, bars, i, open_ns
            )  # fmt: skip
        if lagged or close_ns + feed_ns >= venue.next_event_ns:
            news = True
            _hear(
                codes, core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, events,
                close_ns, close_ns + feed_ns,
            )  # fmt: skip
        _value(core, accounts, views, contexts, strategies, equity, i, stirred or news)
        stirred = False
        decides = wake_every_ns == 0 or place(close_ns - wake_from_ns) % place(wake_every_ns) == place(0)
        wants = False
        if decides:
            core.seq += 1
            wants = _think(codes, core, accounts, views, contexts, strategies) or busy
        if wants or core.halts | core.breached | core.watched:
            news = stirred = True
            _act(
                codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables, decides
            )  # fmt: skip
        if scans and decides and core.warming == 0:
            _scan_ahead(codes, views, contexts, strategies, bars, ts, i, stop)
        if news:
            busy = _survey(core, views, strategies, venue, instruments, tables, events)
            if venue.bankrupt or _is_log_half_full(box):
                stop = i + 1
                break
    _forget_bands(instruments)
    core.deciding_context = core.watched = 0
    return stop


@kernel(hot=True)
def _deliver(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    tables: Rows[VenueContext],
    events: Rows[Fact],
    until_ns: int,
    lagged: bool,
    busy: bool,
) -> bool:
    """Deliver what is on its way and due; return whether every batch must be acted on from here."""
    if lagged and in_flight(venue):
        pump(
            codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables,
            until_ns, until_ns, True,
        )  # fmt: skip
        return _survey(core, views, strategies, venue, instruments, tables, events)
    return busy


@kernel
def _hear(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    events: Rows[Fact],
    close_ns: int,
    until_ns: int,
) -> None:
    """Let the core know everything due by `until_ns`; requests that arrive until the close are taken."""
    _apply_events(
        core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, events, until_ns
    )  # fmt: skip
    if venue.lagged:
        pump(
            codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables,
            close_ns, until_ns, False,
        )  # fmt: skip
        core.now_ns = max(core.now_ns, until_ns)


@kernel(hot=True)
def _apply_bars(
    views: Rows[View], instruments: Rows[VenueInstrument], bars: Ints, at: int, open_ns: int
) -> bool:
    """Show every instrument its bar; tell whether any leaves the band in which nothing can happen at the venue."""
    loud = False
    for j in range(len(views)):
        row, column = place(at), place(j)
        close = bars[row, column, 3]
        if close:
            low = bars[row, column, 2]
            high = bars[row, column, 1]
            instrument = instruments[column]
            apply_bar(
                views[column], bars[row, column, 0], high, low, close, max(bars[row, column, 4], 0), open_ns
            )
            loud = loud | (low <= instrument.quiet_low) | (high >= instrument.quiet_high)
    return loud


@kernel
def _survey(
    core: Core,
    views: Rows[View],
    strategies: Rows[Strategy],
    venue: Venue,
    instruments: Rows[VenueInstrument],
    tables: Rows[VenueContext],
    events: Rows[Fact],
) -> bool:
    """After anything happened, draw each instrument's quiet band afresh, and look up when the next event is due.

    Returns whether every batch must be acted on, whatever is wanted: in warm-up, and where something is held or
    closed.
    """
    busy = core.warming
    for j in range(len(views)):
        instrument = instruments[j]
        instrument.quiet_low = BIG if venue.judge else max(instrument.safe_low, views[j].calm_low) - 1
        instrument.quiet_high = min(instrument.safe_high, views[j].calm_high) + 1
        busy = busy | views[j].closed
    for k in range(len(tables)):
        table = tables[k]
        instrument = instruments[table.instrument]
        instrument.quiet_low = BIG if table.at_open else max(instrument.quiet_low, table.low_wake)
        instrument.quiet_high = min(instrument.quiet_high, table.high_wake)
    for g in range(len(strategies)):
        busy = busy | strategies[g].held
    venue.next_event_ns = events[venue.event_at].recv_ts_ns if venue.event_at < len(events) else BIG
    return busy != 0


@kernel
def _forget_bands(instruments: Rows[VenueInstrument]) -> None:
    """Leave no note of the driver's in the venue's records."""
    for j in range(len(instruments)):
        instruments[j].quiet_low = 0
        instruments[j].quiet_high = 0


@kernel
def _match_bars(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    bars: Ints,
    at: int,
    open_ns: int,
) -> None:
    """Match the orders of every context whose waking band the bar touches, then judge margin at its extremes.

    Nothing trades in a made bar. Limits that close wait until margin is judged.
    """
    for k in range(len(tables)):
        table = tables[k]
        view = views[table.instrument]
        touched = view.low <= table.low_wake or view.high >= table.high_wake or table.at_open != 0
        if touched and view.ts_ns == open_ns and bars[at, table.instrument, 4] >= 0:
            instrument = instruments[table.instrument]
            match(venue, view, instrument, wallets[view.wallet], table, box, open_ns)
            _apply_answers(core, accounts, views, contexts, strategies, box, venue)
    for j in range(len(views)):
        outside = views[j].low < instruments[j].safe_low or views[j].high > instruments[j].safe_high
        if outside and views[j].ts_ns == open_ns:
            venue.judge = 1
    if venue.judge:
        judge_margin(venue, accounts, views, instruments, wallets, tables, box, open_ns)
        _apply_answers(core, accounts, views, contexts, strategies, box, venue)
    if venue.later:
        _match_late(
            core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, open_ns
        )


@kernel(hot=True)
def _value(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    equity: Ints,
    at: int,
    stirred: bool,
) -> None:
    """Mark everything, judge exposure and exits where it may matter, and write each wallet's row of the curve."""
    mark(core, accounts, views, contexts)
    if stirred or core.leg_groups | core.recheck | core.watches:
        _watch(core, accounts, views, contexts, strategies)
    for w in range(len(accounts)):
        row, column = place(at), place(w)
        equity[row, column, 0] = accounts[column].balance
        equity[row, column, 1] = accounts[column].equity
        equity[row, column, 2] = accounts[column].used


@kernel
def _watch(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
) -> None:
    """Judge exposure, and the exits of what is guarded."""
    watch_exposure(core, accounts, views, contexts)
    if core.watches:
        core.watched = 1 if watch_exits(core, accounts, views, contexts, strategies) else 0


@kernel(hot=True)
def _think(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
) -> bool:
    """Let everyone decide with the same knowledge; tell whether anybody wants what does not work already."""
    wants = False
    for g in range(len(strategies)):
        if think(codes, core, accounts, views, contexts, strategies[place(g)], False):
            wants = True
    return wants


@kernel
def _act(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    venue: Venue,
    instruments: Rows[VenueInstrument],
    tables: Rows[VenueContext],
    decided: bool,
) -> None:
    """Act on what everyone decided, or at a bar at which nobody does; what is decided on history is thrown away."""
    if core.warming:
        forget_sleep(contexts, strategies)
        return
    if decided:
        for g in range(len(strategies)):
            act(core, accounts, views, contexts, box, strategies[g])
    else:
        act_between(core, accounts, views, contexts, strategies, box)
    if box.requests:
        _ask(codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables)


@kernel
def _is_log_half_full(box: Mailbox) -> bool:
    """Tell whether the log wants draining before the next bar."""
    log = box.log
    if log.fills > FILL_ROWS // 2 or log.orders > ORDER_ROWS // 2:
        return True
    return log.refusals > REFUSAL_ROWS // 2 or log.cash > CASH_ROWS // 2
