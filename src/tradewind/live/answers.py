"""What became of requests, as facts: a proof that nothing came of one, or a doubt, or what the order is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.engine.diff import CORE_SLOTS
from tradewind.live.facts import Told
from tradewind.units.enums import FactKind, RequestKind, Rule
from tradewind.units.jit import SLOTS
from tradewind.venues.gateway import OutcomeKind

if TYPE_CHECKING:
    from tradewind.live.inbox import Answered
    from tradewind.live.orders import OrderLedger

__all__ = ["Waits", "answer_facts", "asks_at_once"]

_ACCEPTED, _REJECTED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED
_REFUSALS = (FactKind.REJECT, FactKind.NOT_SENT)


@dataclass(frozen=True, slots=True)
class Waits:
    """From when on a slot waits after a refusal.

    A strategy decides when a bar is over, and hears of a refusal some milliseconds later: a wait of a bar's length
    that began only then would always end just after the next decision. So it begins with the interval that the
    refusal falls into, and has ended whenever an interval does. The core's own slots, which protect and close, wait a
    second by the clock.

    Parameters
    ----------
    core_ns
        How long the core lets a slot wait; a venue may ask for longer.
    interval_ns
        Length of a bar.
    """

    core_ns: int
    interval_ns: int

    def begin_ns(self, cid: int, heard_ns: int, retry_ns: int = 0) -> int:
        """Return from when on a refused order's slot waits; retry_ns: before this the venue wants no other."""
        grid_ns = min(self.core_ns, self.interval_ns)
        owned = cid & 0xFF >= SLOTS - CORE_SLOTS
        begin_ns = heard_ns if owned or not grid_ns else heard_ns // grid_ns * grid_ns
        return max(begin_ns, retry_ns - self.core_ns)

    def eased(self, fact: Told) -> Told:
        """Return a fact, its wait begun with the interval where it is a refusal."""
        if fact.kind not in _REFUSALS:
            return fact
        return fact._replace(venue_ts_ns=self.begin_ns(fact.cid, fact.venue_ts_ns))


def answer_facts(ledger: OrderLedger, item: Answered, now_ns: int, waits: Waits) -> list[Told]:
    """Return what the core is to know of an answer.

    Parameters
    ----------
    ledger
        What was told of orders so far; it remembers what is returned.
    item
        The request and its answer.
    now_ns
        Our time.
    waits
        How long a slot waits after a refusal.
    """
    known, outcome = ledger.known(item.cid), item.outcome
    if known is None:
        return []
    facts = [] if outcome.order is None else ledger.tell_order(outcome.order)
    if known.ended:
        return facts
    fact = Told(FactKind.UNKNOWN, now_ns, now_ns, item.instrument, 0, item.cid)
    if outcome.kind is _ACCEPTED:
        return facts + ledger.remember(_accepted(item, fact, acknowledged=known.acknowledged))
    if item.kind == RequestKind.NEW and known.acknowledged:
        return facts  # The venue has told of it since: its life is what the stream says.
    proven = outcome.kind is not OutcomeKind.UNKNOWN and not _is_duplicate(item)
    if proven:
        fact = _refused(item, fact, now_ns, waits)
    return facts + ledger.remember([fact])


def asks_at_once(item: Answered) -> bool:
    """Say whether an answer is to be followed by a search: a venue that knows no such order may mean that it filled."""
    changed = item.kind != RequestKind.NEW and item.outcome.kind is _REJECTED
    return changed or _is_duplicate(item)


def _is_duplicate(item: Answered) -> bool:
    """Say whether the venue has an order of this id already: it is ours, sent before (F34)."""
    return item.outcome.kind is _REJECTED and item.outcome.rule == Rule.VENUE_DUPLICATE


def _accepted(item: Answered, fact: Told, *, acknowledged: bool) -> list[Told]:
    """Take an accepted amend as done; a cancel is done only when the end of the order is heard of."""
    terms = fact._replace(price_tick=item.price_tick, qty_lot=item.qty_lot)
    if item.kind == RequestKind.AMEND:
        return [terms._replace(kind=FactKind.AMENDED)]
    if item.kind == RequestKind.NEW and not acknowledged:
        return [terms._replace(kind=FactKind.ACK)]
    return []


def _refused(item: Answered, fact: Told, now_ns: int, waits: Waits) -> Told:
    """Say that nothing came of a request; `side` is its kind. The slot waits from `venue_ts_ns` on."""
    sent = item.outcome.kind is _REJECTED
    rule = item.outcome.rule or (Rule.VENUE_OTHER if sent else Rule.NOT_SENT)
    return fact._replace(
        kind=FactKind.REJECT if sent else FactKind.NOT_SENT,
        venue_ts_ns=waits.begin_ns(item.cid, now_ns, item.outcome.retry_ns),
        side=item.kind,
        code=rule,
        price_tick=item.price_tick,
        qty_lot=item.qty_lot,
    )
