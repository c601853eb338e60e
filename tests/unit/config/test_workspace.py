"""The workspace owns every path; files appear complete or not at all; a lock names its holder."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tradewind.config import (
    ENV_WORKSPACE,
    Workspace,
    atomic_folder,
    find_run,
    load_backtest,
    load_session,
    lock,
    lock_holder,
    new_run_id,
    stored_runs,
    sweep,
    write_atomic,
)
from tradewind.config.files import PARTIAL_PREFIX
from tradewind.errors import Busy, ConfigError, NotFound, PathError, TradewindError


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "desk")


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_new_workspace_has_everything_and_its_files_load(desk):
    assert tree(desk.root) == [
        ".gitignore",
        "backtests",
        "backtests/first.toml",
        "backtests/tradewind-backtest.json",
        "data",
        "journal",
        "runs",
        "searches",
        "sessions",
        "sessions/first.toml",
        "sessions/tradewind-session.json",
        "strategies",
        "strategies/first.py",
        "tradewind-settings.json",
        "tradewind.toml",
    ]
    assert load_backtest([desk.backtests / "first.toml"]).config.strategy == "first"
    assert load_session([desk.root / "sessions" / "first.toml"]).config.strategy == "first"
    assert desk.settings.limits.max_orders_per_minute == 600


def test_a_workspace_may_be_made_in_an_empty_folder_only(tmp_path):
    (tmp_path / "empty").mkdir()
    Workspace.create(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file", "empty"):
        before = tree(tmp_path / name)
        with pytest.raises(PathError) as caught:
            Workspace.create(tmp_path / name)
        assert caught.value.code == "WORKSPACE_EXISTS"
        assert tree(tmp_path / name) == before
    assert not list(tmp_path.glob(f"{PARTIAL_PREFIX}*"))


def test_a_workspace_may_be_made_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino
    assert Workspace.create(Path()).root == tmp_path
    assert Path.cwd().stat().st_ino == inode
    assert Workspace.find(None, {}, Path.cwd()).root == tmp_path


def test_the_flag_wins_over_the_variable_and_the_variable_over_the_parents(tmp_path):
    one, two, three = (Workspace.create(tmp_path / name).root for name in ("one", "two", "three"))
    inside = three / "strategies"
    env = {ENV_WORKSPACE: str(two)}
    assert Workspace.find(str(one), env, inside).root == one
    assert Workspace.find(None, env, inside).root == two
    assert Workspace.find(None, {}, inside).root == three
    assert Workspace.find("one", {}, tmp_path).root == one


def test_no_workspace_is_an_error_that_says_all_three_ways(tmp_path):
    with pytest.raises(PathError) as caught:
        Workspace.find(None, {}, tmp_path)
    text = caught.value.render()
    assert caught.value.exit_code == 2
    assert all(
        word in text for word in ("--workspace", "TRADEWIND_WORKSPACE", "tradewind.toml", "tradewind new")
    )


@pytest.mark.parametrize("origin", ["--workspace", ENV_WORKSPACE])
def test_a_named_folder_that_is_no_workspace_is_an_error_about_that_name(tmp_path, origin):
    flag, env = ("nowhere", {}) if origin == "--workspace" else (None, {ENV_WORKSPACE: "nowhere"})
    with pytest.raises(PathError) as caught:
        Workspace.find(flag, env, tmp_path)
    assert (caught.value.code, caught.value.where) == ("WORKSPACE_MISSING", origin)


def test_settings_move_folders_but_not_out_of_the_workspace(desk):
    desk.settings_file.write_text('[paths]\ndata = "history/all"\n')
    assert Workspace.open(desk.root).data == desk.root / "history" / "all"
    for path, code in {
        "/tmp/x": "PATH_DENIED",
        "../x": "PATH_DENIED",
        "a/../../x": "PATH_DENIED",
        "~/x": "PATH_DENIED",
        "": "PATH_INVALID",
        "runs": "CONFIG_CONFLICT",
        "a\\\\b": "PATH_DENIED",
    }.items():
        desk.settings_file.write_text(f'[paths]\ndata = "{path}"\n')
        with pytest.raises(ConfigError) as caught:
            Workspace.open(desk.root)
        assert caught.value.code == code, path
        assert caught.value.key == ("paths.runs" if path == "runs" else "paths.data")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "UPPER", "x" * 33, "a\0b", "ä", "con trol"])
def test_a_name_that_would_be_no_plain_part_of_a_path_is_refused(desk, name):
    for make in (desk.session_dir, desk.account_lock, desk.run_dir):
        with pytest.raises(PathError) as caught:
            make(name)
        assert caught.value.code == "ID_INVALID"


def test_runs_are_found_by_id_by_its_ends_and_as_the_last(desk):
    ids = ["20240101-000000000-ema_cross-aaaa", "20240102-000000000-grid-bbbb"]
    assert stored_runs(desk) == []
    for run_id in [*ids, f"{PARTIAL_PREFIX}xyz", "notes"]:
        (desk.runs / run_id).mkdir()
    assert stored_runs(desk) == ids
    assert find_run(desk, "last").name == ids[1]
    assert find_run(desk, ids[0]).name == ids[0]
    assert find_run(desk, "aaaa").name == ids[0]
    assert find_run(desk, "20240102").name == ids[1]
    for unknown in ("2024", "zzz", "", "../data"):
        with pytest.raises(NotFound) as caught:
            find_run(desk, unknown)
        assert (caught.value.code, caught.value.exit_code) == ("RUN_UNKNOWN", 6)


def test_run_ids_are_new_each_time_and_safe_as_folders(desk):
    made = {new_run_id("EMA cross / Übung!") for _ in range(50)}
    assert len(made) > 45
    assert all(desk.run_dir(run_id) for run_id in made)


def test_a_file_is_replaced_whole_or_left_alone(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, "one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    (tmp_path / "blocked").mkdir()
    with pytest.raises(TradewindError):
        write_atomic(tmp_path / "blocked", "x")
    assert tree(tmp_path) == ["blocked", "deep", "deep/file.txt"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_appears_complete_or_not_at_all(tmp_path):
    target = tmp_path / "runs" / "one"

    def fail():
        with atomic_folder(target) as partial:
            (partial / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert tree(tmp_path) == ["runs"]
    with atomic_folder(target) as partial:
        (partial / "sub").mkdir()
        (partial / "sub" / "file").write_text("x")
        assert not target.exists()
    assert tree(tmp_path) == ["runs", "runs/one", "runs/one/sub", "runs/one/sub/file"]
    with pytest.raises(PathError), atomic_folder(target) as partial:
        (partial / "other").write_text("y")
    assert tree(tmp_path) == ["runs", "runs/one", "runs/one/sub", "runs/one/sub/file"]


def test_everything_lies_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    events = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (events.append(Path(f"/proc/self/fd/{fd}").readlink()), real_sync(fd))
    )
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (events.append("renamed"), real_replace(self, to))[1]
    )
    with atomic_folder(tmp_path / "one") as partial:
        (partial / "sub").mkdir()
        (partial / "sub" / "file").write_text("x")
    before, after = events[: events.index("renamed")], events[events.index("renamed") :]
    assert {path.name for path in before} == {partial.name, "sub", "file"}
    assert after == ["renamed", tmp_path]
    events.clear()
    write_atomic(tmp_path / "file", "x")
    assert [getattr(path, "name", path)[:9] for path in events] == [
        PARTIAL_PREFIX,
        "renamed",
        tmp_path.name[:9],
    ]


def test_what_a_killed_process_left_is_swept_after_an_hour(tmp_path):
    old, new = tmp_path / f"{PARTIAL_PREFIX}old", tmp_path / f"{PARTIAL_PREFIX}new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "x").write_text("x")
    os.utime(old, (0, 0))
    assert sweep(tmp_path) == [old]
    assert tree(tmp_path) == [new.name, f"{new.name}/x"]


HOLDER = """
    import sys
    from pathlib import Path
    from tradewind.config import lock
    with lock(Path(sys.argv[1]), "paper session first"):
        print("held", flush=True)
        sys.stdin.readline()
"""


def test_a_lock_names_its_holder_and_is_free_after_it_was_killed(tmp_path):
    path = tmp_path / "locks" / "account-main.lock"
    assert lock_holder(path) is None
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert lock_holder(path)["pid"] == holder.pid
        with pytest.raises(Busy) as caught, lock(path, "another"):
            pass
        assert (caught.value.code, caught.value.exit_code) == ("LOCKED", 5)
        assert f"process {holder.pid}" in caught.value.message
        assert "paper session first" in caught.value.message
        with pytest.raises(Busy), lock(path, "another", wait_s=0.1):
            pass
        threading.Timer(0.2, holder.kill).start()
        with lock(path, "another", wait_s=60):
            assert lock_holder(path)["purpose"] == "another"
    with lock(path, "another"):
        assert lock_holder(path)["purpose"] == "another"
    assert lock_holder(path) is None
