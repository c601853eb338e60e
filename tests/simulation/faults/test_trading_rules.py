"""A venue that changes what an order may be while one trades: steps, least quantities, least values (F43-F45)."""

from decimal import Decimal

from tradewind.testing.logbook import alerted_s, asked_s, orders_of, placed_s, seconds, told
from tradewind.testing.tidal import sail_tidal
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, RequestKind, SettingCode


def settings(sea, code):
    """Return when the session learnt a setting."""
    return [s for s, row in told(sea, FactKind.SETTING) if row["code"] == code]


def refusals(sea, reason):
    return [seconds(e["ts_ns"]) for e in orders_of(sea, reason=reason)]


def test_F43_a_changed_tick_is_learnt_from_the_first_refusal():
    """The rules are read again as soon as a price is refused, and prices are on the new tick from then on: there is no
    loop of refusals."""
    sea = sail_tidal("binance_usdm", strike("F43", 130), minutes=4.0)
    assert sea.struck("F43") == 1
    refused = refusals(sea, "TICK")
    assert 1 <= len(refused) <= 2
    [learnt] = settings(sea, SettingCode.TICK_STEP)
    assert refused[0] < learnt < refused[0] + 3
    later = [e for e in sea.of("order") if e["cause"] == "placed" and seconds(e["ts_ns"]) > learnt]
    prices = [Decimal(str(e["price"] or e["trigger"])) for e in later if e["price"] or e["trigger"]]
    assert len(prices) >= 2
    assert all(price % 1 == 0 for price in prices)


def test_F44_what_is_held_below_a_new_least_quantity_keeps_its_stop():
    """A position that has become too small to be closed by an order is left to its stop, a person is told, and nothing
    is asked again and again."""
    sea = sail_tidal("binance_usdm", strike("F44", 130, ratio=100), minutes=4.0)
    assert sea.struck("F44") == 1
    assert len(refusals(sea, "LOT")) <= 2
    [learnt] = settings(sea, SettingCode.LOT_STEP)
    assert learnt - refusals(sea, "LOT")[0] < 3
    assert not [at for at in asked_s(sea) if at > learnt]
    assert alerted_s(sea, "DUST")
    [stop] = orders_of(sea, kind="stop_market", cause="placed")
    assert {e["state"] for e in orders_of(sea, order_id=stop["order_id"])} == {"new"}


def test_F45_a_higher_least_value_stops_openers_and_no_exit():
    """Openers that are worth too little are held back before they are sent; what closes is worth any amount."""
    sea = sail_tidal("binance_usdm", strike("F45", 130, ratio=1000), minutes=4.0)
    assert sea.struck("F45") == 1
    [learnt] = settings(sea, SettingCode.MIN_NOTIONAL)
    sold = [seconds(f["ts_ns"]) for f in sea.of("fill") if f["side"] == "sell"]
    assert [round(at) for at in sold] == [180]
    assert not [at for at in placed_s(sea, reduces=False) if at > 130]
    assert not [at for at in asked_s(sea, reduces=False) if at > learnt]
    assert not [at for at in asked_s(sea, RequestKind.AMEND, reduces=False) if at > learnt]
