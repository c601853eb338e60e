"""What a session believed last, in a file: whoever looks when it is gone still learns what it held.

`standing.json` in the session's folder is written every few seconds, by a thread and not by the loop that trades, and
once more at the end. It says what was known then; what the venue has done since it cannot say.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradewind.config import write_unsynced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["STANDING", "LastKnown", "keep_standing", "read_standing", "write_standing"]

STANDING: Final = "standing.json"
"""Its file in the session's folder."""
_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What a session said of itself, and when.

    Parameters
    ----------
    written_ns
        When it was written down, nanoseconds UTC by our clock.
    standing
        What `Operator.status` returned.
    durable
        Last record of its journal that was durable then, 0 where that is not said.
    """

    written_ns: int
    standing: dict[str, Any]
    durable: int = 0


async def keep_standing(
    folder: Path, status: Callable[[], dict[str, Any]], clock: Callable[[], int], durable: Callable[[], int]
) -> None:
    """Write down every few seconds what a session believes, for ever; nothing before it has read anything.

    durable: returns the last record of its journal that is durable.
    """
    while True:
        told = status()
        if told["now_ns"]:
            await asyncio.to_thread(write_standing, folder, told, clock(), durable())
        await asyncio.sleep(_EVERY_S)


def write_standing(folder: Path, standing: dict[str, Any], written_ns: int, durable: int = 0) -> None:
    """Put what a session believes in the place of what it believed; a disk that refuses it keeps the older one.

    durable: last record of its journal that is durable, by which a journal that ends before it is known for an older
    copy.
    """
    told = {"written_ns": written_ns, "durable": durable, "standing": standing}
    write_unsynced(folder / STANDING, json.dumps(told).encode())


def read_standing(folder: Path) -> LastKnown | None:
    """Return what a session wrote down last, None where it wrote nothing that can be read."""
    try:
        told = json.loads((folder / STANDING).read_bytes())
        return LastKnown(int(told["written_ns"]), dict(told["standing"]), int(told.get("durable", 0)))
    except (OSError, ValueError, LookupError, TypeError):
        return None
