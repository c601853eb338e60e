"""A trade with oneself: one number, two orders of ours, and both are told, each once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.testing.traded_rules import traded
from tradewind.testing.wire_recorder import Reply, run_at_post
from tradewind.units.enums import BUY, SELL
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.fake.binance_rows import trade_row
from tradewind.venues.fake.blofin_words import fill_row as blofin_row
from tradewind.venues.fake.bybit_words import execution_row
from tradewind.venues.fake.okx_words import fill_row as okx_row
from tradewind.venues.fake.orders import FakeTrade

VENUES = sorted(name for name, dialect in DIALECTS.items() if not dialect.holds_coins)
NOW_NS = 1_767_225_600_000_000_000
PATHS = ("userTrades", "execution/list", "fills-history")


def row_of(venue, trade, instrument):
    if venue == "binance_usdm":
        return trade_row(trade)
    if venue == "bybit_linear":
        return execution_row(trade, None, Decimal(1))
    if venue == "okx_swap":
        return okx_row(trade, instrument) | {"billId": str(1000 + trade.order_id)}
    if venue == "gate_swap":
        return gate_row(trade)
    if venue == "hyperliquid":
        return hyperliquid_row(trade)
    if venue == "bitget_swap":
        return bitget_row(trade)
    if venue == "kucoin":
        return kucoin_row(trade)
    return blofin_row(trade)


def hyperliquid_row(trade):
    """Return a trade of `userFillsByTime` (documentation)."""
    return {
        "coin": trade.symbol,
        "px": str(trade.price),
        "sz": str(trade.qty),
        "side": "B" if trade.side == "buy" else "A",
        "time": trade.ts_ns // 10**6,
        "startPosition": "0.0",
        "dir": "Open Long" if trade.side == "buy" else "Close Long",
        "closedPnl": "0.0",
        "hash": "0x" + "0" * 64,
        "oid": trade.order_id,
        "crossed": not trade.maker,
        "fee": str(trade.fee),
        "tid": trade.trade_id,
        "cloid": None,
        "feeToken": "USDC",
    }


def gate_row(trade):
    """Return a trade of `GET /futures/{settle}/my_trades_timerange` (documentation)."""
    return {
        "trade_id": str(trade.trade_id),
        "create_time": trade.ts_ns / 10**9,
        "contract": trade.symbol,
        "order_id": str(trade.order_id),
        "size": str(trade.qty if trade.side == "buy" else -trade.qty),
        "price": str(trade.price),
        "text": "api",
        "fee": str(trade.fee),
        "point_fee": "0",
        "role": "maker" if trade.maker else "taker",
        "close_size": "0",
    }


def bitget_row(trade):
    """Return a trade of `GET /api/v2/mix/order/fills` (documentation)."""
    return {
        "tradeId": str(trade.trade_id),
        "symbol": trade.symbol,
        "orderId": str(trade.order_id),
        "price": str(trade.price),
        "baseVolume": str(trade.qty),
        "feeDetail": [
            {"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": None, "totalFee": str(-trade.fee)}
        ],
        "side": trade.side,
        "quoteVolume": str(trade.quote),
        "profit": "0",
        "tradeSide": "buy_single" if trade.side == "buy" else "sell_single",
        "posMode": "one_way_mode",
        "tradeScope": "maker" if trade.maker else "taker",
        "cTime": str(trade.ts_ns // 10**6),
    }


def kucoin_row(trade):
    """Return a trade of `GET /api/v1/fills` (documentation)."""
    return {
        "symbol": trade.symbol,
        "tradeId": str(trade.trade_id),
        "orderId": str(trade.order_id),
        "side": trade.side,
        "liquidity": "maker" if trade.maker else "taker",
        "price": str(trade.price),
        "size": int(trade.qty),
        "value": str(trade.quote),
        "feeRate": "0.0006",
        "fixFee": "0",
        "feeCurrency": "USDT",
        "stop": "",
        "fee": str(trade.fee),
        "orderType": "limit",
        "tradeType": "trade",
        "createdAt": trade.ts_ns // 10**6,
        "settleCurrency": "USDT",
        "tradeTime": trade.ts_ns,
        "positionSide": "BOTH",
    }


def sides_of(venue):
    """Return both sides of one trade as the venue writes them."""
    instrument = traded(venue)[0]
    price, qty = instrument.tick_size * 1000, instrument.lot_size * 10
    bought = FakeTrade(
        trade_id=901,
        order_id=11,
        client_id="",
        symbol=instrument.symbol,
        side="buy",
        position_side="net",
        price=price,
        qty=qty,
        quote=price * qty * instrument.contract_size,
        fee=Decimal("0.01"),
        fee_asset="USDT",
        maker=True,
        realized_pnl=Decimal(0),
        ts_ns=NOW_NS + 10**9,
    )
    sold = replace(bought, order_id=12, side="sell", maker=False)
    return [row_of(venue, trade, instrument) for trade in (bought, sold)]


def told_of(venue, rows):
    """Return what is read of a list of trades with these rows."""
    fine = {
        "binance_usdm": rows,
        "bybit_linear": {"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": ""}},
        "okx_swap": {"code": "0", "msg": "", "data": rows},
        "blofin_swap": {"code": "0", "msg": "success", "data": rows},
        "gate_swap": rows,
        "hyperliquid": rows,
        "bitget_swap": {"code": "00000", "msg": "success", "data": {"fillList": rows, "endId": "901"}},
        "kucoin": {"code": "200000", "data": {"currentPage": 1, "totalNum": len(rows), "items": rows}},
    }[venue]

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        post.answer = lambda request: Reply(fine)
        fills = await gateway._account.fills(NOW_NS, 0)
        return fills, [gateway._fill_watch.fill(fill) for fill in (*fills, *fills)]

    return run_at_post(venue, work)


@pytest.mark.parametrize("venue", VENUES)
def test_both_sides_of_a_trade_with_oneself_are_read_and_told_once(venue):
    fills, news = told_of(venue, sides_of(venue))
    assert sorted(fill.side for fill in fills) == sorted((BUY, SELL))
    assert len({fill.venue_id for fill in fills}) == 2
    assert news == [True, True, False, False]


@pytest.mark.parametrize("venue", VENUES)
def test_a_side_that_is_listed_twice_is_told_once(venue):
    rows = sides_of(venue)[:1] * 2
    fills, news = told_of(venue, rows)
    assert (len(fills), news) == (1, [True, False])
