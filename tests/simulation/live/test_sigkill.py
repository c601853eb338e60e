"""Real processes, real SIGKILL, a real disk: the session always ends where the one that lived ended.

Lives are forked from this process, so that each begins at once; a kill strikes at a random moment of its work.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tradewind.journal import FileDisk, Identity, verify_journal
from tradewind.live.opening import Place, open_session
from tradewind.testing.sessions import small_world, walk
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue
from tradewind.venues.simulated.wire import RemoteVenue, serve

STEPS = 400
FEED = walk(STEPS, funding_every=50)
READY_S = 30


def live(folder, socket):
    """Run one life of the session to its end and write down where it ended."""
    place = Place(
        FileDisk(), folder, Identity("kill", ("sim",)), lambda: 0, "test", 200_000, snapshot_every=60
    )
    world = small_world()
    if socket is None:
        exchange = SimulatedExchange(small_world(), FEED)
        opened = open_session(place, world, LocalVenue(exchange), inside=exchange)
    else:
        opened = open_session(place, world, RemoteVenue(socket))
    asyncio.run(opened.session.run())
    opened.close(finished=True)
    ended = {
        "state": world.state_hash(),
        "decisions": world.decisions_hash(),
        "fills": int(world.core["fills"][0]),
    }
    ended["requests"] = opened.session.sequencer.standing.requests
    part = folder.parent.parent / "ended.part"
    part.write_text(json.dumps(ended))
    part.rename(folder.parent.parent / "ended.json")


def host(socket):
    """Be the exchange until killed."""

    async def forever():
        server = await serve(SimulatedExchange(small_world(), FEED), socket)
        await server.serve_forever()

    asyncio.run(forever())


async def requests_taken(socket):
    """Return how many requests the exchange says that it took."""
    venue = RemoteVenue(socket)
    taken = await venue.connect()
    await venue.close()
    return taken.requests


def fork(work, *args):
    """Run `work` in a child that never returns here."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work(*args)
        status = 0
    finally:
        os._exit(status)


def wait(pid, seconds):
    """Return the exit status, None if the child still runs after so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.001)
    return None


def run_with_kills(tmp_path, kills, seed, *, elsewhere):
    folder, socket = tmp_path / "journal" / "kill", None
    rng = random.Random(seed)
    venue = None
    if elsewhere:
        socket = tmp_path / "venue"
        venue = fork(host, socket)
        wait_for(socket)
    struck = 0
    try:
        while not (tmp_path / "ended.json").exists():
            child = fork(live, folder, socket)
            status = wait(child, rng.uniform(0.01, 0.25) if struck < kills else READY_S)
            if status is None:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                struck += 1
                assert struck <= kills, "the session hangs"
            else:
                assert status == 0
        ended = json.loads((tmp_path / "ended.json").read_text())
        if elsewhere:
            assert asyncio.run(requests_taken(socket)) == ended["requests"]
    finally:
        if venue is not None:
            os.kill(venue, signal.SIGKILL)
            os.waitpid(venue, 0)
    return ended, struck


def wait_for(path: Path):
    until = time.monotonic() + READY_S
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(scope="module", params=[False, True], ids=["venue inside", "venue elsewhere"])
def undisturbed(request, tmp_path_factory):
    ended, _ = run_with_kills(tmp_path_factory.mktemp("calm"), 0, 0, elsewhere=request.param)
    return request.param, ended


def check(tmp_path, undisturbed, kills, seed):
    elsewhere, expected = undisturbed
    ended, struck = run_with_kills(tmp_path, kills, seed, elsewhere=elsewhere)
    assert ended == expected
    report = verify_journal(FileDisk(), tmp_path / "journal" / "kill")
    assert report.verdict == "whole"
    return struck


def test_session_killed_a_few_times_ends_in_the_same_state(tmp_path, undisturbed):
    """F75: real processes, real files, real kills."""
    assert check(tmp_path, undisturbed, 6, seed=1) >= 1


@pytest.mark.soak
def test_session_killed_two_hundred_times_ends_in_the_same_state(tmp_path, undisturbed):
    """F75: two hundred real kills; `make soak` runs it."""
    struck = 0
    for seed in range(1000):
        (tmp_path / str(seed)).mkdir()
        struck += check(tmp_path / str(seed), undisturbed, 25, seed)
        if struck >= 200:
            return
    pytest.fail(f"only {struck} kills struck")
