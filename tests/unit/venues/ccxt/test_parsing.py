"""Rows of four venues become our words, or are counted and dropped: nothing is believed unread."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.testing.traded_rules import traded
from tradewind.units.enums import BUY, LONG, SELL, SHORT, Rule
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.parsing import RowReader, has_rows, key_of_trade, rows_at
from tradewind.venues.ccxt.shapes import OrderShape
from tradewind.venues.gateway import FillSeen, Listing, OrderStatus, PositionSeen, TakenSeen

VENUES = sorted(DIALECTS)
OURS = ClientIds("abc123").encode(9 << 20)
NOW_NS = 1_767_225_600_000_000_000


def reader(venue):
    listings = [Listing(n, instrument) for n, instrument in enumerate(traded(venue))]
    return RowReader(DIALECTS[venue], listings, ClientIds("abc123"), Counter())


def order_shape(venue):
    return next(
        r.shape for r in DIALECTS[venue].working if isinstance(r.shape, OrderShape) and not r.shape.algo
    )


def order_row(venue, **changes):
    """Return a half-filled order of ours in a venue's own fields."""
    shape, words, rules = order_shape(venue), DIALECTS[venue].words, traded(venue)[0]
    working = next(word for word, status in shape.statuses.items() if status is OrderStatus.WORKING)
    state, _, more = working.partition("/")
    values = {
        "symbol": rules.symbol,
        "client_id": OURS,
        "venue_id": "77",
        "status": state,
        "also": more,
        "side": words.buy,
        "position_side": words.net if words.net is not None else "BOTH",
        "reduce": "false",
        "price": "42000.0",
        "qty": str(rules.lot_size * 10),
        "filled": str(rules.lot_size * 4),
        "left": str(rules.lot_size * 6),
        "average": "41999.95",
        "ts": str(NOW_NS // 1_000_000),
    }
    if not shape.average:
        values["notional"] = str(Decimal("41999.95") * 4 * rules.lot_size * rules.contract_size)
        changes = {"notional" if name == "average" else name: value for name, value in changes.items()}
    row = {getattr(shape, name): value for name, value in values.items() if getattr(shape, name)}
    return row | {getattr(shape, name): value for name, value in changes.items() if getattr(shape, name)}


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_of_ours_is_read_whole(venue):
    read = reader(venue)
    (seen,) = read.read(order_row(venue), order_shape(venue), NOW_NS + 5)
    assert (seen.cid, seen.venue_id, seen.status) == (9 << 20, "77", OrderStatus.WORKING)
    assert (seen.side, seen.position_side, seen.reduce) == (BUY, LONG, 0)
    assert (seen.price_tick, seen.qty_lot, seen.filled_lot) == (420_000, 10, 4)
    assert (seen.ts_ns, seen.recv_ns, seen.rule) == (NOW_NS, NOW_NS + 5, Rule.OK)
    rules = traded(venue)[0]
    worth = Decimal("41999.95") * 4 * rules.lot_size * rules.contract_size * 100_000_000
    tells = order_shape(venue).average or order_shape(venue).notional
    assert seen.notional == (int(worth) if tells else 0)
    assert read.dropped == {}


BAD = {
    "price": ["NaN", "inf", "-Infinity", "abc", "42000.05", "1e30", True],
    "qty": ["NaN", "-1", "0.00001", "1e40", [1]],
    "filled": ["9e9", "NaN", "-1"],
    "average": ["NaN", "-5", ""],
    "status": ["HALF_DONE", "", None, 5, []],
    "side": ["hold", "", None, 1],
    "symbol": ["ZZZUSDT", "", None, 5],
}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("field", sorted(BAD))
def test_what_cannot_be_is_counted_and_dropped(venue, field):
    if not getattr(order_shape(venue), field):
        return  # The venue says it otherwise: `test_gate` and its neighbours.
    for value in BAD[field]:
        read = reader(venue)
        assert read.read(order_row(venue, **{field: value}), order_shape(venue), NOW_NS) == [], value
        assert sum(read.dropped.values()) == 1, value


@given(
    st.sampled_from(VENUES),
    st.dictionaries(
        st.sampled_from(sorted(set(BAD) | {"client_id", "venue_id", "position_side", "reduce", "ts"})),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=8),
            st.lists(st.none()),
            st.sampled_from(["1" * 5_000, "\ud800", "1e400", "²", "٣"]),
        ),
    ),
)
def test_no_row_however_wrong_raises_or_leaves_the_grid(venue, changes):
    read = reader(venue)
    for seen in read.read(order_row(venue, **changes), order_shape(venue), NOW_NS):
        assert 0 <= seen.filled_lot <= seen.qty_lot
        assert seen.side in (BUY, SELL)
        assert seen.position_side in (LONG, SHORT)
        assert seen.notional >= 0


@given(st.lists(st.tuples(st.integers(419_000, 421_000), st.integers(1, 400)), min_size=1, max_size=12))
def test_the_money_of_an_average_is_the_money_of_its_trades(trades):
    """However many trades at whatever prices, an average of eight places gives their sum back exactly."""
    rules = traded("okx_swap")[0]
    lots = sum(size for _, size in trades)
    ticks_by_lots = sum(price * size for price, size in trades)
    average = Decimal(ticks_by_lots) * rules.tick_size / lots
    row = order_row(
        "okx_swap",
        average=f"{average:.8f}",
        filled=str(rules.lot_size * lots),
        qty=str(rules.lot_size * lots),
    )
    (seen,) = reader("okx_swap").read(row, order_shape("okx_swap"), NOW_NS)
    unit = rules.tick_size * rules.lot_size * rules.contract_size * 100_000_000
    assert seen.notional == int(ticks_by_lots * unit)


def binance_trade(**changes):
    row = {
        "s": "BTCUSDT",
        "c": OURS,
        "i": 77,
        "t": 5,
        "S": "SELL",
        "ps": "BOTH",
        "L": "42000.1",
        "l": "0.003",
    }
    row |= {"n": "0.05", "N": "USDT", "m": True, "T": NOW_NS // 1_000_000, "x": "TRADE", "R": True}
    return row | changes


def stream_shapes(venue, name):
    return [topic.shape for topic in DIALECTS[venue].topics if topic.name == name]


def test_a_trade_of_the_stream_is_read_whole():
    (shape,) = [
        s for s in stream_shapes("binance_usdm", "ORDER_TRADE_UPDATE") if not isinstance(s, OrderShape)
    ]
    (fill,) = reader("binance_usdm").read(binance_trade(), shape, NOW_NS)
    assert isinstance(fill, FillSeen)
    assert (fill.cid, fill.side, fill.position_side, fill.maker) == (9 << 20, SELL, LONG, 1)
    assert (fill.price_tick, fill.qty_lot, fill.notional) == (420_001, 3, 12_600_030_000)
    assert (fill.fee, fill.fee_currency, fill.trade_key) == (5_000_000, "USDT", 5)


@pytest.mark.parametrize("client_id", ["autoclose-1577", "adl_autoclose", "settlement_autoclose-5"])
def test_what_the_venue_took_is_no_trade_of_ours(client_id):
    (shape,) = [
        s for s in stream_shapes("binance_usdm", "ORDER_TRADE_UPDATE") if not isinstance(s, OrderShape)
    ]
    (taken,) = reader("binance_usdm").read(binance_trade(c=client_id, x="CALCULATED"), shape, NOW_NS)
    assert isinstance(taken, TakenSeen)
    assert (taken.kind, taken.qty_lot, taken.position_side) == (
        {"au": "liquidation", "ad": "adl", "se": "settlement"}[client_id[:2]],
        3,
        LONG,
    )


@pytest.mark.parametrize(
    ("category", "kind"),
    [("full_liquidation", "liquidation"), ("partial_liquidation", "liquidation"), ("adl", "adl")],
)
def test_an_order_of_the_venues_own_is_what_it_took_once_it_is_filled(category, kind):
    """BloFin's trades do not say so: one would be taken for that of a stop of ours which had triggered."""
    dialect, read = DIALECTS["blofin_swap"], reader("blofin_swap")
    shape, rules = order_shape("blofin_swap"), traded("blofin_swap")[0]
    row = order_row("blofin_swap", client_id="", side="sell") | {"orderCategory": category}
    assert read.read(row, shape, NOW_NS) == []
    (taken,) = read.read(row | {"state": "filled", "filledSize": str(rules.lot_size * 10)}, shape, NOW_NS)
    assert isinstance(taken, TakenSeen)
    assert (taken.kind, taken.qty_lot, taken.position_side) == (kind, 10, LONG)
    trade = {
        "instId": "BTC-USDT", "tradeId": "5", "orderId": "77", "fillPrice": "42000.1", "fillSize": "0.3",
        "positionSide": "net", "side": "sell", "fee": "0.05", "ts": str(NOW_NS // 1_000_000),
    }  # fmt: skip
    assert read.read(trade, dialect.fills.shape, NOW_NS) == []
    assert len(read.read(trade | {"orderId": "78"}, dialect.fills.shape, NOW_NS)) == 1


def test_an_order_message_without_a_trade_holds_none():
    (shape,) = [
        s for s in stream_shapes("binance_usdm", "ORDER_TRADE_UPDATE") if not isinstance(s, OrderShape)
    ]
    assert reader("binance_usdm").read(binance_trade(x="NEW", t=0, l="0", L="0"), shape, NOW_NS) == []


@pytest.mark.parametrize("venue", [name for name in VENUES if not DIALECTS[name].holds_coins])
@pytest.mark.parametrize(("size", "held"), [("3", {(LONG, 3), (SHORT, 0)}), ("0", {(LONG, 0), (SHORT, 0)})])
def test_one_position_has_one_side_and_the_other_is_flat(venue, size, held):
    shape, words, rules = DIALECTS[venue].positions.shape, DIALECTS[venue].words, traded(venue)[0]
    row = {
        shape.symbol: rules.symbol,
        shape.position_side: words.net if words.net is not None else "BOTH",
        shape.qty: str(rules.lot_size * int(size)),
        shape.entry: "42000",
        shape.mark: "42010",
        shape.side or "side": words.buy,
    }
    seen = reader(venue).read(row, shape, NOW_NS)
    assert {(p.position_side, p.qty_lot) for p in seen if isinstance(p, PositionSeen)} == held


def test_a_stop_that_became_an_order_keeps_its_id():
    """Binance names the order in the stop's message, OKX the stop in the order's."""
    read = reader("binance_usdm")
    (stop_shape,) = stream_shapes("binance_usdm", "ALGO_UPDATE")
    stop = {"s": "BTCUSDT", "caid": OURS, "aid": 11, "X": "TRIGGERED", "S": "SELL", "ps": "BOTH", "R": True}
    stop |= {"q": "0.003", "tp": "41000", "ai": "501", "p": "0"}
    (seen,) = read.read(stop, stop_shape, NOW_NS)
    assert (seen.status, read.child_named(OURS)) == (OrderStatus.TRIGGERED, "501")
    row = order_row("binance_usdm", venue_id=501, client_id="x-venues-own")
    (child,) = read.read(row, order_shape("binance_usdm"), NOW_NS)
    assert (child.cid, child.client_id) == (9 << 20, OURS)
    row = order_row("okx_swap", client_id="", parent_client_id=OURS)
    (child,) = reader("okx_swap").read(row, order_shape("okx_swap"), NOW_NS)
    assert child.cid == 9 << 20


def test_an_order_of_another_symbol_with_the_same_number_is_another_order():
    """Binance counts orders by symbol, and its list of trades names them by number only."""
    read, dialect = reader("binance_usdm"), DIALECTS["binance_usdm"]
    other = ClientIds("abc123").encode(8 << 20)
    for symbol, client_id in (("BTCUSDT", OURS), ("ETHUSDT", other)):
        read.read(
            order_row("binance_usdm", symbol=symbol, client_id=client_id), order_shape("binance_usdm"), NOW_NS
        )
    trade = {"orderId": 77, "id": 5, "side": "BUY", "positionSide": "BOTH", "price": "42000.1", "qty": "0.01"}
    trade |= {"commission": "0.05", "commissionAsset": "USDT", "maker": True, "time": NOW_NS // 1_000_000}
    found = {
        symbol: read.read({**trade, "symbol": symbol}, dialect.fills.shape, NOW_NS)[0].cid
        for symbol in ("BTCUSDT", "ETHUSDT")
    }
    assert found == {"BTCUSDT": 9 << 20, "ETHUSDT": 8 << 20}


def test_a_stop_with_the_number_of_an_order_is_another_order():
    """Stops of Binance have numbers of their own; what an order with the same number trades is not the stop's."""
    read, dialect = reader("binance_usdm"), DIALECTS["binance_usdm"]
    read.read(order_row("binance_usdm"), order_shape("binance_usdm"), NOW_NS)
    stop = {"s": "BTCUSDT", "caid": ClientIds("abc123").encode(8 << 20), "aid": 77, "X": "NEW", "S": "SELL"}
    (stop_shape,) = stream_shapes("binance_usdm", "ALGO_UPDATE")
    read.read(stop | {"ps": "BOTH", "R": True, "q": "0.003", "tp": "41000", "p": "0"}, stop_shape, NOW_NS)
    trade = {"orderId": 77, "id": 5, "side": "BUY", "positionSide": "BOTH", "price": "42000.1", "qty": "0.01"}
    (fill,) = read.read({**trade, "symbol": "BTCUSDT"}, dialect.fills.shape, NOW_NS)
    assert fill.cid == 9 << 20


@given(st.text(max_size=40))
def test_a_trade_has_a_positive_key_below_two_to_the_62(trade_id):
    assert 0 < key_of_trade(trade_id) < 1 << 62
    assert key_of_trade(trade_id) == key_of_trade(trade_id)


def test_a_numbers_key_is_the_number():
    assert key_of_trade("1440847") == 1_440_847


@pytest.mark.parametrize(
    ("body", "path", "there"),
    [
        ("[]", ("*",), True),
        ("[{}]", ("*",), True),
        ("{}", ("*",), False),
        ("null", ("*",), False),
        ("[1]", ("*",), False),
        ('{"data": []}', ("data", "*"), True),
        ('{"data": null}', ("data", "*"), False),
        ("{}", ("data", "*"), False),
        ('{"data": {"details": []}}', ("data", "details", "*"), True),
        ('{"result": {"list": [{"coin": [{}]}]}}', ("result", "list", "*", "coin", "*"), True),
        ('{"result": {"list": [{}]}}', ("result", "list", "*", "coin", "*"), False),
    ],
)
def test_a_list_is_empty_only_where_the_venue_says_so(body, path, there):
    assert has_rows(json.loads(body), path) is there


def test_rows_are_tables_and_nothing_else():
    assert rows_at({"data": [{"a": 1}, 5, None, [{"b": 2}]]}, ("data", "*")) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("value", ["1" * 5_000, "\ud800", "²", "1e400", "-1", None, [], 1e308])
def test_no_field_of_a_trade_ends_the_stream_it_stands_in(venue, value):
    """Python reads no number of thousands of digits, and writes no half of a sign."""
    shape = DIALECTS[venue].fills.shape
    for name in (
        shape.trade_id,
        shape.ts,
        shape.fee,
        shape.price,
        shape.qty,
        shape.client_id,
        shape.venue_id,
    ):
        row = {shape.symbol: traded(venue)[0].symbol, shape.side: "buy", shape.price: "42000", shape.qty: "1"}
        row |= {
            shape.venue_id: "7",
            shape.trade_id: "8",
            shape.ts: str(NOW_NS // 1_000_000),
            shape.fee: "0.1",
        }
        for seen in reader(venue).read(row | {name: value}, shape, NOW_NS):
            assert 0 < seen.trade_key < 1 << 62
