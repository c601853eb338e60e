"""Client ids: which order of which session an order at the venue is, in signs that every venue takes.

``tw`` + six signs of the session + the core's id in base 62 + one sign that checks the rest: letters and digits
only, at most 20 of them. There is no chance in it: the same order has the same id however often it is asked for, which
is what makes it safe to ask again.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PREFIX", "ClientIds", "Decoded"]

PREFIX = "tw"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {sign: value for value, sign in enumerate(_DIGITS)}
_TAG_LENGTH = 6
_CID_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """Whose order it is: the session's tag and the core's id."""

    tag: str
    cid: int


class ClientIds:
    """Writes and reads the ids of one session.

    Parameters
    ----------
    tag
        Six letters or digits that no other session of the account has. Raises ValueError for anything else.
    """

    def __init__(self, tag: str) -> None:
        if len(tag) != _TAG_LENGTH or any(sign not in _VALUE for sign in tag):
            raise ValueError(f"a session's tag is {_TAG_LENGTH} letters or digits, not {tag!r}")
        self.tag = tag

    def encode(self, cid: int) -> str:
        """Return the id at the venue. Raises ValueError for an id that is not between 1 and 2^63 - 1."""
        if not 0 < cid <= _CID_MAX:
            raise ValueError(f"{cid} is no id of an order")
        body = PREFIX + self.tag + _base62(cid)
        return body + _check_sign(body)

    def decode(self, text: object) -> Decoded | None:
        """Return whose order it is, of this or another session of ours; None for a stranger's."""
        if not isinstance(text, str) or not text.startswith(PREFIX):
            return None
        body, check = text[:-1], text[-1:]
        number = body[len(PREFIX) + _TAG_LENGTH :]
        if not number or any(sign not in _VALUE for sign in body) or check != _check_sign(body):
            return None
        cid = _number(number)
        plain = 0 < cid <= _CID_MAX and number[0] != "0"
        return Decoded(body[len(PREFIX) : len(PREFIX) + _TAG_LENGTH], cid) if plain else None

    def cid_of(self, text: object) -> int:
        """Return the core's id where the order is of this session, else 0."""
        found = self.decode(text)
        return found.cid if found is not None and found.tag == self.tag else 0


def _base62(number: int) -> str:
    signs = ""
    while number:
        number, digit = divmod(number, 62)
        signs = _DIGITS[digit] + signs
    return signs


def _number(signs: str) -> int:
    number = 0
    for sign in signs:
        number = number * 62 + _VALUE[sign]
    return number


def _check_sign(body: str) -> str:
    """Return a sign that changes with every single wrong sign and with most swapped neighbours (weights mod 61)."""
    total = sum(_VALUE[sign] * (place + 1) for place, sign in enumerate(body))
    return _DIGITS[total % 61]
