"""How accounts, streams and losses stand, for whoever watches; who watches changes nothing."""

from __future__ import annotations

import random
from collections import Counter

from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.figures import figures_of
from tradewind.live.inbox import Inbox
from tradewind.live.trading_state import losses_of
from tradewind.testing.clock import VirtualLoop
from tradewind.testing.sessions import MINUTE_NS, START_NS
from tradewind.testing.small_exchange import SmallExchange, SmallGateway, Wire
from tradewind.units.enums import StreamCode
from tradewind.venues.ccxt.traffic import MarketTraffic
from tradewind.venues.gateway import StreamKind, StreamSeen


class Traffic:
    """Counts by hand."""

    budget_share, banned_until_ns = 0.25, 7

    def __init__(self):
        self.counts, self.waits_ns = Counter(answered=3), [20_000_000]

    def take_waits_ns(self):
        told, self.waits_ns = self.waits_ns, []
        return told


def test_accounts_and_streams_are_told_as_they_stand_now():
    loop, dice, inbox = VirtualLoop(START_NS), random.Random(1), Inbox()
    gateways = [
        SmallGateway(SmallExchange(loop.now_ns, 1e6, MINUTE_NS, dice), Wire(dice), loop.now_ns) for _ in "ab"
    ]
    gateways[0].traffic = Traffic()
    accounts = [
        TradingAccount(number, AccountTerms(name, frozenset({0}), {"USDT": 0}), gateway, inbox, loop.now_ns)
        for number, (name, gateway) in enumerate(zip(("main", "spare"), gateways, strict=True))
    ]

    async def read():
        for gateway in gateways:
            await gateway.open()
        accounts[0].ask_snapshot(0)
        await inbox.wait(10.0)
        for gateway in gateways:
            await gateway.close()
        await inbox.close()

    try:
        loop.run_until_complete(read())
        now_ns = loop.now_ns()
    finally:
        loop.close()
    for account, kind, instrument, codes in (
        (0, StreamKind.USER, -1, (StreamCode.UP, StreamCode.DOWN)),
        (1, StreamKind.USER, -1, (StreamCode.UP,)),
        (-1, StreamKind.BARS, 0, (StreamCode.UP, StreamCode.GAP)),
        (-1, StreamKind.BARS, 1, (StreamCode.UP, StreamCode.STALE)),
        (-1, StreamKind.MARK, 1, (StreamCode.DOWN, StreamCode.UP)),
    ):
        for code in codes:
            inbox.hear(account, StreamSeen(kind, instrument, code, "", 1))
    told = figures_of(accounts, inbox)
    assert told.streams == {
        ("main", "user"): (0, 1),
        ("spare", "user"): (1, 0),
        ("market", "bars"): (1, 1),
        ("market", "mark"): (1, 0),
    }
    main, spare = told.accounts
    assert START_NS < main.read_ns <= now_ns
    assert (main.account, main.calls, main.waits_s) == ("main", {"answered": 3}, (0.02,))
    assert (main.budget_share, main.banned_until_ns) == (0.25, 7)
    assert (spare.account, spare.read_ns, spare.calls) == ("spare", 0, {})
    assert figures_of(accounts, inbox).accounts[0].waits_s == ()


class Feed:
    """A feed that asks two venues."""

    def __init__(self):
        self.asked = [MarketTraffic(), MarketTraffic()]

    def traffics(self):
        return self.asked


def test_what_is_asked_for_market_data_is_told_of_all_feeds_together():
    feeds = [Feed(), object(), Feed()]
    for number, traffic in enumerate([*feeds[0].asked, *feeds[2].asked]):
        traffic.count("answered", number * 1_000_000_000)
        traffic.banned_until_ns = number
    feeds[2].asked[0].count("unknown", 7)
    (market,) = figures_of((), Inbox(), feeds).accounts
    assert (market.account, market.calls) == ("market", {"answered": 4, "unknown": 1})
    assert (market.waits_s, market.budget_share, market.banned_until_ns) == ((0.0, 1.0, 2.0, 3.0), None, 3)
    assert figures_of((), Inbox(), feeds).accounts[0].waits_s == ()
    assert figures_of((), Inbox(), [object()]).accounts == ()


def test_what_is_lost_is_told_beside_its_limit_where_there_is_one():
    wallet = {
        "equity": 90,
        "day_start": 100,
        "loss_day": 0.2,
        "session_start": 80,
        "loss_session": 0.3,
        "fall_from": 120,
        "drawdown": 0.0,
    }
    told = losses_of(wallet)
    assert told.keys() == {"day", "session"}
    assert told["day"]["limit"] == 0.2
    assert abs(told["day"]["lost"] - 0.1) < 1e-12
    assert told["session"] == {"lost": 0.0, "limit": 0.3}
    assert losses_of(wallet | {"drawdown": 0.5})["drawdown"] == {"lost": 0.25, "limit": 0.5}
    assert losses_of(wallet | {"day_start": 0, "loss_session": 0.0}) == {}
