"""A program that trades with a planted key at a fake venue while everything goes wrong, and writes down all it can.

    python canary_program.py VENUE FOLDER redacted|plain|session

Its log is at DEBUG, every exception is logged with its traceback, every event and outcome is written out, and at
its end an exception that nobody caught holds the key. `plain` leaves the redactor out, to prove that
the search would find what it looks for. `session` lets a whole live session trade instead, with its journal.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections import Counter
from pathlib import Path

from tradewind.errors import TradewindError
from tradewind.market import Instrument
from tradewind.testing.canary import CANARY
from tradewind.testing.virtual_venues import START_NS, Login, run_world
from tradewind.units.enums import BUY, LONG, IntentKind
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.gateway import Listing, NewOrder, OrderRef
from tradewind.venues.keys import AccountKeys, Secret, install

SECOND_NS = 1_000_000_000
FAULTS = ("F01", "F02", "F03", "F04", "F05", "F06", "F07", "F09", "F11", "F13", "F19", "F21", "F63", "F65")
END_S = 20 + 15 * len(FAULTS) + 10
REST = int(IntentKind.REST)
log = logging.getLogger("canary")


def keys_of(venue: str) -> AccountKeys:
    parts = (CANARY.api_key, CANARY.secret, CANARY.passphrase)
    return AccountKeys("main", venue, False, *map(Secret, parts))


def plan() -> Misfortunes:
    strikes = [
        Strike(START_NS + (20 + 15 * place) * SECOND_NS, fault, duration_ns=12 * SECOND_NS, count=0)
        for place, fault in enumerate(FAULTS)
    ]
    return Misfortunes(strikes)


async def trade(world, venue: str, folder: Path) -> None:
    """Go on for every fault of the plan: create, find, cancel, read everything; write down what comes of it."""
    exchange = world.exchanges[venue]
    instrument: Instrument = next(iter(exchange.instruments.values()))
    gateway = CcxtTradingGateway(
        TradingSettings(venue, "CANARY"),
        [Listing(0, instrument)],
        world.session(),
        keys_of(venue),
        now_ns=world.loop.now_ns,
        chance=random.Random(7),
    )
    told = (folder / "told.txt").open("w")
    seen: Counter[str] = Counter()

    async def listen() -> None:
        while True:
            for event in await gateway.next_events():
                print(repr(event), file=told)

    async def tried(name: str, work) -> object:
        try:
            result = await asyncio.wait_for(work, 60)
        except Exception as error:
            seen[type(error).__name__] += 1
            log.exception("%s failed: %s", name, error)
            if isinstance(error, TradewindError):
                print(f"{error} {error!r} {error.args}", file=told)
            return None
        print(repr(result), file=told)
        return result

    await tried("open", gateway.open())
    plain = world.client(venue)
    listening = asyncio.create_task(listen())
    price_tick = int(exchange.last(instrument.symbol) / instrument.tick_size * 95 / 100)
    lots = max(int(instrument.min_qty / instrument.lot_size), 1) * 20
    number = 0
    while world.loop.now_ns() < START_NS + END_S * SECOND_NS:
        number += 1
        order = NewOrder(0, number, REST, BUY, LONG, False, True, price_tick, lots)
        await tried("create", gateway.create([order]))
        ref = OrderRef(0, number)
        await tried("find", gateway.find(ref, world.loop.now_ns()))
        await tried("cancel", gateway.cancel(ref))
        await tried("snapshot", gateway.snapshot(START_NS))
        await tried("ccxt itself", plain.fetch_balance())
        await asyncio.sleep(6)
    listening.cancel()
    await tried("close", gateway.close())
    print(f"dropped {gateway.dropped}", file=told)
    told.close()
    print("seen", dict(seen))
    print("struck", {s.fault: s.struck for s in world.exchanges[venue].misfortunes.plan})


def play(venue: str, folder: Path, work, misfortunes: Misfortunes) -> None:
    login = Login(api_key=CANARY.api_key, secret=CANARY.secret, passphrase=CANARY.passphrase)
    run_world(work, seed=11, venues=(venue,), logins=(login,), misfortunes={venue: misfortunes})
    (folder / "argv.txt").write_bytes(Path("/proc/self/cmdline").read_bytes())


def hear(life, world, folder: Path) -> None:
    """Let the session take signals that are signed with the planted secret, right and wrong ones, all the time."""
    from tradewind.live.intake import FeatureBounds, Intake, IntakeTerms
    from tradewind.live.nonces import Nonces
    from tradewind.live.outside import Feature
    from tradewind.live.signing import path_of, sign
    from tradewind.live.taking import by_place
    from tradewind.live.webhook import SignalDesk
    from tradewind.testing.venue_live import FOLDER

    key, posted = Secret(CANARY.secret), life.opened.session.post
    terms = IntakeTerms("live", key, {"mood": FeatureBounds(0.0, 1.0, ("X",))})
    nonces = Nonces(life.disk, FOLDER, 30_000, world.loop.now_ns() // 1_000_000)
    told = (folder / f"signals-{life.lives}.txt").open("w")
    desk = SignalDesk(
        Intake(terms, nonces), nonces, by_place((Feature("mood", "X", 0, 0, SECOND_NS),)), post=posted,
        keep=life.opened.session.disk, clock=world.loop.now_ns, counted=log.info, refused=log.warning,
    )  # fmt: skip

    async def send() -> None:
        while True:
            now_ms = world.loop.now_ns() // 1_000_000
            for body in (b'{"values": [{"name": "mood", "value": 0.5}]}', CANARY.secret.encode(), b"[]"):
                headers = sign(key, path_of("live"), body, now_ms).headers()
                for given in (headers, headers, {**headers, "Tradewind-Time": str(now_ms + 1)}):
                    print(await desk.answer(path_of("live"), given, body, "webhook here"), terms, file=told)
                    told.flush()
            await asyncio.sleep(20)

    life.live_venue.inbox.start(send())


def session(venue: str, folder: Path) -> None:
    """Let a session live through the plan; write down its journal, its alerts and what its processes believed."""
    from tradewind.testing.venue_live import FOLDER, VenueLife

    life = VenueLife(
        venue, 4, seed=11, dies_at=[2_000], on_open=lambda life, world: hear(life, world, folder)
    )
    try:
        play(venue, folder, life.live, plan())
    finally:
        for path in life.disk.names(FOLDER):
            (folder / f"journal-{path}").write_bytes(life.disk.read(FOLDER / path))
        (folder / "alerts.txt").write_text("\n".join(map(repr, life.alerts)))
    print("lives", life.lives, "alerts", len(life.alerts))


def main(venue: str, folder: Path, how: str) -> None:
    """Trade, then fail with the venue's own object in hand."""
    if how != "plain":
        install()
    logging.basicConfig(level=logging.DEBUG, filename=folder / "debug.log")
    if how == "session":
        session(venue, folder)
    else:
        play(venue, folder, lambda world: trade(world, venue, folder), plan())
    raise RuntimeError(f"the last words: {CANARY}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
