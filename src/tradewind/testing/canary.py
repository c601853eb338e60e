"""Planted secrets, and the search for them in everything that a program left behind.

A canary is a key that exists nowhere else. A test lets a program trade with it while everything goes wrong, collects
what the program wrote (logs, journals, tracebacks, bundles, its command line), and asks `leaks` whether any of it sang.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.venues.keys.secret import forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["CANARY", "Canary", "leaks", "leaks_in"]

_SIGNED = (
    re.compile(rb"(?i)(?:signature|sign)[\"']?\s*[=:]\s*[\"']?[0-9a-z+/%]{24,}"),
    re.compile(rb"/ws/[A-Za-z0-9]{40,}"),
    re.compile(rb"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\."),
)


@dataclass(frozen=True, slots=True)
class Canary:
    """The parts of a key that must never be seen again."""

    api_key: str = "cAnArYkEy0123456789aBcDeFcAnArYkEy0123456789aBcDeFcAnArYkEy0123Kq"
    secret: str = "cAnArYsEcReT9876543210zYxWvUcAnArYsEcReT9876543210zYxWvUcAnArYsZw"
    passphrase: str = "cAnArY+PhRaSe/17=&x"

    def spellings(self) -> tuple[bytes, ...]:
        """Return every way in which a part may be written."""
        parts = (self.api_key, self.secret, self.passphrase)
        return tuple(form.encode() for part in parts for form in forms(part))


CANARY = Canary()
"""The key that tests plant."""


def leaks(content: bytes, canary: Canary = CANARY) -> list[str]:
    """Return what of a canary, or of anything signed with it, stands in a content; each with its surroundings."""
    places = [place for spelling in canary.spellings() for place in _all(content, spelling)]
    places += [found.start() for pattern in _SIGNED for found in pattern.finditer(content)]
    return [content[max(place - 60, 0) : place + 60].decode(errors="replace") for place in sorted(places)]


def leaks_in(paths: Iterable[Path], canary: Canary = CANARY) -> dict[str, list[str]]:
    """Return the leaks of every file at or below some paths, by the file's name."""
    files = [
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
    ]
    found = {str(file): leaks(file.read_bytes(), canary) for file in files}
    return {name: here for name, here in found.items() if here}


def _all(content: bytes, text: bytes) -> Iterator[int]:
    place = content.find(text)
    while place >= 0:
        yield place
        place = content.find(text, place + 1)
