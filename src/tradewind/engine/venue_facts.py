"""How the simulated venue speaks: facts only, each written whole."""

from tradewind.engine.venue_records import VenueOrder
from tradewind.units.enums import FactKind
from tradewind.units.jit import kernel
from tradewind.units.records import View
from tradewind.units.wire import FACT_CAPACITY, Fact, Mailbox, Request

__all__ = ["copy_fact", "copy_request", "say", "say_ended", "say_fee", "say_rejected"]


@kernel
def say(box: Mailbox, kind: int, instrument: int, cid: int, ts_ns: int) -> Fact:
    """Append a fact with every other field zero, and return it."""
    at = min(box.facts, FACT_CAPACITY - 1)
    fact = box.fact[at]
    box.facts = at + 1
    fact.seq = 0
    fact.kind = kind
    fact.venue_ts_ns = ts_ns
    fact.recv_ts_ns = ts_ns
    fact.instrument = instrument
    fact.wallet = 0
    fact.cid = cid
    fact.side = 0
    fact.position_side = 0
    fact.code = 0
    fact.price_tick = 0
    fact.qty_lot = 0
    fact.open_tick = 0
    fact.high_tick = 0
    fact.low_tick = 0
    fact.amount = 0
    fact.trade_id = 0
    fact.value = 0.0
    return fact


@kernel
def say_ended(box: Mailbox, kind: int, instrument: int, order: VenueOrder, code: int, ts_ns: int) -> None:
    """Say that an order ended by cancel or expiry, with its final totals."""
    fact = say(box, kind, instrument, order.cid, ts_ns)
    fact.code = code
    fact.price_tick = order.price_tick
    fact.qty_lot = order.filled_lot
    fact.amount = order.notional


@kernel
def say_rejected(box: Mailbox, request: Request, code: int, ts_ns: int) -> None:
    """Say that a request is refused: `side` is its kind, price and quantity are what it asked for."""
    fact = say(box, FactKind.REJECT, request.instrument, request.cid, ts_ns)
    fact.code = code
    fact.side = request.kind
    fact.price_tick = request.price_tick
    fact.qty_lot = request.qty_lot


@kernel
def say_fee(box: Mailbox, view: View, instrument: int, amount: int, trade_id: int, ts_ns: int) -> None:
    """Say that a fee is charged for a trade; negative is a rebate."""
    fact = say(box, FactKind.FEE, instrument, 0, ts_ns)
    fact.wallet = view.wallet
    fact.amount = amount
    fact.trade_id = trade_id


@kernel
def copy_fact(target: Fact, source: Fact) -> None:
    """Copy one fact field by field."""
    target.seq = source.seq
    target.kind = source.kind
    target.venue_ts_ns = source.venue_ts_ns
    target.recv_ts_ns = source.recv_ts_ns
    target.instrument = source.instrument
    target.wallet = source.wallet
    target.cid = source.cid
    target.side = source.side
    target.position_side = source.position_side
    target.code = source.code
    target.price_tick = source.price_tick
    target.qty_lot = source.qty_lot
    target.open_tick = source.open_tick
    target.high_tick = source.high_tick
    target.low_tick = source.low_tick
    target.amount = source.amount
    target.trade_id = source.trade_id
    target.value = source.value


@kernel
def copy_request(target: Request, source: Request) -> None:
    """Copy one request field by field."""
    target.kind = source.kind
    target.order_kind = source.order_kind
    target.context = source.context
    target.slot = source.slot
    target.instrument = source.instrument
    target.side = source.side
    target.position_side = source.position_side
    target.reduce = source.reduce
    target.post_only = source.post_only
    target.cid = source.cid
    target.price_tick = source.price_tick
    target.qty_lot = source.qty_lot
    target.trail_tick = source.trail_tick
    target.trigger = source.trigger
    target.show_lot = source.show_lot
    target.tag = source.tag
