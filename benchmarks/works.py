"""What each side runs, in one place: the terms that both must have in common."""

from __future__ import annotations

import numpy as np

FEE = 0.0005
FAST, SLOW = 20, 100
LOT = 0.001
CASH = 10_000_000.0
QUANTITY = 1.0
SHARED_CASH, STAKE = 1_000_000.0, 10_000.0
STEP = TAKE_PROFIT = 0.005
RE_ENTRIES = 10
FAST_SET = np.repeat(np.arange(5, 25), 10)
SLOW_SET = np.tile(np.arange(60, 160, 10), 20)
"""200 pairs of lengths."""
