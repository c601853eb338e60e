"""Adopting coins by somebody's word: so many of those that are there, and nobody else's are ever sold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from tradewind.engine.world import lot_of
from tradewind.journal import Identity
from tradewind.journal.bodies import Audit, Boot
from tradewind.live.accounts import AccountTerms
from tradewind.live.adopting import Adopted, AdoptedAccount, Adoption, begin_journal
from tradewind.live.amounts import listing_of
from tradewind.live.flatten import FlattenPolicy, flatten_account
from tradewind.live.opening import Place
from tradewind.live.reconcile import Policy
from tradewind.live.venue import LiveRules
from tradewind.testing.sessions import START_NS
from tradewind.testing.small_coins import PARTS, CoinLive
from tradewind.testing.small_exchange import SmallGateway
from tradewind.testing.small_live import FOLDER
from tradewind.units.enums import LONG, MONEY, SELL, Halt, IntentKind
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.gateway import FillSeen, NewOrder, OrderSeen, OrderStatus

S = 1_000_000_000
FIRST = "FIRST1"
OLD = 1 << 61
HELD = 40 * PARTS
STOP_TICK = 4_900


def renamed(event):
    """Return an order as a gateway reads it at a spot market: sales only reduce, and one was of an earlier epoch.

    A trade of what this session has not asked for bears no id of it.
    """
    if isinstance(event, FillSeen) and event.cid >= OLD:
        return changed(event, cid=0)
    if not isinstance(event, OrderSeen):
        return event
    event = changed(event, reduce=int(event.side == SELL))
    return changed(event, cid=0, client_id=ClientIds(FIRST).encode(7)) if event.cid == OLD else event


class CoinGateway(SmallGateway):
    """A way to the market that shows orders so, and cancels one of an earlier epoch by the venue's id."""

    async def snapshot(self, fills_since_ns):
        found = await super().snapshot(fills_since_ns)
        return changed(
            found, orders=tuple(map(renamed, found.orders)), fills=tuple(map(renamed, found.fills))
        )  # fmt: skip

    async def cancel(self, order):
        return await super().cancel(order if order.cid else changed(order, cid=OLD))


class AdoptedLive(CoinLive):
    """A session that begins with coins that the market holds, of which some are given to it."""

    def __init__(self, before=0, policy=None, **more):
        rules = LiveRules(warm_bars=2, reconcile_ns=60 * S, policy=Policy(external="ignore"))
        super().__init__(rules=rules, **more)
        self.exchange.buy_by_hand(before + HELD)
        self.policy = policy or Policy(external="ignore", given={0: 0}, given_lots={0: HELD})
        self.adopted, self.least, self.stops = None, before + HELD, []
        say = self.exchange._say

        def watch(event):
            say(event)
            self.least = min(self.least, int(self.exchange.positions[0, LONG]))
            if isinstance(event, OrderSeen) and event.side == SELL:
                working = map(self.exchange._orders.get, self.exchange.working())
                guarding = [o.new.cid == OLD for o in working if o.new.kind == IntentKind.STOP]
                self.stops.append((self.loop.now_ns() / S, guarding))

        self.exchange._say = watch

    def open(self):
        opened = super().open()
        account, heard = self.venue._accounts[0], self.gateway
        account.gateway = CoinGateway(self.exchange, self.wire, self.loop.now_ns)
        account.gateway._stream = heard._stream
        account.terms = replace(account.terms, earlier=frozenset({FIRST}), coins=True)
        hear = heard.hear
        heard.hear = lambda event: hear(renamed(event))
        return opened

    async def _session(self):
        if self.adopted is None:
            await self.adopt()
        await super()._session()

    async def adopt(self):
        stop = NewOrder(0, OLD, IntentKind.STOP, SELL, LONG, False, False, STOP_TICK, HELD)
        self.exchange.place(stop)
        gateway = CoinGateway(self.exchange, self.wire, self.loop.now_ns)
        terms = AccountTerms("small", frozenset({0}), {"USDT": 0}, coins=True)
        adoption = Adoption([AdoptedAccount(terms, gateway, {0: 500.0})], "SECND2", self.loop.now_ns)
        await adoption.look()
        assert list(adoption.earlier) == [FIRST]
        await adoption.end_earlier(frozenset(adoption.earlier))
        assert OLD in self.exchange.working()
        self.adopted = self.make_world()
        place = Place(self.disk, FOLDER, Identity("live", ("small",)), self.loop.now_ns, "test")
        boot = Boot(1, "test", "code", "config", "data", "", [], [], [(0, 0)], 0)
        done = Audit(self.loop.now_ns(), "amy", "adopted", {})
        what = Adopted(place, boot, self.adopted, self.policy, lambda: done)
        await begin_journal(adoption, what, self.loop.now_ns, self.alerts.append)
        await adoption.close()

    def held(self):
        """Return what was given at the beginning, and what stayed nobody's."""
        mine = int(self.adopted.contexts["working"]["holding"]["pos_lot"][0, LONG])
        return mine, int(self.adopted.views["external_lot"][0, LONG])


def handing_over(live):
    """Return from when to when no stop stood, and from when to when two did, while one followed the other, in s."""
    begins = next(n for n, (_, guarding) in enumerate(live.stops) if guarding != [True])
    at_s, guarding = live.stops[begins]
    until_s = next(at_s for at_s, later in live.stops[begins:] if later == [False])
    return (until_s - at_s, 0.0) if guarding == [] else (0.0, until_s - at_s)


@pytest.mark.parametrize("before", [0, 5_000 * PARTS, PARTS // 3])
def test_so_many_coins_become_the_sessions_and_those_of_before_are_never_sold(before):
    """The old stop goes when its coins are wanted, not before, and no two stops stand for more than a moment."""
    live = AdoptedLive(before, bars=25)
    live.run()
    assert live.held() == (HELD, before if before > PARTS else 0)
    ours, theirs = live.final()
    assert 0 <= theirs - ours < PARTS
    assert live.cash()[0] == live.cash()[1]
    assert live.least >= before - before % PARTS
    assert len(live.exchange.fills) > 5
    assert live.exchange._orders[OLD].status is OrderStatus.CANCELLED
    told = {alert.code for alert in live.alerts}
    assert not told & {"UNEXPLAINED", "HALTED", "ORDER_UNKNOWN"}
    assert "goes: the coins that it locks" in str([alert.text for alert in live.alerts])
    bare_s, beside_s = handing_over(live)
    assert (bare_s > 0, beside_s > 0) == (before < PARTS, before > PARTS)
    assert bare_s < 2.0
    assert beside_s < 0.1


@pytest.mark.parametrize(
    ("policy", "held", "halts"),
    [
        (Policy(external="adopt"), (5_040 * PARTS, 0), False),
        (Policy(external="halt", given={0: 0}), (5_040 * PARTS, 0), False),
        (Policy(external="halt", given={0: 0}, given_lots={0: HELD}), (HELD, 5_000 * PARTS), True),
        (Policy(external="ignore"), (0, 5_040 * PARTS), False),
        (Policy(external="halt", given={0: 0}, given_lots={0: 5_040 * PARTS - 1}), (5_040 * PARTS - 1, 0), False),
    ],
    ids=["all by the file", "all by name", "some", "none", "all but dust"],
)  # fmt: skip
def test_what_is_given_is_worth_its_price_of_now_and_the_rest_is_nobodys(policy, held, halts):
    live = AdoptedLive(5_000 * PARTS, policy, bars=1)
    live.run()
    assert live.held() == held
    assert bool(int(live.adopted.accounts["halts"][0]) & Halt.EXTERNAL) == halts
    cost = int(live.adopted.contexts["working"]["holding"]["cost"][0, LONG])
    assert cost == round(held[0] * 5_000 * float(live.adopted.views["unit"][0]))
    assert int(live.adopted.accounts["balance"][0]) == 10_000 * MONEY + cost


class TakenOver(AdoptedLive):
    """Is closed from outside before it ends, with what was noted of its coins when they were adopted."""

    knows = True
    done = None

    async def before_end(self):
        rules = self.world.instrument_setups[0].instrument
        given = {rules.where: HELD * lot_of(rules)} if self.knows else {}
        policy = FlattenPolicy(
            settle_s=0.01,
            confirm_s=0.01,
            coins_since_ns=START_NS,
            coins_given=given,
            earlier=frozenset({FIRST}),
        )
        gateway = CoinGateway(self.exchange, self.wire, self.loop.now_ns)
        self.done = await flatten_account(gateway, [listing_of(0, rules)], 1 << 60, policy)


@pytest.mark.parametrize(("before", "knows"), [(5_000 * PARTS, True), (0, True), (5_000 * PARTS, False)])
def test_a_takeover_sells_what_was_given_and_leaves_the_rest(before, knows):
    live = TakenOver(before, bars=4)
    live.knows = knows
    live.run()
    assert live.done.flat, live.done.steps
    left = int(live.exchange.positions[0, LONG]) - before
    assert 0 <= left < PARTS if knows else left >= HELD


class Triggered(AdoptedLive):
    """The old stop is triggered after the adoption, before the session starts."""

    async def adopt(self):
        await super().adopt()
        self.exchange._fill(self.exchange._orders[OLD], STOP_TICK, maker=0)


@pytest.mark.parametrize(
    ("before", "held", "words"), [(0, 0, "of ours are gone"), (5_000 * PARTS, HELD, "the balance is off")]
)
def test_an_old_stop_that_is_triggered_before_the_session_comes_back_halts_it(before, held, words):
    """Whose coins were sold nobody can tell where others lie there too: somebody has to look."""
    live = Triggered(before, bars=6)
    live.run()
    assert [words in alert.text for alert in live.alerts if alert.code == "UNEXPLAINED"] == [True]
    assert int(live.world.accounts["halts"][0]) & Halt.EXTERNAL
    assert int(live.world.contexts["working"]["holding"]["pos_lot"][0, LONG]) == held
    assert live.final()[0] == live.final()[1]
    assert live.cash()[0] == live.cash()[1]
