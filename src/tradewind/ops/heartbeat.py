"""The heartbeat: somebody outside is called as long as a session is well, and raises the alarm when we fall silent."""

from __future__ import annotations

import threading
import urllib.request
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from http.client import HTTPMessage

__all__ = ["Heartbeat"]

_TIMEOUT_S: Final = 10.0


class _StayThere(urllib.request.HTTPRedirectHandler):
    """Follows nobody to another address: the one of the settings was judged, another was not."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,  # noqa: ANN401 - as the library has it
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


class Heartbeat:
    """Calls an address with GET, in a thread, never two at a time.

    Parameters
    ----------
    url
        As `tradewind.config.urls` lets it through. It may hold a token, and is never shown.
    timeout_s
        How long an answer is waited for.

    Attributes
    ----------
    sent, failed, skipped
        Calls that were answered with success, that were not, and that were left out because the one before still
        waited.
    """

    def __init__(self, url: str, timeout_s: float = _TIMEOUT_S) -> None:
        self.sent = self.failed = self.skipped = 0
        self._url, self._timeout_s = url, timeout_s
        self._calling: threading.Thread | None = None
        self._opener = urllib.request.build_opener(_StayThere, urllib.request.ProxyHandler())

    def __call__(self) -> None:
        """Call, and return at once."""
        if self._calling is not None and self._calling.is_alive():
            self.skipped += 1
            return
        self._calling = threading.Thread(target=self._call, name="heartbeat", daemon=True)
        self._calling.start()

    def wait(self, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait for the call that is under way."""
        if self._calling is not None:
            self._calling.join(timeout_s)

    def _call(self) -> None:
        # The settings let through https, and http on this machine only.
        request = urllib.request.Request(self._url, headers={"User-Agent": "tradewind"})  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(1)
        except (OSError, ValueError):
            self.failed += 1
        else:
            self.sent += 1
