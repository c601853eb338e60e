"""What a record of a journal says, as rows of the read model; what may expire of a journal says nothing here.

Bars and other facts of the market are never read: they expire, and the model must come out the same without them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.journal import RecordKind, unpack_rows
from tradewind.journal.bodies import (
    INTENT,
    REFUSAL,
    REFUSED,
    Audit,
    Boot,
    Wanted,
    decode_audit,
    decode_boot,
    decode_decision,
    decode_facts,
    decode_requests,
    wanted_of,
)
from tradewind.units.enums import FactKind, IntentKind, RequestKind, Rule, names_of
from tradewind.units.ids import context_of, counter_of, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from tradewind.journal import Record
    from tradewind.journal.bodies import Reason

__all__ = ["REPLACED", "ExecutionRows", "GovernanceRows", "Row"]

Row = dict[str, Any]
Layouts = dict[str, tuple[tuple[str, str], ...]]

REPLACED = ("instruments", "strategies", "contexts")
"""Tables of which only what the newest start of a process says is kept."""

_RULES, _KINDS = names_of(Rule), names_of(FactKind)
_REQUESTS, _INTENTS = names_of(RequestKind), names_of(IntentKind)
_SKIPPED = frozenset((Rule.HALTED, Rule.STALE, Rule.CLOSED, Rule.HELD, Rule.EXITED, Rule.RAISED, Rule.HUNG))
"""Refusals of one who was not to trade at all then; any other rule blocked what he wanted."""
_ENDINGS = {FactKind.CANCELLED: "cancelled", FactKind.EXPIRED: "expired"}
_ENDED = frozenset(("filled", "rejected", "not sent", *_ENDINGS.values()))
_UNDER_WAY = {RequestKind.NEW: "pending", RequestKind.CANCEL: "cancelling", RequestKind.AMEND: "amending"}
_TAKEN = {
    FactKind.ACCOUNT_LIQUIDATED: "liquidation",
    FactKind.ADL: "adl",
    FactKind.DELISTED: "settlement",
}
_CASH = frozenset((FactKind.FEE, FactKind.FUNDING_PAID, FactKind.TRANSFER, FactKind.ACCOUNT))
_RECONCILED = frozenset(("RECONCILED", "UNEXPLAINED", "ORDER_ABANDONED", "LIQUIDATED"))
"""Entries of the audit that say how the exchange's word and ours were brought together, or were not."""
_EXTERNAL = frozenset((FactKind.EXTERNAL_POSITION, FactKind.EXTERNAL_ORDER))


@dataclass(slots=True)
class ExecutionRows:
    """Reads the journal of one session, record by record, from any place on.

    Parameters
    ----------
    session
        Its name, in every row.
    accounts
        Names of its accounts, in the order of their numbers.
    orders
        Rows of `orders` so far, by id; those that change are noted in `touched`.
    boot
        How its newest process began; None before the first.
    now_ns
        Time of the newest facts.
    wanted
        What stood behind the refusals of the decision that is read next.

    Attributes
    ----------
    made
        Rows since `take`, by table.
    """

    session: str
    accounts: Sequence[str] = ()
    orders: dict[int, Row] = field(default_factory=dict)
    boot: Boot | None = None
    now_ns: int = 0
    wanted: Sequence[Wanted] = ()
    touched: set[int] = field(default_factory=set)
    made: dict[str, list[Row]] = field(default_factory=dict)
    _seq: int = 0
    _place: int = 0

    def read(self, record: Record, layouts: Layouts) -> None:
        """Take what one record says. Raises what its body does, where it is none."""
        self._seq, self._place = record.seq, 0
        match record.kind:
            case RecordKind.BOOT:
                self._read_boot(decode_boot(record))
            case RecordKind.FACTS:
                head, facts = decode_facts(record, layouts)
                self.now_ns = head.now_ns
                for fact in facts:
                    self._read_fact(fact)
            case RecordKind.DECISION:
                self._read_decision(record, layouts)
            case RecordKind.REQUESTS:
                first, rows = decode_requests(record, layouts)
                for number, row in enumerate(rows, first):
                    self._read_request(number, row)
            case RecordKind.AUDIT:
                self._read_audit(decode_audit(record))
            case _:
                pass

    def take(self) -> dict[str, list[Row]]:
        """Return the rows made since the last call, without those of `orders`."""
        made, self.made = self.made, {}
        return made

    def _add(self, table: str, **columns: object) -> None:
        self.made.setdefault(table, []).append({"session": self.session, **columns})

    def _add_placed(self, table: str, **columns: object) -> None:
        self._add(table, seq=self._seq, place=self._place, **columns)
        self._place += 1

    # ------------------------------------------------------------------ beginnings, decisions, requests

    def _read_boot(self, boot: Boot) -> None:
        self.boot = boot
        for table in REPLACED:
            self.made.pop(table, None)
        names = ("process", "version", "code_hash", "config_hash", "data_hash", "config")
        self._add("boots", seq=self._seq, **{name: getattr(boot, name) for name in names})
        for place, instrument in enumerate(boot.instruments):
            payoff = str(boot.rules[place].get("payoff", "linear")) if place < len(boot.rules) else "linear"
            self._add("instruments", instrument=place, payoff=payoff, **msgspec.structs.asdict(instrument))
        for place, (label, signals, tags) in enumerate(boot.strategies):
            self._add("strategies", strategy=place, label=label, signals=_json(signals), tags=_json(tags))
        for place, (strategy, instrument_at) in enumerate(boot.contexts):
            self._add("contexts", context=place, strategy=strategy, instrument=instrument_at)

    def _read_decision(self, record: Record, layouts: Layouts) -> None:
        decision = decode_decision(record)
        self.now_ns = max(self.now_ns, decision.at_ns)
        for reason in decision.reasons:
            intent = unpack_rows(reason.intent, layouts["INTENT"], INTENT)[0]
            self._add_placed("decisions", **self._wanted(reason, intent))
        wanted, self.wanted = self.wanted, ()
        refusals = unpack_rows(decision.refusals, layouts["REFUSAL"], REFUSAL)
        for refusal, behind in zip_longest(refusals, wanted[: len(refusals)]):
            self._add_placed("decisions", **self._refused(refusal, behind))

    def _wanted(self, reason: Reason, intent: np.void) -> Row:
        is_cancel = reason.kind == RequestKind.CANCEL
        return {
            "ts_ns": self.now_ns, "verdict": "executed", "rule": _RULES[Rule.OK],
            "limit_value": None, "seen_value": None, "cid": reason.cid,
            **self._whose(reason.context), "slot": reason.slot, "request": _REQUESTS[reason.kind],
            "intent": "" if is_cancel else _INTENTS[int(intent["kind"])],
            "side": 0, "position_side": int(intent["position_side"]), "reduce": int(intent["reduce"]),
            "price_tick": int(intent["price_tick"]), "lots": int(intent["qty_lot"]),
            "tag": self._tag(reason.context, int(intent["tag"])),
            "signals": _json(self._signals(reason.context, reason.signals)),
        }  # fmt: skip

    def _refused(self, row: np.void, behind: Wanted | None) -> Row:
        """Return a want that was refused; an older journal does not say what stood behind it."""
        rule, context = int(row["rule"]), int(row["context"])
        return {
            "ts_ns": int(row["ts_ns"]), "verdict": "skipped" if rule in _SKIPPED else "blocked",
            "rule": _RULES.get(rule, str(rule)),
            "limit_value": _finite(row["limit"]), "seen_value": _finite(row["value"]), "cid": 0,
            **self._whose(context), "slot": int(row["slot"]), "request": "",
            "intent": "" if behind is None else _INTENTS.get(behind.kind, ""),
            "side": int(row["side"]), "position_side": behind.position_side if behind else 0,
            "reduce": behind.reduce if behind else 0,
            "price_tick": int(row["price_tick"]), "lots": int(row["qty_lot"]),
            "tag": self._tag(context, behind.tag) if behind else "",
            "signals": _json(self._signals(context, behind.signals if behind else ())),
        }  # fmt: skip

    def _whose(self, context: int) -> Row:
        known = self.boot is not None and context < len(self.boot.contexts)
        strategy, instrument = (
            self.boot.contexts[context] if known and self.boot is not None else (None, None)
        )
        return {"context": context, "strategy": strategy, "instrument": instrument}

    def _signals(self, context: int, values: Sequence[float]) -> dict[str, float | None]:
        names: tuple[str, ...] = ()
        strategy = self._whose(context)["strategy"]
        if self.boot is not None and strategy is not None:
            names = self.boot.strategies[strategy][1]
        return {name: _finite(value) for name, value in zip(names, values, strict=False)}

    def _tag(self, context: int, tag: int) -> str:
        strategy = self._whose(context)["strategy"]
        if tag == 0 or self.boot is None or strategy is None:
            return ""
        tags = self.boot.strategies[strategy][2]
        return tags[tag - 1] if tag <= len(tags) else str(tag)

    def _read_request(self, number: int, row: np.void) -> None:
        kind, cid = int(row["kind"]), int(row["cid"])
        terms = {name: int(row[name]) for name in ("side", "position_side", "reduce", "price_tick")}
        terms |= {"lots": int(row["qty_lot"])}
        whose = {name: int(row[name]) for name in ("context", "slot", "instrument")}
        order_kind = _INTENTS[int(row["order_kind"])]
        self._add(
            "requests", number=number, seq=self._seq, ts_ns=self.now_ns, kind=_REQUESTS[kind],
            order_kind=order_kind, cid=cid, post_only=int(row["post_only"]),
            trail_tick=int(row["trail_tick"]), **whose, **terms,
        )  # fmt: skip
        order = self._order(cid)
        if kind == RequestKind.NEW:
            order.update(order_kind=order_kind, **whose, **terms)
        self._enter(order, _UNDER_WAY[kind], "")

    # ------------------------------------------------------------------ facts

    def _read_fact(self, fact: np.void) -> None:
        kind = int(fact["kind"])
        if kind == FactKind.FILL:
            self._read_fill(fact)
        elif kind == FactKind.BOOKED:
            self._read_booked(fact)
        elif kind in _TAKEN:
            # A venue that takes names no order of ours; a takeover by an operator does.
            role = "operator" if fact["cid"] else _TAKEN[kind]
            self._add_fill(fact, role, int(fact["qty_lot"]), int(fact["amount"]), "")
        elif kind in _CASH:
            self._read_cash(fact, kind)
        elif kind in _EXTERNAL:
            names = ("instrument", "position_side", "qty_lot", "amount")
            detail = {name: int(fact[name]) for name in names}
            self._add_placed(
                "reconciliations",
                layer="execution",
                ts_ns=self.now_ns,
                code=_KINDS[kind],
                detail=_json(detail),
            )
        elif FactKind.ACK <= kind <= FactKind.NOT_SENT:
            self._read_answer(fact, kind)

    def _read_answer(self, fact: np.void, kind: int) -> None:
        order = self._order(int(fact["cid"]))
        reason = _RULES.get(int(fact["code"]), str(int(fact["code"])))
        if kind == FactKind.ACK:
            self._enter(order, "live", "")
        elif kind == FactKind.AMENDED:
            order.update(price_tick=int(fact["price_tick"]), lots=int(fact["qty_lot"]))
            self._enter(order, "live", "")
        elif kind in _ENDINGS:
            self._end(order, _ENDINGS[kind], reason)
        elif kind in (FactKind.REJECT, FactKind.NOT_SENT):
            self._refuse(order, "rejected" if kind == FactKind.REJECT else "not sent", fact, reason)
        else:
            self._enter(order, "unknown" if kind == FactKind.UNKNOWN else "triggered", reason)

    def _refuse(self, order: Row, word: str, fact: np.void, reason: str) -> None:
        """End an order that was refused; one whose change was refused rests as it was."""
        if int(fact["side"]) == RequestKind.NEW:
            self._end(order, word, reason)
        elif order["ended_ns"] is None:
            self._enter(order, "live", f"{_REQUESTS[int(fact['side'])]} {word}: {reason}")

    def _read_fill(self, fact: np.void) -> None:
        order = self._order(int(fact["cid"]))
        lots = int(fact["qty_lot"]) - order["filled_lots"]
        notional = int(fact["amount"]) - order["notional"]
        if lots <= 0:
            return  # Told before: quantities are cumulative.
        order["filled_lots"] += lots
        order["notional"] += notional
        self._add_fill(fact, "order", lots, notional, "maker" if fact["code"] else "taker")
        if order["lots"] and order["filled_lots"] >= order["lots"]:
            self._end(order, "filled", "")
        else:
            self._enter(order, order["state"] if order["ended_ns"] is not None else "partly filled", "")

    def _read_booked(self, fact: np.void) -> None:
        """Add lots that an order filled after its end; those of no order at all were taken over from others."""
        lots, notional, cid = int(fact["qty_lot"]), int(fact["amount"]), int(fact["cid"])
        adopted = counter_of(cid) == 0
        if not adopted:
            order = self._order(cid)
            order["filled_lots"] += lots
            order["notional"] += notional
        role, liquidity = ("adopted", "") if adopted else ("order", "maker" if fact["code"] else "taker")
        self._add_fill(fact, role, lots, notional, liquidity)

    def _add_fill(self, fact: np.void, role: str, lots: int, notional: int, liquidity: str) -> None:
        names = ("cid", "trade_id", "instrument", "position_side", "price_tick", "side")
        columns = {name: int(fact[name]) for name in names}
        order = self.orders.get(columns["cid"])
        if role == "order" and order is not None:
            columns |= {name: order[name] for name in ("instrument", "position_side", "side")}
        self._add_placed(
            "fills",
            ts_ns=self.now_ns,
            role=role,
            lots=lots,
            notional=notional,
            liquidity=liquidity,
            **columns,
        )

    def _read_cash(self, fact: np.void, kind: int) -> None:
        word = _KINDS[kind]
        if kind == FactKind.ACCOUNT:
            word = "ACCOUNT_CHANGE" if fact["code"] else "ACCOUNT_BALANCE"
        names = ("wallet", "instrument", "cid", "trade_id", "position_side", "price_tick", "amount")
        self._add_placed(
            "cash", ts_ns=self.now_ns, kind=word, lots=int(fact["qty_lot"]),
            rate=_finite(fact["value"]) if kind == FactKind.FUNDING_PAID else None,
            **{name: int(fact[name]) for name in names},
        )  # fmt: skip

    def _order(self, cid: int) -> Row:
        """Return the row of an order, a new one where nothing is known of it yet."""
        self.touched.add(cid)
        if cid not in self.orders:
            self.orders[cid] = {
                "session": self.session, "cid": cid, "seq": self._seq, "created_ns": self.now_ns,
                "context": context_of(cid), "slot": slot_of(cid),
                "instrument": self._whose(context_of(cid))["instrument"] or 0,
                "order_kind": "", "side": 0, "position_side": 0, "reduce": 0, "price_tick": 0, "lots": 0,
                "state": "", "reason": "", "filled_lots": 0, "notional": 0, "ended_ns": None,
            }  # fmt: skip
        return self.orders[cid]

    def _enter(self, order: Row, state: str, reason: str) -> None:
        order["state"] = state
        order["reason"] = reason or order["reason"]
        names = ("cid", "price_tick", "lots", "filled_lots")
        self._add_placed(
            "order_states",
            ts_ns=self.now_ns,
            state=state,
            reason=reason,
            **{name: order[name] for name in names},
        )

    def _end(self, order: Row, state: str, reason: str) -> None:
        """End an order; one that has ended is ended again where the core still waited for it, which is no news."""
        if order["state"] in _ENDED:
            return
        order["ended_ns"] = self.now_ns
        self._enter(order, state, reason)

    # ------------------------------------------------------------------ what is told to people

    def _read_audit(self, audit: Audit) -> None:
        readers: Mapping[str, Callable[[Audit], None]] = {
            "halts": self._read_halts,
            "held": self._read_held,
            "wallets": self._read_wallets,
            "signal": self._read_signal,
            REFUSED: self._read_wanted,
            "ABANDONED": self._read_abandoned,
        }
        if audit.actor:
            self._read_action(audit)
        elif audit.what in readers:
            readers[audit.what](audit)

    def _read_wanted(self, audit: Audit) -> None:
        self.wanted = wanted_of(audit)

    def _read_abandoned(self, audit: Audit) -> None:
        self._add_placed(
            "reconciliations",
            layer="execution",
            ts_ns=audit.at_ns,
            code=audit.what,
            detail=_json(audit.detail),
        )

    def _read_halts(self, audit: Audit) -> None:
        told = audit.detail
        self._add(
            "halts", seq=self._seq, ts_ns=audit.at_ns, scope=told["scope"], place=told["place"],
            begun=_json(told["set"]), ended=_json(told["cleared"]), cause=_json(told["cause"]),
            limit_value=_finite(told["limit"]), seen_value=_finite(told["value"]),
        )  # fmt: skip

    def _read_held(self, audit: Audit) -> None:
        told = audit.detail
        freed = told["rule"] == _RULES[Rule.OK]
        self._add(
            "halts", seq=self._seq, ts_ns=audit.at_ns, scope="strategy", place=told["strategy"],
            begun=_json([] if freed else ["HELD"]), ended=_json(["HELD"] if freed else []),
            cause=_json([told["rule"]]),
            limit_value=_finite(told["limit"]), seen_value=_finite(told["value"]),
        )  # fmt: skip

    def _read_wallets(self, audit: Audit) -> None:
        for place, wallet in enumerate(audit.detail["wallets"]):
            held = {name: wallet[name] for name in ("balance", "equity", "used", "scale")}
            self._add(
                "equity", seq=self._seq, wallet=place, ts_ns=audit.at_ns,
                account=self._account(wallet.get("account")), currency=wallet.get("currency", ""), **held,
            )  # fmt: skip

    def _account(self, number: int | None) -> str:
        """Return the name of an account, "" where the journal does not say it."""
        named = number is not None and number < len(self.accounts)
        return self.accounts[number] if named and number is not None else ""

    def _read_signal(self, audit: Audit) -> None:
        told = audit.detail
        for name, symbol, value in told["values"]:
            self._add_placed(
                "outside_values", ts_ns=audit.at_ns, sender=told["from"], name=name, symbol=symbol, value=value,
                signed_ns=told["signed_ms"] * 1_000_000,
            )  # fmt: skip

    def _read_action(self, audit: Audit) -> None:
        self._add(
            "operator_actions", seq=self._seq, ts_ns=audit.at_ns, actor=audit.actor, action=audit.what,
            detail=_json(audit.detail),
        )  # fmt: skip


@dataclass(slots=True)
class GovernanceRows:
    """Reads the governance journal of one session: reports of reconciliation."""

    session: str
    made: dict[str, list[Row]] = field(default_factory=dict)

    def read(self, record: Record) -> None:
        """Take what one record says."""
        if record.kind != RecordKind.AUDIT:
            return
        audit = decode_audit(record)
        if audit.what in _RECONCILED:
            row = {
                "session": self.session, "layer": "governance", "seq": record.seq, "place": 0,
                "ts_ns": audit.at_ns, "code": audit.what, "detail": _json(audit.detail),
            }  # fmt: skip
            self.made.setdefault("reconciliations", []).append(row)

    def take(self) -> dict[str, list[Row]]:
        """Return the rows made since the last call."""
        made, self.made = self.made, {}
        return made


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
