"""The operator's line to a running session: a local socket, a shared secret, one question and one answer.

The socket and its secret lie in the session's folder, readable by the owner only. Whoever connects is given
random bytes and proves with them that he could read the secret; the system adds who he is (user and process),
so what is done is written down with its actor and not with what somebody claimed.

::

    -> {"nonce": hex}                                        one JSON object a line
    <- {"command": ..., "arguments": {...}, "proof": hex}    HMAC-SHA256 of nonce, command and arguments
    -> {"ok": {...}} or {"error": {...}}                     as `TradewindError.to_json`
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import pwd
import secrets
import socket
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradewind.errors import DeadlineExceeded, NotFound, SafetyRefusal, TradewindError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

__all__ = ["Actor", "Command", "ControlServer", "ask"]

SOCKET = "control.sock"
SECRET = "control.key"
_LINE_MAX = 65_536
_ANSWER_MAX = 64 * 1024 * 1024
_NONCE_BYTES = 32
_PEER = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked, by the system's word."""

    user: str
    pid: int

    def __str__(self) -> str:
        return f"{self.user} (process {self.pid})"


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator asks of a session."""

    name: str
    actor: Actor
    arguments: dict[str, Any] = field(default_factory=dict)


class ControlServer:
    """Listens for operators while a session runs.

    Parameters
    ----------
    folder
        The session's folder.
    answer
        Carries out a command and returns what to tell; what it raises is told as an error.
    """

    def __init__(self, folder: Path, answer: Callable[[Command], Awaitable[dict[str, Any]]]) -> None:
        self._folder = folder
        self._answer = answer
        self._secret = b""
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Make a fresh secret and begin to listen; a socket that a dead process left behind is replaced."""
        self._secret = secrets.token_bytes(_NONCE_BYTES)
        _write_private(self._folder / SECRET, self._secret.hex().encode())
        with suppress(FileNotFoundError):
            (self._folder / SOCKET).unlink()
        with _short_path(self._folder, SOCKET) as path:
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._attend, path, limit=_LINE_MAX)
            finally:
                os.umask(before)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for name in (SOCKET, SECRET):
            with suppress(FileNotFoundError):
                (self._folder / name).unlink()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            await _say(writer, {"nonce": nonce.hex()})
            line = await reader.readline()
            await _say(writer, await self._told(line, nonce, _peer(writer)))
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            return  # Whoever asked is gone, or sent more than a line may hold.
        finally:
            writer.close()

    async def _told(self, line: bytes, nonce: bytes, actor: Actor) -> dict[str, Any]:
        try:
            asked = _read(line)
            if not hmac.compare_digest(_proof(self._secret, nonce, asked), str(asked.get("proof"))):
                raise SafetyRefusal("CONTROL_DENIED", "whoever asked could not read the session's secret")
            return {"ok": await self._answer(Command(asked["command"], actor, asked["arguments"]))}
        except TradewindError as error:
            return {"error": error.to_json()}


async def ask(
    folder: Path, command: str, arguments: dict[str, Any], timeout_s: float = 10.0
) -> dict[str, Any]:
    """Ask a running session to do something; return what it told.

    Raises
    ------
    NotFound
        SESSION_NOT_RUNNING: nobody listens in this folder, or it ended before it answered.
    DeadlineExceeded
        CONTROL_TIMEOUT: the session's loop does not answer; it may be hung.
    SafetyRefusal
        CONTROL_DENIED, for a folder of somebody else's too, or what the session refused.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(folder, command, arguments)
    except TimeoutError:
        raise DeadlineExceeded(
            "CONTROL_TIMEOUT",
            f"the session did not answer within {timeout_s:g} s; its loop may hang",
            where=str(folder),
            hint=f"tradewind session flatten {folder.name} --takeover ends it and closes what is open",
        ) from None
    except PermissionError as error:
        raise SafetyRefusal(
            "CONTROL_DENIED", "the session's secret is for its owner alone to read", where=str(folder)
        ) from error
    except asyncio.IncompleteReadError as error:
        raise NotFound(
            "SESSION_NOT_RUNNING", "the session ended before it answered", where=str(folder)
        ) from error
    except OSError as error:
        raise NotFound(
            "SESSION_NOT_RUNNING",
            "it is not running, or not yet: nobody answers here",
            where=str(folder),
            hint=f"see 'tradewind session status {folder.name}'; what the accounts of a dead session hold is closed "
            f"by 'tradewind session flatten {folder.name} --takeover'",
        ) from error


async def _ask(folder: Path, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    secret = bytes.fromhex((folder / SECRET).read_text())
    with _short_path(folder, SOCKET) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=_ANSWER_MAX)
    try:
        nonce = bytes.fromhex(json.loads(await reader.readuntil())["nonce"])
        asked: dict[str, Any] = {"command": command, "arguments": arguments}
        await _say(writer, asked | {"proof": _proof(secret, nonce, asked)})
        told = json.loads(await reader.readuntil())
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    if "error" in told:
        raise _as_error(told["error"])
    ok: dict[str, Any] = told["ok"]
    return ok


def _as_error(told: dict[str, Any]) -> TradewindError:
    fields = {name: told.get(name, "") for name in ("where", "key", "hint")}
    return SafetyRefusal(told["code"], told["message"], **fields, known=told.get("known", ()))


def _read(line: bytes) -> dict[str, Any]:
    """Return a question of the right form. Raises UsageError (USAGE)."""
    try:
        asked = json.loads(line)
    except ValueError:
        asked = None
    if (
        not isinstance(asked, dict)
        or not isinstance(asked.get("command"), str)
        or not isinstance(asked.get("arguments"), dict)
    ):
        raise UsageError("USAGE", "this is no question to a session")
    return asked


def _proof(secret: bytes, nonce: bytes, asked: dict[str, Any]) -> str:
    """Return the proof of having read the secret, for one question and one connection."""
    text = json.dumps([nonce.hex(), asked["command"], asked["arguments"]], sort_keys=True)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


async def _say(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()


def _peer(writer: asyncio.StreamWriter) -> Actor:
    """Return who is at the other end, by the system's word."""
    connection: socket.socket = writer.get_extra_info("socket")
    pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    return Actor(user, pid)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


@contextmanager
def _short_path(folder: Path, name: str) -> Iterator[str]:
    """Yield a path to a socket that the system takes however deep the folder lies: it allows some hundred bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
