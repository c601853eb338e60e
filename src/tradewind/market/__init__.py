"""History of markets and the rules of instruments: store, import, quality, universe, resampling, synthetic data."""

from tradewind.market.bars import KINDS, Bars, Funding, Mark, OpenInterest, Series
from tradewind.market.importing import ImportedSeries, ImportRequest, ImportResult, import_file, parse_file
from tradewind.market.store import SeriesInfo, SeriesKey, Store

__all__ = [
    "KINDS",
    "Bars",
    "Funding",
    "ImportRequest",
    "ImportResult",
    "ImportedSeries",
    "Mark",
    "OpenInterest",
    "Series",
    "SeriesInfo",
    "SeriesKey",
    "Store",
    "import_file",
    "parse_file",
]
