"""The files of a new workspace. Their comments teach; all of them run as they are."""

__all__ = ["STARTER_FILES"]

_SETTINGS = """\
#:schema tradewind-settings.json
# Settings of this workspace. Never a secret: keys live in the key store.
# Every setting has a default; 'tradewind config show' prints each value and where it comes from.

[limits]                       # nothing in this workspace may trade beyond these
max_orders_per_minute = 600

# [venues.binance_usdm]        # your own fee tier, where it differs from the lowest
# maker_rate = 0.00018
# taker_rate = 0.00045
"""

_BACKTEST = """\
#:schema tradewind-backtest.json
# What to run. 'tradewind backtest backtests/first.toml' reads this file,
# 'tradewind config schema' lists every setting with its range and default.

strategy = "first"                                        # strategies/first.py, or a shipped one
period   = { start = "2024-01-01", end = "2024-04-01" }   # UTC; the end is not traded any more
capital  = { amount = 10_000, currency = "USDT" }

[market]
venue = "generated"            # 'tradewind data generate' makes this market; import your own: data import
symbols = ["BTCUSDT", "ETHUSDT"]
bars = "1m"                    # what the engine steps on
decide_on = "1h"               # the strategy decides at the close of each hour, fills happen on minutes

[params]                       # declared in the strategy, with their ranges
fast_period = 20
slow_period = 100
size_pct = 20.0                # percent of the equity in each symbol

[costs]                        # fees are the venue's own; zero must be written
funding = "history"            # history | none
slippage_bps = 1.0             # 1 bps is a hundredth of a percent
fill = "strict"                # strict | touch | volume
latency_bars = 1               # decided at the close of bar k, eligible from the open of bar k + 1

[account]
leverage = 3.0

[limits]                       # the gate refuses what goes beyond
max_exposure_total_x = 1.0     # all positions together, as a multiple of the equity
drawdown_pct = 40.0            # trading halts after such a fall

[data]                         # what to do about each kind of defect; the default is to refuse
zero_volume = "accept"
"""

_STRATEGY = '''\
"""Hold while the fast average is above the slow one."""

from tradewind.signals import ema
from tradewind.strategies import LONG, SET, Number, Whole, lots_for, target


class Params:  # default, lowest, highest
    fast_period = Whole(20, 2, 500)
    slow_period = Whole(100, 5, 2000)
    size_pct = Number(20.0, 0.1, 100.0)


class Memory:  # what is kept from bar to bar
    bars: int
    fast: float
    slow: float


def warmup(params):
    return params.slow_period


def decide(view, account, working, params, memory, intents):
    if memory.bars != view.bars:  # fold each bar into the memory once
        memory.bars = view.bars
        memory.fast = ema(memory.fast, view.close, params.fast_period, view.bars)
        memory.slow = ema(memory.slow, view.close, params.slow_period, view.bars)
    if memory.fast > memory.slow:
        target(intents, LONG, lots_for(view, account, params.size_pct))
    return SET  # these are all my wants; what is not among them is closed or cancelled
'''

_IGNORED = """\
data/
runs/
journal/
.locks/
"""

STARTER_FILES: dict[str, str] = {
    "tradewind.toml": _SETTINGS,
    "backtests/first.toml": _BACKTEST,
    "strategies/first.py": _STRATEGY,
    ".gitignore": _IGNORED,
}
"""Path in the workspace and content of each file."""
