"""Client order ids: what they carry, and how venues see them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.units.ids import (
    CONTEXTS_MAX,
    SLOTS_MAX,
    client_id,
    context_of,
    counter_of,
    parse_client_id,
    slot_of,
    wire_id,
)

counters = st.integers(0, (1 << 43) - 1)
contexts = st.integers(0, CONTEXTS_MAX - 1)
slots = st.integers(0, SLOTS_MAX - 1)
epochs = st.integers(0, 36**6 - 1)


@given(counters, contexts, slots)
def test_an_id_carries_its_place(counter, context, slot):
    cid = client_id(counter, context, slot)
    assert (counter_of(cid), context_of(cid), slot_of(cid)) == (counter, context, slot)


@given(counters, contexts, slots, epochs, st.from_regex(r"\A[A-Za-z0-9]{1,8}\Z"))
def test_an_id_on_the_wire_is_short_alphanumeric_and_comes_back(counter, context, slot, epoch, prefix):
    cid = client_id(counter, context, slot)
    text = wire_id(prefix, epoch, cid)
    assert len(text) <= 32
    assert text.isascii()
    assert text.isalnum()
    assert parse_client_id(text, prefix) == (epoch, cid)


@given(st.tuples(counters, contexts, slots, epochs), st.tuples(counters, contexts, slots, epochs))
def test_two_orders_never_share_an_id(one, other):
    texts = [wire_id("tw", each[3], client_id(*each[:3])) for each in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "twelve", "x" * 19, "tw" + "0" * 18, "tw" + "0" * 20, "tw" + "Z" * 19, "tw" + "_" * 19],
)
def test_an_id_of_somebody_else_is_nobody_s(text):
    assert parse_client_id(text, "tw") is None


@pytest.mark.parametrize("prefix", ["", "ninechars", "a-b", "ä", "a b"])
def test_a_prefix_that_a_venue_might_refuse_is_refused(prefix):
    with pytest.raises(ValueError, match="1 to 8 letters or digits"):
        wire_id(prefix, 0, 0)


@pytest.mark.parametrize(("epoch", "cid"), [(-1, 0), (36**6, 0), (0, -1), (0, 36**13)])
def test_a_number_that_does_not_fit_is_refused(epoch, cid):
    with pytest.raises(ValueError, match="does not fit"):
        wire_id("tw", epoch, cid)
