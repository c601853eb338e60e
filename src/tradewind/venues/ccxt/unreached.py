"""Why a venue cannot be reached, in words: its name, the connection, its certificate, or nothing but silence."""

from __future__ import annotations

import aiohttp
from ccxt.base.errors import BaseError

from tradewind.errors import VenueDown
from tradewind.venues.ccxt.exchange import redact

__all__ = ["is_hopeless", "said_by", "silent", "why_unreached"]

_NETWORK = "is this machine online? Venues are reached directly: a proxy of the environment is not taken"
_DNS = "is this machine online, and does its resolver answer? See /etc/resolv.conf"
_CLOCK = "is this machine's clock right? If it is, somebody stands between it and the venue: send no key"


def why_unreached(error: BaseException | None) -> tuple[str, str] | None:
    """Return why no answer came and what to do about it; None where the venue did answer, or it is not known.

    error: what ccxt raised; what the connection raised is its cause.
    """
    cause = error.__cause__ if error is not None and error.__cause__ is not None else error
    host = str(getattr(cause, "host", "") or "the host")
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return f"the name {host} cannot be looked up", _DNS
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {host} is not trusted ({redact(cause.certificate_error)})", _CLOCK
    if isinstance(cause, aiohttp.ClientSSLError):
        return f"{host} and this machine agree on no encryption ({redact(cause)})", _CLOCK
    if isinstance(cause, aiohttp.ClientConnectorError):
        reason = cause.os_error.strerror or cause.os_error
        return f"{host} cannot be connected to: {redact(reason).lower()}", _NETWORK
    if isinstance(cause, TimeoutError):
        return "it timed out", _NETWORK
    return None


def said_by(error: BaseException) -> str:
    """Return the words of an error that ended a stream.

    What Python says of a message that ccxt stumbled over tells nobody anything; that there was one does.
    """
    if isinstance(error, (BaseError, OSError, TimeoutError)):
        return redact(error)
    return f"a message that is of no known form ({type(error).__name__})"


def is_hopeless(error: BaseException) -> bool:
    """Return whether trying again soon cannot help: a certificate does not become another one."""
    return isinstance(error.__cause__, aiohttp.ClientSSLError)


def silent(venue: str, error: BaseException | None, otherwise: str) -> VenueDown:
    """Return the error that says why a venue could not be reached, or, where that is not known, what is missing."""
    why = why_unreached(error)
    if why is None:
        return VenueDown("VENUE_DOWN", otherwise, where=venue)
    return VenueDown("VENUE_DOWN", f"{otherwise.rstrip('.')}: {why[0]}.", where=venue, hint=why[1])
