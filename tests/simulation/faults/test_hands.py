"""Somebody else acts in the account, by hand or by force: it is seen and counted, never mended silently (F46-F52)."""

from dataclasses import replace
from functools import partial

import pytest

from tradewind.engine.setup import ExitSetup
from tradewind.journal import JournalReader, RecordKind
from tradewind.journal.bodies import decode_audit
from tradewind.live.reconcile import Policy
from tradewind.live.venue import LiveRules
from tradewind.testing.logbook import alerted_s, asked_s, orders_of, placed_s, seconds, told
from tradewind.testing.steady import halts, sail_steady
from tradewind.testing.tidal import WALLET, sail_tidal, tidal_world
from tradewind.testing.venue_live import FOLDER
from tradewind.testing.voyage import strike
from tradewind.units.enums import LONG, FactKind, Halt, Protection, RequestKind, SettingCode

S = 1_000_000_000
IGNORING = LiveRules(warm_bars=2, reconcile_ns=60 * S, policy=Policy(external="ignore"))


def test_F46_leverage_changed_by_hand_is_the_leverage_that_counts():
    """It is noticed within a minute, told to a person, and margin is counted with what is really set."""
    sea = sail_steady("binance_usdm", strike("F46", 200, leverage=3.0))
    assert sea.struck("F46") == 1
    settings = [
        (at, row["value"]) for at, row in told(sea, FactKind.SETTING) if row["code"] == SettingCode.LEVERAGE
    ]
    assert 200 < settings[-1][0] < 260
    assert settings[-1][1] == 3.0
    assert sea.life.world.views["leverage"][0] == 3.0
    assert any("leverage is 3, not 20" in alert.text for alert in sea.alerts("RECONCILED"))
    assert halts(sea) == []


def test_F47_a_margin_mode_changed_by_hand_stops_openers():
    """Where the margin mode is another than the session was made for, nothing new is opened; what is held keeps its
    stop and can be closed."""
    sea = sail_steady("binance_usdm", strike("F47", 200))
    assert sea.struck("F47") == 1
    stopped = [at for at, bits, on in halts(sea) if bits & Halt.EXTERNAL and on]
    assert 200 < stopped[0] < 262
    assert max(placed_s(sea, reduces=False)) < stopped[0]
    assert any("mode is" in alert.text for alert in sea.alerts("UNEXPLAINED"))
    assert any(at > 359 for at in asked_s(sea, reduces=True))
    assert not sea.account.positions()


def test_F47_no_order_is_placed_for_the_wrong_position_side():
    """Where the position mode is another, the venue refuses what is sent before it is seen, and nothing follows."""
    sea = sail_steady("okx_swap", strike("F47", 30))
    assert sea.struck("F47") == 1
    assert sea.account.hedge
    stopped = [at for at, bits, on in halts(sea) if bits & Halt.EXTERNAL and on]
    assert 30 < stopped[0] < 92
    assert [at for at in placed_s(sea) if at > 30] == []
    assert [at for at in asked_s(sea, reduces=False) if at > stopped[0]] == []
    assert any("position mode is 1, not 0" in alert.text for alert in sea.alerts("UNEXPLAINED"))


def test_F48_a_position_that_somebody_enlarged_counts_as_external_and_stops_openers():
    """It is never taken for ours and never closed: it counts against the limits, and a person is told."""
    sea = sail_steady("binance_usdm", strike("F48", 130, notional=400.0))
    by_hand = sum(entry["client_id"] == "" for entry in orders_of(sea, cause="placed"))
    assert by_hand == 1
    stopped = [at for at, bits, on in halts(sea) if bits & Halt.EXTERNAL and on]
    assert 130 < stopped[0] < 142
    assert max(placed_s(sea, reduces=False)) < stopped[0]
    (found,) = [row for _, row in told(sea, FactKind.EXTERNAL_POSITION)]
    assert int(sea.life.world.views["external_lot"][0].sum()) == found["qty_lot"] > 0
    assert [abs(p.qty) for p in sea.account.positions()] == [found["qty_lot"] * sea.instrument.lot_size]
    assert any("none of ours" in alert.text for alert in sea.alerts("UNEXPLAINED"))


def test_F48_a_position_that_somebody_closed_is_not_opened_again():
    """What was ours and is gone is booked at the price it went for, stops whose position is gone are cancelled, and
    nothing is opened until an operator resumes."""
    sea = sail_steady("binance_usdm", strike("F48", 200))
    (gone,) = [row for _, row in told(sea, FactKind.ADL)]
    assert gone["qty_lot"] == 40
    assert gone["position_side"] == LONG
    assert not sea.account.positions()
    assert sea.account.open_orders() == []
    assert [bits for _, bits, on in halts(sea) if on] == [Halt.EXTERNAL]
    stands = int(sea.life.world.accounts["halts"][0])
    assert stands & Halt.EXTERNAL
    assert not stands & Halt.LIQUIDATED, "nobody liquidated anything"
    assert max(placed_s(sea)) < 200.1


def test_F48_where_the_policy_is_to_ignore_trading_goes_on_beside_it():
    """With `external = "ignore"` others' positions count against the limits and stop nothing."""
    sea = sail_steady("okx_swap", strike("F48", 75, notional=400.0), life={"rules": IGNORING}, protects=False)
    assert int(sea.life.world.views["external_lot"][0].sum()) > 0
    assert halts(sea) == []
    assert any(at > 179 for at in placed_s(sea, reduces=False))
    assert sea.alerts("RECONCILED")


def test_F49_an_order_that_somebody_cancelled_is_ours_and_ended_by_another():
    """It ends in our books as cancelled, and where the strategy still wants it there is a new one, with a new id."""
    sea = sail_steady("binance_usdm", strike("F49", 200))
    hit = orders_of(sea, cause="canceled", state="canceled")
    (cancelled,) = [entry for entry in hit if 200 <= seconds(entry["ts_ns"]) < 201]
    ended = [row for at, row in told(sea, FactKind.CANCELLED) if 200 <= at < 201]
    assert len(ended) == 1
    assert [at for at in placed_s(sea, reduces=False) if 200 <= at < 202]
    assert len(orders_of(sea, client_id=cancelled["client_id"], cause="placed")) == 1


def test_F49_an_order_placed_by_hand_is_kept_out_of_our_ledger():
    """It counts against the limits as long as it works, stops openers by policy, and is neither cancelled nor
    adopted."""
    sea = sail_steady("bybit_linear", strike("F49", 90, notional=400.0))
    (theirs,) = [entry for entry in orders_of(sea, cause="placed") if not entry["client_id"]]
    (found,) = [row for _, row in told(sea, FactKind.EXTERNAL_ORDER)]
    assert found["qty_lot"] * sea.instrument.lot_size == sea.account.open_orders()[0].placement.qty
    assert [order.order_id for order in sea.account.open_orders()] == [theirs["order_id"]]
    assert [bits for _, bits, on in halts(sea) if on] == [Halt.EXTERNAL]


def move_stop(deck):
    """Let somebody move the stop that rests 1 % further away."""
    account = deck.exchange.accounts[0]
    (stop,) = account.open_orders(algo=True)
    step = next(iter(deck.exchange.instruments.values())).tick_size
    trigger = stop.placement.trigger * 99 // 100 // step * step
    account.amend(stop.placement.symbol, stop.order_id, trigger=trigger)


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear", "okx_swap", "blofin_swap"])
def test_F49_a_stop_that_somebody_moved_is_seen_told_and_put_back_in_the_open(venue):
    """The core learns where the stop is by a fact, a person is told, by policy nothing new is opened; then the core
    asks for its stop where it belongs, like for any change of its own."""
    sea = sail_steady(venue, acts=[(225, move_stop)])
    (moved_s,) = [at for at, row in told(sea, FactKind.AMENDED) if row["code"] == 1]
    assert 225 < moved_s < 291
    (alert,) = [a for a in sea.alerts("UNEXPLAINED") if "was changed by somebody" in a.text]
    assert seconds(alert.at_ns) == moved_s
    assert [bits for _, bits, on in halts(sea) if on] == [Halt.EXTERNAL]
    stops = orders_of(sea, kind="stop_market", cause="placed")
    assert len(stops) == 2
    assert stops[0]["trigger"] == stops[1]["trigger"]
    assert moved_s <= seconds(stops[1]["ts_ns"]) < moved_s + 3


def test_F50_money_moved_out_is_no_loss():
    """A transfer is told as one: the balance is what the venue says, profit and loss do not move, nothing halts."""
    sea = sail_steady("binance_usdm", strike("F50", 200, ratio=-0.1))
    (moved,) = [entry for entry in sea.of("money") if entry["kind"] == "transfer"]
    transfers = [row["amount"] for at, row in told(sea, FactKind.TRANSFER) if at > 100]
    account = sea.life.world.accounts[0]
    assert transfers == [int(float(moved["amount"]) * 1e8)]
    assert account["adjusted"] == 0
    assert account["balance"] == int(sea.account.balance("USDT").wallet * 10**8)
    assert halts(sea) == []
    assert any(at > 260 for at in placed_s(sea, reduces=False))


def test_F51_a_liquidation_is_booked_and_stops_everything_new():
    """The position is what the venue says, openers are cancelled and none follows, a person is told at once."""
    sea = sail_steady("binance_usdm", strike("F51", 200))
    assert 200 < alerted_s(sea, "LIQUIDATED")[0] < 201
    (taken,) = [row for _, row in told(sea, FactKind.ACCOUNT_LIQUIDATED)]
    assert taken["qty_lot"] == 40
    assert not sea.account.positions()
    assert int(sea.life.world.accounts["halts"][0]) & Halt.LIQUIDATED
    assert max(placed_s(sea, reduces=False)) < 202
    assert sea.account.open_orders() == []


def test_F51_deleveraging_of_half_a_position_leaves_the_other_half_protected():
    """What is left is believed to the last lot and its stop becomes as small."""
    sea = sail_steady("okx_swap", strike("F51", 200, share=0.5, adl=1.0))
    (taken,) = [row for _, row in told(sea, FactKind.ADL)]
    assert taken["qty_lot"] == 20
    assert sea.alerts("LIQUIDATED")
    assert int(sea.life.world.accounts["halts"][0]) & Halt.LIQUIDATED
    stops = orders_of(sea, kind="stop_market", cause="placed")
    assert [float(e["qty"]) for e in stops][-1] == float(20 * sea.instrument.lot_size)
    assert max(placed_s(sea, reduces=False)) < 202


def test_F52_a_fill_far_from_the_mark_is_the_truth():
    """It is booked at the price it had, and the stop that it puts beyond the market closes the position."""
    sea = sail_steady("binance_usdm", strike("F52", 170))
    far = next(entry for entry in sea.of("fill") if entry["side"] == "buy")
    booked = next(row for _, row in told(sea, FactKind.FILL))
    assert booked["price_tick"] * sea.instrument.tick_size == float(far["price"]) or (
        abs(booked["price_tick"] * float(sea.instrument.tick_size) - float(far["price"])) < 0.11
    )
    assert any(180 < at < 184 for at in asked_s(sea, RequestKind.NEW, reduces=True))
    first = [entry["side"] for entry in sea.of("fill")][:2]
    assert first == ["buy", "sell"]
    assert int(sea.life.world.accounts["realised"][0]) < 0


def test_F52_what_is_lost_far_from_the_mark_trips_the_limit_of_losses():
    """A position that was closed far below the market has lost more than the session may lose: before the next decision
    openers go, nothing is opened any more, and why stands in the journal."""
    wallet = replace(WALLET, loss_session=0.0005)
    world = partial(tidal_world, exits=ExitSetup(protection=Protection.NONE), wallet=wallet)
    sea = sail_tidal("binance_usdm", strike("F52", 170), life={"make_world": world})
    assert sea.struck("F52") == 1
    assert placed_s(sea, reduces=True)[0] == pytest.approx(180.0, abs=0.1)
    [(tripped_s, told_of)] = [
        (seconds(audit.at_ns), audit.detail)
        for audit in map(decode_audit, JournalReader(sea.life.disk, FOLDER).of_kind(RecordKind.AUDIT))
        if audit.what == "halts" and "LOSS_SESSION" in audit.detail["set"]
    ]
    assert 240 < tripped_s < 240.1
    assert told_of["cause"] == ["LOSS_SESSION"]
    assert told_of["limit"] == 0.0005 < told_of["value"] < 0.001
    assert int(sea.life.world.accounts["halts"][0]) == Halt.LOSS_SESSION
    assert max(asked_s(sea, reduces=False)) < 121
    assert [entry for entry in sea.of("order") if entry["state"] == "canceled"]
