"""Bybit v5's REST protocol: linear perpetuals of one unified account for each key.

Every answer has HTTP status 200 and its own code, and carries how much of the limit is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.venues.fake import bybit_words as words
from tradewind.venues.fake.bybit_account import account_routes, setting_routes
from tradewind.venues.fake.bybit_market import market_routes
from tradewind.venues.fake.bybit_stream import BybitSession
from tradewind.venues.fake.bybit_trade import acting_routes, listing_routes
from tradewind.venues.fake.envelopes import Objection, body_of, hex_hmac, matches, whole_in
from tradewind.venues.fake.protocol import Failure, Reply
from tradewind.venues.fake.quotas import Quota, Quotas
from tradewind.venues.fake.signed import SignedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.orders import Refused
    from tradewind.venues.fake.protocol import Call, Session, Socket

__all__ = ["DEMO_REST_HOST", "DEMO_STREAM_HOST", "REST_HOST", "STREAM_HOST", "BybitProtocol"]

REST_HOST, STREAM_HOST = "api.bybit.com", "stream.bybit.com"
DEMO_REST_HOST, DEMO_STREAM_HOST = "api-demo.bybit.com", "stream-demo.bybit.com"

ADDRESS = Quota("address", 600, 5_000)
"""Requests of one address; beyond them it is shut out with HTTP 403."""

_SECOND_MS = 1_000
_LIMITS = {
    "order/create": 10,
    "order/create-batch": 10,
    "order/amend": 10,
    "order/amend-batch": 10,
    "order/cancel": 10,
    "order/cancel-batch": 10,
    "order/cancel-all": 10,
    "position/set-leverage": 10,
    "position/switch-mode": 10,
    "position/trading-stop": 10,
    "user/query-api": 10,
}
"""Requests of one account in a second for each path, 50 where it is not named; a batch counts its orders."""

_FAILURES: dict[Failure, tuple[int, str, int]] = {
    Failure.RATE_LIMIT: (10006, "Too many visits!", 200),
    Failure.ORDER_LIMIT: (10006, "Too many visits!", 200),
    Failure.BAN: (10018, "exceed ip rate limit", 403),
    Failure.MAINTENANCE: (10016, "System maintenance", 503),
    Failure.UNKNOWN_STATUS: (10000, "Server Timeout", 200),
    Failure.OVERLOAD: (10016, "System error. Please try again later.", 200),
    Failure.ADDRESS_DENIED: (10010, "Unmatched IP, please check your API key's bound IP addresses.", 200),
    Failure.KEY_REVOKED: (10003, "API key is invalid.", 200),
    Failure.REGION: (10024, "The product or service you are seeking to access is not available to you.", 200),
    Failure.CLOCK: (10002, "invalid request, please check your server timestamp or recv_window param.", 200),
}


class BybitProtocol(SignedProtocol):
    """Bybit over a `FakeExchange` whose symbols are spelled ``BTCUSDT``.

    Parameters
    ----------
    exchange
        The domain.
    demo_keys
        Keys of demo trading, known at its hosts only; all others are known at the live hosts only. None: every
        key is known at both.
    """

    name = "bybit"

    def __init__(self, exchange: FakeExchange, *, demo_keys: frozenset[str] | None = None) -> None:
        self._demo_keys = demo_keys
        self._quotas = Quotas()
        self._connections = 0
        self._dead_man_ns: dict[str, int] = {}
        self._guards: dict[str, int] = {}
        super().__init__(exchange)

    def hosts(self) -> frozenset[str]:
        """Return the hosts of REST and of the streams, live and demo."""
        return frozenset({REST_HOST, STREAM_HOST, DEMO_REST_HOST, DEMO_STREAM_HOST})

    def connect(self, call: Call, socket: Socket) -> Session | None:
        """Return a session of the public stream of linear contracts, or of the private one."""
        access = {"/v5/public/linear": "public", "/v5/private": "private"}.get(call.path)
        if access is None:
            return None
        self._connections += 1
        return BybitSession(self, socket, access, call.host, f"conn{self._connections:08d}")

    def routes(self) -> Mapping[tuple[str, str], Callable[[Call], Reply]]:
        """Return the venue's paths."""
        exchange = self.exchange
        table: dict[tuple[str, str], Callable[[Call], Reply]] = {}
        for path, read in market_routes(exchange).items():
            table["GET", f"/v5/{path}"] = self._open(read)
        for path, handler in {**account_routes(exchange), **listing_routes(exchange)}.items():
            table["GET", f"/v5/{path}"] = self._signed(handler, "read")
        acting = {**setting_routes(exchange), **acting_routes(exchange)}
        acting["order/disconnected-cancel-all"] = self._set_dead_man
        for path, handler in acting.items():
            table["POST", f"/v5/{path}"] = self._signed(handler, "trade")
        return table

    # ------------------------------------------------------------------ who asks, and how often

    def _quota(self, call: Call) -> Quota:
        path = call.path.removeprefix("/v5/")
        return Quota(f"{call.method} {path}", _LIMITS.get(path, 50), _SECOND_MS)

    def admit(self, call: Call) -> Reply | None:
        """Refuse what is beyond the limits: HTTP 403 for an address, the code 10006 for an account."""
        if not self._quotas.take(call.peer, ADDRESS, call.now_ms):
            return self._trouble(10018, "access too frequent", 403)
        key = call.headers.get("x-bapi-api-key")
        if key is None:
            return None
        if not self._quotas.take(key, self._quota(call), call.now_ms, self._cost(call)):
            return self._trouble(10006, "Too many visits. Exceeded the API Rate Limit.", 200)
        return None

    @staticmethod
    def _cost(call: Call) -> int:
        if not call.path.endswith("-batch"):
            return 1
        try:
            body = body_of(call)
        except ValueError:
            return 1
        entries = body.get("request") if isinstance(body, dict) else None
        return max(1, len(entries)) if isinstance(entries, list) else 1

    def seal(self, call: Call, reply: Reply) -> Reply:
        """Add the headers of the limit to the answer of a signed request."""
        key = call.headers.get("x-bapi-api-key")
        if key is not None:
            quota = self._quota(call)
            left = self._quotas.left(key, quota, call.now_ms)
            reset = self._quotas.free_at_ms(key, quota, call.now_ms) if left <= 0 else call.now_ms
            reply.headers |= {
                "X-Bapi-Limit": str(quota.limit),
                "X-Bapi-Limit-Status": str(max(0, left)),
                "X-Bapi-Limit-Reset-Timestamp": str(reset),
            }
        return reply

    def account_for(self, key: str, host: str) -> FakeAccount:
        """Return the account of a key at a host. Raises Objection (10003) for a key that is not known there."""
        account = self.exchange.account(key)
        demo = host in (DEMO_REST_HOST, DEMO_STREAM_HOST)
        at_home = self._demo_keys is None or (key in self._demo_keys) == demo
        if account is None or not at_home or not account.key_valid:
            raise Objection("10003", "API key is invalid.")
        return account

    def _who(self, call: Call) -> FakeAccount:
        said = {
            name: call.headers.get(f"x-bapi-{name}", "")
            for name in ("api-key", "timestamp", "sign", "recv-window")
        }
        if not said["api-key"]:
            raise Objection("10007", "User authentication failed.")
        account = self.account_for(said["api-key"], call.host)
        window = said["recv-window"] or "5000"
        if not said["timestamp"].isdigit() or not window.isdigit():
            raise Objection("10001", "params error: timestamp invalid")
        sent = int(said["timestamp"])
        if not call.now_ms - int(window) <= sent < call.now_ms + _SECOND_MS:
            raise Objection(
                "10002",
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{sent}],server_timestamp[{call.now_ms}],recv_window[{window}]",
            )
        payload = call.raw_query if call.method == "GET" else call.body.decode()
        text = said["timestamp"] + said["api-key"] + said["recv-window"] + payload
        if not matches(said["sign"], hex_hmac(account.secret, text)):
            raise Objection("10004", "Error sign, please check your signature generation algorithm.")
        return account

    # ------------------------------------------------------------------ the dead-man switch

    def _set_dead_man(self, account: FakeAccount, args: Mapping[str, Any]) -> object:
        """Take how long after the loss of the last guarding socket everything is to be cancelled."""
        seconds = whole_in(args, "timeWindow", 0)
        if not 3 <= seconds <= 300:
            raise Objection("10001", "params error: timeWindow invalid")
        self._dead_man_ns[account.name] = seconds * 1_000_000_000
        return Reply({"retCode": 0, "retMsg": "success"})

    def guard(self, account: FakeAccount) -> None:
        """Note a socket whose loss shall set off the dead-man switch; the timer stops."""
        self._guards[account.name] = self._guards.get(account.name, 0) + 1
        account.arm_dead_man(0)

    def unguard(self, account: FakeAccount) -> None:
        """Note its loss; with the last one the timer starts, where a window was set."""
        self._guards[account.name] -= 1
        if not self._guards[account.name]:
            account.arm_dead_man(self._dead_man_ns.get(account.name, 0))

    # ------------------------------------------------------------------ answers

    def _enveloped(self, work: Callable[[], object]) -> Reply:
        try:
            data = work()
        except Objection as error:
            return self._trouble(int(error.code), error.text, error.status)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self._trouble(10001, f"params error: {error}", 200)
        if isinstance(data, Reply):
            return data
        return self._written(0, "OK", data, 200)

    def _written(self, code: int, text: str, result: object, status: int) -> Reply:
        now_ms = self.exchange.now_ns() // 1_000_000
        said = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": now_ms}
        return Reply(said, status=status)

    def _trouble(self, code: int, text: str, status: int) -> Reply:
        return self._written(code, text, {}, status)

    def refused(self, call: Call, error: Refused) -> Reply:
        """Return a refusal of the domain."""
        code, text = words.REFUSALS.get(error.reason, ("10001", str(error)))
        return self._trouble(int(code), text, 200)

    def failed(self, call: Call, failure: Failure, seconds: float) -> Reply:
        """Return a failure by misfortune."""
        return self._trouble(*_FAILURES[failure])

    def unknown(self, call: Call) -> Reply:
        """Return what the venue says of a path that it does not have."""
        return self._trouble(10017, "Route not found.", 404)
