"""The unit of a session: closed, complete, and understood by systemd itself."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from tradewind.errors import PathError
from tradewind.ops.systemd import HARDENING, SessionUnit, hardening

PRIVILEGES = {
    "CapabilityBoundingSet",
    "PrivateDevices",
    "ProtectClock",
    "ProtectKernelLogs",
    "ProtectKernelModules",
}
"""With any of these a user's own manager ends the service with 218 before it begins, as seen with systemd 252."""
BLIND = {"ProtectSystem", "ProtectHome", "PrivateTmp", "ProtectControlGroups"}
"""These a user's own manager leaves out without a word where it makes no user namespace, as seen with the same."""


def unit(tmp_path, **changes):
    fields = {
        "session": "alpha",
        "command": ("/bin/true", "trade", "--live", "sessions/alpha.toml", "--confirm", "main"),
        "workspace": tmp_path,
        "cache": tmp_path / "cache",
    }
    return SessionUnit(**(fields | changes))


def keys_of(text):
    """Return key → values of a unit, in the order of its lines."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line:
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("user", ["", "trader"])
def test_a_unit_has_three_sections_and_each_key_once(tmp_path, user):
    strict = configparser.ConfigParser(
        strict=True, interpolation=None, delimiters="=", comment_prefixes=("#", ";")
    )
    strict.optionxform = str
    strict.read_string(unit(tmp_path, user=user, credential=tmp_path / "pass").text())
    assert strict.sections() == ["Unit", "Service", "Install"]
    assert all(value is not None for name in strict.sections() for value in strict[name].values())


def test_a_users_own_manager_is_asked_for_nothing_that_takes_privileges(tmp_path):
    keys = keys_of(unit(tmp_path).text())
    assert not PRIVILEGES & keys.keys()
    assert not {"Wants", "After", "OOMScoreAdjust", "User"} & keys.keys()
    assert keys.keys() >= BLIND
    assert keys["PrivateUsers"] == ["yes"]
    assert hardening(of_system=True) == HARDENING
    system = keys_of(unit(tmp_path, user="trader").text())
    assert system.keys() >= PRIVILEGES | BLIND
    assert "PrivateUsers" not in system


def test_every_key_that_closes_the_service_is_there_once(tmp_path):
    keys = keys_of(unit(tmp_path, user="trader").text())
    for key, value in HARDENING.items():
        assert keys[key] == [value]
    for key in ("NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "RestrictAddressFamilies"):
        assert key in HARDENING
    assert (keys["LimitCORE"], keys["UMask"]) == (["0"], ["0077"])
    assert keys["ReadWritePaths"] == [f"{tmp_path} {tmp_path / 'cache'}"]
    beside = keys_of(unit(tmp_path, state=tmp_path / "state").text())["ReadWritePaths"]
    assert beside == [f"{tmp_path} {tmp_path / 'cache'} -{tmp_path / 'state'}"]


def test_what_the_service_could_not_see_is_named():
    """PrivateTmp gives it folders of its own there: a workspace in the machine's would be missing."""
    home, passing = Path("/home/trader/desk"), Path("/tmp/desk")
    seen = {"workspace": home, "cache": home / "cache", "credential": home / "pass"}
    assert unit(home, **seen).hidden() == []
    assert unit(home, **(seen | {"workspace": passing})).hidden() == [passing]
    assert unit(home, **(seen | {"credential": Path("/var") / "tmp" / "x"})).hidden() == [Path("/var/tmp/x")]
    assert unit(home, **(seen | {"cache": Path("/tmpfs")})).hidden() == []


def test_the_passphrase_comes_as_a_credential_and_stands_nowhere(tmp_path):
    keys = keys_of(unit(tmp_path, credential=tmp_path / "pass", user="trader").text())
    assert keys["LoadCredential"] == [f"tradewind-keys:{tmp_path / 'pass'}"]
    assert (keys["User"], keys["WantedBy"]) == (["trader"], ["multi-user.target"])
    plain = keys_of(unit(tmp_path).text())
    assert "LoadCredential" not in plain
    assert plain["WantedBy"] == ["default.target"]


def test_signs_that_mean_something_to_systemd_are_written_so_that_they_do_not(tmp_path):
    text = unit(tmp_path, command=("/bin/true", "a b", "50%", "$HOME", 'say "x"')).text()
    assert 'ExecStart=/bin/true "a b" 50%% $$HOME "say \\"x\\""' in text


@pytest.mark.parametrize("path", ["relative", "/with\nbreak"])
def test_a_path_that_no_unit_can_hold_is_refused(tmp_path, path):
    with pytest.raises(PathError) as caught:
        unit(tmp_path, workspace=Path(path)).text()
    assert caught.value.code == "PATH_INVALID"


def analyse(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_finds_little_that_is_open(tmp_path):
    path = tmp_path / "tradewind-alpha.service"
    path.write_text(unit(tmp_path, user="root").text())
    # The network is what is left: 2.1 of 10 with it; a unit without any of the keys has 9.2 or more.
    judged = analyse("security", "--offline=yes", "--threshold=25", "--no-pager", str(path))
    assert judged.returncode == 0, judged.stdout[-2000:]


@pytest.mark.parametrize("user", ["", "root"])
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_it(tmp_path, user):
    folder = tmp_path / "a b%c"
    (folder / "cache").mkdir(parents=True)
    path = tmp_path / "tradewind-alpha.service"
    written = unit(
        folder, cache=folder / "cache", credential=folder / "pass", command=("/bin/true", "$x y"), user=user
    )
    path.write_text(written.text())
    verified = analyse("verify", "--man=no", str(path))
    about_it = [line for line in verified.stderr.splitlines() if "tradewind-alpha" in line]
    assert (verified.returncode, about_it) == (0, []), verified.stderr
