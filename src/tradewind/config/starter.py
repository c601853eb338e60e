"""The files of a new workspace. Their comments teach; all of them run as they are."""

from tradewind.config.backtest import BacktestConfig
from tradewind.config.schema import schema_text
from tradewind.config.session import SessionConfig
from tradewind.config.settings import Settings

__all__ = ["starter_files"]

_SETTINGS = """\
#:schema tradewind-settings.json
# Settings of this workspace. Never a secret: keys live in the key store.
# Every setting has a default; 'tradewind config show' prints each value and where it comes from.

[limits]                       # nothing in this workspace may trade beyond these
max_orders_per_minute = 600

# [accounts.main]              # an account by name; its key: tradewind keys add main
# venue = "blofin_swap"
# kind = "demo"                # paper | demo | live
# [accounts.main.caps]         # hard caps beside what signs
# max_notional_per_order = 500.0
# max_orders_per_minute = 30

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

[params]                       # declared in the strategy, with their ranges
fast_period = 240              # minutes: four hours against a day
slow_period = 1440
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

_SESSION = """\
#:schema tradewind-session.json
# A session: the tables of a backtest file without its period, and what happens when something goes wrong.
# 'tradewind trade --paper sessions/first.toml --feed replay:2024-02-01..2024-03-01' trades it on paper.

strategy = "first"
capital  = { amount = 10_000, currency = "USDT" }         # on paper; live it is what the account holds
# accounts = ["main"]          # [accounts.main] in tradewind.toml; its key: tradewind keys add main
protection = "none"            # resting | watched | none: where the stops are; live it must be said
external = "halt"              # orders and positions that are not ours: adopt | ignore | halt
on_stop  = "keep"              # keep | close
dead_man = { policy = "none" } # openers of a silent machine: none | timer (not at BloFin) | expiry (Binance only)

[market]
venue = "generated"
symbols = ["BTCUSDT", "ETHUSDT"]
bars = "1m"

[params]
fast_period = 240
slow_period = 1440
size_pct = 20.0

[account]
leverage = 3.0

[limits]                       # live needs each of these kinds
max_exposure_total_x = 1.0
loss_day_pct = 5.0
drawdown_pct = 40.0
price_band_pct = 3.0
"""

_STRATEGY = '''\
"""Hold while the fast average is above the slow one."""

from tradewind.signals import ema
from tradewind.strategies import LONG, SET, Number, Whole, lots_for, target


class Params:  # default, lowest, highest
    fast_period = Whole(240, 2, 5000)
    slow_period = Whole(1440, 5, 20000)
    size_pct = Number(20.0, 0.1, 100.0)


class Memory:  # what is kept from bar to bar
    bars: int
    fast: float
    slow: float
    wanted_lot: int


def warmup(params):
    return 4 * params.slow_period  # by then it has forgotten where it began


def decide(view, account, working, params, memory, intents):
    if memory.bars != view.bars:  # decide may be asked twice about one bar: fold each bar in once
        memory.bars = view.bars
        was_above = memory.fast > memory.slow
        memory.fast = ema(memory.fast, view.close, params.fast_period, view.bars)
        memory.slow = ema(memory.slow, view.close, params.slow_period, view.bars)
        if memory.fast <= memory.slow:
            memory.wanted_lot = 0
        elif not was_above:  # the size is fixed at the cross, so that a moving price does not trade
            memory.wanted_lot = lots_for(view, account, params.size_pct)
    target(intents, LONG, memory.wanted_lot)  # a position wanted, however far away it is
    return SET  # these are all my wants
'''

_IGNORED = """\
data/
runs/
journal/
.locks/
.keys/
"""

_WRITTEN = {
    "tradewind.toml": _SETTINGS,
    "backtests/first.toml": _BACKTEST,
    "sessions/first.toml": _SESSION,
    "strategies/first.py": _STRATEGY,
    ".gitignore": _IGNORED,
}


def starter_files() -> dict[str, str]:
    """Return path in the workspace and content of each file, with the schemas that editors complete with."""
    schemas = {
        "backtests/tradewind-backtest.json": schema_text(BacktestConfig),
        "sessions/tradewind-session.json": schema_text(SessionConfig),
        "tradewind-settings.json": schema_text(Settings),
    }
    return _WRITTEN | schemas
