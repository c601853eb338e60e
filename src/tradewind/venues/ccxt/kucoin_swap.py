"""KuCoin perpetuals (the classic futures account), in the grammar of `dialect`.

Quantities are whole contracts, keys have a passphrase. An order is named by the venue's id at one address and by ours
at another. Stops are orders with a trigger in a list of their own; their number stays, and so does our id (assumed).
The stream tells each trade without its fee, so that it counts towards its order's money and is asked for in the list of
trades; of stops it tells the venue's id alone. Where margin is isolated each order names its leverage.

Nothing is said of a request that arrives late but that its time must be within 5 s of the venue's: that is no fence,
since it is said of the arrival and not of the execution. There is no practice money that a key could reach: the sandbox
was closed, so that `venue certify` cannot be run and real money stays refused. Accounts of the unified kind speak
another API.
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
    FundingShape,
    OrderShape,
    PositionShape,
    SettingShape,
    TransferShape,
)
from tradewind.venues.gateway import OrderStatus

__all__ = ["KUCOIN"]

_DAY_NS = 86_400 * 1_000_000_000
_REACH_NS = 89 * _DAY_NS
"""Lists go back three months, a week at a time, and that of trades lags behind (documentation)."""
_WEEK_NS, _THREE_DAYS_NS = 7 * _DAY_NS, 3 * _DAY_NS
_ITEMS = ("data", "items", "*")
_ORDER = {
    "clientOid": "$client_id",
    "symbol": "$symbol",
    "side": "$side",
    "positionSide": "$position_side",
    "marginMode": "$margin_mode",
    "leverage": "$order_leverage",
    "size": "$qty",
    "reduceOnly": "$reduce",
}


def _private(method: str, path: str, weight: int, rows: tuple[str, ...] = (), **fields: object) -> Call:
    return Call("futuresPrivate", method, path, fields, rows, weight=weight)


def _order(**own: object) -> Call:
    return Call("futuresPrivate", "POST", "orders", {**_ORDER, **own}, ("data",), group="order", weight=2)


def _pages(id_field: str, *, timed: bool = False, per_symbol: bool = False) -> Pages:
    """Return how a list goes on: by the number of the page, within a week where it is one of what was."""
    return Pages(
        1_000,
        "pageSize",
        "currentPage",
        start_field="startAt" if timed else "",
        end_field="endAt" if timed else "",
        window_ns=_WEEK_NS if timed else 0,
        id_field=id_field,
        per_symbol=per_symbol,
        reach_ns=_REACH_NS if timed else 0,
        numbered=True,
    )


_ORDER_SHAPE = OrderShape(
    symbol="symbol",
    client_id="clientOid",
    venue_id="orderId",
    status="status",
    statuses={
        "open/": OrderStatus.WORKING,
        "open/false": OrderStatus.WORKING,
        "open/true": OrderStatus.WORKING,
        "done/false": OrderStatus.FILLED,
        "done/true": OrderStatus.CANCELLED,
    },
    also="cancelExist",
    side="side",
    position_side="positionSide",
    reduce="reduceOnly",
    price="price",
    qty="size",
    filled="filledSize",
    notional="filledValue",
    average="avgDealPrice",
    trigger="stopPrice",
    ts="updatedAt",
    ts_other="createdAt",
    lifts=(("orderId", ("id",)),),
)
_SPOKEN = OrderShape(
    symbol="symbol",
    client_id="clientOid",
    venue_id="orderId",
    status="type",
    statuses={
        "received": OrderStatus.WORKING,
        "open": OrderStatus.WORKING,
        "match": OrderStatus.WORKING,
        "update": OrderStatus.WORKING,
        "filled": OrderStatus.FILLED,
        "canceled": OrderStatus.CANCELLED,
    },
    side="side",
    position_side="positionSide",
    reduce="",
    price="price",
    qty="size",
    filled="filledSize",
    ts="ts",
    ts_other="orderTime",
)
_SPOKEN_STOP = OrderShape(
    symbol="symbol",
    client_id="",
    venue_id="orderId",
    status="type",
    statuses={
        "open/*": OrderStatus.WORKING,
        "triggered/*": OrderStatus.TRIGGERED,
        # It was triggered, and the order that it was to become was not taken.
        "triggered/false": OrderStatus.REJECTED,
        "cancel/*": OrderStatus.CANCELLED,
    },
    also="triggerSuccess",
    side="side",
    position_side="positionSide",
    reduce="",
    price="",
    qty="size",
    filled="",
    trigger="stopPrice",
    ts="ts",
    ts_other="createdAt",
)
_TAKEN = {"liquid": "liquidation", "adl": "adl", "ADL": "adl", "settlement": "settlement"}
_FILL = FillShape(
    symbol="symbol",
    client_id="",
    venue_id="orderId",
    trade_id="tradeId",
    side="side",
    position_side="positionSide",
    price="price",
    qty="size",
    fee="fee",
    fee_currency="feeCurrency",
    maker="liquidity",
    maker_words=frozenset({"maker"}),
    ts="tradeTime",
    taken=_TAKEN,
    taken_by="tradeType",
)
_SPOKEN_TRADE = FillShape(
    symbol="symbol",
    client_id="clientOid",
    venue_id="orderId",
    trade_id="tradeId",
    side="side",
    position_side="positionSide",
    price="matchPrice",
    qty="matchSize",
    fee="",
    fee_currency="",
    maker="liquidity",
    maker_words=frozenset({"maker"}),
    ts="ts",
    when=("type", frozenset({"match"})),
    quiet=True,
    taken=_TAKEN,
    taken_by="tradeType",
)
_OF_SYMBOL = Pages(0, per_symbol=True)


_CANCEL = Call(
    "futuresPrivate",
    "DELETE",
    "orders/{orderId}",
    {"orderId": "$venue_id"},
    group="cancel",
    ours=Call(
        "futuresPrivate",
        "DELETE",
        "orders/client-order/{clientOid}",
        {"clientOid": "$client_id", "symbol": "$symbol"},
        group="cancel",
    ),
)

KUCOIN = Dialect(
    venue="kucoin",
    provenance="documentation; assumed: that a stop keeps its number and our id, and how much of a ledger it tells",
    words=Words(
        buy="buy",
        sell="sell",
        net=None,
        long="LONG",
        short="SHORT",
        yes=True,
        cross="CROSS",
        isolated="ISOLATED",
        last="TP",
        mark="MP",
        hedged="1",
        one_way="0",
        up="up",
        down="down",
    ),
    create={
        "limit": _order(type="limit", price="$price", timeInForce="GTC"),
        "post_only": _order(type="limit", price="$price", timeInForce="GTC", postOnly=True),
        "ioc": _order(type="limit", price="$price", timeInForce="IOC"),
        "market": _order(type="market"),
        "stop": _order(type="market", stop="$direction", stopPriceType="$trigger_by", stopPrice="$trigger"),
    },
    batch=Call(
        "futuresPrivate",
        "POST",
        "orders/multi",
        {},
        ("data", "*"),
        wrap="[]",
        group="order",
        weight=20,
        batch=20,
    ),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market"}),
    amend=None,
    cancel=_CANCEL,
    cancel_algo=_CANCEL,
    cancel_all=(
        Call("futuresPrivate", "DELETE", "orders", {"symbol": "$symbol"}, group="cancel", weight=10),
        Call("futuresPrivate", "DELETE", "stopOrders", {"symbol": "$symbol"}, group="cancel", weight=15),
    ),
    by_id=Reading(
        Call(
            "futuresPrivate",
            "GET",
            "orders/{orderId}",
            {"orderId": "$venue_id"},
            ("data",),
            weight=5,
            ours=_private("GET", "orders/byClientOid", 5, ("data",), clientOid="$client_id"),
        ),
        _ORDER_SHAPE,
    ),
    by_id_algo=None,
    working=(
        Reading(_private("GET", "orders", 2, _ITEMS, status="active"), _ORDER_SHAPE, _pages("id")),
        Reading(_private("GET", "stopOrders", 6, _ITEMS), _ORDER_SHAPE, _pages("id")),
    ),
    ended=(
        Reading(
            _private("GET", "orders", 2, _ITEMS, status="done", symbol="$symbol"),
            _ORDER_SHAPE,
            _pages("id", timed=True, per_symbol=True),
        ),
    ),
    fills=Reading(_private("GET", "fills", 5, _ITEMS), _FILL, _pages("tradeId", timed=True)),
    positions=Reading(
        _private("GET", "positions", 2, ("data", "*"), currency="$settle"),
        PositionShape(
            "symbol", "positionSide", "currentQty", "avgEntryPrice", "markPrice", "currentTimestamp"
        ),
    ),
    balances=Reading(
        _private("GET", "account-overview", 5, ("data",), currency="$settle"),
        BalanceShape("currency", "marginBalance"),
    ),
    funding=Reading(
        _private("GET", "funding-history", 5, ("data", "dataList", "*"), symbol="$symbol"),
        FundingShape("symbol", "settleCurrency", "funding", "timePoint", rate="fundingRate"),
        Pages(
            100,
            "maxCount",
            start_field="startAt",
            end_field="endAt",
            window_ns=_THREE_DAYS_NS,
            id_field="id",
            per_symbol=True,
            reach_ns=_REACH_NS,
        ),
    ),
    transfers=Reading(
        _private("GET", "transaction-history", 2, ("data", "dataList", "*"), currency="$settle"),
        TransferShape(
            "currency",
            "amount",
            "offset",
            "time",
            "type",
            frozenset({"TransferIn", "Deposit"}),
            when=("type", frozenset({"TransferIn", "TransferOut", "Deposit", "Withdrawal"})),
        ),
        Pages(
            50,
            "maxCount",
            "offset",
            "offset",
            start_field="startAt",
            end_field="endAt",
            window_ns=_DAY_NS,
            id_field="offset",
            reach_ns=_REACH_NS,
        ),
    ),
    settings=(
        Reading(
            _private("GET", "position/getPositionMode", 2, ("data",)),
            SettingShape("POSITION_MODE", "positionMode", words={"0": 0.0, "1": 1.0}),
        ),
        Reading(
            _private("GET", "position/getMarginMode", 2, ("data",), symbol="$symbol"),
            SettingShape("MARGIN_MODE", "marginMode", "symbol", {"CROSS": 0.0, "ISOLATED": 1.0}),
            _OF_SYMBOL,
        ),
        Reading(
            _private("GET", "getCrossUserLeverage", 2, ("data",), symbol="$symbol"),
            SettingShape("LEVERAGE", "leverage", "symbol"),
            _OF_SYMBOL,
        ),
    ),
    leverage=_private("POST", "changeCrossUserLeverage", 2, symbol="$symbol", leverage="$leverage"),
    position_mode=_private("POST", "position/switchPositionMode", 2, positionMode="$hedge"),
    margin_mode=_private("POST", "position/changeMarginMode", 2, symbol="$symbol", marginMode="$margin_mode"),
    dead_man=None,
    dead_man_unit_ms=1000,
    clock=Clock(Call("futuresPublic", "GET", "timestamp", group="time"), ("data",)),
    key=KeyShape(
        Call("private", "GET", "user/api-key", group="key", weight=3),
        trades=((("data", "permission"), frozenset({"Futures"})),),
        withdraws=((("data", "permission"), frozenset({"Withdrawal", "Withdraw"})),),
        transfers=((("data", "permission"), frozenset({"Transfer", "FlexTransfers", "InnerTransfer"})),),
        ips=("data", "ipWhitelist"),
        unrestricted=(("data", "ipWhitelist"), ""),
    ),
    code_at=(("code",),),
    row_code="code",
    row_ok=frozenset({"", "200000"}),
    row_text="msg",
    errors=(
        *error_rows("300003 330008", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("300011 300012", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        *error_rows("300006 300007", "ExchangeError", Meaning.REJECTED, "VENUE_PRICE"),
        ErrorRow("300000", "InvalidOrder", Meaning.REJECTED),
        # Too many orders or stops, nobody to trade with, a position that cannot be closed or is being liquidated.
        *error_rows("300001 300004 300008 300010 300013 300014", "ExchangeError", Meaning.REJECTED),
        ErrorRow("300005", "ExchangeError", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("300016 330011", "ExchangeError", Meaning.REJECTED, "SETTINGS"),
        # Placing and cancelling are suspended, or wait for a settlement.
        *error_rows("300002 300015", "ExchangeError", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("300018", "ExchangeError", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        ErrorRow("300009", "InvalidOrder", Meaning.REJECTED, "VENUE_REDUCE_ONLY"),
        *error_rows("330005 330012", "InvalidOrder", Meaning.REJECTED, "SETTINGS"),
        ErrorRow("400200", "InvalidOrder", Meaning.REJECTED),
        ErrorRow("400600", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        ErrorRow("100001", "OrderNotFound", Meaning.GONE),
        ErrorRow("100004", "BadRequest", Meaning.GONE),
        ErrorRow("400002", "InvalidNonce", Meaning.CLOCK, "NOT_SENT"),
        *error_rows("400001 400003 400004 400005 400006 400007", "AuthenticationError", Meaning.KEY),
        ErrorRow("411100", "AccountSuspended", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("400500", "RestrictedLocation", Meaning.KEY, "VENUE_CLOSED"),
        ErrorRow("429000", "RateLimitExceeded", Meaning.RATE, "VENUE_RATE"),
        ErrorRow("200002", "ExchangeError", Meaning.RATE, "VENUE_RATE"),
        ErrorRow(
            "500000",
            "ExchangeNotAvailable",
            Meaning.DOUBT,
            provenance="documentation: internal; no word of the order",
        ),
        ErrorRow("408000", "BadRequest", Meaning.DOUBT, provenance="documentation: network timeout"),
    ),
    # A pool of 2,000 in 30 s for each user, and the weights that paths have in it; what is public has another one.
    windows=(
        Window("all", 30, 2_000, "gw-ratelimit-remaining", remaining=True),
        Window("time", 1, 10, shared=True),
        Window("key", 1, 5),
    ),
    fence="",
    receive_window_ms=0,
    trail="",
    expires=False,
    reduce_in_hedge=True,
    client_id_signs="_-",
    client_id_length=40,
    streams=(
        Stream("watch_orders", {"params": {}}),
        Stream("watch_orders", {"params": {"trigger": True}}),
        Stream("watch_balance"),
    ),
    topic_at=(("subject",),),
    topics=(
        Topic("symbolOrderChange", ("data",), _SPOKEN_TRADE),
        Topic("symbolOrderChange", ("data",), _SPOKEN),
        Topic("orderChange", ("data",), _SPOKEN_TRADE),
        Topic("orderChange", ("data",), _SPOKEN),
        Topic("stopOrder", ("data",), _SPOKEN_STOP),
        Topic("walletBalance.change", ("data",), BalanceShape("currency", "walletBalance", "timestamp")),
    ),
    ack=(("type",), "ack"),
    acks=3,
    private_url="connectId=privateFutures",
    renew_option="",
    stream_fills=False,
    # What is public says whether the venue is open now, and nothing of what is to come (documentation).
    notices=None,
    seconds=True,
    whole_qty=True,
)
"""Proven on a wire that answers by the documentation; there is no practice account to prove it on."""
