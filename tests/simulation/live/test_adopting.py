"""Adopting what venues hold where the journal is lost, in virtual time, at each of the four."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tradewind.errors import SafetyRefusal
from tradewind.journal import Identity, JournalReader, RecordKind, verify_journal
from tradewind.journal.bodies import Audit, Boot, decode_audit
from tradewind.live.accounts import AccountTerms
from tradewind.live.adopting import Adopted, AdoptedAccount, Adoption, begin_journal
from tradewind.live.opening import Place
from tradewind.live.reconcile import Policy
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.steady import steady_world
from tradewind.testing.venue_live import FOLDER, VenueLife
from tradewind.testing.virtual_venues import START_NS, run_world
from tradewind.units.enums import LONG, Halt
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.client_ids import tag_in
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.gateway import Listing
from tradewind.venues.keys import AccountKeys, Secret

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")
FIRST, SECOND, THIRD = "FIRST1", "SECND2", "THIRD3"
AMY = "amy (process 7)"


@dataclass
class Scene:
    """One account at one venue, and what is left of its sessions."""

    venue: str
    alerts: list = field(default_factory=list)
    steps: list = field(default_factory=list)

    def life(self, tag, minutes, disk, **more):
        terms = {"earlier": frozenset({FIRST, SECOND} - {tag})} if tag != FIRST else {}
        return VenueLife(
            self.venue, minutes, make_world=steady_world, tag=tag, disk=disk, terms=terms, **more
        )

    def adoption(self, world, tag):
        """Return an adoption of the account, which is not begun."""
        self.rules = next(iter(world.exchanges[self.venue].instruments.values()))
        login = world.logins["main"]
        keys = AccountKeys(
            "main", self.venue, False, Secret(login.api_key), Secret(login.secret), Secret(login.passphrase)
        )
        gateway = CcxtTradingGateway(
            TradingSettings(self.venue, tag), [Listing(0, self.rules)], world.session(), keys,
            now_ns=world.loop.local_ns, chance=random.Random(1),
        )  # fmt: skip
        account = AdoptedAccount(AccountTerms("main", frozenset({0}), {"USDT": 0}), gateway)
        return Adoption([account], tag, world.loop.local_ns, self.steps.append)

    def new_world(self):
        return steady_world(self.rules, 1, amends=dialect_of(self.venue).amend is not None)

    async def begin(self, world, adoption, disk, **policy):
        """Begin the journal of an adoption that is read to its end."""
        boot = Boot(1, "test", "code", "config", "data", "", [], [], [(0, 0)], 0)
        place = Place(disk, FOLDER, Identity("live", (self.venue,)), world.loop.local_ns, "test")
        audits = [Audit(world.loop.now_ns(), AMY, what, {}) for what in ("adopt", "adopted")]
        what = Adopted(place, boot, self.new_world(), Policy(**policy), audits[0], lambda: audits[1])
        await begin_journal(adoption, what, world.loop.local_ns, self.alerts.append)

    async def adopt(self, world, tag, disk, **policy):
        """Adopt the account whole, as if somebody had said that it is meant."""
        adoption = self.adoption(world, tag)
        try:
            await adoption.look()
            await adoption.watch(10.0)
            await adoption.end_earlier(frozenset(adoption.earlier))
            await self.begin(world, adoption, disk, **policy)
        finally:
            await adoption.close()
        return adoption

    def orders(self, world):
        """Return the kind and the tag of every order that works at the venue."""
        working = world.account(self.venue).open_orders()
        return sorted((order.placement.kind, tag_of(world, order)) for order in working)


def tag_of(world, order):
    return tag_in(order.placement.client_id)


def played(venue, play, seed=1):
    """Let a coroutine function play a scene at a venue in virtual time; return the scene."""
    scene = Scene(venue)

    async def happen(world):
        world.loop.set_exception_handler(lambda loop, context: None)
        scene.first = scene.life(FIRST, 3.2, SimulatedDisk())
        await scene.first.live(world)
        return await play(scene, world)

    with dropping_the_dead():
        scene.result = run_world(happen, seed=seed, venues=(venue,))
    return scene


def stops(working):
    return [tag for kind, tag in working if kind != "limit"]


@pytest.mark.parametrize("venue", VENUES)
def test_a_lost_journal_is_followed_by_one_that_holds_what_the_venue_does(venue):
    """The position is the strategy's, bare at no moment; orders of before are gone in the end, and no id was used
    twice."""
    seen = {}

    async def play(scene, world):
        seen["before"] = scene.orders(world)
        disk = SimulatedDisk()
        await scene.adopt(world, SECOND, disk, given={0: 0})
        seen["adopted"] = scene.orders(world)
        scene.second = scene.life(SECOND, 8.2, disk)
        seen["bare"] = []
        watching = world.loop.create_task(watch_bare(scene, world, seen["bare"]))
        await scene.second.live(world)
        assert watching.done()
        seen["after"] = scene.orders(world)

    scene = played(venue, play)
    assert [tag for _, tag in seen["before"]] == [FIRST, FIRST]
    assert len(stops(seen["before"])) == 1
    assert [tag for _, tag in seen["adopted"]] == [FIRST]
    assert len(stops(seen["adopted"])) == 1
    assert {tag for _, tag in seen["after"]} == {SECOND}
    assert seen["bare"] == []
    assert not [alert for alert in scene.second.alerts if alert.code in ("UNEXPLAINED", "HALTED")]
    disk = scene.second.disk
    assert verify_journal(disk, FOLDER).verdict == "whole"
    assert replay_journal(FOLDER, scene.new_world(), disk).batches > 10


async def watch_bare(scene, world, bare):
    """Note every moment in which no stop protects the account, until those of the new epoch do it alone."""
    while (standing := stops(scene.orders(world))) != [SECOND]:
        if not standing:
            bare.append(world.loop.now_ns() - START_NS)
        await asyncio.sleep(0.05)
