"""Several accounts at several venues in one session, three strategies on them, live and on paper, through faults."""

from __future__ import annotations

import pytest

from tradewind.testing.fleets import fleet
from tradewind.testing.swarm import fleet_voyage
from tradewind.testing.venue_reach import Berth
from tradewind.testing.voyage import sail
from tradewind.testing.voyage_oracles import judged

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TWO = (Berth("bybit_linear"), Berth("okx_swap", "other", symbols=2))


def short(paper):
    return sail(fleet(TWO, paper=paper, minutes=4.0, calm_minutes=2.0, settle_s=60.0))


def objections(landfall):
    return {text[1] for text in judged(landfall)}


def ours(landfall, number, what):
    found = (e for e in landfall.entries_of(number) if e["what"] == what)
    return next(e for e in found if e["client_id"] and not e.get("reduce_only"))


@pytest.mark.parametrize("paper", [False, True])
def test_two_accounts_are_traded_at_once_and_judged_each(paper):
    """A fill that is hidden from the judge of either account is found out, and told by that account's name."""
    landfall = short(paper)
    assert {alert.code for alert in landfall.life.alerts} <= {"RECONCILED"}
    for number, name in enumerate(("main at bybit_linear: ", "other at okx_swap: ")):
        fills = [e for e in landfall.entries_of(number) if e["what"] == "fill"]
        assert len(fills) >= 5
        ours(landfall, number, "fill")["qty"] = "1000"
        told = judged(landfall)
        assert any(text.startswith("(a) " + name) for text in told), told
    shared = landfall.life.world.contexts["instrument"].tolist()
    assert len(set(shared)) < len(shared)


def test_an_order_at_another_account_is_found_out():
    landfall = short(paper=False)
    placed = ours(landfall, 0, "order")
    landfall.records["okx_swap"].append(
        {**placed, "account": "other", "symbol": "BTC-USDT-SWAP", "order_id": 1}
    )
    assert "b" in objections(landfall)


@pytest.mark.parametrize("seed", range(5))
def test_a_swarm_of_faults_at_several_venues(seed):
    """Even seeds trade live, odd ones on paper."""
    sail(fleet_voyage(seed, minutes=6.0, calm_minutes=4.0))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 3_000, 20))
def test_thousands_of_fleets(first):
    for seed in range(first, first + 20):
        sail(fleet_voyage(seed))
