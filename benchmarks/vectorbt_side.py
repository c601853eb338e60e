"""The peer: vectorbt (with its Rust engine where it has one), run in an environment of its own.

Written as a user of vectorbt would for speed: whole columns, exponential means by pandas, the grid as an order
function compiled by Numba. Orders decided at a close fill at the next open; limit orders fill when
touched, at the open where the bar opens beyond them.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
import works
from market import SYMBOLS, load
from numba import njit
from vectorbt.portfolio import nb as portfolio_nb
from vectorbt.portfolio.enums import NoOrder
from worker import serve

DATA = Path(sys.argv[1])
ENGINE = sys.argv[2]
CHUNK = 25


def frame(symbol: int) -> pd.DataFrame:
    bars = load(DATA, symbol)
    return pd.DataFrame(
        {name: bars[name] for name in ("open", "high", "low", "close")},
        index=pd.to_datetime(bars["ts"], unit="ms"),
    )


def entries(close: pd.DataFrame | pd.Series, fast: int, slow: int):
    """Long while the fast mean is above the slow one, acted on at the next bar."""
    on = close.ewm(span=fast, adjust=False).mean() > close.ewm(span=slow, adjust=False).mean()
    on.iloc[:slow] = False
    enter = on.shift(1, fill_value=False)
    return enter, ~enter


def fills_of(portfolio, columns: int = 1) -> dict[str, np.ndarray]:
    records = (
        portfolio.orders.records_arr if hasattr(portfolio.orders, "records_arr") else portfolio.orders.values
    )
    order = np.lexsort((records["col"], records["idx"]))
    rows = records[order]
    signed = np.where(rows["side"] == 0, rows["size"], -rows["size"])
    return {"bar": rows["idx"], "symbol": rows["col"], "quantity": signed, "price": rows["price"]}


def w1():
    bars = frame(0)

    def run():
        enter, leave = entries(bars["close"], works.FAST, works.SLOW)
        return vbt.Portfolio.from_signals(
            bars["close"], enter, leave, price=bars["open"], size=works.QUANTITY, fees=works.FEE,
            init_cash=works.CASH, freq="1min", engine=ENGINE,
        )  # fmt: skip

    return lambda: result(run())


def result(portfolio) -> dict[str, np.ndarray]:
    return {**fills_of(portfolio), "final": np.atleast_1d(np.asarray(portfolio.final_value(), dtype=float))}


def w2():
    frames = [frame(symbol) for symbol in range(SYMBOLS)]
    close = pd.concat([f["close"] for f in frames], axis=1, keys=range(SYMBOLS))
    open_ = pd.concat([f["open"] for f in frames], axis=1, keys=range(SYMBOLS))
    lots = np.floor(works.STAKE / open_.to_numpy() / works.LOT + 1e-9) * works.LOT

    def run():
        enter, leave = entries(close, works.FAST, works.SLOW)
        return vbt.Portfolio.from_signals(
            close, enter, leave, price=open_, size=lots, fees=works.FEE, init_cash=works.SHARED_CASH,
            cash_sharing=True, group_by=True, freq="1min", engine=ENGINE,
        )  # fmt: skip

    return lambda: result(run())


@njit
def sell(memory):
    """Take the profit of what was for sale; return how much that was."""
    quantity = memory[7]
    memory[4] *= 1.0 - quantity / memory[5]
    memory[5] -= quantity
    memory[7] = 0.0
    if memory[5] < 1e-12:
        memory[5] = 0.0
        memory[3] = 0
    return quantity


@njit
def grid_orders(c, o, h, l, close, tick, memory, step, take_profit, re_entries, fee):  # noqa: E741
    """One entry below, then a take-profit for all and one re-entry below the last fill.

    memory: buy price, sell price, last fill, re-entries, cost, position, phase, quantity for sale.
    """
    i = c.i
    if c.call_idx == 0:
        memory[6] = 0
    if memory[6] == 0:
        # A profit that the open already pays is taken before anything else; any other comes after the entry.
        memory[6] = 1
        if memory[1] > 0 and memory[7] > 0 and o[i] >= memory[1]:
            return c.from_col, portfolio_nb.order_nb(size=-sell(memory), price=o[i], fees=fee)
    if memory[6] == 1:
        memory[6] = 2
        if memory[0] > 0 and l[i] <= memory[0]:
            price = min(memory[0], o[i])
            if memory[5] > 0:
                memory[3] += 1
            memory[4] += price
            memory[5] += 1.0
            memory[2] = price
            memory[0] = 0.0
            return c.from_col, portfolio_nb.order_nb(size=1.0, price=price, fees=fee)
    if memory[6] == 2:
        memory[6] = 3
        if memory[1] > 0 and memory[7] > 0 and h[i] >= memory[1]:
            price = memory[1]
            return c.from_col, portfolio_nb.order_nb(size=-sell(memory), price=price, fees=fee)
    if memory[5] == 0.0:
        memory[0] = np.floor(close[i] * (1 - step) / tick + 1e-9) * tick
        memory[1] = 0.0
        memory[7] = 0.0
    else:
        memory[1] = np.ceil(memory[4] / memory[5] * (1 + take_profit) / tick - 1e-9) * tick
        memory[7] = memory[5]
        memory[0] = np.floor(memory[2] * (1 - step) / tick + 1e-9) * tick if memory[3] < re_entries else 0.0
    return -1, NoOrder


def w3():
    bars = frame(0)
    columns = [bars[name].to_numpy() for name in ("open", "high", "low", "close")]
    tick = float(load(DATA, 0)["tick"])

    def run():
        return vbt.Portfolio.from_order_func(
            bars["close"], grid_orders, *columns, tick, np.zeros(8), works.STEP, works.TAKE_PROFIT, works.RE_ENTRIES,
            works.FEE, flexible=True, init_cash=works.CASH, freq="1min", max_orders=20_000,
        )  # fmt: skip

    return lambda: result(run())


def sweep(bars: pd.DataFrame, first: int, last: int) -> np.ndarray:
    """Return the final values of the sets first..last-1."""
    close = bars["close"]
    enter = np.empty((len(bars), last - first), bool)
    for column, at in enumerate(range(first, last)):
        enter[:, column] = entries(close, int(works.FAST_SET[at]), int(works.SLOW_SET[at]))[0].to_numpy()
    wanted = pd.DataFrame(enter, index=close.index)
    portfolio = vbt.Portfolio.from_signals(
        close, wanted, ~wanted, price=bars["open"], size=works.QUANTITY, fees=works.FEE, init_cash=works.CASH,
        freq="1min", engine=ENGINE,
    )  # fmt: skip
    return portfolio.final_value().to_numpy()


_BARS: pd.DataFrame | None = None


def _sweep_part(first: int) -> np.ndarray:
    assert _BARS is not None
    return sweep(_BARS, first, min(first + CHUNK, len(works.FAST_SET)))


def w4():
    global _BARS  # what two forked processes share without copying
    _BARS = frame(0)
    sweep(_BARS, 0, 2)
    pool = multiprocessing.get_context("fork").Pool(2)
    parts = range(0, len(works.FAST_SET), CHUNK)
    return lambda: {"final": np.concatenate(pool.map(_sweep_part, parts, chunksize=1))}


serve({"W1": w1, "W2": w2, "W3": w3, "W4": w4})
