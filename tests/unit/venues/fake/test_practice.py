"""A fake venue to practise on: keys that its real form takes, and misfortunes by name."""

from decimal import Decimal

import pytest

from tradewind.errors import ConfigError
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.practice import plan_of, practice_account
from tradewind.venues.keys import check_form


@pytest.mark.parametrize("venue", FAKE_VENUES)
def test_keys_have_the_form_of_the_venue_and_are_always_the_same(venue):
    account = practice_account(venue, Decimal(1))
    parts = {"api_key": account.api_key, "secret": account.secret}
    check_form(venue, parts | ({"passphrase": account.passphrase} if account.passphrase else {}))
    assert practice_account(venue, Decimal(1)) == account


def test_good_fortune_is_no_plan():
    assert plan_of((), 1, 0) is None


def test_faults_strike_now_and_then_or_when_it_is_said():
    drawn = plan_of(("F02", "F13"), 3, 1_000)
    assert {strike.fault for strike in drawn.plan} <= {"F02", "F13"}
    assert drawn.plan
    said = plan_of(("F02@30",), 3, 1_000)
    assert [(strike.fault, strike.at_ns) for strike in said.plan] == [("F02", 30_000_001_000)]
    assert len({strike.fault for strike in plan_of(("swarm",), 5, 0).plan}) > 3


@pytest.mark.parametrize("text", ["F999", "nonsense", "F02@", "F02@soon", "F75", "f02"])
def test_what_is_no_fault_of_a_venue_is_told(text):
    with pytest.raises(ConfigError) as caught:
        plan_of((text,), 1, 0)
    assert caught.value.code == "CONFIG_CHOICE"
