"""Research: run a backtest, examine it, store it, run it again."""

from tradewind.research.backtest import RunResult, Simulated, run_backtest, simulate
from tradewind.research.notebook import Run, backtest
from tradewind.research.verify import Verified, verify_run

__all__ = ["Run", "RunResult", "Simulated", "Verified", "backtest", "run_backtest", "simulate", "verify_run"]
