"""Venues that are read and not traded: what is asked of them, and what is told of what they say and answer.

The ccxt objects are unmodified; each venue says what its documentation says that it says.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tradewind.testing.market_scripts import (
    BINANCE_SPOT,
    BITGET,
    BYBIT_SPOT,
    GATE,
    HYPERLIQUID,
    KUCOIN,
    MINUTE_MS,
    OKX_SPOT,
    RATE,
    SCRIPTS,
    Candle,
    binance_depth,
    bybit_book,
    candle_at,
    okx_book,
)
from tradewind.testing.scripted_venue import run_scripted
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import SELL, StreamCode
from tradewind.units.time import HOUR_NS, MINUTE_NS
from tradewind.venues.ccxt.rules import market_named, rules_of_markets
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.gateway import (
    BarSeen,
    MarkSeen,
    OpenInterestSeen,
    StreamKind,
    StreamSeen,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from tradewind.testing.market_scripts import Script
    from tradewind.testing.scripted_venue import ScriptedVenue
    from tradewind.venues.ccxt.feed import CcxtMarketFeed
    from tradewind.venues.gateway import Event

MS_NS = 1_000_000
START_MS = START_NS // MS_NS
PASSING = {"id", "req_id", "time"}
"""Fields of a subscription that differ each time."""


@dataclass(slots=True)
class Told:
    """What one venue was asked, and what was told of it."""

    script: Script
    subscriptions: list[Any] = field(default_factory=list)
    unanswered: list[Any] = field(default_factory=list)
    top: list[Event] = field(default_factory=list)
    trades: list[Event] = field(default_factory=list)
    open_candle: list[Event] = field(default_factory=list)
    bars: list[BarSeen] = field(default_factory=list)
    history: list[list[int]] = field(default_factory=list)
    funding: list[tuple[int, float]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    not_up: list[Any] = field(default_factory=list)


async def opened(venue: ScriptedVenue, script: Script, interval_ns: int = MINUTE_NS) -> CcxtMarketFeed:
    """Open a feed of everything that the venue streams, and let it say its book and its mark."""
    feed = await venue.feed([script.symbol], frozenset(STREAMS[script.venue].streams), interval_ns)
    opening = asyncio.ensure_future(feed.open())
    await asyncio.sleep(2)
    await say_state(venue, script)
    await opening
    return feed


async def say_state(venue: ScriptedVenue, script: Script) -> None:
    """Let a venue say its book and its marks."""
    await venue.say(script.words[2], *script.book(now_ms(venue)))
    await venue.say(script.words[3], *(mark for mark, _, _ in script.marks))


def now_ms(venue: ScriptedVenue) -> int:
    return venue.loop.now_ns() // MS_NS


def told_of(feed: CcxtMarketFeed) -> list[Event]:
    return feed.inbox.take_now()


async def lived(venue: ScriptedVenue, script: Script) -> Told:
    """Listen to a venue through the end of a minute, and ask it for its history."""
    told = Told(script)
    feed = await opened(venue, script)
    await asyncio.sleep(2)
    told.top = told_of(feed)
    told.subscriptions = [message for _, message in venue.told]
    trade, candles = script.trade(now_ms(venue)), script.words[1]
    await venue.say(script.words[0], trade, trade)
    told.trades = told_of(feed)
    minute_ms = now_ms(venue) // MINUTE_MS * MINUTE_MS
    now, following = candle_at(minute_ms), candle_at(minute_ms + MINUTE_MS)
    await venue.say(candles, script.candle(now, False))
    await asyncio.sleep((minute_ms + MINUTE_MS - now_ms(venue) - 500) / 1000)
    await venue.say(candles, script.candle(now, False))
    told.open_candle = [event for event in told_of(feed) if isinstance(event, BarSeen)]
    await asyncio.sleep(0.5)
    await venue.say(candles, script.candle(now, True), script.candle(now, True))
    await venue.say(candles, script.candle(following, False))
    await asyncio.sleep(6)
    await say_state(venue, script)
    told.bars = [event for event in told_of(feed) if isinstance(event, BarSeen)]
    start_ns = (minute_ms - 5 * MINUTE_MS) * MS_NS
    told.history = (await feed.bars(0, MINUTE_NS, start_ns, start_ns + 3 * MINUTE_NS)).tolist()
    if StreamKind.FUNDING in STREAMS[script.venue].polls:
        told.funding = await feed.rest.funding(
            feed.unified(0), venue.loop.now_ns() - HOUR_NS, venue.loop.now_ns()
        )
    told.dropped, told.not_up, told.unanswered = feed.dropped, feed.health.not_up(), venue.unanswered
    return told


@pytest.fixture(scope="module", params=list(SCRIPTS))
def told(request: pytest.FixtureRequest) -> Told:
    script = SCRIPTS[request.param]
    found: Told = run_scripted(script.venue, script.answer, lambda venue: lived(venue, script), script.react)
    return found


def in_steps(script: Script, candle: Candle) -> tuple[int, ...]:
    """Return a candle as it is to be told: open, high, low, close in ticks, volume in lots."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    return (*(price * script.ticks for price in prices), round(candle.base * script.lots_of_base))


def test_each_stream_is_subscribed_to_once_in_the_venues_own_words(told: Told) -> None:
    assert words_of(told.subscriptions) == words_of(told.script.subscriptions)


def test_nothing_is_asked_for_that_a_venue_need_not_answer(told: Told) -> None:
    assert told.unanswered == []
    assert told.dropped.keys() <= {"repeated_trade"}
    assert told.not_up == []


def test_the_best_prices_are_told_in_ticks_and_lots(told: Told) -> None:
    tops = [event for event in told.top if isinstance(event, TopSeen)]
    assert [(top.bid_tick, top.bid_lot, top.ask_tick, top.ask_lot) for top in tops][-1] == told.script.top


def test_a_trade_is_told_once_by_the_takers_side_in_lots(told: Told) -> None:
    trades = [event for event in told.trades if isinstance(event, TradeSeen)]
    assert [(trade.side, trade.price_tick, trade.qty_lot) for trade in trades] == [told.script.told_trade]
    assert trades[0].side == SELL
    assert abs(trades[0].recv_ns - trades[0].ts_ns) < 2_000 * MS_NS


def test_a_minute_is_told_once_after_its_end_whoever_says_that_it_is_over(told: Told) -> None:
    assert told.open_candle == []
    (bar,) = told.bars
    prices = bar.open_tick, bar.high_tick, bar.low_tick, bar.close_tick
    assert (*prices, bar.volume_lot) == in_steps(told.script, candle_at(bar.ts_ns // MS_NS))
    assert 0 <= bar.recv_ns - (bar.ts_ns + MINUTE_NS) < (2_000 if told.script.says_closed else 8_000) * MS_NS


def test_history_is_in_the_same_steps(told: Told) -> None:
    assert len(told.history) == 3
    for open_ns, *steps in told.history:
        assert tuple(steps) == in_steps(told.script, candle_at(open_ns // MS_NS))


def test_settled_funding_is_read_where_there_is_any(told: Told) -> None:
    expects = [(1_767_225_600_000 * MS_NS, RATE)] if told.script.venue in _PERPETUAL else []
    assert told.funding == expects


_PERPETUAL = ("bitget_swap", "gate_swap", "kucoin", "hyperliquid")


# ---------------------------------------------------------------------- longer bars

HOURS = {
    "binance_spot": [('"i":"1m"', '"i":"1h"')],
    "bybit_spot": [("kline.1.", "kline.60."), ('"interval":"1"', '"interval":"60"')],
    "okx_spot": [("candle1m", "candle1H")],
    "bitget_swap": [("candle1m", "candle1H")],
    "gate_swap": [("1m_", "1h_")],
    "kucoin": [("_1min", "_1hour")],
    "hyperliquid": [('"i":"1m"', '"i":"1h"')],
}
"""How each venue's words of a minute become those of an hour."""


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_candles_of_an_hour_are_known_by_the_venues_word_for_it(script: Script) -> None:
    async def heard(venue: ScriptedVenue) -> dict[str, int]:
        feed = await opened(venue, script, HOUR_NS)
        text = msgspec.json.encode(
            script.candle(candle_at(now_ms(venue) // MINUTE_MS * MINUTE_MS), False)
        ).decode()
        for minute, hour in HOURS[script.venue]:
            assert minute in text
            text = text.replace(minute, hour)
        await venue.say(script.words[1], text)
        return feed.dropped

    assert run_scripted(script.venue, script.answer, heard, script.react) == {}


# ---------------------------------------------------------------------- books


def after_opening(script: Script, *messages: object) -> tuple[list[Event], ScriptedVenue]:
    """Let a venue say something after its book has begun; return what was told within twenty seconds."""

    async def heard(venue: ScriptedVenue) -> tuple[list[Event], ScriptedVenue]:
        feed = await opened(venue, script)
        await asyncio.sleep(2)
        told_of(feed)
        await venue.say(script.words[2], *messages)
        await asyncio.sleep(5)
        await say_state(venue, script)
        await asyncio.sleep(15)
        return told_of(feed), venue

    found: tuple[list[Event], ScriptedVenue] = run_scripted(script.venue, script.answer, heard, script.react)
    return found


def told_states(events: list[Event]) -> list[int]:
    return [e.code for e in events if isinstance(e, StreamSeen) and e.stream is StreamKind.TOP]


@pytest.mark.parametrize("script", [BYBIT_SPOT, OKX_SPOT], ids=lambda script: script.venue)
def test_a_hole_in_a_book_is_told_and_the_book_begins_anew_on_a_new_connection(script: Script) -> None:
    hole = {
        "bybit_spot": bybit_book("delta", 13, [["60000.20", "0.5"]], [], START_MS),
        "okx_spot": okx_book("update", 131, 140, [["60000.2", "0.5", "0", "1"]], [], START_MS),
    }
    events, venue = after_opening(script, hole[script.venue])
    states = told_states(events)
    assert states[0] == StreamCode.GAP
    assert states[-1] == StreamCode.UP
    books = [message for _, message in venue.told if "book" in str(message)]
    assert len(books) == 2
    tops = [event for event in events if isinstance(event, TopSeen)]
    assert (tops[-1].bid_tick, tops[-1].bid_lot, tops[-1].ask_tick, tops[-1].ask_lot) == script.top


def test_a_hole_in_a_book_of_binance_leads_to_another_snapshot() -> None:
    events, venue = after_opening(BINANCE_SPOT, binance_depth(110, 112, [["60000.20", "0.5"]], START_MS))
    assert told_states(events)[0] == StreamCode.GAP
    assert told_states(events)[-1] == StreamCode.UP
    assert sum(asked.path == "/api/v3/depth" for asked in venue.asked) == 2
    assert sum("depth" in str(message) for _, message in venue.told) == 1


@pytest.mark.parametrize("script", [BITGET, GATE, KUCOIN, HYPERLIQUID], ids=lambda script: script.venue)
def test_each_message_of_a_whole_book_replaces_the_one_before_unless_it_is_older(script: Script) -> None:
    def moved(by: int, later_ms: int) -> Any:
        """Return the book with other quantities, its number so much higher."""
        (message,) = script.book(START_MS + later_ms)
        text = msgspec.json.encode(message).decode()
        for number in (1731897467182, 2517661076):
            text = text.replace(str(number), str(number + by))
        return text.replace("2001", "3001").replace('"2.', '"3.')

    higher, _ = after_opening(script, moved(1, 3_000))
    assert next(event.ask_lot for event in higher if isinstance(event, TopSeen)) > script.top[3]
    if script in (GATE, KUCOIN):  # The others have no number that only rises.
        lower, _ = after_opening(script, moved(-1, 3_000))
        assert [event for event in lower if isinstance(event, TopSeen)] == []


def test_marks_and_open_interest_of_bitget_are_told() -> None:
    (mark, ticks, interest), *_ = BITGET.marks

    async def heard(venue: ScriptedVenue) -> list[Event]:
        feed = await opened(venue, BITGET)
        told_of(feed)
        await venue.say("", mark)
        return told_of(feed)

    events: list[Event] = run_scripted("bitget_swap", BITGET.answer, heard, BITGET.react)
    assert [event.mark for event in events if isinstance(event, MarkSeen)] == [ticks]
    assert [event.open_interest for event in events if isinstance(event, OpenInterestSeen)] == [interest]


def test_hyperliquid_is_asked_for_coins_by_their_names_not_their_numbers() -> None:
    async def found(venue: ScriptedVenue) -> tuple[list[tuple[str, str]], str, str]:
        client = venue.client()
        await client.load_markets()
        rules = rules_of_markets("hyperliquid", client.markets)
        by_name, by_number = market_named(client, "BTC"), market_named(client, "0")
        await client.close()
        assert market_named(client, "1") is None
        assert by_name is not None
        assert by_number is not None
        steps = [(one.symbol, str(one.tick_size)) for one in rules.instruments.values()]
        return steps, by_name["symbol"], by_number["symbol"]

    steps, by_name, by_number = run_scripted("hyperliquid", HYPERLIQUID.answer, found)
    assert steps == [("BTC", "0.1")]  # As fine as it gets below 10,000, though it stands at 60,000.
    assert by_name == by_number


# ---------------------------------------------------------------------- connections


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_after_a_hang_up_everything_is_subscribed_to_again_and_heard(script: Script) -> None:
    async def heard(venue: ScriptedVenue) -> tuple[list[Any], list[Any], list[Event]]:
        feed = await opened(venue, script)
        await asyncio.sleep(2)
        first = [message for _, message in venue.told]
        await venue.hang_up()
        await asyncio.sleep(4)
        again = [message for _, message in venue.told][len(first) :]
        told_of(feed)
        await say_state(venue, script)
        await asyncio.sleep(2)
        assert feed.health.not_up() == []
        return first, again, told_of(feed)

    first, again, events = run_scripted(script.venue, script.answer, heard, script.react)
    assert words_of(again) == words_of(first)
    assert any(isinstance(event, TopSeen) for event in events)


def test_a_quiet_market_stays_connected_where_the_venue_would_be_pinged_later() -> None:
    """KuCoin tells ccxt to ping every 18 s, and a connection that is silent for 12 is ended."""

    async def heard(venue: ScriptedVenue) -> tuple[list[Any], list[Any]]:
        await opened(venue, KUCOIN)
        await asyncio.sleep(2)
        first = [message for _, message in venue.told]
        await asyncio.sleep(60)
        return first, [message for _, message in venue.told][len(first) :]

    first, later = run_scripted("kucoin", KUCOIN.answer, heard, KUCOIN.react)
    assert words_of(first)
    assert words_of(later) == []
    assert len(later) > 3  # It is pinged.


def words_of(messages: list[Any]) -> list[str]:
    """Return what was subscribed to, in any order, without what differs each time."""
    plain = [{name: m[name] for name in m if name not in PASSING} for m in messages if "ping" not in str(m)]
    return sorted(map(str, plain))
