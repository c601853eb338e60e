"""When a person hears of a cancel that came too late: not while a search settles it, and once where none does."""

from __future__ import annotations

import pytest

from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.bookkeeping import Books
from tradewind.live.inbox import Answered, Heard, Inbox
from tradewind.live.reconcile import Policy
from tradewind.testing.sessions import small_world
from tradewind.units.enums import OrderState, RequestKind
from tradewind.units.ids import client_id
from tradewind.venues.gateway import Outcome, OutcomeKind, StreamKind, StreamSeen

S = 1_000_000_000
SLOT = 3
CID = client_id(1, 0, SLOT)
SAID = "102068: Cancel failed as the order has been filled, triggered, canceled or does not exist"


class Asked:
    """An order of whose cancel an answer came; what the core believes of it is set by hand."""

    def __init__(self, kind=RequestKind.CANCEL, *, gone=True):
        self.world, self.alerts = small_world(), []
        account = TradingAccount(
            0, AccountTerms("main", frozenset({0}), {"USDT": 0}), None, Inbox(), lambda: 0
        )
        self.books = Books(self.world, [account], Policy(), self.alerts.append)
        self.stands(OrderState.UNKNOWN)
        answer = Outcome(OutcomeKind.UNKNOWN, text=SAID, gone=gone)
        self.books.facts_of(Answered(0, kind, 0, CID, 0, 0, answer), 100 * S)

    def stands(self, state):
        order = self.world.contexts["working"]["order"][0]
        order["cid"][SLOT], order["state"][SLOT] = CID, state

    def hear(self, at_s):
        """Let anything arrive."""
        self.books.facts_of(Heard(0, StreamSeen(StreamKind.USER, -1, 0, "", at_s * S)), at_s * S)
        return [(alert.code, alert.text) for alert in self.alerts]


@pytest.mark.parametrize("kind", [RequestKind.CANCEL, RequestKind.AMEND])
def test_an_order_that_turns_out_ended_is_no_news(kind):
    asked = Asked(kind)
    assert asked.hear(101) == []
    asked.stands(OrderState.FREE)
    assert asked.hear(200) == []


def test_an_order_that_stays_in_question_is_told_once():
    asked = Asked()
    assert asked.hear(109) == []
    assert asked.hear(111) == [("ORDER_UNKNOWN", SAID)]
    assert asked.hear(300) == [("ORDER_UNKNOWN", SAID)]


@pytest.mark.parametrize(("kind", "gone"), [(RequestKind.CANCEL, False), (RequestKind.NEW, True)])
def test_any_other_doubt_is_told_at_once(kind, gone):
    assert Asked(kind, gone=gone).hear(100) == [("ORDER_UNKNOWN", SAID)]
