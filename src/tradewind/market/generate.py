"""Markets made from a seed that look like crypto, and martingales that nobody can beat.

One price path carries everything: a variance that clusters on the scales of hours, a day and a week, deviates with
fat tails (a normal deviate times a random scale), jumps, a common factor for correlation, and inside each bar the exact
extremes of a Brownian bridge between its open and its close. Funding follows a premium, the mark lags the last price,
open interest wanders. Each deviate is compensated, so that with drift, premium and regimes off the price is a
martingale bar by bar and within the bar.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from tradewind.errors import ConfigError
from tradewind.market import randoms
from tradewind.market.bars import Bars, Floats, Funding, Instants, Mark, OpenInterest
from tradewind.market.instrument import Instrument, Tier
from tradewind.market.recursion import mean_reverting, running_sum
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS

__all__ = ["Coin", "GeneratedMarket", "MarketSpec", "generate_market", "martingale"]

YEAR_NS = 365 * DAY_NS

# Purposes of the streams of random numbers; a new purpose gets a new number.
_FACTOR, _FACTOR_SCALE, _VARIANCE, _REGIME, _CRASH = 1, 2, 3, 4, 5
_COIN, _COIN_SCALE, _COIN_VARIANCE, _COIN_JUMP, _BRIDGE = 10, 11, 12, 13, 14
_VOLUME, _PREMIUM, _INTEREST = 15, 16, 17


@dataclass(frozen=True, slots=True)
class Coin:
    """One instrument to generate.

    price: first price in quote units. volatility_ratio: of a year. correlation: with the common factor, 0 to 1.
    turnover: notional traded on a day, in quote units.
    """

    symbol: str
    base: str
    price: float = 100.0
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal("0.001")
    volatility_ratio: float = 0.7
    correlation: float = 0.75
    turnover: float = 2e8


COINS: tuple[Coin, ...] = (
    Coin("BTCUSDT", "BTC", 42_000.0, Decimal("0.1"), Decimal("0.001"), 0.55, 0.9, 2e9),
    Coin("ETHUSDT", "ETH", 2_300.0, Decimal("0.01"), Decimal("0.001"), 0.7, 0.85, 1e9),
    Coin("SOLUSDT", "SOL", 100.0, Decimal("0.01"), Decimal("0.01"), 0.95, 0.75, 5e8),
    Coin("XRPUSDT", "XRP", 0.6, Decimal("0.0001"), Decimal("0.1"), 0.85, 0.7, 3e8),
    Coin("DOGEUSDT", "DOGE", 0.08, Decimal("0.00001"), Decimal("1"), 1.0, 0.7, 3e8),
)
"""Coins with made-up prices in the sizes of real ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSpec:
    """What to generate; the same specification gives the same bits everywhere, and more bars the same beginning.

    Parameters
    ----------
    start_ns, bars, interval_ns
        First bar's open time, bars of each instrument, length of a bar.
    coins
        The instruments.
    tails
        Fat tails and clusters of volatility; without them deviates are normal and the variance is constant.
    jumps_per_year, jump_ratio
        Expected number of jumps of one coin and their size as a standard deviation of log price.
    drift_ratio
        Mean growth of a year.
    regimes
        Bull, bear and quiet stretches of some weeks, with drift and volatility of their own.
    premium
        The perpetual trades away from its index, funding follows it, the mark lags; without it funding is zero.
    spot
        The coin itself is traded too, at the perpetual's price without its premium.
    intraday
        Volume and volatility are larger at the ends of the UTC day than in its middle.
    funding_interval_ns
        Time between settlements.
    """

    seed: int
    start_ns: int
    bars: int
    interval_ns: int = MINUTE_NS
    coins: tuple[Coin, ...] = COINS
    venue: str = "generated"
    spot_venue: str = "generated_spot"
    tails: bool = True
    jumps_per_year: float = 40.0
    jump_ratio: float = 0.02
    drift_ratio: float = 0.15
    regimes: bool = False
    premium: bool = True
    spot: bool = False
    intraday: bool = True
    funding_interval_ns: int = 8 * HOUR_NS

    def __post_init__(self) -> None:
        """Refuse what cannot be generated. Raises CONFIG_RANGE."""
        if self.seed < 0 or self.seed >= 1 << 63:
            raise _out_of_range("seed", f"{self.seed} is not between 0 and 2^63")
        if self.bars < 1 or self.interval_ns < 1 or self.interval_ns > 7 * DAY_NS:
            raise _out_of_range("bars", f"{self.bars} bars of {self.interval_ns} ns")
        if self.start_ns % self.interval_ns or not self.coins:
            raise _out_of_range(
                "start_ns", "the start is not on the grid of the interval, or there is no coin"
            )
        for coin in self.coins:
            if not (coin.price > 0 and 0 < coin.volatility_ratio <= 5 and 0 <= coin.correlation <= 1):
                raise _out_of_range("coins", f"{coin.symbol}: price, volatility or correlation")

    @property
    def ts_ns(self) -> Instants:
        """Return the open times of the bars."""
        return self.start_ns + np.arange(self.bars, dtype=np.int64) * self.interval_ns


def _out_of_range(key: str, message: str) -> ConfigError:
    return ConfigError("CONFIG_RANGE", message, where="generated market", key=key)


@dataclass(frozen=True, slots=True)
class GeneratedMarket:
    """A generated market, by symbol: rules, bars, settlements, mark prices, open interest; with `spot` its other leg.

    The spot instruments carry the same symbols at the venue `spot_venue` of the specification.
    """

    spec: MarketSpec
    instruments: dict[str, Instrument]
    bars: dict[str, Bars]
    spot_instruments: dict[str, Instrument] = field(default_factory=dict)
    spot_bars: dict[str, Bars] = field(default_factory=dict)
    funding: dict[str, Funding] = field(default_factory=dict)
    mark: dict[str, Mark] = field(default_factory=dict)
    open_interest: dict[str, OpenInterest] = field(default_factory=dict)


def martingale(
    seed: int, bars: int, *, start_ns: int = 0, interval_ns: int = HOUR_NS, coins: int = 1
) -> MarketSpec:
    """Return the specification of markets without any expectation: no rule beats them, costs aside.

    Volatility clusters and tails stay, because strategies meet them; drift, premium, regimes and rhythms go, and so do
    jumps: bars cannot say that a stop was jumped over, so that a jump inside a bar would be a gift to every stop.
    """
    chosen = tuple(
        replace(COINS[n % len(COINS)], symbol=f"RANDOM{n + 1}USDT", base=f"RANDOM{n + 1}")
        for n in range(coins)
    )
    return MarketSpec(
        seed=seed,
        start_ns=start_ns,
        bars=bars,
        interval_ns=interval_ns,
        coins=chosen,
        jumps_per_year=0.0,
        drift_ratio=0.0,
        premium=False,
        intraday=False,
    )


def generate_market(spec: MarketSpec) -> GeneratedMarket:
    """Return the market of a specification. Cost: about 0.25 s for a year of minutes of one coin."""
    common = _common_part(spec)
    market = GeneratedMarket(spec, {}, {})
    for number, coin in enumerate(spec.coins):
        path = _coin_path(spec, common, number, coin)
        bars = _bars(spec, path, number, coin)
        market.instruments[coin.symbol] = _instrument(spec, coin)
        market.bars[coin.symbol] = bars
        premium = _premium(spec, number, path)
        if spec.premium:
            _add_derivatives(market, coin, number, bars, premium)
        if spec.spot:
            market.spot_instruments[coin.symbol] = _spot_instrument(spec, coin)
            market.spot_bars[coin.symbol] = _spot(bars, premium, coin)
    return market


# ---------------------------------------------------------------------------- the path


@dataclass(frozen=True, slots=True)
class _Common:
    """What all coins share, one value a bar: the factor and its scale, log variance, drift, crashes."""

    factor: Floats
    scale: Floats
    log_variance: Floats
    drift: Floats
    crash: Floats


@dataclass(frozen=True, slots=True)
class _Path:
    """One coin, one value a bar: log price at the close, the bar's displacement and its standard deviation, jumps."""

    log_close: Floats
    moved: Floats
    deviation: Floats
    jump: Floats
    activity: Floats


def _common_part(spec: MarketSpec) -> _Common:
    n = spec.bars
    factor = randoms.normal(randoms.stream(spec.seed, _FACTOR), n)
    scale = _scale(spec, _FACTOR_SCALE)
    log_variance = _clusters(spec, (_VARIANCE,), ((DAY_NS, 0.5), (7 * DAY_NS, 0.4)))
    drift = np.full(n, spec.drift_ratio * spec.interval_ns / YEAR_NS)
    if spec.regimes:
        log_variance, drift = _with_regimes(spec, log_variance, drift)
    if spec.intraday:
        log_variance = log_variance + 0.6 * (_u_shape(spec) - 1.0)
    crash = _jumps(spec, (_CRASH,), spec.jumps_per_year / 4.0, spec.jump_ratio)
    return _Common(factor, scale, log_variance, drift, crash)


def _coin_path(spec: MarketSpec, common: _Common, number: int, coin: Coin) -> _Path:
    own = randoms.normal(randoms.stream(spec.seed, _COIN, number), spec.bars)
    own_scale = _scale(spec, _COIN_SCALE, number)
    log_variance = common.log_variance + _clusters(spec, (_COIN_VARIANCE, number), ((6 * HOUR_NS, 0.35),))
    rho, rest = coin.correlation, np.sqrt(1.0 - coin.correlation * coin.correlation)
    deviate = rho * common.scale * common.factor + rest * own_scale * own
    spread = np.sqrt((rho * common.scale) ** 2 + (rest * own_scale) ** 2)
    bar_volatility = (
        coin.volatility_ratio * np.sqrt(spec.interval_ns / YEAR_NS) * randoms.exp(0.5 * log_variance)
    )
    deviation = np.minimum(bar_volatility * spread, 0.5)
    # What a normal deviate adds to the mean of the price is taken off, given its deviation: a martingale.
    moved = deviation * (deviate / spread) - 0.5 * deviation * deviation
    jump = coin.correlation * common.crash - 0.5 * (coin.correlation**2 - coin.correlation) * _jump_variance(
        spec, common
    )
    jump = jump + _jumps(spec, (_COIN_JUMP, number), 0.75 * spec.jumps_per_year, spec.jump_ratio)
    log_close = running_sum(moved + jump + common.drift)
    return _Path(log_close, moved, deviation, jump, np.abs(deviate) / spread)


def _jump_variance(spec: MarketSpec, common: _Common) -> Floats:
    """Return the variance of the common jump where there is one; the coin takes only its share of it."""
    return np.where(common.crash != 0.0, spec.jump_ratio * spec.jump_ratio, 0.0)


def _scale(spec: MarketSpec, *purpose: int) -> Floats:
    """Return the random scale of deviates: with it a normal deviate has a t distribution of 4 degrees, variance 1."""
    if not spec.tails:
        return np.ones(spec.bars)
    one, two = (randoms.uniform(randoms.stream(spec.seed, *purpose, n), spec.bars) for n in range(2))
    gamma = -randoms.log(one) - randoms.log(two)
    return np.minimum(1.0 / np.sqrt(gamma), 8.0)


def _clusters(spec: MarketSpec, purpose: tuple[int, ...], scales: tuple[tuple[int, float], ...]) -> Floats:
    """Return a log variance of mean exponential one: a sum of mean-reverting parts, (half-life in ns, deviation)."""
    total = np.zeros(spec.bars)
    if not spec.tails:
        return total
    for n, (half_life_ns, deviation) in enumerate(scales):
        noise = randoms.normal(randoms.stream(spec.seed, *purpose, n), spec.bars)
        total += (
            mean_reverting(noise, spec.interval_ns / half_life_ns, deviation) - 0.5 * deviation * deviation
        )
    return total


def _jumps(spec: MarketSpec, purpose: tuple[int, ...], per_year: float, ratio: float) -> Floats:
    """Return the jumps of log price, most of them zero, each compensated."""
    chance = min(0.5, per_year * spec.interval_ns / YEAR_NS)
    struck = np.flatnonzero(randoms.uniform(randoms.stream(spec.seed, *purpose, 0), spec.bars) < chance)
    jumps = np.zeros(spec.bars)
    sizes = randoms.normal(randoms.stream(spec.seed, *purpose, 1), len(struck))
    jumps[struck] = ratio * sizes - 0.5 * ratio * ratio
    return jumps


_REGIMES = ((1.2, -0.2), (-1.0, 0.5), (0.0, -0.8))
"""Bull, bear, quiet: growth of a year, and what is added to the log variance."""


def _with_regimes(spec: MarketSpec, log_variance: Floats, drift: Floats) -> tuple[Floats, Floats]:
    """Return variance and drift with stretches of mean length 21 days, each regime followed by another one."""
    count = 4 * int(spec.bars * spec.interval_ns // (21 * DAY_NS)) + 20
    one, two = (randoms.uniform(randoms.stream(spec.seed, _REGIME, n), count) for n in range(2))
    lengths = -randoms.log(one) * (21 * DAY_NS / spec.interval_ns)
    steps = 1 + (two < 0.5).astype(np.int64)
    state_of_stretch = np.cumsum(steps) % len(_REGIMES)
    starts = np.minimum(np.cumsum(lengths), 2.0**62).astype(np.int64)
    stretch = np.minimum(np.searchsorted(starts, np.arange(spec.bars), side="right"), len(lengths) - 1)
    table = np.array(_REGIMES)[state_of_stretch[stretch]]
    return log_variance + table[:, 1], drift + table[:, 0] * (spec.interval_ns / YEAR_NS)


def _u_shape(spec: MarketSpec) -> Floats:
    """Return the rhythm of the day, mean one: high at its ends, low in its middle."""
    middle = ((spec.ts_ns + spec.interval_ns // 2) % DAY_NS) / DAY_NS - 0.5
    return 0.6 + 4.8 * middle * middle


# ---------------------------------------------------------------------------- what is seen of it


def _bars(spec: MarketSpec, path: _Path, number: int, coin: Coin) -> Bars:
    """Return the bars on the tick grid; the jump of a bar happens at its end."""
    start = np.r_[0.0, path.log_close[:-1]]
    one, two = (randoms.uniform(randoms.stream(spec.seed, _BRIDGE, number, n), spec.bars) for n in range(2))
    up, down = _bridge_extreme(path, one), _bridge_extreme(path, two, -1.0)
    tick = float(coin.tick_size)
    first = coin.price / tick
    closes = np.maximum(np.rint(first * randoms.exp(path.log_close)), 1.0)
    opens = np.r_[np.maximum(np.rint(first), 1.0), closes[:-1]]
    highs = np.maximum(np.rint(first * randoms.exp(start + up)), np.maximum(opens, closes))
    lows = np.minimum(np.rint(first * randoms.exp(start + down)), np.minimum(opens, closes))
    lows = np.maximum(lows, 1.0)
    prices = (on_grid(ticks, coin.tick_size) for ticks in (opens, highs, lows, closes))
    columns = dict(zip(Bars.COLUMNS, prices, strict=False))
    columns["volume"] = _volume(spec, path, number, coin, columns["close"])
    return Bars.from_columns({"ts_ns": spec.ts_ns, **columns}, spec.interval_ns)


def _bridge_extreme(path: _Path, u: Floats, side: float = 1.0) -> Floats:
    """Return the extreme of the log price above (or below) the bar's start, given where the bar ended.

    Source: the law of the maximum of a Brownian bridge, P(max > m) = exp(-2 m (m - x) / s^2).
    """
    x = side * path.moved
    return side * 0.5 * (x + np.sqrt(x * x - 2.0 * path.deviation * path.deviation * randoms.log(u)))


def on_grid(steps: Floats, step: Decimal) -> Floats:
    """Return whole steps as the doubles nearest to their decimal values: 3 ticks of 0.1 are 0.3."""
    numerator, denominator = step.as_integer_ratio()
    return steps * float(numerator) / float(denominator)


def _volume(spec: MarketSpec, path: _Path, number: int, coin: Coin, price: Floats) -> Floats:
    """Return volume in base units, at least a lot: it rises with the move, the variance and the ends of the day."""
    noise = randoms.normal(randoms.stream(spec.seed, _VOLUME, number), spec.bars)
    rhythm = _u_shape(spec) if spec.intraday else np.ones(spec.bars)
    busy = (0.4 + 0.75 * path.activity) * randoms.exp(0.6 * noise - 0.18)
    notional = coin.turnover * (spec.interval_ns / DAY_NS) * rhythm * busy
    lots = np.maximum(np.rint(notional / (price * float(coin.lot_size))), 1.0)
    return on_grid(lots, coin.lot_size)


# ---------------------------------------------------------------------------- derivatives


def _premium(spec: MarketSpec, number: int, path: _Path) -> Floats:
    """Return by how much the perpetual trades above its index, as a ratio, at the close of each bar."""
    if not spec.premium:
        return np.zeros(spec.bars)
    noise = randoms.normal(randoms.stream(spec.seed, _PREMIUM, number, 0), spec.bars)
    momentum = mean_reverting(path.moved, spec.interval_ns / DAY_NS, None)
    # Crowds pay for leverage after a rise: a hundredth of the last days' move, within bounds, goes into the premium.
    lean = np.clip(0.01 * momentum, -1e-3, 1e-3)
    return mean_reverting(noise, spec.interval_ns / (12 * HOUR_NS), 3e-4) + lean


def _add_derivatives(market: GeneratedMarket, coin: Coin, number: int, bars: Bars, premium: Floats) -> None:
    spec = market.spec
    noise = randoms.normal(randoms.stream(spec.seed, _PREMIUM, number, 1), spec.bars)
    quick = mean_reverting(noise, spec.interval_ns / (2 * MINUTE_NS), 2e-4)
    market.funding[coin.symbol] = _funding(spec, premium)
    marked = _beside(bars, quick, coin, wick_ratio=0.6)
    market.mark[coin.symbol] = Mark.from_columns({"ts_ns": bars.ts_ns, **marked}, bars.interval_ns)
    market.open_interest[coin.symbol] = _interest(spec, number, coin, bars)


def _spot(bars: Bars, premium: Floats, coin: Coin) -> Bars:
    """Return the coin's own bars: the perpetual's without the premium, half its volume."""
    lots = np.maximum(np.rint(0.5 * bars.volume / float(coin.lot_size)), 1.0)
    columns = {**_beside(bars, premium, coin, wick_ratio=1.0), "volume": on_grid(lots, coin.lot_size)}
    return Bars.from_columns({"ts_ns": bars.ts_ns, **columns}, bars.interval_ns)


def _funding(spec: MarketSpec, premium: Floats) -> Funding:
    """Return the settlements inside the period: the mean premium plus an interest of 1 bp per 8 h, clamped."""
    every = spec.funding_interval_ns
    bar_end = spec.ts_ns + spec.interval_ns
    due = np.arange(-(-(spec.start_ns + 1) // every), int(bar_end[-1]) // every + 1, dtype=np.int64) * every
    upto = np.searchsorted(bar_end, due, side="right")
    since = np.searchsorted(bar_end, due - every, side="right")
    total = np.r_[0.0, np.cumsum(premium)]
    mean = (total[upto] - total[since]) / np.maximum(upto - since, 1)
    interest = 1e-4 * every / (8 * HOUR_NS)
    rate = np.clip(mean + np.clip(interest - mean, -5e-4, 5e-4), -0.02, 0.02)
    return Funding(due, np.rint(rate * 1e8) / 1e8, np.full(len(due), np.nan))


def _beside(bars: Bars, deviation: Floats, coin: Coin, *, wick_ratio: float) -> dict[str, Floats]:
    """Return prices that close away from the bars' closes by a ratio, on the tick grid, with wicks of this share."""
    tick = float(coin.tick_size)
    close = np.maximum(np.rint(bars.close * (1.0 - deviation) / tick), 1.0)
    open_ = np.r_[np.rint(bars.open[0] / tick), close[:-1]]
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    above = (bars.high - np.maximum(bars.open, bars.close)) / tick
    below = (np.minimum(bars.open, bars.close) - bars.low) / tick
    high = top + np.rint(wick_ratio * above)
    low = np.minimum(np.maximum(bottom - np.rint(wick_ratio * below), 1.0), bottom)
    ticks = {"open": open_, "high": high, "low": low, "close": close}
    return {name: on_grid(column, coin.tick_size) for name, column in ticks.items()}


def _interest(spec: MarketSpec, number: int, coin: Coin, bars: Bars) -> OpenInterest:
    """Return open interest each five minutes (or each bar, where bars are longer), about half a day's turnover."""
    every = max(1, 5 * MINUTE_NS // spec.interval_ns)
    rows = slice(every - 1, None, every)
    at = (bars.ts_ns + bars.interval_ns)[rows]
    noise = randoms.normal(randoms.stream(spec.seed, _INTEREST, number), len(at))
    level = mean_reverting(noise, every * spec.interval_ns / (5 * DAY_NS), 0.3)
    lots = np.rint(0.5 * coin.turnover / coin.price * randoms.exp(level) / float(coin.lot_size))
    qty = on_grid(np.maximum(lots, 1.0), coin.lot_size)
    return OpenInterest(at, qty, np.rint(qty * bars.close[rows] * 100.0) / 100.0)


_TIERS = (
    Tier(Decimal(50_000), Decimal("0.005"), Decimal(0), Decimal(100)),
    Tier(Decimal(500_000), Decimal("0.01"), Decimal(250), Decimal(50)),
    Tier(Decimal(5_000_000), Decimal("0.025"), Decimal(7_750), Decimal(20)),
    Tier(None, Decimal("0.1"), Decimal(382_750), Decimal(5)),
)


def _instrument(spec: MarketSpec, coin: Coin) -> Instrument:
    return Instrument(
        venue=spec.venue,
        symbol=coin.symbol,
        payoff="linear",
        base=coin.base,
        quote="USDT",
        settle="USDT",
        tick_size=coin.tick_size,
        lot_size=coin.lot_size,
        min_qty=coin.lot_size,
        min_notional=Decimal(5),
        maker_rate=Decimal("0.0002"),
        taker_rate=Decimal("0.0005"),
        liquidation_fee_rate=Decimal("0.0125"),
        leverage_max=Decimal(100),
        tiers=_TIERS,
        funding_interval_ns=spec.funding_interval_ns,
        price_band_ratio=Decimal("0.1"),
        listed_ns=spec.start_ns,
        provenance=f"generated from seed {spec.seed}",
    )


def _spot_instrument(spec: MarketSpec, coin: Coin) -> Instrument:
    return replace(
        _instrument(spec, coin),
        venue=spec.spot_venue,
        payoff="spot",
        maker_rate=Decimal("0.001"),
        taker_rate=Decimal("0.001"),
        liquidation_fee_rate=Decimal(0),
        leverage_max=Decimal(1),
        tiers=(),
        funding_interval_ns=0,
    )
