"""Gate perpetual swaps settled in USDT (API v4), in the grammar of `dialect`.

Quantities are contracts and carry the side: negative sells. Our ids begin with ``t-`` there. Stops live in a list of
their own and are named by the venue's id only; the order that a triggered one became does not have our id, but ``ao-``
and the stop's, and the stop names it. What protects prices there may end such an order at market with a part of it
unfilled. Where both sides are held, the reduce-only switch says which side an order is of. Times are seconds with a
fraction, in some answers microseconds. An order that ended unfilled is forgotten ten minutes later. A request is dead a
minute after the second that it was signed in. What ccxt signs into the address of a request it cannot write into its
body, so that the margin mode is set with the leverage.

Of an account only the classic one is known here: a unified account's money is told elsewhere.
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

__all__ = ["GATE_SWAP"]

_API = "private/futures"
_SETTLE = {"settle": "usdt"}
_LIST = ("*",)
_NO_ROWS = ("",)
"""What was cancelled is listed in the answer, however much it was: it is judged as a whole."""
_DAY_NS = 86_400 * 1_000_000_000
_KEPT_DAYS = 180
"""Days that orders are kept (documentation: six months)."""


def _order(**own: object) -> Call:
    fields = {
        **_SETTLE,
        "contract": "$symbol",
        "size": "$qty",
        "reduce_only": "$reduce",
        "text": "$client_id",
    }
    return Call(_API, "POST", "{settle}/orders", {**fields, **own}, group="order")


def _stop(quantity: str) -> Call:
    fields = {
        **_SETTLE,
        "initial.contract": "$symbol",
        f"initial.{quantity}": "$qty",
        "initial.price": "0",
        "initial.tif": "ioc",
        "initial.reduce_only": "$reduce",
        "initial.text": "$client_id",
        "trigger.strategy_type": 0,
        "trigger.price_type": "$trigger_by",
        "trigger.price": "$trigger",
        "trigger.rule": "$direction",
    }
    return Call(_API, "POST", "{settle}/price_orders", fields, (".",), group="order")


def _read(path: str, rows: tuple[str, ...] = _LIST, **fields: object) -> Call:
    return Call(_API, "GET", path, {**_SETTLE, **fields}, rows)


def _by_time(id_field: str, *, days: int = 0, per_symbol: bool = False, size: int = 100) -> Pages:
    """Return how a list goes on that is asked for by time, in seconds, and counted on."""
    return Pages(
        size,
        "limit",
        "offset",
        start_field="from",
        end_field="to",
        id_field=id_field,
        per_symbol=per_symbol,
        reach_ns=days * _DAY_NS,
        unit_ms=1000,
        counted=True,
    )


_STATUS = {
    "open/": OrderStatus.WORKING,
    "open/_new": OrderStatus.WORKING,
    "open/_update": OrderStatus.WORKING,
    "finished/filled": OrderStatus.FILLED,
    "finished/cancelled": OrderStatus.CANCELLED,
    "finished/liquidated": OrderStatus.CANCELLED,
    "finished/ioc": OrderStatus.CANCELLED,
    "finished/auto_deleveraged": OrderStatus.CANCELLED,
    "finished/reduce_only": OrderStatus.CANCELLED,
    "finished/position_closed": OrderStatus.CANCELLED,
    "finished/reduce_out": OrderStatus.CANCELLED,
    "finished/stp": OrderStatus.CANCELLED,
    # Others are there that no page lists: `price_rate_proteced` of what was to be filled too far away (users' records).
    "finished/*": OrderStatus.CANCELLED,
}
_STOP_STATUS = {
    "open/": OrderStatus.WORKING,
    "inactive/": OrderStatus.WORKING,
    "finished/succeeded": OrderStatus.TRIGGERED,
    "finished/cancelled": OrderStatus.CANCELLED,
    "finished/expired": OrderStatus.EXPIRED,
    "finished/failed": OrderStatus.REJECTED,
    # The stream's page has no field for how a stop ended: one that names its order was triggered.
    "finished/": OrderStatus.CANCELLED,
    "finished/*": OrderStatus.CANCELLED,
    "invalid/*": OrderStatus.REJECTED,
}
_REASONS = {
    "ioc": "UNFILLED",
    "reduce_only": "VENUE_REDUCE_ONLY",
    "position_closed": "VENUE_REDUCE_ONLY",
    "reduce_out": "VENUE_REDUCE_ONLY",
}
_TAKEN = {
    "liq": "liquidation",
    "hedge-liq": "liquidation",
    "pm_liquidate": "liquidation",
    "comb_margin_liquidate": "liquidation",
    "scm_liquidate": "liquidation",
    "auto_delever": "adl",
    "clear": "settlement",
}
"""How the text of an order or a trade begins that is the venue's own."""


_STOPS = "ao-"
"""How the text of an order or a trade begins that came of a stop; the stop's number follows (users' records)."""


def _order_shape(ts: str, ts_other: str) -> OrderShape:
    return OrderShape(
        symbol="contract",
        client_id="text",
        venue_id="id",
        status="status",
        statuses=_STATUS,
        also="finish_as",
        side="",
        position_side="",
        reduce="is_reduce_only",
        price="price",
        qty="size",
        filled="",
        left="left",
        signed=True,
        average="fill_price",
        ts=ts,
        ts_other=ts_other,
        reason="finish_as",
        reasons=_REASONS,
        parent_id="text",
        parent_mark=_STOPS,
    )


def _fill_shape(trade_id: str, ts: str) -> FillShape:
    return FillShape(
        symbol="contract",
        client_id="text",
        venue_id="order_id",
        trade_id=trade_id,
        side="",
        position_side="",
        price="price",
        qty="size",
        signed=True,
        fee="fee",
        fee_currency="",
        maker="role",
        maker_words=frozenset({"maker"}),
        ts=ts,
        taken=_TAKEN,
        taken_by="text",
        parent_id="text",
        parent_mark=_STOPS,
    )


_ORDER_SHAPE = _order_shape("finish_time", "create_time")
_STREAM_ORDER = _order_shape("finish_time_ms", "create_time_ms")
_STOP_SHAPE = OrderShape(
    symbol="initial.contract",
    client_id="initial.text",
    venue_id="id",
    status="status",
    statuses=_STOP_STATUS,
    also="finish_as",
    side="",
    position_side="",
    reduce="initial.is_reduce_only",
    price="",
    qty="initial.size",
    filled="",
    signed=True,
    trigger="trigger.price",
    ts="finish_time",
    ts_other="create_time",
    child_id="trade_id",
    with_child={"finished/": OrderStatus.TRIGGERED},
    algo=True,
)
_ROW, _ROWS = (".",), ("*", ".")
_NAMED_SETTLE = {"settle": "usdt", "order_id": "$named"}


GATE_SWAP = Dialect(
    venue="gate_swap",
    provenance="documentation, and for what stops become users' records; assumed: that a stop keeps our id, and that a "
    "trade has one number on the stream and in lists",
    words=Words(
        buy="buy",
        sell="sell",
        net="single",
        long="dual_long",
        short="dual_short",
        yes=True,
        last=0,
        mark=1,
        hedged=True,
        one_way=False,
    ),
    create={
        "limit": _order(price="$price", tif="gtc"),
        "post_only": _order(price="$price", tif="poc"),
        "ioc": _order(price="$price", tif="ioc"),
        "market": _order(price="0", tif="ioc"),
        "stop": _stop("size"),
        # Where parts of a contract are traded the field is another one, as text (ccxt).
        "stop_in_parts": _stop("amount"),
    },
    batch=Call(_API, "POST", "{settle}/batch_orders", {}, _LIST, wrap="[]", group="order", batch=10),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market"}),
    amend=Call(
        _API,
        "PUT",
        "{settle}/orders/{order_id}",
        {**_NAMED_SETTLE, "size": "$qty", "price": "$price"},
        group="order",
    ),
    cancel=Call(_API, "DELETE", "{settle}/orders/{order_id}", _NAMED_SETTLE, group="cancel"),
    cancel_algo=Call(
        _API,
        "DELETE",
        "{settle}/price_orders/{order_id}",
        {**_SETTLE, "order_id": "$venue_id"},
        _ROW,
        group="cancel",
    ),
    cancel_all=(
        Call(_API, "DELETE", "{settle}/orders", {**_SETTLE, "contract": "$symbol"}, _NO_ROWS, group="cancel"),
        Call(
            _API,
            "DELETE",
            "{settle}/price_orders",
            {**_SETTLE, "contract": "$symbol"},
            _NO_ROWS,
            group="cancel",
        ),
    ),
    by_id=Reading(_read("{settle}/orders/{order_id}", (), order_id="$named"), _ORDER_SHAPE),
    by_id_algo=Reading(
        _read("{settle}/price_orders/{order_id}", _ROW, order_id="$venue_id"),
        _STOP_SHAPE,
        names_children=True,
    ),
    working=(
        Reading(
            _read("{settle}/orders", status="open"),
            _ORDER_SHAPE,
            Pages(100, "limit", "last_id", "id", id_field="id"),
        ),
        Reading(
            _read("{settle}/price_orders", _ROWS, status="open"),
            _STOP_SHAPE,
            Pages(100, "limit", "offset", id_field="id", counted=True),
        ),
    ),
    ended=(
        Reading(
            _read("{settle}/orders_timerange", contract="$symbol"),
            _ORDER_SHAPE,
            _by_time("id", days=_KEPT_DAYS, per_symbol=True),
        ),
        Reading(
            _read("{settle}/price_orders", _ROWS, status="finished", contract="$symbol"),
            _STOP_SHAPE,
            Pages(
                100,
                "limit",
                "offset",
                id_field="id",
                per_symbol=True,
                made="create_time",
                unit_ms=1000,
                counted=True,
            ),
            names_children=True,
        ),
    ),
    fills=Reading(
        _read("{settle}/my_trades_timerange"),
        _fill_shape("trade_id", "create_time"),
        _by_time("trade_id", days=_KEPT_DAYS),
    ),
    positions=Reading(
        _read("{settle}/positions", holding="true"),
        PositionShape("contract", "mode", "size", "entry_price", "mark_price", "update_time"),
    ),
    balances=Reading(_read("{settle}/accounts", ()), BalanceShape("currency", "total")),
    funding=Reading(
        _read("{settle}/account_book", type="fund"),
        FundingShape("contract", "", "change", "time"),
        _by_time("id"),
    ),
    transfers=Reading(
        _read("{settle}/account_book", type="dnw"),
        TransferShape("currency", "change", "id", "time"),
        _by_time("id"),
    ),
    settings=(
        Reading(
            _read("{settle}/accounts", ()),
            SettingShape("POSITION_MODE", "position_mode", words={"single": 0.0, "dual": 1.0}),
        ),
        Reading(_read("{settle}/positions"), SettingShape("LEVERAGE", "lever", "contract")),
        Reading(
            _read("{settle}/positions"),
            SettingShape("MARGIN_MODE", "pos_margin_mode", "contract", {"cross": 0.0, "isolated": 1.0}),
        ),
    ),
    leverage=Call(
        _API,
        "POST",
        "{settle}/positions/{contract}/leverage",
        {
            **_SETTLE,
            "contract": "$symbol",
            "leverage": "$isolated_leverage",
            "cross_leverage_limit": "$cross_leverage",
        },
    ),
    hedged={
        "leverage": Call(
            _API,
            "POST",
            "{settle}/dual_comp/positions/{contract}/leverage",
            {
                **_SETTLE,
                "contract": "$symbol",
                "leverage": "$isolated_leverage",
                "cross_leverage_limit": "$cross_leverage",
            },
        )
    },
    position_mode=Call(_API, "POST", "{settle}/dual_mode", {**_SETTLE, "dual_mode": "$hedge"}),
    margin_mode=None,
    # There is a timer; that stops survive it is nowhere said, so that it is not used (documentation).
    dead_man=None,
    dead_man_unit_ms=1000,
    clock=Clock(Call("public/spot", "GET", "time", group="time"), ("server_time",)),
    key=KeyShape(Call(_API, "GET", "{settle}/accounts", _SETTLE), user=("user",)),
    code_at=(("label",),),
    row_code="label",
    row_ok=frozenset({""}),
    row_text="detail",
    errors=(
        *error_rows(
            "FUTURES_BALANCE_NOT_ENOUGH BALANCE_NOT_ENOUGH MARGIN_BALANCE_NOT_ENOUGH INSUFFICIENT_AVAILABLE",
            "InsufficientFunds",
            Meaning.REJECTED,
            "VENUE_MARGIN",
        ),
        *error_rows("RISK_LIMIT_EXCEEDED", "ExchangeError", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("LIQUIDATE_IMMEDIATELY", "InvalidOrder", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("ORDER_POC_IMMEDIATE", "OrderImmediatelyFillable", Meaning.REJECTED, "VENUE_POST_ONLY"),
        *error_rows("POC_FILL_IMMEDIATELY", "OrderImmediatelyFillable", Meaning.REJECTED, "VENUE_POST_ONLY"),
        *error_rows(
            "POSITION_EMPTY INCREASE_POSITION", "InvalidOrder", Meaning.REJECTED, "VENUE_REDUCE_ONLY"
        ),
        *error_rows(
            "PRICE_TOO_DEVIATED PRICE_OVER_LIQUIDATION PRICE_OVER_BANKRUPT PRICE_THRESHOLD_EXCEEDED "
            "AUTO_TRIGGER_PRICE_LESS_LAST AUTO_TRIGGER_PRICE_GREATE_LAST",
            "InvalidOrder",
            Meaning.REJECTED,
            "VENUE_PRICE",
        ),
        *error_rows("SIZE_TOO_LARGE SIZE_TOO_SMALL INVALID_PRECISION", "InvalidOrder", Meaning.REJECTED),
        *error_rows("TOO_MANY_ORDERS LEVERAGE_TOO_HIGH LEVERAGE_TOO_LOW", "InvalidOrder", Meaning.REJECTED),
        *error_rows(
            "INVALID_PARAM_VALUE INVALID_PROTOCOL INVALID_ARGUMENT INVALID_REQUEST_BODY BAD_REQUEST "
            "INVALID_CONTENT_TYPE NOT_ACCEPTABLE METHOD_NOT_ALLOWED",
            "BadRequest",
            Meaning.REJECTED,
        ),
        *error_rows("MISSING_REQUIRED_PARAM", "ArgumentsRequired", Meaning.REJECTED),
        *error_rows("CONTRACT_NOT_FOUND", "BadSymbol", Meaning.CLOSED, "VENUE_CLOSED"),
        *error_rows(
            "CONTRACT_IN_DELISTING CONTRACT_NO_COUNTER", "ExchangeError", Meaning.CLOSED, "VENUE_CLOSED"
        ),
        *error_rows("POSITION_IN_LIQUIDATION POSITION_IN_CLOSE", "ExchangeError", Meaning.REJECTED),
        *error_rows("REPEATED_CREATION", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        *error_rows("ORDER_NOT_FOUND CLIENT_ID_NOT_FOUND", "OrderNotFound", Meaning.GONE),
        *error_rows("ORDER_FINISHED", "ExchangeError", Meaning.GONE),
        *error_rows("ORDER_CLOSED ORDER_CANCELLED", "InvalidOrder", Meaning.GONE),
        *error_rows("NO_CHANGE", "InvalidOrder", Meaning.DONE),
        *error_rows("REQUEST_EXPIRED", "AuthenticationError", Meaning.CLOCK, "NOT_SENT"),
        *error_rows(
            "AUTHENTICATION_FAILED INVALID_CREDENTIALS INVALID_KEY IP_FORBIDDEN INVALID_SIGNATURE "
            "MISSING_REQUIRED_HEADER",
            "AuthenticationError",
            Meaning.KEY,
        ),
        *error_rows("READ_ONLY FORBIDDEN", "PermissionDenied", Meaning.KEY),
        *error_rows("ACCOUNT_LOCKED SUB_ACCOUNT_LOCKED", "AccountSuspended", Meaning.KEY, "VENUE_CLOSED"),
        *error_rows("USER_NOT_FOUND", "AccountNotEnabled", Meaning.KEY, "VENUE_CLOSED"),
        *error_rows("TOO_FAST TOO_MANY_REQUESTS", "RateLimitExceeded", Meaning.RATE, "VENUE_RATE"),
        ErrorRow(
            "INTERNAL",
            "ExchangeNotAvailable",
            Meaning.DOUBT,
            provenance="documentation: internal server error; no word of the order",
        ),
        ErrorRow(
            "SERVER_ERROR",
            "ExchangeNotAvailable",
            Meaning.DOUBT,
            provenance="documentation: internal server error; no word of the order",
        ),
        ErrorRow(
            "TOO_BUSY",
            "ExchangeNotAvailable",
            Meaning.OUTAGE,
            provenance="documentation: too busy at the moment; no word of the order",
        ),
    ),
    # By account and kind of request; what is not signed, by address (documentation).
    windows=(
        Window("order", 1, 100),
        Window("cancel", 1, 200),
        Window("read", 10, 200),
        Window("time", 10, 200, shared=True),
    ),
    fence="window",
    receive_window_ms=60_000,
    trail="",
    expires=False,
    reduce_in_hedge=True,
    reduce_is_side=True,
    client_id_signs="-",
    client_id_length=30,
    client_id_form="t-",
    signed_qty=True,
    seconds=True,
    streams=(
        Stream("watch_orders", {"params": {}}),
        Stream("watch_orders", {"params": {"trigger": True}}),
        Stream("watch_my_trades"),
        Stream("watch_positions"),
        Stream("watch_balance"),
    ),
    topic_at=(("channel",),),
    topics=(
        Topic("futures.usertrades", ("result", "*"), _fill_shape("id", "create_time_ms")),
        Topic("futures.orders", ("result", "*"), _STREAM_ORDER),
        Topic("futures.autoorders", ("result", "*", "."), _STOP_SHAPE),
        Topic(
            "futures.positions",
            ("result", "*"),
            PositionShape("contract", "mode", "size", "entry_price", "", "time_ms"),
        ),
        Topic(
            "futures.balances", ("result", "*"), BalanceShape("currency", "balance", "time_ms", lower=True)
        ),
    ),
    ack=(("result", "status"), "success"),
    acks=5,
    private_url="/v4/ws/",
    renew_option="",
    stream_fills=True,
)
"""Read against the documentation and ccxt; `venue certify` proves it on a testnet account."""
