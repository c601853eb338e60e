"""What Bitget and KuCoin answer and say of an account, in the form that their documentation gives; written by hand.

The pages are those of the Bitget API v2, contract (Place-Order, Cancel-Order, Get-Orders-Pending, Get-Order-Fills,
Order-Channel, Fill-Channel), and of KuCoin futures (Add Order, Cancel Order, Get Order List, Get Trade History, All
Order Change, Stop Orders). Each account has one order of the session ``tag001`` and a stop of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradewind.testing.virtual_venues import START_NS
from tradewind.venues.ccxt.client_ids import ClientIds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.testing.scripted_venue import Asked

MS = START_NS // 1_000_000
CID = 7 << 20
OURS = ClientIds("tag001").encode(CID)
OTHER = ClientIds("tag001").encode(CID + (1 << 20))


@dataclass(slots=True)
class Account:
    """What a venue answers about an account, by method and path; for what is not there its market's script does."""

    answers: dict[str, object]
    fallback: Callable[[Asked], object | None]
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> object | None:
        """Return what is answered to a request."""
        self.asked.append(asked)
        found = self.answers.get(f"{asked.method} {asked.path}")
        return found(asked) if callable(found) else found if found is not None else self.fallback(asked)


# ---------------------------------------------------------------------- Bitget


def bitget(data: object) -> dict[str, object]:
    """Return an answer of Bitget that holds this."""
    return {"code": "00000", "msg": "success", "requestTime": MS, "data": data}


BITGET_ORDER = {
    "symbol": "BTCUSDT", "size": "0.001", "orderId": "77", "clientOid": OURS, "baseVolume": "0", "fee": "0",
    "price": "42000", "priceAvg": "", "status": "live", "side": "buy", "force": "gtc", "totalProfits": "0",
    "posSide": "net", "marginCoin": "USDT", "quoteVolume": "0", "leverage": "5", "marginMode": "crossed",
    "enterPointSource": "API", "tradeSide": "buy_single", "posMode": "one_way_mode", "orderType": "limit",
    "orderSource": "normal", "cTime": str(MS), "uTime": str(MS), "reduceOnly": "NO",
}  # fmt: skip
BITGET_FILL = {
    "tradeId": "501", "symbol": "BTCUSDT", "orderId": "77", "price": "41999.5", "baseVolume": "0.001",
    "feeDetail": [{"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": None, "totalFee": "-0.0251997"}],
    "side": "buy", "quoteVolume": "41.9995", "profit": "0", "enterPointSource": "api", "tradeSide": "buy_single",
    "posMode": "one_way_mode", "tradeScope": "taker", "cTime": str(MS + 500),
}  # fmt: skip
BITGET_STOP = {
    "planType": "normal_plan", "symbol": "BTCUSDT", "size": "0.001", "orderId": "88", "clientOid": OTHER, "price": "",
    "callbackRatio": "", "triggerPrice": "41000", "triggerType": "fill_price", "planStatus": "live", "side": "sell",
    "posSide": "net", "marginCoin": "USDT", "marginMode": "crossed", "enterPointSource": "API",
    "tradeSide": "sell_single", "posMode": "one_way_mode", "orderType": "market", "cTime": str(MS), "uTime": str(MS),
}  # fmt: skip
BITGET_ANSWERS: dict[str, object] = {
    "GET /api/v2/public/time": lambda asked: bitget({"serverTime": str(MS)}),
    "GET /api/v2/spot/account/info": bitget(
        {"userId": "1", "ips": "127.0.0.1", "authorities": ["coow", "cpow", "stor"], "parentId": 1}
    ),
    "POST /api/v2/mix/order/place-order": lambda asked: bitget(
        {"orderId": "77", "clientOid": asked.body["clientOid"]}
    ),
    "POST /api/v2/mix/order/place-plan-order": lambda asked: bitget(
        {"orderId": "88", "clientOid": asked.body["clientOid"]}
    ),
    "POST /api/v2/mix/order/cancel-order": bitget({"orderId": "77", "clientOid": OURS}),
    "POST /api/v2/mix/order/cancel-plan-order": bitget(
        {"successList": [{"orderId": "88", "clientOid": OTHER}], "failureList": []}
    ),
    "GET /api/v2/mix/order/orders-pending": bitget({"entrustedList": [BITGET_ORDER], "endId": "77"}),
    "GET /api/v2/mix/order/orders-plan-pending": bitget({"entrustedList": [BITGET_STOP], "endId": "88"}),
    "GET /api/v2/mix/order/orders-history": bitget({"entrustedList": None, "endId": None}),
    "GET /api/v2/mix/order/fills": bitget({"fillList": [BITGET_FILL], "endId": "501"}),
    "GET /api/v2/mix/position/all-position": bitget(
        [
            {
                "marginCoin": "USDT", "symbol": "BTCUSDT", "holdSide": "long", "openDelegateSize": "0",
                "marginSize": "8.4", "available": "0.001", "locked": "0", "total": "0.001", "leverage": "5",
                "achievedProfits": "0", "openPriceAvg": "41999.5", "marginMode": "crossed",
                "posMode": "one_way_mode", "unrealizedPL": "0.5", "liquidationPrice": "0", "keepMarginRate": "0.004",
                "markPrice": "42499.5", "marginRatio": "0.01", "cTime": str(MS), "uTime": str(MS),
            }
        ]
    ),
    "GET /api/v2/mix/account/accounts": bitget(
        [
            {
                "marginCoin": "USDT", "locked": "0", "available": "1000", "crossedMaxAvailable": "991",
                "isolatedMaxAvailable": "991", "maxTransferOut": "991", "accountEquity": "1000.5",
                "usdtEquity": "1000.5", "btcEquity": "0.02", "crossedRiskRate": "0.01", "unrealizedPL": "0.5",
                "coupon": "0",
            }
        ]
    ),
    "GET /api/v2/mix/account/account": bitget(
        {
            "marginCoin": "USDT", "locked": "0", "available": "1000", "crossedMarginLeverage": "5",
            "isolatedLongLever": "20", "isolatedShortLever": "20", "marginMode": "crossed", "posMode": "one_way_mode",
            "unrealizedPL": "0.5", "assetMode": "single",
        }
    ),
    "GET /api/v2/mix/account/bill": bitget(
        {
            "bills": [
                {
                    "billId": "9", "symbol": "BTCUSDT", "amount": "-0.0042", "fee": "0", "feeByCoupon": "",
                    "businessType": "contract_settle_fee", "coin": "USDT", "balance": "999", "cTime": str(MS + 900),
                },
                {
                    "billId": "8", "symbol": "", "amount": "250", "fee": "0", "feeByCoupon": "",
                    "businessType": "trans_from_exchange", "coin": "USDT", "balance": "999", "cTime": str(MS + 800),
                },
                {
                    "billId": "7", "symbol": "", "amount": "-40", "fee": "0", "feeByCoupon": "",
                    "businessType": "trans_to_exchange", "coin": "USDT", "balance": "749", "cTime": str(MS + 700),
                },
            ],
            "endId": "7",
        }
    ),
}  # fmt: skip


def bitget_said(channel: str, *rows: object) -> dict[str, object]:
    """Return a message of one of Bitget's channels."""
    arg = {"instType": "USDT-FUTURES", "channel": channel, "instId": "default"}
    return {"action": "snapshot", "arg": arg, "data": list(rows), "ts": MS}


def bitget_order_said(**changes: object) -> dict[str, object]:
    """Return what the order channel says of the order, but for what is changed."""
    row: dict[str, object] = {
        "accBaseVolume": "0", "cTime": str(MS), "clientOid": OURS, "force": "gtc", "instId": "BTCUSDT",
        "leverage": "5", "marginCoin": "USDT", "marginMode": "crossed", "notionalUsd": "42", "orderId": "77",
        "orderType": "limit", "posMode": "one_way_mode", "posSide": "net", "price": "42000", "reduceOnly": "no",
        "side": "buy", "size": "0.001", "status": "live", "tradeSide": "buy_single", "uTime": str(MS + 400),
        "feeDetail": [{"feeCoin": "USDT", "fee": "0"}],
    }  # fmt: skip
    return bitget_said("orders", row | changes)


def bitget_react(message: Any) -> list[object]:  # noqa: ANN401 - any JSON
    """Return what Bitget says at once to a message."""
    if message == "ping":
        return ["pong"]
    if message["op"] == "login":
        return [{"event": "login", "code": 0}]
    return [{"event": "subscribe", "arg": arg} for arg in message["args"]]


# ---------------------------------------------------------------------- KuCoin


def kucoin(data: object) -> dict[str, object]:
    """Return an answer of KuCoin that holds this."""
    return {"code": "200000", "data": data}


def kucoin_items(*rows: object) -> dict[str, object]:
    """Return a whole list of KuCoin's on one page."""
    return kucoin({"currentPage": 1, "pageSize": 1000, "totalNum": len(rows), "totalPage": 1, "items": rows})


KUCOIN_ORDER = {
    "id": "77", "symbol": "XBTUSDTM", "type": "limit", "side": "buy", "price": "42000", "size": 10, "value": "420",
    "dealValue": "0", "dealSize": 0, "stp": "", "stop": "", "stopPriceType": "", "stopTriggered": False,
    "stopPrice": None, "timeInForce": "GTC", "postOnly": False, "hidden": False, "iceberg": False, "leverage": "5",
    "forceHold": False, "closeOrder": False, "visibleSize": 0, "clientOid": OURS, "remark": None, "tags": "",
    "isActive": True, "cancelExist": False, "createdAt": MS, "updatedAt": MS, "endAt": None,
    "orderTime": MS * 1_000_000, "settleCurrency": "USDT", "marginMode": "CROSS", "avgDealPrice": "0",
    "filledSize": 0, "filledValue": "0", "status": "open", "reduceOnly": False, "positionSide": "BOTH",
}  # fmt: skip
KUCOIN_DONE = KUCOIN_ORDER | {
    "status": "done", "isActive": False, "dealSize": 10, "dealValue": "419.995", "filledSize": 10,
    "filledValue": "419.995", "avgDealPrice": "41999.5", "endAt": MS + 600, "updatedAt": MS + 600,
}  # fmt: skip
KUCOIN_STOP = KUCOIN_ORDER | {
    "id": "88", "clientOid": OTHER, "type": "market", "side": "sell", "price": None, "stop": "down",
    "stopPriceType": "TP", "stopPrice": "41000", "reduceOnly": True,
}  # fmt: skip
KUCOIN_FILL = {
    "symbol": "XBTUSDTM", "tradeId": "501", "orderId": "77", "side": "buy", "liquidity": "taker", "forceTaker": False,
    "price": "41999.5", "size": 10, "value": "419.995", "openFeePay": "0.251997", "closeFeePay": "0", "stop": "",
    "feeRate": "0.0006", "fixFee": "0", "feeCurrency": "USDT", "marginMode": "CROSS", "settleCurrency": "USDT",
    "fee": "0.251997", "orderType": "limit", "displayType": "limit", "tradeType": "trade", "subTradeType": None,
    "createdAt": MS + 501, "tradeTime": (MS + 500) * 1_000_000 + 7, "positionSide": "BOTH",
}  # fmt: skip
KUCOIN_ANSWERS: dict[str, object] = {
    "GET /api/v1/timestamp": kucoin(MS),
    "POST /api/v1/bullet-private": kucoin(
        {
            "token": "private-token",
            "instanceServers": [
                {
                    "endpoint": "wss://ws-api-futures.kucoin.com/", "encrypt": True, "protocol": "websocket",
                    "pingInterval": 18000, "pingTimeout": 10000,
                }
            ],
        }
    ),
    "GET /api/v1/user/api-key": kucoin(
        {
            "remark": "x", "apiKey": "key-of-main", "apiVersion": 3, "permission": "General,Futures",
            "ipWhitelist": "127.0.0.1", "createdAt": MS, "uid": 1, "isMaster": True,
        }
    ),
    "POST /api/v1/orders": lambda asked: kucoin(
        {"orderId": "88" if asked.body.get("stop") else "77", "clientOid": asked.body["clientOid"]}
    ),
    f"DELETE /api/v1/orders/client-order/{OURS}": kucoin({"clientOid": OURS}),
    "DELETE /api/v1/orders/88": kucoin({"cancelledOrderIds": ["88"]}),
    "GET /api/v1/orders": lambda asked: kucoin_items(
        *([KUCOIN_ORDER] if asked.query["status"] == "active" else [KUCOIN_DONE])
    ),
    "GET /api/v1/stopOrders": kucoin_items(KUCOIN_STOP),
    "GET /api/v1/fills": kucoin_items(KUCOIN_FILL),
    "GET /api/v1/positions": kucoin(
        [
            {
                "id": "1", "symbol": "XBTUSDTM", "crossMode": True, "currentTimestamp": MS, "currentQty": 10,
                "isOpen": True, "markPrice": 42499.5, "avgEntryPrice": 41999.5, "settleCurrency": "USDT",
                "unrealisedPnl": 5.0, "positionSide": "BOTH", "marginMode": "CROSS", "leverage": 5,
            }
        ]
    ),
    "GET /api/v1/account-overview": kucoin(
        {
            "accountEquity": 1005.0, "unrealisedPNL": 5.0, "marginBalance": 1000.0, "positionMargin": 84.0,
            "orderMargin": 0, "frozenFunds": 0, "availableBalance": 921.0, "currency": "USDT", "riskRatio": 0.01,
        }
    ),
    "GET /api/v1/funding-history": kucoin(
        {
            "dataList": [
                {
                    "id": 9, "symbol": "XBTUSDTM", "timePoint": MS + 900, "fundingRate": 0.0001,
                    "markPrice": 42000.0, "positionQty": 10, "positionCost": 420.0, "funding": -0.042,
                    "settleCurrency": "USDT",
                }
            ],
            "hasMore": False,
        }
    ),
    "GET /api/v1/transaction-history": kucoin(
        {
            "hasMore": False,
            "dataList": [
                {
                    "time": MS + 800, "type": "TransferIn", "amount": 250.0, "fee": None, "accountEquity": 1000.0,
                    "status": "Completed", "remark": "", "offset": 8, "currency": "USDT",
                },
                {
                    "time": MS + 700, "type": "TransferOut", "amount": -40.0, "fee": None, "accountEquity": 750.0,
                    "status": "Completed", "remark": "", "offset": 7, "currency": "USDT",
                },
                {
                    "time": MS + 600, "type": "RealisedPNL", "amount": -0.25, "fee": 0.25, "accountEquity": 790.0,
                    "status": "Completed", "remark": "XBTUSDTM", "offset": 6, "currency": "USDT",
                },
            ],
        }
    ),
    "GET /api/v2/position/getPositionMode": kucoin({"positionMode": 0}),
    "GET /api/v2/position/getMarginMode": lambda asked: kucoin(
        {"symbol": asked.query["symbol"], "marginMode": "CROSS"}
    ),
    "GET /api/v2/getCrossUserLeverage": lambda asked: kucoin(
        {"symbol": asked.query["symbol"], "leverage": "5"}
    ),
}  # fmt: skip


def kucoin_said(subject: str, **data: object) -> dict[str, object]:
    """Return a message of one of KuCoin's private topics."""
    topics = {
        "stopOrder": "/contractMarket/advancedOrders",
        "symbolOrderChange": "/contractMarket/tradeOrders",
    }
    return {
        "topic": topics[subject], "type": "message", "subject": subject, "channelType": "private", "userId": "1",
        "data": data,
    }  # fmt: skip


def kucoin_order_said(**changes: object) -> dict[str, object]:
    """Return what is said of the order, but for what is changed."""
    row: dict[str, object] = {
        "symbol": "XBTUSDTM", "orderType": "limit", "side": "buy", "canceledSize": "0", "orderId": "77",
        "positionSide": "BOTH", "marginMode": "CROSS", "type": "open", "orderTime": str(MS * 1_000_000), "size": "10",
        "filledSize": "0", "price": "42000", "remainSize": "10", "clientOid": OURS, "tradeType": "trade",
        "status": "open", "ts": (MS + 400) * 1_000_000,
    }  # fmt: skip
    return kucoin_said("symbolOrderChange", **(row | changes))


def kucoin_stop_said(**changes: object) -> dict[str, object]:
    """Return what is said of the stop, but for what is changed."""
    row: dict[str, object] = {
        "createdAt": MS, "marginMode": "CROSS", "orderId": "88", "orderPrice": "0", "orderType": "stop",
        "side": "sell", "size": 10, "stop": "down", "stopPrice": "41000", "stopPriceType": "TP",
        "symbol": "XBTUSDTM", "type": "open", "ts": (MS + 400) * 1_000_000,
    }  # fmt: skip
    return kucoin_said("stopOrder", **(row | changes))


def kucoin_react(message: Any) -> list[object]:  # noqa: ANN401 - any JSON
    """Return what KuCoin says at once to a message."""
    return [{"id": message["id"], "type": {"subscribe": "ack", "ping": "pong"}[message["type"]]}]
