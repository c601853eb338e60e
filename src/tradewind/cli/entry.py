"""The one door: arguments in, exit status out, and never a traceback on the terminal."""

import io
import sys
from collections.abc import Callable, Iterable, Sequence

from tradewind.cli.failures import Leave, report_failure
from tradewind.errors import Exit, UsageError

__all__ = ["main", "run_command"]

_LONG_WORD = 12
_PROTECTED = frozenset({"keys", "session", "trade", "venue"})
"""Nouns whose processes may hold keys."""


def main() -> None:
    """Run the command line of this process; one that may hold keys is closed first."""
    if any(word in _PROTECTED for word in sys.argv[1:]):
        from tradewind.venues.keys.process import protect_process

        protect_process()
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    _let_every_letter_out()
    as_json = "--json" in arguments
    return _guarded(lambda: _dispatch(arguments), as_json)


def _let_every_letter_out() -> None:
    """Where the terminal's encoding lacks a letter, print a question mark for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _guarded(action: Callable[[], int], as_json: bool) -> int:
    """Run a command; whatever it raises becomes an exit status and a message in the one form there is."""
    try:
        return action()
    except Leave as leaving:
        sys.stdout.flush()
        return leaving.status
    except BrokenPipeError:
        return _close_pipe()
    except SystemExit as leaving:
        # Typer and rich answer a reader that has gone by leaving; nothing else here may leave this way.
        if "Pacify" in type(sys.stdout).__name__ or isinstance(leaving.__context__, BrokenPipeError):
            return _close_pipe()
        return report_failure(leaving, as_json)
    except KeyboardInterrupt as interruption:
        return report_failure(interruption, as_json)
    except Exception as failure:  # noqa: BLE001 - the one place where everything ends
        return report_failure(failure, as_json)


def _dispatch(arguments: Sequence[str]) -> int:
    # Typer takes a twentieth of a second to import; nothing above needs it.
    from typer import TyperException

    from tradewind.cli.tree import build_tree

    try:
        status = build_tree()(
            args=list(arguments) or ["--help"], prog_name="tradewind", standalone_mode=False
        )
    except TyperException as refusal:
        raise _usage_error(refusal, arguments) from refusal
    # A command that ended in order because it was asked to says so itself, with a status of ours; Typer's is plain.
    if status == Exit.INTERRUPTED and not isinstance(status, Exit):
        raise KeyboardInterrupt
    sys.stdout.flush()
    return int(status) if isinstance(status, int) else Exit.DONE


def _usage_error(refusal: Exception, arguments: Sequence[str]) -> UsageError:
    from tradewind.cli.tree import NOUNS

    words = [word for word in arguments if not word.startswith("-")]
    format_message = getattr(refusal, "format_message", None)
    message = _unsaid(format_message() if format_message else str(refusal), words)
    where = " ".join(["tradewind", *words[:2]])[:80]
    if words and words[0] not in NOUNS:
        return UsageError("USAGE", message, where="tradewind", hint=_meant(words[0], NOUNS), known=NOUNS)
    return UsageError("USAGE", message, where=where, hint="try the same command with --help")


def _unsaid(message: str, words: Sequence[str]) -> str:
    """Return a message about ``keys`` without the long words of its command line: one of them may be a key."""
    if words[:1] != ["keys"]:
        return message
    for word in sorted(words, key=len, reverse=True):
        message = message.replace(word, "***") if len(word) >= _LONG_WORD else message
    return message


def _meant(word: str, known: Iterable[str]) -> str:
    import difflib

    found = difflib.get_close_matches(word[:64], list(known), n=1)
    return f"Did you mean '{found[0]}'?" if found else ""


def _close_pipe() -> int:
    """Leave quietly when the reader has gone; flushing at exit must not complain either."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return Exit.DONE
