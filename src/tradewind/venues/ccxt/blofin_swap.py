"""BloFin perpetual swaps, in the grammar of `dialect`.

Quantities are contracts, keys have a passphrase. There is no query of one order, no window after which a request
is dead and no dead-man switch: an unknown outcome is settled by what works, what ended and the trades. ccxt's
unified order call loses post-only and IOC here; these fields are therefore ours. Every request needs a nonce of its
own, which ccxt makes of the millisecond.
"""

from __future__ import annotations

from tradewind.venues.ccxt.dialect import (
    Call,
    Clock,
    Dialect,
    ErrorRow,
    KeyShape,
    Meaning,
    Pages,
    Reading,
    Stream,
    Topic,
    Window,
    Words,
    error_rows,
)
from tradewind.venues.ccxt.shapes import (
    BalanceShape,
    FillShape,
    OrderShape,
    PositionShape,
    SettingShape,
    TransferShape,
)
from tradewind.venues.gateway import OrderStatus

__all__ = ["BLOFIN_SWAP"]

_ROWS = ("data", "*")
_ORDER = {
    "instId": "$symbol",
    "marginMode": "$margin_mode",
    "positionSide": "$position_side",
    "side": "$side",
    "size": "$qty",
    "reduceOnly": "$reduce",
    "clientOrderId": "$client_id",
}


def _order(**own: object) -> Call:
    return Call("private", "POST", "trade/order", {**_ORDER, **own}, _ROWS, group="order")


_STATUS = {
    "live": OrderStatus.WORKING,
    "partially_filled": OrderStatus.WORKING,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "partially_canceled": OrderStatus.CANCELLED,
    "order_failed": OrderStatus.REJECTED,
}
_ALGO_STATUS = {
    "live": OrderStatus.WORKING,
    "effective": OrderStatus.TRIGGERED,
    "canceled": OrderStatus.CANCELLED,
    "order_failed": OrderStatus.REJECTED,
}
_ORDER_SHAPE = OrderShape(
    symbol="instId",
    client_id="clientOrderId",
    venue_id="orderId",
    status="state",
    statuses=_STATUS,
    side="side",
    position_side="positionSide",
    reduce="reduceOnly",
    price="price",
    qty="size",
    filled="filledSize",
    average="averagePrice",
    ts="updateTime",
    ts_other="createTime",
    parent_client_id="algoClientOrderId",
    parent_id="algoId",
    reason="cancelSourceReason",
    reasons={"post_only": "VENUE_POST_ONLY", "ioc": "UNFILLED", "fok": "UNFILLED"},
    taken={"full_liquidation": "liquidation", "partial_liquidation": "liquidation", "adl": "adl"},
    taken_by="orderCategory",
)
_ALGO_SHAPE = OrderShape(
    symbol="instId",
    client_id="clientOrderId",
    venue_id="algoId",
    status="state",
    statuses=_ALGO_STATUS,
    side="side",
    position_side="positionSide",
    reduce="reduceOnly",
    price="",
    qty="size",
    filled="",
    trigger="triggerPrice",
    ts="updateTime",
    ts_other="createTime",
    algo=True,
)
_FILL_SHAPE = FillShape(
    symbol="instId",
    client_id="clientOrderId",
    venue_id="orderId",
    trade_id="tradeId",
    side="side",
    position_side="positionSide",
    price="fillPrice",
    qty="fillSize",
    fee="fee",
    fee_currency="",
    maker="",
    maker_words=frozenset(),
    ts="ts",
)
_POSITION = PositionShape("instId", "positionSide", "positions", "averagePrice", "markPrice", "updateTime")
_BALANCE = BalanceShape("currency", "balance", "ts")


def _read(path: str, rows: tuple[str, ...] = _ROWS, **fields: object) -> Call:
    return Call("private", "GET", path, fields, rows)


def _pages(cursor_row: str, *, timed: bool = False, per_symbol: bool = False, made: str = "") -> Pages:
    begin, end = ("begin", "end") if timed else ("", "")
    return Pages(
        100,
        "limit",
        "after",
        cursor_row,
        start_field=begin,
        end_field=end,
        id_field=cursor_row,
        per_symbol=per_symbol,
        made=made,
    )


BLOFIN_SWAP = Dialect(
    venue="blofin_swap",
    provenance="sample: orders, fills, positions and balances; documentation: the rest",
    words=Words(buy="buy", sell="sell", net="net", long="long", short="short", yes="true"),
    create={
        "limit": _order(orderType="limit", price="$price"),
        "post_only": _order(orderType="post_only", price="$price"),
        "ioc": _order(orderType="ioc", price="$price"),
        "market": _order(orderType="market"),
        "stop": Call(
            "private",
            "POST",
            "trade/order-algo",
            {
                **_ORDER,
                "orderType": "trigger",
                "triggerPrice": "$trigger",
                "triggerPriceType": "$trigger_by",
                "orderPrice": "-1",
            },
            ("data",),
            group="order",
        ),
    },
    batch=Call(
        "private",
        "POST",
        "trade/batch-orders",
        {},
        _ROWS,
        wrap="[]",
        group="order",
        batch=20,
        alike=True,
    ),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market"}),
    amend=None,
    cancel=Call(
        "private",
        "POST",
        "trade/cancel-order",
        {"instId": "$symbol", "orderId": "$venue_id", "clientOrderId": "$client_id"},
        _ROWS,
        group="cancel",
    ),
    cancel_algo=Call(
        "private",
        "POST",
        "trade/cancel-algo",
        {"instId": "$symbol", "algoId": "$venue_id", "clientOrderId": "$client_id"},
        ("data",),
        group="cancel",
    ),
    cancel_all=(),
    by_id=None,
    by_id_algo=None,
    working=(
        Reading(_read("trade/orders-pending"), _ORDER_SHAPE, _pages("orderId")),
        Reading(_read("trade/orders-algo-pending", orderType="trigger"), _ALGO_SHAPE, _pages("algoId")),
    ),
    ended=(
        Reading(
            _read("trade/orders-history", instId="$symbol"),
            _ORDER_SHAPE,
            _pages("orderId", timed=True, per_symbol=True),
        ),
        Reading(
            _read("trade/orders-algo-history", instId="$symbol", orderType="trigger"),
            _ALGO_SHAPE,
            _pages("algoId", per_symbol=True, made="createTime"),
        ),
    ),
    fills=Reading(_read("trade/fills-history"), _FILL_SHAPE, _pages("tradeId", timed=True)),
    positions=Reading(_read("account/positions"), _POSITION),
    balances=Reading(_read("account/balance", ("data", "details", "*")), _BALANCE),
    funding=None,
    transfers=Reading(
        _read("asset/bills"),
        TransferShape("currency", "amount", "transferId", "ts", "toAccount", frozenset({"futures"})),
        _pages("transferId", made="ts"),
    ),
    settings=(
        Reading(
            _read("account/position-mode", ("data",)),
            SettingShape("POSITION_MODE", "positionMode", words={"net_mode": 0.0, "long_short_mode": 1.0}),
        ),
        Reading(
            _read("account/margin-mode", ("data",)),
            SettingShape("MARGIN_MODE", "marginMode", words={"cross": 0.0, "isolated": 1.0}),
        ),
        Reading(
            _read("account/batch-leverage-info", instId="$symbol", marginMode="$margin_mode"),
            SettingShape("LEVERAGE", "leverage", "instId"),
            Pages(0, per_symbol=True),
        ),
    ),
    leverage=Call(
        "private",
        "POST",
        "account/set-leverage",
        {
            "instId": "$symbol",
            "leverage": "$leverage",
            "marginMode": "$margin_mode",
            "positionSide": "$leverage_side",
        },
    ),
    position_mode=Call("private", "POST", "account/set-position-mode", {"positionMode": "$hedge"}),
    margin_mode=Call("private", "POST", "account/set-margin-mode", {"marginMode": "$margin_mode"}),
    dead_man=None,
    dead_man_unit_ms=1000,
    clock=Clock(Call("public", "GET", "market/mark-price", {"instId": "BTC-USDT"}, _ROWS), date_header=True),
    key=KeyShape(
        Call("private", "GET", "user/query-apikey"),
        trades=((("data", "readOnly"), frozenset({"0"})),),
        ips=("data", "ips"),
        unrestricted=(("data", "ips", "0"), ""),
    ),
    code_at=(("data", "0", "code"), ("data", "code"), ("code",)),
    row_code="code",
    row_ok=frozenset({"", "0"}),
    row_text="msg",
    errors=(
        *error_rows("103003", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("150004", "InvalidOrder", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("102022 102005", "InvalidOrder", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        *error_rows("102014 102015 542", "InvalidOrder", Meaning.REJECTED),
        *error_rows(
            "102037 102038 102039 102040 102047 102048 102049 102050 102051 102052 102053 102054 102055",
            "InvalidOrder",
            Meaning.REJECTED,
            "VENUE_PRICE",
        ),
        *error_rows("102064 102065", "BadRequest", Meaning.REJECTED, "VENUE_PRICE"),
        *error_rows("152001 152002 152003 152004 152005", "BadRequest", Meaning.REJECTED),
        *error_rows("152006 152007 152009", "InvalidOrder", Meaning.REJECTED),
        *error_rows("102089", "BadRequest", Meaning.REJECTED, "SETTINGS"),
        *error_rows("102148 152420 152421", "DuplicateOrderId", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        *error_rows("102002 150003", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        ErrorRow("102067", "OrderNotFound", Meaning.GONE),
        ErrorRow("102068", "BadRequest", Meaning.GONE),
        *error_rows("152405 152407 152410", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *error_rows("152401 152402 152408 152409", "AuthenticationError", Meaning.KEY),
        *error_rows("152404 152406", "PermissionDenied", Meaning.KEY),
        ErrorRow("429", "RateLimitExceeded", Meaning.RATE, "VENUE_RATE"),
        ErrorRow(
            "103013",
            "ExchangeError",
            Meaning.DOUBT,
            provenance="documentation: internal error; no word of the order",
        ),
    ),
    # Beyond the first an address is shut out for 5 minutes, beyond the second for an hour (documentation).
    windows=(
        Window("all", 60, 500, shared=True),
        Window("all", 300, 1_500, shared=True),
        Window("order", 10, 30),
        Window("cancel", 10, 30),
    ),
    fence="",
    receive_window_ms=0,
    trail="",
    expires=False,
    reduce_in_hedge=True,
    client_id_signs="",
    client_id_length=32,
    streams=(
        Stream("watch_orders", {"params": {}}),
        Stream("watch_orders", {"params": {"trigger": True}}),
        Stream("watch_positions"),
        Stream("watch_balance"),
    ),
    topic_at=(("arg", "channel"),),
    topics=(
        Topic("orders", _ROWS, _ORDER_SHAPE),
        Topic("orders-algo", _ROWS, _ALGO_SHAPE),
        Topic("positions", _ROWS, _POSITION),
        Topic("account", ("data", "details", "*"), _BALANCE),
    ),
    ack=(("event",), "subscribe"),
    acks=4,
    private_url="/ws/private",
    renew_option="",
    stream_fills=False,
    unique_nonce_ms=True,
    # The API has no request for its state or for announcements, and ccxt no fetch_status (documentation).
    notices=None,
)
"""Certified against the fake exchange; `venue certify` proves it on a demo account."""
