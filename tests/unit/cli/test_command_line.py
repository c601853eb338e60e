"""What holds for every command: help with an example, JSON, exit status, no traceback, nothing heavy for help."""

import errno
import inspect
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import tradewind
from tradewind.cli import entry, failures, tree
from tradewind.cli.compiling import load_parts
from tradewind.cli.entry import run_command
from tradewind.cli.output import Output, Steps, plain, table
from tradewind.config import Workspace
from tradewind.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
NOT_YET = ("ui", "search", "arb", "mcp", "serve", "promote")


def commands() -> dict[str, object]:
    """Return every command by its words."""
    found = {}
    for name, noun in tree.NOUNS.items():
        module = __import__(f"tradewind.cli.{noun.module}", fromlist=["app"])
        command = get_command(module.app)
        verbs = getattr(command, "commands", None)
        if verbs is None:
            found[name] = command
        else:
            found.update({f"{name} {verb}": below for verb, below in verbs.items()})
    return found


COMMANDS = commands()


def spawn(*arguments: str, cwd: Path | None = None, code: str = "") -> subprocess.CompletedProcess[str]:
    program = ["-c", code] if code else ["-m", "tradewind.cli", *arguments]
    return subprocess.run(
        [sys.executable, *program], capture_output=True, text=True, cwd=cwd, check=False, timeout=120
    )


def test_every_command_is_in_a_guide_that_is_played():
    """The reference lists flags; a guide shows what a command is for, and its blocks run in CI."""
    guides = [
        path for folder in ("tutorial", "howto", "concepts") for path in (ROOT / "docs" / folder).glob("*.md")
    ]
    played = "\n".join(
        line
        for path in [ROOT / "README.md", *guides]
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("$ ") or "`" in line
    )
    missing = [name for name in COMMANDS if not re.search(rf"\b{name}\b", played)]
    assert missing == []


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    return workspace


def test_help_names_every_noun_and_nothing_that_is_not_built(capsys):
    assert run_command(["--help"]) == 0
    text = capsys.readouterr().out
    words = re.findall(r"^  (\S+)", text.split("Commands:")[1], re.MULTILINE)
    assert words == list(tree.NOUNS)
    assert not set(words) & set(NOT_YET)


def test_help_says_that_trade_is_for_accounts_too(capsys):
    assert run_command(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split("Commands:")[1].split())
    assert "live on accounts" in text.split(" trade ")[1].split(" session ")[0]


def test_no_argument_means_help(capsys):
    assert run_command([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out.strip() == tradewind.__version__


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_an_example_and_json(name, capsys):
    assert run_command([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "--json" in text
    assert f"Example: tradewind {name}" in re.sub(r"\s+", " ", text)
    assert not re.search(r"\btradewind (ui|search|arb|mcp|serve)\b", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_commands_that_exist(name, capsys):
    run_command([*name.split(), "--help"])
    example = re.sub(r"\s+", " ", capsys.readouterr().out).split("Example: tradewind ")[1]
    assert any(example.startswith(known) for known in COMMANDS)


def test_the_one_line_of_each_noun_is_that_of_its_module():
    for name, noun in tree.NOUNS.items():
        module = __import__(f"tradewind.cli.{noun.module}", fromlist=["app"])
        command = get_command(module.app)
        said = command.help or ""
        if getattr(command, "commands", None) is not None:
            assert said == noun.help, name
        listed = re.findall(r"[a-z]+", noun.help.partition(":")[2])
        verbs = list(getattr(command, "commands", {}))
        assert not verbs or not listed or set(verbs) <= set(listed) | {"schema"}, (name, verbs, listed)


def test_every_command_that_is_recommended_exists():
    files = [
        path
        for path in (ROOT / "src" / "tradewind").rglob("*.py")
        if path.name not in {"lint.py", "failures.py"}
    ]
    source = "\n".join(path.read_text() for path in files)
    quoted = re.findall(r"['\"`]tradewind ([a-z]+(?: [a-z]+)?)[^'\"`]*['\"`]", source)
    assert len(quoted) > 20
    for words in quoted:
        first, _, second = words.partition(" ")
        assert first in tree.NOUNS, f"tradewind {words}"
        has_verbs = any(name.startswith(f"{first} ") for name in COMMANDS)
        if second and has_verbs:
            assert words in COMMANDS, f"tradewind {words}"


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom tradewind.cli.entry import run_command\n"
        "assert run_command(['--help']) == 0\n"
        "heavy = {'numba', 'duckdb', 'numpy', 'llvmlite', 'rich', 'msgspec', 'tomlkit'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = spawn(code=code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["new", "x"], ["config", "show"], ["config", "schema"]])
def test_settings_need_neither_compiler_nor_database(tmp_path, arguments):
    Workspace.create(tmp_path / "desk")
    code = (
        "import sys\nfrom tradewind.cli.entry import run_command\n"
        f"assert run_command({arguments!r}) == 0\n"
        "assert not {'numba', 'duckdb', 'numpy'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "desk", check=False)
    assert done.returncode == 0, done.stderr


def test_our_own_fault_leaves_a_traceback_in_a_file_and_none_on_the_terminal(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(failures, "_log_folder", lambda: tmp_path / "logs")

    def fail(_):
        raise ZeroDivisionError("over\nlines")

    monkeypatch.setattr(entry, "_dispatch", fail)
    assert run_command(["config", "show"]) == 1
    text = capsys.readouterr().err
    (report,) = (tmp_path / "logs").iterdir()
    assert text.split("\n")[0] == f"INTERNAL  {report}"
    assert "Traceback" not in text
    assert len(text.rstrip("\n").split("\n")) == 3
    assert "ZeroDivisionError" in report.read_text()
    assert run_command(["config", "show", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "INTERNAL"


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "DISK_FULL", 3),
        (OSError(errno.EROFS, "Read-only file system", "/home/x/.cache"), "PATH_DENIED", 2),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "ours.json"), "INTERNAL", 1),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_ours(failure, code, status, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(failures, "_log_folder", lambda: tmp_path)
    assert failures.report_failure(failure, as_json=False) == status
    assert capsys.readouterr().err.startswith(code)


def test_a_letter_that_the_terminal_lacks_does_no_harm(monkeypatch):
    poor = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", poor)
    assert run_command(["--help"]) == 0
    print("→", file=poor)


def test_a_traceback_finds_another_place_where_the_first_cannot_be_written(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(failures, "_log_folder", lambda: tmp_path / "file" / "below")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(failures.tempfile, "tempdir", None)
    assert failures.report_failure(ValueError("x"), as_json=False) == 1
    assert list(tmp_path.glob("tradewind-crash-*.txt"))
    assert "INTERNAL" in capsys.readouterr().err


def test_an_interruption_ends_with_130(monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "_dispatch", interrupt)
    assert run_command(["config", "show"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert run_command(["config", "show", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["exit_code"] == 130


def test_an_interruption_inside_a_command_ends_with_130(monkeypatch, desk, capsys):
    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("tradewind.config.load_settings", interrupt)
    assert run_command(["config", "show"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(desk):
    command = f"{sys.executable} -m tradewind.cli config schema | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--version"], ["config", "schema"], ["--help"]])
def test_a_reader_that_left_before_is_no_error_either(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tradewind.cli", *arguments]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, text=True) as process:
        os.close(writer)
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_reader_that_left_before_something_drawn_is_no_error_either():
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        "from tradewind.cli.entry import _guarded; from tradewind.cli.output import Output\n"
        "raise SystemExit(_guarded(lambda: Output(False).show('x') or 0, False))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writer)
        assert process.stderr.read() == ""
    assert process.returncode == 0


def run_on_terminal(arguments: list[str], cwd: Path) -> str:
    """Return what a command prints to a terminal."""
    here, there = pty.openpty()
    command = [sys.executable, "-m", "tradewind.cli", *arguments]
    with subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, cwd=cwd, close_fds=True
    ) as process:
        os.close(there)
        said = b""
        while True:
            try:
                part = os.read(here, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        process.wait()
    os.close(here)
    return said.decode()


def test_colours_only_on_a_terminal(desk):
    assert "\033[" in run_on_terminal(["config", "nonsense"], desk.root)
    done = spawn("config", "nonsense", cwd=desk.root)
    assert "\033[" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [["config", "show"], ["config", "schema"], ["data", "list"], ["run", "list"]]
)
def test_json_is_one_object_on_stdout(desk, capsys, arguments):
    assert run_command([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert isinstance(json.loads(printed.out), dict)
    assert printed.out.count("\n") == 1
    assert run_command(arguments) == 0
    printed = capsys.readouterr()
    last = printed.out.rstrip("\n").split("\n")[-1]
    assert re.match(r"(next: |      )tradewind ", last)


def test_new_makes_a_workspace_and_says_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["new", "desk"]) == 0
    assert "next: cd desk" in capsys.readouterr().out
    assert (tmp_path / "desk" / "strategies" / "first.py").is_file()
    assert run_command(["new", "other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["workspace"] == str(tmp_path / "other")


def test_a_current_folder_that_was_removed_is_an_error_like_any_other(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run_command(["config", "show"]) == 2
    assert capsys.readouterr().err.startswith("PATH_INVALID")


def test_config_show_prints_the_origin_of_each_value(desk, capsys, monkeypatch):
    monkeypatch.setenv("TRADEWIND__COSTS__SPREAD_BPS", "3")
    file = "backtests/first.toml"
    assert run_command(["config", "show", file, "--set", "costs.fill=touch", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["values"]
    assert values["costs.spread_bps"] == {"value": 3.0, "origin": "TRADEWIND__COSTS__SPREAD_BPS"}
    assert values["costs.fill"] == {"value": "touch", "origin": "--set costs.fill"}
    assert values["strategy"] == {"value": "first", "origin": f"{file}:5"}
    assert values["costs.limit_gap"]["origin"] == "default"


def test_config_schema_writes_what_editors_read(desk, capsys):
    assert run_command(["config", "schema", "backtests"]) == 0
    schema = json.loads((desk.backtests / "tradewind-backtest.json").read_text())
    assert schema["properties"]["costs"]
    assert schema["additionalProperties"] is False


def test_completion_offers_the_nouns():
    environment = {"_TRADEWIND_COMPLETE": "complete_bash", "COMP_WORDS": "tradewind con", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "from tradewind.cli import main; main()"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["config"]


def test_a_table_aligns_words_left_and_numbers_right():
    assert table(("name", "rows"), [["a", "1,000"], ["long name", "-"]]) == [
        "name        rows",
        "a          1,000",
        "long name      -",
    ]


def test_json_has_no_number_that_json_does_not_know():
    found = plain({"a": float("nan"), "b": (1, float("inf")), 3: Path("x"), "d": None, "e": True})
    assert found == {"a": None, "b": [1, None], "3": "x", "d": None, "e": True}


def test_progress_without_a_terminal_is_a_line_now_and_then_even_within_one_step(capsys):
    with Steps("compiling", silence_s=0.02) as steps:
        wait_for(lambda: "compiling, 0 s" in capsys.readouterr().err)
        steps(1, 4, "working")
        wait_for(lambda: "working 25 %, 0 s" in capsys.readouterr().err)
    capsys.readouterr()


def test_what_takes_a_minute_is_said_at_once_and_once(capsys, monkeypatch):
    """A first run waits for the compiler, and ten seconds of silence look like a standstill."""
    monkeypatch.setattr(
        "tradewind.research.compiling.waiting_title", lambda *_: "compiling the engine: a minute"
    )
    with Steps("loading", silence_s=100.0) as steps:
        load_parts(steps, {"a": "tradewind.errors", "b": "tradewind.config"})
        steps(0, 0, "compiling the engine: a minute")
    assert capsys.readouterr().err == "compiling the engine: a minute\n"


def test_a_wait_for_several_parts_says_how_many_are_done():
    told = []
    load_parts(lambda *said: told.append(said[:2]), {"a": "tradewind.errors", "b": "tradewind.config"})
    assert told == [(0, 2), (1, 2), (2, 2)]


def wait_for(is_true):
    for _ in range(500):
        if is_true():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def test_progress_speaks_each_ten_seconds(capsys):
    assert inspect.signature(Steps).parameters["silence_s"].default == 10.0
    with Output(as_json=False).steps("short work") as steps:
        steps(1, 2)
    assert capsys.readouterr().err == ""


def test_errors_of_several_files_are_all_shown(capsys):
    error = ConfigError("CONFIG_TYPE", "one", also=[ConfigError("CONFIG_RANGE", "two")])
    assert failures.report_failure(error, as_json=False) == 2
    assert capsys.readouterr().err.count("\n") == 6


def test_typer_exit_keeps_its_status(monkeypatch, desk):
    def leave(*_args, **_more):
        raise typer.Exit(3)

    monkeypatch.setattr("tradewind.config.load_settings", leave)
    assert run_command(["config", "show"]) == 3
