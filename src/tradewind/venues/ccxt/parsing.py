"""What an exchange says, made into our words, or counted and dropped: nothing it says is believed unread.

Numbers are exact decimals here: finite, in range, whole steps of the instrument. A word that is not known, a symbol
that is not traded here, more filled than ordered: each is a reason in `dropped`. Order of messages is not judged;
quantities are cumulative and the ledger elsewhere only ever moves forward.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from tradewind.units.enums import BUY, LONG, SELL, SHORT, Rule, SettingCode
from tradewind.venues.ccxt.classification import rule_named
from tradewind.venues.ccxt.row_values import (
    COUNTABLE,
    Unfit,
    decimal_in,
    has_rows,
    in_ms,
    is_count,
    lifted,
    money_of,
    needed_in,
    rows_at,
    shows,
    side_of,
    steps_of,
    word_of,
)
from tradewind.venues.ccxt.row_words import child_in, closed_side, parent_in, state_in, taken_in
from tradewind.venues.ccxt.shapes import (
    BalanceShape,
    FillShape,
    FundingShape,
    HoldingShape,
    OrderShape,
    PositionShape,
    SettingShape,
    TransferShape,
)
from tradewind.venues.gateway import (
    BalanceSeen,
    FillSeen,
    FundingPaidSeen,
    OrderSeen,
    OrderStatus,
    PositionSeen,
    SettingSeen,
    TakenSeen,
    TransferSeen,
    closes_side,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from tradewind.venues.ccxt.client_ids import ClientIds
    from tradewind.venues.ccxt.dialect import Dialect
    from tradewind.venues.ccxt.row_values import Row
    from tradewind.venues.ccxt.shapes import Shape
    from tradewind.venues.gateway import Event, Listing

__all__ = [
    "RowReader",
    "Unfit",
    "has_rows",
    "key_of_trade",
    "own_trade",
    "rows_at",
    "shows",
    "word_of",
]

_MS_NS = 1_000_000
_REMEMBERED = 20_000
_ENDS = {
    OrderStatus.FILLED: Rule.FILLED,
    OrderStatus.CANCELLED: Rule.UNWANTED,
    OrderStatus.EXPIRED: Rule.UNFILLED,
    OrderStatus.REJECTED: Rule.VENUE_OTHER,
}


class Elsewhere(Unfit):
    """A row about a symbol that the session does not trade."""


def own_trade(seen: FillSeen) -> tuple[int, str, str]:
    """Return what a trade of ours is known by: one with oneself has a side for each of two orders, and one number."""
    return seen.instrument, seen.venue_id, seen.trade_id


def key_of_trade(trade_id: str) -> int:
    """Return a trade's id as a positive number below 2^62: itself where it is one, else its hash."""
    if is_count(trade_id) and 0 < int(trade_id) < COUNTABLE:
        return int(trade_id)
    digest = hashlib.blake2b(trade_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (COUNTABLE - 1) + 1


class RowReader:
    """Reads rows of one venue for the instruments of one session.

    Parameters
    ----------
    dropped
        Counts what was not believed, by reason.

    Attributes
    ----------
    account
        The account's address in small letters, where trades name whom they liquidate.
    unread
        `id` of the shapes of which rows about our instruments were dropped; whoever reads a list to its end empties it.
    undecided
        Stops, by instrument and the venue's id, of which nothing says whether they only reduce; emptied likewise.
    """

    def __init__(
        self, dialect: Dialect, listings: Sequence[Listing], ids: ClientIds, dropped: Counter[str]
    ) -> None:
        self._words = dialect.words
        self._holds_coins = dialect.holds_coins
        self._seconds = dialect.seconds
        cash = {listing.instrument.settle for listing in listings}
        self._cash = cash.pop() if len(cash) == 1 else ""
        self._listings = {listing.instrument.symbol: listing for listing in listings}
        self._coins = {listing.instrument.base: listing for listing in listings}
        self._ids = ids
        self.dropped = dropped
        self.account = ""
        self.strangers: set[str] = set()
        self.unread: set[int] = set()
        self.undecided: set[tuple[int, str]] = set()
        self._orders: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._parents: OrderedDict[str, str] = OrderedDict()
        self._children: OrderedDict[str, str] = OrderedDict()
        self._traded: OrderedDict[str, tuple[set[str], int, int]] = OrderedDict()
        self._venues_own: OrderedDict[str, None] = OrderedDict()
        self._taken_in_trades: OrderedDict[str, None] = OrderedDict()
        self._readers: dict[type, Callable[..., list[Event]]] = {
            OrderShape: self._order,
            FillShape: self._fill,
            PositionShape: self._position,
            HoldingShape: self._holding,
            BalanceShape: self._balance,
            FundingShape: self._funding,
            TransferShape: self._transfer,
            SettingShape: self._setting,
        }

    def read(self, row: Row, shape: Shape, recv_ns: int) -> list[Event]:
        """Return what a row says as events; none where it cannot be believed or says something else."""
        lifts = getattr(shape, "lifts", ())
        try:
            return self._readers[type(shape)](lifted(row, lifts) if lifts else row, shape, recv_ns)
        except Unfit as reason:
            self.dropped[f"{type(shape).__name__.removesuffix('Shape').lower()}: {reason}"] += 1
            if not isinstance(reason, Elsewhere):
                self.unread.add(id(shape))
            return []

    def learn(
        self, listing: Listing, venue_id: str, client_id: str, *, position_side: int, algo: bool
    ) -> None:
        """Know an order of ours by the venue's id: some venues speak of it by that alone."""
        _keep(self._orders, _place(listing, venue_id, algo=algo), (client_id, position_side))

    def child_named(self, client_id: str) -> str:
        """Return the venue's id of the order that a stop of ours became, "" for none."""
        return self._children.get(client_id, "")

    # ------------------------------------------------------------------ orders and trades

    def _order(self, row: Row, shape: OrderShape, recv_ns: int) -> list[Event]:
        listing = self._listing(row, shape.symbol)
        word, status = state_in(row, shape)
        venue_id = word_of(row.get(shape.venue_id))
        client_id = self._client_id(row, shape, listing, venue_id)
        side, position_side, reduce = self._terms(row, shape, listing, venue_id)
        lots = self._lots(row, shape.qty, listing, signed=shape.signed)
        filled = self._lots(row, shape.filled, listing) if shape.filled else 0
        if shape.left:
            filled = lots - self._lots(row, shape.left, listing, signed=shape.signed)
        if not 0 <= filled <= lots:
            raise Unfit("more filled than ordered")
        if venue_id:
            sure = -1 if (listing.index, venue_id) in self.undecided else position_side
            _keep(self._orders, _place(listing, venue_id, algo=shape.algo), (client_id, sure))
        seen = OrderSeen(
            instrument=listing.index,
            cid=self._ids.cid_of(client_id),
            client_id=client_id,
            venue_id=venue_id,
            status=status,
            side=side,
            position_side=position_side,
            reduce=int(reduce),
            price_tick=self._order_price(row, shape, listing),
            qty_lot=lots,
            filled_lot=filled,
            notional=self._notional(row, shape, listing, venue_id, filled),
            rule=self._rule(row, shape, word, status),
            ts_ns=self._ts_ns(row, shape.ts, shape.ts_other) or recv_ns,
            recv_ns=recv_ns,
            stop=status is OrderStatus.WORKING and self._waits(row, shape),
        )
        taken = taken_in(row, shape)
        return self._taken_whole(row, shape, listing, seen, taken) if taken else [seen]

    def _terms(self, row: Row, shape: OrderShape, listing: Listing, venue_id: str) -> tuple[int, int, bool]:
        """Return the side of an order, the position side that it is of, and whether it only takes away from that."""
        side, led = self._led_side(row, shape)
        if led is not None:
            return side, led, closes_side(side, led)
        if shape.reduce not in row and not self._holds_coins:
            _, known = self._orders.get(_place(listing, venue_id, algo=shape.algo), ("", -1))
            if known >= 0:
                return side, known, closes_side(side, known)
            if shape.algo and word_of(row.get(shape.position_side)) not in self._hedge_words():
                self.undecided.add((listing.index, venue_id))
        reduce = self._reduces(row, shape.reduce)
        return side, *self._position_side(row, shape.position_side, side, reduce)

    def _taken_whole(
        self, row: Row, shape: OrderShape, listing: Listing, seen: OrderSeen, kind: str
    ) -> list[Event]:
        """Return what the venue closed by an order of its own, once that is filled; its trades are told no more.

        Where a trade of it was told before the order was seen, its trades tell all of it.
        """
        place = _place(listing, seen.venue_id)
        if place in self._taken_in_trades:
            return []
        _keep(self._venues_own, place, None)
        if seen.status is not OrderStatus.FILLED:
            return []
        price = round(
            needed_in(row, shape.average) / listing.instrument.tick_size
        )  # An average is on no grid.
        closes = closed_side(row, shape, seen.side)
        key = key_of_trade(f"order {seen.venue_id}")
        whole = seen.filled_lot, seen.notional, key, seen.ts_ns, seen.recv_ns
        return [TakenSeen(kind, seen.instrument, closes, price, *whole)]

    def _waits(self, row: Row, shape: OrderShape) -> bool:
        """Return whether an order that works waits for its trigger: by its list, or by the trigger that it has."""
        return shape.algo or bool(shape.trigger and decimal_in(row, shape.trigger))

    def _client_id(self, row: Row, shape: OrderShape, listing: Listing, venue_id: str) -> str:
        """Return the id that says whose order it is: its own, what it was known by, or that of the stop that it was."""
        known, _ = self._orders.get(_place(listing, venue_id, algo=shape.algo), ("", -1))
        if not shape.client_id:
            if not known:
                raise Elsewhere("an order by the venue's id alone")
            return known
        told = word_of(row.get(shape.client_id))
        client_id = self._ours(told, known) or told
        child = child_in(row, shape)
        if child:
            _keep(self._parents, _place(listing, child), client_id)
            _keep(self._children, client_id, child)
        if self._ids.decode(client_id) is not None:
            return client_id
        place = _place(listing, venue_id)
        stop = self._ours(
            word_of(row.get(shape.parent_client_id)),
            self._parent_in(row, shape, listing),
            self._parents.get(place, "") if not shape.algo else "",
        )
        if stop:
            _keep(self._parents, place, stop)
            _keep(self._children, stop, venue_id)
        return stop or client_id

    def _ours(self, *candidates: str) -> str:
        """Return the first of some ids that is one of ours, "" for none."""
        return next((one for one in candidates if self._ids.decode(one) is not None), "")

    def _parent_in(self, row: Row, shape: OrderShape | FillShape, listing: Listing) -> str:
        """Return our id of the stop that an order or trade names as what it came of, "" for none."""
        parent_id = parent_in(row, shape)
        return self._orders.get(_place(listing, parent_id, algo=True), ("", -1))[0] if parent_id else ""

    def _order_price(self, row: Row, shape: OrderShape, listing: Listing) -> int:
        names = (shape.trigger, shape.price) if shape.trigger_first else (shape.price, shape.trigger)
        for name in names:
            price = decimal_in(row, name) if name else None
            if price:
                return steps_of(price, listing.instrument.tick_size)
        return 0

    def _notional(self, row: Row, shape: OrderShape, listing: Listing, venue_id: str, filled: int) -> int:
        """Return the money that was filled: told, or summed from its trades, or from the average.

        From an average it is exact too while the average is written finely enough: the money is a whole number of
        (tick x lot), so that the nearest one is meant. 0 where only its trades tell it and not all of them are known.
        """
        if not filled:
            return 0
        told = decimal_in(row, shape.notional) if shape.notional else None
        if told and told < 0:
            raise Unfit("filled for less than nothing")
        if told:
            return money_of(told)
        _, lots, notional = self._traded.get(_place(listing, venue_id), (set(), 0, 0))
        if lots == filled:
            return notional
        if not (shape.average or shape.notional):
            return 0  # Nothing but its trades tells what it was worth.
        average = decimal_in(row, shape.average) if shape.average else None
        if not average and word_of(row.get(shape.status)) in shape.unpriced:
            return 0
        if not average or average < 0:
            raise Unfit("filled at no price")
        return _money_of(listing, average / listing.instrument.tick_size * filled)

    def _rule(self, row: Row, shape: OrderShape, word: str, status: OrderStatus) -> int:
        if status not in _ENDS:
            return Rule.OK
        reason = word_of(row.get(shape.reason)) if shape.reason else ""
        name = shape.reasons.get(f"{word}/{reason}") or shape.reasons.get(reason)
        if name is None or status is OrderStatus.FILLED:
            return _ENDS[status]
        return rule_named(name)

    def _fill(self, row: Row, shape: FillShape, recv_ns: int) -> list[Event]:
        if not shows(row, shape.when):
            return []
        trade_id = word_of(row.get(shape.trade_id))
        if trade_id in ("", "0"):
            return []
        listing = self._listing(row, shape.symbol)
        lots = self._lots(row, shape.qty, listing, signed=shape.signed)
        price = steps_of(needed_in(row, shape.price), listing.instrument.tick_size)
        if lots == 0 or price <= 0:
            raise Unfit("a trade of nothing")
        venue_id = word_of(row.get(shape.venue_id))
        place = _place(listing, venue_id)
        side, led = self._led_side(row, shape, self._orders.get(place, ("", -1))[1])
        client_id, position_side = self._whose(row, shape, listing, place, side)
        position_side = position_side if led is None else led
        told = decimal_in(row, shape.notional) if shape.notional else None
        notional = money_of(told) if told else _money_of(listing, Decimal(price) * lots)
        ts_ns = self._ts_ns(row, shape.ts, "") or recv_ns
        if place in self._venues_own:
            return []
        taken = taken_in(row, shape) or self._liquidated(row, shape)
        if taken:
            _keep(self._taken_in_trades, place, None)
            closes, key = closed_side(row, shape, side), key_of_trade(trade_id)
            return [TakenSeen(taken, listing.index, closes, price, lots, notional, key, ts_ns, recv_ns)]
        self._add_trade(place, trade_id, lots, notional)
        if shape.quiet:
            return []
        currency = word_of(row.get(shape.fee_currency)) if shape.fee_currency else ""
        fee = decimal_in(row, shape.fee)
        seen = FillSeen(
            instrument=listing.index,
            cid=self._ids.cid_of(client_id),
            client_id=client_id,
            venue_id=venue_id,
            trade_id=trade_id,
            trade_key=key_of_trade(trade_id),
            side=side,
            position_side=position_side,
            price_tick=price,
            qty_lot=lots,
            notional=notional,
            fee=money_of(fee) * shape.fee_sign if fee else 0,
            fee_currency=currency or self._fee_currency(listing, side, (fee or Decimal(0)) * shape.fee_sign),
            maker=int(word_of(row.get(shape.maker)) in shape.maker_words) if shape.maker else 0,
            ts_ns=ts_ns,
            recv_ns=recv_ns,
        )
        return [seen]

    def _liquidated(self, row: Row, shape: FillShape) -> str:
        """Return that a trade liquidated this account, "" where it names another's or none."""
        named = word_of(row.get(shape.liquidated)).lower() if shape.liquidated else ""
        return "liquidation" if named and named == self.account else ""

    def _fee_currency(self, listing: Listing, side: int, fee: Decimal) -> str:
        """Return what a fee is in that does not say it: of coins in what was received, a rebate in what was given."""
        rules = listing.instrument
        in_coins = self._holds_coins and (side == BUY) == (fee >= 0)
        return rules.base if in_coins else rules.settle

    def _whose(self, row: Row, shape: FillShape, listing: Listing, place: str, side: int) -> tuple[str, int]:
        """Return a trade's client id and position side, as its order was when it was last seen."""
        known_id, known_side = self._orders.get(place, ("", -1))
        client_id = word_of(row.get(shape.client_id)) if shape.client_id else ""
        if self._ids.decode(client_id) is None:
            stop = self._parents.get(place, "") or self._parent_in(row, shape, listing)
            client_id = self._ours(known_id, stop) or known_id or client_id
        reduce = self._reduces(row, shape.reduce) if shape.reduce else False
        position_side, _ = self._position_side(row, shape.position_side, side, reduce)
        told = word_of(row.get(shape.position_side)) in self._hedge_words()
        return client_id, position_side if told or known_side < 0 else known_side

    def _add_trade(self, place: str, trade_id: str, lots: int, notional: int) -> None:
        ids, total, money = self._traded.get(place, (set(), 0, 0))
        if trade_id not in ids:
            _keep(self._traded, place, ({*ids, trade_id}, total + lots, money + notional))

    # ------------------------------------------------------------------ the account

    def _position(self, row: Row, shape: PositionShape, recv_ns: int) -> list[Event]:
        listing = self._listing(row, shape.symbol)
        size = decimal_in(row, shape.qty) or Decimal(0)
        lots = steps_of(abs(size), listing.instrument.lot_size)
        entry, mark = (
            float(decimal_in(row, name) or 0) if name else 0.0 for name in (shape.entry, shape.mark)
        )
        if shape.worth and size:
            mark = float(abs((decimal_in(row, shape.worth) or 0) / size))
        ts_ns = self._ts_ns(row, shape.ts, "") or recv_ns
        word = word_of(row.get(shape.position_side))
        held = self._hedge_words().get(word)
        if held is not None:
            return [PositionSeen(listing.index, held, lots, entry, mark, ts_ns, recv_ns)]
        if shape.signed:
            held = LONG if size >= 0 else SHORT
        else:
            held = SHORT if word_of(row.get(shape.side)) == self._words.sell else LONG
        return [
            PositionSeen(listing.index, held, lots, entry, mark, ts_ns, recv_ns),
            PositionSeen(listing.index, SHORT + LONG - held, 0, 0.0, mark, ts_ns, recv_ns),
        ]

    def _balance(self, row: Row, shape: BalanceShape, recv_ns: int) -> list[Event]:
        currency = word_of(row.get(shape.currency)) if shape.currency else self._cash
        if not currency:
            raise Unfit("no currency")
        ts_ns = self._ts_ns(row, shape.ts, "") or recv_ns
        amount = needed_in(row, shape.balance) + (needed_in(row, shape.locked) if shape.locked else 0)
        parts = rows_at(row, shape.each) if shape.each else [row]
        amount -= sum(needed_in(part, shape.unrealised) for part in parts) if shape.unrealised else 0
        return [BalanceSeen(currency.upper() if shape.lower else currency, money_of(amount), ts_ns, recv_ns)]

    def _holding(self, row: Row, shape: HoldingShape, recv_ns: int) -> list[Event]:
        """Return how much of a coin is held, cut to what is counted: fees taken in the coin may be finer."""
        listing = self._coins.get(word_of(row.get(shape.currency)))
        if listing is None:
            raise Elsewhere("coin not traded here")
        amount = needed_in(row, shape.qty) + (needed_in(row, shape.locked) if shape.locked else 0)
        lots = int(amount // listing.instrument.lot_size)
        if not 0 <= lots < COUNTABLE:
            raise Unfit("a holding that cannot be")
        ts_ns = self._ts_ns(row, shape.ts, "") or recv_ns
        return [PositionSeen(listing.index, LONG, lots, 0.0, 0.0, ts_ns, recv_ns)]

    def _funding(self, row: Row, shape: FundingShape, recv_ns: int) -> list[Event]:
        if not shows(row, shape.when):
            return []
        listing = self._listing(row, shape.symbol)
        amount = money_of(needed_in(row, shape.amount)) * shape.sign
        rate = float(decimal_in(row, shape.rate) or 0) if shape.rate else 0.0
        side = word_of(row.get(shape.position_side)) if shape.position_side else ""
        position_side = self._hedge_words().get(side, SHORT if side == self._words.sell else LONG)
        currency = word_of(row.get(shape.currency)) or listing.instrument.settle
        ts_ns = self._ts_ns(row, shape.ts, "") or recv_ns
        return [FundingPaidSeen(listing.index, position_side, currency, amount, rate, ts_ns, recv_ns)]

    def _transfer(self, row: Row, shape: TransferShape, recv_ns: int) -> list[Event]:
        if not shows(row, shape.when):
            return []
        told = needed_in(row, shape.amount)
        if shape.direction:
            into = self._is_received(row, shape)
            told = abs(told) - (decimal_in(row, shape.kept) or 0 if into and shape.kept else 0)
            told = told if into else -told
        amount = money_of(told)
        currency, key = word_of(row.get(shape.currency)) or self._cash, word_of(row.get(shape.transfer_id))
        return [TransferSeen(currency, amount, key, self._ts_ns(row, shape.ts, "") or recv_ns, recv_ns)]

    def _is_received(self, row: Row, shape: TransferShape) -> bool:
        """Say whether money came in: to our address where the row names one, else by its words."""
        receiver = word_of(row.get(shape.to)) if shape.to else ""
        if receiver:
            return receiver.lower() == self.account
        word = word_of(row.get(shape.direction))
        return (f"{word}/{word_of(row.get(shape.also))}" if shape.also else word) in shape.into

    def _setting(self, row: Row, shape: SettingShape, recv_ns: int) -> list[Event]:
        if not shows(row, shape.when):
            return []
        word = word_of(row.get(shape.value))
        value = shape.words.get(word) if shape.words else float(needed_in(row, shape.value))
        if value is None:
            raise Unfit("unknown word")
        code: int = getattr(SettingCode, shape.code)
        where = [self._listing(row, shape.symbol)] if shape.symbol else list(self._listings.values())
        return [SettingSeen(listing.index, code, value, recv_ns, recv_ns) for listing in where]

    # ------------------------------------------------------------------ parts of rows

    def _listing(self, row: Row, name: str) -> Listing:
        symbol = word_of(row.get(name))
        listing = self._listings.get(symbol)
        if listing is None:
            if symbol:
                self.strangers.add(symbol)
            raise Elsewhere("symbol not traded here")
        return listing

    def _side(self, row: Row, name: str, words: tuple[str, str] | None = None) -> int:
        word, (buy, sell) = word_of(row.get(name)), words or (self._words.buy, self._words.sell)
        if word not in (buy, sell):
            raise Unfit("unknown side")
        return BUY if word == buy else SELL

    def _led_side(self, row: Row, shape: OrderShape | FillShape, known: int = -1) -> tuple[int, int | None]:
        """Return the side of an order or trade, and the position side where the row's side is that of the position.

        That of the position is taken from where it is told, from its order (`known`), or else from the row's side.
        """
        if shape.signed:
            return side_of(needed_in(row, shape.qty)), None
        side = self._side(row, shape.side, getattr(shape, "sides", None))
        word = word_of(row.get(shape.leads)) if shape.leads else ""
        if not word or word not in (self._words.opens, self._words.closes):
            return side, None
        told = self._hedge_words().get(word_of(row.get(shape.position_side)), known)
        opens = word == self._words.opens
        if getattr(shape, "own_side", False):
            return side, LONG if (side == BUY) == opens else SHORT
        position_side = told if told >= 0 else LONG if side == BUY else SHORT
        return BUY if (position_side == LONG) == opens else SELL, position_side

    def _reduces(self, row: Row, name: str) -> bool:
        return word_of(row.get(name)).lower() in ("true", word_of(self._words.yes).lower())

    def _hedge_words(self) -> dict[str, int]:
        return {word_of(self._words.long): LONG, word_of(self._words.short): SHORT}

    def _position_side(self, row: Row, name: str, side: int, reduce: bool) -> tuple[int, bool]:
        """Return which side of a position an order is of, and whether it closes it."""
        if self._holds_coins:
            return LONG, side == SELL
        told = self._hedge_words().get(word_of(row.get(name)))
        if told is not None:
            return told, reduce or (told == LONG) == (side == SELL)
        opens_long = (side == BUY) != reduce
        return LONG if opens_long else SHORT, reduce

    def _lots(self, row: Row, name: str, listing: Listing, *, signed: bool = False) -> int:
        lots = steps_of(decimal_in(row, name) or Decimal(0), listing.instrument.lot_size)
        lots = abs(lots) if signed else lots
        if lots < 0:
            raise Unfit("negative quantity")
        return lots

    def _ts_ns(self, row: Row, name: str, other: str) -> int:
        for field in (name, other):
            word = word_of(row.get(field)) if field else ""
            if self._seconds:
                word = in_ms(word)
            if is_count(word) and 0 < int(word) < COUNTABLE // _MS_NS:
                return int(word) * _MS_NS
        return 0


def _place(listing: Listing, venue_id: str, *, algo: bool = False) -> str:
    """Return what names one order: a venue may count its orders by symbol, and its stops for themselves."""
    return f"{listing.index}{'s' if algo else 'o'}{venue_id}"


_Kept = TypeVar("_Kept")


def _keep(table: OrderedDict[str, _Kept], key: str, value: _Kept) -> None:
    """Remember the newest; the oldest is forgotten, so that months of trading need no more memory than a day."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > _REMEMBERED:
        table.popitem(last=False)


def _money_of(listing: Listing, ticks_by_lots: Decimal) -> int:
    """Return the money of a number of (tick x lot), taken as whole."""
    rules = listing.instrument
    return money_of(
        ticks_by_lots.to_integral_value() * rules.tick_size * rules.lot_size * rules.contract_size
    )
