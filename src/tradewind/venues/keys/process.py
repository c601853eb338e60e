"""Close a process that holds keys: no memory of it on a disk, and no secret in what it says."""

from __future__ import annotations

import ctypes
import resource
import sys
from contextlib import suppress
from typing import Final

from tradewind.venues.keys.redact import install

__all__ = ["protect_process"]

_PR_SET_DUMPABLE: Final = 4


def protect_process() -> None:
    """Forbid core dumps and other processes' looks into this one's memory, and install the redactor.

    The limit alone would not do: a kernel that hands core dumps to a program does not ask for it. On Linux other
    processes of the same user can neither trace this one nor read its environment from now on.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    install()
