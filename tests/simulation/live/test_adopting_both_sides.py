"""Adopting an account in hedge mode that holds both sides of one symbol, in virtual time, at each of the four."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.journal import Identity, verify_journal
from tradewind.journal.bodies import Audit, Boot
from tradewind.live.accounts import AccountTerms
from tradewind.live.adopting import Adopted, AdoptedAccount, Adoption, begin_journal
from tradewind.live.opening import Place
from tradewind.live.reconcile import Policy
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.steady import steady
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import Halt
from tradewind.units.records import PARAMS
from tradewind.venues.ccxt.orders import AccountModes
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.orders import Placement
from tradewind.venues.gateway import Listing
from tradewind.venues.keys import AccountKeys, Secret

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")
FOLDER = Path("/journal/live")
LONG_LOTS, SHORT_LOTS = 40, 20


def hedged_world(rules):
    """Return a world of one strategy on an instrument of which both sides may be held."""
    params = np.zeros(PARAMS)
    params[0] = 40.0
    setup = InstrumentSetup(rules, leverage=5.0, hedge=True, highest_price=1e7)
    return World([WalletSetup("USDT", 0.0)], [setup], [StrategySetup(steady, [0], params)])


async def hold_both_sides(account, rules):
    """Take both sides at the venue; return how many lots of the core a unit there is."""
    account.set_hedge(True)
    unit = max(rules.min_qty, rules.lot_size)
    for side, position_side, lots in (("buy", "long", LONG_LOTS), ("sell", "short", SHORT_LOTS)):
        account.place(Placement(rules.symbol, side, "market", lots * unit, position_side=position_side))
    return int(unit / rules.lot_size)


def adopted(venue, policy):
    """Adopt the account; return what its world is then, the alerts, and that of a replay."""
    disk, alerts = SimulatedDisk(), []

    async def happen(world):
        rules = next(iter(world.exchanges[venue].instruments.values()))
        unit, login = await hold_both_sides(world.account(venue), rules), world.logins["main"]
        keys = AccountKeys(
            "main", venue, False, Secret(login.api_key), Secret(login.secret), Secret(login.passphrase)
        )
        gateway = CcxtTradingGateway(
            TradingSettings(venue, "SECND2", modes=AccountModes(hedge=True)), [Listing(0, rules)], world.session(),
            keys, now_ns=world.loop.local_ns, chance=random.Random(1),
        )  # fmt: skip
        terms = AccountTerms(venue, frozenset({0}), {"USDT": 0}, hedge=True)
        adoption = Adoption([AdoptedAccount(terms, gateway)], "SECND2", world.loop.local_ns)
        await adoption.look()
        await adoption.end_earlier(frozenset())
        place = Place(disk, FOLDER, Identity("live", (venue,)), world.loop.local_ns, "test")
        boot = Boot(1, "test", "code", "config", "data", "", [], [], [(0, 0)], 0)
        core, done = hedged_world(rules), Audit(world.loop.now_ns(), "amy", "adopted", {})
        what = Adopted(place, boot, core, policy, lambda: done)
        await begin_journal(adoption, what, world.loop.local_ns, alerts.append)
        await adoption.close()
        return core, hedged_world(rules), unit

    with dropping_the_dead():
        core, fresh, unit = run_world(happen, seed=1, venues=(venue,))
    assert verify_journal(disk, FOLDER).verdict == "whole"
    assert replay_journal(FOLDER, fresh, disk).state_hash == core.state_hash()
    return core, alerts, unit


@pytest.mark.parametrize("venue", VENUES)
def test_both_sides_of_a_symbol_are_given_each_for_itself(venue):
    core, alerts, unit = adopted(venue, Policy(given={0: 0}))
    held = core.contexts["working"]["holding"]["pos_lot"][0].tolist()
    assert held == [LONG_LOTS * unit, SHORT_LOTS * unit]
    assert core.views["external_lot"][0].tolist() == [0, 0]
    assert not int(core.accounts["halts"][0]) & Halt.EXTERNAL
    assert "UNEXPLAINED" not in {alert.code for alert in alerts}


def test_both_sides_that_nobody_is_given_stay_others_and_halt_openers():
    core, _, unit = adopted("okx_swap", Policy())
    assert core.contexts["working"]["holding"]["pos_lot"][0].tolist() == [0, 0]
    assert core.views["external_lot"][0].tolist() == [LONG_LOTS * unit, SHORT_LOTS * unit]
    assert int(core.accounts["halts"][0]) & Halt.EXTERNAL
