"""What became of the requests of an account or of a feed, as whoever watches asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Counted", "Counting"]


class Counted(Protocol):
    """What became of the requests of one account, or of one feed at one venue."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Return requests by outcome."""

    def take_waits_ns(self) -> list[int]:
        """Return how long the answers since the last call took, nanoseconds."""

    @property
    def budget_share(self) -> float | None:
        """Return how much of its fullest window is spent, None where there is none."""

    @property
    def banned_until_ns(self) -> int:
        """Return until when the venue wants no request at all."""


@runtime_checkable
class Counting(Protocol):
    """A feed that counts its requests, by the venues that it asks."""

    def traffics(self) -> Sequence[Counted]:
        """Return what became of them."""
