"""Kernels of a fake exchange: fills and takings at a price and size that it decides, by the engine's rules of money."""

from tradewind.engine.accounting import money, worth
from tradewind.engine.loop import VENUE
from tradewind.engine.margin import settle
from tradewind.engine.matching import execute
from tradewind.engine.venue_facts import say, say_fee
from tradewind.engine.venue_records import Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.units.enums import BUY, LONG, SELL, FactKind
from tradewind.units.jit import SLOTS, array_of, kernel, signature
from tradewind.units.layout import Rows
from tradewind.units.records import View
from tradewind.units.wire import Mailbox

__all__ = ["fill_now", "take_away"]

_TABLES = (*VENUE, array_of(View), array_of(Mailbox))


@kernel(sig=signature(*_TABLES, "i8", "i8", "i8", "i8", "i8"))
def fill_now(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    place: int,
    price_tick: int,
    lots: int,
    maker: int,
    ts_ns: int,
) -> int:
    """Fill up to so many lots of the order at a place (context * SLOTS + slot) at a price."""
    table, slot = tables[place // SLOTS], place % SLOTS
    index = table.instrument
    view, instrument = views[index], instruments[index]
    instrument.left_bar = view.bars
    instrument.left_lot = lots
    execute(
        venues[0], view, instrument, wallets[view.wallet], table, boxes[0], slot, price_tick, maker, ts_ns
    )
    instrument.left_bar = -1
    return boxes[0].facts


@kernel(sig=signature(*_TABLES, "i8", "i8", "i8", "i8", "i8"))
def take_away(
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    views: Rows[View],
    boxes: Rows[Mailbox],
    kind: int,
    holding: int,
    lots: int,
    price_tick: int,
    ts_ns: int,
) -> int:
    """Close part of a holding (2 * instrument + side) without its owner; a liquidation pays its fee."""
    index, position_side = holding // 2, holding % 2
    venue, view, instrument, box = venues[0], views[index], instruments[index], boxes[0]
    wallet = wallets[view.wallet]
    lots = min(lots, instrument.pos_lot[position_side])
    if lots <= 0:
        return box.facts
    notional = money(worth(view, lots, price_tick))
    side = SELL if position_side == LONG else BUY
    settle(venue, view, instrument, wallet, side, position_side, lots, notional)
    venue.trade_id += 1
    fact = say(box, kind, index, 0, ts_ns)
    fact.wallet = view.wallet
    fact.side = side
    fact.position_side = position_side
    fact.qty_lot = lots
    fact.price_tick = price_tick
    fact.amount = notional
    fact.trade_id = venue.trade_id
    if kind == FactKind.ACCOUNT_LIQUIDATED:
        fee = money(notional * instrument.liquidation_fee)
        wallet.balance -= fee
        wallet.liquidations += 1
        say_fee(box, view, index, fee, venue.trade_id, ts_ns)
    return box.facts
