"""Verifying beside a running session what its start passed over: the journal before the snapshot it began from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.journal import JournalReader

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.journal import Disk

__all__ = ["verify_before"]

_PAUSE_S = 0.05
"""Between two pieces of a segment, each a millisecond of work: a few per cent of a core."""


async def verify_before(disk: Disk, folder: Path, seq: int) -> int:
    """Verify every record before `seq` against the chain, a little at a time; return how many there were.

    Raises JournalError (JOURNAL_CORRUPT) with the place of the first that is not what was written.
    """
    seen = 0
    for scan in JournalReader(disk, folder).segments():
        for piece in scan.pieces():
            before = [record for record in piece if record.seq < seq]
            seen += sum(record.count for record in before)
            if len(before) < len(piece):
                return seen
            await asyncio.sleep(_PAUSE_S)
    return seen
