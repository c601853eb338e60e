"""Which new orders leave together, and how the requests of one decision leave side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.venues.gateway import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tradewind.venues.ccxt.dialect import Dialect
    from tradewind.venues.ccxt.orders import Spelled
    from tradewind.venues.gateway import NewOrder

__all__ = ["grouped", "sent_side_by_side"]

_AT_ONCE = 8
"""So many requests of one decision are under way at a time; one that hangs holds up none of the others."""


def grouped(dialect: Dialect, orders: Sequence[NewOrder], spelled: Mapping[int, Spelled]) -> list[list[int]]:
    """Return which places of `orders` go out together: as many as a batch holds, protection before openings.

    spelled: by their place, those that may be sent.
    """
    batch = dialect.batch
    groups: list[list[int]] = []
    keys: list[object] = []
    for place in sorted(spelled, key=lambda place: not orders[place].closes):
        if batch is None or spelled[place].style not in dialect.batch_styles:
            groups.append([place])
            keys.append(None)
            continue
        key = orders[place].closes, orders[place].instrument if batch.alike else 0
        if keys and keys[-1] == key and len(groups[-1]) < batch.batch:
            groups[-1].append(place)
        else:
            groups.append([place])
            keys.append(key)
    return groups


async def sent_side_by_side(
    groups: Sequence[Sequence[int]],
    send: Callable[[Sequence[int]], Awaitable[Sequence[Outcome]]],
    hear: Callable[[int, Outcome], None] = lambda _place, _outcome: None,
) -> dict[int, Outcome]:
    """Send groups in their order, none waiting for the answer of another; return what became of each place.

    send: sends one group and returns an outcome for each of its places; where it raises nobody knows what became of it.
    hear: is told the same as each group is answered, all of a group at once, in the order of its places.
    """
    room = asyncio.Semaphore(_AT_ONCE)
    found: dict[int, Outcome] = {}

    async def one(group: Sequence[int]) -> None:
        async with room:
            try:
                outcomes = await send(group)
            except Exception as error:  # noqa: BLE001 - the others are under way, and theirs is known
                outcomes = [Outcome(OutcomeKind.UNKNOWN, text=type(error).__name__)] * len(group)
        for place, outcome in zip(group, outcomes, strict=True):
            found[place] = outcome
            hear(place, outcome)

    await asyncio.gather(*map(one, groups))
    return found
