"""Client ids: which order of which session an order at the venue is, in signs that every venue takes.

``tw`` + six signs of the session + the core's id in base 62 + one sign that checks the rest: letters and digits
only, at most 20 of them. There is no chance in it: the same order has the same id however often it is asked for, which
is what makes it safe to ask again.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PREFIX", "SIGNS", "TAG_LENGTH", "ClientIds", "Decoded", "tag_in"]

PREFIX = "tw"
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What an id may consist of, in the order of the digits that they stand for."""
TAG_LENGTH = 6
_VALUE = {sign: value for value, sign in enumerate(SIGNS)}
_CID_MAX = (1 << 63) - 1
_CHECK = 61


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
        if len(tag) != TAG_LENGTH or any(sign not in _VALUE for sign in tag):
            raise ValueError(f"a session's tag is {TAG_LENGTH} letters or digits, not {tag!r}")
        self.tag = tag
        self._begins = PREFIX + tag
        self._weight = _weight_of(self._begins)

    def encode(self, cid: int) -> str:
        """Return the id at the venue. Raises ValueError for an id that is not between 1 and 2^63 - 1."""
        if not 0 < cid <= _CID_MAX:
            raise ValueError(f"{cid} is no id of an order")
        number, place = _base62(cid), len(self._begins)
        check = self._weight
        for sign in number:
            place += 1
            check += _VALUE[sign] * place
        return self._begins + number + SIGNS[check % _CHECK]

    def decode(self, text: object) -> Decoded | None:
        """Return whose order it is, of this or another session of ours; None for a stranger's."""
        if not isinstance(text, str) or not text.startswith(PREFIX):
            return None
        body, check = text[:-1], text[-1:]
        number = body[len(PREFIX) + TAG_LENGTH :]
        if not number or any(sign not in _VALUE for sign in body) or check != _check_sign(body):
            return None
        cid = _number(number)
        plain = 0 < cid <= _CID_MAX and number[0] != "0"
        return Decoded(body[len(PREFIX) : len(PREFIX) + TAG_LENGTH], cid) if plain else None

    def cid_of(self, text: object) -> int:
        """Return the core's id where the order is of this session, else 0."""
        found = self.decode(text)
        return found.cid if found is not None and found.tag == self.tag else 0


def tag_in(client_id: str) -> str:
    """Return the tag of the session of ours that wrote an id, whichever it was; "" for a stranger's."""
    found = ClientIds("0" * TAG_LENGTH).decode(client_id)
    return "" if found is None else found.tag


def _base62(number: int) -> str:
    signs = ""
    while number:
        signs = SIGNS[number % 62] + signs
        number //= 62
    return signs


def _number(signs: str) -> int:
    number = 0
    for sign in signs:
        number = number * 62 + _VALUE[sign]
    return number


def _check_sign(body: str) -> str:
    """Return a sign that changes with every single wrong sign and with most swapped neighbours (mod `_CHECK`)."""
    return SIGNS[_weight_of(body) % _CHECK]


def _weight_of(signs: str) -> int:
    """Return what signs weigh: each its value times its place."""
    return sum(_VALUE[sign] * place for place, sign in enumerate(signs, 1))
