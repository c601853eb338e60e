"""The market of a fake exchange: one for each seed, consistent in every form in which it is shown, and lazy."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from decimal import Decimal

import pytest

from tradewind.testing.fake_desks import START_NS, FakeDesk, made_up_rules
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tradewind.venues.fake.events import (
    BookChanged,
    CandleChanged,
    LiquidationPrinted,
    MarkChanged,
    TradePrinted,
)
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.orders import Placement, Reason, Refused
from tradewind.venues.fake.paths import BLOCK
from tradewind.venues.fake.record import Record

BTC, ETH = "BTCUSDT", "ETHUSDT"


def shown(exchange: FakeExchange) -> list[object]:
    """Return the market in every form in which it can be asked for."""
    now_ns = exchange.now_ns()
    return [
        [
            exchange.book(symbol),
            exchange.trades(symbol, 50),
            exchange.candles(symbol, MINUTE_NS, now_ns - HOUR_NS, now_ns, 100),
            exchange.candles(symbol, HOUR_NS, now_ns - DAY_NS, now_ns, 100),
            (exchange.mark(symbol), exchange.index(symbol), exchange.funding(symbol)),
            exchange.funding_history(symbol, 0, now_ns, 5),
            exchange.open_interest_history(symbol, 5 * MINUTE_NS, now_ns - HOUR_NS, now_ns, 10),
            exchange.ticker(symbol),
        ]
        for symbol in exchange.instruments
    ]


def test_the_market_depends_on_seed_and_time_alone() -> None:
    """Not on how often anybody looked, who trades, or who listens."""
    leap, steps, other = FakeDesk(seed=5), FakeDesk(seed=5), FakeDesk(seed=6)
    steps.exchange.watch("trades", BTC)
    steps.exchange.watch("book", BTC)
    seconds = BLOCK + 512
    for _ in range(seconds // 96):
        steps.wait(96)
        steps.exchange.candles(BTC, MINUTE_NS, START_NS - DAY_NS, steps.now_ns, 50)
        steps.account.place(Placement(BTC, "buy", "limit", Decimal("0.001"), steps.price(-2), "IOC"))
    leap.wait(seconds)
    other.wait(seconds)
    assert shown(leap.exchange) == shown(steps.exchange)
    assert shown(leap.exchange) != shown(other.exchange)


def test_prices_move_like_a_market_and_together() -> None:
    desk = FakeDesk(seed=2)
    desk.wait(3600)
    rows = {s: desk.exchange.candles(s, MINUTE_NS, START_NS, desk.now_ns, 60) for s in (BTC, ETH)}
    moves = {s: [float(r.close / r.open) - 1 for r in found] for s, found in rows.items()}
    together = sum((a > 0) == (b > 0) for a, b in zip(moves[BTC], moves[ETH], strict=True))
    assert together > 0.6 * len(moves[BTC])
    assert 1e-5 < max(abs(move) for move in moves[BTC]) < 0.05


def test_candles_of_every_length_are_made_of_the_trades_that_were_printed() -> None:
    desk = FakeDesk(seed=3)
    desk.exchange.watch("trades", BTC)
    desk.exchange.watch("candles", BTC, 5 * MINUTE_NS)
    desk.wait(15 * 60)
    trades = [e for e in desk.events if isinstance(e, TradePrinted)]
    by_bar = defaultdict(list)
    for trade in trades:
        by_bar[trade.ts_ns // (5 * MINUTE_NS)].append(trade)
    told = {e.row.open_ns: e.row for e in desk.events if isinstance(e, CandleChanged) and e.row.closed}
    asked = desk.exchange.candles(BTC, 5 * MINUTE_NS, START_NS, desk.now_ns, 10)
    whole = [row for row in asked if row.closed and row.open_ns > START_NS]
    assert len(whole) == 2
    for row in whole:
        inside = by_bar[row.open_ns // (5 * MINUTE_NS)]
        assert told[row.open_ns] == row
        assert row.high == max(t.price for t in inside)
        assert row.low == min(t.price for t in inside)
        assert row.close == inside[-1].price
        assert row.volume == sum(t.qty for t in inside)
    ids = [trade.trade_id for trade in trades]
    assert ids == sorted(set(ids))
    assert desk.exchange.trades(BTC, 20) == desk.exchange.trades(BTC, 40)[-20:]


def test_candles_before_the_start_lead_to_the_first_price_without_a_gap() -> None:
    desk = FakeDesk()
    rows = desk.exchange.candles(BTC, MINUTE_NS, START_NS - 500 * MINUTE_NS, START_NS, 500)
    assert len(rows) == 500
    assert {b.open_ns - a.open_ns for a, b in itertools.pairwise(rows)} == {MINUTE_NS}
    assert all(abs(b.open / a.close - 1) < Decimal("0.005") for a, b in itertools.pairwise(rows))
    hours = desk.exchange.candles(BTC, HOUR_NS, START_NS - 100 * HOUR_NS, START_NS, 50)
    assert len(hours) == 50
    assert not hours[-1].closed
    of_hour = desk.exchange.candles(BTC, MINUTE_NS, hours[-2].open_ns, hours[-1].open_ns - 1, 60)
    assert hours[-2].volume == sum(row.volume for row in of_hour)
    assert (hours[-2].open, hours[-2].close) == (of_hour[0].open, of_hour[-1].close)


def test_book_changes_lead_from_any_snapshot_to_the_book() -> None:
    desk = FakeDesk(seed=4, cash=1_000_000)
    desk.exchange.watch("book", BTC)
    desk.wait(3)
    book = desk.exchange.book(BTC)
    sides = [dict(book.bids), dict(book.asks)]
    last_id, since = book.update_id, len(desk.events)
    for n in range(60):
        if n % 10 == 0:
            desk.account.place(Placement(BTC, "buy", "market", Decimal("0.5")))
        desk.wait(1)
    for event in desk.events[since:]:
        if not isinstance(event, BookChanged):
            continue
        assert event.previous_id == last_id
        assert event.first_id <= event.last_id
        last_id = event.last_id
        for side, changed in zip(sides, (event.bids, event.asks), strict=True):
            side.update(changed)
            for price in [price for price, qty in side.items() if not qty]:
                del side[price]
        assert max(sides[0]) < min(sides[1])
    book = desk.exchange.book(BTC)
    assert (sides, last_id) == ([dict(book.bids), dict(book.asks)], book.update_id)


def test_nothing_of_the_market_is_told_unless_it_is_watched() -> None:
    desk = FakeDesk()
    desk.wait(60)
    assert desk.events == []
    unwatch = desk.exchange.watch("mark", ETH)
    again = desk.exchange.watch("mark", ETH)
    desk.wait(5)
    assert [(type(e), e.symbol) for e in desk.events] == [(MarkChanged, ETH)] * 5
    unwatch()
    unwatch()
    desk.wait(1)
    assert len(desk.events) == 6
    again()
    desk.wait(5)
    assert len(desk.events) == 6


def test_liquidations_of_others_and_of_ours_are_printed() -> None:
    desk = FakeDesk()
    desk.exchange.watch("liquidations", BTC)
    desk.wait(3000)
    others = len([e for e in desk.events if isinstance(e, LiquidationPrinted)])
    assert others > 0
    desk.account.place(Placement(BTC, "buy", "market", Decimal("0.1")))
    desk.account.liquidate(BTC)
    (ours,) = [e for e in desk.events if isinstance(e, LiquidationPrinted)][others:]
    assert (ours.side, ours.qty) == ("sell", Decimal("0.1"))


def test_funding_is_the_mean_premium_with_interest_and_what_was_predicted() -> None:
    desk = FakeDesk(rules=made_up_rules(funding_interval_ns=HOUR_NS))
    carry = desk.exchange.market.carry
    until_ns = HOUR_NS - desk.now_ns % HOUR_NS
    desk.wait(until_ns // SECOND_NS - 1)
    predicted = desk.exchange.funding(BTC).predicted
    desk.wait(2)
    now = desk.exchange.funding(BTC)
    assert now.settled_ns % HOUR_NS == 0
    assert now.rate == pytest.approx(predicted, abs=Decimal("0.00001"))
    start_ns = now.settled_ns - HOUR_NS
    mean = sum(carry.premium(0, start_ns + n * HOUR_NS // 1000) for n in range(1000)) / 1000
    interest = 1e-4 / 8
    expected = mean + min(max(interest - mean, -5e-4), 5e-4)
    assert float(now.rate) == pytest.approx(expected, abs=2e-6)
    history = desk.exchange.funding_history(BTC, 0, desk.now_ns, 100)
    assert len(history) == 100
    assert {b[0] - a[0] for a, b in itertools.pairwise(history)} == {HOUR_NS}


def test_a_move_by_hand_lasts_into_the_next_blocks() -> None:
    desk, still = FakeDesk(seed=7), FakeDesk(seed=7)
    desk.exchange.move_price(BTC, 1.5)
    for one in (desk, still):
        one.wait(2 * BLOCK)
    assert desk.exchange.last(BTC) / still.exchange.last(BTC) == pytest.approx(
        Decimal("1.5"), rel=Decimal("0.01")
    )
    assert desk.exchange.last(ETH) == still.exchange.last(ETH)


def test_old_seconds_are_forgotten_and_minutes_are_kept() -> None:
    desk = FakeDesk()
    desk.wait(5 * BLOCK)
    paths = desk.exchange.market.paths
    assert paths.done - paths.kept_from() <= 2 * BLOCK
    rows = desk.exchange.candles(BTC, MINUTE_NS, START_NS, desk.now_ns, 1000)
    assert len(rows) == (desk.now_ns // MINUTE_NS - START_NS // MINUTE_NS) + (START_NS % MINUTE_NS == 0)


def test_rules_that_cannot_change_stay_and_steps_get_no_finer() -> None:
    desk = FakeDesk()
    for changes in (
        {"taker_rate": Decimal("0.1")},
        {"tick_size": Decimal("0.01")},
        {"contract_size": Decimal(3)},
    ):
        with pytest.raises(ValueError, match=r"cannot change|finer|whole part"):
            desk.exchange.set_rules(BTC, **changes)
    with pytest.raises(Refused) as unknown:
        desk.exchange.book("NOSUCH")
    assert unknown.value.reason is Reason.SYMBOL_UNKNOWN


def test_the_exchanges_time_never_falls_whatever_its_clock_does() -> None:
    desk = FakeDesk()
    desk.wait(10)
    before, price = desk.exchange.now_ns(), desk.exchange.last(BTC)
    desk.wait(-7)
    assert (desk.exchange.now_ns(), desk.exchange.last(BTC)) == (before, price)
    order = desk.account.place(Placement(BTC, "buy", "market", Decimal("0.1")))
    assert order.created_ns == before


def test_spot_is_not_traded_here() -> None:
    with pytest.raises(ValueError, match="perpetuals only"):
        FakeDesk(rules=made_up_rules(1, payoff="spot"))


def test_the_record_is_whole_in_memory_and_on_disk(tmp_path) -> None:
    path = tmp_path / "truth.jsonl"
    record = Record(path)
    exchange = FakeExchange(made_up_rules(), seed=1, clock=lambda: START_NS, record=record)
    account = exchange.open_account("a", api_key="k", secret="s", balances={"USDT": Decimal(1000)})
    account.place(Placement(BTC, "buy", "market", Decimal("0.1"), client_id="mine"))
    record.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["what"] for line in lines] == [entry["what"] for entry in record.entries]
    (fill,) = record.of("fill", "a")
    assert (fill["client_id"], fill["qty"], fill["symbol"]) == ("mine", "0.100", BTC)
    assert [entry["state"] for entry in record.of("order")] == ["new", "filled"]
    assert not record.of("fill", "b")
