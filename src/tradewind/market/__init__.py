"""History of markets and the rules of instruments: store, import, quality, universe, resampling, synthetic data."""

from tradewind.market.bars import KINDS, Bars, Funding, Mark, OpenInterest, Series
from tradewind.market.defects import Defect
from tradewind.market.generate import COINS, Coin, GeneratedMarket, MarketSpec, generate_market, martingale
from tradewind.market.importing import (
    ImportedSeries,
    ImportRequest,
    ImportResult,
    ParsedSeries,
    import_file,
    parse_file,
)
from tradewind.market.instrument import Instrument, Tier
from tradewind.market.manifest import SourceEntry
from tradewind.market.policies import (
    Applied,
    Prepared,
    Segment,
    prepare_bars,
    prepare_funding,
    prepare_mark,
)
from tradewind.market.quality import QualityRules, check_bars, check_mark, check_series
from tradewind.market.resample import Resampled, resample
from tradewind.market.rules import RuleBook, RulesImport, import_rules, parse_rules, resolve_instrument
from tradewind.market.settlements import check_funding
from tradewind.market.store import SeriesInfo, SeriesKey, Store
from tradewind.market.ticks import Grid, finest_grid, off_grid, to_steps
from tradewind.market.universe import Aligned, Change, Membership, Universe, align

__all__ = [
    "COINS",
    "KINDS",
    "Aligned",
    "Applied",
    "Bars",
    "Change",
    "Coin",
    "Defect",
    "Funding",
    "GeneratedMarket",
    "Grid",
    "ImportRequest",
    "ImportResult",
    "ImportedSeries",
    "Instrument",
    "Mark",
    "MarketSpec",
    "Membership",
    "OpenInterest",
    "ParsedSeries",
    "Prepared",
    "QualityRules",
    "Resampled",
    "RuleBook",
    "RulesImport",
    "Segment",
    "Series",
    "SeriesInfo",
    "SeriesKey",
    "SourceEntry",
    "Store",
    "Tier",
    "Universe",
    "align",
    "check_bars",
    "check_funding",
    "check_mark",
    "check_series",
    "finest_grid",
    "generate_market",
    "import_file",
    "import_rules",
    "martingale",
    "off_grid",
    "parse_file",
    "parse_rules",
    "prepare_bars",
    "prepare_funding",
    "prepare_mark",
    "resample",
    "resolve_instrument",
    "to_steps",
]
