"""BloFin's private answers: what an account holds, and its orders. Every refusal is raised, none is worded here."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from tradewind.venues.fake import blofin_words as words
from tradewind.venues.fake.blofin_market import symbol_in
from tradewind.venues.fake.envelopes import (
    Objection,
    Row,
    decimal_in,
    flag_in,
    millis,
    older_and_newer,
    whole_in,
)
from tradewind.venues.fake.orders import Placement, Reason, Refused
from tradewind.venues.fake.protocol import plain
from tradewind.venues.fake.standing import is_isolated, leverage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeOrder, OrderKind, PositionSide

    Handler = Callable[[FakeAccount, Any], object]

__all__ = ["algo_row_of", "order_row_of", "reading_routes", "trading_routes"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9_]{1,32}")
_BATCH_MAX = 20
_PAGE_MAX = 100
_ALL = 1_000_000
_MS = 1_000_000
_SIDES: dict[str, PositionSide] = {"net": "both", "long": "long", "short": "short"}


def reading_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that only reads."""
    handlers = {
        "user/query-apikey": _key,
        "asset/currencies": _currencies,
        "asset/balances": _asset_balances,
        "asset/bills": _bills,
        "account/config": _config,
        "account/balance": _balance,
        "account/positions": _positions,
        "account/funding-fees": _funding_fees,
        "account/margin-mode": _margin_mode,
        "account/position-mode": _position_mode,
        "account/leverage-info": _leverage,
        "account/batch-leverage-info": _leverages,
        "trade/orders-pending": _pending,
        "trade/orders-algo-pending": _algo_pending,
        "trade/orders-tpsl-pending": _tpsl_pending,
        "trade/orders-history": _history,
        "trade/orders-algo-history": _algo_history,
        "trade/orders-tpsl-history": _tpsl_history,
        "trade/fills-history": _fills,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def trading_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that changes something."""
    handlers = {
        "account/set-margin-mode": _set_margin_mode,
        "account/set-position-mode": _set_position_mode,
        "account/set-leverage": _set_leverage,
        "trade/order": _order,
        "trade/batch-orders": _orders,
        "trade/order-algo": _order_algo,
        "trade/order-tpsl": _order_tpsl,
        "trade/cancel-order": _cancel,
        "trade/cancel-batch-orders": _cancel_many,
        "trade/cancel-algo": _cancel_algo,
        "trade/cancel-tpsl": _cancel_tpsl,
        "trade/close-position": _close_position,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


# ---------------------------------------------------------------------- the account


def _key(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del args
    return {
        "uid": account.name,
        "apiName": account.name,
        "apiKey": account.api_key,
        "readOnly": 0 if "trade" in account.permissions else 1,
        "permissions": sorted(account.permissions),
        "ips": list(account.ips),
        "type": 1,
        "expireTime": "0",
        "createTime": millis(exchange.now_ns()),
        "referralCode": "",
        "parentUid": "0",
    }


def _config(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange, account, args
    return {"accountLevel": "0"}


def _currencies(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del account, args
    names = {name for each in exchange.instruments.values() for name in (each.base, each.quote, each.settle)}
    return [
        {
            "currency": name,
            "chain": "Tron (TRC20)" if name == "USDT" else name,
            "isDepositAvailable": "1",
            "isWithdrawAvailable": "1",
            "withdrawFee": "1",
            "withdrawPrecision": "8",
            "depositMinAmount": "0",
            "withdrawMinAmount": "10",
        }
        for name in sorted(names)
    ]


def _asset_balances(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    if args.get("accountType") != "futures":
        return []
    return [
        {
            "currency": balance.asset,
            "balance": words.money(balance.wallet),
            "available": words.money(balance.available),
            "frozen": words.money(balance.wallet - balance.available),
            "bonus": "0",
        }
        for balance in account.balances()
    ]


def _bills(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    rows = [
        {
            "transferId": str(income.income_id),
            "currency": income.asset,
            "fromAccount": "funding" if income.amount > 0 else "futures",
            "toAccount": "futures" if income.amount > 0 else "funding",
            "amount": words.money(abs(income.amount)),
            "ts": millis(income.ts_ns),
            "clientId": "",
        }
        for income in account.income("transfer", limit=_ALL)
    ]
    return older_and_newer(rows[::-1], "ts", args, _PAGE_MAX)


def _funding_fees(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    rows = [
        {
            "id": str(income.income_id),
            "instId": income.symbol,
            "currency": income.asset,
            "positionSide": "net" if income.position_side == "both" else income.position_side,
            "fundingFee": words.money(income.amount),
            "fundingRate": plain(income.rate),
            "ts": millis(income.ts_ns),
        }
        for income in account.income("funding", limit=_ALL)
    ]
    return older_and_newer(_of_symbol_and_time(rows[::-1], args), "id", args, _PAGE_MAX)


def _balance(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del args
    return words.account_row(account.balances(), exchange.now_ns())


def _positions(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    wanted = args.get("instId", "")
    return [
        words.position_row(position, exchange.instruments[position.symbol])
        for position in account.positions()
        if position.qty and wanted in ("", position.symbol)
    ]


def _margin_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del args
    isolated = any(is_isolated(account, symbol) for symbol in exchange.instruments)
    return {"marginMode": "isolated" if isolated else "cross"}


def _position_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange, args
    return {"positionMode": "long_short_mode" if account.hedge else "net_mode"}


def _leverage_row(account: FakeAccount, symbol: str, mode: str) -> Row:
    return {
        "leverage": plain(leverage_of(account, symbol)),
        "marginMode": mode,
        "instId": symbol,
        "positionSide": "net",
    }


def _leverage(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    return _leverage_row(account, symbol_in(exchange, args), args.get("marginMode", "cross"))


def _leverages(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    symbols = args["instId"].split(",")
    if len(symbols) > _BATCH_MAX:
        raise Objection("152015", "Number of instId values exceeds the maximum limit of 20")
    known = [symbol_in(exchange, {"instId": symbol}) for symbol in symbols]
    return [_leverage_row(account, symbol, args.get("marginMode", "cross")) for symbol in known]


def _set_leverage(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    symbol = symbol_in(exchange, args)
    leverage = decimal_in(args, "leverage") or Decimal(0)
    _quietly(lambda: account.set_leverage(symbol, leverage))
    return {**_leverage_row(account, symbol, str(args["marginMode"])), "leverage": plain(leverage)}


def _set_margin_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    mode = str(args["marginMode"])
    if mode not in ("cross", "isolated"):
        raise ValueError("marginMode")
    for symbol in exchange.instruments:
        _quietly(lambda symbol=symbol: account.set_isolated(symbol, mode == "isolated"))  # type: ignore[misc]
    return {"marginMode": mode}


def _set_position_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    del exchange
    mode = str(args["positionMode"])
    if mode not in ("net_mode", "long_short_mode"):
        raise ValueError("positionMode")
    _quietly(lambda: account.set_hedge(mode == "long_short_mode"))
    return {"positionMode": mode}


def _quietly(change: Callable[[], object]) -> None:
    """Make a change that may be made already: the venue says yes to that as well."""
    try:
        change()
    except Refused as error:
        if error.reason is not Reason.NO_CHANGE:
            raise


# ---------------------------------------------------------------------- orders as rows


def order_row_of(exchange: FakeExchange, account: FakeAccount, order: FakeOrder) -> Row:
    """Return an order of an account as the venue shows it."""
    symbol = order.placement.symbol
    return words.order_row(
        order,
        exchange.instruments[symbol],
        leverage_of(account, symbol),
        isolated=is_isolated(account, symbol),
    )


def algo_row_of(account: FakeAccount, order: FakeOrder) -> Row:
    """Return a stop of an account likewise."""
    symbol = order.placement.symbol
    return words.algo_row(order, leverage_of(account, symbol), isolated=is_isolated(account, symbol))


def _newest_first(orders: Sequence[FakeOrder]) -> list[FakeOrder]:
    return sorted(orders, key=lambda order: -order.order_id)


def _of_symbol_and_time(rows: Sequence[Row], args: Mapping[str, str], when: str = "ts") -> list[Row]:
    symbol = args.get("instId", "")
    begin, end = whole_in(args, "begin"), whole_in(args, "end", 1 << 62)
    return [row for row in rows if symbol in ("", row["instId"]) and begin <= int(row[when]) <= end]


def _pending(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    orders = account.open_orders(args.get("instId") or None, algo=False)
    rows = [order_row_of(exchange, account, order) for order in _newest_first(orders)]
    kept = [row for row in rows if args.get("orderType", "") in ("", row["orderType"])]
    return older_and_newer(kept, "orderId", args, _PAGE_MAX)


def _algo_pending(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    orders = account.open_orders(args.get("instId") or None, algo=True)
    rows = [algo_row_of(account, order) for order in _newest_first(orders) if not _is_tpsl(order)]
    return older_and_newer(rows, "algoId", args, _PAGE_MAX)


def _history(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    orders = account.ended_orders(args.get("instId") or None, algo=False, limit=_ALL)
    rows = [order_row_of(exchange, account, order) for order in _newest_first(orders)]
    rows = _of_symbol_and_time(rows, args, "createTime")
    return older_and_newer(rows, "orderId", args, _PAGE_MAX)


def _algo_history(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    orders = account.ended_orders(args.get("instId") or None, algo=True, limit=_ALL)
    rows = [algo_row_of(account, order) for order in _newest_first(orders) if not _is_tpsl(order)]
    return older_and_newer(rows, "algoId", args, _PAGE_MAX)


def _is_tpsl(order: FakeOrder) -> bool:
    return order.placement.tag == "tpsl"


def _tpsl_row(account: FakeAccount, order: FakeOrder) -> Row:
    row = algo_row_of(account, order)
    placement = order.placement
    profit = placement.kind.startswith("take_profit")
    price = "-1" if placement.price is None else words.money(placement.price)
    trigger = row.pop("triggerPrice")
    for name in ("algoId", "triggerPriceType", "orderPrice", "attachAlgoOrders"):
        row.pop(name)
    return {
        **row,
        "tpslId": str(order.order_id),
        "orderType": None,
        "orderCategory": "normal",
        "tpTriggerPrice": trigger if profit else None,
        "tpOrderPrice": price if profit else None,
        "slTriggerPrice": None if profit else trigger,
        "slOrderPrice": None if profit else price,
    }


def _tpsl_pending(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    orders = account.open_orders(args.get("instId") or None, algo=True)
    rows = [_tpsl_row(account, order) for order in _newest_first(orders) if _is_tpsl(order)]
    return older_and_newer(rows, "tpslId", args, _PAGE_MAX)


def _tpsl_history(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    orders = account.ended_orders(args.get("instId") or None, algo=True, limit=_ALL)
    rows = [_tpsl_row(account, order) for order in _newest_first(orders) if _is_tpsl(order)]
    return older_and_newer(rows, "tpslId", args, _PAGE_MAX)


# ---------------------------------------------------------------------- placing and cancelling


def _side_of(args: Mapping[str, Any]) -> PositionSide:
    word = str(args.get("positionSide") or "net")
    if word not in _SIDES:
        raise ValueError("positionSide")
    return _SIDES[word]


def _common(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> dict[str, Any]:
    """Read what every kind of order has; the margin mode that it names becomes the instrument's."""
    symbol = symbol_in(exchange, args)
    if args.get("side") not in ("buy", "sell"):
        raise ValueError("side")
    client_id = str(args.get("clientOrderId") or "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise Objection(
            "152009",
            "clientOrderId must be a combination of numbers, letters, or underscores, "
            "and the maximum length of characters is 32",
        )
    mode = args.get("marginMode")
    if mode not in ("cross", "isolated"):
        raise ValueError("marginMode")
    if is_isolated(account, symbol) != (mode == "isolated"):
        account.set_isolated(symbol, mode == "isolated")
    return {
        "symbol": symbol,
        "side": args["side"],
        "position_side": _side_of(args),
        "client_id": client_id,
        "reduce_only": flag_in(args, "reduceOnly"),
    }


def _placement(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> Placement:
    common = _common(exchange, account, args)
    kind = str(args.get("orderType", ""))
    qty, price = decimal_in(args, "size"), decimal_in(args, "price")
    if qty is None or (kind in words.ORDER_TYPES and price is None):
        raise ValueError("size" if qty is None else "price")
    if any(args.get(name) for name in ("tpTriggerPrice", "slTriggerPrice")):
        raise Objection("152002", "Parameter slTriggerPrice error: place stops by themselves")
    if kind == "market":
        return Placement(kind="market", qty=qty, tif="IOC", **common)
    if kind not in words.ORDER_TYPES:
        raise ValueError("orderType")
    return Placement(kind="limit", qty=qty, price=price, tif=words.ORDER_TYPES[kind], **common)


def _order(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    order = account.place(_placement(exchange, account, args))
    return [_placed(order)]


def _placed(order: FakeOrder) -> Row:
    return {
        "orderId": str(order.order_id),
        "clientOrderId": order.placement.client_id,
        "msg": "success",
        "code": "0",
    }


def _each(args: object, work: Callable[[Mapping[str, Any]], Row], id_name: str) -> object:
    """Answer a batch: each entry by itself, a refused one with its code inside."""
    if not isinstance(args, list) or not args:
        raise ValueError("a list is asked for")
    if len(args) > _BATCH_MAX:
        raise Objection("152006", "Batch orders can be placed for up to 20 at once")
    rows = []
    for entry in args:
        try:
            rows.append(work(entry))
        except (Refused, Objection) as error:
            code, text = (
                (error.code, error.text)
                if isinstance(error, Objection)
                else words.REFUSALS.get(error.reason, ("152005", str(error)))
            )
            client_id = str(entry.get("clientOrderId") or "")
            rows.append({id_name: entry.get(id_name), "clientOrderId": client_id, "msg": text, "code": code})
    return rows


def _orders(exchange: FakeExchange, account: FakeAccount, args: object) -> object:
    entries = args if isinstance(args, list) else []
    if len({(str(entry.get("instId")), str(entry.get("marginMode"))) for entry in entries}) > 1:
        raise Objection("152007", "Batch orders can only be placed with the same instId and marginMode")
    return _each(args, lambda entry: _placed(account.place(_placement(exchange, account, entry))), "orderId")


def _order_algo(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    common = _common(exchange, account, args)
    qty, trigger, price = (decimal_in(args, name) for name in ("size", "triggerPrice", "orderPrice"))
    if args.get("orderType") != "trigger" or qty is None or trigger is None:
        raise ValueError("orderType" if qty and trigger else "triggerPrice")
    if args.get("triggerPriceType", "last") not in ("last", "mark"):
        raise ValueError("triggerPriceType")
    watched: Literal["last", "mark"] = "mark" if args.get("triggerPriceType") == "mark" else "last"
    now = exchange.mark(common["symbol"]) if watched == "mark" else exchange.last(common["symbol"])
    at_market = price is None or price == -1
    stop = (trigger > now) == (common["side"] == "buy")
    kind = cast("OrderKind", ("stop" if stop else "take_profit") + ("_market" if at_market else "_limit"))
    order = account.place(
        Placement(
            kind=kind,
            qty=qty,
            price=None if at_market else price,
            trigger=trigger,
            trigger_by=watched,
            **common,
        )
    )
    client_id = order.placement.client_id or None
    return {"algoId": str(order.order_id), "clientOrderId": client_id, "code": "0", "msg": None}


def _order_tpsl(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    common = _common(exchange, account, args)
    stop, profit = decimal_in(args, "slTriggerPrice"), decimal_in(args, "tpTriggerPrice")
    if (stop is None) == (profit is None):
        raise Objection("152003", "Either parameter slTriggerPrice or tpTriggerPrice is required")
    which = "sl" if stop is not None else "tp"
    price = decimal_in(args, f"{which}OrderPrice")
    at_market = price is None or price == -1
    qty = decimal_in(args, "size")
    if qty is None or qty == -1:
        qty, whole = Decimal(0), True
    else:
        whole = False
    kind = cast(
        "OrderKind", ("stop" if which == "sl" else "take_profit") + ("_market" if at_market else "_limit")
    )
    common["reduce_only"] = True
    order = account.place(
        Placement(
            kind=kind,
            qty=qty,
            price=None if at_market else price,
            trigger=stop if stop is not None else profit,
            close_position=whole,
            tag="tpsl",
            **common,
        )
    )
    client_id = order.placement.client_id or None
    return {"tpslId": str(order.order_id), "clientOrderId": client_id, "code": "0", "msg": None}


def _named(args: Mapping[str, Any], id_name: str) -> dict[str, Any]:
    """Return how a request names an order: by the venue's id where it gives one, else by the client's."""
    if args.get(id_name):
        return {"order_id": int(args[id_name])}
    if args.get("clientOrderId"):
        return {"client_id": str(args["clientOrderId"])}
    raise Objection("152003", f"Either parameter {id_name} or clientOrderId is required")


def _cancelled(account: FakeAccount, args: Mapping[str, Any], id_name: str) -> Row:
    named = _named(args, id_name)
    symbol = args.get("instId") or account.order("", **named).placement.symbol
    order = account.cancel(symbol, **named)
    return {
        id_name: str(order.order_id),
        "clientOrderId": order.placement.client_id or None,
        "code": "0",
        "msg": None,
    }


def _cancel(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    del exchange
    return [_cancelled(account, args, "orderId")]


def _cancel_many(exchange: FakeExchange, account: FakeAccount, args: object) -> object:
    del exchange
    return _each(args, lambda entry: _cancelled(account, entry, "orderId"), "orderId")


def _cancel_algo(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    del exchange
    return _cancelled(account, args, "algoId")


def _cancel_tpsl(exchange: FakeExchange, account: FakeAccount, args: object) -> object:
    del exchange
    return _each(args, lambda entry: _cancelled(account, entry, "tpslId"), "tpslId")


def _close_position(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    symbol, side = symbol_in(exchange, args), _side_of(args)
    for position in account.positions():
        if (position.symbol, position.position_side) == (symbol, side) and position.qty:
            account.place(
                Placement(
                    symbol=symbol,
                    side="sell" if position.qty > 0 else "buy",
                    kind="market",
                    qty=abs(position.qty),
                    tif="IOC",
                    reduce_only=side == "both",
                    position_side=side,
                    client_id=str(args.get("clientOrderId") or ""),
                )
            )
            return {
                "instId": symbol,
                "positionSide": "net" if side == "both" else side,
                "clientOrderId": str(args.get("clientOrderId") or ""),
            }
    raise Objection("102005", "Position had been closed")


def _fills(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    start = whole_in(args, "begin") * _MS
    end = (whole_in(args, "end") + 1) * _MS if args.get("end") else exchange.now_ns() + 1
    trades = account.trades(args.get("instId") or None, start_ns=start, end_ns=end, limit=_ALL)
    rows = [words.fill_row(trade) for trade in sorted(trades, key=lambda trade: -trade.trade_id)]
    kept = [row for row in rows if args.get("orderId", "") in ("", row["orderId"])]
    return older_and_newer(kept, "tradeId", args, _PAGE_MAX)
