"""The resolver: an order of which nothing is heard is asked about, and what is found comes in as facts.

A timeout is not a rejection. An order in doubt keeps occupying exposure until the venue says what became of
it; "not found" counts only when it is said twice, the second time after the fence within which a late request
could still arrive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.journal.bodies import LOCAL
from tradewind.units.enums import FactKind, OrderState
from tradewind.venues.port import FACT, Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tradewind.engine.world import World

PATIENCE_NS = 10_000_000_000
APART_NS = 60_000_000_000
UNEXPLAINED_NS = 3 * APART_NS
_MOMENT_NS = 1_000_000_000
_IN_FLIGHT = (OrderState.PENDING, OrderState.AMENDING, OrderState.CANCELLING, OrderState.UNKNOWN)


class Resolver:
    """Watches the orders of a world.

    Parameters
    ----------
    world
        What is believed.
    patience_ns
        So long an order may be under way before it is asked about; longer than any request can be on its way.
    audit_ns
        So often every working order is asked about too: a lost report of an end has no other witness. 0 for
        never.
    """

    def __init__(self, world: World, patience_ns: int = PATIENCE_NS, audit_ns: int = 0) -> None:
        self._world = world
        self._patience_ns = patience_ns
        self._audit_ns = audit_ns
        self._queried_ns: dict[int, int] = {}
        self._missing: dict[int, int] = {}
        self._audited_ns = 0
        self._now_ns = 0

    def overdue(self, now_ns: int) -> list[int]:
        """Return the orders to ask about now, by id.

        Patience counts from the last request about an order, or from the last question: an amend that follows an
        answer at once has its own time on the way.
        """
        asked_ns = self._asked_ns(_IN_FLIGHT)
        self._queried_ns = {cid: at for cid, at in self._queried_ns.items() if cid in asked_ns}
        self._missing = {cid: at for cid, at in self._missing.items() if asked_ns.get(cid) == at}
        due = [
            cid
            for cid, at_ns in asked_ns.items()
            if now_ns - max(at_ns, self._queried_ns.get(cid, 0)) >= self._patience_ns
        ]
        if self._audit_ns and now_ns - self._audited_ns >= self._audit_ns:
            self._audited_ns = now_ns
            due += self._asked_ns((OrderState.LIVE, OrderState.TRIGGERED))
        self._queried_ns |= dict.fromkeys(due, now_ns)
        self._now_ns = now_ns
        return sorted(due)

    def doubt(self, cids: Sequence[int]) -> Batch:
        """Return the batch that says of these orders that their state is unknown."""
        rows = np.zeros(len(cids), FACT)
        rows["kind"], rows["cid"] = FactKind.UNKNOWN, cids
        return self._batch(rows, again=False)

    def evidence(self, answers: NDArray[Any]) -> Batch:
        """Return the batch of what the venue knows, without what it may still come to know."""
        not_found = answers["kind"] == FactKind.NOT_SENT
        first_time = np.array([cid not in self._missing for cid in answers["cid"].tolist()], bool)
        asked_ns = self._asked_ns(_IN_FLIGHT)
        self._missing |= {cid: asked_ns.get(cid, 0) for cid in answers["cid"][not_found].tolist()}
        return self._batch(answers[~(not_found & first_time)], again=True)

    def _asked_ns(self, states: Sequence[int]) -> dict[int, int]:
        """Return the orders in these states with the time of the last request about each."""
        orders = self._world.contexts["working"]["order"]
        found = orders[np.isin(orders["state"], states)]
        return dict(zip(found["cid"].tolist(), found["asked_ns"].tolist(), strict=True))

    def _batch(self, rows: NDArray[Any], *, again: bool) -> Batch:
        rows["venue_ts_ns"] = rows["recv_ts_ns"] = self._now_ns
        rows["seq"] = 0
        return Batch(LOCAL, rows, None, again, self._now_ns)


class Absences:
    """Proofs that an order is nowhere, which take more than one look.

    Looks that begin within a second are one. Where the venue has a fence, two looks that find nothing, the last of
    them begun after the fence: what has not arrived by then is refused for its age. Where it has none, nothing in
    the lists of what works, of what ended and of the trades, twice, `apart_ns` apart, while the position is explained
    by what is known. A position that stays unexplained for `unexplained_ns` while the lists show nothing was moved by
    somebody else, as by a liquidation: doubting the order on would keep that from being taken over for ever.

    Parameters
    ----------
    apart_ns, unexplained_ns
        Time between the first and the last look where there is no fence, with the position explained and without.
    """

    def __init__(self, apart_ns: int = APART_NS, unexplained_ns: int = UNEXPLAINED_NS) -> None:
        self._apart_ns, self._unexplained_ns = apart_ns, unexplained_ns
        self._looks: dict[int, tuple[int, int, int, int]] = {}

    def looks(self, cid: int) -> tuple[int, int]:
        """Return when the first look for an order began that found nothing, and how many looks there were."""
        _, first_ns, _, looks = self._looks.get(cid, (0, 0, 0, 0))
        return first_ns, looks

    def note_found(self, cid: int) -> None:
        """Forget what was not found before."""
        self._looks.pop(cid, None)

    def note_absent(
        self, cid: int, asked_ns: int, looked_ns: int, fence_ns: int, *, explained_ns: int = 0
    ) -> bool:
        """Note that a look found nothing; say whether that proves it.

        Parameters
        ----------
        asked_ns
            When the last request about the order was made; a later one begins the count anew.
        looked_ns
            When the look began.
        fence_ns
            Length of the fence, 0 for none.
        explained_ns
            When the venue was last asked for a position that what is known explains.
        """
        about_ns, first_ns, last_ns, looks = self._looks.get(cid, (0, 0, 0, 0))
        if about_ns != asked_ns:
            first_ns, last_ns, looks = looked_ns, 0, 0
        if looked_ns < last_ns + _MOMENT_NS:
            return False
        looks += 1
        self._looks[cid] = (asked_ns, first_ns, looked_ns, looks)
        if fence_ns:
            return looks >= 2 and looked_ns > asked_ns + fence_ns
        enough_ns = self._apart_ns if explained_ns > first_ns else self._unexplained_ns
        return looks >= 2 and looked_ns >= first_ns + enough_ns
