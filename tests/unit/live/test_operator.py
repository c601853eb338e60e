"""The operator of a running session: what he asks becomes facts, is written down with his name, and is answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from tradewind.engine.diff import CORE_SLOTS
from tradewind.engine.world import lot_of
from tradewind.errors import UsageError
from tradewind.journal import JournalReader, RecordKind
from tradewind.journal.bodies import Audit, decode_requests, layouts_at
from tradewind.live.control import Actor, Command
from tradewind.live.explain import explain_order
from tradewind.live.flatten import flatten_account
from tradewind.live.operator import Operator
from tradewind.live.outside import Feature, feature_facts
from tradewind.live.replay import replay_journal
from tradewind.live.takeover import first_cid, is_of_takeover
from tradewind.ops.record import read_session
from tradewind.testing.sessions import linear, small_world
from tradewind.testing.small_exchange import SmallGateway
from tradewind.testing.small_live import FOLDER, SmallLive
from tradewind.units.enums import Halt, OrderState, RequestKind, Rule
from tradewind.units.jit import SLOTS
from tradewind.venues.gateway import Listing

ANNE = Actor("anne", 4711)


class Commanded(SmallLive):
    """A session to which an operator speaks once it holds something."""

    def __init__(self, script, on_stop="keep", patience_s=30.0, **settings):
        super().__init__(**settings)
        self.script, self.on_stop, self.patience_s = script, on_stop, patience_s
        self.told = []

    async def before_end(self):
        self.operator = Operator(
            self.session.session, self.world, (("S0USDT",), ("restless",)), self.loop.now_ns,
            notify=self.alerts.append, accounts=("main",), on_stop=self.on_stop, patience_s=self.patience_s,
        )  # fmt: skip
        await self.script(self)

    async def ask(self, name, **arguments):
        told = await self.operator.answer(Command(name, ANNE, arguments))
        self.told.append(told)
        return told

    @property
    def audits(self):
        """What the journal says that operators did."""
        records = JournalReader(self.disk, FOLDER).records()
        bodies = [msgspec.msgpack.decode(r.body, type=Audit) for r in records if r.kind == RecordKind.AUDIT]
        return [audit for audit in bodies if audit.actor]

    @property
    def openers(self):
        orders = self.world.contexts["working"]["order"]
        alive = orders["state"] != OrderState.FREE
        return int((alive & (orders["reduce"] == 0)).sum())

    @property
    def protectors(self):
        orders = self.world.contexts["working"]["order"]
        return int(((orders["state"] != OrderState.FREE) & (orders["reduce"] == 1)).sum())


def commanded(*commands, **settings):
    """Run a session, ask it these commands one after the other, and let it end."""

    async def script(life):
        life.before = life.operator.status()
        for name in commands:
            await life.ask(name, reason="noon")

    life = Commanded(script, **settings)
    life.run()
    assert life.before["positions"], "the session holds nothing when it is asked"
    assert life.before["orders"]
    return life


async def until(done):
    """Wait for something that comes of itself, a minute at most."""
    for _ in range(1_200):
        if done():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come")


def replays(life):
    return replay_journal(FOLDER, small_world(), life.disk).state_hash == life.world.state_hash()


def closings(life):
    """Return what is told of each order that closed something at the market, by stage."""
    told = []
    for record in JournalReader(life.disk, FOLDER).records():
        if record.kind != RecordKind.REQUESTS:
            continue
        rows = decode_requests(record, layouts_at(JournalReader(life.disk, FOLDER).headers, record.seq))[1]
        for cid in rows["cid"][rows["slot"] >= SLOTS - CORE_SLOTS].tolist():
            told.append({s.stage: s for s in explain_order(FOLDER, str(cid), life.disk).steps})
    return told


@pytest.mark.parametrize(("name", "on_stop"), [("flatten", "keep"), ("stop", "close")])
def test_an_order_that_an_operator_caused_names_him_and_his_command(name, on_stop):
    life = commanded(name, on_stop=on_stop)
    (audit,) = life.audits
    told = closings(life)
    assert told
    for steps in told:
        assert "fact" not in steps
        assert steps["cause"].detail == {"operator": f"{name} by anne (process 4711)", "reason": "noon"}
        assert abs(steps["cause"].ts_ns - audit.at_ns) < 1_000_000_000
        assert steps["cause"].seq > 0
        assert steps["intent"].detail["does"] == "closes"


def test_an_opener_that_a_pause_cancelled_names_it():
    life = commanded("pause")
    assert not life.openers
    reader = JournalReader(life.disk, FOLDER)
    rows = np.concatenate(
        [
            decode_requests(record, layouts_at(reader.headers, record.seq))[1]
            for record in reader.records()
            if record.kind == RecordKind.REQUESTS
        ]
    )
    cid = str(int(rows["cid"][rows["kind"] == RequestKind.CANCEL][-1]))
    told = [step.detail for step in explain_order(FOLDER, cid, life.disk).steps if step.stage == "cause"]
    assert told == [{"operator": f"pause by {ANNE}", "reason": "noon"}]


def test_status_changes_nothing_and_is_not_written_down():
    life = commanded("status")
    (told,) = life.told
    assert told == life.before
    assert told["positions"][0]["strategy"] == "restless"
    assert (told["halts"], told["held"], told["stale"]) == ([], [], [])
    (wallet,) = told["wallets"]
    assert (wallet["account"], wallet["currency"]) == ("main", life.world.wallet_setups[0].currency)
    assert wallet.keys() == {"account", "currency", "balance", "equity", "used", "marked_ns", "losses"}
    assert wallet["marked_ns"] == life.world.accounts["ts_ns"][0] > 0
    assert life.audits == []


def test_positions_and_orders_are_told_as_the_venue_counts_them():
    life = commanded("status")
    (told,) = life.told
    instrument = life.world.instrument_setups[0].instrument
    (held, *_), (order, *_) = told["positions"], told["orders"]
    assert Decimal(held["quantity"]) == held["lots"] * lot_of(instrument) > 0
    assert Decimal(order["price"]) == order["price_tick"] * instrument.tick_size > 0
    assert Decimal(order["quantity"]) == order["lots"] * lot_of(instrument) > 0
    assert {order["kind"] for order in told["orders"]} <= {"REST", "TARGET", "STOP"}


def test_a_flattened_account_is_answered_for_once_its_fees_are_booked():
    """A venue tells a fee after its fill; what is answered in between is money that is not there."""

    async def script(life):
        asking = asyncio.ensure_future(life.ask("flatten"))
        await until(lambda: not life.operator.status()["positions"])
        await asyncio.sleep(0.6)
        life.world.accounts["balance"][0] -= 777
        life.charged = life.operator.status()["wallets"]
        await asking

    life = Commanded(script)
    life.run()
    (told,) = life.told
    assert told["wallets"] == life.charged
    assert told["wallets"][0]["equity"] == told["wallets"][0]["balance"]


def test_values_from_outside_are_told_with_the_time_at_which_they_were_known():
    bias = [Feature("bias", "S0USDT", 0, code, 60_000_000_000) for code in (0, 1)]

    async def script(life):
        life.operator = Operator(
            life.session.session, life.world, (("S0USDT",), ("restless",)), life.loop.now_ns,
            notify=life.alerts.append, features=bias,
        )  # fmt: skip
        life.known_ns = life.loop.now_ns()
        await life.session.session.post(feature_facts([(bias[1], 0.25)], life.known_ns, life.known_ns))
        await life.ask("status")

    life = Commanded(script)
    life.run()
    assert life.told[0]["outside"] == [
        {"name": "bias", "symbol": "S0USDT", "value": None, "known_ns": None},
        {"name": "bias", "symbol": "S0USDT", "value": 0.25, "known_ns": life.known_ns},
    ]


def test_a_pause_cancels_what_opens_keeps_what_protects_and_says_who_asked():
    life = commanded("pause")
    (told,) = life.told
    assert told["halts"] == ["OPERATOR"]
    assert told["positions"] == life.before["positions"]
    assert [order["reduce"] for order in told["orders"]] == [True] * life.protectors
    assert (life.openers, life.protectors) == (0, 2)
    (audit,) = life.audits
    assert (audit.actor, audit.what, audit.detail) == (str(ANNE), "pause", {"reason": "noon"})
    assert "anne (process 4711)" in audit.actor
    assert [alert.text for alert in life.alerts if alert.code == "OPERATOR"] == [f"pause by {ANNE}"]
    assert replays(life)


def test_nothing_is_appended_while_the_disk_works():
    """A thread writes out what was gathered: what came in between would be lost, and its number with it."""
    during = []

    async def script(life):
        session, append = life.session.session, life.session.session.tape.append
        working = asyncio.Event()

        async def slow(work):
            working.set()
            await asyncio.sleep(0.5)
            work()
            working.clear()

        def noting(kind, body):
            during.extend([kind] * working.is_set())
            return append(kind, body)

        session.disk, session.tape.append = slow, noting
        first = asyncio.ensure_future(life.ask("pause"))
        await working.wait()
        await asyncio.gather(first, life.ask("resume"))

    life = Commanded(script)
    life.run()
    assert [audit.what for audit in life.audits] == ["pause", "resume"]
    assert during == []
    assert replays(life)


def test_who_resumes_lets_it_trade_again():
    life = commanded("pause", "resume")
    assert life.told[1]["halts"] == []
    assert int(life.world.core["halts"][0]) == 0
    assert [audit.what for audit in life.audits] == ["pause", "resume"]
    assert replays(life)


def test_flatten_closes_everything_and_goes_on_halted():
    life = commanded("flatten")
    (told,) = life.told
    assert (told["flat"], told["positions"], told["halts"]) == (True, [], ["OPERATOR", "FLATTEN"])
    assert life.final() == (0, 0)
    assert not life.operator.stopped
    assert [audit.what for audit in life.audits] == ["flatten"]
    assert replays(life)


def test_an_account_that_is_not_flat_in_time_is_said_to_be_so():
    life = commanded("flatten", patience_s=0.0)
    assert life.told[0]["flat"] is False


class Stranger(Commanded):
    """A session whose account holds something that nobody of it opened."""

    def __init__(self, script, **settings):
        super().__init__(script, **settings)
        self.loop.call_later(400.0, self._buy)

    def _buy(self):
        self.exchange.positions[0, 0] += 7


@pytest.mark.parametrize("name", ["status", "flatten", "stop"])
def test_a_position_that_is_nobodys_is_told_and_stays(name):
    async def script(life):
        await life.ask(name)

    life = Stranger(script, on_stop="close")
    life.run()
    (told,) = life.told
    (left,) = told["external"]
    lot = lot_of(life.world.instrument_setups[0].instrument)
    assert left == {"instrument": "S0USDT", "side": "long", "lots": 7, "quantity": f"{7 * lot:f}"}
    assert left not in told["positions"]
    if name != "status":
        assert told["positions"] == []
        assert life.exchange.positions[0].tolist() == [7, 0]


@pytest.mark.parametrize(
    ("payoff", "size", "amount"),
    [("linear", "0.001", "0.000007 BTC"), ("inverse", "100", "0.7 USDT"), ("inverse", "1", "0.007 USDT")],
)
def test_contracts_are_told_with_the_amount_that_they_are(payoff, size, amount):
    async def script(life):
        setups = life.world.instrument_setups
        instrument = replace(setups[0].instrument, payoff=payoff, contract_size=Decimal(size))
        life.world.instrument_setups = [replace(setups[0], instrument=instrument)]
        told = await life.ask("status")
        life.world.instrument_setups = setups
        assert all(
            held["amount"].endswith(amount[-4:].strip()) for held in (*told["positions"], *told["orders"])
        )

    life = Stranger(script)
    life.run()
    ((left,),) = (told["external"] for told in life.told)
    assert (left["quantity"], left["amount"]) == ("0.007", amount)


@pytest.mark.parametrize("on_stop", ["keep", "close"])
def test_stop_ends_the_session_as_its_file_says(on_stop):
    life = commanded("stop", on_stop=on_stop)
    (told,) = life.told
    assert told["done"]
    assert told["closes"] is (on_stop == "close")
    assert told["external"] == []
    assert life.operator.stopped
    assert life.openers == 0
    if on_stop == "keep":
        assert told["positions"] == life.before["positions"]
        assert life.protectors == 2
        assert len(life.exchange.working()) == 2
    else:
        assert (told["positions"], life.final()) == ([], (0, 0))
    assert replays(life)


def test_what_is_no_command_is_refused_with_those_there_are():
    async def script(life):
        with pytest.raises(UsageError) as caught:
            await life.ask("dance")
        life.known = caught.value.known

    life = Commanded(script)
    life.run()
    assert life.known == ("status", "pause", "resume", "flatten", "stop")
    assert life.audits == []


def test_a_strategy_that_hung_is_held_until_somebody_resumes():
    async def script(life):
        await life.operator.hold(0, Rule.HUNG)
        life.told.append(life.operator.status())
        await life.ask("resume")

    life = Commanded(script)
    life.run()
    assert [told["held"] for told in life.told] == [["restless"], []]
    assert life.world.strategies["held"].tolist() == [0]
    assert replays(life)


class Hasty(Commanded):
    """A session that is told to flatten while it starts again, before its account was read."""

    def open(self):
        opened = super().open()
        if self.lives == 1:
            self.operator = Operator(
                opened.session,
                self.world,
                (("S0USDT",), ("restless",)),
                self.loop.now_ns,
                notify=self.alerts.append,
            )
            self.asking = asyncio.ensure_future(self.ask("flatten"))
        return opened


def test_what_is_asked_while_it_starts_is_done_once_the_account_was_read():
    async def nothing(life):
        """Leave it alone at its end."""

    life = Hasty(nothing, dies_at=(1_060,), bars=9, fence_ns=0)
    life.run()
    assert life.lives == 1
    (told,) = life.told
    assert (told["flat"], told["positions"], told["halts"]) == (True, [], ["OPERATOR", "FLATTEN"])
    assert [alert.text for alert in life.alerts if alert.code == "ORDER_UNKNOWN"] == []
    assert life.final() == (0, 0)
    assert replays(life)


# ---------------------------------------------------------------------- after a takeover


class TakenOver(SmallLive):
    """A session whose process is dead when its account is flattened from outside."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.closed = None

    async def _session(self):
        if self.lives == 1 and self.closed is None:
            gateway = SmallGateway(self.exchange, self.wire, self.loop.now_ns)
            listing = [Listing(0, linear("S0USDT"))]
            self.before = self.exchange.positions.copy()
            self.closed = await flatten_account(gateway, listing, first_cid(self.loop.now_ns()))
        await super()._session()


def test_the_next_start_knows_what_a_takeover_closed_and_waits_for_its_operator():
    life = TakenOver(dies_at=(1_000,), bars=9)
    life.run()
    assert life.lives == 1
    assert life.closed.flat
    assert life.closed.held == ()
    assert np.abs(life.before).sum() > 0, "nothing was held when it was taken over"
    mine = [fill for fill in life.exchange.fills if is_of_takeover(fill.cid)]
    assert sum(fill.qty_lot for fill in mine) == life.before.sum()
    assert life.final() == (0, 0)
    assert int(life.world.core["halts"][0]) == Halt.OPERATOR
    assert int(life.world.accounts["balance"][0]) == life.exchange.balance
    assert int(life.world.accounts["adjusted"][0]) == 0
    assert [alert.text for alert in life.alerts if alert.code == "UNEXPLAINED"] == []
    assert len([alert for alert in life.alerts if alert.code == "OPERATOR"]) == len(mine)
    (cid,) = {fill.cid for fill in mine}
    assert f"close 0.04 S0USDT long at market, order {cid}" in life.closed.steps
    told = explain_order(FOLDER, str(cid), life.disk)
    assert [step.stage for step in told.steps][:2] == ["fill", "fee"]
    assert told.strategy == ""
    taken = [row for row in read_session(FOLDER, life.disk).tables["fills"] if row["role"] != "order"]
    assert [(row["role"], row["cid"]) for row in taken] == [("operator", fill.cid) for fill in mine]
    assert replays(life)


def test_ids_of_two_takeovers_and_of_sessions_never_meet():
    first, second = first_cid(1_795_000_000_000_000_000), first_cid(1_795_000_000_001_000_000)
    assert second - first == 1024
    assert is_of_takeover(first)
    assert not is_of_takeover((1 << 62) - 1)
    assert second < (1 << 63) - 1
