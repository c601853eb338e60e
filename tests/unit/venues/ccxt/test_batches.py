"""Requests of one decision: side by side, so many at a time, and one that raises takes none with it."""

from __future__ import annotations

import asyncio

from tradewind.testing.clock import run_virtual
from tradewind.venues.ccxt.batches import sent_side_by_side
from tradewind.venues.gateway import Outcome, OutcomeKind

ACCEPTED = Outcome(OutcomeKind.ACCEPTED)


def test_one_that_raises_is_unknown_and_the_others_are_as_they_were():
    async def send(group):
        if group == [1, 2]:
            raise ValueError("broken")
        return [ACCEPTED] * len(group)

    found = run_virtual(sent_side_by_side([[0], [1, 2], [3]], send))
    assert {place: outcome.kind.value for place, outcome in found.items()} == {
        0: "accepted", 1: "unknown", 2: "unknown", 3: "accepted",
    }  # fmt: skip


def test_no_more_than_eight_are_under_way_and_all_begin_in_their_order():
    under_way, most, begun = set(), [0], []

    async def send(group):
        begun.append(group[0])
        under_way.add(group[0])
        most[0] = max(most[0], len(under_way))
        await asyncio.sleep(1)
        under_way.discard(group[0])
        return [ACCEPTED]

    run_virtual(sent_side_by_side([[place] for place in range(20)], send))
    assert begun == list(range(20))
    assert most == [8]
