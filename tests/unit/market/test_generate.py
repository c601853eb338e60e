"""Generated markets: the same bits everywhere, sound, and shaped like crypto; martingales without expectation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import (
    COINS,
    MarketSpec,
    check_bars,
    check_funding,
    check_mark,
    generate_market,
    martingale,
    to_steps,
)
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, parse_utc

START_NS = parse_utc("2024-01-01")
SPEC = MarketSpec(seed=7, start_ns=START_NS, bars=30 * 1440, coins=COINS[:3])


@pytest.fixture(scope="module")
def market():
    return generate_market(SPEC)


def test_the_same_seed_gives_these_very_bits_on_any_machine():
    small = generate_market(replace(SPEC, bars=3000, coins=COINS[:2], regimes=True))
    parts = [small.bars, small.funding, small.mark, small.open_interest]
    hashes = [table[s].content_hash()[:16] for table in parts for s in ("BTCUSDT", "ETHUSDT")]
    assert hashes == GOLDEN


GOLDEN = [
    "4f8dd81f08f32145",
    "753c2c8ed29196cb",
    "1a106e0ecd723812",
    "1a106e0ecd723812",
    "c0f554da55260837",
    "8ae59be084a315d3",
    "10b16c19957fcb2c",
    "a91a9d62ac981a6c",
]


def test_another_coin_or_switch_changes_no_other_coin(market):
    alone = generate_market(replace(SPEC, coins=COINS[:1]))
    assert alone.bars["BTCUSDT"].same_as(market.bars["BTCUSDT"])
    without = generate_market(replace(SPEC, coins=COINS[:1], premium=False))
    assert without.bars["BTCUSDT"].same_as(market.bars["BTCUSDT"])
    assert without.funding == {}


def test_another_seed_is_another_market(market):
    other = generate_market(replace(SPEC, seed=8, coins=COINS[:1]))
    assert not other.bars["BTCUSDT"].same_as(market.bars["BTCUSDT"])


def test_everything_is_sound_and_on_its_grid(market):
    for symbol, bars in market.bars.items():
        rules = market.instruments[symbol]
        assert check_bars(bars) == ()
        assert check_mark(market.mark[symbol]) == ()
        assert check_funding(market.funding[symbol], interval_ns=rules.funding_interval_ns) == ()
        for name in ("open", "high", "low", "close"):
            to_steps(bars.column(name), rules.tick_size)
            to_steps(market.mark[symbol].column(name), rules.tick_size)
        to_steps(bars.volume, rules.lot_size)
        to_steps(market.open_interest[symbol].qty, rules.lot_size)


def test_a_bar_opens_where_the_one_before_closed(market):
    bars = market.bars["ETHUSDT"]
    assert (bars.open[1:] == bars.close[:-1]).all()


def test_returns_have_fat_tails_clusters_and_correlation(market):
    returns = {s: np.diff(np.log(b.close)) for s, b in market.bars.items()}
    for r in returns.values():
        assert ((r - r.mean()) ** 4).mean() / r.var() ** 2 > 6
        assert np.corrcoef(np.abs(r[1:]), np.abs(r[:-1]))[0, 1] > 0.05
    hourly = [np.diff(np.log(b.close[::60])) for b in market.bars.values()]
    assert np.corrcoef(hourly)[0, 1] > 0.5


def test_volatility_and_turnover_are_about_what_was_asked(market):
    for coin in SPEC.coins:
        bars = market.bars[coin.symbol]
        ratio = np.diff(np.log(bars.close)).std() * np.sqrt(525_600) / coin.volatility_ratio
        assert 0.5 < ratio < 2.0
        assert 0.7 < (bars.volume * bars.close).sum() / 30 / coin.turnover < 1.4


def test_ranges_are_those_of_a_path_and_not_of_its_ends(market):
    bars = market.bars["BTCUSDT"]
    ratio = (bars.high - bars.low).mean() / np.abs(bars.close - bars.open).mean()
    assert ratio == pytest.approx(2.0, abs=0.03), (
        "a Brownian path's mean range is twice its mean displacement"
    )


def test_volume_is_high_at_the_ends_of_the_day(market):
    by_hour = market.bars["BTCUSDT"].volume.reshape(30, 24, 60).mean(axis=(0, 2))
    assert by_hour[[0, 23]].mean() > 1.8 * by_hour[[11, 12]].mean()


def test_funding_follows_the_premium_and_the_mark_stays_near(market):
    for symbol, funding in market.funding.items():
        assert len(funding) == 90
        assert 0 < funding.rate.mean() < 3e-4
        assert np.abs(funding.rate).max() < 0.003
        assert len(np.unique(funding.rate)) > 10
        distance = np.abs(market.mark[symbol].close / market.bars[symbol].close - 1)
        assert 0 < distance.mean() < 5e-4
        assert distance.max() < 3e-3


def test_more_bars_have_the_same_beginning():
    longer = generate_market(replace(SPEC, coins=COINS[:1], regimes=True))
    shorter = generate_market(replace(SPEC, coins=COINS[:1], regimes=True, bars=10 * 1440))
    for kind in ("bars", "mark", "funding", "open_interest"):
        whole, part = getattr(longer, kind)["BTCUSDT"], getattr(shorter, kind)["BTCUSDT"]
        assert part.same_as(whole.take(slice(0, len(part)))), "nothing knows what comes later"


def test_the_spot_leg_trades_at_the_price_without_the_premium(market):
    both = generate_market(replace(SPEC, spot=True))
    assert market.spot_bars == {}
    for symbol, spot in both.spot_bars.items():
        assert both.bars[symbol].same_as(market.bars[symbol])
        assert check_bars(spot) == ()
        rules = both.spot_instruments[symbol]
        assert (rules.payoff, rules.venue, rules.tiers) == ("spot", "generated_spot", ())
        to_steps(spot.close, rules.tick_size)
        basis = both.bars[symbol].close / spot.close - 1
        assert 0 < np.abs(basis).max() < 4e-3
        hours = basis[: 90 * 480].reshape(90, 480).mean(axis=1)
        rate = both.funding[symbol].rate
        assert np.corrcoef(hours, rate)[0, 1] > 0.5, "who pays the premium pays the funding"


def test_a_spot_martingale_is_the_perpetual():
    market = generate_market(replace(martingale(1, 500), spot=True))
    assert (market.spot_bars["RANDOM1USDT"].close == market.bars["RANDOM1USDT"].close).all()


def test_regimes_change_drift_and_volatility():
    spec = MarketSpec(
        seed=3, start_ns=START_NS, bars=24 * 720, interval_ns=HOUR_NS, coins=COINS[:1], tails=False
    )
    calm, shifting = (_monthly_volatility(replace(spec, regimes=on)) for on in (False, True))
    assert shifting.std() > 2 * calm.std()


def _monthly_volatility(spec):
    close = generate_market(spec).bars["BTCUSDT"].close
    return np.array([np.diff(np.log(part)).std() for part in np.array_split(close, 24)])


def test_five_minutes_and_days_are_generated_too():
    for interval_ns in (5 * MINUTE_NS, HOUR_NS, DAY_NS):
        market = generate_market(
            MarketSpec(seed=1, start_ns=START_NS, bars=400, interval_ns=interval_ns, coins=COINS[:1])
        )
        assert check_bars(market.bars["BTCUSDT"]) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 1 << 63},
        {"bars": 0},
        {"interval_ns": 0},
        {"start_ns": START_NS + 1},
        {"coins": ()},
        {"coins": (replace(COINS[0], price=0.0),)},
        {"coins": (replace(COINS[0], correlation=1.5),)},
        {"coins": (replace(COINS[0], volatility_ratio=0.0),)},
    ],
)
def test_what_cannot_be_generated_is_refused(wrong):
    with pytest.raises(TradewindError) as raised:
        replace(SPEC, **wrong)
    assert raised.value.code == "CONFIG_RANGE"


def test_martingales_have_no_expectation_at_any_horizon_or_level():
    gains, resting = [], []
    for seed in range(200):
        bars = generate_market(martingale(seed, 2000)).bars["RANDOM1USDT"]
        gains.append(bars.close[-1] / bars.open[0] - 1)
        # A resting buy 1 % below each open: what it is worth at the close of its bar, on the bars that reach it.
        limit = 0.99 * bars.open
        reached = bars.low < limit
        resting.append((bars.close[reached] / limit[reached] - 1).sum())
    for sample in (np.array(gains), np.array(resting)):
        t = sample.mean() / (sample.std(ddof=1) / np.sqrt(len(sample)))
        assert abs(t) < 3, t


def test_a_martingale_has_no_funding_no_rhythm_and_no_jumps():
    assert martingale(1, 10).jumps_per_year == 0
    market = generate_market(martingale(1, 24 * 60))
    assert (market.funding, market.mark) == ({}, {})
    by_hour = market.bars["RANDOM1USDT"].volume.reshape(60, 24).mean(axis=0)
    assert by_hour[[0, 23]].mean() < 1.6 * by_hour[[11, 12]].mean()
