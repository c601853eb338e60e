"""``tradewind keys``: asked for and never shown, from the first key to its removal, against a fake venue on sockets."""

from __future__ import annotations

import asyncio
import getpass
import io
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import KEYS_FOLDER, Workspace, files, lock
from tradewind.errors import ConfigError
from tradewind.venues.keys import AccountKeys, Secret, refuse_shared
from tradewind.venues.keys.secret import forgetting
from tradewind.venues.keys.store import KEYS_FILE

KEYS = {"api_key": "0af3" * 8, "secret": "91be" * 8, "passphrase": "Phrase-17-of-mine"}
STORE_PASSPHRASE = "four words nobody guesses"


@pytest.fixture(autouse=True)
def _forget():
    with forgetting():
        yield


@pytest.fixture
def desk(tmp_path: Path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    opener = tmp_path / "passphrase"
    opener.write_text(STORE_PASSPHRASE)
    opener.chmod(0o600)
    monkeypatch.setenv("TRADEWIND_KEYS_PASSPHRASE_FILE", str(opener))
    return workspace


@pytest.fixture
def typed(monkeypatch):
    """Return a function that puts a text on standard input."""

    def put(text: object) -> None:
        told = text if isinstance(text, str) else json.dumps(text)
        monkeypatch.setattr(sys, "stdin", io.StringIO(told))

    return put


@pytest.fixture
def run(capsys, typed):
    """Return a function that runs a command: its status, its JSON, and everything it said, free of any secret."""

    def command(*words: str, stdin: object = None) -> tuple[int, dict]:
        if stdin is not None:
            typed(stdin)
        capsys.readouterr()
        status = run_command([*words, "--json"])
        said = capsys.readouterr()
        for secret in (*KEYS.values(), STORE_PASSPHRASE):
            assert secret not in said.out + said.err
        return status, json.loads(said.out)

    return command


@contextmanager
def fake_blofin(folder: Path, permissions: frozenset[str]):
    """Serve a fake BloFin on a socket of loopback; its account has the keys of this file."""
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.listings import habits_of, listed
    from tradewind.venues.fake.server import FakeServer
    from tradewind.venues.fake.sockets import SocketService
    from tradewind.venues.fake.spoken import protocol_of

    ready, over, place = threading.Event(), asyncio.Event(), folder / "fake"
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        venue = "blofin_swap"
        exchange = FakeExchange(listed(venue), seed=1, clock=time.time_ns, habits=habits_of(venue))
        signing = {name: KEYS[name] for name in ("api_key", "secret", "passphrase")}
        exchange.open_account("main", **signing, balances={"USDT": Decimal(1000)}, permissions=permissions)
        async with SocketService(FakeServer([protocol_of(venue, exchange)]), place):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield place / "fake.json"
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def test_keys_that_are_added_at_once_wait_for_each_other(desk, run, monkeypatch):
    """The second of one name is refused all the same: it must not replace what the first has just kept."""

    def add(name: str) -> tuple[int, dict]:
        keys = KEYS if name == "first" else {**KEYS, "api_key": "5ce1" * 8}
        return run("keys", "add", name, "--venue", "blofin_swap", "--stdin", "--offline", stdin=keys)

    assert add("first")[0] == 0
    kept = (desk.root / KEYS_FOLDER / KEYS_FILE).read_bytes()
    assert run("keys", "remove", "first", "--yes")[0] == 0
    for name, expected in (("first", (2, "ID_INVALID")), ("second", (0, None))):
        other = ExitStack()
        other.enter_context(lock(desk.root / ".locks" / "keys.lock", "changes the key store"))

        def let_go(_: float, other: ExitStack = other) -> None:
            (desk.root / KEYS_FOLDER / KEYS_FILE).write_bytes(kept)
            other.close()

        monkeypatch.setattr(files.time, "sleep", let_go)
        status, said = add(name)
        assert (status, said.get("code")) == expected


def test_from_the_first_key_to_its_removal(desk, run):
    status, said = run("keys", "add", "main", "--venue", "blofin_swap", "--stdin", "--offline", stdin=KEYS)
    assert (status, said["name"], said["venue"]) == (0, "main", "blofin_swap")
    assert (
        run(
            "keys",
            "add",
            "phone",
            "--text",
            "--stdin",
            stdin={"text": "tgram://123456789:abcdefghijklmnopqrstuvwxyz0123456789/17"},
        )[0]
        == 0
    )
    status, said = run("keys", "list")
    assert [(row["name"], row["kind"], row["venue"], row["money"]) for row in said["keys"]] == [
        ("main", "exchange", "blofin_swap", "real"),
        ("phone", "text", "", ""),
    ]
    status, said = run("keys", "add", "main", "--venue", "blofin_swap", "--stdin", "--offline", stdin=KEYS)
    assert (status, said["code"]) == (2, "ID_INVALID")
    with lock(desk.account_lock("main"), "guards main in session alpha"):
        status, said = run("keys", "remove", "main", "--yes")
        assert (status, said["code"]) == (5, "LOCKED")
        assert "guards main in session alpha" in said["message"]
    assert run("keys", "remove", "main", "--yes")[0] == 0
    assert [row["name"] for row in run("keys", "list")[1]["keys"]] == ["phone"]
    status, said = run("keys", "remove", "main", "--yes")
    assert (status, said["code"]) == (6, "KEY_UNKNOWN")


def test_one_key_has_one_name(desk, run):
    add = ("keys", "add", "--venue", "blofin_swap", "--stdin", "--offline")
    assert run(*add, "main", stdin=KEYS)[0] == 0
    status, said = run(*add, "second", stdin={**KEYS, "secret": "77" * 16})
    assert (status, said["code"]) == (2, "CONFIG_CONFLICT")
    assert "'main'" in said["message"]
    assert "keys remove main" in said["hint"]
    assert [row["name"] for row in run("keys", "list")[1]["keys"]] == ["main"]
    # What looks alike and is none: the same name again, practice money, another venue, another key.
    assert run(*add, "main", "--replace", stdin=KEYS)[0] == 0
    assert run(*add, "practice", "--demo", stdin=KEYS)[0] == 0
    words = ("keys", "add", "elsewhere", "--venue", "kucoin", "--stdin", "--offline")
    assert run(*words, stdin=KEYS)[0] == 0
    assert run(*add, "second", stdin={**KEYS, "api_key": "77" * 16})[0] == 0


def test_two_names_of_one_key_are_told_and_nothing_of_the_key():
    def keys(name: str, venue: str = "blofin_swap", demo: bool = False) -> AccountKeys:
        return AccountKeys(
            name, venue, demo, *(Secret(KEYS[part]) for part in ("api_key", "secret", "passphrase"))
        )

    for other in (keys("main"), keys("second", demo=True), keys("second", "okx_swap")):
        refuse_shared(keys("main"), other)
    with pytest.raises(ConfigError) as refused:
        refuse_shared(keys("main"), keys("second"))
    assert (refused.value.code, refused.value.key) == ("CONFIG_CONFLICT", "accounts.second")
    assert "'main'" in refused.value.message
    assert "0af3" not in refused.value.render()


def test_a_venue_is_asked_before_a_key_is_kept(desk, run, monkeypatch, tmp_path):
    words = ("keys", "add", "main", "--venue", "blofin_swap", "--stdin")
    with fake_blofin(tmp_path, frozenset({"read", "trade"})) as address:
        monkeypatch.setenv("TRADEWIND_FAKE_VENUE", str(address))
        status, said = run(*words, stdin={**KEYS, "secret": "77" * 16})
        assert (status, said["code"]) == (4, "KEY_REJECTED")
        assert said["hint"].startswith("nothing was kept")
        assert "keys test" not in said["hint"]
        assert not (desk.root / ".keys").exists()
        assert run(*words, stdin=KEYS)[0] == 0
        status, said = run("keys", "test", "main")
        assert (status, said["wrong"]) == (0, 0)
        told = {finding["name"]: finding["detail"] for finding in said["findings"]}
        assert told["trade"] == "allowed"
        assert told["position mode"] in ("one way", "hedge")
    with fake_blofin(tmp_path / "again", frozenset({"read"})) as address:
        monkeypatch.setenv("TRADEWIND_FAKE_VENUE", str(address))
        status, said = run("keys", "test", "main")
        assert (status, said["wrong"]) == (5, 1)
    status, said = run("keys", "test", "main")
    assert (status, said["code"]) == (4, "VENUE_DOWN")


def test_the_settings_may_name_the_fake_that_is_asked(desk, run, tmp_path):
    with fake_blofin(tmp_path, frozenset({"read", "trade"})) as address:
        told = json.loads(address.read_text())
        desk.settings_file.write_text(
            '[accounts.main]\nvenue = "blofin_swap"\nkind = "live"\n'
            f'[venues.blofin_swap]\nfake = "https://127.0.0.1:{told["port"]}"\nfake_ca = "{told["authority"]}"\n'
        )
        # What a fake gives out need not have the venue's form, and the account says where it is.
        assert run("keys", "add", "main", "--stdin", stdin=KEYS)[0] == 0
        assert run("keys", "list")[1]["keys"][0]["account"] == "blofin_swap, live"


@pytest.mark.parametrize(
    ("words", "stdin", "status", "code"),
    [
        (("add", "main", "--venue", "blofinn", "--stdin"), KEYS, 2, "EXCHANGE_UNKNOWN"),
        (("add", "main", "--stdin"), KEYS, 2, "USAGE"),
        (("add", "Main", "--venue", "blofin_swap", "--stdin"), KEYS, 2, "ID_INVALID"),
        (("add", "../x", "--venue", "blofin_swap", "--stdin"), KEYS, 2, "ID_INVALID"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), "{not json", 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), "[" * 5000, 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), "", 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), {**KEYS, "secret": 5}, 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), {**KEYS, "pin": "5"}, 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), {**KEYS, "passphrase": ""}, 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), {**KEYS, "api_key": " " + "0af3" * 8}, 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap", "--stdin"), '{"secret": "a", "secret": "b"}', 2, "KEY_FORMAT"),
        (("add", "main", "--venue", "blofin_swap"), None, 2, "USAGE"),
        (("add", "practice", "--stdin"), KEYS, 2, "KEY_MODE_MISMATCH"),
        (("add", "real", "--demo", "--stdin"), KEYS, 2, "KEY_MODE_MISMATCH"),
        (("add", "real", "--venue", "okx_swap", "--stdin"), KEYS, 2, "CONFIG_CONFLICT"),
        (("add", "phone", "--text", "--stdin"), {"text": " x"}, 2, "KEY_FORMAT"),
        (("test", "main"), None, 6, "KEY_UNKNOWN"),
        (("remove", "main"), None, 2, "USAGE"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_before_anything_is_kept(desk, run, words, stdin, status, code):
    desk.settings_file.write_text(
        '[accounts.practice]\nvenue = "blofin_swap"\nkind = "demo"\n'
        '[accounts.real]\nvenue = "blofin_swap"\nkind = "live"\n'
    )
    found, said = run("keys", *words, stdin=stdin if stdin is not None else "")
    assert (found, said["code"]) == (EXITS.get(code, status), code)
    assert not (desk.root / ".keys").exists()


EXITS = {"KEY_MODE_MISMATCH": 4}


def test_a_key_on_the_command_line_is_not_said_again(desk, capsys):
    secret = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    assert run_command(["keys", "add", "main", secret, "--venue", "blofin_swap"]) == 2
    said = capsys.readouterr()
    assert secret not in said.out + said.err
    assert "***" in said.err


def test_a_short_passphrase_begins_no_store(desk, run, tmp_path):
    (tmp_path / "passphrase").write_text("short")
    words = ("keys", "add", "main", "--venue", "blofin_swap", "--stdin", "--offline")
    status, said = run(*words, stdin=KEYS)
    assert (status, said["code"]) == (2, "KEYSTORE_PASSPHRASE")
    assert not (desk.root / ".keys").exists()


def test_a_store_that_others_can_read_stops_the_command(desk, run):
    words = ("keys", "add", "main", "--venue", "blofin_swap", "--stdin", "--offline")
    run(*words, stdin=KEYS)
    (desk.root / ".keys" / "keys.json").chmod(0o644)
    status, said = run("keys", "list")
    assert (status, said["code"]) == (2, "KEYSTORE_DENIED")


_LOOK = """
import json, os, subprocess, sys
from tradewind.cli import entry
real = entry._dispatch
def look(arguments):
    status = real(arguments)
    import resource
    told = {
        "argv": open("/proc/self/cmdline").read(),
        "title": open("/proc/self/comm").read(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "environ": [name for name in os.environ if "SECRET" in name],
        "dumpable": __import__("ctypes").CDLL(None).prctl(3, 0, 0, 0, 0),
    }
    print(json.dumps(told), file=sys.stderr)
    return status
entry._dispatch = look
entry.main()
"""


def test_a_process_with_keys_leaves_no_core_and_shows_none(desk, tmp_path):
    program = tmp_path / "look.py"
    program.write_text(_LOOK)
    words = ["keys", "add", "main", "--venue", "blofin_swap", "--stdin", "--offline"]
    ended = subprocess.run(
        [sys.executable, program, *words], input=json.dumps(KEYS), capture_output=True, text=True, check=False,
        env={**os.environ, "TRADEWIND_WORKSPACE": str(desk.root)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stderr.splitlines()[-1])
    assert (told["core"], told["dumpable"]) == ([0, 0], 0)
    for secret in (*KEYS.values(), STORE_PASSPHRASE):
        assert secret not in ended.stdout + ended.stderr


def doctor_of(run, kind: str) -> list[tuple[str, str]]:
    findings = run("doctor")[1]["findings"]
    return [(finding["state"], finding["detail"]) for finding in findings if finding["name"] == kind]


def test_the_doctor_compares_accounts_with_keys(desk, run, monkeypatch):
    assert doctor_of(run, "keys") == []
    desk.settings_file.write_text('[accounts.main]\nvenue = "blofin_swap"\nkind = "demo"\n')
    assert ("wrong", "the account main has no key") in doctor_of(run, "keys")
    words = ("keys", "add", "main", "--stdin", "--offline")
    assert run(*words, "--demo", stdin=KEYS)[0] == 0
    assert doctor_of(run, "keys") == [("ok", "1 entries in the key store, for 1 accounts")]
    desk.settings_file.write_text('[accounts.main]\nvenue = "blofin_swap"\nkind = "live"\n')
    assert ("wrong", "the key of main is not one of blofin_swap, live") in doctor_of(run, "keys")
    monkeypatch.setenv("TRADEWIND_KEYS__MAIN__API_KEY", "x")
    assert ("warning", "the keys of main stand in the environment") in doctor_of(run, "keys")
    (desk.root / ".keys" / "keys.json").chmod(0o640)
    assert [state for state, _ in doctor_of(run, "keys")] == ["wrong"]


def test_the_doctor_looks_at_session_files_and_at_who_may_look(desk, run):
    assert doctor_of(run, "sessions") == [("ok", "1 files looked at")]
    assert [state for state, _ in doctor_of(run, "privacy")] == ["ok"]
    (desk.root / "sessions" / "bad.toml").write_text('strategy = "x"\naccounts = ["nobody"]\n')
    desk.root.chmod(0o755)
    assert [state for state, _ in doctor_of(run, "sessions")] == ["wrong", "ok"]
    assert [state for state, _ in doctor_of(run, "privacy")] == ["warning"]


def test_who_ends_the_input_at_a_question_has_interrupted(desk, run, monkeypatch):
    def ends(text):
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", ends)
    monkeypatch.setattr("tradewind.cli.keys._has_terminal", lambda: True)
    status, said = run("keys", "add", "main", "--venue", "blofin_swap", "--offline")
    assert (status, said["code"]) == (130, "INTERRUPTED")
