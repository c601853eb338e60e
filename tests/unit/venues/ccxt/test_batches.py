"""Requests of one decision: side by side, each answered when it is, and one that raises takes none with it."""

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


def test_what_became_of_a_group_is_told_when_it_is_answered_and_in_its_order():
    told = []

    async def send(group):
        await asyncio.sleep(group[0])
        return [ACCEPTED] * len(group)

    async def sent():
        loop = asyncio.get_running_loop()
        began = loop.time()
        groups = [[9], [2, 0, 1], [4, 3]]
        return await sent_side_by_side(
            groups, send, lambda place, _: told.append((place, round(loop.time() - began)))
        )

    found = run_virtual(sent())
    assert told == [(2, 2), (0, 2), (1, 2), (4, 4), (3, 4), (9, 9)]
    assert sorted(found) == [0, 1, 2, 3, 4, 9]
