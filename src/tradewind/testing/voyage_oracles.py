"""What must hold after any voyage, whatever befell it: eight questions, each answered from two independent sources.

Those about orders, fills and positions are asked of each account of the session.

a  what the venue filled of our orders is what our ledger says
b  at most one order per intent
c  no order above the limits
d  the position at the venue is the position believed, soon after misfortunes stop
e  everything held has its protector, soon after misfortunes stop
f  nothing is opened on stale data
g  the journal replays to the same state
h  the process ends or recovers, and never hangs
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.errors import TradewindError
from tradewind.journal.bodies import FACT
from tradewind.live.replay import replay_journal
from tradewind.testing.venue_live import FOLDER
from tradewind.units.enums import BUY, LONG, FactKind, RequestKind, StreamCode
from tradewind.units.ids import context_of, slot_of
from tradewind.venues.ccxt.client_ids import ClientIds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tradewind.testing.voyage import Landfall
    from tradewind.venues.fake.record import Entry

__all__ = ["judged"]

_S = 1_000_000_000
_TOTALS = (FactKind.FILL, FactKind.CANCELLED, FactKind.EXPIRED)
_BAR_AGE_NS = 75 * _S
"""The bar before, its grace, and the time within which a decision may still be made."""
_SHOWN = 5


def judged(landfall: Landfall) -> list[str]:
    """Return what the oracles that were asked have to object, each with its letter."""
    wrong = []
    for letter, ask in _ORACLES.items():
        if letter in landfall.voyage.judges:
            found = ask(landfall)
            more = [f"({letter}) … and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
            wrong += [f"({letter}) {text}" for text in found[:_SHOWN]] + more
    return wrong


@dataclass(slots=True)
class _Account:
    """One account of a session, and what its venue wrote down of it."""

    landfall: Landfall
    number: int
    entries: list[Entry]
    orders: dict[object, tuple[int, Entry]] = field(default_factory=dict)

    def of(self, what: str) -> list[Entry]:
        return [entry for entry in self.entries if entry["what"] == what]

    def trades(self, cid: int) -> bool:
        return self.landfall.life.traded[self.instrument_of(cid)].account == self.number

    def instrument_of(self, cid: int) -> int:
        return int(self.landfall.life.world.contexts["instrument"][context_of(cid)])

    def told(self, text: str) -> str:
        """Return an objection, with whose account it is where there are several."""
        berth = self.landfall.life.moored[self.number]
        several = len(self.landfall.life.moored) > 1
        return f"{berth.account} at {berth.venue}: {text}" if several else text


def _accounts(landfall: Landfall) -> list[_Account]:
    found = []
    for number in range(len(landfall.life.moored)):
        account = _Account(landfall, number, landfall.entries_of(number))
        account.orders = _orders(landfall.life.tag, account)
        found.append(account)
    return found


def _each_account(ask: Callable[[_Account], list[str]]) -> Callable[[Landfall], list[str]]:
    """Return a question about a session that asks one about each of its accounts."""
    return lambda landfall: [account.told(text) for account in _accounts(landfall) for text in ask(account)]


def _orders(tag: str, account: _Account) -> dict[object, tuple[int, Entry]]:
    """Return our id and the first entry of each order at the venue that is ours, by the venue's id.

    An order that came of a stop has its stop's id.
    """
    ids, found = ClientIds(tag), dict[object, tuple[int, "Entry"]]()
    for entry in account.of("order"):
        if entry["cause"] == "refused" or entry["order_id"] in found:
            continue
        parent = found.get(entry["parent_id"])
        cid = parent[0] if parent is not None else ids.cid_of(entry["client_id"])
        if cid:
            found[entry["order_id"]] = cid, entry
    return found


def _opens(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each request, rows of `REQUEST`, whether it opens; what closes need not be reduce-only where books net."""
    found: NDArray[np.bool_] = (rows["side"] == BUY) == (rows["position_side"] == LONG)
    return found


def _number(value: object) -> Decimal:
    return Decimal(str(value))


# ---------------------------------------------------------------------- a, b, c


def _ask_fills(account: _Account) -> list[str]:
    """Compare order by order (a)."""
    landfall, late_ns = account.landfall, account.landfall.life.end_ns - _S
    true: dict[int, Decimal] = defaultdict(Decimal)
    under_way = set()
    for fill in account.of("fill"):
        if fill["order_id"] in account.orders:
            cid = account.orders[fill["order_id"]][0]
            true[cid] += _number(fill["qty"])
            if int(str(fill["ts_ns"])) > late_ns:
                under_way.add(cid)  # The session ended before it could be told.
    told: dict[int, int] = defaultdict(int)
    for _, rows in landfall.journal():
        if rows.dtype == FACT:
            mine = rows[np.isin(rows["kind"], (*_TOTALS, FactKind.BOOKED)) & (rows["cid"] >> 20 > 0)]
            for kind, cid, lots in mine[["kind", "cid", "qty_lot"]].tolist():
                late = kind == FactKind.BOOKED
                told[cid] = told[cid] + lots if late else max(told[cid], lots)
    wrong = []
    for cid in sorted(true.keys() | filter(account.trades, told.keys())):
        lot = landfall.life.traded[account.instrument_of(cid)].instrument.lot_size
        if cid not in under_way and true.get(cid, 0) != told.get(cid, 0) * lot:
            wrong.append(
                f"order {cid}: the venue filled {true.get(cid, 0)}, we know of {told.get(cid, 0) * lot}"
            )
    return wrong


def _ask_orders(account: _Account) -> list[str]:
    """Count orders per id, look for orders that nobody asked for here, and for two at once in one place (b)."""
    asked = set(account.landfall.requests(RequestKind.NEW)["cid"].tolist())
    placed = [
        (cid, entry)
        for cid, entry in account.orders.values()
        if entry["cause"] == "placed" and not entry["parent_id"]
    ]
    counts = Counter(cid for cid, _ in placed)
    wrong = [f"order {cid} was placed {count} times" for cid, count in counts.items() if count > 1]
    wrong += [f"order {cid} is in no journal" for cid in counts if cid not in asked]
    wrong += [f"order {cid} is another account's" for cid in counts if not account.trades(cid)]
    return wrong + _crowded(account)


def _crowded(account: _Account) -> list[str]:
    """Return where two orders worked at once for one place of a strategy."""
    orders, works, wrong = account.orders, dict[tuple[int, int], tuple[int, object]](), list[str]()
    for entry in account.of("order"):
        if entry["cause"] == "refused" or entry["order_id"] not in orders:
            continue
        cid = orders[entry["order_id"]][0]
        place = context_of(cid), slot_of(cid)
        if entry["state"] not in ("new", "partially_filled"):
            if works.get(place, (0, None))[1] == entry["order_id"]:
                del works[place]
            continue
        other = works.setdefault(place, (cid, entry["order_id"]))[0]
        if other != cid:
            wrong.append(f"orders {other} and {cid} worked at once for one place")
    return wrong


def _ask_limits(account: _Account) -> list[str]:
    """Ask about each instrument that the account trades (c)."""
    asked = account.landfall.requests(RequestKind.NEW)
    closers = set(asked["cid"][~_opens(asked)].tolist())
    traded = account.landfall.life.traded
    mine = (j for j, each in enumerate(traded) if each.account == account.number)
    return [text for j in mine for text in _beyond_limit(account, j, closers)]


def _beyond_limit(account: _Account, j: int, closers: set[int]) -> list[str]:
    """Add up, at each opener that is placed, what is held and what may still be opened.

    What is held is what our orders filled and the venue did not take, or what the account holds where others closed
    some of it.
    """
    instrument, orders = account.landfall.life.traded[j].instrument, account.orders
    limit = int(account.landfall.life.world.views["side_limit_lot"][j].max()) * instrument.lot_size
    wrong = list[str]()
    held, net, left = Decimal(0), Decimal(0), dict[object, tuple[str, Decimal]]()
    for entry in account.entries:
        number = entry.get("order_id")
        if entry.get("symbol") != instrument.symbol:
            continue
        if entry["what"] == "fill":
            signed = _number(entry["qty"]) * (1 if entry["side"] == "buy" else -1)
            net += signed
            if number in orders:
                held += signed
            elif entry["kind"] != "trade" and signed * held < 0:
                held += max(-held, signed) if held > 0 else min(-held, signed)
            if number in left:
                left[number] = left[number][0], left[number][1] - abs(signed)
        elif (
            entry["what"] == "order"
            and number in orders
            and orders[number][0] not in closers
            and not (entry["reduce_only"] or entry["cause"] == "refused")
        ):
            side = str(entry["side"])
            if entry["state"] in ("new", "partially_filled"):
                left[number] = side, _number(entry["qty"]) - _number(entry["filled"])
            else:
                left.pop(number, None)
            worst = (min(held, net) if side == "buy" else -max(held, net)) + sum(
                q for s, q in left.values() if s == side
            )
            if entry["cause"] == "placed" and worst > limit:
                wrong.append(
                    f"with order {orders[number][0]} up to {worst} may be held, the limit is {limit}"
                )
    return wrong


# ---------------------------------------------------------------------- d, e


def _ask_position(landfall: Landfall) -> list[str]:
    return _too_long(landfall, "position", landfall.voyage.position_s)


def _ask_protection(landfall: Landfall) -> list[str]:
    return _too_long(landfall, "protection", landfall.voyage.protection_s)


def _too_long(landfall: Landfall, what: str, most_s: float) -> list[str]:
    since_ns = landfall.voyage.settled_ns
    return [
        f"{stretch.text}, for {stretch.lasted_s(since_ns):.0f} s until {stretch.to_ns}"
        for stretch in landfall.lookout.stretches
        if stretch.what == what and stretch.lasted_s(since_ns) > most_s
    ]


# ---------------------------------------------------------------------- f, g, h


def _ask_data(landfall: Landfall) -> list[str]:
    """Walk through the journal: what was known when each opener was asked for (f)."""
    wrong, stale, bar_ns = list[str](), dict[int, bool](), dict[int, int]()
    for now_ns, rows in landfall.journal():
        if rows.dtype == FACT:
            for kind, j, code, ts_ns in rows[["kind", "instrument", "code", "venue_ts_ns"]].tolist():
                if kind == FactKind.STREAM:
                    stale[j] = code != StreamCode.UP
                elif kind == FactKind.BAR:
                    bar_ns[j] = max(ts_ns, bar_ns.get(j, 0))
            continue
        openers = rows[(rows["kind"] == RequestKind.NEW) & _opens(rows)]
        for cid, j in openers[["cid", "instrument"]].tolist():
            age_ns = now_ns - bar_ns.get(j, 0) - 60 * _S
            if stale.get(j) or age_ns > _BAR_AGE_NS:
                wrong.append(
                    f"order {cid} was opened at {now_ns}: stale {stale.get(j)}, bar {age_ns / _S} s old"
                )
    return wrong


def _ask_replay(landfall: Landfall) -> list[str]:
    """Replay, and compare with the last process where its journal was closed (g)."""
    life = landfall.life
    try:
        replayed = replay_journal(FOLDER, life.fresh_world(), life.disk)
    except TradewindError as error:
        return [f"{error.code}: {error.message}"]
    if life.closed and replayed.state_hash != life.world.state_hash():
        return ["the journal replays to another state"]
    return []


def _ask_liveness(landfall: Landfall) -> list[str]:
    """Look how processes ended, and whether anybody was awake again after misfortunes stopped (h)."""
    life = landfall.life
    if landfall.cut_short:
        return [landfall.cut_short]
    wrong = [
        f"a process ended by {type(error).__name__}: {error}"
        for error in life.errors
        if not isinstance(error, TradewindError)
    ]
    wrong += _too_long(landfall, "process", landfall.voyage.settle_s)
    if not life.closed:
        wrong.append("the last process did not end in order")
    wakes = [int(row["recv_ts_ns"]) for row in landfall.facts(FactKind.WAKE)]
    if life.end_ns - max(wakes, default=0) > 120 * _S:
        wrong.append(f"nobody was woken after {max(wakes, default=0)}")
    return wrong


_ORACLES: dict[str, Callable[[Landfall], list[str]]] = {
    "a": _each_account(_ask_fills),
    "b": _each_account(_ask_orders),
    "c": _each_account(_ask_limits),
    "d": _ask_position,
    "e": _ask_protection,
    "f": _ask_data,
    "g": _ask_replay,
    "h": _ask_liveness,
}
