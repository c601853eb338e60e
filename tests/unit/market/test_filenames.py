"""What a path says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.market.filenames import claims_of
from tradewind.units.time import parse_interval

CASES = {
    "x/binance_usdm/BTCUSDT/1m.parquet": ("binance_usdm", "BTCUSDT", None, "1m"),
    "x/binance_usdm/1000PEPEUSDT/5m.parquet": ("binance_usdm", "1000PEPEUSDT", None, "5m"),
    "x/binance_usdm/BTCUSDT/funding.parquet": ("binance_usdm", "BTCUSDT", "funding", None),
    "x/binance_usdm/BTCUSDT/mark_1h.parquet": ("binance_usdm", "BTCUSDT", "mark", "1h"),
    "x/binance_usdm/BTCUSDT/open_interest_5m.parquet": ("binance_usdm", "BTCUSDT", "open_interest", "5m"),
    "x/binance_usdm/BTCUSDT/metrics_5m_2023-12-12.parquet": (
        "binance_usdm",
        "BTCUSDT",
        "open_interest",
        "5m",
    ),
    "x/bitfinex_spot/IOTAUSD/1m.parquet": ("bitfinex_spot", "IOTAUSD", None, "1m"),
    "x/okx_swap/BTC-USDT-SWAP/1h.csv": ("okx_swap", "BTC-USDT-SWAP", None, "1h"),
    "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip": (
        "binance_usdm",
        "BTCUSDT",
        None,
        "1m",
    ),
    "data/futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2024-01-01.zip": (
        "binance_coinm",
        "BTCUSD_PERP",
        None,
        "1h",
    ),
    "data/spot/monthly/klines/ETHBTC/1d/ETHBTC-1d-2024-01.zip": ("binance_spot", "ETHBTC", None, "1d"),
    "data/futures/um/monthly/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip": (
        "binance_usdm",
        "BTCUSDT",
        "mark",
        "1h",
    ),
    "BTCUSDT-fundingRate-2024-01.zip": (None, "BTCUSDT", "funding", None),
    "user_data/data/BTC_USDT_USDT-1m-futures.feather": (None, "BTCUSDT", None, "1m"),
    "user_data/data/BTC_USDT-5m.feather": (None, "BTCUSDT", None, "5m"),
    "historical_data/ohlcvs_binanceusdm/BTC/2024-01-01.npy": ("binance_usdm", None, None, None),
    "candles/ETHUSDT_4h.csv": (None, "ETHUSDT", None, "4h"),
    "multi/candles_1h.parquet": (None, None, None, "1h"),
    "home/okx/market/notes.csv": (None, None, None, None),
    "a.csv": (None, None, None, None),
    "PF_XBTUSD_1m.csv": (None, "PF_XBTUSD", None, "1m"),
}


@pytest.mark.parametrize("path", CASES)
def test_a_path_says_this_and_no_more(path):
    venue, symbol, kind, interval = CASES[path]
    found = claims_of(Path("/home/user") / path)
    stated = None if interval is None else parse_interval(interval)
    assert (found.venue, found.symbol, found.kind, found.interval_ns) == (venue, symbol, kind, stated)
