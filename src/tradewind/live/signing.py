"""How a signal from outside is signed: what a sender makes and a session compares.

::

    POST /signals/SESSION
    Tradewind-Time: 1767225600000           milliseconds UTC, when it was signed
    Tradewind-Nonce: 9f8a...                16 to 64 letters, digits, - and _; never twice
    Tradewind-Signature: hex                HMAC-SHA256 under the session's key, of the lines
                                            "tradewind-signal-1", path, time, nonce, then the body

The path is signed with the rest, so a signal for one session is none for another that shares its key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.keys import Secret

__all__ = ["KEY_MIN", "Envelope", "path_of", "read_envelope", "sign"]

KEY_MIN: Final = 32
"""Signs that a key must have at least: what cannot be guessed."""
_TIME, _NONCE, _SIGNATURE = "Tradewind-Time", "Tradewind-Nonce", "Tradewind-Signature"
_FORMS = (
    (_TIME, re.compile(r"[0-9]{13}", re.ASCII)),
    (_NONCE, re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)),
    (_SIGNATURE, re.compile(r"[0-9a-f]{64}", re.ASCII)),
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around a signal.

    Parameters
    ----------
    stamp_ms
        When it was signed, milliseconds UTC.
    nonce
        What no other signal has.
    signature
        64 digits of base 16.
    """

    stamp_ms: int
    nonce: str
    signature: str

    def headers(self) -> dict[str, str]:
        """Return it as the headers of a request."""
        texts = (str(self.stamp_ms), self.nonce, self.signature)
        return dict(zip((_TIME, _NONCE, _SIGNATURE), texts, strict=True))

    def is_signed(self, key: Secret, path: str, body: bytes) -> bool:
        """Say whether somebody with the key made it for this path and body, in a time that tells nothing else."""
        expected = _signature(key, path, self.stamp_ms, self.nonce, body)
        return hmac.compare_digest(expected, self.signature)


def path_of(session: str) -> str:
    """Return where signals for a session are sent."""
    return f"/signals/{session}"


def sign(key: Secret, path: str, body: bytes, stamp_ms: int, nonce: str = "") -> Envelope:
    """Return the envelope of a signal; without a nonce one is drawn."""
    nonce = nonce or secrets.token_hex(16)
    return Envelope(stamp_ms, nonce, _signature(key, path, stamp_ms, nonce, body))


def read_envelope(headers: Mapping[str, str]) -> Envelope | None:
    """Return the envelope that headers are, None where one is missing or has another form."""
    texts = [headers.get(name, "") for name, _ in _FORMS]
    if not all(form.fullmatch(text) for text, (_, form) in zip(texts, _FORMS, strict=True)):
        return None
    return Envelope(int(texts[0]), texts[1], texts[2])


def _signature(key: Secret, path: str, stamp_ms: int, nonce: str, body: bytes) -> str:
    head = f"tradewind-signal-1\n{path}\n{stamp_ms}\n{nonce}\n".encode()
    return hmac.new(key.reveal().encode(), head + body, hashlib.sha256).hexdigest()
