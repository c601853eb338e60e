"""A session file that names a second venue: who is heard of each instrument, and what of the second one."""

from __future__ import annotations

import asyncio
import gc
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.cli.listening import Bound, _kinds, _refuse_inactive, bind_now, open_feeds
from tradewind.config import Workspace, session_from
from tradewind.errors import ConfigError
from tradewind.market import Store
from tradewind.market.rules.book import RuleBook
from tradewind.market.rules.parse import RuleSet
from tradewind.research.resolve import resolve
from tradewind.venues.ccxt.failover import FailoverFeed
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.fake.listings import FAKE_VENUES, listed
from tradewind.venues.gateway import StreamKind

ASKS = '''"""Buy while more and more is open."""

from tradewind.strategies import LONG, SET, target

NEEDS = ("open_interest",)


def decide(view, account, working, params, memory, intents):
    if view.open_interest > 0.0:
        target(intents, LONG, 1)
    return SET
'''
SESSION = """
strategy = "asks"
capital  = { amount = 10_000, currency = "USDT" }
protection = "none"

[market]
venue = "binance_usdm"
symbols = ["ETHUSDT"]
bars = "1m"

[feed]
secondary = "SECOND"
healed_after_s = 30.0
"""


@pytest.fixture(autouse=True)
def _nothing_is_left_open():
    yield
    gc.collect()


def bound_to(folder, second: str, listings=listed) -> tuple[Bound, Workspace]:
    """Return the session bound to its venues' rules as they are listed."""
    desk = Workspace.create(folder / "desk")
    (desk.root / "strategies" / "asks.py").write_text(ASKS, encoding="utf-8")
    with RuleBook.changing(Store(desk.data).root) as book:
        for venue in FAKE_VENUES:
            book.add(
                RuleSet(venue, {each.symbol: each for each in listings(venue)}), 1_700_000_000_000_000_000
            )
    session = session_from(tomllib.loads(SESSION.replace("SECOND", second))).config
    now = datetime(2024, 1, 1, tzinfo=UTC)
    resolved = resolve(session.backtest_view(now, now + timedelta(days=1)), desk)
    return Bound(session, resolved, (3_000.0,)), desk


def opened(folder, second: str, listings=listed):
    """Return the feed of the session's instrument."""
    bound, desk = bound_to(folder, second, listings)

    async def work():
        feeds, closing = open_feeds(bound, desk)
        try:
            return type(feeds[0]), feeds[0].speaker(0) if isinstance(feeds[0], FailoverFeed) else ""
        finally:
            await feeds[0].close()
            for close in closing:
                await close()

    return asyncio.run(work())


@pytest.mark.parametrize("second", ["bybit_linear", "okx_swap", "blofin_swap"])
def test_a_second_venue_stands_in_also_where_it_does_not_tell_all_that_is_needed(second, tmp_path):
    """BloFin tells no open interest; that is never taken from another venue anyway."""
    assert opened(tmp_path, second) == (FailoverFeed, "binance_usdm")


def test_a_second_venue_that_does_not_list_the_coin_is_refused(tmp_path):
    def few(venue):
        return [each for each in listed(venue) if venue == "binance_usdm" or each.base == "BTC"]

    with pytest.raises(ConfigError) as refused:
        opened(tmp_path, "okx_swap", few)
    assert (refused.value.code, refused.value.key) == ("SYMBOL_UNKNOWN", "feed.secondary")


def test_without_one_the_venue_is_heard_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SESSION", SESSION.replace('secondary = "SECOND"\n', ""))
    assert opened(tmp_path, "")[0] is CcxtMarketFeed


def test_liquidations_are_listened_for_where_a_strategy_wants_them_and_the_venue_tells_them(
    tmp_path, monkeypatch
):
    alone = SESSION.replace('secondary = "SECOND"\n', "")
    monkeypatch.setitem(globals(), "SESSION", alone)
    assert StreamKind.LIQUIDATIONS not in _kinds(bound_to(tmp_path / "a", "")[0], "binance_usdm")
    wanting = ASKS.replace('("open_interest",)', '("liquidations",)')
    monkeypatch.setitem(globals(), "ASKS", wanting.replace("view.open_interest", "view.liquidated_sell"))
    assert StreamKind.LIQUIDATIONS in _kinds(bound_to(tmp_path / "b", "")[0], "binance_usdm")
    monkeypatch.setitem(
        globals(), "SESSION", alone.replace("binance_usdm", "blofin_swap").replace("ETHUSDT", "ETH-USDT")
    )
    with pytest.raises(ConfigError) as refused:
        opened(tmp_path / "c", "")
    assert refused.value.code == "EXCHANGE_UNSUPPORTED"


def test_b19_a_symbol_that_does_not_trade_now_is_refused_by_its_place(tmp_path):
    def closed(venue):
        return [replace(each, active=False) for each in listed(venue)]

    _refuse_inactive(bound_to(tmp_path / "a", "okx_swap")[0].resolved)
    with pytest.raises(ConfigError) as refused:
        _refuse_inactive(bound_to(tmp_path / "b", "okx_swap", closed)[0].resolved)
    assert (refused.value.code, refused.value.key) == ("SYMBOL_INACTIVE", "market.symbols.0")


@pytest.mark.parametrize(
    ("venue", "bars"), [("blofin_swap", "7m"), ("binance_usdm", "10m"), ("okx_swap", "1w")]
)
def test_bars_that_a_venue_does_not_stream_are_refused_before_anything_is_asked(venue, bars, tmp_path):
    """The session had begun by then, and what it had opened was left to the interpreter."""
    text = SESSION.replace("binance_usdm", venue).replace('"1m"', f'"{bars}"')
    alone = session_from(tomllib.loads(text.replace('secondary = "SECOND"\n', ""))).config
    asked: list[str] = []
    with pytest.raises(ConfigError) as refused:
        asyncio.run(bind_now(alone, Workspace.create(tmp_path / "desk"), None, asked.append))
    assert (refused.value.code, refused.value.key, asked) == ("EXCHANGE_UNSUPPORTED", "market.bars", [])
    assert "5m" in refused.value.known
    assert "decide_on" in refused.value.hint
