"""How OKX v5 writes positions, balances and bills."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.venues.fake.envelopes import Row, millis
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.market import Instrument
    from tradewind.venues.fake.orders import FakeBalance, FakeIncome, FakePosition, FakeTrade

__all__ = ["account_row", "funding_bill", "position_row", "trade_bill", "transfer_bill"]

_BLANK_POSITION = [
    "deltaBS",
    "deltaPA",
    "gammaBS",
    "gammaPA",
    "liab",
    "liabCcy",
    "optVal",
    "baseBorrowed",
    "baseInterest",
    "quoteBorrowed",
    "quoteInterest",
    "posCcy",
    "spotInUseAmt",
    "spotInUseCcy",
    "clSpotInUseAmt",
    "maxSpotInUseAmt",
    "bizRefId",
    "bizRefType",
    "thetaBS",
    "thetaPA",
    "vegaBS",
    "vegaPA",
    "usdPx",
    "pendingCloseOrdLiabVal",
]
_ZERO = Decimal(0)


def position_row(position: FakePosition, instrument: Instrument, last: Decimal) -> Row:
    """Return a position: signed contracts in net mode, whole ones with a side in hedge mode."""
    net = position.position_side == "both"
    worth = abs(position.qty) * instrument.contract_size * position.mark
    initial = position.isolated_margin if position.isolated else worth / position.leverage
    rate = instrument.tiers[0].maintenance_rate if instrument.tiers else Decimal("0.004")
    ratio = plain(round(position.unrealized / initial, 16)) if initial else "0"
    qty = plain(position.qty if net else abs(position.qty))
    at = millis(position.updated_ns)
    row: Row = {
        **dict.fromkeys(_BLANK_POSITION, ""),
        "adl": "1",
        "availPos": qty,
        "avgPx": plain(position.entry) if position.qty else "",
        "bePx": plain(position.entry) if position.qty else "",
        "cTime": at,
        "ccy": instrument.settle,
        "closeOrderAlgo": [],
        "fee": "0",
        "fundingFee": "0",
        "idxPx": plain(position.mark),
        "imr": "" if position.isolated else plain(round(initial, 12)),
        "instId": position.symbol,
        "instType": "SWAP",
        "interest": "",
        "last": plain(last),
        "lever": plain(position.leverage),
        "liqPenalty": "0",
        "liqPx": plain(position.liquidation_price) if position.liquidation_price else "",
        "margin": plain(position.isolated_margin) if position.isolated else "",
        "markPx": plain(position.mark),
        "mgnMode": "isolated" if position.isolated else "cross",
        "mgnRatio": plain(round(initial / (worth * rate), 12)) if worth else "",
        "mmr": plain(round(worth * rate, 12)),
        "notionalUsd": plain(worth),
        "pTime": at,
        "pnl": "0",
        "pos": qty,
        "posId": str(10**15 + sum(ord(char) << (n % 40) for n, char in enumerate(position.symbol))),
        "posSide": "net" if net else position.position_side,
        "realizedPnl": "0",
        "tradeId": "",
        "uTime": at,
        "upl": plain(position.unrealized),
        "uplLastPx": plain(position.unrealized),
        "uplRatio": ratio,
        "uplRatioLastPx": ratio,
    }
    return row


def _currency_row(balance: FakeBalance, now_ns: int) -> Row:
    equity = balance.wallet + balance.unrealized
    zeroes = [
        "borrowFroz",
        "crossLiab",
        "fixedBal",
        "interest",
        "isoEq",
        "isoLiab",
        "isoUpl",
        "liab",
        "maxLoan",
        "ordFrozen",
        "rewardBal",
        "spotIsoBal",
        "stgyEq",
        "twap",
        "uplLiab",
    ]
    blanks = ["imr", "mgnRatio", "mmr", "notionalLever", "spotInUseAmt", "clSpotInUseAmt", "maxSpotInUseAmt"]
    return {
        **dict.fromkeys(zeroes, "0"),
        **dict.fromkeys(blanks, ""),
        "availBal": plain(balance.available),
        "availEq": plain(balance.available),
        "cashBal": plain(balance.wallet),
        "ccy": balance.asset,
        "disEq": plain(equity),
        "eq": plain(equity),
        "eqUsd": plain(equity),
        "frozenBal": plain(max(equity - balance.available, _ZERO)),
        "uTime": millis(now_ns),
        "upl": plain(balance.unrealized),
    }


def account_row(balances: Iterable[FakeBalance], now_ns: int) -> Row:
    """Return the trading account with all its currencies; totals take every currency at par."""
    held = list(balances)
    equity = sum((each.wallet + each.unrealized for each in held), _ZERO)
    unrealized = sum((each.unrealized for each in held), _ZERO)
    used = sum((each.wallet + each.unrealized - each.available for each in held), _ZERO)
    return {
        "adjEq": plain(equity),
        "borrowFroz": "0",
        "details": [_currency_row(balance, now_ns) for balance in held],
        "imr": plain(max(used, _ZERO)),
        "isoEq": "0",
        "mgnRatio": "",
        "mmr": "0",
        "notionalUsd": "0",
        "ordFroz": "0",
        "totalEq": plain(equity),
        "uTime": millis(now_ns),
        "upl": plain(unrealized),
    }


def _bill(at_ns: int, bill_id: int, currency: str, change: Decimal, **fields: str) -> Row:
    blanks = [
        "clOrdId",
        "execType",
        "fillFwdPx",
        "fillIdxPx",
        "fillMarkPx",
        "fillMarkVol",
        "fillPxUsd",
        "fillPxVol",
        "fillTime",
        "from",
        "instId",
        "mgnMode",
        "notes",
        "ordId",
        "px",
        "tag",
        "to",
        "tradeId",
        "instType",
    ]
    return {
        **dict.fromkeys(blanks, ""),
        "bal": "",
        "balChg": plain(change),
        "billId": str(bill_id),
        "ccy": currency,
        "fee": "0",
        "interest": "0",
        "pnl": "0",
        "posBal": "0",
        "posBalChg": "0",
        "sz": "0",
        "ts": millis(at_ns),
        **fields,
    }


def funding_bill(income: FakeIncome) -> Row:
    """Return the bill of one funding settlement: type 8, 173 paid, 174 received."""
    return _bill(
        income.ts_ns,
        income.income_id,
        income.asset,
        income.amount,
        type="8",
        subType="173" if income.amount < 0 else "174",
        instId=income.symbol,
        instType="SWAP",
        pnl=plain(income.amount),
    )


def transfer_bill(income: FakeIncome) -> Row:
    """Return the bill of one transfer: type 1, 11 in, 12 out; account 6 is funding, 18 trading."""
    into = income.amount > 0
    return _bill(
        income.ts_ns,
        income.income_id,
        income.asset,
        income.amount,
        **{"type": "1", "subType": "11" if into else "12", "from": "6" if into else "18"},
        to="18" if into else "6",
    )


def trade_bill(trade: FakeTrade) -> Row:
    """Return the bill of one trade: type 2, 1 bought, 2 sold."""
    return _bill(
        trade.ts_ns,
        trade.trade_id,
        trade.fee_asset,
        trade.realized_pnl - trade.fee,
        type="2",
        subType="1" if trade.side == "buy" else "2",
        instId=trade.symbol,
        instType="SWAP",
        clOrdId=trade.client_id if trade.kind == "trade" else "",
        execType="M" if trade.maker else "T",
        fee=plain(-trade.fee),
        fillTime=millis(trade.ts_ns),
        ordId=str(trade.order_id),
        pnl=plain(trade.realized_pnl),
        px=plain(trade.price),
        sz=plain(trade.qty),
        tradeId=str(trade.trade_id),
    )
