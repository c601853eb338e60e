"""A session as a process: what it says of itself when its journal takes nothing any more."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from tradewind.config import Workspace
from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.errors import JournalError
from tradewind.journal.bodies import Audit, Boot, Instrument
from tradewind.live.explain import Wishes, explain_refused
from tradewind.live.guard import GUARDED
from tradewind.live.pulse import ENDED, PULSE, UNGUARDED, state_of
from tradewind.live.running import Reached, RunningSetup, mark_unguarded, run_session, tell_unguarded
from tradewind.live.standing import STANDING, read_standing
from tradewind.live.state_alerts import state_alert
from tradewind.testing.puppets import Desk, puppet
from tradewind.testing.sessions import START_NS, linear, restless, small_world, walk
from tradewind.units.enums import ALL, DAY_NS, IntentKind
from tradewind.units.records import PARAMS
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001")],
    [("restless", ("noise", "phase"), ())], [(0, 0)], 20,
)  # fmt: skip


async def reach(world, folder, notify):
    """Return a market of some minutes, all of which is known at once."""
    exchange = SimulatedExchange(small_world(), walk(40))
    return Reached(LocalVenue(exchange), exchange)


def run(folder, told, began_ns=START_NS, *, make_world=small_world, texts=None):
    """Run a session to its end; `told` grows by the code of each alert, `texts` by what it says."""

    def notify(alert):
        told.append(alert.code)
        if texts is not None:
            texts.append(alert.text)

    setup = RunningSetup(make_world, BOOT, (), reach, (("S0USDT",), ("restless",)), lambda: began_ns)
    desk = folder / "desk"
    run_session(
        setup, Workspace.open(desk) if desk.exists() else Workspace.create(desk), "alpha", version="test",
        notify=notify,
    )  # fmt: skip


def test_a_session_says_that_it_began_and_that_it_ended(tmp_path):
    told = []
    run(tmp_path, told)
    assert [code for code in told if code.startswith("SESSION")] == ["SESSION_STARTED", "SESSION_STOPPED"]


class Told(list):
    """Codes of alerts; once the session has started its guard dies."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def append(self, code):
        super().append(code)
        if code == "SESSION_STARTED" and self.monkeypatch is not None:
            self.monkeypatch.setenv(GUARDED, str(os.getpid()))


@pytest.mark.parametrize(
    ("gone", "code", "state"), [(False, "SESSION_STOPPED", ENDED), (True, "GUARD_DIED", UNGUARDED)]
)
def test_an_end_for_want_of_a_guard_is_told_as_what_it_is_and_not_as_an_order(
    tmp_path, monkeypatch, gone, code, state
):
    """Nobody asked for it, and nobody trades any more what the session holds."""
    monkeypatch.setenv(GUARDED, str(os.getppid()))
    told, texts = Told(monkeypatch if gone else None), []
    run(tmp_path, told, texts=texts)
    folder = tmp_path / "desk" / "journal" / "alpha"
    assert told[-1] == code
    assert state_of(folder / PULSE) == state
    held = [
        f"{each['quantity']} {each['instrument']}" for each in read_standing(folder).standing["positions"]
    ]
    assert held
    assert [text in texts[-1] for text in held] == [gone] * len(held)


def test_a_session_whose_guard_dies_while_it_starts_does_not_begin_to_trade(tmp_path, monkeypatch):
    monkeypatch.setenv(GUARDED, str(os.getpid()))
    told = []
    run(tmp_path, told)
    assert told == ["SESSION_STARTED", "GUARD_DIED"]
    folder = tmp_path / "desk" / "journal" / "alpha"
    assert state_of(folder / PULSE) == UNGUARDED
    assert read_standing(folder).standing["requests"] == 0


@pytest.mark.parametrize("traded", [False, True])
def test_a_start_that_ends_with_its_guard_says_what_was_held_when_the_session_ran_last(tmp_path, traded):
    folder, told = tmp_path / "desk" / "journal" / "alpha", []
    if traded:
        run(tmp_path, [])
    folder.mkdir(parents=True, exist_ok=True)
    mark_unguarded(folder)
    tell_unguarded(folder, told.append, lambda: START_NS)
    (alert,) = told
    assert (alert.code, alert.session) == ("GUARD_DIED", "alpha")
    assert "did not begin to trade" in alert.text
    assert ("as of 20" in alert.text and "S0USDT" in alert.text) is traded
    assert ("nothing is written down" in alert.text) is not traded
    assert state_of(folder / PULSE) == UNGUARDED


def test_what_a_session_believed_last_is_known_when_it_is_gone(tmp_path):
    folder = tmp_path / "desk" / "journal" / "alpha"
    run(tmp_path, [])
    last = read_standing(folder)
    assert last is not None
    assert last.written_ns == START_NS
    assert last.standing["now_ns"] >= START_NS
    assert last.standing["wallets"]
    assert (last.standing["starting"], last.standing["ending"]) == (False, False)
    assert (folder / STANDING).stat().st_mode & 0o077 == 0


def test_what_is_older_than_a_process_that_goes_on_is_said_to_be(tmp_path):
    folder, told = tmp_path / "desk" / "journal" / "alpha", []
    for began_ns, starting in ((START_NS, False), (START_NS + DAY_NS, True)):
        run(tmp_path, [], began_ns)
        told.append(read_standing(folder).standing["starting"] is starting)
    assert told == [True, True]


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_disk_that_fails_is_told_to_a_person_before_the_process_ends_by_it(tmp_path, monkeypatch, code):
    """F79, F80: nobody need look at the terminal: what is held is left to its stops from here on."""
    told, syncs, sync = [], [], os.fdatasync

    def fail(descriptor):
        syncs.append(descriptor)
        if len(syncs) > 6:
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(JournalError) as caught:
        run(tmp_path, told)
    assert caught.value.code == "JOURNAL_WRITE"
    assert told[-1] == "DISK_FAILED"
    assert "SESSION_STOPPED" not in told


# ---------------------------------------------------------------------- what the core does by itself


def losing():
    """Return the small world with a limit on how far its equity may fall, which the first step back breaks."""
    params = np.zeros(PARAMS)
    params[:2] = 40.0, 1.0
    setup = InstrumentSetup(linear("S0USDT"), leverage=5.0, highest_price=1e6)
    wallet = WalletSetup("USDT", 10_000.0, drawdown=1e-7)
    return World([wallet], [setup], [StrategySetup(restless, [0], params)])


def wanting_nonsense(rows=({"kind": 9, "qty_lot": 5},)):
    """Return a world of one puppet that wants these rows: an order of a kind that does not exist."""
    desk = Desk.__new__(Desk)
    setup = InstrumentSetup(linear("S0USDT"), leverage=5.0, highest_price=1e6)
    desk.world = World(
        [WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(puppet, [0], np.zeros(PARAMS))]
    )
    desk.want(*rows)
    return desk.world


SHORT_AND_STOP = (
    {"kind": IntentKind.TARGET, "slot": 1, "position_side": 1, "qty_lot": 5},
    {
        "kind": IntentKind.STOP,
        "slot": 1,
        "position_side": 1,
        "reduce": 1,
        "qty_lot": ALL,
        "price_tick": 1_020,
    },
)
"""A stop in the slot that the target of the short side has taken."""


def test_a_breaker_that_the_core_pulls_is_told_with_its_figures(tmp_path):
    told, texts = [], []
    run(tmp_path, told, make_world=losing, texts=texts)
    assert "HALTED" in told
    text = texts[told.index("HALTED")]
    assert "DRAWDOWN" in text
    assert "the fall from the highest equity" in text
    assert "0.00% allowed" in text


def test_a_strategy_that_is_held_for_what_it_wants_is_told(tmp_path):
    """It trades no more from then on, and nobody looks at a status all day."""
    told, texts = [], []
    run(tmp_path, told, make_world=wanting_nonsense, texts=texts)
    assert told.count("STRATEGY_HELD") == 1
    assert texts[told.index("STRATEGY_HELD")].startswith("restless is held alone: bad output")


def test_who_is_held_for_a_row_is_told_which_it_is_and_so_do_the_status_and_the_journal(tmp_path):
    """What a stranger was told once: bad output, 1 seen, 1 allowed; and nothing was refused."""
    told, texts = [], []
    run(tmp_path, told, make_world=lambda: wanting_nonsense(SHORT_AND_STOP), texts=texts)
    folder = tmp_path / "desk" / "journal" / "alpha"
    text = texts[told.index("STRATEGY_HELD")]
    rule = "slot 1 is that of row 1 already, a target of the short side"
    assert "1 seen, 1 allowed: S0USDT, bar of 20" in text
    assert f"row 2 of 2, a stop in slot 1 that closes all short at 102.0: {rule}; target() takes" in text
    (held,) = read_standing(folder).standing["held_for"]
    assert f"restless is held alone: {held['why']}" == text
    (refused,) = explain_refused(folder, Wishes(None))
    assert (refused.symbol, refused.strategy) == ("S0USDT", "restless")
    assert [step.stage for step in refused.steps] == ["fact", "intent", "gate"]
    bar, intent, gate = (step.detail for step in refused.steps)
    assert str(bar["bar"]) in text
    assert (intent["row"], intent["slot"], intent["kind"], intent["price"]) == ("2 of 2", 1, "stop", "102.0")
    assert (gate["refused"], gate["code"], gate["because"]) == ("bad output", "STRATEGY_OUTPUT", rule)


def test_a_process_that_goes_on_still_says_for_which_row_a_strategy_is_held(tmp_path):
    whys = []
    for _ in range(2):
        run(tmp_path, [], make_world=lambda: wanting_nonsense(SHORT_AND_STOP))
        (held,) = read_standing(tmp_path / "desk" / "journal" / "alpha").standing["held_for"]
        whys.append(held["why"])
    assert all("row 2 of 2, a stop in slot 1" in why for why in whys)


@pytest.mark.parametrize(
    ("what", "detail", "code"),
    [
        ("held", {"strategy": 0, "rule": "RAISED", "limit": 0.0, "value": 0.0}, "STRATEGY_HELD"),
        ("held", {"strategy": 0, "rule": "LOSS_STREAK", "limit": 3.0, "value": 3.0}, "STRATEGY_HELD"),
        ("held", {"strategy": 0, "rule": "HUNG", "limit": 0.0, "value": 0.0}, None),
        ("held", {"strategy": 0, "rule": "OK", "limit": 0.0, "value": 0.0}, None),
        ("halts", {"scope": "core", "place": 0, "set": ["DRAWDOWN"], "cleared": []}, "HALTED"),
        ("halts", {"scope": "account", "place": 0, "set": [], "cleared": ["LOSS_DAY"]}, "RESUMED"),
        ("halts", {"scope": "core", "place": 0, "set": ["CLOCK"], "cleared": []}, None),
        ("halts", {"scope": "core", "place": 0, "set": ["OPERATOR"], "cleared": ["HOLD"]}, None),
        ("halts", {"scope": "instrument", "place": 0, "set": ["UNHEDGED"], "cleared": []}, None),
    ],
)
def test_what_others_tell_is_not_told_twice(what, detail, code):
    cause = {"cause": [], "limit": 0.0, "value": 0.0}
    alert = state_alert(Audit(1, "", what, cause | detail), [WalletSetup("USDT", 1.0)], ["one"])
    assert (alert and alert.code) == code
