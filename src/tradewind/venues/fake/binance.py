"""Binance USD-M futures as a fake: its hosts, its paths, and what joins them.

The rows are in `binance_rows`, public answers in `binance_market`, orders in `binance_trade`, the account in
`binance_account`, sockets in `binance_stream`, limits and signatures in `binance_access`, codes and texts in
`binance_words`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.venues.fake.binance_access import BinanceAccess, trouble
from tradewind.venues.fake.binance_account import BinanceAccount
from tradewind.venues.fake.binance_market import BinanceMarket
from tradewind.venues.fake.binance_stream import AccountSession, ListenKeys, MarketSession
from tradewind.venues.fake.binance_trade import BinanceTrading
from tradewind.venues.fake.binance_words import failure_of, objection_of
from tradewind.venues.fake.envelopes import Objection
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import Call, Failure, Reply, Session, Socket, VenueProtocol, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.exchange import FakeExchange

__all__ = ["BinanceProtocol"]

_REST_HOSTS = frozenset({"fapi.binance.com", "api.binance.com", "demo-fapi.binance.com"})
_STATUS = "/sapi/v1/system/status"
_STREAM_HOSTS = frozenset({"fstream.binance.com", "fstream.binancefuture.com"})


class BinanceProtocol(VenueProtocol):
    """Binance USD-M over a `FakeExchange`."""

    name = "binance_usdm"

    def __init__(self, exchange: FakeExchange) -> None:
        self._access = BinanceAccess(exchange)
        self._keys = ListenKeys(exchange)
        super().__init__(exchange)

    def hosts(self) -> frozenset[str]:
        """Return every host name that this venue answers at."""
        return _REST_HOSTS | _STREAM_HOSTS

    def routes(self) -> dict[tuple[str, str], Callable[[Call], Reply]]:
        """Return what answers each (method, path)."""
        return {
            **BinanceMarket(self.exchange).routes(),
            **BinanceTrading(self.exchange, self._access).routes(),
            **BinanceAccount(self.exchange, self._access).routes(),
            ("POST", "/fapi/v1/listenKey"): self._open_key,
            ("PUT", "/fapi/v1/listenKey"): self._extend_key,
            ("DELETE", "/fapi/v1/listenKey"): self._drop_key,
            ("GET", "/sapi/v1/account/apiRestrictions"): self._restrictions,
            ("GET", "/sapi/v1/capital/config/getall"): self._currencies,
            ("GET", "/sapi/v1/margin/allPairs"): lambda _call: Reply([]),
            ("GET", _STATUS): self._system_status,
        }

    def answer(self, call: Call) -> Reply:
        """Process a call, once; what is wrong with it is told in Binance's code and text."""
        try:
            return super().answer(call)
        except Objection as error:
            return self.seal(call, trouble(int(error.code), error.text, error.status))
        except ValueError as error:
            return self.seal(call, trouble(-1130, f"Data sent for parameter '{error}' is not valid."))

    def connect(self, call: Call, socket: Socket) -> Session | None:
        """Return the session of a new WebSocket: an account's by its listen key, or one of market streams."""
        if call.host not in _STREAM_HOSTS:
            return None
        key = call.query.get("listenKey", call.path.rpartition("/ws/")[2])
        if self._keys.account_of(key) is not None:
            return AccountSession(self.exchange, socket, self._keys, key)
        if call.path.startswith("/private"):
            return None
        if call.path.endswith("/stream"):
            streams = tuple(filter(None, call.query.get("streams", "").split("/")))
            return MarketSession(self.exchange, socket, streams, wrapped=True)
        named = call.path.partition("/ws/")[2]
        return MarketSession(self.exchange, socket, (named,) if "@" in named else ())

    def refused(self, call: Call, error: Refused) -> Reply:
        """Return a refusal of the domain in Binance's code, text and status."""
        objection = objection_of(error)
        return trouble(int(objection.code), objection.text, objection.status)

    def failed(self, call: Call, failure: Failure, seconds: float) -> Reply:
        """Return a failure by misfortune in Binance's words."""
        if failure is Failure.BAN:
            return self._access.ban(call, seconds)
        return failure_of(failure, seconds, call.peer)

    def unknown(self, call: Call) -> Reply:
        """Return what Binance says of a path that it does not have: a page, not JSON."""
        return Reply("<html><body><h2>404 Not found</h2></body></html>", 404, {"Content-Type": "text/html"})

    def admit(self, call: Call) -> Reply | None:
        """Count the call's weight; refuse it where its address has used it up, or while nobody is served."""
        if "maintenance" in self.exchange.statuses and call.path != _STATUS:
            return self.refused(call, Refused(Reason.MAINTENANCE))
        return self._access.admit(call)

    def seal(self, call: Call, reply: Reply) -> Reply:
        """Say how much of the limits is used."""
        reply.headers.update(self._access.headers(call))
        return reply

    def aged(self, call: Call, reply: Reply, age_s: float) -> Reply:
        """Return a book whose last update is older than the first change that was streamed."""
        if call.path == "/fapi/v1/depth" and isinstance(reply.data, dict):
            reply.data["lastUpdateId"] -= int(1_000 * age_s)
        return reply

    # ------------------------------------------------------------------ keys of streams, and of the account

    def _system_status(self, call: Call) -> Reply:
        """Say whether the venue rests; this answer comes from elsewhere, also while it does."""
        rests = "maintenance" in self.exchange.statuses
        return Reply({"status": int(rests), "msg": "system_maintenance" if rests else "normal"})

    def _open_key(self, call: Call) -> Reply:
        account = self._access.holder(call)
        self.exchange.check(account, "read", call.peer)
        return Reply({"listenKey": self._keys.open(account)})

    def _extend_key(self, call: Call) -> Reply:
        key = self._keys.extend(self._access.holder(call))
        if key is None:
            return trouble(-1125, "This listenKey does not exist.")
        return Reply({"listenKey": key})

    def _drop_key(self, call: Call) -> Reply:
        self._keys.drop(self._access.holder(call))
        return Reply({})

    def _restrictions(self, call: Call) -> Reply:
        account, _ = self._access.signer(call)
        may = account.permissions
        return Reply(
            {
                "ipRestrict": bool(account.ips),
                "createTime": 1698645219000,
                "enableReading": "read" in may,
                "enableWithdrawals": "withdraw" in may,
                "enableInternalTransfer": "transfer" in may,
                "permitsUniversalTransfer": "transfer" in may,
                "enableFutures": "trade" in may,
                "enablePortfolioMarginTrading": False,
                "enableVanillaOptions": False,
                "enableSpotAndMarginTrading": False,
                "enableMargin": False,
            }
        )

    def _currencies(self, call: Call) -> Reply:
        account, _ = self._access.signer(call)
        wallets = {balance.asset: balance.wallet for balance in account.balances()}
        coins = sorted({i.settle for i in self.exchange.instruments.values()} | set(wallets))
        return Reply(
            [
                {
                    "coin": coin,
                    "depositAllEnable": True,
                    "withdrawAllEnable": True,
                    "name": coin,
                    "free": plain(wallets.get(coin, Decimal(0))),
                    "locked": "0",
                    "freeze": "0",
                    "withdrawing": "0",
                    "ipoing": "0",
                    "ipoable": "0",
                    "storage": "0",
                    "isLegalMoney": False,
                    "trading": True,
                    "networkList": [],
                }
                for coin in coins
            ]
        )
