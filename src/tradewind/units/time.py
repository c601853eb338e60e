"""Times and intervals: nanoseconds since 1970 UTC, and the words people use for them. Reads no clock."""

import re
from datetime import UTC, datetime, timedelta

__all__ = [
    "DAY_NS",
    "HOUR_NS",
    "INTERVALS",
    "MINUTE_NS",
    "MONDAY_NS",
    "SECOND_NS",
    "TIMEFRAME",
    "WEEK_NS",
    "format_interval",
    "format_utc",
    "parse_interval",
    "parse_timeframe",
    "parse_utc",
]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS
MONDAY_NS = 4 * DAY_NS
"""The first Monday after 1970-01-01, where weeks begin; everything shorter is counted from that day."""

_UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": WEEK_NS}
INTERVALS = (
    *("1s", "1m", "2m", "3m", "4m", "5m", "6m", "10m", "12m", "15m", "20m", "30m"),
    *("1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "1w"),
)
"""Every interval in which bars are stored, each a divisor of a day or whole days."""
TIMEFRAME = r"[1-9][0-9]{0,6}[smhdw]"
"""The form of a length of bars, as a regular expression."""
_LONGEST_NS = 52 * WEEK_NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_interval(text: str) -> int:
    """Return the nanoseconds of "1m", "4h", "1d", ...; ValueError if it is not one of INTERVALS."""
    if text not in INTERVALS:
        raise ValueError(f"{text!r} is not a bar interval; known: {', '.join(INTERVALS)}")
    return parse_timeframe(text)


def parse_timeframe(text: str) -> int:
    """Return the nanoseconds of any whole number of a unit; ValueError for what is none, or longer than 52 weeks.

    Bars can be put together to any length; which ones can be had follows from the bars that are stored.
    """
    length_ns = int(text[:-1]) * _UNITS[text[-1]] if re.fullmatch(TIMEFRAME, text) else 0
    if not 0 < length_ns <= _LONGEST_NS:
        raise ValueError(
            f"{text[:40]!r} is no length of a bar; write a whole number and s, m, h, d or w, such as 45m"
        )
    return length_ns


def format_interval(interval_ns: int) -> str:
    """Return the shortest word for an interval: 60 s is "1m"; ValueError if it is no whole number of seconds."""
    for unit in ("w", "d", "h", "m", "s"):
        if interval_ns % _UNITS[unit] == 0 and interval_ns > 0:
            return f"{interval_ns // _UNITS[unit]}{unit}"
    raise ValueError(f"{interval_ns} ns is no whole number of seconds")


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?")


def parse_utc(text: str) -> int:
    """Return nanoseconds of an ISO date or date-time; a bare date is UTC midnight, a time without zone is UTC.

    Raises ValueError for anything else, 2024-02-30 included.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is no date like 2024-01-31 or 2024-01-31T08:00:00Z")
    whole, _, rest = text.partition(".")
    digits = re.match(r"\d*", rest)
    fraction = digits.group() if digits else ""
    moment = datetime.fromisoformat(whole + rest[len(fraction) :])
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000 + int((fraction + "000000000")[:9])


def format_utc(ts_ns: int) -> str:
    """Return an ISO time in UTC, as short as it can be without losing anything."""
    seconds, rest = divmod(ts_ns, SECOND_NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    if rest:
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}".rstrip("0") + "Z"
    if seconds % 86400:
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return f"{moment:%Y-%m-%d}"
