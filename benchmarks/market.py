"""The market that every side of a benchmark trades: seeded one-minute bars, one file a symbol.

Log-variance is an Ornstein-Uhlenbeck process with a half-life of twelve hours and a daily season; each bar is the
path of eight steps with fat tails (Student t, four degrees of freedom), so that high and low belong to it. The next
bar opens where this one closed: "next open" and "this close" are one price, whatever a peer can express.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

YEAR = 525_600
START_MS = 1_704_067_200_000
"""2024-01-01 UTC."""
SYMBOLS = 20
FIELDS = ("open", "high", "low", "close", "volume")
_STEPS = 8


def _log_variance(rng: np.random.Generator, bars: int) -> np.ndarray:
    keep = 0.5 ** (1 / 720.0)
    shocks = rng.standard_normal(bars) * 0.9 * np.sqrt(1 - keep * keep)
    out, level = [], 0.0
    for shock in shocks.tolist():
        level = keep * level + shock
        out.append(level)
    return np.array(out)


def make_bars(seed: int, start_price: float | None = None, bars: int = YEAR) -> dict[str, np.ndarray]:
    """Return the columns of one symbol: ts (ms), open, high, low, close, volume, and its tick."""
    rng = np.random.default_rng(seed)
    variance = _log_variance(rng, bars)
    season = 1 + 0.35 * np.sin(2 * np.pi * (np.arange(bars) % 1440) / 1440)
    deviation = 0.65 / np.sqrt(YEAR) * np.exp(variance - 0.405) * season
    steps = rng.standard_t(4, size=(bars, _STEPS)) / np.sqrt(2.0)
    price = start_price or float(np.exp(rng.uniform(np.log(0.5), np.log(60_000))))
    path = price * np.exp(
        np.cumsum((steps * (deviation[:, None] / np.sqrt(_STEPS))).ravel()).reshape(bars, _STEPS)
    )
    close = path[:, -1]
    open_ = np.concatenate([[price], close[:-1]])
    volume = np.exp(rng.normal(0, 0.8, bars)) * (
        1 + 50 * np.abs(steps * (deviation[:, None] / np.sqrt(_STEPS))).sum(1)
    )
    # Prices have six significant digits, as an exchange would quote them.
    tick = 10.0 ** (np.floor(np.log10(price)) - 5)

    def quoted(prices: np.ndarray) -> np.ndarray:
        return np.round(np.round(prices / tick) * tick, 10)

    o, c = quoted(open_), quoted(close)
    high = np.maximum.reduce([quoted(np.maximum(open_, path.max(1))), o, c])
    low = np.minimum.reduce([quoted(np.minimum(open_, path.min(1))), o, c])
    ts = START_MS + 60_000 * np.arange(bars, dtype=np.int64)
    return {
        "ts": ts, "open": o, "high": high, "low": low, "close": c, "volume": np.round(volume * 1e6 / price, 4),
        "tick": np.array(tick),
    }  # fmt: skip


def path_of(folder: Path, symbol: int) -> Path:
    """Return the file of one symbol."""
    return folder / f"S{symbol:02d}.npz"


def write_market(folder: Path) -> None:
    """Write the symbols that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for symbol in range(SYMBOLS):
        path = path_of(folder, symbol)
        if not path.exists():
            partial = path.with_suffix(".tmp.npz")
            np.savez(partial, **make_bars(1000 + symbol, start_price=42_000.0 if symbol == 0 else None))
            partial.rename(path)


def load(folder: Path, symbol: int = 0) -> dict[str, np.ndarray]:
    """Return the columns of one symbol."""
    with np.load(path_of(folder, symbol)) as stored:
        return {name: stored[name] for name in stored.files}
