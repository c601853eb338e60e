"""The names of stored runs: made, listed and found."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from tradewind.config.problems import nearest
from tradewind.config.workspace import RUN_ID, Workspace
from tradewind.errors import NotFound

__all__ = ["find_run", "new_run_id", "stored_runs"]


def new_run_id(label: str) -> str:
    """Return an id that no stored run has: when to the millisecond, what, and four signs for two at one time."""
    now = datetime.now(UTC)
    word = re.sub(r"[^a-z0-9_-]+", "-", label.lower())[:40].strip("-") or "run"
    return f"{now:%Y%m%d-%H%M%S}{now.microsecond // 1000:03}-{word}-{os.urandom(2).hex()}"


def stored_runs(workspace: Workspace) -> list[str]:
    """Return the ids of the stored runs, oldest first."""
    if not workspace.runs.is_dir():
        return []
    return sorted(
        path.name for path in workspace.runs.iterdir() if path.is_dir() and RUN_ID.fullmatch(path.name)
    )


def find_run(workspace: Workspace, name: str) -> Path:
    """Return the folder of a stored run by its id, a unique beginning or ending of it, or ``last``.

    Raises `NotFound` (RUN_UNKNOWN).
    """
    ids = stored_runs(workspace)
    if not ids:
        raise NotFound(
            "RUN_UNKNOWN",
            "there is no run yet.",
            where=str(workspace.runs),
            hint="tradewind backtest FILE makes one, such as backtests/first.toml",
        )
    if name == "last":
        return workspace.runs / ids[-1]
    found = [run_id for run_id in ids if run_id == name] or [
        run_id for run_id in ids if name and (run_id.startswith(name) or run_id.endswith(name))
    ]
    if len(found) == 1:
        return workspace.runs / found[0]
    meant = nearest(name, ids)
    raise NotFound(
        "RUN_UNKNOWN",
        f"{len(found)} runs match {name[:80]!r}." if found else f"no run is called {name[:80]!r}.",
        where=str(workspace.runs),
        hint=f"Did you mean '{meant}'?" if meant else "",
        known=(found or ids)[-10:],
    )
