"""Bybit's streams: public topics of linear perpetuals, and the orders, executions, positions and wallet of one account.

A topic is one text, such as ``orderbook.50.BTCUSDT``. Books come as a snapshot and changes whose numbers follow
each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.venues.fake import bybit_words as words
from tradewind.venues.fake.bybit_market import ticker_row
from tradewind.venues.fake.bybit_trade import execution_row_of
from tradewind.venues.fake.channels import levels
from tradewind.venues.fake.envelopes import Objection, Row, hex_hmac, matches
from tradewind.venues.fake.events import (
    BalanceChanged,
    BookChanged,
    CandleChanged,
    FundingSettled,
    LiquidationPrinted,
    MarkChanged,
    OrderChanged,
    PositionChanged,
    TradePrinted,
)
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.bybit import BybitProtocol
    from tradewind.venues.fake.events import Channel
    from tradewind.venues.fake.protocol import Socket

__all__ = ["BybitSession"]

_IDLE_NS = 600_000_000_000
_MS = 1_000_000
_DEPTHS = (1, 50, 200, 1000)
_WATCHED: dict[str, Channel] = {
    "publicTrade": "trades",
    "orderbook": "book",
    "tickers": "mark",
    "allLiquidation": "liquidations",
}
_PRIVATE = frozenset({"order", "execution", "position", "wallet", "dcp.future"})
_WORD_OF_BAR = {length: word for word, length in words.BARS.items()}


class BybitSession:
    """One socket of Bybit.

    Parameters
    ----------
    protocol
        Knows the accounts.
    socket, access
        The way out, and "public" or "private".
    host, connection
        Where it was opened, and the name that answers carry.
    """

    def __init__(
        self, protocol: BybitProtocol, socket: Socket, access: str, host: str, connection: str
    ) -> None:
        self._protocol = protocol
        self._exchange = protocol.exchange
        self._socket = socket
        self._access = access
        self._host = host
        self._connection = connection
        self.account: FakeAccount | None = None
        self._topics: set[str] = set()
        self._update_ids: dict[str, int] = {}
        self._unwatch: dict[str, Callable[[], None]] = {}
        self._heard_ns = self._exchange.now_ns()
        self._frames = 0
        self._tellers: dict[type, Callable[[Any], None]] = (
            {
                OrderChanged: self._tell_order,
                PositionChanged: self._tell_position,
                BalanceChanged: self._tell_balance,
                FundingSettled: self._tell_funding,
            }
            if access == "private"
            else {
                TradePrinted: self._tell_trade,
                BookChanged: self._tell_book,
                CandleChanged: self._tell_candle,
                MarkChanged: self._tell_ticker,
                LiquidationPrinted: self._tell_liquidation,
            }
        )

    # ------------------------------------------------------------------ the Session of the server

    def hear(self, text: str) -> None:
        """Take a frame: a ping, a login, subscriptions."""
        self._heard_ns = self._exchange.now_ns()
        message: Row = {}
        try:
            message = msgspec.json.decode(text)
            self._operate(message)
        except Objection as error:
            self._answer(message, success=False, text=error.text)
        except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError):
            self._answer({}, success=False, text="Invalid request")

    def happen(self, event: object) -> None:
        """Tell the client of an event where it listens to it."""
        teller = self._tellers.get(type(event))
        if teller is not None and self._topics:
            teller(event)

    def tick(self, now_ns: int) -> None:
        """Close a socket that said nothing for ten minutes."""
        if now_ns - self._heard_ns > _IDLE_NS:
            self._socket.close(1006, "idle")

    def end(self) -> None:
        """Forget every subscription; a socket that guarded sets off the dead-man timer."""
        for unwatch in self._unwatch.values():
            unwatch()
        self._unwatch.clear()
        if "dcp.future" in self._topics and self.account is not None:
            self._protocol.unguard(self.account)
        self._topics.clear()

    # ------------------------------------------------------------------ operations

    def _operate(self, message: Row) -> None:
        operation = message.get("op")
        if operation == "ping":
            self._pong(message)
        elif operation == "auth":
            self._log_in(message["args"])
            self._answer(message, success=True, text="")
        elif operation == "subscribe":
            self._subscribe(message)
        elif operation == "unsubscribe":
            for topic in message["args"]:
                self._drop(topic)
            self._answer(message, success=True, text="")
        else:
            raise Objection("10001", "Invalid op")

    def _answer(self, message: Row, *, success: bool, text: str) -> None:
        said: Row = {
            "success": success,
            "ret_msg": text,
            "conn_id": self._connection,
            "req_id": message.get("req_id", ""),
            "op": message.get("op", ""),
        }
        if not success:
            said["request"] = {"op": message.get("op", ""), "args": message.get("args", [])}
        self._socket.send(said)

    def _pong(self, message: Row) -> None:
        if self._access == "public":
            self._answer(message, success=True, text="pong")
            return
        at = str(self._exchange.now_ns() // _MS)
        said = {"req_id": message.get("req_id", ""), "op": "pong", "args": [at], "conn_id": self._connection}
        self._socket.send(said)

    def _log_in(self, args: list[Any]) -> None:
        key, expires, sign = (str(arg) for arg in args)
        if self._access != "private":
            raise Objection("10001", "Invalid op")
        account = self._protocol.account_for(key, self._host)
        if int(expires) <= self._exchange.now_ns() // _MS:
            raise Objection("10004", "Params Error: expires is in the past")
        if not matches(sign, hex_hmac(account.secret, f"GET/realtime{expires}")):
            raise Objection("10004", "Invalid signature")
        self.account = account

    def _subscribe(self, message: Row) -> None:
        fresh = [str(topic) for topic in message["args"] if topic not in self._topics]
        for topic in fresh:
            self._listen(topic)
        self._topics.update(fresh)
        self._answer(message, success=True, text="subscribe" if self._access == "private" else "")
        for topic in fresh:
            self._begin(topic)

    def _listen(self, topic: str) -> None:
        wrong = Objection("10001", f"error:handler not found,topic:{topic}")
        if self._access == "private":
            if topic not in _PRIVATE:
                raise wrong
            if self.account is None:
                raise Objection("10004", "Request not authorized")
            if topic == "dcp.future":
                self._protocol.guard(self.account)
            return
        parts = topic.split(".")
        if parts[-1] not in self._exchange.instruments:
            raise wrong
        if parts[0] == "kline" and len(parts) == 3 and parts[1] in words.BARS:
            interval = words.BARS[parts[1]]
            self._unwatch[topic] = self._exchange.watch("candles", parts[-1], interval)
        elif parts[0] == "orderbook" and (len(parts) != 3 or parts[1] not in map(str, _DEPTHS)):
            raise wrong
        elif parts[0] in _WATCHED:
            self._unwatch[topic] = self._exchange.watch(_WATCHED[parts[0]], parts[-1])
        else:
            raise wrong

    def _drop(self, topic: str) -> None:
        unwatch = self._unwatch.pop(topic, None)
        if unwatch is not None:
            unwatch()
        if topic == "dcp.future" and topic in self._topics and self.account is not None:
            self._protocol.unguard(self.account)
        self._topics.discard(topic)

    def _begin(self, topic: str) -> None:
        parts = topic.split(".")
        if parts[0] == "orderbook":
            book = self._exchange.book(parts[2], int(parts[1]))
            self._update_ids[topic] = self._update_ids.get(topic, book.update_id) + 1
            data = {
                "s": parts[2],
                "b": levels(book.bids),
                "a": levels(book.asks),
                "u": self._update_ids[topic],
                "seq": book.update_id,
            }
            self._push(topic, data, type="snapshot", cts=book.ts_ns // _MS)
        elif parts[0] == "tickers":
            self._push(topic, ticker_row(self._exchange, parts[1]), type="snapshot", cs=0)

    def _push(self, topic: str, data: object, **fields: object) -> None:
        self._socket.send({"topic": topic, "ts": self._exchange.now_ns() // _MS, **fields, "data": data})

    # ------------------------------------------------------------------ the market

    def _tell_trade(self, event: TradePrinted) -> None:
        topic = f"publicTrade.{event.symbol}"
        if topic not in self._topics:
            return
        row = {
            "T": event.ts_ns // _MS,
            "s": event.symbol,
            "S": event.side.capitalize(),
            "v": plain(event.qty),
            "p": plain(event.price),
            "L": "PlusTick" if event.side == "buy" else "MinusTick",
            "i": words.order_id_of(event.trade_id),
            "BT": False,
        }
        self._push(topic, [row], type="snapshot")

    def _tell_book(self, event: BookChanged) -> None:
        for depth in _DEPTHS:
            topic = f"orderbook.{depth}.{event.symbol}"
            if topic not in self._topics:
                continue
            if depth == 1:
                self._begin(topic)
                continue
            # The id of an update rises by one from message to message of a topic; `seq` is that of the market.
            self._update_ids[topic] += 1
            data = {
                "s": event.symbol,
                "b": levels(event.bids),
                "a": levels(event.asks),
                "u": self._update_ids[topic],
                "seq": event.last_id,
            }
            self._push(topic, data, type="delta", cts=event.ts_ns // _MS)

    def _tell_candle(self, event: CandleChanged) -> None:
        word = _WORD_OF_BAR.get(event.interval_ns)
        topic = f"kline.{word}.{event.symbol}"
        if topic not in self._topics:
            return
        numbers = words.candle_row(event.row)
        start = event.row.open_ns // _MS
        row = {
            "start": start,
            "end": start + event.interval_ns // _MS - 1,
            "interval": word,
            "open": numbers[1],
            "close": numbers[4],
            "high": numbers[2],
            "low": numbers[3],
            "volume": numbers[5],
            "turnover": numbers[6],
            "confirm": event.row.closed,
            "timestamp": event.ts_ns // _MS,
        }
        self._push(topic, [row], type="snapshot")

    def _tell_ticker(self, event: MarkChanged) -> None:
        topic = f"tickers.{event.symbol}"
        if topic in self._topics:
            row = ticker_row(self._exchange, event.symbol)
            self._push(topic, row, type="delta", cs=event.ts_ns // _MS)

    def _tell_liquidation(self, event: LiquidationPrinted) -> None:
        topic = f"allLiquidation.{event.symbol}"
        if topic in self._topics:
            # The venue names the side of the position, not that of the order that closed it.
            row = {
                "T": event.ts_ns // _MS,
                "s": event.symbol,
                "S": "Sell" if event.side == "buy" else "Buy",
                "v": plain(event.qty),
                "p": plain(event.price),
            }
            self._push(topic, [row], type="snapshot")

    # ------------------------------------------------------------------ the account

    def _push_private(self, topic: str, rows: list[Row]) -> None:
        self._frames += 1
        self._socket.send(
            {
                "id": f"{self._connection}-{self._frames}",
                "topic": topic,
                "creationTime": self._exchange.now_ns() // _MS,
                "data": rows,
            }
        )

    def _tell_order(self, event: OrderChanged) -> None:
        account = self.account
        if event.account is not account or account is None:
            return
        if event.trade is not None and "execution" in self._topics:
            self._push_private(
                "execution",
                [{"category": "linear", **execution_row_of(self._exchange, account, event.trade)}],
            )
        if "order" in self._topics:
            row = words.order_row(event.order, self._exchange.last(event.order.placement.symbol))
            self._push_private("order", [{**row, "category": "linear", "feeCurrency": ""}])

    def _tell_position(self, event: PositionChanged) -> None:
        if event.account is self.account and "position" in self._topics:
            rules = self._exchange.instruments[event.position.symbol]
            self._push_private("position", [words.event_position_row(event.position, rules)])

    def _tell_balance(self, event: BalanceChanged) -> None:
        if event.account is self.account and "wallet" in self._topics:
            self._push_private("wallet", [words.wallet_row(event.account.balances())])

    def _tell_funding(self, event: FundingSettled) -> None:
        if event.account is self.account and "execution" in self._topics:
            mark = self._exchange.mark(event.income.symbol)
            row = words.funding_execution_row(event.income, mark)
            self._push_private("execution", [{"category": "linear", **row}])
