"""What the simulated venue trades on: bars and events of a replay, by step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ReplayFeed"]

Records = np.ndarray


@dataclass(frozen=True, slots=True)
class ReplayFeed:
    """History, as the backtest's driver takes it.

    Parameters
    ----------
    bars
        Ticks and lots, shape (steps, instruments, 5): open, high, low, close, volume; a close of 0 means no
        bar, a negative volume one in which nothing trades.
    ts
        Open times, shape (steps,).
    events
        Facts other than bars, in order of `recv_ts_ns`.
    interval_ns
        Length of a bar.
    warm_steps
        So many first steps are history to learn from: everybody decides, nothing is sent.
    """

    bars: npt.NDArray[np.int64]
    ts: npt.NDArray[np.int64]
    events: Records
    interval_ns: int
    warm_steps: int = 0

    def __len__(self) -> int:
        return len(self.ts)
