"""Parameters: what may be declared, what may be given, and how they reach the compiled strategy."""

import math

import numpy as np
import pytest

from tradewind.errors import StrategyError
from tradewind.strategies import Choice, Flag, Number, Whole
from tradewind.strategies.declare import pack_params, resolve_params
from tradewind.units.records import PARAMS

DECLARED = {
    "fast": Whole(20, 2, 500),
    "size": Number(10.0, 0.1, 100.0),
    "mode": Choice("calm", ("wild", "calm")),
    "both": Flag(True),
}


def test_what_is_not_given_has_its_default():
    assert resolve_params("x", DECLARED, {}) == {"fast": 20, "size": 10.0, "mode": 1, "both": 1}


def test_given_values_are_numbers_words_and_truths():
    given = {"fast": 500, "size": 1, "mode": "wild", "both": False}
    assert resolve_params("x", DECLARED, given) == {"fast": 500, "size": 1.0, "mode": 0, "both": 0}
    assert resolve_params("x", DECLARED, {"fast": np.int64(7), "size": np.float64(2.5)})["fast"] == 7


@pytest.mark.parametrize(
    ("given", "code", "sentence"),
    [
        ({"fats": 1}, "CONFIG_UNKNOWN_KEY", "unknown parameter 'fats' of x. Did you mean 'fast'?"),
        ({"fast": 1}, "PARAM_RANGE", "fast is 1"),
        ({"fast": 501}, "PARAM_RANGE", "fast is 501"),
        ({"size": 0.09}, "PARAM_RANGE", "size is 0.09"),
        ({"fast": 2.5}, "CONFIG_TYPE", "fast is a whole number, not 2.5"),
        ({"fast": 20.0}, "CONFIG_TYPE", "fast is a whole number, not 20.0"),
        ({"fast": np.float64(20)}, "CONFIG_TYPE", "fast is a whole number, not np.float64(20.0)"),
        ({"fast": True}, "CONFIG_TYPE", "fast is a number, not True"),
        ({"fast": "20"}, "CONFIG_TYPE", "fast is a number, not '20'"),
        ({"fast": None}, "CONFIG_TYPE", "fast is a number, not None"),
        ({"size": math.nan}, "CONFIG_NOT_FINITE", "size is nan"),
        ({"size": math.inf}, "CONFIG_NOT_FINITE", "size is inf"),
        ({"mode": "calmer"}, "CONFIG_CHOICE", "params.mode is 'calmer'"),
        ({"mode": 1}, "CONFIG_CHOICE", "params.mode is 1"),
        ({"both": 1}, "CONFIG_TYPE", "params.both is true or false, not 1"),
    ],
)
def test_what_may_not_be_given_says_why(given, code, sentence):
    with pytest.raises(StrategyError) as caught:
        resolve_params("x", DECLARED, given)
    assert (caught.value.code, caught.value.message) == (code, sentence)
    assert caught.value.key == f"params.{next(iter(given))}"


def test_an_unknown_parameter_lists_the_known_ones_with_their_ranges():
    with pytest.raises(StrategyError) as caught:
        resolve_params("x", DECLARED, {"nothing_like_it": 1})
    assert caught.value.known == ("fast (2..500)", "size (0.1..100)", "mode (wild|calm)", "both (true|false)")


def test_every_mistake_is_told_at_once():
    with pytest.raises(StrategyError) as caught:
        resolve_params("x", DECLARED, {"fast": 1, "size": "a", "other": 2})
    assert len(caught.value.also) == 2


def test_whole_numbers_travel_as_their_bits():
    vector = pack_params(DECLARED, resolve_params("x", DECLARED, {"fast": 21, "size": 2.5}))
    assert vector.shape == (PARAMS,)
    assert vector.view(np.int64)[[0, 2, 3]].tolist() == [21, 1, 1]
    assert vector[1] == 2.5
    assert not vector.view(np.int64)[4:].any()


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Whole(1, 2, 3),
        lambda: Whole(2, 3, 1),
        lambda: Whole(True, 0, 1),
        lambda: Number(math.nan, 0.0, 1.0),
        lambda: Number(0.5, 0.0, math.inf),
        lambda: Number("1", 0.0, 1.0),
        lambda: Choice("c", ("a", "b")),
    ],
)
def test_a_range_must_hold_its_default(declare):
    with pytest.raises((ValueError, TypeError)):
        declare()


def test_a_value_is_shown_as_it_is_written():
    shown = [DECLARED[name].shown(value) for name, value in resolve_params("x", DECLARED, {}).items()]
    assert shown == [20, 10.0, "calm", True]
