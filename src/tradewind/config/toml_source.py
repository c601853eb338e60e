"""Read a settings file: plain UTF-8 TOML, each key with its line, and nothing that does not belong there.

The parser of the standard library decides what TOML is; `toml_lines` finds where each key stands.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from tradewind.config.secrets import refuse_secrets
from tradewind.config.toml_lines import KeyPath, index_keys
from tradewind.errors import ConfigError, PathError

__all__ = ["SIZE_MAX", "Source", "read_source", "read_text"]

SIZE_MAX = 1_000_000
"""Largest settings file, in bytes."""
DEPTH_MAX = 16
"""Deepest nesting of tables and arrays."""


@dataclass(frozen=True, slots=True)
class Source:
    """One layer of settings: a file, the environment or the flags.

    Parameters
    ----------
    name
        What the user calls it: the path of the file.
    values
        The parsed tables.
    places
        Where each key stands, by its path: ``file:line``, a variable or a flag. Elements of arrays have their number
        as text.
    """

    name: str
    values: dict[str, object]
    places: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, path: KeyPath) -> str:
        """Return the place of a key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.name


def read_source(path: Path, name: str = "") -> Source:
    """Return the settings of a file.

    Raises `PathError` where it cannot be read and `ConfigError` where it is not a settings file.
    """
    shown = name or str(path)
    return read_text(_load_bytes(path, shown), shown)


def read_text(content: bytes, name: str) -> Source:
    """Return the settings of a file's content; ``name`` is what errors call it."""
    text = _decode(content, name)
    _refuse_hidden_signs(text, name)
    index = index_keys(text)
    if index.depth > DEPTH_MAX:
        raise ConfigError(
            "CONFIG_DEPTH",
            f"tables or arrays are nested {index.depth} deep, {DEPTH_MAX} are the limit",
            where=f"{name}:{index.deepest_line}",
        )
    values = _parse(text, name)
    if not values:
        raise ConfigError("CONFIG_EMPTY", "the file holds no setting", where=name)
    places = {path: f"{name}:{line}" for path, line in index.lines.items()}
    source = Source(name, values, places)
    refuse_secrets(source.values, text, source.where, name)
    _check_values(source, values, ())
    return source


def _load_bytes(path: Path, name: str) -> bytes:
    if "\0" in str(path):
        raise PathError("PATH_INVALID", "the path holds a NUL character", where=repr(name))
    try:
        if path.is_dir():
            raise PathError("PATH_INVALID", "this is a folder, not a file", where=name)
        if path.stat().st_size > SIZE_MAX:
            raise ConfigError("CONFIG_TOO_LARGE", f"the file has more than {SIZE_MAX:,} bytes", where=name)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PathError("PATH_INVALID", "there is no such file", where=name) from error
    except PermissionError as error:
        raise PathError("PATH_DENIED", "you may not read this file", where=name) from error
    except OSError as error:
        raise PathError("PATH_INVALID", f"the file cannot be read: {error.strerror}", where=name) from error


def _decode(content: bytes, name: str) -> str:
    if len(content) > SIZE_MAX:
        raise ConfigError("CONFIG_TOO_LARGE", f"the file has more than {SIZE_MAX:,} bytes", where=name)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:64]:
        raise ConfigError(
            "CONFIG_ENCODING", "the file is UTF-16 or UTF-32", where=name, hint="save it as UTF-8"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "CONFIG_ENCODING",
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            where=f"{name}:{line}",
            hint="save the file as UTF-8",
        ) from error
    return text.replace("\r\n", "\n")


# Signs that turn the reading direction can make a comment look like a setting, so they are refused there too.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _refuse_hidden_signs(text: str, name: str) -> None:
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        code = _without_comment(line)
        for column, sign in enumerate(line, start=1):
            if sign in _TURNING or (column <= len(code) and _is_hidden(sign)):
                raise ConfigError(
                    "CONFIG_ENCODING",
                    f"column {column} holds {_describe(sign)}, which looks like something else or like nothing",
                    where=f"{name}:{number}",
                    hint="type the line again",
                )


_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def _is_hidden(sign: str) -> bool:
    if sign == "\t":
        return False
    category = unicodedata.category(sign)
    is_foreign_digit = category == "Nd" and not sign.isascii()
    return (
        is_foreign_digit
        or category in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
        or (category == "Zs" and sign != " ")
    )


def _describe(sign: str) -> str:
    return f"U+{ord(sign):04X} {unicodedata.name(sign, 'control character').lower()}"


def _without_comment(line: str) -> str:
    """Return the line up to its comment; a multi-line string is treated as code, which is the stricter reading."""
    quote = ""
    for place, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote and line[place - 1] != "\\" else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "#":
            return line[:place]
    return line


_TWICE = ("Cannot overwrite", "twice", "Duplicate", "Cannot redefine", "already defined")


def _parse(text: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        place = re.search(r"at line (\d+), column (\d+)", said)
        where = f"{name}:{place[1]}" if place else f"{name}:{text.rstrip().count(chr(10)) + 1}"
        column = f" at column {place[2]}" if place else ""
        is_twin = any(word in said for word in _TWICE)
        reason = re.sub(r"\s*\(at .*\)", "", said)
        raise ConfigError(
            "CONFIG_DUPLICATE_KEY" if is_twin else "CONFIG_SYNTAX",
            f"{'a key is set twice' if is_twin else 'this is not TOML'}{column}: {reason}",
            where=where,
            hint="" if is_twin else _syntax_hint(name),
        ) from error
    except (ValueError, RecursionError) as error:
        # An integer of thousands of digits is refused by Python before TOML sees it.
        raise ConfigError("CONFIG_RANGE", "a number has too many digits", where=name) from error


def _syntax_hint(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if suffix in {".json", ".yaml", ".yml"}:
        return f"settings are TOML, not {suffix[1:].upper()}: write key = value lines"
    return "strings stand in quotes, tables in [brackets], one setting a line"


def _check_values(source: Source, value: object, path: KeyPath) -> None:
    """Refuse numbers that are not finite and hidden signs that came in by an escape."""
    if isinstance(value, dict):
        for key, below in value.items():
            _check_values(source, below, (*path, key))
            _refuse_escaped(source, key, (*path, key))
    elif isinstance(value, list):
        for place, below in enumerate(value):
            _check_values(source, below, (*path, str(place)))
    elif isinstance(value, str):
        _refuse_escaped(source, value, path)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise ConfigError(
            "CONFIG_NOT_FINITE", f"{value} is no finite number", where=source.where(path), key=".".join(path)
        )


def _refuse_escaped(source: Source, text: str, path: KeyPath) -> None:
    for sign in text:
        if sign == "\t" or _is_hidden(sign):
            raise ConfigError(
                "CONFIG_ENCODING",
                f"the text holds {_describe(sign)}",
                where=source.where(path),
                key=".".join(part for part in path if part.isprintable()),
                hint="type the line again",
            )
