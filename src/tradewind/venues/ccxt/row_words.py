"""What the words of a row mean, by its shape: where an order stands, what it became, what the venue closed itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.units.enums import BUY, LONG, SHORT
from tradewind.venues.ccxt.row_values import Unfit, word_of

if TYPE_CHECKING:
    from tradewind.venues.ccxt.row_values import Row
    from tradewind.venues.ccxt.shapes import FillShape, OrderShape
    from tradewind.venues.gateway import OrderStatus

__all__ = ["child_in", "closed_side", "parent_in", "state_in", "taken_in"]


def state_in(row: Row, shape: OrderShape) -> tuple[str, OrderStatus]:
    """Return the venue's word for where an order stands, and what it means. Raises Unfit for one that is not known."""
    word = first = word_of(row.get(shape.status))
    if shape.also:
        word = f"{first}/{word_of(row.get(shape.also))}"
    status = shape.statuses.get(word) or shape.statuses.get(f"{first}/*")
    if status is None:
        raise Unfit("unknown state")
    return word, shape.with_child.get(word, status) if child_in(row, shape) else status


def child_in(row: Row, shape: OrderShape) -> str:
    """Return the venue's id of the order that a stop became, "" for none."""
    child = word_of(row.get(shape.child_id)) if shape.child_id else ""
    return "" if child == "0" else child


def parent_in(row: Row, shape: OrderShape | FillShape) -> str:
    """Return the venue's id of the stop that an order or trade came of, "" where it names none."""
    word = word_of(row.get(shape.parent_id)) if shape.parent_id else ""
    return word.removeprefix(shape.parent_mark) if word.startswith(shape.parent_mark) else ""


def closed_side(row: Row, shape: OrderShape | FillShape, side: int) -> int:
    """Return the position side that the venue closed by an order of its own: by its word for it, or else its side."""
    word = word_of(row.get(shape.taken_by))
    named = (closed for end, closed in shape.taken_of.items() if word.endswith(end))
    return next(named, SHORT if side == BUY else LONG)


def taken_in(row: Row, shape: OrderShape | FillShape) -> str:
    """Return what kind of an end the venue itself made, "" where it made none."""
    if not shape.taken_by:
        return ""
    word = word_of(row.get(shape.taken_by))
    return next((kind for begin, kind in shape.taken.items() if word.startswith(begin)), "")
