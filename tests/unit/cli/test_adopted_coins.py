"""How many coins are a session's: somebody says it, and what cannot be meant is refused before anything is changed."""

import pytest

from tradewind.cli.adopted_coins import CoinsHeld, given_lots
from tradewind.engine.world import atoms_of
from tradewind.errors import UsageError
from tradewind.testing.traded_rules import traded

RULES = traded("bybit_spot")[0]
LOT = atoms_of(RULES)
"""Lots of the core in the venue's least order."""
HELD = {2: CoinsHeld("BTC-USDT", RULES, 700 * LOT + 3), 4: CoinsHeld("ETH-USDT", RULES, LOT - 1)}


def amount(lots):
    return HELD[2].amount(lots)


@pytest.mark.parametrize(
    ("lots", "external"), [(700 * LOT + 3, "halt"), (20 * LOT + 5, "ignore"), (LOT, "halt"), (700 * LOT, "adopt")]
)  # fmt: skip
def test_so_many_are_given_as_are_said(lots, external):
    assert given_lots((f"BTC-USDT={amount(lots)}",), {2: 0, 7: 1}, HELD, external) == {2: lots}


def test_nobody_has_to_say_how_many_contracts_or_how_much_dust():
    assert given_lots((), {4: 0, 7: 1}, HELD, "halt") == {}
    assert given_lots((), {}, HELD, "adopt") == {}


@pytest.mark.parametrize(
    ("said", "external", "words"),
    [
        ((), "halt", "nothing tells how many"),
        (("BTC-USDT",), "halt", "no number"),
        (("BTC-USDT=-1",), "halt", "no number"),
        (("BTC-USDT=nan",), "halt", "no number"),
        (("BTC-USDT=1e30",), "halt", "no number"),
        (("ETH-USDC=1",), "halt", "no coin"),
        ((f"BTC-USDT={amount(LOT)}", f"BTC-USDT={amount(LOT)}"), "halt", "second time"),
        ((f"BTC-USDT={amount(700 * LOT + 4)}",), "halt", "and no more"),
        ((f"BTC-USDT={amount(LOT - 1)}",), "halt", "fewer than the venue's least order"),
        ((f"BTC-USDT={amount(20 * LOT)}",), "adopt", "would become the session's too"),
    ],
)
def test_what_cannot_be_meant_is_refused(said, external, words):
    with pytest.raises(UsageError, match=words) as refused:
        given_lots(said, {2: 0}, HELD, external)
    assert refused.value.code == "USAGE"


def test_who_gives_coins_is_told_what_there_is_and_what_to_say():
    with pytest.raises(UsageError) as refused:
        given_lots((), {2: 0}, HELD, "halt")
    assert refused.value.where == "BTC-USDT"
    assert f"there are {amount(700 * LOT + 3)} BTC" in refused.value.message
    assert f"--qty BTC-USDT={amount(700 * LOT + 3)}" in refused.value.hint


def test_what_is_not_given_is_not_counted():
    with pytest.raises(UsageError, match="no coin that is held and given"):
        given_lots((f"BTC-USDT={amount(LOT)}",), {}, HELD, "halt")
