"""OKX perpetual swaps (v5), in the grammar of `dialect`.

Quantities are contracts. Stops live in the list of algo orders; a triggered one becomes an order that names our id of
the stop. A request may carry the time after which it must not be executed, which is our fence.
"""

from __future__ import annotations

from tradewind.venues.ccxt.dialect import (
    Call,
    Clock,
    Dialect,
    ErrorRow,
    KeyShape,
    Meaning,
    Notices,
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
    FundingShape,
    OrderShape,
    PositionShape,
    SettingShape,
    TransferShape,
)
from tradewind.venues.gateway import OrderStatus

__all__ = ["OKX_SWAP"]

_ROWS = ("data", "*")
_DAY_NS = 86_400 * 1_000_000_000
_WEEK, _ARCHIVED = 7, 90
"""Days that the usual lists and their archives go back; trades go back as far as an archive (documentation)."""
_ORDER = {
    "instId": "$symbol",
    "tdMode": "$margin_mode",
    "side": "$side",
    "posSide": "$position_side",
    "reduceOnly": "$reduce",
    "sz": "$qty",
    "clOrdId": "$client_id",
}
_STOP = {
    "instId": "$symbol",
    "tdMode": "$margin_mode",
    "side": "$side",
    "posSide": "$position_side",
    "reduceOnly": "$reduce",
    "sz": "$qty",
    "algoClOrdId": "$client_id",
    # Without it ccxt would put an id of its own there.
    "clOrdId": "$client_id",
}


def _order(**own: object) -> Call:
    return Call("private", "POST", "trade/batch-orders", {**_ORDER, **own}, _ROWS, wrap="[]", group="order")


def _stop(**own: object) -> Call:
    return Call("private", "POST", "trade/order-algo", {**_STOP, **own}, _ROWS, group="algo")


_STATUS = {
    "live": OrderStatus.WORKING,
    "partially_filled": OrderStatus.WORKING,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "mmp_canceled": OrderStatus.CANCELLED,
}
_ALGO_STATUS = {
    "live": OrderStatus.WORKING,
    "pause": OrderStatus.WORKING,
    "partially_effective": OrderStatus.TRIGGERED,
    "effective": OrderStatus.TRIGGERED,
    "canceled": OrderStatus.CANCELLED,
    "order_failed": OrderStatus.REJECTED,
    "partially_failed": OrderStatus.REJECTED,
}
_ORDER_SHAPE = OrderShape(
    symbol="instId",
    client_id="clOrdId",
    venue_id="ordId",
    status="state",
    statuses=_STATUS,
    side="side",
    position_side="posSide",
    reduce="reduceOnly",
    price="px",
    qty="sz",
    filled="accFillSz",
    average="avgPx",
    ts="uTime",
    ts_other="cTime",
    parent_client_id="algoClOrdId",
    reason="cancelSource",
    reasons={"31": "VENUE_POST_ONLY", "14": "UNFILLED", "13": "UNFILLED", "1": "UNWANTED"},
)
_ALGO_SHAPE = OrderShape(
    symbol="instId",
    client_id="algoClOrdId",
    venue_id="algoId",
    status="state",
    statuses=_ALGO_STATUS,
    side="side",
    position_side="posSide",
    reduce="reduceOnly",
    price="",
    qty="sz",
    filled="",
    trigger="slTriggerPx",
    ts="uTime",
    ts_other="cTime",
    child_id="ordId",
    algo=True,
)
_TRAIL_SHAPE = OrderShape(
    symbol="instId",
    client_id="algoClOrdId",
    venue_id="algoId",
    status="state",
    statuses=_ALGO_STATUS,
    side="side",
    position_side="posSide",
    reduce="reduceOnly",
    price="",
    qty="sz",
    filled="",
    trigger="moveTriggerPx",
    ts="uTime",
    ts_other="cTime",
    child_id="ordId",
    algo=True,
)
_FILL_SHAPE = FillShape(
    symbol="instId",
    client_id="clOrdId",
    venue_id="ordId",
    trade_id="tradeId",
    side="side",
    position_side="posSide",
    price="fillPx",
    qty="fillSz",
    fee="fee",
    fee_currency="feeCcy",
    maker="execType",
    maker_words=frozenset({"M"}),
    ts="ts",
    fee_sign=-1,
    taken={
        "100": "liquidation",
        "101": "liquidation",
        "102": "liquidation",
        "103": "liquidation",
        "104": "liquidation",
        "105": "liquidation",
        "125": "adl",
        "126": "adl",
        "112": "settlement",
    },
    taken_by="subType",
)
_STREAM_FILL = FillShape(
    symbol="instId",
    client_id="clOrdId",
    venue_id="ordId",
    trade_id="tradeId",
    side="side",
    position_side="posSide",
    price="fillPx",
    qty="fillSz",
    fee="fillFee",
    fee_currency="fillFeeCcy",
    maker="execType",
    maker_words=frozenset({"M"}),
    ts="fillTime",
    fee_sign=-1,
    when=("execType", frozenset({"M", "T"})),
    taken={
        "full_liquidation": "liquidation",
        "partial_liquidation": "liquidation",
        "adl": "adl",
        "delivery": "settlement",
    },
    taken_by="category",
    reduce="reduceOnly",
)


def _read(path: str, group: str = "read", **fields: object) -> Call:
    return Call("private", "GET", path, fields, _ROWS, group=group)


def _pages(cursor_row: str, days: int = 0, *, per_symbol: bool = False) -> Pages:
    """Return how a list goes on; one that is asked for by time goes so many days back."""
    begin, end = ("begin", "end") if days else ("", "")
    return Pages(
        100,
        "limit",
        "after",
        cursor_row,
        start_field=begin,
        end_field=end,
        id_field=cursor_row,
        per_symbol=per_symbol,
        reach_ns=days * _DAY_NS,
    )


def _bills(shape: FundingShape | TransferShape, **fields: object) -> Reading:
    """Return what moved cash, of one kind: the bills of a week, and their archive before."""
    archive = Reading(
        _read("account/bills-archive", "bills-archive", **fields), shape, _pages("billId", _ARCHIVED)
    )
    return Reading(_read("account/bills", "bills", **fields), shape, _pages("billId", _WEEK), archive=archive)


_POSITION = PositionShape("instId", "posSide", "pos", "avgPx", "markPx", "uTime")
_SWAP = "SWAP"


OKX_SWAP = Dialect(
    venue="okx_swap",
    provenance="sample: order, position and account messages; documentation: the rest",
    words=Words(buy="buy", sell="sell", net="net", long="long", short="short", yes=True),
    create={
        "limit": _order(ordType="limit", px="$price"),
        "post_only": _order(ordType="post_only", px="$price"),
        "ioc": _order(ordType="ioc", px="$price"),
        "market": _order(ordType="market"),
        "stop": _stop(
            ordType="conditional", slTriggerPx="$trigger", slOrdPx="-1", slTriggerPxType="$trigger_by"
        ),
        "stop_trailing": _stop(ordType="move_order_stop", callbackSpread="$trail", activePx="$activation"),
    },
    batch=Call("private", "POST", "trade/batch-orders", {}, _ROWS, wrap="[]", group="order", batch=20),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market"}),
    amend=Call(
        "private",
        "POST",
        "trade/amend-order",
        {
            "instId": "$symbol",
            "ordId": "$venue_id",
            "clOrdId": "$client_id",
            "newSz": "$qty",
            "newPx": "$price",
        },
        _ROWS,
        group="order",
    ),
    cancel=Call(
        "private",
        "POST",
        "trade/cancel-order",
        {"instId": "$symbol", "ordId": "$venue_id", "clOrdId": "$client_id"},
        _ROWS,
        group="cancel",
    ),
    cancel_algo=Call(
        "private",
        "POST",
        "trade/cancel-algos",
        {"instId": "$symbol", "algoId": "$venue_id", "algoClOrdId": "$client_id"},
        _ROWS,
        wrap="[]",
        group="cancel",
    ),
    cancel_all=(),
    by_id=Reading(
        _read("trade/order", instId="$symbol", ordId="$venue_id", clOrdId="$client_id"), _ORDER_SHAPE
    ),
    by_id_algo=Reading(_read("trade/order-algo", algoId="$venue_id", algoClOrdId="$client_id"), _ALGO_SHAPE),
    working=(
        Reading(_read("trade/orders-pending", instType=_SWAP), _ORDER_SHAPE, _pages("ordId")),
        Reading(
            _read("trade/orders-algo-pending", "algos", instType=_SWAP, ordType="conditional"),
            _ALGO_SHAPE,
            _pages("algoId"),
        ),
        Reading(
            _read("trade/orders-algo-pending", "algos", instType=_SWAP, ordType="move_order_stop"),
            _TRAIL_SHAPE,
            _pages("algoId"),
        ),
    ),
    ended=(
        Reading(
            _read("trade/orders-history", instType=_SWAP, instId="$symbol"),
            _ORDER_SHAPE,
            _pages("ordId", _WEEK, per_symbol=True),
            archive=Reading(
                _read("trade/orders-history-archive", "orders-archive", instType=_SWAP, instId="$symbol"),
                _ORDER_SHAPE,
                _pages("ordId", _ARCHIVED, per_symbol=True),
            ),
        ),
    ),
    fills=Reading(
        _read("trade/fills-history", "fills", instType=_SWAP), _FILL_SHAPE, _pages("billId", _ARCHIVED)
    ),
    positions=Reading(_read("account/positions", "positions", instType=_SWAP), _POSITION),
    balances=Reading(
        Call("private", "GET", "account/balance", rows=("data", "*", "details", "*"), group="balance"),
        BalanceShape("ccy", "cashBal", "uTime"),
    ),
    funding=_bills(FundingShape("instId", "ccy", "balChg", "ts"), instType=_SWAP, type="8"),
    transfers=_bills(TransferShape("ccy", "balChg", "billId", "ts"), type="1"),
    settings=(
        Reading(
            _read("account/config", "config"),
            SettingShape("POSITION_MODE", "posMode", words={"net_mode": 0.0, "long_short_mode": 1.0}),
        ),
        Reading(
            _read("account/leverage-info", "leverage", instId="$symbol", mgnMode="$margin_mode"),
            SettingShape("LEVERAGE", "lever", "instId"),
            Pages(0, per_symbol=True),
        ),
        Reading(
            _read("account/positions", "positions", instType=_SWAP),
            SettingShape("MARGIN_MODE", "mgnMode", "instId", {"cross": 0.0, "isolated": 1.0}),
        ),
    ),
    leverage=Call(
        "private",
        "POST",
        "account/set-leverage",
        {"instId": "$symbol", "lever": "$leverage", "mgnMode": "$margin_mode", "posSide": "$leverage_side"},
    ),
    position_mode=Call("private", "POST", "account/set-position-mode", {"posMode": "$hedge"}),
    margin_mode=None,
    dead_man=Call("private", "POST", "trade/cancel-all-after", {"timeOut": "$timeout"}),
    dead_man_unit_ms=1000,
    clock=Clock(Call("public", "GET", "public/time", group="time"), ("data", "0", "ts")),
    key=KeyShape(
        Call("private", "GET", "account/config"),
        trades=((("data", "0", "perm"), frozenset({"trade"})),),
        withdraws=((("data", "0", "perm"), frozenset({"withdraw"})),),
        ips=("data", "0", "ip"),
        unrestricted=(("data", "0", "ip"), ""),
    ),
    code_at=(("data", "0", "sCode"), ("code",)),
    row_code="sCode",
    row_ok=frozenset({"", "0"}),
    row_text="sMsg",
    errors=(
        *error_rows("51008 51131", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("51020", "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        *error_rows("51004 51121 51202", "InvalidOrder", Meaning.REJECTED),
        *error_rows("51006", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("51023", "ExchangeError", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("51112", "InvalidOrder", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("51169", "ExchangeError", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("51277", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("51278", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("51280", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("51000", "BadRequest", Meaning.REJECTED),
        ErrorRow("51001", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        *error_rows("51028 51030", "ContractUnavailable", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("51024", "AccountSuspended", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("51155", "RestrictedLocation", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("51016", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        *error_rows("51400 51401 51402 51509 51603", "OrderNotFound", Meaning.GONE),
        ErrorRow("51410", "CancelPending", Meaning.DONE),
        ErrorRow("50102", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *error_rows("50103 50105 50111 50113 50114", "AuthenticationError", Meaning.KEY),
        ErrorRow("50110", "PermissionDenied", Meaning.KEY),
        ErrorRow("50101", "AuthenticationError", Meaning.KEY),
        ErrorRow("50120", "ExchangeError", Meaning.KEY),
        ErrorRow("50011", "RateLimitExceeded", Meaning.RATE, "VENUE_RATE"),
        ErrorRow("50061", "ExchangeError", Meaning.RATE, "VENUE_RATE"),
        ErrorRow(
            "50001",
            "OnMaintenance",
            Meaning.OUTAGE,
            provenance="documentation: later again; no word of the order",
        ),
        ErrorRow(
            "50004", "RequestTimeout", Meaning.DOUBT, provenance="documentation: neither success nor failure"
        ),
        ErrorRow(
            "51149", "ExchangeError", Meaning.DOUBT, provenance="documentation: the order request timed out"
        ),
    ),
    windows=(
        Window("order", 2, 60),
        Window("algo", 2, 20),
        Window("cancel", 2, 60),
        Window("read", 2, 60),
        Window("algos", 2, 20),
        Window("leverage", 2, 20),
        Window("fills", 2, 10),
        Window("positions", 2, 10),
        Window("balance", 2, 10),
        Window("bills", 1, 5),
        Window("bills-archive", 2, 5),
        Window("orders-archive", 2, 20),
        # What is not signed counts by address, what is by account (documentation).
        Window("time", 2, 10, shared=True),
        Window("status", 5, 1, shared=True),
        Window("config", 2, 5),
    ),
    fence="expiry",
    receive_window_ms=5_000,
    trail="distance",
    expires=False,
    reduce_in_hedge=False,
    client_id_signs="",
    client_id_length=32,
    streams=(
        Stream("watch_orders", {"params": {"type": "swap"}}),
        Stream("watch_orders", {"params": {"trigger": True, "type": "swap"}}),
        Stream("watch_positions"),
        Stream("watch_balance"),
    ),
    topic_at=(("arg", "channel"),),
    topics=(
        Topic("orders", _ROWS, _STREAM_FILL),
        Topic("orders", _ROWS, _ORDER_SHAPE),
        Topic("orders-algo", _ROWS, _ALGO_SHAPE),
        Topic("positions", _ROWS, _POSITION),
        Topic("account", ("data", "*", "details", "*"), BalanceShape("ccy", "cashBal", "uTime")),
    ),
    ack=(("event",), "subscribe"),
    acks=4,
    private_url="/ws/v5/",
    renew_option="",
    stream_fills=True,
    notices=Notices(
        Call("public", "GET", "system/status", rows=("data",), group="status"),
        "state",
        ahead=frozenset({"scheduled"}),
        running=frozenset({"ongoing", "pre_open"}),
        begin="begin",
        end="end",
        concerns=(("serviceType", frozenset({"0", "3", "5", "8", "9", "99"})),),
        worlds=("env", "1", "2"),
    ),
)
"""Certified against the fake exchange; `venue certify` proves it on a demo account."""
