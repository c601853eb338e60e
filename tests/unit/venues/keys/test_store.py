"""The key store: sealed, whole, readable by its owner alone, and clear about what is wrong."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from configparser import MissingSectionHeaderError
from dataclasses import replace
from pathlib import Path

import keyring
import keyring.core
import keyring.errors
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from tradewind.errors import Busy, ConfigError, NotFound, PathError, TradewindError, UsageError
from tradewind.venues.keys import (
    AccountKeys,
    Asking,
    KeyStore,
    Secret,
    StoredText,
    Vault,
    check_form,
    keys_for,
    opening,
)
from tradewind.venues.keys.opening import (
    ENV_PASSPHRASE,
    ENV_PASSPHRASE_FD,
    ENV_PASSPHRASE_FILE,
    environment_names,
    find_passphrase,
    hand_over,
    keyring_passphrase,
    texts_for,
)
from tradewind.venues.keys.sealing import Cost, open_sealed, read_public, seal
from tradewind.venues.keys.secret import forgetting

CHEAP = Cost(passes=1, memory_kib=64, lanes=1)
PASS = Secret("correct horse battery")
PARTS = {"api_key": "Kk" * 32, "secret": "Ss" * 32}


@pytest.fixture(autouse=True)
def _forget():
    with forgetting():
        yield


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / ".keys", CHEAP)


def account(name: str = "main", venue: str = "binance_usdm") -> AccountKeys:
    return AccountKeys(name, venue, False, Secret(PARTS["api_key"]), Secret(PARTS["secret"]), Secret(""))


def filled(store: KeyStore) -> KeyStore:
    vault = Vault().holding(account()).holding(StoredText("phone", Secret("tgram://token-of-mine/17")))
    store.write(vault, PASS, "passphrase")
    return store


def around(env: dict[str, str] | None = None, typed: str | None = None) -> tuple[Asking, list[str]]:
    told: list[str] = []
    prompt = None if typed is None else lambda text: typed
    return Asking({} if env is None else env, prompt, told.append), told


def test_what_is_stored_is_read_again(store):
    vault = filled(store).open(PASS)
    assert vault.account("main") == account()
    assert vault.text("phone").reveal() == "tgram://token-of-mine/17"


def test_the_file_holds_no_secret_in_any_spelling(store):
    text = filled(store).path.read_text()
    from tradewind.venues.keys.secret import forms

    for secret in (*PARTS.values(), "tgram://token-of-mine/17", "correct horse battery"):
        assert not [form for form in forms(secret) if form in text]


def test_names_are_listed_without_a_passphrase(store):
    assert [(line.name, line.kind, line.venue) for line in filled(store).lines()] == [
        ("main", "exchange", "binance_usdm"),
        ("phone", "text", ""),
    ]
    assert KeyStore(store.folder.parent / "nothing").lines() == ()


def test_the_store_is_private_even_when_the_umask_forbids_nothing(store):
    old = os.umask(0)
    try:
        filled(store)
    finally:
        os.umask(old)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert [path.name for path in store.folder.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_a_store_that_others_can_read_is_refused_with_the_remedy(store, mode):
    filled(store).path.chmod(mode)
    for look in (lambda: store.open(PASS), store.lines, store.opener):
        with pytest.raises(PathError) as caught:
            look()
        assert caught.value.code == "KEYSTORE_DENIED"
        assert "chmod 600" in caught.value.hint


def test_a_folder_that_others_can_write_is_refused(store):
    filled(store).folder.chmod(0o777)
    with pytest.raises(PathError, match="KEYSTORE_DENIED"):
        store.open(PASS)


def test_a_wrong_passphrase_is_told_as_such(store):
    with pytest.raises(ConfigError) as caught:
        filled(store).open(Secret("correct horse batter"))
    assert caught.value.code == "KEYSTORE_PASSPHRASE"
    assert caught.value.where == str(store.path)


def test_each_byte_of_the_file_matters(store):
    whole = filled(store).path.read_bytes()
    for place in range(0, len(whole) - 2, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x04
        store.path.write_bytes(bytes(damaged))
        with pytest.raises(TradewindError) as caught:
            store.open(PASS)
        assert caught.value.code in ("KEYSTORE_CORRUPT", "CONFIG_VERSION"), (place, caught.value.code)


@pytest.mark.parametrize("cut", [0, 1, 50, 400])
def test_a_cut_file_is_damaged_not_a_traceback(store, cut):
    whole = filled(store).path.read_bytes()
    store.path.write_bytes(whole[:cut])
    with pytest.raises(ConfigError, match="KEYSTORE_CORRUPT"):
        store.lines()


def _forged(text: str, **changes: object) -> str:
    """Return a file changed by somebody who knows its form: with a checksum that fits."""
    from tradewind.venues.keys.sealing import _checksum

    body = {**json.loads(text), **changes}
    body.pop("checksum")
    return json.dumps({**body, "checksum": _checksum(body)})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"public": {"entries": [], "opened_by": "passphrase"}}, "KEYSTORE_PASSPHRASE"),
        ({"passes": 2}, "KEYSTORE_PASSPHRASE"),
        ({"memory_kib": 10**12}, "KEYSTORE_CORRUPT"),
        ({"passes": True}, "KEYSTORE_CORRUPT"),
        ({"cipher": "none"}, "KEYSTORE_CORRUPT"),
        ({"salt": "AA=="}, "KEYSTORE_CORRUPT"),
        ({"public": []}, "KEYSTORE_CORRUPT"),
        ({"version": 2}, "CONFIG_VERSION"),
        ({"kind": "other"}, "KEYSTORE_CORRUPT"),
    ],
)
def test_a_header_that_was_changed_opens_nothing(store, changes, code):
    text = filled(store).path.read_text()
    store.path.write_text(_forged(text, **changes))
    with pytest.raises(ConfigError) as caught:
        store.open(PASS)
    assert caught.value.code == code


def test_the_same_text_is_never_sealed_alike():
    texts = {seal(b"plain", PASS, {}, CHEAP) for _ in range(3)}
    assert len(texts) == 3
    assert {open_sealed(text, PASS) for text in texts} == {b"plain"}
    assert read_public(texts.pop()) == {}


def test_the_usual_cost_is_that_of_the_standard():
    assert Cost() == Cost(passes=3, memory_kib=65_536, lanes=4)


def test_a_writer_that_dies_leaves_the_old_store(store, monkeypatch):
    filled(store)
    before = store.path.read_bytes()

    def fail(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PathError):
        store.write(Vault(), PASS, "passphrase")
    monkeypatch.undo()
    assert store.path.read_bytes() == before
    assert [path.name for path in store.folder.iterdir()] == ["keys.json"]


def test_one_process_changes_the_store_at_a_time(store):
    with store.held(), pytest.raises(Busy), store.held(wait_s=0.0):
        pass


def test_an_unknown_name_is_told_with_the_nearest(store):
    vault = filled(store).open(PASS)
    with pytest.raises(NotFound) as caught:
        vault.account("mian")
    assert caught.value.code == "KEY_UNKNOWN"
    assert "main" in caught.value.hint
    with pytest.raises(NotFound, match="not the keys of an account"):
        vault.account("phone")
    with pytest.raises(NotFound, match="not a text"):
        vault.text("main")
    with pytest.raises(NotFound):
        vault.without("other")
    with pytest.raises(NotFound, match="no key store yet"):
        KeyStore(store.folder.parent / "none").open(PASS)


# ---------------------------------------------------------------------- where what opens it comes from


def test_the_service_manager_is_asked_before_file_variable_and_person(store, tmp_path):
    handed, file = tmp_path / "credentials", tmp_path / "pass"
    handed.mkdir()
    (handed / "tradewind-keys").write_text("from the manager\n")
    file.write_text("from a file\n")
    for path in (handed / "tradewind-keys", file):
        path.chmod(0o400)
    env = {
        "CREDENTIALS_DIRECTORY": str(handed),
        ENV_PASSPHRASE_FILE: str(file),
        ENV_PASSPHRASE: "from a variable",
    }
    found = []
    for gone in ("CREDENTIALS_DIRECTORY", ENV_PASSPHRASE_FILE, ENV_PASSPHRASE):
        asked, told = around(env, typed="typed")
        found.append((find_passphrase(store, asked).reveal(), bool(told)))
        env.pop(gone, None)
    found.append((find_passphrase(store, around(env, typed="typed")[0]).reveal(), False))
    assert found == [
        ("from the manager", False),
        ("from a file", False),
        ("from a variable", True),
        ("typed", False),
    ]


def test_without_a_terminal_it_is_told_how_else(store):
    with pytest.raises(UsageError) as caught:
        find_passphrase(store, around()[0])
    assert caught.value.code == "KEYSTORE_PASSPHRASE"
    assert ENV_PASSPHRASE_FILE in caught.value.hint


_CHILD = """
import os, sys
from pathlib import Path
from tradewind.venues.keys import Asking, KeyStore, find_passphrase
store = KeyStore(Path(sys.argv[1]))
print(len(store.open(find_passphrase(store, Asking(os.environ, None, print))).entries))
"""


def test_a_guard_asks_once_and_its_children_open_the_store_again_and_again(store):
    filled(store)
    env = dict(os.environ)
    handle = hand_over(PASS, env)
    try:
        assert "correct horse" not in str(env)
        for _ in range(2):
            ended = subprocess.run(
                [sys.executable, "-c", _CHILD, store.folder],
                env=env,
                pass_fds=(handle,),
                capture_output=True,
                text=True,
            )
            assert ended.stdout == "2\n", ended.stderr
        with pytest.raises(UsageError, match="KEYSTORE_PASSPHRASE"):
            find_passphrase(store, around({ENV_PASSPHRASE_FD: "9999"})[0])
    finally:
        os.close(handle)


def test_a_passphrase_file_that_others_can_read_is_refused(store, tmp_path):
    file = tmp_path / "pass"
    file.write_text("x" * 20)
    file.chmod(0o644)
    with pytest.raises(PathError, match="KEYSTORE_DENIED"):
        find_passphrase(store, around({ENV_PASSPHRASE_FILE: str(file)})[0])
    with pytest.raises(PathError, match="PATH_INVALID"):
        find_passphrase(store, around({ENV_PASSPHRASE_FILE: str(tmp_path / "none")})[0])


def test_what_never_ends_says_nothing_or_is_too_long_is_no_passphrase_file(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "_SILENT_MS", 1)
    silent, long = tmp_path / "pipe", tmp_path / "long"
    os.mkfifo(silent, 0o600)
    long.write_bytes(b"x" * 1_025)
    long.chmod(0o600)
    for path, said in (
        (Path("/dev/zero"), "from a device"),
        (tmp_path, "or a folder"),
        (silent, "says nothing"),
        (long, "longer than 1,024 bytes"),
    ):
        with pytest.raises(PathError, match=said) as caught:
            opening.secret_of_file(path)
        assert (caught.value.code, caught.value.where) == ("PATH_INVALID", str(path))


def test_a_passphrase_comes_through_a_pipe_of_a_shell():
    reading, writing = os.pipe()
    os.write(writing, b"of a password manager\n")
    os.close(writing)
    assert opening.secret_of_file(Path(f"/dev/fd/{reading}")).reveal() == "of a password manager"
    os.close(reading)


class _Ring(KeyringBackend):
    """A keyring in memory, as the library keyring takes one of a third party."""

    priority = 9

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def use_ring():
    """Return what makes a keyring that of the system, until the test is over."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def ring(use_ring):
    own = _Ring()
    use_ring(own)
    return own


def test_a_keyring_holds_what_opens_the_store(store, ring):
    made = keyring_passphrase(store, make=True)
    store.write(Vault().holding(account()), made, "keyring")
    assert len(made.reveal()) >= 32
    assert store.opener() == "keyring"
    assert keys_for("main", "binance_usdm", store, around()[0]) == account()
    ring.kept.clear()
    with pytest.raises(UsageError, match="KEYSTORE_PASSPHRASE"):
        keys_for("main", "binance_usdm", store, around()[0])


def test_a_machine_without_a_keyring_says_so(store, use_ring):
    use_ring(NoKeyring())
    with pytest.raises(UsageError) as caught:
        keyring_passphrase(store, make=True)
    assert caught.value.code == "KEYSTORE_PASSPHRASE"


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("The Secret Service daemon is neither running nor activatable through D-Bus"),
        keyring.errors.KeyringLocked("locked"),
        MissingSectionHeaderError("keyring_pass.cfg", 1, "four words nobody guesses"),
        OSError(111, "Connection refused"),
    ],
)
def test_a_keyring_that_fails_in_its_own_way_is_told_without_what_it_says(store, use_ring, failure):
    """Seen with keyring's SecretService without a daemon, and with a damaged file of keyrings.alt."""

    class Broken(_Ring):
        def get_password(self, service: str, username: str) -> str | None:
            raise failure

    use_ring(Broken())
    with pytest.raises(UsageError) as caught:
        keyring_passphrase(store)
    assert caught.value.code == "KEYSTORE_PASSPHRASE"
    assert type(failure).__name__ in caught.value.message
    assert "nobody guesses" not in caught.value.render()


def test_the_keyring_that_python_is_told_to_use_is_the_one_that_is_asked(
    store, tmp_path, monkeypatch, use_ring
):
    """PYTHON_KEYRING_BACKEND is how a machine names one; one that is not there is told as any that fails."""
    folder = tmp_path / "rings"
    folder.mkdir()
    (folder / "ring_of_a_file.py").write_text(_RING_OF_A_FILE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("RING_FILE", str(tmp_path / "ring.json"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "ring_of_a_file.Ring")
    keyring.core.init_backend()
    made = keyring_passphrase(store, make=True)
    assert keyring_passphrase(store).reveal() == made.reveal()
    assert json.loads((tmp_path / "ring.json").read_text()) == {str(store.path.absolute()): made.reveal()}


_RING_OF_A_FILE = """
import json, os, pathlib
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 1
    file = pathlib.Path(os.environ["RING_FILE"])

    def get_password(self, service, username):
        return json.loads(self.file.read_text()).get(username) if self.file.exists() else None

    def set_password(self, service, username, password):
        self.file.write_text(json.dumps({username: password}))
"""


# ---------------------------------------------------------------------- where the keys come from


def test_the_environment_overrides_the_store_with_a_warning_and_is_emptied(store):
    filled(store)
    env = {
        "TRADEWIND_KEYS__MAIN__API_KEY": "Aa" * 32,
        "TRADEWIND_KEYS__MAIN__SECRET": "Bb" * 32,
        "TRADEWIND_KEYS__MAIN__DEMO": "true",
        "OTHER": "stays",
    }
    assert environment_names(env) == ("main",)
    asked, told = around(env)
    keys = keys_for("main", "binance_usdm", store, asked)
    assert keys.api_key.reveal() == "Aa" * 32
    assert keys.demo is True
    assert "environment" in told[0]
    assert env == {"OTHER": "stays"}


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"API_KEY": "short", "SECRET": "Bb" * 32}, "KEY_FORMAT"),
        ({"API_KEY": "Aa" * 32}, "KEY_FORMAT"),
        ({"API_KEY": "Aa" * 32, "SECRET": "Bb" * 32, "PIN": "1"}, "KEY_FORMAT"),
        ({"API_KEY": "Aa" * 32, "SECRET": "Bb" * 32, "DEMO": "yes"}, "CONFIG_TYPE"),
    ],
)
def test_a_variable_that_is_wrong_is_named_and_not_shown(store, env, code):
    given = {f"TRADEWIND_KEYS__MAIN__{name}": value for name, value in env.items()}
    with pytest.raises(ConfigError) as caught:
        keys_for("main", "binance_usdm", store, around(given)[0])
    assert caught.value.code == code
    assert caught.value.where.startswith("TRADEWIND_KEYS__MAIN__")
    assert not [value for value in env.values() if len(value) > 3 and value in caught.value.render()]


def test_a_key_of_another_venue_is_refused(store):
    with pytest.raises(ConfigError) as caught:
        keys_for("main", "okx_swap", filled(store), around(typed="correct horse battery")[0])
    assert (caught.value.code, caught.value.key) == ("CONFIG_CONFLICT", "accounts.main.venue")


@pytest.mark.parametrize(
    ("kept", "wanted", "refused"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_a_key_of_the_other_world_is_refused(store, kept, wanted, refused):
    store.write(Vault().holding(replace(account(), demo=kept)), PASS, "passphrase")
    asked, _ = around(typed="correct horse battery")
    if not refused:
        assert keys_for("main", "binance_usdm", store, asked, demo=wanted).demo is kept
        return
    with pytest.raises(ConfigError) as caught:
        keys_for("main", "binance_usdm", store, asked, demo=wanted)
    assert caught.value.code == "KEY_MODE_MISMATCH"


def test_texts_are_found_by_name(store):
    asked, _ = around(typed="correct horse battery")
    assert [text.reveal() for text in texts_for(["phone"], filled(store), asked)] == [
        "tgram://token-of-mine/17"
    ]
    assert texts_for([], store, around()[0]) == ()


# ---------------------------------------------------------------------- the form of keys

_GOOD = {
    "binance_usdm": {"api_key": "Kk" * 32, "secret": "Ss" * 32},
    "bybit_linear": {"api_key": "Kk3" * 6, "secret": "Ss" * 18},
    "okx_swap": {
        "api_key": "01234567-89ab-cdef-0123-456789abcdef",
        "secret": "0123456789ABCDEF" * 2,
        "passphrase": "Two words!",
    },
    "blofin_swap": {"api_key": "0af3" * 8, "secret": "91be" * 8, "passphrase": "phrase17"},
    "bitget_swap": {"api_key": "bg_" + "0a" * 16, "secret": "0b" * 32, "passphrase": "phrase17"},
    "hyperliquid": {"api_key": "0x" + "Ab" * 20, "secret": "0x" + "cd" * 32},
    "mexc": {"api_key": "mx0vgl-something", "secret": "12345678"},
}


@pytest.mark.parametrize("venue", _GOOD)
def test_a_key_in_the_venues_form_is_taken(venue):
    check_form(venue, _GOOD[venue])


_WRONG = {
    "missing": "",
    "cut": "Kk" * 31,
    "long": "Kk" * 33,
    "blank before": " " + "Kk" * 32,
    "line break": "Kk" * 32 + "\n",
    "blank inside": "Kk" * 16 + " " + "Kk" * 15 + "K",
    "letters of no key": "Kä" * 32,
    "zero width": "Kk" * 31 + "K\u200b",
}


@pytest.mark.parametrize("part", ["api_key", "secret"])
@pytest.mark.parametrize("fault", _WRONG)
def test_a_key_in_another_form_is_refused_and_not_shown(part, fault):
    with pytest.raises(ConfigError) as caught:
        check_form("binance_usdm", {**_GOOD["binance_usdm"], part: _WRONG[fault]})
    assert (caught.value.code, caught.value.key) == ("KEY_FORMAT", part)
    assert "Kk" not in caught.value.render()


@pytest.mark.parametrize(
    ("venue", "parts"),
    [
        ("okx_swap", {name: text for name, text in _GOOD["okx_swap"].items() if name != "passphrase"}),
        ("binance_usdm", {**_GOOD["binance_usdm"], "passphrase": "phrase17"}),
        ("okx_swap", {**_GOOD["okx_swap"], "passphrase": "zwölf boxkämpfer"}),
        ("okx_swap", {**_GOOD["okx_swap"], "passphrase": "abc"}),
    ],
)
def test_a_passphrase_stands_where_the_venue_has_one_and_only_there(venue, parts):
    with pytest.raises(ConfigError) as caught:
        check_form(venue, parts)
    assert (caught.value.code, caught.value.key) == ("KEY_FORMAT", "passphrase")


def test_a_fake_venue_gives_out_keys_of_any_form_but_never_with_blanks():
    check_form("binance_usdm", {"api_key": "practice-key", "secret": "practice-secret"}, practice=True)
    with pytest.raises(ConfigError):
        check_form("binance_usdm", {"api_key": "practice key", "secret": "practice-secret"}, practice=True)
