"""The heartbeat: somebody outside is called as long as a session is well, and raises the alarm when we fall silent."""

from __future__ import annotations

import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage

__all__ = ["PATIENCE_S", "Heartbeat"]

_TIMEOUT_S: Final = 10.0
PATIENCE_S: Final = 180.0
"""A heartbeat that nobody has taken for so long is told of."""


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
    tell
        Is told once when no call has succeeded for some minutes, and again only after one has.
    patience_s
        So many seconds.
    heard
        Is called after each call, with itself and whether it was taken, in a thread of its own.

    Attributes
    ----------
    sent, failed, skipped
        Calls that were answered with success, that were not, and that were left out because the one before still
        waited.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float = _TIMEOUT_S,
        *,
        tell: Callable[[str], None] = lambda _: None,
        patience_s: float = PATIENCE_S,
        heard: Callable[[Heartbeat, bool], None] = lambda _heart, _taken: None,
    ) -> None:
        self.sent = self.failed = self.skipped = 0
        self._url, self._timeout_s = url, timeout_s
        self._tell, self._patience_s, self._heard = tell, patience_s, heard
        self._well_s: float | None = time.monotonic()
        self._calling: threading.Thread | None = None
        self._opener = urllib.request.build_opener(_StayThere, urllib.request.ProxyHandler())

    def __call__(self) -> None:
        """Call, and return at once."""
        self._tell_silence()
        if self._calling is not None and self._calling.is_alive():
            self.skipped += 1
            return
        self._calling = threading.Thread(target=self._call, name="heartbeat", daemon=True)
        self._calling.start()

    def _tell_silence(self) -> None:
        """Say that nobody hears us, where that has lasted too long and was not said."""
        well_s = self._well_s
        if well_s is not None and time.monotonic() - well_s > self._patience_s:
            self._well_s = None
            self._tell(
                f"the heartbeat was not taken for {self._patience_s / 60:g} minutes, {self.failed} calls failed: "
                "whoever watches for silence may raise an alarm, or is not there"
            )

    def wait(self, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait for the call that is under way."""
        if self._calling is not None:
            self._calling.join(timeout_s)

    def _call(self) -> None:
        # The settings let through https only.
        request = urllib.request.Request(self._url, headers={"User-Agent": "tradewind"})  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(1)
        except (OSError, ValueError):
            self.failed += 1
            self._heard(self, False)
        else:
            self.sent += 1
            self._well_s = time.monotonic()
            self._heard(self, True)
