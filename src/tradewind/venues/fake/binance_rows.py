"""Binance USD-M on paper: the domain's orders, trades, positions and rules as rows of its REST answers.

Key names and the split into text and numbers are those of real answers (see the tests' samples).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.units.time import HOUR_NS
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradewind.market import Instrument
    from tradewind.venues.fake.orders import (
        FakeBalance,
        FakeIncome,
        FakeOrder,
        FakePosition,
        FakeTrade,
        Placement,
        PublicTrade,
    )

__all__ = [
    "ALGO_BASE",
    "INTERVALS_MS",
    "KINDS",
    "TYPES",
    "account_row",
    "algo_row",
    "algo_status",
    "asset_row",
    "balance_row",
    "bracket_row",
    "canonical",
    "contract_row",
    "income_row",
    "milli",
    "order_row",
    "position_row",
    "status_of",
    "stop_text",
    "trade_row",
]

Row = dict[str, Any]

ALGO_BASE = 2_000_000_000_000_000
"""Conditional orders have ids of their own: the domain's order id above this base."""

TYPES = {
    "limit": "LIMIT",
    "market": "MARKET",
    "stop_market": "STOP_MARKET",
    "stop_limit": "STOP",
    "take_profit_market": "TAKE_PROFIT_MARKET",
    "take_profit_limit": "TAKE_PROFIT",
    "trailing_stop": "TRAILING_STOP_MARKET",
}
KINDS = {name: kind for kind, name in TYPES.items()}

_STATUS = {
    "new": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "triggered": "FILLED",
}
_ALGO_STATUS = {
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "triggered": "TRIGGERED",
}

INTERVALS_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}

_NO_END_MS = 4_133_404_800_000
_EIGHT = Decimal("1e-8")
_INCOME = {
    "funding": "FUNDING_FEE",
    "transfer": "TRANSFER",
    "fee": "COMMISSION",
    "realized_pnl": "REALIZED_PNL",
    "insurance": "INSURANCE_CLEAR",
}


def milli(ns: int) -> int:
    """Return a time in milliseconds."""
    return ns // 1_000_000


def canonical(number: Decimal | None, step: Decimal = _EIGHT) -> str:
    """Return a number with as many decimals as its step has; None as 0."""
    return plain((number or Decimal(0)).quantize(step) if step < 1 else (number or Decimal(0)))


def status_of(order: FakeOrder) -> str:
    """Return an order's state in Binance's word."""
    return _STATUS[order.state]


def algo_status(order: FakeOrder) -> str:
    """Return a conditional order's state in Binance's word."""
    return _ALGO_STATUS.get(order.state, "NEW")


def stop_text(order: FakeOrder, tick: Decimal) -> str:
    """Return where a stop triggers now, "0" for an order that does not wait for a price."""
    price = order.stop_price or order.placement.trigger
    return canonical(price, tick) if price else "0"


def order_row(order: FakeOrder, instrument: Instrument, *, listed: bool) -> Row:
    """Return an order as answers tell it; `listed`: with the fields that queries have and acknowledgements lack."""
    asked, tick, lot = order.placement, instrument.tick_size, instrument.lot_size
    type_name = TYPES[asked.kind]
    row: Row = {
        "orderId": order.order_id,
        "symbol": asked.symbol,
        "status": status_of(order),
        "clientOrderId": asked.client_id,
        "price": canonical(asked.price, tick),
        "avgPrice": canonical(order.average, _EIGHT),
        "origQty": canonical(asked.qty, lot),
        "executedQty": canonical(order.filled, lot),
        "cumQty": canonical(order.filled, lot),
        "cumQuote": canonical(order.quote),
        "timeInForce": "GTD" if asked.expires_ns else asked.tif,
        "type": type_name,
        "reduceOnly": asked.reduce_only,
        "closePosition": asked.close_position,
        "side": asked.side.upper(),
        "positionSide": asked.position_side.upper(),
        "stopPrice": stop_text(order, tick),
        "workingType": _working_type(asked),
        "priceProtect": False,
        "origType": type_name,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": milli(asked.expires_ns),
        "updateTime": milli(order.updated_ns),
    }
    if listed:
        del row["cumQty"]
        row["time"] = milli(order.created_ns)
    return row


def _working_type(asked: Placement) -> str:
    return "MARK_PRICE" if asked.trigger_by == "mark" else "CONTRACT_PRICE"


def algo_row(order: FakeOrder, instrument: Instrument, child: FakeOrder | None, *, listed: bool) -> Row:
    """Return a conditional order as the algo endpoints tell it; `child`: the order that came of it."""
    asked, tick = order.placement, instrument.tick_size
    row: Row = {
        "algoId": ALGO_BASE + order.order_id,
        "clientAlgoId": asked.client_id,
        "algoType": "CONDITIONAL",
        "orderType": TYPES[asked.kind],
        "symbol": asked.symbol,
        "side": asked.side.upper(),
        "positionSide": asked.position_side.upper(),
        "timeInForce": asked.tif,
        "quantity": canonical(asked.qty, instrument.lot_size),
        "algoStatus": "FINISHED" if child is not None and not child.working else algo_status(order),
        "triggerPrice": stop_text(order, tick),
        "price": canonical(asked.price, tick),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": _working_type(asked),
        "priceMatch": "NONE",
        "closePosition": asked.close_position,
        "priceProtect": False,
        "reduceOnly": asked.reduce_only,
        "createTime": milli(order.created_ns),
        "updateTime": milli(order.updated_ns),
        "triggerTime": milli(order.updated_ns) if order.state == "triggered" else 0,
        "goodTillDate": milli(asked.expires_ns),
    }
    if asked.kind == "trailing_stop":
        row["activatePrice"] = canonical(asked.price, tick)
        row["callbackRate"] = plain((asked.callback_ratio or Decimal(0)) * 100)
    if listed:
        row |= _outcome_of(order, child)
    return row


def _outcome_of(order: FakeOrder, child: FakeOrder | None) -> Row:
    return {
        "actualOrderId": str(order.child_id) if order.child_id else "",
        "actualPrice": canonical(child.average if child else None),
        "actualQty": plain(child.filled) if child else "0",
        "actualType": TYPES[child.placement.kind] if child else "",
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
    }


def trade_row(trade: FakeTrade) -> Row:
    """Return a fill of an account."""
    return {
        "buyer": trade.side == "buy",
        "commission": canonical(trade.fee),
        "commissionAsset": trade.fee_asset,
        "id": trade.trade_id,
        "maker": trade.maker,
        "orderId": trade.order_id,
        "price": plain(trade.price),
        "qty": plain(trade.qty),
        "quoteQty": canonical(trade.quote),
        "realizedPnl": canonical(trade.realized_pnl),
        "side": trade.side.upper(),
        "positionSide": trade.position_side.upper(),
        "symbol": trade.symbol,
        "time": milli(trade.ts_ns),
    }


def public_trade_row(trade: PublicTrade) -> Row:
    """Return a trade of the market."""
    return {
        "id": trade.trade_id,
        "price": plain(trade.price),
        "qty": plain(trade.qty),
        "quoteQty": canonical(trade.price * trade.qty),
        "time": milli(trade.ts_ns),
        "isBuyerMaker": trade.side == "sell",
    }


def position_row(position: FakePosition, instrument: Instrument) -> Row:
    """Return one side of a position as the third version of positionRisk tells it."""
    notional = position.qty * position.mark
    margin = abs(notional) / (position.leverage or 1)
    return {
        "symbol": position.symbol,
        "positionSide": position.position_side.upper(),
        "positionAmt": canonical(position.qty, instrument.lot_size),
        "entryPrice": canonical(position.entry),
        "breakEvenPrice": canonical(position.entry),
        "markPrice": canonical(position.mark),
        "unRealizedProfit": canonical(position.unrealized),
        "liquidationPrice": canonical(position.liquidation_price),
        "isolatedMargin": canonical(position.isolated_margin + position.unrealized)
        if position.isolated
        else canonical(None),
        "notional": canonical(notional),
        "marginAsset": instrument.settle,
        "isolatedWallet": canonical(position.isolated_margin),
        "initialMargin": canonical(margin),
        "maintMargin": canonical(maintenance(abs(notional), instrument)),
        "positionInitialMargin": canonical(margin),
        "openOrderInitialMargin": "0",
        "adl": 1 if position.qty else 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": milli(position.updated_ns),
    }


def maintenance(notional: Decimal, instrument: Instrument) -> Decimal:
    """Return the margin that a notional must keep."""
    for tier in instrument.tiers:
        if tier.notional_upto is None or notional <= tier.notional_upto:
            return notional * tier.maintenance_rate - tier.deduction
    return Decimal(0)


def asset_row(balance: FakeBalance, positions: Sequence[Row], now_ms: int) -> Row:
    """Return one asset as the third version of account tells it."""
    initial = sum((Decimal(row["initialMargin"]) for row in positions), Decimal(0))
    upkeep = sum((Decimal(row["maintMargin"]) for row in positions), Decimal(0))
    whole = balance.wallet + balance.unrealized
    reserved = max(whole - balance.available, initial)
    return {
        "asset": balance.asset,
        "walletBalance": canonical(balance.wallet),
        "unrealizedProfit": canonical(balance.unrealized),
        "marginBalance": canonical(whole),
        "maintMargin": canonical(upkeep),
        "initialMargin": canonical(reserved),
        "positionInitialMargin": canonical(initial),
        "openOrderInitialMargin": canonical(reserved - initial),
        "crossWalletBalance": canonical(balance.wallet),
        "crossUnPnl": canonical(balance.unrealized),
        "availableBalance": canonical(balance.available),
        "maxWithdrawAmount": canonical(balance.available),
        "updateTime": now_ms,
    }


def account_row(assets: Sequence[Row], positions: Sequence[Row]) -> Row:
    """Return the account as its third version tells it."""

    def total(name: str) -> str:
        return canonical(sum((Decimal(row[name]) for row in assets), Decimal(0)))

    return {
        "totalInitialMargin": total("initialMargin"),
        "totalMaintMargin": total("maintMargin"),
        "totalWalletBalance": total("walletBalance"),
        "totalUnrealizedProfit": total("unrealizedProfit"),
        "totalMarginBalance": total("marginBalance"),
        "totalPositionInitialMargin": total("positionInitialMargin"),
        "totalOpenOrderInitialMargin": total("openOrderInitialMargin"),
        "totalCrossWalletBalance": total("crossWalletBalance"),
        "totalCrossUnPnl": total("crossUnPnl"),
        "availableBalance": total("availableBalance"),
        "maxWithdrawAmount": total("maxWithdrawAmount"),
        "assets": list(assets),
        "positions": [
            {
                "symbol": row["symbol"],
                "positionSide": row["positionSide"],
                "positionAmt": row["positionAmt"],
                "unrealizedProfit": row["unRealizedProfit"],
                "isolatedMargin": row["isolatedMargin"],
                "notional": row["notional"],
                "isolatedWallet": row["isolatedWallet"],
                "initialMargin": row["initialMargin"],
                "maintMargin": row["maintMargin"],
                "updateTime": row["updateTime"],
            }
            for row in positions
        ],
    }


def balance_row(balance: FakeBalance, now_ms: int) -> Row:
    """Return one asset as balance tells it."""
    return {
        "accountAlias": "fakeAlias",
        "asset": balance.asset,
        "balance": canonical(balance.wallet),
        "crossWalletBalance": canonical(balance.wallet),
        "crossUnPnl": canonical(balance.unrealized),
        "availableBalance": canonical(balance.available),
        "maxWithdrawAmount": canonical(balance.available),
        "marginAvailable": True,
        "updateTime": now_ms,
    }


def income_row(income: FakeIncome) -> Row:
    """Return a change of the wallet."""
    name = _INCOME[income.kind]
    return {
        "symbol": income.symbol,
        "incomeType": name,
        "income": canonical(income.amount),
        "asset": income.asset,
        "info": name,
        "time": milli(income.ts_ns),
        "tranId": income.income_id,
        "tradeId": "",
    }


def contract_row(instrument: Instrument, status: str, mark: Decimal) -> Row:
    """Return an instrument's rules as exchangeInfo tells them; the price bounds follow the mark."""
    tick, lot = instrument.tick_size, instrument.lot_size
    band = instrument.price_band_ratio or Decimal("0.05")
    largest = plain(instrument.max_qty or Decimal(1_000_000))
    upkeep = instrument.tiers[0].maintenance_rate if instrument.tiers else Decimal("0.025")
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": milli(instrument.delisted_ns) if instrument.delisted_ns else _NO_END_MS,
        "onboardDate": milli(instrument.listed_ns or 0),
        "status": status,
        "maintMarginPercent": canonical(upkeep * 100, Decimal("1e-4")),
        "requiredMarginPercent": canonical(upkeep * 200, Decimal("1e-4")),
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.settle,
        "pricePrecision": _decimals(tick),
        "quantityPrecision": _decimals(lot),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": canonical(instrument.liquidation_fee_rate, Decimal("1e-6")),
        "marketTakeBound": plain(band),
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "maxPrice": plain((mark * 100).quantize(tick)),
                "tickSize": plain(tick),
                "minPrice": plain(tick),
                "filterType": "PRICE_FILTER",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": plain(instrument.min_qty),
                "stepSize": plain(lot),
                "maxQty": largest,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": plain(instrument.min_qty),
                "maxQty": largest,
                "stepSize": plain(lot),
            },
            {"limit": 200, "filterType": "MAX_NUM_ORDERS"},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": canonical(1 + band, Decimal("1e-4")),
                "multiplierDown": canonical(1 - band, Decimal("1e-4")),
                "multiplierDecimal": "4",
            },
            {"positionControlSide": "NONE", "filterType": "POSITION_RISK_CONTROL"},
        ],
        "orderTypes": list(TYPES.values()),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": [],
    }


def _decimals(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def bracket_row(instrument: Instrument) -> Row:
    """Return an instrument's margin brackets."""
    brackets, floor = [], 0
    for number, tier in enumerate(instrument.tiers, start=1):
        cap = int(tier.notional_upto) if tier.notional_upto is not None else 9_223_372_036_854_775_807
        brackets.append(
            {
                "bracket": number,
                "initialLeverage": int(tier.leverage_max),
                "notionalCap": cap,
                "notionalFloor": floor,
                "maintMarginRatio": float(tier.maintenance_rate),
                "cum": float(tier.deduction),
            }
        )
        floor = cap
    return {"symbol": instrument.symbol, "notionalCoef": 1.0, "brackets": brackets}


def funding_hours(interval_ns: int) -> int:
    """Return the hours between settlements."""
    return max(interval_ns // HOUR_NS, 1)
