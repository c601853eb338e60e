"""What is sent to each venue is what was recorded, field by field; `tradewind.testing.wire_contracts` records anew."""

from __future__ import annotations

import json
from pathlib import Path

import ccxt
import pytest

from tradewind.testing.wire_contracts import record

FOLDER = Path(__file__).parent / "contracts"
SPOT = ("binance_spot", "bybit_spot", "okx_spot")
VENUES = (
    "binance_usdm",
    "bybit_linear",
    "okx_swap",
    "blofin_swap",
    "gate_swap",
    "hyperliquid",
    "bitget_swap",
    "kucoin",
    *SPOT,
)


@pytest.fixture(scope="module", params=VENUES)
def contract(request):
    recorded = json.loads((FOLDER / f"{request.param}.json").read_text(encoding="utf-8"))
    return recorded, record(request.param)


def test_what_is_sent_is_what_was_recorded(contract):
    recorded, sent = contract
    assert list(sent["requests"]) == list(recorded["requests"])
    for name, requests in recorded["requests"].items():
        assert sent["requests"][name] == requests, name


def test_the_contracts_were_recorded_with_the_ccxt_that_runs(contract):
    recorded, _ = contract
    assert recorded["ccxt"] == ccxt.__version__ == "4.5.90"


def sole(requests, name):
    # Where stops have no side the last price is asked for first.
    (request,) = [one for one in requests[name] if one["path"] != "/v5/market/tickers"]
    body = request["body"]
    if isinstance(body, dict) and "action" in body:
        body = body["action"]
        body = body.get("orders") or body.get("cancels") or body
    return body[0] if isinstance(body, list) else body


# The words of each venue, written here once more by hand: a contract recorded wrongly would agree with itself.
TRAITS = {
    "binance_usdm": {
        "limit": {"type": "LIMIT", "timeInForce": "GTC", "price": "42000", "quantity": "0.01", "side": "BUY"},
        "post only": {"type": "LIMIT", "timeInForce": "GTX"},
        "IOC": {"type": "LIMIT", "timeInForce": "IOC", "side": "SELL"},
        "market": {"type": "MARKET", "recvWindow": "5000"},
        "reduce only": {"reduceOnly": "true"},
        "stop": {"type": "STOP_MARKET", "triggerPrice": "42000", "algoType": "CONDITIONAL"},
        "stop by mark": {"workingType": "MARK_PRICE"},
        "trailing stop": {"type": "TRAILING_STOP_MARKET", "callbackRate": "1.9"},
        "leverage": {"leverage": "5"},
        "hedge: open long": {"side": "BUY", "positionSide": "LONG"},
        "hedge: close long": {"side": "SELL", "positionSide": "LONG"},
        "hedge: close short": {"side": "BUY", "positionSide": "SHORT", "type": "MARKET"},
    },
    "bybit_linear": {
        "limit": {"orderType": "Limit", "timeInForce": "GTC", "price": "42000", "qty": "0.01"},
        "post only": {"timeInForce": "PostOnly"},
        "IOC": {"timeInForce": "IOC"},
        "market": {"orderType": "Market"},
        "reduce only": {"reduceOnly": True},
        "stop": {"orderType": "Market", "triggerPrice": "42000", "triggerDirection": 2},
        "stop by mark": {"triggerBy": "MarkPrice", "triggerDirection": 1},
        "leverage": {"buyLeverage": "5", "sellLeverage": "5"},
        "hedge: open long": {"side": "Buy", "positionIdx": 1},
        "hedge: close long": {"side": "Sell", "positionIdx": 1, "reduceOnly": True},
        "hedge: open short": {"side": "Sell", "positionIdx": 2},
    },
    "okx_swap": {
        "limit": {"ordType": "limit", "px": "42000", "sz": "0.1", "tdMode": "cross", "posSide": "net"},
        "post only": {"ordType": "post_only"},
        "IOC": {"ordType": "ioc"},
        "market": {"ordType": "market"},
        "reduce only": {"reduceOnly": True},
        "stop": {"ordType": "conditional", "slTriggerPx": "42000", "slOrdPx": "-1"},
        "stop by mark": {"slTriggerPxType": "mark"},
        "trailing stop": {"ordType": "move_order_stop", "callbackSpread": "840"},
        "leverage": {"lever": "5", "mgnMode": "cross"},
        "hedge: open long": {"side": "buy", "posSide": "long", "tdMode": "isolated"},
        "hedge: close long": {"side": "sell", "posSide": "long"},
    },
    "blofin_swap": {
        "limit": {"orderType": "limit", "price": "42000", "size": "1", "marginMode": "cross"},
        "post only": {"orderType": "post_only"},
        "IOC": {"orderType": "ioc"},
        "market": {"orderType": "market"},
        "reduce only": {"reduceOnly": "true"},
        "stop": {"orderType": "trigger", "triggerPrice": "42000", "orderPrice": "-1", "reduceOnly": "true"},
        "stop by mark": {"triggerPriceType": "mark"},
        "leverage": {"leverage": "5"},
        "hedge: open long": {"side": "buy", "positionSide": "long", "marginMode": "isolated"},
        "hedge: close long": {"side": "sell", "positionSide": "long", "reduceOnly": "true"},
    },
    "binance_spot": {
        "limit": {"type": "LIMIT", "timeInForce": "GTC", "price": "42000", "quantity": "0.01", "side": "BUY"},
        "post only": {"type": "LIMIT_MAKER", "timeInForce": None},
        "IOC": {"type": "LIMIT", "timeInForce": "IOC", "side": "SELL"},
        "market": {"type": "MARKET", "quantity": "0.01", "quoteOrderQty": None, "recvWindow": "5000"},
        "reduce only": {"side": "SELL", "reduceOnly": None},
        "stop": {"type": "STOP_LOSS", "stopPrice": "42000", "price": None, "side": "SELL"},
    },
    "bybit_spot": {
        "limit": {
            "category": "spot",
            "orderType": "Limit",
            "timeInForce": "GTC",
            "price": "42000",
            "qty": "0.01",
        },
        "post only": {"timeInForce": "PostOnly"},
        "IOC": {"timeInForce": "IOC", "side": "Sell"},
        "market": {"orderType": "Market", "marketUnit": "baseCoin", "isLeverage": 0},
        "reduce only": {"side": "Sell", "reduceOnly": None, "positionIdx": None},
        "stop": {
            "orderType": "Market",
            "triggerPrice": "42000",
            "orderFilter": "tpslOrder",
            "marketUnit": None,
        },
        "cancel a stop": {"orderFilter": "tpslOrder"},
        "amend": {"category": "spot", "orderId": "12345", "price": "41999"},
    },
    "okx_spot": {
        "limit": {"ordType": "limit", "px": "42000", "sz": "0.01", "tdMode": "cash", "posSide": None},
        "post only": {"ordType": "post_only"},
        "IOC": {"ordType": "ioc"},
        "market": {"ordType": "market", "tgtCcy": "base_ccy"},
        "reduce only": {"side": "sell", "reduceOnly": None},
        "stop": {"ordType": "conditional", "slTriggerPx": "42000", "slOrdPx": "-1", "tdMode": "cash"},
    },
}


TRAITS["bitget_swap"] = {
    "limit": {
        "productType": "USDT-FUTURES", "symbol": "BTCUSDT", "marginMode": "crossed", "marginCoin": "USDT",
        "size": "0.001", "price": "42000", "side": "buy", "orderType": "limit", "force": "gtc",
        "clientOid": "twtag001Ung5S", "reduceOnly": None, "tradeSide": None,
    },
    "post only": {"orderType": "limit", "force": "post_only"},
    "IOC": {"orderType": "limit", "force": "ioc", "side": "sell"},
    "market": {"orderType": "market", "price": None, "force": None},
    "reduce only": {"reduceOnly": "YES", "side": "sell"},
    "stop": {
        "planType": "normal_plan", "orderType": "market", "triggerPrice": "42000", "triggerType": "fill_price",
        "side": "sell", "reduceOnly": "YES", "price": None,
    },
    "stop by mark": {"triggerType": "mark_price"},
    "cancel by our id": {"clientOid": "twtag001Ung5S", "orderId": None, "symbol": "BTCUSDT"},
    "cancel by the venue's id": {"clientOid": None, "orderId": "12345"},
    "cancel a stop": {
        "planType": "normal_plan", "symbol": "BTCUSDT", "orderIdList": [{"clientOid": "twtag001Ung5S"}],
    },
    "leverage": {"leverage": "5", "symbol": "BTCUSDT", "marginCoin": "USDT"},
    # Where both positions may be held the side is that of the position.
    "hedge: open long": {"side": "buy", "tradeSide": "open", "marginMode": "isolated", "reduceOnly": None},
    "hedge: close long": {"side": "buy", "tradeSide": "close", "reduceOnly": None},
    "hedge: open short": {"side": "sell", "tradeSide": "open"},
    "hedge: close short": {"side": "sell", "tradeSide": "close", "orderType": "market"},
    "hedge: stop of a long": {"side": "buy", "tradeSide": "close", "planType": "normal_plan"},
}  # fmt: skip
TRAITS["kucoin"] = {
    "limit": {
        "symbol": "XBTUSDTM", "type": "limit", "side": "buy", "size": 10, "price": "42000", "timeInForce": "GTC",
        "marginMode": "CROSS", "clientOid": "twtag001Ung5S", "positionSide": None, "leverage": None, "stop": None,
    },
    "post only": {"type": "limit", "postOnly": True},
    "IOC": {"type": "limit", "timeInForce": "IOC", "side": "sell"},
    "market": {"type": "market", "price": None, "timeInForce": None},
    "reduce only": {"reduceOnly": True},
    "stop": {"type": "market", "stop": "down", "stopPrice": "42000", "stopPriceType": "TP", "reduceOnly": True},
    "stop by mark": {"stop": "up", "stopPriceType": "MP", "side": "buy"},
    "leverage": {"symbol": "XBTUSDTM", "leverage": "5"},
    "hedge: open long": {"side": "buy", "positionSide": "LONG", "marginMode": "ISOLATED", "leverage": "5"},
    "hedge: close long": {"side": "sell", "positionSide": "LONG", "reduceOnly": True},
    "hedge: open short": {"side": "sell", "positionSide": "SHORT", "reduceOnly": None},
    "hedge: close short": {"side": "buy", "positionSide": "SHORT", "type": "market"},
}  # fmt: skip
TRAITS["gate_swap"] = {
    "limit": {"contract": "BTC_USDT", "size": 10, "price": "42000", "tif": "gtc", "reduce_only": None},
    "post only": {"tif": "poc"},
    "IOC": {"size": -10, "tif": "ioc"},
    "market": {"price": "0", "tif": "ioc"},
    "reduce only": {"size": -10, "reduce_only": True},
    "stop": {
        "initial": {
            "contract": "BTC_USDT",
            "size": -10,
            "price": "0",
            "tif": "ioc",
            "reduce_only": True,
            "text": "t-twtag001Ung5S",
        },
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "42000", "rule": 2},
    },
    "stop by mark": {"trigger": {"strategy_type": 0, "price_type": 1, "price": "42000", "rule": 1}},
    "amend": {"size": 11, "price": "41999"},
    # What is held is told by the switch alone: that which closes bears it, that which opens does not.
    "hedge: open long": {"size": 10, "reduce_only": None},
    "hedge: close long": {"size": -10, "reduce_only": True},
    "hedge: open short": {"size": -10, "reduce_only": None},
    "hedge: close short": {"size": 10, "reduce_only": True, "price": "0"},
}


_AGENTS = {"a": 0, "p": "42000", "s": "0.0001", "c": "0x7477bdb9ee4110000000000e0060ba28"}
TRAITS["hyperliquid"] = {
    "limit": _AGENTS | {"b": True, "r": False, "t": {"limit": {"tif": "Gtc"}}},
    "post only": {"t": {"limit": {"tif": "Alo"}}},
    "IOC": {"b": False, "t": {"limit": {"tif": "Ioc"}}},
    # There is none at market: it may be filled up to five percent away from the price.
    "market": {"b": True, "p": "44100", "t": {"limit": {"tif": "Ioc"}}},
    "reduce only": {"b": False, "r": True},
    "stop": {
        "b": False,
        "p": "37800",
        "r": True,
        "t": {"trigger": {"isMarket": True, "triggerPx": "42000", "tpsl": "sl"}},
    },
    "cancel by our id": {"asset": 0, "cloid": "0x7477bdb9ee4110000000000e0060ba28"},
    "cancel by the venue's id": {"a": 0, "o": 12345},
    "leverage": {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 5},
}


def test_each_thing_is_said_in_the_venues_own_words(contract):
    recorded, sent = contract
    for name, traits in TRAITS[recorded["venue"]].items():
        said = sole(sent["requests"], name)
        assert {field: said.get(field) for field in traits} == traits, name


def test_nobody_elses_mark_is_sent(contract):
    """No broker's id, no tag, and no client id but ours."""
    _, sent = contract
    text = json.dumps(sent["requests"])
    assert "brokerId" not in text
    assert '"tag"' not in text
    assert "X-CHANNEL-API-CODE" not in text
    assert "KC-API-PARTNER" not in text
    assert '"builder"' not in text
    assert "twtag001Ung5S" in text or "0x7477bdb9ee4110000000000e0060ba28" in text


@pytest.mark.parametrize("venue", ["binance_usdm", "okx_swap"])
def test_reduce_only_never_stands_beside_a_position_side_where_the_venue_refuses_that(venue):
    recorded = json.loads((FOLDER / f"{venue}.json").read_text(encoding="utf-8"))
    for name in recorded["requests"]:
        if name.startswith("hedge: "):
            assert "reduceOnly" not in sole(recorded["requests"], name)


NEVER_SPOT = ("stop by mark", "leverage", "hedge mode", "isolated margin")


def test_what_a_venue_has_no_word_for_is_not_sent():
    sent = {venue: json.loads((FOLDER / f"{venue}.json").read_text(encoding="utf-8")) for venue in VENUES}
    without = {
        (venue, name)
        for venue in VENUES
        for name, requests in sent[venue]["requests"].items()
        if not requests
    }
    assert without == {
        ("bybit_linear", "trailing stop"),
        ("bybit_linear", "expiring"),
        ("okx_swap", "expiring"),
        ("blofin_swap", "trailing stop"),
        ("blofin_swap", "expiring"),
        ("blofin_swap", "amend"),
        ("blofin_swap", "dead man"),
        *[
            ("hyperliquid", name)
            for name in ("trailing stop", "expiring", "amend", "hedge mode", "isolated margin", "dead man")
        ],
        ("gate_swap", "trailing stop"),
        ("gate_swap", "expiring"),
        ("gate_swap", "dead man"),
        # A change is another order at Bitget; KuCoin knows none. What follows a price needs one to begin at.
        *[
            (venue, name)
            for venue in ("bitget_swap", "kucoin")
            for name in ("trailing stop", "expiring", "amend", "dead man")
        ],
        ("binance_spot", "amend"),
        ("binance_spot", "dead man"),
        ("bybit_spot", "dead man"),
        # Coins have no mark price, leverage or modes.
        *[(venue, name) for venue in SPOT for name in (*NEVER_SPOT, "trailing stop", "expiring")],
    }


def test_each_request_that_changes_something_carries_its_fence(contract):
    """Whatever is not read: orders, changes, cancels, settings and timers."""
    recorded, sent = contract
    carries = {
        "binance_usdm": lambda one: (
            {**(one["query"] or {}), **(one["body"] or {})}.get("recvWindow") == "5000"
        ),
        "bybit_linear": lambda one: one["headers"].get("X-BAPI-RECV-WINDOW") == "5000",
        "okx_swap": lambda one: one["headers"].get("expTime") == "a time",
        "blofin_swap": lambda one: True,
        "hyperliquid": lambda one: (one["body"].get("expiresAfter") == "a time") == ("action" in one["body"]),
        "gate_swap": lambda one: one["headers"].get("Timestamp") == "a time",
        "bitget_swap": lambda one: True,
        "kucoin": lambda one: True,
    }
    carries |= {
        "binance_spot": carries["binance_usdm"],
        "bybit_spot": carries["bybit_linear"],
        "okx_spot": carries["okx_swap"],
    }
    carries = carries[recorded["venue"]]
    changes = [
        (name, one)
        for name, requests in sent["requests"].items()
        for one in requests
        if one["method"] != "GET" and "listenKey" not in one["path"]
    ]
    assert len(changes) > (8 if recorded["venue"] in SPOT else 13)
    assert [name for name, one in changes if not carries(one)] == []
