"""OKX's private answers that are no orders: configuration, balances, positions, bills, leverage, modes."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake import okx_holdings as holdings
from tradewind.venues.fake.envelopes import Objection, Row, decimal_in, millis, older_and_newer, whole_in
from tradewind.venues.fake.okx_market import symbol_in
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import plain
from tradewind.venues.fake.standing import is_isolated, leverage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange

    Handler = Callable[[FakeAccount, Any], object]

__all__ = ["account_routes", "setting_routes"]

_PAGE_MAX = 100
_ALL = 1_000_000
_DAY_MS = 86_400_000
_PERMISSIONS = {"read": "read_only", "trade": "trade", "withdraw": "withdraw"}


def account_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that reads the account."""
    handlers: dict[str, Callable[..., object]] = {
        "account/config": _config,
        "account/balance": _balance,
        "account/positions": _positions,
        "account/leverage-info": _leverage,
        "account/trade-fee": _fees,
        "account/bills": partial(_bills, kept_ms=7 * _DAY_MS),
        "account/bills-archive": partial(_bills, kept_ms=90 * _DAY_MS),
        "asset/currencies": _currencies,
        "asset/balances": _no_funds,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def setting_routes(exchange: FakeExchange) -> dict[str, Handler]:
    """Return the handler of each path that changes a setting."""
    handlers = {
        "account/set-leverage": _set_leverage,
        "account/set-position-mode": _set_position_mode,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def _config(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del exchange, args
    uid = str(10**17 + sum(map(ord, account.name)))
    return [
        {
            "acctLv": "2",
            "acctStpMode": "cancel_maker",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "greeksType": "PA",
            "level": "Lv1",
            "levelTmp": "",
            "mgnIsoMode": "automatic",
            "posMode": "long_short_mode" if account.hedge else "net_mode",
            "spotOffsetType": "",
            "uid": uid,
            "label": account.name,
            "roleType": "0",
            "traderInsts": [],
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "opAuth": "0",
            "kycLv": "3",
            "ip": ",".join(account.ips),
            "perm": ",".join(word for name, word in _PERMISSIONS.items() if name in account.permissions),
            "mainUid": uid,
        }
    ]


def _balance(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    wanted = args.get("ccy", "").split(",") if args.get("ccy") else []
    held = [each for each in account.balances() if not wanted or each.asset in wanted]
    return [holdings.account_row(held, exchange.now_ns())]


def _positions(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    wanted = args.get("instId", "").split(",") if args.get("instId") else []
    return [
        holdings.position_row(position, exchange.instruments[position.symbol], exchange.last(position.symbol))
        for position in account.positions()
        if position.qty and (not wanted or position.symbol in wanted)
    ]


def _leverage_rows(account: FakeAccount, symbol: str, mode: str) -> list[Row]:
    sides = ("long", "short") if account.hedge else ("net",)
    lever = plain(leverage_of(account, symbol))
    return [{"instId": symbol, "mgnMode": mode, "posSide": side, "lever": lever} for side in sides]


def _leverage(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    symbols = [symbol_in(exchange, {"instId": symbol}) for symbol in args.get("instId", "").split(",")]
    return [
        row for symbol in symbols for row in _leverage_rows(account, symbol, args.get("mgnMode", "cross"))
    ]


def _fees(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del account
    rules = next(iter(exchange.instruments.values()))
    return [
        {
            "category": "1",
            "delivery": "",
            "exercise": "",
            "instType": args.get("instType", "SWAP"),
            "level": "Lv1",
            "maker": plain(-rules.maker_rate),
            "makerU": plain(-rules.maker_rate),
            "makerUSDC": plain(-rules.maker_rate),
            "taker": plain(-rules.taker_rate),
            "takerU": plain(-rules.taker_rate),
            "takerUSDC": plain(-rules.taker_rate),
            "ts": millis(exchange.now_ns()),
            "fiat": [],
        }
    ]


def _bills(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str], *, kept_ms: int) -> object:
    """Return what moved cash, as long as it is kept."""
    rows: list[Row] = []
    if args.get("type", "8") == "8":
        rows += [holdings.funding_bill(income) for income in account.income("funding", limit=_ALL)]
    if args.get("type", "1") == "1":
        rows += [holdings.transfer_bill(income) for income in account.income("transfer", limit=_ALL)]
    if args.get("type", "2") == "2":
        trades = account.trades(limit=_ALL)
        rows += [holdings.trade_bill(trade) for trade in trades]
    forgotten_ms = exchange.now_ns() // 1_000_000 - kept_ms
    begin, end = max(whole_in(args, "begin"), forgotten_ms), whole_in(args, "end", 1 << 62)
    kept = [row for row in rows if begin <= int(row["ts"]) <= end]
    kept.sort(key=lambda row: (-int(row["ts"]), -int(row["billId"])))
    return older_and_newer(kept, "billId", args, _PAGE_MAX)


def _currencies(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    del account, args
    names = {name for each in exchange.instruments.values() for name in (each.base, each.quote, each.settle)}
    return [
        {
            "canDep": True,
            "canInternal": True,
            "canWd": True,
            "ccy": name,
            "chain": f"{name}-{name}",
            "depQuotaFixed": "",
            "depQuoteDailyLayer2": "",
            "logoLink": "",
            "mainNet": True,
            "maxFee": "0.0004",
            "maxFeeForCtAddr": "0.0004",
            "maxWd": "500",
            "minDep": "0.00005",
            "minDepArrivalConfirm": "1",
            "minFee": "0.0002",
            "minFeeForCtAddr": "0.0002",
            "minWd": "0.001",
            "minWdUnlockConfirm": "3",
            "name": name,
            "needTag": False,
            "usedDepQuotaFixed": "",
            "usedWdQuota": "0",
            "wdQuota": "200",
            "wdTickSz": "8",
        }
        for name in sorted(names)
    ]


def _no_funds(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, str]) -> object:
    """Return the funding account, which is empty: what is held is held for trading."""
    del exchange, account, args
    return []


def _set_leverage(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    symbol, mode = symbol_in(exchange, args), str(args.get("mgnMode", ""))
    if mode not in ("cross", "isolated"):
        raise ValueError("mgnMode")
    lever = decimal_in(args, "lever") or Decimal(0)
    try:
        if is_isolated(account, symbol) != (mode == "isolated"):
            account.set_isolated(symbol, mode == "isolated")
        account.set_leverage(symbol, lever)
    except Refused as error:
        if error.reason is Reason.MODE_LOCKED:
            raise Objection(
                "59000", "Cancel open orders and close positions before the margin mode"
            ) from error
        if error.reason is not Reason.NO_CHANGE:
            raise
    side = args.get("posSide") or ("" if mode == "cross" else "net")
    return [{"lever": plain(lever), "mgnMode": mode, "instId": symbol, "posSide": side}]


def _set_position_mode(exchange: FakeExchange, account: FakeAccount, args: Mapping[str, Any]) -> object:
    del exchange
    mode = str(args.get("posMode", ""))
    if mode not in ("net_mode", "long_short_mode"):
        raise ValueError("posMode")
    try:
        account.set_hedge(mode == "long_short_mode")
    except Refused as error:
        if error.reason is not Reason.NO_CHANGE:
            raise
    return [{"posMode": mode}]
