"""Why an order exists: from the fact that was known to the fill that came of it, told from the journal alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.errors import NotFound
from tradewind.journal import FileDisk, JournalReader, RecordKind, unpack_rows
from tradewind.live.bodies import (
    INTENT,
    REFUSAL,
    Boot,
    Reason,
    decode_boot,
    decode_decision,
    decode_facts,
    decode_requests,
    layouts_at,
)
from tradewind.units.enums import ALL, FactKind, IntentKind, RequestKind, Rule, names_of
from tradewind.units.ids import context_of, slot_of
from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tradewind.journal import Disk, Record

_SIDES = {1: "buy", -1: "sell"}
_POSITION_SIDES = ("long", "short")
_CID_DIGITS = 13


@dataclass(frozen=True, slots=True)
class Step:
    """One step in the life of an order.

    Parameters
    ----------
    seq
        The record that holds it.
    ts_ns
        When it was known.
    stage
        fact, signals, intent, gate, request, or the answer: ack, amended, fill, fee, cancelled, …
    detail
        Its fields in the user's units.
    """

    seq: int
    ts_ns: int
    stage: str
    detail: dict[str, object]

    def line(self) -> str:
        """Return the step as a person reads it."""
        told = ", ".join(f"{name} {value}" for name, value in self.detail.items() if value not in ("", None))
        return f"{format_utc(self.ts_ns)}  {self.stage:<9} {told}"


@dataclass(slots=True)
class Explanation:
    """The life of one order.

    Parameters
    ----------
    cid
        Its id inside; `wire_id` of `tradewind.units.ids` is made from it.
    symbol, strategy
        What it is for and who wanted it.
    steps
        In the order in which they were written down.
    """

    cid: int
    symbol: str = ""
    strategy: str = ""
    steps: list[Step] = field(default_factory=list)


def explain_order(folder: Path, order: str, disk: Disk | None = None) -> Explanation:
    """Return the life of an order.

    Parameters
    ----------
    folder
        The journal of its session.
    order
        Its id: the number inside, the id on the wire, or ``last``.

    Raises
    ------
    NotFound
        ORDER_UNKNOWN: the journal has no such order.
    """
    reader = JournalReader(disk or FileDisk(), folder)
    cid = _last_order(reader) if order == "last" else _parse(order)
    story = _Story(cid, reader)
    for record in reader.records():
        story.read(record)
    if not story.found:
        raise NotFound("ORDER_UNKNOWN", f"no order has the id {order[:40]!r}", where=str(folder))
    return story.told


def _parse(order: str) -> int:
    """Return the id inside of an id in any form; 0, which no order has, for anything else."""
    if order.isascii() and order.isdigit() and len(order) < 20:
        return int(order)
    tail = order[-_CID_DIGITS:].lower()
    return int(tail, 36) if order.isascii() and order.isalnum() and len(order) > _CID_DIGITS else 0


def _last_order(reader: JournalReader) -> int:
    cid = 0
    for record in reader.records():
        if record.kind == RecordKind.REQUESTS:
            _, rows = decode_requests(record, layouts_at(reader.headers, record.seq))
            cid = int(rows["cid"][-1])
    return cid


class _Story:
    """Collects the steps of one order while the journal is read."""

    def __init__(self, cid: int, reader: JournalReader) -> None:
        self.told = Explanation(cid)
        self.found = False
        self._reader = reader
        self._boot: Boot | None = None
        self._bar: Step | None = None
        self._instrument = -1
        self._trades: set[int] = set()
        self._refused: Step | None = None
        self._now_ns = 0

    def read(self, record: Record) -> None:
        """Take what one record says of the order."""
        match record.kind:
            case RecordKind.BOOT:
                self._take_boot(decode_boot(record))
            case RecordKind.MARKET | RecordKind.FACTS:
                head, rows = decode_facts(record, self._layouts(record))
                self._now_ns = head.now_ns
                self._take_facts(record, rows)
            case RecordKind.DECISION:
                self._take_decision(record)
            case RecordKind.REQUESTS:
                first, rows = decode_requests(record, self._layouts(record))
                for at in np.flatnonzero(rows["cid"] == self.told.cid):
                    self.found = True
                    self._add(record, "request", {"number": first + int(at)} | self._request(rows[at]))
            case _:
                pass

    def _layouts(self, record: Record) -> dict[str, tuple[tuple[str, str], ...]]:
        return layouts_at(self._reader.headers, record.seq)

    def _take_boot(self, boot: Boot) -> None:
        self._boot = boot
        context = context_of(self.told.cid)
        if context < len(boot.contexts):
            strategy, self._instrument = boot.contexts[context]
            self.told.strategy = boot.strategies[strategy][0]
            self.told.symbol = boot.instruments[self._instrument].symbol

    def _take_facts(self, record: Record, rows: NDArray[Any]) -> None:
        bars = (rows["kind"] == FactKind.BAR) & (rows["instrument"] == max(self._instrument, 0))
        for row in rows[bars]:
            self._bar = Step(record.seq, int(row["recv_ts_ns"]), "fact", self._bar_told(row))
        for row in rows[(rows["cid"] == self.told.cid) & (rows["cid"] != 0)]:
            self._take_answer(record, row)
        for row in rows[rows["kind"] == FactKind.FEE]:
            if int(row["trade_id"]) in self._trades:
                self._add(record, "fee", {"trade": int(row["trade_id"]), "amount": int(row["amount"])})

    def _take_answer(self, record: Record, row: np.void) -> None:
        kind = int(row["kind"])
        detail: dict[str, object] = {}
        if kind in (FactKind.ACK, FactKind.AMENDED, FactKind.FILL):
            detail = {"price": self._price(row["price_tick"]), "quantity": self._quantity(row["qty_lot"])}
        if kind == FactKind.FILL:
            self._trades.add(int(row["trade_id"]))
            detail |= {"liquidity": "maker" if row["code"] else "taker", "trade": int(row["trade_id"])}
        elif kind not in (FactKind.ACK, FactKind.AMENDED, FactKind.TRIGGERED):
            detail = {"filled": self._quantity(row["qty_lot"]), "reason": _rule(row["code"])}
        self._add(record, names_of(FactKind)[kind].lower().replace("_", " "), detail)

    def _take_decision(self, record: Record) -> None:
        decision = decode_decision(record)
        for reason in decision.reasons:
            if reason.cid == self.told.cid:
                self._take_reason(record, reason)
        refusals = unpack_rows(decision.refusals, self._layouts(record)["REFUSAL"], REFUSAL)
        mine = (refusals["context"] == context_of(self.told.cid)) & (
            refusals["slot"] == slot_of(self.told.cid)
        )
        for row in refusals[mine]:
            if self.found:
                self._add(record, "gate", _refusal(row))

    def _take_reason(self, record: Record, reason: Reason) -> None:
        if self._bar is not None:
            self.told.steps.append(self._bar)
        self._add(record, "signals", dict(zip(self._signal_names(reason), reason.signals, strict=False)))
        if reason.kind == RequestKind.CANCEL:
            self._add(record, "intent", {"slot": reason.slot, "wanted": "not any more, or on other terms"})
        else:
            intent = unpack_rows(reason.intent, self._layouts(record)["INTENT"], INTENT)[0]
            self._add(record, "intent", self._intent(intent))
            self._add(record, "gate", {"verdict": "let through"})

    def _add(self, record: Record, stage: str, detail: dict[str, object]) -> None:
        self.told.steps.append(Step(record.seq, self._now_ns, stage, detail))

    def _signal_names(self, reason: Reason) -> list[str]:
        if self._boot is None or reason.context >= len(self._boot.contexts):
            return [str(i) for i in range(len(reason.signals))]
        return list(self._boot.strategies[self._boot.contexts[reason.context][0]][1])

    def _tag(self, tag: int) -> str:
        if self._boot is None or tag == 0:
            return ""
        tags = self._boot.strategies[self._boot.contexts[context_of(self.told.cid)][0]][2]
        return tags[tag - 1] if tag <= len(tags) else str(tag)

    def _bar_told(self, row: np.void) -> dict[str, object]:
        names = ("open_tick", "high_tick", "low_tick", "price_tick")
        told: dict[str, object] = {"bar": format_utc(int(row["venue_ts_ns"]))}
        return told | {n.removesuffix("_tick").replace("price", "close"): self._price(row[n]) for n in names}

    def _intent(self, row: np.void) -> dict[str, object]:
        whole = int(row["qty_lot"]) == ALL
        return {
            "kind": names_of(IntentKind)[int(row["kind"])],
            "side": _POSITION_SIDES[int(row["position_side"])],
            "does": "closes" if row["reduce"] else "opens",
            "price": self._price(row["price_tick"]),
            "quantity": "all" if whole else self._quantity(row["qty_lot"]),
            "slot": int(row["slot"]),
            "tag": self._tag(int(row["tag"])),
        }

    def _request(self, row: np.void) -> dict[str, object]:
        return {
            "kind": names_of(RequestKind)[int(row["kind"])].lower(),
            "side": _SIDES[int(row["side"])],
            "price": self._price(row["price_tick"]),
            "quantity": self._quantity(row["qty_lot"]),
        }

    def _price(self, ticks: int) -> str:
        return self._scaled(int(ticks), "tick")

    def _quantity(self, lots: int) -> str:
        return self._scaled(int(lots), "lot")

    def _scaled(self, number: int, step: str) -> str:
        if self._boot is None or self._instrument < 0:
            return f"{number} {step}s"
        return f"{Decimal(number) * Decimal(getattr(self._boot.instruments[self._instrument], step)):f}"


def _rule(code: int) -> str:
    return names_of(Rule).get(int(code), str(code)).lower().replace("_", " ")


def _refusal(row: np.void) -> dict[str, object]:
    return {"refused": _rule(row["rule"]), "limit": float(row["limit"]), "value": float(row["value"])}
