"""Who is given what when accounts are adopted."""

import pytest

from tradewind.cli.adopting import given_contexts
from tradewind.errors import UsageError

CONTEXTS = {"BTC-USDT=steady": (0, 0), "BTC-USDT=grid": (2, 0), "ETH-USDT=steady": (1, 1)}


def test_a_position_is_given_to_a_strategy_that_trades_its_symbol():
    assert given_contexts((), CONTEXTS) == {}
    assert given_contexts(("ETH-USDT=steady", "BTC-USDT=grid"), CONTEXTS) == {1: 1, 0: 2}


@pytest.mark.parametrize("wish", ["ETH-USDT=grid", "BTC-USDT", "=", "BTC-USDT=", "steady=BTC-USDT"])
def test_what_nobody_trades_is_given_to_nobody(wish):
    with pytest.raises(UsageError) as refused:
        given_contexts((wish,), CONTEXTS)
    assert (refused.value.code, refused.value.where) == ("USAGE", "--give")
    assert list(refused.value.known) == list(CONTEXTS)


def test_nothing_is_given_to_two():
    with pytest.raises(UsageError, match="a second time"):
        given_contexts(("BTC-USDT=steady", "BTC-USDT=grid"), CONTEXTS)
