"""OKX's orders: placing, changing, cancelling, lists, trades, the dead-man timer.

A batch answers each entry with its own `sCode`; the code at the top says whether all, some or none failed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from tradewind.venues.fake import okx_words as words
from tradewind.venues.fake.envelopes import (
    Objection,
    Row,
    decimal_in,
    flag_in,
    millis,
    older_and_newer,
    whole_in,
)
from tradewind.venues.fake.okx_market import symbol_in
from tradewind.venues.fake.orders import Placement, Reason, Refused
from tradewind.venues.fake.protocol import Reply
from tradewind.venues.fake.standing import is_isolated, leverage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeOrder, OrderKind, PositionSide

    Handler = Callable[[FakeAccount, Any], object]

__all__ = ["acting_routes", "algo_row_of", "listing_routes", "order_row_of"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TAG = re.compile(r"[A-Za-z0-9]{1,16}")
_BATCH_MAX, _ALGO_BATCH_MAX = 20, 10
_PAGE_MAX = 100
_ALL = 1_000_000
_MS = 1_000_000
_HOUR_NS = 3_600_000_000_000
_KEPT_UNFILLED_NS = 2 * _HOUR_NS
_KEPT_NS = 7 * 24 * _HOUR_NS
_RECENT_FILLS_NS = 3 * 24 * _HOUR_NS
_ARCHIVE_NS = 90 * 24 * _HOUR_NS
_SIDES: dict[str, PositionSide] = {"": "both", "net": "both", "long": "long", "short": "short"}
_DEAD_MAN_S = (10, 120)


def listing_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that lists orders or trades."""
    handlers = {
        "trade/order": _order_details,
        "trade/order-algo": _algo_details,
        "trade/orders-pending": _pending,
        "trade/orders-algo-pending": _algo_pending,
        "trade/orders-history": _history,
        "trade/orders-history-archive": _archive,
        "trade/orders-algo-history": _algo_history,
        "trade/fills": _fills,
        "trade/fills-history": _fills_archive,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def acting_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that changes orders."""
    handlers = {
        "trade/order": _place_one,
        "trade/batch-orders": _place_many,
        "trade/cancel-order": _cancel_one,
        "trade/cancel-batch-orders": _cancel_many,
        "trade/amend-order": _amend_one,
        "trade/amend-batch-orders": _amend_many,
        "trade/order-algo": _place_algo,
        "trade/cancel-algos": _cancel_algos,
        "trade/amend-algos": _amend_algo,
        "trade/close-position": _close_position,
        "trade/cancel-all-after": _dead_man,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


# ---------------------------------------------------------------------- what an order is


def order_row_of(exchange: FakeExchange, account: FakeAccount, order: FakeOrder) -> Row:
    """Return an order of an account as the venue shows it."""
    symbol = order.placement.symbol
    last = None
    if order.filled:
        fills = account.trades(symbol, order_id=order.order_id, limit=_ALL)
        last = fills[-1] if fills else None
    return words.order_row(
        order,
        exchange.instruments[symbol],
        leverage_of(account, symbol),
        last,
        isolated=is_isolated(account, symbol),
    )


def algo_row_of(exchange: FakeExchange, account: FakeAccount, order: FakeOrder) -> Row:
    """Return a stop of an account likewise."""
    symbol = order.placement.symbol
    return words.algo_row(
        order, leverage_of(account, symbol), exchange.last(symbol), isolated=is_isolated(account, symbol)
    )


def _client_id(args: Mapping[str, Any], name: str) -> str:
    client_id = str(args.get(name) or "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise Objection("51000", f"Parameter {name} error")
    return client_id


def _tag(args: Mapping[str, Any]) -> str:
    tag = str(args.get("tag") or "")
    if tag and not _TAG.fullmatch(tag):
        raise Objection("51000", "Parameter tag error")
    return tag


def _common(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> dict[str, Any]:
    """Read what every kind of order has; the margin mode that it names becomes the instrument's."""
    symbol = symbol_in(exchange, args)
    mode, side = args.get("tdMode"), args.get("side")
    if mode not in ("cross", "isolated"):
        raise Objection("51000", "Parameter tdMode error")
    if side not in ("buy", "sell"):
        raise Objection("51000", "Parameter side error")
    try:
        reduces = flag_in(args, "reduceOnly")
    except ValueError as error:
        raise Objection("51000", "Parameter reduceOnly error") from error
    word = str(args.get("posSide") or "")
    if word not in _SIDES:
        raise Objection("51000", "Parameter posSide error")
    if is_isolated(account, symbol) != (mode == "isolated"):
        account.set_isolated(symbol, mode == "isolated")
    return {
        "symbol": symbol,
        "side": side,
        "position_side": _SIDES[word],
        "reduce_only": reduces and not account.hedge,
    }


def _needed(args: Mapping[str, Any], name: str) -> Decimal:
    try:
        number = decimal_in(args, name)
    except ValueError as error:
        raise Objection("51000", f"Parameter {name} error") from error
    if number is None:
        raise Objection("50014", f"Parameter {name} can not be empty")
    return number


def _placement(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> Placement:
    common = {
        **_common(exchange, account, args),
        "client_id": _client_id(args, "clOrdId"),
        "tag": _tag(args),
    }
    if args.get("attachAlgoOrds"):
        raise Objection("51000", "Parameter attachAlgoOrds error: place stops by themselves")
    kind, qty = str(args.get("ordType", "")), _needed(args, "sz")
    if kind in ("market", "optimal_limit_ioc"):
        return Placement(kind="market", qty=qty, tif="IOC", **common)
    if kind not in words.ORDER_TYPES:
        raise Objection("51000", "Parameter ordType error")
    price = _needed(args, "px")
    return Placement(kind="limit", qty=qty, price=price, tif=words.ORDER_TYPES[kind], **common)


def _algo(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> Placement:
    kind = str(args.get("ordType", ""))
    whole = _needed(args, "closeFraction") == 1 if args.get("closeFraction") else False
    common = {
        **_common(exchange, account, args),
        "client_id": _client_id(args, "algoClOrdId"),
        "qty": Decimal(0) if whole else _needed(args, "sz"),
        "close_position": whole,
        "tag": kind,
    }
    if kind == "move_order_stop":
        return _trailing(args, common)
    if kind == "trigger":
        return _triggered(exchange, args, common)
    if kind != "conditional":
        raise Objection("51000", "Parameter ordType error")
    leg = "sl" if args.get("slTriggerPx") else "tp"
    return _stop(
        args, common, leg, "stop" if leg == "sl" else "take_profit", f"{leg}TriggerPx", f"{leg}OrdPx"
    )


def _stop(
    args: Mapping[str, Any], common: dict[str, Any], leg: str, family: str, trigger: str, price: str
) -> Placement:
    limit = _needed(args, price)
    at_market = limit == -1
    watched = args.get(f"{leg}TriggerPxType" if leg else "triggerPxType") or "last"
    if watched not in ("last", "mark"):
        raise Objection("51000", f"Parameter {leg}TriggerPxType error")
    return Placement(
        kind=cast("OrderKind", family + ("_market" if at_market else "_limit")),
        price=None if at_market else limit,
        trigger=_needed(args, trigger),
        trigger_by="mark" if watched == "mark" else "last",
        **common,
    )


def _triggered(exchange: FakeExchange, args: Mapping[str, Any], common: dict[str, Any]) -> Placement:
    now = exchange.last(common["symbol"])
    rises = _needed(args, "triggerPx") > now
    family = "stop" if rises == (common["side"] == "buy") else "take_profit"
    return _stop(args, common, "", family, "triggerPx", "orderPx")


def _trailing(args: Mapping[str, Any], common: dict[str, Any]) -> Placement:
    ratio, spread = decimal_in(args, "callbackRatio"), decimal_in(args, "callbackSpread")
    if (ratio is None) == (spread is None):
        raise Objection("51000", "Either parameter callbackRatio or callbackSpread is required")
    return Placement(
        kind="trailing_stop",
        callback_ratio=ratio,
        callback=spread,
        trigger=decimal_in(args, "activePx"),
        **common,
    )


# ---------------------------------------------------------------------- placing, changing, cancelling


def _each(
    args: Any,  # noqa: ANN401 - a JSON body
    work: Callable[[Mapping[str, Any]], Row],
    now_ns: int,
    *,
    one: bool = False,
    most: int = _BATCH_MAX,
) -> Reply:
    """Answer every entry by itself and say at the top how many failed."""
    entries = args if isinstance(args, list) else [args]
    if len(entries) > most or not entries or one == isinstance(args, list):
        raise Objection("50002", "JSON syntax error")
    rows, failed = [], 0
    for entry in entries:
        try:
            rows.append({**work(entry), "sCode": "0", "sMsg": ""})
        except (Refused, Objection) as error:
            failed += 1
            rows.append(_failed_row(entry, error, now_ns))
    code = "0" if not failed else ("1" if failed == len(rows) else "2")
    text = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded."}[code]
    at = str(now_ns // 1000)
    return Reply({"code": code, "msg": text, "data": rows, "inTime": at, "outTime": at})


def _failed_row(entry: Mapping[str, Any], error: Refused | Objection, now_ns: int) -> Row:
    if isinstance(error, Objection):
        code, text = error.code, error.text
    else:
        code, text = words.REFUSALS.get(error.reason, ("51000", str(error)))
    return {
        "clOrdId": str(entry.get("clOrdId") or ""),
        "ordId": str(entry.get("ordId") or ""),
        "tag": str(entry.get("tag") or ""),
        "ts": millis(now_ns),
        "sCode": code,
        "sMsg": text,
    }


def _acted(order: FakeOrder, now_ns: int) -> Row:
    return {
        "clOrdId": order.placement.client_id,
        "ordId": str(order.order_id),
        "tag": order.placement.tag,
        "ts": millis(now_ns),
    }


def _place(exchange: FakeExchange, account: FakeAccount, entry: Mapping[str, Any]) -> Row:
    return _acted(account.place(_placement(exchange, account, entry)), exchange.now_ns())


def _place_one(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401 - a JSON body
    return _each(args, partial(_place, exchange, account), exchange.now_ns(), one=True)


def _place_many(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    return _each(args, partial(_place, exchange, account), exchange.now_ns())


def _named(args: Mapping[str, Any], id_name: str = "ordId", client_name: str = "clOrdId") -> dict[str, Any]:
    if args.get(id_name):
        return {"order_id": int(args[id_name])}
    if args.get(client_name):
        return {"client_id": str(args[client_name])}
    raise Objection("51407", f"Either {id_name} or {client_name} is required.")


def _ended_words(account: FakeAccount, symbol: str, named: dict[str, Any], verb: str) -> Objection:
    """Return how the venue says that an order has ended: differently for cancelled and completed ones."""
    changing = verb == "Modification"
    try:
        state = account.order(symbol, **named).state
    except Refused:
        return Objection("51503" if changing else "51400", f"{verb} failed as the order does not exist.")
    if state == "filled":
        return Objection("51510" if changing else "51402", f"{verb} failed as the order has been completed.")
    return Objection("51509" if changing else "51401", f"{verb} failed as the order has been canceled.")


def _cancel(exchange: FakeExchange, account: FakeAccount, entry: Mapping[str, Any]) -> Row:
    symbol, named = symbol_in(exchange, entry), _named(entry)
    try:
        order = account.cancel(symbol, **named)
    except Refused as error:
        if error.reason in (Reason.UNKNOWN_ORDER, Reason.ENDED_ORDER):
            raise _ended_words(account, symbol, named, "Cancellation") from error
        raise
    return _acted(order, exchange.now_ns())


def _cancel_one(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    return _each(args, partial(_cancel, exchange, account), exchange.now_ns(), one=True)


def _cancel_many(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    return _each(args, partial(_cancel, exchange, account), exchange.now_ns())


def _amend(exchange: FakeExchange, account: FakeAccount, entry: Mapping[str, Any]) -> Row:
    symbol, named = symbol_in(exchange, entry), _named(entry)
    price, qty = decimal_in(entry, "newPx"), decimal_in(entry, "newSz")
    if price is None and qty is None:
        raise Objection("51500", "Either order price or quantity is required")
    try:
        order = account.amend(symbol, price=price, qty=qty, **named)
    except Refused as error:
        if error.reason in (Reason.UNKNOWN_ORDER, Reason.ENDED_ORDER):
            raise _ended_words(account, symbol, named, "Modification") from error
        raise
    row = _acted(order, exchange.now_ns())
    row.pop("tag")
    return {**row, "reqId": str(entry.get("reqId") or "")}


def _amend_one(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    return _each(args, partial(_amend, exchange, account), exchange.now_ns(), one=True)


def _amend_many(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    return _each(args, partial(_amend, exchange, account), exchange.now_ns())


def _place_algo(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    def work(entry: Mapping[str, Any]) -> Row:
        order = account.place(_algo(exchange, account, entry))
        return {"algoId": str(order.order_id), "clOrdId": "", "algoClOrdId": order.placement.client_id}

    return _each(args, work, exchange.now_ns(), one=True)


def _cancel_algos(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    def work(entry: Mapping[str, Any]) -> Row:
        named = _named(entry, "algoId", "algoClOrdId")
        order = account.cancel(symbol_in(exchange, entry), **named)
        return {"algoId": str(order.order_id)}

    return _each(args, work, exchange.now_ns(), most=_ALGO_BATCH_MAX)


def _amend_algo(exchange: FakeExchange, account: FakeAccount, args: Any) -> object:  # noqa: ANN401
    """Change size, trigger or limit of a waiting stop; which names its trigger has depends on its type."""

    def work(entry: Mapping[str, Any]) -> Row:
        symbol, named = symbol_in(exchange, entry), _named(entry, "algoId", "algoClOrdId")
        order = account.order(symbol, **named)
        if not order.algo or order.placement.kind == "trailing_stop":
            raise Refused(Reason.NOT_AMENDABLE)
        profit = order.placement.kind.startswith("take_profit")
        leg = "" if order.placement.tag == "trigger" else ("Tp" if profit else "Sl")
        price = decimal_in(entry, f"new{leg}OrdPx")
        order = account.amend(
            symbol,
            price=None if price == -1 else price,
            qty=decimal_in(entry, "newSz"),
            trigger=decimal_in(entry, f"new{leg}TriggerPx"),
            **named,
        )
        return {
            "algoClOrdId": order.placement.client_id,
            "algoId": str(order.order_id),
            "reqId": str(entry.get("reqId") or ""),
        }

    return _each(args, work, exchange.now_ns(), one=True)


def _close_position(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    symbol, word = symbol_in(exchange, args), str(args.get("posSide") or "net")
    side = _SIDES.get(word, "both")
    for position in account.positions():
        if (position.symbol, position.position_side) != (symbol, side) or not position.qty:
            continue
        account.place(
            Placement(
                symbol=symbol,
                side="sell" if position.qty > 0 else "buy",
                kind="market",
                qty=abs(position.qty),
                tif="IOC",
                reduce_only=side == "both",
                position_side=side,
                client_id=_client_id(args, "clOrdId"),
            )
        )
        return [{"clOrdId": str(args.get("clOrdId") or ""), "instId": symbol, "posSide": word, "tag": ""}]
    raise Objection("51023", "Position doesn't exist.")


def _dead_man(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    seconds = whole_in(args, "timeOut", -1)
    least, most = _DEAD_MAN_S
    if seconds and not least <= seconds <= most:
        raise Objection("51000", "Parameter timeOut error")
    account.arm_dead_man(seconds * 1_000_000_000)
    now_ns = exchange.now_ns()
    at = millis(now_ns + seconds * 1_000_000_000) if seconds else "0"
    return [{"triggerTime": at, "tag": "", "ts": millis(now_ns)}]


# ---------------------------------------------------------------------- lists


def _newest_first(orders: Sequence[FakeOrder]) -> list[FakeOrder]:
    return sorted(orders, key=lambda order: -order.order_id)


def _still_kept(order: FakeOrder, now_ns: int) -> bool:
    """Return whether the venue still knows an ended order: two hours where nothing filled, else seven days."""
    return order.updated_ns > now_ns - (_KEPT_NS if order.filled else _KEPT_UNFILLED_NS)


def _one(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str], *, algo: bool) -> FakeOrder:
    named = _named(args, "algoId", "algoClOrdId") if algo else _named(args)
    missing = Objection("51603", "Order does not exist")
    try:
        order = account.order("" if algo else symbol_in(exchange, args), **named)
    except Refused as error:
        if error.reason is Reason.UNKNOWN_ORDER:
            raise missing from error
        raise
    if order.algo != algo or not (order.working or _still_kept(order, exchange.now_ns())):
        raise missing
    return order


def _order_details(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    return [order_row_of(exchange, account, _one(exchange, account, args, algo=False))]


def _algo_details(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    return [algo_row_of(exchange, account, _one(exchange, account, args, algo=True))]


def _filtered(rows: list[Row], args: Mapping[str, str]) -> list[Row]:
    names = ("ordType", "state", "instType")
    begin, end = whole_in(args, "begin"), whole_in(args, "end", 1 << 62)
    return [
        row
        for row in rows
        if all(args.get(name, "") in ("", "ANY") or row[name] in args[name].split(",") for name in names)
        and begin <= int(row["cTime"]) <= end
    ]


def _pending(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    orders = account.open_orders(args.get("instId") or None, algo=False)
    rows = [order_row_of(exchange, account, order) for order in _newest_first(orders)]
    return older_and_newer(_filtered(rows, args), "ordId", args, _PAGE_MAX)


def _ended(
    exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str], *, algo: bool
) -> list[FakeOrder]:
    return _newest_first(account.ended_orders(args.get("instId") or None, algo=algo, limit=_ALL))


def _history(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    if not args.get("instType"):
        raise Objection("50014", "Parameter instType can not be empty")
    now_ns = exchange.now_ns()
    orders = [order for order in _ended(exchange, account, args, algo=False) if _still_kept(order, now_ns)]
    rows = _filtered([order_row_of(exchange, account, order) for order in orders], args)
    return older_and_newer(rows, "ordId", args, _PAGE_MAX)


def _archive(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return orders of three months, of which those without a fill are left out."""
    if not args.get("instType"):
        raise Objection("50014", "Parameter instType can not be empty")
    since = exchange.now_ns() - _ARCHIVE_NS
    orders = [
        order
        for order in _ended(exchange, account, args, algo=False)
        if order.filled and order.updated_ns > since
    ]
    rows = _filtered([order_row_of(exchange, account, order) for order in orders], args)
    return older_and_newer(rows, "ordId", args, _PAGE_MAX)


def _algo_kinds(args: Mapping[str, str]) -> list[str]:
    if not args.get("ordType"):
        raise Objection("50014", "Parameter ordType can not be empty")
    return args["ordType"].split(",")


def _algo_pending(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    kinds = _algo_kinds(args)
    orders = account.open_orders(args.get("instId") or None, algo=True)
    rows = [
        algo_row_of(exchange, account, order)
        for order in _newest_first(orders)
        if order.placement.tag in kinds
    ]
    return older_and_newer(rows, "algoId", args, _PAGE_MAX)


def _algo_history(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    kinds = _algo_kinds(args)
    if not args.get("state") and not args.get("algoId"):
        raise Objection("50014", "Parameter state can not be empty")
    rows = [
        algo_row_of(exchange, account, order)
        for order in _ended(exchange, account, args, algo=True)
        if order.placement.tag in kinds
    ]
    kept = [
        row
        for row in rows
        if args.get("state", "") in ("", row["state"]) and args.get("algoId", "") in ("", row["algoId"])
    ]
    return older_and_newer(kept, "algoId", args, _PAGE_MAX)


def _fill_rows(
    exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str], kept_ns: int
) -> list[Row]:
    now_ns = exchange.now_ns()
    start = max(whole_in(args, "begin") * _MS, now_ns - kept_ns)
    end = (whole_in(args, "end") + 1) * _MS if args.get("end") else now_ns + 1
    trades = account.trades(args.get("instId") or None, start_ns=start, end_ns=end, limit=_ALL)
    rows = [
        words.fill_row(trade, exchange.instruments[trade.symbol])
        for trade in sorted(trades, key=lambda trade: -trade.trade_id)
    ]
    return [row for row in rows if args.get("ordId", "") in ("", row["ordId"])]


def _fills(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    return older_and_newer(_fill_rows(exchange, account, args, _RECENT_FILLS_NS), "billId", args, _PAGE_MAX)


def _fills_archive(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    if not args.get("instType"):
        raise Objection("50014", "Parameter instType can not be empty")
    return older_and_newer(_fill_rows(exchange, account, args, _ARCHIVE_NS), "billId", args, _PAGE_MAX)
