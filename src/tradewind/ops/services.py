"""The services that alerts are sent to, by addresses as the library apprise writes them.

An address is a secret. It is judged before it is kept and again before a session begins; what is said of one that is
refused, or of one that does not take an alert, holds nothing of it.
"""

from __future__ import annotations

import logging
import re
import warnings
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tradewind.config.urls import is_near_host, is_this_machine
from tradewind.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.venues.keys import Secret

__all__ = ["AlertService", "is_address"]

_STATUS: Final = re.compile(r"error=(\d{3})\b")
_UNREACHED: Final = re.compile(r"(?i)connection|timed? ?out|resolve|unreachable")
_HOSTS: Final = ("host", "smtp_host", "xmpp_host")
"""Where a service keeps the hosts that it calls: those of mail and of chats may stand behind the address."""
_WITHOUT: Final = "insecure"
"""How the options of a mail's address switch off what its beginning promises."""
_TEXT_MAX: Final = 2_048
_TALKATIVE: Final = ("apprise", "urllib3")


def is_address(text: str) -> bool:
    """Say whether a text has the form of an address, whatever it leads to."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


class AlertService:
    """A service that takes alerts, called with title and body.

    Parameters
    ----------
    name
        What the address is called in the key store and in ``[alerts]``.
    address
        One address as apprise writes it.

    Attributes
    ----------
    kind
        What apprise calls the service, such as Telegram.

    Raises
    ------
    ConfigError
        ALERT_ADDRESS: no service has this address. URL_REFUSED: it leads where no alert may go.
    """

    def __init__(self, name: str, address: Secret) -> None:
        self._service, plugin = _built(name, address.reveal())
        self.kind = str(plugin.service_name)
        fault = _fault(plugin)
        if fault:
            raise ConfigError(
                "URL_REFUSED",
                f"the address {name!r} {fault}.",
                key=f"alerts.{name}",
                hint=f"keep another one: tradewind keys add {name} --text --replace",
            )

    def __call__(self, title: str, body: str) -> None:
        """Hand an alert over. Raises ConnectionError, which says why it was not taken and nothing of the address."""
        with self._service.notify(title=title, body=body) as result:
            if not result:
                raise ConnectionError(_reason(entry.message for entry in result.logs()))


def _built(name: str, text: str) -> tuple[Any, Any]:
    """Return what sends to an address, and what apprise knows of it. Raises ConfigError (ALERT_ADDRESS)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # What it imports, and when, is its own affair.
        import apprise

        _keep_quiet()
        # In the thread of whoever calls: one that hangs is given up by apprise itself.
        service = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        known = len(text) <= _TEXT_MAX and service.add(text)
    if not known or len(service) != 1:
        what = "holds several addresses" if len(service) > 1 else "is of no service that apprise knows here"
        raise ConfigError("ALERT_ADDRESS", f"the address {name!r} {what}.", key=f"alerts.{name}")
    return service, service[0]


def _keep_quiet() -> None:
    """Let nobody hear what is logged there but the one who asks about a call: addresses, and paths with tokens."""
    for name in _TALKATIVE:
        log = logging.getLogger(name)
        log.setLevel(logging.WARNING)
        log.propagate = False
        if not log.handlers:
            log.addHandler(logging.NullHandler())


def _fault(plugin: Any) -> str:  # noqa: ANN401 - the library's classes
    """Return what forbids to send alerts to an address, "" for nothing; by what its service says of itself.

    Most services put a name or a token where the host stands, so numbers without dots are read as a host only where
    each form of an address names one.
    """
    hosts = [str(host) for host in (getattr(plugin, name, None) for name in _HOSTS) if host]
    names_host = all("{host}" in form for form in plugin.templates)
    if any((names_host or not host.isdigit()) and is_near_host(host) for host in hosts):
        return "leads to this machine's own surroundings, not to a service"
    if hosts and all(map(is_this_machine, hosts)):
        return ""
    if not _is_plain(plugin):
        asked = getattr(plugin, "secure_mode", "") == _WITHOUT
        return f"asks for mode={_WITHOUT}, and alerts hold what you own" if asked else ""
    encrypted = _schemes(type(plugin).secure_protocol)
    if encrypted:
        return f"is of a form without encryption, and alerts hold what you own; {encrypted[0]}:// has it"
    return "is of a service without encryption, and alerts hold what you own"


def _is_plain(plugin: Any) -> bool:  # noqa: ANN401
    """Say whether what is sent may go through a network as it stands.

    A service may encrypt whatever its address begins with: then it writes its address with the other beginning. One
    that has a single beginning, and names no host, stays on this machine or posts to a host of its own.
    """
    kind = type(plugin)
    encrypted = _schemes(kind.secure_protocol)
    if plugin.secure or urlsplit(plugin.url(privacy=True)).scheme in encrypted:
        return False
    return bool(encrypted) or any("{host}" in form for form in plugin.templates)


def _schemes(told: str | Iterable[str] | None) -> tuple[str, ...]:
    return (told,) if isinstance(told, str) else tuple(told or ())


def _reason(lines: Iterable[str]) -> str:
    """Return in our words why an alert was not taken: those of apprise may hold the address."""
    told = "\n".join(lines)
    status = _STATUS.search(told)
    if status is not None:
        return f"it answered with status {status[1]}"
    return "it could not be reached" if _UNREACHED.search(told) else "it did not take it"
