"""The command line: noun verb, with ``--json``, an example in each help, the next useful command as last line."""

from tradewind.cli.entry import main

__all__ = ["main"]
