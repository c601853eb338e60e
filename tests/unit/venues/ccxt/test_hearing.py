"""Messages as venues really sent them, and garbage: what is told, what is dropped and counted."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from tradewind.testing.listeners import Listener, instrument
from tradewind.units.enums import BUY, SELL
from tradewind.units.time import MINUTE_NS
from tradewind.venues.gateway import BarSeen, LiquidationSeen, MarkSeen, OpenInterestSeen, TopSeen, TradeSeen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def sample(shared: Path, venue: str, group: str, name: str) -> dict[str, Any]:
    """Return the message that a client's fixture says was received."""
    path = shared / "messages" / "client_fixtures" / f"{venue}.jsonl.zst"
    for line in (
        zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).decode().splitlines()
    ):
        entry = json.loads(line)
        if (entry["kind"], entry["group"], entry["name"]) == ("ws", group, name):
            text = entry["text"][entry["text"].index("= ") + 2 :]
            found: dict[str, Any] = json.loads(re.sub(r"\s//[^\n]*", "", text))
            return found.get("data", found) if "stream" in found else found
    raise AssertionError(f"no sample {venue} {group} {name}")


def capture(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON messages of a capture with receive times."""
    with path.open("rb") as stream:
        for line in zstandard.ZstdDecompressor().stream_reader(stream).read().decode().splitlines():
            start = line.find("{")
            if start > 0 and "<-" not in line[:start]:
                yield json.loads(line[start:])


def test_trades_of_binance_say_the_takers_side(shared_data: Path) -> None:
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    path = shared_data / "l2" / "binance_usdm" / "BTCUSDT" / "raw_ws_2024-08-08.log.zst"
    with path.open("rb") as stream:
        head = zstandard.ZstdDecompressor().stream_reader(stream).read(3_000_000).decode().splitlines()[:-1]
    messages = [json.loads(line[line.index("{") :]).get("data", {}) for line in head]
    trades = [message for message in messages if message.get("e") == "trade" and message["X"] == "MARKET"]
    told = [event for message in trades for event in listener.hear(message) if isinstance(event, TradeSeen)]
    assert len(told) == len(trades) > 100
    for event, message in zip(told, trades, strict=True):
        assert event.side == (SELL if message["m"] else BUY)
        assert event.price_tick == round(float(message["p"]) * 10)
        assert event.qty_lot == round(float(message["q"]) * 1000)
        assert (event.trade_key, event.ts_ns) == (message["t"], message["T"] * 1_000_000)
    assert listener.dropped == {}


def test_trades_of_the_other_venues(shared_data: Path) -> None:
    bybit = Listener(instrument("bybit_linear", "BTCUSDT", "0.5", "0.001"))
    (told,) = bybit.hear(sample(shared_data, "bybit_v5", "V5/Linear", "Trades"))
    assert isinstance(told, TradeSeen)
    assert (told.side, told.price_tick, told.qty_lot) == (BUY, 33157, 1)
    blofin = Listener(instrument("blofin_swap", "ETH-USDT", "0.05", "0.1", "0.01"))
    (told,) = blofin.hear(sample(shared_data, "blofin", "Futures", "Trades"))
    assert (told.side, told.price_tick, told.qty_lot, told.trade_key) == (SELL, 32808, 10, 106074994)


def test_a_recorded_stream_of_okx_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "messages" / "cryptofeed_captures" / "OKX.ws.1.0.zst"
    rules = [
        ("BTC-USDT", "0.1", "0.00000001"),
        ("UNI-USD-SWAP", "0.001", "1"),
        ("BTC-USD-220527", "0.1", "1"),
    ]
    listener = Listener(*(instrument("okx_swap", *rule) for rule in rules))
    told = Counter[tuple[str, int]]()
    sent = 0
    for message in capture(path):
        told.update((type(event).__name__, event.instrument) for event in listener.hear(message))
        if message.get("arg", {}).get("channel") == "trades" and "data" in message:
            sent += len(message["data"])
    assert sum(count for (kind, _), count in told.items() if kind == "TradeSeen") == sent > 50
    assert listener.dropped.keys() <= {"unknown_symbol", "book_broken"}, listener.dropped


def test_candles_are_told_when_the_venue_says_that_they_are_over(shared_data: Path) -> None:
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    start_ms = listener.now_ns // 1_000_000 // 60_000 * 60_000
    kline = {"t": start_ms, "s": "BTCUSDT", "i": "1m", "v": "1.5", "x": False}
    kline |= {"o": "60000.1", "h": "60010.0", "l": "59990.5", "c": "60001.0"}
    listener.now_ns = (start_ms + 59_000) * 1_000_000
    assert listener.hear({"e": "kline", "k": kline}) == []
    listener.now_ns += 2_000_000_000
    (bar,) = listener.hear({"e": "kline", "k": kline | {"x": True}})
    assert bar == BarSeen(
        0, MINUTE_NS, 600001, 600100, 599905, 600010, 1500, start_ms * 1_000_000, listener.now_ns
    )
    assert listener.hear({"e": "kline", "k": kline | {"x": True}}) == []


@pytest.mark.parametrize(
    ("venue", "file", "name", "symbol"),
    [
        ("okx_swap", "okx_v5", "Klines", "ETH-USDT"),
        ("blofin_swap", "blofin", "Klines", "ETH-USDT"),
    ],
)
def test_a_candle_that_is_open_is_not_told(
    shared_data: Path, venue: str, file: str, name: str, symbol: str
) -> None:
    group = "Unified/ExchangeData" if file == "okx_v5" else "Futures"
    message = sample(shared_data, file, group, name)
    message["arg"]["channel"] = "candle1m"
    candle = message["data"][0]
    candle[0] = "1696636800000"
    listener = Listener(instrument(venue, symbol, "0.01" if file == "okx_v5" else "0.1", "1"))
    assert listener.hear(message) == []
    candle[8] = "1"
    (bar,) = listener.hear(message)
    assert isinstance(bar, BarSeen)
    assert bar.volume_lot == round(float(candle[5]))
    assert listener.dropped == {}


def test_marks_interest_and_liquidations() -> None:
    binance = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    mark = {"e": "markPriceUpdate", "E": 1562305380000, "s": "BTCUSDT", "p": "11794.15000000"}
    (seen,) = binance.hear(mark)
    assert isinstance(seen, MarkSeen)
    assert seen.mark == pytest.approx(117941.5)
    forced = {
        "s": "BTCUSDT",
        "S": "BUY",
        "q": "2",
        "p": "35100.81",
        "ap": "35000",
        "z": "1.437",
        "T": 1698871323059,
    }
    (seen,) = binance.hear({"e": "forceOrder", "o": forced})
    assert isinstance(seen, LiquidationSeen)
    assert (seen.side, seen.notional) == (BUY, pytest.approx(50295.0))
    bybit = Listener(instrument("bybit_linear", "BTCUSDT", "0.1", "0.001"))
    ticker = {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 1672304486868}
    told = bybit.hear(
        ticker | {"data": {"symbol": "BTCUSDT", "markPrice": "17000.5", "openInterest": "12.5"}}
    )
    assert [type(event) for event in told] == [MarkSeen, OpenInterestSeen]
    assert bybit.hear(ticker | {"data": {"symbol": "BTCUSDT", "lastPrice": "1"}}) == []
    row = {"T": 1739502302929, "s": "BTCUSDT", "S": "Sell", "v": "2", "p": "100"}
    (seen,) = bybit.hear({"topic": "allLiquidation.BTCUSDT", "data": [row]})
    assert isinstance(seen, LiquidationSeen)
    assert (seen.side, seen.notional) == (BUY, 200.0)


@pytest.mark.parametrize(
    "bad", [0, -1, "0", "-1", "NaN", "inf", "null", None, "", "1e300", True, [], {}, "60000.05", 1e12 * 1e12]
)
def test_impossible_prices_never_pass(bad: object) -> None:
    """F58: price 0, negative, NaN, far too large, a word: counted, never told."""
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    trade = {"e": "trade", "s": "BTCUSDT", "p": bad, "q": "1", "m": True, "t": 1, "T": 1562305380000}
    assert listener.hear(trade) == []
    mark = {"e": "markPriceUpdate", "E": 1562305380000, "s": "BTCUSDT", "p": bad}
    assert [event for event in listener.hear(mark) if bad != "60000.05"] == []
    kline = {"t": 1562305380000, "s": "BTCUSDT", "i": "1m", "v": "1", "x": True, "o": bad}
    assert listener.hear({"e": "kline", "k": kline | {"h": "2", "l": "1", "c": "1"}}) == []
    assert sum(listener.dropped.values()) >= 2


@pytest.mark.parametrize(
    "message",
    ["pong", None, 5, [], [1], {}, {"e": None}, {"e": "trade"}, {"e": "kline"}, {"e": "kline", "k": []}],
)
def test_messages_without_sense_are_passed_over(message: object) -> None:
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    assert listener.hear(message) == []


def test_strangers_and_repetitions_are_counted() -> None:
    """F14 and F19: told once; what belongs to others is passed over."""
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    trade = {"e": "trade", "s": "BTCUSDT", "p": "1", "q": "1", "m": True, "t": 7, "T": 1562305380000}
    assert len(listener.hear(trade)) == 1
    assert listener.hear(trade) == []
    assert listener.hear(trade | {"s": "ETHUSDT"}) == []
    assert listener.dropped == {"repeated_trade": 1, "unknown_symbol": 1}


def test_times_of_a_stream_never_go_back() -> None:
    """F71: the server's clock jumps back, our records do not."""
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    trade = {"e": "trade", "s": "BTCUSDT", "p": "1", "q": "1", "m": True, "T": 1562305380000}
    times = [
        listener.hear(trade | {"t": n, "T": trade["T"] + ms})[0].ts_ns for n, ms in enumerate((0, 500, -4000))
    ]
    assert times == sorted(times)


def test_a_recorded_book_agrees_with_the_recorded_best_prices(shared_data: Path) -> None:
    """The venue's own bookTicker is the oracle: after each change of the book, the last one before it agrees."""
    listener = Listener(instrument("binance_usdm", "BTCUSDT", "0.1", "0.001"))
    one = listener.heard["BTCUSDT"]
    path = shared_data / "l2" / "binance_usdm" / "BTCUSDT" / "raw_ws_2024-08-08.log.zst"
    with path.open("rb") as stream:
        lines = zstandard.ZstdDecompressor().stream_reader(stream).read(8_000_000).decode().splitlines()[:-1]
    messages = [json.loads(line[line.index("{") :]) for line in lines]
    best: dict[int, tuple[int, int, int, int]] = {}
    for message in messages:
        quote = message.get("data", {})
        if quote.get("e") == "bookTicker":
            best[quote["u"]] = tuple(
                round(float(quote[key]) * unit)
                for key, unit in (("b", 10), ("B", 1000), ("a", 10), ("A", 1000))
            )
    ids = sorted(best)
    compared = 0
    for message in messages:
        update = message.get("data", {})
        if "lastUpdateId" in message:
            levels = [
                tuple((one.grid.price_tick(price), one.grid.qty_lot(qty)) for price, qty in message[side])
                for side in ("bids", "asks")
            ]
            one.book.begin(message["lastUpdateId"], *levels)
        elif update.get("e") == "depthUpdate":
            tops = [event for event in listener.hear(update) if isinstance(event, TopSeen)]
            before = ids[bisect_right(ids, update["pu"]) : bisect_right(ids, update["u"])]
            if tops and before:
                top = tops[-1]
                assert (top.bid_tick, top.bid_lot, top.ask_tick, top.ask_lot) == best[before[-1]]
                compared += 1
    assert compared > 200
    assert listener.broken == []


def test_recorded_streams_of_hyperliquid_and_gate(shared_data: Path) -> None:
    """Venues that are read but not traded here: by the same code, from what they really sent."""
    hyperliquid = Listener(instrument("hyperliquid", "BTC", "1", "0.00001"))
    told = Counter(
        type(event).__name__
        for message in capture(shared_data / "l2" / "hyperliquid" / "BTC" / "raw_ws_2025-01-26.log.zst")
        for event in hyperliquid.hear(message)
    )
    assert told["TopSeen"] > 20
    assert told["TradeSeen"] >= 9
    assert hyperliquid.dropped == {}
    path = shared_data / "messages" / "cryptofeed_captures" / "GATEIO_FUTURES.ws.1.0.zst"
    quotes = [
        m["result"] for m in capture(path) if m.get("channel") == "futures.book_ticker" and "b" in m["result"]
    ]
    symbol = quotes[0]["s"]
    gate = Listener(instrument("gate_swap", symbol, "0.00001", "1"))
    tops = [event for m in capture(path) for event in gate.hear(m) if isinstance(event, TopSeen)]
    last = next(quote for quote in reversed(quotes) if quote["s"] == symbol)
    assert (tops[-1].bid_tick, tops[-1].ask_tick) == (
        round(float(last["b"]) * 1e5),
        round(float(last["a"]) * 1e5),
    )
    assert (tops[-1].bid_lot, tops[-1].ask_lot) == (last["B"], last["A"])


def test_candles_and_trades_of_gate_bitget_and_kucoin() -> None:
    """Shapes as ccxt's own notes give them."""
    start = 1_800_000_000 // 60 * 60
    gate = Listener(instrument("gate_swap", "BTC_USDT", "0.1", "1"))
    gate.now_ns = (start + 61) * 1_000_000_000
    candle = {
        "t": start,
        "v": 271,
        "c": "100.5",
        "h": "101",
        "l": "99.9",
        "o": "100",
        "n": "1m_BTC_USDT",
        "w": True,
    }
    told = gate.hear({"channel": "futures.candlesticks", "event": "update", "result": [candle]})
    assert [(bar.open_tick, bar.close_tick, bar.volume_lot) for bar in told] == [(1000, 1005, 271)]
    trade = {
        "size": -108,
        "id": 27753479,
        "create_time_ms": start * 1000,
        "price": "96.4",
        "contract": "BTC_USDT",
    }
    (seen,) = gate.hear({"channel": "futures.trades", "event": "update", "result": [trade]})
    assert (seen.side, seen.price_tick, seen.qty_lot) == (SELL, 964, 108)
    bitget = Listener(instrument("bitget_swap", "BTCUSDT", "0.1", "0.001"))
    arg = {"instType": "USDT-FUTURES", "channel": "trade", "instId": "BTCUSDT"}
    row = {
        "ts": str(start * 1000),
        "price": "43854.1",
        "size": "0.053",
        "side": "buy",
        "tradeId": "1116461060594286593",
    }
    (seen,) = bitget.hear({"action": "update", "arg": arg, "data": [row]})
    assert (seen.side, seen.price_tick, seen.qty_lot) == (BUY, 438541, 53)
    kucoin = Listener(instrument("kucoin", "XBTUSDTM", "0.1", "1"), timeframes={"1min": MINUTE_NS})
    data = {"symbol": "XBTUSDTM", "candles": [str(start), "81.3", "81.4", "81.5", "81.2", "61.0", "61"]}
    kucoin.now_ns = (start + 30) * 1_000_000_000
    assert kucoin.hear({"topic": "/contractMarket/limitCandle:XBTUSDTM_1min", "data": data}) == []
    assert kucoin.heard["XBTUSDTM"].keepers[MINUTE_NS].next_ns == start * 1_000_000_000
