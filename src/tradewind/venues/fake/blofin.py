"""BloFin's REST protocol: perpetual contracts, one futures account for each key, no order query, no dead-man timer.

Live and demo trading have hosts of their own; a key belongs to one of the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.venues.fake import blofin_words as words
from tradewind.venues.fake.blofin_account import reading_routes, trading_routes
from tradewind.venues.fake.blofin_market import market_routes
from tradewind.venues.fake.blofin_stream import BlofinSession
from tradewind.venues.fake.envelopes import Objection, base64_of_hex, matches
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import Failure, Reply
from tradewind.venues.fake.quotas import Quota, Quotas
from tradewind.venues.fake.signed import SignedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import Call, Session, Socket

__all__ = ["DEMO_HOST", "LIVE_HOST", "BlofinProtocol"]

LIVE_HOST, DEMO_HOST = "openapi.blofin.com", "demo-trading-openapi.blofin.com"

ALL_REQUESTS = Quota("all", 500, 60_000)
"""Requests of one address; assumed, as the next."""

TRADING_LIMIT, TRADING_WINDOW_MS = 30, 10_000
"""Trading requests of one key to one path."""

_CLOCK_MS = 60_000
_NONCES_MAX = 20_000
_TRADING = ("/api/v1/trade/", "/api/v1/account/set-")

_FAILURES: dict[Failure, tuple[str, str, int]] = {
    Failure.RATE_LIMIT: ("429", "Too Many Requests", 429),
    Failure.ORDER_LIMIT: ("429", "Too Many Requests", 429),
    Failure.BAN: ("429", "Too Many Requests", 403),
    Failure.OVERLOAD: ("103013", "Internal error; unable to process your request. Please try again.", 200),
    Failure.ADDRESS_DENIED: ("152406", "Your IP is not included in your API key's IP whitelist", 401),
    Failure.KEY_REVOKED: ("152401", "Access key does not exist", 401),
    Failure.REGION: ("152406", "Not available in your region", 451),
    Failure.CLOCK: ("152405", "Timestamp in header or signature has expired, need to be within 60s", 401),
}
_GATEWAY: dict[Failure, tuple[int, str]] = {
    Failure.MAINTENANCE: (503, "Service Unavailable"),
    Failure.UNKNOWN_STATUS: (500, "Internal Server Error"),
}


class BlofinProtocol(SignedProtocol):
    """BloFin over a `FakeExchange` whose symbols are spelled ``BTC-USDT``.

    Parameters
    ----------
    exchange
        The domain.
    demo_keys
        Keys of demo trading, known at its host only; all others are known at the live host only. None: every
        key is known at both.
    refusals_inside
        Whether a refused order comes under the top-level code "0", else under "1"; both have been seen.
    """

    name = "blofin"

    def __init__(
        self,
        exchange: FakeExchange,
        *,
        demo_keys: frozenset[str] | None = None,
        refusals_inside: bool = False,
    ) -> None:
        self._demo_keys = demo_keys
        self._refused_code = "0" if refusals_inside else "1"
        self._quotas = Quotas()
        self._nonces: dict[tuple[str, str], int] = {}
        super().__init__(exchange)

    def hosts(self) -> frozenset[str]:
        """Return the hosts of live and of demo trading."""
        return frozenset({LIVE_HOST, DEMO_HOST})

    def connect(self, call: Call, socket: Socket) -> Session | None:
        """Return a session of the public or private stream."""
        access = {"/ws/public": "public", "/ws/private": "private"}.get(call.path)
        return None if access is None else BlofinSession(self, socket, access, call)

    def routes(self) -> Mapping[tuple[str, str], Callable[[Call], Reply]]:
        """Return the venue's paths."""
        table: dict[tuple[str, str], Callable[[Call], Reply]] = {}
        for path, read in market_routes(self.exchange).items():
            table["GET", f"/api/v1/{path}"] = self._open(read)
        for path, handler in reading_routes(self.exchange).items():
            table["GET", f"/api/v1/{path}"] = self._signed(handler, "read")
        for path, handler in trading_routes(self.exchange).items():
            table["POST", f"/api/v1/{path}"] = self._signed(handler, "trade")
        return table

    # ------------------------------------------------------------------ who asks, and how often

    def admit(self, call: Call) -> Reply | None:
        """Refuse what is beyond the limits: HTTP 429 with the code 429."""
        key = call.headers.get("access-key", "")
        if not self._quotas.take(call.peer, ALL_REQUESTS, call.now_ms):
            return self._too_many()
        if call.path.startswith(_TRADING) and call.method == "POST":
            quota = Quota(call.path, TRADING_LIMIT, TRADING_WINDOW_MS)
            return None if self._quotas.take(key, quota, call.now_ms) else self._too_many()
        return None

    @staticmethod
    def _too_many() -> Reply:
        return Reply({"code": "429", "msg": "Too Many Requests"}, status=429)

    def account_for(self, key: str, host: str) -> FakeAccount:
        """Return the account of a key at a host. Raises Objection for a key that is not known there."""
        account = self.exchange.account(key)
        at_home = self._demo_keys is None or (key in self._demo_keys) == (host == DEMO_HOST)
        if account is None or not at_home or not account.key_valid:
            raise Objection("152401", "Access key does not exist", 401)
        return account

    def check_signature(
        self, account: FakeAccount, said: Mapping[str, str], signed: str, now_ms: int
    ) -> None:
        """Check a request or login: passphrase, clock, nonce, signature. Raises Objection.

        `said` has passphrase, timestamp, nonce and sign; `signed` is the text that was to be signed.
        """
        if said["passphrase"] != account.passphrase:
            raise Objection("152408", "Passphrase error", 401)
        if not said["timestamp"].isdigit():
            raise Objection(
                "152410", "The value of ACCESS-TIMESTAMP needs to be a millisecond timestamp", 401
            )
        if abs(now_ms - int(said["timestamp"])) > _CLOCK_MS:
            raise Objection("152405", "Timestamp has expired, need to be within 60s", 401)
        if not matches(said["sign"], base64_of_hex(account.secret, signed)):
            raise Objection("152409", "Signature verification failed", 401)
        self._spend_nonce(account.api_key, said["nonce"], now_ms)

    def _spend_nonce(self, key: str, nonce: str, now_ms: int) -> None:
        if now_ms - self._nonces.get((key, nonce), -_CLOCK_MS) < _CLOCK_MS:
            raise Objection("152407", "Repeated nonce, Reusing within 60 seconds is not allowed.", 401)
        self._nonces[key, nonce] = now_ms
        if len(self._nonces) > _NONCES_MAX:
            self._nonces = {pair: at for pair, at in self._nonces.items() if now_ms - at < _CLOCK_MS}

    def _who(self, call: Call) -> FakeAccount:
        headers = call.headers
        account = self.account_for(headers.get("access-key", ""), call.host)
        target = call.path + (f"?{call.raw_query}" if call.raw_query else "")
        said = {
            name: headers.get(f"access-{name}", "") for name in ("passphrase", "timestamp", "nonce", "sign")
        }
        signed = target + call.method + said["timestamp"] + said["nonce"] + call.body.decode()
        self.check_signature(account, said, signed, call.now_ms)
        return account

    def _enveloped(self, work: Callable[[], object]) -> Reply:
        try:
            data = work()
        except Objection as error:
            return Reply({"code": error.code, "msg": error.text}, status=error.status)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Reply({"code": "152005", "msg": f"Parameter error: {error}"})
        if isinstance(data, Reply):
            return data
        return Reply({"code": "0", "msg": "success", "data": data})

    def refused(self, call: Call, error: Refused) -> Reply:
        """Return a refusal: of an order or cancel inside `data`, of anything else at the top."""
        code, text = words.REFUSALS.get(error.reason, ("152005", str(error)))
        of_key = (Reason.PERMISSION, Reason.KEY_INVALID, Reason.ADDRESS, Reason.REGION)
        if error.reason in of_key:
            return Reply({"code": code, "msg": text}, status=401)
        if call.path.endswith(("/trade/order", "/trade/cancel-order")):
            inner = {"orderId": None, "clientOrderId": "", "msg": text, "code": code}
            return Reply({"code": self._refused_code, "msg": "All operations failed", "data": [inner]})
        return Reply({"code": code, "msg": text})

    def failed(self, call: Call, failure: Failure, seconds: float) -> Reply:
        """Return a failure by misfortune; where the venue itself does not answer, what stands before it does."""
        if failure in _GATEWAY:
            status, text = _GATEWAY[failure]
            return Reply(f"<html><body>{text}</body></html>", status, {"Content-Type": "text/html"})
        code, text, status = _FAILURES[failure]
        return Reply({"code": code, "msg": text}, status=status)

    def unknown(self, call: Call) -> Reply:
        """Return what the venue says of a path that it does not have."""
        return Reply({"code": "404", "msg": f"not found: {call.path}"}, status=404)
