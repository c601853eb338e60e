"""A close that is refused is tried again: at market, within a band, within a wider one; one in doubt is not."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import numpy as np
import pytest

from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.facts import asked_of
from tradewind.live.inbox import Inbox
from tradewind.live.ladder import limit_within
from tradewind.testing.clock import VirtualLoop
from tradewind.testing.sessions import START_NS
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, RequestKind, Rule
from tradewind.venues.gateway import Outcome, OutcomeKind
from tradewind.venues.port import REQUEST

S = 1_000_000_000
NEAR = 50_000
TAKEN = Outcome(OutcomeKind.ACCEPTED)
LOST = Outcome(OutcomeKind.UNKNOWN)


def no(rule=Rule.VENUE_PRICE, kind=OutcomeKind.REJECTED, **more):
    return Outcome(kind, rule=rule, text="not now", **more)


class Stubborn:
    """A way to a venue that answers as it is told, and notes when it was asked for what."""

    def __init__(self, loop, answers):
        self.loop, self.answers, self.asked = loop, list(answers), []

    async def create(self, orders, hear=None):
        return [self.answer(order.price_tick) for order in orders]

    async def cancel(self, order):
        return self.answer("cancel")

    def answer(self, what):
        self.asked.append((round((self.loop.now_ns() - START_NS) / S, 3), what))
        return self.answers.pop(0) if self.answers else TAKEN


def row(kind=RequestKind.NEW, *, cid=1, side=SELL, reduce=1, price_tick=0, order_kind=IntentKind.TARGET):
    made = np.zeros(1, REQUEST)
    made["kind"], made["cid"], made["order_kind"], made["side"] = kind, cid, order_kind, side
    made["reduce"], made["price_tick"], made["qty_lot"] = reduce, price_tick, 3
    made["position_side"] = LONG if side == SELL else SHORT
    return made


def opener():
    made = row(reduce=0)
    made["position_side"] = SHORT
    return made


def lived(answers, *rows, pause_s=0.0):
    """Send requests one after another, each once the last was answered; return what left when, and the answers."""
    loop = VirtualLoop(START_NS)
    gateway, inbox = Stubborn(loop, answers), Inbox()
    terms = AccountTerms("small", frozenset({0}), {"USDT": 0})
    account = TradingAccount(0, terms, gateway, inbox, loop.now_ns)

    async def send():
        for each in rows:
            account.send(asked_of(each), np.array([NEAR]))
            while not inbox.items:
                await inbox.wait(1.0)
            told.append(inbox.items.popleft().outcome.kind)
            await asyncio.sleep(pause_s)
        await inbox.close()

    told = []
    loop.run_until_complete(send())
    loop.close()
    return gateway.asked, told


def test_a_close_climbs_within_seconds_and_is_answered_once():
    asked, told = lived([no()] * 4, row())
    assert asked == [(0.0, 0), (0.5, 0), (1.5, 49_750), (3.5, 49_000)]
    assert told == [OutcomeKind.REJECTED]


def test_a_close_of_a_short_is_bought_above():
    asked, _ = lived([no()] * 3, row(side=BUY))
    assert [price for _, price in asked] == [0, 0, 50_250, 51_000]


@pytest.mark.parametrize("refusals", [0, 1, 2, 3])
def test_it_stops_where_it_is_taken(refusals):
    asked, told = lived([no(kind=OutcomeKind.NOT_SENT, rule=Rule.NOT_SENT)] * refusals, row())
    assert len(asked) == refusals + 1
    assert told == [OutcomeKind.ACCEPTED]


@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        no(Rule.VENUE_REDUCE_ONLY),
        no(Rule.VENUE_CLOSED),
        no(Rule.VENUE_MARGIN),
        no(Rule.VENUE_OTHER),
        no(Rule.VENUE_DUPLICATE),
        no(retry_ns=START_NS + 20 * S),
    ],
)
def test_what_is_in_doubt_or_will_not_pass_is_asked_for_once(answer):
    asked, told = lived([answer, answer], row())
    assert (len(asked), told) == (1, [answer.kind])


@pytest.mark.parametrize(
    "other",
    [opener(), row(order_kind=IntentKind.STOP, price_tick=40_000), row(price_tick=49_900)],
    ids=["opener", "stop", "limited"],
)
def test_only_a_close_at_market_climbs(other):
    asked, told = lived([no()], other)
    assert (len(asked), told) == (1, [OutcomeKind.REJECTED])


def test_a_close_that_does_not_say_reduce_only_climbs_too():
    """Where strategies share a position no close may say so, since the venue's is not theirs."""
    asked, told = lived([no(), no()], row(reduce=0))
    assert (len(asked), told) == (3, [OutcomeKind.ACCEPTED])


def test_after_one_in_doubt_the_next_goes_on_where_it_stood():
    closes = [row(cid=cid) for cid in (1, 2, 3, 4, 5)]
    asked, _ = lived([LOST] * 5, *closes, pause_s=20.0)
    assert [price for _, price in asked] == [0, 0, 49_750, 49_000, 0]


def test_it_begins_anew_once_one_was_taken_at_market_and_after_a_minute():
    closes = [row(cid=cid) for cid in (1, 2, 3)]
    assert [price for _, price in lived([LOST, TAKEN, LOST], *closes)[0]] == [0, 0, 0]
    late = lived([LOST] * 3, *closes, pause_s=61.0)[0]
    assert [price for _, price in late] == [0, 0, 0]


@pytest.mark.parametrize(
    ("price", "band", "sells_at", "buys_at"),
    [
        ("50000", 0.005, 49_750, 50_250),
        ("50001", 0.005, 49_751, 50_251),
        ("333", 0.02, 327, 339),
        ("41234.56", 0.005, 41_029, 41_440),
        ("1", 0.02, 1, 1),
    ],
)
def test_a_rung_never_trades_beyond_its_band(price, band, sells_at, buys_at):
    found = [limit_within(band, side, Decimal(price)) for side in (SELL, BUY)]
    assert found == [sells_at, buys_at]


def test_a_cancel_that_did_not_leave_is_asked_for_again():
    unsent = no(Rule.NOT_SENT, OutcomeKind.NOT_SENT)
    asked, told = lived([unsent] * 4, row(RequestKind.CANCEL))
    assert [at for at, _ in asked] == [0.0, 0.25, 1.25, 4.25]
    assert told == [OutcomeKind.NOT_SENT]
    assert len(lived([unsent, TAKEN], row(RequestKind.CANCEL))[0]) == 2
    for once in (LOST, no()):
        assert len(lived([once], row(RequestKind.CANCEL))[0]) == 1
