"""Figures over HTTP: one path, short answers, and not a line for whoever asks for something else."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

__all__ = ["FiguresServer"]

_PATH = "/metrics"
_PLAIN = "text/plain; charset=utf-8"
_WAIT_S = 10.0


class _Answers(BaseHTTPRequestHandler):
    """One request. What came is not repeated, and what serves it is not named."""

    timeout = _WAIT_S

    def do_GET(self) -> None:
        """Answer with the figures, or that there is nothing."""
        figures = cast("FiguresServer", self.server)
        if self.path.partition("?")[0] != _PATH:
            figures.refused()
            self._answer(404, _PLAIN, b"not found\n")
            return
        encode, kind = choose_encoder(self.headers.get("Accept", ""))
        self._answer(200, kind, encode(figures.registry))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what cannot be read."""
        cast("FiguresServer", self.server).refused()
        self.close_connection = True
        self._answer(code, _PLAIN, b"refused\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - as the library has it
        """Write nothing: whoever asks must not fill the disk."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response_only(status)
        if self.request_version != "HTTP/0.9":
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
        self.wfile.write(body)


class FiguresServer(ThreadingHTTPServer):
    """Offers figures in threads of its own from the time it is made until it is closed.

    Parameters
    ----------
    host, port
        Where; OSError where that cannot be had.
    registry
        The figures.
    refused
        Is called for each request that is none for figures.
    """

    daemon_threads = True

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, refused: Callable[[], None]
    ) -> None:
        self.registry, self.refused = registry, refused
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Answers)
        self._serving = threading.Thread(target=self.serve_forever, name="figures", daemon=True)
        self._serving.start()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the library has it
        """Count a connection that broke; the library would print a traceback."""
        self.refused()

    def close(self) -> None:
        """Stop offering."""
        self.shutdown()
        self._serving.join()
        self.server_close()
