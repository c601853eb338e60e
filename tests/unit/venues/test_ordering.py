"""An order from outside is on the venue's grid, or refused by name before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.errors import UsageError
from tradewind.market import Instrument
from tradewind.venues.ordering import KINDS, SIDES, TIFS, OrderPlace, OrderWish, check_order

BTC = Instrument(
    venue="binance_usdm",
    symbol="BTCUSDT",
    payoff="linear",
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_qty=Decimal("0.002"),
    max_qty=Decimal(100),
    min_notional=Decimal(100),
    price_band_ratio=Decimal("0.5"),
    maker_rate=Decimal("0.0002"),
    taker_rate=Decimal("0.0005"),
)
PLACE = OrderPlace(BTC, Decimal(50_000), band_ratio=Decimal("0.05"), used_ids=frozenset({"used1"}))
LIMIT = OrderWish("buy", "limit", "0.010", "49000.5")
STOP = OrderWish("sell", "stop", "0.010", trigger="48000", reduce_only=True)
LONG = replace(PLACE, position=Decimal("0.5"))


def codes(wish: OrderWish, place: OrderPlace = PLACE) -> list[tuple[str, str]]:
    with pytest.raises(UsageError) as caught:
        check_order(wish, place)
    assert all(each.where == "order" for each in (caught.value, *caught.value.also))
    return [(each.code, each.key) for each in (caught.value, *caught.value.also)]


def test_an_order_on_the_grid_becomes_ticks_and_lots():
    order = check_order(replace(LIMIT, client_id="abc123", tif="post_only"), PLACE)
    assert (order.qty_lot, order.price_tick, order.trigger_tick) == (10, 490_005, 0)
    assert order.notional == Decimal("490.005")
    assert (order.side, order.kind, order.tif, order.client_id) == ("buy", "limit", "post_only", "abc123")


def test_a_stop_that_protects_is_taken():
    order = check_order(STOP, LONG)
    assert (order.trigger_tick, order.qty_lot, order.reduce_only) == (480_000, 10, True)


@pytest.mark.parametrize("amount", ["0.01", Decimal("0.01"), 0.01, "1e-2", "+0.01", ".01"])
def test_an_amount_may_be_written_in_any_plain_way(amount):
    assert check_order(replace(LIMIT, amount=amount), PLACE).qty_lot == 10


@pytest.mark.parametrize(
    "amount",
    ["nan", "NaN", "inf", "-inf", float("nan"), float("inf"), Decimal("NaN"), "", "abc", None, True, [1], b"1",
     " 1", "1 ", "1,5", "1_000", "١", "1e999999", "1e50", 0, "0", "-0", "-1", -0.0, "1" * 80],
)  # fmt: skip
def test_what_is_no_amount_is_refused(amount):
    assert codes(replace(LIMIT, amount=amount)) == [("ORDER_AMOUNT", "amount")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": "0.001"}, ("ORDER_MIN_QTY", "amount")),
        ({"amount": "0.0004"}, ("ORDER_MIN_QTY", "amount")),
        ({"amount": "0.0105"}, ("ORDER_AMOUNT", "amount")),
        ({"amount": "100.001"}, ("ORDER_MAX_QTY", "amount")),
        ({"amount": "0.002"}, ("ORDER_MIN_NOTIONAL", "amount")),
        ({"price": "49000.55"}, ("ORDER_PRICE", "price")),
        ({"price": 0}, ("ORDER_PRICE", "price")),
        ({"price": "-5"}, ("ORDER_PRICE", "price")),
        ({"price": "nan"}, ("ORDER_PRICE", "price")),
        ({"price": "25000"}, ("ORDER_PRICE_BAND", "price")),
        ({"price": "52500.1"}, ("ORDER_PRICE_BAND", "price")),
        ({"price": None}, ("ORDER_SHAPE", "price")),
        ({"trigger": "51000"}, ("ORDER_SHAPE", "trigger")),
        ({"side": "BUY"}, ("ORDER_ENUM", "side")),
        ({"side": "long"}, ("ORDER_ENUM", "side")),
        ({"side": 1}, ("ORDER_ENUM", "side")),
        ({"kind": "Limit"}, ("ORDER_ENUM", "kind")),
        ({"kind": "iceberg"}, ("ORDER_ENUM", "kind")),
        ({"tif": "GTX"}, ("ORDER_ENUM", "tif")),
        ({"tif": "day"}, ("ORDER_ENUM", "tif")),
        ({"reduce_only": "false"}, ("ORDER_SHAPE", "reduce_only")),
        ({"reduce_only": True}, ("ORDER_REDUCE_FLAT", "reduce_only")),
        ({"client_id": "x" * 33}, ("ORDER_CLIENT_ID", "client_id")),
        ({"client_id": "with-dash"}, ("ORDER_CLIENT_ID", "client_id")),
        ({"client_id": "äöü"}, ("ORDER_CLIENT_ID", "client_id")),
        ({"client_id": None}, ("ORDER_CLIENT_ID", "client_id")),
        ({"client_id": "used1"}, ("ORDER_CLIENT_ID", "client_id")),
    ],
)
def test_each_rule_refuses_by_name_and_field(change, expected):
    first, *others = codes(replace(LIMIT, **change))
    assert first == expected
    # What is below the smallest amount is worth too little as well.
    assert others in ([], [("ORDER_MIN_NOTIONAL", "amount")])


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (OrderWish("buy", "market", "1", "50000"), ("ORDER_SHAPE", "price")),
        (OrderWish("buy", "market", "1", tif="post_only"), ("ORDER_SHAPE", "tif")),
        (OrderWish("buy", "market", "1", tif="ioc"), ("ORDER_SHAPE", "tif")),
        (OrderWish("buy", "stop", "1"), ("ORDER_SHAPE", "trigger")),
        (OrderWish("buy", "stop", "1", trigger="49000"), ("ORDER_STOP_SIDE", "trigger")),
        (OrderWish("buy", "stop", "1", trigger="50000"), ("ORDER_STOP_SIDE", "trigger")),
        (OrderWish("sell", "stop", "1", trigger="51000"), ("ORDER_STOP_SIDE", "trigger")),
        (OrderWish("sell", "stop_limit", "1", "47900", trigger="48000.05"), ("ORDER_PRICE", "trigger")),
        (OrderWish("buy", "stop_limit", "1", trigger="51000"), ("ORDER_SHAPE", "price")),
    ],
)
def test_shapes_and_sides_of_stops(wish, expected):
    assert codes(wish) == [expected]


def test_a_reduction_is_held_neither_by_our_band_nor_by_the_least_value():
    small = OrderWish("sell", "limit", "0.002", "30000", reduce_only=True)
    assert check_order(small, LONG).qty_lot == 2
    assert codes(replace(small, price="20000"), LONG) == [("ORDER_PRICE_BAND", "price")]


def test_a_reduction_needs_a_position_of_the_other_side():
    sell = OrderWish("sell", "market", "1", reduce_only=True)
    check_order(sell, LONG)
    assert codes(sell, replace(PLACE, position=Decimal(-1))) == [("ORDER_REDUCE_FLAT", "reduce_only")]
    assert codes(replace(sell, side="buy"), LONG) == [("ORDER_REDUCE_FLAT", "reduce_only")]
    spot = replace(LONG, instrument=replace(BTC, payoff="spot"))
    assert codes(sell, spot) == [("ORDER_SHAPE", "reduce_only")]


def test_everything_that_is_wrong_is_told_at_once():
    wish = OrderWish("Buy", "limit", "nan", "-1", "day", client_id="-")
    assert [code for code, _ in codes(wish)] == [
        "ORDER_ENUM", "ORDER_ENUM", "ORDER_AMOUNT", "ORDER_PRICE", "ORDER_CLIENT_ID",
    ]  # fmt: skip
    wish = OrderWish("buy", "limit", "0.0015", "1.05")
    assert [code for code, _ in codes(wish)] == [
        "ORDER_MIN_QTY", "ORDER_PRICE", "ORDER_MIN_NOTIONAL", "ORDER_PRICE_BAND",
    ]  # fmt: skip


def test_contracts_count_by_their_size_and_inverse_ones_in_quote():
    swap = replace(BTC, contract_size=Decimal("0.001"), lot_size=Decimal(1), min_qty=Decimal(1))
    assert check_order(replace(LIMIT, amount=10), replace(PLACE, instrument=swap)).notional == Decimal(
        "490.005"
    )
    coin = replace(BTC, payoff="inverse", contract_size=Decimal(100), lot_size=Decimal(1), min_qty=Decimal(1))
    assert check_order(replace(LIMIT, amount=3), replace(PLACE, instrument=coin)).notional == 300


def assert_coded(error: UsageError) -> None:
    assert all(each.code.startswith("ORDER_") for each in (error, *error.also))


_ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.decimals(),
    st.binary(max_size=3),
)


@given(
    st.builds(
        OrderWish,
        side=st.sampled_from(SIDES) | _ANY,
        kind=st.sampled_from(KINDS) | _ANY,
        amount=st.decimals("0.001", "101", places=4) | _ANY,
        price=st.none() | st.decimals("20000", "80000", places=2) | _ANY,
        tif=st.sampled_from(TIFS) | _ANY,
        trigger=st.none() | _ANY,
        reduce_only=st.booleans() | _ANY,
        client_id=_ANY,
    ),
    st.sampled_from([PLACE, LONG]),
)
def test_whatever_is_written_is_a_coded_error_or_an_order_inside_every_rule(wish, place):
    try:
        order = check_order(wish, place)
    except UsageError as error:
        assert_coded(error)
        return
    qty, price = order.qty_lot * BTC.lot_size, order.price_tick * BTC.tick_size
    assert BTC.min_qty <= qty <= BTC.max_qty
    assert qty == Decimal(str(wish.amount))
    assert (price > 0) is (order.kind in ("limit", "stop_limit"))
    assert order.reduce_only or order.notional >= BTC.min_notional
    assert not order.reduce_only or place.position
