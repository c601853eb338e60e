"""Rules that every shipped strategy keeps, over random markets, fills and parameters.

Asked twice on the same knowledge it says the same and leaves the same memory; what it says is sound; the
compiler changes no bit.
"""

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.strategies.registry import load_named, strategy_files
from tradewind.units.enums import ALL, Payoff, Verdict
from tradewind.units.jit import SLOTS, allocate
from tradewind.units.records import Account, Context, Strategy, View
from tradewind.units.time import HOUR_NS

NAMES = sorted(strategy_files())
COUNT = 4
load = functools.cache(load_named)


class World:
    """Four instruments, spot and perpetual in two pairs, one wallet, one strategy."""

    def __init__(self, strategy, given, seed):
        self.rng = np.random.default_rng(seed)
        self.code = strategy
        self.views = allocate(View, COUNT)
        self.contexts = allocate(Context, COUNT)
        self.account = allocate(Account)[0]
        self.strategy = allocate(Strategy)[0]
        self.account["scale"], self.account["equity"] = 1e8, 10_000 * 10**8
        vector = strategy.params_vector(given)
        self.strategy["params"]["v"] = vector
        for k in range(COUNT):
            view, context = self.views[k], self.contexts[k]
            view["tick"], view["lot"], view["unit"], view["sense"] = 0.1, 0.001, 0.1 * 0.001 * 1e8, 1
            view["tick_step"], view["lot_step"] = self.rng.integers(1, 6), self.rng.integers(1, 20)
            view["interval_ns"], view["ts_ns"] = HOUR_NS, 1_700_000_000 * 10**9 // HOUR_NS * HOUR_NS
            view["payoff"] = Payoff.SPOT if k % 2 == 0 else Payoff.LINEAR
            view["close"] = self.rng.integers(500, 50_000)
            context["instrument"], context["index"], context["leg_group"] = k, k, 1 + k // 2
            context["params"]["v"] = vector

    def pass_bar(self):
        """One more bar of every instrument, and now and then a fill, a funding rate, an exposure."""
        rng = self.rng
        for view, context in zip(self.views, self.contexts, strict=True):
            before = int(view["close"])
            close = max(10, int(before * (1.0 + rng.normal(0.0, 0.02)))) if rng.random() > 0.1 else before
            view["open"], view["close"] = before, close
            view["high"], view["low"] = (
                max(before, close) + rng.integers(0, 9),
                max(1, min(before, close) - rng.integers(0, 9)),
            )
            view["volume_lot"] = rng.integers(0, 1000)
            view["bars"] += 1
            view["ts_ns"] += HOUR_NS
            if rng.random() < 0.2:
                view["funding_rate"], view["funding_ns"] = rng.normal(2e-4, 3e-4), view["ts_ns"] + HOUR_NS
            if rng.random() < 0.2:
                view["feature"][0], view["feature_ns"][0] = rng.normal(), view["ts_ns"] + HOUR_NS
            view["closed"] = rng.random() < 0.03
            if rng.random() < 0.3:
                self.fill(view, context["working"]["holding"][rng.integers(0, 2)])
        self.account["ts_ns"] = self.views[0]["ts_ns"] + HOUR_NS
        self.account["equity"] = max(0, int(self.account["equity"] * (1.0 + rng.normal(0.0, 0.01))))

    def fill(self, view, holding):
        """Let a side be entered, added to, or closed."""
        if holding["pos_lot"] > 0 and self.rng.random() < 0.4:
            holding["pos_lot"] = holding["cost"] = holding["entries"] = 0
            holding["trips"] += 1
        else:
            lots = self.rng.integers(1, 500)
            holding["pos_lot"] += lots
            holding["cost"] += int(lots * view["close"] * view["unit"])
            holding["last_tick"] = view["close"]
            holding["entries"] += 1

    def decide(self):
        """Ask every context, then the plan, as the core does; return everything that was said."""
        said = [self.ask(context) for context in self.contexts]
        if self.code.plan is not None:
            self.contexts["edited"] = 0
            self.strategy["sleep"] = 0
            verdict = self.code.plan(self.account, self.views, self.contexts, self.strategy)
            said.append((verdict, bytes(self.strategy["memory"]["v"])))
            said += [stated(context["planned"]) for context in self.contexts if context["edited"]]
        return said

    def ask(self, context):
        intents = context["intents"]
        intents["n"] = intents["sleep"] = intents["wake_ns"] = 0
        verdict = self.code.decide(
            self.views[context["instrument"]],
            self.account,
            context["working"],
            context["params"],
            context["memory"],
            intents,
        )
        return verdict, stated(intents), bytes(context["memory"]["v"])


def stated(intents):
    """Return the bytes of a set: count, sleep, signals, and the rows that count."""
    return bytes(intents)[: intents.dtype.fields["row"][1]] + intents["row"][: intents["n"]].tobytes()


def check_sound(verdict, intents):
    rows = intents["row"][: intents["n"]]
    assert verdict in (Verdict.SET, Verdict.HOLD, Verdict.PULL)
    assert verdict == Verdict.SET or len(rows) == 0
    assert len(set(rows["slot"].tolist())) == len(rows)
    for row in rows:
        assert 0 <= row["slot"] < SLOTS - 2
        assert row["qty_lot"] >= 0 or (row["qty_lot"] == ALL and row["reduce"])
        assert row["price_tick"] >= 0
        assert row["trail_tick"] >= 0
        assert row["kind"] != 1 or not row["reduce"]


@st.composite
def parameters(draw, name):
    """Any allowed parameters: ends and defaults as often as anything between."""
    given = {}
    for key, param in load(name).params.items():
        between = (
            st.integers(int(param.low), int(param.high)) if param.whole else st.floats(param.low, param.high)
        )
        value = draw(st.sampled_from([param.low, param.default, param.high]) | between)
        given[key] = param.shown(value)
    return given


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(data=st.data())
def test_asked_twice_it_says_the_same_and_what_it_says_is_sound(name, data):
    given_ = data.draw(parameters(name))
    world = World(load(name), given_, data.draw(st.integers(0, 2**32 - 1)))
    for _ in range(40):
        world.pass_bar()
        once = world.decide()
        assert world.decide() == once
        for context, said in zip(world.contexts, once, strict=False):
            check_sound(said[0], context["intents"])
            if context["edited"]:
                check_sound(Verdict.SET, context["planned"])


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_comes_to_want_something(name):
    world = World(load(name), {}, 1)
    wanted = 0
    for _ in range(400):
        world.pass_bar()
        world.decide()
        sets = [context["planned"] if load(name).plan else context["intents"] for context in world.contexts]
        wanted += sum(int((each["row"][: each["n"]]["qty_lot"] != 0).sum()) for each in sets)
    assert wanted > 0


def digest(steps=120):
    """Return the hash of everything that every shipped strategy says in one random program."""
    total = hashlib.sha256()
    for name in NAMES:
        world = World(load(name), {"channel_period": 20} if name == "donchian_breakout" else {}, 9)
        for _ in range(steps):
            world.pass_bar()
            total.update(repr(world.decide()).encode())
    return total.hexdigest()


def test_plain_python_says_what_the_compiled_strategies_say():
    script = "from test_shipped import digest\nprint(digest())"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest()


@pytest.mark.real_data
@pytest.mark.parametrize("name", NAMES)
def test_on_real_candles_it_says_only_what_can_be_wanted(name, shared_data):
    file = shared_data / "market" / "binance_spot" / "BTCUSDT" / "1h.parquet"
    bars = duckdb.sql(f"select * from '{file}' order by ts limit 1500").fetchnumpy()
    world = World(load(name), {}, 1)
    world.views["bars"] = 0
    for i in range(len(bars["ts"])):
        for view in world.views:
            for field in ("open", "high", "low", "close"):
                view[field] = round(bars[field][i] / 0.1)
            view["volume_lot"], view["ts_ns"] = bars["volume"][i] / 0.001, int(bars["ts"][i]) * 10**6
            view["bars"] += 1
        world.account["ts_ns"] = int(bars["ts"][i]) * 10**6 + HOUR_NS
        world.decide()
        for context in world.contexts:
            check_sound(Verdict.SET, context["planned"] if context["edited"] else context["intents"])
