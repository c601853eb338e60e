"""The spot market of Bybit (v5, unified account), in the grammar of `dialect`; most of it is said in `bybit_linear`.

There are no positions: what the wallet holds of a coin is the position. A stop is an order of the venue's kind for
taking profit and stopping loss, which locks the coins that it is to sell until it triggers; it is cancelled under the
name of its kind. A market order counts in the coin that is bought, not in the money that is spent, and borrows nothing.
"""

from __future__ import annotations

from dataclasses import replace

from tradewind.venues.ccxt.bybit_linear import BYBIT_LINEAR
from tradewind.venues.ccxt.dialect import (
    Call,
    Dialect,
    ErrorRow,
    Meaning,
    Notices,
    Reading,
    Topic,
    error_rows,
)
from tradewind.venues.ccxt.shapes import BalanceShape, FillShape, HoldingShape, OrderShape

__all__ = ["BYBIT_SPOT"]

_CATEGORY = {"category": "spot"}
_STOPS = "tpslOrder"
_OF_SPOT = ("category", frozenset({"spot"}))
_ORDER = {
    **_CATEGORY,
    "symbol": "$symbol",
    "isLeverage": 0,
    "side": "$side",
    "qty": "$qty",
    "orderLinkId": "$client_id",
}


def _order(**own: object) -> Call:
    return Call("private", "POST", "v5/order/create", {**_ORDER, **own}, ("result",), group="order")


def _of_spot(call: Call, **own: object) -> Call:
    """Return a request of the perpetuals about the spot market: another category, and nothing that settles."""
    fields = {name: word for name, word in call.fields.items() if name not in ("category", "settleCoin")}
    return replace(call, fields={**_CATEGORY, **fields, **own})


def _reading(reading: Reading, shape: OrderShape | FillShape) -> Reading:
    return replace(reading, call=_of_spot(reading.call), shape=shape)


def _shapes() -> tuple[OrderShape, FillShape]:
    """Return how orders and trades read where there are no positions to name."""
    orders, fills = BYBIT_LINEAR.working[0].shape, BYBIT_LINEAR.fills.shape
    assert isinstance(orders, OrderShape)
    assert isinstance(fills, FillShape)
    trades = ("execType", frozenset({"Trade"}))
    return (
        replace(orders, position_side="", reduce=""),
        replace(fills, position_side="", when=trades, taken={}, taken_by=""),
    )


_ORDER_SHAPE, _FILL_SHAPE = _shapes()
_CANCEL = _of_spot(BYBIT_LINEAR.cancel)
_CANCEL_ALL = _of_spot(BYBIT_LINEAR.cancel_all[0])
_AMEND = BYBIT_LINEAR.amend
_BATCH = BYBIT_LINEAR.batch
_BY_ID = BYBIT_LINEAR.by_id
assert _AMEND is not None
assert _BATCH is not None
assert _BY_ID is not None

BYBIT_SPOT: Dialect = replace(
    BYBIT_LINEAR,
    venue="bybit_spot",
    provenance="documentation; assumed: that a stop keeps its id when it triggers, as those of perpetuals do",
    words=replace(BYBIT_LINEAR.words, net=None, long=None, short=None, yes=None, last=None, mark=None),
    create={
        "limit": _order(orderType="Limit", price="$price", timeInForce="GTC"),
        "post_only": _order(orderType="Limit", price="$price", timeInForce="PostOnly"),
        "ioc": _order(orderType="Limit", price="$price", timeInForce="IOC"),
        "market": _order(orderType="Market", marketUnit="baseCoin"),
        "stop": _order(orderType="Market", orderFilter=_STOPS, triggerPrice="$trigger"),
    },
    batch=replace(_BATCH, outer=_CATEGORY),
    amend=_of_spot(_AMEND),
    cancel=_CANCEL,
    cancel_algo=_of_spot(BYBIT_LINEAR.cancel_algo, orderFilter=_STOPS),
    cancel_all=(_CANCEL_ALL, _of_spot(_CANCEL_ALL, orderFilter=_STOPS)),
    by_id=_reading(_BY_ID, _ORDER_SHAPE),
    working=tuple(_reading(one, _ORDER_SHAPE) for one in BYBIT_LINEAR.working),
    ended=tuple(_reading(one, _ORDER_SHAPE) for one in BYBIT_LINEAR.ended),
    fills=_reading(BYBIT_LINEAR.fills, _FILL_SHAPE),
    positions=replace(BYBIT_LINEAR.balances, shape=HoldingShape("coin", "walletBalance")),
    funding=None,
    settings=(),
    leverage=None,
    position_mode=None,
    margin_mode=None,
    # A stop has no side there: a sell whose trigger lies above the price is one that takes a profit (users of ccxt).
    last_price=(
        Call("public", "GET", "v5/market/tickers", {**_CATEGORY, "symbol": "$symbol"}),
        ("result", "list", "0", "lastPrice"),
    ),
    # The timer counts stops among what it ends (assumed); coins without a stop are still only coins.
    dead_man=None,
    dead_man_message=None,
    key=replace(BYBIT_LINEAR.key, trades=((("result", "permissions", "Spot"), frozenset({"SpotTrade"})),)),
    errors=(
        *(row for row in BYBIT_LINEAR.errors if not row.code.startswith("110")),
        *error_rows("170131", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("170136 170140", "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        *error_rows(
            "170132 170133 170134 170192 170193 170194", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"
        ),
        *error_rows("170197 170198 170199 170200", "InvalidOrder", Meaning.REJECTED),
        *error_rows("170033 170223", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("170204 170206 170371 170372", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"),
        *error_rows("170218", "InvalidOrder", Meaning.REJECTED, "VENUE_POST_ONLY"),
        *error_rows("170124 170135 170137 170148 170228 170229", "InvalidOrder", Meaning.REJECTED),
        *error_rows("170115 170116 170117 170202 170203 170210", "InvalidOrder", Meaning.REJECTED),
        *error_rows("170130", "BadRequest", Meaning.REJECTED),
        *error_rows("170121 170151 170157 170159 170217", "InvalidOrder", Meaning.CLOSED, "VENUE_CLOSED"),
        *error_rows("170201", "PermissionDenied", Meaning.KEY, "VENUE_CLOSED"),
        *error_rows("170209", "RestrictedLocation", Meaning.KEY, "VENUE_CLOSED"),
        *error_rows("170141", "InvalidOrder", Meaning.DUPLICATE, "VENUE_DUPLICATE"),
        *error_rows("170213", "OrderNotFound", Meaning.GONE),
        *error_rows("170139 170142 170143 170190", "InvalidOrder", Meaning.GONE),
        *error_rows("170222", "RateLimitExceeded", Meaning.RATE, "VENUE_RATE"),
        *[
            ErrorRow(code, "InvalidOrder", Meaning.DOUBT, provenance="documentation: the request timed out")
            for code in ("170146", "170147")
        ],
    ),
    streams=tuple(one for one in BYBIT_LINEAR.streams if one.method != "watch_positions"),
    topics=(
        Topic("order", ("data", "*"), _ORDER_SHAPE, when=_OF_SPOT),
        Topic("execution", ("data", "*"), _FILL_SHAPE, when=_OF_SPOT),
        Topic("wallet", ("data", "*", "coin", "*"), HoldingShape("coin", "walletBalance")),
        Topic("wallet", ("data", "*", "coin", "*"), BalanceShape("coin", "walletBalance")),
    ),
    acks=3,
    notices=Notices(
        Call("public", "GET", "v5/system/status", rows=("result", "list")),
        "state",
        ahead=frozenset({"scheduled"}),
        running=frozenset({"ongoing"}),
        begin="begin",
        end="end",
        concerns=(("product", frozenset({"2"})),),
        worlds=("env", "1", "2"),
    ),
)
"""Proven on the wire of a listening post and by documented answers; `venue certify` proves it on a demo account."""
