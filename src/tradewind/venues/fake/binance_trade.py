"""Binance USD-M, what an account asks: orders, conditional orders, positions, balances, settings, its history."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.venues.fake.binance_access import signed, week
from tradewind.venues.fake.binance_market import symbol_in
from tradewind.venues.fake.binance_rows import (
    ALGO_BASE,
    KINDS,
    algo_row,
    order_row,
)
from tradewind.venues.fake.binance_words import objection_of
from tradewind.venues.fake.envelopes import Objection, decimal_in, whole_in
from tradewind.venues.fake.orders import Placement, Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.binance_access import BinanceAccess
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeOrder
    from tradewind.venues.fake.protocol import Call, Reply

__all__ = ["BinanceTrading"]

Row = dict[str, Any]
Said = dict[str, str]
Private = "Callable[[Call, FakeAccount, Said], object]"

_NS = 1_000_000
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_BATCH_MAX = 5
_HISTORY_MAX = 20_000
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
_TIFS = {"GTC", "IOC", "FOK", "GTX", "GTD"}
_NEAREST_END_MS, _LAST_END_MS = 600_000, 253_402_300_799_000
_CALLBACK_LEAST, _CALLBACK_MOST = Decimal("0.1"), Decimal(10)
_SIDES = {"BOTH": "both", "LONG": "long", "SHORT": "short"}


class BinanceTrading:
    """Answers signed requests."""

    def __init__(self, exchange: FakeExchange, access: BinanceAccess) -> None:
        self._exchange = exchange
        self._access = access

    def routes(self) -> dict[tuple[str, str], Callable[[Call], Reply]]:
        """Return what answers each signed path."""
        return {
            (method, f"/fapi/{path}"): signed(self._access, handler)
            for (method, path), handler in self._order_routes().items()
        }

    def _order_routes(self) -> dict[tuple[str, str], Any]:
        return {
            ("POST", "v1/order"): self._place,
            ("GET", "v1/order"): self._query,
            ("PUT", "v1/order"): self._amend,
            ("DELETE", "v1/order"): self._cancel,
            ("POST", "v1/batchOrders"): self._place_batch,
            ("PUT", "v1/batchOrders"): self._amend_batch,
            ("DELETE", "v1/batchOrders"): self._cancel_batch,
            ("DELETE", "v1/allOpenOrders"): self._cancel_all,
            ("GET", "v1/openOrder"): self._open_one,
            ("GET", "v1/openOrders"): self._open,
            ("GET", "v1/allOrders"): self._all,
            ("GET", "v1/forceOrders"): self._forced,
            ("POST", "v1/algoOrder"): self._place_algo,
            ("GET", "v1/algoOrder"): self._query_algo,
            ("DELETE", "v1/algoOrder"): self._cancel_algo,
            ("GET", "v1/openAlgoOrders"): self._open_algos,
            ("GET", "v1/allAlgoOrders"): self._all_algos,
            ("DELETE", "v1/algoOpenOrders"): self._cancel_all_algos,
            ("POST", "v1/countdownCancelAll"): self._countdown,
        }

    # ------------------------------------------------------------------ orders

    def _place(self, call: Call, account: FakeAccount, said: Said) -> Row:
        self._access.count_orders(call, account, 1)
        return self._placed(account, self._asked(account, said, KINDS.get(said.get("type", ""), "")))

    def _placed(self, account: FakeAccount, asked: Placement) -> Row:
        if asked.kind not in ("limit", "market"):
            raise Objection(
                "-4120",
                "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
                400,
            )
        order = account.place(asked)
        if order.state == "expired" and asked.tif == "FOK":
            raise Refused(Reason.FOK)
        return self._row(order)

    def _asked(self, account: FakeAccount, said: Mapping[str, str], kind: str) -> Placement:
        symbol = symbol_in(self._exchange, said)
        if not kind:
            raise Objection("-1116", "Invalid orderType.", 400)
        if said.get("side") not in ("BUY", "SELL"):
            raise Objection("-1117", "Invalid side.", 400)
        tif = self._tif_in(said, kind)
        _check_flags(said, hedge=account.hedge)
        client_id = said.get("newClientOrderId") or said.get("clientAlgoId") or self._own_id(account)
        if not _CLIENT_ID.fullmatch(client_id):
            raise Objection("-4015", "Client order id is not valid.", 400)
        qty, price, trigger = (decimal_in(said, name) for name in ("quantity", "price", "triggerPrice"))
        closing = said.get("closePosition") == "true"
        _check_fields(kind, qty, price, trigger, closing=closing)
        ratio = _callback_in(said) if kind == "trailing_stop" else None
        return Placement(
            symbol=symbol,
            side=said["side"].lower(),  # type: ignore[arg-type]
            kind=kind,  # type: ignore[arg-type]
            qty=qty or Decimal(0),
            price=price if kind != "trailing_stop" else decimal_in(said, "activatePrice"),
            tif="GTC" if tif == "GTD" else tif,  # type: ignore[arg-type]
            reduce_only=said.get("reduceOnly") == "true",
            close_position=closing,
            position_side=_side_of(said),  # type: ignore[arg-type]
            client_id=client_id,
            trigger=trigger,
            trigger_by="mark" if said.get("workingType") == "MARK_PRICE" else "last",
            callback_ratio=ratio / 100 if ratio is not None else None,
            expires_ns=whole_in(said, "goodTillDate") * _NS if tif == "GTD" else 0,
        )

    def _tif_in(self, said: Mapping[str, str], kind: str) -> str:
        """Return how long an order stands: a limit must say it, an order at market must not."""
        tif = said.get("timeInForce", "")
        if kind == "limit" and not tif:
            raise _missing("timeInForce")
        if kind == "market" and tif:
            raise _surplus("timeInForce")
        if tif and tif not in _TIFS:
            raise Objection("-1115", "Invalid timeInForce.", 400)
        if tif == "GTD":
            end_ms, now_ms = whole_in(said, "goodTillDate"), self._exchange.now_ns() // _NS
            if not end_ms:
                raise _missing("goodTillDate")
            if not now_ms + _NEAREST_END_MS < end_ms < _LAST_END_MS:
                raise Objection(
                    "-5040",
                    "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
                    f"smaller than {_LAST_END_MS}",
                    400,
                )
        return tif or ("IOC" if kind == "market" else "GTC")

    def _own_id(self, account: FakeAccount) -> str:
        return f"fake{account.name[:12]}{self._exchange.now_ns() // 1000}"

    def _row(self, order: FakeOrder, *, listed: bool = False) -> Row:
        return order_row(order, self._exchange.instruments[order.placement.symbol], listed=listed)

    def _query(self, call: Call, account: FakeAccount, said: Said) -> Row:
        return self._row(self._found(account, said), listed=True)

    def _found(self, account: FakeAccount, said: Said, *, id_name: str = "orderId") -> FakeOrder:
        """Return the plain order that a request names. Raises Refused where there is none."""
        symbol = symbol_in(self._exchange, said)
        order_id, client_id = whole_in(said, id_name), said.get("origClientOrderId", "")
        if not order_id and not client_id:
            raise Objection(
                "-1102", "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty", 400
            )
        order = account.order(symbol, order_id=order_id or None, client_id=client_id or None)
        if order.algo:
            raise Refused(Reason.UNKNOWN_ORDER)
        return order

    def _open_one(self, call: Call, account: FakeAccount, said: Said) -> Row:
        order = self._found(account, said)
        if not order.working:
            raise Refused(Reason.UNKNOWN_ORDER)
        return self._row(order, listed=True)

    def _amend(self, call: Call, account: FakeAccount, said: Said) -> Row:
        self._access.count_orders(call, account, 1)
        return self._amended(account, said)

    def _amended(self, account: FakeAccount, said: Said) -> Row:
        """Change an order; one that would end by it, filled beyond or taking though post-only, is cancelled."""
        for name in ("side", "quantity", "price"):
            if not said.get(name):
                raise _missing(name)
        order = self._found(account, said)
        if said["side"] != order.placement.side.upper():
            raise Objection("-1117", "Invalid side.", 400)
        price, qty = decimal_in(said, "price"), decimal_in(said, "quantity")
        try:
            changed = account.amend(order.placement.symbol, order_id=order.order_id, price=price, qty=qty)
        except Refused as error:
            if error.reason not in (Reason.AMEND_QTY, Reason.POST_ONLY):
                raise
            changed = account.cancel(order.placement.symbol, order_id=order.order_id)
        return self._row(changed) | {"pair": order.placement.symbol}

    def _cancel(self, call: Call, account: FakeAccount, said: Said) -> Row:
        return self._cancelled(account, said)

    def _cancelled(self, account: FakeAccount, said: Said) -> Row:
        try:
            order = self._found(account, said)
            gone = account.cancel(order.placement.symbol, order_id=order.order_id)
        except Refused as error:
            if error.reason not in (Reason.UNKNOWN_ORDER, Reason.ENDED_ORDER):
                raise
            raise Objection("-2011", "Unknown order sent.", 400) from error
        return self._row(gone)

    # ------------------------------------------------------------------ several orders at once

    def _place_batch(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        batch = _batch_of(said)
        self._access.count_orders(call, account, len(batch))
        return [
            _or_error(
                lambda one=one: self._placed(  # type: ignore[misc]
                    account, self._asked(account, one, KINDS.get(one.get("type", ""), ""))
                )
            )
            for one in batch
        ]

    def _amend_batch(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        batch = _batch_of(said)
        self._access.count_orders(call, account, len(batch))
        return [_or_error(lambda one=one: self._amended(account, one)) for one in batch]  # type: ignore[misc]

    def _cancel_batch(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        ids = _list_of(said, "orderidlist", "orderIdList")
        client_ids = _list_of(said, "origclientorderidlist", "origClientOrderIdList")
        wanted = [{"orderId": str(one)} for one in ids] + [
            {"origClientOrderId": str(one)} for one in client_ids
        ]
        symbol = symbol_in(self._exchange, said)
        return [
            _or_error(lambda one=one: self._cancelled(account, {"symbol": symbol, **one}))  # type: ignore[misc]
            for one in wanted
        ]

    def _cancel_all(self, call: Call, account: FakeAccount, said: Said) -> Row:
        self._drop(account, account.open_orders(symbol_in(self._exchange, said), algo=False))
        return _DONE

    def _drop(self, account: FakeAccount, orders: Iterable[FakeOrder]) -> None:
        for order in orders:
            try:
                account.cancel(order.placement.symbol, order_id=order.order_id)
            except Refused as error:
                if error.reason not in (Reason.UNKNOWN_ORDER, Reason.ENDED_ORDER):
                    raise

    # ------------------------------------------------------------------ lists of orders

    def _open(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said) if "symbol" in said else None
        return [self._row(order, listed=True) for order in account.open_orders(symbol, algo=False)]

    def _all(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said)
        start_ns, end_ns, limit = week(call, said, 500, 1000)
        first_id = whole_in(said, "orderId")
        orders = sorted(_every(account, symbol, algo=False), key=lambda order: order.order_id)
        if first_id:
            return [self._row(o, listed=True) for o in orders if o.order_id >= first_id][:limit]
        return [self._row(o, listed=True) for o in orders if start_ns <= o.created_ns <= end_ns][-limit:]

    def _forced(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said) if "symbol" in said else None
        start_ns, end_ns, limit = week(call, said, 50, 100)
        return [
            self._row(order, listed=True)
            for order in _every(account, symbol, algo=False)
            if order.placement.client_id.startswith(("autoclose-", "adl_autoclose"))
            and start_ns <= order.created_ns <= end_ns
        ][-limit:]

    # ------------------------------------------------------------------ conditional orders

    def _place_algo(self, call: Call, account: FakeAccount, said: Said) -> Row:
        self._access.count_orders(call, account, 1)
        if said.get("algoType") != "CONDITIONAL":
            raise Objection(
                "-1102", "Mandatory parameter 'algoType' was not sent, was empty/null, or malformed.", 400
            )
        asked = self._asked(account, said, KINDS.get(said.get("type", ""), ""))
        if asked.kind in ("limit", "market"):
            raise Objection("-1116", "Invalid orderType.", 400)
        return self._algo_row(account, account.place(asked))

    def _algo_row(self, account: FakeAccount, order: FakeOrder, *, listed: bool = False) -> Row:
        symbol = order.placement.symbol
        child = account.order(symbol, order_id=order.child_id) if order.child_id else None
        return algo_row(order, self._exchange.instruments[symbol], child, listed=listed)

    def _algo(self, account: FakeAccount, said: Said) -> FakeOrder:
        algo_id, client_id = whole_in(said, "algoId"), said.get("clientAlgoId", "")
        if not algo_id and not client_id:
            raise Objection(
                "-1102", "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty", 400
            )
        found = [
            order
            for order in _every(account, None, algo=True)
            if ALGO_BASE + order.order_id == algo_id or (client_id and order.placement.client_id == client_id)
        ]
        if not found:
            raise Refused(Reason.UNKNOWN_ORDER)
        return max(found, key=lambda order: (order.working, order.order_id))

    def _query_algo(self, call: Call, account: FakeAccount, said: Said) -> Row:
        return self._algo_row(account, self._algo(account, said), listed=True)

    def _cancel_algo(self, call: Call, account: FakeAccount, said: Said) -> Row:
        try:
            order = self._algo(account, said)
            account.cancel(order.placement.symbol, order_id=order.order_id)
        except Refused as error:
            if error.reason not in (Reason.UNKNOWN_ORDER, Reason.ENDED_ORDER):
                raise
            raise Objection("-2011", "Unknown order sent.", 400) from error
        return {
            "algoId": ALGO_BASE + order.order_id,
            "clientAlgoId": order.placement.client_id,
            "code": "200",
            "msg": "success",
        }

    def _open_algos(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said) if "symbol" in said else None
        return [
            self._algo_row(account, order, listed=True) for order in account.open_orders(symbol, algo=True)
        ]

    def _all_algos(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said)
        start_ns, end_ns, limit = week(call, said, 500, 1000)
        orders = sorted(_every(account, symbol, algo=True), key=lambda order: order.order_id)
        return [
            self._algo_row(account, order, listed=True)
            for order in orders
            if start_ns <= order.created_ns <= end_ns
        ][-limit:]

    def _cancel_all_algos(self, call: Call, account: FakeAccount, said: Said) -> Row:
        self._drop(account, account.open_orders(symbol_in(self._exchange, said), algo=True))
        return _DONE

    def _countdown(self, call: Call, account: FakeAccount, said: Said) -> Row:
        symbol = symbol_in(self._exchange, said)
        if not said.get("countdownTime"):
            raise _missing("countdownTime")
        wait_ms = whole_in(said, "countdownTime")
        account.arm_dead_man(wait_ms * _NS, symbol)
        return {"symbol": symbol, "countdownTime": str(wait_ms)}


def _missing(name: str) -> Objection:
    return Objection(
        "-1102", f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.", 400
    )


def _surplus(name: str) -> Objection:
    return Objection("-1106", f"Parameter '{name}' sent when not required.", 400)


def _check_flags(said: Mapping[str, str], *, hedge: bool) -> None:
    """Refuse words that are neither true nor false, and reduce-only where the position side says it."""
    for name in ("reduceOnly", "closePosition"):
        if said.get(name, "false") not in ("true", "false"):
            raise Objection("-1130", f"Data sent for parameter '{name}' is not valid.", 400)
    if "reduceOnly" in said and (hedge or said.get("closePosition") == "true"):
        raise _surplus("reduceonly")
    if said.get("workingType", "CONTRACT_PRICE") not in ("CONTRACT_PRICE", "MARK_PRICE"):
        raise Objection("-1130", "Data sent for parameter 'workingType' is not valid.", 400)


def _callback_in(said: Mapping[str, str]) -> Decimal:
    """Return the distance of a trailing stop in percent: in steps of a tenth, from one of them to ten."""
    ratio = decimal_in(said, "callbackRate")
    if ratio is None:
        raise _missing("callbackRate")
    if not _CALLBACK_LEAST <= ratio <= _CALLBACK_MOST or ratio % _CALLBACK_LEAST:
        raise Objection("-2007", "Invalid callBack rate.", 400)
    return ratio


def _check_fields(
    kind: str, qty: Decimal | None, price: Decimal | None, trigger: Decimal | None, *, closing: bool
) -> None:
    if qty is None and not closing:
        raise Objection(
            "-1102", "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.", 400
        )
    if qty is not None and qty <= 0:
        raise Objection("-4003", "Quantity less than or equal to zero.", 400)
    if kind in ("limit", "stop_limit", "take_profit_limit"):
        if price is None:
            raise Objection(
                "-1102", "Mandatory parameter 'price' was not sent, was empty/null, or malformed.", 400
            )
        if price <= 0:
            raise Objection("-4001", "Price less than 0.", 400)
    elif kind == "market" and price is not None:
        raise Objection("-1106", "Parameter 'price' sent when not required.", 400)
    if kind not in ("limit", "market", "trailing_stop") and trigger is None:
        raise Objection("-1102", "Mandatory parameter 'triggerPrice' was not sent, was empty/null.", 400)


def _side_of(said: Mapping[str, str]) -> str:
    side = _SIDES.get(said.get("positionSide", "BOTH"))
    if side is None:
        raise Objection("-4060", "Invalid position side.", 400)
    return side


def _batch_of(said: Said) -> list[Said]:
    try:
        batch = msgspec.json.decode(said.get("batchOrders", "[]"), type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise Objection("-1130", "parameter 'batchOrders' is invalid.", 400) from error
    if not 1 <= len(batch) <= _BATCH_MAX:
        raise Objection("-4082", "Invalid number of batch place orders.", 400)
    return [
        {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in one.items()}
        for one in batch
    ]


def _list_of(said: Said, *names: str) -> list[object]:
    text = next((said[name] for name in names if name in said), "[]")
    try:
        return msgspec.json.decode(text, type=list[object])
    except msgspec.DecodeError as error:
        raise Objection("-1130", f"parameter '{names[0]}' is invalid.", 400) from error


def _or_error(work: Callable[[], Row]) -> Row:
    try:
        return work()
    except Refused as error:
        objection = objection_of(error)
    except Objection as error:
        objection = error
    except ValueError as error:
        objection = Objection("-1130", f"parameter '{error}' is invalid.")
    return {"code": int(objection.code), "msg": objection.text}


def _every(account: FakeAccount, symbol: str | None, *, algo: bool) -> list[FakeOrder]:
    ended = account.ended_orders(symbol, algo=algo, limit=_HISTORY_MAX)
    return [*account.open_orders(symbol, algo=algo), *ended]
