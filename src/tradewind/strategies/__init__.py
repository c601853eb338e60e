"""The author's door: what a strategy file imports, and nothing else.

Loading, listing and checking strategies is `strategies.registry` and `strategies.check`.
"""

from tradewind.engine.planning import edit
from tradewind.strategies.declare import Choice, Flag, Number, Whole
from tradewind.strategies.wants import (
    average_tick,
    bracket,
    lots_for,
    lots_worth,
    order_tick,
    record,
    rest,
    sleep_until,
    stop,
    take_profit,
    target,
    target_net,
    trail,
)
from tradewind.units.enums import (
    ALL,
    BIG,
    BUY,
    DAY_NS,
    LONG,
    SELL,
    SHORT,
    IntentKind,
    Payoff,
    TriggerKind,
    Verdict,
)
from tradewind.units.layout import Rows
from tradewind.units.math import exp, log, pow_, tanh
from tradewind.units.records import Account, Context, Holding, Intent, Intents, Order, Strategy, View, Working
from tradewind.units.rounding import ceil_tick, floor_lot, floor_tick, nearest_tick
from tradewind.units.time import HOUR_NS, MINUTE_NS

SET, HOLD, PULL = Verdict.SET, Verdict.HOLD, Verdict.PULL
REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
LINEAR, INVERSE, SPOT = Payoff.LINEAR, Payoff.INVERSE, Payoff.SPOT
LAST, MARK = TriggerKind.LAST, TriggerKind.MARK
NEVER = BIG
"""A time that does not come: `sleep_until(intents, NEVER)` waits for an order to speak."""

__all__ = [
    "ALL",
    "BUY",
    "DAY_NS",
    "HOLD",
    "HOUR_NS",
    "INVERSE",
    "LAST",
    "LINEAR",
    "LONG",
    "MARK",
    "MINUTE_NS",
    "NEVER",
    "PULL",
    "REST",
    "SELL",
    "SET",
    "SHORT",
    "SPOT",
    "STOP",
    "TARGET",
    "Account",
    "Choice",
    "Context",
    "Flag",
    "Holding",
    "Intent",
    "Intents",
    "Number",
    "Order",
    "Rows",
    "Strategy",
    "View",
    "Whole",
    "Working",
    "average_tick",
    "bracket",
    "ceil_tick",
    "edit",
    "exp",
    "floor_lot",
    "floor_tick",
    "log",
    "lots_for",
    "lots_worth",
    "nearest_tick",
    "order_tick",
    "pow_",
    "record",
    "rest",
    "sleep_until",
    "stop",
    "take_profit",
    "tanh",
    "target",
    "target_net",
    "trail",
]
