"""What the tests of bad input share: a workspace, and the judgement of a refusal."""

import hashlib
import json
import re
from collections.abc import Callable
from itertools import dropwhile
from pathlib import Path

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace

FIRST_LINE = re.compile(r"[A-Z][A-Z0-9_]+(  \S.*)?")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    return workspace


def _snapshot(folder: Path) -> dict[str, str]:
    """Return every file below a folder with its digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, str]]:
    """Return a function that tells every file below a folder with its digest."""
    return _snapshot


@pytest.fixture
def refuse(capsys) -> Callable[..., dict]:
    """Return a function that runs a command which must fail, judges how it fails, and returns its error as JSON."""

    def run(folder: Path, arguments: list[str], code: str, status: int = 2) -> dict:
        return _refuse(capsys, folder, arguments, code, status)

    return run


def _refuse(capsys, folder: Path, arguments: list[str], code: str, status: int) -> dict:
    """Run a command that must fail with ``code``; return its error as JSON.

    The form on the terminal, the fields of the JSON, the status and the untouched disk are judged here.
    """
    before = _snapshot(folder)
    capsys.readouterr()
    assert run_command(arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    lines = [line for line in printed.err.rstrip("\n").split("\n") if not line.startswith("importing")]
    # What was told on the way, such as the terms of a session, stands before it.
    lines = list(dropwhile(lambda line: not FIRST_LINE.fullmatch(line), lines)) or lines
    assert lines[0].split("  ")[0] == code, printed.err
    assert len(lines) % 3 == 0, printed.err
    for place in range(0, len(lines), 3):
        assert FIRST_LINE.fullmatch(lines[place]), printed.err
        assert all(line.startswith("  ") and line.strip() for line in lines[place + 1 : place + 3]), (
            printed.err
        )
    assert run_command([*arguments, "--json"]) == status
    fields = json.loads(capsys.readouterr().out)
    assert (fields["code"], fields["exit_code"]) == (code, status)
    assert {"code", "where", "key", "message", "hint", "known", "exit_code"} <= set(fields)
    assert _snapshot(folder) == before
    return fields
