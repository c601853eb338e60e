"""Hyperliquid perpetuals, in the grammar of `dialect`.

A key is that of an agent's wallet, approved by the account's owner, which may trade and not withdraw. What changes
something is an action that it signs; each carries the time after which it is dead. Our ids are numbers of 128 bits,
instruments go by numbers, prices have five significant digits. There is no order at market: one that takes at once
has a limit away from the price. A change is a cancel and another order there, so that none is asked for. An order says
how much of it is filled and not for how much: its trades do. Stops are among the orders and keep their number when
they are triggered. There is one position of a coin, and no list of settings.

Of an account only the one of perpetuals is known here: where spot and perpetuals are one, its money is told elsewhere,
and such an account is refused.
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

__all__ = ["HYPERLIQUID"]

_STATUSES = ("response", "data", "statuses", "*", "..")
_ROWS = ("*", "..")
# The place of the orders is held: the signature is of the fields in this order.
_ORDERS = {"type": "order", "orders": "", "grouping": "na"}


def _order(price: str, **kind: object) -> Call:
    fields = {
        "a": "$asset",
        "b": "$buys",
        "p": price,
        "s": "$qty",
        "r": "$reduce",
        **{f"t.{name.replace('_', '.')}": word for name, word in kind.items()},
        "c": "$client_id",
    }
    return Call("private", "POST", "exchange", fields, _STATUSES, wrap="orders", outer=_ORDERS, group="all")


def _info(kind: str, rows: tuple[str, ...], weight: int = 20, **fields: object) -> Call:
    return Call(
        "public",
        "POST",
        "info",
        {"type": kind, "user": "@account", **fields},
        rows,
        group="all",
        weight=weight,
    )


_STATUS = {
    "open": OrderStatus.WORKING,
    "triggered": OrderStatus.TRIGGERED,
    "filled": OrderStatus.FILLED,
    **dict.fromkeys(
        (
            "canceled",
            "marginCanceled",
            "vaultWithdrawalCanceled",
            "openInterestCapCanceled",
            "selfTradeCanceled",
            "reduceOnlyCanceled",
            "siblingFilledCanceled",
            "delistedCanceled",
            "liquidatedCanceled",
            "scheduledCancel",
        ),
        OrderStatus.CANCELLED,
    ),
    **dict.fromkeys(
        (
            "rejected",
            "tickRejected",
            "minTradeNtlRejected",
            "perpMarginRejected",
            "reduceOnlyRejected",
            "badAloPxRejected",
            "iocCancelRejected",
            "badTriggerPxRejected",
            "marketOrderNoLiquidityRejected",
            "positionIncreaseAtOpenInterestCapRejected",
            "positionFlipAtOpenInterestCapRejected",
            "tooAggressiveAtOpenInterestCapRejected",
            "openInterestIncreaseRejected",
            "insufficientSpotBalanceRejected",
            "oracleRejected",
            "perpMaxPositionRejected",
        ),
        OrderStatus.REJECTED,
    ),
}
_REASONS = {
    "marginCanceled": "VENUE_MARGIN",
    "reduceOnlyCanceled": "VENUE_REDUCE_ONLY",
    "delistedCanceled": "VENUE_CLOSED",
    "tickRejected": "VENUE_PRICE",
    "minTradeNtlRejected": "VENUE_MIN_NOTIONAL",
    "perpMarginRejected": "VENUE_MARGIN",
    "reduceOnlyRejected": "VENUE_REDUCE_ONLY",
    "badAloPxRejected": "VENUE_POST_ONLY",
    "iocCancelRejected": "UNFILLED",
    "badTriggerPxRejected": "VENUE_PRICE",
    "marketOrderNoLiquidityRejected": "UNFILLED",
    "tooAggressiveAtOpenInterestCapRejected": "VENUE_PRICE",
    "oracleRejected": "VENUE_PRICE",
    "perpMaxPositionRejected": "VENUE_MARGIN",
}


def _order_shape(*, status: str, reduce: str, trigger: str, ts: str) -> OrderShape:
    return OrderShape(
        symbol="coin",
        client_id="cloid",
        venue_id="oid",
        status=status,
        statuses=_STATUS if status else {"": OrderStatus.WORKING},
        side="side",
        position_side="",
        reduce=reduce,
        price="limitPx",
        qty="origSz",
        filled="",
        left="sz",
        trigger=trigger,
        trigger_first=True,
        ts=ts,
        ts_other="timestamp",
        reason=status,
        reasons=_REASONS,
    )


_OPEN_SHAPE = _order_shape(status="", reduce="reduceOnly", trigger="triggerPx", ts="timestamp")
_ORDER_SHAPE = _order_shape(status="status", reduce="reduceOnly", trigger="triggerPx", ts="statusTimestamp")
_STREAM_ORDER = _order_shape(status="status", reduce="", trigger="", ts="statusTimestamp")
_FILL_SHAPE = FillShape(
    symbol="coin",
    client_id="cloid",
    venue_id="oid",
    trade_id="tid",
    side="side",
    position_side="",
    price="px",
    qty="sz",
    fee="fee",
    fee_currency="feeToken",
    maker="crossed",
    maker_words=frozenset({"false"}),
    ts="time",
    taken={"Liquidat": "liquidation", "Auto-Deleverag": "adl", "Settlement": "settlement"},
    taken_by="dir",
    # What is liquidated in the book is told as an ordinary close, and whoever took the other side is told it as well.
    lifts=(("liquidated", ("liquidation", "liquidatedUser")),),
    liquidated="liquidated",
)
_ENDED = frozenset(word for word, status in _STATUS.items() if word not in ("open", "triggered"))


def _by_time(size: int, id_field: str) -> Pages:
    """Return how a list goes on that begins with the oldest: from the time of the last row."""
    return Pages(
        size,
        "",
        "startTime",
        "time",
        start_field="startTime",
        end_field="endTime",
        id_field=id_field,
        rising=True,
    )


def _rows(ccxt_class: str, meaning: Meaning, rule: str, *sentences: str) -> list[ErrorRow]:
    return [ErrorRow(sentence, ccxt_class, meaning, rule) for sentence in sentences]


_CANCEL = Call(
    "private",
    "POST",
    "exchange",
    {"a": "$asset", "o": "$number"},
    _STATUSES,
    wrap="cancels",
    outer={"type": "cancel"},
    group="all",
    ours=Call(
        "private",
        "POST",
        "exchange",
        {"asset": "$asset", "cloid": "$client_id"},
        _STATUSES,
        wrap="cancels",
        outer={"type": "cancelByCloid"},
        group="all",
    ),
)

HYPERLIQUID = Dialect(
    venue="hyperliquid",
    provenance="documentation; sample: what is left of a cancelled order is what was not filled, open orders carry our "
    "id; assumed: that trades carry it too, that lists by time begin with the oldest, and that a triggered stop keeps "
    "its number",
    words=Words(buy="B", sell="A", net="net", long="long", short="short", yes=True, no=False),
    create={
        "limit": _order("$price", limit_tif="Gtc"),
        "post_only": _order("$price", limit_tif="Alo"),
        "ioc": _order("$guard", limit_tif="Ioc"),
        "market": _order("$guard", limit_tif="Ioc"),
        "stop": _order("$guard", trigger_isMarket=True, trigger_triggerPx="$trigger", trigger_tpsl="sl"),
    },
    batch=Call(
        "private", "POST", "exchange", {}, _STATUSES, wrap="orders", outer=_ORDERS, group="all", batch=20
    ),
    batch_styles=frozenset({"limit", "post_only", "ioc", "market", "stop"}),
    amend=None,
    cancel=_CANCEL,
    cancel_algo=_CANCEL,
    cancel_all=(),
    by_id=Reading(_info("orderStatus", ("order", ".."), 2, oid="$numbered"), _ORDER_SHAPE),
    by_id_algo=None,
    working=(Reading(_info("frontendOpenOrders", ("*",)), _OPEN_SHAPE),),
    # All that an order ever was is listed, one row for each state; of these the last says how it ended. It is a list of
    # two thousand rows, of which twenty weigh one.
    ended=(Reading(_info("historicalOrders", _ROWS, 120), _ORDER_SHAPE, when=("status", _ENDED)),),
    fills=Reading(_info("userFillsByTime", ("*",)), _FILL_SHAPE, _by_time(500, "tid")),
    positions=Reading(
        _info("clearinghouseState", ("assetPositions", "*", "position"), 2),
        PositionShape("coin", "", "szi", "entryPx", "", "", worth="positionValue"),
    ),
    balances=Reading(
        _info("clearinghouseState", (".",), 2),
        BalanceShape(
            "",
            "marginSummary.accountValue",
            "time",
            unrealised="unrealizedPnl",
            each=("assetPositions", "*", "position"),
        ),
    ),
    funding=Reading(
        _info("userFunding", _ROWS),
        FundingShape("coin", "", "usdc", "time", rate="fundingRate"),
        _by_time(500, "time coin"),
    ),
    # Money that goes to a vault or comes from one, and what is sent between dexes, are not among them.
    transfers=Reading(
        _info("userNonFundingLedgerUpdates", _ROWS),
        TransferShape(
            "",
            "usdc",
            "hash",
            "time",
            direction="type",
            also="toPerp",
            into=frozenset({"deposit/", "accountClassTransfer/true"}),
            when=(
                "type",
                frozenset(
                    {"deposit", "withdraw", "accountClassTransfer", "internalTransfer", "subAccountTransfer"}
                ),
            ),
            to="destination",
            kept="fee",
        ),
        _by_time(500, "hash"),
    ),
    settings=tuple(
        Reading(_info("activeAssetData", ("..",), coin="$symbol"), shape, Pages(0, per_symbol=True))
        for shape in (
            SettingShape("LEVERAGE", "value", "coin"),
            SettingShape("MARGIN_MODE", "type", "coin", {"cross": 0.0, "isolated": 1.0}),
        )
    ),
    leverage=Call(
        "private",
        "POST",
        "exchange",
        {"type": "updateLeverage", "asset": "$asset", "isCross": "$crosses", "leverage": "$leverage_number"},
        group="all",
    ),
    position_mode=None,
    margin_mode=None,
    # Its timer takes stops with it, and is open to those only who have traded a million (documentation).
    dead_man=None,
    dead_man_unit_ms=1,
    clock=Clock(Call("public", "POST", "info", {"type": "exchangeStatus"}, group="all", weight=2), ("time",)),
    # An agent may trade and not withdraw; who else signs for an account is its owner.
    key=KeyShape(
        Call("public", "POST", "info", {"type": "userRole", "user": "@signer"}, group="all", weight=60),
        trades=((("role",), frozenset({"agent"})),),
        withdraws=((("role",), frozenset({"user", "vault", "subAccount"})),),
        owner=("data", "user"),
        account=_info("userAbstraction", ("*",)),
        kinds=frozenset({"default", "disabled", "dexAbstraction"}),
    ),
    code_at=(("response", "data", "statuses", "0", "error"), ("response",), ("status",)),
    row_code="error",
    row_ok=frozenset({"", "ok", "order", "err"}),
    row_text="error",
    errors=(
        *_rows("InvalidOrder", Meaning.REJECTED, "VENUE_PRICE", "Price must be divisible by tick size."),
        # Too many digits (sample).
        *_rows("ExchangeError", Meaning.REJECTED, "VENUE_PRICE", "Order has invalid price."),
        *_rows(
            "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL", "Order must have minimum value of $10"
        ),
        *_rows("InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN", "Insufficient margin to place order."),
        *_rows(
            "InvalidOrder",
            Meaning.REJECTED,
            "VENUE_REDUCE_ONLY",
            "Reduce only order would increase position.",
        ),
        *_rows(
            "InvalidOrder",
            Meaning.REJECTED,
            "VENUE_POST_ONLY",
            "Post only order would have immediately matched,",
        ),
        *_rows(
            "InvalidOrder",
            Meaning.REJECTED,
            "UNFILLED",
            "Order could not immediately match against any resting orders.",
            "No liquidity available for market order.",
        ),
        *_rows(
            "InvalidOrder",
            Meaning.REJECTED,
            "VENUE_PRICE",
            "Invalid TP/SL price.",
            "Order price cannot be more than 80% away from the reference price",
        ),
        *_rows(
            "InvalidOrder", Meaning.REJECTED, "VENUE_OTHER", "Order has invalid size", "Order has zero size."
        ),
        *_rows(
            "ExchangeError",
            Meaning.REJECTED,
            "VENUE_PRICE",
            "Order price cannot be more than 95% away from the reference price",
            "Order price too far from oracle",
            "Order rejected due to price more aggressive than oracle",
        ),
        *_rows(
            "ExchangeError",
            Meaning.REJECTED,
            "VENUE_MARGIN",
            "Order would cause position to exceed margin tier limit",
        ),
        *_rows("ExchangeError", Meaning.REJECTED, "VENUE_OTHER", "Order would increase open interest"),
        *_rows(
            "OrderNotFound",
            Meaning.GONE,
            "VENUE_OTHER",
            "Order was never placed, already canceled, or filled.",
            "unknownOid",
        ),
        *_rows("InvalidOrder", Meaning.KEY, "VENUE_OTHER", "User or API Wallet "),
        *_rows("RateLimitExceeded", Meaning.RATE, "VENUE_RATE", "Too many cumulative requests sent"),
    ),
    # One weight for all who ask from an address (documentation).
    windows=(Window("all", 60, 1_200, shared=True),),
    fence="expiry",
    receive_window_ms=10_000,
    trail="",
    expires=False,
    reduce_in_hedge=True,
    client_id_signs="",
    client_id_length=34,
    client_id_form="0x",
    streams=(Stream("watch_orders"), Stream("watch_my_trades")),
    topic_at=(("channel",),),
    topics=(
        Topic("userFills", ("data", "fills", "*"), _FILL_SHAPE, unless=("data", "isSnapshot")),
        Topic("orderUpdates", ("data", "*", ".."), _STREAM_ORDER),
    ),
    ack=(("channel",), "subscriptionResponse"),
    acks=2,
    private_url="/ws",
    renew_option="",
    stream_fills=True,
    actions=True,
    worded=True,
)
"""Read against the documentation and ccxt; `venue certify` proves it on a testnet account."""
