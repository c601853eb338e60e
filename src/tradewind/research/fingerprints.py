"""Hashes that say what a run was made of: data, configuration, code."""

import hashlib
from functools import lru_cache
from pathlib import Path

from tradewind import __version__
from tradewind.config import config_hash
from tradewind.research.facts import Facts
from tradewind.research.history import Histories
from tradewind.research.resolve import Resolved

__all__ = ["code_hash", "data_hash", "hashes_of"]

_ROOMS = ("units", "market", "engine", "signals", "strategies", "research")


def hashes_of(resolved: Resolved, histories: Histories, facts: Facts) -> dict[str, str]:
    """Return the SHA-256 of data, configuration and code; the decisions' own hash comes from the engine."""
    return {
        "data": data_hash(histories, facts),
        "config": config_hash(resolved.config),
        "code": code_hash(resolved),
    }


def data_hash(histories: Histories, facts: Facts) -> str:
    """Return a hash of everything the run sees of its markets: bars as they are traded, facts, rules."""
    digest = hashlib.sha256()
    for history in histories.each:
        digest.update(f"{history.label} {history.grid.step} {history.instrument!r}".encode())
        digest.update(history.bars.content_hash().encode())
        digest.update(history.made.tobytes())
    for column in (facts.known_ns, facts.kind, facts.column, facts.code, facts.value):
        digest.update(column.tobytes())
    return digest.hexdigest()


def code_hash(resolved: Resolved) -> str:
    """Return a hash of the strategies' sources and of ours that decide a result."""
    digest = hashlib.sha256(f"{__version__} {_own_sources()}".encode())
    for part in resolved.parts:
        digest.update(f"{part.label} {part.code.source_hash}".encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _own_sources() -> str:
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
