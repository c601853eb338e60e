"""What a day has brought: orders, fills, money and what was refused, from the record of a session alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tradewind.ops.causes import action_line, halt_line
from tradewind.ops.record import is_trade
from tradewind.units.enums import DAY_NS
from tradewind.units.time import HOUR_NS, MINUTE_NS, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradewind.ops.intelligence.rows import Row
    from tradewind.ops.record import SessionRecord

__all__ = ["DaySummary", "MoneyWords", "WalletDay", "summarise_day"]


class MoneyWords(Protocol):
    """Says an amount with its currency, as exactly as its size asks for."""

    def __call__(self, value: float, currency: str, /, *, signed: bool = False) -> str:
        """Return the words."""


_FRESH_NS = MINUTE_NS
_ENDS = frozenset(("filled", "cancelled", "expired", "rejected", "not sent"))


@dataclass(slots=True)
class WalletDay:
    """What one wallet did, in its currency.

    Parameters
    ----------
    account, currency
        Whose it is, "" where an older journal does not say, and what it holds.
    equity_start, equity_end
        As it was first and last written down that day, at full hours and when money was booked; None for never.
    marked_ns, recorded_ns
        When it was last written down, and up to when that day is recorded: between the two equity has moved on.
    marks
        How often it was written down.
    fees, funding
        Paid; negative is received.
    transfers
        What came less what went: no gain, no loss.
    traded
        Notional of all fills, without what the account held already and was adopted.
    """

    account: str
    currency: str
    equity_start: float | None = None
    equity_end: float | None = None
    marked_ns: int = 0
    recorded_ns: int = 0
    marks: int = 0
    fees: float = 0.0
    funding: float = 0.0
    transfers: float = 0.0
    traded: float = 0.0

    @property
    def result(self) -> float | None:
        """Return by how much equity rose without what was transferred, None where it was not written down twice."""
        if self.equity_start is None or self.equity_end is None or self.marks < 2:
            return None
        return self.equity_end - self.equity_start - self.transfers

    def line(self, money: MoneyWords) -> str:
        """Return it as a person reads it."""
        own = self.currency
        parts = [] if self.result is None else [f"result {money(self.result, own, signed=True)}"]
        if self.equity_end is not None:
            parts.append(f"equity {money(self.equity_end, own)}{self._age()}")
        parts += [f"traded {money(self.traded, own)}", f"fees {money(self.fees, own)}"]
        parts.append(f"funding {money(self.funding, own, signed=True)}")
        parts.append(f"transfers {money(self.transfers, own, signed=True)}")
        return f"{f'{self.account} {own}'.strip()}: {', '.join(parts)}"

    def _age(self) -> str:
        """Return since when equity stands, "" where that is the end of the record."""
        if self.recorded_ns - self.marked_ns < _FRESH_NS:
            return ""
        hours, minutes = divmod(self.marked_ns % DAY_NS // MINUTE_NS, 60)
        return f" at {hours:02}:{minutes:02}"


@dataclass(slots=True)
class DaySummary:
    """One day of a session, UTC.

    Parameters
    ----------
    session, start_ns, end_ns
        Whose, and the time it spans, [start, end).
    wallets
        By number.
    orders
        How many ended that day, by how they did, and how many were ``open`` when it was over.
    fills
        How many.
    executed, blocked, skipped
        What was wanted and sent, what the gate refused, and what was wanted of one who was not to trade then.
    rules
        How often each rule refused.
    halts
        What began that day, in order: when, where, each reason with its figures, and what was said of it.
    actions
        What operators did, and the reason that they gave.
    reconciliations
        How often each kind of difference was found.
    """

    session: str
    start_ns: int
    end_ns: int
    wallets: dict[int, WalletDay] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    fills: int = 0
    executed: int = 0
    blocked: int = 0
    skipped: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    halts: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    reconciliations: dict[str, int] = field(default_factory=dict)

    def lines(self, money: MoneyWords) -> list[str]:
        """Return the summary as a person reads it, amounts in the words of `money`."""
        told = [f"{self.session}, {format_utc(self.start_ns)[:10]} UTC"]
        told += [wallet.line(money) for wallet in self.wallets.values()]
        states = ", ".join(f"{count} {state}" for state, count in self.orders.items()) or "none"
        told.append(f"orders: {states}; {self.fills} fills")
        told.append(f"wants: {self.executed} executed, {self.blocked} blocked, {self.skipped} skipped")
        if self.rules:
            told.append("refused by: " + ", ".join(f"{rule} {count}" for rule, count in self.rules.items()))
        if self.reconciliations:
            counts = ", ".join(f"{count} {code.lower()}" for code, count in self.reconciliations.items())
            told.append(f"differences from the exchange: {counts}")
        told += [f"halted: {text}" for text in self.halts] + [f"operator: {text}" for text in self.actions]
        return told


def summarise_day(record: SessionRecord, at_ns: int) -> DaySummary:
    """Return what a session did on the day (UTC) of a time."""
    start_ns = at_ns // DAY_NS * DAY_NS
    summary = DaySummary(record.session, start_ns, start_ns + DAY_NS)
    _count_money(record, summary)
    _count_wants(record, summary)
    span = summary.start_ns, summary.end_ns
    summary.orders = _count_orders(record, *span)
    for row in record.rows("halts", *span):
        if json.loads(row["begun"]):
            summary.halts.append(halt_line(record, row))
    for row in record.rows("operator_actions", *span):
        summary.actions.append(f"{format_utc(row['ts_ns'])} {action_line(row)}")
    differences = Counter(row["code"] for row in record.rows("reconciliations", *span))
    summary.reconciliations = dict(sorted(differences.items()))
    return summary


def _count_money(record: SessionRecord, summary: DaySummary) -> None:
    span = summary.start_ns, summary.end_ns
    wallets: dict[int, WalletDay] = {}
    opened = record.opened_at()
    marked = dict(opened)

    def of(wallet: int) -> WalletDay:
        return wallets.setdefault(
            wallet, WalletDay(record.wallet_account(wallet), record.wallet_currency(wallet))
        )

    for row in _marks(record, opened, *span):
        equity = row["equity"] / row["scale"]
        day = of(row["wallet"])
        if day.equity_start is None:
            day.equity_start = equity
            marked[row["wallet"]] = row["seq"]
        day.equity_end, day.marked_ns = equity, row["ts_ns"]
        day.recorded_ns = min(record.end_ns, span[1])
        day.marks += 1
    for row in record.rows("cash", *span):
        amount = record.money(row["instrument"], row["amount"])
        if row["kind"] == "FEE":
            of(row["wallet"]).fees += amount
        elif row["kind"] == "FUNDING_PAID":
            of(row["wallet"]).funding += amount
        elif row["kind"] == "TRANSFER" and row["seq"] > marked.get(row["wallet"], 0):
            # What was written down before the first mark of the day is a part of it, whatever the times say: marks
            # bear those of bars, which are older than the account when a session warms up.
            of(row["wallet"]).transfers += amount
    booked = record.wallets_of_instruments()
    for row in filter(is_trade, record.rows("fills", *span)):
        if row["instrument"] in booked:
            of(booked[row["instrument"]]).traded += record.money(row["instrument"], row["notional"])
        summary.fills += 1
    summary.wallets = dict(sorted(wallets.items()))


def _marks(record: SessionRecord, opened: Mapping[int, int], start_ns: int, end_ns: int) -> Iterator[Row]:
    """Yield what the wallets held that day, as it was written down; the mark that begins the next day ends this one."""
    ended: set[int] = set()
    for row in record.rows("equity", start_ns, end_ns + HOUR_NS):
        if row["wallet"] not in ended and row["seq"] >= opened.get(row["wallet"], 0):
            yield row
        if row["ts_ns"] >= end_ns:
            ended.add(row["wallet"])


def _count_orders(record: SessionRecord, start_ns: int, end_ns: int) -> dict[str, int]:
    """Count each order once: by how it ended that day, or as open where it had not ended by then."""
    ended: dict[int, str] = {}
    before: set[int] = set()
    seen: set[int] = set()
    for row in record.rows("order_states", 0, end_ns):
        seen.add(row["cid"])
        if row["state"] in _ENDS:
            ended[row["cid"]] = row["state"]
            if row["ts_ns"] < start_ns:
                before.add(row["cid"])
    counts = Counter(ended.get(cid, "open") for cid in seen - before)
    return dict(sorted(counts.items()))


def _count_wants(record: SessionRecord, summary: DaySummary) -> None:
    decisions = record.rows("decisions", summary.start_ns, summary.end_ns)
    counts = Counter(row["verdict"] for row in decisions)
    summary.executed, summary.blocked = counts["executed"], counts["blocked"]
    summary.skipped = counts["skipped"]
    rules = Counter(row["rule"] for row in decisions if row["verdict"] != "executed")
    summary.rules = dict(sorted(rules.items(), key=lambda item: (-item[1], item[0])))
