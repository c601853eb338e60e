"""Client ids: which session's order it is, in signs that every venue takes, and no stranger's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.client_ids import FORMS, ClientIds, Decoded, tag_in

CIDS = st.integers(1, (1 << 63) - 1)
TAGS = st.text("0123456789ABCXYZabcxyz", min_size=6, max_size=6)


@given(TAGS, CIDS, st.sampled_from(FORMS))
def test_an_id_comes_back_as_it_was_in_each_form(tag, cid, form):
    text = ClientIds(tag, form).encode(cid)
    assert ClientIds(tag).decode(text) == Decoded(tag, cid)
    assert tag_in(text) == tag


@given(TAGS, CIDS, st.integers(2, 33), st.sampled_from("0123456789abcdef"))
def test_one_wrong_digit_of_a_number_makes_a_stranger_of_it(tag, cid, place, digit):
    text = ClientIds(tag, "0x").encode(cid)
    wrong = text[:place] + digit + text[place + 1 :]
    assert (ClientIds(tag).decode(wrong) is None) == (wrong != text)


@pytest.mark.parametrize(
    "text", ["0x", "0x1", f"0x{5:032x}", f"0x{'f' * 32}", f"0x{'g' * 32}", f"0x{'7' * 33}", "t-", "t-x"]
)
def test_a_strangers_number_is_nobodys(text):
    assert ClientIds("abc123").decode(text) is None


def test_a_form_that_nobody_knows_is_refused():
    with pytest.raises(ValueError):
        ClientIds("abc123", "x-")


@pytest.mark.parametrize("venue", sorted(DIALECTS))
@pytest.mark.parametrize("cid", [1, 255 | 4095 << 8, 7 << 20 | 5, (1 << 62) + 11, (1 << 63) - 1])
def test_every_venue_takes_every_id(venue, cid):
    dialect = DIALECTS[venue]
    text = ClientIds("Zz09aA", dialect.client_id_form).encode(cid)
    assert re.fullmatch(f"[A-Za-z0-9{re.escape(dialect.client_id_signs)}]+", text)
    assert len(text) <= dialect.client_id_length


def test_the_same_order_has_the_same_id_always():
    assert ClientIds("abc123").encode(1 << 20 | 1) == "twabc1234OmXV"


@given(TAGS, CIDS, st.data())
def test_one_wrong_sign_makes_a_stranger_of_it(tag, cid, data):
    text = ClientIds(tag).encode(cid)
    place = data.draw(st.integers(2, len(text) - 1))
    other = data.draw(st.sampled_from([sign for sign in "0189AZaz" if sign != text[place]]))
    assert ClientIds(tag).decode(text[:place] + other + text[place + 1 :]) != Decoded(tag, cid)


@pytest.mark.parametrize(
    "text",
    [None, "", 5, "tw", "twabc123", "x-cvBPrNm9abcdef", "autoclose-1234", "adl_autoclose", "android_x1"],
)
def test_a_strangers_id_is_nobodys(text):
    assert ClientIds("abc123").decode(text) is None
    assert ClientIds("abc123").cid_of(text) == 0


def test_another_sessions_order_is_not_of_this_one():
    text = ClientIds("abc124").encode(99)
    assert ClientIds("abc123").decode(text) == Decoded("abc124", 99)
    assert ClientIds("abc123").cid_of(text) == 0


@pytest.mark.parametrize("tag", ["", "abc12", "abc1234", "abc-12", "äbc123"])
def test_a_tag_that_a_venue_would_refuse_is_refused_first(tag):
    with pytest.raises(ValueError):
        ClientIds(tag)


@pytest.mark.parametrize("cid", [0, -1, 1 << 63])
def test_an_id_that_is_none_is_not_written(cid):
    with pytest.raises(ValueError):
        ClientIds("abc123").encode(cid)
