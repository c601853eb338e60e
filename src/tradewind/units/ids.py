"""Client order ids: where an order comes from, written so that any venue accepts it.

Inside, an id is one integer: counter << 20 | context << 8 | slot, so that a report finds its row without a
search. On the wire it is prefix + epoch + that integer, base 36: letters and digits only, at most 32, no
randomness, unique for the life of an account.
"""

__all__ = [
    "CONTEXTS_MAX",
    "SLOTS_MAX",
    "client_id",
    "context_of",
    "counter_of",
    "parse_client_id",
    "slot_of",
    "wire_id",
]

SLOTS_MAX = 256
CONTEXTS_MAX = 4096
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_DIGITS, _EPOCH_DIGITS = 13, 6
WIRE_LENGTH_MAX = 32


def client_id(counter: int, context: int, slot: int) -> int:
    """Return the integer id of the counter-th order of a session."""
    return counter << 20 | context << 8 | slot


def slot_of(cid: int) -> int:
    """Return the slot of an id."""
    return cid & 0xFF


def context_of(cid: int) -> int:
    """Return the context of an id."""
    return cid >> 8 & 0xFFF


def counter_of(cid: int) -> int:
    """Return the place of an id in its session's sequence."""
    return cid >> 20


def wire_id(prefix: str, epoch: int, cid: int) -> str:
    """Return the id as the venue sees it. Raises ValueError for a prefix that is not 1 to 8 letters or digits."""
    if not (1 <= len(prefix) <= 8 and prefix.isascii() and prefix.isalnum()):
        raise ValueError(f"prefix {prefix!r} must be 1 to 8 letters or digits")
    return prefix + _base36(epoch, _EPOCH_DIGITS) + _base36(cid, _ID_DIGITS)


def parse_client_id(text: str, prefix: str) -> tuple[int, int] | None:
    """Return (epoch, id) of an id of ours, None for anybody else's."""
    body = text[len(prefix) :]
    if not text.startswith(prefix) or len(body) != _EPOCH_DIGITS + _ID_DIGITS:
        return None
    if any(character not in _DIGITS for character in body):
        return None
    return int(body[:_EPOCH_DIGITS], 36), int(body[_EPOCH_DIGITS:], 36)


def _base36(number: int, width: int) -> str:
    if not 0 <= number < 36**width:
        raise ValueError(f"{number} does not fit {width} digits")
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
