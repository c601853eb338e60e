"""What a venue announces of its maintenance, and codes that say that nobody knows."""

import asyncio
from types import SimpleNamespace

import pytest

from tradewind.units.time import MINUTE_NS
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.classification import judge
from tradewind.venues.ccxt.dialect import Meaning
from tradewind.venues.ccxt.notices import LEAD_NS, NoticeWatch
from tradewind.venues.gateway import AccountMode, OutcomeKind

NOW_NS = 1_790_000_000 * 10**9


def told_by(venue, rows, mode=AccountMode.LIVE):
    """Return what is told of an account at a venue whose answer, to the question for notices, holds these rows."""
    notices = DIALECTS[venue].notices
    heard, answer = [], SimpleNamespace(fine=True, rows=lambda path: rows)

    async def ask(call, params):
        assert call is notices.call
        return answer

    watch = NoticeWatch(SimpleNamespace(ask=ask), notices, mode, heard.append, lambda: NOW_NS)
    asyncio.run(watch.look())
    return [(event.reduce_only, event.cause) for event in heard]


def row_of(venue, begins_in_ns, **other):
    ms = {
        "begin": str((NOW_NS + begins_in_ns) // 10**6),
        "end": str((NOW_NS + begins_in_ns) // 10**6 + 3_600_000),
    }
    own = {"okx_swap": {"serviceType": "5", "env": "1"}, "bybit_linear": {"product": [1, 2], "env": 1}}[venue]
    return {"state": "scheduled", **ms, **own, **other}


NEAR = [(True, "maintenance")]


@pytest.mark.parametrize("venue", ["okx_swap", "bybit_linear"])
def test_a_maintenance_is_near_five_minutes_before_it_and_while_it_goes_on(venue):
    assert told_by(venue, [row_of(venue, LEAD_NS + 1_000_000)]) == []
    assert told_by(venue, [row_of(venue, LEAD_NS)]) == NEAR
    assert told_by(venue, [row_of(venue, -MINUTE_NS, state="ongoing")]) == NEAR
    for state in ("completed", "canceled", "", "soon"):
        assert told_by(venue, [row_of(venue, -MINUTE_NS, state=state)]) == []
    later = [row_of(venue, 10 * LEAD_NS), row_of(venue, MINUTE_NS)]
    assert told_by(venue, later) == NEAR


@pytest.mark.parametrize(
    ("venue", "elsewhere"),
    [("okx_swap", {"serviceType": "7"}), ("bybit_linear", {"product": [2, 3]}), ("okx_swap", {"begin": ""})],
)
def test_what_does_not_touch_our_trading_is_no_news(venue, elsewhere):
    assert told_by(venue, [row_of(venue, MINUTE_NS, **elsewhere)]) == []


@pytest.mark.parametrize("venue", ["okx_swap", "bybit_linear"])
def test_a_notice_counts_for_the_world_that_it_is_about(venue):
    row = row_of(venue, MINUTE_NS)
    assert told_by(venue, [row], AccountMode.DEMO) == []
    assert told_by(venue, [row | {"env": 2}], AccountMode.DEMO) == NEAR


@pytest.mark.parametrize("venue", ["okx_swap", "bybit_linear"])
def test_a_notice_that_was_forgotten_holds_nobody_for_ever(venue):
    assert told_by(venue, [row_of(venue, -85 * MINUTE_NS, state="ongoing")]) == NEAR
    assert told_by(venue, [row_of(venue, -95 * MINUTE_NS, state="ongoing")]) == []


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_codes_that_prove_nothing_leave_an_order_in_question_and_their_rows_say_why(venue):
    rows = [row for row in DIALECTS[venue].errors if row.meaning in (Meaning.OUTAGE, Meaning.DOUBT)]
    assert rows or DIALECTS[venue].worded  # Sentences are told of refusals only.
    for row in rows:
        assert judge(DIALECTS[venue], None, None, known=row.code).kind is OutcomeKind.UNKNOWN
        source, _, why = row.provenance.partition(": ")
        assert source == "documentation"
        assert len(why) > 10
