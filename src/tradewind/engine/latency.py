"""Requests and answers on their way: two rings ordered by due time, two clocks.

A request that is due within `grace_ns` of a bar's open takes part in the whole bar; one due later is accepted
at the bar's end and takes part from the next open. An answered cancel that becomes known inside the grace
lets its strategy decide again at once.
"""

from tradewind.engine.contract import Codes
from tradewind.engine.step import apply_fact
from tradewind.engine.venue import accept
from tradewind.engine.venue_facts import copy_fact, copy_request
from tradewind.engine.venue_records import RING, Venue, VenueContext, VenueInstrument
from tradewind.engine.wake import act, think
from tradewind.units.enums import BIG
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Mailbox

__all__ = ["in_flight", "post_facts", "post_requests", "pump"]

_MASK = RING - 1


@kernel(hot=True)
def in_flight(venue: Venue) -> bool:
    """Tell whether anything is on its way."""
    return venue.request_head < venue.request_tail or venue.fact_head < venue.fact_tail


@kernel
def post_requests(venue: Venue, box: Mailbox, now_ns: int) -> None:
    """Send the mailbox's requests on their way."""
    for q in range(box.requests):
        if venue.request_tail - venue.request_head >= RING:
            venue.overflow += 1
            break
        at = venue.request_tail & _MASK
        copy_request(venue.request[at], box.request[q])
        venue.request_due_ns[at] = now_ns + venue.request_ns
        venue.request_tail += 1
    box.requests = 0


@kernel
def post_facts(venue: Venue, box: Mailbox, now_ns: int) -> None:
    """Send the mailbox's facts on their way."""
    for q in range(box.facts):
        if venue.fact_tail - venue.fact_head >= RING:
            venue.overflow += 1
            break
        at = venue.fact_tail & _MASK
        copy_fact(venue.fact[at], box.fact[q])
        venue.fact_due_ns[at] = now_ns + venue.answer_ns
        venue.fact_tail += 1
    box.facts = 0


@kernel
def pump(
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
    arrive_ns: int,
    know_ns: int,
    deciding: bool,
) -> None:
    """Deliver everything due, in order of time: requests until `arrive_ns`, facts until `know_ns`."""
    while True:
        j = venue.request_head & _MASK
        request_due_ns = venue.request_due_ns[j] if venue.request_head < venue.request_tail else BIG
        q = venue.fact_head & _MASK
        fact_due_ns = venue.fact_due_ns[q] if venue.fact_head < venue.fact_tail else BIG
        if request_due_ns <= arrive_ns and request_due_ns <= fact_due_ns:
            request = venue.request[j]
            venue.request_head += 1
            table = tables[request.context]
            accept(
                views[table.instrument], instruments[table.instrument], table, box, request, request_due_ns
            )
            post_facts(venue, box, request_due_ns)
        elif fact_due_ns <= know_ns:
            fact = venue.fact[q]
            venue.fact_head += 1
            core.now_ns = max(core.now_ns, fact_due_ns)
            fact.recv_ts_ns = fact_due_ns
            apply_fact(core, accounts, views, contexts, strategies, box, fact)
            context = contexts[(fact.cid >> 8) & 0xFFF]
            if deciding and context.dirty and core.warming == 0:
                strategy = strategies[context.strategy]
                think(codes, core, accounts, views, contexts, strategy, True)
                act(core, accounts, views, contexts, box, strategy)
                post_requests(venue, box, core.now_ns)
        else:
            break
