"""The intelligence layer: what sessions did, as tables to ask. Made from the journals, and made again at any time."""

from pathlib import Path

__all__ = ["model_file", "remove_model"]


def model_file(root: Path) -> Path:
    """Return the file of the read model of a workspace, which can be removed at any time."""
    return root / "intelligence.sqlite"


def remove_model(path: Path) -> None:
    """Remove a read model with what SQLite keeps beside it, which must not outlive it."""
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
