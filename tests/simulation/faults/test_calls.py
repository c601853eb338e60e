"""Calls that fail on their way: what is known, what is not, and what is never sent twice (F01-F08)."""

import pytest

from tradewind.testing.logbook import alerted_s, asked_s, called_s, orders_of, placed_s, seconds, told
from tradewind.testing.steady import sail_steady
from tradewind.testing.tidal import sail_tidal
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, Halt, RequestKind, VenueCode

LOTS = 40


def test_F01_an_order_that_could_not_leave_was_not_sent():
    """Where no connection comes about, no name is found or no certificate holds, an order is known not to be sent:
    it is wanted again when the next bar is over, and nothing new is opened while the venue cannot be reached."""
    forms = [strike("F01", 115 + 120 * at, 10, form=form) for at, form in enumerate((1, 2, 3))]
    sea = sail_tidal("binance_usdm", *forms, minutes=6.5)
    assert sea.struck("F01") == 3
    assert {round(s) for s, _ in told(sea, FactKind.NOT_SENT)} == {120, 240, 360}
    assert sea.alerts("ORDER_UNKNOWN") == []
    status = [(round(s), row["code"]) for s, row in told(sea, FactKind.VENUE_STATUS)]
    assert [code for _, code in status] == [VenueCode.DOWN, VenueCode.UP] * 3
    assert [s for s, _ in status[::2]] == [120, 240, 360]
    assert all(up - down < 60 for (down, _), (up, _) in zip(status[::2], status[1::2], strict=True))
    assert 180 < min(placed_s(sea)) < 181


def test_F02_an_order_whose_connection_broke_after_it_was_written_is_in_question():
    """Nobody knows whether it arrived: it is searched for, and never sent again."""
    sea = sail_tidal("okx_swap", strike("F02", 55, 10))
    assert sea.struck("F02") == 1
    assert len(alerted_s(sea, "ORDER_UNKNOWN")) == 3
    assert len([at for at in placed_s(sea, reduces=False) if at < 110]) == 3
    assert sent_once(sea)


def sent_once(sea):
    """Say whether every order that was asked for reached the venue at most once."""
    placed = [entry["client_id"] for entry in orders_of(sea, cause="placed") if not entry["parent_id"]]
    return len(placed) == len(set(placed)) > 3


def test_F03_an_answer_that_comes_too_late_changes_nothing():
    """The order is searched for and adopted; no second one is sent, and what it filled is counted once."""
    sea = sail_tidal("binance_usdm", strike("F03", 115, 10))
    assert sea.struck("F03") == 1
    assert [round(at) for at in alerted_s(sea, "ORDER_UNKNOWN")] == [130] * 3
    assert len([at for at in placed_s(sea, reduces=False) if at < 170]) == 3
    assert sent_once(sea)


def test_F04_a_gateway_error_proves_nothing():
    """An error of the way to the venue leaves an order in question although it may be live: it is found by its id."""
    errors = [strike("F04", 115 + 60 * at, 10, status=status) for at, status in enumerate((504, 502, 500))]
    sea = sail_tidal("bybit_linear", *errors, minutes=4.5)
    assert sea.struck("F04") == 3
    assert {round(at) for at in alerted_s(sea, "ORDER_UNKNOWN")} == {120, 180, 240}
    assert sent_once(sea)


def test_F05_an_answer_that_is_no_answer_proves_nothing():
    """A page, nothing, an empty object or list, null, JSON cut short: an order without the venue's id is in
    question."""
    forms = [strike("F05", 55 + 60 * at, 10, form=form) for at, form in enumerate((1, 2, 3, 4, 5, 6))]
    sea = sail_tidal("blofin_swap", *forms, minutes=6.5)
    assert sea.struck("F05") == 6
    assert {round(at / 60) for at in alerted_s(sea, "ORDER_UNKNOWN")} >= {1, 2, 3, 4, 5, 6}
    assert not told_rejected(sea)


def told_rejected(sea):
    return [row for _, row in told(sea, FactKind.REJECT)]


def test_F06_a_cancel_whose_answer_is_lost_is_settled_by_asking():
    """That the venue no longer knows an order proves nothing about how it ended: its state comes from a query."""
    sea = sail_tidal("binance_usdm", strike("F06", 175, 10))
    assert sea.struck("F06") == 1
    assert not any("-2011" in alert.text for alert in sea.alerts("ORDER_UNKNOWN"))
    gone = orders_of(sea, cause="canceled")[0]
    ended = [row for at, row in told(sea, FactKind.CANCELLED) if at < 240]
    assert gone["filled"] == "0"
    assert [
        int(row["qty_lot"]) for row in ended if row["cid"] == sea.requests(RequestKind.CANCEL)["cid"][0]
    ] == [0]


def test_F07_answers_that_take_thirty_seconds_cost_decisions_and_nothing_else():
    """Every call has its deadline; new risk is held, questions do not pile up, and no decision is made late."""
    sea = sail_tidal("binance_usdm", strike("F07", 110, 90), minutes=4.0, calm_minutes=3.0)
    held = [(s, row["qty_lot"]) for s, row in told(sea, FactKind.HALT) if row["code"] == Halt.ERRORS]
    assert [on for _, on in held] == [1, 0]
    assert not [at for at in asked_s(sea, reduces=False) if held[0][0] < at < held[1][0]]
    assert sea.struck("F07") <= 20
    assert {at % 60 < 2.5 for at in asked_s(sea)} == {True}
    assert asked_s(sea, reduces=True)[1] > held[0][0]
    assert [at for at in placed_s(sea, reduces=False) if at > held[1][0]]


def test_F08_while_calls_die_and_events_arrive_new_risk_is_held():
    """New risk is held until the account can be read again; the stop at the venue stays, and a person is told."""
    sea = sail_tidal("binance_usdm", strike("F08", 125, 120), minutes=4.5, calm_minutes=3.0)
    assert alerted_s(sea, "STREAM_DOWN")[0] < 145
    held = [(s, row["qty_lot"]) for s, row in told(sea, FactKind.HALT) if row["code"] == Halt.ERRORS]
    assert [on for _, on in held] == [1, 0]
    assert 125 < held[0][0] < 205
    assert held[1][0] > 245
    assert not [at for at in asked_s(sea, reduces=False) if held[0][0] < at < held[1][0]]
    assert not [at for at in placed_s(sea) if 126 < at < 245]
    stop = orders_of(sea, kind="stop_market", cause="placed")[0]
    ended = [e for e in orders_of(sea, order_id=stop["order_id"]) if e["state"] == "canceled"]
    assert called_s(sea, "DELETE /fapi/v1/algoOrder")[0] > 245
    assert ended


@pytest.mark.parametrize(("from_s", "woken"), [(190, True), (40, False)])
def test_F08_a_venue_that_answers_nothing_wakes_a_person_while_something_is_held(from_s, woken):
    """Once, within a minute and a reading, and he is told when it is over; with nothing held he may sleep."""
    sea = sail_steady("binance_usdm", strike("F08", from_s, 135), minutes=6.0)
    alerts = alerted_s(sea, "VENUE_SILENT")
    assert len(alerts) == woken
    if woken:
        assert from_s + 60 < alerts[0] < from_s + 125
        over = [alert for alert in sea.alerts("RESUMED") if "without an answer" in alert.text]
        assert len(over) == 1
        assert from_s + 135 < seconds(over[0].at_ns) < from_s + 150
