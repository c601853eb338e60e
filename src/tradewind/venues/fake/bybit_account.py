"""Bybit's private answers that are no orders: the key, the wallet, positions, leverage, modes, the log of cash."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake import bybit_words as words
from tradewind.venues.fake.bybit_market import category_in, symbol_in, turned
from tradewind.venues.fake.envelopes import Objection, Row, decimal_in, millis, whole_in
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import plain
from tradewind.venues.fake.standing import is_isolated, leverage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakeIncome, FakePosition, FakeTrade, PositionSide

    Handler = Callable[[FakeAccount, Any], object]

__all__ = ["account_routes", "setting_routes"]

_ALL = 1_000_000
_WEEK_MS = 7 * 86_400_000
_MARGIN_MODES = {"REGULAR_MARGIN": False, "ISOLATED_MARGIN": True}


def account_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that reads the account."""
    handlers = {
        "user/query-api": _key,
        "account/info": _info,
        "account/wallet-balance": _wallet,
        "account/fee-rate": _fees,
        "account/transaction-log": _log,
        "asset/coin/query-info": _coins,
        "position/list": _positions,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def setting_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that changes a setting."""
    handlers = {
        "position/set-leverage": _set_leverage,
        "position/switch-mode": _switch_mode,
        "position/switch-isolated": _switch_isolated,
        "account/set-margin-mode": _set_margin_mode,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def _key(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange, args
    held = account.permissions
    moving = ["AccountTransfer", "SubMemberTransfer"] if "transfer" in held else []
    wallet = moving + (["Withdraw"] if "withdraw" in held else [])
    return {
        "id": "1",
        "note": account.name,
        "apiKey": account.api_key,
        "readOnly": 0 if "trade" in held else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"] if "trade" in held else [],
            "Spot": [],
            "Wallet": wallet,
            "Options": [],
            "Derivatives": ["DerivativesTrade"] if "trade" in held else [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
        },
        "ips": list(account.ips) or ["*"],
        "type": 1,
        "deadlineDay": 66,
        "expiredAt": "2099-12-22T07:20:25Z",
        "createdAt": "2022-10-16T02:24:40Z",
        "unified": 0,
        "uta": 1,
        "userID": 1000 + sum(map(ord, account.name)),
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
    }


def _info(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del args
    isolated = all(is_isolated(account, symbol) for symbol in exchange.instruments)
    return {
        "marginMode": "ISOLATED_MARGIN" if isolated else "REGULAR_MARGIN",
        "updatedTime": millis(exchange.now_ns()),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def _wallet(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange
    if args.get("accountType") != "UNIFIED":
        raise Objection("10001", "accountType only support UNIFIED.")
    wanted = args["coin"].split(",") if args.get("coin") else []
    held = [each for each in account.balances() if not wanted or each.asset in wanted]
    return {"list": [words.wallet_row(held)]}


def _fees(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del account
    category_in(args)
    rows = [
        {
            "symbol": rules.symbol,
            "takerFeeRate": plain(rules.taker_rate),
            "makerFeeRate": plain(rules.maker_rate),
        }
        for rules in exchange.instruments.values()
        if args.get("symbol") in (None, "", rules.symbol)
    ]
    return {"list": rows}


def _coins(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del account, args
    names = {name for each in exchange.instruments.values() for name in (each.base, each.quote, each.settle)}
    chain = {
        "confirmation": "6",
        "withdrawFee": "3",
        "depositMin": "0",
        "withdrawMin": "3",
        "chainDeposit": "1",
        "chainWithdraw": "1",
        "minAccuracy": "8",
        "withdrawPercentageFee": "0",
        "contractAddress": "",
        "safeConfirmNumber": "65",
    }
    rows = [
        {
            "name": name,
            "coin": name,
            "remainAmount": "1020000",
            "chains": [{"chainType": name, "chain": name, **chain}],
        }
        for name in sorted(names)
    ]
    return {"rows": rows}


# ---------------------------------------------------------------------- positions and settings


def _flat(account: FakeAccount, symbol: str, side: PositionSide, now_ns: int) -> FakePosition:
    shown = account.position(account.exchange.market.at(symbol), 0)
    return replace(
        shown,
        position_side=side,
        qty=Decimal(0),
        unrealized=Decimal(0),
        liquidation_price=Decimal(0),
        updated_ns=now_ns,
    )


def _positions(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return positions; a symbol that is asked for by name is shown also where it is flat."""
    category = category_in(args)
    if category != "linear":
        return {"list": [], "nextPageCursor": "", "category": category}
    if not any(args.get(name) for name in ("symbol", "settleCoin", "baseCoin")):
        raise Objection("10001", "Missing some parameters that must be filled in, symbol or settleCoin")
    held = {(each.symbol, each.position_side): each for each in account.positions()}
    if args.get("symbol"):
        symbol = symbol_in(exchange, args)
        sides: tuple[PositionSide, ...] = ("long", "short") if account.hedge else ("both",)
        shown = [
            held.get((symbol, side)) or _flat(account, symbol, side, exchange.now_ns()) for side in sides
        ]
    else:
        coin = args.get("settleCoin")
        shown = [each for each in held.values() if coin in (None, exchange.instruments[each.symbol].settle)]
    rows = [words.position_row(each, exchange.instruments[each.symbol]) for each in shown]
    page, cursor = turned(rows, args, 20, 200)
    return {"list": page, "nextPageCursor": cursor, "category": category}


def _set_leverage(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    symbol = symbol_in(exchange, args)
    buy, sell = decimal_in(args, "buyLeverage"), decimal_in(args, "sellLeverage")
    if buy is None or buy != sell:
        raise Objection("10001", "buy leverage must equal sell leverage")
    if buy == leverage_of(account, symbol):
        raise Objection("110043", "Set leverage not modified")
    account.set_leverage(symbol, buy)
    return {}


def _switch_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    del exchange
    category_in(args)
    mode = whole_in(args, "mode", -1)
    if mode not in (0, 3):
        raise Objection("10001", "params error: mode invalid")
    try:
        account.set_hedge(mode == 3)
    except Refused as error:
        if error.reason is Reason.NO_CHANGE:
            raise Objection("110025", "Position mode is not modified") from error
        if error.reason is Reason.MODE_LOCKED and account.open_orders():
            raise Objection("110028", "Open orders exist, so you cannot change position mode") from error
        raise
    return {}


def _switch_isolated(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    del exchange, account, args
    raise Objection("100028", "The API cannot be accessed by unified account users.")


def _set_margin_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    mode = str(args.get("setMarginMode", ""))
    if mode not in _MARGIN_MODES:
        raise Objection("10001", "params error: setMarginMode invalid")
    for symbol in exchange.instruments:
        if is_isolated(account, symbol) == _MARGIN_MODES[mode]:
            continue
        try:
            account.set_isolated(symbol, _MARGIN_MODES[mode])
        except Refused as error:
            if error.reason is not Reason.NO_CHANGE:
                raise Objection("3400045", "Set margin mode failed") from error
    return {"reasons": []}


# ---------------------------------------------------------------------- the log of cash


def _log_row(at_ns: int, number: int, kind: str, currency: str, change: Decimal, **fields: str) -> Row:
    return {
        "id": words.order_id_of(number),
        "symbol": "",
        "side": "None",
        "funding": "",
        "orderLinkId": "",
        "orderId": "",
        "fee": "0",
        "change": plain(change),
        "cashFlow": "0",
        "transactionTime": millis(at_ns),
        "type": kind,
        "feeRate": "",
        "bonusChange": "",
        "size": "",
        "qty": "",
        "cashBalance": "",
        "currency": currency,
        "category": "linear",
        "tradePrice": "",
        "tradeId": "",
        **fields,
    }


def _of_income(income: FakeIncome) -> Row:
    if income.kind == "funding":
        return _log_row(
            income.ts_ns,
            income.income_id,
            "SETTLEMENT",
            income.asset,
            income.amount,
            symbol=income.symbol,
            funding=plain(income.amount),
            feeRate=plain(income.rate),
        )
    kind = "TRANSFER_IN" if income.amount > 0 else "TRANSFER_OUT"
    flow = plain(income.amount)
    return _log_row(income.ts_ns, income.income_id, kind, income.asset, income.amount, cashFlow=flow)


def _of_trade(trade: FakeTrade) -> Row:
    kinds = {"trade": "TRADE", "liquidation": "LIQUIDATION", "adl": "ADL", "settlement": "DELIVERY"}
    return _log_row(
        trade.ts_ns,
        trade.trade_id,
        kinds[trade.kind],
        trade.fee_asset,
        trade.realized_pnl - trade.fee,
        symbol=trade.symbol,
        side=trade.side.capitalize(),
        orderLinkId=trade.client_id if trade.kind == "trade" else "",
        orderId=words.order_id_of(trade.order_id),
        fee=plain(trade.fee),
        cashFlow=plain(trade.realized_pnl),
        qty=plain(trade.qty),
        tradePrice=plain(trade.price),
        tradeId=words.order_id_of(trade.trade_id),
    )


def _log(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return what moved cash; without times the last day, and never more than seven days at once."""
    now_ms = exchange.now_ns() // 1_000_000
    start = whole_in(args, "startTime") or (whole_in(args, "endTime", now_ms) - 86_400_000)
    end = whole_in(args, "endTime") or min(now_ms, start + _WEEK_MS)
    if end - start > _WEEK_MS:
        raise Objection("10001", "The time range between startTime and endTime cannot exceed 7 days.")
    rows = [
        _of_income(income) for kind in ("funding", "transfer") for income in account.income(kind, limit=_ALL)
    ]
    rows += [_of_trade(trade) for trade in account.trades(limit=_ALL)]
    kept = [
        row
        for row in rows
        if start <= int(row["transactionTime"]) <= end
        and args.get("type", "") in ("", row["type"])
        and args.get("currency", "") in ("", row["currency"])
    ]
    kept.sort(key=lambda row: (-int(row["transactionTime"]), row["id"]))
    page, cursor = turned(kept, args, 20, 50)
    return {"nextPageCursor": cursor, "list": page}
