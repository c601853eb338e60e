"""Whatever is asked of the fake BloFin, OKX and Bybit is answered in the venue's form, and moves no money."""

from __future__ import annotations

import re
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.testing.still_venues import StillVenue

VENUES = ("blofin_swap", "okx_swap", "bybit_linear")
NAMES = re.findall(
    r"\w+",
    """
    instId instType ordType state limit after before begin end ordId orderId clOrdId clientOrderId algoId bar size
    sz px price qty category symbol settleCoin orderLinkId cursor startTime endTime start interval intervalTime
    leverage lever mgnMode marginMode posMode positionMode mode buyLeverage sellLeverage timeOut timeWindow side
    posSide positionSide positionIdx tdMode orderType triggerPrice triggerPx callbackRatio closeFraction request
    """,
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "BTC-USDT",
                "BTC-USDT-SWAP",
                "BTCUSDT",
                "SWAP",
                "ANY",
                "linear",
                "spot",
                "USDT",
                "live",
                "trigger",
            ),
            *(
                "buy",
                "Sell",
                "net",
                "long",
                "cross",
                "isolated",
                "limit",
                "Market",
                "1m",
                "1",
                "5min",
                "page_token:x",
            ),
            *(
                "0",
                "-1",
                "1e400",
                "NaN",
                "Infinity",
                "1.5",
                "99999999999999999999",
                "",
                " ",
                "ä",
                "true",
                "null",
            ),
        ]
    ),
    st.text(max_size=5),
    st.integers(-5, 10**20).map(str),
)
QUERIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
BODIES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-10, 10**18), VALUES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(NAMES), inner, max_size=7)
    ),
    max_leaves=12,
)


@cache
def venue_of(name):
    return StillVenue(name)


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_request_has_an_answer(venue, data):
    still = venue_of(venue)
    method, path = data.draw(st.sampled_from(sorted(still.protocol.routes())))
    said = data.draw(QUERIES if method == "GET" else BODIES)
    still.live(1)
    answer = msgspec.json.decode(msgspec.json.encode(still.ask(method, path, said).data))
    assert isinstance(answer, dict)
    assert {"code", "retCode"} & set(answer)


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=60, deadline=None)
@given(frames=st.lists(st.one_of(st.text(max_size=20), BODIES), max_size=4))
def test_any_frame_is_survived(venue, frames):
    still = venue_of(venue)
    path = {"blofin_swap": "/ws/public", "okx_swap": "/ws/v5/public", "bybit_linear": "/v5/public/linear"}[
        venue
    ]
    socket = still.socket(path)
    for frame in frames:
        socket.say(frame if isinstance(frame, str) else {"op": "subscribe", "args": [frame]})
    still.live(1)
    assert all(isinstance(frame, (dict, str)) for frame in socket.frames)
    still.leave(socket)
