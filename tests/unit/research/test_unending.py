"""A strategy file that loops is given up by name, wherever it is only looked at, checked or run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace
from tradewind.errors import StrategyError
from tradewind.research import unending
from tradewind.research.unending import ends_in_time
from tradewind.strategies.load import declare_strategy
from tradewind.strategies.registry import list_strategies

if TYPE_CHECKING:
    from pathlib import Path

DECIDE = "def decide(view, account, working, params, memory, intents):\n    return 0\n"
WARMUP = "def warmup(params):\n    while True:\n        pass\n"
LOOK_S = 0.002


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_file_that_loops_is_an_error_of_its_own_and_the_others_are_listed(tmp_path: Path) -> None:
    written(
        tmp_path,
        first=DECIDE,
        loops=f"{DECIDE}while True:\n    pass\n",
        within=f"import beside\n{DECIDE}",
        beside="text = 'a'\nwhile True:\n    text = text.strip()\n",
        sorts=f"import re\n{DECIDE}while True:\n    re.sub('a+', 'b', 'a' * 99)\n",
        zuletzt=DECIDE,
    )
    with ends_in_time(3, look_s=LOOK_S):
        declared, errors = list_strategies(tmp_path)
    names = {strategy.name for strategy in declared}
    assert {"first", "zuletzt", "ema_cross"} <= names
    assert {error.code for error in errors} == {"STRATEGY_LOAD"}
    places = [error.where.rpartition(":")[0].rpartition("/")[2] for error in errors]
    assert places == ["loops.py", "sorts.py", "beside.py"]
    assert errors[0].where.endswith(("loops.py:3", "loops.py:4"))
    assert "within 3 s" in errors[0].message


def test_a_warm_up_that_loops_is_given_up(tmp_path: Path) -> None:
    written(tmp_path, slow=f"{DECIDE}{WARMUP}")
    with ends_in_time(3, look_s=LOOK_S):
        strategy = declare_strategy(tmp_path / "slow.py")
        with pytest.raises(StrategyError, match="does not come to its end"):
            strategy.warmup_bars({})


def test_a_file_that_catches_everything_ends_the_process_with_the_same_error(tmp_path: Path) -> None:
    deaf = "while True:\n    try:\n        while True:\n            pass\n    except:\n        pass\n"
    written(tmp_path, deaf=DECIDE + deaf)
    program = (
        "import pathlib, sys\n"
        "from tradewind.research.unending import ends_in_time\n"
        "from tradewind.strategies.load import declare_strategy\n"
        f"with ends_in_time(3, look_s={LOOK_S}):\n    declare_strategy(pathlib.Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "deaf.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("STRATEGY_LOAD")
    assert "deaf.py:" in done.stderr


def test_the_commands_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Workspace.create(tmp_path / "desk")
    written(desk.strategies, loops=f"{DECIDE}while True:\n    pass\n", slow=f"{DECIDE}{WARMUP}", fine=DECIDE)
    monkeypatch.chdir(desk.root)
    monkeypatch.setattr(unending, "ends_in_time", partial(ends_in_time, 3, look_s=LOOK_S))

    def told(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = run_command([*words, "--json"])
        return status, json.loads(capsys.readouterr().out)

    status, said = told("strategy", "list")
    names = {row["name"] for row in said["strategies"]}
    assert (status, {"fine", "ema_cross"} <= names, names & {"loops", "slow"}) == (0, True, set())
    assert [error["where"].partition(":")[0] for error in said["errors"]] == [
        str(desk.strategies / f"{name}.py") for name in ("loops", "slow")
    ]
    for words in (
        ("strategy", "show", "slow"),
        ("strategy", "check", "loops"),
        ("strategy", "show", "loops"),
    ):
        status, said = told(*words)
        assert (status, said["code"]) == (2, "STRATEGY_LOAD")
        assert f"{words[-1]}.py:" in said["where"]


def test_outside_the_main_thread_a_file_is_read_without_a_limit(tmp_path: Path) -> None:
    written(tmp_path, first=DECIDE)
    found: list[str] = []

    def read() -> None:
        with ends_in_time():
            found.append(declare_strategy(tmp_path / "first.py").name)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found == ["first"]
