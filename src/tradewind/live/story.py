"""The life of an order, step by step, collected while a journal is read; and how each step is said."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.journal import RecordKind, unpack_rows
from tradewind.journal.bodies import (
    INTENT,
    REFUSAL,
    Audit,
    Boot,
    Reason,
    Wanted,
    decode_audit,
    decode_boot,
    decode_decision,
    decode_facts,
    decode_requests,
    layouts_at,
    wanted_of,
)
from tradewind.live.caused import Causes, is_own
from tradewind.live.takeover import is_of_takeover
from tradewind.report.rules import unit_of
from tradewind.units.enums import ALL, BIG, FactKind, IntentKind, RequestKind, Rule, names_of
from tradewind.units.ids import context_of, slot_of
from tradewind.units.time import format_utc
from tradewind.venues.ccxt.client_ids import decode_any
from tradewind.venues.order_codes import order_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.journal import JournalReader, Record

__all__ = ["POSITION_SIDES", "SIDES", "Explanation", "Step", "Story", "parse_id"]

SIDES = {1: "buy", -1: "sell"}
POSITION_SIDES = ("long", "short")
_CID_DIGITS = 13
_AMENDS_TOLD = 3
"""A run of more amendments is folded."""
_BEGINNINGS = frozenset(("fact", "cause"))
_ENDINGS = (FactKind.CANCELLED, FactKind.EXPIRED)
_AMENDING = frozenset({"fact", "signals", "intent", "gate", "request", "amended"})


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
        fact, cause, signals, intent, gate, request, or the answer: ack, amended, fill, fee, cancelled, …
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
        What it is for and who wanted it; the latter is "" for an order of a takeover.
    steps
        In the order in which they were written down.
    """

    cid: int
    symbol: str = ""
    strategy: str = ""
    steps: list[Step] = field(default_factory=list)

    def brief(self) -> list[Step]:
        """Return the steps with the middle of every long run of amendments folded into one step of stage ``…``."""
        told: list[Step] = []
        for amends, parts in groupby(_parts(self.steps), key=_only_amends):
            run = list(parts)
            if not amends or len(run) <= _AMENDS_TOLD:
                told += chain.from_iterable(run)
            else:
                told += [*run[0], _folded(run[1:-1]), *run[-1]]
        return told


def _parts(steps: list[Step]) -> list[list[Step]]:
    """Return the steps in parts that begin with what was decided on."""
    parts: list[list[Step]] = []
    for step in steps:
        if step.stage in _BEGINNINGS or not parts:
            parts.append([])
        parts[-1].append(step)
    return parts


def _only_amends(part: list[Step]) -> bool:
    """Say whether a part of a life is one amendment that was let through, and nothing else."""
    asked = [step.detail["kind"] for step in part if step.stage == "request"]
    quiet = all(step.stage in _AMENDING and "refused" not in step.detail for step in part)
    return quiet and asked == ["amend"]


def _folded(parts: list[list[Step]]) -> Step:
    """Return what is said instead of the amendments in the middle of a run."""
    steps = list(chain.from_iterable(parts))
    asked = [str(step.detail["price"]) for step in steps if step.stage == "request"]
    prices = [Decimal(text) for text in asked if text.replace(".", "", 1).isdigit()]
    told: dict[str, object] = {"amendments": len(parts), "until": format_utc(steps[-1].ts_ns)}
    if prices:
        told["price"] = f"{min(prices):f} to {max(prices):f}"
    return Step(steps[0].seq, steps[0].ts_ns, "…", told)


def parse_id(order: str) -> int:
    """Return the id inside of an id in any form; 0, which no order has, for anything else."""
    if order.isascii() and order.isdigit() and len(order) < 20:
        return int(order)
    ours = decode_any(order)
    if ours is not None:
        return ours.cid
    tail = order[-_CID_DIGITS:].lower()
    return int(tail, 36) if order.isascii() and order.isalnum() and len(order) > _CID_DIGITS else 0


def _steps_in(audit: Audit) -> list[str]:
    """Return what a takeover did, a sentence each; nothing of an entry that says something else."""
    accounts = audit.detail.get("accounts", {}).values() if audit.what == "takeover" else ()
    return [str(step) for told in accounts for step in told.get("steps", ())]


def _cancel_in(audit: Audit, cid: int) -> str:
    """Return what a takeover wrote down of an order that it had the venue cancel, "" where it did not."""
    for step in _steps_in(audit):
        verb, what, order, *rest = [*step.split(" ", 3), "", ""]
        ours = decode_any(order) if verb == "cancel" else None
        if ours is not None and ours.cid == cid:
            return f"{what} {rest[0]}"
    return ""


def _close_in(audit: Audit, cid: int) -> str:
    """Return what a takeover wrote down of an order of its own, "" where it has none of this id."""
    found = (step.partition(f", order {cid}") for step in _steps_in(audit))
    return next((did + more for did, named, more in found if named and not more[:1].isdigit()), "")


class Story:
    """Collects the steps of one order while the journal is read."""

    def __init__(self, cid: int, reader: JournalReader) -> None:
        self.told = Explanation(cid)
        self.found = False
        self._reader = reader
        self._boot: Boot | None = None
        self._bar: Step | None = None
        self._instrument = -1
        self._trades: set[int] = set()
        self._filled_lot = 0
        self._is_target = False
        self._opens = False
        self._ended = False
        self._is_taken_over = False
        self._is_of_takeover = is_of_takeover(cid)
        self._causes = Causes()
        self._wanted: list[Wanted] = []
        self._now_ns = 0

    def read(self, record: Record) -> None:
        """Take what one record says of the order."""
        match record.kind:
            case RecordKind.BOOT:
                self._take_boot(decode_boot(record))
            case RecordKind.MARKET | RecordKind.FACTS:
                head, rows = decode_facts(record, self._layouts(record))
                self._now_ns = head.now_ns
                self._causes.take_facts(record.seq, head.now_ns, rows)
                self._take_facts(record, rows)
            case RecordKind.DECISION:
                self._take_decision(record)
            case RecordKind.REQUESTS:
                first, rows = decode_requests(record, self._layouts(record))
                for at in np.flatnonzero(rows["cid"] == self.told.cid):
                    self.found = True
                    self._is_target = int(rows[at]["order_kind"]) == IntentKind.TARGET
                    self._add(record, "request", {"number": first + int(at)} | self._request(rows[at]))
            case RecordKind.AUDIT:
                self._take_audit(record)
            case _:
                pass

    def _take_audit(self, record: Record) -> None:
        """Say who or what ended the order from beside the core: the fact after it only says that it is gone."""
        audit = decode_audit(record)
        self._causes.take_audit(record.seq, audit)
        self._wanted = wanted_of(audit) or self._wanted
        cancelled = _cancel_in(audit, self.told.cid) if self.found and not self._ended else ""
        did = {"cancels": cancelled} if cancelled else {}
        if self._is_of_takeover:
            closes = _close_in(audit, self.told.cid)
            did = {"does": closes} if closes else {}
        if did:
            self.found = self._is_taken_over = True
            told = {"operator": f"takeover by {audit.actor}", "reason": audit.detail.get("reason", "")}
            self.told.steps.append(Step(record.seq, audit.at_ns, "cause", told | did))
        if audit.what != "ABANDONED" or audit.detail.get("cid") != self.told.cid:
            return
        self._now_ns = max(self._now_ns, audit.at_ns)
        times = ("asked_ns", "first_look_ns", "last_look_ns", "position_agreed_ns")
        told = {name: audit.detail[name] for name in ("reason", "looks")}
        for name in times:
            if audit.detail[name]:
                told[name.removesuffix("_ns").replace("_", " ")] = format_utc(audit.detail[name])
        if audit.detail["fence_ns"]:
            told["fence"] = f"{audit.detail['fence_ns'] / 1e9:g} s"
        self._add(record, "abandoned", told)

    def _layouts(self, record: Record) -> dict[str, tuple[tuple[str, str], ...]]:
        return layouts_at(self._reader.headers, record.seq)

    def _take_boot(self, boot: Boot) -> None:
        self._boot = boot
        context = context_of(self.told.cid)
        if context < len(boot.contexts) and not self._is_of_takeover:
            strategy, self._instrument = boot.contexts[context]
            self.told.strategy = boot.strategies[strategy][0]
            self.told.symbol = boot.instruments[self._instrument].symbol

    def _take_facts(self, record: Record, rows: NDArray[Any]) -> None:
        bars = (rows["kind"] == FactKind.BAR) & (rows["instrument"] == max(self._instrument, 0))
        for row in rows[bars]:
            self._bar = Step(record.seq, int(row["recv_ts_ns"]), "fact", self._bar_told(row))
        fees = rows["kind"] == FactKind.FEE
        for row in rows[(rows["cid"] == self.told.cid) & (rows["cid"] != 0) & ~fees]:
            self._take_answer(record, row)
        # A venue's fee names its order, one of the simulated exchange only its trade.
        for row in rows[fees]:
            if int(row["cid"]) == self.told.cid if row["cid"] else self._is_of_trade(row):
                charged = {"trade": int(row["trade_id"]), "amount": self._money(int(row["amount"]))}
                self._add(record, "fee", charged)

    def _is_of_trade(self, row: np.void) -> bool:
        """Say whether a fee is one of the order's trades, whose ids are those of an instrument; 0 is none."""
        here = self._instrument in (-1, int(row["instrument"]))
        return here and row["trade_id"] != 0 and int(row["trade_id"]) in self._trades

    def _take_answer(self, record: Record, row: np.void) -> None:
        kind = int(row["kind"])
        stage = names_of(FactKind)[kind].lower().replace("_", " ")
        if kind in _ENDINGS:
            self._take_end(record, row, stage)
        elif kind in (FactKind.ACK, FactKind.AMENDED):
            self._ended = False
            terms: dict[str, object] = {
                "price": self._price_of(row),
                "quantity": self._quantity(row["qty_lot"]),
            }
            self._add(record, stage, terms)
        elif kind == FactKind.FILL:
            self._add(record, stage, self._fill(row))
        elif kind == FactKind.BOOKED:
            self._add(record, "late fill", self._booked(row))
        elif kind == FactKind.TRIGGERED:
            self._add(record, stage, {})
        elif self._is_of_takeover:
            self._take_closing(record, row)
        else:
            self._add_state(record, stage, row, _rule(row["code"]))

    def _take_closing(self, record: Record, row: np.void) -> None:
        """Tell a trade of a takeover's own order, which comes as what the venue takes and not as a fill."""
        self.found = True
        self._instrument = int(row["instrument"])
        if self._boot is not None:
            self.told.symbol = self._boot.instruments[self._instrument].symbol
        self._trades.add(int(row["trade_id"]))
        price, quantity = self._price(row["price_tick"]), self._quantity(row["qty_lot"])
        self._add(record, "fill", {"price": price, "quantity": quantity, "trade": int(row["trade_id"])})

    def _take_end(self, record: Record, row: np.void, stage: str) -> None:
        """Tell an end once: an order that had ended is ended again where a core still waited for it."""
        if self._ended and int(row["qty_lot"]) <= self._filled_lot:
            return
        self._ended = True
        self._add_state(record, stage, row, "takeover" if self._is_taken_over else _rule(row["code"]))

    def _add_state(self, record: Record, stage: str, row: np.void, reason: str) -> None:
        self._filled_lot = max(self._filled_lot, int(row["qty_lot"]))
        self._add(record, stage, {"filled": self._quantity(self._filled_lot), "reason": reason})

    def _fill(self, row: np.void) -> dict[str, object]:
        """Return what is new in a cumulative report, and the total where that is another."""
        total_lot = int(row["qty_lot"])
        lots, self._filled_lot = total_lot - self._filled_lot, max(self._filled_lot, total_lot)
        self._trades.add(int(row["trade_id"]))
        if lots <= 0:
            return {"trade": int(row["trade_id"]), "note": "known already"}
        return {
            "price": self._price(row["price_tick"]),
            "quantity": self._quantity(lots),
            "filled so far": self._quantity(total_lot) if total_lot != lots else "",
            "liquidity": "maker" if row["code"] else "taker",
            "trade": int(row["trade_id"]),
        }

    def _booked(self, row: np.void) -> dict[str, object]:
        """Return lots that were filled after the order had ended, which are told by themselves."""
        if int(row["trade_id"]) in self._trades:
            return {"trade": int(row["trade_id"]), "note": "known already"}
        self._trades.add(int(row["trade_id"]))
        self._filled_lot += int(row["qty_lot"])
        return {
            "price": self._price(row["price_tick"]),
            "quantity": self._quantity(row["qty_lot"]),
            "filled so far": self._quantity(self._filled_lot),
            "liquidity": "maker" if row["code"] else "taker",
            "trade": int(row["trade_id"]),
        }

    def _take_decision(self, record: Record) -> None:
        decision = decode_decision(record)
        self._now_ns = max(self._now_ns, decision.at_ns)
        wanted, self._wanted = self._wanted, []
        mine = [reason for reason in decision.reasons if reason.cid == self.told.cid]
        for reason in mine:
            self._take_reason(record, reason)
        if not (self.found and decision.refusals):
            return
        refusals = unpack_rows(decision.refusals, self._layouts(record)["REFUSAL"], REFUSAL)
        for at, row in enumerate(refusals):
            if (row["context"], row["slot"]) == (context_of(self.told.cid), slot_of(self.told.cid)):
                if not mine and at < len(wanted):
                    self._add_signals(record, wanted[at])
                self._add(record, "gate", self._refusal(row))

    def _take_reason(self, record: Record, reason: Reason) -> None:
        cancels = reason.kind == RequestKind.CANCEL
        cause = self._causes.find(
            reason.slot,
            self._instrument,
            cancels_opener=cancels and self._opens,
            alone=self._boot is not None and len(self._boot.account_venues) <= 1,
        )
        if cause is not None:
            self.told.steps.append(Step(cause.seq, cause.ts_ns, "cause", dict(cause.detail)))
        elif self._bar is not None:
            self.told.steps.append(self._bar)
        if cause is None:
            self._add_signals(record, reason)
        if cancels:
            self._add(record, "intent", {"slot": reason.slot, "wanted": "not any more, or on other terms"})
        else:
            intent = unpack_rows(reason.intent, self._layouts(record)["INTENT"], INTENT)[0]
            self._opens = not is_own(reason.slot) and not intent["reduce"]
            whose = {"by": "the platform's exits"} if is_own(reason.slot) and cause is None else {}
            self._add(record, "intent", self._intent(intent) | whose)
            self._add(record, "gate", {"verdict": "let through"})

    def _add(self, record: Record, stage: str, detail: dict[str, object]) -> None:
        self.told.steps.append(Step(record.seq, self._now_ns, stage, detail))

    def _add_signals(self, record: Record, recorded: Reason | Wanted) -> None:
        """Tell the values that a strategy recorded beside what it wanted, where it names any."""
        names = [str(i) for i in range(len(recorded.signals))]
        if self._boot is not None and recorded.context < len(self._boot.contexts):
            names = list(self._boot.strategies[self._boot.contexts[recorded.context][0]][1])
        if names:
            self._add(record, "signals", dict(zip(names, recorded.signals, strict=False)))

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
        kind = int(row["kind"])
        return {
            "kind": names_of(IntentKind)[kind],
            "side": POSITION_SIDES[int(row["position_side"])],
            "does": _does(row),
            "price": self._price_of(row, at_market=kind == IntentKind.TARGET),
            "trail": self._price(row["trail_tick"]) if row["trail_tick"] else "",
            "quantity": "all" if whole else self._quantity(row["qty_lot"]),
            "slot": int(row["slot"]),
            "tag": self._tag(int(row["tag"])),
        }

    def _request(self, row: np.void) -> dict[str, object]:
        return {
            "kind": names_of(RequestKind)[int(row["kind"])].lower(),
            "order": _order_kind(row),
            "side": SIDES[int(row["side"])],
            "price": self._price_of(row),
            "trail": self._price(row["trail_tick"]) if row["trail_tick"] else "",
            "quantity": self._quantity(row["qty_lot"]),
        }

    def _refusal(self, row: np.void) -> dict[str, object]:
        rule = int(row["rule"])
        code = order_code(rule, float(row["value"]))
        return {
            "refused": _rule(rule),
            **({"code": code} if code else {}),
            "limit": self._compared(rule, float(row["limit"])),
            "value": self._compared(rule, float(row["value"])),
        }

    def _compared(self, rule: int, amount: float) -> str:
        """Return what a rule compared, in the unit of the rule; an amount without end is no limit."""
        if not math.isfinite(amount) or abs(amount) >= BIG:
            return "none"
        unit = unit_of(rule, amount)
        if unit == "quantity":
            return self._quantity(int(amount))
        return self._money(int(amount)) if unit == "money" else f"{amount:g}"

    def _price_of(self, row: np.void, *, at_market: bool | None = None) -> str:
        """Return a price; a target without one takes what the market gives, a trailing stop finds its own."""
        if row["price_tick"]:
            return self._price(row["price_tick"])
        return "market" if (self._is_target if at_market is None else at_market) else ""

    def _money(self, amount: int) -> str:
        """Return money with its currency; a journal that does not name it is told in the units that it counts in."""
        if self._boot is None or self._instrument < 0 or not self._boot.instruments[self._instrument].scale:
            return f"{amount} units of money"
        instrument = self._boot.instruments[self._instrument]
        return f"{_trimmed(Decimal(amount) / instrument.scale)} {instrument.currency}"

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


def _trimmed(number: Decimal) -> str:
    """Return a decimal without an exponent and without zeros that say nothing."""
    return f"{number.normalize():f}" if number else "0"


def _does(row: np.void) -> str:
    """Return what an intent does; a target of something holds that much, whether it adds or takes away."""
    if int(row["kind"]) == IntentKind.TARGET:
        return "holds" if int(row["qty_lot"]) else "closes"
    return "closes" if row["reduce"] else "opens"


def _order_kind(row: np.void) -> str:
    """Return the kind of an order as a venue calls it."""
    kind = int(row["order_kind"])
    if kind == IntentKind.TARGET:
        return "limit IOC" if row["price_tick"] else "market"
    return "stop" if kind == IntentKind.STOP else "limit"
