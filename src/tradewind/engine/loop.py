"""The backtest's driver: columns of bars in, facts applied, everyone decides, requests answered; the only loop over time.

Below it the same leaves that `step` uses. A bar's work is three comparisons and one early exit as long as nothing happens: the band in
which no order can act, the band in which no margin can fail, and "every intent already works".
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
from tradewind.engine.wake import act, forget_sleep, mark, settle_marks, think
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
    """Apply every event known by `until_ns`; the venue acts on those that concern it: marks, settlements, delistings."""
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
    """After the judgement of margin: limits that close."""
    venue.later = 0
    for k in range(len(tables)):
        table = tables[k]
        if table.later:
            j = table.instrument
            match_closers(venue, views[j], instruments[j], wallets[views[j].wallet], table, box, open_ns)
            _apply_answers(core, accounts, views, contexts, strategies, box, venue)


@kernel
def _judge(
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
    """Judge margin at this bar's extremes."""
    judge_margin(venue, accounts, views, instruments, wallets, tables, box, open_ns)
    _apply_answers(core, accounts, views, contexts, strategies, box, venue)


@kernel
def _answer(
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
    """Without latency: the venue takes all requests, the core all answers; after a cancel its strategy decides again."""
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
            _decide_again(codes, core, accounts, views, contexts, strategies, box)


@kernel
def _decide_again(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
) -> None:
    """The rare turn of a batch, shared by every driver."""
    for g in range(len(strategies)):
        strategy = strategies[g]
        strategy.again = 0
        for k in range(strategy.lo, strategy.hi):
            strategy.again = strategy.again | contexts[k].dirty
        if strategy.again:
            think(codes, core, accounts, views, contexts, strategy, True)
    for g in range(len(strategies)):
        strategy = strategies[g]
        if strategy.again:
            strategy.again = 0
            act(core, accounts, views, contexts, box, strategy)


@kernel(hot=True)
def scanning(strategies: Rows[Strategy]) -> bool:
    """Tell whether any strategy can look ahead for its next decision."""
    for g in range(len(strategies)):
        if strategies[g].has_scan:
            return True
    return False


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
    """Run bars start..stop-1; return the next bar to run, earlier than `stop` when the log wants draining or the wallet is gone.

    bars: (n, instruments, 5) ticks and lots: open, high, low, close, volume; a close of 0 means no bar, a
    negative volume one in which nothing trades. ts: (n,) open times.
    events: facts other than bars in order of `recv_ts_ns`. equity: (n, wallets, 3) money: balance, equity, margin used.
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
        for j in range(len(views)):
            close = bars[i, j, 3]
            if close:
                low = bars[i, j, 2]
                high = bars[i, j, 1]
                apply_bar(views[j], bars[i, j, 0], high, low, close, max(bars[i, j, 4], 0), open_ns)
                if low < instruments[j].safe_low or high > instruments[j].safe_high:
                    venue.judge = 1
        for k in range(len(tables)):
            table = tables[k]
            view = views[place(table.instrument)]
            if view.low <= table.low_wake or view.high >= table.high_wake or table.at_open:
                if view.ts_ns == open_ns and bars[i, table.instrument, 4] >= 0:
                    instrument = instruments[table.instrument]
                    match(venue, view, instrument, wallets[view.wallet], table, box, open_ns)
                    _apply_answers(core, accounts, views, contexts, strategies, box, venue)
        if venue.judge:
            _judge(
                core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, open_ns
            )  # fmt: skip
        if venue.later:
            _match_late(
                core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, open_ns
            )  # fmt: skip
        if close_ns + venue.feed_ns >= venue.next_event_ns:
            _apply_events(
                core, accounts, views, contexts, strategies, box, venue, instruments, wallets, tables, events,
                close_ns + venue.feed_ns,
            )  # fmt: skip
        if venue.lagged:
            if in_flight(venue):
                pump(
                    codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables,
                    close_ns, close_ns + venue.feed_ns, False,
                )  # fmt: skip
            core.now_ns = max(core.now_ns, close_ns + venue.feed_ns)
        mark(accounts, views, contexts)
        settle_marks(core, accounts, views, contexts)
        for w in range(len(accounts)):
            equity[i, w, 0] = accounts[w].balance
            equity[i, w, 1] = accounts[w].equity
            equity[i, w, 2] = accounts[w].used
        if venue.wake_every_ns == 0 or close_ns % venue.wake_every_ns == 0:
            core.seq += 1
            for g in range(len(strategies)):
                think(codes, core, accounts, views, contexts, strategies[g], False)
            if core.warming:
                forget_sleep(contexts, strategies)
            else:
                for g in range(len(strategies)):
                    act(core, accounts, views, contexts, box, strategies[g])
                if box.requests:
                    if venue.lagged:
                        post_requests(venue, box, core.now_ns)
                    else:
                        _answer(
                            codes, core, accounts, views, contexts, strategies, box, venue, instruments, tables
                        )  # fmt: skip
                if scanning(strategies):
                    _scan_ahead(codes, views, contexts, strategies, bars, ts, i, stop)
        if (
            box.log.fills > FILL_ROWS // 2
            or box.log.orders > ORDER_ROWS // 2
            or box.log.refusals > REFUSAL_ROWS // 2
            or box.log.cash > CASH_ROWS // 2
        ):
            return i + 1
        if venue.bankrupt:
            return i + 1
    return stop
