"""Virtual time: waits are jumps, the order is always the same, what can never happen is said, the dead stay dead."""

from __future__ import annotations

import asyncio
import time

import pytest

from tradewind.testing.clock import DeadlockError, Process, VirtualLoop, run_virtual


def test_an_hour_of_sleep_takes_no_time():
    began = time.monotonic()

    async def sleeper():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().now_ns()

    assert run_virtual(sleeper(), start_ns=1_000) == pytest.approx(3_600_000_001_000, abs=10)
    assert time.monotonic() - began < 60


def test_timers_fire_in_the_order_of_time():
    fired = []

    async def main():
        await asyncio.gather(*(wait(s) for s in (3, 1, 2)))

    async def wait(seconds):
        await asyncio.sleep(seconds)
        fired.append(seconds)

    run_virtual(main())
    assert fired == [1, 2, 3]


def test_waiting_for_what_never_comes_is_a_deadlock():
    async def hang():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError):
        run_virtual(hang())


def test_executor_work_runs_at_once_and_its_errors_arrive():
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 7, 0)

    run_virtual(main())


def test_killed_process_does_nothing_more_and_the_world_goes_on():
    loop, done, deaths = VirtualLoop(), [], []
    loop.set_exception_handler(lambda loop, context: None)
    process = Process("worker", dies_at_step=4, on_death=lambda: deaths.append(loop.now_ns()))

    async def work():
        for step in range(10):
            done.append(step)
            await asyncio.sleep(1)

    async def world():
        loop.start(process, work())
        await asyncio.sleep(20)
        return "on"

    try:
        assert loop.run_until_complete(world()) == "on"
    finally:
        loop.close()
    assert not process.alive
    assert len(deaths) == 1
    assert 0 < len(done) < 5


def test_a_death_is_told_when_it_happens_and_to_who_asks_later():
    process, told = Process("worker", dies_at_step=3), []

    async def work():
        for _ in range(10):
            await asyncio.sleep(1)

    async def world():
        loop = asyncio.get_running_loop()
        loop.start(process, work())
        for _ in range(2):
            await asyncio.wait_for(process.death(loop), 60)
            told.append(loop.now_ns())

    run_virtual(world())
    assert told == pytest.approx([1_000_000_000] * 2, abs=10)
