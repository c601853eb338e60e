"""BloFin's streams: public channels of the market, and the orders, positions and balance of one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.venues.fake import blofin_words as words
from tradewind.venues.fake.blofin_account import algo_row_of, order_row_of
from tradewind.venues.fake.blofin_market import ticker_row
from tradewind.venues.fake.channels import ChannelSession, levels
from tradewind.venues.fake.envelopes import Objection, Row, millis
from tradewind.venues.fake.events import (
    BalanceChanged,
    BookChanged,
    CandleChanged,
    MarkChanged,
    OrderChanged,
    PositionChanged,
    TradePrinted,
)
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.blofin import BlofinProtocol
    from tradewind.venues.fake.events import Channel
    from tradewind.venues.fake.orders import FakeOrder
    from tradewind.venues.fake.protocol import Call, Socket

__all__ = ["BlofinSession"]

_BOOK_DEPTH = 200
_WATCHED: dict[str, Channel] = {
    "trades": "trades",
    "books": "book",
    "books5": "book",
    "tickers": "book",
    "funding-rate": "mark",
}
_PRIVATE = frozenset({"orders", "orders-algo", "positions", "account"})
_WORD_OF_BAR = {length: word for word, length in words.BARS.items()}


class BlofinSession(ChannelSession):
    """One socket of BloFin.

    Parameters
    ----------
    protocol
        Checks logins.
    socket, access, call
        The way out, "public" or "private", and the request that opened it.
    """

    def __init__(self, protocol: BlofinProtocol, socket: Socket, access: str, call: Call) -> None:
        self._protocol = protocol
        self._host = call.host
        super().__init__(protocol.exchange, socket, access)

    def tellers(self) -> dict[type, Callable[[Any], None]]:
        """Return what tells the client of each kind of event at this socket."""
        if self.access == "private":
            return {
                OrderChanged: self._tell_order,
                PositionChanged: self._tell_position,
                BalanceChanged: self._tell_balance,
            }
        return {
            TradePrinted: self._tell_trade,
            BookChanged: self._tell_book,
            CandleChanged: self._tell_candle,
            MarkChanged: self._tell_funding,
        }

    def log_in(self, args: Row) -> None:
        """Check a login: it signs the path of the login, not that of the socket."""
        account = self._protocol.account_for(str(args["apiKey"]), self._host)
        said = {name: str(args[name]) for name in ("passphrase", "timestamp", "nonce", "sign")}
        signed = "/users/self/verify" + "GET" + said["timestamp"] + said["nonce"]
        now_ms = self.exchange.now_ns() // 1_000_000
        self._protocol.check_signature(account, said, signed, now_ms)
        self.account = account

    def listen(self, arg: Row) -> Callable[[], None] | None:
        """Begin a subscription. Raises Objection for a channel or instrument that is not here."""
        channel, symbol = str(arg["channel"]), str(arg.get("instId", ""))
        if self.access == "private":
            if channel not in _PRIVATE:
                raise Objection("60018", f"Wrong channel: {channel}")
            if self.account is None:
                raise Objection("60011", "Please log in")
            return None
        if symbol not in self.exchange.instruments:
            raise Objection("60018", f"Wrong instId: {symbol}")
        if channel in _WATCHED:
            return self.exchange.watch(_WATCHED[channel], symbol)
        interval = words.BARS.get(channel.removeprefix("candle"))
        if not channel.startswith("candle") or interval is None:
            raise Objection("60018", f"Wrong channel: {channel}")
        return self.exchange.watch("candles", symbol, interval)

    def begin(self, arg: Row) -> None:
        """Send the present state where the channel begins with it."""
        channel, symbol = arg["channel"], arg.get("instId", "")
        if channel == "books":
            self._send_book(arg, symbol, _BOOK_DEPTH)
        elif channel == "books5":
            self._send_book(arg, symbol, 5)
        elif channel == "tickers":
            self.push(arg, [ticker_row(self.exchange, symbol)])
        elif channel == "funding-rate":
            now = self.exchange.funding(symbol)
            self.push(arg, [_funding_row(symbol, plain(now.predicted), now.next_ns)])
        elif self.account is not None:
            self._begin_private(arg)

    def _begin_private(self, arg: Row) -> None:
        account = self.account
        if account is None:
            return
        channel = arg["channel"]
        if channel in ("orders", "orders-algo"):
            waiting = account.open_orders(None, algo=channel == "orders-algo")
            if waiting:
                self.push(arg, [self._order_row(order) for order in waiting], action="snapshot")
        elif channel == "positions":
            held = [
                words.position_row(position, self.exchange.instruments[position.symbol])
                for position in account.positions()
                if position.qty
            ]
            self.push(arg, held)
        else:
            self.push(arg, words.account_row(account.balances(), self.exchange.now_ns()))

    # ------------------------------------------------------------------ the market

    def _send_book(self, arg: Row, symbol: str, depth: int) -> None:
        book = self.exchange.book(symbol, depth)
        data = {
            "asks": levels(book.asks),
            "bids": levels(book.bids),
            "ts": millis(book.ts_ns),
            "prevSeqId": "0",
            "seqId": str(book.update_id),
        }
        self.push(arg, data, action="snapshot")

    def _tell_book(self, event: BookChanged) -> None:
        for arg in self.subscribed("books", event.symbol):
            data = {
                "asks": levels(event.asks),
                "bids": levels(event.bids),
                "ts": millis(event.ts_ns),
                "prevSeqId": str(event.previous_id),
                "seqId": str(event.last_id),
            }
            self.push(arg, data, action="update")
        for arg in self.subscribed("books5", event.symbol):
            self._send_book(arg, event.symbol, 5)
        for arg in self.subscribed("tickers", event.symbol):
            self.push(arg, [ticker_row(self.exchange, event.symbol)])

    def _tell_trade(self, event: TradePrinted) -> None:
        for arg in self.subscribed("trades", event.symbol):
            row = {
                "instId": event.symbol,
                "tradeId": str(event.trade_id),
                "price": plain(event.price),
                "size": plain(event.qty),
                "side": event.side,
                "ts": millis(event.ts_ns),
            }
            self.push(arg, [row])

    def _tell_candle(self, event: CandleChanged) -> None:
        word = _WORD_OF_BAR.get(event.interval_ns)
        for arg in self.subscribed(f"candle{word}", event.symbol):
            self.push(arg, [words.candle_row(event.row, self.exchange.instruments[event.symbol])])

    def _tell_funding(self, event: MarkChanged) -> None:
        for arg in self.subscribed("funding-rate", event.symbol):
            self.push(arg, [_funding_row(event.symbol, plain(event.funding_rate), event.next_funding_ns)])

    # ------------------------------------------------------------------ the account

    def _order_row(self, order: FakeOrder) -> Row:
        account = self.account
        if account is None:
            raise Objection("60011", "Please log in")
        if order.algo:
            row = algo_row_of(account, order)
            at_market = order.placement.price is None
            extra = {
                "instType": "SWAP",
                "tpslId": row["algoId"],
                "tpTriggerPrice": None,
                "tpOrderPrice": None,
                "slTriggerPrice": None,
                "slOrderPrice": None,
                "orderPrice": "-1" if at_market else row["orderPrice"],
                "actualSide": order.placement.side if order.child_id else "",
                "cancelType": "user_canceled" if order.state == "canceled" else "not_canceled",
            }
            return {**row, **extra}
        row = order_row_of(self.exchange, account, order)
        extra = {
            "instType": "SWAP",
            "tpTriggerPriceType": None,
            "slTriggerPriceType": None,
            "filledAmount": row.pop("filled_amount"),
            "size": plain(order.placement.qty),
            "filledSize": plain(order.filled),
        }
        for name in ("algoClientOrderId", "algoId", "cancelSourceReason"):
            row.pop(name)
        return {**row, **extra}

    def _tell_order(self, event: OrderChanged) -> None:
        if event.account is not self.account:
            return
        channel = "orders-algo" if event.order.algo else "orders"
        for arg in self.subscribed(channel, event.order.placement.symbol):
            self.push(arg, [self._order_row(event.order)], action="update")

    def _tell_position(self, event: PositionChanged) -> None:
        if event.account is not self.account:
            return
        position = event.position
        for arg in self.subscribed("positions", position.symbol):
            self.push(arg, [words.position_row(position, self.exchange.instruments[position.symbol])])

    def _tell_balance(self, event: BalanceChanged) -> None:
        if event.account is not self.account:
            return
        for arg in self.subscribed("account", ""):
            self.push(arg, words.account_row(event.account.balances(), self.exchange.now_ns()))


def _funding_row(symbol: str, rate: str, next_ns: int) -> Row:
    return {"instId": symbol, "fundingRate": rate, "fundingTime": millis(next_ns)}
