"""Orders that end otherwise than asked: races, refusals, vanished stops, shrunk closes (F30-F42)."""

from decimal import Decimal
from functools import partial
from itertools import pairwise

from tradewind.live.venue import LiveRules
from tradewind.testing.logbook import (
    alerted_s,
    asked_s,
    ended_as,
    orders_of,
    placed_s,
    seconds,
    told,
)
from tradewind.testing.tidal import FOLLOWER, sail_tidal, tidal_world
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, Halt, RequestKind, Rule
from tradewind.units.ids import slot_of


def totals(sea):
    """Return the last total that was told of each order of ours, in lots."""
    filled = {}
    for kind in (FactKind.FILL, FactKind.CANCELLED, FactKind.EXPIRED):
        for _, row in told(sea, kind):
            filled[int(row["cid"])] = max(filled.get(int(row["cid"]), 0), int(row["qty_lot"]))
    return filled


def raced(sea):
    """Return the first order that filled while it was cancelled: its entry and what we know it filled, in lots."""
    cid = int(sea.requests(RequestKind.CANCEL)["cid"][0])
    order = orders_of(sea, side="buy", kind="limit", cause="filled")[0]
    return order, totals(sea)[cid]


def lots(sea, qty):
    return int(Decimal(str(qty)) / sea.instrument.lot_size)


def test_F30_what_filled_while_a_cancel_was_on_its_way_is_ours():
    """The venue says what filled in the end: a remainder is never assumed to have come back."""
    sea = sail_tidal("binance_usdm", strike("F30", 170, 20, count=1))
    assert sea.struck("F30") == 1
    order, known = raced(sea)
    assert known == lots(sea, order["filled"]) == 20
    sold = [lots(sea, f["qty"]) for f in sea.of("fill") if f["side"] == "sell" and seconds(f["ts_ns"]) < 200]
    assert sum(sold) == 60


def test_F31_an_order_that_filled_before_its_cancel_counts_as_filled():
    """It was accepted to be cancelled and filled all the same: it is closed once, not twice."""
    sea = sail_tidal("binance_usdm", strike("F31", 170, 20, count=1))
    assert sea.struck("F31") == 1
    order, known = raced(sea)
    assert known == lots(sea, order["filled"]) == 40
    sold = [lots(sea, f["qty"]) for f in sea.of("fill") if f["side"] == "sell" and seconds(f["ts_ns"]) < 200]
    assert sold == [40, 40]


def test_F32_a_fill_that_is_told_after_the_cancel_counts():
    """A fill of an order that is over already is booked to it, and the position is right."""
    sea = sail_tidal("bybit_linear", strike("F32", 170, 20, count=1))
    assert sea.struck("F32") == 1
    order, known = raced(sea)
    assert known == lots(sea, order["filled"]) == 20
    sold = [lots(sea, f["qty"]) for f in sea.of("fill") if f["side"] == "sell" and seconds(f["ts_ns"]) < 200]
    assert sum(sold) == 60


def test_F33_a_replacement_beside_its_original_counts_twice():
    """Where an amendment made a second order and left the first, both are counted as if both could fill, and nothing
    more is opened until a person has looked."""
    sea = sail_tidal("bybit_linear", strike("F33", 170, 20))
    assert sea.struck("F33") == 1
    external = [(s, int(row["qty_lot"])) for s, row in told(sea, FactKind.EXTERNAL_ORDER)]
    assert external[0][0] < 195
    assert external[0][1] == 40
    assert sea.alerts("UNEXPLAINED")
    assert int(sea.life.world.accounts["halts"][0]) & Halt.EXTERNAL
    assert not [at for at in placed_s(sea, reduces=False) if at > external[0][0]]
    assert [e for e in orders_of(sea, client_id="") if e["state"] == "new"]
    ours = [e for e in orders_of(sea, state="canceled") if seconds(e["ts_ns"]) > external[0][0]]
    assert ours


def test_F34_an_id_that_is_called_a_duplicate_was_taken():
    """That an id is known already is no refusal: the order is searched for by it and adopted."""
    sea = sail_tidal("binance_usdm", strike("F34", 115, 20, count=2), strike("F09", 115, 20))
    assert sea.struck("F34") == 2
    assert len(alerted_s(sea, "ORDER_UNKNOWN")) == 2
    assert not [row for _, row in told(sea, FactKind.REJECT)]
    assert len([at for at in placed_s(sea, reduces=False) if at < 170]) == 3
    assert sea.alerts("ORDER_ABANDONED") == []


def test_F35_a_quote_that_would_take_is_refused_and_quoted_again_with_patience():
    """It is an ordinary refusal: quoted again no more than once a minute."""
    sea = sail_tidal("binance_usdm", strike("F35", 115, 190, count=0), minutes=5.2)
    assert sea.struck("F35") >= 3
    refused = [(s, row) for s, row in told(sea, FactKind.REJECT)]
    assert {int(row["code"]) for _, row in refused} == {Rule.VENUE_POST_ONLY}
    assert {slot_of(int(row["cid"])) for _, row in refused} == {FOLLOWER}
    assert all(later - sooner > 55 for (sooner, _), (later, _) in pairwise(refused))
    quotes = [e for e in orders_of(sea, cause="placed") if seconds(e["ts_ns"]) > 305]
    assert quotes


def test_F36_a_close_that_finds_no_position_makes_us_look():
    """A refused reduction says that what we believe to hold is not there: the account is read within seconds, and the
    close is asked for again only from what it says."""
    life = {"rules": LiveRules(warm_bars=1, reconcile_ns=300_000_000_000)}
    sea = sail_tidal("binance_usdm", strike("F36", 170, 20, count=1), life=life, minutes=4.0)
    assert sea.struck("F36") == 1
    [(refused, row)] = [(s, row) for s, row in told(sea, FactKind.REJECT) if s < 200]
    assert row["code"] == Rule.VENUE_REDUCE_ONLY
    assert [s for s in reads_s(sea) if refused < s < refused + 7]
    closes = [seconds(f["ts_ns"]) for f in sea.of("fill") if f["side"] == "sell"]
    assert closes
    assert closes[0] > refused


def reads_s(sea):
    """Return when the venue told positions."""
    lines = [line for line in sea.trace if "positionRisk" in line]
    return [seconds(int(line.partition(" ")[0])) for line in lines]


def test_F37_a_close_that_the_venue_makes_smaller_is_as_large_as_it_says():
    """What the venue took counts, and the rest is closed by another order."""
    sea = sail_tidal("binance_usdm", strike("F37", 170, 20, count=1))
    assert sea.struck("F37") == 1
    sold = [
        (seconds(f["ts_ns"]), lots(sea, f["qty"]))
        for f in sea.of("fill")
        if f["side"] == "sell" and seconds(f["ts_ns"]) < 200
    ]
    assert [qty for _, qty in sold] == [20, 20]
    assert sold[1][0] - sold[0][0] < 5


def fall(deck):
    deck.exchange.move_price(deck.symbol, 0.97)


def test_F38_where_the_stop_would_trigger_at_once_the_position_is_closed():
    """A stop that is refused because the market is beyond its price already has done its work: what it would have
    closed is closed at the market within seconds."""
    sea = sail_tidal("binance_usdm", strike("F38", 115, 60, count=0))
    assert sea.struck("F38") == 1
    [refused] = [s for s, row in told(sea, FactKind.REJECT) if row["code"] == Rule.VENUE_PRICE]
    closed = orders_of(sea, kind="market", side="sell", state="filled")
    assert refused < seconds(closed[0]["ts_ns"]) < refused + 5
    assert not [at for at in placed_s(sea, reduces=False) if at > refused]


def test_F39_a_stop_that_vanished_is_put_there_again():
    """Within seconds of its end another one stands in its place."""
    sea = sail_tidal("bybit_linear", strike("F39", 130, 10))
    assert sea.struck("F39") == 1
    gone = seconds(orders_of(sea, reason="VANISHED")[0]["ts_ns"])
    stops = [seconds(e["ts_ns"]) for e in orders_of(sea, kind="stop_market", cause="placed")]
    assert [s for s in stops if gone <= s < gone + 3]


def test_F40_a_stop_whose_order_was_rejected_does_not_leave_us_there():
    """It triggered and nothing was sold: the position is seen to be open still, and closed at the market."""
    sea = sail_tidal("binance_usdm", strike("F40", 125, 60), acts=[(132, fall)])
    assert sea.struck("F40") == 1
    triggered = next(seconds(e["ts_ns"]) for e in sea.of("strike") if e["fault"] == "F40")
    closed = [e for e in orders_of(sea, kind="market", side="sell", state="filled") if not e["parent_id"]]
    assert triggered < seconds(closed[0]["ts_ns"]) < triggered + 10


def test_F41_an_order_that_ends_in_the_match_is_over_for_us_too():
    """Expired while matching, or ended lest we trade with ourselves: it is over, its place is free, and what is still
    wanted is asked for again."""
    sea = sail_tidal("bybit_linear", strike("F41", 130, 10), strike("F42", 115, 10))
    assert sea.struck("F41") == sea.struck("F42") == 1
    for reason in ("EXPIRED_IN_MATCH", "SELF_TRADE"):
        ended = seconds(orders_of(sea, reason=reason)[0]["ts_ns"])
        assert [s for s, _ in told(sea, FactKind.CANCELLED) if ended <= s < ended + 1]
        assert [s for s in asked_s(sea, reduces=False) if ended < s < ended + 1]
    assert set(ended_as(sea).values()) <= {"new", "filled", "canceled", "expired"}


def test_F42_what_would_trade_with_another_strategy_of_ours_is_not_sent():
    """Where one strategy would open against an order of another on the same account, it is held back before it leaves;
    the other one goes on as if nothing had been wanted."""
    life = {"make_world": partial(tidal_world, disputed=True)}
    sea = sail_tidal("bybit_linear", life=life)
    refused = [
        slot_of(int(row["cid"])) for _, row in told(sea, FactKind.REJECT) if row["code"] == Rule.NOT_SENT
    ]
    assert len(refused) >= 2
    rests = {}
    for entry in orders_of(sea, kind="limit", reduce_only=False):
        rests.pop(entry["order_id"], None)
        if entry["state"] == "new":
            rests[entry["order_id"]] = entry["side"], Decimal(str(entry["price"]))
        bids = [price for side, price in rests.values() if side == "buy"]
        assert all(price < ask for price in bids for side, ask in rests.values() if side == "sell")
    assert {e["side"] for e in orders_of(sea, cause="placed", reduce_only=False)} == {"buy", "sell"}
