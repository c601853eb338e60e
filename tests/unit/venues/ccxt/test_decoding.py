"""What reads a message in fewer steps says what the single steps say."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.decoding import Garbage, Grid, Near, place, places
from tradewind.venues.ccxt.dialect import fill_template, filled_in_part, nested
from tradewind.venues.ccxt.orders import step_of, text_of

S_NS = 1_000_000_000
GRID = Grid(0.1, 0.001, 1.0)


def told(near, admit):
    """Return what a price is refused for, "" where it is believed, and what is believed then."""
    try:
        admit(near)
    except Garbage as error:
        return error.reason, vars(near)
    return "", vars(near)


def one_by_one(high, low, now_ns):
    def admit(near):
        near.admit(high, now_ns)
        near.admit(low, now_ns)

    return admit


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=80))
def test_both_ends_of_a_bar_are_believed_as_one_after_the_other(bars):
    together, apart = Near(), Near()
    for minute, ends in enumerate(bars):
        high, low, now_ns = max(ends), min(ends), minute * 60 * S_NS
        found = told(together, lambda near: near.admit_both(high, low, now_ns))  # noqa: B023 - called here
        assert found == told(apart, one_by_one(high, low, now_ns))


@pytest.mark.parametrize(
    ("paths", "row"),
    [
        (("s", "i", "t"), {"s": "A", "i": "1m", "t": 5}),
        (("^topic~([a-z]+)", "i", "t", "o"), {"i": "1m", "t": 5, "o": "7"}),
        (("i", "^topic~([a-z]+)", "t", "o"), {"i": "1m", "t": 5, "o": "7"}),
        (("^arg.id", "0", "1"), ["5", "7"]),
        (("s", "^arg.id"), {"s": "A"}),
        (("s", "i", "t"), {"s": "A", "t": 5}),
        (("^arg.id", "0", "1"), ["5"]),
        (("s", "i"), None),
    ],
)
def test_several_values_are_found_where_each_stands(paths, row):
    message = {"topic": "candle5", "arg": {"id": "B"}}
    assert list(places(paths)(message, row)) == [place(path)(message, row) for path in paths]


@given(
    st.integers(0, 10**14),
    st.sampled_from(["0.1", "0.001", "1", "5", "0.25", "1E+2", "10", "0.00000001", "1E-8", "0.10", "0.5000"]),
)
def test_steps_are_written_as_the_exact_decimal_that_they_are(count, size):
    exact = format(count * Decimal(size), "f")
    exact = exact.rstrip("0").rstrip(".") if "." in exact else exact
    assert text_of(count, step_of(Decimal(size))) == exact


PRICES = st.one_of(
    st.integers(1, 10**6).map(lambda tick: f"{tick / 10:.1f}"),
    st.integers(1, 10**6).map(lambda tick: tick / 10),
    st.sampled_from(
        [1, 0, True, False, None, "", "x", "nan", "inf", "-1.0", "0.05", "1e-9", 2.0**60, 10**400, []]
    ),
)


@given(st.lists(PRICES, min_size=1, max_size=4))
def test_prices_read_at_once_are_those_read_one_by_one(values):
    def told(read):
        try:
            return read()
        except Garbage as error:
            return error.reason

    assert told(lambda: GRID.price_ticks(values)) == told(lambda: [GRID.price_tick(v) for v in values])


@pytest.mark.parametrize(
    "value", [True, False, None, "", "x", "nan", "inf", "-1", -0.001, [], {}, 10**400, "1e300"]
)
def test_what_is_no_quantity_is_refused(value):
    with pytest.raises(Garbage, match="qty"):
        GRID.qty_lot(value)


@pytest.mark.parametrize(
    ("value", "lots"), [("0", 0), ("0.0014", 1), (2, 2000), (0.5, 500), ("12.345", 12345)]
)
def test_a_quantity_becomes_whole_lots(value, lots):
    assert GRID.qty_lot(value) == lots


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_a_template_that_is_filled_in_two_parts_is_filled_like_any_other(venue):
    calls = DIALECTS[venue].create.values()
    assert calls
    for call in calls:
        names = [word[1:] for word in call.fields.values() if isinstance(word, str) and word.startswith("$")]
        for later, absent in itertools.product(names, (None, *names)):
            values = {name: None if name == absent else f"the {name}" for name in names}
            known = {name: value for name, value in values.items() if name != later}
            made, missing = filled_in_part(call.fields, known)
            assert {value for _, value in missing} == {later}
            made.update((name, values[value]) for name, value in missing)
            whole = {name: value for name, value in made.items() if value is not None}
            assert list(nested(whole).items()) == list(fill_template(call.fields, values).items())
