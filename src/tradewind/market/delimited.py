"""Delimited text: its separator, its header or lack of one, found by looking at the first lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import DataUnfit
from tradewind.market.columns import HEADERLESS
from tradewind.market.tables import literal_path, quote_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Layout", "describe_text"]

_SEPARATORS = (",", ";", "\t", "|")
_LOOK_BYTES = 1 << 16
_LOOK_LINES = 50
_VALUE = re.compile(
    r'"?\s*([-+]?(\d[\d.eE+-]*|nan|inf(inity)?)|\d{4}-\d\d-\d\d[\d:.TZ +-]*)?\s*"?', re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"(^|;)\d+,\d+(;|$)")


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a text: separator, lines before the first record, names of its columns, what was noted."""

    path: Path
    separator: str
    skip: int
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def relation(self) -> str:
        """Return SQL that reads every column as text and refuses lines of another width."""
        columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in self.names)
        return (
            f"read_csv({quote_text(literal_path(self.path))}, delim={quote_text(self.separator)}, skip={self.skip}, "
            f"header=false, auto_detect=false, strict_mode=true, null_padding=false, quote='\"', escape='\"', "
            f"columns={{{columns}}})"
        )


def describe_text(path: Path, where: str) -> Layout:
    """Return the layout of a text file.

    Raises DATA_CORRUPT for what is no UTF-8 text, for a decimal comma and for mixed separators, DATA_EMPTY for
    a file without records, DATA_SCHEMA for an unknown width without a header.
    """
    lines = _first_lines(path, where)
    skip = _preamble(lines)
    if skip == len(lines):
        raise DataUnfit("DATA_EMPTY", "the file has no record", where=where)
    separator = _separator(lines[skip:], where)
    first = _cells(lines[skip], separator)
    if all(_VALUE.fullmatch(cell) for cell in first):
        return Layout(
            path, separator, skip, _headerless(len(first), where), (f"no header; {len(first)} columns",)
        )
    if len(lines) == skip + 1:
        raise DataUnfit("DATA_EMPTY", "the file has a header and no record", where=where)
    return Layout(path, separator, skip + 1, _unique(first, where), ())


def _first_lines(path: Path, where: str) -> list[str]:
    with path.open("rb") as stream:
        head = stream.read(_LOOK_BYTES)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise DataUnfit("DATA_CORRUPT", "the file is not UTF-8 text", where=where, hint="save it as UTF-8")
    text = head.decode("utf-8", "replace")
    if "\ufffd" in text[:-4]:
        offset = len(text[: text.index("\ufffd")].encode())
        raise DataUnfit("DATA_CORRUPT", f"the file is not UTF-8 text at byte {offset}", where=where)
    lines = text.removeprefix("\ufeff").splitlines()
    whole = len(head) < _LOOK_BYTES
    return [line for line in (lines if whole else lines[:-1])[:_LOOK_LINES] if line.strip()]


def _preamble(lines: list[str]) -> int:
    """Return how many lines before the table are comments or the address of a data site."""
    count = 0
    while count < len(lines) and re.match(r"\s*(#|https?://|www\.)", lines[count]):
        count += 1
    return count


def _separator(lines: list[str], where: str) -> str:
    widths = {s: [len(_cells(line, s)) for line in lines] for s in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda s: (min(widths[s]), widths[s][0]))
    if widths[best][0] < 2:
        raise DataUnfit("DATA_CORRUPT", "no separator of columns is found in line 1", where=where)
    if best == ";" and any(_DECIMAL_COMMA.search(line) for line in lines):
        raise DataUnfit(
            "DATA_CORRUPT", "the numbers have a decimal comma", where=where, hint="export with a point"
        )
    odd = next((n for n, width in enumerate(widths[best]) if width != widths[best][0]), None)
    if odd is not None and odd < len(lines) - 1:
        message = f"line {odd + 1} has {widths[best][odd]} columns, line 1 has {widths[best][0]}"
        raise DataUnfit("DATA_CORRUPT", message, where=where)
    return best


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(separator)]


def _headerless(width: int, where: str) -> tuple[str, ...]:
    names = HEADERLESS.get(width)
    if names is None:
        known = [
            f"{n} columns: {', '.join(c for c in names if 'extra' not in c)} first"
            for n, names in HEADERLESS.items()
        ]
        raise DataUnfit("DATA_SCHEMA", f"{width} columns without a header.", where=where, known=known)
    return names


def _unique(cells: list[str], where: str) -> tuple[str, ...]:
    names = [cell or f"column_{n}" for n, cell in enumerate(cells, start=1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataUnfit("DATA_SCHEMA", f"two columns are called '{twice}'", where=where)
    return tuple(names)
