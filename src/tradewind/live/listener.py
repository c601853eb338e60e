"""An HTTP server that says little: what is no HTTP is counted, answered in a word and never shown.

The library's own server writes a traceback for every request that it cannot read, tells its name and version, and
repeats what came.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["QuietServer"]

_MINUTE_S = 60.0
_OURS = 500
"""From this status on what went wrong is no fault of who asks."""
_log = logging.getLogger(__name__)


class _QuietRequest(web.BaseRequest):
    """A request whose answer does not say what serves it."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


class _QuietHandler(web.RequestHandler):
    """One connection; `_manager` is the server."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read or went wrong; the connection ends with it."""
        server: Any = self._manager
        if status < _OURS:
            answer: web.StreamResponse = server.refuse(str(request.remote))
        else:
            self.log_exception("a request could not be answered", exc_info=exc)
            answer = web.Response(status=status, text="not answered\n")
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as the library has it
        """Write down a fault of ours, one a minute at most."""
        server: Any = self._manager
        if server is not None and server.may_log():
            _log.error(*args, **kw)


class QuietServer(web.Server):
    """What `web.ServerRunner` runs.

    Parameters
    ----------
    attend
        Answers a request.
    refuse
        Returns the answer to what is no HTTP, given who sent it, and counts it.
    max_body_bytes
        Longest body that is read.
    """

    def __init__(
        self,
        attend: Callable[[Any], Awaitable[web.StreamResponse]],
        refuse: Callable[[str], web.StreamResponse],
        max_body_bytes: int,
    ) -> None:
        super().__init__(attend, request_factory=self._ask, access_log=None)
        self.refuse, self._max = refuse, max_body_bytes
        self._logged_s: float | None = None

    def __call__(self) -> web.RequestHandler:
        """Return what attends to a new connection."""
        return _QuietHandler(self, loop=self._loop, access_log=None)  # type: ignore[arg-type]

    def may_log(self) -> bool:
        """Say whether a fault may be written down: none was within a minute."""
        now_s = time.monotonic()
        if self._logged_s is not None and now_s - self._logged_s < _MINUTE_S:
            return False
        self._logged_s = now_s
        return True

    def _ask(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:  # noqa: ANN401
        return _QuietRequest(message, payload, protocol, writer, task, self._loop, client_max_size=self._max)
