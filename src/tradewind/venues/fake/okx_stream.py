"""OKX's streams: public and business channels of the market, private ones of one account.

Books carry sequence numbers and a checksum over their best levels. Bars and stops have a socket of their own,
the "business" one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.venues.fake import okx_holdings as holdings
from tradewind.venues.fake import okx_words as words
from tradewind.venues.fake.channels import ChannelSession
from tradewind.venues.fake.envelopes import Objection, Row, base64_hmac, matches, millis
from tradewind.venues.fake.events import (
    BalanceChanged,
    BookChanged,
    CandleChanged,
    LiquidationPrinted,
    MarkChanged,
    OrderChanged,
    PositionChanged,
    TradePrinted,
)
from tradewind.venues.fake.okx_market import funding_row, interest_row, ticker_row
from tradewind.venues.fake.okx_trade import algo_row_of
from tradewind.venues.fake.protocol import plain
from tradewind.venues.fake.quotas import Quota, Quotas
from tradewind.venues.fake.standing import is_isolated, leverage_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.events import Channel
    from tradewind.venues.fake.okx import OkxProtocol
    from tradewind.venues.fake.protocol import Socket

__all__ = ["OkxSession"]

_CLOCK_S = 30
_DEPTHS = {"books": 400, "books5": 5, "bbo-tbt": 1}
_WATCHED: dict[str, Channel] = {
    "trades": "trades",
    "books": "book",
    "books5": "book",
    "bbo-tbt": "book",
    "tickers": "book",
    "mark-price": "mark",
    "funding-rate": "mark",
    "open-interest": "mark",
}
_PRIVATE = {
    "private": frozenset({"account", "positions", "orders", "balance_and_position"}),
    "business": frozenset({"orders-algo"}),
}
_WORD_OF_BAR = {length: word for word, length in words.BARS.items()}
_SUBSCRIPTIONS = Quota("subscriptions", 480, 3_600_000)


class OkxSession(ChannelSession):
    """One socket of OKX.

    Parameters
    ----------
    protocol
        Knows the accounts.
    socket, access
        The way out, and "public", "private" or "business".
    demo
        Whether it is a socket of demo trading.
    connection
        The name that frames carry.
    """

    def __init__(
        self, protocol: OkxProtocol, socket: Socket, access: str, demo: bool, connection: str
    ) -> None:
        self._protocol = protocol
        self._demo = demo
        self._connection = connection
        self._quotas = Quotas()
        super().__init__(protocol.exchange, socket, access)

    def greeting(self) -> Row:
        """Return the name of the connection, which event frames carry."""
        return {"connId": self._connection}

    def tellers(self) -> dict[type, Callable[[Any], None]]:
        """Return what tells the client of each kind of event at this socket."""
        if self.access == "private":
            return {
                OrderChanged: self._tell_order,
                PositionChanged: self._tell_position,
                BalanceChanged: self._tell_balance,
            }
        if self.access == "business":
            return {CandleChanged: self._tell_candle, OrderChanged: self._tell_order}
        return {
            TradePrinted: self._tell_trade,
            BookChanged: self._tell_book,
            MarkChanged: self._tell_mark,
            LiquidationPrinted: self._tell_liquidation,
        }

    def log_in(self, args: Row) -> None:
        """Check a login; its time is in seconds."""
        if self.access == "public":
            raise Objection("60008", "Login is not supported for public channels.")
        account = self._protocol.account_for(str(args["apiKey"]), demo=self._demo)
        if account is None:
            raise Objection("60005", "Invalid apiKey")
        timestamp = str(args["timestamp"])
        if not timestamp.isdigit():
            raise Objection("60004", "Invalid timestamp")
        if abs(self.exchange.now_ns() / 1e9 - int(timestamp)) > _CLOCK_S:
            raise Objection("60006", "Timestamp request expired")
        if args["passphrase"] != account.passphrase:
            raise Objection("60024", "Wrong passphrase")
        if not matches(str(args["sign"]), base64_hmac(account.secret, f"{timestamp}GET/users/self/verify")):
            raise Objection("60007", "Invalid sign")
        self.account = account

    # ------------------------------------------------------------------ subscriptions

    def listen(self, arg: Row) -> Callable[[], None] | None:
        """Begin a subscription. Raises Objection for a channel or instrument that is not at this socket."""
        channel, symbol = str(arg["channel"]), str(arg.get("instId") or "")
        if not self._quotas.take("socket", _SUBSCRIPTIONS, self.exchange.now_ns() // 1_000_000):
            raise Objection("60014", "Requests too frequent")
        if channel in _PRIVATE.get(self.access, ()):
            if self.account is None:
                raise Objection("60011", "Please log in")
            if channel.startswith("orders") and not arg.get("instType"):
                raise Objection("60027", "Parameter instType can not be empty")
            return None
        missing = Objection("60018", f"channel:{channel},instId:{symbol} doesn't exist")
        if self.access == "public" and channel == "liquidation-orders":
            return self._watch_liquidations()
        if symbol not in self.exchange.instruments:
            raise missing
        if self.access == "public" and channel in _WATCHED:
            return self.exchange.watch(_WATCHED[channel], symbol)
        interval = words.BARS.get(channel.removeprefix("candle"))
        if self.access == "business" and channel.startswith("candle") and interval is not None:
            return self.exchange.watch("candles", symbol, interval)
        raise missing

    def _watch_liquidations(self) -> Callable[[], None]:
        ends = [self.exchange.watch("liquidations", symbol) for symbol in self.exchange.instruments]

        def unwatch() -> None:
            for end in ends:
                end()

        return unwatch

    def begin(self, arg: Row) -> None:
        """Send the present state where the channel begins with it; orders begin with nothing."""
        channel, symbol = arg["channel"], str(arg.get("instId") or "")
        if channel in _DEPTHS:
            self._send_book(arg, symbol, channel)
        elif channel == "tickers":
            self.push(arg, [ticker_row(self.exchange, symbol)])
        elif channel == "mark-price":
            self.push(arg, [_mark_row(symbol, plain(self.exchange.mark(symbol)), self.exchange.now_ns())])
        elif channel == "funding-rate":
            self.push(arg, [funding_row(self.exchange, symbol)])
        elif channel == "open-interest":
            self.push(arg, [interest_row(self.exchange, symbol)])
        elif channel == "positions":
            self._begin_positions(arg, symbol)
        elif channel == "account":
            self._send_account(arg)
        elif channel == "balance_and_position":
            self._send_both(arg, "snapshot")

    def _begin_positions(self, arg: Row, symbol: str) -> None:
        if self.account is None:
            return
        held = [
            holdings.position_row(
                each, self.exchange.instruments[each.symbol], self.exchange.last(each.symbol)
            )
            for each in self.account.positions()
            if each.qty and symbol in ("", each.symbol)
        ]
        self.push(arg, held)

    # ------------------------------------------------------------------ the market

    def _send_book(self, arg: Row, symbol: str, channel: str) -> None:
        book = self.exchange.book(symbol, _DEPTHS[channel])
        row: Row = {
            "asks": words.book_levels(book.asks),
            "bids": words.book_levels(book.bids),
            "ts": millis(book.ts_ns),
            "seqId": book.update_id,
        }
        if channel == "books":
            extra = {"checksum": words.checksum(book), "prevSeqId": -1}
            self.push(arg, [{**row, **extra}], action="snapshot")
        else:
            self.push(arg, [{**row, "instId": symbol}])

    def _tell_book(self, event: BookChanged) -> None:
        symbol = event.symbol
        for arg in self.subscribed("books", symbol):
            row = {
                "asks": words.book_levels(event.asks),
                "bids": words.book_levels(event.bids),
                "ts": millis(event.ts_ns),
                "checksum": words.checksum(self.exchange.book(symbol, 25)),
                "prevSeqId": event.previous_id,
                "seqId": event.last_id,
            }
            self.push(arg, [row], action="update")
        for channel in ("books5", "bbo-tbt"):
            for arg in self.subscribed(channel, symbol):
                self._send_book(arg, symbol, channel)
        for arg in self.subscribed("tickers", symbol):
            self.push(arg, [ticker_row(self.exchange, symbol)])

    def _tell_trade(self, event: TradePrinted) -> None:
        for arg in self.subscribed("trades", event.symbol):
            row = {
                "instId": event.symbol,
                "tradeId": str(event.trade_id),
                "px": plain(event.price),
                "sz": plain(event.qty),
                "side": event.side,
                "ts": millis(event.ts_ns),
                "count": "1",
            }
            self.push(arg, [row])

    def _tell_candle(self, event: CandleChanged) -> None:
        word = _WORD_OF_BAR.get(event.interval_ns)
        for arg in self.subscribed(f"candle{word}", event.symbol):
            self.push(arg, [words.candle_row(event.row, self.exchange.instruments[event.symbol])])

    def _tell_mark(self, event: MarkChanged) -> None:
        for arg in self.subscribed("mark-price", event.symbol):
            self.push(arg, [_mark_row(event.symbol, plain(event.mark), event.ts_ns)])
        for arg in self.subscribed("funding-rate", event.symbol):
            self.push(arg, [funding_row(self.exchange, event.symbol)])
        for arg in self.subscribed("open-interest", event.symbol):
            self.push(arg, [interest_row(self.exchange, event.symbol)])

    def _tell_liquidation(self, event: LiquidationPrinted) -> None:
        rules = self.exchange.instruments[event.symbol]
        for arg in self.subscribed("liquidation-orders", ""):
            detail = {
                "side": event.side,
                "posSide": "short" if event.side == "buy" else "long",
                "bkPx": plain(event.price),
                "sz": plain(event.qty),
                "bkLoss": "0",
                "ccy": "",
                "ts": millis(event.ts_ns),
            }
            family = f"{rules.base}-{rules.quote}"
            row = {
                "instType": "SWAP",
                "instId": event.symbol,
                "instFamily": family,
                "uly": family,
                "details": [detail],
            }
            self.push(arg, [row])

    # ------------------------------------------------------------------ the account

    def _tell_order(self, event: OrderChanged) -> None:
        account, order = self.account, event.order
        if account is None or event.account is not account:
            return
        symbol = order.placement.symbol
        if order.algo:
            for arg in self.subscribed("orders-algo", symbol):
                self.push(arg, [algo_row_of(self.exchange, account, order)])
            return
        args = [arg for arg in self.subscribed("orders", symbol) if arg["instType"] in ("SWAP", "ANY")]
        if not args:
            return
        rules = self.exchange.instruments[symbol]
        row = words.order_row(
            order, rules, leverage_of(account, symbol), event.trade, isolated=is_isolated(account, symbol)
        )
        told = words.order_event_row(row, rules, event.trade, self.exchange.last(symbol))
        for arg in args:
            self.push(arg, [told])

    def _tell_position(self, event: PositionChanged) -> None:
        if event.account is not self.account:
            return
        symbol = event.position.symbol
        for arg in self.subscribed("positions", symbol):
            rules, last = self.exchange.instruments[symbol], self.exchange.last(symbol)
            self.push(arg, [holdings.position_row(event.position, rules, last)])
        for arg in self.subscribed("balance_and_position", ""):
            self._send_both(arg, "filled")

    def _tell_balance(self, event: BalanceChanged) -> None:
        if event.account is not self.account:
            return
        for arg in self.subscribed("account", ""):
            self._send_account(arg)
        for arg in self.subscribed("balance_and_position", ""):
            self._send_both(arg, "filled" if event.cause == "trade" else event.cause)

    def _send_account(self, arg: Row) -> None:
        if self.account is not None:
            self.push(arg, [holdings.account_row(self.account.balances(), self.exchange.now_ns())])

    def _send_both(self, arg: Row, cause: str) -> None:
        if self.account is None:
            return
        at = millis(self.exchange.now_ns())
        balances = [
            {"ccy": each.asset, "cashBal": plain(each.wallet), "uTime": at}
            for each in self.account.balances()
        ]
        positions = []
        for each in self.account.positions():
            rules = self.exchange.instruments[each.symbol]
            row = holdings.position_row(each, rules, self.exchange.last(each.symbol))
            names = [
                "posId",
                "tradeId",
                "instId",
                "instType",
                "mgnMode",
                "posSide",
                "pos",
                "ccy",
                "posCcy",
                "avgPx",
                "uTime",
            ]
            positions.append({name: row[name] for name in names})
        data = {
            "pTime": at,
            "eventType": cause,
            "balData": balances,
            "posData": positions,
            "trades": [],
        }
        self.push(arg, [data])


def _mark_row(symbol: str, mark: str, at_ns: int) -> Row:
    return {"instType": "SWAP", "instId": symbol, "markPx": mark, "ts": millis(at_ns)}
