"""History of markets and the rules of instruments: store, import, quality, universe, resampling, synthetic data."""

from tradewind.market.bars import KINDS, Bars, Funding, Mark, OpenInterest, Series
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
from tradewind.market.quality import Defect, QualityRules, check_bars, check_funding, check_mark
from tradewind.market.store import SeriesInfo, SeriesKey, Store

__all__ = [
    "COINS",
    "KINDS",
    "Bars",
    "Coin",
    "Defect",
    "Funding",
    "GeneratedMarket",
    "ImportRequest",
    "ImportResult",
    "ImportedSeries",
    "Instrument",
    "Mark",
    "MarketSpec",
    "OpenInterest",
    "ParsedSeries",
    "QualityRules",
    "Series",
    "SeriesInfo",
    "SeriesKey",
    "Store",
    "Tier",
    "check_bars",
    "check_funding",
    "check_mark",
    "generate_market",
    "import_file",
    "martingale",
    "parse_file",
]
