"""Whatever a stream does to its messages, the core ends up knowing the same once a snapshot has healed the rest."""

from __future__ import annotations

from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from msgspec import structs

from tradewind.live.facts import rows_of
from tradewind.live.orders import OrderLedger
from tradewind.units.enums import BUY, LONG, SELL, SHORT, FactKind, IntentKind, RequestKind, Rule
from tradewind.venues.gateway import FillSeen, OrderSeen, OrderStatus
from tradewind.venues.port import REQUEST

CID = 1 << 20 | 3
QTY, PRICE, UNIT = 10, 5_000, 1_000
ENDINGS = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def worth(instrument, lots, price_tick):
    return lots * price_tick * UNIT


def ledger():
    book = OrderLedger(worth, lambda instrument, currency: 0)
    book.note_requests(request())
    return book


def request():
    rows = np.zeros(1, REQUEST)
    rows["kind"], rows["order_kind"], rows["cid"] = RequestKind.NEW, IntentKind.REST, CID
    rows["side"], rows["position_side"], rows["price_tick"], rows["qty_lot"] = BUY, LONG, PRICE, QTY
    return rows


def order(status, filled, notional, rule=0):
    return OrderSeen(
        0, CID, "c", "v", status, BUY, LONG, 0, PRICE, QTY, filled, notional, rule, 1_000 + filled, 2_000
    )


def fill(key, price_tick, lots):
    return FillSeen(
        0, CID, "c", "v", f"t{key}", key, BUY, LONG, price_tick, lots, worth(0, lots, price_tick), 7 * lots, "USDT",
        1, 1_000, 2_000,
    )  # fmt: skip


@dataclass
class Life:
    """What really happened to an order, as messages in the order in which it happened."""

    messages: list
    final: OrderSeen
    trades: list


@st.composite
def lives(draw):
    """An order that fills in parts, at several prices, and ends."""
    parts = draw(st.lists(st.integers(1, 4), max_size=5))
    messages, trades, filled, notional = [order(OrderStatus.WORKING, 0, 0)], [], 0, 0
    for key, part in enumerate(parts, 1):
        lots = min(part, QTY - filled)
        if lots == 0:
            break
        trade = fill(key, PRICE - draw(st.integers(0, 3)), lots)
        filled, notional = filled + lots, notional + trade.notional
        trades.append(trade)
        status = OrderStatus.FILLED if filled == QTY else OrderStatus.WORKING
        messages += draw(st.permutations([trade, order(status, filled, notional)]))
    ends = OrderStatus.FILLED if filled == QTY else draw(st.sampled_from(ENDINGS[1:]))
    final = order(ends, filled, notional, Rule.UNWANTED)
    return Life([*messages, final], final, trades)


@st.composite
def received(draw, early=False):
    """The same life as a bad stream tells it: some messages lost, some twice, all in any order.

    With `early` the venue also says, somewhere, that the order is cancelled with what had filled by then (F31, F32).
    """
    life = draw(lives())
    if early:
        so_far = [m for m in life.messages if isinstance(m, OrderSeen)]
        last = so_far[draw(st.integers(0, len(so_far) - 1))]
        end = order(OrderStatus.CANCELLED, last.filled_lot, last.notional, Rule.UNWANTED)
        life.messages.insert(draw(st.integers(1, len(life.messages))), end)
    kept = [m for m in life.messages for _ in range(draw(st.integers(0, 2)))]
    return life, draw(st.permutations(kept))


def tell(book, message):
    return book.tell_order(message) if isinstance(message, OrderSeen) else book.tell_fill(message)


def heal(book, life):
    """What a snapshot brings: the order's own end and all its trades."""
    return [*(f for trade in life.trades for f in book.tell_fill(trade)), *book.tell_order(life.final)]


@given(received())
def test_the_totals_told_last_are_those_of_the_venue(case):
    life, messages = case
    book = ledger()
    facts = [f for message in messages for f in tell(book, message)] + heal(book, life)
    totals = [(f.qty_lot, f.amount) for f in facts if f.kind in (FactKind.FILL, FactKind.CANCELLED)]
    assert max((lots for lots, _ in totals), default=0) == life.final.filled_lot
    fees = {f.trade_id: f.amount for f in facts if f.kind == FactKind.FEE}
    assert fees == {trade.trade_key: trade.fee for trade in life.trades}
    assert len([f for f in facts if f.kind == FactKind.FEE]) == len(fees)
    assert book.known(CID).ended
    assert book.unexplained() == []


@given(received())
def test_what_is_filled_never_falls_and_an_end_comes_once(case):
    life, messages = case
    book = ledger()
    facts = [f for message in messages for f in tell(book, message)] + heal(book, life)
    fills = [f.qty_lot for f in facts if f.kind == FactKind.FILL]
    assert fills == sorted(set(fills))
    over = [f for f in facts if f.kind in (FactKind.CANCELLED, FactKind.EXPIRED, FactKind.REJECT)]
    assert len(over) <= 1
    assert (len(over) == 1) != (life.final.filled_lot == QTY)
    assert sum(f.kind == FactKind.ACK for f in facts) <= 1


@given(received())
def test_hearing_everything_again_says_nothing(case):
    life, messages = case
    book = ledger()
    for message in messages:
        tell(book, message)
    heal(book, life)
    assert [f for message in [*life.messages, *messages] for f in tell(book, message)] == []


def booked_by(facts):
    """Return the lots and the money that a core has which hears these facts: totals until the end, then what is new."""
    lots = notional = 0
    ended, keys = False, set()
    for fact in facts:
        if fact.kind == FactKind.BOOKED and fact.trade_id not in keys:
            assert ended
            keys.add(fact.trade_id)
            lots, notional = lots + fact.qty_lot, notional + fact.amount
        elif fact.kind in (FactKind.FILL, FactKind.CANCELLED, FactKind.EXPIRED):
            assert not ended or (fact.kind != FactKind.FILL and fact.qty_lot == lots)
            if fact.qty_lot > lots:
                lots, notional = fact.qty_lot, fact.amount
            ended = fact.kind != FactKind.FILL or lots >= QTY
    return lots, notional


@given(received(early=True))
def test_fills_after_the_end_are_booked_once_whatever_comes_first(case):
    """F31, F32: nothing is lost, nothing counts twice, and no total is told of an order that has no slot any more."""
    life, messages = case
    book = ledger()
    facts = [f for message in messages for f in tell(book, message)] + heal(book, life)
    assert booked_by(facts) == (life.final.filled_lot, life.final.notional)
    booked = [f for f in facts if f.kind == FactKind.BOOKED]
    assert all((f.cid, f.side, f.position_side) == (CID, BUY, LONG) for f in booked)
    assert all(f.qty_lot > 0 and f.amount > 0 and f.trade_id > 0 for f in booked)
    assert len({f.trade_id for f in booked}) == len(booked)
    assert bool(booked) <= (book.suspects == {0})
    fees = {f.trade_id: f.amount for f in facts if f.kind == FactKind.FEE}
    assert fees == {trade.trade_key: trade.fee for trade in life.trades}
    assert [f for message in [*life.messages, *messages] for f in tell(book, message)] == []


def test_a_late_fill_is_told_with_its_trade_and_a_late_total_with_a_number_of_its_own():
    book = ledger()
    tell(book, order(OrderStatus.CANCELLED, 0, 0))
    (late, fee) = tell(book, fill(3, 4_999, 4))
    assert (late.kind, late.trade_id, late.qty_lot, late.amount, late.value) == (
        FactKind.BOOKED, 3, 4, worth(0, 4, 4_999), 1.0,
    )  # fmt: skip
    assert (fee.kind, fee.trade_id) == (FactKind.FEE, 3)
    (total,) = tell(book, order(OrderStatus.FILLED, 10, worth(0, 10, 4_999)))
    assert (total.kind, total.qty_lot, total.amount, total.price_tick) == (
        FactKind.BOOKED, 6, worth(0, 6, 4_999), 4_999,
    )  # fmt: skip
    assert total.value == 0.0
    assert [f.kind for f in tell(book, fill(4, 4_999, 6))] == [FactKind.FEE]


@given(received(early=True), st.data())
def test_a_memory_made_of_facts_is_the_memory(case, data):
    """Facts that were taken make the same ledger again, from a saved one or from the first fact on."""
    life, messages = case
    book, again = ledger(), ledger()
    at = data.draw(st.integers(0, len(messages)))
    for message in messages[:at]:
        facts = tell(book, message)
        again.note_facts(rows_of(facts))
        again.note_facts(rows_of(facts))
    restored = OrderLedger(worth, lambda instrument, currency: 0)
    restored.restore(book.save())
    assert again.save() == book.save() == restored.save()
    rest = [*messages[at:], *life.messages]
    told = [[f for message in rest for f in tell(one, message)] for one in (book, again, restored)]
    assert told[0] == told[1] == told[2]


def test_both_sides_of_a_trade_with_oneself_are_told_once():
    """One number, two orders of ours: the core charges a fee once for each number, so the second side has its own."""
    book, other = ledger(), CID + (1 << 20)
    sold = request()
    sold["cid"], sold["side"], sold["position_side"] = other, SELL, SHORT
    book.note_requests(sold)
    bought = fill(5, PRICE, 4)
    taken = structs.replace(bought, cid=other, venue_id="w", side=SELL, position_side=SHORT, fee=9, maker=0)
    facts = [f for side in (bought, taken) for f in book.tell_fill(side)]
    assert [(f.cid, f.qty_lot) for f in facts if f.kind == FactKind.FILL] == [(CID, 4), (other, 4)]
    fees = {(f.cid, f.trade_id): f.amount for f in facts if f.kind == FactKind.FEE}
    assert list(fees.values()) == [bought.fee, 9]
    assert len({trade_id for _, trade_id in fees}) == 2
    restored, made = OrderLedger(worth, lambda instrument, currency: 0), ledger()
    restored.restore(book.save())
    made.note_requests(sold)
    made.note_facts(rows_of(facts))
    for one in (book, restored, made):
        assert [one.tell_fill(side) for side in (taken, bought, taken)] == [[], [], []]
