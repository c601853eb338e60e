"""What the process watches of itself is told when it begins and when it has passed, to people and to the core."""

from __future__ import annotations

import asyncio
import mmap

from tradewind.live.apply import APPLY_FACTS
from tradewind.live.facts import rows_of
from tradewind.live.watch import Gauges, Watch, WatchLimits, gauges_of, memory_share
from tradewind.testing.clock import VirtualLoop
from tradewind.testing.sessions import small_world
from tradewind.units.enums import Halt
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact

S = 1_000_000_000
GIB = 1 << 30


class Machine:
    """A process whose measures are set by hand."""

    def __init__(self):
        self.memory, self.disk, self.offset = GIB, 10 * GIB, 0
        self.alerts, self.world, self.renewals = [], small_world(), []

    def watch(self, loop=None):
        limits = WatchLimits(memory_bytes=2 * GIB)
        gauges = Gauges(lambda: self.memory, lambda: self.disk, lambda: self.offset)
        clock = (lambda: 5 * S) if loop is None else loop.now_ns
        known = lambda: int(self.world.core["own_halts"][0])  # noqa: E731
        return Watch(
            limits,
            gauges,
            clock,
            clock,
            self.alerts.append,
            self.post,
            known,
            lambda: self.renewals.append(clock()),
        )

    async def post(self, rows):
        mine = allocate(Fact, len(rows))
        mine[:] = rows
        APPLY_FACTS(*self.world.state, mine, len(rows))

    @property
    def halts(self):
        return int(self.world.core["halts"][0])


def test_each_state_begins_once_and_passes_once():
    for name, wrong, right, bit, code, words in (
        ("memory", 3 * GIB, GIB, Halt.MEMORY, "MEMORY_HIGH", "3,221.2 MB of memory; 2,147.5 MB are allowed"),
        ("disk", 3_010_560, GIB, Halt.DISK, "DISK_LOW", "3.0 MB of the disk are free; 268.4 MB are needed"),
        ("offset", -2 * S, 0, Halt.CLOCK, "CLOCK_OFFSET", "2,000 ms from the venue's; 500 ms are allowed"),
    ):
        machine = Machine()
        watch = machine.watch()
        assert watch.look() == []
        setattr(machine, name, wrong)
        asyncio.run(run_once(watch))
        assert machine.halts == bit
        assert watch.look() == []
        setattr(machine, name, right)
        asyncio.run(run_once(watch))
        assert machine.halts == 0
        assert [alert.code for alert in machine.alerts] == [code, "RESUMED"]
        assert machine.alerts[0].text.endswith(words)


def test_what_an_earlier_life_had_found_passes_in_a_later_one():
    machine = Machine()
    machine.memory = 3 * GIB
    asyncio.run(run_once(machine.watch()))
    assert machine.halts == Halt.MEMORY
    later = machine.watch()
    assert later.look() == []
    machine.memory = GIB
    asyncio.run(run_once(later))
    assert machine.halts == 0
    assert [alert.code for alert in machine.alerts] == ["MEMORY_HIGH", "RESUMED"]


def test_memory_that_stays_too_much_for_a_minute_asks_for_another_process_until_it_comes():
    """F86."""
    loop, machine = VirtualLoop(), Machine()

    async def scene():
        watching = asyncio.ensure_future(machine.watch(loop).run())
        machine.memory = 3 * GIB
        await asyncio.sleep(50)
        machine.memory = GIB
        await asyncio.sleep(5)
        machine.memory = 3 * GIB
        await asyncio.sleep(64.5)
        watching.cancel()

    began_ns = loop.now_ns()
    loop.run_until_complete(scene())
    loop.close()
    assert [(at - began_ns) // S for at in machine.renewals] == [115, 116, 117, 118, 119]


def test_a_share_of_the_memory_is_of_what_the_service_may_have(tmp_path):
    whole = memory_share(1.0, ())
    assert whole > 100 << 20
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    assert memory_share(1.0, (limit, tmp_path / "none")) == whole
    limit.write_text("8000000\n")
    assert memory_share(0.5, (limit,)) == 4_000_000


async def run_once(watch):
    await watch.post(rows_of(watch.look()))


def test_a_loop_that_stands_still_is_told_when_it_comes_round_again():
    """F87."""
    loop, machine = VirtualLoop(), Machine()

    async def scene():
        watching = asyncio.ensure_future(machine.watch(loop).run())
        await asyncio.sleep(3.5)
        loop._jumping.now_ns += 7 * S
        await asyncio.sleep(1.5)
        watching.cancel()

    loop.run_until_complete(scene())
    loop.close()
    assert [alert.code for alert in machine.alerts] == ["LOOP_STALLED"]
    assert "6.5 s" in machine.alerts[0].text


def test_this_process_can_be_measured(tmp_path):
    gauges = gauges_of(tmp_path)
    assert gauges.memory_bytes() > 10 << 20
    assert gauges.disk_bytes() > 0
    assert gauges.clock_ns() == 0


def test_memory_that_is_given_back_is_not_in_use(tmp_path):
    gauges, size = gauges_of(tmp_path), 64 << 20
    with mmap.mmap(-1, size) as much:
        much[:] = b"\1" * size
        most = gauges.memory_bytes()
    assert gauges.memory_bytes() < most - size // 2
