"""The ledger of our orders at a venue: what was said of each, however often and in whatever order, becomes facts once.

A venue tells of one order in two ways: its state with totals (`OrderSeen`) and each trade (`FillSeen`). Either
may be late, twice, out of order or missing. The ledger keeps, for each order, what the core was told; it
tells only what is more than that, and always in totals. So:

- what is filled never falls, and an order that ended stays ended (F15);
- a trade counts once, by its number (F14);
- a total that jumps over trades that were not heard of is told at once with the venue's own notional, because
  a position is to be known and protected before its fees are; the trades are asked for and told as fees when
  they come (F16). Where their notional says otherwise than the venue's average, the next total carries the
  difference, because totals of money replace each other; behind the last one it is the balance that tells;
- where a stop that triggers becomes an order of the venue's own, the trades of that order are told as the
  stop's: by instrument and side, once the stop is known to have triggered and as far as it has lots left;
- a fill of an order that had ended is told as BOOKED, with what is new instead of a total, because the order has
  no slot any more; its instrument is named as one to compare with the venue (F31, F32).

Its memory follows from the facts taken and the requests handed out alone, and taking one twice changes nothing.
So it is the same after a restart, whether it comes from a snapshot or from running the tape again.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tradewind.live.facts import Told, asked_of
from tradewind.units.enums import SELL, FactKind, IntentKind, RequestKind, Rule
from tradewind.units.ids import client_id, context_of
from tradewind.venues.gateway import FillSeen, OrderSeen, OrderStatus, closes_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Known", "OrderLedger", "booking_key"]

_ENDED_KEPT = 4096
_ORPHANS_KEPT = 64
_TRIGGER_NS = 5_000_000_000
_WORKS = (OrderStatus.WORKING, OrderStatus.TRIGGERED)
_ENDINGS = (FactKind.CANCELLED, FactKind.EXPIRED)
_REFUSALS = (FactKind.REJECT, FactKind.NOT_SENT)


class Known(msgspec.Struct, array_like=True):
    """What the core was told of one order.

    Parameters
    ----------
    instrument, kind, side, position_side, reduce
        As it was asked for; `kind` is an `IntentKind`.
    price_tick, qty_lot
        As it was asked for last.
    told_lot, told_notional
        Filled so far, in lots and money.
    asked_lot
        Total that an amend asked for which is not answered yet, 0: none.
    acknowledged, triggered, ended
        What was said of its life.
    trades
        Number of each trade heard of, with its lots and money.
    booked
        Number of each booking after its end; they are part of what was told.
    """

    instrument: int
    kind: int
    side: int
    position_side: int
    reduce: int
    price_tick: int
    qty_lot: int
    told_lot: int = 0
    told_notional: int = 0
    asked_lot: int = 0
    acknowledged: bool = False
    triggered: bool = False
    ended: bool = False
    trades: dict[int, tuple[int, int]] = {}
    booked: list[int] = []

    @property
    def closes(self) -> bool:
        """Return whether it takes away from its position side, also where the venue was not told so."""
        return closes_side(self.side, self.position_side)

    @property
    def most_lot(self) -> int:
        """Return the most that may be filled by what was asked for."""
        return max(self.qty_lot, self.asked_lot)

    @property
    def traded_lot(self) -> int:
        """Return the lots of all trades heard of."""
        return sum(lots for lots, _ in self.trades.values())

    @property
    def traded_notional(self) -> int:
        """Return the money of all trades heard of."""
        return sum(notional for _, notional in self.trades.values())


class _Noted(NamedTuple):
    """The fields of a fact by which an order is remembered."""

    kind: int
    cid: int
    side: int
    price_tick: int
    qty_lot: int
    amount: int
    trade_id: int
    value: float


class OrderLedger:
    """Orders of a session.

    Parameters
    ----------
    worth
        Returns the money that (instrument, lots, price in ticks) are worth.
    wallet_of
        Returns the wallet that pays a fee of (instrument, currency), None where the session has none.
    coin_lots
        Returns the lots that a trade's fee took out of what was bought, 0 where it is paid in money.

    Attributes
    ----------
    suspects
        Instruments of which something was heard that the orders of this session do not explain; whoever
        compares with the venue empties it.
    strange_fees
        Fees in currencies that the session has no wallet for, by currency, in that currency's units.
    """

    def __init__(
        self,
        worth: Callable[[int, int, int], int],
        wallet_of: Callable[[int, str], int | None],
        coin_lots: Callable[[FillSeen], int] = lambda _: 0,
    ) -> None:
        self.suspects: set[int] = set()
        self.strange_fees: dict[str, int] = {}
        self._worth = worth
        self._wallet_of = wallet_of
        self._coin_lots = coin_lots
        self._orders: dict[int, Known] = {}
        self._ended: dict[int, None] = {}
        self._trades: dict[tuple[int, int], int] = {}
        self._orphans: deque[FillSeen] = deque(maxlen=_ORPHANS_KEPT)

    def known(self, cid: int) -> Known | None:
        """Return what was told of an order, None for one that is not of this session."""
        return self._orders.get(cid)

    def is_stop(self, cid: int) -> bool:
        """Say whether an order of ours is a stop that has not triggered, as far as was told."""
        known = self._orders.get(cid)
        return known is not None and known.kind == IntentKind.STOP and not known.triggered

    def working(self) -> dict[int, Known]:
        """Return every order that has not ended, by id."""
        return {cid: known for cid, known in self._orders.items() if not known.ended}

    def unexplained(self) -> list[int]:
        """Return the orders whose fills were told by a total of which trades are missing still."""
        return [cid for cid, known in self._orders.items() if known.told_lot > known.traded_lot]

    # ------------------------------------------------------------------ what a venue said

    def tell_order(self, seen: OrderSeen) -> list[Told]:
        """Return what the core is to know after a state was heard."""
        known = self._orders.get(seen.cid)
        if known is None:
            self.suspects.add(seen.instrument)
            return []
        facts = self._begun(seen, known)
        if seen.filled_lot > known.told_lot:
            facts.append(self._late(self._total(seen, known), known))
        if known.ended:
            return self.remember(facts)
        if seen.status is OrderStatus.TRIGGERED and not known.triggered:
            facts.append(self._about(FactKind.TRIGGERED, seen))
            return self.remember(facts) + self._adopt_orphans(seen.ts_ns)
        if seen.status not in _WORKS:
            facts += self._end(seen, known)
        return self.remember(facts)

    def tell_fill(self, seen: FillSeen) -> list[Told]:
        """Return what the core is to know after a trade was heard of: a total, where it grew, and the fee."""
        teller = self._trades.get((seen.instrument, seen.trade_key))
        if teller is not None and self._is_other_side(seen, teller):
            seen = msgspec.structs.replace(seen, trade_key=booking_key(seen.trade_key, seen.cid))
            teller = self._trades.get((seen.instrument, seen.trade_key))
        if teller is not None:
            return []
        known = self._orders.get(seen.cid)
        if known is None:
            stop = self._triggered_for(seen)
            if stop is not None:
                return self.tell_fill(msgspec.structs.replace(seen, cid=stop))
            self.suspects.add(seen.instrument)
            self._orphans.append(seen)
            return []
        facts = []
        lots, notional = known.traded_lot + seen.qty_lot, known.traded_notional + seen.notional
        if not (known.acknowledged or known.ended):
            facts.append(self._acknowledged(seen, known))
        if lots > known.told_lot:
            total = Told(
                FactKind.FILL, seen.ts_ns, seen.recv_ns, seen.instrument, 0, seen.cid, known.side,
                known.position_side, seen.maker, seen.price_tick, lots, amount=notional,
                trade_id=seen.trade_key,
            )  # fmt: skip
            facts.append(self._late(total, known))
        lots = self._coin_lots(seen)
        facts += self._fee_in_coins(seen, known, lots) if lots else [self._fee(seen, known)]
        return self.remember(facts)

    def _is_other_side(self, seen: FillSeen, teller: int) -> bool:
        """Say whether a trade that one order of ours has told was with another of ours, which tells it now."""
        mine, told = self._orders.get(seen.cid), self._orders.get(teller)
        return mine is not None and told is not None and mine.side != told.side

    def find(self, seen: OrderSeen) -> list[Told]:
        """Return what a search found, which also settles what an amend or a cancel has left in question."""
        known = self._orders.get(seen.cid)
        facts = self.tell_order(seen)
        if known is None or known.ended or seen.status not in _WORKS:
            return facts
        terms = self._about(FactKind.AMENDED, seen)._replace(
            code=1, price_tick=seen.price_tick, qty_lot=seen.qty_lot
        )
        settled = [terms]
        if seen.status is OrderStatus.TRIGGERED:
            settled.append(self._about(FactKind.TRIGGERED, seen))
        return facts + self.remember(settled)

    def give_up(self, cid: int, now_ns: int) -> list[Told]:
        """Return what ends an order that is proven to be nowhere: never taken, or gone with what was told of it.

        One that had ended is ended once more, with the same totals, for a core that still waits for it.
        """
        known = self._orders[cid]
        fact = Told(FactKind.NOT_SENT, now_ns, now_ns, known.instrument, 0, cid, code=Rule.NOT_SENT)
        if known.acknowledged or known.told_lot or known.ended:
            rule = Rule.FILLED if known.told_lot >= known.qty_lot else Rule.VENUE_OTHER
            fact = fact._replace(
                kind=FactKind.EXPIRED, code=rule, qty_lot=known.told_lot, amount=known.told_notional
            )
        return self.remember([fact])

    def _triggered_for(self, seen: FillSeen) -> int | None:
        """Return the triggered stop that a trade of an order unknown to us belongs to, None for none."""
        for cid, known in self._orders.items():
            mine = (known.instrument, known.side) == (seen.instrument, seen.side)
            left = known.qty_lot - known.traded_lot
            if mine and known.triggered and not known.ended and seen.qty_lot <= left:
                return cid
        return None

    def _adopt_orphans(self, triggered_ns: int) -> list[Told]:
        """Tell the trades that came before anybody said that their stop had triggered; none from before it did."""
        orphans = [orphan for orphan in self._orphans if orphan.ts_ns >= triggered_ns - _TRIGGER_NS]
        self._orphans.clear()
        return [fact for orphan in orphans for fact in self.tell_fill(orphan)]

    def _begun(self, seen: OrderSeen, known: Known) -> list[Told]:
        """Say that the venue has an order, where nothing said so yet."""
        if known.acknowledged or known.ended or seen.status is OrderStatus.REJECTED:
            return []
        return [self._acknowledged(seen, known)]

    def _acknowledged(self, seen: OrderSeen | FillSeen, known: Known) -> Told:
        return self._about(FactKind.ACK, seen)._replace(price_tick=known.price_tick, qty_lot=known.qty_lot)

    def _total(self, seen: OrderSeen, known: Known) -> Told:
        """Say a total that is more than was told, at the average of what is new."""
        lots, notional = seen.filled_lot, seen.notional
        if notional <= known.told_notional:
            price_tick = seen.price_tick or known.price_tick
            notional = known.told_notional + self._worth(seen.instrument, lots - known.told_lot, price_tick)
        new_lots, new_notional = lots - known.told_lot, notional - known.told_notional
        average_tick = self._average_tick(seen, known, new_lots, new_notional)
        fact = self._about(FactKind.FILL, seen)
        return fact._replace(
            side=known.side, position_side=known.position_side, price_tick=average_tick, qty_lot=lots,
            amount=notional,
        )  # fmt: skip

    def _average_tick(self, seen: OrderSeen, known: Known, lots: int, notional: int) -> int:
        """Return the price at which so many lots are worth so much, to the tick; the order's own where that fails."""
        price_tick = seen.price_tick or known.price_tick or 1
        at_price = self._worth(seen.instrument, lots, price_tick)
        at_twice = self._worth(seen.instrument, lots, 2 * price_tick)
        if min(at_price, at_twice, notional) <= 0:
            return price_tick
        rises = at_twice > at_price
        return max(1, round(price_tick * (notional / at_price if rises else at_price / notional)))

    def _end(self, seen: OrderSeen, known: Known) -> list[Told]:
        """Say that an order is over. One that filled whole ends with its fill, unless the core expects more of it."""
        filled, notional = self._told_after(seen, known)
        if seen.status is OrderStatus.FILLED and filled >= known.most_lot:
            return []
        if seen.status is OrderStatus.REJECTED and filled == 0:
            rule = seen.rule or Rule.VENUE_OTHER
            return [self._about(FactKind.REJECT, seen)._replace(side=RequestKind.NEW, code=rule)]
        expired = seen.status is OrderStatus.EXPIRED
        kind = FactKind.EXPIRED if expired else FactKind.CANCELLED
        return [self._about(kind, seen)._replace(code=_why(seen, known), qty_lot=filled, amount=notional)]

    def _told_after(self, seen: OrderSeen, known: Known) -> tuple[int, int]:
        """Return the totals after the report, which is not folded in yet."""
        if seen.filled_lot > known.told_lot:
            total = self._total(seen, known)
            return total.qty_lot, total.amount
        return known.told_lot, known.told_notional

    def _fee(self, seen: FillSeen, known: Known) -> Told:
        """Charge a trade. The fact carries the trade's lots and money too, by which the ledger remembers it."""
        wallet = self._wallet_of(seen.instrument, seen.fee_currency)
        amount = seen.fee
        if wallet is None:
            self.strange_fees[seen.fee_currency] = self.strange_fees.get(seen.fee_currency, 0) + amount
            wallet, amount = self._wallet_of(seen.instrument, "") or 0, 0
        return Told(
            FactKind.FEE, seen.ts_ns, seen.recv_ns, seen.instrument, wallet, seen.cid, known.side,
            known.position_side, seen.maker, seen.price_tick, seen.qty_lot, amount=amount,
            trade_id=seen.trade_key, value=float(seen.notional),
        )  # fmt: skip

    def _fee_in_coins(self, seen: FillSeen, known: Known, lots: int) -> list[Told]:
        """Charge a trade of which the venue kept a part: as if that had been sold at its price to pay the fee.

        So the holding is what is there, the fee is told in money, and the cash stays what it is.
        """
        worth = self._worth(seen.instrument, lots, seen.price_tick)
        fee = self._fee(msgspec.structs.replace(seen, fee_currency="", fee=worth), known)
        sold = Told(
            FactKind.BOOKED, seen.ts_ns, seen.recv_ns, seen.instrument, 0, client_id(0, context_of(seen.cid), 0),
            SELL, known.position_side, seen.maker, seen.price_tick, lots, amount=worth,
            trade_id=booking_key("fee", seen.instrument, seen.trade_key),
        )  # fmt: skip
        return [fee, sold]

    def _about(self, kind: int, seen: OrderSeen | FillSeen) -> Told:
        return Told(kind, seen.ts_ns, seen.recv_ns, seen.instrument, 0, seen.cid)

    def _late(self, total: Told, known: Known) -> Told:
        """Return a total as it is while the order lives, else what is new of it, for a holding without the order."""
        if not known.ended:
            return total
        self.suspects.add(known.instrument)
        lots, notional = total.qty_lot - known.told_lot, total.amount - known.told_notional
        if notional <= 0:
            notional = self._worth(known.instrument, lots, total.price_tick)
        return total._replace(
            kind=FactKind.BOOKED,
            qty_lot=lots,
            amount=notional,
            trade_id=total.trade_id or booking_key(total.cid, total.qty_lot),
            value=float(known.told_lot == 0),
        )

    # ------------------------------------------------------------------ memory

    def remember(self, facts: list[Told]) -> list[Told]:
        """Remember what is about to be told."""
        for fact in facts:
            self._note(fact)
        return facts

    def note_facts(self, rows: NDArray[Any]) -> None:
        """Remember facts that the core took, rows of `FACT`."""
        for row in rows[rows["cid"] != 0][list(_Noted._fields)].tolist():
            self._note(_Noted(*row))

    def note_requests(self, rows: NDArray[Any]) -> None:
        """Remember what was asked for, rows of `REQUEST`; the terms of an amend are the order's once it is answered."""
        for asked in asked_of(rows):
            known = self._orders.get(asked.cid)
            if asked.kind == RequestKind.NEW and known is None:
                self._orders[asked.cid] = Known(
                    asked.instrument, asked.order_kind, asked.side, asked.position_side, asked.reduce,
                    asked.price_tick, asked.qty_lot,
                )  # fmt: skip
            elif asked.kind == RequestKind.AMEND and known is not None:
                known.asked_lot = asked.qty_lot

    def _note(self, fact: Told | _Noted) -> None:
        kind, cid, side = fact.kind, fact.cid, fact.side
        known = self._orders.get(cid)
        if known is None:
            return
        if kind == FactKind.FEE:
            known.trades.setdefault(fact.trade_id, (fact.qty_lot, round(fact.value)))
            self._trades[known.instrument, fact.trade_id] = cid
        elif kind == FactKind.AMENDED:
            known.price_tick, known.qty_lot, known.asked_lot = fact.price_tick, fact.qty_lot, 0
            self._note_total(cid, known, 0, 0)
        elif kind in (FactKind.FILL, *_ENDINGS):
            self._note_total(cid, known, fact.qty_lot, fact.amount)
        elif kind == FactKind.BOOKED and fact.trade_id not in known.booked:
            known.booked.append(fact.trade_id)
            self._note_total(cid, known, known.told_lot + fact.qty_lot, known.told_notional + fact.amount)
        elif kind in _REFUSALS and side == RequestKind.AMEND:
            known.asked_lot = 0
            self._note_total(cid, known, 0, 0)
        known.acknowledged |= kind == FactKind.ACK
        known.triggered |= kind == FactKind.TRIGGERED
        refused = kind in _REFUSALS and side == RequestKind.NEW
        if refused or kind in _ENDINGS:
            self._note_ended(cid, known)

    def _note_total(self, cid: int, known: Known, lots: int, notional: int) -> None:
        if lots > known.told_lot:
            known.told_lot, known.told_notional = lots, notional
        if known.told_lot >= known.most_lot:
            self._note_ended(cid, known)

    def _note_ended(self, cid: int, known: Known) -> None:
        known.ended = True
        self._ended[cid] = None
        while len(self._ended) > _ENDED_KEPT:
            oldest = next(iter(self._ended))
            gone = self._orders.pop(oldest)
            for trade in gone.trades:
                self._trades.pop((gone.instrument, trade), None)
            del self._ended[oldest]

    def save(self) -> bytes:
        """Return everything that `restore` needs."""
        return msgspec.msgpack.encode((self._orders, list(self._ended)))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved memory."""
        self._orders, ended = msgspec.msgpack.decode(saved, type=tuple[dict[int, Known], list[int]])
        self._ended = dict.fromkeys(ended)
        self._trades = {
            (known.instrument, key): cid for cid, known in self._orders.items() for key in known.trades
        }


def booking_key(*what: object) -> int:
    """Return the number of a booking that no trade has a number for: positive, 62 bits, the same for the same thing."""
    return int.from_bytes(blake2b(repr(what).encode(), digest_size=8).digest()) >> 2


def _why(seen: OrderSeen, known: Known) -> int:
    """Return why an order ended: the venue's reason, else the usual one of its kind."""
    if seen.rule:
        return seen.rule
    if seen.status is OrderStatus.FILLED:
        return Rule.FILLED
    return Rule.UNFILLED if known.kind == IntentKind.TARGET else Rule.UNWANTED
