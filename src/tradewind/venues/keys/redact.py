"""Clean texts of secrets: those this process knows, and whatever has the place or the shape of one.

ccxt writes the whole signed address into the text of a time-out and every header into its DEBUG log; a traceback
may show both. `install` puts the redactor where all of that passes: into every record that `logging` makes, into
structlog, and into the hooks that print an exception nobody caught.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tradewind.config.secrets import is_secret_name
from tradewind.venues.keys.secret import HIDDEN, Secret, known_texts, memory_version

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RedactingFilter", "Redactor", "clean", "install", "redact_event"]

_VALUE = r"[^\s\"'&,;<>\\)\]}]+"
# Headers and fields by which the venues take keys, signatures, passphrases and tokens.
_NAMES = (
    r"(?:X-MBX-APIKEY|X-BAPI-(?:API-KEY|SIGN)|(?:OK-)?ACCESS-(?:KEY|SIGN|PASSPHRASE)|KC-API-(?:KEY|SIGN|PASSPHRASE)"
    r"|X-GATE-SIGN|signature|sign|listen_?key|(?:api|secret|private|access)_?key|(?:api_?)?secret"
    r"|pass(?:word|phrase|wd)|(?:access|auth|listen|refresh|bearer)_?token|mnemonic|seed_?phrase)"
)
_PATTERNS: Final = (
    # name=value in an address, and name: value where the value is one word
    (re.compile(rf"(?i)(?<![\w-])({_NAMES}\s*=\s*)(?!{re.escape(HIDDEN)}){_VALUE}"), rf"\1{HIDDEN}"),
    # 'name': 'value' of JSON or of a dictionary written out, whatever stands in the value
    (re.compile(rf"(?i)([\"']{_NAMES}[\"']\s*:\s*b?)([\"'])(?:\\.|(?!\2).)*\2"), rf"\1\2{HIDDEN}\2"),
    # Bybit signs in by place: {"op": "auth", "args": [key, expiry, signature]}
    (re.compile(r"(?i)([\"']auth[\"']\s*,\s*[\"']args[\"']\s*:\s*\[)[^\]]*"), rf"\1{HIDDEN}"),
    (re.compile(rf"([?&](?:token|key)=){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?im)^(\s*{_NAMES}\s*:\s*)\S.*$"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"), HIDDEN),
    # the listen key of a Binance user stream is a part of its address
    (re.compile(r"(?i)(/(?:ws|stream|private)/)[A-Za-z0-9]{40,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), HIDDEN),
    (re.compile(r"\bxprv[0-9A-Za-z]{20,}"), HIDDEN),
    (re.compile(r"(\w+://[^/\s:@\"']*:)[^/\s@\"']+@"), rf"\1{HIDDEN}@"),
)
_SECRET_KEYS = re.compile(rf"(?i)(?:{_NAMES}|authorization|cookie)")


class Redactor:
    """Cleaner of texts and of what is made of texts.

    It knows every `Secret` of this process, also those made after it.
    """

    def __init__(self) -> None:
        self._version = -1
        self._known: re.Pattern[str] | None = None

    def clean(self, text: str) -> str:
        """Return the text with ``***`` for every secret, signature, listen key and token in it."""
        if memory_version() != self._version:
            self._learn()
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def clean_value(self, value: object, key: str = "") -> object:
        """Return a value cleaned: tables, lists and texts in depth; numbers as they are; the rest as cleaned text."""
        if isinstance(value, Secret) or (isinstance(value, str | bytes) and key and is_secret_key(key)):
            return HIDDEN
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {
                self.clean_value(name): self.clean_value(below, str(name)) for name, below in value.items()
            }
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self.clean_value(below) for below in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.clean(repr(value) if isinstance(value, bytes | bytearray) else str(value))

    def clean_error(self, error: BaseException) -> str:
        """Return class and text of an exception, cleaned, on one line."""
        return " ".join(self.clean(f"{type(error).__name__}: {error}").split())

    def clean_traceback(self, error: BaseException) -> str:
        """Return the whole traceback of an exception, causes included, cleaned."""
        return self.clean("".join(traceback.format_exception(error)))

    def _learn(self) -> None:
        version = memory_version()
        texts = [re.escape(text) for text in known_texts()]
        self._known = re.compile("|".join(texts)) if texts else None
        self._version = version


REDACTOR: Final = Redactor()
"""The redactor of this process."""


def clean(text: str) -> str:
    """Return a text without secrets, by the redactor of this process."""
    return REDACTOR.clean(text)


def is_secret_key(name: str) -> bool:
    """Return whether a field or a header of this name holds a secret."""
    return bool(_SECRET_KEYS.fullmatch(name)) or is_secret_name(name.replace("-", "_"))


_STANDARD = frozenset(vars(logging.makeLogRecord({})))


def _clean_record(record: logging.LogRecord) -> logging.LogRecord:
    """Make a record's texts final and clean: message, traceback, stack, and fields that a caller added."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        message = f"{record.msg} {record.args}"
    record.msg, record.args = REDACTOR.clean(message), ()
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = REDACTOR.clean_traceback(record.exc_info[1])
        record.exc_info = None
    elif record.exc_text:
        record.exc_text = REDACTOR.clean(record.exc_text)
    if record.stack_info:
        record.stack_info = REDACTOR.clean(record.stack_info)
    for name in set(vars(record)) - _STANDARD:
        setattr(record, name, REDACTOR.clean_value(getattr(record, name), name))
    return record


class RedactingFilter(logging.Filter):
    """A filter for handlers: nothing is withheld, everything is cleaned, fields given as ``extra`` included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record and let it pass."""
        _clean_record(record)
        return True


def redact_event(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Clean an event of structlog; the processor before the one that writes."""
    for name in list(event):
        value = event[name]
        if name == "exc_info":
            error = _current(value)
            event.pop(name)
            if error is not None:
                event["exception"] = REDACTOR.clean_traceback(error)
        else:
            event[name] = REDACTOR.clean_value(value, name)
    return event


def _current(value: object) -> BaseException | None:
    if isinstance(value, BaseException):
        return value
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[1], BaseException):
        return value[1]
    return sys.exc_info()[1] if value else None


def install() -> None:
    """Put the redactor where every text of this process passes; a second time changes nothing.

    Records of `logging` (ccxt, aiohttp and asyncio write there), exceptions that nobody caught in any thread,
    exceptions that cannot be raised, and warnings.
    """
    if isinstance(logging.getLogRecordFactory(), _CleanFactory):
        return
    logging.setLogRecordFactory(_CleanFactory(logging.getLogRecordFactory()))
    sys.excepthook = _told
    threading.excepthook = _thread_told
    sys.unraisablehook = _unraisable_told
    told = warnings.formatwarning

    def told_clean(*given: Any, **more: Any) -> str:  # noqa: ANN401
        return REDACTOR.clean(told(*given, **more))

    warnings.formatwarning = told_clean


class _CleanFactory:
    """What makes the records of `logging`, clean from the start, whichever handler writes them."""

    def __init__(self, make: Any) -> None:  # noqa: ANN401
        self._make = make

    def __call__(self, *given: Any, **more: Any) -> logging.LogRecord:  # noqa: ANN401
        return _clean_record(self._make(*given, **more))


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(REDACTOR.clean("".join(traceback.format_exception(kind, error, trace))))


def _thread_told(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
        _told(told.exc_type, told.exc_value, told.exc_traceback)


def _unraisable_told(told: sys.UnraisableHookArgs) -> None:
    text = f"{told.err_msg or 'ignored exception in'}: {type(told.object).__name__}\n"
    sys.stderr.write(REDACTOR.clean(text))
    if told.exc_value is not None:
        _told(told.exc_type, told.exc_value, told.exc_traceback)
