"""The guard: a child that hangs or dies is started again, the strategy that hung it begins held, a loop ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from tradewind.config import lock_holder
from tradewind.engine.world import CORE_BYTES
from tradewind.errors import InvariantBroken, SafetyRefusal
from tradewind.live.guard import Guard, GuardPolicy
from tradewind.live.pulse import ENDED, PULSE, RUNNING, Pulse, ended_in_order, waits_since
from tradewind.testing.sessions import small_world

CHILD = """
import sys, time, signal, os
from pathlib import Path
from tradewind.live.pulse import ENDED, PULSE, RUNNING, Pulse

folder = Path(sys.argv[1])
pulse = Pulse(folder / PULSE)
lives = folder / "lives"
life = int(lives.read_text()) + 1 if lives.exists() else 1
lives.write_text(str(life))
pulse.state = RUNNING
pulse.beat()
exec(sys.argv[2])
pulse.state = ENDED
"""


def guarded(folder, body, policy, before=None):
    """Run a child whose life is `body` under a guard; return the exit status, the incidents and how often it lived."""
    told = []
    guard = Guard([sys.executable, "-c", CHILD, str(folder), body], folder, policy, told.append)
    if before is not None:
        before(guard)
    status = guard.run()
    return status, told, int((folder / "lives").read_text())


def test_a_child_that_ends_in_order_is_not_started_again(tmp_path):
    status, told, lives = guarded(tmp_path, "sys.exit(0)", GuardPolicy())
    assert (status, told, lives) == (0, [], 1)


def test_a_refusal_is_an_end_too(tmp_path):
    status, told, lives = guarded(tmp_path, "pulse.state = 0\nsys.exit(5)", GuardPolicy())
    assert (status, told, lives) == (5, [], 1)


def test_a_child_that_is_killed_is_started_again(tmp_path):
    body = "os.kill(os.getpid(), signal.SIGKILL) if life < 3 else None"
    status, told, lives = guarded(tmp_path, body, GuardPolicy())
    assert status == 0
    assert lives == 3
    assert [incident.kind for incident in told] == ["died", "died"]


def test_a_venue_that_is_away_when_a_session_comes_back_is_waited_for(tmp_path):
    body = (
        "if life == 1:\n  time.sleep(0.6)\n  os.kill(os.getpid(), signal.SIGKILL)\n"
        "if life < 4:\n  pulse.state = 0\n  sys.exit(4)"
    )

    def soon(guard):
        guard.waits_s = (0.05,)

    status, told, lives = guarded(tmp_path, body, GuardPolicy(), soon)
    assert (status, lives) == (0, 4)
    assert [incident.kind for incident in told] == ["died", "waits", "waits"]


def test_what_a_guard_waits_for_stands_in_the_pulse_until_its_session_runs(tmp_path):
    """Whoever looks at the session, or commands it, has nothing else that could tell him."""
    (tmp_path / "segment-000001.twj").touch()
    body = (
        "if life < 4:\n  pulse.state = 0\n  sys.exit(3 if life == 2 else 4)\n"
        "(folder / 'runs').write_text(str(pulse.waits_ns))"
    )
    seen, free = [], iter([0, 1 << 40])

    def look(incident):
        seen.append((incident.kind, waits_since(tmp_path / PULSE)))

    guard = Guard([sys.executable, "-c", CHILD, str(tmp_path), body], tmp_path, tell=look, waits_s=(0.01,))
    guard.free_bytes = lambda folder: next(free)
    began_ns = time.time_ns()
    assert guard.run() == 0
    assert [kind for kind, _ in seen] == ["waits", "no room", "waits"]
    assert [since_ns > 0 for _, since_ns in seen] == [True, False, True]
    assert all(began_ns <= abs(since_ns) <= time.time_ns() for _, since_ns in seen)
    assert (tmp_path / "runs").read_text() == "0"
    assert waits_since(tmp_path / PULSE) == 0


def test_a_session_that_never_ran_is_not_started_again_where_its_venue_is_away(tmp_path):
    status, told, lives = guarded(tmp_path, "pulse.state = 0\nsys.exit(4)", GuardPolicy())
    assert (status, told, lives) == (4, [], 1)


def test_a_session_that_has_traded_waits_for_its_venue_from_its_first_start_on(tmp_path):
    """After a reboot nobody stands by: the network may come later than the session."""
    (tmp_path / "segment-000001.twj").touch()

    def soon(guard):
        guard.waits_s = (0.05,)

    status, told, lives = guarded(
        tmp_path, "if life < 3:\n  pulse.state = 0\n  sys.exit(4)", GuardPolicy(), soon
    )
    assert (status, lives) == (0, 3)
    assert [incident.kind for incident in told] == ["waits", "waits"]


def test_a_venue_that_stays_away_wakes_a_person_once_each_time(tmp_path):
    """What the session holds, nobody looks after meanwhile."""
    body = "if life in (1, 5):\n  time.sleep(0.6)\npulse.state = 0 if life not in (5, 8) else pulse.state\n"
    body += "sys.exit(0 if life == 8 else 4)"

    def soon(guard):
        guard.waits_s, guard.silent_s = (0.01,), 0.02

    status, told, lives = guarded(tmp_path, body, GuardPolicy(), soon)
    assert (status, lives) == (0, 8)
    away = ["waits", "silent", "waits"]
    assert [incident.kind for incident in told] == [*away, "waits", *away]


def test_a_session_whose_disk_is_full_goes_on_once_there_is_room(tmp_path):
    """F79."""
    free = iter([0, 0, 0, 63 << 20, 64 << 20, 64 << 20])
    left = []

    def full(guard):
        guard.waits_s = (0.01,)
        guard.free_bytes = lambda folder: left.append(next(free)) or left[-1]

    status, told, lives = guarded(tmp_path, "sys.exit(3) if life == 1 else None", GuardPolicy(), full)
    assert (status, lives) == (0, 2)
    assert [incident.kind for incident in told] == ["no room"]
    assert left[-1] == 64 << 20
    assert len(left) == 5


@pytest.mark.parametrize("code", [2, 3, 5])
@pytest.mark.parametrize("traded", [True, False])
def test_who_has_traded_and_refuses_to_go_on_is_told_of(tmp_path, code, traded):
    """Its positions are still there, and nobody may be looking at the terminal."""
    if traded:
        (tmp_path / "segment-000001.twj").touch()
    status, told, lives = guarded(tmp_path, f"pulse.state = 0\nsys.exit({code})", GuardPolicy())
    assert (status, lives) == (code, 1)
    assert [incident.kind for incident in told] == ["refused"] * traded
    assert all(f"status {code}" in incident.text for incident in told)


@pytest.mark.parametrize(("before", "after"), [(ENDED, True), (RUNNING, False)])
def test_a_refused_start_does_not_undo_how_the_last_process_ended(tmp_path, before, after):
    pulse = Pulse(tmp_path / PULSE)
    pulse.state = before
    pulse.close()
    assert guarded(tmp_path, "pulse.state = 0\nsys.exit(2)", GuardPolicy())[0] == 2
    assert ended_in_order(tmp_path / PULSE) is after


def test_a_fault_of_ours_is_a_death(tmp_path):
    status, told, lives = guarded(tmp_path, "sys.exit(1) if life == 1 else None", GuardPolicy())
    assert (status, lives) == (0, 2)
    assert [incident.kind for incident in told] == ["died"]


def test_a_hung_strategy_is_named_and_begins_held(tmp_path):
    """F88."""
    body = (
        "registers = pulse.registers(800, 80)\nregisters[80:88] = (3).to_bytes(8, 'little')\n"
        "if life == 1:\n  while True: pass\nassert pulse.held == [2], pulse.held"
    )
    status, told, lives = guarded(tmp_path, body, GuardPolicy(hung_s=0.6))
    assert status == 0
    assert lives == 2
    assert [(incident.kind, incident.strategy) for incident in told] == [("hung", 2)]


@pytest.mark.parametrize(("number", "held"), [("SIGSEGV", [2]), ("SIGABRT", [2]), ("SIGKILL", [])])
def test_a_strategy_that_brings_its_process_down_begins_held_and_not_one_that_was_killed(
    tmp_path, number, held
):
    """F88."""
    body = (
        "registers = pulse.registers(800, 80)\nregisters[80:88] = (3).to_bytes(8, 'little')\n"
        f"if life == 1:\n  os.kill(os.getpid(), signal.{number})\nassert pulse.held == {held}, pulse.held"
    )
    status, told, lives = guarded(tmp_path, body, GuardPolicy())
    assert (status, lives) == (0, 2)
    assert [(incident.kind, incident.strategy) for incident in told] == [("died", 2)]


def test_a_loop_that_hangs_elsewhere_blames_nobody(tmp_path):
    body = "if life == 1:\n  time.sleep(60)\nassert pulse.held == []"
    status, told, _ = guarded(tmp_path, body, GuardPolicy(hung_s=0.6))
    assert status == 0
    assert [(incident.kind, incident.strategy) for incident in told] == [("hung", -1)]


def test_a_start_may_take_longer_than_a_beat(tmp_path):
    body = "from tradewind.live.pulse import STARTING\npulse.state = STARTING\ntime.sleep(1.2)"
    status, told, lives = guarded(tmp_path, body, GuardPolicy(hung_s=0.3, starting_s=30))
    assert (status, told, lives) == (0, [], 1)


def test_a_crash_loop_ends(tmp_path):
    """F77."""
    body = "os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(SafetyRefusal) as caught:
        guarded(tmp_path, body, GuardPolicy(restarts_per_minute=3))
    assert caught.value.code == "CRASH_LOOP"
    assert (tmp_path / "lives").read_text() == "4"


def stop_when(path):
    """Return what stops a guard once a file is there."""

    def stop(guard):
        def wait():
            wait_for(path)
            guard.stop()

        threading.Thread(target=wait, daemon=True).start()

    return stop


def test_a_guard_that_is_stopped_ends_its_child_in_order(tmp_path):
    body = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n(folder / 'ready').touch()\ntime.sleep(60)"

    status, told, lives = guarded(tmp_path, body, GuardPolicy(), stop_when(tmp_path / "ready"))
    assert (status, told, lives) == (0, [], 1)


@pytest.mark.parametrize(
    ("ends", "kind"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "died"), ("time.sleep(60)", "hung")],
)
def test_nothing_is_told_of_a_child_before_it_is_gone(tmp_path, ends, kind):
    body = (
        "from tradewind.journal import FileDisk\n"
        f"lock = FileDisk().lock(folder / 'lock', 'lives')\nif life == 1:\n  {ends}"
    )
    held = []

    def listen(guard):
        told = guard.tell
        guard.tell = lambda incident: (held.append(lock_holder(tmp_path / "lock")), told(incident))

    _, told, lives = guarded(tmp_path, body, GuardPolicy(hung_s=1.5), listen)
    assert ([incident.kind for incident in told], lives) == ([kind], 2)
    assert held == [None]


@pytest.mark.parametrize(("every_s", "lives"), [(3_600.0, 2), (0.0, 4)])
def test_a_child_that_asks_to_be_renewed_is_started_again_once_in_a_while(tmp_path, every_s, lives):
    """F86."""
    body = (
        "from tradewind.live.pulse import RENEWING\nfor _ in range(60):\n  time.sleep(0.02)\n"
        "  if pulse.may_renew and life < 4:\n    pulse.state = RENEWING\n    sys.exit(0)"
    )
    status, told, lived = guarded(tmp_path, body, GuardPolicy(renew_every_s=every_s))
    assert (status, lived) == (0, lives)
    assert [incident.kind for incident in told] == ["renewed"] * (lives - 1)


def test_a_child_that_asks_to_be_renewed_while_its_guard_is_stopped_stays_ended(tmp_path):
    body = (
        "from tradewind.live.pulse import RENEWING\n"
        "signal.signal(signal.SIGTERM, lambda *_: (setattr(pulse, 'state', RENEWING), sys.exit(0)))\n"
        "(folder / 'ready').touch()\ntime.sleep(60)"
    )
    status, told, lives = guarded(tmp_path, body, GuardPolicy(), stop_when(tmp_path / "ready"))
    assert (status, told, lives) == (0, [], 1)


def test_the_heartbeat_follows_the_pulse(tmp_path):
    beaten = []

    def hear(guard):
        guard.heartbeat = lambda: beaten.append(1)
        guard.heartbeat_s = 0.0

    body = "[(pulse.beat(), time.sleep(0.4)) for _ in range(4)]"
    guarded(tmp_path, body, GuardPolicy(), hear)
    assert 1 <= len(beaten) <= 6


def test_the_registers_of_a_core_say_who_decides_and_nobody_once_another_life_begins(tmp_path):
    pulse = Pulse(tmp_path / PULSE)
    world = small_world(amends=True)
    place = world.core.dtype.fields["deciding"][1]
    world.move_core(pulse.registers(CORE_BYTES, place))
    watching = Pulse(tmp_path / PULSE)
    assert watching.deciding == -1
    world.core["deciding"] = 5
    assert watching.deciding == 4
    watching.begin()
    assert pulse.deciding == -1
    with pytest.raises(InvariantBroken):
        pulse.registers(1 << 20, 0)
    pulse.close()
    watching.close()


@pytest.mark.parametrize("inside", ["time.sleep(60)", "asyncio.run(asyncio.sleep(60))"])
def test_a_child_that_starts_is_interrupted_when_its_guard_is_killed_and_knows_why(tmp_path, inside):
    body = (
        "import asyncio\nfrom tradewind.live.guard import follow_guard, guard_is_gone\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "follow_guard()\nassert not guard_is_gone()\n(folder / 'ready').touch()\n"
        f"try:\n  {inside}\nexcept KeyboardInterrupt:\n"
        "  assert guard_is_gone()\n  (folder / 'ended').touch()\n"
    )
    guard = (
        "import os, sys\nfrom pathlib import Path\nfrom tradewind.live.guard import GUARDED, Guard\n"
        "os.environ[GUARDED] = str(os.getpid())\n"
        "Guard([sys.executable, '-c', *sys.argv[2:]], Path(sys.argv[1])).run()"
    )
    command = [sys.executable, "-c", guard, str(tmp_path), CHILD, str(tmp_path), body]
    with subprocess.Popen(command) as watching:
        wait_for(tmp_path / "ready")
        watching.kill()
    wait_for(tmp_path / "ended")


def test_a_child_that_starts_dies_by_a_signal_that_is_not_of_its_guards_death(tmp_path):
    """It is started again then: nobody asked the session to end."""
    body = (
        "from tradewind.live.guard import follow_guard\n"
        "os.environ['TRADEWIND_GUARDED'] = str(os.getppid())\nfollow_guard()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"
    )
    died = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), body], check=False)
    assert died.returncode == -signal.SIGTERM


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{path.name} never came")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 64, b"y" * 4096])
def test_a_page_of_another_form_is_made_anew(tmp_path, content):
    (tmp_path / PULSE).write_bytes(content)
    pulse = Pulse(tmp_path / PULSE)
    assert (pulse.beats, pulse.deciding, pulse.held, pulse.state) == (0, -1, [], 0)
    pulse.beat()
    pulse.hold(3)
    pulse.state = RUNNING
    other = Pulse(tmp_path / PULSE)
    assert (other.beats, other.held, other.state) == (1, [3], RUNNING)
    pulse.close()
    other.close()
