"""Find the line of each key of a TOML file.

The parser of the standard library decides what TOML is and tells no lines. This index only needs to be right about
a file that has parsed; on any other it must still end.
"""

import json
import re
from dataclasses import dataclass, field

__all__ = ["KeyIndex", "KeyPath", "index_keys"]

KeyPath = tuple[str, ...]
"""Path of a key through tables; the number of an array's element stands as text."""


@dataclass(slots=True)
class KeyIndex:
    """Where each key stands, and how deep the file is nested."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    depth: int = 0
    deepest_line: int = 1


# Strings first, so that what looks like a key inside one is never seen as a key.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*\'{3,5}'
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
    r"|\#[^\n]*|\n|[\[\]{},=]|[^\s\[\]{},=#\"']+|\s",
    re.DOTALL,
)


def index_keys(text: str) -> KeyIndex:
    """Return the line of every key, also within inline tables and arrays."""
    return _Indexer().run(text)


@dataclass(slots=True)
class _Frame:
    """An open bracket: where its keys hang, and how many elements an array had so far."""

    kind: str
    path: KeyPath
    count: int = 0


class _Indexer:
    """Walk the tokens of a file and note where each key stands."""

    def __init__(self) -> None:
        self.index = KeyIndex()
        self.table: KeyPath = ()
        self.table_arrays: dict[KeyPath, int] = {}
        self.frames: list[_Frame] = []
        self.pending: list[str] = []
        self.current: KeyPath = ()
        self.header = ""
        self.is_value = False
        self.line = 1

    def run(self, text: str) -> KeyIndex:
        for token in _TOKEN.finditer(text):
            self._take(token[0])
            self.line += token[0].count("\n")
        return self.index

    def _take(self, token: str) -> None:
        if token == "\n":
            self._end_line()
        elif token.isspace() or token.startswith("#"):
            return
        elif self.header:
            self._take_header(token)
        elif token == "[" and not self.is_value and not self.frames:
            self.header, self.pending = "[", []
        elif token in "[{":
            self._open(token)
        elif token in "]}":
            self._close()
        elif token == ",":
            self._next_element()
        elif token == "=":
            self._begin_value()
        elif not self.is_value and not self._in_array():
            self.pending.append(token)

    def _in_array(self) -> bool:
        return bool(self.frames) and self.frames[-1].kind == "["

    def _end_line(self) -> None:
        if not self.frames:
            self.pending, self.is_value, self.header = [], False, ""

    def _take_header(self, token: str) -> None:
        if token == "[":
            self.header = "[["
        elif token == "]":
            self._close_header()
        else:
            self.pending.append(token)

    def _close_header(self) -> None:
        path = self._through_arrays(_split_key(" ".join(self.pending)))
        self._note(path)
        if self.header == "[[":
            number = self.table_arrays.get(path, -1) + 1
            self.table_arrays[path] = number
            path = (*path, str(number))
            self._note(path)
        self.table, self.header, self.pending = path, "", []
        self.is_value = True  # The rest of a header's line holds no key.

    def _through_arrays(self, keys: list[str]) -> KeyPath:
        """Return the path with the number of the newest element after each array of tables it passes."""
        path: KeyPath = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            if place < len(keys) - 1 and path in self.table_arrays:
                path = (*path, str(self.table_arrays[path]))
        return path

    def _base(self) -> KeyPath:
        return self.frames[-1].path if self.frames else self.table

    def _begin_value(self) -> None:
        self.current = (*self._base(), *_split_key(" ".join(self.pending)))
        self._note(self.current)
        self.pending, self.is_value = [], True

    def _open(self, bracket: str) -> None:
        path = self.current
        if self._in_array():
            path = (*self.frames[-1].path, str(self.frames[-1].count))
            self.index.lines.setdefault(path, self.line)
        self.frames.append(_Frame(bracket, path))
        self._deepen(len(self.table) + len(self.frames))
        self.is_value = bracket == "["

    def _close(self) -> None:
        if self.frames:
            self.frames.pop()
        self.pending, self.is_value = [], True

    def _next_element(self) -> None:
        if self.frames and self.frames[-1].kind == "[":
            self.frames[-1].count += 1
        self.pending, self.is_value = [], self._in_array()

    def _note(self, path: KeyPath) -> None:
        """Keep the line of a key and of the tables that its dots open."""
        for length in range(1, min(len(path), 64) + 1):
            self.index.lines.setdefault(path[:length], self.line)
        self._deepen(len(path))

    def _deepen(self, depth: int) -> None:
        if depth > self.index.depth:
            self.index.depth, self.index.deepest_line = depth, self.line


_KEY_PART = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[^\s."\']+')


def _split_key(text: str) -> list[str]:
    """Return the parts of a dotted key, without their quotes."""
    return [_unquote(part) for part in _KEY_PART.findall(text)]


def _unquote(part: str) -> str:
    if part.startswith("'"):
        return part[1:-1]
    if part.startswith('"'):
        try:
            return str(json.loads(part))
        except ValueError:
            return part[1:-1]
    return part
