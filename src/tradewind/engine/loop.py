"""The backtest's driver: columns of bars in, facts applied, everyone decides, requests answered.

It is the only loop over time; below it the same leaves that `step` uses. A bar's work is three comparisons
and one early exit as long as nothing happens: the band in which no order can act, the band in which no margin
can fail, and "every intent already works".
"""

import numpy as np
import numpy.typing as npt

from tradewind.engine.contract import CODES, Codes, call_scan
from tradewind.engine.latency import in_flight, post_facts, post_requests, pump
from tradewind.engine.margin import close_instrument, judge_margin, pay_funding
from tradewind.engine.market_facts import apply_bar
from tradewind.engine.masks import place
from tradewind.engine.matching import match, match_closers, trigger_on_mark
from tradewind.engine.step import STATE, apply_fact
from tradewind.engine.venue import accept
from tradewind.engine.venue_records import Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.engine.wake import act, decide_again, forget_sleep, mark, settle_marks, think
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
    venue.next_event_ns = events[venue.event_at].recv_ts_ns if venue.event_at < len(events) else BIG


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
        for q in range(box.facts):
            apply_fact(core, accounts, views, contexts, strategies, box, box.fact[q])
        box.facts = 0
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
    core = cores[0]
    box = boxes[0]
    venue = venues[0]
    for i in range(start, stop):
        open_ns = ts[i]
        close_ns = open_ns + interval_ns
        if venue.lagged and in_flight(venue):
            pump(
                codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables,
                open_ns + venue.grace_ns, open_ns + venue.grace_ns, True,
            )  # fmt: skip
        core.now_ns = max(core.now_ns, close_ns)
        _apply_bars(views, venue, instruments, bars, i, open_ns)
        _match_bars(
            core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, bars, i, open_ns
        )  # fmt: skip
        _finish_matching(
            core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, open_ns
        )  # fmt: skip
        if close_ns + venue.feed_ns >= venue.next_event_ns:
            _apply_events(
                core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, events,
                close_ns + venue.feed_ns,
            )  # fmt: skip
        if venue.lagged and in_flight(venue):
            pump(
                codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables,
                close_ns, close_ns + venue.feed_ns, False,
            )  # fmt: skip
        if venue.lagged:
            core.now_ns = max(core.now_ns, close_ns + venue.feed_ns)
        mark(accounts, views, contexts)
        settle_marks(core, accounts, views, contexts)
        _write_equity(accounts, equity, i)
        if venue.wake_every_ns == 0 or close_ns % venue.wake_every_ns == 0:
            core.seq += 1
            _decide(codes, core, accounts, views, contexts, strategies, box)
            if box.requests:
                _ask(codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables)
            if core.warming == 0 and _is_scanning(strategies):
                _scan_ahead(codes, views, contexts, strategies, bars, ts, i, stop)
        if venue.bankrupt or _is_log_half_full(box):
            return i + 1
    return stop


@kernel(hot=True)
def _apply_bars(
    views: Rows[View], venue: Venue, instruments: Rows[VenueInstrument], bars: Ints, at: int, open_ns: int
) -> None:
    """Show every instrument its bar, and ask for a judgement of margin where one leaves its safe band."""
    for j in range(len(views)):
        close = bars[at, j, 3]
        if close:
            low = bars[at, j, 2]
            high = bars[at, j, 1]
            apply_bar(views[j], bars[at, j, 0], high, low, close, max(bars[at, j, 4], 0), open_ns)
            if low < instruments[j].safe_low or high > instruments[j].safe_high:
                venue.judge = 1


@kernel(hot=True)
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
    """Match the orders of every context whose waking band the bar touches; nothing trades in a made bar."""
    for k in range(len(tables)):
        table = tables[k]
        view = views[place(table.instrument)]
        touched = view.low <= table.low_wake or view.high >= table.high_wake or table.at_open != 0
        if touched and view.ts_ns == open_ns and bars[at, table.instrument, 4] >= 0:
            instrument = instruments[table.instrument]
            match(venue, view, instrument, wallets[view.wallet], table, box, open_ns)
            _apply_answers(core, accounts, views, contexts, strategies, box, venue)


@kernel(hot=True)
def _write_equity(accounts: Rows[Account], equity: Ints, at: int) -> None:
    """Write each wallet's row of the curve: balance, equity, margin used."""
    for w in range(len(accounts)):
        equity[at, w, 0] = accounts[w].balance
        equity[at, w, 1] = accounts[w].equity
        equity[at, w, 2] = accounts[w].used


@kernel(hot=True)
def _decide(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
) -> None:
    """Let everyone decide with the same knowledge, then act; what is decided on history is thrown away."""
    for g in range(len(strategies)):
        think(codes, core, accounts, views, contexts, strategies[g], False)
    if core.warming:
        forget_sleep(contexts, strategies)
        return
    for g in range(len(strategies)):
        act(core, accounts, views, contexts, box, strategies[g])


@kernel(hot=True)
def _is_log_half_full(box: Mailbox) -> bool:
    """Tell whether the log wants draining before the next bar."""
    log = box.log
    if log.fills > FILL_ROWS // 2 or log.orders > ORDER_ROWS // 2:
        return True
    return log.refusals > REFUSAL_ROWS // 2 or log.cash > CASH_ROWS // 2


@kernel(hot=True)
def _finish_matching(
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
    """Judge margin at this bar's extremes, then match the limits that waited for it."""
    if venue.judge:
        judge_margin(venue, accounts, views, instruments, wallets, tables, box, open_ns)
        _apply_answers(core, accounts, views, contexts, strategies, box, venue)
    if venue.later:
        _match_late(
            core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, open_ns
        )
