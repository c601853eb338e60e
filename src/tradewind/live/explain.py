"""Why an order exists, and another does not: told from the journal alone, from what was known to what came of it."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import NotFound
from tradewind.journal import FileDisk, JournalReader, RecordKind, unpack_rows
from tradewind.journal.bodies import (
    REFUSAL,
    Wanted,
    decode_audit,
    decode_boot,
    decode_decision,
    decode_requests,
    layouts_at,
)
from tradewind.live.held_words import impossible_in
from tradewind.live.story import POSITION_SIDES, SIDES, Explanation, Step, Story, parse_id
from tradewind.units.enums import IntentKind, Rule, names_of
from tradewind.units.ids import client_id
from tradewind.venues.order_codes import order_code

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from tradewind.journal import Disk, Record
    from tradewind.journal.bodies import Boot

__all__ = ["Explanation", "Step", "Wishes", "explain_order", "explain_refused"]

_BAD_OUTPUT = "bad output"


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which wants that the gate refused are asked for.

    Parameters
    ----------
    last
        So many of the newest; None: all.
    since_ns
        None that are older.
    strategy, symbol
        Only those of this label and of this instrument; "": of any.
    """

    last: int | None = 1
    since_ns: int = 0
    strategy: str = ""
    symbol: str = ""


def explain_order(folder: Path, order: str, disk: Disk | None = None) -> Explanation:
    """Return the life of an order.

    Parameters
    ----------
    folder
        The journal of its session.
    order
        Its id: the number inside, the id on the wire, or ``last``; ``refused`` is what was refused last, which
        became no order: its id is 0.

    Raises
    ------
    NotFound
        ORDER_UNKNOWN: the journal has no such order, or none at all yet.
    """
    if order == "refused":
        (newest,) = explain_refused(folder, Wishes(), disk)
        return newest
    reader = JournalReader(disk or FileDisk(), folder)
    cid = _last_order(reader) if order == "last" else parse_id(order)
    if order == "last" and not cid:
        raise NotFound(
            "ORDER_UNKNOWN",
            f"the session {folder.name} has no orders yet.",
            where=str(folder),
            hint=f"tradewind session summary {folder.name} says what it decided and what was refused",
        )
    story = Story(cid, reader)
    for record in reader.records():
        story.read(record)
    if not story.found:
        raise NotFound("ORDER_UNKNOWN", f"no order has the id {order[:40]!r}", where=str(folder))
    return story.told


def explain_refused(folder: Path, wishes: Wishes, disk: Disk | None = None) -> list[Explanation]:
    """Return why wants that the gate refused came to nothing, the oldest first; the id of each is 0.

    Raises
    ------
    NotFound
        ORDER_UNKNOWN: nothing was refused of what is asked for; the known names stand beside one that is none.
    """
    reader = JournalReader(disk or FileDisk(), folder)
    stories: dict[int, _RefusedStory] = {}
    places = _refused(reader, wishes)
    if not places:
        raise _nothing_refused(folder, reader, wishes)
    for seq, at, context in places:
        if context not in stories:
            stories[context] = _RefusedStory(context, reader)
        stories[context].wanted_at[seq].append(at)
    last_seq = places[-1][0]
    for record in reader.records():
        for story in stories.values():
            story.read(record)
        if record.seq >= last_seq:
            break
    found = {place: told for story in stories.values() for place, told in story.refused.items()}
    return [found[seq, at] for seq, at, _ in places]


def _refused(reader: JournalReader, wishes: Wishes) -> list[tuple[int, int, int]]:
    """Return the record, the place in it and the context of each refusal that is asked for, in their order."""
    found: deque[tuple[int, int, int]] = deque(maxlen=wishes.last)
    boot: Boot | None = None
    for record in reader.records():
        if record.kind == RecordKind.BOOT:
            boot = decode_boot(record)
        elif record.kind == RecordKind.AUDIT:
            audit = decode_audit(record)
            context = int(impossible_in(audit).get("context", -1))
            if context >= 0 and audit.at_ns >= wishes.since_ns and _is_of(boot, context, wishes):
                found.append((record.seq, 0, context))
        elif record.kind == RecordKind.DECISION:
            for at, row in enumerate(_refusals_of(reader, record)):
                if row["ts_ns"] >= wishes.since_ns and _is_of(boot, int(row["context"]), wishes):
                    found.append((record.seq, at, int(row["context"])))
    return list(found)


def _refusals_of(reader: JournalReader, record: Record) -> np.ndarray:
    layouts = layouts_at(reader.headers, record.seq)
    return unpack_rows(decode_decision(record).refusals, layouts["REFUSAL"], REFUSAL)


def _is_of(boot: Boot | None, context: int, wishes: Wishes) -> bool:
    if not (wishes.strategy or wishes.symbol):
        return True
    if boot is None or context >= len(boot.contexts):
        return False
    strategy, instrument = boot.contexts[context]
    names = boot.strategies[strategy][0], boot.instruments[instrument].symbol
    return wishes.strategy in ("", names[0]) and wishes.symbol in ("", names[1])


def _nothing_refused(folder: Path, reader: JournalReader, wishes: Wishes) -> NotFound:
    """Return the error for wishes that nothing matches; a name that is none of the session's is told as such."""
    boots = [decode_boot(record) for record in reader.of_kind(RecordKind.BOOT)][-1:]
    for what, name, known in (
        ("strategy", wishes.strategy, [label for boot in boots for label, *_ in boot.strategies]),
        ("symbol", wishes.symbol, [each.symbol for boot in boots for each in boot.instruments]),
    ):
        if name and known and name not in known:
            text = f"the session {folder.name} has no {what} {name[:40]!r}."
            return NotFound("ORDER_UNKNOWN", text, where=str(folder), known=known)
    some = Wishes(last=wishes.last) != wishes
    text = f"the session {folder.name} had nothing {'of this ' if some else ''}refused."
    return NotFound("ORDER_UNKNOWN", text, where=str(folder))


def _last_order(reader: JournalReader) -> int:
    cid = 0
    for record in reader.records():
        if record.kind == RecordKind.REQUESTS:
            _, rows = decode_requests(record, layouts_at(reader.headers, record.seq))
            cid = int(rows["cid"][-1])
    return cid


class _RefusedStory(Story):
    """Collects what led to wants of one context that the gate refused.

    Attributes
    ----------
    wanted_at
        By the record of a decision, which of its refusals are asked for.
    refused
        What was found, by record and place.
    """

    def __init__(self, context: int, reader: JournalReader) -> None:
        super().__init__(client_id(0, context, 0), reader)
        self.wanted_at: defaultdict[int, list[int]] = defaultdict(list)
        self.refused: dict[tuple[int, int], Explanation] = {}

    def _take_decision(self, record: Record) -> None:
        wanted, self._wanted = self._wanted, []
        self._now_ns = max(self._now_ns, decode_decision(record).at_ns)
        if record.seq not in self.wanted_at:
            return
        refusals = _refusals_of(self._reader, record)
        for at in self.wanted_at[record.seq]:
            self._tell(record, refusals[at], wanted[at] if at < len(wanted) else None)
            self.refused[record.seq, at] = Explanation(
                0, self.told.symbol, self.told.strategy, self.told.steps
            )
            self.told.steps = []

    def _take_audit(self, record: Record) -> None:
        """Tell a row that cannot be wanted: the gate never saw it, since its strategy is held for it."""
        super()._take_audit(record)
        if record.seq not in self.wanted_at:
            return
        audit = decode_audit(record)
        told = impossible_in(audit)
        if self._bar is not None:
            self.told.steps.append(self._bar)
        self._now_ns = max(self._now_ns, audit.at_ns)
        wish = {name: told[name] for name in ("kind", "side", "does", "price", "quantity", "slot")}
        self._add(record, "intent", {"row": f"{told['row']} of {told['rows']}"} | wish)
        gate = {"refused": _BAD_OUTPUT, "code": order_code(Rule.BAD_OUTPUT), "because": told["rule"]}
        self._add(record, "gate", gate | {"hint": told["hint"], "then": "its strategy is held alone"})
        self.refused[record.seq, 0] = Explanation(0, self.told.symbol, self.told.strategy, self.told.steps)
        self.told.steps = []

    def _tell(self, record: Record, row: np.void, behind: Wanted | None) -> None:
        alone = self._boot is not None and len(self._boot.account_venues) <= 1
        cause = None
        if int(row["rule"]) == Rule.HALTED:
            cause = self._causes.find(int(row["slot"]), self._instrument, cancels_opener=True, alone=alone)
        if cause is not None:
            self.told.steps.append(Step(cause.seq, cause.ts_ns, "cause", dict(cause.detail)))
        if self._bar is not None:
            self.told.steps.append(self._bar)
        if behind is not None:
            self._add_signals(record, behind)
        self._add(record, "intent", self._wish(row, behind))
        self._add(record, "gate", self._refusal(row))

    def _wish(self, row: np.void, behind: Wanted | None) -> dict[str, object]:
        """Return what was wanted; an older journal says only what the gate was asked."""
        kind = -1 if behind is None else behind.kind
        price = self._price(row["price_tick"]) if row["price_tick"] else ""
        told = {"kind": names_of(IntentKind).get(kind, ""), "order": SIDES.get(int(row["side"]), "")}
        if behind is not None and kind >= 0:
            told |= {
                "side": POSITION_SIDES[behind.position_side],
                "does": "closes" if behind.reduce else "opens",
                "tag": self._tag(behind.tag),
            }
        return told | {"price": price, "quantity": self._quantity(row["qty_lot"]), "slot": int(row["slot"])}
