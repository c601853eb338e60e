"""Who is given what when accounts are adopted."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind import __version__
from tradewind.cli.adopting import _Finding, given_contexts, keep_aside, state_of, typed_line
from tradewind.cli.output import Output
from tradewind.config import Workspace
from tradewind.errors import UsageError
from tradewind.journal import Authorship, FileDisk, Identity, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS
from tradewind.live.accounts import AccountTerms
from tradewind.live.adopting import AdoptedAccount, Adoption
from tradewind.live.reconcile import Policy
from tradewind.testing.small_coins import PARTS, coin_world
from tradewind.units.enums import BUY, LONG, SELL, SHORT
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.gateway import OrderSeen, OrderStatus, PositionSeen, Snapshot

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


def test_a_name_is_typed_while_everything_else_goes_on(monkeypatch, capsys):
    """Streams are heard while somebody thinks; without a terminal nobody is asked."""
    master, slave = os.openpty()
    turns = []

    async def go_on():
        while len(turns) < 20:
            turns.append(await asyncio.sleep(0))
        os.write(master, b" main \n")

    async def ask():
        working = asyncio.ensure_future(go_on())
        line = await typed_line("Type its name:", Output(as_json=False))
        await working
        return line

    with os.fdopen(master, "wb", 0), os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert asyncio.run(ask()) == "main"
    assert (len(turns), capsys.readouterr().err) == (20, "Type its name:\n")
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert asyncio.run(typed_line("Type its name:", Output(as_json=False))) == ""


@pytest.mark.parametrize(
    ("name", "kept"),
    [("live", ["live-old1", "live-old2"]), ("a" * 32, ["a" * 27 + "-old1", "a" * 27 + "-old2"])],
)
def test_what_was_before_is_kept_whole_under_a_name_of_its_own(tmp_path, name, kept):
    """However often somebody begins anew, nothing is lost and nothing is overwritten."""
    desk = Workspace(tmp_path)
    assert keep_aside(desk, name) == ""
    for number in (0, 1):
        folder = desk.session_dir(name)
        (folder / "governance").mkdir(parents=True)
        (folder / "governance" / "part").write_text(str(number))
        assert keep_aside(desk, name) == kept[number]
        assert not folder.exists()
    told = [(desk.session_dir(each) / "governance" / "part").read_text() for each in kept]
    assert told == ["0", "1"]


def test_what_is_said_of_the_journal_that_ends(tmp_path):
    folder = tmp_path / "live"
    assert state_of(folder, "live", ("main",)) == "there is none here"
    folder.mkdir()
    assert state_of(folder, "live", ("main",)) == "is empty"
    author = Authorship(Identity("live", ("main",)), lambda: 7, __version__, LAYOUTS)
    writer = open_journal(FileDisk(), folder, author)
    for _ in range(3):
        writer.append(RecordKind.AUDIT, b"x" * 100)
    writer.close()
    assert "would go on from it" in state_of(folder, "live", ("main",))
    assert state_of(folder, "live", ("rich",)) == "is that of live on main and is kept aside"
    assert state_of(folder, "other", ("main",)) == "is that of live on main and is kept aside"
    (segment,) = folder.glob("*.twj")
    content = segment.read_bytes()
    newer = open_journal(FileDisk(), folder, replace(author, writer="9.0.0"))
    newer.append(RecordKind.AUDIT, b"x" * 100)
    newer.close()
    assert "is of another version" in state_of(folder, "live", ("main",))
    (folder / "segment-000002.twj").unlink()
    data = bytearray(content)
    data[-150] ^= 1
    segment.write_bytes(data)
    assert "is damaged after 1 sound records" in state_of(folder, "live", ("main",))
    segment.write_bytes(b"no journal" * 50)
    assert "kept aside" in state_of(folder, "live", ("main",))


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (
            Policy(external="halt", given={0: 0}, given_lots={0: 40 * PARTS}),
            ["0.04 of them given to steady", "0.5 BTC-USDT is nobody's, and openers halt"],
        ),
        (Policy(external="ignore", given={0: 0}, given_lots={0: 540 * PARTS}), ["given to steady", ""]),
        (
            Policy(external="ignore"),
            ["nobody's", "BTC-USDT is nobody's, and it counts against the limits; or say --give BTC-USDT=steady"],
        ),
        (Policy(external="adopt"), ["given to steady", ""]),
    ],
    ids=["some", "all", "none", "by the file"],
)  # fmt: skip
def test_coins_are_shown_as_people_count_them_and_whose_they_will_be(policy, told):
    rules = coin_world().instrument_setups[0].instrument
    stop = OrderSeen(
        0, 0, ClientIds("FIRST1").encode(7), "v1", OrderStatus.WORKING, SELL, LONG, 1, 4_900, 40 * PARTS, 0, 0, 0,
        1, 1, stop=True,
    )  # fmt: skip
    account = AdoptedAccount(AccountTerms("main", frozenset({0}), {"USDT": 0}), None, {0: 500.0})
    coins = account._priced(PositionSeen(0, LONG, 540 * PARTS, 0.0, 0.0, 1, 1))
    account.snapshot = Snapshot((stop,), (), (coins,), (), (), (), (), (), 1, 1)
    bound = SimpleNamespace(
        labels=(("BTC-USDT",), ("steady",)),
        resolved=SimpleNamespace(instruments=(rules,)),
        boot=lambda version: SimpleNamespace(contexts=[(0, 0)]),
    )
    found = _Finding(bound, Adoption([account], "SECND2", lambda: 0), frozenset({"FIRST1"}), policy)
    lines = list(found.lines())
    assert f"position    BTC-USDT long 0.54 worth 500 each now: {told[0]}" in lines
    assert [line[12:] for line in lines if line.startswith("not given")] == ([told[1]] if told[1] else [])
    assert (
        "order       BTC-USDT sell 0.04 at 490, stop: ours of an earlier epoch, stays until a new stop stands"
        in lines
    )
    given = "0.04" if "of them" in told[0] else "0.54"
    assert found.coins() == ({rules.where: given} if told[0] != "nobody's" else {})


def test_what_becomes_of_old_stops_of_strategies_that_net_is_told():
    """They are not reduce-only: what they would close decides, and no more of them stay than cover it."""
    rules = coin_world().instrument_setups[0].instrument

    def plain(side, lots, price_tick, *, stop=True):
        opens = LONG if side == BUY else SHORT
        return OrderSeen(
            0, 0, ClientIds("FIRST1").encode(price_tick), f"v{price_tick}", OrderStatus.WORKING, side, opens, 0,
            price_tick, lots, 0, 0, 0, 1, 1, stop=stop,
        )  # fmt: skip

    orders = (
        plain(SELL, 7, 99), plain(SELL, 4, 95), plain(BUY, 3, 105), plain(SELL, 1, 111, stop=False),
    )  # fmt: skip
    account = AdoptedAccount(AccountTerms("main", frozenset({0}), {"USDT": 0}), None)
    held = PositionSeen(0, LONG, 7, 0.0, 0.0, 1, 1)
    account.snapshot = Snapshot(orders, (), (held,), (), (), (), (), (), 1, 1)
    bound = SimpleNamespace(
        labels=(("BTCUSDT",), ("steady",)),
        resolved=SimpleNamespace(instruments=(rules,)),
        boot=lambda version: SimpleNamespace(contexts=[(0, 0)]),
    )
    found = _Finding(bound, Adoption([account], "SECND2", lambda: 0), frozenset({"FIRST1"}), Policy())
    told = [line.split(": ", 1)[1] for line in found.lines() if line.startswith("order")]
    goes = "ours of an earlier epoch, is cancelled"
    stays = "ours of an earlier epoch, not reduce-only, stays until a new stop stands"
    assert told == [stays, goes, goes, goes]
