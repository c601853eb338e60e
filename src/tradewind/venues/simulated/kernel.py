"""The simulated venue by itself: the steps of `engine.loop` that are the venue's, without the core.

Each leaves its answers in the mailbox, in the order in which the backtest's driver would apply them.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tradewind.engine.latency import post_facts
from tradewind.engine.loop import VENUE
from tradewind.engine.margin import close_instrument, judge_margin, pay_funding
from tradewind.engine.market_facts import apply_bar, apply_market_fact
from tradewind.engine.matching import match, match_closers, match_top, trigger_on_mark
from tradewind.engine.venue import accept
from tradewind.engine.venue_facts import copy_fact
from tradewind.engine.venue_records import RING, Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.units.enums import BIG, BUY, SELL, FactKind
from tradewind.units.jit import array_of, kernel, signature
from tradewind.units.layout import Rows
from tradewind.units.records import Account, View
from tradewind.units.wire import Fact, Mailbox, Request

__all__ = ["Kernel", "deliver_next", "take_bar", "take_event", "take_requests", "take_top"]

Kernel = Callable[..., int]
"""How Python sees a kernel: it takes arrays of the records that the kernel itself takes as rows."""

_MASK = RING - 1
_TABLES = (*VENUE, array_of(View), array_of(Mailbox))

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@kernel
def _match_late(
    venue: Venue,
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    box: Mailbox,
    open_ns: int,
) -> None:
    """After the judgement of margin: limits that close."""
    venue.later = 0
    for k in range(len(tables)):
        table = tables[k]
        if table.later:
            view = views[table.instrument]
            match_closers(
                venue, view, instruments[table.instrument], wallets[view.wallet], table, box, open_ns
            )


@kernel(sig=signature(*_TABLES, array_of(Account), array_of("i8", 2), "i8"))
def take_bar(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    accounts: Rows[Account],
    bars: Ints,
    open_ns: int,
) -> int:
    """Let one bar of every instrument fill, stop and liquidate; return how many facts wait.

    bars: (instruments, 5); nothing trades in one of negative volume.
    """
    venue, box = venues[0], boxes[0]
    for j in range(len(views)):
        if bars[j, 3]:
            volume_lot = max(bars[j, 4], 0)
            apply_bar(views[j], bars[j, 0], bars[j, 1], bars[j, 2], bars[j, 3], volume_lot, open_ns)
            if bars[j, 2] < instruments[j].safe_low or bars[j, 1] > instruments[j].safe_high:
                venue.judge = 1
    for k in range(len(tables)):
        table = tables[k]
        view = views[table.instrument]
        reached = view.low <= table.low_wake or view.high >= table.high_wake
        if (reached or table.at_open) and view.ts_ns == open_ns and bars[table.instrument, 4] >= 0:
            match(venue, view, instruments[table.instrument], wallets[view.wallet], table, box, open_ns)
    if venue.judge:
        judge_margin(venue, accounts, views, instruments, wallets, tables, box, open_ns)
    if venue.later:
        _match_late(venue, instruments, wallets, tables, views, box, open_ns)
    return box.facts


@kernel(sig=signature(*_TABLES, array_of(Fact), "i8"))
def take_event(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    events: Rows[Fact],
    at: int,
) -> int:
    """Let one event act on the venue: a mark, a settlement, a listing, a transfer; return how many facts wait."""
    venue, box, fact = venues[0], boxes[0], events[at]
    j = fact.instrument
    if fact.kind == FactKind.DELISTED:
        wallet = wallets[views[j].wallet]
        close_instrument(venue, views[j], instruments[j], wallet, tables, box, j, fact.venue_ts_ns)
        apply_market_fact(views[j], fact)
        return box.facts
    if fact.kind == FactKind.TRANSFER:
        wallets[fact.wallet].balance += fact.amount
        venue.judge = 1
    elif fact.kind == FactKind.LISTED:
        instruments[j].closed = 0
        apply_market_fact(views[j], fact)
    elif fact.kind < FactKind.TIMER:
        apply_market_fact(views[j], fact)
    if fact.kind == FactKind.MARK:
        for k in range(len(tables)):
            if tables[k].instrument == j:
                trigger_on_mark(views[j], tables[k], box, fact.venue_ts_ns)
    elif fact.kind == FactKind.FUNDING_RATE:
        pay_funding(views[j], instruments[j], wallets[views[j].wallet], box, j, fact.value, fact.venue_ts_ns)
        venue.judge = 1
    return box.facts


@kernel(sig=signature(*_TABLES, array_of(Fact), array_of("f8"), "i8"))
def take_top(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    tops: Rows[Fact],
    slips: Floats,
    at: int,
) -> int:
    """Let best prices fill what takes; return how many facts wait.

    slips: (instruments,) slippage as a ratio of price, without half the spread.
    """
    venue, box, fact = venues[0], boxes[0], tops[at]
    j = fact.instrument
    view = views[j]
    apply_market_fact(view, fact)
    for k in range(len(tables)):
        if tables[k].instrument == j:
            for side in (BUY, SELL):
                match_top(
                    venue, view, instruments[j], wallets[view.wallet], tables[k], box, side, slips[j], fact.recv_ts_ns
                )  # fmt: skip
    return box.facts


@kernel(sig=signature(*_TABLES, array_of(Request), "i8", "i8"))
def take_requests(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    requests: Rows[Request],
    count: int,
    now_ns: int,
) -> int:
    """Take the first `count` requests at once; return how many facts wait."""
    box = boxes[0]
    for q in range(count):
        request = requests[q]
        table = tables[request.context]
        accept(views[table.instrument], instruments[table.instrument], table, box, request, now_ns)
    return box.facts


@kernel(sig=signature(*_TABLES, "i8", "i8"))
def deliver_next(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    arrive_ns: int,
    know_ns: int,
) -> int:
    """Move what is on its way, in order of time, until one fact becomes known; return 1 with it in the mailbox, else 0.

    Requests arrive until `arrive_ns`, facts become known until `know_ns`.
    """
    venue, box = venues[0], boxes[0]
    while True:
        j = venue.request_head & _MASK
        request_due_ns = venue.request_due_ns[j] if venue.request_head < venue.request_tail else BIG
        q = venue.fact_head & _MASK
        fact_due_ns = venue.fact_due_ns[q] if venue.fact_head < venue.fact_tail else BIG
        if request_due_ns <= arrive_ns and request_due_ns <= fact_due_ns:
            request = venue.request[j]
            venue.request_head += 1
            table = tables[request.context]
            at = table.instrument
            accept(views[at], instruments[at], table, box, request, request_due_ns)
            post_facts(venue, box, request_due_ns)
        elif fact_due_ns <= know_ns:
            venue.fact_head += 1
            copy_fact(box.fact[0], venue.fact[q])
            box.fact[0].recv_ts_ns = fact_due_ns
            box.facts = 1
            return 1
        else:
            return 0
