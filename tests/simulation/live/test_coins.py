"""A session at a spot market: what it holds are coins, fees are kept in them, and nobody else's are ever sold."""

from __future__ import annotations

import asyncio

import pytest

from tradewind.live.amounts import listing_of
from tradewind.live.flatten import FlattenPolicy, flatten_account
from tradewind.live.reconcile import Policy
from tradewind.live.venue import LiveRules
from tradewind.testing.sessions import MINUTE_NS, START_NS
from tradewind.testing.small_coins import PARTS, CoinLive, coin_world
from tradewind.testing.small_exchange import SmallGateway
from tradewind.units.enums import LONG, SELL, IntentKind

S = 1_000_000_000


def agrees(live):
    """Say that coins and cash are what the market says, to the last unit, and that nothing was asked in vain."""
    ours, theirs = live.final()
    assert ours == theirs
    assert live.cash()[0] == live.cash()[1]
    assert live.exchange.doubled == []


def strange(live):
    """Return what a person was told that is not about how soon a stop follows what is bought."""
    return [(alert.code, alert.text) for alert in live.alerts if alert.code != "PROTECTOR_MISSING"]


def rules(external):
    return LiveRules(warm_bars=2, reconcile_ns=60 * S, policy=Policy(external=external))


def test_a_session_trades_coins_and_knows_them_to_the_last_unit():
    live = CoinLive(bars=60)
    live.run()
    agrees(live)
    bought = [fill for fill in live.exchange.fills if fill.fee_currency == "BTC"]
    assert len(bought) >= 5
    assert any(fill.side == SELL for fill in live.exchange.fills)
    assert live.exchange.fees_in_coins > 0
    assert int(live.world.accounts["fees"][0]) > 0
    assert strange(live) == []


def test_a_stop_and_a_profit_never_ask_for_more_than_there_is():
    """They compete for the coins: a venue has none that only reduces, and locks what a stop is to sell."""
    live = CoinLive(bars=60)
    live.run()
    sells = [order.new for order in live.exchange._orders.values() if order.new.side == SELL]
    assert {new.kind for new in sells} == {IntentKind.STOP}  # The profit is watched while the stop rests.
    assert live.exchange.oversold == 0
    assert all(new.qty_lot % PARTS == 0 for new in sells)


@pytest.mark.parametrize("dies_at", [(3, 40, 90, 300), (120, 7, 55), (400, 30)])
def test_a_session_in_coins_comes_back_from_death(dies_at):
    live = CoinLive(bars=30, dies_at=dies_at)
    live.run()
    assert live.lives == len(dies_at)
    agrees(live)
    assert len(live.exchange.asked) == len(set(live.exchange.asked))


def test_coins_that_were_there_before_are_nobodys_to_sell():
    live = CoinLive(bars=40, rules=rules("ignore"))
    live.exchange.buy_by_hand(5_000 * PARTS)
    live.run()
    agrees(live)
    assert int(live.world.views["external_lot"][0, LONG]) == 5_000 * PARTS
    assert int(live.exchange.positions[0, LONG]) >= 5_000 * PARTS
    assert len(live.exchange.fills) > 5


def test_coins_of_before_stop_openers_where_the_policy_says_so():
    live = CoinLive(bars=20, rules=rules("halt"))
    live.exchange.buy_by_hand(5_000 * PARTS)
    live.run()
    assert live.exchange.fills == []
    assert any(alert.code == "UNEXPLAINED" for alert in live.alerts)


def test_dust_of_before_is_no_position():
    live = CoinLive(bars=20, rules=rules("halt"))
    live.exchange.buy_by_hand(PARTS // 2 - 1)
    live.run()
    assert len(live.exchange.fills) > 1
    assert strange(live) == []


def test_coins_that_are_taken_over_bring_their_value_and_no_money():
    live = CoinLive(bars=20, rules=rules("adopt"))
    live.exchange.buy_by_hand(300 * PARTS)
    live.run()
    agrees(live)
    assert int(live.world.views["external_lot"][0].sum()) == 0
    assert "UNEXPLAINED" not in {alert.code for alert in live.alerts}
    assert int(live.world.accounts["transferred"][0]) > 0


class FlattenedLive(CoinLive):
    """Closes the account from outside before the session ends: its trades tell which coins are its own."""

    since_ns: int | None = START_NS - MINUTE_NS
    done = None

    async def before_end(self):
        gateway = SmallGateway(self.exchange, self.wire, self.loop.now_ns)
        rules = coin_world().instrument_setups[0].instrument
        listing = listing_of(0, rules)
        policy = FlattenPolicy(settle_s=0.01, coins_since_ns=self.since_ns)
        self.done = await flatten_account(gateway, [listing], 1 << 60, policy)
        await asyncio.sleep(0)


def test_a_takeover_sells_what_the_session_bought_and_nothing_else():
    live = FlattenedLive(bars=13, rules=rules("ignore"))
    live.exchange.buy_by_hand(5_000 * PARTS)
    live.run()
    assert live.done.flat
    left = int(live.exchange.positions[0, LONG]) - 5_000 * PARTS
    assert 0 <= left < PARTS
    assert sum(fill.side == SELL for fill in live.exchange.fills) >= 1


def test_a_takeover_that_knows_of_no_trades_sells_nothing():
    live = FlattenedLive(bars=13, rules=rules("ignore"))
    live.since_ns = None
    live.exchange.buy_by_hand(5_000 * PARTS)
    live.run()
    assert live.exchange.positions[0, LONG] > 5_000 * PARTS
    assert all(fill.side != SELL for fill in live.exchange.fills[-1:])
