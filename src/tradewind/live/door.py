"""Where a session listens for others: an address, a port, and what encrypts.

Looked at before anything is sent, so it imports nothing that is large.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import PathError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Door", "bound_socket", "tls_of"]

_WAITING_MAX = 64


@dataclass(frozen=True, slots=True)
class Door:
    """Where a session listens.

    Parameters
    ----------
    host, port
        The address, and its port.
    tls_cert, tls_key
        Files of the certificate and its key; None: plain, on this machine only.
    """

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None


def bound_socket(door: Door) -> socket.socket:
    """Return a socket that is bound; who connects waits until it is served.

    Raises
    ------
    UsageError
        PORT_BUSY: something else listens there; PORT_INVALID: the address is not this machine's, or the port needs a
        right that this process lacks.
    """
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    place = f"port {door.port} of {door.host}"
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((door.host, door.port))
        listening.listen(_WAITING_MAX)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError("PORT_BUSY", f"{place} is taken.", key="signals.webhook.port") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            hint = "ports below 1024 need a right that this process lacks: choose one above"
            raise UsageError(
                "PORT_INVALID", f"{place} is denied.", key="signals.webhook.port", hint=hint
            ) from error
        hint = "write an address of this machine"
        raise UsageError(
            "PORT_INVALID",
            f"{place} cannot be listened on: {error.strerror}.",
            key="signals.webhook.host",
            hint=hint,
        ) from error
    return listening


def tls_of(door: Door) -> ssl.SSLContext | None:
    """Return what encrypts, None for a plain door. Raises PathError (PATH_INVALID, PATH_DENIED) with the file."""
    if door.tls_cert is None or door.tls_key is None:
        return None
    for path in (door.tls_cert, door.tls_key):
        if not path.is_file() or not os.access(path, os.R_OK):
            raise PathError("PATH_INVALID", "no such file, or it cannot be read.", where=str(path))
    mode = door.tls_key.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PathError(
            "PATH_DENIED",
            f"others can read the private key: its mode is {stat.S_IMODE(mode):o}, not 600.",
            where=str(door.tls_key),
            hint=f"chmod 600 {door.tls_key}",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(door.tls_cert, door.tls_key, password=_no_password)
    except (OSError, ValueError) as error:
        raise PathError(
            "PATH_INVALID",
            "certificate and key cannot be used together: not in PEM, not a pair, or the key has a password.",
            where=str(door.tls_cert),
        ) from error
    return context


def _no_password() -> str:
    """Answer for a key that is locked: nobody is there to be asked."""
    raise ValueError("the key has a password")
