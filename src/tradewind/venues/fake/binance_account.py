"""Binance USD-M, what an account asks of itself: balances, positions, its history and its settings."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake.binance_access import signed, week
from tradewind.venues.fake.binance_market import symbol_in
from tradewind.venues.fake.binance_rows import (
    account_row,
    asset_row,
    balance_row,
    bracket_row,
    income_row,
    position_row,
    trade_row,
)
from tradewind.venues.fake.envelopes import Objection, whole_in
from tradewind.venues.fake.orders import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.binance_access import BinanceAccess
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import FakePosition
    from tradewind.venues.fake.protocol import Call, Reply

__all__ = ["BinanceAccount"]

Row = dict[str, Any]
Said = dict[str, str]

_NO_END_NS = 1 << 62
_HISTORY_MAX = 20_000


class BinanceAccount:
    """Answers signed requests that are not orders."""

    def __init__(self, exchange: FakeExchange, access: BinanceAccess) -> None:
        self._exchange = exchange
        self._access = access

    def routes(self) -> dict[tuple[str, str], Callable[[Call], Reply]]:
        """Return what answers each signed path."""
        return {
            (method, f"/fapi/{path}"): signed(self._access, handler)
            for (method, path), handler in self._account_routes().items()
        }

    def _account_routes(self) -> dict[tuple[str, str], Any]:
        return {
            ("GET", "v3/account"): self._account,
            ("GET", "v2/account"): self._account,
            ("GET", "v3/balance"): self._balance,
            ("GET", "v2/balance"): self._balance,
            ("GET", "v3/positionRisk"): self._positions,
            ("GET", "v2/positionRisk"): self._positions_v2,
            ("GET", "v1/userTrades"): self._trades,
            ("GET", "v1/income"): self._income,
            ("GET", "v1/leverageBracket"): self._brackets,
            ("POST", "v1/leverage"): self._leverage,
            ("POST", "v1/marginType"): self._margin_type,
            ("GET", "v1/positionSide/dual"): self._mode,
            ("POST", "v1/positionSide/dual"): self._set_mode,
            ("GET", "v1/multiAssetsMargin"): lambda *_asked: {"multiAssetsMargin": False},
            ("POST", "v1/multiAssetsMargin"): self._set_multi,
            ("GET", "v1/accountConfig"): self._config,
            ("GET", "v1/symbolConfig"): self._symbol_config,
            ("GET", "v1/commissionRate"): self._rates,
        }

    # ------------------------------------------------------------------ the account

    def _position_rows(self, account: FakeAccount, symbol: str | None = None) -> list[Row]:
        return [
            position_row(position, self._exchange.instruments[position.symbol])
            for position in account.positions()
            if position.qty and symbol in (None, position.symbol)
        ]

    def _account(self, call: Call, account: FakeAccount, said: Said) -> Row:
        positions = self._position_rows(account)
        assets = []
        for balance in account.balances():
            own = [row for row in positions if row["marginAsset"] == balance.asset]
            assets.append(asset_row(balance, own, call.now_ms))
        return account_row(assets, positions)

    def _balance(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        return [balance_row(balance, call.now_ms) for balance in account.balances()]

    def _positions(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said) if "symbol" in said else None
        return self._position_rows(account, symbol)

    def _positions_v2(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        held = {(p.symbol, p.position_side.upper()): p for p in account.positions()}
        rows = self._positions(call, account, said)
        return [row | _settings_of(held[row["symbol"], row["positionSide"]]) for row in rows]

    def _trades(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        symbol = symbol_in(self._exchange, said)
        start_ns, end_ns, limit = week(call, said, 500, 1000)
        order_id, from_id = whole_in(said, "orderId"), whole_in(said, "fromId", -1)
        if from_id >= 0 and ("startTime" in said or "endTime" in said):
            raise Objection("-1128", "Combination of optional parameters invalid.", 400)
        if from_id >= 0 or order_id:
            start_ns, end_ns = 0, _NO_END_NS
        trades = account.trades(symbol, start_ns=start_ns, end_ns=end_ns, limit=_HISTORY_MAX)
        chosen = [
            trade_row(trade)
            for trade in trades
            if (not order_id or trade.order_id == order_id) and trade.trade_id >= from_id
        ]
        return chosen[:limit] if from_id >= 0 or "startTime" in said else chosen[-limit:]

    def _income(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        start_ns, end_ns, limit = week(call, said, 100, 1000, refuses=False)
        kind, symbol = said.get("incomeType", ""), said.get("symbol", "")
        rows = [
            row
            for row in map(income_row, account.income(start_ns=start_ns, end_ns=end_ns, limit=_HISTORY_MAX))
            if kind in ("", row["incomeType"]) and symbol in ("", row["symbol"])
        ]
        return rows[:limit] if "startTime" in said else rows[-limit:]

    # ------------------------------------------------------------------ settings

    def _brackets(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        if "symbol" in said:
            return [bracket_row(self._exchange.instruments[symbol_in(self._exchange, said)])]
        return [bracket_row(instrument) for instrument in self._exchange.instruments.values()]

    def _leverage(self, call: Call, account: FakeAccount, said: Said) -> Row:
        symbol, leverage = symbol_in(self._exchange, said), whole_in(said, "leverage")
        if leverage < 1:
            raise Refused(Reason.LEVERAGE, str(leverage))
        try:
            account.set_leverage(symbol, Decimal(leverage))
        except Refused as error:
            if error.reason is not Reason.NO_CHANGE:
                raise
        return {
            "leverage": leverage,
            "maxNotionalValue": _most_at(bracket_row(self._exchange.instruments[symbol]), leverage),
            "symbol": symbol,
        }

    def _margin_type(self, call: Call, account: FakeAccount, said: Said) -> Row:
        symbol, wanted = symbol_in(self._exchange, said), said.get("marginType", "")
        if wanted not in ("ISOLATED", "CROSSED"):
            raise Objection("-1102", "Mandatory parameter 'marginType' was not sent, was empty/null.", 400)
        if account.isolated[self._exchange.market.at(symbol)] == (wanted == "ISOLATED"):
            raise Objection("-4046", "No need to change margin type.", 400)
        try:
            account.set_isolated(symbol, wanted == "ISOLATED")
        except Refused as error:
            orders = bool(account.open_orders(symbol))
            what = ("-4047", "open orders") if orders else ("-4048", "position")
            raise Objection(
                what[0], f"Margin type cannot be changed if there exists {what[1]}.", 400
            ) from error
        return {"code": 200, "msg": "success"}

    def _mode(self, call: Call, account: FakeAccount, said: Said) -> Row:
        return {"dualSidePosition": account.hedge}

    def _set_mode(self, call: Call, account: FakeAccount, said: Said) -> Row:
        wanted = said.get("dualSidePosition", "").lower()
        if wanted not in ("true", "false"):
            raise Objection(
                "-1102", "Mandatory parameter 'dualSidePosition' was not sent, was empty/null.", 400
            )
        if account.hedge == (wanted == "true"):
            raise Objection("-4059", "No need to change position side.", 400)
        account.set_hedge(wanted == "true")
        return {"code": 200, "msg": "success"}

    def _set_multi(self, call: Call, account: FakeAccount, said: Said) -> Row:
        if said.get("multiAssetsMargin", "").lower() != "false":
            raise Objection("-4171", "Multi-Assets mode is not offered here.", 400)
        return {"code": 200, "msg": "success"}

    def _config(self, call: Call, account: FakeAccount, said: Said) -> Row:
        return {
            "feeTier": 0,
            "canTrade": "trade" in account.permissions,
            "canDeposit": True,
            "canWithdraw": "withdraw" in account.permissions,
            "dualSidePosition": account.hedge,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def _symbol_config(self, call: Call, account: FakeAccount, said: Said) -> list[Row]:
        chosen = [symbol_in(self._exchange, said)] if "symbol" in said else list(self._exchange.instruments)
        rows = []
        for symbol in chosen:
            leverage = int(account.leverages[self._exchange.market.at(symbol)])
            rows.append(
                {
                    "symbol": symbol,
                    "marginType": "ISOLATED"
                    if account.isolated[self._exchange.market.at(symbol)]
                    else "CROSSED",
                    "isAutoAddMargin": "false",
                    "leverage": leverage,
                    "maxNotionalValue": _most_at(bracket_row(self._exchange.instruments[symbol]), leverage),
                }
            )
        return rows

    def _rates(self, call: Call, account: FakeAccount, said: Said) -> Row:
        instrument = self._exchange.instruments[symbol_in(self._exchange, said)]
        return {
            "symbol": instrument.symbol,
            "makerCommissionRate": str(instrument.maker_rate),
            "takerCommissionRate": str(instrument.taker_rate),
        }


def _most_at(brackets: Row, leverage: int) -> str:
    caps = [row["notionalCap"] for row in brackets["brackets"] if row["initialLeverage"] >= leverage]
    return str(max(caps, default=0))


def _settings_of(position: FakePosition) -> Row:
    return {
        "leverage": str(position.leverage),
        "marginType": "isolated" if position.isolated else "cross",
        "maxNotionalValue": "20000000",
        "isAutoAddMargin": "false",
    }
