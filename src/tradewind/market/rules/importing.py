"""Importing a venue's metadata answer into a workspace."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from tradewind.errors import DataUnfit, PathError, UsageError
from tradewind.market.filenames import claims_of
from tradewind.market.rules.answers import Skipped
from tradewind.market.rules.book import RuleBook
from tradewind.market.rules.parse import parse_rules
from tradewind.market.store import Store

__all__ = ["RulesImport", "import_rules"]


@dataclass(frozen=True, slots=True)
class RulesImport:
    """What one answer gave: whose rules, how many entries, and the symbols that were left out with the reason."""

    path: Path
    venue: str
    entries: int
    skipped: tuple[Skipped, ...]


def import_rules(store: Store, path: Path, *, venue: str | None, now_ns: int) -> RulesImport:
    """Keep what a JSON file with a venue's answer says about instruments; newer answers replace older ones.

    Raises PATH_INVALID, DATA_CORRUPT, USAGE where nothing says whose answer it is, MARKET_RULES_INVALID where it is
    none that is known, LOCKED; nothing is written then.
    """
    owner = venue or claims_of(path).venue
    if owner is None:
        raise UsageError(
            "USAGE", "the file does not say which venue it comes from", where=str(path), hint="add --venue"
        )
    try:
        answer = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise PathError("PATH_INVALID", f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataUnfit("DATA_CORRUPT", f"this is no JSON: {error}", where=str(path)) from error
    rules = parse_rules(owner, answer)
    with RuleBook.changing(store.root) as book:
        book.add(rules, now_ns)
    return RulesImport(path, owner, len(rules), tuple(rules.skipped))
