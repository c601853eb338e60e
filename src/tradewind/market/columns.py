"""Which column of a file holds what: the spellings that exchanges and exporters use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tradewind.errors import DataUnfit

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FIELDS_OF_KIND", "HEADERLESS", "map_columns", "normalise"]

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "ts": (
        "ts_ns",
        "ts_ms",
        "ts",
        "timestamp",
        "timestamp_ms",
        "open_time",
        "opentime",
        "open_timestamp",
        "unix",
        "unix_timestamp",
        "funding_time",
        "fundingtime",
        "calc_time",
        "settlement_time",
        "candle_begin_time",
        "start_at",
        "start_time",
        "starttime",
        "start",
        "create_time",
        "time",
        "datetime",
        "date",
        "index_level_0",
        "t",
    ),
    "open": ("open", "open_price", "o"),
    "high": ("high", "high_price", "h"),
    "low": ("low", "low_price", "l"),
    "close": ("close", "close_price", "c"),
    "volume": ("volume", "base_volume", "volume_base", "basevolume", "vol", "bv", "v", "qty"),
    "rate": ("rate", "funding_rate", "fundingrate", "last_funding_rate", "realized_rate"),
    "mark_price": ("mark_price", "markprice"),
    "qty": ("sum_open_interest", "open_interest", "openinterest", "oi", "oi_qty"),
    "value": (
        "sum_open_interest_value",
        "open_interest_value",
        "open_interest_usd",
        "oi_value",
        "oi_usd",
    ),
    "symbol": ("symbol", "pair", "inst_id", "instid", "instrument", "coin", "market"),
    "venue": ("venue", "exchange"),
}

FIELDS_OF_KIND: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bars": (("ts", "open", "high", "low", "close", "volume"), ()),
    "mark": (("ts", "open", "high", "low", "close"), ()),
    "funding": (("ts", "rate"), ("mark_price",)),
    "open_interest": (("ts",), ("qty", "value")),
}
"""Required and optional fields of each kind."""

_BARS = ("ts", "open", "high", "low", "close", "volume")
HEADERLESS: dict[int, tuple[str, ...]] = {
    5: _BARS[:5],
    6: _BARS,
    7: (*_BARS, "extra_7"),
    12: (*_BARS, *(f"extra_{n}" for n in range(7, 13))),
}
"""Files without a header: mark prices, bars, bars with a count or turnover, the twelve columns of Binance."""


def normalise(name: str) -> str:
    """Return a column's name in lower case with single underscores: ``"Open Time"`` is ``open_time``."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def map_columns(names: Sequence[str], where: str) -> dict[str, str]:
    """Return which column of a file holds which of our fields.

    Raises DATA_SCHEMA where two columns of the same name claim a field.
    """
    by_form: dict[str, list[str]] = {}
    for name in names:
        by_form.setdefault(_form(name), []).append(name)
    found: dict[str, str] = {}
    for field, spellings in _SPELLINGS.items():
        form = next((s for s in spellings if s in by_form), None)
        if form is None:
            continue
        if len(by_form[form]) > 1:
            raise DataUnfit("DATA_SCHEMA", f"two columns are called '{form}'", where=where)
        found[field] = by_form[form][0]
    if "volume" not in found:
        found.update(_volume_of_base(by_form))
    if found.get("volume") == found.get("qty"):
        found.pop("volume", None)
    return found


def _form(name: str) -> str:
    """Return the normal form; a column with its unit in the name, like ``close_usd``, keeps it."""
    return normalise(name)


def _volume_of_base(by_form: dict[str, list[str]]) -> dict[str, str]:
    """Find ``Volume BTC`` among ``Volume BTC`` and ``Volume USDT``: the base coin's comes first."""
    volumes = [names[0] for form, names in by_form.items() if form.startswith("volume_")]
    return {"volume": volumes[0]} if volumes else {}


def kind_of(fields: dict[str, str], claimed: str | None, names: Sequence[str], where: str) -> str:
    """Return the kind of history that the columns hold, which must be the claimed one where one is claimed.

    Raises DATA_SCHEMA where they are no known kind or another one than claimed.
    """
    shown = _shown_kind(fields)
    if shown == "bars" and claimed == "mark":
        return "mark"
    if shown == "mark" and claimed is None:
        _refuse(
            where, names, "prices without a volume are no bars; if these are mark prices, add --kind mark"
        )
    if shown is None or (claimed is not None and claimed != shown):
        _refuse(where, names, _explain(shown, claimed, names))
    return str(shown)


def _shown_kind(fields: dict[str, str]) -> str | None:
    has = fields.keys()
    if "ts" not in has:
        return None
    if {"open", "high", "low", "close"} <= has:
        return "bars" if "volume" in has else "mark"
    if "rate" in has:
        return "funding"
    return "open_interest" if has & {"qty", "value"} else None


def _explain(shown: str | None, claimed: str | None, names: Sequence[str]) -> str:
    if any("liq" in name.lower() for name in names):
        return "totals of liquidations are no bars, and no kind of history that can be kept"
    if claimed is not None and shown is not None:
        return f"the columns hold {shown}, not {claimed}"
    return "the columns are no known kind of history"


def _refuse(where: str, names: Sequence[str], reason: str) -> None:
    kinds = [
        f"{kind}: {', '.join((*need, *(f'[{o}]' for o in extra)))}"
        for kind, (need, extra) in FIELDS_OF_KIND.items()
    ]
    raise DataUnfit("DATA_SCHEMA", f"{reason} (columns: {', '.join(names)}).", where=where, known=kinds)
