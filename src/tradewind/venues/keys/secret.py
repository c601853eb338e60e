"""A text that is shown to nobody, and the memory of all such texts of this process.

Whoever holds a `Secret` can ask for its text; nothing else gets it: whichever way it is written out, there is
``***``. Every secret that is made is remembered here, so that a `tradewind.venues.keys.redact.Redactor` finds it in
texts that others made of it: a header that a library logs, an address in an exception.
"""

from __future__ import annotations

import base64
import hmac
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["HIDDEN", "SHORTEST", "Secret", "forgetting", "forms", "known_texts", "memory_version", "remember"]

HIDDEN: Final = "***"
"""What stands where a secret would."""

SHORTEST: Final = 4
"""Length from which a text can be found in others; a shorter one would blacken every sentence."""


class _Memory:
    """Spellings of secrets; `version` rises with every change."""

    def __init__(self) -> None:
        self.spellings: dict[str, None] = {}
        self.version = 0


_MEMORY = _Memory()


class Secret:
    """A text whose every form is ``***``: repr, str, format, pickle, copy, and JSON where an encoder takes it.

    A pickled or copied secret is the text ``***`` and no secret any more: what leaves the process this way is of no
    use to anybody. Two secrets are compared in a time that does not depend on their texts.

    Parameters
    ----------
    text
        What is kept. It is remembered for redaction as long as the process lives.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text
        remember(text)

    def reveal(self) -> str:
        """Return the text, for the one place that signs or decrypts with it."""
        return self.__text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __reduce_ex__(self, protocol: object) -> tuple[type[str], tuple[str]]:
        return str, (HIDDEN,)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            *(each.encode(errors="surrogatepass") for each in (self.__text, other.__text))
        )

    def __hash__(self) -> int:
        return hash((Secret, self.__text))


def remember(*texts: str) -> None:
    """Let texts be found by every redactor of this process, in each of their usual spellings."""
    for text in texts:
        if len(text) >= SHORTEST:
            _MEMORY.spellings.update(dict.fromkeys(forms(text)))
            _MEMORY.version += 1


def known_texts() -> Iterable[str]:
    """Return every remembered spelling, the longest first, so that none is cut by one that lies inside it."""
    return sorted(_MEMORY.spellings, key=len, reverse=True)


def memory_version() -> int:
    """Return a number that changes whenever what is remembered changes."""
    return _MEMORY.version


@contextmanager
def forgetting() -> Iterator[None]:
    """Forget afterwards what is remembered inside; for tests, whose secrets are none."""
    kept = dict(_MEMORY.spellings)
    try:
        yield
    finally:
        _MEMORY.spellings = kept
        _MEMORY.version += 1


def forms(text: str) -> tuple[str, ...]:
    """Return the spellings in which a text turns up: plain, in an address, in JSON, in base64."""
    plain = text.encode(errors="surrogatepass")
    encoded = base64.b64encode(plain).decode()
    spellings = (text, quote(plain, safe=""), quote_plus(plain), json.dumps(text)[1:-1], encoded, plain.hex())
    return tuple(dict.fromkeys(spelling for spelling in spellings if len(spelling) >= SHORTEST))
