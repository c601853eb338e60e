"""Sets of slots as machine words.

Both sides of every operator are unsigned: a signed bit 63 would be a negative number.
"""

import numpy as np

from tradewind.units.jit import kernel
from tradewind.units.layout import Mask, Rows
from tradewind.units.records import WORDS

__all__ = ["clear_all", "drop_bit", "has_bit", "low_bit", "pick", "place", "set_bit"]

_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@kernel
def low_bit(word: Mask) -> int:
    """Return the index of the lowest set bit of a word that is not zero."""
    n = 0
    while not (word & _ONE):
        word = word >> _ONE
        n += 1
    return n


@kernel(hot=True)
def place(index: int) -> int:
    """Return an index as unsigned, which spares the test for counting from the end on the per-bar path."""
    return np.uint64(index)  # type: ignore[return-value]


@kernel(hot=True)
def pick(index: int, count: int) -> int:
    """Return an index into `count` rows as unsigned: 0 where there is one, so that the compiler need not look."""
    return np.uint64(0) if count == 1 else np.uint64(index)  # type: ignore[return-value]


@kernel(hot=True)
def set_bit(words: Rows[Mask], slot: int) -> None:
    """Add a slot to a set."""
    words[slot >> 6] = words[slot >> 6] | (_ONE << np.uint64(slot & 63))


@kernel(hot=True)
def drop_bit(words: Rows[Mask], slot: int) -> None:
    """Take a slot out of a set."""
    words[slot >> 6] = words[slot >> 6] & ~(_ONE << np.uint64(slot & 63))


@kernel(hot=True)
def has_bit(words: Rows[Mask], slot: int) -> bool:
    """Tell whether a slot is in a set."""
    return bool((words[slot >> 6] >> np.uint64(slot & 63)) & _ONE != _ZERO)


@kernel(hot=True)
def clear_all(words: Rows[Mask]) -> None:
    """Empty a set."""
    for i in range(WORDS):
        words[i] = _ZERO
