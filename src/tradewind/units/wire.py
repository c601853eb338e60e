"""Records that travel: facts into the core, requests out of it, and the rows it logs."""

from typing import Annotated

from tradewind.units.layout import Layout, Rows

__all__ = [
    "CASH_ROWS",
    "FACT_CAPACITY",
    "FILL_ROWS",
    "ORDER_ROWS",
    "REFUSAL_ROWS",
    "REQUEST_CAPACITY",
    "CashRow",
    "Fact",
    "FillRow",
    "Log",
    "Mailbox",
    "OrderRow",
    "RefusalRow",
    "Request",
]

REQUEST_CAPACITY = 2048
FACT_CAPACITY = 8192
FILL_ROWS = 8192
ORDER_ROWS = 16384
REFUSAL_ROWS = 4096
CASH_ROWS = 4096


class Fact(Layout):
    """One thing that became known.

    Fields that a kind does not use are zero; docs/reference/facts.md lists them per kind.
    """

    seq: int
    kind: int
    venue_ts_ns: int
    """When it happened, by the venue's clock."""
    recv_ts_ns: int
    """When it became known to us."""
    instrument: int
    wallet: int
    cid: int
    side: int
    position_side: int
    code: int
    """Why, or which one. FILL: 1 for a maker. AMENDED: 1 where a query found these terms.

    ACCOUNT: 1 for a change instead of a balance.
    """
    price_tick: int
    """BAR: close. Order facts: price of the fill or of the order."""
    qty_lot: int
    """BAR: volume. FILL and endings: cumulative quantity filled. ACK, AMENDED: total quantity. BOOKED: what is new."""
    open_tick: int
    high_tick: int
    low_tick: int
    amount: int
    """Money: cumulative notional of a fill, of what is new in BOOKED, a fee, a funding payment, a transfer."""
    trade_id: int
    value: float
    """Funding rate, mark price in ticks, feature."""


class Request(Layout):
    """One thing asked of a venue."""

    kind: int
    order_kind: int
    context: int
    slot: int
    instrument: int
    side: int
    position_side: int
    reduce: int
    """1: reduce-only on the wire."""
    post_only: int
    cid: int
    price_tick: int
    qty_lot: int
    """Total quantity, of a new order and of an amend."""
    trail_tick: int
    trigger: int
    show_lot: int
    tag: int


class FillRow(Layout):
    """One fill as booked."""

    ts_ns: int
    instrument: int
    context: int
    side: int
    position_side: int
    price_tick: int
    qty_lot: int
    notional: int
    realised: int
    fee: int
    maker: int
    role: int
    cid: int
    tag: int
    trade_id: int


class OrderRow(Layout):
    """One change of state of an order."""

    ts_ns: int
    instrument: int
    context: int
    slot: int
    cid: int
    state: int
    reason: int
    kind: int
    side: int
    position_side: int
    reduce: int
    price_tick: int
    qty_lot: int
    filled_lot: int
    tag: int


class RefusalRow(Layout):
    """Something the gate did not let out."""

    ts_ns: int
    instrument: int
    context: int
    slot: int
    rule: int
    limit: float
    value: float
    side: int
    price_tick: int
    qty_lot: int


class CashRow(Layout):
    """Money that moved without a fill of ours."""

    ts_ns: int
    kind: int
    instrument: int
    wallet: int
    position_side: int
    qty_lot: int
    rate: float
    price: float
    amount: int


class Log(Layout):
    """What happened since the driver last looked."""

    fills: int
    orders: int
    refusals: int
    cash: int
    fill_row: Annotated[Rows[FillRow], FILL_ROWS]
    order_row: Annotated[Rows[OrderRow], ORDER_ROWS]
    refusal_row: Annotated[Rows[RefusalRow], REFUSAL_ROWS]
    cash_row: Annotated[Rows[CashRow], CASH_ROWS]


class Mailbox(Layout):
    """Between core and venue, and the log of what the core did."""

    facts: int
    requests: int
    fact: Annotated[Rows[Fact], FACT_CAPACITY]
    request: Annotated[Rows[Request], REQUEST_CAPACITY]
    log: Log
