"""Rules of common instruments as the venue gave them once, so that a first backtest needs no metadata.

Binance USD-M: public answer of exchangeInfo on 2026-07-04; margin brackets as public at the end of 2024. They are
today's rules for all of the past, which every result says.
"""

from decimal import Decimal

from tradewind.config.venue_defaults import VENUES
from tradewind.market.instrument import Instrument, Tier
from tradewind.units.time import HOUR_NS

__all__ = ["built_in", "built_in_symbols", "generic_tiers"]

_USDM_AS_OF = "2026-07-04"
_MILLISECOND_NS = 1_000_000

_USDM = """
BTCUSDT      0.1       0.001 120       50 0.05 0.0125 1567965300000
ETHUSDT      0.01      0.001 2000      20 0.05 0.0125 1574840700000
BCHUSDT      0.01      0.001 2000      20 0.05 0.0125 1576745700000
XRPUSDT      0.0001    0.1   2000000   5  0.05 0.0125 1578298800000
LTCUSDT      0.01      0.001 5000      20 0.05 0.0125 1578557100000
TRXUSDT      0.00001   1     5000000   5  0.05 0.0125 1579075500000
LINKUSDT     0.001     0.01  50000     20 0.10 0.0125 1579248000000
XLMUSDT      0.00001   1     2000000   5  0.05 0.0125 1579507200000
ADAUSDT      0.0001    1     3000000   5  0.05 0.0125 1580457600000
XMRUSDT      0.01      0.001 1200      5  0.05 0.0200 1580716800000
BNBUSDT      0.01      0.01  2000      5  0.05 0.0125 1581321600000
DOGEUSDT     0.00001   1     30000000  5  0.10 0.0150 1594371600000
DOTUSDT      0.001     0.1   300000    5  0.05 0.0125 1598079600000
SOLUSDT      0.01      0.01  80000     5  0.05 0.0150 1600066800000
AVAXUSDT     0.001     1     50000     5  0.10 0.0150 1600844400000
NEARUSDT     0.001     1     400000    5  0.10 0.0150 1602748800000
AAVEUSDT     0.01      0.1   9000      5  0.10 0.0150 1602831600000
SUIUSDT      0.0001    0.1   600000    5  0.15 0.0150 1683072000000
1000PEPEUSDT 0.0000001 1     100000000 5  0.15 0.0150 1683244800000
HYPEUSDT     0.001     0.01  20000     5  0.15 0.0200 1748601000000
"""
"""Symbol, tick, lot (and least quantity), largest order, least notional, price band, liquidation fee, listed (ms)."""

_USDM_TIERS = {
    "BTCUSDT": """50000 0.004 0 125, 600000 0.005 50 100, 3000000 0.0065 950 75, 12000000 0.01 11450 50,
        70000000 0.02 131450 25, 100000000 0.025 481450 20, 230000000 0.05 2981450 10, 480000000 0.1 14481450 5,
        600000000 0.125 26481450 4, 800000000 0.15 41481450 3, 1200000000 0.25 121481450 2,
        1800000000 0.5 421481450 1""",
    "ETHUSDT": """50000 0.004 0 125, 600000 0.005 50 100, 3000000 0.0065 950 75, 12000000 0.01 11450 50,
        50000000 0.02 131450 25, 65000000 0.025 381450 20, 150000000 0.05 2006450 10, 320000000 0.1 9506450 5,
        400000000 0.125 17506450 4, 530000000 0.15 27506450 3, 800000000 0.25 80506450 2,
        1200000000 0.5 280506450 1""",
    "SOLUSDT": """20000 0.005 0 100, 100000 0.0065 30 75, 800000 0.01 380 50, 4000000 0.02 8380 25,
        8000000 0.025 28380 20, 40000000 0.05 228380 10, 80000000 0.1 2228380 5, 100000000 0.125 4228380 4,
        200000000 0.25 16728380 2, 400000000 0.5 66728380 1""",
}
"""Brackets: notional up to, maintenance rate, deduction, largest leverage."""

_GENERIC = "50000 0.01 0 50, 500000 0.025 750 20, 5000000 0.05 13250 10, inf 0.125 388250 4"
"""Stricter than what venues ask of large coins: where the brackets are not known, none may flatter."""


def built_in_symbols(venue: str) -> tuple[str, ...]:
    """Return the symbols of a venue whose rules are built in."""
    return tuple(line.split()[0] for line in _USDM.split("\n") if line) if venue == "binance_usdm" else ()


def built_in(venue: str, symbol: str) -> Instrument | None:
    """Return the built-in rules of a symbol with what they assume, or None."""
    row = next((line.split() for line in _USDM.split("\n") if line.split()[:1] == [symbol]), None)
    if venue != "binance_usdm" or row is None:
        return None
    _, tick, lot, max_qty, min_notional, band, liquidation, listed = row
    defaults = VENUES[venue]
    instrument = Instrument(
        venue=venue,
        symbol=symbol,
        payoff="linear",
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        settle="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_qty=Decimal(lot),
        max_qty=Decimal(max_qty),
        min_notional=Decimal(min_notional),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(liquidation),
        leverage_max=_tiers(symbol)[0].leverage_max,
        tiers=_tiers(symbol),
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS,
        price_band_ratio=Decimal(band),
        listed_ns=int(listed) * _MILLISECOND_NS,
        provenance=f"built in, as of {_USDM_AS_OF}",
    )
    source = "public at the end of 2024" if symbol in _USDM_TIERS else "assumed"
    return instrument.assuming(f"{symbol}: margin brackets {source}")


def _tiers(symbol: str) -> tuple[Tier, ...]:
    return _read_tiers(_USDM_TIERS.get(symbol, _GENERIC))


def generic_tiers(payoff: str) -> tuple[Tier, ...]:
    """Return brackets for an instrument of which none are known; spot has none.

    Inverse contracts count notional in their coin, whose worth is not known here: one strict bracket.
    """
    if payoff == "spot":
        return ()
    return _read_tiers(_GENERIC if payoff == "linear" else "inf 0.025 0 20")


def _read_tiers(text: str) -> tuple[Tier, ...]:
    tiers = []
    for bracket in text.split(","):
        upto, rate, deduction, leverage = bracket.split()
        bound = None if upto == "inf" else Decimal(upto)
        tiers.append(Tier(bound, Decimal(rate), Decimal(deduction), Decimal(leverage)))
    return tuple(tiers)
