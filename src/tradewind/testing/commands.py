"""The command lines of what can be run in this room: what each takes, and mistakes as coded errors."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from tradewind.cli.failures import report_failure
from tradewind.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Arguments", "end_with"]


class Arguments(argparse.ArgumentParser):
    """What a module takes, with its own words as its help; a mistake is USAGE."""

    def __init__(self, module: str, words: str | None) -> None:
        super().__init__(
            f"python -m {module}",
            description=words,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError (USAGE) with what argparse found wrong."""
        raise UsageError("USAGE", f"{message}.", where=self.prog, hint=f"{self.prog} --help")


def end_with(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a module's `main` with the arguments of this process, and leave with its status or that of its error."""
    try:
        status = main(sys.argv[1:])
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - the last place: it is told, with its code
        status = report_failure(failure, as_json=False)
    sys.exit(status)
