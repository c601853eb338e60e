"""What venues said of keys when they were last asked, for those who read the terms of a session before it starts.

It stands in `seen.json` beside the key store and holds nothing of a key: names, times, and whether a key may be used
from any address.
"""

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.config import Workspace
    from tradewind.venues.keys.report import KeyReport

__all__ = ["known_addresses", "note_key"]

_FILE = "seen.json"


def note_key(desk: "Workspace", name: str, report: "KeyReport") -> None:
    """Write down whether a key may be used from anywhere; a disk that refuses it knows less, nothing else."""
    from tradewind.config import KEYS_FOLDER, write_atomic
    from tradewind.errors import TradewindError

    path = desk.root / KEYS_FOLDER / _FILE
    known = _known(desk)
    known[name] = {
        "asked_ns": time.time_ns(),
        "anywhere": None if report.addresses is None else not report.addresses,
    }
    try:
        write_atomic(path, json.dumps(known), private=True)
    except TradewindError:
        return


def known_addresses(desk: "Workspace", name: str) -> str:
    """Say from where a key may be used, as its venue said last; "" where nobody has asked."""
    from tradewind.units.time import format_utc

    seen = _known(desk).get(name)
    if not isinstance(seen, dict) or not isinstance(seen.get("asked_ns"), int):
        return ""
    words = {"True": "from ANY address", "False": "from listed addresses only"}
    told = words.get(str(seen.get("anywhere")), "from where the venue does not say")
    return f"the key may be used {told}, as of {format_utc(seen['asked_ns'])[:10]}"


def _known(desk: "Workspace") -> dict[str, object]:
    from tradewind.config import KEYS_FOLDER

    try:
        known = json.loads((desk.root / KEYS_FOLDER / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
