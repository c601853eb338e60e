"""One session's record as rows in memory, in the units that people use: what summaries and comparisons are made of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import JournalError
from tradewind.journal import FileDisk, JournalReader, RecordKind
from tradewind.journal.bodies import decode_audit, layouts_at
from tradewind.ops.governance import governance_of
from tradewind.ops.intelligence.rows import ExecutionRows, GovernanceRows, Row
from tradewind.units.enums import BUY
from tradewind.units.ids import context_of

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.journal import Disk, Record

__all__ = ["SessionFill", "SessionRecord", "is_trade", "read_session"]


@dataclass(frozen=True, slots=True)
class SessionFill:
    """One fill in the instrument's own units.

    Parameters
    ----------
    ts_ns
        When it was known.
    symbol, side, position_side
        ``buy`` or ``sell``, ``long`` or ``short``.
    price, quantity
        Per unit, and units.
    notional, fee
        In the instrument's currency; a rebate is negative.
    order
        Id of the order inside, or of a takeover's; 0 for what the venue closed itself.
    strategy
        Label of who wanted it, "" for nobody.
    role, liquidity
        ``order``, ``adopted``, ``operator`` (a takeover), ``liquidation``, ``adl`` or ``settlement``; ``maker``,
        ``taker`` or "".
    lots, money
        Quantity and notional as the journal counts them.
    context
        Number of strategy and instrument together, -1 for nobody.
    traded
        Whether it is a trade of the session, as `is_trade` says.
    """

    ts_ns: int
    symbol: str
    side: str
    position_side: str
    price: float
    quantity: float
    notional: float
    fee: float
    order: int
    strategy: str
    role: str
    liquidity: str
    lots: int
    money: int
    context: int
    traded: bool = True


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What the journals of a session say.

    Parameters
    ----------
    session
        Its name.
    tables
        Rows by table, as in the read model, each in the order of the journal; beside them ``told``, the alerts that the
        audit keeps.
    end_ns
        The newest time in it.
    """

    session: str
    tables: dict[str, list[Row]]
    end_ns: int

    def rows(self, table: str, start_ns: int = 0, end_ns: int | None = None) -> list[Row]:
        """Return the rows of a table with a time in [start, end)."""
        rows = self.tables.get(table, [])
        return [row for row in rows if start_ns <= row["ts_ns"] and (end_ns is None or row["ts_ns"] < end_ns)]

    @property
    def instruments(self) -> list[Row]:
        """Return the instruments in the order of their index."""
        return self.tables.get("instruments", [])

    def money(self, instrument: int, amount: int) -> float:
        """Return an amount in the currency of an instrument."""
        return amount / (self.instruments[instrument]["scale"] or 1)

    def currency(self, instrument: int) -> str:
        """Return what an instrument is paid in, "" where an older journal does not say."""
        return str(self.instruments[instrument]["currency"])

    def wallet_currency(self, wallet: int) -> str:
        """Return the currency of a wallet; where it was not written down that of its cash, or the only one."""
        for row in self.tables.get("equity", []):
            if row["wallet"] == wallet and row["currency"]:
                return str(row["currency"])
        for row in self.tables.get("cash", []):
            if row["wallet"] == wallet and row["kind"] in ("FEE", "FUNDING_PAID"):
                return self.currency(row["instrument"])
        currencies = {str(row["currency"]) for row in self.instruments}
        return currencies.pop() if len(currencies) == 1 else f"wallet {wallet}"

    def wallet_account(self, wallet: int) -> str:
        """Return the name of the account whose a wallet is, "" where an older journal does not say."""
        rows = (row for row in self.tables.get("equity", []) if row["wallet"] == wallet)
        return next((str(row["account"]) for row in rows), "")

    def opened_at(self) -> dict[int, int]:
        """Return by wallet the record with which its opening balance was booked: what it held when a session began.

        It is booked as a transfer that no venue told of, into a wallet of which nothing is known before. Marks before
        it are of another account that was read sooner.
        """
        funded = {row["wallet"]: row["seq"] for row in reversed(self.rows("equity")) if row["equity"]}
        opened: dict[int, int] = {}
        for row in self.rows("cash"):
            if row["wallet"] not in opened:
                is_first = row["seq"] < funded.get(row["wallet"], row["seq"] + 1)
                opens = row["kind"] == "TRANSFER" and not row["trade_id"] and is_first
                opened[row["wallet"]] = row["seq"] if opens else 0
        return opened

    def wallets_of_instruments(self) -> dict[int, int]:
        """Return the wallet of each instrument: the one on which its fees and funding were booked, or the only one."""
        wallets = {row["wallet"] for row in self.tables.get("equity", [])}
        found = dict.fromkeys(range(len(self.instruments)), *wallets) if len(wallets) == 1 else {}
        for row in self.tables.get("cash", []):
            if row["kind"] in ("FEE", "FUNDING_PAID"):
                found[row["instrument"]] = row["wallet"]
        return found

    def fills(self) -> list[SessionFill]:
        """Return every fill, fees with it, in the order in which they were known."""
        rows = self.tables.get("fills", [])
        fees = _fees_of(rows, [row for row in self.tables.get("cash", []) if row["kind"] == "FEE"])
        orders = {row["cid"]: row for row in self.tables.get("orders", [])}
        return [self._fill(row, orders.get(row["cid"]), fee) for row, fee in zip(rows, fees, strict=True)]

    def _fill(self, row: Row, order: Row | None, fee: int) -> SessionFill:
        instrument = self.instruments[row["instrument"]]
        ours = row["role"] == "adopted" or (order is not None and row["role"] == "order")
        context = context_of(row["cid"]) if ours else -1
        return SessionFill(
            ts_ns=row["ts_ns"], symbol=instrument["symbol"],
            side="buy" if row["side"] == BUY else "sell",
            position_side="short" if row["position_side"] else "long",
            price=row["price_tick"] * float(instrument["tick"]),
            quantity=row["lots"] * float(instrument["lot"]),
            notional=self.money(row["instrument"], row["notional"]),
            fee=self.money(row["instrument"], fee),
            order=row["cid"], strategy=self._strategy(context), role=row["role"], liquidity=row["liquidity"],
            lots=row["lots"], money=row["notional"], context=context, traded=is_trade(row),
        )  # fmt: skip

    def _strategy(self, context: int) -> str:
        contexts, strategies = self.tables.get("contexts", []), self.tables.get("strategies", [])
        return str(strategies[contexts[context]["strategy"]]["label"]) if 0 <= context < len(contexts) else ""


def is_trade(fill: Row) -> bool:
    """Say whether a row of ``fills`` is a trade of the session.

    None is what an account held already, and what is gone from it without a trade that anybody has told: both are
    booked so that what is held is right.
    """
    untold = fill["role"] == "adl" and not fill["trade_id"]
    return fill["role"] != "adopted" and not untold


def _fees_of(fills: list[Row], charged: list[Row]) -> list[int]:
    """Return the fee of each fill: that of its trade, and its part of what else its order was charged.

    A venue may tell an order's total first and its trades later, each with its fee: then no fill bears their numbers.
    """
    fees = [0] * len(fills)
    # A venue numbers the trades of each instrument.
    trades = [(row["instrument"], row["trade_id"]) for row in fills]
    at_trade = {trade: at for at, trade in reversed(list(enumerate(trades))) if trade[1]}
    of_order: dict[int, int] = defaultdict(int)
    for row in charged:
        at = at_trade.get((row["instrument"], row["trade_id"]))
        if at is not None:
            fees[at] += row["amount"]
        elif row["cid"]:
            of_order[row["cid"]] += row["amount"]
    mine: dict[int, list[int]] = defaultdict(list)
    for at, row in enumerate(fills):
        mine[row["cid"]].append(at)
    for cid, amount in of_order.items():
        _share_out(amount, [at for at in mine[cid] if not fees[at]] or mine[cid], fills, fees)
    return fees


def _share_out(amount: int, places: list[int], fills: list[Row], fees: list[int]) -> None:
    """Add an amount to the fees of the fills at some places, by their size and to the last unit."""
    lots_left = sum(fills[at]["lots"] for at in places)
    for at in places:
        part = round(amount * fills[at]["lots"] / lots_left) if lots_left else 0
        fees[at] += part
        amount, lots_left = amount - part, lots_left - fills[at]["lots"]


def _told(record: Record) -> list[Row]:
    """Return the alert that a record of the audit is, as a row: when, its code and what it said."""
    if record.kind != RecordKind.AUDIT:
        return []
    audit = decode_audit(record)
    return [{"ts_ns": audit.at_ns, "code": audit.what, "text": str(audit.detail.get("text", ""))}]


def read_session(folder: Path, disk: Disk | None = None) -> SessionRecord:
    """Read the journals of a session; what another version wrote in a form unknown here is left out.

    Raises
    ------
    JournalError
        JOURNAL_CORRUPT, JOURNAL_VERSION.
    """
    disk = disk or FileDisk()
    reader = JournalReader(disk, folder)
    accounts = reader.headers[0].identity.accounts if reader.headers else ()
    rows = ExecutionRows(folder.name, accounts)
    for record in reader.records() if reader.headers else ():
        try:
            rows.read(record, layouts_at(reader.headers, record.seq))
        except (JournalError, LookupError, TypeError, ValueError):
            continue
    tables = rows.take() | {"orders": [rows.orders[cid] for cid in sorted(rows.orders)]}
    audit = GovernanceRows(folder.name)
    if disk.names(governance_of(folder)):
        for record in JournalReader(disk, governance_of(folder)).records():
            audit.read(record)
            tables.setdefault("told", []).extend(_told(record))
    tables["reconciliations"] = tables.get("reconciliations", []) + audit.take().get("reconciliations", [])
    newest_ns = max((row["ts_ns"] for row in tables.get("equity", [])), default=0)
    return SessionRecord(folder.name, tables, max(rows.now_ns, newest_ns))
