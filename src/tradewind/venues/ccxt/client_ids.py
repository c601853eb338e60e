"""Client ids: which order of which session an order at the venue is, in signs that every venue takes.

``tw`` + six signs of the session + the core's id in base 62 + one sign that checks the rest: letters and digits
only, at most 20 of them. There is no chance in it: the same order has the same id however often it is asked for, which
is what makes it safe to ask again. Where a venue wants ids of another form, it is written in that form: after ``t-``,
or as a number of 128 bits in base 16.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FORMS", "PREFIX", "SIGNS", "TAG_LENGTH", "ClientIds", "Decoded", "decode_any", "tag_in"]

PREFIX = "tw"
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What an id may consist of, in the order of the digits that they stand for."""
TAG_LENGTH = 6
_VALUE = {sign: value for value, sign in enumerate(SIGNS)}
_CID_MAX = (1 << 63) - 1
_CHECK = 61
FORMS = ("", "t-", "0x")
"""As it stands; after ``t-``; as 0x and 32 digits of base 16: the prefix in 16 bits, the tag in 36, the id in 63, and
13 that check the rest."""
_DASH, _HEX = "t-", "0x"
_HEX_DIGITS, _HEX_CHECK, _TAG_BITS, _CID_BITS, _CHECK_BITS = 32, 8191, 36, 63, 13
_PREFIX_NUMBER = int.from_bytes(PREFIX.encode(), "big")


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
    form
        How the venue wants ids, one of `FORMS`.
    """

    def __init__(self, tag: str, form: str = "") -> None:
        if form not in FORMS:
            raise ValueError(f"{form!r} is no form of ids")
        if len(tag) != TAG_LENGTH or any(sign not in _VALUE for sign in tag):
            raise ValueError(f"a session's tag is {TAG_LENGTH} letters or digits, not {tag!r}")
        self.tag = tag
        self._form = form
        self._tag_number = _number(tag)
        self._begins = PREFIX + tag
        self._weight = _weight_of(self._begins)
        self._lead = f"{form}{self._begins}"

    def encode(self, cid: int) -> str:
        """Return the id at the venue. Raises ValueError for an id that is not between 1 and 2^63 - 1."""
        if not 0 < cid <= _CID_MAX:
            raise ValueError(f"{cid} is no id of an order")
        if self._form == _HEX:
            return _hex_of(self._tag_number, cid)
        number, place = _base62(cid), len(self._begins)
        check = self._weight
        for sign in number:
            place += 1
            check += _VALUE[sign] * place
        return self._lead + number + SIGNS[check % _CHECK]

    def decode(self, text: object) -> Decoded | None:
        """Return whose order it is, of this or another session of ours, in whichever form; None for a stranger's."""
        if not isinstance(text, str):
            return None
        if text.startswith(_HEX):
            return _decoded_hex(text)
        text = text.removeprefix(_DASH)
        if not text.startswith(PREFIX):
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


def decode_any(client_id: str) -> Decoded | None:
    """Return whose order it is, of whichever session of ours; None for a stranger's."""
    return ClientIds("0" * TAG_LENGTH).decode(client_id)


def tag_in(client_id: str) -> str:
    """Return the tag of the session of ours that wrote an id, whichever it was; "" for a stranger's."""
    found = decode_any(client_id)
    return "" if found is None else found.tag


def _hex_of(tag: int, cid: int) -> str:
    """Return an id as a number of 128 bits: prefix, tag, the core's id, and what is left of them by a prime."""
    body = ((_PREFIX_NUMBER << _TAG_BITS | tag) << _CID_BITS) | cid
    return f"{_HEX}{body << _CHECK_BITS | body % _HEX_CHECK:0{_HEX_DIGITS}x}"


def _decoded_hex(text: str) -> Decoded | None:
    digits = text.removeprefix(_HEX).lower()
    if len(digits) != _HEX_DIGITS or any(sign not in "0123456789abcdef" for sign in digits):
        return None
    body, check = divmod(int(digits, 16), 1 << _CHECK_BITS)
    above, cid = divmod(body, 1 << _CID_BITS)
    prefix, number = divmod(above, 1 << _TAG_BITS)
    tag = _base62(number).rjust(TAG_LENGTH, SIGNS[0])
    ours = prefix == _PREFIX_NUMBER and check == body % _HEX_CHECK and len(tag) == TAG_LENGTH
    return Decoded(tag, cid) if ours and cid else None


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
