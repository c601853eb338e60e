"""Epochs of a session: a journal and a tag of its own each, and what an earlier one has left at the venue.

An epoch ends where its journal is lost, damaged or of no use any more. The next one begins with what the venue
says, by somebody's word, and its orders bear other signs: so an id of it never meets one of an earlier epoch, however
little is left of that. What those before have left is known by its signs alone:

- what may open, or takes a profit, is cancelled before the new epoch begins;
- a stop stays. It goes when the venue shows that stops of the new epoch cover what is held on its side, or when
  nothing is held there any more. Where a session has no stops at the venue it stays as long as the position does:
  nothing is ever bare on the way from one to the other.

Where strategies net at an account their stops are not reduce-only. Such a stop stays as well, over what it would
close. But triggered beside another it would open the other side: so it goes as soon as what is held is covered without
it, with the first word of the venue that a stop of the new epoch stands, and not only with the next reading.

Coins are another matter: a stop locks those that it is to sell. So one of an earlier epoch goes as soon as a sale of
the new one is refused for want of coins, or a stop of it is taken beside it, since both would sell twice as many.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradewind.config import write_atomic
from tradewind.errors import SafetyRefusal
from tradewind.units.enums import LONG, SELL, SHORT, IntentKind, Rule
from tradewind.venues.ccxt.client_ids import SIGNS, TAG_LENGTH, tag_in
from tradewind.venues.gateway import OrderStatus, OutcomeKind, closes_side

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from tradewind.venues.gateway import NewOrder, OrderSeen, Outcome, Snapshot

__all__ = [
    "ADOPTING",
    "Epoch",
    "as_guard",
    "begin_epoch",
    "begun_ns",
    "coins_noted",
    "draw_tag",
    "end_beginning",
    "epoch_of",
    "guarded_side",
    "in_the_way",
    "left_over",
    "note_coins",
    "protects",
    "read_stops",
    "refuse_unfinished",
    "relieved",
    "signs_of_life",
    "spare",
    "tags_in",
    "unprotecting",
]

ADOPTING = "adopting"
"""A file that says that an epoch was begun whose beginning is not whole."""
_TAG_FILE = "orders.tag"
_COINS_FILE = "adopted.coins"
_WANTING = (Rule.VENUE_MARGIN, Rule.VENUE_OTHER)
"""Refusals that may say that coins are not free."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """By which signs the orders of a session are known.

    Parameters
    ----------
    tag
        Six signs that its orders bear.
    earlier
        Those of the epochs before it.
    """

    tag: str
    earlier: frozenset[str] = frozenset()


def draw_tag(taken: Collection[str], choice: Callable[[str], str] = secrets.choice) -> str:
    """Return six signs that are none of those taken.

    They are drawn, and not counted: where a journal is lost nobody knows how far it had counted.
    """
    while True:
        tag = "".join(choice(SIGNS) for _ in range(TAG_LENGTH))
        if tag not in taken:
            return tag


def note_coins(folder: Path, amounts: Mapping[str, str]) -> None:
    """Write down how many coins an epoch begins with, by venue and symbol: no trade of its own tells of them."""
    write_atomic(folder / _COINS_FILE, json.dumps(dict(amounts)).encode(), private=True)


def coins_noted(folder: Path) -> dict[str, Decimal]:
    """Return how many coins an epoch began with, none where that is not written or cannot be read."""
    try:
        noted = json.loads((folder / _COINS_FILE).read_text(encoding="utf-8"))
        return {str(symbol): Decimal(str(amount)) for symbol, amount in noted.items()}
    except (OSError, ValueError, AttributeError, ArithmeticError):
        return {}


def epoch_of(folder: Path, *, draws: bool = True) -> Epoch:
    """Return the epoch whose journal lies in a folder; the first is begun here, with its first start.

    draws: whether one is begun where there is none. Raises ValueError where the file does not say it, FileNotFoundError
    where there is none and none is to be begun.
    """
    path = folder / _TAG_FILE
    if draws and not path.exists():
        write_atomic(path, draw_tag(()).encode(), private=True)
    tag, *earlier = path.read_text(encoding="ascii").split()
    return Epoch(tag, frozenset(earlier))


def begin_epoch(folder: Path, epoch: Epoch) -> None:
    """Begin an epoch in an empty folder. Until `ADOPTING` is removed there, nobody trades on it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(folder / ADOPTING, b"", private=True)
    tags = "\n".join([epoch.tag, *sorted(epoch.earlier)])
    write_atomic(folder / _TAG_FILE, tags.encode(), private=True)


def begun_ns(folder: Path) -> int:
    """Return from when on orders may bear a session's signs, ns UTC. Raises OSError where they are lost."""
    return (folder / _TAG_FILE).stat().st_mtime_ns


def end_beginning(folder: Path) -> None:
    """Let the epoch be traded on: its first records are durable."""
    (folder / ADOPTING).unlink()


def refuse_unfinished(folder: Path) -> None:
    """Raise SafetyRefusal (ADOPT_UNFINISHED) where an epoch was begun and its beginning is not whole."""
    if (folder / ADOPTING).exists():
        raise SafetyRefusal(
            "ADOPT_UNFINISHED",
            "what the accounts hold was being taken over, and that did not come to its end.",
            where=str(folder),
        )


# ---------------------------------------------------------------------- what is left at the venue


def tags_in(snapshot: Snapshot) -> dict[str, int]:
    """Return the tags of all sessions of ours that a snapshot shows, each with the last time it was seen by."""
    seen: dict[str, int] = {}
    named = [(order.client_id, order.ts_ns) for order in snapshot.orders]
    named += [(fill.client_id, fill.ts_ns) for fill in snapshot.fills]
    for client_id, ts_ns in named:
        tag = tag_in(client_id)
        if tag:
            seen[tag] = max(ts_ns, seen.get(tag, 0))
    return seen


def left_over(orders: Sequence[OrderSeen], earlier: Collection[str]) -> list[OrderSeen]:
    """Return the orders that earlier epochs have left."""
    return [seen for seen in orders if tag_in(seen.client_id) in earlier]


def unprotecting(snapshot: Snapshot, earlier: Collection[str], *, hedged: bool = False) -> list[OrderSeen]:
    """Return what is cancelled of earlier epochs before a new one begins: all that is no stop over what is held.

    One that has triggered is left to its work.

    hedged: whether the account keeps long and short apart.
    """
    left = [seen for seen in left_over(snapshot.orders, earlier) if seen.status is OrderStatus.WORKING]
    held = {(position.instrument, position.position_side) for position in snapshot.positions}
    return [
        seen
        for seen in left
        if not (protects(seen) or (seen.instrument, guarded_side(seen, hedged=hedged)) in held)
    ]


def relieved(
    snapshot: Snapshot,
    earlier: Collection[str],
    ours: Mapping[tuple[int, int], int] | None = None,
    *,
    hedged: bool = False,
) -> list[OrderSeen]:
    """Return the stops of earlier epochs that protect nothing that is not protected without them.

    ours: lots that are to be protected, by instrument and side, where an account holds more than is the session's.
    hedged: whether the account keeps long and short apart.
    """
    held: Counter[tuple[int, int]] = Counter()
    for position in snapshot.positions:
        held[position.instrument, position.position_side] += position.qty_lot
    own: Counter[tuple[int, int]] = Counter()
    for seen in snapshot.orders:
        if seen.cid and protects(seen):
            own[seen.instrument, seen.position_side] += seen.qty_lot - seen.filled_lot
    stops: defaultdict[tuple[int, int], list[OrderSeen]] = defaultdict(list)
    for seen in left_over(snapshot.orders, earlier):
        side = guarded_side(seen, hedged=hedged)
        if side is not None:
            stops[seen.instrument, side].append(seen)
    needs = {place: (ours or {}).get(place, held[place]) - own[place] for place in stops}
    return [seen for place, there in stops.items() for seen in spare(there, needs[place])]


def spare(stops: Sequence[OrderSeen], need: int, *, beside_plain: bool = False) -> list[OrderSeen]:
    """Return which stops over one side can go while the others cover `need` lots, the farthest from the price first.

    All of them where nothing is needed. Else those that are reduce-only stay, since they harm nobody, unless a stop
    that is not lies beside them (`beside_plain`): it would open the other side once they have closed what is held.
    """
    if need <= 0:
        return list(stops)
    found, covered = [], sum(seen.qty_lot - seen.filled_lot for seen in stops)
    for seen in sorted(stops, key=lambda seen: seen.side * seen.price_tick, reverse=True):
        lots = seen.qty_lot - seen.filled_lot
        if covered - lots >= need and (beside_plain or not seen.reduce):
            covered -= lots
            found.append(seen)
    return found


def in_the_way(
    others: Sequence[OrderSeen], earlier: Collection[str], order: NewOrder, outcome: Outcome
) -> list[OrderSeen]:
    """Return the stops of earlier epochs that have to go after an order of the new one was answered, for coins.

    others: orders that are not of this epoch.
    """
    refused = outcome.kind is OutcomeKind.REJECTED and outcome.rule in _WANTING
    taken = outcome.kind is OutcomeKind.ACCEPTED and order.kind == IntentKind.STOP
    if not (order.closes and (refused or taken)):
        return []
    left = [seen for seen in others if tag_in(seen.client_id) in earlier and protects(seen)]
    return [seen for seen in left if seen.instrument == order.instrument]


def protects(seen: OrderSeen) -> bool:
    """Say whether an order waits to close the side that it is of, and can do nothing else: it is reduce-only."""
    return seen.stop and bool(seen.reduce) and closes_side(seen.side, seen.position_side)


def guarded_side(seen: OrderSeen, *, hedged: bool) -> int | None:
    """Return which side of a position a stop closes when it is triggered, None for what is no such stop.

    Where several strategies net at an account their stops leave without being reduce-only. The venue then shows one as
    an order that opens the other side; it closes what is held all the same.
    """
    if protects(seen):
        return seen.position_side
    if not seen.stop or seen.reduce or hedged:
        return None
    return LONG if seen.side == SELL else SHORT


def as_guard(seen: OrderSeen, side: int) -> OrderSeen:
    """Return a stop as one that closes a side, whatever it tells the venue."""
    return replace(seen, position_side=side, reduce=1)


def read_stops(snapshot: Snapshot, earlier: Collection[str], *, hedged: bool) -> Snapshot:
    """Return a snapshot in which the stops of earlier epochs are such as close what they would close."""

    def read(seen: OrderSeen) -> OrderSeen:
        side = guarded_side(seen, hedged=hedged) if tag_in(seen.client_id) in earlier else None
        return seen if side is None else as_guard(seen, side)

    return replace(snapshot, orders=tuple(map(read, snapshot.orders)))


def signs_of_life(before: Sequence[OrderSeen], after: Sequence[OrderSeen], own: str) -> list[OrderSeen]:
    """Return which of ours, but not of the tag `own`, were placed or changed between two looks by somebody who lives.

    What ended may have ended by itself, and the venue moves a trailing stop.
    """
    known = {seen.client_id: seen for seen in before}
    return [
        seen
        for seen in after
        if tag_in(seen.client_id) not in ("", own) and _is_news(known.get(seen.client_id), seen)
    ]


def _is_news(before: OrderSeen | None, now: OrderSeen) -> bool:
    if before is None:
        return now.status in (OrderStatus.WORKING, OrderStatus.FILLED)
    working = now.status is OrderStatus.WORKING and not now.stop and not before.stop
    return working and (now.price_tick, now.qty_lot) != (before.price_tick, before.qty_lot)
