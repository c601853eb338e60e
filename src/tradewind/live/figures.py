"""What a session's accounts and feeds are like now, for whoever watches: gathered when asked, kept by nobody."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tradewind.ops.observing import AccountFigures, VenueFigures
from tradewind.units.enums import StreamCode
from tradewind.venues.counting import Counting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tradewind.live.accounts import TradingAccount
    from tradewind.live.inbox import Inbox
    from tradewind.venues.counting import Counted
    from tradewind.venues.gateway import MarketFeed

__all__ = ["Trafficked", "figures_of"]

_MARKET = "market"
"""Stands for an account where none is asked for."""


@runtime_checkable
class Trafficked(Protocol):
    """A gateway that counts its requests."""

    traffic: Counted


def figures_of(
    accounts: Sequence[TradingAccount], inbox: Inbox, feeds: Iterable[MarketFeed] = ()
) -> VenueFigures:
    """Return how accounts, streams and requests of market data stand; how long answers took is told once."""
    names = {account.number: account.terms.name for account in accounts}
    up: Counter[tuple[str, str]] = Counter()
    down: Counter[tuple[str, str]] = Counter()
    for (number, stream, _), code in inbox.streams.items():
        place = names.get(number, _MARKET), stream.value
        (up if code == StreamCode.UP else down)[place] += 1
    streams = {place: (up[place], down[place]) for place in up.keys() | down.keys()}
    counted = [traffic for feed in feeds if isinstance(feed, Counting) for traffic in feed.traffics()]
    return VenueFigures((*map(_account, accounts), *([_market(counted)] if counted else [])), streams)


def _market(counted: Sequence[Counted]) -> AccountFigures:
    """Return what became of the requests of all feeds together."""
    calls: Counter[str] = Counter()
    for traffic in counted:
        calls.update(traffic.counts)
    return AccountFigures(
        _MARKET,
        0,
        dict(calls),
        tuple(wait_ns / 1e9 for traffic in counted for wait_ns in traffic.take_waits_ns()),
        None,
        max(traffic.banned_until_ns for traffic in counted),
    )


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
