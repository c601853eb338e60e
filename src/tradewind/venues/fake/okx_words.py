"""How OKX v5 writes what its accounts and markets hold, and which code it has for each refusal.

Fields and types follow captured answers; codes follow the venue's published list. Sizes are contracts, what is
unknown or does not apply is an empty text, and a fee that was paid is negative.
"""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.venues.fake.envelopes import Row, millis
from tradewind.venues.fake.orders import Reason
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.market import Instrument
    from tradewind.venues.fake.orders import (
        Book,
        Candle,
        FakeOrder,
        FakeTrade,
        Placement,
        Tif,
    )

__all__ = [
    "BARS",
    "ORDER_TYPES",
    "REFUSALS",
    "algo_row",
    "book_levels",
    "candle_row",
    "checksum",
    "fill_row",
    "instrument_row",
    "order_event_row",
    "order_row",
]

_CHECKED_LEVELS = 25
_MINUTE_NS = 60_000_000_000
BARS = {
    "1m": _MINUTE_NS,
    "3m": 3 * _MINUTE_NS,
    "5m": 5 * _MINUTE_NS,
    "15m": 15 * _MINUTE_NS,
    "30m": 30 * _MINUTE_NS,
    "1H": 60 * _MINUTE_NS,
    "2H": 120 * _MINUTE_NS,
    "4H": 240 * _MINUTE_NS,
    "6Hutc": 360 * _MINUTE_NS,
    "12Hutc": 720 * _MINUTE_NS,
    "1Dutc": 1440 * _MINUTE_NS,
}
"""Lengths of bars by the venue's words; bars of six hours and more without "utc" open at other hours."""

ORDER_TYPES: dict[str, Tif] = {"limit": "GTC", "post_only": "GTX", "ioc": "IOC", "fok": "FOK"}
_TYPE_OF_TIF = {tif: word for word, tif in ORDER_TYPES.items()}

_STATES = {
    "new": "live",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "expired": "canceled",
    "rejected": "canceled",
    "triggered": "effective",
}

_CANCEL_SOURCES = {
    "USER": "1",
    "FOK": "13",
    "IOC": "14",
    "POST_ONLY": "31",
    "REDUCE_ONLY": "22",
    "MARGIN": "9",
    "LIQUIDATING": "3",
    "DEAD_MAN": "20",
    "SELF_TRADE": "32",
}
"""Why the venue cancelled by itself; "1" is the user's wish, "0" the system's."""

_TAKEN = {"liquidation": "full_liquidation", "adl": "adl", "settlement": "delivery"}
"""Categories of orders that are the venue's own."""

REFUSALS: dict[Reason, tuple[str, str]] = {
    Reason.POST_ONLY: ("51031", "This order price is not within the closing price range"),
    Reason.REDUCE_ONLY: (
        "51169",
        "Order failed because you don't have any positions in this direction to reduce or close.",
    ),
    Reason.MIN_NOTIONAL: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.MIN_QTY: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.MAX_QTY: ("51202", "The market order amount exceeds the maximum."),
    Reason.TICK: ("51000", "Parameter px error"),
    Reason.LOT: ("51121", "Order quantity must be a multiple of the lot size."),
    Reason.MARGIN: ("51008", "Order failed. Insufficient USDT margin in account"),
    Reason.DUPLICATE_ID: ("51016", "Client order ID already exists."),
    Reason.UNKNOWN_ORDER: ("51603", "Order does not exist"),
    Reason.ENDED_ORDER: ("51402", "Cancellation failed as the order has been completed."),
    Reason.SYMBOL_UNKNOWN: ("51001", "Instrument ID doesn't exist."),
    Reason.SYMBOL_CLOSED: ("51028", "Contract is being delivered."),
    Reason.WOULD_TRIGGER: ("51280", "SL trigger price must be less than the last price"),
    Reason.PRICE_BAND: ("51006", "Order price is not within the price limit"),
    Reason.ORDER_LIMIT: ("51025", "Order count exceeds the limit"),
    Reason.MODE_MISMATCH: ("51000", "Parameter posSide error"),
    Reason.MODE_LOCKED: ("59000", "Setting failed. Cancel any open orders, close positions first."),
    Reason.REDUCE_ONLY_REGIME: ("51009", "Placing orders that are no reductions is blocked by the platform."),
    Reason.LIQUIDATING: ("51024", "Your account is suspended."),
    Reason.PERMISSION: ("50120", "This API key doesn't have permission to use this function"),
    Reason.KEY_INVALID: ("50111", "Invalid OK-ACCESS-KEY"),
    Reason.ADDRESS: ("50110", "Your IP is not included in your API key's IP whitelist."),
    Reason.FOK: ("51000", "Parameter sz error"),
    Reason.IOC: ("51000", "Parameter sz error"),
    Reason.LEVERAGE: ("59102", "Leverage exceeds the maximum limit. Please lower the leverage."),
    Reason.AMEND_QTY: ("51505", "The new size is not above what has been filled"),
    Reason.NOT_AMENDABLE: ("51506", "Order modification unavailable for the order type"),
    Reason.NO_CHANGE: ("51500", "Either order price or quantity is required"),
    Reason.SHAPE: ("51000", "Parameter error"),
    Reason.SELF_TRADE: ("51000", "The order would trade with one of the same account"),
    Reason.MAINTENANCE: ("50001", "Service temporarily unavailable. Try again later."),
    Reason.OVERLOAD: ("50013", "Systems are busy. Please try again later."),
    Reason.REGION: ("51155", "Due to local laws and regulations, you cannot trade with your chosen crypto."),
    Reason.INTERNAL: ("50026", "System error, please try again later."),
}
"""Code and text of each refusal."""


def side_word(placement: Placement) -> str:
    """Return the position side as the venue writes it."""
    return "net" if placement.position_side == "both" else placement.position_side


def instrument_row(instrument: Instrument, status: str, code: int) -> Row:
    """Return a perpetual of the list of instruments; `code` is its number there."""
    largest = plain(instrument.max_qty or Decimal(100_000_000))
    family = f"{instrument.base}-{instrument.quote}"
    return {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": instrument.payoff,
        "ctVal": plain(instrument.contract_size),
        "ctValCcy": instrument.base if instrument.payoff == "linear" else instrument.quote,
        "expTime": "" if instrument.delisted_ns is None else millis(instrument.delisted_ns),
        "instFamily": family,
        "instId": instrument.symbol,
        "instIdCode": code,
        "instType": "SWAP",
        "lever": plain(instrument.leverage_max),
        "listTime": millis(instrument.listed_ns or 0),
        "lotSz": plain(instrument.lot_size),
        "maxIcebergSz": largest,
        "maxLmtAmt": "20000000",
        "maxLmtSz": largest,
        "maxMktAmt": "",
        "maxMktSz": largest,
        "maxStopSz": largest,
        "maxTriggerSz": largest,
        "maxTwapSz": largest,
        "minSz": plain(instrument.min_qty),
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": instrument.settle,
        "state": {"trading": "live", "reduce_only": "live", "settling": "settlement"}.get(status, "suspend"),
        "stk": "",
        "tickSz": plain(instrument.tick_size),
        "uly": family,
    }


def candle_row(candle: Candle, instrument: Instrument) -> list[str]:
    """Return a bar: time, prices, volume in contracts, base and quote, whether it is over."""
    base = candle.volume * instrument.contract_size
    quote = base * (candle.high + candle.low + candle.close) / 3
    return [
        millis(candle.open_ns),
        plain(candle.open),
        plain(candle.high),
        plain(candle.low),
        plain(candle.close),
        plain(candle.volume),
        plain(base),
        plain(quote.quantize(Decimal("0.00000001"))),
        "1" if candle.closed else "0",
    ]


def book_levels(side: Iterable[tuple[Decimal, Decimal]]) -> list[list[str]]:
    """Return price levels: price, size, a field that is always 0, number of orders."""
    return [[plain(price), plain(qty), "0", "1" if qty else "0"] for price, qty in side]


def checksum(book: Book) -> int:
    """Return the signed CRC32 over the best 25 levels, bids and asks in turn, as `price:size` joined by colons."""
    parts: list[str] = []
    for depth in range(_CHECKED_LEVELS):
        for side in (book.bids, book.asks):
            if depth < len(side):
                parts += [plain(number) for number in side[depth]]
    crc = zlib.crc32(":".join(parts).encode())
    return crc - (1 << 32) if crc >= 1 << 31 else crc


def _type_word(placement: Placement) -> str:
    return "market" if placement.price is None else _TYPE_OF_TIF[placement.tif]


def _cancel_source(order: FakeOrder) -> str:
    if order.state not in ("canceled", "expired", "rejected"):
        return ""
    return _CANCEL_SOURCES.get(order.reason.upper(), "0")


def order_row(
    order: FakeOrder, instrument: Instrument, leverage: Decimal, trade: FakeTrade | None, *, isolated: bool
) -> Row:
    """Return an order of the lists. `trade` is the last of its fills, None for none."""
    placement = order.placement
    average = plain(round(order.average, 10).normalize()) if order.filled else ""
    return {
        "accFillSz": plain(order.filled),
        "algoClOrdId": "",
        "algoId": str(order.parent_id) if order.parent_id else "",
        "attachAlgoClOrdId": "",
        "attachAlgoOrds": [],
        "avgPx": average,
        "cTime": millis(order.created_ns),
        "cancelSource": _cancel_source(order),
        "cancelSourceReason": "",
        "category": _TAKEN.get(order.reason, "normal"),
        "ccy": "",
        "clOrdId": "" if order.reason in _TAKEN else placement.client_id,
        "fee": plain(-order.fee),
        "feeCcy": instrument.settle,
        "fillPx": "" if trade is None else plain(trade.price),
        "fillSz": "0" if trade is None else plain(trade.qty),
        "fillTime": "" if trade is None else millis(trade.ts_ns),
        "instId": placement.symbol,
        "instType": "SWAP",
        "isTpLimit": "false",
        "lever": plain(leverage),
        "linkedAlgoOrd": {"algoId": str(order.parent_id) if order.parent_id else ""},
        "ordId": str(order.order_id),
        "ordType": _type_word(placement),
        "pnl": "0" if trade is None else plain(trade.realized_pnl),
        "posSide": side_word(placement),
        "px": "" if placement.price is None else plain(placement.price),
        "pxType": "",
        "pxUsd": "",
        "pxVol": "",
        "quickMgnType": "",
        "rebate": "0",
        "rebateCcy": instrument.settle,
        "reduceOnly": "true" if placement.reduce_only else "false",
        "side": placement.side,
        "slOrdPx": "",
        "slTriggerPx": "",
        "slTriggerPxType": "",
        "source": "",
        "state": _STATES[order.state],
        "stpId": "",
        "stpMode": "cancel_maker",
        "sz": plain(placement.qty),
        "tag": "" if order.parent_id else placement.tag,
        "tdMode": "isolated" if isolated else "cross",
        "tgtCcy": "",
        "tpOrdPx": "",
        "tpTriggerPx": "",
        "tpTriggerPxType": "",
        "tradeId": "" if trade is None else str(trade.trade_id),
        "uTime": millis(order.updated_ns),
    }


def order_event_row(row: Row, instrument: Instrument, trade: FakeTrade | None, last: Decimal) -> Row:
    """Return an order of the lists as the stream writes it: with the one fill that the frame is about."""
    extra: Row = {
        "amendResult": "",
        "amendSource": "",
        "code": "0",
        "execType": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "fillNotionalUsd": "",
        "fillPnl": "0",
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": "",
        "msg": "",
        "notionalUsd": "",
        "reqId": "",
        "lastPx": plain(last),
    }
    if trade is not None:
        extra |= {
            "execType": "M" if trade.maker else "T",
            "fillFee": plain(-trade.fee),
            "fillFeeCcy": trade.fee_asset,
            "fillNotionalUsd": plain(trade.quote),
            "fillPnl": plain(trade.realized_pnl),
        }
    worth = Decimal(row["sz"]) * instrument.contract_size * last
    kept = {name: value for name, value in row.items() if name not in ("cancelSourceReason", "linkedAlgoOrd")}
    return {**kept, **extra, "notionalUsd": plain(worth)}


def algo_row(order: FakeOrder, leverage: Decimal, last: Decimal, *, isolated: bool) -> Row:
    """Return an order that waits for its trigger; `tag` of its placement is the type it was placed as."""
    placement = order.placement
    profit = placement.kind.startswith("take_profit")
    conditional = placement.tag == "conditional"
    trigger = plain(order.stop_price or placement.trigger or Decimal(0))
    price = "-1" if placement.price is None else plain(placement.price)
    trailing = placement.kind == "trailing_stop"

    def leg(mine: bool, value: str) -> str:
        return value if conditional and mine else ""

    return {
        "activePx": plain(placement.trigger) if trailing and placement.trigger else "",
        "actualPx": "",
        "actualSide": "",
        "actualSz": plain(placement.qty) if order.child_id else "0",
        "algoClOrdId": placement.client_id,
        "algoId": str(order.order_id),
        "amendPxOnTriggerType": "0",
        "attachAlgoOrds": [],
        "cTime": millis(order.created_ns),
        "uTime": millis(order.updated_ns),
        "callbackRatio": "" if placement.callback_ratio is None else plain(placement.callback_ratio),
        "callbackSpread": "" if placement.callback is None else plain(placement.callback),
        "ccy": "",
        "clOrdId": "",
        "closeFraction": "1" if placement.close_position else "",
        "failCode": "",
        "instId": placement.symbol,
        "instType": "SWAP",
        "last": plain(last),
        "lever": plain(leverage),
        "linkedOrd": {"ordId": ""},
        "moveTriggerPx": trigger if trailing else "",
        "ordId": str(order.child_id) if order.child_id else "",
        "ordIdList": [str(order.child_id)] if order.child_id else [],
        "ordPx": "" if conditional or trailing else price,
        "ordType": placement.tag,
        "posSide": side_word(placement),
        "pxLimit": "",
        "pxSpread": "",
        "pxVar": "",
        "quickMgnType": "",
        "reduceOnly": "true" if placement.reduce_only or placement.close_position else "false",
        "side": placement.side,
        "slOrdPx": leg(not profit, price),
        "slTriggerPx": leg(not profit, trigger),
        "slTriggerPxType": leg(not profit, placement.trigger_by),
        "state": _STATES[order.state],
        "sz": "" if placement.close_position else plain(placement.qty),
        "szLimit": "",
        "tag": "",
        "tdMode": "isolated" if isolated else "cross",
        "tgtCcy": "",
        "timeInterval": "",
        "tpOrdPx": leg(profit, price),
        "tpTriggerPx": leg(profit, trigger),
        "tpTriggerPxType": leg(profit, placement.trigger_by),
        "triggerPx": "" if conditional or trailing else trigger,
        "triggerPxType": "" if conditional or trailing else placement.trigger_by,
        "triggerTime": millis(order.updated_ns) if order.state == "triggered" else "0",
    }


def fill_row(trade: FakeTrade, instrument: Instrument) -> Row:
    """Return one of our trades. `subType` tells liquidations and ADL from ordinary ones."""
    long = (trade.position_side == "long") or (trade.position_side == "both" and trade.side == "sell")
    kinds = {
        "trade": {"buy": "3", "sell": "4"}[trade.side],
        "liquidation": "103" if long else "104",
        "adl": "125" if long else "126",
        "settlement": "112" if long else "113",
    }
    rate = -(trade.fee / trade.quote) if trade.quote else Decimal(0)
    return {
        "side": trade.side,
        "fillSz": plain(trade.qty),
        "fillPx": plain(trade.price),
        "fillPxVol": "",
        "fillFwdPx": "",
        "fee": plain(-trade.fee),
        "fillPnl": plain(trade.realized_pnl),
        "ordId": str(trade.order_id),
        "feeRate": plain(rate.quantize(Decimal("0.00000001"))),
        "instType": "SWAP",
        "fillPxUsd": "",
        "instId": instrument.symbol,
        "clOrdId": trade.client_id if trade.kind == "trade" else "",
        "posSide": "net" if trade.position_side == "both" else trade.position_side,
        "billId": str(trade.trade_id),
        "subType": kinds[trade.kind],
        "fillMarkVol": "",
        "tag": "",
        "fillTime": millis(trade.ts_ns),
        "execType": "M" if trade.maker else "T",
        "fillIdxPx": plain(trade.price),
        "tradeId": str(trade.trade_id),
        "fillMarkPx": "",
        "feeCcy": trade.fee_asset,
        "ts": millis(trade.ts_ns),
    }
