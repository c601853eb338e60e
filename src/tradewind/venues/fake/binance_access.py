"""Who may ask Binance what, and how often: signatures, time stamps, permissions, addresses, weights, order counts.

The limits are those that exchangeInfo states. An address that goes on after 429 is banned (418) for two minutes,
then longer each time; both answers say until when.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tradewind.venues.fake.binance_market import LIMITS
from tradewind.venues.fake.envelopes import Objection, hex_hmac, matches, whole_in
from tradewind.venues.fake.protocol import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import Call

__all__ = ["BinanceAccess", "parameters_of", "signed", "trouble", "week"]

_MINUTE_MS = 60_000
_TEN_SECONDS_MS = 10_000
_BAN_AFTER = 20
_BAN_MS = 120_000
_WINDOW_MS = 5_000
_WINDOW_MAX_MS = 60_000
_AHEAD_MS = 1_000
_NS = 1_000_000
_WEEK_NS = 7 * 86_400 * 1_000_000_000
_KEPT_NS = 90 * 86_400 * 1_000_000_000
_NUMBER = re.compile(r"-?\d+")

# Weight of a request by path; those with a symbol and those whose weight grows with `limit` are told apart below.
_WEIGHTS = {
    "/fapi/v3/account": 5,
    "/fapi/v2/account": 5,
    "/fapi/v3/balance": 5,
    "/fapi/v2/balance": 5,
    "/fapi/v3/positionRisk": 5,
    "/fapi/v2/positionRisk": 5,
    "/fapi/v1/allOrders": 5,
    "/fapi/v1/allAlgoOrders": 5,
    "/fapi/v1/userTrades": 5,
    "/fapi/v1/income": 30,
    "/fapi/v1/positionSide/dual": 30,
    "/fapi/v1/multiAssetsMargin": 30,
    "/fapi/v1/forceOrders": 20,
    "/fapi/v1/aggTrades": 20,
    "/fapi/v1/historicalTrades": 20,
    "/fapi/v1/trades": 5,
    "/fapi/v1/countdownCancelAll": 10,
    "/fapi/v1/commissionRate": 20,
    "/futures/data/openInterestHist": 0,
    "/fapi/v1/fundingRate": 0,
    "/fapi/v1/fundingInfo": 0,
}
_WITHOUT_SYMBOL = {
    "/fapi/v1/openOrders": 40,
    "/fapi/v1/openAlgoOrders": 40,
    "/fapi/v1/premiumIndex": 10,
    "/fapi/v1/ticker/24hr": 40,
    "/fapi/v1/ticker/price": 2,
    "/fapi/v2/ticker/price": 2,
    "/fapi/v1/ticker/bookTicker": 5,
    "/fapi/v1/forceOrders": 50,
}
_DEPTH = ((50, 2), (100, 5), (500, 10), (1000, 20))
_KLINES = ((100, 1), (500, 2), (1000, 5), (1500, 10))
_ORDERING = {("POST", "/fapi/v1/order"), ("PUT", "/fapi/v1/order"), ("POST", "/fapi/v1/algoOrder")}
_BATCHES = {("POST", "/fapi/v1/batchOrders"), ("PUT", "/fapi/v1/batchOrders")}


def trouble(code: int, text: str, status: int = 400) -> Reply:
    """Return an error as Binance writes it."""
    return Reply({"code": code, "msg": text}, status)


def parameters_of(call: Call) -> dict[str, str]:
    """Return what a request says in its query and its form together."""
    if not call.body:
        return dict(call.query)
    try:
        form = parse_qsl(call.body.decode(), keep_blank_values=True)
    except UnicodeDecodeError as error:
        raise Objection("-1100", "Illegal characters found in a parameter.", 400) from error
    return {**call.query, **dict(form)}


@dataclass(slots=True)
class _Window:
    """What was counted since a fixed moment."""

    number: int = -1
    count: int = 0

    def add(self, number: int, weight: int) -> int:
        if number != self.number:
            self.number, self.count = number, 0
        self.count += weight
        return self.count


@dataclass(slots=True)
class _Address:
    weight: _Window = field(default_factory=_Window)
    refused: _Window = field(default_factory=_Window)
    banned_until_ms: int = 0
    bans: int = 0


@dataclass(slots=True)
class _Orders:
    minute: _Window = field(default_factory=_Window)
    ten_seconds: _Window = field(default_factory=_Window)


class BinanceAccess:
    """Counts requests and checks who sends them."""

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange
        self._addresses: dict[str, _Address] = {}
        self._orders: dict[str, _Orders] = {}

    # ------------------------------------------------------------------ limits

    def admit(self, call: Call) -> Reply | None:
        """Count a request; return the refusal where its address has used its weight or is banned."""
        address = self._addresses.setdefault(call.peer, _Address())
        if call.now_ms < address.banned_until_ms:
            return self._banned(call, address)
        minute = call.now_ms // _MINUTE_MS
        used = address.weight.add(minute, weight_of(call))
        if used <= LIMITS["REQUEST_WEIGHT"]:
            return None
        if address.refused.add(minute, 1) > _BAN_AFTER:
            address.bans += 1
            address.banned_until_ms = call.now_ms + _BAN_MS * address.bans
            return self._banned(call, address)
        wait_s = (minute + 1) * 60 - call.now_ms // 1000
        reply = trouble(
            -1003,
            f"Too many requests; current limit of IP({call.peer}) is {LIMITS['REQUEST_WEIGHT']} requests per "
            "minute. Please use the websocket for live updates to avoid polling the API.",
            429,
        )
        reply.headers["Retry-After"] = str(max(wait_s, 1))
        return reply

    def _banned(self, call: Call, address: _Address) -> Reply:
        until_ms = address.banned_until_ms
        reply = trouble(
            -1003,
            f"Way too many requests; IP({call.peer}) banned until {until_ms}. Please use the websocket for live "
            "updates to avoid bans.",
            418,
        )
        reply.headers["Retry-After"] = str(max((until_ms - call.now_ms) // 1000, 1))
        return reply

    def ban(self, call: Call, seconds: float) -> Reply:
        """Ban the address of a request for some time; return what it is told."""
        address = self._addresses.setdefault(call.peer, _Address())
        address.banned_until_ms = call.now_ms + int(seconds * 1000)
        return self._banned(call, address)

    def count_orders(self, call: Call, account: FakeAccount, number: int) -> None:
        """Count orders of an account. Raises Objection beyond the limits."""
        orders = self._orders.setdefault(account.name, _Orders())
        in_ten = orders.ten_seconds.add(call.now_ms // _TEN_SECONDS_MS, number)
        in_minute = orders.minute.add(call.now_ms // _MINUTE_MS, number)
        if in_ten > LIMITS["ORDERS_10S"]:
            raise _too_many(LIMITS["ORDERS_10S"], "TEN_SECONDS")
        if in_minute > LIMITS["ORDERS_1M"]:
            raise _too_many(LIMITS["ORDERS_1M"], "MINUTE")

    def headers(self, call: Call) -> dict[str, str]:
        """Return what every reply says of the limits."""
        address = self._addresses.get(call.peer)
        used = address.weight.add(call.now_ms // _MINUTE_MS, 0) if address else 0
        told = {"X-MBX-USED-WEIGHT-1M": str(used)}
        if (call.method, call.path) in _ORDERING | _BATCHES:
            account = self._exchange.account(call.headers.get("x-mbx-apikey", ""))
            orders = self._orders.get(account.name) if account is not None else None
            if orders is not None:
                told["X-MBX-ORDER-COUNT-10S"] = str(orders.ten_seconds.count)
                told["X-MBX-ORDER-COUNT-1M"] = str(orders.minute.count)
        return told

    # ------------------------------------------------------------------ keys

    def holder(self, call: Call) -> FakeAccount:
        """Return the account of the key that a request shows. Raises Objection where there is none."""
        account = self._exchange.account(call.headers.get("x-mbx-apikey", ""))
        if account is None or not account.key_valid:
            raise Objection("-2015", "Invalid API-key, IP, or permissions for action.", 401)
        return account

    def signer(self, call: Call) -> tuple[FakeAccount, dict[str, str]]:
        """Return the account that signed a request, and its parameters. Raises Objection for anything wrong."""
        said = parameters_of(call)
        if not call.headers.get("x-mbx-apikey"):
            raise Objection("-2014", "API-key format invalid.", 401)
        account = self.holder(call)
        _check_time(said, call.now_ms)
        text = "&".join(part for part in (call.raw_query, call.body.decode(errors="replace")) if part)
        signed, _, signature = text.rpartition("&signature=")
        if not signature:
            raise Objection("-1102", "Mandatory parameter 'signature' was not sent, was empty/null.", 400)
        if not matches(signature, hex_hmac(account.secret, signed)):
            raise Objection("-1022", "Signature for this request is not valid.", 400)
        self._exchange.check(account, "read" if call.method == "GET" else "trade", call.peer)
        told = {name: value for name, value in said.items() if name != "signature"}
        self._exchange.record.request(account.name, f"{call.method} {call.path}", told, call.now_ns)
        return account, said


def _too_many(limit: int, span: str) -> Objection:
    return Objection("-1015", f"Too many new orders; current limit is {limit} orders per {span}.", 429)


def _check_time(said: Mapping[str, str], now_ms: int) -> None:
    stamp, window = said.get("timestamp", ""), said.get("recvWindow", str(_WINDOW_MS))
    if not _NUMBER.fullmatch(stamp):
        raise Objection(
            "-1102", "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.", 400
        )
    if not _NUMBER.fullmatch(window) or not 0 < int(window) <= _WINDOW_MAX_MS:
        raise Objection("-1131", f"recvWindow must be less than {_WINDOW_MAX_MS}", 400)
    if int(stamp) >= now_ms + _AHEAD_MS:
        raise Objection("-1021", "Timestamp for this request was 1000ms ahead of the server's time.", 400)
    if now_ms - int(stamp) > int(window):
        raise Objection("-1021", "Timestamp for this request is outside of the recvWindow.", 400)


def weight_of(call: Call) -> int:
    """Return the weight of a request against its address's limit."""
    if (call.method, call.path) in _ORDERING:
        return 0
    if (call.method, call.path) in _BATCHES:
        return 5
    if call.path == "/fapi/v1/depth":
        return _by_limit(call, 500, _DEPTH)
    if call.path.endswith("lines"):
        return _by_limit(call, 500, _KLINES)
    if call.path in _WITHOUT_SYMBOL and "symbol" not in call.query:
        return _WITHOUT_SYMBOL[call.path]
    return _WEIGHTS.get(call.path, 1)


def _by_limit(call: Call, default: int, table: tuple[tuple[int, int], ...]) -> int:
    text = call.query.get("limit", str(default))
    limit = int(text) if _NUMBER.fullmatch(text) else default
    return next((weight for most, weight in table if limit <= most), table[-1][1])


def signed(access: BinanceAccess, handler: Any) -> Callable[[Call], Reply]:  # noqa: ANN401 - takes (call, account, said)
    """Return a handler of calls that checks who signed before it asks `handler`."""

    def answer(call: Call) -> Reply:
        account, said = access.signer(call)
        return Reply(handler(call, account, said))

    return answer


def week(
    call: Call, said: Mapping[str, str], default: int, most: int, *, refuses: bool = True
) -> tuple[int, int, int]:
    """Return start, end and rows of a history that is told for seven days at a time.

    What is older than 90 days is refused, or else not told.
    """
    limit = whole_in(said, "limit", default)
    if not 1 <= limit <= most:
        raise Objection("-1130", "Data sent for parameter 'limit' is not valid.", 400)
    start_ns, end_ns = whole_in(said, "startTime") * _NS, whole_in(said, "endTime") * _NS
    if start_ns and end_ns and end_ns - start_ns > _WEEK_NS:
        raise Objection("-4165", "Maximum time interval is 7 days.", 400)
    forgotten_ns = call.now_ns - _KEPT_NS
    if start_ns and start_ns < forgotten_ns:
        if refuses:
            raise Objection("-4166", "Search window is restricted to recent 90 days only.", 400)
        end_ns = end_ns or start_ns + _WEEK_NS
        start_ns = forgotten_ns
    if start_ns:
        return start_ns, end_ns or start_ns + _WEEK_NS, limit
    end_ns = end_ns or call.now_ns + _NS
    return end_ns - _WEEK_NS, end_ns, limit
