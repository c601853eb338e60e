"""What a backtest does about each kind of defect in its history.

The default is to refuse: a result on data with holes looks exactly like a result on data without. What a file
accepts is printed in the report.
"""

from dataclasses import dataclass
from typing import Literal

from tradewind.config.fields import Model

__all__ = ["DEFECTS", "DataPolicy", "Defect"]


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect: what it is, its error code and what each policy does about it."""

    code: str
    meaning: str
    policies: dict[str, str]


_REFUSE = "stop with an error that names each place"

DEFECTS: dict[str, Defect] = {
    "gaps": Defect(
        "DATA_GAP",
        "bars are missing between two bars",
        {
            "refuse": _REFUSE,
            "fill": "repeat the last close with zero volume; nothing can fill in such a bar",
            "split": "end what is open before the gap at the last close and warm up again after it",
            "accept": "leave the hole: time jumps, orders wait",
        },
    ),
    "duplicates": Defect(
        "DATA_CONFLICT",
        "a bar is there twice",
        {"refuse": _REFUSE, "accept": "keep the first of equal rows; rows that differ are always refused"},
    ),
    "ohlc": Defect(
        "DATA_OHLC",
        "high and low do not enclose open and close",
        {"refuse": _REFUSE, "fill": "widen high and low until they do", "accept": "use the bar as it is"},
    ),
    "zero_price": Defect(
        "DATA_RANGE",
        "a price is zero or negative",
        {"refuse": _REFUSE, "fill": "replace the bar by the last close with zero volume"},
    ),
    "outliers": Defect(
        "DATA_SUSPECT",
        "a price lies far from its neighbours",
        {"refuse": _REFUSE, "accept": "use it: it is what the venue recorded"},
    ),
    "flat": Defect(
        "DATA_SUSPECT",
        "a long stretch does not move at all",
        {"refuse": _REFUSE, "accept": "use it"},
    ),
    "zero_volume": Defect(
        "DATA_SUSPECT",
        "a bar has no volume",
        {"refuse": _REFUSE, "accept": "use it; in `volume` mode nothing fills in it"},
    ),
    "unfinished": Defect(
        "DATA_FUTURE",
        "the last bar was not closed when it was recorded",
        {"refuse": _REFUSE, "accept": "drop it"},
    ),
    "off_tick": Defect(
        "DATA_GRID",
        "a price is no multiple of the instrument's tick",
        {"refuse": _REFUSE, "accept": "round to the nearest tick"},
    ),
    "mark_missing": Defect(
        "MARK_MISSING",
        "a bar has no mark price",
        {"refuse": _REFUSE, "fill": "use the last traded price instead"},
    ),
    "funding_missing": Defect(
        "FUNDING_MISSING",
        "a settlement is missing",
        {
            "refuse": _REFUSE,
            "fill": "repeat the rate of the settlement before it",
            "accept": "nothing is paid",
        },
    ),
}
"""Each kind of defect, by the name it has under ``[data]``."""


class DataPolicy(Model):
    """What is done about each kind of defect in the history."""

    gaps: Literal["refuse", "accept", "fill", "split"] = "refuse"
    """Bars are missing between two bars."""
    duplicates: Literal["refuse", "accept"] = "refuse"
    """A bar is there twice."""
    ohlc: Literal["refuse", "accept", "fill"] = "refuse"
    """High and low do not enclose open and close."""
    zero_price: Literal["refuse", "fill"] = "refuse"
    """A price is zero or negative."""
    outliers: Literal["refuse", "accept"] = "refuse"
    """A price lies far from its neighbours."""
    flat: Literal["refuse", "accept"] = "refuse"
    """A long stretch does not move at all."""
    zero_volume: Literal["refuse", "accept"] = "refuse"
    """A bar has no volume."""
    unfinished: Literal["refuse", "accept"] = "refuse"
    """The last bar was not closed when it was recorded; accepting drops it."""
    off_tick: Literal["refuse", "accept"] = "refuse"
    """A price is no multiple of the instrument's tick; accepting rounds to the nearest."""
    mark_missing: Literal["refuse", "fill"] = "refuse"
    """A bar has no mark price; filling takes the last traded price."""
    funding_missing: Literal["refuse", "accept", "fill"] = "refuse"
    """A settlement is missing; filling repeats the rate before it, accepting pays nothing."""
