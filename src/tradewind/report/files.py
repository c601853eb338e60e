"""Read a run folder: the files that a run left are all that a report knows.

Every table is read by DuckDB from Parquet and comes out as NumPy columns of one length. Large tables that a
report only counts (orders, refused) are counted where they lie and never loaded.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tradewind.errors import DataUnfit, NotFound

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import duckdb

    from tradewind.report.checks import Checks

IntColumn: TypeAlias = NDArray[np.int64]
FloatColumn: TypeAlias = NDArray[np.float64]
TextColumn: TypeAlias = tuple[str, ...]
Setting: TypeAlias = (
    "str | int | float | bool | dt.datetime | dt.date | dt.time | list[Setting] | dict[str, Setting]"
)
Settings: TypeAlias = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class Fills:
    """Every execution, in the order of the file. Shapes: (n,). Fees are positive when paid."""

    ts_ns: IntColumn
    symbol: TextColumn
    side: TextColumn
    position_side: TextColumn
    price: FloatColumn
    qty: FloatColumn
    notional: FloatColumn
    liquidity: TextColumn
    fee: FloatColumn
    realized_pnl: FloatColumn
    role: TextColumn
    order_id: TextColumn
    tag: TextColumn

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class Funding:
    """Every settlement. Shapes: (n,). ``amount`` is the change of the balance: negative when paid."""

    ts_ns: IntColumn
    symbol: TextColumn
    rate: FloatColumn
    mark_price: FloatColumn
    qty: FloatColumn
    amount: FloatColumn

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class Equity:
    """The account marked to market, one row a bar or thinned. Shapes: (n,), money in account currency."""

    ts_ns: IntColumn
    balance: FloatColumn
    equity: FloatColumn
    unrealized_pnl: FloatColumn
    margin_used: FloatColumn

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened: an order state with its reason, or a rule that refused."""

    what: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Everything that a run folder holds, as a report reads it."""

    run_dir: Path
    settings: Settings
    fills: Fills
    funding: Funding
    equity: Equity
    order_counts: tuple[Count, ...]
    refused_counts: tuple[Count, ...]
    checks: Checks

    @property
    def run_id(self) -> str:
        """Return the name of the run: its folder's."""
        return self.run_dir.name

    @property
    def currency(self) -> str:
        """Return the account currency, empty where the run does not say."""
        return text_setting(self.settings, "capital", "currency")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols of the run, those of the settings first, then any that only traded."""
        named = setting(self.settings, "market", "symbols")
        listed = [str(name) for name in named] if isinstance(named, list) else []
        return tuple(dict.fromkeys([*listed, *self.fills.symbol]))

    @property
    def start_equity(self) -> float:
        """Return the money the run began with: its capital, else the first mark."""
        amount = setting(self.settings, "capital", "amount")
        if isinstance(amount, int | float) and not isinstance(amount, bool):
            return float(amount)
        return float(self.equity.equity[0]) if len(self.equity) else 0.0


def load_run(run_dir: Path | str) -> RunFiles:
    """Read a run folder.

    Raises `NotFound` (RUN_UNKNOWN) where there is no such folder and `DataUnfit` (RUN_DAMAGED) where a file
    of it is missing, unreadable or lacks a column.
    """
    # DuckDB is loaded here and not at the top, because the command line's help must not pay for it.
    from tradewind.report.checks import read_checks

    folder = Path(run_dir)
    if not folder.is_dir():
        raise NotFound("RUN_UNKNOWN", f"there is no run folder '{folder.name}'", where=str(folder))
    with _connect() as database:
        settings = read_settings(folder / "run.toml")
        own = text_setting(settings, "capital", "currency")
        return RunFiles(
            run_dir=folder,
            settings=settings,
            fills=_read_fills(_Table(database, folder / "fills.parquet").of_currency(own)),
            funding=_read_funding(_Table(database, folder / "funding.parquet").of_currency(own)),
            equity=_read_equity(_Table(database, folder / "equity.parquet")),
            order_counts=_Table(database, folder / "orders.parquet").count_by("state", "reason"),
            refused_counts=_Table(database, folder / "refused.parquet").count_by("rule", "symbol"),
            checks=read_checks(folder / "checks.json"),
        )


def setting(settings: Mapping[str, Setting], *path: str) -> Setting | None:
    """Return the setting at a dotted path, None where any part of the path is absent."""
    here: Setting = dict(settings)
    for part in path:
        if not isinstance(here, dict) or part not in here:
            return None
        here = here[part]
    return here


def text_setting(settings: Mapping[str, Setting], *path: str) -> str:
    """Return a setting as text, empty where it is absent."""
    value = setting(settings, *path)
    return "" if value is None else str(value)


def run_title(settings: Mapping[str, Setting]) -> str:
    """Return the name of a run's strategy, or of all of them; empty where none is named."""
    several = setting(settings, "strategies")
    uses = [use for use in several if isinstance(use, dict)] if isinstance(several, list) else []
    named = [str(use.get("name") or use.get("strategy") or "") for use in uses]
    return text_setting(settings, "strategy") or ", ".join(name for name in named if name)


def flatten_settings(settings: Mapping[str, Setting], prefix: str = "") -> list[tuple[str, str]]:
    """Return every setting as (dotted name, text), in the order of the file."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            rows.extend(flatten_settings(value, f"{prefix}{name}."))
        else:
            rows.append((f"{prefix}{name}", _plain(value)))
    return rows


def _plain(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return str(value)


def read_settings(path: Path) -> Settings:
    """Read a run's run.toml; raise `DataUnfit` (RUN_DAMAGED) where it is missing or no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as trouble:
        raise _damaged(path, str(trouble)) from trouble


def _damaged(path: Path, why: str) -> DataUnfit:
    return DataUnfit("RUN_DAMAGED", f"{path.name} cannot be read: {why}", where=str(path))


def _connect() -> duckdb.DuckDBPyConnection:
    import duckdb

    # One thread keeps rows in the order of the file and memory small; the files are small too.
    return duckdb.connect(":memory:", config={"threads": 1, "preserve_insertion_order": True})


class _Table:
    """One Parquet file of a run folder, with the columns it really has."""

    def __init__(self, database: duckdb.DuckDBPyConnection, path: Path) -> None:
        import duckdb

        self._path = path
        if not path.is_file():
            raise _damaged(path, "the file is missing")
        try:
            self._rows = database.read_parquet(str(path))
        except duckdb.Error as trouble:
            raise _damaged(path, str(trouble).splitlines()[0]) from trouble

    def of_currency(self, currency: str) -> Self:
        """Keep the rows whose money is of one currency: another wallet's cannot be added to it."""
        if currency and "currency" in self._rows.columns:
            own = currency.replace("'", "''")
            self._rows = self._rows.filter(f"currency IS NULL OR currency = '{own}'")
        return self

    def numbers(self, column: str) -> FloatColumn:
        """Return a column as doubles; every value must be a finite number."""
        found = np.asarray(np.ma.filled(self._fetch(column, "DOUBLE"), np.nan), dtype=np.float64)
        if not np.isfinite(found).all():
            row = int(np.flatnonzero(~np.isfinite(found))[0])
            raise _damaged(self._path, f"{column} of row {row} is not a finite number")
        return found

    def times(self, column: str) -> IntColumn:
        """Return a column of times in ns; none may be missing and none may go back."""
        values = self._fetch(column, "BIGINT")
        if np.ma.is_masked(values):
            raise _damaged(self._path, f"{column} holds an empty value")
        found = np.asarray(np.ma.getdata(values), dtype=np.int64)
        if np.any(np.diff(found) < 0):
            raise _damaged(self._path, f"{column} goes back in time")
        return found

    def texts(self, column: str, missing: str | None = None) -> TextColumn:
        """Return a column as text; with ``missing`` the column may lack values or be absent."""
        if missing is not None and column not in self._rows.columns:
            return (missing,) * len(self)
        values = self._fetch(column, "VARCHAR")
        empty = np.ma.getmaskarray(values)
        return tuple(
            (missing or "") if gone or not value else str(value)
            for value, gone in zip(np.ma.getdata(values).tolist(), empty.tolist(), strict=True)
        )

    def __len__(self) -> int:
        return len(self._rows)

    def count_by(self, what: str, why: str) -> tuple[Count, ...]:
        """Return how often each pair of values occurs, the most frequent first."""
        import duckdb

        self._need(what)
        second = f"coalesce(CAST(\"{why}\" AS VARCHAR), '')" if why in self._rows.columns else "''"
        try:
            counted = self._rows.aggregate(
                f'CAST("{what}" AS VARCHAR) AS what, {second} AS why, count(*) AS n'
            )
            rows = counted.order("n DESC, what, why").fetchall()
        except duckdb.Error as trouble:
            raise _damaged(self._path, str(trouble).splitlines()[0]) from trouble
        return tuple(Count(str(row[0]), str(row[1]), int(row[2])) for row in rows)

    def _need(self, column: str) -> None:
        if column not in self._rows.columns:
            raise _damaged(self._path, f"column '{column}' is missing")

    def _fetch(self, column: str, kind: str) -> NDArray[np.generic]:
        import duckdb

        self._need(column)
        try:
            columns = self._rows.project(f'CAST("{column}" AS {kind}) AS value').fetchnumpy()
        except duckdb.Error as trouble:
            raise _damaged(self._path, str(trouble).splitlines()[0]) from trouble
        found: NDArray[np.generic] = columns["value"]
        return found


def _read_fills(table: _Table) -> Fills:
    return Fills(
        ts_ns=table.times("ts_ns"),
        symbol=table.texts("symbol"),
        side=table.texts("side"),
        # A spot fill has no position side in some files: what is held can then only be long.
        position_side=table.texts("position_side", "long"),
        price=table.numbers("price"),
        qty=table.numbers("qty"),
        notional=table.numbers("notional"),
        liquidity=table.texts("liquidity"),
        fee=table.numbers("fee"),
        realized_pnl=table.numbers("realized_pnl"),
        role=table.texts("role"),
        order_id=table.texts("order_id"),
        tag=table.texts("tag", ""),
    )


def _read_funding(table: _Table) -> Funding:
    return Funding(
        ts_ns=table.times("ts_ns"),
        symbol=table.texts("symbol"),
        rate=table.numbers("rate"),
        mark_price=table.numbers("mark_price"),
        qty=table.numbers("qty"),
        amount=table.numbers("amount"),
    )


def _read_equity(table: _Table) -> Equity:
    return Equity(
        ts_ns=table.times("ts_ns"),
        balance=table.numbers("balance"),
        equity=table.numbers("equity"),
        unrealized_pnl=table.numbers("unrealized_pnl"),
        margin_used=table.numbers("margin_used"),
    )
