"""What the name and the folders of a file say about its content, and nothing that they only hint at.

Known forms: our own ``venue/symbol/1m.parquet``, the archives of Binance (``futures/um/…/BTCUSDT-1m-2024-01.zip``),
exports of freqtrade (``BTC_USDT_USDT-1h-futures.feather``), and names that carry a symbol and an interval.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.config.venue_defaults import VENUES
from tradewind.units.time import INTERVALS, parse_interval

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NameClaims", "claims_of", "plain_symbol"]

_QUOTES = "USDT|USDC|BUSD|FDUSD|TUSD|USDE|USD|EUR|GBP|JPY|KRW|BTC|ETH|BNB"
_SYMBOL = re.compile(
    rf"(?<![A-Za-z0-9])"
    rf"([A-Z0-9]{{1,20}}[-_/]?(?:{_QUOTES})(?:[-_:](?:USDT|USDC|USD|SWAP|PERP|BTC|ETH)(?![A-Za-z0-9]))?"
    rf"|P[FI]_[A-Z0-9]{{3,20}})"
    rf"(?![A-Za-z0-9])"
)
_INTERVAL = re.compile(
    rf"(?<![A-Za-z0-9])({'|'.join(sorted(INTERVALS, key=len, reverse=True))})(?![A-Za-z0-9])"
)
_KINDS = (
    ("funding", re.compile(r"funding", re.IGNORECASE)),
    ("mark", re.compile(r"(?<![a-z])mark(?![a-z])|mark_?price", re.IGNORECASE)),
    ("open_interest", re.compile(r"open_?interest|(?<![a-z])(metrics|oi)(?![a-z])", re.IGNORECASE)),
)
_ARCHIVES = (
    ("binance_usdm", re.compile(r"futures/um/|binanceusdm", re.IGNORECASE)),
    ("binance_coinm", re.compile(r"futures/cm/|binancecoinm", re.IGNORECASE)),
    ("binance_spot", re.compile(r"(?:data/|^)spot/(?:monthly|daily)/", re.IGNORECASE)),
)


_FOLDERS = frozenset(venue for venue in VENUES if "_" in venue)
"""Venues that a folder can name; the short names are ordinary words of other people's folders."""


@dataclass(frozen=True, slots=True)
class NameClaims:
    """What a path says; None where it says nothing."""

    venue: str | None = None
    symbol: str | None = None
    kind: str | None = None
    interval_ns: int | None = None


def claims_of(path: Path) -> NameClaims:
    """Return what a path claims about the file, from the file's name first and its nearest folders then."""
    parts = path.parts[-7:]
    stem = path.name.split(".")[0]
    return NameClaims(_venue(parts), _symbol(parts, stem), _kind(parts, stem), _interval(parts, stem))


def plain_symbol(symbol: str) -> str:
    """Return a symbol without its separators, in capitals, for comparing spellings of one name."""
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())


def _venue(parts: tuple[str, ...]) -> str | None:
    for part in reversed(parts[:-1]):
        if part in _FOLDERS:
            return part
    joined = "/".join(parts)
    return next((venue for venue, form in _ARCHIVES if form.search(joined)), None)


def _symbol(parts: tuple[str, ...], stem: str) -> str | None:
    named = _SYMBOL.search(stem)
    if named:
        return _without_settlement(named.group(1))
    if len(parts) >= 3 and parts[-3] in _FOLDERS:
        return parts[-2]
    for part in reversed(parts[:-1]):
        whole = _SYMBOL.fullmatch(part)
        if whole:
            return _without_settlement(whole.group(1))
    return None


def _without_settlement(symbol: str) -> str:
    """Return freqtrade's BTC_USDT_USDT and BTC_USDT as BTCUSDT; venues' own names stay as they are."""
    pieces = symbol.split("_")
    if len(pieces) == 3 and pieces[1] == pieces[2]:
        return pieces[0] + pieces[1]
    if len(pieces) == 2 and re.fullmatch(_QUOTES, pieces[1]):
        return pieces[0] + pieces[1]
    return symbol


def _kind(parts: tuple[str, ...], stem: str) -> str | None:
    for text in (stem, *reversed(parts[:-1])):
        for kind, form in _KINDS:
            if form.search(text):
                return kind
    return None


def _interval(parts: tuple[str, ...], stem: str) -> int | None:
    for text in (stem, *reversed(parts[:-1])):
        found = _INTERVAL.search(text.replace("_", " "))
        if found:
            return parse_interval(found.group(1))
    return None
