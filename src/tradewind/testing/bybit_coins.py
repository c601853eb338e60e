"""Bybit's spot market as its documentation writes it, over the small exchange of coins: for unmodified ccxt.

What is asked over REST is answered from the truth of a `CoinExchange`, and what happens there is told over the private
stream. It says what the adapter may see of a spot market, and knows no misfortune, no limit and no other account.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.testing.traded_rules import traded
from tradewind.units.enums import BUY, LONG, MONEY, SELL, IntentKind, Rule
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.gateway import FillSeen, NewOrder, OrderSeen, OrderStatus, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.market import Instrument
    from tradewind.testing.scripted_venue import Asked, ScriptedVenue
    from tradewind.testing.small_coins import CoinExchange
    from tradewind.venues.gateway import Event, Listing, Outcome

__all__ = ["BybitCoins"]

Row = dict[str, Any]
_MS = 1_000_000
_STOPS = "tpslOrder"
_CODES = {
    Rule.VENUE_MARGIN: 170131,
    Rule.VENUE_POST_ONLY: 170218,
    Rule.VENUE_DUPLICATE: 170141,
    Rule.VENUE_OTHER: 170213,
}
_STATUSES = {
    OrderStatus.WORKING: "New",
    OrderStatus.TRIGGERED: "Triggered",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELLED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
    OrderStatus.REJECTED: "Rejected",
}


class BybitCoins:
    """The protocol of one account.

    Parameters
    ----------
    exchange
        The truth, which tells what happens by being listened to.
    listing
        The coin, counted as the session counts it.
    tag
        Signs of the session's orders, by which their ids are read.

    Attributes
    ----------
    venue
        Where messages are said; to be set before anything is asked.
    """

    venue: ScriptedVenue

    def __init__(
        self, exchange: CoinExchange, listing: Listing, clock: Callable[[], int], tag: str = "tag001"
    ) -> None:
        self._exchange, self._clock, self._ids = exchange, clock, ClientIds(tag)
        self._rules, self._symbol = listing.instrument, listing.instrument.symbol
        self._saying: set[asyncio.Future[None]] = set()
        self._routes: dict[str, Callable[[Row], Row | tuple[int, str]]] = {
            "/v5/market/time": lambda _: {"timeNano": str(self._clock())},
            "/v5/market/instruments-info": lambda _: {
                "list": [_listed(each) for each in traded("bybit_spot")]
            },
            "/v5/market/tickers": lambda _: {
                "list": [{"lastPrice": str(self._exchange.last(0) * self._rules.tick_size)}]
            },
            "/v5/user/query-api": lambda _: {
                "permissions": {"Spot": ["SpotTrade"], "Wallet": []},
                "ips": ["*"],
            },
            "/v5/system/status": lambda _: {"list": []},
            "/v5/account/transaction-log": lambda _: {"list": [], "nextPageCursor": ""},
            "/v5/account/wallet-balance": lambda _: {"list": [{"coin": self._wallet()}]},
            "/v5/execution/list": lambda args: {
                "list": [self._trade(f) for f in self._exchange.fills if self._is_within(args, f.ts_ns)],
                "nextPageCursor": "",
            },
            "/v5/order/realtime": self._working,
            "/v5/order/history": self._ended,
            "/v5/order/create": self._create,
            "/v5/order/create-batch": self._create_batch,
            "/v5/order/amend": self._amend,
            "/v5/order/cancel": self._cancel,
            "/v5/order/cancel-all": self._cancel_all,
        }

    # ------------------------------------------------------------------ REST

    def answer(self, asked: Asked) -> object | None:
        """Answer a request as the venue does, None for one that it does not know."""
        work = self._routes.get(asked.path)
        if work is None:
            return None
        told = work(asked.body or asked.query)
        ms = self._clock() // _MS
        if isinstance(told, tuple):
            return {"retCode": told[0], "retMsg": told[1], "result": {}, "retExtInfo": {}, "time": ms}
        extra = told.pop("retExtInfo", {})
        return {"retCode": 0, "retMsg": "OK", "result": told, "retExtInfo": extra, "time": ms}

    def _create(self, args: Row) -> Row | tuple[int, str]:
        outcome = self._exchange.place(self._order(args))
        return self._acknowledged(args, outcome)

    def _create_batch(self, args: Row) -> Row:
        rows, codes = [], []
        for one in args["request"]:
            told = self._create({**one, "category": args["category"]})
            rows.append(
                {"orderId": "", "orderLinkId": one["orderLinkId"]} if isinstance(told, tuple) else told
            )
            code, text = told if isinstance(told, tuple) else (0, "OK")
            codes.append({"code": code, "msg": text})
        return {"list": rows, "retExtInfo": {"list": codes}}

    def _order(self, args: Row) -> NewOrder:
        assert args["category"] == "spot", "another market"
        stops = args.get("orderFilter") == _STOPS
        takes = args["orderType"] == "Market" or args.get("timeInForce") == "IOC"
        assert stops or args["orderType"] != "Market" or args["marketUnit"] == "baseCoin", "counted in money"
        kind = IntentKind.STOP if stops else IntentKind.TARGET if takes else IntentKind.REST
        price = Decimal(args.get("triggerPrice" if stops else "price") or 0)
        return NewOrder(
            0, self._cid(args), kind, BUY if args["side"] == "Buy" else SELL, LONG, False,
            args.get("timeInForce") == "PostOnly", int(price / self._rules.tick_size),
            int(Decimal(args["qty"]) / self._rules.lot_size),
        )  # fmt: skip

    def _amend(self, args: Row) -> Row | tuple[int, str]:
        price = int(Decimal(args["price"]) / self._rules.tick_size)
        lots = int(Decimal(args["qty"]) / self._rules.lot_size)
        return self._acknowledged(args, self._exchange.amend(self._cid(args), price, lots))

    def _cancel(self, args: Row) -> Row | tuple[int, str]:
        found = self._exchange.find(self._cid(args)).order
        wrong = found is not None and found.stop != (args.get("orderFilter") == _STOPS)
        if found is None or wrong:
            return 170213, "Order does not exist."
        return self._acknowledged(args, self._exchange.cancel(found.cid))

    def _cancel_all(self, args: Row) -> Row:
        stops = args.get("orderFilter") == _STOPS
        states = [self._exchange.find(cid).order for cid in self._exchange.working()]
        gone = [seen for seen in states if seen is not None and seen.stop == stops]
        for seen in gone:
            self._exchange.cancel(seen.cid)
        return {
            "list": [{"orderId": seen.venue_id, "orderLinkId": self._link(seen.cid)} for seen in gone],
            "success": "1",
        }

    def _acknowledged(self, args: Row, outcome: Outcome) -> Row | tuple[int, str]:
        if outcome.kind is OutcomeKind.REJECTED:
            return _CODES[outcome.rule], "it is refused"
        cid = self._cid(args)
        seen = self._exchange.find(cid).order
        return {"orderId": "" if seen is None else seen.venue_id, "orderLinkId": self._link(cid)}

    def _working(self, args: Row) -> Row:
        named = "orderId" in args or "orderLinkId" in args
        cids = [self._cid(args)] if named else self._exchange.working()
        return self._orders(cids)

    def _ended(self, args: Row) -> Row:
        working = set(self._exchange.working())
        return self._orders([cid for cid in self._exchange.created if cid not in working])

    def _orders(self, cids: list[int]) -> Row:
        states = [self._exchange.find(cid).order for cid in cids]
        return {"list": [self._row(seen) for seen in states if seen is not None], "nextPageCursor": ""}

    # ------------------------------------------------------------------ the private stream

    def react(self, message: Row) -> list[object]:
        """Answer what is said over a socket: logins, subscriptions and pings."""
        said = {"success": True, "ret_msg": "", "op": message["op"], "conn_id": "1"}
        return [said | {"req_id": message.get("req_id")} if "req_id" in message else said]

    def hear(self, event: Event) -> None:
        """Tell what happened at the exchange."""
        if isinstance(event, OrderSeen):
            self._push("order", self._row(event))
        elif isinstance(event, FillSeen):
            self._push("execution", self._trade(event))
            self._push("wallet", {"accountType": "UNIFIED", "coin": self._wallet()})

    def _push(self, topic: str, row: Row) -> None:
        message = {"id": "1", "topic": topic, "creationTime": self._clock() // _MS, "data": [row]}
        task = asyncio.ensure_future(self.venue.say(topic, msgspec.json.encode(message).decode()))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    # ------------------------------------------------------------------ rows

    def _row(self, seen: OrderSeen) -> Row:
        waits = seen.stop and seen.status is OrderStatus.WORKING
        stops = self._exchange.is_stop(seen.cid)
        price = f"{seen.price_tick * self._rules.tick_size:f}"
        filled = seen.filled_lot * self._rules.lot_size
        paid = Decimal(seen.notional) / MONEY
        return {
            "category": "spot", "symbol": self._symbol, "orderId": seen.venue_id, "orderLinkId": self._link(seen.cid),
            "side": "Buy" if seen.side == BUY else "Sell", "orderType": "Market" if stops else "Limit",
            "orderStatus": "Untriggered" if waits else _STATUSES[seen.status], "isLeverage": "0", "positionIdx": 0,
            "price": "0" if stops else price, "triggerPrice": price if stops else "0.0",
            "qty": f"{seen.qty_lot * self._rules.lot_size:f}", "cumExecQty": f"{filled:f}",
            "cumExecValue": f"{paid:f}", "avgPrice": f"{paid / filled:f}" if filled else "",
            "stopOrderType": _STOPS if stops else "", "reduceOnly": False, "rejectReason": "EC_NoError",
            "createdTime": f"{seen.ts_ns // _MS}", "updatedTime": f"{seen.ts_ns // _MS}",
        }  # fmt: skip

    def _trade(self, seen: FillSeen) -> Row:
        fee = Decimal(seen.fee) / MONEY
        return {
            "category": "spot", "symbol": self._symbol, "execId": seen.trade_id, "orderId": seen.venue_id,
            "orderLinkId": self._link(seen.cid), "side": "Buy" if seen.side == BUY else "Sell",
            "execPrice": f"{seen.price_tick * self._rules.tick_size:f}",
            "execQty": f"{seen.qty_lot * self._rules.lot_size:f}",
            "execValue": f"{Decimal(seen.notional) / MONEY:f}", "execFee": f"{fee:f}",
            "feeCurrency": seen.fee_currency, "isMaker": bool(seen.maker), "execType": "Trade",
            "execTime": f"{seen.ts_ns // _MS}",
        }  # fmt: skip

    def _wallet(self) -> list[Row]:
        coins = int(self._exchange.positions[0, LONG]) * self._rules.lot_size
        cash = Decimal(self._exchange.balance) / MONEY
        return [
            {"coin": name, "walletBalance": f"{amount:f}", "equity": f"{amount:f}", "locked": "0"}
            for name, amount in ((self._rules.base, coins), (self._rules.quote, cash))
        ]

    def _cid(self, args: Row) -> int:
        if args.get("orderId"):
            return self._exchange.cid_of(args["orderId"])
        found = self._ids.decode(args["orderLinkId"])
        assert found is not None, "not an id of ours"
        return found.cid

    def _link(self, cid: int) -> str:
        return self._ids.encode(cid)

    def _is_within(self, args: Row, ts_ns: int) -> bool:
        ms = ts_ns // _MS
        return int(args.get("startTime", 0)) <= ms <= int(args.get("endTime", ms))


def _listed(rules: Instrument) -> Row:
    return {
        "symbol": rules.symbol, "baseCoin": rules.base, "quoteCoin": rules.quote, "status": "Trading",
        "priceFilter": {"tickSize": f"{rules.tick_size}"},
        "lotSizeFilter": {
            "basePrecision": f"{rules.lot_size:f}", "quotePrecision": "0.00000001",
            "minOrderQty": f"{rules.min_qty:f}", "maxOrderQty": "100", "minOrderAmt": f"{rules.min_notional:f}",
            "maxOrderAmt": "4000000",
        },
    }  # fmt: skip
