"""Processes of virtual time: their clocks may lie, they may sleep, and they die when it is time."""

import asyncio

from tradewind.testing.clock import Process, VirtualLoop

S = 1_000_000_000


def lived(work):
    loop = VirtualLoop(5 * S)
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.close()


def started(loop, work):
    process = Process("one")
    return process, loop.start(process, work)


def test_a_clock_that_is_wrong_is_wrong_in_its_process_only():
    seen = []

    async def tell(loop):
        while True:
            seen.append(loop.local_ns() - loop.now_ns())
            await asyncio.sleep(1)

    async def work(loop):
        process, _ = started(loop, tell(loop))
        await asyncio.sleep(1.5)
        process.offset_ns = 30 * S
        await asyncio.sleep(1.0)
        seen.append(loop.local_ns() - loop.now_ns())
        process.kill()

    lived(work)
    assert seen == [0, 0, 30 * S, 0]


def test_a_process_that_sleeps_does_nothing_and_goes_on_where_it_was():
    ticks = []

    async def tick(loop):
        for _ in range(5):
            ticks.append(loop.time())
            await asyncio.sleep(1)

    async def work(loop):
        process, task = started(loop, tick(loop))
        await asyncio.sleep(1.5)
        process.freeze()
        await asyncio.sleep(100)
        assert len(ticks) == 2
        process.thaw(loop)
        await task

    lived(work)
    assert [round(at) for at in ticks] == [0, 1, 102, 103, 104]


def test_a_process_dies_so_many_steps_from_now():
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(1)

    async def work(loop):
        process, _ = started(loop, tick())
        await asyncio.sleep(2.5)
        assert len(ticks) == 3
        steps = process.steps
        process.die_in(4)
        await asyncio.sleep(100)
        assert not process.alive
        assert process.steps == steps + 4
        assert 3 <= len(ticks) <= 6

    lived(work)


def test_a_loop_that_computes_lets_time_pass_for_everybody():
    async def work(loop):
        loop.block(5.0)
        return loop.now_ns()

    assert lived(work) == 10 * S
