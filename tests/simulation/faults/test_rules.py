"""What an exchange changes, says wrongly or does not allow: funding, listings, marks, candles, lists (F53-F64)."""

from itertools import pairwise

import pytest

from tradewind.testing.logbook import alerted_s, asked_s, called_s, orders_of, placed_s, seconds, told
from tradewind.testing.steady import halts, sail_steady, steady_world
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, Halt, RequestKind, StreamCode, VenueCode


def feed_of(sea):
    return sea.life.live_venue._feeds[0]


def banded_world(instrument, seed, *, amends):
    return steady_world(instrument, seed, amends=amends, price_band=0.03)


def test_F53_funding_that_jumps_and_settles_more_often_is_what_the_venue_charged():
    """Accrual comes from the venue's own records: every settlement is booked to the cent, once, whenever it comes."""
    sea = sail_steady("binance_usdm", strike("F53", 200, rate=0.01, interval_s=120.0))
    paid = [entry for entry in sea.of("money") if entry["kind"] == "funding"]
    cents = [abs(round(float(entry["amount"]) * 1e8)) for entry in paid]
    assert len(cents) > 0
    assert min(cents) > 10**8
    booked = {int(row["venue_ts_ns"]): int(row["amount"]) for _, row in told(sea, FactKind.FUNDING_PAID)}
    assert sorted(abs(amount) for amount in booked.values()) == sorted(cents)
    assert abs(int(sea.life.world.accounts["funding"][0])) == sum(cents)


def test_F54_a_symbol_that_is_about_to_be_settled_is_left_in_time():
    """Nothing is opened any more, what is held is closed at the market before the venue settles it, and what was
    recorded stays."""
    sea = sail_steady("binance_usdm", strike("F54", 200, after_s=120))
    closed = [at for at in placed_s(sea, reduces=True) if at > 200]
    assert 240 < closed[0] < 260
    assert not [entry for entry in sea.of("fill") if entry["kind"] == "settlement"]
    assert [at for at in placed_s(sea, reduces=False) if at > 200] == []
    assert any("about to be settled" in alert.text for alert in sea.alerts("HALTED"))
    assert sea.account.open_orders() == []
    assert [at for at, _ in told(sea, FactKind.BAR) if at > 240]


def test_F55_a_symbol_that_is_renamed_is_left_alone():
    """Nobody guesses that another name or denomination is the same thing: what was held is booked as settled, and
    nothing more is sent for the symbol."""
    sea = sail_steady("binance_usdm", strike("F55", 200))
    assert not sea.account.positions()
    (settled,) = [row for _, row in told(sea, FactKind.DELISTED)]
    assert settled["qty_lot"] == 40
    assert [at for at in placed_s(sea) if at > 200.1] == []
    assert [at for at in asked_s(sea) if at > 201] == []
    assert list(told(sea, FactKind.VENUE_STATUS))[-1][1]["code"] == VenueCode.DOWN
    assert any("does not trade" in a.text or "not listed" in a.text for a in sea.alerts("HALTED"))


def test_F56_a_contract_of_another_size_stops_its_symbol():
    """What is held no longer adds up: openers stop within seconds, the rules are read at once and a person is told the
    size. Until the session starts with the new rules nothing is opened; what reduces still may."""
    sea = sail_steady("okx_swap", strike("F56", 200), judges="abcfgh")
    stopped = [at for at, bits, on in halts(sea) if bits & Halt.EXTERNAL and on]
    assert 200 < stopped[0] < 210
    assert max(placed_s(sea, reduces=False)) < stopped[0]
    closed = [at for at, row in told(sea, FactKind.VENUE_STATUS) if row["code"] == VenueCode.DOWN]
    assert closed[0] - stopped[0] < 2
    assert any("the contract size" in alert.text for alert in sea.alerts("HALTED"))
    assert all(position.qty >= 0 for position in sea.account.positions())


def test_F57_where_mark_and_price_part_nothing_is_opened():
    """Beyond the price band between mark and last price no order opens; what is held can be closed, and the position
    is valued at the mark."""
    sea = sail_steady("binance_usdm", strike("F57", 130, 100, ratio=0.05), life={"make_world": banded_world})
    assert sea.struck("F57")
    assert [at for at in asked_s(sea, reduces=False) if 131 < at < 230] == []
    assert any(at > 230 for at in asked_s(sea, reduces=False))


def test_F57_what_is_held_can_be_closed_while_mark_and_price_part():
    """A limit never keeps anybody in a position."""
    sea = sail_steady("binance_usdm", strike("F57", 230, 150, ratio=0.05), life={"make_world": banded_world})
    assert [at for at in asked_s(sea, reduces=False) if 231 < at < 380] == []
    assert [at for at in asked_s(sea, RequestKind.NEW, reduces=True) if 359 < at < 362]
    assert not [p for p in sea.account.positions() if p.qty < 0]


def test_F58_a_price_that_cannot_be_reaches_no_decision():
    """Nought, less, no number, a million million, "null": the message is dropped and counted, and no bar, mark or
    order has such a price."""
    strikes = [strike("F58", 190 + at, 1, form=form, count=4) for at, form in enumerate((1, 2, 3, 4, 5) * 2)]
    sea = sail_steady("bybit_linear", *strikes)
    assert sea.struck("F58") >= 20
    assert sum(feed_of(sea).dropped.values()) > 0
    for kind, name in ((FactKind.BAR, "price_tick"), (FactKind.MARK, "value")):
        values = [float(row[name]) for _, row in told(sea, kind)]
        assert max(values) < 1.2 * min(values), name
    assert any(at > 230 for at in placed_s(sea))


def test_F59_a_candle_that_is_missing_is_fetched_and_nobody_decides_without_it():
    """Until it is there its instrument is stale; bars reach strategies whole, in order and once."""
    sea = sail_steady("binance_usdm", strike("F59", 200, 100, count=3))
    assert sea.struck("F59")
    bars = [int(row["venue_ts_ns"]) for at, row in told(sea, FactKind.BAR) if at > 61]
    assert len(bars) > 4
    assert {b - a for a, b in pairwise(bars)} == {60_000_000_000}
    stale = [(at, row["code"]) for at, row in told(sea, FactKind.STREAM) if at > 130]
    assert stale[0][1] == StreamCode.STALE
    assert stale[-1][1] == StreamCode.UP
    for at in asked_s(sea, reduces=False):
        assert not any(down < at < up for (down, _), (up, _) in zip(stale[::2], stale[1::2], strict=True))


def test_F60_positions_that_lag_behind_the_fills_correct_nothing():
    """An instrument that traded a moment ago is compared later: no order, no correction, no halt comes of the lag."""
    sea = sail_steady("binance_usdm", strike("F60", 170, 60), strike("F14", 170, 60, count=3))
    assert sea.struck("F60")
    assert halts(sea) == []
    assert list(told(sea, FactKind.ADL)) == []
    assert list(told(sea, FactKind.EXTERNAL_POSITION)) == []
    assert len([at for at in placed_s(sea) if 180 < at < 230]) == 3


@pytest.mark.parametrize(
    ("venue", "read_s"),
    [("binance_usdm", 249.5), ("bybit_linear", 248.5), ("okx_swap", 248.5), ("blofin_swap", 249.5)],
)
def test_F60_one_wrong_answer_about_positions_books_nothing_and_takes_no_stop_away(venue, read_s):
    """What a single list of positions says otherwise is asked again before it is believed; nothing opens meanwhile."""
    sea = sail_steady(venue, strike("F60", read_s, 1.5, count=0, empty=1.0))
    assert sea.struck("F60")
    assert any(read_s < at < read_s + 1.5 for at in called_s(sea, "osition"))
    assert halts(sea) == []
    assert list(told(sea, FactKind.ADL)) == []
    assert list(told(sea, FactKind.EXTERNAL_POSITION)) == []
    assert not sea.alerts("UNEXPLAINED")
    assert int(sea.life.world.accounts["adjusted"][0]) == 0
    gone = [entry for entry in orders_of(sea, state="canceled") if entry["kind"] == "stop_market"]
    assert not [entry for entry in gone if 183 < seconds(entry["ts_ns"]) < read_s + 30]


def test_F61_absence_from_a_list_is_no_end():
    """Where the list of open orders is cut short, an order that is not on it is asked for by its id and lives on."""
    sea = sail_steady("okx_swap", strike("F61", 182, 60, count=0))
    assert sea.struck("F61") > 1
    ends = [row["cid"] for kind in (FactKind.EXPIRED, FactKind.NOT_SENT) for _, row in told(sea, kind)]
    assert ends == []
    assert [at for at, _ in told(sea, FactKind.CANCELLED) if 182 < at < 239] == []
    assert [at for at in asked_s(sea) if 182.5 < at < 239] == []
    assert halts(sea) == []


def test_F62_fills_that_a_list_misses_are_found_by_what_the_order_says():
    """A total that jumps over trades is told at once, the trades are asked for until they come, and fees are exact
    then."""
    sea = sail_steady("binance_usdm", strike("F62", 170, 60, count=0), strike("F16", 170, 60, count=3))
    assert sea.struck("F62")
    assert sea.struck("F16")
    fees = sum(row["amount"] for _, row in told(sea, FactKind.FEE))
    assert fees == sum(round(float(entry["fee"]) * 1e8) for entry in sea.of("fill"))
    assert sea.life.world.accounts["balance"][0] == int(sea.account.balance("USDT").wallet * 10**8)


def test_F63_a_region_that_is_refused_stops_for_good():
    """Openers stop with the venue's own reason and do not come back by themselves; a person is told once."""
    sea = sail_steady("binance_usdm", strike("F63", 200))
    (alert,) = sea.alerts("VENUE_REFUSES")
    assert "451" in alert.text
    stopped = [at for at, bits, on in halts(sea) if bits & Halt.VENUE and on]
    assert [at for at in asked_s(sea, reduces=False) if at > stopped[0]] == []
    assert int(sea.life.world.accounts["halts"][0]) & Halt.VENUE
    assert not sea.account.positions()


def test_F64_an_account_that_may_only_reduce_reduces():
    """Openers are refused once and not repeated; what is held is protected and closed; later one more opener finds out
    whether it has passed."""
    sea = sail_steady("binance_usdm", strike("F64", 200, 190), minutes=7.5)
    refused = orders_of(sea, cause="refused")
    assert 1 <= len(refused) <= 3
    states = [row["code"] for _, row in told(sea, FactKind.VENUE_STATUS)]
    assert states[0] == VenueCode.REDUCE_ONLY
    assert VenueCode.UP in states
    assert any(359 < at < 362 for at in placed_s(sea, reduces=True))
    assert any(at > 419 for at in placed_s(sea, reduces=False))
    assert alerted_s(sea, "HALTED")
