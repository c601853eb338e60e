"""Binance USD-M's sockets: market streams by subscription, and the account's stream by listen key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.units.time import HOUR_NS, MINUTE_NS
from tradewind.venues.fake.binance_rows import (
    ALGO_BASE,
    INTERVALS_MS,
    TYPES,
    algo_status,
    canonical,
    milli,
    status_of,
    stop_text,
)
from tradewind.venues.fake.events import (
    BalanceChanged,
    BookChanged,
    CandleChanged,
    Channel,
    LiquidationPrinted,
    MarkChanged,
    OrderChanged,
    PositionChanged,
    SettingChanged,
    TradePrinted,
)
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeOrder, FakePosition, FakeTrade
    from tradewind.venues.fake.protocol import Socket

__all__ = ["AccountSession", "ListenKeys", "MarketSession"]

Row = dict[str, Any]

_KEY_LIFE_NS = HOUR_NS
_PING_NS = 3 * MINUTE_NS
_DAY_NS = 24 * HOUR_NS
_STREAMS_MAX = 200
_CHANNELS: dict[str, Channel] = {
    "trade": "trades",
    "aggTrade": "trades",
    "depth": "book",
    "bookTicker": "book",
    "kline": "candles",
    "markPrice": "mark",
    "forceOrder": "liquidations",
}
_EVENTS: dict[Channel, type] = {
    "trades": TradePrinted,
    "book": BookChanged,
    "candles": CandleChanged,
    "mark": MarkChanged,
    "liquidations": LiquidationPrinted,
}
_INTERVAL_NAMES = {span_ms * 1_000_000: name for name, span_ms in INTERVALS_MS.items()}
_EXECUTIONS = {
    "placed": "NEW",
    "filled": "TRADE",
    "canceled": "CANCELED",
    "amended": "AMENDMENT",
    "expired": "EXPIRED",
    "rejected": "EXPIRED",
    "triggered": "NEW",
}
_REASONS = {
    "trade": "ORDER",
    "funding": "FUNDING_FEE",
    "transfer": "DEPOSIT",
    "liquidation": "ORDER",
    "adl": "ORDER",
    "settlement": "ORDER",
    "setting": "MARGIN_TYPE_CHANGE",
}


@dataclass(slots=True)
class _Key:
    account: FakeAccount
    ends_ns: int


class ListenKeys:
    """Keys of account streams: one for each account, living an hour from when it was last asked for."""

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange
        self._keys: dict[str, _Key] = {}
        self._made = 0

    def open(self, account: FakeAccount) -> str:
        """Return the account's key, a new one where none lives; it lives an hour from now."""
        for text, key in self._keys.items():
            if key.account is account and self.account_of(text) is not None:
                return self._extended(text)
        self._made += 1
        text = hashlib.sha256(f"{account.name} {self._made}".encode()).hexdigest()
        self._keys[text] = _Key(account, 0)
        return self._extended(text)

    def extend(self, account: FakeAccount) -> str | None:
        """Let the account's key live an hour from now; None where it has none."""
        for text, key in self._keys.items():
            if key.account is account and self.account_of(text) is not None:
                return self._extended(text)
        return None

    def drop(self, account: FakeAccount) -> None:
        """Forget the account's key."""
        self._keys = {text: key for text, key in self._keys.items() if key.account is not account}

    def expire(self, text: str) -> None:
        """Let a key end now."""
        if text in self._keys:
            self._keys[text].ends_ns = 0

    def account_of(self, text: str) -> FakeAccount | None:
        """Return whose living key this is."""
        key = self._keys.get(text)
        return key.account if key is not None and self._exchange.now_ns() < key.ends_ns else None

    def _extended(self, text: str) -> str:
        self._keys[text].ends_ns = self._exchange.now_ns() + _KEY_LIFE_NS
        return text


class _Life:
    """What every socket has: pings each three minutes, an end after 24 hours."""

    def __init__(self, exchange: FakeExchange, socket: Socket) -> None:
        self._socket = socket
        self._born_ns = self._pinged_ns = exchange.now_ns()

    def tick(self, now_ns: int) -> None:
        if now_ns - self._born_ns >= _DAY_NS:
            self._socket.close(1001, "24 hours")
        elif now_ns - self._pinged_ns >= _PING_NS:
            self._pinged_ns = now_ns
            self._socket.ping()


class MarketSession:
    """A socket of market streams.

    Parameters
    ----------
    streams
        Those that the address itself names; more come by SUBSCRIBE.
    wrapped
        Each message carries the name of its stream, as at a combined address.
    """

    def __init__(
        self, exchange: FakeExchange, socket: Socket, streams: tuple[str, ...] = (), *, wrapped: bool = False
    ) -> None:
        self._exchange = exchange
        self._socket = socket
        self._wrapped = wrapped
        self._life = _Life(exchange, socket)
        self._streams: dict[str, Callable[[], None]] = {}
        self._wanted: dict[tuple[type, str], list[str]] = {}
        for stream in streams:
            self._subscribe(stream)

    def hear(self, text: str) -> None:
        """Take SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS; anything else gets an error."""
        try:
            asked = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            self._socket.send({"error": {"code": 3, "msg": "Invalid JSON: expected value"}})
            return
        method, names, number = asked.get("method"), asked.get("params", []), asked.get("id")
        if method == "LIST_SUBSCRIPTIONS":
            self._socket.send({"result": list(self._streams), "id": number})
        elif method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not isinstance(names, list):
            self._socket.send({"error": {"code": 2, "msg": "Invalid request: unknown variant"}, "id": number})
        elif method == "SUBSCRIBE" and not all(self._known(str(name)) for name in names):
            self._socket.send({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": number})
        else:
            for name in names:
                (self._subscribe if method == "SUBSCRIBE" else self._unsubscribe)(str(name))
            self._socket.send({"result": None, "id": number})

    def happen(self, event: object) -> None:
        """Send an event to the streams that tell it."""
        streams = self._wanted.get((type(event), getattr(event, "symbol", "")))
        if streams:
            for stream, message in _TELLERS[type(event)](self._exchange, event, streams):
                self._socket.send({"stream": stream, "data": message} if self._wrapped else message)

    def tick(self, now_ns: int) -> None:
        """Ping, and end after a day."""
        self._life.tick(now_ns)

    def end(self) -> None:
        """Watch nothing any more."""
        for unwatch in self._streams.values():
            unwatch()
        self._streams.clear()
        self._wanted.clear()

    def _known(self, stream: str) -> bool:
        symbol, _, kind = stream.partition("@")
        name = kind.split("@")[0].split("_")[0]
        name = "depth" if name.startswith("depth") else name
        if name == "kline" and kind.split("_")[-1] not in INTERVALS_MS:
            return False
        everything = stream in ("!markPrice@arr", "!markPrice@arr@1s", "!forceOrder@arr")
        return everything or (name in _CHANNELS and symbol.upper() in self._exchange.instruments)

    def _subscribe(self, stream: str) -> None:
        if stream in self._streams or len(self._streams) >= _STREAMS_MAX or not self._known(stream):
            return
        symbol, _, kind = stream.partition("@")
        name = symbol[1:] if symbol.startswith("!") else kind.split("@")[0].split("_")[0]
        channel: Channel = "book" if name.startswith("depth") else _CHANNELS[name]
        symbols = list(self._exchange.instruments) if symbol.startswith("!") else [symbol.upper()]
        interval_ns = INTERVALS_MS[kind.split("_")[1]] * 1_000_000 if name == "kline" else 0
        unwatches = [self._exchange.watch(channel, one, interval_ns) for one in symbols]

        wanted = [self._wanted.setdefault((_EVENTS[channel], one), []) for one in symbols]
        for streams in wanted:
            streams.append(stream)

        def unwatch_all() -> None:
            for unwatch, streams in zip(unwatches, wanted, strict=True):
                unwatch()
                streams.remove(stream)

        self._streams[stream] = unwatch_all

    def _unsubscribe(self, stream: str) -> None:
        unwatch = self._streams.pop(stream, None)
        if unwatch is not None:
            unwatch()


class AccountSession:
    """The socket of an account's stream, as long as its listen key lives."""

    def __init__(self, exchange: FakeExchange, socket: Socket, keys: ListenKeys, key: str) -> None:
        account = keys.account_of(key)
        assert account is not None
        self.account = account
        self._exchange = exchange
        self._socket = socket
        self._keys = keys
        self._key = key
        self._life = _Life(exchange, socket)
        self._expired = False
        self._held: list[Row] = []
        self._cause = "ORDER"

    def hear(self, text: str) -> None:
        """Nothing is asked on this socket; what comes is ignored, as at the venue."""

    def happen(self, event: object) -> None:
        """Send what happened to this account."""
        if self._expired or getattr(event, "account", None) is not self.account:
            return
        stamp = milli(self._exchange.now_ns())
        if isinstance(event, OrderChanged):
            self._flush(stamp)
            self._socket.send(
                _algo_update(event, stamp) if event.order.algo else self._order_update(event, stamp)
            )
        elif isinstance(event, PositionChanged):
            # A fill moves position and cash: one message tells both.
            self._held.append(_position_part(event.position, self._exchange))
            self._cause = _REASONS[event.cause]
            if event.cause == "setting":
                self._flush(stamp)
        elif isinstance(event, BalanceChanged):
            withdrawn = event.cause == "transfer" and event.change < 0
            self._cause = "WITHDRAW" if withdrawn else _REASONS[event.cause]
            self._flush(stamp, [_balance_part(event)])
        elif isinstance(event, SettingChanged) and event.setting == "leverage":
            self._socket.send(
                {
                    "e": "ACCOUNT_CONFIG_UPDATE",
                    "E": stamp,
                    "T": milli(event.ts_ns),
                    "ac": {"s": event.symbol, "l": int(event.value)},
                }
            )

    def tick(self, now_ns: int) -> None:
        """Ping, end after a day, and tell that the key has expired."""
        self._flush(milli(now_ns))
        self._life.tick(now_ns)
        if not self._expired and self._keys.account_of(self._key) is None:
            self._expired = True
            self._socket.send({"e": "listenKeyExpired", "E": milli(now_ns), "listenKey": self._key})

    def expire(self) -> None:
        """Let the key of this stream end now."""
        self._keys.expire(self._key)
        self.tick(self._exchange.now_ns())

    def end(self) -> None:
        """Nothing is kept."""

    def _flush(self, stamp: int, balances: list[Row] | None = None) -> None:
        """Tell positions that are still to be told, with the cash that moved."""
        if self._held or balances:
            self._socket.send(_account_update(self._cause, balances or [], self._held, stamp))
            self._held = []

    def _order_update(self, event: OrderChanged, stamp: int) -> Row:
        instrument = self._exchange.instruments[event.order.placement.symbol]
        return {
            "e": "ORDER_TRADE_UPDATE",
            "E": stamp,
            "T": milli(event.order.updated_ns),
            "o": _order_part(event, instrument.tick_size, instrument.lot_size, instrument.settle),
        }


def _order_part(event: OrderChanged, tick: Decimal, lot: Decimal, settle: str) -> Row:
    order, trade = event.order, event.trade
    asked = order.placement
    taken = trade is not None and trade.kind != "trade"
    row: Row = {
        "s": asked.symbol,
        "c": asked.client_id,
        "S": asked.side.upper(),
        "o": TYPES[asked.kind],
        "f": "GTD" if asked.expires_ns else asked.tif,
        "q": canonical(asked.qty, lot),
        "p": canonical(asked.price, tick),
        "ap": canonical(order.average),
        "sp": stop_text(order, tick),
        "x": "CALCULATED" if taken else _EXECUTIONS["filled" if trade is not None else event.cause],
        "X": status_of(order),
        "i": order.order_id,
    }
    return (
        row
        | _fill_part(order, trade, lot, settle)
        | {
            "b": "0",
            "a": "0",
            "m": trade is not None and trade.maker,
            "R": asked.reduce_only,
            "wt": "MARK_PRICE" if asked.trigger_by == "mark" else "CONTRACT_PRICE",
            "ot": TYPES[asked.kind],
            "ps": asked.position_side.upper(),
            "cp": asked.close_position,
            "pP": False,
            "si": 0,
            "ss": 0,
            "rp": canonical(trade.realized_pnl if trade is not None else None),
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": milli(asked.expires_ns),
        }
    )


def _fill_part(order: FakeOrder, trade: FakeTrade | None, lot: Decimal, settle: str) -> Row:
    return {
        "l": canonical(trade.qty if trade is not None else None, lot),
        "z": canonical(order.filled, lot),
        "L": plain(trade.price) if trade is not None else "0",
        "N": trade.fee_asset if trade is not None else settle,
        "n": canonical(trade.fee) if trade is not None else "0",
        "T": milli(trade.ts_ns if trade is not None else order.updated_ns),
        "t": trade.trade_id if trade is not None else 0,
    }


def _algo_update(event: OrderChanged, stamp: int) -> Row:
    order = event.order
    asked = order.placement
    return {
        "e": "ALGO_UPDATE",
        "T": milli(order.updated_ns),
        "E": stamp,
        "o": {
            "caid": asked.client_id,
            "aid": ALGO_BASE + order.order_id,
            "at": "CONDITIONAL",
            "o": TYPES[asked.kind],
            "s": asked.symbol,
            "S": asked.side.upper(),
            "ps": asked.position_side.upper(),
            "f": asked.tif,
            "q": plain(asked.qty),
            "X": algo_status(order),
            "ai": str(order.child_id) if order.child_id else "",
            "ap": "0.00000",
            "aq": "0.00000",
            "act": "0",
            "tp": plain(order.stop_price or asked.trigger or Decimal(0)),
            "p": plain(asked.price or Decimal(0)),
            "V": "EXPIRE_MAKER",
            "wt": "MARK_PRICE" if asked.trigger_by == "mark" else "CONTRACT_PRICE",
            "pm": "NONE",
            "cp": asked.close_position,
            "pP": False,
            "R": asked.reduce_only,
            "tt": milli(order.updated_ns) if order.state == "triggered" else 0,
            "gtd": milli(asked.expires_ns),
        },
    }


def _account_update(reason: str, balances: list[Row], positions: list[Row], stamp: int) -> Row:
    return {
        "e": "ACCOUNT_UPDATE",
        "E": stamp,
        "T": stamp,
        "a": {"m": reason, "B": balances, "P": positions},
    }


def _balance_part(event: BalanceChanged) -> Row:
    wallet = canonical(event.balance.wallet)
    outside = canonical(event.change) if event.cause == "transfer" else "0"
    return {"a": event.balance.asset, "wb": wallet, "cw": wallet, "bc": outside}


def _position_part(position: FakePosition, exchange: FakeExchange) -> Row:
    return {
        "s": position.symbol,
        "pa": canonical(position.qty, exchange.instruments[position.symbol].lot_size),
        "ep": canonical(position.entry),
        "bep": canonical(position.entry),
        "cr": "0",
        "up": canonical(position.unrealized),
        "mt": "isolated" if position.isolated else "cross",
        "iw": canonical(position.isolated_margin),
        "ps": position.position_side.upper(),
    }


# ---------------------------------------------------------------------- market messages


Told = list[tuple[str, object]]


def _trade_told(exchange: FakeExchange, event: TradePrinted, streams: list[str]) -> Told:
    number = event.trade_id
    shared = {
        "E": milli(exchange.now_ns()),
        "s": event.symbol,
        "p": plain(event.price),
        "q": plain(event.qty),
        "T": milli(event.ts_ns),
        "m": event.side == "sell",
    }
    return [
        (stream, {"e": "trade", **shared, "t": number, "X": "MARKET"})
        if stream.endswith("@trade")
        else (stream, {"e": "aggTrade", **shared, "a": number, "f": number, "l": number})
        for stream in streams
    ]


def _book_told(exchange: FakeExchange, event: BookChanged, streams: list[str]) -> Told:
    stamp = milli(exchange.now_ns())
    told: Told = []
    for stream in streams:
        kind = stream.partition("@")[2]
        if kind == "bookTicker":
            told.append((stream, _top(exchange, event, stamp)))
            continue
        levels = kind.split("@")[0][len("depth") :]
        if levels:
            book = exchange.book(event.symbol, int(levels))
            told.append((stream, _depth(event, book.bids, book.asks, stamp)))
        else:
            told.append((stream, _depth(event, event.bids, event.asks, stamp)))
    return told


def _depth(event: BookChanged, bids: list[Any], asks: list[Any], stamp: int) -> Row:
    return {
        "e": "depthUpdate",
        "E": stamp,
        "T": milli(event.ts_ns),
        "s": event.symbol,
        "U": event.first_id,
        "u": event.last_id,
        "pu": event.previous_id,
        "b": [[plain(price), plain(qty)] for price, qty in bids],
        "a": [[plain(price), plain(qty)] for price, qty in asks],
    }


def _top(exchange: FakeExchange, event: BookChanged, stamp: int) -> Row:
    book = exchange.book(event.symbol, 1)
    (bid, bid_qty), (ask, ask_qty) = book.bids[0], book.asks[0]
    return {
        "e": "bookTicker",
        "u": event.last_id,
        "s": event.symbol,
        "b": plain(bid),
        "B": plain(bid_qty),
        "a": plain(ask),
        "A": plain(ask_qty),
        "T": milli(event.ts_ns),
        "E": stamp,
    }


def _candle_told(exchange: FakeExchange, event: CandleChanged, streams: list[str]) -> Told:
    name = _INTERVAL_NAMES.get(event.interval_ns)
    stream = f"{event.symbol.lower()}@kline_{name}"
    if stream not in streams:
        return []
    row = event.row
    worth = canonical(row.volume * row.close)
    candle = {
        "t": milli(row.open_ns),
        "T": milli(row.open_ns + event.interval_ns) - 1,
        "s": event.symbol,
        "i": name,
        "f": 1,
        "L": 1,
        "o": plain(row.open),
        "c": plain(row.close),
        "h": plain(row.high),
        "l": plain(row.low),
        "v": plain(row.volume),
        "n": 1,
        "x": row.closed,
        "q": worth,
        "V": plain(row.volume),
        "Q": worth,
        "B": "0",
    }
    return [(stream, {"e": "kline", "E": milli(exchange.now_ns()), "s": event.symbol, "k": candle})]


def _mark_told(exchange: FakeExchange, event: MarkChanged, streams: list[str]) -> Told:
    row = {
        "e": "markPriceUpdate",
        "E": milli(exchange.now_ns()),
        "s": event.symbol,
        "p": canonical(event.mark),
        "i": canonical(event.index),
        "P": canonical(event.mark),
        "r": canonical(event.funding_rate),
        "T": milli(event.next_funding_ns),
    }
    return [(stream, [row] if stream.startswith("!") else row) for stream in streams]


def _liquidation_told(exchange: FakeExchange, event: LiquidationPrinted, streams: list[str]) -> Told:
    price, qty = plain(event.price), plain(event.qty)
    row = {
        "e": "forceOrder",
        "E": milli(exchange.now_ns()),
        "o": {
            "s": event.symbol,
            "S": event.side.upper(),
            "o": "LIMIT",
            "f": "IOC",
            "q": qty,
            "p": price,
            "ap": price,
            "X": "FILLED",
            "l": qty,
            "z": qty,
            "T": milli(event.ts_ns),
        },
    }
    return [(stream, row) for stream in streams]


_TELLERS: dict[type, Callable[[FakeExchange, Any, list[str]], Told]] = {
    TradePrinted: _trade_told,
    BookChanged: _book_told,
    CandleChanged: _candle_told,
    MarkChanged: _mark_told,
    LiquidationPrinted: _liquidation_told,
}
