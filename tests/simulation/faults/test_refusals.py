"""A venue that limits, bans, rests or is overloaded: what waits, what goes on, what is never doubled (F21-F29)."""

from functools import partial
from itertools import pairwise

import pytest

from tradewind.engine.setup import ExitSetup
from tradewind.testing.logbook import alerted_s, asked_s, ended_as, orders_of, placed_s, seconds, told
from tradewind.testing.tidal import sail_tidal, tidal_world
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, Halt, OrderState, Protection, RequestKind, VenueCode

S = 1_000_000_000


def halts(sea, bit):
    """Return when a halt was set and cleared, in turn, repetitions left out."""
    changes, was_on = [], False
    for s, row in told(sea, FactKind.HALT):
        if row["code"] & bit and bool(row["qty_lot"]) != was_on:
            was_on = not was_on
            changes.append((s, was_on))
    return changes


def calls_s(sea, from_s, to_s, words=""):
    """Return when the venue answered a call of whatever kind."""
    lines = [line for line in sea.trace if " frame " not in line and words in line]
    return [at for line in lines if from_s < (at := seconds(int(line.partition(" ")[0]))) < to_s]


def test_F21_a_key_that_our_address_may_not_use_locks_the_account():
    """Nothing is sent for the account until the venue takes the key again; one alert says which address it saw, the
    venue is asked ever more rarely, and the stops there protect."""
    sea = sail_tidal("binance_usdm", strike("F21", 130, 120), minutes=4.5)
    assert len(sea.alerts("LOCKED")) == 1
    assert "request ip" in sea.alerts("LOCKED")[0].text
    (locked, _), (freed, _) = halts(sea, Halt.LOCK)
    assert 180 < locked < 181
    assert 250 < freed < 300
    assert not [at for at in asked_s(sea) + asked_s(sea, RequestKind.CANCEL) if locked < at < freed]
    assert len(calls_s(sea, locked, 250)) < 40
    assert "new" in {entry["state"] for entry in orders_of(sea, kind="stop_market")}
    assert sea.alerts("RESUMED")


def test_F22_too_many_requests_pause_what_is_not_urgent():
    """Until the time that the venue names nothing is read or opened; what protects goes on."""
    sea = sail_tidal("binance_usdm", strike("F22", 121, 10, pattern="*openOrders", retry_s=130), minutes=4.5)
    assert sea.struck("F22") == 1
    paused = calls_s(sea, 124.5, 252)
    assert not calls_s(sea, 124.5, 252, "GET fapi.binance.com/fapi/v3")
    assert len(paused) < 12
    assert [round(at) for at in placed_s(sea, reduces=True) if at < 252] == [122, 180]
    assert not [at for at in placed_s(sea, reduces=False) if 125 < at < 252]
    assert [at for at in placed_s(sea, reduces=False) if at > 252]
    assert sea.alerts("ORDER_UNKNOWN") == []


def test_F23_a_ban_is_respected_to_the_second():
    """Not one call leaves before the ban is over; streams go on, new risk is held, and a person is told."""
    sea = sail_tidal("binance_usdm", strike("F23", 115, 20, retry_s=100), minutes=4.0)
    assert sea.struck("F23") == 1
    (banned,) = calls_s(sea, 115, 121)
    assert calls_s(sea, banned, banned + 100) == []
    assert calls_s(sea, banned + 100, 300)
    assert alerted_s(sea, "BANNED")[0] < 121
    assert [s for s, _ in told(sea, FactKind.MARK) if 150 < s < 200]
    assert [row["code"] for _, row in told(sea, FactKind.VENUE_STATUS)][:2] == [VenueCode.DOWN, VenueCode.UP]
    assert not [at for at in placed_s(sea) if at < 220]
    assert placed_s(sea)


def test_F24_a_limit_on_orders_lets_openers_wait():
    """Openers wait as long as the venue asks; a close that was one too many goes out again within a second, and cancels
    go on meanwhile."""
    sea = sail_tidal("okx_swap", strike("F24", 115, 20, retry_s=10))
    assert sea.struck("F24") == 1
    assert list(told(sea, FactKind.NOT_SENT)) == []
    assert sea.alerts("ORDER_UNKNOWN") == []
    assert [e for e in orders_of(sea, cause="canceled") if 120 < seconds(e["ts_ns"]) < 121]
    assert not [at for at in placed_s(sea, reduces=False) if 120 < at < 130]
    assert [at for at in placed_s(sea, reduces=True) if 120.5 < at < 121.5]


def test_F25_maintenance_holds_new_risk_until_the_account_was_read():
    """While the venue is closed nothing new is asked; afterwards the account is compared before anything is opened."""
    sea = sail_tidal("okx_swap", strike("F25", 130, duration_s=70), minutes=3.6, calm_minutes=2.9)
    assert sea.struck("F25") == 1
    assert not [at for at in placed_s(sea) if 130 < at < 200]
    assert alerted_s(sea, "HALTED") + alerted_s(sea, "STREAM_DOWN")
    opened = [at for at in placed_s(sea, reduces=False) if at > 200]
    reads = [at for at in calls_s(sea, 200, 400, "account/positions") if at > 200]
    assert opened
    assert reads[0] < opened[0]


@pytest.mark.parametrize("venue", ["okx_swap", "bybit_linear"])
def test_F25_maintenance_that_is_announced_finds_no_opener(venue):
    """From five minutes before a maintenance that the venue announces nothing new is opened and what rests is
    cancelled; the stop stays. Once the venue says that it is over the account is read, and only then is anything
    opened."""
    sea = sail_tidal(venue, strike("F25", 130, ahead_s=130, duration_s=60), minutes=6.5, calm_minutes=2.5)
    assert sea.struck("F25") == 1
    (told_s,) = [seconds(a.at_ns) for a in sea.alerts("HALTED") if "announces maintenance" in a.text]
    assert 130 < told_s < 195
    (on_s, _), (off_s, _) = halts(sea, Halt.VENUE)
    assert told_s <= on_s < told_s + 1
    assert 320 < off_s < 390
    gone = [seconds(e["ts_ns"]) for e in orders_of(sea, cause="canceled", kind="limit")]
    assert any(on_s < at < 260 for at in gone)
    assert [at for at in asked_s(sea, reduces=False) if on_s < at < off_s] == []
    resting = {
        e["order_id"] for e in orders_of(sea, kind="limit", cause="placed") if seconds(e["ts_ns"]) < 260
    }
    assert not [e for e in orders_of(sea, state="new", cause="placed") if 260 < seconds(e["ts_ns"]) < off_s]
    assert all(ended_as(sea)[order] != "new" for order in resting)
    reads = [at for at in calls_s(sea, 320, off_s + 1, "position") if at < off_s]
    assert reads
    assert [at for at in placed_s(sea, reduces=False) if at > off_s]


def test_F26_ten_minutes_of_unknown_statuses_never_double_an_order():
    """Each order that nobody can tell the fate of is searched for; there is never more than one for one intent."""
    sea = sail_tidal("binance_usdm", strike("F26", 70, 600, count=0), minutes=11.5)
    assert sea.struck("F26") > 8
    assert len(sea.alerts("ORDER_UNKNOWN")) > 8
    assert sea.alerts("ORDER_ABANDONED")
    ids = [entry["client_id"] for entry in orders_of(sea, cause="placed")]
    assert len(ids) == len(set(ids))
    assert sum(entry["state"] == "filled" for entry in sea.of("order")) == len(sea.of("fill"))


def test_F27_a_close_that_the_venue_is_too_busy_for_is_tried_until_it_goes_through():
    """It is asked about, and asked for again as soon as it is certain that it was not done: at market, then within half
    a percent of the last price, then within two. Meanwhile the stop at the venue stays, and a person is told."""
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.01, max_age_ns=30 * S)
    sea = sail_tidal(
        "binance_usdm",
        strike("F27", 140, 45, count=0),
        life={"make_world": partial(tidal_world, exits=exits)},
    )
    assert sea.struck("F27") >= 2
    closes = [e for e in orders_of(sea, reason="OVERLOAD") if e["kind"] in ("market", "limit")]
    assert [e["kind"] for e in closes] == ["market", "market", "limit", "limit"][: len(closes)]
    refused = [seconds(e["ts_ns"]) for e in closes]
    assert len(refused) >= 2
    assert all(5 < later - sooner < 30 for sooner, later in pairwise(refused))
    assert alerted_s(sea, "ORDER_UNKNOWN")
    sold = [e for e in orders_of(sea, side="sell", state="filled") if e["kind"] in ("market", "limit")]
    closed = [seconds(e["ts_ns"]) for e in sold]
    assert 185 < closed[0] < 210
    stop = orders_of(sea, kind="stop_market", cause="placed")[0]
    assert (
        min(seconds(e["ts_ns"]) for e in orders_of(sea, order_id=stop["order_id"], state="canceled"))
        > closed[0]
    )


def test_F28_an_order_that_is_taken_and_rejected_afterwards_changes_nothing():
    """An order is alive only by what the venue says of it: rejected after its acceptance, it leaves the books as they
    were, and is wanted again."""
    sea = sail_tidal("bybit_linear", strike("F28", 110, 20))
    assert sea.struck("F28") == 1
    [(rejected, row)] = list(told(sea, FactKind.REJECT))
    assert 120 < rejected < 122
    assert not [1 for _, fill in told(sea, FactKind.FILL) if fill["cid"] == row["cid"]]
    assert int(sea.life.world.contexts["working"]["order"]["state"][0, 0]) == OrderState.FREE
    assert [at for at in placed_s(sea, reduces=False) if at > 230]


def test_F29_an_order_whose_acceptance_is_lost_is_adopted_by_its_id():
    """It works and fills while nobody here knows: its own id finds it, and what it filled is ours."""
    sea = sail_tidal("blofin_swap", strike("F29", 55, 20))
    assert sea.struck("F29") == 1
    assert len(alerted_s(sea, "ORDER_UNKNOWN")) == 3
    bought = orders_of(sea, state="filled", side="buy")[0]
    assert seconds(bought["ts_ns"]) < 61
    fills = [(s, row) for s, row in told(sea, FactKind.FILL) if s < 75]
    assert len(fills) == 1
    assert len([at for at in placed_s(sea, reduces=False) if at < 115]) == 3
    assert set(ended_as(sea).values()) <= {"new", "filled", "canceled"}
