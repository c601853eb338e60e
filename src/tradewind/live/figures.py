"""What a session's accounts and streams are like now, for whoever watches: gathered when asked, kept by nobody."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tradewind.ops.observing import AccountFigures, VenueFigures
from tradewind.units.enums import StreamCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradewind.live.accounts import TradingAccount
    from tradewind.live.inbox import Inbox

__all__ = ["Counted", "Trafficked", "figures_of"]


class Counted(Protocol):
    """What became of the requests of one account."""

    counts: Mapping[str, int]

    def take_waits_ns(self) -> list[int]:
        """Return how long the answers since the last call took, nanoseconds."""
        ...

    @property
    def budget_share(self) -> float:
        """Return how much of its fullest window is spent."""
        ...

    @property
    def banned_until_ns(self) -> int:
        """Return until when the venue wants no request at all."""
        ...


@runtime_checkable
class Trafficked(Protocol):
    """A gateway that counts its requests."""

    traffic: Counted


def figures_of(accounts: Sequence[TradingAccount], inbox: Inbox) -> VenueFigures:
    """Return how accounts and streams stand; how long answers took is told once."""
    names = {account.number: account.terms.name for account in accounts}
    up: Counter[tuple[str, str]] = Counter()
    down: Counter[tuple[str, str]] = Counter()
    for (number, stream, _), code in inbox.streams.items():
        place = names.get(number, "market"), stream.value
        (up if code == StreamCode.UP else down)[place] += 1
    streams = {place: (up[place], down[place]) for place in up.keys() | down.keys()}
    return VenueFigures(tuple(_account(each) for each in accounts), streams)


def _account(account: TradingAccount) -> AccountFigures:
    told = AccountFigures(account.terms.name, account.read_ns)
    gateway = account.gateway
    if not isinstance(gateway, Trafficked):
        return told
    traffic = gateway.traffic
    return AccountFigures(
        account.terms.name,
        account.read_ns,
        dict(traffic.counts),
        tuple(wait_ns / 1e9 for wait_ns in traffic.take_waits_ns()),
        traffic.budget_share,
        traffic.banned_until_ns,
    )
