"""Real candles and the trusted library that signals are compared with."""

import duckdb
import pytest


@pytest.fixture(scope="session")
def candles(shared_data):
    """A few thousand hours of BTC as float columns."""
    path = shared_data / "market" / "binance_spot" / "BTCUSDT"
    file = sorted(path.glob("*1h*.parquet"))[0]
    columns = duckdb.sql(f"select * from '{file}' order by ts limit 6000").fetchnumpy()
    return {name: columns[name].astype(float) for name in ("open", "high", "low", "close", "volume")} | {
        "ts_ns": columns["ts"].astype("int64") * 1_000_000
    }


@pytest.fixture(scope="session")
def talib():
    """TA-Lib, or a skip."""
    return pytest.importorskip("talib", reason="TA-Lib, the oracle of signals, is not installed")
