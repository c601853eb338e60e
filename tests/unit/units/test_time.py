"""Times and intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.units.time import (
    DAY_NS,
    HOUR_NS,
    INTERVALS,
    MINUTE_NS,
    WEEK_NS,
    format_interval,
    format_utc,
    parse_interval,
    parse_utc,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", 0),
        ("2024-02-29", 1_709_164_800 * 10**9),
        ("2024-01-01T08:00:00Z", 1_704_096_000 * 10**9),
        ("2024-01-01 08:00", 1_704_096_000 * 10**9),
        ("2024-01-01T08:00:00+08:00", 1_704_067_200 * 10**9),
        ("2024-01-01T00:00:00.000000001Z", 1_704_067_200 * 10**9 + 1),
        ("2024-01-01T00:00:00.5Z", 1_704_067_200 * 10**9 + 500_000_000),
        ("1969-12-31T23:59:59Z", -(10**9)),
    ],
)
def test_a_date_is_utc_midnight_and_a_time_without_zone_is_utc(text, expected):
    assert parse_utc(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2024-13-01",
        "2024-1-1",
        "",
        "today",
        "2024-01-01T25:00",
        "20240101",
        "2024-01-01T00:00:00.1234567890Z",
    ],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError):
        parse_utc(text)


@given(st.integers(parse_utc("1970-01-01"), parse_utc("2200-01-01")))
def test_a_time_comes_back_from_its_text(ts_ns):
    assert parse_utc(format_utc(ts_ns)) == ts_ns


@pytest.mark.parametrize(
    ("ts_ns", "text"),
    [
        (0, "1970-01-01"),
        (HOUR_NS, "1970-01-01T01:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (500_000_000, "1970-01-01T00:00:00.5Z"),
    ],
)
def test_a_text_is_as_short_as_it_can_be(ts_ns, text):
    assert format_utc(ts_ns) == text


@pytest.mark.parametrize(
    ("text", "expected"), [("1m", MINUTE_NS), ("4h", 4 * HOUR_NS), ("1d", DAY_NS), ("1w", WEEK_NS)]
)
def test_an_interval_is_nanoseconds(text, expected):
    assert parse_interval(text) == expected


@pytest.mark.parametrize("text", ["7m", "0m", "", "1M", "m", "1 h", "25h"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(ValueError, match="is not a bar interval"):
        parse_interval(text)


@pytest.mark.parametrize("text", INTERVALS)
def test_every_interval_comes_back_from_its_length_and_divides_a_day_or_is_days(text):
    length = parse_interval(text)
    assert parse_interval(format_interval(length)) == length
    assert DAY_NS % length == 0 or length % DAY_NS == 0


def test_a_length_that_is_no_whole_seconds_has_no_word():
    for length in (0, -MINUTE_NS, 1):
        with pytest.raises(ValueError, match="whole number of seconds"):
            format_interval(length)
