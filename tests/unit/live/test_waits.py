"""How long a slot waits after a refusal: never past the next decision, and by the clock where the core itself asks."""

from __future__ import annotations

import pytest

from tradewind.live.answers import Waits
from tradewind.live.facts import Told
from tradewind.units.enums import FactKind
from tradewind.units.jit import SLOTS

S = 1_000_000_000
MINUTE = 60 * S
NOON = 1_767_268_800 * S
STRATEGY, CORE = 5 << 20 | 3, 5 << 20 | SLOTS - 1


@pytest.mark.parametrize("bar_s", [1, 5, 60, 300, 3_600, 86_400])
@pytest.mark.parametrize("heard_ms", [0, 1, 37, 999, 29_999, 59_999])
def test_a_wait_has_ended_whenever_an_interval_does(bar_s, heard_ms):
    waits = Waits(MINUTE, bar_s * S)
    heard_ns = NOON + heard_ms * 1_000_000
    ends_ns = waits.begin_ns(STRATEGY, heard_ns) + MINUTE
    assert heard_ns < ends_ns <= heard_ns + MINUTE
    assert ends_ns % min(MINUTE, bar_s * S) == 0
    assert ends_ns - heard_ns > MINUTE - bar_s * S
    interval_end_ns = heard_ns // (bar_s * S) * bar_s * S + max(MINUTE, bar_s * S)
    assert ends_ns <= interval_end_ns


def test_who_is_refused_just_after_a_decision_may_ask_at_the_next():
    waits = Waits(MINUTE, MINUTE)
    assert waits.begin_ns(STRATEGY, NOON + 37_000_000) + MINUTE == NOON + MINUTE


def test_the_slots_of_the_core_wait_by_the_clock():
    waits = Waits(MINUTE, MINUTE)
    assert waits.begin_ns(CORE, NOON + 37_000_000) == NOON + 37_000_000


@pytest.mark.parametrize("cid", [STRATEGY, CORE])
def test_a_venue_that_asks_for_more_gets_it(cid):
    waits = Waits(MINUTE, MINUTE)
    assert waits.begin_ns(cid, NOON, NOON + 95 * S) + MINUTE == NOON + 95 * S
    assert waits.begin_ns(cid, NOON, NOON + 5 * S) == NOON


def test_only_refusals_are_eased():
    waits = Waits(MINUTE, MINUTE)
    for kind, eased in ((FactKind.REJECT, True), (FactKind.NOT_SENT, True), (FactKind.ACK, False)):
        fact = Told(kind, NOON + 5, NOON + 5, cid=STRATEGY)
        told = waits.eased(fact)
        assert told.venue_ts_ns == (NOON if eased else NOON + 5)
        assert told.recv_ts_ns == NOON + 5
