"""Read what was stored about a run: its metrics, settings and checks, never computed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from tradewind.errors import DataUnfit, NotFound
from tradewind.report.checks import Checks, read_checks
from tradewind.report.files import Settings, read_settings, run_title


class StoredBand(msgspec.Struct, frozen=True):
    """The confidence band of one metric."""

    low: float
    mid: float
    high: float
    level: float


class StoredBands(msgspec.Struct, frozen=True):
    """The confidence bands by the name of their metric."""

    metrics: dict[str, StoredBand] = {}


class StoredMetrics(msgspec.Struct, frozen=True):
    """The part of metrics.json that a summary shows."""

    schema: int
    currency: str
    metrics: dict[str, float | None]
    undefined: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    bands: StoredBands = StoredBands()
    sources: dict[str, float] = {}
    shape: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One finished run as it lies in its folder."""

    run_dir: Path
    settings: Settings
    checks: Checks
    metrics: StoredMetrics

    @property
    def title(self) -> str:
        """Return the strategies of the run, else its id."""
        return run_title(self.settings) or self.run_dir.name


def read_stored(run_dir: Path | str) -> StoredRun:
    """Read a run folder's summary; raise RUN_UNKNOWN or RUN_DAMAGED where it is absent or not whole."""
    folder = Path(run_dir)
    if not folder.is_dir():
        raise NotFound("RUN_UNKNOWN", f"there is no run folder '{folder.name}'", where=str(folder))
    path = folder / "metrics.json"
    try:
        metrics = msgspec.json.decode(path.read_bytes(), type=StoredMetrics)
    except (OSError, msgspec.MsgspecError) as trouble:
        raise DataUnfit(
            "RUN_DAMAGED", f"metrics.json cannot be read: {trouble}", where=str(path)
        ) from trouble
    return StoredRun(folder, read_settings(folder / "run.toml"), read_checks(folder / "checks.json"), metrics)
