"""What the protocols of several venues read and write alike: signatures, JSON bodies, numbers, pages of rows."""

from __future__ import annotations

import base64
import hashlib
import hmac
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradewind.venues.fake.protocol import Call

__all__ = [
    "Objection",
    "Row",
    "base64_hmac",
    "base64_of_hex",
    "body_of",
    "decimal_in",
    "flag_in",
    "hex_hmac",
    "matches",
    "millis",
    "older_and_newer",
    "whole_in",
]

Row = dict[str, Any]
"""One JSON object of a venue."""


class Objection(Exception):
    """A venue's own refusal of a request that the domain never saw.

    Parameters
    ----------
    code, text
        As the venue writes them.
    status
        HTTP status.
    """

    def __init__(self, code: str, text: str, status: int = 200) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.status = status


def hex_hmac(secret: str, text: str) -> str:
    """Return HMAC-SHA256 in hexadecimal."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def base64_hmac(secret: str, text: str) -> str:
    """Return HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def base64_of_hex(secret: str, text: str) -> str:
    """Return the base64 text of the hexadecimal HMAC-SHA256, which is what one venue asks for."""
    return base64.b64encode(hex_hmac(secret, text).encode()).decode()


def matches(said: str, expected: str) -> bool:
    """Return whether two signatures are the same."""
    return hmac.compare_digest(said.encode(), expected.encode())


def body_of(call: Call) -> Any:  # noqa: ANN401 - whatever the client sent
    """Return the JSON body, an empty object for none. Raises ValueError where it is no JSON."""
    if not call.body:
        return {}
    try:
        return msgspec.json.decode(call.body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def decimal_in(args: Mapping[str, object], name: str) -> Decimal | None:
    """Return a number that a client wrote as text or number, None for none. Raises ValueError for anything else."""
    value = args.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(name) from error
    if not number.is_finite() or isinstance(value, bool):
        raise ValueError(name)
    return number


def whole_in(args: Mapping[str, object], name: str, default: int = 0) -> int:
    """Return a whole number likewise, `default` for none."""
    number = decimal_in(args, name)
    if number is None:
        return default
    if number != number.to_integral_value():
        raise ValueError(name)
    return int(number)


def flag_in(args: Mapping[str, object], name: str) -> bool:
    """Return a yes or no that a client wrote as text or boolean, no for none. Raises ValueError for anything else."""
    word = str(args.get(name) or "false").lower()
    if word not in ("true", "false"):
        raise ValueError(name)
    return word == "true"


def millis(ns: int) -> str:
    """Return a time in milliseconds as text."""
    return str(ns // 1_000_000)


def older_and_newer(rows: Sequence[Row], key: str, args: Mapping[str, object], limit_max: int) -> list[Row]:
    """Return the newest page of rows, which are sorted from new to old.

    `after` asks for rows older than this value of `key`, `before` for newer ones; also with `before` alone the
    newest rows come, not those next to it. A page holds `limit` rows, `limit_max` at most and by default.
    """
    after, before = whole_in(args, "after"), whole_in(args, "before")
    limit = max(1, min(whole_in(args, "limit", limit_max), limit_max))
    chosen = [
        row for row in rows if (not after or int(row[key]) < after) and (not before or int(row[key]) > before)
    ]
    return chosen[:limit]
