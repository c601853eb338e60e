"""Bybit linear perpetuals (v5, unified account), in the grammar of `dialect`.

An answer to a new order is an acknowledgement only: whether the matching engine took it comes by the stream or a
query. Conditional orders keep their id when they are triggered. A trailing stop belongs to the position and has
no id of its own, so that it is not offered as an order.
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

__all__ = ["BYBIT_LINEAR"]

_CATEGORY = {"category": "linear"}
_OF_LINEAR = ("category", frozenset({"linear"}))
"""An account of this kind also trades spot, where BTCUSDT is another instrument."""
_WEEK_NS = 7 * 86_400 * 1_000_000_000
_REACH_NS = 26 * _WEEK_NS
"""How far back is asked: a week at a time. The venue keeps two years (documentation)."""
_ROWS = ("result", "list", "*")
_CURSOR = ("result", "nextPageCursor")
_ORDER = {
    "symbol": "$symbol",
    "side": "$side",
    "qty": "$qty",
    "positionIdx": "$position_side",
    "reduceOnly": "$reduce",
    "orderLinkId": "$client_id",
}


def _order(**own: object) -> Call:
    return Call(
        "private", "POST", "v5/order/create", {**_CATEGORY, **_ORDER, **own}, ("result",), group="order"
    )


_STATUS = {
    "New": OrderStatus.WORKING,
    "PartiallyFilled": OrderStatus.WORKING,
    "Untriggered": OrderStatus.WORKING,
    "Triggered": OrderStatus.TRIGGERED,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}
_ORDER_SHAPE = OrderShape(
    symbol="symbol",
    client_id="orderLinkId",
    venue_id="orderId",
    status="orderStatus",
    statuses=_STATUS,
    side="side",
    position_side="positionIdx",
    reduce="reduceOnly",
    price="price",
    qty="qty",
    filled="cumExecQty",
    notional="cumExecValue",
    average="avgPrice",
    trigger="triggerPrice",
    ts="updatedTime",
    ts_other="createdTime",
    reason="rejectReason",
    reasons={
        "EC_PostOnlyWillTakeLiquidity": "VENUE_POST_ONLY",
        "EC_NoEnoughQtyToFill": "UNFILLED",
        "EC_NoImmediateQtyToFill": "UNFILLED",
        "EC_CancelForNoFullFill": "UNFILLED",
        "EC_ReachMaxTradeNum": "UNFILLED",
        "EC_PerCancelRequest": "UNWANTED",
        # The next two are assumed: they are in no sample.
        "EC_ReduceOnlyRejected": "VENUE_REDUCE_ONLY",
        "EC_NoEnoughBalance": "VENUE_MARGIN",
    },
)
_FILL_SHAPE = FillShape(
    symbol="symbol",
    client_id="orderLinkId",
    venue_id="orderId",
    trade_id="execId",
    side="side",
    position_side="positionIdx",
    price="execPrice",
    qty="execQty",
    fee="execFee",
    fee_currency="feeCurrency",
    maker="isMaker",
    maker_words=frozenset({"true"}),
    ts="execTime",
    notional="execValue",
    when=("execType", frozenset({"Trade", "BustTrade", "AdlTrade", "Delivery", "Settle"})),
    taken={"BustTrade": "liquidation", "AdlTrade": "adl", "Delivery": "settlement", "Settle": "settlement"},
    taken_by="execType",
)
_POSITION_SHAPE = PositionShape(
    symbol="symbol",
    position_side="positionIdx",
    qty="size",
    entry="avgPrice",
    mark="markPrice",
    ts="updatedTime",
    signed=False,
    side="side",
)


def _pages(size: int, id_field: str, timed: bool) -> Pages:
    if not timed:
        return Pages(size, "limit", "cursor", cursor_at=_CURSOR, id_field=id_field)
    return Pages(
        size,
        "limit",
        "cursor",
        cursor_at=_CURSOR,
        start_field="startTime",
        end_field="endTime",
        window_ns=_WEEK_NS,
        reach_ns=_REACH_NS,
        id_field=id_field,
    )


def _read(path: str, group: str = "read", rows: tuple[str, ...] = _ROWS, **fields: object) -> Call:
    return Call("private", "GET", path, fields, rows, group=group)


_BY_ID: dict[str, object] = {
    **_CATEGORY,
    "symbol": "$symbol",
    "orderId": "$venue_id",
    "orderLinkId": "$client_id",
}
_CANCEL = Call("private", "POST", "v5/order/cancel", _BY_ID, ("result",), group="cancel")
_WORKING = _read("v5/order/realtime", category="linear", settleCoin="$settle", openOnly=0)


BYBIT_LINEAR = Dialect(
    venue="bybit_linear",
    provenance="sample: order, execution and position messages; documentation: the rest",
    words=Words(
        buy="Buy",
        sell="Sell",
        net=0,
        long=1,
        short=2,
        yes=True,
        cross="REGULAR_MARGIN",
        isolated="ISOLATED_MARGIN",
        last="LastPrice",
        mark="MarkPrice",
        hedged=3,
        one_way=0,
    ),
    create={
        "limit": _order(orderType="Limit", price="$price", timeInForce="GTC"),
        "post_only": _order(orderType="Limit", price="$price", timeInForce="PostOnly"),
        "ioc": _order(orderType="Limit", price="$price", timeInForce="IOC"),
        "market": _order(orderType="Market"),
        "stop": _order(
            orderType="Market",
            triggerPrice="$trigger",
            triggerDirection="$direction",
            triggerBy="$trigger_by",
            closeOnTrigger="$reduce",
        ),
    },
    batch=Call(
        "private",
        "POST",
        "v5/order/create-batch",
        rows=("result", "list", "*"),
        wrap="request",
        outer=_CATEGORY,
        group="batch",
        batch=10,
        codes=("retExtInfo", "list", "*"),
    ),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market"}),
    amend=Call(
        "private",
        "POST",
        "v5/order/amend",
        {**_BY_ID, "qty": "$qty", "price": "$price"},
        ("result",),
        group="amend",
    ),
    cancel=_CANCEL,
    cancel_algo=_CANCEL,
    cancel_all=(
        Call("private", "POST", "v5/order/cancel-all", {**_CATEGORY, "symbol": "$symbol"}, group="cancel"),
    ),
    by_id=Reading(Call("private", "GET", "v5/order/realtime", _BY_ID, _ROWS), _ORDER_SHAPE),
    by_id_algo=None,
    working=(Reading(_WORKING, _ORDER_SHAPE, _pages(50, "orderId", timed=False)),),
    ended=(
        Reading(
            _read("v5/order/history", category="linear", symbol="$symbol"),
            _ORDER_SHAPE,
            Pages(
                50,
                "limit",
                "cursor",
                cursor_at=_CURSOR,
                start_field="startTime",
                end_field="endTime",
                window_ns=_WEEK_NS,
                reach_ns=_REACH_NS,
                id_field="orderId",
                per_symbol=True,
            ),
        ),
    ),
    fills=Reading(
        _read("v5/execution/list", category="linear"), _FILL_SHAPE, _pages(100, "execId", timed=True)
    ),
    positions=Reading(
        _read("v5/position/list", category="linear", settleCoin="$settle"),
        _POSITION_SHAPE,
        Pages(200, "limit", "cursor", cursor_at=_CURSOR),
    ),
    balances=Reading(
        _read("v5/account/wallet-balance", rows=("result", "list", "*", "coin", "*"), accountType="UNIFIED"),
        BalanceShape("coin", "walletBalance"),
    ),
    funding=Reading(
        _read("v5/execution/list", category="linear", execType="Funding"),
        FundingShape(
            "symbol",
            "feeCurrency",
            "execFee",
            "execTime",
            sign=1,
            rate="feeRate",
            position_side="side",
            when=("execType", frozenset({"Funding"})),
        ),
        _pages(100, "execId", timed=True),
    ),
    transfers=Reading(
        _read("v5/account/transaction-log", accountType="UNIFIED"),
        TransferShape(
            "currency",
            "change",
            "id",
            "transactionTime",
            when=("type", frozenset({"TRANSFER_IN", "TRANSFER_OUT"})),
        ),
        _pages(50, "id", timed=True),
    ),
    settings=(
        Reading(
            _read("v5/position/list", category="linear", symbol="$symbol"),
            SettingShape("LEVERAGE", "leverage", "symbol"),
            Pages(0, per_symbol=True),
        ),
        Reading(
            _read("v5/position/list", category="linear", symbol="$symbol"),
            SettingShape("POSITION_MODE", "positionIdx", "symbol", {"0": 0.0, "1": 1.0, "2": 1.0}),
            Pages(0, per_symbol=True),
        ),
        Reading(
            _read("v5/account/info", rows=("result",)),
            SettingShape(
                "MARGIN_MODE",
                "marginMode",
                words={"REGULAR_MARGIN": 0.0, "PORTFOLIO_MARGIN": 0.0, "ISOLATED_MARGIN": 1.0},
            ),
        ),
    ),
    leverage=Call(
        "private",
        "POST",
        "v5/position/set-leverage",
        {**_CATEGORY, "symbol": "$symbol", "buyLeverage": "$leverage", "sellLeverage": "$leverage"},
    ),
    position_mode=Call(
        "private", "POST", "v5/position/switch-mode", {**_CATEGORY, "symbol": "$symbol", "mode": "$hedge"}
    ),
    margin_mode=Call("private", "POST", "v5/account/set-margin-mode", {"setMarginMode": "$margin_mode"}),
    dead_man=Call(
        "private",
        "POST",
        "v5/order/disconnected-cancel-all",
        {"product": "DERIVATIVES", "timeWindow": "$timeout"},
    ),
    dead_man_unit_ms=1000,
    clock=Clock(Call("public", "GET", "v5/market/time"), ("time",)),
    key=KeyShape(
        Call("private", "GET", "v5/user/query-api"),
        trades=(
            (("result", "permissions", "ContractTrade"), frozenset({"Order"})),
            (("result", "permissions", "Derivatives"), frozenset({"DerivativesTrade"})),
        ),
        withdraws=((("result", "permissions", "Wallet"), frozenset({"Withdraw"})),),
        transfers=(
            (
                ("result", "permissions", "Wallet"),
                frozenset({"AccountTransfer", "SubMemberTransfer", "SubMemberTransferList"}),
            ),
        ),
        ips=("result", "ips"),
        unrestricted=(("result", "ips", "0"), "*"),
    ),
    code_at=(("retCode",),),
    row_code="code",
    row_ok=frozenset({"", "0"}),
    row_text="msg",
    errors=(
        *error_rows("110004 110007 110012", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        ErrorRow("110003", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        *error_rows("110094", "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        ErrorRow("110095", "ExchangeError", Meaning.REJECTED, "VENUE_MIN_NOTIONAL", "assumed"),
        ErrorRow("110017", "InvalidOrder", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("110079", "ExchangeError", Meaning.REJECTED, "VENUE_OTHER"),
        *error_rows("110009", "InvalidOrder", Meaning.REJECTED),
        *error_rows("110092 110093", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("10001", "BadRequest", Meaning.REJECTED),
        ErrorRow("110072", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        *error_rows("110001", "OrderNotFound", Meaning.GONE),
        *error_rows("110008 110010", "InvalidOrder", Meaning.GONE),
        ErrorRow("10002", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *error_rows("10003 10004", "AuthenticationError", Meaning.KEY),
        *error_rows("10005 10010", "PermissionDenied", Meaning.KEY),
        ErrorRow("10024", "PermissionDenied", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("110066", "ExchangeError", Meaning.CLOSED, "VENUE_CLOSED"),
        *error_rows("10006 10018", "RateLimitExceeded", Meaning.RATE, "VENUE_RATE"),
        ErrorRow(
            "10016",
            "ExchangeError",
            Meaning.OUTAGE,
            provenance="documentation: server error; no word of the order",
        ),
        ErrorRow("10000", "ExchangeError", Meaning.DOUBT, provenance="documentation: server timeout"),
        *error_rows("110025", "NoChange", Meaning.DONE),
        *error_rows("110043", "BadRequest", Meaning.DONE),
    ),
    windows=(
        Window("all", 5, 600, shared=True),
        # Each path has a limit of its own, and the header is about the path that was asked (documentation).
        *(
            Window(group, 1, 10, "X-Bapi-Limit-Status", remaining=True)
            for group in ("order", "batch", "amend", "cancel")
        ),
        Window("read", 1, 50),
    ),
    fence="window",
    receive_window_ms=5_000,
    trail="",
    expires=False,
    reduce_in_hedge=True,
    client_id_signs="_-",
    client_id_length=36,
    streams=(
        Stream("watch_orders"),
        Stream("watch_my_trades"),
        Stream("watch_positions"),
        Stream("watch_balance"),
    ),
    topic_at=(("topic",),),
    topics=(
        Topic("order", ("data", "*"), _ORDER_SHAPE, when=_OF_LINEAR),
        Topic("execution", ("data", "*"), _FILL_SHAPE, when=_OF_LINEAR),
        Topic(
            "execution",
            ("data", "*"),
            FundingShape(
                "symbol",
                "feeCurrency",
                "execFee",
                "execTime",
                sign=1,
                rate="feeRate",
                position_side="side",
                when=("execType", frozenset({"Funding"})),
            ),
            when=_OF_LINEAR,
        ),
        Topic(
            "position",
            ("data", "*"),
            PositionShape(
                "symbol",
                "positionIdx",
                "size",
                "entryPrice",
                "markPrice",
                "updatedTime",
                signed=False,
                side="side",
            ),
        ),
        Topic("wallet", ("data", "*", "coin", "*"), BalanceShape("coin", "walletBalance")),
    ),
    ack=(("op",), "subscribe"),
    acks=4,
    private_url="/v5/private",
    renew_option="",
    stream_fills=True,
    dead_man_message={"op": "subscribe", "args": ["dcp.future"]},
    dead_man_off=False,
    notices=Notices(
        Call("public", "GET", "v5/system/status", rows=("result", "list")),
        "state",
        ahead=frozenset({"scheduled"}),
        running=frozenset({"ongoing"}),
        begin="begin",
        end="end",
        concerns=(("product", frozenset({"1"})),),
        worlds=("env", "1", "2"),
    ),
)
"""Certified against the fake exchange; `venue certify` proves it on a demo account."""
