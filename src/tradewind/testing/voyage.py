"""A voyage: a live session at a fake exchange, a plan of misfortunes, hands that interfere, and judges at the end.

Misfortunes strike for some minutes, then they stop and things settle; what must hold whatever happened is in
`voyage_oracles`. The same voyage is the same trace. One that fails says its seed, what struck, when, the last lines of
what was said, and the command that runs it again.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.journal import JournalReader, RecordKind
from tradewind.journal.bodies import FACT, REQUEST, decode_facts, decode_requests, layouts_at
from tradewind.live.facts import Told, rows_of
from tradewind.testing.clock import DeadlockError
from tradewind.testing.lookout import Lookout
from tradewind.testing.sessions import MINUTE_NS
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.venue_live import FOLDER, VenueLife, drifting_world
from tradewind.testing.virtual_venues import START_NS, Trace, login_of, run_world
from tradewind.units.enums import FactKind
from tradewind.venues.fake.misfortunes import Misfortunes, Strike

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tradewind.live.session import Session
    from tradewind.market import Instrument
    from tradewind.ops.alerts import Alert
    from tradewind.testing.clock import Process
    from tradewind.testing.disk import SimulatedDisk
    from tradewind.testing.virtual_venues import Login, VirtualWorld
    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.record import Entry

__all__ = ["Act", "Deck", "Landfall", "Voyage", "VoyageFailed", "sail", "strike"]

_S = 1_000_000_000
_KEPT, _SHOWN = 4000, 200
ALL_ORACLES = "abcdefgh"


class VoyageFailed(AssertionError):
    """What must hold did not; its text is all that is needed to find out why."""


def strike(fault: str, at_s: float, lasts_s: float = 60.0, **more: Any) -> Strike:  # noqa: ANN401
    """Return a strike at so many seconds after the beginning.

    more: pattern, account, count and args of `Strike`; every other name is a number of the fault.
    """
    known = {name: more.pop(name) for name in ("pattern", "account", "count", "args") if name in more}
    known["args"] = {**known.get("args", {}), **more}
    return Strike(START_NS + int(at_s * _S), fault, duration_ns=int(lasts_s * _S), **known)


@dataclass(slots=True)
class Deck:
    """What an act may lay hands on, while everything runs; acts are the world's, not the session's process.

    Parameters
    ----------
    life, world
        The session with its process, disk and alerts; the loop, the exchanges and the network.
    """

    life: VenueLife
    world: VirtualWorld

    @property
    def exchange(self) -> FakeExchange:
        """Return the venue, the first of several."""
        return self.world.exchanges[self.life.venue]

    @property
    def account(self) -> FakeAccount:
        """Return the account that is traded, as its venue keeps it."""
        return self.world.account(self.life.venue, self.life.moored[0].account)

    @property
    def symbol(self) -> str:
        """Return the symbol that is traded, in the venue's spelling."""
        return next(iter(self.exchange.instruments))

    @property
    def process(self) -> Process:
        """Return the present process: `kill`, `freeze`, `thaw`, `offset_ns`."""
        return self.life.process

    @property
    def session(self) -> Session:
        """Return the present session: `stop`, `post`."""
        return self.life.opened.session

    @property
    def disk(self) -> SimulatedDisk:
        """Return the disk of the journal."""
        return self.life.disk

    async def operate(self, code: int) -> bool:
        """Say a word of an operator (`OperatorCode`) to the session; return whether it was taken within seconds."""
        if not self.life.is_open:
            return False
        now_ns = self.world.loop.now_ns()
        fact = Told(FactKind.OPERATOR, now_ns, now_ns, code=code)
        try:
            await asyncio.wait_for(self.session.post(rows_of([fact])), 5.0)
        except TimeoutError:
            return False
        return True


Act = Callable[[Deck], object]
"""Something that somebody does at a time; where it returns an awaitable it is awaited in a task of its own."""


@dataclass(slots=True)
class Voyage:
    """What is to happen.

    Parameters
    ----------
    venue, seed
        Where, and the seed of market, network and chance.
    minutes, calm_minutes
        So long misfortunes may strike, and so long it is calm afterwards.
    plan
        Misfortunes of the exchange and the wire; see `strike`. Where there are several venues: of each by its name.
    acts
        (seconds from the beginning, what is done then).
    life
        Fields of `VenueLife` that are other than usual: rules, make_world, terms, dies_at, disk, …. Unless told
        otherwise `drifting` trades, within a limit, protected by stops of the core that rest.
    logins
        The accounts, where they are other than usual.
    judges
        Letters of the oracles that are asked at the end.
    protects
        Whether the strategy's positions must have stops at the venue.
    settle_s, position_s, protection_s
        From so long after misfortunes stopped, a wrong position or a missing stop may last so long.
    look_s
        So often somebody looks whether a position or a stop is wrong.
    again
        Command that runs it again; "": the test that is running.
    """

    venue: str = "binance_usdm"
    seed: int = 1
    minutes: float = 6.0
    calm_minutes: float = 5.0
    plan: Sequence[Strike] | Mapping[str, Sequence[Strike]] = ()
    acts: Sequence[tuple[float, Act]] = ()
    life: Mapping[str, Any] = field(default_factory=dict)
    logins: tuple[Login, ...] = ()
    judges: str = ALL_ORACLES
    protects: bool = True
    settle_s: float = 180.0
    position_s: float = 20.0
    protection_s: float = 30.0
    look_s: float = 1.0
    again: str = ""

    @property
    def venues(self) -> tuple[str, ...]:
        """Return where it goes, each venue once."""
        return tuple(dict.fromkeys(berth.venue for berth in self.life.get("berths", ()))) or (self.venue,)

    def misfortunes(self) -> dict[str, Misfortunes]:
        """Return a new plan for each venue."""
        plans = self.plan if isinstance(self.plan, Mapping) else {self.venue: self.plan}
        return {venue: Misfortunes(plans.get(venue, ()), seed=self.seed) for venue in self.venues}

    @property
    def calm_ns(self) -> int:
        """Return when misfortunes have stopped."""
        return START_NS + int(self.minutes * MINUTE_NS)

    @property
    def settled_ns(self) -> int:
        """Return from when on what is wrong counts."""
        return self.calm_ns + int(self.settle_s * _S)


@dataclass(slots=True)
class Landfall:
    """What is there at the end.

    Attributes
    ----------
    voyage, life
        What was to happen, and the session with everything that outlives it.
    misfortunes
        The plan of each venue, and how often each of it struck.
    lookout
        For how long what was wrong.
    records
        What each venue wrote down.
    instrument
        The rules of the first instrument that the session began with.
    exchange, account
        The first account, and its venue.
    trace
        The last lines that were said on the wire.
    cut_short
        Where it never came to its end: why.
    """

    voyage: Voyage
    life: VenueLife
    misfortunes: dict[str, Misfortunes]
    lookout: Lookout
    records: dict[str, list[Entry]]
    instrument: Instrument
    exchange: FakeExchange
    trace: list[str]
    account: FakeAccount
    cut_short: str = ""

    @property
    def entries(self) -> list[Entry]:
        """Return the record of the first venue."""
        return self.records[self.voyage.venue]

    def entries_of(self, account: int) -> list[Entry]:
        """Return what a venue, or on paper the simulated exchange, wrote down of an account of the session."""
        if self.life.paper:
            return self.life.paper_record.of(account)
        berth = self.life.moored[account]
        return [e for e in self.records[berth.venue] if e.get("account", berth.account) == berth.account]

    def of(self, what: str) -> list[Entry]:
        """Return the entries of a kind: "request", "order", "fill", "money", "strike", "market"."""
        entries = [e for record in self.records.values() for e in record]
        if self.life.paper:
            entries += [e for number in range(len(self.life.moored)) for e in self.entries_of(number)]
        return [entry for entry in entries if entry["what"] == what]

    def struck(self, fault: str) -> int:
        """Return how often a fault struck."""
        return sum(s.struck for plan in self.misfortunes.values() for s in plan.plan if s.fault == fault)

    def alerts(self, code: str) -> list[Alert]:
        """Return what a person was told under a code."""
        return [alert for alert in self.life.alerts if alert.code == code]

    def journal(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (time of the batch, rows of `FACT`) and (time, rows of `REQUEST`) in the order they were written."""
        reader, now_ns = JournalReader(self.life.disk, FOLDER), 0
        for record in reader.records():
            if record.kind in (RecordKind.MARKET, RecordKind.FACTS):
                head, rows = decode_facts(record, layouts_at(reader.headers, record.seq))
                now_ns = head.now_ns
                yield now_ns, rows
            elif record.kind == RecordKind.REQUESTS:
                yield now_ns, decode_requests(record, layouts_at(reader.headers, record.seq))[1]

    def facts(self, kind: int) -> NDArray[Any]:
        """Return the facts of one kind that the session took, rows of `FACT`."""
        found = [rows[rows["kind"] == kind] for _, rows in self.journal() if rows.dtype == FACT]
        return np.concatenate(found) if found else np.zeros(0, FACT)

    def requests(self, kind: int) -> NDArray[Any]:
        """Return what the session asked for, of one `RequestKind`, rows of `REQUEST`."""
        found = [rows[rows["kind"] == kind] for _, rows in self.journal() if rows.dtype == REQUEST]
        return np.concatenate(found) if found else np.zeros(0, REQUEST)

    def told(self, wrong: Sequence[str]) -> str:
        """Return what is wrong with everything that helps to find out why."""
        lines = [f"{line} at {venue}" for venue, plan in self.misfortunes.items() for line in plan.told()]
        struck = [line for line in lines if ", 0 of " not in line]
        voyage = self.voyage
        parts = [
            "\n".join(wrong),
            f"seed {voyage.seed} at {', '.join(voyage.venues)}, {voyage.minutes:g} + {voyage.calm_minutes:g} min, "
            f"ended at {self.life.end_ns if not self.cut_short else self.cut_short}; again: {_again(voyage)}",
            f"faults ({len(struck)} of {len(lines)} struck):\n" + "\n".join(struck),
            f"processes ended: {self.life.ends}",
            "alerts:\n" + "\n".join(f"{a.at_ns} {a.code} {a.text}" for a in self.life.alerts[-40:]),
            "trace:\n" + "\n".join(self._last_lines()),
        ]
        return "\n\n".join(parts)

    def _last_lines(self) -> list[str]:
        """Return the last lines of the trace but for what the market said."""
        return [line for line in self.trace if " frame " not in line or "private" in line][-_SHOWN:]


def sail(voyage: Voyage) -> Landfall:
    """Let a voyage happen and have it judged. Raises VoyageFailed where an oracle that was asked says no."""
    from tradewind.testing.voyage_oracles import judged

    misfortunes = voyage.misfortunes()
    life = VenueLife(
        voyage.venue,
        voyage.minutes + voyage.calm_minutes,
        seed=voyage.seed,
        **{"supervised": True, "make_world": drifting_world, **voyage.life},
    )
    ended: list[Landfall] = []

    async def happen(world: VirtualWorld) -> None:
        world.trace = Trace(_KEPT)
        landfall = _landfall(voyage, life, misfortunes, world)
        ended.append(landfall)
        life.at_end = lambda _, __: landfall.lookout.look()
        tasks = [asyncio.ensure_future(landfall.lookout.watch())]
        tasks += [asyncio.ensure_future(_act(at_s, what, Deck(life, world))) for at_s, what in voyage.acts]
        try:
            await life.live(world)
        except (AssertionError, DeadlockError) as error:
            landfall.cut_short = f"{world.loop.now_ns()}: {error}"
        for task in tasks:
            task.cancel()
        for failure in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(failure, Exception):
                raise failure

    names = dict.fromkeys(berth.account for berth in life.moored)
    logins = voyage.logins or tuple(login_of(name) for name in names)
    with dropping_the_dead():
        run_world(happen, seed=voyage.seed, venues=voyage.venues, misfortunes=misfortunes, logins=logins)
        ended[0].lookout.world.forget()
        if not life.closed:
            life.bury()
    wrong = judged(ended[0])
    if wrong:
        raise VoyageFailed(ended[0].told(wrong))
    return ended[0]


def _landfall(
    voyage: Voyage, life: VenueLife, misfortunes: dict[str, Misfortunes], world: VirtualWorld
) -> Landfall:
    exchange = world.exchanges[voyage.venue]
    return Landfall(
        voyage,
        life,
        misfortunes,
        Lookout(life, world, voyage.protects, voyage.look_s),
        {venue: each.record.entries for venue, each in world.exchanges.items()},
        next(iter(exchange.instruments.values())),
        exchange,
        world.trace.lines,
        world.account(voyage.venue, life.moored[0].account),
    )


async def _act(at_s: float, what: Act, deck: Deck) -> None:
    await asyncio.sleep(max(0.0, (START_NS + int(at_s * _S) - deck.world.loop.now_ns()) / _S))
    done = what(deck)
    if inspect.isawaitable(done):
        await done


def _again(voyage: Voyage) -> str:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    return voyage.again or f"python -m pytest '{test}'"
