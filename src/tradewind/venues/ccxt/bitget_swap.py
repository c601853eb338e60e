"""Bitget USDT perpetuals (v2 of the classic account), in the grammar of `dialect`.

Quantities are coins, keys have a passphrase. Where both positions may be held an order says whether it opens or
closes, and its side is that of the position: what closes a long position is a buy that closes. Stops are plans in
lists of their own; a plan that was triggered names the order that it became, and our id stays with the plan. A change
of an order is a new one under another id there, so that none is made here. Null stands for an empty list. Nothing in a
list of plans says whether one only reduces where one position is held: those of this process are known, and another
counts as reducing where it would take away from what is held.

Nothing is said of a request that arrives late but that its time must be within 30 s of the venue's: that is no fence,
since it is said of the arrival and not of the execution. Accounts of the unified kind speak another API (v3).
"""

from __future__ import annotations

from dataclasses import replace

from tradewind.units.enums import LONG, SHORT
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
    FundingShape,
    OrderShape,
    PositionShape,
    SettingShape,
    TransferShape,
)
from tradewind.venues.gateway import OrderStatus

__all__ = ["BITGET_SWAP"]

_DAY_NS = 86_400 * 1_000_000_000
_REACH_NS = 89 * _DAY_NS
"""Lists go back three months, and as much may be asked for at once, of the bills a month at once (documentation)."""
_MONTH_NS = 29 * _DAY_NS
_KIND = {"productType": "USDT-FUTURES"}
_PLAN = {**_KIND, "planType": "normal_plan"}
_ORDERS = ("data", "entrustedList", "*")
_SHARED = {
    **_KIND,
    "symbol": "$symbol",
    "marginMode": "$margin_mode",
    "marginCoin": "$settle",
}
_OWN = {
    "size": "$qty",
    "side": "$side",
    "tradeSide": "$leads",
    "reduceOnly": "$reduce",
    "clientOid": "$client_id",
}


def _post(path: str, fields: dict[str, object], group: str, **own: object) -> Call:
    return Call("private/mix", "POST", f"v2/mix/{path}", fields, group=group, **own)  # type: ignore[arg-type]


def _order(**own: object) -> Call:
    return _post("order/place-order", {**_SHARED, **_OWN, **own}, "order", rows=("data",))


def _get(path: str, rows: tuple[str, ...], group: str = "read", **fields: object) -> Call:
    return Call(
        "private/mix", "GET", f"v2/mix/{path}", {**_KIND, **fields}, rows, group=group, no_rows="*" in rows
    )


def _pages(
    id_field: str, list_at: str = "", *, window_ns: int = _REACH_NS, per_symbol: bool = False
) -> Pages:
    """Return how a list goes on: from the id of its last row, within a time where it is one of what was."""
    timed = bool(list_at)
    return Pages(
        100,
        "limit",
        "idLessThan",
        id_field,
        start_field="startTime" if timed else "",
        end_field="endTime" if timed else "",
        window_ns=window_ns if timed else 0,
        id_field=id_field,
        per_symbol=per_symbol,
        reach_ns=_REACH_NS if timed else 0,
    )


_STATUS = {
    "init": OrderStatus.WORKING,
    "new": OrderStatus.WORKING,
    "live": OrderStatus.WORKING,
    "partially_filled": OrderStatus.WORKING,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "cancelled": OrderStatus.CANCELLED,
}
_PLAN_STATUS = {
    "live": OrderStatus.WORKING,
    "not_trigger": OrderStatus.WORKING,
    "executing": OrderStatus.TRIGGERED,
    "executed": OrderStatus.TRIGGERED,
    "cancelled": OrderStatus.CANCELLED,
    "canceled": OrderStatus.CANCELLED,
    "fail_trigger": OrderStatus.REJECTED,
    "fail_execute": OrderStatus.REJECTED,
}
_TAKEN = {
    "burst": "liquidation",
    "reduce": "liquidation",
    "offset": "liquidation",
    "dte_sys_adl": "adl",
    "delivery": "settlement",
}
"""How the words for who traded begin where the venue closes a position itself."""
_TAKEN_OF = {"close_long": LONG, "close_short": SHORT}
"""How they end where both positions may be held: what was closed, which its side tells by the position there."""


def _orders(status: str, symbol: str, filled: str, unpriced: frozenset[str] = frozenset()) -> OrderShape:
    return OrderShape(
        symbol=symbol,
        client_id="clientOid",
        venue_id="orderId",
        status=status,
        statuses=_STATUS,
        side="side",
        position_side="posSide",
        reduce="reduceOnly",
        price="price",
        qty="size",
        filled=filled,
        average="priceAvg",
        ts="uTime",
        ts_other="cTime",
        reason="cancelReason",
        reasons={"normal_cancel": "UNWANTED"},
        leads="tradeSide",
        taken=_TAKEN,
        taken_by="tradeSide",
        taken_of=_TAKEN_OF,
        unpriced=unpriced,
        # The order channel once spelled it so, and may still.
        lifts=(("clientOid", ("clientOId",)),),
    )


_LISTED, _DETAIL = _orders("status", "symbol", "baseVolume"), _orders("state", "symbol", "baseVolume")
# The channel does not push the average of an order that was cancelled, however much of it was filled (documentation).
_SPOKEN = _orders("status", "instId", "accBaseVolume", frozenset({"canceled", "cancelled"}))


def _plans(status: str, symbol: str) -> OrderShape:
    return OrderShape(
        symbol=symbol,
        client_id="clientOid",
        venue_id="orderId",
        status=status,
        statuses=_PLAN_STATUS,
        side="side",
        position_side="posSide",
        reduce="reduceOnly",
        price="",
        qty="size",
        filled="",
        trigger="triggerPrice",
        ts="uTime",
        ts_other="cTime",
        child_id="executeOrderId",
        algo=True,
        leads="tradeSide",
    )


_PLAN_SHAPE = _plans("planStatus", "symbol")
# The list of trades writes the side of the position where both may be held, as orders do; the channel of trades writes
# the trade's own: what closes a long position is a sell there (documentation of the channel, users of the list).
_FILL = FillShape(
    symbol="symbol",
    client_id="clientOid",
    venue_id="orderId",
    trade_id="tradeId",
    side="side",
    position_side="",
    price="price",
    qty="baseVolume",
    fee="fee",
    fee_currency="feeCoin",
    maker="tradeScope",
    maker_words=frozenset({"maker"}),
    ts="cTime",
    fee_sign=-1,
    taken=_TAKEN,
    taken_by="tradeSide",
    taken_of=_TAKEN_OF,
    leads="tradeSide",
    lifts=(("fee", ("feeDetail", "0", "totalFee")), ("feeCoin", ("feeDetail", "0", "feeCoin"))),
)
_SPOKEN_FILL = replace(_FILL, own_side=True)
_ELSEWHERE = ("exchange", "contract", "otc", "cross", "isolated", "strategy")
"""Accounts that money comes from and goes to; the last two are assumed."""
_BILLS = ("data", "bills", "*")
_ACCOUNT = _get("account/account", ("data",), "account", symbol="$symbol", marginCoin="USDT")
_OF_SYMBOL = Pages(0, per_symbol=True, symbol_field="symbol")
_LEVERAGES = {
    "crossedMarginLeverage": "crossed",
    "isolatedLongLever": "isolated",
    "isolatedShortLever": "isolated",
}


_PER_SECOND = {
    "order": 10,
    "batch": 5,
    "plan": 10,
    "cancel": 10,
    "cancel-plan": 10,
    "read": 10,
    "fills": 10,
    "plans": 10,
    "positions": 5,
    "account": 10,
    "bills": 10,
    "settings": 5,
    "key": 1,
}
"""Requests a second of one user at each group of paths; plans and fills are lists of their own (documentation)."""

BITGET_SWAP = Dialect(
    venue="bitget_swap",
    provenance="documentation, and users' records for the sides of trades; assumed: that plans that ended are found by "
    "one id as orders are, that a plan keeps our id as it was given, and that a key which may manage sub-accounts may "
    "move money",
    words=Words(
        buy="buy",
        sell="sell",
        net="net",
        long="long",
        short="short",
        yes="YES",
        cross="crossed",
        isolated="isolated",
        last="fill_price",
        mark="mark_price",
        hedged="hedge_mode",
        one_way="one_way_mode",
        opens="open",
        closes="close",
    ),
    create={
        "limit": _order(orderType="limit", price="$price", force="gtc"),
        "post_only": _order(orderType="limit", price="$price", force="post_only"),
        "ioc": _order(orderType="limit", price="$price", force="ioc"),
        "market": _order(orderType="market"),
        "stop": _post(
            "order/place-plan-order",
            {
                **_SHARED,
                **_OWN,
                "planType": "normal_plan",
                "orderType": "market",
                "triggerPrice": "$trigger",
                "triggerType": "$trigger_by",
            },
            "plan",
            rows=("data",),
        ),
    },
    batch=_post(
        "order/batch-place-order",
        {},
        "batch",
        rows=("data", "successList", "*"),
        refused=("data", "failureList", "*"),
        named_by="clientOid",
        wrap="orderList",
        outer={
            **_KIND,
            "symbol": "$symbol",
            "marginMode": "$marginMode",
            "marginCoin": "$marginCoin",
        },
        batch=20,
        alike=True,
    ),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market"}),
    amend=None,
    cancel=_post(
        "order/cancel-order",
        {**_KIND, "symbol": "$symbol", "orderId": "$venue_id", "clientOid": "$client_id"},
        "cancel",
        rows=("data",),
    ),
    cancel_algo=_post(
        "order/cancel-plan-order",
        {**_PLAN, "symbol": "$symbol", "orderId": "$venue_id", "clientOid": "$client_id"},
        "cancel-plan",
        rows=("data", "successList", "*"),
        refused=("data", "failureList", "*"),
        named_by="clientOid",
        wrap="orderIdList",
        outer={**_PLAN, "symbol": "$symbol"},
    ),
    cancel_all=(),
    by_id=Reading(
        _get("order/detail", ("data",), symbol="$symbol", orderId="$venue_id", clientOid="$client_id"),
        _DETAIL,
    ),
    by_id_algo=Reading(
        _get(
            "order/orders-plan-history",
            _ORDERS,
            "plans",
            planType="normal_plan",
            symbol="$symbol",
            orderId="$venue_id",
            clientOid="$client_id",
        ),
        _PLAN_SHAPE,
        names_children=True,
    ),
    working=(
        Reading(_get("order/orders-pending", _ORDERS), _LISTED, _pages("orderId")),
        Reading(
            _get("order/orders-plan-pending", _ORDERS, "plans", planType="normal_plan"),
            _PLAN_SHAPE,
            _pages("orderId"),
        ),
    ),
    ended=(
        Reading(
            _get("order/orders-history", _ORDERS, symbol="$symbol"),
            _LISTED,
            _pages("orderId", "entrustedList", per_symbol=True),
        ),
        Reading(
            _get("order/orders-plan-history", _ORDERS, "plans", planType="normal_plan", symbol="$symbol"),
            _PLAN_SHAPE,
            _pages("orderId", "entrustedList", per_symbol=True),
            names_children=True,
        ),
    ),
    # The list of the past (fill-history) is not there with practice money.
    fills=Reading(
        _get("order/fills", ("data", "fillList", "*"), "fills"), _FILL, _pages("tradeId", "fillList")
    ),
    positions=Reading(
        _get("position/all-position", ("data", "*"), "positions", marginCoin="USDT"),
        PositionShape("symbol", "holdSide", "total", "openPriceAvg", "markPrice", "uTime", signed=False),
    ),
    balances=Reading(
        _get("account/accounts", ("data", "*"), "account"),
        BalanceShape("marginCoin", "accountEquity", unrealised="unrealizedPL"),
    ),
    funding=Reading(
        _get("account/bill", _BILLS, "bills", businessType="contract_settle_fee"),
        FundingShape(
            "symbol", "coin", "amount", "cTime", when=("businessType", frozenset({"contract_settle_fee"}))
        ),
        _pages("billId", "bills", window_ns=_MONTH_NS),
    ),
    transfers=Reading(
        _get("account/bill", _BILLS, "bills"),
        TransferShape(
            "coin",
            "amount",
            "billId",
            "cTime",
            "businessType",
            frozenset(f"trans_from_{place}" for place in _ELSEWHERE),
            when=(
                "businessType",
                frozenset(f"trans_{way}_{place}" for way in ("from", "to") for place in _ELSEWHERE),
            ),
        ),
        _pages("billId", "bills", window_ns=_MONTH_NS),
    ),
    settings=(
        Reading(
            _ACCOUNT,
            SettingShape("POSITION_MODE", "posMode", "symbol", {"one_way_mode": 0.0, "hedge_mode": 1.0}),
            _OF_SYMBOL,
        ),
        Reading(
            _ACCOUNT,
            SettingShape("MARGIN_MODE", "marginMode", "symbol", {"crossed": 0.0, "isolated": 1.0}),
            _OF_SYMBOL,
        ),
        *(
            Reading(
                _ACCOUNT,
                SettingShape("LEVERAGE", name, "symbol", when=("marginMode", frozenset({mode}))),
                _OF_SYMBOL,
            )
            for name, mode in _LEVERAGES.items()
        ),
    ),
    leverage=_post(
        "account/set-leverage",
        {
            **_KIND,
            "symbol": "$symbol",
            "marginCoin": "$settle",
            "leverage": "$leverage",
            "holdSide": "$leverage_side",
        },
        "settings",
    ),
    position_mode=_post("account/set-position-mode", {**_KIND, "posMode": "$hedge"}, "settings"),
    margin_mode=_post(
        "account/set-margin-mode",
        {**_KIND, "symbol": "$symbol", "marginCoin": "$settle", "marginMode": "$margin_mode"},
        "settings",
    ),
    dead_man=None,
    dead_man_unit_ms=1000,
    clock=Clock(Call("public/common", "GET", "v2/public/time", group="read"), ("data", "serverTime")),
    key=KeyShape(
        Call("private/spot", "GET", "v2/spot/account/info", group="key"),
        trades=((("data", "authorities"), frozenset({"coow", "trade"})),),
        withdraws=((("data", "authorities"), frozenset({"wwow", "withdraw"})),),
        transfers=((("data", "authorities"), frozenset({"wtow", "chow", "transfer"})),),
        ips=("data", "ips"),
        unrestricted=(("data", "ips"), ""),
    ),
    code_at=(("code",),),
    row_code="errorCode",
    row_ok=frozenset({"", "00000"}),
    row_text="errorMsg",
    errors=(
        *error_rows("40711 40712 40762 43012", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("40108 40808 45110 45113", "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        *error_rows("40706 41103 41117 40917 45122 43011", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        *error_rows("45111 45115 22006 22007 22008 22009", "ExchangeError", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("43006", "ExchangeError", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        ErrorRow("40889", "ExchangeError", Meaning.REJECTED, provenance="documentation: too many plans"),
        ErrorRow("400172", "BadRequest", Meaning.REJECTED),
        ErrorRow("22005", "ExchangeError", Meaning.REJECTED, "SETTINGS"),
        ErrorRow("22004", "ExchangeError", Meaning.CLOSED, "VENUE_CLOSED"),
        *error_rows("22002 40757", "ExchangeError", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        ErrorRow("40774", "InvalidOrder", Meaning.REJECTED, "SETTINGS"),
        *error_rows("40017 40019 40020 40302 40304 40305 40402 40403 40708", "BadRequest", Meaning.REJECTED),
        ErrorRow("40309", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        *error_rows("40308 41114 43115", "OnMaintenance", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("40786", "ExchangeError", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        *error_rows("40109 40768 43001", "OrderNotFound", Meaning.GONE),
        ErrorRow("43025", "InvalidOrder", Meaning.GONE),
        *error_rows("22001 43004", "ExchangeError", Meaning.GONE),
        ErrorRow(
            "notExistend",
            "ExchangeError",
            Meaning.GONE,
            provenance="documentation: of a plan, without a code",
        ),
        *error_rows("40004 40005 40008", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *error_rows("40001 40002 40003 40006 40009 40011 40012 40037", "AuthenticationError", Meaning.KEY),
        *error_rows("40014 40018 40085 40301", "PermissionDenied", Meaning.KEY),
        ErrorRow(
            "40099", "ExchangeError", Meaning.KEY, provenance="documentation: a key of the other environment"
        ),
        ErrorRow("40031", "AccountSuspended", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("40024", "RestrictedLocation", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("429", "DDoSProtection", Meaning.RATE, "VENUE_RATE"),
        ErrorRow(
            "40200",
            "OnMaintenance",
            Meaning.OUTAGE,
            provenance="documentation: server upgrade; no word of the order",
        ),
        ErrorRow(
            "40604",
            "ExchangeNotAvailable",
            Meaning.OUTAGE,
            provenance="documentation: busy; no word of the order",
        ),
        ErrorRow(
            "40015",
            "ExchangeError",
            Meaning.DOUBT,
            provenance="documentation: abnormal; no word of the order",
        ),
        ErrorRow(
            "50008", "RequestTimeout", Meaning.DOUBT, provenance="documentation: timeout within the venue"
        ),
    ),
    windows=(
        Window("all", 60, 6_000, shared=True),
        *(Window(group, 1, limit) for group, limit in _PER_SECOND.items()),
    ),
    fence="",
    receive_window_ms=0,
    trail="",
    expires=False,
    reduce_in_hedge=False,
    client_id_signs="",
    client_id_length=40,
    streams=(
        Stream("watch_orders", {"params": {}}),
        Stream("watch_orders", {"params": {"trigger": True}}),
        Stream("watch_my_trades"),
        Stream("watch_balance"),
    ),
    topic_at=(("arg", "channel"),),
    topics=(
        Topic("fill", ("data", "*"), _SPOKEN_FILL),
        Topic("orders", ("data", "*"), _SPOKEN),
        Topic("orders-algo", ("data", "*"), _plans("status", "instId")),
        Topic("account", ("data", "*"), BalanceShape("marginCoin", "equity", unrealised="unrealizedPL")),
    ),
    ack=(("event",), "subscribe"),
    acks=4,
    private_url="/v2/ws/private",
    renew_option="",
    stream_fills=True,
    # Announcements are texts for people: none says in a field when what will be closed (documentation).
    notices=None,
)
"""Proven on a wire that answers by the documentation; `venue certify` proves it on a demo account."""
