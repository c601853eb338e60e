"""What was done when on a voyage, in seconds from its beginning: asked, told, placed at the venue, said to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.journal.bodies import FACT
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import RequestKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.testing.voyage import Landfall
    from tradewind.venues.fake.record import Entry

__all__ = ["alerted_s", "asked_s", "called_s", "ended_as", "orders_of", "placed_s", "seconds", "told"]

_S = 1_000_000_000


def seconds(at_ns: int) -> float:
    """Return how long after the beginning a time is."""
    return (at_ns - START_NS) / _S


def told(landfall: Landfall, kind: int) -> Iterator[tuple[float, Any]]:
    """Yield (seconds, row of `FACT`) of every fact of a kind that the session took."""
    for now_ns, rows in landfall.journal():
        if rows.dtype == FACT:
            for row in rows[rows["kind"] == kind]:
                yield seconds(now_ns), row


def asked_s(landfall: Landfall, kind: int = RequestKind.NEW, *, reduces: bool | None = None) -> list[float]:
    """Return when the session asked for something of a kind; reduces: only what closes, or only what opens."""
    found = []
    for now_ns, rows in landfall.journal():
        if rows.dtype != FACT:
            mine = rows[rows["kind"] == kind]
            found += [seconds(now_ns)] * sum(reduces in (None, bool(row["reduce"])) for row in mine)
    return found


def placed_s(landfall: Landfall, *, reduces: bool | None = None) -> list[float]:
    """Return when the venue took an order of ours; reduces: only what closes, or only what opens."""
    return [
        seconds(int(str(entry["ts_ns"])))
        for entry in landfall.of("order")
        if entry["cause"] == "placed" and not entry["parent_id"] and reduces in (None, entry["reduce_only"])
    ]


def called_s(landfall: Landfall, words: str) -> list[float]:
    """Return when the venue took a call whose method and path hold the words."""
    return [
        seconds(int(str(entry["ts_ns"])))
        for entry in landfall.of("request")
        if words in str(entry["request"])
    ]


def alerted_s(landfall: Landfall, code: str) -> list[float]:
    """Return when a person was told something of a code."""
    return [seconds(alert.at_ns) for alert in landfall.alerts(code)]


def orders_of(landfall: Landfall, **fields: object) -> list[Entry]:
    """Return the venue's entries of orders with these fields."""
    return [
        entry for entry in landfall.of("order") if all(entry[name] == value for name, value in fields.items())
    ]


def ended_as(landfall: Landfall) -> dict[object, object]:
    """Return the last state of each order at the venue, by its id."""
    return {entry["order_id"]: entry["state"] for entry in landfall.of("order")}
