"""Why an instrument's data cannot be trusted now; the core only hears that it cannot, and that it can again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.live.facts import Told
from tradewind.units.enums import FactKind, StreamCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.venues.gateway import StreamSeen

__all__ = ["Staleness"]


@dataclass(slots=True)
class Staleness:
    """Reasons by instrument. An instrument is stale as long as it has one."""

    _reasons: dict[int, set[str]] = field(default_factory=dict)

    def note(self, instruments: Iterable[int], reason: str, code: int, now_ns: int) -> list[Told]:
        """Take a stream's state; return a fact for each instrument that turned stale or came back by it."""
        facts = []
        for instrument in instruments:
            reasons = self._reasons.setdefault(instrument, set())
            was_stale = bool(reasons)
            if code == StreamCode.UP:
                reasons.discard(reason)
            else:
                reasons.add(reason)
            if bool(reasons) != was_stale:
                facts.append(Told(FactKind.STREAM, now_ns, now_ns, instrument, code=code))
        return facts

    def note_loss(self, seen: StreamSeen, now_ns: int) -> list[Told]:
        """Return facts that say how many messages were lost; what was trusted before goes on being trusted."""
        gap = Told(FactKind.STREAM, now_ns, now_ns, seen.instrument, code=StreamCode.GAP, qty_lot=seen.lost)
        if self._reasons.get(seen.instrument):
            return [gap]
        return [gap, Told(FactKind.STREAM, now_ns, now_ns, seen.instrument, code=StreamCode.UP)]
