"""One request and its answer: paced, signed by ccxt, sent once, and handed back with everything that can be proven.

Nothing here raises for what a venue or a network does: an answer says what was heard, and the caller decides what
that proves. Nothing is ever sent twice here, but for a request that the venue refused because of its timestamp, whose
id is the same.
"""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec
from ccxt.base.errors import BaseError

from tradewind.venues.ccxt.actions import ActionSigner
from tradewind.venues.ccxt.budget import Budget, Urgency
from tradewind.venues.ccxt.classification import code_of, is_never_sent, look_up
from tradewind.venues.ccxt.dialect import Meaning, value_at
from tradewind.venues.ccxt.exchange import redact
from tradewind.venues.ccxt.parsing import rows_at, word_of
from tradewind.venues.ccxt.traffic import Traffic
from tradewind.venues.ccxt.venue_clock import VenueClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.ccxt.budget import Address
    from tradewind.venues.ccxt.dialect import Call, Dialect, Path
    from tradewind.venues.ccxt.row_values import Row

__all__ = ["Answer", "Wire"]

_MS_NS = 1_000_000
_S_NS = 1_000_000_000
_ACTIONS_IN = "private"
PATIENCE_NS = {Urgency.READ: 120 * _S_NS, Urgency.OPEN: 5 * _S_NS, Urgency.PROTECT: 10 * _S_NS}
"""How long a request may wait for room. A new order that has waited longer is another order than was decided."""


class _Heard(msgspec.Struct):
    """What the transport heard of one request."""

    status: int = 0
    headers: Mapping[str, str] = {}
    text: str = ""


_HEARD: ContextVar[_Heard | None] = ContextVar("heard", default=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    Parameters
    ----------
    status, headers, body
        Of HTTP; 0 and None where no answer came. `body` is decoded JSON, or None where it is none.
    error
        What ccxt raised, if anything.
    refused
        Why it was not sent at all, by our own rules; "" where it was.
    retry_ns
        Do not ask again before.
    signed_ns, heard_ns
        Our time when it was signed and when it ended.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    error: Exception | None = None
    refused: str = ""
    retry_ns: int = 0
    signed_ns: int = 0
    heard_ns: int = 0

    @property
    def fine(self) -> bool:
        """Whether the venue answered, and with no error."""
        return self.error is None and not self.refused and isinstance(self.body, dict | list)

    def rows(self, path: Path) -> list[Row]:
        """Return the rows at a place of the body."""
        return rows_at(self.body, path)


class Wire:
    """Sends requests of one account through one ccxt object.

    Parameters
    ----------
    exchange
        Built by `exchange.build_exchange`; its hook for answers is taken over.
    now_ns
        This machine's time.
    address
        What it shares with others who ask this venue from here; None: it is alone.
    """

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - ccxt ships no types
        dialect: Dialect,
        now_ns: Callable[[], int],
        address: Address | None = None,
    ) -> None:
        self.exchange = exchange
        self.dialect = dialect
        self.budget = Budget(dialect.windows, now_ns, address)
        self.traffic = Traffic(self.budget)
        self.clock = VenueClock(now_ns, asyncio.get_running_loop().time)
        self.now_ns = now_ns
        self._actions = ActionSigner(exchange, _ACTIONS_IN) if dialect.actions else None
        self._says_expiry = dialect.fence == "expiry" and self._actions is None
        self.clock_error: Exception | None = None
        """Why the last question for the time was not answered; None where it was."""
        # What is signed bears the session's time, as all else does that is told by it.
        exchange.milliseconds = lambda: now_ns() // _MS_NS
        if dialect.unique_nonce_ms:
            exchange.milliseconds = _each_once(exchange.milliseconds)
        self._plain_hook = exchange.on_rest_response
        exchange.on_rest_response = self._hear

    async def ask(self, call: Call, params: object, urgency: Urgency = Urgency.READ) -> Answer:
        """Send one request and return what came of it.

        A request refused for its timestamp is sent once more after the clock was measured: the venue has not looked
        at it, and its id is the same.
        """
        answer = await self._ask(call, params, urgency)
        meaning = self._means(answer)
        if meaning is Meaning.CLOCK:
            self.clock.forget()
            await self.measure_clock()
            answer = await self._ask(call, params, urgency)
            meaning = self._means(answer)
        if meaning is Meaning.RATE and not answer.retry_ns:
            self.budget.pause()
        self.traffic.note(answer, meaning)
        return answer

    async def _ask(self, call: Call, params: object, urgency: Urgency) -> Answer:
        if not self.clock.trusted and call.api != self.dialect.clock.call.api:
            return Answer(refused=self._clock_text(), heard_ns=self.now_ns())
        budget, patience_ns = self.budget, PATIENCE_NS[urgency]
        if budget.silent_until_ns:
            # A ban is told at once: who waits through it believes that somebody listens. So is a pause to what opens.
            silenced = Urgency.OPEN if urgency is Urgency.OPEN else Urgency.PROTECT
            patience_ns = 0 if budget.is_silenced(silenced) else patience_ns
        retry_ns = await budget.take(
            call.group,
            call.weight,
            urgency,
            patience_ns=patience_ns,
            count=_rows_in(call, params) if call.wrap else 1,
        )
        if retry_ns:
            return Answer(
                refused="the venue's limits leave no room", retry_ns=retry_ns, heard_ns=self.now_ns()
            )
        return await self._send(call, params)

    async def _send(self, call: Call, params: object) -> Answer:
        heard, signed_ns = _Heard(), self.now_ns()
        token = _HEARD.set(heard)
        error: Exception | None = None
        try:
            exchange = self.exchange
            if self._actions is not None:
                params = self._actions.request(call, params, self._until_ms(signed_ns))
            request = exchange.sign(call.path, call.sections, call.method, params)
            headers = request["headers"] or {}
            if None in headers.values():  # A broker's mark that was taken out of ccxt's options.
                headers = {name: value for name, value in headers.items() if value is not None}
            if self._says_expiry:
                headers = {**headers, **self._expiry(call, signed_ns)}
            await exchange.fetch(request["url"], request["method"], headers, request["body"])
        except (BaseError, OSError, ValueError) as raised:
            error = raised
        finally:
            _HEARD.reset(token)
        retry_ns = (
            self.budget.hear(heard.status, heard.headers, heard.text, call.group) if heard.status else 0
        )
        return Answer(
            heard.status,
            heard.headers,
            _decoded(heard.text),
            error,
            retry_ns=retry_ns,
            signed_ns=signed_ns,
            heard_ns=self.now_ns(),
        )

    def _hear(self, *said: Any) -> str:  # noqa: ANN401 - ccxt's hook: status, reason, address, method, headers, body, …
        """Keep what was heard where its own request finds it, whatever else is on the way at the same time."""
        status, headers, text = said[0], dict(said[4]), said[5]
        heard = _HEARD.get()
        if heard is None:
            # A request of ccxt's own, such as that for a listen key: it counts all the same, and so does its answer.
            self.budget.note()
            self.budget.hear(status, headers, text)
        else:
            heard.status, heard.headers, heard.text = status, headers, text
        passed_on: str = self._plain_hook(*said)
        return passed_on

    def _expiry(self, call: Call, signed_ns: int) -> dict[str, str]:
        if call.method == "GET":
            return {}
        return {"expTime": str(self._until_ms(signed_ns))}

    def _until_ms(self, signed_ns: int) -> int:
        """Return the venue's time after which what is signed now is not to be executed."""
        return (signed_ns + self.clock.offset_ns) // _MS_NS + self.dialect.receive_window_ms

    def _means(self, answer: Answer) -> Meaning | None:
        if answer.error is None or is_never_sent(answer.error):
            return None
        row = look_up(self.dialect, code_of(self.dialect, answer.body))
        return row.meaning if row is not None else None

    def fence_ns(self, signed_ns: int) -> int:
        """Return the time after which a request signed then can no longer be executed, 0 where there is none.

        The venue judges by its own clock: the largest offset that we sign at, and a second for its engine, are added.
        """
        if not self.dialect.fence:
            return 0
        return signed_ns + self.dialect.receive_window_ms * _MS_NS + 2 * _S_NS

    # ------------------------------------------------------------------ time

    async def measure_clock(self, times: int = 1) -> bool:
        """Ask the venue for its time; return whether it told."""
        told = False
        self.clock_error = None
        for _ in range(times):
            answer = await self._ask(
                self.dialect.clock.call, dict(self.dialect.clock.call.fields), Urgency.PROTECT
            )
            told = self._take_time(answer) or told
            self.clock_error = answer.error
        self.exchange.options["timeDifference"] = -self.clock.offset_ns // _MS_NS
        return told

    def _take_time(self, answer: Answer) -> bool:
        if self.dialect.clock.date_header:
            date = {k.lower(): v for k, v in answer.headers.items()}.get("date", "")
            venue_ns = _date_ns(date)
            if venue_ns:
                self.clock.add(answer.signed_ns, venue_ns, answer.heard_ns, _S_NS)
            return bool(venue_ns)
        word = word_of(value_at(answer.body, self.dialect.clock.at))
        if not answer.fine or not (word.isascii() and word.isdigit()):
            return False
        self.clock.add(answer.signed_ns, int(word) * _MS_NS, answer.heard_ns)
        return True

    def _clock_text(self) -> str:
        if not self.clock.known:
            return "the venue's clock is not known yet"
        return f"this machine's clock is {self.clock.offset_ns / _S_NS:+.3f} s from the venue's"

    # ------------------------------------------------------------------ words for people

    def text_of(self, answer: Answer) -> str:
        """Return what was said, in one short line without secrets."""
        if answer.refused:
            return answer.refused
        if answer.error is None:
            return redact(json.dumps(answer.body))
        cause = answer.error.__cause__
        return redact(f"{type(answer.error).__name__}: {answer.error}" + (f" ({cause})" if cause else ""))


def _each_once(milliseconds: Callable[[], int]) -> Callable[[], int]:
    """Return a clock that tells no millisecond twice, for a venue that takes a nonce once.

    ccxt makes the nonce of the time, also of requests and logins of its own; all of one client read this clock.
    """
    last_ms = 0

    def later() -> int:
        nonlocal last_ms
        last_ms = max(milliseconds(), last_ms + 1)
        return last_ms

    return later


def _rows_in(call: Call, params: object) -> int:
    """Return how many rows a request holds, in a list or under a name."""
    rows = params.get(call.wrap) if isinstance(params, dict) else params
    return len(rows) if isinstance(rows, list) else 1


def _decoded(text: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError:
        return None
    return found


def _date_ns(text: str) -> int:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * _S_NS
    except (TypeError, ValueError):
        return 0
