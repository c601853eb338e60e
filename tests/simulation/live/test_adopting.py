"""Adopting what venues hold where the journal is lost, in virtual time, at each of the four."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.errors import SafetyRefusal
from tradewind.journal import Identity, JournalReader, RecordKind, verify_journal
from tradewind.journal.bodies import Audit, Boot, decode_audit
from tradewind.live.accounts import AccountTerms
from tradewind.live.adopting import Adopted, AdoptedAccount, Adoption, begin_journal, note_beginning
from tradewind.live.opening import Place
from tradewind.live.reconcile import Policy
from tradewind.live.replay import replay_journal
from tradewind.live.venue import LiveRules
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.steady import steady, steady_world
from tradewind.testing.venue_live import FOLDER, VenueLife
from tradewind.testing.virtual_venues import START_NS, run_world
from tradewind.units.enums import LONG, SHORT, Halt
from tradewind.units.records import PARAMS
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.client_ids import tag_in
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.orders import Placement
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
        return Adoption([self.account(world, tag)], tag, world.loop.local_ns, self.steps.append)

    def account(self, world, tag, number=0):
        """Return the account as number `number` of a session."""
        self.rules = next(iter(world.exchanges[self.venue].instruments.values()))
        login = world.logins["main"]
        keys = AccountKeys(
            "main", self.venue, False, Secret(login.api_key), Secret(login.secret), Secret(login.passphrase)
        )
        gateway = CcxtTradingGateway(
            TradingSettings(self.venue, tag), [Listing(number, self.rules)], world.session(), keys,
            now_ns=world.loop.local_ns, chance=random.Random(1),
        )  # fmt: skip
        return AdoptedAccount(AccountTerms(self.venue, frozenset({number}), {"USDT": number}), gateway)

    def new_world(self):
        return steady_world(self.rules, 1, amends=dialect_of(self.venue).amend is not None)

    async def begin(self, world, adoption, disk, **policy):
        """Begin the journal of an adoption that is read to its end."""
        boot = Boot(1, "test", "code", "config", "data", "", [], [], [(0, 0)], 0)
        place = Place(disk, FOLDER, Identity("live", (self.venue,)), world.loop.local_ns, "test")
        note_beginning(place, Audit(world.loop.now_ns(), AMY, "adopt", {}))
        done = Audit(world.loop.now_ns(), AMY, "adopted", {"steps": adoption.steps})
        what = Adopted(place, boot, self.new_world(), Policy(**policy), lambda: done)
        await begin_journal(adoption, what, world.loop.local_ns, self.alerts.append)

    async def adopt(self, world, tag, disk, **policy):
        """Adopt the account whole, as if somebody had said that it is meant."""
        adoption = self.adoption(world, tag)
        await adoption.look()
        await adoption.watch(1.0)
        await adoption.end_earlier(frozenset(adoption.earlier))
        await self.begin(world, adoption, disk, **policy)
        await adoption.close()  # Where it died before nothing of it runs any more.
        return adoption

    def orders(self, world):
        """Return the kind and the tag of every order that works at the venue."""
        working = world.account(self.venue).open_orders()
        return sorted((order.placement.kind, tag_of(world, order)) for order in working)


def tag_of(world, order):
    return tag_in(order.placement.client_id)


def played(venue, play, seed=1, scene=Scene):
    """Let a coroutine function play a scene at a venue in virtual time; return the scene."""
    scene = scene(venue)

    async def happen(world):
        world.loop.set_exception_handler(lambda loop, context: None)
        scene.world = world
        scene.first = scene.life(FIRST, 3.2, SimulatedDisk())
        await scene.first.live(world)
        return await play(scene, world)

    with dropping_the_dead():
        scene.result = run_world(happen, seed=seed, venues=(venue,))
        scene.world.forget()
        del scene.world  # Or else the dead would be heard when nobody drops them any more.
    return scene


def stops(working):
    return [tag for kind, tag in working if kind != "limit"]


def ids_placed(world, venue):
    """Return the id of every order that was placed at a venue, in order."""
    entries = world.exchanges[venue].record.entries
    return [
        e["client_id"] for e in entries if e["what"] == "order" and e["cause"] == "placed" and e["client_id"]
    ]


def held_lots(life):
    """Return what a session believes to hold itself, and what it counts as others', both long."""
    mine = int(life.world.contexts["working"]["holding"]["pos_lot"][0, LONG])
    return mine, int(life.world.views["external_lot"][0, LONG])


def acts_of(disk):
    """Return (who, what) of what is written down for people about adopting."""
    records = JournalReader(disk, FOLDER).of_kind(RecordKind.AUDIT)
    acts = [decode_audit(record) for record in records]
    return [(act.actor, act.what) for act in acts if act.what.startswith("adopt")]


def is_sound(scene, disk):
    """Say whether a journal is whole and replays to itself."""
    replayed = replay_journal(FOLDER, scene.new_world(), disk)
    return verify_journal(disk, FOLDER).verdict == "whole" and replayed.batches > 0


async def watch_bare(scene, world, last, bare):
    """Note every moment in which what is held has no stop, until those of the last epoch stand alone.

    Returns for how many seconds they stood beside others.
    """
    beside = 0
    while (standing := stops(scene.orders(world))) != [last]:
        held = any(position.qty for position in world.account(scene.venue).positions())
        if held and not standing:
            bare.append((world.loop.now_ns() - START_NS) / 1e9)
        beside += last in standing
        await asyncio.sleep(0.05)
    return beside * 0.05


@pytest.mark.parametrize("venue", VENUES)
def test_a_lost_journal_is_followed_by_one_that_holds_what_the_venue_does(venue):
    """The position is the strategy's and bare at no moment; orders of before are gone in the end, no id was used twice
    though the new epoch counts from one like the old, and the record says who did it."""
    seen = {"bare": []}

    async def play(scene, world):
        seen["before"] = scene.orders(world)
        watching = world.loop.create_task(watch_bare(scene, world, SECOND, seen["bare"]))
        disk = SimulatedDisk()
        await scene.adopt(world, SECOND, disk, given={0: 0})
        seen["adopted"] = scene.orders(world)
        assert is_sound(scene, disk)
        rules = LiveRules(warm_bars=2)
        scene.second = scene.life(SECOND, 8.2, disk, rules=rules)
        await scene.second.live(world)
        seen["beside_s"] = watching.result()
        seen["after"], seen["ids"] = scene.orders(world), ids_placed(world, venue)

    scene = played(venue, play)
    assert [tag for _, tag in seen["before"]] == [FIRST, FIRST]
    assert seen["adopted"] == [order for order in seen["before"] if order[0] != "limit"]
    assert len(seen["adopted"]) == 1
    assert {tag for _, tag in seen["after"]} == {SECOND}
    assert seen["bare"] == []
    assert seen["beside_s"] < 15.0
    assert len(seen["ids"]) == len(set(seen["ids"]))
    # The core counted from one again: the same ids in the core, others at the venue.
    cids = [{id_[8:-1] for id_ in seen["ids"] if tag_in(id_) == tag} for tag in (FIRST, SECOND)]
    assert cids[0] & cids[1]
    told = {alert.code for alert in (*scene.alerts, *scene.second.alerts)}
    assert not told & {"UNEXPLAINED", "HALTED", "ORDER_UNKNOWN", "PROTECTOR_MISSING"}
    assert acts_of(scene.second.disk) == [(AMY, "adopt"), (AMY, "adopted")]
    assert is_sound(scene, scene.second.disk)
    assert int(scene.second.world.accounts["peak"][0]) == pytest.approx(100_000 * 10**8, rel=0.01)


def test_what_nobody_is_given_halts_openers_and_keeps_its_stop():
    async def play(scene, world):
        disk = SimulatedDisk()
        await scene.adopt(world, SECOND, disk)
        scene.second = scene.life(SECOND, 6.2, disk)
        await scene.second.live(world)
        return scene.orders(world), ids_placed(world, "okx_swap")

    scene = played("okx_swap", play)
    working, placed = scene.result
    assert working == [("stop_market", FIRST)]
    assert {tag_in(id_) for id_ in placed} == {FIRST}
    assert held_lots(scene.second) == (0, 40)
    assert int(scene.second.world.accounts["halts"][0]) & Halt.EXTERNAL
    text = next(alert.text for alert in scene.alerts if alert.code == "UNEXPLAINED")
    assert "none of ours" in text
    assert "with them rest orders of nobody: stops 1, others 0" in text
    assert "tradewind session adopt" in text
    assert [seen.stop for seen, _ in scene.second.live_venue.others()] == [True]


def test_the_policy_of_the_file_gives_to_who_trades_it_and_a_name_goes_before_it():
    async def play(scene, world):
        disk = SimulatedDisk()
        await scene.adopt(world, SECOND, disk, external="adopt")
        scene.second = scene.life(SECOND, 5.2, disk)
        await scene.second.live(world)

    assert held_lots(played("binance_usdm", play).second) == (40, 0)


def test_a_position_that_goes_before_the_session_comes_back_takes_its_old_stop_along():
    """Whether that stop was triggered or somebody has sold by hand: the next start says so and opens nothing until an
    operator has looked; what protects nothing any more is cancelled."""

    async def play(scene, world):
        disk = SimulatedDisk()
        await scene.adopt(world, SECOND, disk, given={0: 0})
        account = world.account("bybit_linear")
        (position,) = account.positions()
        account.place(Placement(position.symbol, "sell", "market", position.qty, reduce_only=True))
        scene.second = scene.life(SECOND, 5.2, disk)
        await scene.second.live(world)
        return scene.orders(world)

    scene = played("bybit_linear", play)
    assert scene.result == []
    assert held_lots(scene.second) == (0, 0)
    told = [alert.text for alert in scene.second.alerts if alert.code == "UNEXPLAINED"]
    assert "long of ours are gone" in told[0]
    assert int(scene.second.world.accounts["halts"][0]) & Halt.EXTERNAL


def test_who_only_looks_changes_nothing():
    """Whoever is not confirmed, or ends before: the venue is as it was, and nothing is written."""

    async def play(scene, world):
        record = world.exchanges["bybit_linear"].record.entries
        before, known = scene.orders(world), len([e for e in record if e["what"] == "order"])
        adoption = scene.adoption(world, SECOND)
        await adoption.look()
        await adoption.watch(60.0)
        assert list(adoption.earlier) == [FIRST]
        await adoption.close()
        changed = [e for e in record if e["what"] == "order"][known:]
        return before == scene.orders(world), changed, adoption.steps

    assert played("bybit_linear", play).result == (True, [], [])


@pytest.mark.parametrize(
    ("venue", "step"), [("binance_usdm", "looking"), ("blofin_swap", "looking"), ("okx_swap", "cancelling")]
)
def test_a_session_that_still_lives_elsewhere_is_noticed(venue, step):
    """Its next order gives it away; before anybody has confirmed, nothing is taken from it. After that no journal comes
    of it."""

    async def play(scene, world):
        other = scene.life(FIRST, 6.2, scene.first.disk)
        _, living = world.start_process("elsewhere", other.live(world))
        await asyncio.sleep(56.0)
        adoption = scene.adoption(world, SECOND)
        await adoption.look()
        before = [tag for _, tag in scene.orders(world)]
        asking = (
            adoption.watch(75.0) if step == "looking" else adoption.end_earlier(frozenset(adoption.earlier))
        )
        with pytest.raises(SafetyRefusal) as refused:
            await asking
        await adoption.close()
        await living
        return refused.value.code, len(adoption.steps), before

    cancelled = int(step == "cancelling")
    assert played(venue, play).result == ("SESSION_ELSEWHERE", cancelled, [FIRST, FIRST])


class DiskGone(Exception):
    """A process ended within an operation of its disk."""


def dying_disk(operations):
    """Return a disk that ends a process at its so many-th operation."""
    disk = SimulatedDisk()

    def count(_):
        if disk.operations > operations:
            raise DiskGone

    disk.on_operation = count
    return disk


async def killed(scene, world, disk, step=None):
    """Let an adoption die, and say how it ended."""
    work = scene.adopt(world, SECOND, disk, given={0: 0})
    process, task = world.start_process("adopting", work, step)
    while process.alive and not task.done():
        await asyncio.wait((task,), timeout=0.05)
    if process.alive and isinstance(task.exception(), DiskGone):
        process.kill()
    disk.on_operation = None
    disk.crash(random.Random(step))
    return "whole" if process.alive else "dead"


def test_killed_in_the_middle_it_is_done_again():
    """At whichever step it dies, and however often: what it had begun is one more earlier epoch, the position is never
    bare, and the last one goes on with it."""
    bare, ends = [], []

    async def play(scene, world):
        watching = world.loop.create_task(watch_bare(scene, world, THIRD, bare))
        for step in range(90, 400, 31):
            ends.append(await killed(scene, world, SimulatedDisk(), step))
        cancelled = scene.orders(world)
        for operations in range(1, 13, 2):
            ends.append(await killed(scene, world, dying_disk(operations)))
        disk = SimulatedDisk()
        await scene.adopt(world, THIRD, disk, given={0: 0})
        third = scene.life(THIRD, 60.0, disk)
        third.terms["earlier"] = frozenset({FIRST, SECOND})
        living = world.loop.create_task(third.live(world))
        await watching
        third.opened.session.stop()
        await living
        return cancelled, held_lots(third), {tag for _, tag in scene.orders(world)}, is_sound(scene, disk)

    scene = played("okx_swap", play)
    assert bare == []
    assert ends.count("dead") > 10
    assert scene.result[0] == [("stop_market", FIRST)]
    assert scene.result[1:] == ((40, 0), {THIRD}, True)


def two_accounts(first, second):
    """Return a world in which `steady` trades an instrument on each of two accounts."""
    params = np.zeros(PARAMS)
    params[0] = 40.0
    setups = [
        InstrumentSetup(rules, wallet=number, leverage=5.0, highest_price=1e7)
        for number, rules in enumerate((first, second))
    ]
    wallets = [WalletSetup("USDT", 0.0, account=number) for number in (0, 1)]
    return World(wallets, setups, [StrategySetup(steady, [0, 1], params)])


def test_several_accounts_begin_one_journal_and_each_its_own_halt():
    """Both are read before either is changed; what is given on one is held, on the other it halts that account."""
    one, other = Scene("okx_swap"), Scene("bybit_linear")
    disk = SimulatedDisk()

    async def happen(world):
        for scene, side in ((one, "sell"), (other, "buy")):
            rules = next(iter(world.exchanges[scene.venue].instruments.values()))
            lots = 40 * max(rules.min_qty, rules.lot_size)
            world.account(scene.venue).place(Placement(rules.symbol, side, "market", lots))
        accounts = [one.account(world, SECOND), other.account(world, SECOND, 1)]
        adoption = Adoption(accounts, SECOND, world.loop.local_ns)
        await adoption.look()
        await adoption.end_earlier(frozenset())
        place = Place(disk, FOLDER, Identity("live", ("one", "other")), world.loop.local_ns, "test")
        boot = Boot(1, "test", "code", "config", "data", "", [], [], [(0, 0), (0, 1)], 0)
        adopted = two_accounts(one.rules, other.rules)
        done = Audit(world.loop.now_ns(), AMY, "adopted", {})
        what = Adopted(place, boot, adopted, Policy(given={0: 0}), lambda: done)
        await begin_journal(adoption, what, world.loop.local_ns, one.alerts.append)
        await adoption.close()
        return adopted

    with dropping_the_dead():
        adopted = run_world(happen, seed=1, venues=("okx_swap", "bybit_linear"))
    held = adopted.contexts["working"]["holding"]["pos_lot"]
    assert int(held[0, SHORT]) > 0
    assert held.sum() == held[0, SHORT]
    assert adopted.views["external_lot"][1, LONG] > 0
    assert adopted.views["external_lot"].sum() == adopted.views["external_lot"][1, LONG]
    assert [bool(halts & Halt.EXTERNAL) for halts in adopted.accounts["halts"].tolist()] == [False, True]
    assert (adopted.accounts["balance"] > 0).all()
    replayed = replay_journal(FOLDER, two_accounts(one.rules, other.rules), disk)
    assert replayed.state_hash == adopted.state_hash()
