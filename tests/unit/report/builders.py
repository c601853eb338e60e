"""Run folders made up from a seed: small, huge, empty, lost and hostile ones, with books that balance."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
START_NS = 1_704_067_200_000_000_000  # 2024-01-01

FILL_COLUMNS = {
    **dict.fromkeys(("symbol", "side", "position_side", "liquidity", "role", "order_id", "tag"), "VARCHAR"),
    **dict.fromkeys(("price", "qty", "notional", "fee", "realized_pnl"), "DOUBLE"),
}
FILL_ORDER = (
    *("ts_ns", "symbol", "side", "position_side", "price", "qty", "notional"),
    *("liquidity", "fee", "realized_pnl", "role", "order_id", "tag"),
)
ORDER_ORDER = (
    *("ts_ns", "order_id", "symbol", "side", "position_side", "kind"),
    *("state", "reason", "price", "qty", "filled_qty", "tag"),
)
PASSED = [
    {"name": "look-ahead", "verdict": "pass", "detail": "none found in 25 cuts"},
    {"name": "warm-up", "verdict": "pass", "detail": "100 bars before the first decision"},
    {
        "name": "costs",
        "verdict": "pass",
        "detail": "maker 2 bps, taker 5 bps, slippage 1 bps, funding from history",
    },
    {"name": "data", "verdict": "pass", "detail": "no defect in the bars of this run"},
    {"name": "trials", "verdict": "pass", "detail": "first trial of this strategy on this data"},
]


@dataclass
class Bars:
    """Bars of one symbol as NumPy columns, as the market room has them."""

    ts_ns: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray


@dataclass
class RunSpec:
    """What a made-up run looks like."""

    symbols: tuple[str, ...] = ("BTCUSDT",)
    bars: int = 5_000
    interval_ns: int = 15 * MINUTE_NS
    fills: int = 60
    seed: int = 7
    capital: float = 10_000.0
    strategy: str = "ema_cross"
    tick: float = 0.1
    leverage: float = 0.5
    drift: float = 0.0
    out_of_sample: float | None = None
    checks: list[dict[str, str]] = field(default_factory=lambda: list(PASSED))
    doubled: float | None = None


def rows(**columns) -> dict[str, np.ndarray]:
    """Return columns as arrays, text as objects."""
    return {
        name: np.array(values, dtype=object)
        if len(values) and isinstance(values[0], str)
        else np.asarray(values)
        for name, values in columns.items()
    }


def write_table(path: Path, columns: dict[str, np.ndarray], kinds: dict[str, str]) -> None:
    """Write columns as Parquet with stated types, also where there is no row."""
    casts = ", ".join(f'CAST("{name}" AS {kinds.get(name, "BIGINT")}) AS "{name}"' for name in columns)
    with duckdb.connect() as database:
        if len(next(iter(columns.values()))):
            database.register(
                "given", {name: np.ascontiguousarray(column) for name, column in columns.items()}
            )
            source = "given"
        else:
            source = (
                f"(SELECT {', '.join(f'NULL AS {chr(34)}{name}{chr(34)}' for name in columns)} WHERE false)"
            )
        database.execute(f"COPY (SELECT {casts} FROM {source}) TO '{path}' (FORMAT parquet)")


def write_run(
    folder: Path,
    *,
    fills: dict[str, np.ndarray] | None = None,
    equity: dict[str, np.ndarray] | None = None,
    funding: dict[str, np.ndarray] | None = None,
    orders: dict[str, np.ndarray] | None = None,
    refused: dict[str, np.ndarray] | None = None,
    checks: dict[str, object] | None = None,
    settings: str = 'strategy = "hand"\n[capital]\namount = 1000\ncurrency = "USDT"\n',
) -> Path:
    """Write a run folder from tables given by hand; whatever is left out is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text(settings, encoding="utf-8")
    (folder / "checks.json").write_text(json.dumps(checks or {"checks": PASSED}), encoding="utf-8")
    money = dict.fromkeys(("balance", "equity", "unrealized_pnl", "margin_used"), "DOUBLE")
    write_table(folder / "fills.parquet", fills or empty(FILL_ORDER), FILL_COLUMNS)
    write_table(folder / "equity.parquet", equity or empty(("ts_ns", *money)), money)
    text = dict.fromkeys(
        ("symbol", "order_id", "side", "position_side", "kind", "state", "reason", "tag", "rule", "slot"),
        "VARCHAR",
    )
    numbers = dict.fromkeys(
        ("rate", "mark_price", "qty", "amount", "price", "filled_qty", "limit", "value"), "DOUBLE"
    )
    kinds = {**text, **numbers}
    write_table(
        folder / "funding.parquet",
        funding or empty(("ts_ns", "symbol", "rate", "mark_price", "qty", "amount")),
        kinds,
    )
    write_table(folder / "orders.parquet", orders or empty(ORDER_ORDER), kinds)
    write_table(
        folder / "refused.parquet",
        refused or empty(("ts_ns", "symbol", "slot", "rule", "limit", "value", "price", "qty")),
        kinds,
    )
    return folder


def empty(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: np.zeros(0) for name in names}


def curve(values, *, interval_ns: int = DAY_NS, start_ns: int = START_NS) -> dict[str, np.ndarray]:
    """Return an equity table with one row an interval."""
    value = np.asarray(values, dtype=float)
    ts_ns = start_ns + interval_ns * np.arange(len(value), dtype=np.int64)
    return rows(ts_ns=ts_ns, balance=value, equity=value, unrealized_pnl=0.0 * ts_ns, margin_used=0.0 * ts_ns)


def fill_rows(*fills: tuple) -> dict[str, np.ndarray]:
    """Return fills from (day, symbol, side, position_side, price, qty, fee, realized_pnl, role)."""
    day, symbol, side, position_side, price, qty, fee, pnl, role = zip(*fills, strict=True)
    return rows(
        ts_ns=[START_NS + int(d * DAY_NS) for d in day],
        symbol=symbol,
        side=side,
        position_side=position_side,
        price=price,
        qty=qty,
        notional=[p * q for p, q in zip(price, qty, strict=True)],
        liquidity=["taker"] * len(fills),
        fee=fee,
        realized_pnl=pnl,
        role=role,
        order_id=[f"o{i}" for i in range(len(fills))],
        tag=["t"] * len(fills),
    )


def make_bars(spec: RunSpec, number: int) -> Bars:
    """Return a random walk on the tick grid with clustered volatility."""
    chance = np.random.default_rng([spec.seed, number])
    n = spec.bars
    per_bar = 0.6 * np.sqrt(spec.interval_ns / (365 * DAY_NS))
    calm = np.exp(0.5 * np.sin(np.linspace(0, 12, n)) + 0.3 * np.sin(np.linspace(0, 95, n)))
    steps = per_bar * calm * chance.standard_t(5, n) * 0.77 + spec.drift / max(n, 1)
    close = 40_000 / (number + 1) * np.exp(np.cumsum(steps))
    opened = np.concatenate(([40_000 / (number + 1)], close[:-1]))
    reach = np.abs(chance.normal(0, per_bar, (2, n))) * calm * close
    on_tick = lambda price: np.maximum(np.round(price / spec.tick), 1) * spec.tick  # noqa: E731
    return Bars(
        ts_ns=START_NS + spec.interval_ns * np.arange(n, dtype=np.int64),
        open=np.round(on_tick(opened), 6),
        high=np.round(on_tick(np.maximum(opened, close) + reach[0]), 6),
        low=np.round(on_tick(np.minimum(opened, close) - reach[1]), 6),
        close=np.round(on_tick(close), 6),
        volume=np.round(chance.lognormal(3, 1, n), 3),
    )


def _round_trips(spec: RunSpec, bars: Bars, symbol: str, count: int, chance) -> tuple[dict, np.ndarray]:
    """Return fills of ``count`` round trips and what they earn by bar (bars,), open profit included."""
    at = np.sort(chance.integers(0, spec.bars, 2 * count))
    enter, leave = at[0::2], at[1::2]
    sign = np.where(chance.random(count) < 0.5, 1.0, -1.0)
    price_in, price_out = bars.open[enter], bars.open[leave]
    qty = np.round(np.maximum(spec.leverage * spec.capital / price_in, 1e-4), 4)
    maker = chance.random(2 * count) < 0.4
    pair = lambda a, b: np.stack([a, b], axis=1).reshape(-1)  # noqa: E731
    price, size = pair(price_in, price_out), np.repeat(qty, 2)
    fee = price * size * np.where(maker, 2e-4, 5e-4)
    gain = sign * (price_out - price_in) * qty
    buys = pair(sign > 0, sign < 0)
    stopped = gain < 0
    fills = {
        "ts_ns": bars.ts_ns[at],
        "symbol": np.full(2 * count, symbol, dtype=object),
        "side": np.where(buys, "buy", "sell").astype(object),
        "position_side": np.repeat(np.where(sign > 0, "long", "short"), 2).astype(object),
        "price": price,
        "qty": size,
        "notional": price * size,
        "liquidity": np.where(maker, "maker", "taker").astype(object),
        "fee": fee,
        "realized_pnl": pair(0 * gain, gain),
        "role": pair(np.full(count, "open"), np.where(stopped, "stop", "close")).astype(object),
        "order_id": np.array([f"tw{symbol[:3]}{i:06d}" for i in range(2 * count)], dtype=object),
        "tag": np.repeat(np.where(sign > 0, "cross up", "cross down"), 2).astype(object),
    }
    realized = np.zeros(spec.bars)
    np.add.at(realized, leave, gain)
    np.add.at(realized, at, -fee)
    change, cost = np.zeros(spec.bars + 1), np.zeros(spec.bars + 1)
    np.add.at(change, enter, sign * qty)
    np.add.at(change, leave, -sign * qty)
    np.add.at(cost, enter, sign * qty * price_in)
    np.add.at(cost, leave, -sign * qty * price_in)
    position, entry_cost = np.cumsum(change[:-1]), np.cumsum(cost[:-1])
    open_profit = position * bars.close - entry_cost
    return fills, np.stack([np.cumsum(realized), open_profit, np.abs(position) * bars.close / 5.0, position])


def build_run(folder: Path, spec: RunSpec | None = None) -> tuple[Path, dict[str, Bars]]:
    """Write a run folder whose equity follows from its fills and funding; return it and its bars."""
    spec = spec or RunSpec()
    chance = np.random.default_rng([spec.seed, 99])
    bars = {symbol: make_bars(spec, number) for number, symbol in enumerate(spec.symbols)}
    count = spec.fills // 2 // len(spec.symbols)
    tables, money, settled = [], np.zeros((3, spec.bars)), []
    for symbol, series in bars.items():
        fills, earned = _round_trips(spec, series, symbol, count, chance)
        tables.append(fills)
        money += earned[:3]
        settled.append(_settlements(spec, series, symbol, earned[3], chance))
    funding = {name: np.concatenate([table[name] for table in settled]) for name in settled[0]}
    paid = np.zeros(spec.bars)
    np.add.at(paid, (funding["ts_ns"] - START_NS) // spec.interval_ns, funding["amount"])
    money[0] += np.cumsum(paid)
    fills = {name: np.concatenate([table[name] for table in tables]) for name in FILL_ORDER}
    order = np.argsort(fills["ts_ns"], kind="stable")
    fills = {name: column[order] for name, column in fills.items()}
    order = np.argsort(funding["ts_ns"], kind="stable")
    equity = {
        "ts_ns": next(iter(bars.values())).ts_ns,
        "balance": spec.capital + money[0],
        "equity": spec.capital + money[0] + money[1],
        "unrealized_pnl": money[1],
        "margin_used": money[2],
    }
    write_run(
        folder,
        fills=fills if len(fills["ts_ns"]) else None,
        equity=equity,
        funding={name: column[order] for name, column in funding.items()} if len(order) else None,
        orders=_orders(fills) if len(fills["ts_ns"]) else None,
        refused=_refused(spec),
        checks=_checks(spec, fills, funding, money),
        settings=_settings(spec),
    )
    return folder, bars


def _settlements(spec, bars, symbol, position, chance):
    due = np.flatnonzero((bars.ts_ns % (8 * 60 * MINUTE_NS) == 0) & (position != 0))
    rate = np.round(chance.normal(1e-4, 1e-4, len(due)), 8)
    return {
        "ts_ns": bars.ts_ns[due],
        "symbol": np.full(len(due), symbol, dtype=object),
        "rate": rate,
        "mark_price": bars.close[due],
        "qty": position[due],
        "amount": -rate * position[due] * bars.close[due],
    }


def _orders(fills):
    n = len(fills["ts_ns"])
    repeated = {
        name: np.repeat(fills[name], 2) for name in ("ts_ns", "order_id", "symbol", "side", "position_side")
    }
    return {
        **repeated,
        "kind": np.full(2 * n, "limit", dtype=object),
        "state": np.tile(np.array(["working", "filled"], dtype=object), n),
        "reason": np.tile(np.array(["accepted", "filled"], dtype=object), n),
        "price": np.repeat(fills["price"], 2),
        "qty": np.repeat(fills["qty"], 2),
        "filled_qty": np.stack([0 * fills["qty"], fills["qty"]], axis=1).reshape(-1),
        "tag": np.repeat(fills["tag"], 2),
    }


def _refused(spec):
    return rows(
        ts_ns=[START_NS, START_NS],
        symbol=[spec.symbols[0]] * 2,
        slot=["0", "1"],
        rule=["min_notional", "exposure_total"],
        limit=[5.0, 1.0],
        value=[3.2, 1.4],
        price=[40_000.0, 40_000.0],
        qty=[0.0001, 0.5],
    )


def _checks(spec, fills, funding, money):
    fees = float(np.sum(fills["fee"]))
    paid = float(np.sum(funding["amount"]))
    total = float(money[0, -1] + money[1, -1])
    slippage = -0.1 * fees
    found = {
        "price": total + fees - paid - slippage,
        "fees": -fees,
        "funding": paid,
        "slippage": slippage,
        "liquidation": 0.0,
    }
    late = (
        None
        if spec.out_of_sample is None
        else START_NS + int(spec.out_of_sample * spec.bars) * spec.interval_ns
    )
    return {
        "checks": spec.checks,
        "assumptions": [
            "Today's instrument rules (tick, lot, minimum notional, fees) are applied to old data.",
            "A limit order fills only when the price trades through it (fill = strict).",
            "A decision at the close of a bar can trade from the opening of the next (latency_bars = 1).",
        ],
        "warnings": [],
        "hashes": dict.fromkeys(("data", "config", "code", "decisions"), f"{spec.seed:02x}" * 32),
        "attribution": found,
        "costs_doubled": {
            "final_equity": spec.capital + total - fees if spec.doubled is None else spec.doubled
        },
        "trials": 1,
        "out_of_sample_start_ns": late,
    }


def _settings(spec):
    names = ", ".join(json.dumps(name) for name in spec.symbols)
    return f"""strategy = {json.dumps(spec.strategy)}
[period]
start = "2024-01-01"
end = "2025-01-01"
[capital]
amount = {spec.capital}
currency = "USDT"
[market]
venue = "binance_usdm"
symbols = [{names}]
bars = "{spec.interval_ns // MINUTE_NS}m"
[params]
fast_period = 20
slow_period = 100
[costs]
funding = "history"
slippage_bps = 1.0
fill = "strict"
latency_bars = 1
"""
