"""Whatever stands in a message of any venue's market streams: nothing raises, and what is told is possible."""

from __future__ import annotations

import functools
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.testing.listeners import Listener, instrument
from tradewind.units.time import MINUTE_NS
from tradewind.venues.ccxt.stream_shapes import BookRule, BookShape, CandleShape
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.gateway import (
    BarSeen,
    LiquidationSeen,
    MarkSeen,
    OpenInterestSeen,
    StreamKind,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.gateway import Event

NOW_MS = 1_800_000_000_000
SYMBOL = "BTCUSDT"
NAMED = ("symbol", "interval", "key", "side", "closed", "action", "ts", "open_time", "bids", "asks")
IMPOSSIBLE = [
    None,
    True,
    False,
    "",
    "null",
    "NaN",
    "-1",
    "0",
    "1e400",
    "1e-400",
    "0x10",
    "1_000",
    "٣",
    math.nan,
    math.inf,
]
IMPOSSIBLE += [
    -math.inf,
    0,
    -5,
    10**30,
    2**63,
    1e308,
    [],
    {},
    [[]],
    [[1]],
    [["1", None]],
    {"a": 1},
    "\ud800",
    "x" * 5_000,
    "1" * 5_000,
    "²",
]
GARBAGE = st.one_of(st.sampled_from(IMPOSSIBLE), st.integers(), st.floats(), st.text(max_size=9))
NUMBERS = {
    "qty": "1.5",
    "volume": "1.5",
    "open_interest": "12.5",
    "ask_qty": "2",
    "first": 5,
    "last": 5,
    "previous": 4,
}
NUMBERS |= dict.fromkeys(("price", "open", "high", "low", "close", "mark"), "60000.1")


def put(into: Any, path: str, value: object) -> Any:
    """Return a message with a value at a path of the table of streams; a number in it is a place in a list."""
    head, _, rest = path.partition(".")
    inner = put({}, rest, value) if rest else value
    if head.isdigit():
        row = into if isinstance(into, list) else []
        row += [None] * (int(head) + 1 - len(row))
        row[int(head)] = put(row[int(head)], rest, value) if rest else value
        return row
    table = into if isinstance(into, dict) else {}
    table[head] = put(table.get(head), rest, value) if rest else inner
    return table


def good(shape: Any, name: str) -> object:
    """Return what stands at a field of a message that says something."""
    unit_ns = getattr(shape, "ts_unit_ns", 1_000_000)
    one_level = getattr(shape, "one_level", False)
    if name in ("bids", "asks"):
        price = "60000.1" if name == "bids" else "60001.1"
        return price if one_level else [put(put({}, shape.price, price), shape.qty, "1.5")]
    found = {
        "symbol": SYMBOL,
        "interval": "1m",
        "key": 7,
        "side": next(iter(getattr(shape, "words", None) or {1: 1})),
        "closed": getattr(shape, "closed_word", True),
        "action": getattr(shape, "whole_word", ""),
        "ts": NOW_MS * 1_000_000 // unit_ns,
        "open_time": (NOW_MS - 60_000) * 1_000_000 // unit_ns,
    }
    return {**NUMBERS, **found}[name]


def places(shape: Any) -> dict[str, str]:
    """Return the path of each field of a message that a shape reads."""
    is_book = isinstance(shape, BookShape)
    levels = {"price", "qty"} if is_book and not shape.one_level else {"price"} if is_book else set()
    names = {each.name for each in fields(shape)} & {*NUMBERS, *NAMED} - levels
    found = {name: getattr(shape, name).partition("~")[0] for name in sorted(names)}
    return {name: path for name, path in found.items() if path}


def message_of(venue: str, kind: StreamKind, bad: Mapping[str, object], word: str) -> object:
    """Return a message of a stream in its venue's form, with something else in some of its places.

    word: what follows the channel's name.
    """
    table = STREAMS[venue]
    stream = table.streams[kind]
    shape: Any = stream.shape
    row: Any = {}
    whole: Any = {}
    paths = places(shape)
    for name, path in paths.items():
        value = bad[name] if name in bad else good(shape, name)
        if name not in bad and name in ("interval", "symbol") and list(paths.values()).count(path) > 1:
            value = f"1m_{SYMBOL}"
        if path.startswith("^"):
            whole = put(whole, path[1:], value)
        else:
            row = put(row, path, value)
    if getattr(shape, "details", ""):
        row = {**row, shape.details: [dict(row)]}
    if shape.rows:
        whole = put(whole, shape.rows, bad.get("rows", row if "single" in bad else [row]))
    elif isinstance(row, dict):
        whole = {**row, **whole}
    return put(whole, table.channel, stream.channel + word)


def is_possible(event: object) -> bool:
    if isinstance(event, TradeSeen):
        return event.price_tick > 0 and event.qty_lot >= 0 and event.side in (1, -1) and event.ts_ns > 0
    if isinstance(event, BarSeen):
        low, high = event.low_tick, event.high_tick
        return 0 < low <= min(event.open_tick, event.close_tick) <= high and event.volume_lot >= 0
    if isinstance(event, TopSeen):
        return 0 < event.bid_tick < event.ask_tick and event.bid_lot > 0 and event.ask_lot > 0
    if isinstance(event, MarkSeen):
        return math.isfinite(event.mark) and event.mark > 0.0
    if isinstance(event, LiquidationSeen):
        return math.isfinite(event.notional) and event.notional > 0.0 and event.side in (1, -1)
    return not isinstance(event, OpenInterestSeen) or (
        math.isfinite(event.open_interest) and event.open_interest >= 0.0
    )


def spoken() -> list[tuple[str, StreamKind]]:
    return [(venue, kind) for venue, table in STREAMS.items() for kind in table.streams]


def told(venue: str, kind: StreamKind, bad: Mapping[str, object], form: tuple[str, bool]) -> list[Event]:
    """Return what a fresh ear makes of a message.

    form: what follows the channel's name, and whether a row stands alone instead of in a list.
    """
    word, single = form
    listener = Listener(
        instrument(venue, SYMBOL, "0.1", "0.001"), timeframes={"1m": MINUTE_NS, "1": MINUTE_NS}
    )
    listener.now_ns = NOW_MS * 1_000_000 + 2_000_000_000
    return listener.hear(message_of(venue, kind, {**bad, "single": True} if single else bad, word))


@functools.cache
def form_of(venue: str, kind: StreamKind) -> tuple[str, bool] | None:
    """Return the form in which this venue's messages are heard, None where one message tells nothing."""
    words = ("", f".{SYMBOL}", f":{SYMBOL}", f".1.{SYMBOL}", "1m", f":{SYMBOL}_1min")
    forms = [(word, single) for word in words for single in (False, True)]
    return next((form for form in forms if told(venue, kind, {}, form)), None)


@pytest.mark.parametrize(("venue", "kind"), spoken())
@given(data=st.data())
def test_no_message_of_a_market_raises_or_tells_what_cannot_be(
    venue: str, kind: StreamKind, data: st.DataObject
) -> None:
    names = [*places(STREAMS[venue].streams[kind].shape), "rows"]
    wrong = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    found = told(
        venue, kind, {name: data.draw(GARBAGE) for name in wrong}, form_of(venue, kind) or ("", False)
    )
    assert [event for event in found if not is_possible(event)] == []


def test_the_messages_would_be_heard_if_they_were_right() -> None:
    """All but changes of a book whose beginning is fetched, and candles that end when the next one begins."""
    silent = {place for place in spoken() if form_of(*place) is None}
    shapes = {(venue, kind): STREAMS[venue].streams[kind].shape for venue, kind in spoken()}
    fetched = {at for at, shape in shapes.items() if getattr(shape, "rule", None) is BookRule.FETCHED}
    unsaid = {at for at, shape in shapes.items() if isinstance(shape, CandleShape) and not shape.closed}
    assert silent == fetched | unsaid
