"""Which row of an answer is about which order of its request, those that were refused among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.venues.ccxt.row_values import word_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradewind.venues.ccxt.dialect import Call, Dialect
    from tradewind.venues.ccxt.row_values import Row
    from tradewind.venues.ccxt.wire import Answer

__all__ = ["answered_rows"]

_REFUSED = "refused"


def answered_rows(dialect: Dialect, call: Call, answer: Answer, client_ids: Sequence[str] = ()) -> list[Row]:
    """Return the rows of an answer in the order in which they were asked for.

    A row that stands among those that were refused has a code: the venue's, or else its words for it.

    client_ids: our ids of the orders in the request, where it has several.
    """
    rows = answer.rows(call.rows) if answer.body is not None else []
    if not call.refused:
        return rows
    code = dialect.row_code
    for row in answer.rows(call.refused):
        worded = word_of(row.get(code)) in dialect.row_ok
        rows.append({**row, code: word_of(row.get(dialect.row_text)) or _REFUSED} if worded else row)
    told = {word_of(row.get(call.named_by)): row for row in rows}
    return [told[name] for name in client_ids] if client_ids and told.keys() >= set(client_ids) else rows
