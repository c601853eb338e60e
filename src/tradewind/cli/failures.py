"""The single place that turns what was raised into what a person or a script reads."""

import errno
import json
import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tradewind.errors import DataUnavailable, Exit, PathError, TradewindError

__all__ = ["Leave", "report_failure"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EROFS, errno.EACCES, errno.EPERM)


class Leave(Exception):
    """A command has told its end itself and leaves with a status that is not 0."""

    def __init__(self, status: Exit) -> None:
        super().__init__(status)
        self.status = status


def report_failure(failure: BaseException, as_json: bool) -> int:
    """Print a failure in the form of its kind and return the exit status."""
    if isinstance(failure, KeyboardInterrupt):
        _print_interrupted(as_json)
        return Exit.INTERRUPTED
    error = _coded(failure)
    if as_json:
        sys.stdout.write(json.dumps(error.to_json(), ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(_coloured(error.render()) + "\n")
    return int(error.exit_code)


def _print_interrupted(as_json: bool) -> None:
    message = "interrupted; what was not finished is not there"
    if as_json:
        fields = {"code": "INTERRUPTED", "message": message, "exit_code": int(Exit.INTERRUPTED)}
        sys.stdout.write(json.dumps(fields) + "\n")
    else:
        sys.stderr.write(f"\n{message}\n")


def _coded(failure: BaseException) -> TradewindError:
    if isinstance(failure, TradewindError):
        return failure
    if isinstance(failure, OSError) and failure.errno in _FULL:
        return DataUnavailable("DISK_FULL", _said_of(failure), where=_place_of(failure))
    if isinstance(failure, OSError) and failure.filename and failure.errno in _DENIED:
        return PathError(
            "PATH_DENIED",
            _said_of(failure),
            where=_place_of(failure),
            hint="make it writable, or name other folders: TRADEWIND_CACHE for machine code, HOME for the rest",
        )
    return _own_fault(failure)


def _said_of(failure: OSError) -> str:
    return f"the system says: {failure.strerror}"


def _place_of(failure: OSError) -> str:
    return str(failure.filename or "the output")


def _own_fault(failure: BaseException) -> TradewindError:
    """Return our own fault as a coded error, its traceback kept in a file."""
    summary = _cleaned(f"{type(failure).__name__}: {str(failure)[:200] or 'no message'}")
    path = _keep_traceback(failure)
    return TradewindError("INTERNAL", f"tradewind failed: {summary}", where=str(path) if path else "")


def _keep_traceback(failure: BaseException) -> Path | None:
    text = _cleaned("".join(traceback.format_exception(failure)))
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
    for folder in (_log_folder, lambda: Path(tempfile.gettempdir())):
        try:
            path = folder() / f"tradewind-crash-{stamp}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return path
    return None


def _cleaned(text: str) -> str:
    """Return a text without secrets; a process that never met one has no redactor and needs none."""
    redactor = sys.modules.get("tradewind.venues.keys.redact")
    return str(redactor.clean(text)) if redactor else text


def _log_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_log_dir("tradewind"))


def _coloured(text: str) -> str:
    """Let the code of each error stand out on a terminal."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return text
    lines = text.split("\n")
    return "\n".join(line if line.startswith(" ") else _bold_code(line) for line in lines)


def _bold_code(line: str) -> str:
    code, gap, rest = line.partition("  ")
    return f"\033[1;31m{code}\033[0m{gap}{rest}"
