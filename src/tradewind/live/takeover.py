"""Taking a session over from outside: its processes are ended by their leases, and what they held is closed.

For a session whose loop hangs, whose process is dead or whose disk is full: nothing here needs it to answer. The
orders of a takeover carry ids of a range of their own under the session's tag, so that its next start knows what
closed its position, at which price and for which fee.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.config import lock_holder
from tradewind.errors import Busy, TradewindError
from tradewind.journal import Authorship, FileDisk, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, Audit, begins_batch, encode
from tradewind.live.facts import Told, halt_fact
from tradewind.units.enums import LONG, SELL, SHORT, FactKind, Halt, OperatorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tradewind.journal import Identity
    from tradewind.venues.gateway import FillSeen

__all__ = [
    "TAKEN_OVER",
    "Lease",
    "end_processes",
    "first_cid",
    "hold_leases",
    "is_of_takeover",
    "taken_over_facts",
    "write_down",
]

TAKEN_OVER = "taken-over"
"""A file that says that the session was taken over: its next start begins paused."""
_CIDS = 1 << 62
_CIDS_EACH = 10
_NS_PER_MS = 1_000_000
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock file, and what a holder that is ours says that it is for."""

    path: Path
    purpose: str


def first_cid(now_ns: int) -> int:
    """Return the first of some thousand ids that no session and no other takeover uses."""
    return _CIDS | now_ns // _NS_PER_MS << _CIDS_EACH


def is_of_takeover(cid: int) -> bool:
    """Say whether an order was sent by a takeover."""
    return cid >= _CIDS


def taken_over_facts(fill: FillSeen, wallet: int, fee_wallet: int | None) -> list[Told]:
    """Return what a session is to know of a trade with which a takeover closed position of it.

    It is shared out over the holdings as what a venue takes, at its own price, and its fee is charged; it names its
    order, as no taking of a venue's does. The halt of a liquidation is lifted again, since it was none; an operator's
    pause stands in its place.
    """
    side = LONG if fill.side == SELL else SHORT
    taken = Told(
        FactKind.ADL, fill.ts_ns, fill.recv_ns, fill.instrument, wallet, fill.cid, position_side=side,
        price_tick=fill.price_tick, qty_lot=fill.qty_lot, amount=fill.notional, trade_id=fill.trade_key,
    )  # fmt: skip
    fee = Told(
        FactKind.FEE, fill.ts_ns, fill.recv_ns, fill.instrument, fee_wallet or 0, side=fill.side,
        position_side=side, price_tick=fill.price_tick, qty_lot=fill.qty_lot, amount=fill.fee,
        trade_id=fill.trade_key,
    )  # fmt: skip
    calm = halt_fact(Halt.LIQUIDATED, wallet, fill.recv_ns, on=False)
    pause = Told(FactKind.OPERATOR, fill.recv_ns, fill.recv_ns, code=OperatorCode.PAUSE)
    return [taken, *([fee] if fee_wallet is not None else []), calm, pause]


# ---------------------------------------------------------------------- processes


def end_processes(
    leases: Sequence[Lease], tell: Callable[[str], None], patience_s: float = 5.0
) -> tuple[int, ...]:
    """End whoever holds the leases: asked first, killed when patience is over; return their ids.

    Raises
    ------
    Busy
        LOCKED: somebody else holds one of them, on another machine or for another session, or the system does not end
        the process.
    """
    held = {pid: lease for lease in leases for pid in _holder(lease)}
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
        alive = [pid for pid, lease in held.items() if pid in _holder(lease)]
        for pid in alive:
            tell(f"{'ending' if number == signal.SIGTERM else 'killing'} process {pid}")
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if _are_free(leases, wait_s):
            return tuple(held)
    lease = next(lease for lease in leases if lock_holder(lease.path) is not None)
    raise Busy("LOCKED", f"process {_holder(lease)[0]} does not end", where=str(lease.path))


def _holder(lease: Lease) -> list[int]:
    """Return the process that holds a lease, none where nobody does. Raises Busy for one that is not ours to end."""
    holder = lock_holder(lease.path)
    if holder is None:
        return []
    pid, host, purpose = holder.get("pid"), holder.get("host"), str(holder.get("purpose"))
    if (
        not isinstance(pid, int)
        or pid <= 1
        or host != socket.gethostname()
        or not purpose.endswith(lease.purpose)
    ):
        raise Busy(
            "LOCKED",
            f"held by process {pid} on {host} ({purpose}), which is not this session's",
            where=str(lease.path),
        )
    return [pid]


def _are_free(leases: Sequence[Lease], patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    while True:
        if all(lock_holder(lease.path) is None for lease in leases):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)


@contextmanager
def hold_leases(leases: Sequence[Lease], purpose: str) -> Iterator[None]:
    """Hold the leases while the block runs, also on a disk that takes no byte: then they do not say who holds them.

    Raises Busy (LOCKED) where somebody was quicker.
    """
    handles: list[int] = []
    try:
        for lease in leases:
            with suppress(OSError):
                lease.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(lease.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError:
                continue  # Nobody else can make it either.
            handles.append(handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("LOCKED", "somebody else has just taken it", where=str(lease.path)) from None
            with suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, _said(purpose), 0)
        yield
    finally:
        for handle in handles:
            os.close(handle)


def _said(purpose: str) -> bytes:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps(
        {"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose, "since": since}
    ).encode()


# ---------------------------------------------------------------------- what remains


def write_down(folder: Path, identity: Identity, version: str, audit: Audit) -> str:
    """Write into the journal what was done, and mark the session as taken over; return why it could not be, or ""."""
    try:
        (folder / TAKEN_OVER).touch(0o600)
        author = Authorship(identity, lambda: audit.at_ns, version, LAYOUTS)
        writer = open_journal(FileDisk(), folder, author, is_begun=begins_batch)
        try:
            writer.append(RecordKind.AUDIT, encode(audit))
        finally:
            writer.close()
    except TradewindError as error:
        return error.message
    except OSError as error:
        return error.strerror or str(error)
    return ""
