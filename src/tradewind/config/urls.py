"""Addresses that this machine may be told to call: plain ones, encrypted, of somebody else."""

import ipaddress
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from tradewind.config.fields import refusal

__all__ = ["HereUrl", "HttpsUrl", "is_near_host", "is_this_machine"]

_NEAR_NAMES = ("localhost", "metadata", "metadata.google.internal", "instance-data")
_LONGEST = 2_048


def _check_url(text: str) -> str:
    fault = _fault(text) or _is_no_service(text)
    if fault:
        raise refusal("URL_REFUSED", f"the address {fault}", "write https://HOST/PATH of the service")
    return text


HttpsUrl = Annotated[str, AfterValidator(_check_url)]
"""An address of the kind https://host/path, of another machine."""


def _check_here(text: str) -> str:
    fault = _fault(text)
    host = urlsplit(text).hostname or "" if not fault else ""
    if fault or not _is_here(host.rstrip(".").lower()):
        raise refusal(
            "URL_REFUSED",
            f"the address {fault or 'is not on this machine'}",
            "write https://127.0.0.1:PORT, as 'tradewind venue fake' prints it",
        )
    return text


HereUrl = Annotated[str, AfterValidator(_check_here)]
"""An address on this machine itself."""


def _is_no_service(text: str) -> str:
    """Return what keeps an address that may be called from being that of somebody outside, or nothing."""
    host = (urlsplit(text).hostname or "").rstrip(".").lower()
    if _is_here(host) or host.endswith(".localhost"):
        return "leads to this machine itself: nobody there notices when it falls silent"
    return ""


def is_this_machine(host: str) -> bool:
    """Say whether a host is this machine itself, however it is written."""
    return _is_here(host.strip("[]").rstrip(".").lower())


def is_near_host(host: str) -> bool:
    """Say whether a host is of a machine's surroundings, such as what tells a cloud's machine its credentials."""
    host = host.strip("[]").rstrip(".").lower()
    if _is_here(host):
        return False
    address = _address(host)
    return host in _NEAR_NAMES or (address is not None and _is_special(address))


def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _fault(text: str) -> str:
    """Return what forbids to call an address, or nothing. The address is not shown: it may hold a token."""
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _LONGEST:
        return "holds signs that no address has, or is too long"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "cannot be read"
    if parts.scheme not in ("http", "https"):
        return f"begins with {parts.scheme[:20] or 'nothing'!r}, not with https"
    if parts.username is not None or parts.password is not None:
        return "holds a name or a password"
    return _host_fault(parts)


def _host_fault(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        return "names no host"
    if is_this_machine(host):
        return ""
    if is_near_host(host):
        return "leads to this machine's own surroundings, not to a service"
    return "" if parts.scheme == "https" else "is not encrypted"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is written as: also as one number or in base 8 or 16, as browsers read it."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return _numeral(host)
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def _numeral(host: str) -> ipaddress.IPv4Address | None:
    import socket

    if not all(part[:1].isdigit() for part in host.split(".")):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return bool(
        address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    )
