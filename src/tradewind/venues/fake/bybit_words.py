"""How Bybit v5 writes orders, trades, positions and rules of linear perpetuals, and its code for each refusal.

Fields and types follow captured answers; codes follow the venue's published list. Sizes are in base coin. An
order that came of a conditional one keeps its id: here both are one order that changes its status.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from tradewind.venues.fake.envelopes import Row, millis
from tradewind.venues.fake.orders import Reason
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.market import Instrument
    from tradewind.venues.fake.orders import (
        Candle,
        FakeBalance,
        FakeIncome,
        FakeOrder,
        FakePosition,
        FakeTrade,
        PositionSide,
        Tif,
    )

__all__ = [
    "BARS",
    "POSITION_INDEX",
    "REFUSALS",
    "TIFS",
    "candle_row",
    "event_position_row",
    "execution_row",
    "funding_execution_row",
    "instrument_row",
    "number_of",
    "order_id_of",
    "order_row",
    "position_row",
    "wallet_row",
]

_MINUTE_NS = 60_000_000_000
BARS = {
    "1": _MINUTE_NS,
    "3": 3 * _MINUTE_NS,
    "5": 5 * _MINUTE_NS,
    "15": 15 * _MINUTE_NS,
    "30": 30 * _MINUTE_NS,
    "60": 60 * _MINUTE_NS,
    "120": 120 * _MINUTE_NS,
    "240": 240 * _MINUTE_NS,
    "360": 360 * _MINUTE_NS,
    "720": 720 * _MINUTE_NS,
    "D": 1440 * _MINUTE_NS,
}
"""Lengths of bars by the venue's words: minutes."""

TIFS: dict[str, Tif] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "GTX"}
_TIF_WORDS = {tif: word for word, tif in TIFS.items()}
POSITION_INDEX: dict[PositionSide, int] = {"both": 0, "long": 1, "short": 2}

_STATES = {
    "new": "New",
    "partially_filled": "PartiallyFilled",
    "filled": "Filled",
    "canceled": "Cancelled",
    "expired": "Cancelled",
    "rejected": "Rejected",
    "triggered": "Triggered",
}
_REJECTIONS = {
    "POST_ONLY": "EC_PostOnlyWillTakeLiquidity",
    "IOC": "EC_NoImmediateQtyToFill",
    "FOK": "EC_NoEnoughQtyToFill",
    "SELF_TRADE": "EC_BySelfMatch",
    "USER": "EC_PerCancelRequest",
}

_TAKEN = {"liquidation": "CreateByLiq", "adl": "CreateByAdl_PassThrough", "settlement": "CreateBySettle"}
"""Who made an order, where it was the venue itself."""

_CANCEL_TYPES = {
    "USER": "CancelByUser",
    "DEAD_MAN": "CancelByDCP",
    "REDUCE_ONLY": "CancelByReduceOnly",
    "LIQUIDATING": "CancelByPrepareLiq",
    "SELF_TRADE": "CancelBySmp",
}
"""Who cancelled."""

_SYSTEM = ("10016", "System error. Please try again later.")
_GONE = ("110001", "order not exists or too late to cancel")
REFUSALS: dict[Reason, tuple[str, str]] = {
    Reason.POST_ONLY: ("110003", "Order price is out of permissible range"),
    Reason.REDUCE_ONLY: ("110017", "current position is zero, cannot fix reduce-only order qty"),
    Reason.MIN_NOTIONAL: ("110094", "Order does not meet minimum order value 5USDT"),
    Reason.MIN_QTY: ("10001", "Qty invalid"),
    Reason.MAX_QTY: ("10001", "The number of contracts exceeds maximum limit allowed"),
    Reason.TICK: ("10001", "params error: Price invalid"),
    Reason.LOT: ("10001", "Qty invalid"),
    Reason.MARGIN: ("110007", "ab not enough for new order"),
    Reason.DUPLICATE_ID: ("110072", "OrderLinkedID is duplicate"),
    Reason.UNKNOWN_ORDER: _GONE,
    Reason.ENDED_ORDER: _GONE,
    Reason.SYMBOL_UNKNOWN: ("10001", "params error: symbol invalid"),
    Reason.SYMBOL_CLOSED: ("110066", "No trading is allowed at the current time"),
    Reason.WOULD_TRIGGER: ("110093", "expect Falling, but trigger_price >= current"),
    Reason.PRICE_BAND: ("110003", "Order price is out of permissible range"),
    Reason.ORDER_LIMIT: ("110020", "number of active orders greater than 500"),
    Reason.MODE_MISMATCH: ("10001", "position idx not match position mode"),
    Reason.MODE_LOCKED: ("110024", "You have an existing position, so position mode cannot be switched"),
    Reason.REDUCE_ONLY_REGIME: ("110023", "This contract only supports position reduction operation"),
    Reason.LIQUIDATING: ("110035", "Cancel order is not completed before liquidation"),
    Reason.PERMISSION: ("10005", "Permission denied, please check your API key permissions."),
    Reason.KEY_INVALID: ("10003", "API key is invalid."),
    Reason.ADDRESS: ("10010", "Unmatched IP, please check your API key's bound IP addresses."),
    Reason.FOK: ("110003", "Order cannot be filled whole"),
    Reason.IOC: ("110003", "Order cannot be filled"),
    Reason.LEVERAGE: ("110013", "cannot set leverage due to risk limit"),
    Reason.AMEND_QTY: (
        "110064",
        "The number of contracts modified cannot be less than or equal to the filled quantity",
    ),
    Reason.NOT_AMENDABLE: ("110008", "Order has been finished or canceled"),
    Reason.NO_CHANGE: (
        "10001",
        "The order remains unchanged as the parameters entered match the existing ones.",
    ),
    Reason.SHAPE: ("10001", "params error"),
    Reason.SELF_TRADE: ("10001", "The order would trade with one of the same account"),
    Reason.MAINTENANCE: _SYSTEM,
    Reason.OVERLOAD: _SYSTEM,
    Reason.INTERNAL: _SYSTEM,
    Reason.REGION: ("10024", "The product or service you are seeking to access is not available to you."),
}
"""Code and text of each refusal."""


def order_id_of(number: int) -> str:
    """Return the venue's id of an order, a UUID that holds its number."""
    return str(UUID(int=number))


def number_of(order_id: str) -> int:
    """Return the number of an order from its id; 0 for a text that is none."""
    try:
        return UUID(order_id).int
    except ValueError:
        return 0


def _capital(side: str) -> str:
    return side.capitalize()


def instrument_row(instrument: Instrument, status: str) -> Row:
    """Return a perpetual of the list of instruments."""
    largest = plain(instrument.max_qty or Decimal(1_000_000))
    scale = max(0, -int(instrument.tick_size.normalize().as_tuple().exponent))
    words = {
        "trading": "Trading",
        "reduce_only": "Trading",
        "settling": "Delivering",
        "maintenance": "Trading",
    }
    return {
        "symbol": instrument.symbol,
        "contractType": "LinearPerpetual",
        "status": words.get(status, "Closed"),
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "launchTime": millis(instrument.listed_ns or 0),
        "deliveryTime": millis(instrument.delisted_ns or 0),
        "deliveryFeeRate": "",
        "priceScale": str(scale),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{instrument.leverage_max:.2f}",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(instrument.tick_size),
            "maxPrice": plain(instrument.tick_size * 19_999_998),
            "tickSize": plain(instrument.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": largest,
            "maxMktOrderQty": largest,
            "minOrderQty": plain(instrument.min_qty),
            "qtyStep": plain(instrument.lot_size),
            "postOnlyMaxOrderQty": largest,
            "minNotionalValue": plain(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": instrument.funding_interval_ns // _MINUTE_NS,
        "settleCoin": instrument.settle,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
    }


def candle_row(candle: Candle) -> list[str]:
    """Return a bar: time, prices, volume in base coin, turnover in quote."""
    turnover = candle.volume * (candle.high + candle.low + candle.close) / 3
    numbers = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    return [
        millis(candle.open_ns),
        *(plain(number) for number in numbers),
        plain(turnover.quantize(Decimal("0.0001"))),
    ]


def _stop_word(order: FakeOrder) -> str:
    """Return which kind of stop an order is: of a position ("StopLoss" ...), or one that was placed ("Stop")."""
    if not order.algo and not order.parent_id:
        return ""
    return order.placement.tag or "Stop"


def _direction(order: FakeOrder) -> int:
    if order.placement.trigger is None:
        return 0
    rising = (order.placement.side == "buy") != order.placement.kind.startswith("take_profit")
    return 1 if rising else 2


def order_row(order: FakeOrder, last: Decimal) -> Row:
    """Return an order of the lists and of the stream."""
    placement = order.placement
    waiting = order.algo and order.state == "new"
    ended = order.state in ("canceled", "expired", "rejected")
    status = "Untriggered" if waiting else _STATES[order.state]
    if order.algo and order.state == "canceled":
        status = "Deactivated"
    left = Decimal(0) if ended or order.state == "filled" else order.remaining
    trigger = order.stop_price or placement.trigger
    watched = {"last": "LastPrice", "mark": "MarkPrice"}[placement.trigger_by] if trigger else ""
    return {
        "orderId": order_id_of(order.parent_id or order.order_id),
        "orderLinkId": "" if order.reason in _TAKEN else placement.client_id,
        "blockTradeId": "",
        "symbol": placement.symbol,
        "price": plain(placement.price or Decimal(0)),
        "qty": plain(placement.qty),
        "side": _capital(placement.side),
        "isLeverage": "",
        "positionIdx": POSITION_INDEX[placement.position_side],
        "orderStatus": status,
        "cancelType": _CANCEL_TYPES.get(order.reason, "UNKNOWN"),
        "rejectReason": _REJECTIONS.get(order.reason, "EC_Others") if ended else "EC_NoError",
        "avgPrice": plain(round(order.average, 10)) if order.filled else "0",
        "leavesQty": plain(left),
        "leavesValue": plain(left * (placement.price or last)),
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.quote),
        "cumExecFee": plain(order.fee),
        "cumFeeDetail": {},
        "timeInForce": _TIF_WORDS[placement.tif],
        "orderType": "Market" if placement.price is None else "Limit",
        "stopOrderType": _stop_word(order),
        "orderIv": "",
        "triggerPrice": plain(trigger) if trigger else "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": _direction(order),
        "triggerBy": watched,
        "lastPriceOnCreated": plain(last),
        "reduceOnly": placement.reduce_only or placement.close_position,
        "closeOnTrigger": placement.close_position,
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "tpslMode": "Full" if placement.close_position else "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "placeType": "",
        "createType": _TAKEN.get(order.reason, "CreateByUser"),
        "createdTime": millis(order.created_ns),
        "updatedTime": millis(order.updated_ns),
    }


_EXECUTION_KINDS = {"trade": "Trade", "liquidation": "BustTrade", "adl": "AdlTrade", "settlement": "Delivery"}


def execution_row(trade: FakeTrade, order: FakeOrder | None, mark: Decimal) -> Row:
    """Return one of our trades; `order` is the one that it filled, where it is known."""
    rate = trade.fee / trade.quote if trade.quote else Decimal(0)
    price = order.placement.price if order else None
    number = (order.parent_id or order.order_id) if order else trade.order_id
    return {
        "symbol": trade.symbol,
        "orderType": "Limit" if price is not None else "Market",
        "underlyingPrice": "",
        "orderLinkId": trade.client_id if trade.kind == "trade" else "",
        "side": _capital(trade.side),
        "indexPrice": "",
        "orderId": order_id_of(number),
        "stopOrderType": _stop_word(order) if order else "",
        "leavesQty": plain(order.remaining) if order else "0",
        "execTime": millis(trade.ts_ns),
        "feeCurrency": trade.fee_asset,
        "isMaker": trade.maker,
        "execFee": plain(trade.fee),
        "feeRate": plain(round(rate, 8)),
        "execId": order_id_of(trade.trade_id),
        "tradeIv": "",
        "blockTradeId": "",
        "markPrice": plain(mark),
        "execPrice": plain(trade.price),
        "markIv": "",
        "orderQty": plain(order.placement.qty if order else trade.qty),
        "orderPrice": plain(price or trade.price),
        "execValue": plain(trade.quote),
        "execType": _EXECUTION_KINDS[trade.kind],
        "execQty": plain(trade.qty),
        "closedSize": "",
        "seq": trade.trade_id,
    }


def funding_execution_row(income: FakeIncome, mark: Decimal) -> Row:
    """Return the execution that one funding settlement is: a fee that was paid is positive."""
    return {
        "symbol": income.symbol,
        "orderType": "UNKNOWN",
        "underlyingPrice": "",
        "orderLinkId": "",
        "side": "Sell" if income.position_side == "short" else "Buy",
        "indexPrice": "",
        "orderId": order_id_of((1 << 96) + income.income_id),
        "stopOrderType": "UNKNOWN",
        "leavesQty": "0",
        "execTime": millis(income.ts_ns),
        "feeCurrency": income.asset,
        "isMaker": False,
        "execFee": plain(-income.amount),
        "feeRate": plain(income.rate),
        "execId": order_id_of((1 << 96) + income.income_id),
        "tradeIv": "",
        "blockTradeId": "",
        "markPrice": plain(mark),
        "execPrice": plain(mark),
        "markIv": "",
        "orderQty": "0",
        "orderPrice": "0",
        "execValue": plain(abs(income.amount / income.rate)) if income.rate else "0",
        "execType": "Funding",
        "execQty": "0",
        "closedSize": "",
        "seq": income.income_id,
    }


def position_row(position: FakePosition, instrument: Instrument) -> Row:
    """Return a position; one that is flat has no side and the size 0."""
    worth = abs(position.qty) * position.mark
    initial = position.isolated_margin if position.isolated else worth / position.leverage
    rate = instrument.tiers[0].maintenance_rate if instrument.tiers else Decimal("0.005")
    at = millis(position.updated_ns)
    return {
        "positionIdx": POSITION_INDEX[position.position_side],
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": position.symbol,
        "side": "" if not position.qty else ("Buy" if position.qty > 0 else "Sell"),
        "size": plain(abs(position.qty)),
        "avgPrice": plain(position.entry) if position.qty else "0",
        "positionValue": plain(abs(position.qty) * position.entry) if position.qty else "",
        "tradeMode": 1 if position.isolated else 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 2 if position.qty else 0,
        "leverage": plain(position.leverage),
        "positionBalance": plain(round(initial, 8)) if position.qty else "0",
        "markPrice": plain(position.mark),
        "liqPrice": plain(position.liquidation_price) if position.liquidation_price else "",
        "bustPrice": "",
        "positionMM": plain(round(worth * rate, 8)) if position.qty else "",
        "positionIM": plain(round(initial, 8)) if position.qty else "",
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": plain(position.unrealized) if position.qty else "",
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "seq": position.updated_ns // 1_000_000,
        "isReduceOnly": False,
        "mmrSysUpdateTime": "",
        "leverageSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "createdTime": at,
        "updatedTime": at,
    }


def event_position_row(position: FakePosition, instrument: Instrument) -> Row:
    """Return a position as the stream writes it: the entry price has another name there."""
    row = position_row(position, instrument)
    entry = row.pop("avgPrice")
    row.pop("mmrSysUpdateTime")
    return {**row, "entryPrice": entry, "category": "linear", "mmrSysUpdatedTime": ""}


def wallet_row(balances: Iterable[FakeBalance]) -> Row:
    """Return the unified account with all its coins; totals take every coin at par."""
    held = list(balances)
    equity = sum((each.wallet + each.unrealized for each in held), Decimal(0))
    wallet = sum((each.wallet for each in held), Decimal(0))
    free = sum((each.available for each in held), Decimal(0))
    unrealized = sum((each.unrealized for each in held), Decimal(0))
    used = max(equity - free, Decimal(0))
    return {
        "totalEquity": plain(equity),
        "accountIMRate": plain(round(used / equity, 4)) if equity > 0 else "0",
        "totalMarginBalance": plain(equity),
        "totalInitialMargin": plain(used),
        "accountType": "UNIFIED",
        "totalAvailableBalance": plain(free),
        "accountMMRate": "0",
        "totalPerpUPL": plain(unrealized),
        "totalWalletBalance": plain(wallet),
        "accountLTV": "0",
        "totalMaintenanceMargin": "0",
        "coin": [_coin_row(balance) for balance in held],
    }


def _coin_row(balance: FakeBalance) -> Row:
    equity = balance.wallet + balance.unrealized
    return {
        "availableToBorrow": "",
        "bonus": "0",
        "accruedInterest": "0",
        "availableToWithdraw": plain(balance.available),
        "totalOrderIM": "0",
        "equity": plain(equity),
        "totalPositionMM": "0",
        "usdValue": plain(equity),
        "spotHedgingQty": "0",
        "unrealisedPnl": plain(balance.unrealized),
        "collateralSwitch": True,
        "borrowAmount": "0",
        "totalPositionIM": plain(max(equity - balance.available, Decimal(0))),
        "walletBalance": plain(balance.wallet),
        "cumRealisedPnl": "0",
        "locked": "0",
        "marginCollateral": True,
        "coin": balance.asset,
    }
