"""For how long a connection has said nothing, by a clock that nobody sets.

ccxt stamps what its connections hear by the clock of the day. That a stamp has changed says that something was heard;
when, is counted here: a clock that is set three hours back would otherwise let a dead connection live for so long, and
one that is set ahead would end each of them.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from ccxt.base.errors import BaseError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Quiet", "ask_for_sign"]

_LOOK_S = 1.0
"""A connection that was never looked at is no older: it is looked at every second."""


_LATE_S = 8.0
"""A connection that was told to be pinged later than is usual here is pinged after so long a silence."""


async def ask_for_sign(exchange: Any, client: Any, silent_s: float) -> None:  # noqa: ANN401 - ccxt ships no types
    """Ping a connection where ccxt would do it too late: a venue may tell it to wait longer than silence is believed.

    KuCoin tells it to wait for 18 s. From the first time on ccxt pings it as often as any other.
    """
    usual_ms = exchange.streaming["keepAlive"]
    if client.keepAlive > usual_ms and silent_s > _LATE_S and not client.closed():
        client.keepAlive = usual_ms
        with contextlib.suppress(BaseError, OSError):
            await client.send(exchange.ping(client))


class _Look(NamedTuple):
    """What was stamped at the last look, and by our clock when that was and when it looked."""

    stamps: tuple[int | None, ...]
    heard_s: float
    looked_s: float


class Quiet:
    """Ages of the connections of one ccxt object; each is to be looked at about every second.

    Parameters
    ----------
    steady_s
        A clock that nobody sets: the event loop's.
    """

    def __init__(self, steady_s: Callable[[], float]) -> None:
        self._steady_s = steady_s
        self._heard: WeakKeyDictionary[Any, _Look] = WeakKeyDictionary()
        self._begun: WeakKeyDictionary[Any, _Look] = WeakKeyDictionary()

    def silent_s(self, client: Any) -> float:  # noqa: ANN401 - ccxt ships no types
        """Return the seconds since a connection said anything, or since it began; 0 before that."""
        return self._age_s(self._heard, client, client.last_message_at, client.connectionEstablished)

    def open_s(self, client: Any) -> float:  # noqa: ANN401 - ccxt ships no types
        """Return the seconds since a connection began, 0 before that."""
        return self._age_s(self._begun, client, client.connectionEstablished)

    def _age_s(self, looks: WeakKeyDictionary[Any, _Look], client: object, *stamps: int | None) -> float:
        newest_ms = max((stamp for stamp in stamps if stamp), default=0)
        if not newest_ms:
            return 0.0
        now_s, before = self._steady_s(), looks.get(client)
        if before is not None and before.stamps == stamps:
            heard_s = before.heard_s
        else:
            passed_s = _LOOK_S if before is None else now_s - before.looked_s
            heard_s = now_s - min(max(0.0, time.time() - newest_ms / 1_000), passed_s)
        looks[client] = _Look(stamps, heard_s, now_s)
        return now_s - heard_s
