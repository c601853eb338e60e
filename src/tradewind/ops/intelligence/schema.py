"""Tables of the read model, the same for SQLite and PostgreSQL.

Money, prices and quantities are integers as in the journal: units of money (`instruments.scale` make one of the
currency), ticks and lots (`instruments.tick`, `instruments.lot`). Times are nanoseconds UTC. `seq` is the record of the
journal that a row comes from, `place` its place within.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
)

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

__all__ = ["BY_NAME", "LAYERS", "SCHEMA_VERSION", "TABLES", "metadata"]

SCHEMA_VERSION = 7
"""A model of another version is made again."""
LAYERS = ("execution", "governance")

metadata = MetaData()
# A strict table of SQLite knows five types, and these are none of them by their standard names.
_BIG: TypeEngine[Any] = BigInteger().with_variant(Integer(), "sqlite")
_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")

_TYPES: dict[str, TypeEngine[Any]] = {"int": _BIG, "real": _REAL, "text": Text()}


def _table(name: str, key: str, columns: str) -> Table:
    """Return a table: the columns of its key after `session`, and the others.

    A column is its name, which is an integer, or ``name:type``; one with a question mark at the end may be null.
    """
    made: list[Column[Any]] = [Column("session", Text(), primary_key=True)]
    made += [_column(each, in_key=True) for each in key.split()]
    made += [_column(each, in_key=False) for each in columns.split()]
    parent = () if name == "sessions" else (ForeignKeyConstraint(["session"], ["sessions.session"]),)
    return Table(name, metadata, *made, *parent, sqlite_strict=True, sqlite_with_rowid=False)


def _column(written: str, *, in_key: bool) -> Column[Any]:
    name, _, kind = written.partition(":")
    optional = kind.endswith("?")
    return Column(name, _TYPES[kind.rstrip("?") or "int"], primary_key=in_key, nullable=optional)


TABLES = (
    _table("sessions", "", "accounts:text began_ns writer:text"),
    _table("sources", "layer:text", "last_seq digest:text now_ns wanted:text"),
    _table(
        "boots", "seq",
        "process version:text code_hash:text config_hash:text data_hash:text config:text",
    ),
    _table("instruments", "instrument", "symbol:text tick:text lot:text currency:text scale payoff:text"),
    _table("strategies", "strategy", "label:text signals:text tags:text"),
    _table("contexts", "context", "strategy instrument"),
    _table(
        "decisions", "seq place",
        "ts_ns verdict:text rule:text limit_value:real? seen_value:real? cid context strategy:int? instrument:int?"
        " slot request:text intent:text side position_side reduce price_tick lots tag:text signals:text",
    ),
    _table(
        "requests", "number",
        "seq ts_ns kind:text order_kind:text cid context slot instrument side position_side reduce post_only"
        " price_tick lots trail_tick",
    ),
    _table(
        "orders", "cid",
        "seq created_ns context slot instrument order_kind:text side position_side reduce price_tick lots"
        " state:text reason:text filled_lots notional ended_ns:int?",
    ),
    _table("order_states", "seq place", "ts_ns cid state:text reason:text price_tick lots filled_lots"),
    _table(
        "fills", "seq place",
        "ts_ns cid role:text trade_id instrument side position_side price_tick lots notional liquidity:text",
    ),
    _table(
        "cash", "seq place",
        "ts_ns kind:text wallet instrument cid trade_id position_side lots price_tick rate:real? amount",
    ),
    _table(
        "halts", "seq",
        "ts_ns scope:text place begun:text ended:text cause:text limit_value:real? seen_value:real?",
    ),
    _table("operator_actions", "seq", "ts_ns actor:text action:text detail:text"),
    _table("outside_values", "seq place", "ts_ns sender:text name:text symbol:text value:real signed_ns"),
    _table("reconciliations", "layer:text seq place", "ts_ns code:text detail:text"),
    _table("equity", "seq wallet", "ts_ns account:text currency:text balance equity used scale"),
)  # fmt: skip
"""Every table, parents before children."""

BY_NAME = {table.name: table for table in TABLES}
