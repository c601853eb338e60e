"""The spot market of Binance, in the grammar of `dialect`.

There are no positions: what is held of a coin, free or locked in orders, is the position. A stop is an ordinary order
that waits, locks what it is to sell, and keeps its number when it triggers. An order cannot be changed but for being
made smaller, so that another price means another order. The account's own stream is a subscription at the WebSocket
API; there is no listen key any more. What an order at once came to is left to that stream, which tells with each trade
what was kept of the coins as a fee: an answer would tell the purchase first, and a stop for all of it would be refused.
"""

from __future__ import annotations

from dataclasses import replace

from tradewind.venues.ccxt.binance_usdm import BINANCE_USDM
from tradewind.venues.ccxt.dialect import (
    Call,
    Clock,
    Dialect,
    ErrorRow,
    Meaning,
    Reading,
    Stream,
    Topic,
    Window,
    Words,
)
from tradewind.venues.ccxt.shapes import BalanceShape, FillShape, HoldingShape, OrderShape, TransferShape
from tradewind.venues.gateway import OrderStatus

__all__ = ["BINANCE_SPOT"]

_API = "private"
_DAY_NS = 86_400 * 1_000_000_000
"""Orders and trades are told for a day at a time where they are asked for by time (documentation).

No more is asked for than of futures, since that is a request for each day and symbol; the venue does not say how far
it goes.
"""
_WINDOW_MS = 5_000

_ORDER = {
    "symbol": "$symbol",
    "side": "$side",
    "quantity": "$qty",
    "newClientOrderId": "$client_id",
    "newOrderRespType": "ACK",
}


def _order(**own: object) -> Call:
    return Call(_API, "POST", "order", {**_ORDER, **own, "recvWindow": _WINDOW_MS}, group="order")


_LIMIT = {"type": "LIMIT", "price": "$price"}

_STATUS = {
    "NEW": OrderStatus.WORKING,
    "PENDING_NEW": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.WORKING,
    "PENDING_CANCEL": OrderStatus.WORKING,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
_REST_ORDER = OrderShape(
    symbol="symbol",
    client_id="clientOrderId",
    venue_id="orderId",
    status="status",
    statuses=_STATUS,
    side="side",
    position_side="",
    reduce="",
    price="price",
    qty="origQty",
    filled="executedQty",
    notional="cummulativeQuoteQty",
    trigger="stopPrice",
    ts="updateTime",
    ts_other="transactTime",
)
_STREAM_ORDER = OrderShape(
    symbol="s",
    client_id="c",
    venue_id="i",
    status="X",
    statuses=_STATUS,
    side="S",
    position_side="",
    reduce="",
    price="p",
    qty="q",
    filled="z",
    notional="Z",
    trigger="P",
    ts="T",
    # The end of an order carries the id of the request for it in `c`, and that of the order here.
    parent_client_id="C",
)
_REST_FILL = FillShape(
    symbol="symbol",
    client_id="",
    venue_id="orderId",
    trade_id="id",
    side="isBuyer",
    position_side="",
    price="price",
    qty="qty",
    fee="commission",
    fee_currency="commissionAsset",
    maker="isMaker",
    maker_words=frozenset({"true"}),
    ts="time",
    notional="quoteQty",
    sides=("true", "false"),
)
_STREAM_FILL = FillShape(
    symbol="s",
    client_id="c",
    venue_id="i",
    trade_id="t",
    side="S",
    position_side="",
    price="L",
    qty="l",
    fee="n",
    fee_currency="N",
    maker="m",
    maker_words=frozenset({"true"}),
    ts="T",
    notional="Y",
    when=("x", frozenset({"TRADE"})),
)


def _read(path: str, fields: dict[str, object] | None = None, weight: int = 1) -> Call:
    return Call(_API, "GET", path, fields or {}, ("*",), weight=weight)


def _by_day(path: str, shape: OrderShape | FillShape, id_field: str) -> Reading:
    """Return a list that is asked for by symbol and time, the oldest first, a day at a time."""
    pages = replace(BINANCE_USDM.fills.pages, window_ns=_DAY_NS, id_field=id_field)
    return Reading(_read(path, {"symbol": "$symbol"}, 20), shape, pages)


def _account() -> Call:
    fields: dict[str, object] = {"omitZeroBalances": "true"}
    return Call(_API, "GET", "account", fields, ("balances", "*"), weight=20)


def _rejected(codes: str, ccxt_class: str, rule: str, text: str = "") -> list[ErrorRow]:
    return [ErrorRow(code, ccxt_class, Meaning.REJECTED, rule, text=text) for code in codes.split()]


_BY_ID: dict[str, object] = {"symbol": "$symbol", "orderId": "$venue_id", "origClientOrderId": "$client_id"}
_CANCEL = Call(_API, "DELETE", "order", {**_BY_ID, "recvWindow": _WINDOW_MS}, group="cancel")
_EVENT = ("event",)

BINANCE_SPOT = Dialect(
    venue="binance_spot",
    provenance="documentation; assumed: that a query of an ended order repeats its own client id",
    words=Words(buy="BUY", sell="SELL", net=None, long=None, short=None, yes=None),
    create={
        "limit": _order(**_LIMIT, timeInForce="GTC"),
        "post_only": _order(type="LIMIT_MAKER", price="$price"),
        "ioc": _order(**_LIMIT, timeInForce="IOC"),
        "market": _order(type="MARKET"),
        "stop": _order(type="STOP_LOSS", stopPrice="$trigger"),
    },
    batch=None,
    batch_styles=frozenset(),
    amend=None,
    cancel=_CANCEL,
    cancel_algo=_CANCEL,
    # The request that ends all of a symbol is refused where there are none; each is ended by its own.
    cancel_all=(),
    by_id=Reading(Call(_API, "GET", "order", _BY_ID, weight=4), _REST_ORDER),
    by_id_algo=None,
    working=(
        Reading(
            _read("openOrders", weight=80),
            _REST_ORDER,
            of_symbol=_read("openOrders", {"symbol": "$symbol"}, 6),
        ),
    ),
    ended=(_by_day("allOrders", _REST_ORDER, "orderId"),),
    fills=_by_day("myTrades", _REST_FILL, "id"),
    positions=Reading(_account(), HoldingShape("asset", "free", locked="locked")),
    balances=Reading(_account(), BalanceShape("asset", "free", locked="locked")),
    funding=None,
    transfers=None,
    settings=(),
    leverage=None,
    position_mode=None,
    margin_mode=None,
    dead_man=None,
    dead_man_unit_ms=1,
    clock=Clock(Call("public", "GET", "time"), ("serverTime",)),
    key=replace(BINANCE_USDM.key, trades=((("enableSpotAndMarginTrading",), frozenset({"true"})),)),
    code_at=(("code",),),
    row_code="code",
    row_ok=frozenset({"", "200"}),
    row_text="msg",
    errors=(
        *_rejected("-2010", "InsufficientFunds", "VENUE_MARGIN"),
        *_rejected("-2010", "OrderImmediatelyFillable", "VENUE_POST_ONLY", "match and take"),
        *_rejected("-2010", "OrderImmediatelyFillable", "VENUE_PRICE", "trigger"),
        *_rejected("-2010", "PermissionDenied", "VENUE_CLOSED"),
        ErrorRow("-2010", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE", text="Duplicate"),
        *_rejected("-2010", "InvalidOrder", "VENUE_OTHER"),
        *_rejected("-2010", "BadRequest", "VENUE_OTHER"),
        ErrorRow("-1013", "MarketClosed", Meaning.CLOSED, "VENUE_CLOSED"),
        *[
            ErrorRow("-1013", ccxt_class, Meaning.REJECTED, rule, text=text)
            for text, rule in (
                ("NOTIONAL", "VENUE_MIN_NOTIONAL"),
                ("PRICE", "VENUE_PRICE"),
                ("", "VENUE_OTHER"),
            )
            for ccxt_class in ("InvalidOrder", "BadRequest")
        ],
        *_rejected("-1100 -1102 -1106 -1111 -1116 -1117", "BadRequest", "VENUE_OTHER"),
        ErrorRow("-1121", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("-2011", "OrderNotFound", Meaning.GONE),
        ErrorRow("-2013", "OrderNotFound", Meaning.GONE),
        ErrorRow("-2026", "InvalidOrder", Meaning.GONE),
        ErrorRow("-1021", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *[ErrorRow(c, "AuthenticationError", Meaning.KEY) for c in ("-1022", "-2008", "-2014", "-2015")],
        # After a request that went well ccxt takes a refused key for a ban.
        ErrorRow("-2015", "DDoSProtection", Meaning.KEY),
        *[ErrorRow(c, "RateLimitExceeded", Meaning.RATE, "VENUE_RATE") for c in ("-1003", "-1015")],
        *[
            ErrorRow(
                code,
                ccxt_class,
                Meaning.DOUBT,
                provenance="documentation: the status of the execution is unknown",
            )
            for code, ccxt_class in (("-1006", "OperationFailed"), ("-1007", "RequestTimeout"))
        ],
        ErrorRow(
            "-1016", "BadRequest", Meaning.OUTAGE, provenance="documentation: shut down; no word of the order"
        ),
    ),
    windows=(
        Window("all", 60, 6000, "X-MBX-USED-WEIGHT-1M", shared=True),
        Window("order", 10, 100, "X-MBX-ORDER-COUNT-10S"),
        Window("order", 86_400, 200_000, "X-MBX-ORDER-COUNT-1D"),
    ),
    fence="window",
    receive_window_ms=_WINDOW_MS,
    trail="",
    expires=False,
    reduce_in_hedge=False,
    client_id_signs="_-",
    client_id_length=36,
    streams=(Stream("watch_orders"),),
    topic_at=(("event", "e"), ("e",)),
    topics=(
        Topic("executionReport", _EVENT, _STREAM_FILL),
        Topic("executionReport", _EVENT, _STREAM_ORDER),
        Topic("outboundAccountPosition", ("event", "B", "*"), HoldingShape("a", "f", locked="l")),
        Topic("outboundAccountPosition", ("event", "B", "*"), BalanceShape("a", "f", locked="l")),
        Topic("balanceUpdate", _EVENT, TransferShape("a", "d", "T", "T")),
        Topic("eventStreamTerminated", (), None, renew=True),
    ),
    ack=(("status",), "200"),
    acks=1,
    private_url="/ws-api/",
    renew_option="",
    stream_fills=True,
    notices=None,
)
"""Proven on the wire of a listening post and by documented answers; `venue certify` proves it on a demo account."""
