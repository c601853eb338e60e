"""A fake venue to practise on: keys that its real form takes, and misfortunes by name."""

from decimal import Decimal

import pytest

from tradewind.errors import ConfigError
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.practice import plan_of, practice_account, told_plan
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
    assert {strike.fault for strike in drawn.plan} == {"F02", "F13"}
    said = plan_of(("F02@30",), 3, 1_000)
    assert [(strike.fault, strike.at_ns) for strike in said.plan] == [("F02", 30_000_001_000)]
    assert len({strike.fault for strike in plan_of(("swarm",), 5, 0).plan}) > 3


@pytest.mark.parametrize("seed", range(1, 9))
def test_somebody_who_watches_sees_what_goes_wrong(seed):
    """A name alone strikes within a minute, and everything that says no second within the half hour."""
    start_ns = 1_700_000_000 * SECOND_NS
    named = plan_of(("F02", "F13"), seed, start_ns).plan
    firsts = [min(each.at_ns for each in named if each.fault == name) for name in ("F02", "F13")]
    assert all(start_ns <= at_ns < start_ns + MINUTE_NS for at_ns in firsts)
    assert len(set(firsts)) == 2
    swarm = plan_of(("swarm",), seed, start_ns).plan
    assert start_ns <= swarm[0].at_ns < start_ns + 10 * MINUTE_NS
    assert swarm[-1].at_ns > start_ns + 10 * MINUTE_NS
    short, both = (plan_of(("swarm", *also), seed, start_ns, MINUTE_NS) for also in ((), ("F02",)))
    assert max(each.end_ns for each in (*named, *swarm)) <= start_ns + 30 * MINUTE_NS
    assert short.end_ns <= start_ns + MINUTE_NS
    assert both.plan[0].at_ns < start_ns + MINUTE_NS
    assert "F02" in {each.fault for each in both.plan}


def test_numbers_of_a_fault_are_said_behind_it():
    (strike,) = plan_of(("F22@30:retry_s=60:for=20:times=3",), 3, 0).plan
    assert (strike.at_ns, strike.duration_ns, strike.count) == (30 * SECOND_NS, 20 * SECOND_NS, 3)
    assert strike.args == {"retry_s": 60.0}
    drawn = plan_of(("F23:retry_s=7", "swarm"), 3, 0).plan
    assert {strike.args["retry_s"] for strike in drawn if strike.fault == "F23"} <= {7.0}
    only = plan_of(("F23:retry_s=7",), 3, 0).plan
    assert {strike.args["retry_s"] for strike in only} == {7.0}
    (once,) = plan_of(("F48@1:times=9:notional=500",), 3, 0).plan
    assert (once.count, once.args["notional"]) == (1, 500.0)


def test_what_was_drawn_is_told_in_the_order_in_which_it_strikes():
    plan = plan_of(("swarm", "F22@5:for=20:times=3"), 5, 1_700_000_000 * SECOND_NS)
    rows = told_plan(plan)
    assert len(rows) == len(plan.plan)
    assert [at for at, *_ in rows] == sorted(at for at, *_ in rows)
    (said,) = [row for row in rows if row[0] == "2023-11-14T22:13:25Z"]
    assert said[1:] == ("F22", "429 with Retry-After (retry_s 5), for 20 s, 3 times")
    assert told_plan(plan_of(("swarm",), 5, 0)) == told_plan(plan_of(("swarm",), 5, 0))


@pytest.mark.parametrize(
    "text",
    [
        *("F999", "nonsense", "F02@", "F02@soon", "F75", "f02", "swarm:for=2", "F22:retry_s", "F22:share=1"),
        *("F22@3:retry_s=soon", "F22@3:for=0", "F22@3:times=-1", "F22@3:retry_s=nan", "F22@3:"),
        *(
            "F02@\u00b2",
            "F02@99999999999999999999",
            "F22:for=1e308",
            "F22:for=1e-12",
            "F22:times=0.5",
            "F22:retry_s=1e308",
        ),
    ],
)
def test_what_is_no_fault_of_a_venue_is_told(text):
    with pytest.raises(ConfigError) as caught:
        plan_of((text,), 1, 0)
    assert caught.value.code == "CONFIG_CHOICE"
