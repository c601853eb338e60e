"""How BloFin writes what its accounts and markets hold, and which code it has for each refusal.

Fields and types follow captured answers; codes follow the venue's published list. Sizes are contracts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.venues.fake.envelopes import Row, millis
from tradewind.venues.fake.orders import Reason
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.market import Instrument
    from tradewind.venues.fake.orders import (
        Candle,
        FakeBalance,
        FakeOrder,
        FakePosition,
        FakeTrade,
        Placement,
        PublicTrade,
        Tif,
    )

__all__ = [
    "BARS",
    "ORDER_TYPES",
    "REFUSALS",
    "account_row",
    "algo_row",
    "balance_row",
    "candle_row",
    "fill_row",
    "instrument_row",
    "order_row",
    "position_row",
    "public_trade_row",
]

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
    "6H": 360 * _MINUTE_NS,
    "8H": 480 * _MINUTE_NS,
    "12H": 720 * _MINUTE_NS,
    "1D": 1440 * _MINUTE_NS,
}
"""Lengths of bars by the venue's words."""

ORDER_TYPES: dict[str, Tif] = {"limit": "GTC", "post_only": "GTX", "ioc": "IOC", "fok": "FOK"}
"""Time in force behind each type of order with a limit."""
_TYPE_OF_TIF = {tif: word for word, tif in ORDER_TYPES.items()}

_STATES = {
    "new": "live",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "expired": "canceled",
    "rejected": "order_failed",
    "triggered": "effective",
}

_TAKEN = {"liquidation": "full_liquidation", "adl": "adl", "settlement": "settlement"}
"""Categories of orders that are the venue's own."""

REFUSALS: dict[Reason, tuple[str, str]] = {
    Reason.REDUCE_ONLY: (
        "102022",
        "Failed to place order. You don't have any positions of this contract. Turn off Reduce-only to continue.",
    ),
    Reason.MAX_QTY: ("102014", "Limit order exceeds maximum order size limit"),
    Reason.MIN_QTY: ("152002", "Parameter size error"),
    Reason.MIN_NOTIONAL: ("152002", "Parameter size error"),
    Reason.TICK: ("152002", "Parameter price error"),
    Reason.LOT: ("152002", "Parameter size error"),
    Reason.LEVERAGE: ("152002", "Parameter leverage error"),
    Reason.SHAPE: ("152005", "Parameter error: wrong or empty"),
    Reason.MARGIN: ("103003", "Order failed. Insufficient USDT margin in account"),
    Reason.DUPLICATE_ID: ("102148", "Duplicate requestId, request ignored."),
    Reason.UNKNOWN_ORDER: (
        "102068",
        "Cancel failed as the order has been filled, triggered, canceled or does not exist",
    ),
    Reason.ENDED_ORDER: (
        "102068",
        "Cancel failed as the order has been filled, triggered, canceled or does not exist",
    ),
    Reason.SYMBOL_UNKNOWN: ("152014", "Instrument ID does not exist"),
    Reason.WOULD_TRIGGER: ("102038", "SL trigger price should be lower than the latest trading price"),
    Reason.PRICE_BAND: ("102064", "Buy price is not within the price limit"),
    Reason.MODE_MISMATCH: ("102089", "Position mode mismatch"),
    Reason.MODE_LOCKED: ("110019", "Setting failed. Cancel any open orders, and close positions first."),
    Reason.PERMISSION: (
        "152404",
        "This operation is not supported, Please check the requestPath or API key permissions.",
    ),
    Reason.KEY_INVALID: ("152401", "Access key does not exist"),
    Reason.ADDRESS: ("152406", "Your IP is not included in your API key's IP whitelist"),
    Reason.AMEND_QTY: ("152423", "New size cannot be less than filled size"),
    Reason.NOT_AMENDABLE: (
        "102067",
        "Order modification failed as the order has been filled, triggered, canceled or does not exist.",
    ),
    Reason.REGION: ("152406", "Your IP is not included in your API key's IP whitelist"),
    Reason.INTERNAL: ("103013", "Internal error; unable to process your request. Please try again."),
    Reason.MAINTENANCE: ("103013", "Internal error; unable to process your request. Please try again."),
    Reason.OVERLOAD: ("103013", "Internal error; unable to process your request. Please try again."),
    Reason.POST_ONLY: ("102090", "The post only order would have taken liquidity"),
    Reason.FOK: ("102091", "The order could not be filled whole"),
    Reason.IOC: ("102092", "Nothing could be filled at once"),
    Reason.ORDER_LIMIT: ("102093", "Too many open orders"),
    Reason.SYMBOL_CLOSED: ("102094", "The contract is not open for trading"),
    Reason.REDUCE_ONLY_REGIME: ("102095", "The contract can only be reduced"),
    Reason.LIQUIDATING: ("102096", "The account is in liquidation"),
    Reason.SELF_TRADE: ("102097", "The order would trade with one of the same account"),
}
"""Code and text of each refusal. Published ones first; those of the last eight reasons are assumed: the venue's
list names none, so a client meets codes that it does not know, which is what it must survive."""


def side_word(placement: Placement) -> str:
    """Return the position side as the venue writes it."""
    return "net" if placement.position_side == "both" else placement.position_side


def money(number: Decimal) -> str:
    """Return an amount with the eighteen places that the venue prints."""
    return format(number, ".18f")


def instrument_row(instrument: Instrument, status: str) -> Row:
    """Return an instrument of the list of instruments."""
    largest = plain(instrument.max_qty or Decimal(100_000_000))
    return {
        "instId": instrument.symbol,
        "baseCurrency": instrument.base,
        "quoteCurrency": instrument.quote,
        "contractValue": plain(instrument.contract_size),
        "listTime": millis(instrument.listed_ns or 0),
        "expireTime": millis(instrument.delisted_ns or 32_503_680_000_000_000_000),
        "maxLeverage": plain(instrument.leverage_max),
        "minSize": plain(instrument.min_qty),
        "lotSize": plain(instrument.lot_size),
        "tickSize": plain(instrument.tick_size),
        "instType": "SWAP",
        "contractType": instrument.payoff,
        "maxLimitSize": largest,
        "maxMarketSize": largest,
        "state": "live" if status in ("trading", "reduce_only") else "suspend",
        "settleCurrency": instrument.settle,
    }


def candle_row(candle: Candle, instrument: Instrument) -> list[str]:
    """Return a bar: time, prices, volume in contracts, in base and in quote currency, whether it is over."""
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
        plain(quote.quantize(Decimal("0.0001"))),
        "1" if candle.closed else "0",
    ]


def public_trade_row(trade: PublicTrade) -> Row:
    """Return a trade of the market."""
    return {
        "tradeId": str(trade.trade_id),
        "instId": trade.symbol,
        "price": plain(trade.price),
        "size": plain(trade.qty),
        "side": trade.side,
        "ts": millis(trade.ts_ns),
    }


def _type_word(placement: Placement) -> str:
    return "market" if placement.price is None else _TYPE_OF_TIF[placement.tif]


def _cancel_source(order: FakeOrder) -> str:
    return "user_canceled" if order.reason == "USER" else "system_canceled"


def _cancel_reason(order: FakeOrder) -> str:
    """Return why an order ended; the venue's words for its own reasons are assumed to be those of the order types."""
    return "Order canceled by user" if order.reason == "USER" else order.reason.lower()


def order_row(order: FakeOrder, instrument: Instrument, leverage: Decimal, *, isolated: bool) -> Row:
    """Return an order of the lists and of the stream, without the fields that only one of them has."""
    placement = order.placement
    ended = order.state in ("canceled", "expired", "rejected")
    return {
        "orderId": str(order.order_id),
        "clientOrderId": "" if order.reason in _TAKEN else placement.client_id,
        "instId": placement.symbol,
        "marginMode": "isolated" if isolated else "cross",
        "positionSide": side_word(placement),
        "side": placement.side,
        "orderType": _type_word(placement),
        "price": money(placement.price or Decimal(0)),
        "size": money(placement.qty),
        "reduceOnly": "true" if placement.reduce_only else "false",
        "leverage": plain(leverage),
        "state": _STATES[order.state],
        "filledSize": money(order.filled),
        "filled_amount": money(order.filled * instrument.contract_size),
        "averagePrice": money(order.average),
        "fee": money(order.fee),
        "pnl": money(Decimal(0)),
        "createTime": millis(order.created_ns),
        "updateTime": millis(order.updated_ns),
        "orderCategory": _TAKEN.get(order.reason, "normal"),
        "tpTriggerPrice": None,
        "tpOrderPrice": None,
        "slTriggerPrice": None,
        "slOrderPrice": None,
        "cancelSource": _cancel_source(order) if ended else "",
        "cancelSourceReason": _cancel_reason(order) if ended else "",
        "algoClientOrderId": "",
        "algoId": str(order.parent_id) if order.parent_id else "",
        "brokerId": "",
    }


def algo_row(order: FakeOrder, leverage: Decimal, *, isolated: bool) -> Row:
    """Return an order that waits for its trigger."""
    placement = order.placement
    return {
        "algoId": str(order.order_id),
        "clientOrderId": placement.client_id,
        "instId": placement.symbol,
        "marginMode": "isolated" if isolated else "cross",
        "positionSide": side_word(placement),
        "side": placement.side,
        "orderType": "trigger",
        "size": "-1" if placement.close_position else plain(placement.qty),
        "actualSize": plain(placement.qty) if order.child_id else "",
        "leverage": plain(leverage),
        "state": _STATES[order.state],
        "triggerPrice": money(order.stop_price or placement.trigger or Decimal(0)),
        "triggerPriceType": placement.trigger_by,
        "orderPrice": "-1" if placement.price is None else money(placement.price),
        "reduceOnly": "true" if placement.reduce_only or placement.close_position else "false",
        "createTime": millis(order.created_ns),
        "updateTime": millis(order.updated_ns),
        "brokerId": "",
        "attachAlgoOrders": [],
    }


def fill_row(trade: FakeTrade) -> Row:
    """Return one of our trades; a fee that was paid is positive."""
    return {
        "instId": trade.symbol,
        "tradeId": str(trade.trade_id),
        "orderId": str(trade.order_id),
        "fillPrice": money(trade.price),
        "fillSize": money(trade.qty),
        "fillPnl": money(trade.realized_pnl),
        "positionSide": "net" if trade.position_side == "both" else trade.position_side,
        "side": trade.side,
        "fee": money(trade.fee),
        "ts": millis(trade.ts_ns),
        "brokerId": "",
    }


def position_row(position: FakePosition, instrument: Instrument) -> Row:
    """Return a position: signed contracts in net mode, whole ones with a side in hedge mode."""
    qty = position.qty if position.position_side == "both" else abs(position.qty)
    worth = abs(position.qty) * instrument.contract_size * position.mark
    initial = position.isolated_margin if position.isolated else worth / position.leverage
    rate = instrument.tiers[0].maintenance_rate if instrument.tiers else Decimal("0.004")
    row: Row = {
        "positionId": str(1 + sum(map(ord, position.symbol + position.position_side))),
        "instId": position.symbol,
        "instType": "SWAP",
        "marginMode": "isolated" if position.isolated else "cross",
        "positionSide": "net" if position.position_side == "both" else position.position_side,
        "adl": "1",
        "positions": plain(qty),
        "availablePositions": plain(qty),
        "averagePrice": money(position.entry),
        "markPrice": plain(position.mark),
        "marginRatio": money(initial / (worth * rate)) if worth else "0",
        "liquidationPrice": money(position.liquidation_price) if position.liquidation_price else "",
        "unrealizedPnl": plain(position.unrealized),
        "unrealizedPnlRatio": money(position.unrealized / initial) if initial else "0",
        "maintenanceMargin": plain(worth * rate),
        "createTime": millis(position.updated_ns),
        "updateTime": millis(position.updated_ns),
        "leverage": plain(position.leverage),
    }
    if position.isolated:
        return {**row, "margin": money(position.isolated_margin)}
    return {**row, "margin": "", "initialMargin": money(initial)}


def balance_row(balance: FakeBalance, now_ns: int) -> Row:
    """Return one currency of the futures account."""
    equity = balance.wallet + balance.unrealized
    used = equity - balance.available
    return {
        "currency": balance.asset,
        "equity": money(equity),
        "balance": money(balance.wallet),
        "ts": millis(now_ns),
        "isolatedEquity": money(Decimal(0)),
        "available": money(balance.available),
        "availableEquity": money(balance.available),
        "frozen": money(used),
        "orderFrozen": money(Decimal(0)),
        "equityUsd": money(equity),
        "isolatedUnrealizedPnl": money(Decimal(0)),
        "bonus": "0",
    }


def account_row(balances: Iterable[FakeBalance], now_ns: int) -> Row:
    """Return the futures account with all its currencies."""
    rows = [balance_row(balance, now_ns) for balance in balances]
    return {
        "ts": millis(now_ns),
        "totalEquity": money(sum((Decimal(row["equity"]) for row in rows), Decimal(0))),
        "isolatedEquity": money(Decimal(0)),
        "details": rows,
    }
