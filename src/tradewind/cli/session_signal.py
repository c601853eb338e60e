"""``tradewind session signal``: send a running session values from outside, signed, from its own machine."""

import json
import math
import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.journal import session_path
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import ConfigError, NotFound, SafetyRefusal, UsageError

if TYPE_CHECKING:
    from tradewind.config.signals import WebhookTerms
    from tradewind.live.door import Door

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_PATIENCE_S = 20.0


@app.command("signal")
def send(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Name of a session, or 'last'.")],
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE", help="Values as its file names them.")],
    *,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="SYMBOL", help="For this symbol; else for all.")
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Send values from outside to a running session, as a program on any machine may over its webhook.

    Example: tradewind session signal alpha exposure=0.5 --symbol BTCUSDT
    """
    from tradewind.cli.signals import door_of, signal_key
    from tradewind.live.signing import path_of, sign

    say = Output(as_json)
    told = [_read(text, symbol) for text in values]
    desk = open_workspace(workspace)
    folder = session_path(desk, session)
    terms = _terms(folder)
    body = json.dumps({"values": told}).encode()
    path, key = path_of(folder.name), signal_key(terms, desk, say)
    headers = sign(key, path, body, time.time_ns() // 1_000_000).headers()
    answer = _answer(door_of(terms, desk), path, body, headers)
    if "error" in answer:
        error = answer["error"]
        raise SafetyRefusal(error["code"], error["message"], hint=error["hint"], known=error["known"])
    for each in told:
        say.line(f"taken      {each['name']} {each['value']:g} for {symbol or 'all its symbols'}")
    say.done(
        {"session": folder.name, "values": told} | answer["ok"], f"tradewind session status {folder.name}"
    )


def _read(text: str, symbol: str | None) -> dict[str, Any]:
    name, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (name and equals and math.isfinite(value)):
        raise UsageError(
            "USAGE", f"{text[:60]!r} is no value.", where="NAME=VALUE", hint="write exposure=0.5"
        )
    return {"name": name, "value": value} | ({} if symbol is None else {"symbol": symbol})


def _terms(folder: Path) -> "WebhookTerms":
    """Return where a session listens, from its journal.

    Raises SESSION_NOT_RUNNING before its first start, CONFIG_MISSING for one that takes no signals.
    """
    import tomllib

    from tradewind.cli.listening import first_boot
    from tradewind.config import session_from

    boot = first_boot(folder)
    if boot is None and not _has_begun(folder):
        raise NotFound(
            "SESSION_NOT_RUNNING",
            "the session does not run yet: its journal holds no start.",
            where=folder.name,
            hint=f"send it again when it runs: tradewind session status {folder.name}",
        )
    table = {} if boot is None else tomllib.loads(boot.config)
    if "signals" not in table:
        raise ConfigError(
            "CONFIG_MISSING",
            "the session takes no signals.",
            where=folder.name,
            key="signals",
            hint="write [signals.webhook] and [signals.features.NAME] into its file, and start it anew",
        )
    signals = session_from(table, name=folder.name).config.signals
    assert signals is not None
    return signals.webhook


def _has_begun(folder: Path) -> bool:
    from tradewind.journal import FileDisk, JournalReader, RecordKind

    return any(True for _ in JournalReader(FileDisk(), folder).of_kind(RecordKind.BOOT))


def _answer(door: "Door", path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Return what the session answers. Raises SESSION_NOT_RUNNING where nobody does."""
    host = door.host
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    connection = HTTPConnection(host, door.port, timeout=_PATIENCE_S)
    if door.tls_cert is not None:
        # It is this very certificate that is expected, whatever name it bears.
        tls = ssl.create_default_context(cafile=str(door.tls_cert))
        tls.check_hostname = False
        connection = HTTPSConnection(host, door.port, timeout=_PATIENCE_S, context=tls)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        raise NotFound(
            "SESSION_NOT_RUNNING",
            f"nobody takes signals at port {door.port} of {host}: {error}",
            hint="start the session; it listens once its venue is open",
        ) from error
    finally:
        connection.close()
    return answer
