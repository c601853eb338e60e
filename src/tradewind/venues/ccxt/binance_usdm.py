"""Binance USD-M futures, in the grammar of `dialect`.

Stops live in a list of their own (the algo endpoints) with their own ids; a triggered one becomes an ordinary order
under a new id. Client ids are unique among open orders only, which is why ours are never used again.
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

__all__ = ["BINANCE_USDM"]

_API = "fapiPrivate"
_WEEK_NS = 7 * 86_400 * 1_000_000_000
_REACH_NS = 90 * 86_400 * 1_000_000_000
"""How far back orders, trades and income are told. Who asks for more is refused (-4166) but for income (observed)."""
_WINDOW_MS = 5_000

_ORDER = {
    "symbol": "$symbol",
    "side": "$side",
    "positionSide": "$position_side",
    "reduceOnly": "$reduce",
    "quantity": "$qty",
    "newClientOrderId": "$client_id",
    "newOrderRespType": "RESULT",
}
_STOP = {
    "algoType": "CONDITIONAL",
    "symbol": "$symbol",
    "side": "$side",
    "positionSide": "$position_side",
    "reduceOnly": "$reduce",
    "quantity": "$qty",
    "clientAlgoId": "$client_id",
    "workingType": "$trigger_by",
}


def _order(**own: object) -> Call:
    return Call(_API, "POST", "order", {**_ORDER, **own, "recvWindow": _WINDOW_MS}, group="order")


def _stop(**own: object) -> Call:
    return Call(_API, "POST", "algoOrder", {**_STOP, **own, "recvWindow": _WINDOW_MS}, group="order")


_LIMIT = {"type": "LIMIT", "price": "$price"}

_STATUS = {
    "NEW": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.WORKING,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
_ALGO_STATUS = {
    "NEW": OrderStatus.WORKING,
    "TRIGGERING": OrderStatus.TRIGGERED,
    "TRIGGERED": OrderStatus.TRIGGERED,
    "FINISHED": OrderStatus.TRIGGERED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
_REST_ORDER = OrderShape(
    symbol="symbol",
    client_id="clientOrderId",
    venue_id="orderId",
    status="status",
    statuses=_STATUS,
    side="side",
    position_side="positionSide",
    reduce="reduceOnly",
    price="price",
    qty="origQty",
    filled="executedQty",
    notional="cumQuote",
    average="avgPrice",
    ts="updateTime",
    ts_other="time",
    reason="timeInForce",
    reasons={"EXPIRED/GTX": "VENUE_POST_ONLY"},
)
_REST_ALGO = OrderShape(
    symbol="symbol",
    client_id="clientAlgoId",
    venue_id="algoId",
    status="algoStatus",
    statuses=_ALGO_STATUS,
    side="side",
    position_side="positionSide",
    reduce="reduceOnly",
    price="price",
    qty="quantity",
    filled="",
    trigger="triggerPrice",
    ts="updateTime",
    ts_other="createTime",
    child_id="actualOrderId",
    algo=True,
)
_STREAM_ORDER = OrderShape(
    symbol="s",
    client_id="c",
    venue_id="i",
    status="X",
    statuses=_STATUS,
    side="S",
    position_side="ps",
    reduce="R",
    price="p",
    qty="q",
    filled="z",
    average="ap",
    ts="T",
    reason="f",
    reasons={"EXPIRED/GTX": "VENUE_POST_ONLY"},
)
_STREAM_ALGO = OrderShape(
    symbol="s",
    client_id="caid",
    venue_id="aid",
    status="X",
    statuses=_ALGO_STATUS,
    side="S",
    position_side="ps",
    reduce="R",
    price="p",
    qty="q",
    filled="",
    trigger="tp",
    child_id="ai",
    algo=True,
)
_TAKEN = {"autoclose-": "liquidation", "adl_autoclose": "adl", "settlement_autoclose-": "settlement"}
_REST_FILL = FillShape(
    symbol="symbol",
    client_id="",
    venue_id="orderId",
    trade_id="id",
    side="side",
    position_side="positionSide",
    price="price",
    qty="qty",
    fee="commission",
    fee_currency="commissionAsset",
    maker="maker",
    maker_words=frozenset({"true"}),
    ts="time",
    notional="quoteQty",
)
_STREAM_FILL = FillShape(
    symbol="s",
    client_id="c",
    venue_id="i",
    trade_id="t",
    side="S",
    position_side="ps",
    price="L",
    qty="l",
    fee="n",
    fee_currency="N",
    maker="m",
    maker_words=frozenset({"true"}),
    ts="T",
    when=("x", frozenset({"TRADE", "CALCULATED"})),
    taken=_TAKEN,
    taken_by="c",
    reduce="R",
)


def _rejected(codes: str, ccxt_class: str, rule: str) -> list[ErrorRow]:
    return [ErrorRow(code, ccxt_class, Meaning.REJECTED, rule) for code in codes.split()]


def _read(path: str, fields: dict[str, object] | None = None, weight: int = 1, api: str = _API) -> Call:
    return Call(api, "GET", path, fields or {}, ("*",), weight=weight)


def _by_time(id_field: str, *, per_symbol: bool = False) -> Pages:
    """Return how a list goes on that begins with the oldest, a week at a time."""
    return Pages(
        1000,
        "limit",
        "startTime",
        "time",
        start_field="startTime",
        end_field="endTime",
        window_ns=_WEEK_NS,
        reach_ns=_REACH_NS,
        id_field=id_field,
        per_symbol=per_symbol,
        rising=True,
    )


def _one(path: str, fields: dict[str, object] | None = None, weight: int = 1) -> Call:
    return Call(_API, "GET", path, fields or {}, weight=weight)


def _working(path: str, shape: OrderShape) -> Reading:
    """Return a list that weighs 40 as a whole and 1 for one symbol (documentation)."""
    return Reading(_read(path, weight=40), shape, of_symbol=_read(path, {"symbol": "$symbol"}))


_BY_ID: dict[str, object] = {"symbol": "$symbol", "orderId": "$venue_id", "origClientOrderId": "$client_id"}
_BY_ALGO_ID: dict[str, object] = {"algoId": "$venue_id", "clientAlgoId": "$client_id"}

BINANCE_USDM = Dialect(
    venue="binance_usdm",
    provenance="sample: exchangeInfo, order and account messages; documentation: the rest",
    words=Words(
        buy="BUY",
        sell="SELL",
        net=None,
        long="LONG",
        short="SHORT",
        yes="true",
        cross="CROSSED",
        isolated="ISOLATED",
        last="CONTRACT_PRICE",
        mark="MARK_PRICE",
        hedged="true",
        one_way="false",
    ),
    create={
        "limit": _order(**_LIMIT, timeInForce="GTC"),
        "post_only": _order(**_LIMIT, timeInForce="GTX"),
        "ioc": _order(**_LIMIT, timeInForce="IOC"),
        "limit_expiring": _order(**_LIMIT, timeInForce="GTD", goodTillDate="$expires_ms"),
        "market": _order(type="MARKET"),
        "stop": _stop(type="STOP_MARKET", triggerPrice="$trigger"),
        "stop_trailing": _stop(
            type="TRAILING_STOP_MARKET", activatePrice="$activation", callbackRate="$trail"
        ),
    },
    batch=Call(
        _API,
        "POST",
        "batchOrders",
        rows=("*",),
        wrap="batchOrders",
        outer={"recvWindow": _WINDOW_MS},
        group="order",
        weight=5,
        batch=5,
    ),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market", "limit_expiring"}),
    amend=Call(
        _API,
        "PUT",
        "order",
        {
            "symbol": "$symbol",
            "side": "$side",
            "orderId": "$venue_id",
            "origClientOrderId": "$client_id",
            "quantity": "$qty",
            "price": "$price",
            "recvWindow": _WINDOW_MS,
        },
        group="order",
    ),
    cancel=Call(_API, "DELETE", "order", {**_BY_ID, "recvWindow": _WINDOW_MS}, group="cancel"),
    cancel_algo=Call(_API, "DELETE", "algoOrder", {**_BY_ALGO_ID, "recvWindow": _WINDOW_MS}, group="cancel"),
    cancel_all=(
        Call(_API, "DELETE", "allOpenOrders", {"symbol": "$symbol"}, group="cancel"),
        Call(_API, "DELETE", "algoOpenOrders", {"symbol": "$symbol"}, group="cancel"),
    ),
    by_id=Reading(_one("order", _BY_ID), _REST_ORDER),
    by_id_algo=Reading(_one("algoOrder", _BY_ALGO_ID), _REST_ALGO),
    working=(
        _working("openOrders", _REST_ORDER),
        _working("openAlgoOrders", _REST_ALGO),
    ),
    ended=(
        Reading(
            _read("allOrders", {"symbol": "$symbol"}, 5),
            _REST_ORDER,
            _by_time("orderId", per_symbol=True),
        ),
    ),
    fills=Reading(
        _read("userTrades", {"symbol": "$symbol"}, 5),
        _REST_FILL,
        _by_time("id", per_symbol=True),
    ),
    positions=Reading(
        _read("positionRisk", weight=5, api="fapiPrivateV3"),
        PositionShape("symbol", "positionSide", "positionAmt", "entryPrice", "markPrice", "updateTime"),
    ),
    balances=Reading(
        _read("balance", weight=5, api="fapiPrivateV3"), BalanceShape("asset", "balance", "updateTime")
    ),
    funding=Reading(
        _read("income", {"incomeType": "FUNDING_FEE"}, 30),
        FundingShape("symbol", "asset", "income", "time"),
        _by_time("tranId"),
    ),
    transfers=Reading(
        _read("income", {"incomeType": "TRANSFER"}, 30),
        TransferShape("asset", "income", "tranId", "time"),
        _by_time("tranId"),
    ),
    settings=(
        Reading(
            _one("positionSide/dual", weight=30),
            SettingShape("POSITION_MODE", "dualSidePosition", words={"true": 1.0, "false": 0.0}),
        ),
        Reading(
            _read("symbolConfig", {"symbol": "$symbol"}, 5),
            SettingShape("LEVERAGE", "leverage", "symbol"),
            Pages(0, per_symbol=True),
        ),
        Reading(
            _read("symbolConfig", {"symbol": "$symbol"}, 5),
            SettingShape(
                "MARGIN_MODE",
                "marginType",
                "symbol",
                {"ISOLATED": 1.0, "CROSSED": 0.0, "isolated": 1.0, "cross": 0.0},
            ),
            Pages(0, per_symbol=True),
        ),
    ),
    leverage=Call(_API, "POST", "leverage", {"symbol": "$symbol", "leverage": "$leverage"}),
    position_mode=Call(_API, "POST", "positionSide/dual", {"dualSidePosition": "$hedge"}),
    margin_mode=Call(_API, "POST", "marginType", {"symbol": "$symbol", "marginType": "$margin_mode"}),
    dead_man=Call(
        _API, "POST", "countdownCancelAll", {"symbol": "$symbol", "countdownTime": "$timeout"}, weight=10
    ),
    dead_man_unit_ms=1,
    clock=Clock(Call("fapiPublic", "GET", "time"), ("serverTime",)),
    key=KeyShape(
        Call("sapi", "GET", "account/apiRestrictions"),
        trades=((("enableFutures",), frozenset({"true"})),),
        withdraws=((("enableWithdrawals",), frozenset({"true"})),),
        transfers=(
            (("enableInternalTransfer",), frozenset({"true"})),
            (("permitsUniversalTransfer",), frozenset({"true"})),
        ),
        unrestricted=(("ipRestrict",), "false"),
        demo_too=False,
    ),
    code_at=(("code",), ("0", "code")),
    row_code="code",
    row_ok=frozenset({"", "200"}),
    row_text="msg",
    errors=(
        *_rejected("-2018 -2019 -2024", "InsufficientFunds", "VENUE_MARGIN"),
        ErrorRow("-4164", "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        *_rejected("-4003 -4004 -4005 -4014 -4023 -1111 -1013", "BadRequest", "VENUE_OTHER"),
        ErrorRow("-4131", "OperationRejected", Meaning.REJECTED, "VENUE_PRICE"),
        *_rejected("-4016 -4024 -4001 -4002 -4013", "BadRequest", "VENUE_PRICE"),
        ErrorRow(
            "-5040", "BadRequest", Meaning.REJECTED, "VENUE_OTHER", "documentation: the end is too near"
        ),
        ErrorRow("-5022", "OrderNotFillable", Meaning.REJECTED, "VENUE_POST_ONLY"),
        ErrorRow("-5021", "OrderNotFillable", Meaning.REJECTED, "UNFILLED"),
        ErrorRow("-2022", "InvalidOrder", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("-4118", "OperationRejected", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("-2021", "OrderImmediatelyFillable", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("-2023", "OperationFailed", Meaning.REJECTED, "LIQUIDATED"),
        *_rejected("-2025 -2027 -2028", "OperationRejected", "VENUE_OTHER"),
        ErrorRow("-4061", "OperationRejected", Meaning.REJECTED, "SETTINGS"),
        ErrorRow("-5028", "BadRequest", Meaning.REJECTED, "VENUE_OTHER"),
        ErrorRow("-4140", "BadRequest", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("-1121", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("-4144", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        *[ErrorRow(c, "PermissionDenied", Meaning.REDUCE_ONLY, "VENUE_CLOSED") for c in ("-4400", "-4192")],
        ErrorRow("-4116", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        ErrorRow("-2011", "OrderNotFound", Meaning.GONE),
        ErrorRow("-2013", "OrderNotFound", Meaning.GONE),
        ErrorRow("-1021", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *[ErrorRow(c, "AuthenticationError", Meaning.KEY) for c in ("-1022", "-2014", "-2015")],
        *[ErrorRow(c, "RateLimitExceeded", Meaning.RATE, "VENUE_RATE") for c in ("-1003", "-1015")],
        ErrorRow(
            "-1016", "BadRequest", Meaning.OUTAGE, provenance="documentation: shut down; no word of the order"
        ),
        ErrorRow(
            "-1006", "OperationFailed", Meaning.DOUBT, provenance="documentation: execution status unknown"
        ),
        ErrorRow(
            "-1007", "RequestTimeout", Meaning.DOUBT, provenance="documentation: execution status unknown"
        ),
        ErrorRow("-4046", "MarginModeAlreadySet", Meaning.DONE),
        ErrorRow("-4059", "OperationRejected", Meaning.DONE),
        ErrorRow("-5027", "OperationRejected", Meaning.DONE),
    ),
    windows=(
        Window("all", 60, 2400, "X-MBX-USED-WEIGHT-1M", shared=True),
        Window("order", 10, 300, "X-MBX-ORDER-COUNT-10S"),
        Window("order", 60, 1200, "X-MBX-ORDER-COUNT-1M"),
    ),
    fence="window",
    receive_window_ms=_WINDOW_MS,
    trail="ratio",
    expires=True,
    reduce_in_hedge=False,
    client_id_signs=".:/_-",
    client_id_length=36,
    streams=(Stream("watch_orders"),),
    topic_at=(("e",),),
    topics=(
        Topic("ORDER_TRADE_UPDATE", ("o",), _STREAM_FILL),
        Topic("ORDER_TRADE_UPDATE", ("o",), _STREAM_ORDER),
        Topic("ALGO_UPDATE", ("o",), _STREAM_ALGO),
        Topic("ACCOUNT_UPDATE", ("a", "P", "*"), PositionShape("s", "ps", "pa", "ep", "", "")),
        Topic("ACCOUNT_UPDATE", ("a", "B", "*"), BalanceShape("a", "wb")),
        Topic("ACCOUNT_CONFIG_UPDATE", ("ac",), SettingShape("LEVERAGE", "l", "s")),
        Topic("listenKeyExpired", (), None, renew=True),
        Topic("eventStreamTerminated", (), None, renew=True),
    ),
    ack=None,
    acks=0,
    private_url="listenKey=",
    renew_option="linear",
    stream_fills=True,
    # /sapi/v1/system/status says whether the house as a whole is closed now: nothing of futures, nothing of what is to
    # come, and it has no practice side (documentation; it is what ccxt's fetch_status reads).
    notices=None,
)
"""Certified against the fake exchange; `venue certify` proves it on a demo account."""
