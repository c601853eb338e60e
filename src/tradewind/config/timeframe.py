"""Lengths of bars as settings write them: 1m, 45m, 7m, 4h, 3d, 2w.

Any whole number of a unit is a length: which ones can be had follows from the bars that are stored. Bars begin
at multiples of their length since 1970-01-01, whole weeks on Mondays (UTC).
"""

import re

from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, WEEK_NS

__all__ = ["TIMEFRAME", "parse_timeframe"]

TIMEFRAME = r"[1-9][0-9]{0,6}[smhdw]"
"""The form of a length, as a regular expression."""
_UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": WEEK_NS}
_LONGEST_NS = 52 * WEEK_NS


def parse_timeframe(text: str) -> int:
    """Return the nanoseconds of a length; ValueError for what is none, or longer than 52 weeks."""
    length_ns = int(text[:-1]) * _UNITS[text[-1]] if re.fullmatch(TIMEFRAME, text) else 0
    if not 0 < length_ns <= _LONGEST_NS:
        raise ValueError(
            f"{text[:40]!r} is no length of a bar; write a whole number and s, m, h, d or w, such as 45m"
        )
    return length_ns
