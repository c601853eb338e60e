"""What may be asked of a venue, and when: windows, reserves, headers, pauses and bans, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.testing.clock import VirtualLoop
from tradewind.venues.ccxt.budget import (
    ARRIVAL_SPREAD_NS,
    BAN_BY_403_NS,
    BAN_UNSAID_NS,
    PAUSE_UNSAID_NS,
    Address,
    Budget,
    Urgency,
)
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.dialect import Window

S_NS = 1_000_000_000
START_NS = 1_767_225_600 * S_NS
WINDOWS = (
    Window("all", 60, 100, "X-Used-1M"),
    Window("order", 10, 10, "X-Orders-10S"),
    Window("left", 1, 10, "X-Left", remaining=True),
)


async def share_later(budget, loop, seconds):
    await asyncio.sleep(seconds)
    return budget.share()


def test_the_fullest_window_says_how_much_is_spent():
    async def work(budget, loop):
        assert budget.share() == 0.0
        await taking(budget, "order", weight=1, urgency=Urgency.OPEN)
        await taking(budget, "order", weight=9, urgency=Urgency.OPEN)
        assert budget.share() == pytest.approx(0.2), "two of ten orders; ten of a hundred weights"
        return [await share_later(budget, loop, 11), await share_later(budget, loop, 60)]

    assert lived(work) == [pytest.approx(0.1), 0.0]


SHARED = (Window("all", 60, 100, shared=True), Window("order", 10, 10))


TOO_FREQUENT = "403, access too frequent"


def lived(work):
    loop = VirtualLoop(START_NS)
    try:
        return loop.run_until_complete(work(Budget(WINDOWS, loop.now_ns), loop))
    finally:
        loop.close()


def lived_by_two(work, windows=SHARED):
    """Run something with two accounts of one address, and with that address."""
    loop, address = VirtualLoop(START_NS), Address()
    try:
        one, other = (Budget(windows, loop.now_ns, address) for _ in range(2))
        return loop.run_until_complete(work(one, other, address))
    finally:
        loop.close()


def taking(budget, group="read", weight=1, urgency=Urgency.READ, patience_s=0.0, count=1):
    return budget.take(group, weight, urgency, patience_ns=int(patience_s * S_NS), count=count)


@pytest.mark.parametrize(
    ("urgency", "granted"), [(Urgency.READ, 70), (Urgency.OPEN, 80), (Urgency.PROTECT, 100)]
)
def test_a_share_is_kept_for_what_must_get_through(urgency, granted):
    async def work(budget, _):
        count = 0
        while not await taking(budget, urgency=urgency):
            count += 1
        reserved = await taking(budget, urgency=Urgency.PROTECT)
        return count, reserved == 0

    assert lived(work) == (granted, granted < 100)


def test_room_comes_back_when_the_oldest_leaves_its_window():
    async def work(budget, loop):
        for _ in range(7):
            assert not await taking(budget, "order")
        wait_ns = budget.wait_ns("order", 1, Urgency.READ)
        began = loop.time()
        assert not await taking(budget, "order", patience_s=30)
        return wait_ns, loop.time() - began

    wait_ns, waited = lived(work)
    assert 0 < wait_ns - ARRIVAL_SPREAD_NS - 10 * S_NS <= 1_000
    assert waited == pytest.approx(10 + ARRIVAL_SPREAD_NS / S_NS, abs=0.01)


def test_who_has_no_patience_is_told_when_to_come_back():
    async def work(budget, loop):
        for _ in range(8):
            await taking(budget, "order", urgency=Urgency.OPEN)
        return await taking(budget, "order", urgency=Urgency.OPEN, patience_s=1) - loop.now_ns()

    assert 9 * S_NS < lived(work) <= 10 * S_NS + ARRIVAL_SPREAD_NS + 1_000


def test_a_batch_counts_each_of_its_orders_and_its_weight_once():
    async def work(budget, _):
        assert not await taking(budget, "order", weight=5, urgency=Urgency.OPEN, count=8)
        return budget.wait_ns("order", 1, Urgency.OPEN) > 0, budget.wait_ns("read", 60, Urgency.READ) == 0

    assert lived(work) == (True, True)


def test_the_venues_own_count_is_believed_where_it_is_higher():
    async def work(budget, _):
        budget.hear(200, {"x-used-1m": "69"}, "")
        assert not await taking(budget)
        full = budget.wait_ns("read", 1, Urgency.READ) > 0
        budget.hear(200, {"X-Left": "0"}, "", "left")
        return full, budget.wait_ns("left", 1, Urgency.PROTECT) > 0

    assert lived(work) == (True, True)


def test_what_is_left_of_another_path_says_nothing_of_this_one():
    """Each answer of Bybit tells what is left of the path that was asked, under one name."""

    async def work(budget, _):
        budget.hear(200, {"X-Left": "0"}, "", "read")
        return budget.wait_ns("left", 1, Urgency.READ)

    assert lived(work) == 0


def test_what_leaves_in_time_may_arrive_too_early():
    """The first was under way for longer than the next: the venue sees both within one window."""

    async def work(budget, loop):
        assert not await taking(budget, "order", urgency=Urgency.OPEN, count=8)
        began = loop.time()
        assert not await taking(budget, "order", urgency=Urgency.OPEN, patience_s=20)
        return loop.time() - began

    assert lived(work) > 10.2


def test_paths_of_bybit_have_limits_of_their_own():
    dialect = DIALECTS["bybit_linear"]
    groups = [call.group for call in (dialect.create["limit"], dialect.batch, dialect.amend, dialect.cancel)]
    assert len(set(groups)) == 4
    assert set(groups) <= {window.group for window in dialect.windows}


def test_a_count_lower_than_ours_gives_nothing_back():
    async def work(budget, _):
        for _ in range(70):
            await taking(budget)
        budget.hear(200, {"X-Used-1M": "3"}, "")
        return budget.wait_ns("read", 1, Urgency.READ) > 0

    assert lived(work)


def test_a_pause_holds_all_but_protection_until_the_second_named():
    async def work(budget, loop):
        until_ns = budget.hear(429, {"Retry-After": "7"}, "")
        protects = await taking(budget, urgency=Urgency.PROTECT)
        began = loop.time()
        await taking(budget, patience_s=60)
        return until_ns - START_NS, protects, loop.time() - began

    until_ns, protects, waited = lived(work)
    assert (until_ns, protects) == (7 * S_NS, 0)
    assert waited == pytest.approx(7, abs=0.01)


def test_a_ban_holds_everything_until_the_time_in_its_text():
    until_ms = START_NS // 1_000_000 + 90_000

    async def work(budget, loop):
        budget.hear(418, {"Retry-After": "5"}, f"Way too many requests; IP banned until {until_ms}.")
        refused = await taking(budget, urgency=Urgency.PROTECT, patience_s=1)
        await taking(budget, urgency=Urgency.PROTECT, patience_s=100)
        return refused, loop.time()

    refused, waited = lived(work)
    assert refused == until_ms * 1_000_000
    assert waited == pytest.approx(90, abs=0.01)


@pytest.mark.parametrize(
    ("status", "headers", "body", "lasts_ns"),
    [
        (429, {}, "", PAUSE_UNSAID_NS),
        (429, {"Retry-After": "soon"}, "", PAUSE_UNSAID_NS),
        (418, {}, "", BAN_UNSAID_NS),
        (418, {"retry-after": "300"}, "", 300 * S_NS),
        (403, {}, TOO_FREQUENT, BAN_BY_403_NS),
        (403, {}, "not from your country", -START_NS),
        (200, {"Retry-After": "5"}, TOO_FREQUENT, -START_NS),
    ],
)
def test_what_a_venue_leaves_unsaid_is_assumed(status, headers, body, lasts_ns):
    async def work(budget, _):
        return budget.hear(status, headers, body) - START_NS

    assert lived(work) == lasts_ns


@given(
    st.lists(st.tuples(st.sampled_from(["read", "order"]), st.integers(1, 5), st.floats(0, 3)), max_size=60)
)
def test_no_window_ever_holds_more_than_its_limit(asked):
    async def work(budget, loop):
        import asyncio

        spent = []
        for group, weight, pause in asked:
            if not await taking(budget, group, weight, Urgency.PROTECT, 120):
                spent.append((loop.now_ns(), group, weight))
            await asyncio.sleep(pause)
        return spent

    spent = lived(work)
    for at_ns, _, _ in spent:
        within = [(g, w) for t, g, w in spent if at_ns - 60 * S_NS < t <= at_ns]
        assert sum(w for _, w in within) <= 100
        assert sum(1 for t, g, _ in spent if g == "order" and at_ns - 10 * S_NS < t <= at_ns) <= 10


# ---------------------------------------------------------------------- one address


def test_what_one_account_asks_is_gone_for_the_other_where_the_address_counts():
    async def work(one, other, _):
        for _ in range(70):
            assert not await taking(one)
        read = other.wait_ns("read", 1, Urgency.READ) > 0
        protects = other.wait_ns("read", 30, Urgency.PROTECT) == 0
        for _ in range(8):
            assert not await taking(one, "order", weight=0, urgency=Urgency.OPEN)
        orders = one.wait_ns("order", 0, Urgency.OPEN) > 0, other.wait_ns("order", 0, Urgency.OPEN) == 0
        return read, protects, orders

    assert lived_by_two(work) == (True, True, (True, True))


def test_what_is_asked_without_an_account_counts_for_all():
    async def work(one, other, address):
        for _ in range(70):
            address.note(START_NS)
        one.note()
        return [budget.wait_ns("read", 1, Urgency.READ) > 0 for budget in (one, other)]

    assert lived_by_two(work) == [True, True]


@pytest.mark.parametrize(("status", "body"), [(418, ""), (403, TOO_FREQUENT)])
def test_a_ban_of_an_address_is_one_of_every_account_there(status, body):
    async def work(one, other, address):
        until_ns = one.hear(status, {}, body)
        late = Budget(SHARED, lambda: START_NS, address)
        return {until_ns, other.banned_until_ns, other.silent_until_ns, late.silent_until_ns}

    assert len(lived_by_two(work)) == 1


@pytest.mark.parametrize(("windows", "paused"), [(SHARED, True), ((Window("order", 10, 10),), False)])
def test_a_pause_concerns_the_other_account_where_the_address_is_what_counts(windows, paused):
    async def work(one, other, _):
        one.hear(429, {"Retry-After": "7"}, "")
        return (
            one.is_silenced(Urgency.OPEN),
            other.is_silenced(Urgency.OPEN),
            other.is_silenced(Urgency.PROTECT),
        )

    assert lived_by_two(work, windows) == (True, paused, False)


def test_the_limits_of_each_venue_that_are_by_address_are_shared():
    """By documentation: Binance's weights, Bybit's 600 in 5 s, BloFin's two windows; elsewhere what is not signed."""
    shared = {
        name: {(window.group, window.limit) for window in dialect.windows if window.shared}
        for name, dialect in DIALECTS.items()
    }
    assert shared == {
        "binance_usdm": {("all", 2400)},
        "bybit_linear": {("all", 600)},
        "blofin_swap": {("all", 500), ("all", 1_500)},
        "okx_swap": {("time", 10), ("status", 1)},
        "hyperliquid": {("all", 1_200)},
        "binance_spot": {("all", 6000)},
        "bybit_spot": {("all", 600)},
        "okx_spot": {("time", 10), ("status", 1)},
        "bitget_swap": {("all", 6_000)},
        "kucoin": {("time", 10)},
        "gate_swap": {("time", 200)},
    }
