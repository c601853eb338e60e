"""Whether the ccxt that would sign is, file by file, the one whose requests were looked at and recorded.

Pins with hashes guard the way into an installation. This guards what happens to it afterwards: another version put
over it, a patch by hand, a file that somebody else changed. It is looked at before ccxt is imported and before any key
is opened. Nothing is remembered between two looks: whoever can write there can set a file's time as well.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from tradewind.errors import SafetyRefusal

__all__ = ["CCXT_SEEN", "Files", "files_of", "refuse_changed_ccxt"]


class Files(NamedTuple):
    """What a package is: its version, the SHA-256 over all its files of code, and how many they are."""

    version: str
    sha256: str
    files: int


CCXT_SEEN: Final = Files("4.5.90", "0eaa7ebaa2a6bcb907484145d225b6dddcb42a7ae554db115a0f7dfa95c28c11", 721)
"""The ccxt whose requests stand in the recorded contracts."""


def files_of(folder: Path, version: str) -> Files:
    """Return what lies in the folder of a package: every Python file below it counts, by its path and its bytes."""
    paths = sorted(folder.rglob("*.py"))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Files(version, digest.hexdigest(), len(paths))


@functools.cache
def _installed() -> Files:
    """Return the ccxt that this process imports; what was imported once stays what it is. Costs a fifth of a second."""
    spec = find_spec("ccxt")
    assert spec is not None, "require_live has looked"
    assert spec.origin is not None, "ccxt is a package with a file"
    return files_of(Path(spec.origin).parent, metadata.version("ccxt"))


def refuse_changed_ccxt() -> None:
    """Return where the ccxt that is installed is the one that was looked at; call `require_live` before.

    Raises SafetyRefusal (CCXT_CHANGED): another version, or the same with other files.
    """
    found = _installed()
    if found == CCXT_SEEN:
        return
    told = (
        f"this is ccxt {found.version}, not {CCXT_SEEN.version}, whose requests were looked at."
        if found.version != CCXT_SEEN.version
        else f"{found.files} files of ccxt {found.version} are not the {CCXT_SEEN.files} that were looked at."
    )
    raise SafetyRefusal("CCXT_CHANGED", told, where="ccxt")
