"""Read checks.json: what was examined about a run, and what it assumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from tradewind.errors import DataUnfit

if TYPE_CHECKING:
    from pathlib import Path

Verdict: TypeAlias = Literal["pass", "fail", "warn", "skipped"]


class Check(msgspec.Struct, frozen=True):
    """One examination of a run and how it ended."""

    name: str
    verdict: Verdict
    detail: str = ""


class Attribution(msgspec.Struct, frozen=True):
    """Where the money came from, in account currency; what was paid is negative."""

    price: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    slippage: float = 0.0
    liquidation: float = 0.0


class CostsDoubled(msgspec.Struct, frozen=True):
    """The same run with fees, slippage and spread twice as high."""

    final_equity: float
    total_return: float | None = None


class Checks(msgspec.Struct, frozen=True):
    """Everything that the research room has stamped on a run."""

    checks: tuple[Check, ...] = ()
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hashes: dict[str, str] = {}
    attribution: Attribution | None = None
    costs_doubled: CostsDoubled | None = None
    trials: int | None = None
    out_of_sample_start_ns: int | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        """Return the checks that failed; a report says them first."""
        return tuple(check for check in self.checks if check.verdict == "fail")

    @property
    def warned(self) -> tuple[Check, ...]:
        """Return the checks that passed with a doubt."""
        return tuple(check for check in self.checks if check.verdict == "warn")

    @property
    def kind(self) -> Literal["failed", "unchecked", "doubtful", "passed"]:
        """Return how the checks ended, in one word for a script."""
        if self.failed:
            return "failed"
        if not self.checks:
            return "unchecked"
        return "doubtful" if self.warned else "passed"

    @property
    def said(self) -> str:
        """Return how the checks ended, in a few words for a table."""
        names = ", ".join(check.name for check in self.failed or self.warned)
        match self.kind:
            case "failed":
                return f"FAILED: {names}"
            case "doubtful":
                return f"doubtful: {names}"
            case "unchecked":
                return "not checked"
            case "passed":
                return "passed"


def read_checks(path: Path) -> Checks:
    """Read checks.json; raise `DataUnfit` (RUN_DAMAGED) where it is missing or has another shape."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checks)
    except (OSError, msgspec.MsgspecError) as trouble:
        raise DataUnfit("RUN_DAMAGED", f"checks.json cannot be read: {trouble}", where=str(path)) from trouble
