"""A day of a session, its statistics since a reset, and its orders beside those of a backtest."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tradewind.ops.against import FillLine, compare_orders
from tradewind.ops.causes import MEANINGS
from tradewind.ops.record import SessionFill, SessionRecord
from tradewind.ops.statistics import statistics_since, trips_of
from tradewind.ops.summary import summarise_day
from tradewind.report.wording import money
from tradewind.units.enums import DAY_NS, Halt, names_of
from tradewind.units.time import HOUR_NS, MINUTE_NS

DAY = 20_000 * DAY_NS
SCALE = 100
BTC = {"instrument": 0, "symbol": "BTC", "tick": "0.5", "lot": "0.1", "currency": "USDT", "scale": SCALE,
       "payoff": "linear"}  # fmt: skip


def fill_row(ts_ns, cid, side, lots, price_tick, trade_id, position_side=0):
    notional = round(lots * 0.1 * price_tick * 0.5 * SCALE)
    return {
        "ts_ns": ts_ns, "cid": cid, "role": "order", "trade_id": trade_id, "instrument": 0, "side": side,
        "position_side": position_side, "price_tick": price_tick, "lots": lots, "notional": notional,
        "liquidity": "taker",
    }  # fmt: skip


def cash_row(ts_ns, kind, amount, trade_id=0, seq=None, cid=0):
    return {
        "cid": cid,
        "seq": ts_ns if seq is None else seq,
        "ts_ns": ts_ns,
        "kind": kind,
        "wallet": 0,
        "instrument": 0,
        "trade_id": trade_id,
        "amount": amount,
    }


def equity_row(ts_ns, equity, seq=None):
    return {
        "seq": ts_ns if seq is None else seq,
        "ts_ns": ts_ns,
        "wallet": 0,
        "account": "",
        "currency": "",
        "equity": equity * SCALE,
        "scale": SCALE,
    }


def decision(ts_ns, verdict, rule="OK"):
    return {"ts_ns": ts_ns, "verdict": verdict, "rule": rule}


def halt_row(ts_ns, scope, begun, cause=(), limit=0.0, seen=0.0, place=0, seq=10):
    return {
        "seq": seq,
        "ts_ns": ts_ns,
        "scope": scope,
        "place": place,
        "begun": json.dumps(begun),
        "cause": json.dumps(list(cause)),
        "limit_value": limit,
        "seen_value": seen,
    }


def record_of(**tables):
    fixed = {
        "instruments": [BTC],
        "contexts": [{"context": 0, "strategy": 0, "instrument": 0}],
        "strategies": [{"strategy": 0, "label": "calm"}],
        "orders": [{"cid": cid, "context": 0} for cid in range(1, 9)],
    }
    return SessionRecord("alpha", fixed | tables, DAY + DAY_NS)


@pytest.fixture
def record():
    """Buy 10 lots (1 BTC) at 100, sell them at 110 the same day; short 5 at 120 the next, back at 130."""
    noon, next_noon = DAY + 12 * HOUR_NS, DAY + DAY_NS + 12 * HOUR_NS
    return record_of(
        fills=[
            fill_row(noon, 1, 1, 10, 200, 1),
            fill_row(noon + HOUR_NS, 2, -1, 10, 220, 2),
            fill_row(next_noon, 3, -1, 5, 240, 3, position_side=1),
            fill_row(next_noon + HOUR_NS, 4, 1, 5, 260, 4, position_side=1),
        ],
        cash=[
            cash_row(noon, "FEE", 10, 1),
            cash_row(noon + HOUR_NS, "FEE", 11, 2),
            cash_row(noon + 2 * HOUR_NS, "FUNDING_PAID", -3),
            cash_row(noon + 2 * HOUR_NS, "TRANSFER", 5_000),
            cash_row(next_noon, "FEE", 6, 3),
            cash_row(next_noon + HOUR_NS, "FEE", 7, 4),
        ],
        equity=[
            equity_row(DAY, 1_000),
            equity_row(DAY + 13 * HOUR_NS, 1_009.82),
            equity_row(DAY + DAY_NS, 1_059.82),
            equity_row(DAY + DAY_NS + 14 * HOUR_NS, 1_054.69),
        ],
        decisions=[
            decision(noon, "executed"),
            decision(noon, "blocked", "MAX_QTY"),
            decision(noon, "blocked", "MAX_QTY"),
            decision(noon, "skipped", "STALE"),
            decision(next_noon, "executed"),
        ],
        order_states=[
            {"ts_ns": at_ns, "cid": cid, "state": state}
            for at_ns, cid, state in (
                (noon, 1, "pending"),
                (noon, 2, "pending"),
                (noon, 1, "live"),
                (noon, 1, "filled"),
                (noon, 1, "cancelling"),
                (noon, 2, "live"),
                (noon, 2, "partly filled"),
                (noon, 3, "pending"),
                (noon, 3, "live"),
                (noon, 3, "cancelling"),
                (noon, 3, "cancelled"),
                (next_noon, 2, "expired"),
            )
        ],
        halts=[halt_row(noon, "account", ["LOSS_DAY"], ["LOSS_DAY"], 0.05, 0.0521)],
        operator_actions=[
            {
                "seq": 9,
                "ts_ns": noon,
                "action": "pause",
                "actor": "ada",
                "detail": '{"reason": "news at one"}',
            }
        ],
        reconciliations=[{"ts_ns": noon, "code": "RECONCILED"}, {"ts_ns": next_noon, "code": "UNEXPLAINED"}],
    )


def test_a_day_has_its_own_orders_money_and_refusals_and_no_transfer_is_a_result(record):
    day = summarise_day(record, DAY + 5 * HOUR_NS)
    (wallet,) = day.wallets.values()
    assert (wallet.currency, wallet.fees, wallet.funding, wallet.transfers) == (
        "USDT",
        pytest.approx(0.21),
        -0.03,
        50.0,
    )
    assert wallet.traded == pytest.approx(100 + 110)
    assert (wallet.equity_start, wallet.equity_end) == (1_000, 1_059.82)
    assert wallet.result == pytest.approx(9.82)
    assert (day.fills, day.executed, day.blocked, day.skipped) == (2, 1, 2, 1)
    assert day.rules == {"MAX_QTY": 2, "STALE": 1}
    assert day.orders == {"cancelled": 1, "filled": 1, "open": 1}
    assert day.reconciliations == {"RECONCILED": 1}
    text = "\n".join(day.lines(money))
    for part in (
        "alpha, 2024-10-04 UTC",
        "result +9.82",
        "2 blocked",
        "pause by ada: news at one",
        "LOSS_DAY",
    ):
        assert part in text
    after = summarise_day(record, DAY + DAY_NS)
    assert (after.fills, after.executed, after.halts) == (2, 1, [])
    assert after.orders == {"expired": 1}
    empty = summarise_day(record, DAY + 9 * DAY_NS)
    assert (empty.fills, empty.wallets) == (0, {})
    assert empty.lines(money)


def test_equity_says_since_when_it_stands_and_one_mark_is_no_result():
    marks = [equity_row(DAY + 2 * HOUR_NS, 1_000), equity_row(DAY + 3 * HOUR_NS, 1_010)]
    ended = replace(record_of(fills=[], equity=marks), end_ns=DAY + 3 * HOUR_NS + 40 * MINUTE_NS)
    assert "result +10.00 USDT, equity 1,010.00 USDT at 03:00," in "\n".join(
        summarise_day(ended, DAY).lines(money)
    )
    fresh = replace(ended, end_ns=DAY + 3 * HOUR_NS + 1)
    assert "equity 1,010.00 USDT, traded" in "\n".join(summarise_day(fresh, DAY).lines(money))
    (wallet,) = summarise_day(record_of(fills=[], equity=marks[:1]), DAY).wallets.values()
    assert (wallet.equity_end, wallet.result) == (1_000, None)
    (told,) = statistics_since(ended)
    assert told.marked_ns == DAY + 3 * HOUR_NS


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            halt_row(DAY, "account", ["LOSS_DAY"], ["LOSS_DAY"], 0.05, 0.0521),
            "main, LOSS_DAY: the day's loss, 5.21 % lost, 5.00 % allowed",
        ),
        (
            halt_row(DAY, "account", ["LOSS_STREAK"], ["LOSS_STREAK"], 3.0, 4.0),
            "main, LOSS_STREAK: losses in a row, 4, 3 allowed",
        ),
        # The figures that the core noted last belong to another reason: better none than those.
        (halt_row(DAY, "account", ["DRAWDOWN"], ["LOSS_DAY"], 0.05, 0.0521), "main, DRAWDOWN: the fall"),
        (
            halt_row(DAY, "core", ["OPERATOR"]),
            "the session, OPERATOR: an operator paused it (pause by ada: news)",
        ),
        (halt_row(DAY + HOUR_NS, "core", ["OPERATOR"]), "the session, OPERATOR: an operator paused it"),
        (
            halt_row(DAY + 5 * HOUR_NS, "account", ["VENUE"]),
            "main, VENUE: the exchange takes nothing new (maintenance from 05:05)",
        ),
        (halt_row(DAY, "instrument", ["STALE"]), "BTC, STALE: the market data is too old"),
        (
            halt_row(DAY, "strategy", ["HELD"], ["LOSS_STREAK"], 3.0, 4.0),
            "calm, HELD by LOSS_STREAK: it is held alone, 4 seen, 3 allowed",
        ),
    ],
)
def test_a_halt_says_where_why_by_how_much_and_in_whose_words(row, said):
    record = record_of(
        equity=[equity_row(DAY, 100) | {"account": "main"}],
        operator_actions=[
            {"seq": 9, "ts_ns": DAY + 1, "action": "pause", "actor": "ada", "detail": '{"reason": "news"}'}
        ],
        told=[{"ts_ns": DAY + 5 * HOUR_NS, "code": "HALTED", "text": "maintenance from 05:05"}],
        halts=[row],
    )
    (told,) = summarise_day(record, DAY).halts
    assert told.partition(" ")[2].startswith(said)
    assert "(" in said or "(" not in told


def test_each_pause_of_a_second_names_who_has_asked_for_it():
    """A command is written down before what comes of it; the first of them was named for all once."""
    actions, halts = [], []
    for at, seq in enumerate((10, 20, 30, 40)):
        word = {"ts_ns": DAY + at, "seq": seq, "action": "pause", "actor": f"process {at}", "detail": "{}"}
        actions += [word, word | {"seq": seq + 5, "action": "resume"}]
        halts.append(halt_row(DAY + at, "core", ["OPERATOR"], seq=seq + 2))
    told = summarise_day(record_of(operator_actions=actions, halts=halts), DAY).halts
    assert [line.rpartition("(")[2] for line in told] == [f"pause by process {at})" for at in range(4)]


def test_an_alert_is_told_behind_the_halt_of_which_it_speaks_and_no_other():
    loss, held = "the day's loss", "calm is held alone: bad output: BTC, row 2 of 2"
    told = [
        {"ts_ns": DAY, "code": "HALTED", "text": f"main: LOSS_DAY, {loss}: 5.21% lost, 5.00% allowed"},
        {"ts_ns": DAY, "code": "STRATEGY_HELD", "text": held},
        {"ts_ns": DAY + 9, "code": "UNEXPLAINED", "text": "main: 3 ETH are none of ours"},
        {"ts_ns": DAY + 10, "code": "HALTED", "text": "maintenance from 05:05"},
        {"ts_ns": DAY + 20, "code": "HALTED", "text": "maintenance from 09:09"},
    ]
    halts = [
        halt_row(DAY, "account", ["LOSS_DAY"], ["LOSS_DAY"], 0.05, 0.0521),
        halt_row(DAY, "strategy", ["HELD"], ["BAD_OUTPUT"]),
        halt_row(DAY + 9, "account", ["EXTERNAL"]),
        halt_row(DAY + 10, "account", ["VENUE"]),
        halt_row(DAY + 20, "account", ["VENUE"]),
    ]
    lines = summarise_day(record_of(told=told, halts=halts), DAY).halts
    said = [line.partition("(")[2].removesuffix(")") for line in lines]
    row = "bad output: BTC, row 2 of 2"
    (alone,) = summarise_day(record_of(halts=halts[1:2]), DAY).halts
    assert alone.endswith("(tradewind journal explain refused --session alpha tells which row)")
    assert said == ["", row, told[2]["text"], told[3]["text"], told[4]["text"]]


@pytest.mark.parametrize("marked_before", [False, True])
def test_what_an_account_held_is_no_transfer_when_another_was_marked_before_it_was_read(marked_before):
    """Nothing was moved, and yet the whole opening balance was told as a transfer."""
    opening = cash_row(DAY + 2, "TRANSFER", 100_000, seq=5)
    before = [equity_row(DAY + 1, 0, seq=3)] if marked_before else []
    read = record_of(fills=[], cash=[opening], equity=before)
    wallets = summarise_day(read, DAY).wallets
    assert [each.transfers for each in wallets.values()] == [0.0] * len(wallets)
    marks = [*before, equity_row(DAY + 3, 1_000, seq=6), equity_row(DAY + 4, 1_050, seq=8)]
    moved = cash_row(DAY + 4, "TRANSFER", 3_000, trade_id=77, seq=7)
    later = record_of(fills=[], cash=[opening, moved], equity=marks)
    (wallet,) = summarise_day(later, DAY).wallets.values()
    assert (wallet.equity_start, wallet.transfers, wallet.result) == (1_000, 30.0, 20.0)
    (told,) = statistics_since(later)
    assert (told.capital, told.equity) == (1_000, 1_020)


def test_the_first_money_that_a_venue_tells_of_is_a_transfer():
    empty = [equity_row(DAY + 1, 0, seq=3), equity_row(DAY + 3, 30, seq=8)]
    told = cash_row(DAY + 2, "TRANSFER", 3_000, trade_id=77, seq=7)
    (wallet,) = summarise_day(record_of(fills=[], cash=[told], equity=empty), DAY).wallets.values()
    assert (wallet.transfers, wallet.result) == (30.0, 0.0)


def test_every_reason_of_a_halt_has_its_words():
    assert set(names_of(Halt).values()) | {"HELD"} == set(MEANINGS)


def test_a_wallet_of_coins_shows_what_two_decimals_would_hide():
    coins = BTC | {"currency": "BTC", "scale": 100_000_000}
    marks = [equity_row(DAY + at, 0) | {"equity": held, "scale": 100_000_000}
             for at, held in ((0, 25_000_000), (1, 25_030_000))]  # fmt: skip
    fees = [cash_row(DAY + 1, "FEE", 12_300, 1)]
    record = record_of(instruments=[coins], fills=[], cash=fees, equity=marks)
    (_, told, *_) = summarise_day(record, DAY).lines(money)
    assert told.startswith(
        "BTC: result +0.000300 BTC, equity 0.2503 BTC at 00:00, traded 0.00 BTC, fees 0.000123 BTC"
    )


def test_what_an_account_held_when_its_session_began_is_no_result():
    began = DAY + 5 * HOUR_NS
    # Bars that it warmed up with are older than the account that was read before them.
    record = record_of(
        fills=[],
        cash=[cash_row(began, "TRANSFER", 100_000, seq=1), cash_row(began + HOUR_NS, "TRANSFER", 5_000, seq=3)],
        equity=[
            equity_row(began - 3 * HOUR_NS, 1_000, seq=2),
            equity_row(began, 1_000, seq=2),
            equity_row(began + 2 * HOUR_NS, 1_049, seq=4),
        ],
        decisions=[], order_states=[], halts=[], operator_actions=[], reconciliations=[],
    )  # fmt: skip
    (wallet,) = summarise_day(record, began).wallets.values()
    assert wallet.transfers == 50.0
    assert wallet.result == pytest.approx(-1.0)
    (told,) = statistics_since(record)
    assert (told.capital, told.equity) == (1_000, 999)
    assert told.drawdown == pytest.approx(0.001)


def test_what_the_first_hour_of_the_next_day_brought_is_none_of_this_day():
    night = DAY + DAY_NS
    marks = [equity_row(DAY, 1_000), equity_row(night, 1_010), equity_row(night + MINUTE_NS, 1_200)]
    record = record_of(fills=[], equity=marks)
    (wallet,) = summarise_day(record, DAY).wallets.values()
    assert wallet.result == 10
    (wallet,) = summarise_day(record, night).wallets.values()
    assert wallet.result == 190


def test_what_two_accounts_of_one_currency_traded_is_told_apart():
    other = BTC | {"instrument": 1, "symbol": "ETH"}
    fills = [
        fill_row(DAY + 1, 1, "buy", 10, 200, 1),
        fill_row(DAY + 2, 2, "buy", 3, 200, 2) | {"instrument": 1},
    ]
    fees = [cash_row(DAY + 1, "FEE", 5, 1), cash_row(DAY + 2, "FEE", 7, 2) | {"instrument": 1, "wallet": 1}]
    marks = [equity_row(DAY, 100), equity_row(DAY, 100) | {"wallet": 1}]
    record = record_of(instruments=[BTC, other], fills=fills, cash=fees, equity=marks)
    wallets = summarise_day(record, DAY).wallets
    assert [wallets[0].traded, wallets[1].traded] == [100.0, 30.0]


def test_each_wallet_says_whose_it_is_and_what_it_holds_before_anything_was_booked():
    named = [("main", "USDT"), ("other", "USDC")]
    marks = [
        equity_row(DAY, 100) | {"wallet": at, "account": account, "currency": currency}
        for at, (account, currency) in enumerate(named)
    ]
    record = record_of(instruments=[BTC, BTC | {"currency": "USDC"}], fills=[], cash=[], equity=marks)
    _, one, other, *_ = summarise_day(record, DAY).lines(money)
    assert one.startswith("main USDT: equity 100.00 USDT at 00:00, traded")
    assert other.startswith("other USDC: equity 100.00 USDC at 00:00, traded")


def test_statistics_of_everything_are_those_of_both_trades(record):
    (told,) = statistics_since(record)
    assert [trip.gross for trip in told.trips] == pytest.approx([10.0, -5.0])
    assert [trip.net for trip in told.trips] == pytest.approx([9.79, -5.13])
    assert (told.win_rate, told.profit_factor) == (0.5, pytest.approx(9.79 / 5.13))
    assert (told.capital, told.funding, told.open, told.carried, told.earlier) == (1_000, -0.03, 0, 0, 0)
    assert told.equity == pytest.approx(1_054.69 - 50)
    assert told.drawdown == pytest.approx((1_009.82 - 1_004.69) / 1_009.82)


def test_what_was_held_already_or_went_without_a_trade_is_no_trade_of_the_session():
    """An adopted position is closed, another goes without anybody's word, and one trade is made whole here."""
    strategy_lots = fill_row(DAY, 1, 1, 10, 200, 91) | {"role": "adopted", "liquidity": ""}
    taken = fill_row(DAY + 5, 0, -1, 4, 240, 0) | {"role": "adl", "liquidity": ""}
    own = [fill_row(DAY + 3, 3, 1, 4, 200, 3), fill_row(DAY + 4, 4, -1, 4, 210, 4)]
    fills = [strategy_lots, fill_row(DAY + 2, 2, -1, 10, 220, 2), *own]
    only = record_of(fills=[strategy_lots], equity=[equity_row(DAY, 1_000)])
    day = summarise_day(only, DAY)
    assert (day.fills, day.wallets[0].traded) == (0, 0)
    (told,) = statistics_since(only)
    assert (told.why_empty, told.open) == ("nothing was wanted yet", 1)
    record = record_of(
        fills=[*fills, fill_row(DAY + 4, 5, 1, 4, 240, 5), taken], equity=[equity_row(DAY, 1_000)]
    )
    day = summarise_day(record, DAY)
    assert (day.fills, day.wallets[0].traded) == (4, pytest.approx(110 + 40 + 42 + 48))
    (told,) = statistics_since(record)
    assert [trip.gross for trip in told.trips] == pytest.approx([2.0, 0.0])
    assert (told.carried, told.open) == (1, 0)
    assert [fill.traded for fill in record.fills()] == [False, True, True, True, True, False]
    left_out, _ = trips_of(record.fills())
    assert (left_out[0].adopted, left_out[0].gross) == (True, pytest.approx(10.0))
    (told,) = statistics_since(record_of(fills=fills[:2]))
    assert told.why_empty == "no trade began and ended since its beginning: 1 were open then, 0 are open now"


def test_a_fee_that_comes_later_belongs_to_the_trip_whose_order_it_names():
    noon = DAY + 12 * HOUR_NS
    # Orders are told by their totals, without a trade; the trades come behind them, each with its fee.
    fills = [
        fill_row(noon, 1, 1, 7, 200, 0), fill_row(noon + 1, 1, 1, 3, 200, 0),
        fill_row(noon + HOUR_NS, 2, -1, 10, 220, 0),
        fill_row(noon + 2 * HOUR_NS, 3, 1, 5, 200, 31), fill_row(noon + 3 * HOUR_NS, 4, -1, 5, 200, 0),
    ]  # fmt: skip
    fees = [
        cash_row(noon + 2, "FEE", 4, 11, cid=1), cash_row(noon + 3, "FEE", 7, 12, cid=1),
        cash_row(noon + HOUR_NS + 3, "FEE", 12, 13, cid=2), cash_row(noon + 2 * HOUR_NS, "FEE", 5, 31, cid=3),
        cash_row(noon + 3 * HOUR_NS + 3, "FEE", 6, 41, cid=4),
    ]  # fmt: skip
    record = record_of(fills=fills, cash=fees)
    assert [round(SCALE * fill.fee) for fill in record.fills()] == [8, 3, 12, 5, 6]
    (told,) = statistics_since(record)
    assert [trip.fees for trip in told.trips] == pytest.approx([0.23, 0.11])


def test_a_trade_is_told_from_another_of_its_number_in_another_instrument():
    """A venue numbers the trades of each instrument by themselves: the second's fee was once the first's."""
    other = BTC | {"instrument": 1, "symbol": "ETH"}
    fills = [fill_row(DAY + 1, 1, 1, 7, 200, 31), fill_row(DAY + 2, 2, 1, 7, 200, 31) | {"instrument": 1}]
    fees = [cash_row(DAY + 1, "FEE", 4, 31), cash_row(DAY + 2, "FEE", 9, 31) | {"instrument": 1}]
    record = record_of(instruments=[BTC, other], fills=fills, cash=fees)
    assert [round(SCALE * fill.fee) for fill in record.fills()] == [4, 9]


def test_after_a_reset_earlier_trades_are_gone_and_capital_starts_there(record):
    (told,) = statistics_since(record, DAY + DAY_NS)
    assert [trip.side for trip in told.trips] == ["short"]
    assert (told.earlier, told.capital, told.funding) == (1, 1_059.82, 0)
    assert told.equity == 1_054.69
    assert told.why_empty == ""


@pytest.mark.parametrize(
    ("since_ns", "why"),
    [
        (DAY + 3 * DAY_NS, "before the reset at 2024-10-07; 2 trades lie before it"),
        (DAY + DAY_NS + 12 * HOUR_NS + 1, "1 were open then, 0 are open now"),
    ],
)
def test_an_empty_result_says_why(record, since_ns, why):
    (told,) = statistics_since(record, since_ns)
    assert (told.trips, told.net, told.win_rate) == ([], 0, None)
    assert why in told.why_empty


def test_a_session_without_a_fill_says_so():
    (told,) = statistics_since(record_of(decisions=[decision(DAY, "blocked", "MARGIN")]))
    assert told.why_empty == "nothing was filled yet, of 1 wants"
    assert statistics_since(record_of())[0].why_empty == "nothing was wanted yet"


def fill(ts_ns, side, lots, price, **changes):
    plain = SessionFill(
        ts_ns,
        "BTC",
        side,
        "long",
        price,
        lots,
        price * lots,
        0.0,
        ts_ns,
        "calm",
        "order",
        "taker",
        lots,
        0,
        0,
    )
    return replace(plain, **changes)


def test_partial_closes_take_the_average_price_and_inverse_contracts_pay_the_other_way():
    fills = [
        fill(1, "buy", 2, 100.0),
        fill(2, "buy", 2, 200.0),
        fill(3, "sell", 1, 300.0),
        fill(4, "sell", 3, 100.0),
    ]
    (trip,), still = trips_of(fills)
    assert (trip.gross, trip.start_ns, trip.end_ns, still) == (pytest.approx(150 - 150), 1, 4, [])
    (inverse,), _ = trips_of(
        [fill(1, "buy", 100, 1.0, notional=2.0), fill(2, "sell", 100, 1.0, notional=1.6)], frozenset({"BTC"})
    )
    assert inverse.gross == pytest.approx(0.4)


def test_what_the_venue_took_is_shared_out_over_who_held_it():
    fills = [
        fill(1, "buy", 3, 100.0),
        fill(2, "buy", 1, 100.0, context=1, strategy="bold"),
        fill(3, "buy", 4, 50.0, context=-1, role="liquidation", strategy=""),
    ]
    trips, still = trips_of(fills)
    assert {trip.strategy: trip.gross for trip in trips} == {
        "calm": pytest.approx(-150),
        "bold": pytest.approx(-50),
    }
    assert still == []


def line(minute, order, side, price, quantity=1.0, fee=0.05, symbol="BTC"):
    return FillLine(minute * MINUTE_NS, order, symbol, side, "long", price, quantity, price * quantity, fee)


def test_slippage_fees_missed_and_extra_orders_are_told_apart():
    run = [line(10, "r1", "buy", 100.0), line(20, "r2", "sell", 110.0), line(30, "r3", "buy", 105.0)]
    live = [
        line(10, "a", "buy", 100.2, 0.5, 0.04),
        line(11, "a", "buy", 100.4, 0.5, 0.04),
        line(31, "b", "buy", 104.0),
        line(50, "c", "buy", 99.0),
    ]
    told = compare_orders(live, run, 2 * MINUTE_NS)
    assert [(pair.live.order, pair.run.order) for pair in told.pairs] == [("a", "r1"), ("b", "r3")]
    assert [pair.slippage_bps for pair in told.pairs] == pytest.approx([30.0, -10_000 / 105.0])
    assert [pair.delay_ns for pair in told.pairs] == [0, MINUTE_NS]
    assert [order.order for order in told.missed] == ["r2"]
    assert [order.order for order in told.extra] == ["c"]
    assert told.filled_share == pytest.approx(2 / 3)
    cost = 100.3 * 30 / 10_000 - 104.0 * (10_000 / 105.0) / 10_000
    assert told.slippage_cost == pytest.approx(cost)
    live_bps, run_bps = told.fee_bps
    assert live_bps == pytest.approx(10_000 * 0.18 / (100.3 + 104 + 99))
    assert run_bps == pytest.approx(10_000 * 0.15 / 315)


def test_one_missed_order_does_not_shift_those_after_it():
    run = [line(minute, f"r{minute}", "buy", 100.0) for minute in range(0, 50, 10)]
    live = [line(minute + 1, f"l{minute}", "buy", 100.0) for minute in range(10, 50, 10)]
    told = compare_orders(live, run, 11 * MINUTE_NS)
    assert [pair.live.order[1:] for pair in told.pairs] == [pair.run.order[1:] for pair in told.pairs]
    assert [order.order for order in told.missed] == ["r0"]
    assert compare_orders([], [], 0).slippage_bps is None
