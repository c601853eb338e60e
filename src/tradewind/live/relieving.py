"""What the running session does about stops of earlier epochs: which go when, and how the venue's word of them is read.

At an account where strategies net, stops leave without being reduce-only, and the venue shows them as orders that open
the other side. Here they are read as what they are: those of the session by what was asked for, those of earlier epochs
by what they would close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradewind.live.epochs import as_guard, guarded_side, left_over, read_stops, relieved, spare
from tradewind.ops.alerts import Alert
from tradewind.units.enums import LONG, IntentKind
from tradewind.venues.gateway import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.engine.world import World
    from tradewind.live.accounts import TradingAccount
    from tradewind.live.orders import OrderLedger
    from tradewind.live.reconcile import Belief, Compared
    from tradewind.venues.gateway import OrderSeen, Snapshot

__all__ = ["Relieving"]


class Relieving:
    """The stops of earlier epochs that lie at the accounts of a session.

    Parameters
    ----------
    world
        What the core believes; only read.
    ledger
        The orders of this epoch.
    notify
        Is told which of them go, and why.

    Attributes
    ----------
    leaving
        Numbers of the accounts where some lie.
    """

    def __init__(self, world: World, ledger: OrderLedger, notify: Callable[[Alert], None]) -> None:
        self.leaving: set[int] = set()
        self._world, self._ledger, self._notify = world, ledger, notify

    def read(self, account: TradingAccount, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot whose stops are read as what they close, and whose orders are ours where we know them.

        An order with the session's signs that its journal knows nothing of is nobody's: that journal was lost.
        """
        return read_stops(self._known(snapshot), account.terms.earlier, hedged=account.terms.hedge)

    def _known(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, orders=tuple(map(self._own, snapshot.orders)))

    def _own(self, seen: OrderSeen) -> OrderSeen:
        known = self._ledger.known(seen.cid) if seen.cid else None
        if known is None:
            return replace(seen, cid=0) if seen.cid else seen
        guards = seen.stop and not seen.reduce and known.kind == IntentKind.STOP and known.closes
        return as_guard(seen, known.position_side) if guards else seen

    def relieve(
        self, account: TradingAccount, snapshot: Snapshot, compared: Compared, belief: Belief, now_ns: int
    ) -> None:
        """Cancel the stops that protect nothing which is not protected without them, as the account was read."""
        earlier = account.terms.earlier
        doubted = {place for what, place, *_ in compared.doubted if what == "position"}
        self.leaving.discard(account.number)
        if not left_over(snapshot.orders, earlier):
            return
        self.leaving.add(account.number)
        hedged = account.terms.hedge
        for seen in relieved(self._known(snapshot), earlier, belief.sellable, hedged=hedged):
            if seen.instrument not in compared.deferred | doubted:
                place = seen.instrument, guarded_side(seen, hedged=hedged)
                held = any((one.instrument, one.position_side) == place for one in snapshot.positions)
                held = held and belief.sellable.get((seen.instrument, LONG), 1) > 0
                self._end(account, seen, now_ns, held=held)

    def note_standing(self, account: TradingAccount, event: OrderSeen, now_ns: int) -> None:
        """Let what would be triggered beside a stop of ours go at once, when the venue says that ours stands.

        Stops that are all reduce-only close no more than is held, and wait for the next reading.
        """
        known = self._ledger.known(event.cid)
        stands = event.stop and event.status is OrderStatus.WORKING
        if known is None or not (stands and known.kind == IntentKind.STOP and known.closes):
            return
        place = known.instrument, known.position_side
        there = [
            seen
            for seen in left_over(account.others, account.terms.earlier)
            if (seen.instrument, guarded_side(seen, hedged=account.terms.hedge)) == place
        ]
        plain = not (known.reduce and all(seen.reduce for seen in there))
        if there and plain:
            held = self._held(*place)
            need = held - self._covered(*place, event)
            for seen in spare(there, need, beside_plain=not known.reduce):
                self._end(account, seen, now_ns, held=held > 0)

    def _held(self, instrument: int, side: int) -> int:
        """Return how many lots the venue shows on a side, as far as we know."""
        contexts, view = self._world.contexts, self._world.views[instrument]
        held = contexts["working"]["holding"]["pos_lot"][contexts["instrument"] == instrument].sum(axis=0)
        lots = held + view["external_lot"]
        return int(lots[side] - (0 if view["hedge"] else lots[1 - side]))

    def _covered(self, instrument: int, side: int, event: OrderSeen) -> int:
        """Return how many lots our stops that stand would close of a side, one of which is heard of now."""
        stops = (
            known
            for cid, known in self._ledger.working().items()
            if (known.instrument, known.position_side) == (instrument, side)
            and (known.kind == IntentKind.STOP and known.closes)
            and (cid == event.cid or known.acknowledged)
            and not known.triggered
        )
        return sum(known.qty_lot - known.told_lot for known in stops)

    def _end(self, account: TradingAccount, seen: OrderSeen, now_ns: int, *, held: bool) -> None:
        why = "the new stops cover the position" if held else "nothing is left to protect"
        text = f"{account.terms.name}: a stop of an earlier epoch goes, since {why}"
        self._notify(Alert("RECONCILED", text, now_ns))
        account.cancel_earlier(seen)
