"""OKX v5's REST protocol: perpetual swaps of one trading account for each key.

Demo trading is told by a header, and by a WebSocket host of its own; a key belongs to one of the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tradewind.venues.fake import okx_words as words
from tradewind.venues.fake.envelopes import Objection, base64_hmac, body_of, matches
from tradewind.venues.fake.okx_account import account_routes, setting_routes
from tradewind.venues.fake.okx_market import market_routes
from tradewind.venues.fake.okx_stream import OkxSession
from tradewind.venues.fake.okx_trade import acting_routes, listing_routes
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import Failure, Reply
from tradewind.venues.fake.quotas import Quota, Quotas
from tradewind.venues.fake.signed import SignedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import Call, Session, Socket

__all__ = ["DEMO_STREAM_HOST", "REST_HOST", "STREAM_HOST", "OkxProtocol"]

REST_HOST, STREAM_HOST, DEMO_STREAM_HOST = "www.okx.com", "ws.okx.com", "wspap.okx.com"

_CLOCK_MS = 30_000
_WINDOW_MS = 2_000

_LIMITS = {
    "account/config": 5,
    "account/balance": 10,
    "account/positions": 10,
    "account/bills": 10,
    "account/bills-archive": 5,
    "account/set-position-mode": 5,
    "trade/batch-orders": 300,
    "trade/cancel-batch-orders": 300,
    "trade/amend-batch-orders": 300,
    "trade/order": 60,
    "trade/cancel-order": 60,
    "trade/amend-order": 60,
    "trade/orders-pending": 60,
    "trade/orders-history": 40,
    "trade/fills": 60,
    "trade/fills-history": 10,
    "trade/cancel-all-after": 2,
    "public/time": 10,
    "public/funding-rate-history": 10,
    "market/candles": 40,
    "market/books": 40,
    "market/trades": 100,
}
"""Requests in two seconds for each path, 20 where it is not named; a batch counts each of its orders."""

ORDERS = Quota("orders", 1000, _WINDOW_MS)
"""New and amended orders of one account in two seconds."""

_FAILURES: dict[Failure, tuple[str, str, int]] = {
    Failure.RATE_LIMIT: ("50011", "Too Many Requests", 429),
    Failure.ORDER_LIMIT: ("50061", "You've reached the maximum order rate limit for this account.", 429),
    Failure.BAN: ("50011", "Too Many Requests", 429),
    Failure.MAINTENANCE: ("50001", "Service temporarily unavailable. Try again later.", 503),
    Failure.UNKNOWN_STATUS: ("50004", "Endpoint request timeout. Please check the order status.", 400),
    Failure.OVERLOAD: ("50013", "Systems are busy. Please try again later.", 503),
    Failure.ADDRESS_DENIED: ("50110", "Your IP is not included in your API key's IP whitelist", 401),
    Failure.KEY_REVOKED: ("50111", "Invalid OK-ACCESS-KEY", 401),
    Failure.REGION: ("51155", "You can't trade due to local compliance restrictions.", 200),
    Failure.CLOCK: ("50102", "Timestamp request expired", 401),
}


class OkxProtocol(SignedProtocol):
    """OKX over a `FakeExchange` whose symbols are spelled ``BTC-USDT-SWAP``.

    Parameters
    ----------
    exchange
        The domain.
    demo_keys
        Keys of demo trading; a request says by a header in which world it is meant. None: every key is known in
        both.
    """

    name = "okx"

    def __init__(self, exchange: FakeExchange, *, demo_keys: frozenset[str] | None = None) -> None:
        self._demo_keys = demo_keys
        self._quotas = Quotas()
        self._connections = 0
        super().__init__(exchange)

    def hosts(self) -> frozenset[str]:
        """Return the hosts of REST and of the streams, live and demo."""
        return frozenset({REST_HOST, STREAM_HOST, DEMO_STREAM_HOST})

    def connect(self, call: Call, socket: Socket) -> Session | None:
        """Return a session of the public, private or business stream."""
        access = call.path.removeprefix("/ws/v5/")
        if access not in ("public", "private", "business"):
            return None
        self._connections += 1
        return OkxSession(self, socket, access, call.host == DEMO_STREAM_HOST, f"{self._connections:08x}")

    def routes(self) -> Mapping[tuple[str, str], Callable[[Call], Reply]]:
        """Return the venue's paths."""
        table: dict[tuple[str, str], Callable[[Call], Reply]] = {}
        for path, read in market_routes(self.exchange).items():
            table["GET", f"/api/v5/{path}"] = self._open(read)
        for path, handler in {**account_routes(self.exchange), **listing_routes(self.exchange)}.items():
            table["GET", f"/api/v5/{path}"] = self._signed(handler, "read")
        for path, handler in {**setting_routes(self.exchange), **acting_routes(self.exchange)}.items():
            table["POST", f"/api/v5/{path}"] = self._signed(handler, "trade")
        return table

    # ------------------------------------------------------------------ who asks, and how often

    def admit(self, call: Call) -> Reply | None:
        """Refuse what is beyond the limits: HTTP 429 with the code 50011, or 50061 for orders of an account."""
        path = call.path.removeprefix("/api/v5/")
        key = call.headers.get("ok-access-key", "")
        cost = self._entries(call) if "batch" in path else 1
        quota = Quota(f"{call.method} {path}", _LIMITS.get(path, 20), _WINDOW_MS)
        if not self._quotas.take(key or call.peer, quota, call.now_ms, cost):
            return _error(*_FAILURES[Failure.RATE_LIMIT])
        placing = call.method == "POST" and path.endswith(("/order", "/batch-orders", "-order", "-orders"))
        if placing and "cancel" not in path and not self._quotas.take(key, ORDERS, call.now_ms, cost):
            return _error(*_FAILURES[Failure.ORDER_LIMIT])
        return None

    @staticmethod
    def _entries(call: Call) -> int:
        try:
            body = body_of(call)
        except ValueError:
            return 1
        return max(1, len(body)) if isinstance(body, list) else 1

    def account_for(self, key: str, *, demo: bool) -> FakeAccount | None:
        """Return the account of a key in a world. Raises Objection (50101) for a key of the other world."""
        account = self.exchange.account(key)
        if account is None or not account.key_valid:
            return None
        if self._demo_keys is not None and (key in self._demo_keys) != demo:
            raise Objection("50101", "APIKey does not match current environment.", 401)
        return account

    def _who(self, call: Call) -> FakeAccount:
        said = {
            name: call.headers.get(f"ok-access-{name}", "")
            for name in ("key", "passphrase", "timestamp", "sign")
        }
        for name, code in (
            ("key", "50103"),
            ("passphrase", "50104"),
            ("sign", "50106"),
            ("timestamp", "50107"),
        ):
            if not said[name]:
                raise Objection(code, f'Request header "OK-ACCESS-{name.upper()}" can\'t be empty.', 401)
        account = self.account_for(said["key"], demo=call.headers.get("x-simulated-trading") == "1")
        if account is None:
            raise Objection("50111", "Invalid OK-ACCESS-KEY", 401)
        self._check_times(call, said["timestamp"])
        if said["passphrase"] != account.passphrase:
            raise Objection("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401)
        target = call.path + (f"?{call.raw_query}" if call.raw_query else "")
        signed = said["timestamp"] + call.method + target + call.body.decode()
        if not matches(said["sign"], base64_hmac(account.secret, signed)):
            raise Objection("50113", "Invalid Sign", 401)
        return account

    @staticmethod
    def _check_times(call: Call, timestamp: str) -> None:
        """Refuse a request whose time is too far off, or whose own deadline has passed."""
        try:
            asked_ms = datetime.fromisoformat(timestamp).timestamp() * 1000
        except ValueError as error:
            raise Objection("50112", "Invalid OK-ACCESS-TIMESTAMP", 401) from error
        if abs(call.now_ms - asked_ms) > _CLOCK_MS:
            raise Objection("50102", "Timestamp request expired", 401)
        deadline = call.headers.get("exptime", "")
        if deadline and (not deadline.isdigit() or int(deadline) < call.now_ms):
            raise Objection("50036", "The expTime can't be earlier than the current system time.")

    def _enveloped(self, work: Callable[[], object]) -> Reply:
        try:
            data = work()
        except Objection as error:
            return _error(error.code, error.text, error.status)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _error("51000", f"Parameter {error} error", 200)
        return data if isinstance(data, Reply) else Reply({"code": "0", "msg": "", "data": data})

    # ------------------------------------------------------------------ refusals

    def refused(self, call: Call, error: Refused) -> Reply:
        """Return a refusal of the domain."""
        code, text = words.REFUSALS.get(error.reason, ("51000", str(error)))
        of_key = error.reason in (Reason.PERMISSION, Reason.KEY_INVALID, Reason.ADDRESS)
        return _error(code, text, 401 if of_key else 200)

    def failed(self, call: Call, failure: Failure, seconds: float) -> Reply:
        """Return a failure by misfortune."""
        return _error(*_FAILURES[failure])

    def unknown(self, call: Call) -> Reply:
        """Return what the venue says of a path that it does not have."""
        return _error("404", "Not Found", 404)


def _error(code: str, text: str, status: int) -> Reply:
    return Reply({"code": code, "data": [], "msg": text}, status=status)
