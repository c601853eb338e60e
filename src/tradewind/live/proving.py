"""Verifying beside a running session what its start passed over: the journal before the snapshot it began from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.journal import JournalReader

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.journal import Disk

__all__ = ["verify_before"]

_RECORDS = 256
_PAUSE_S = 0.05
"""So many records take a millisecond or two: a few per cent of a core, and no decision waits longer than that."""


async def verify_before(disk: Disk, folder: Path, seq: int) -> int:
    """Verify every record before `seq` against the chain, a little at a time; return how many there were.

    Raises JournalError (JOURNAL_CORRUPT) with the place of the first that is not what was written.
    """
    seen = 0
    for scan in JournalReader(disk, folder).segments():
        for record in scan:
            if record.seq >= seq:
                return seen
            seen += record.count
            if seen % _RECORDS < record.count:
                await asyncio.sleep(_PAUSE_S)
    return seen
