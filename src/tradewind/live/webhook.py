"""The door for signals from outside: an HTTP server that does nothing but hand requests to the intake.

One signal at a time: it is judged, its nonce is made durable, its values are journaled and applied, then it is
answered. Whoever comes without the key costs one comparison; more than some a second are turned away unread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tradewind.errors import JournalError, SafetyRefusal, TradewindError
from tradewind.journal.bodies import Audit
from tradewind.live.intake import STATUS, Intake
from tradewind.live.outside import feature_facts

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from numpy.typing import NDArray

    from tradewind.live.intake import Taken
    from tradewind.live.nonces import Nonces
    from tradewind.live.outside import Feature

__all__ = ["SignalDesk", "WebhookServer"]

_READ_S = 5.0
_TURN_S = 5.0
_CLOSE_S = 1.0
_UNREAD_TIMES = 10
"""So many times the rate of signals may knock; the rest are turned away unread."""
_UNREAD_MIN = 600
_MINUTE_S = 60.0


class SignalDesk:
    """Takes signals into a session.

    Parameters
    ----------
    intake, nonces
        Who judges, and what was taken.
    features
        Every value by its place, as `Value.place`, and where it stands in the core; in several where several
        strategies read it.
    post
        Brings facts into the session with what is written down beside them, as `Session.post`.
    keep
        Does work that waits for the disk.
    clock
        Our time, nanoseconds UTC, never before what the session knows.
    counted
        Is told "taken" for each signal that was.
    refused
        Is told of every refusal: (code, who).
    """

    def __init__(
        self,
        intake: Intake,
        nonces: Nonces,
        features: Mapping[str, tuple[Feature, ...]],
        *,
        post: Callable[[NDArray[Any], Audit], Awaitable[None]],
        keep: Callable[[Callable[[], None]], Awaitable[None]],
        clock: Callable[[], int],
        counted: Callable[[str], None],
        refused: Callable[[str, str], None],
    ) -> None:
        self._intake, self._nonces, self._features = intake, nonces, features
        self._post, self._keep, self._clock = post, keep, clock
        self._counted, self._refused = counted, refused
        self._turn = asyncio.Lock()

    async def answer(
        self, path: str, headers: Mapping[str, str], body: bytes, who: str
    ) -> tuple[int, dict[str, Any]]:
        """Take a signal or refuse it; return the status of HTTP and what is told."""
        try:
            async with asyncio.timeout(_TURN_S):
                await self._turn.acquire()
        except TimeoutError:
            return self.refuse(SafetyRefusal("SIGNAL_CLOSED", "The session is busy."), who)
        try:
            return 200, {"ok": await self._take(path, headers, body, who)}
        except TradewindError as error:
            return self.refuse(error, who)
        finally:
            self._turn.release()

    def refuse(self, error: TradewindError, who: str) -> tuple[int, dict[str, Any]]:
        """Count a refusal; return the status of HTTP and what is told."""
        self._refused(error.code, who)
        return STATUS.get(error.code, 500), {"error": error.to_json()}

    async def _take(self, path: str, headers: Mapping[str, str], body: bytes, who: str) -> dict[str, Any]:
        taken = self._intake.judge(path, headers, body, self._clock() // 1_000_000)
        try:
            await self._keep(lambda: self._nonces.keep(taken.line))
        except (OSError, JournalError) as error:
            raise SafetyRefusal("SIGNAL_CLOSED", "The disk does not take what was signed.") from error
        known_ns = await self._tell(taken, who)
        self._counted("taken")
        return {"values": len(taken.values), "known_ns": known_ns}

    async def _tell(self, taken: Taken, who: str) -> int:
        """Bring values into the session; return when they were known, once that is durable and applied."""
        now_ns = self._clock()
        told = [(feature, value.value) for value in taken.values for feature in self._features[value.place]]
        values = [[each.name, each.symbol, each.value] for each in taken.values]
        detail = {"from": who, "signed_ms": taken.stamp_ms, "values": values}
        facts = feature_facts(told, taken.stamp_ms * 1_000_000, now_ns)
        await self._post(facts, Audit(now_ns, "", "signal", detail))
        return now_ns


class WebhookServer:
    """Listens for signals until closed.

    Parameters
    ----------
    desk
        Takes them.
    max_body_bytes, per_minute
        Longest signal, and how many are taken within a minute.
    """

    def __init__(self, desk: SignalDesk, max_body_bytes: int, per_minute: int) -> None:
        self._desk, self._max = desk, max_body_bytes
        self._most = max(_UNREAD_MIN, _UNREAD_TIMES * per_minute)
        self._knocks, self._minute_s = 0, 0.0
        self._runner: Any = None

    async def open(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Begin to listen on a socket that is bound; it is closed with this."""
        from aiohttp import web

        from tradewind.live.listener import QuietServer

        server = QuietServer(self._attend, self._turn_away, self._max)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, ssl_context=tls).start()

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _attend(self, request: Any) -> Any:  # noqa: ANN401 - aiohttp is imported when it is needed
        from aiohttp import web

        who = f"webhook {request.remote}"
        try:
            body = await self._read(request)
        except SafetyRefusal as error:
            status, told = self._desk.refuse(error, who)
            answer = web.json_response(told, status=status)
            answer.force_close()  # What was not read is not waited for.
            return answer
        status, told = await self._desk.answer(request.raw_path, request.headers, body, who)
        return web.json_response(told, status=status)

    def _turn_away(self, who: str) -> Any:  # noqa: ANN401 - as above
        """Return the answer to what is no HTTP; it is counted as a signal without a form."""
        from aiohttp import web

        refusal = SafetyRefusal("SIGNAL_FORM", "The signal is refused: it is no HTTP.")
        status, told = self._desk.refuse(refusal, f"webhook {who}")
        return web.json_response(told, status=status)

    async def _read(self, request: Any) -> bytes:  # noqa: ANN401 - as above
        """Return the body of a POST. Raises SafetyRefusal for what is not worth reading."""
        from aiohttp import web

        now_s = asyncio.get_running_loop().time()
        if now_s - self._minute_s >= _MINUTE_S:
            self._knocks, self._minute_s = 0, now_s
        self._knocks += 1
        if self._knocks > self._most:
            raise SafetyRefusal("SIGNAL_RATE", "The signal is refused: too many come.")
        if request.method != "POST" or request.content_type != "application/json":
            raise SafetyRefusal("SIGNAL_FORM", "The signal is refused: it is no POST of application/json.")
        try:
            async with asyncio.timeout(_READ_S):
                if request.headers.get("Expect", "").lower() == "100-continue":
                    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    request.writer.output_size = 0
                body: bytes = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise SafetyRefusal(
                "SIGNAL_TOO_LARGE", f"The signal is refused: it is longer than {self._max} bytes."
            ) from None
        except TimeoutError:
            raise SafetyRefusal("SIGNAL_FORM", "The signal is refused: its body does not come.") from None
        return body
