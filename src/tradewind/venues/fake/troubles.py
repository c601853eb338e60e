"""What befalls calls and frames on their way, by plan: lost, late, refused, garbled, told twice, never told.

The plan (`Misfortunes`) says what strikes when; this carries it out for calls (`CallTroubles`) and for the frames
of one socket (`FrameTroubles`). What the venue did stays done: an answer that is lost was one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.protocol import Call, Failure, Reply

if TYPE_CHECKING:
    from tradewind.venues.fake.misfortunes import Misfortunes, Strike
    from tradewind.venues.fake.protocol import Session, VenueProtocol

__all__ = ["CallTroubles", "Course", "FrameTroubles", "dial_failure"]

_FAILURES = {
    "F21": Failure.ADDRESS_DENIED,
    "F22": Failure.RATE_LIMIT,
    "F23": Failure.BAN,
    "F24": Failure.ORDER_LIMIT,
    "F74": Failure.CLOCK,
}
_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_PAGE = {"Content-Type": "text/html"}
_BODIES = (_HTML.format("Attention Required!"), "", "{}", "[]", "null")
_DIALS = ("refused", "name", "certificate")
_IMPOSSIBLE = ("0", "-1", "NaN", "1000000000000", "null")
_PRICES = frozenset({"p", "price", "markPrice", "px", "last", "markPx", "lastPrice", "c", "close", "b", "a"})
_KLINE_CLOSE = 4


@dataclass(slots=True)
class Course:
    """How a call goes on.

    Parameters
    ----------
    reply
        What is answered; None: nothing, the connection is reset.
    delay_s
        What passes before that.
    close
        The connection is not kept for the next request.
    """

    reply: Reply | None
    delay_s: float = 0.0
    close: bool = False


class CallTroubles:
    """Leads one call through the plan.

    Parameters
    ----------
    protocol
        Answers it.
    call
        What came.
    """

    def __init__(self, protocol: VenueProtocol, call: Call) -> None:
        self._protocol = protocol
        self._call = call
        self._plan: Misfortunes | None = protocol.exchange.misfortunes
        self._purpose = protocol.purpose(call)

    def lead(self) -> Course:
        """Answer the call, as far as the plan lets it come and its answer go."""
        if self._plan is None:
            return Course(self._protocol.answer(self._call))
        course = self._before() or self._after()
        # As long as a failing dial is ahead no connection is kept, so that there will be a dial.
        course.close = any(s.fault == "F01" and self._call.now_ns < s.end_ns for s in self._plan.plan)
        return course

    def _strike(self, point: str) -> Strike | None:
        assert self._plan is not None
        return self._plan.strikes(
            point,
            now_ns=self._call.now_ns,
            account=self._protocol.holder_name(self._call),
            detail=self._call.path,
        )

    def _before(self) -> Course | None:
        """Return how the call ends before it is processed, None where it is."""
        strike = self._strike("request") or (self._strike("submit") if self._purpose == "submit" else None)
        if strike is None:
            return None
        if strike.fault in _FAILURES:
            failure = _FAILURES[strike.fault]
            return Course(self._protocol.failed(self._call, failure, strike.arg("retry_s", 5.0)))
        if strike.fault == "F07":
            return Course(self._protocol.answer(self._call), strike.arg("late_s"))
        if strike.fault == "F08":
            return Course(None, (strike.end_ns - self._call.now_ns) / SECOND_NS)
        return Course(None)

    def _after(self) -> Course:
        strike = self._strike(f"{self._purpose}.answer") if self._purpose != "other" else None
        if strike is None:
            return Course(self._protocol.answer(self._call))
        if strike.fault == "F26":
            return self._unknown_status(strike)
        reply = self._protocol.answer(self._call)
        if strike.fault in ("F02", "F06", "F29"):
            return Course(None)
        if strike.fault == "F03":
            return Course(reply, strike.arg("late_s"))
        if strike.fault == "F04":
            status = int(strike.arg("status", 504))
            return Course(Reply(_HTML.format(f"{status} Gateway"), status, dict(_PAGE)))
        if strike.fault == "F05":
            return Course(self._garbled(reply, int(strike.arg("form"))))
        if strike.fault == "F58" and reply.status == 200:
            return Course(
                Reply(_with_impossible(_plain_data(reply.data), self._choice(strike, _IMPOSSIBLE)), 200)
            )
        if strike.fault == "F18":
            return Course(self._protocol.aged(self._call, reply, strike.arg("age_s", 5.0)))
        return Course(reply)

    def _unknown_status(self, strike: Strike) -> Course:
        assert self._plan is not None
        if self._plan.chance() < strike.arg("live", 0.5):
            self._protocol.answer(self._call)
        return Course(self._protocol.failed(self._call, Failure.UNKNOWN_STATUS, 1.0))

    def _choice(self, strike: Strike, forms: tuple[str, ...]) -> str:
        assert self._plan is not None
        form = int(strike.arg("form"))
        return forms[(form - 1) % len(forms)] if form else forms[int(self._plan.chance() * len(forms))]

    def _garbled(self, reply: Reply, form: int) -> Reply:
        """Return 200 with what is no answer: 1 a page, 2 nothing, 3 {}, 4 [], 5 null, 6 JSON cut short; 0 any."""
        assert self._plan is not None
        number = form or 1 + int(self._plan.chance() * (len(_BODIES) + 1))
        if number > len(_BODIES):
            whole = msgspec.json.encode(_plain_data(reply.data))
            return Reply(whole[: len(whole) // 2], 200)
        return Reply(_BODIES[number - 1], 200, dict(_PAGE) if number == 1 else {})


class FrameTroubles:
    """Leads the frames of one socket through the plan.

    Parameters
    ----------
    protocol, session
        Whose socket it is: an account's where the session has an `account`.
    """

    def __init__(self, protocol: VenueProtocol, session: Session) -> None:
        self._exchange = protocol.exchange
        self._plan: Misfortunes | None = protocol.exchange.misfortunes
        self._session = session
        self._silent: list[Strike] = []
        self.close_code = 0
        self._telling = False

    def lead(self, message: object) -> list[bytes]:
        """Return the frames that go out in place of one; `close_code` says whether the socket is closed after."""
        data = message if isinstance(message, bytes) else _encoded(message)
        if self._plan is None or self._telling:
            return [data]
        now_ns = self._exchange.now_ns()
        symbol = self._symbol_in(data)
        self._silent = [strike for strike in self._silent if now_ns < strike.end_ns]
        if any(_concerns(strike, symbol) for strike in self._silent):
            return []
        frames = [data]
        strike = self._strike(self._point(), now_ns, symbol) or self._strike("stream.frame", now_ns, symbol)
        if strike is not None:
            frames = self._carried_out(strike, data)
        return frames

    def _point(self) -> str:
        return "stream.user" if getattr(self._session, "account", None) is not None else "stream.public"

    def _strike(self, point: str, now_ns: int, symbol: str) -> Strike | None:
        assert self._plan is not None
        account = getattr(getattr(self._session, "account", None), "name", "")
        return self._plan.strikes(point, now_ns=now_ns, symbol=symbol, account=account)

    def _symbol_in(self, data: bytes) -> str:
        head = data[:200].upper()
        return next((name for name in self._exchange.instruments if name.encode() in head), "")

    def _carried_out(self, strike: Strike, data: bytes) -> list[bytes]:
        fault = strike.fault
        if fault in ("F09", "F10"):
            self._silent.append(strike)
            return []
        if fault == "F17":
            return []
        if fault == "F11":
            self.close_code = int(strike.arg("code", 1001))
        elif fault == "F13":
            return [self._malformed(strike, data)]
        elif fault == "F14":
            return [data, data]
        elif fault == "F19":
            return [data, self._foreign(data)]
        elif fault == "F20":
            return self._flood(strike, data)
        elif fault == "F58":
            return [_encoded(_with_impossible(_decoded(data), self._form(strike)))]
        elif fault == "F73":
            self._expire()
        return [data]

    def _malformed(self, strike: Strike, data: bytes) -> bytes:
        """Forms: 1 cut JSON, 2 an empty list, 3 a price that is NaN, 4 plain text; 0 any."""
        assert self._plan is not None
        form = int(strike.arg("form")) or 1 + int(self._plan.chance() * 4)
        if form == 1:
            return data[: max(len(data) // 2, 1)]
        if form == 2:
            return b"[]"
        if form == 3:
            return _encoded(_with_impossible(_decoded(data), "NaN"))
        return b"internal error"

    def _foreign(self, data: bytes) -> bytes:
        symbol = self._symbol_in(data)
        return data.replace(symbol.encode(), b"ZZZ" + symbol.encode()) if symbol else data

    def _flood(self, strike: Strike, data: bytes) -> list[bytes]:
        assert self._plan is not None
        if self._plan.chance() < 0.5:
            return [data] * int(strike.arg("frames", 5_000))
        return [_encoded({"e": "padding", "x": "0" * int(strike.arg("bytes", 10_000_000))})]

    def _form(self, strike: Strike) -> str:
        assert self._plan is not None
        form = int(strike.arg("form"))
        return _IMPOSSIBLE[(form - 1) % 5] if form else _IMPOSSIBLE[int(self._plan.chance() * 5)]

    def _expire(self) -> None:
        expire = getattr(self._session, "expire", None)
        if expire is not None:
            self._telling = True
            try:
                expire()
            finally:
                self._telling = False


def dial_failure(protocol: VenueProtocol, dial: Call, *, stream: bool) -> str:
    """Return how a connection fails that is wanted for a call: for an order (F01) or for a socket (F12).

    Forms of F01: 1 refused, 2 the name is not found, 3 the certificate is not valid; 0 any of them.
    """
    plan = protocol.exchange.misfortunes
    if plan is None or not (stream or protocol.purpose(dial) == "submit"):
        return ""
    point = "stream.dial" if stream else "dial"
    strike = plan.strikes(point, now_ns=dial.now_ns, detail=dial.path)
    if strike is None:
        return ""
    form = int(strike.arg("form")) or (1 if stream else 1 + int(plan.chance() * len(_DIALS)))
    return _DIALS[(form - 1) % len(_DIALS)]


def _concerns(strike: Strike, symbol: str) -> bool:
    return strike.pattern in ("*", symbol)


def _encoded(message: object) -> bytes:
    return message.encode() if isinstance(message, str) else msgspec.json.encode(message)


def _decoded(data: bytes) -> Any:  # noqa: ANN401 - whatever the frame held
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode(errors="replace")


def _plain_data(data: object) -> Any:  # noqa: ANN401 - whatever the reply held
    return msgspec.to_builtins(data)


def _with_impossible(data: Any, value: str) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with its first price replaced by what no price can be."""
    data, _ = _replaced(data, value)
    return data


def _replaced(data: Any, value: str) -> tuple[Any, bool]:  # noqa: ANN401 - any JSON
    if isinstance(data, dict):
        return _replaced_in(dict(data), list(data.items()), value)
    if not isinstance(data, list):
        return data, False
    if len(data) > _KLINE_CLOSE and not isinstance(data[0], (list, dict)):
        return [*data[:_KLINE_CLOSE], value, *data[_KLINE_CLOSE + 1 :]], True
    return _replaced_in(list(data), list(enumerate(data)), value)


def _replaced_in(copy: Any, items: list[tuple[Any, Any]], value: str) -> tuple[Any, bool]:  # noqa: ANN401 - any JSON
    for key, item in items:
        if key in _PRICES and isinstance(item, (str, float, int)) and not isinstance(item, bool):
            copy[key] = value
            return copy, True
        copy[key], done = _replaced(item, value)
        if done:
            return copy, True
    return copy, False
