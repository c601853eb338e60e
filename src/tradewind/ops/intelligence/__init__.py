"""The intelligence layer: what sessions did, as tables to ask. Made from the journals, and made again at any time."""

from pathlib import Path

__all__ = ["model_file"]


def model_file(root: Path) -> Path:
    """Return the file of the read model of a workspace, which can be removed at any time."""
    return root / "intelligence.sqlite"
