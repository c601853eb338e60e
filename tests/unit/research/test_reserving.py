"""Where what rests to close reserves what is held, the stop rests and the take-profit is watched, in backtests too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tradewind.config import Workspace, session_from
from tradewind.market import Store
from tradewind.market.rules.book import RuleBook
from tradewind.market.rules.parse import RuleSet
from tradewind.research.resolve import resolve
from tradewind.research.worlds import bind_world, terms_of
from tradewind.venues.fake.listings import listed

START = datetime(2024, 1, 1, tzinfo=UTC)


def bound(folder, venue: str, mode: str):
    """Return the world of a session at a venue, with positions of this mode."""
    desk = Workspace.create(folder / "desk")
    fakes = listed("okx_swap" if venue == "bitget_swap" else venue)
    rules = {
        "BTCUSDT": replace(fakes[0], venue=venue, symbol="BTCUSDT", listed_ns=None, lot_size=Decimal("0.01"))
    }
    with RuleBook.changing(Store(desk.data).root) as book:
        book.add(RuleSet(venue, rules), int(START.timestamp()) * 10**9)
    session = session_from(
        {
            "strategy": "ema_cross",
            "capital": {"amount": 10_000, "currency": "USDT"},
            "market": {"venue": venue, "symbols": ["BTCUSDT"], "bars": "1m"},
            "account": {"position_mode": mode},
        }
    ).config
    resolved = resolve(session.backtest_view(START, START + timedelta(days=1)), desk)
    return bind_world(resolved, [terms_of(resolved, 0, 60_000.0, None)])


@pytest.mark.parametrize(
    ("venue", "mode", "reserves"),
    [
        ("okx_swap", "one_way", 0),
        ("okx_swap", "hedge", 1),
        ("blofin_swap", "hedge", 1),
        ("bitget_swap", "hedge", 1),
        ("binance_usdm", "hedge", 0),
        ("bybit_linear", "hedge", 0),
    ],
)
def test_a_hedge_reserves_where_its_venue_does(tmp_path, venue, mode, reserves):
    views = bound(tmp_path, venue, mode).views
    assert (int(views["shared"][0]), int(views["hedge"][0])) == (reserves, int(mode == "hedge"))
