"""Bybit's orders: placing, changing, cancelling, stops of a position, lists, executions.

An answer to an order is an acknowledgement with its ids; what became of it is told by the stream and the lists.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from tradewind.venues.fake import bybit_words as words
from tradewind.venues.fake.bybit_market import category_in, symbol_in, turned
from tradewind.venues.fake.envelopes import Objection, Row, decimal_in, flag_in, millis, whole_in
from tradewind.venues.fake.orders import Placement, Reason, Refused
from tradewind.venues.fake.protocol import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeOrder, OrderKind, PositionSide, Side

    Handler = Callable[[FakeAccount, Any], object]

__all__ = ["acting_routes", "execution_row_of", "listing_routes"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_ALL = 1_000_000
_MS = 1_000_000
_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS
_BATCH_MAX = 20
_RECENT = 500
_SIDES: dict[int, PositionSide] = {0: "both", 1: "long", 2: "short"}


def listing_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that lists orders or executions."""
    handlers = {
        "order/realtime": _realtime,
        "order/history": _history,
        "execution/list": _executions,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def acting_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that changes orders."""
    handlers = {
        "order/create": _create,
        "order/create-batch": _create_batch,
        "order/amend": _amend,
        "order/amend-batch": _amend_batch,
        "order/cancel": _cancel,
        "order/cancel-batch": _cancel_batch,
        "order/cancel-all": _cancel_all,
        "position/trading-stop": _trading_stop,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


# ---------------------------------------------------------------------- placing


def _side_in(account: FakeAccount, args: Mapping[str, Any]) -> PositionSide:
    index = whole_in(args, "positionIdx", 0)
    if index not in _SIDES or (index == 0) == account.hedge:
        raise Refused(Reason.MODE_MISMATCH)
    return _SIDES[index]


def _flag(args: Mapping[str, Any], name: str) -> bool:
    try:
        return flag_in(args, name)
    except ValueError as error:
        raise Objection("10001", f"params error: {name} invalid") from error


def _needed(args: Mapping[str, Any], name: str) -> Decimal:
    try:
        number = decimal_in(args, name)
    except ValueError as error:
        raise Objection("10001", f"params error: {name} invalid") from error
    if number is None:
        raise Objection("10001", f"params error: {name} is required")
    return number


def _placement(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> Placement:
    symbol = symbol_in(exchange, args)
    client_id = str(args.get("orderLinkId") or "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise Objection("10001", "params error: OrderLinkId invalid")
    if args.get("side") not in ("Buy", "Sell") or args.get("orderType") not in ("Limit", "Market"):
        raise Objection("10001", "params error: side or orderType invalid")
    if args.get("takeProfit") or args.get("stopLoss"):
        raise Objection("10001", "params error: place stops by themselves")
    at_market = args["orderType"] == "Market"
    tif = "IOC" if at_market else str(args.get("timeInForce") or "GTC")
    if tif not in words.TIFS:
        raise Objection("10001", "params error: timeInForce invalid")
    side: Side = "buy" if args["side"] == "Buy" else "sell"
    common: dict[str, Any] = {
        "symbol": symbol,
        "side": side,
        "qty": _needed(args, "qty"),
        "price": None if at_market else _needed(args, "price"),
        "tif": words.TIFS[tif],
        "reduce_only": _flag(args, "reduceOnly"),
        "position_side": _side_in(account, args),
        "client_id": client_id,
    }
    if args.get("triggerPrice"):
        return _conditional(args, common)
    return Placement(kind="market" if at_market else "limit", **common)


def _conditional(args: Mapping[str, Any], common: dict[str, Any]) -> Placement:
    direction = whole_in(args, "triggerDirection", 0)
    if direction not in (1, 2):
        raise Objection("10001", "params error: TriggerDirection invalid")
    if args.get("triggerBy", "LastPrice") not in ("LastPrice", "MarkPrice"):
        raise Objection("10001", "params error: TriggerBy invalid")
    family = "stop" if (direction == 1) == (common["side"] == "buy") else "take_profit"
    ending = "_market" if common["price"] is None else "_limit"
    if common["qty"] == 0:
        if not (common["reduce_only"] and _flag(args, "closeOnTrigger")):
            raise Refused(Reason.MIN_QTY)
        common["close_position"] = True
    return Placement(
        kind=cast("OrderKind", family + ending),
        trigger=_needed(args, "triggerPrice"),
        trigger_by="mark" if args.get("triggerBy") == "MarkPrice" else "last",
        tag="Stop",
        **{**common, "tif": "GTC" if common["price"] is None else common["tif"]},
    )


def _acknowledged(order: FakeOrder) -> Row:
    return {
        "orderId": words.order_id_of(order.parent_id or order.order_id),
        "orderLinkId": order.placement.client_id,
    }


def _create(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    return _acknowledged(account.place(_placement(exchange, account, args)))


def _batch(
    exchange: FakeExchange, args: Mapping[str, Any], work: Callable[[Mapping[str, Any]], Row], **fields: str
) -> Reply:
    """Answer a batch: its result lists the ids, the codes lie beside it; the code at the top is always 0."""
    category = category_in(args)
    entries = args.get("request")
    if not isinstance(entries, list) or not 1 <= len(entries) <= _BATCH_MAX:
        raise Objection("10001", "params error: request invalid")
    rows, codes = [], []
    for entry in entries:
        try:
            row, code, text = work({**entry, "category": category}), 0, "OK"
        except Objection as error:
            row, code, text = {}, int(error.code), error.text
        except Refused as error:
            known, text = words.REFUSALS.get(error.reason, ("10001", str(error)))
            row, code = {}, int(known)
        ids = {"orderId": "", "orderLinkId": str(entry.get("orderLinkId") or ""), **row}
        rows.append({"category": category, "symbol": str(entry.get("symbol") or ""), **ids, **fields})
        codes.append({"code": code, "msg": text})
    return Reply(
        {
            "retCode": 0,
            "retMsg": "OK",
            "result": {"list": rows},
            "retExtInfo": {"list": codes},
            "time": exchange.now_ns() // _MS,
        }
    )


def _create_batch(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    def work(entry: Mapping[str, Any]) -> Row:
        return _acknowledged(account.place(_placement(exchange, account, entry)))

    return _batch(exchange, args, work, createAt=millis(exchange.now_ns()))


# ---------------------------------------------------------------------- changing and cancelling


def _found(account: FakeAccount, symbol: str, args: Mapping[str, Any]) -> FakeOrder:
    """Return the order that a request names; a stop that triggered is the order that came of it."""
    if args.get("orderId"):
        order = account.order(symbol, order_id=words.number_of(str(args["orderId"])))
    elif args.get("orderLinkId"):
        order = account.order(symbol, client_id=str(args["orderLinkId"]))
    else:
        raise Objection("10001", "params error: OrderId or orderLinkId is required")
    return account.order(symbol, order_id=order.child_id) if order.child_id else order


def _change(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> Row:
    symbol = symbol_in(exchange, args)
    order = _found(account, symbol, args)
    price, qty, trigger = (decimal_in(args, name) for name in ("price", "qty", "triggerPrice"))
    return _acknowledged(account.amend(symbol, order.order_id, price=price, qty=qty, trigger=trigger))


def _amend(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    return _change(exchange, account, args)


def _amend_batch(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    return _batch(exchange, args, partial(_change, exchange, account))


def _end(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> Row:
    symbol = symbol_in(exchange, args)
    order = _found(account, symbol, args)
    return _acknowledged(account.cancel(symbol, order.order_id))


def _cancel(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    return _end(exchange, account, args)


def _cancel_batch(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    return _batch(exchange, args, partial(_end, exchange, account))


def _cancel_all(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    """Cancel orders and stops, or with a filter one of the two; what is to be cancelled must be named."""
    category_in(args)
    if not any(args.get(name) for name in ("symbol", "settleCoin", "baseCoin")):
        raise Objection("10001", "params error: symbol, baseCoin or settleCoin is required")
    algo = {"": None, "Order": False}.get(str(args.get("orderFilter") or ""), True)
    symbol = symbol_in(exchange, args) if args.get("symbol") else None
    ended = account.cancel_all(symbol, algo)
    return {"list": [_acknowledged(order) for order in ended], "success": "1"}


def _trading_stop(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    """Set, change or (with 0) remove the stops of a position; nothing is said of the orders that they are."""
    symbol, side = symbol_in(exchange, args), _side_in(account, args)
    held = next((each for each in account.positions(symbol) if each.position_side == side), None)
    if held is None:
        raise Objection("10001", "can not set tp/sl/ts for zero position")
    wanted = {
        "StopLoss": decimal_in(args, "stopLoss"),
        "TakeProfit": decimal_in(args, "takeProfit"),
        "TrailingStop": decimal_in(args, "trailingStop"),
    }
    if all(value is None for value in wanted.values()):
        raise Objection("10001", "params error: nothing to set")
    closing: Side = "sell" if held.qty > 0 else "buy"
    for word, value in wanted.items():
        if value is None:
            continue
        for order in account.open_orders(symbol, algo=True):
            if order.placement.tag == word and order.placement.position_side == side:
                account.cancel(symbol, order.order_id)
        if value:
            account.place(_stop_of(args, symbol, side, closing, word, value))
    return {}


def _stop_of(
    args: Mapping[str, Any], symbol: str, side: PositionSide, closing: Side, word: str, value: Decimal
) -> Placement:
    kinds: dict[str, OrderKind] = {
        "StopLoss": "stop_market",
        "TakeProfit": "take_profit_market",
        "TrailingStop": "trailing_stop",
    }
    sizes = {"StopLoss": "slSize", "TakeProfit": "tpSize"}
    size = decimal_in(args, sizes[word]) if word in sizes and args.get("tpslMode") == "Partial" else None
    trails = word == "TrailingStop"
    triggers = {"StopLoss": "slTriggerBy", "TakeProfit": "tpTriggerBy"}
    return Placement(
        symbol=symbol,
        side=closing,
        kind=kinds[word],
        qty=size or Decimal(0),
        close_position=size is None,
        reduce_only=True,
        position_side=side,
        trigger=decimal_in(args, "activePrice") if trails else value,
        trigger_by="mark" if args.get(triggers.get(word, "")) == "MarkPrice" else "last",
        callback=value if trails else None,
        tag=word,
    )


# ---------------------------------------------------------------------- lists


def _shown(exchange: FakeExchange, orders: list[FakeOrder]) -> list[Row]:
    """Return orders from new to old; a stop that became an order is left to that order."""
    kept = [order for order in orders if not order.child_id]
    kept.sort(key=lambda order: -order.order_id)
    return [words.order_row(order, exchange.last(order.placement.symbol)) for order in kept]


def _filtered(rows: list[Row], args: Mapping[str, str]) -> list[Row]:
    stops = {"Order": False, "StopOrder": True}.get(args.get("orderFilter", ""))
    return [
        row
        for row in rows
        if args.get("orderStatus", "") in ("", row["orderStatus"])
        and (stops is None or bool(row["stopOrderType"]) == stops)
    ]


def _listed(rows: list[Row], args: Mapping[str, str], category: str) -> Row:
    page, cursor = turned(rows, args, 20, 50)
    return {"list": page, "nextPageCursor": cursor, "category": category}


def _realtime(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return working orders; by id, or when asked, also the last 500 that ended."""
    category = category_in(args)
    if category != "linear":
        return _listed([], args, category)
    by_id = bool(args.get("orderId") or args.get("orderLinkId"))
    if not by_id and not any(args.get(name) for name in ("symbol", "settleCoin", "baseCoin")):
        raise Objection("10001", "params error: symbol, baseCoin or settleCoin is required")
    symbol = symbol_in(exchange, args) if args.get("symbol") else None
    orders = account.open_orders(symbol)
    if args.get("openOnly") == "1" and not by_id:
        orders = account.ended_orders(symbol, limit=_RECENT)
    elif by_id:
        orders += account.ended_orders(symbol, limit=_RECENT)
    rows = _filtered(_shown(exchange, orders), args)
    if args.get("orderId"):
        rows = [row for row in rows if row["orderId"] == args["orderId"]]
    elif args.get("orderLinkId"):
        rows = [row for row in rows if row["orderLinkId"] == args["orderLinkId"]]
    return _listed(rows, args, category)


def _window(exchange: FakeExchange, args: Mapping[str, str]) -> tuple[int, int]:
    """Return start and end in ms: a week from the start, or up to the end, or the last one."""
    now_ms = exchange.now_ns() // _MS
    start, end = whole_in(args, "startTime"), whole_in(args, "endTime")
    if start and end and end - start > _WEEK_MS:
        raise Objection("10001", "The time range between startTime and endTime cannot exceed 7 days.")
    start = start or (end or now_ms) - _WEEK_MS
    return start, end or start + _WEEK_MS


def _history(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return ended orders of a week; those without a fill are kept for one day."""
    category = category_in(args)
    if category != "linear":
        return _listed([], args, category)
    symbol = symbol_in(exchange, args) if args.get("symbol") else None
    start, end = _window(exchange, args)
    forgotten_ns = exchange.now_ns() - _DAY_MS * _MS
    orders = [
        order
        for order in account.ended_orders(symbol, limit=_ALL)
        if start <= order.created_ns // _MS <= end and (order.filled or order.updated_ns > forgotten_ns)
    ]
    rows = _filtered(_shown(exchange, orders), args)
    for name in ("orderId", "orderLinkId"):
        if args.get(name):
            rows = [row for row in rows if row[name] == args[name]]
    return _listed(rows, args, category)


def execution_row_of(exchange: FakeExchange, account: FakeAccount, trade: Any) -> Row:  # noqa: ANN401
    """Return an execution of an account with what is known of its order."""
    try:
        order: FakeOrder | None = account.order(trade.symbol, order_id=trade.order_id)
    except Refused:
        order = None
    return words.execution_row(trade, order, exchange.mark(trade.symbol))


def _executions(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return executions of a week, funding among them."""
    category = category_in(args)
    if category != "linear":
        return {"nextPageCursor": "", "category": category, "list": []}
    symbol = symbol_in(exchange, args) if args.get("symbol") else None
    start, end = _window(exchange, args)
    start_ns, end_ns = start * _MS, (end + 1) * _MS
    rows = [
        execution_row_of(exchange, account, trade)
        for trade in account.trades(symbol, start_ns=start_ns, end_ns=end_ns, limit=_ALL)
    ]
    rows += [
        words.funding_execution_row(income, exchange.mark(income.symbol))
        for income in account.income("funding", symbol=symbol, start_ns=start_ns, end_ns=end_ns, limit=_ALL)
    ]
    for name in ("orderId", "orderLinkId", "execType"):
        if args.get(name):
            rows = [row for row in rows if row[name] == args[name]]
    rows.sort(key=lambda row: (-int(row["execTime"]), -row["seq"]))
    page, cursor = turned(rows, args, 50, 100)
    return {"nextPageCursor": cursor, "category": category, "list": page}
