"""Rules of venues: their metadata answers as instruments, what is built in, and which of them counts."""

from tradewind.market.rules.answers import FeeRates, RuleSet, Skipped
from tradewind.market.rules.book import RuleBook
from tradewind.market.rules.importing import RulesImport, import_rules
from tradewind.market.rules.parse import parse_rules
from tradewind.market.rules.resolve import resolve_instrument

__all__ = [
    "FeeRates",
    "RuleBook",
    "RuleSet",
    "RulesImport",
    "Skipped",
    "import_rules",
    "parse_rules",
    "resolve_instrument",
]
