"""Starting again after a million records: the tape run whole, and from a snapshot. Runs as a process of its own.

python benchmarks/restart.py make FOLDER RECORDS
python benchmarks/restart.py start FOLDER    prints the CPU seconds from opening the journal to standing at its end
python benchmarks/restart.py read FOLDER     prints those of decoding the same records without checking anything
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from live_session import VENUE, UnsyncedDisk, flipping_world

from tradewind import __version__
from tradewind.journal import Identity
from tradewind.journal import format as twj
from tradewind.live.accounts import AccountTerms
from tradewind.live.facts import Told, numbered
from tradewind.live.opening import Place, open_session
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import FactKind, WakeCode
from tradewind.venues.fake.listings import listed
from tradewind.venues.port import Batch

if TYPE_CHECKING:
    from tradewind.live.session import Session

SECOND_NS, MINUTE_S = 1_000_000_000, 60
_TICK = 1_000_000


class SilentVenue(LiveVenue):
    """A venue that knows nothing new."""

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """End the session where its tape ends."""
        return None


def opened_at(folder: Path):
    """Open the session at `folder`, new or again."""
    world = flipping_world(listed(VENUE)[:1])
    terms = AccountTerms("main", frozenset({0}), {"USDT": 0})
    venue = SilentVenue(
        world, [(terms, None)], {0: None}, LiveRules(), lambda: START_NS, notify=lambda alert: None
    )
    place = Place(UnsyncedDisk(), folder, Identity("bench", (VENUE,)), lambda: START_NS, __version__)
    opened = open_session(place, world, venue, inside=venue.books)
    opened.session.memory, opened.session.waits = venue.books, False
    return opened


def mark_at(second: int) -> float:
    """Return a price in ticks that never stands still."""
    return float(_TICK + second % 977)


def live_through(session: Session, number: int, told: list[Told], wake: int | None = None) -> None:
    """Take a batch as a session does that has heard it, its snapshots included; a coroutine that never waits."""
    now_ns = told[0].recv_ts_ns
    batch = Batch(number, numbered(number, told), wake, again=wake is None, now_ns=now_ns)
    living = session._live_through(batch)
    try:
        while True:
            living.send(None)
    except StopIteration:
        return


def make(folder: Path, records: int) -> None:
    """Write a journal of so many records: a mark each second, a bar each minute, what became of each order."""
    opened = opened_at(folder)
    session, number, second = opened.session, 0, 0
    sent: list = []

    async def submit(first: int, requests) -> None:
        sent.extend(requests.copy())

    session.venue.submit = submit
    while opened.writer.next_seq < records:
        second, number = second + 1, number + 1
        now_ns, tick = START_NS + second * SECOND_NS, int(mark_at(second))
        told = [Told(FactKind.MARK, now_ns, now_ns, value=float(tick))]
        if second % MINUTE_S == 0:
            prices = dict.fromkeys(("price_tick", "open_tick", "high_tick", "low_tick"), tick)
            told.append(Told(FactKind.BAR, now_ns - MINUTE_S * SECOND_NS, now_ns, qty_lot=5, **prices))
        live_through(session, number, told, WakeCode.BATCH if len(told) > 1 else None)
        for row in sent:
            number += 1
            live_through(session, number, answers_to(row, now_ns + 1, tick))
        sent.clear()
    opened.close(finished=False)


def answers_to(row, now_ns: int, tick: int) -> list[Told]:
    """Return what a venue says of an order at market: taken, filled, charged."""
    cid, lots, side, position_side = (int(row[name]) for name in ("cid", "qty_lot", "side", "position_side"))
    money = lots * tick * 10_000
    common = {"instrument": 0, "cid": cid, "side": side, "position_side": position_side, "price_tick": tick}
    charged = {"trade_id": cid, "value": float(money)}
    return [
        Told(FactKind.ACK, now_ns, now_ns, cid=cid, price_tick=tick, qty_lot=lots),
        Told(FactKind.FILL, now_ns, now_ns, qty_lot=lots, amount=money, trade_id=cid, **common),
        Told(FactKind.FEE, now_ns, now_ns, qty_lot=lots, amount=money // 2000, **charged, **common),
    ]


def start(folder: Path) -> float:
    """Return the CPU seconds from opening the journal to standing at its end."""
    began = time.process_time()
    opened = opened_at(folder)
    asyncio.run(opened.session.run())
    spent = time.process_time() - began
    opened.close(finished=False)
    return spent


def read(folder: Path) -> float:
    """Return the CPU seconds of finding and decoding every record without any check."""
    decode = msgspec.msgpack.Decoder(twj.Record).decode
    began = time.process_time()
    for path in sorted(folder.glob("segment-*.twj")):
        data = path.read_bytes()
        _, offset = twj.decode_header(data)
        while offset < len(data):
            length = int.from_bytes(data[offset : offset + 4], "little")
            decode(data[offset + twj.HEAD_BYTES : offset + twj.HEAD_BYTES + length])
            offset += twj.HEAD_BYTES + length
    return time.process_time() - began


if __name__ == "__main__":
    verb, where = sys.argv[1], Path(sys.argv[2])
    if verb == "make":
        make(where, int(sys.argv[3]))
    else:
        print(json.dumps({"start": start, "read": read}[verb](where)))
