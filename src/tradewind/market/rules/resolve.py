"""Which rules count: the workspace's own, else the built-in ones, else what the bars themselves show."""

import re
from dataclasses import replace
from decimal import Decimal

import numpy as np

from tradewind.config.problems import did_you_mean
from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError
from tradewind.market.bars import Bars
from tradewind.market.instrument import Instrument
from tradewind.market.rules.book import RuleBook
from tradewind.market.rules.builtin import built_in, built_in_symbols, generic_tiers
from tradewind.market.store import Store
from tradewind.market.ticks import finest_grid
from tradewind.units.time import HOUR_NS

__all__ = ["derive_instrument", "resolve_instrument"]

_QUOTES = re.compile(
    r"^(?P<base>.+?)[-_/:]?(?P<quote>USDT|USDC|BUSD|FDUSD|TUSD|USDE|USD|EUR|GBP|JPY|BTC|ETH|BNB)(?:[-_:].*)?$"
)
_STABLE = {"hyperliquid": "USDC", "dydx": "USDC", "lighter": "USDC", "kraken": "USD"}
_DERIVED_ROWS = 200_000
_LOT_STRAYS_RATIO = 0.001


def resolve_instrument(store: Store, venue: str, symbol: str, *, bars: Bars | None = None) -> Instrument:
    """Return the rules of an instrument, with where they come from and what about them is assumed.

    Order: rules imported into the workspace, built-in ones, rules derived from bars (those given, else the store's).
    Raises EXCHANGE_UNKNOWN; SYMBOL_UNKNOWN with the nearest names where there are neither rules nor bars.
    """
    if venue not in VENUES:
        hint = did_you_mean(venue, tuple(VENUES))
        raise ConfigError("EXCHANGE_UNKNOWN", f"no venue is called {venue!r}", hint=hint, known=tuple(VENUES))
    book = RuleBook.load(store.root)
    found = book.find(venue, symbol) or _overlaid(book, built_in(venue, symbol))
    if found is not None:
        return _complete(found).assuming(f"{symbol}: rules {found.provenance} hold for the whole period")
    history = bars if bars is not None else _some_bars(store, venue, symbol)
    if history is None:
        raise _unknown_symbol(store, book, venue, symbol)
    return book.overlay(derive_instrument(venue, symbol, history))


def _overlaid(book: RuleBook, instrument: Instrument | None) -> Instrument | None:
    return None if instrument is None else book.overlay(instrument)


def _complete(instrument: Instrument) -> Instrument:
    """Return rules with brackets, which only accounts are told by some venues."""
    if instrument.tiers or instrument.payoff == "spot":
        return instrument
    tiers = generic_tiers(instrument.payoff)
    leverage_max = min(instrument.leverage_max, tiers[0].leverage_max)
    completed = replace(instrument, tiers=tiers, leverage_max=leverage_max)
    return completed.assuming(f"{instrument.symbol}: margin brackets assumed")


def _some_bars(store: Store, venue: str, symbol: str) -> Bars | None:
    """Return bars to look at, the longest ones: few rows cover much time, and their prices lie on the same grid."""
    intervals = store.intervals(venue, symbol)
    return store.read_bars(venue, symbol, intervals[-1]) if intervals else None


def derive_instrument(venue: str, symbol: str, bars: Bars) -> Instrument:
    """Return rules for a symbol nobody has rules for: steps read off its bars, the rest the venue's defaults.

    Prices show their tick exactly. Volumes are sums, so that their step is the lot or finer, never coarser.
    """
    recent = bars.take(slice(-_DERIVED_ROWS, None))
    prices = np.concatenate([recent.open, recent.high, recent.low, recent.close])
    tick = finest_grid(prices, _leading_step(prices))
    lot = finest_grid(recent.volume, _leading_step(recent.volume), strays_ratio=_LOT_STRAYS_RATIO)
    defaults = VENUES[venue]
    base, quote = _currencies(venue, symbol)
    tiers = generic_tiers(defaults.payoff)
    instrument = Instrument(
        venue=venue,
        symbol=symbol,
        payoff=defaults.payoff,
        base=base,
        quote=quote,
        settle=base if defaults.payoff == "inverse" else quote,
        tick_size=tick.step.normalize(),
        lot_size=lot.step.normalize(),
        min_qty=lot.step.normalize(),
        min_notional=Decimal(5),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=min(Decimal(defaults.leverage_max), tiers[0].leverage_max) if tiers else Decimal(1),
        tiers=tiers,
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS,
        provenance="derived from its bars",
    )
    return instrument.assuming(
        f"{symbol}: no rules of the venue are known; tick {instrument.tick_size} and lot {instrument.lot_size} were "
        "read off the bars, fees are the venue's lowest tier, the least order is worth 5, margin brackets are assumed"
    )


def _leading_step(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Decimal:
    """Return the power of ten at the leading digit of the largest value: the coarsest step worth trying."""
    largest = float(np.max(values[np.isfinite(values)], initial=0.0))
    return Decimal(1).scaleb(Decimal(repr(largest)).adjusted()) if largest > 0.0 else Decimal(1)


def _currencies(venue: str, symbol: str) -> tuple[str, str]:
    named = _QUOTES.match(symbol)
    if named:
        return named["base"], named["quote"]
    return symbol, _STABLE.get(venue, "USDT")


def _unknown_symbol(store: Store, book: RuleBook, venue: str, symbol: str) -> ConfigError:
    here = {info.key.symbol for info in store.list() if info.key.venue == venue}
    names = tuple(sorted(here | set(book.symbols(venue)) | set(built_in_symbols(venue))))
    plain = re.sub(r"[^A-Z0-9]", "", symbol.upper().partition(":")[0])
    hint = f"Did you mean '{plain}'?" if plain in names else did_you_mean(symbol, names)
    if not here and not hint:
        maker = (
            "tradewind data generate"
            if venue == "generated"
            else f"tradewind data import FILES --venue {venue}"
        )
        hint = f"There is no history of {venue} here yet: {maker}"
    return ConfigError(
        "SYMBOL_UNKNOWN",
        f"{venue} has no instrument {symbol!r} that is known here.",
        hint=hint,
        known=names[:20],
    )
