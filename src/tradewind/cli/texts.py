"""Texts of the key store that are addresses of alerts: judged before they are kept, tried by a test alert."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from tradewind.cli.doctor_machine import Finding
from tradewind.errors import TradewindError

if TYPE_CHECKING:
    from tradewind.cli.output import Output
    from tradewind.config import Workspace
    from tradewind.venues.keys import Secret, StoredText

__all__ = ["refuse_bad_address", "try_addresses", "try_text"]


def refuse_bad_address(desk: "Workspace", entry: "StoredText") -> None:
    """Refuse to keep an address that no alert could go to; a text that is none, such as a signal's key, is let be.

    Raises ConfigError (ALERT_ADDRESS, URL_REFUSED).
    """
    from tradewind.ops.services import AlertService, is_address

    if entry.name in desk.settings.alerts or is_address(entry.text.reveal()):
        AlertService(entry.name, entry.text)


def try_text(desk: "Workspace", name: str, say: "Output") -> dict[str, object]:
    """Send a test alert to an address that is kept, and say what came back; other texts are only looked at.

    Raises what the key store does, ConfigError (ALERT_ADDRESS, URL_REFUSED).
    """
    from tradewind.cli.keys import asking, key_store
    from tradewind.ops.services import is_address
    from tradewind.venues.keys import texts_for

    (text,) = texts_for([name], key_store(desk), asking(say))
    if name in desk.settings.alerts or is_address(text.reveal()):
        with say.steps(f"sending a test alert to {name}"):
            found = [_tried(name, text)]
        if name not in desk.settings.alerts:
            remedy = f"write [alerts.{name}] into {desk.shown(desk.settings_file)}"
            found.append(Finding("alerts", "warning", f"{name} is told of no session's alerts", remedy))
    else:
        found = [Finding("text", "ok", f"{name} is kept, and is no address of alerts")]
    for each in found:
        say.line(f"{each.state:8}{each.name}: {each.detail}")
        if each.remedy:
            say.line(f"        {each.remedy}")
    wrong = sum(each.state == "wrong" for each in found)
    return {"name": name, "findings": [asdict(each) for each in found], "wrong": wrong}


def try_addresses(desk: "Workspace", say: "Output") -> Iterator[Finding]:
    """Send a test alert to everybody of ``[alerts]`` whose address is kept, and yield what came back."""
    from tradewind.cli.keys import asking, key_store
    from tradewind.venues.keys import texts_for

    try:
        kept = {line.name for line in key_store(desk).lines() if line.kind == "text"}
        names = [name for name in desk.settings.alerts if name in kept]
        texts = texts_for(names, key_store(desk), asking(say))
    except TradewindError as error:
        yield _refused(error)
        return
    yield from _all_tried(zip(names, texts, strict=True))


def _all_tried(addresses: "Iterable[tuple[str, Secret]]") -> Iterator[Finding]:
    for name, text in addresses:
        try:
            yield _tried(name, text)
        except TradewindError as error:
            yield _refused(error)


def _refused(error: TradewindError) -> Finding:
    return Finding("alerts", "wrong", f"{error.code} {error.message}", str(error.to_json()["hint"]))


def _tried(name: str, text: "Secret") -> Finding:
    """Send one test alert. Raises ConfigError (ALERT_ADDRESS, URL_REFUSED)."""
    from tradewind.ops.alerts import Alert
    from tradewind.ops.dispatch import written
    from tradewind.ops.services import AlertService

    service = AlertService(name, text)
    try:
        service(*written(Alert("ALERT_TEST", f"A test for {name}.", time.time_ns())))
    except ConnectionError as error:
        remedy = f"look at the service; another address: tradewind keys add {name} --text --replace"
        return Finding(
            "alerts", "wrong", f"{name} ({service.kind}) did not take a test alert: {error}", remedy
        )
    return Finding("alerts", "ok", f"{name} ({service.kind}) took a test alert: look whether it arrived")
