"""Where packages come from: pinned by hash, a week old, listed, installable offline; and ccxt as it was looked at."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tradewind.venues.genuine import CCXT_SEEN, Files, files_of

pytest.importorskip("ccxt")

ROOT = Path(__file__).resolve().parents[2]


def pins_of(file: str) -> dict[str, str]:
    """Return the version and hashes of each package of a list, by name."""
    text = (ROOT / "constraints" / file).read_text()
    return dict(re.findall(r"^([\w.-]+)==((?:.+\n)(?: +.+\n?)*)", text, re.MULTILINE))


def played(*words: str) -> list[str]:
    """Return the commands of a target of the Makefile, none of which is run."""
    told = subprocess.run(
        ["make", "--dry-run", "--always-make", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return told.stdout.replace("\\\n", " ").splitlines()


def installed(name: str) -> bool:
    """Say whether a package is there; some are for other systems only."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


# ---------------------------------------------------------------------- the library that signs


def test_the_ccxt_that_signs_is_the_one_that_was_looked_at():
    spec = find_spec("ccxt")
    assert spec is not None
    found = files_of(Path(spec.origin).parent, metadata.version("ccxt"))
    assert found == CCXT_SEEN, (
        "ccxt's files differ from those that were looked at. After an upgrade that was looked at and whose recorded "
        f"contracts were replayed, write {found} into venues/genuine.py; otherwise the package was tampered with."
    )


def test_ccxt_is_pinned_to_the_byte():
    assert f'"ccxt=={CCXT_SEEN.version}"' in (ROOT / "pyproject.toml").read_text()
    assert pins_of("live.txt")["ccxt"].startswith(f"{CCXT_SEEN.version} \\\n    --hash=sha256:")


def test_one_byte_or_one_name_makes_other_files(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    before = files_of(tmp_path, "1")
    (tmp_path / "note.txt").write_text("no code")
    assert files_of(tmp_path, "1") == before == Files("1", before.sha256, 1)
    (tmp_path / "a.py").write_text("x = 2\n")
    assert files_of(tmp_path, "1").sha256 != before.sha256
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    (tmp_path / "b.py").write_text("x = 1\n")
    assert files_of(tmp_path, "1").sha256 != before.sha256


# ---------------------------------------------------------------------- what is installed


def test_going_live_installs_what_was_tested_with_its_hashes():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["live"]
    pins, tested = pins_of("live.txt"), pins_of("dev.txt")
    assert {re.split("[>=]", wanted)[0] for wanted in extra} <= set(pins)
    assert set(pins_of("core.txt")) <= set(pins)
    assert all("--hash=sha256:" in pin and tested[name] == pin for name, pin in pins.items())
    told = played("live")
    assert any("install --require-hashes -r constraints/live.txt" in line for line in told)
    assert not [line for line in told if " install " in line and "-hashes" not in line and "-e ." not in line]


def test_the_wheelhouse_is_filled_by_hash_and_proven_without_an_index():
    told = played("wheelhouse", "WHEELS=wheels")
    (fetched,) = [line for line in told if " download " in line]
    assert "--require-hashes --only-binary :all: --dest wheels -r constraints/live.txt" in fetched
    proofs = [line for line in told if line.startswith("build/offline/bin/python -m pip")]
    assert all(" install --no-index --find-links wheels " in line and "--isolated" in line for line in proofs)
    assert "--require-hashes" in proofs[0]
    assert "-r wheels/live.txt" in proofs[0]


def test_a_release_is_chosen_once_it_is_a_week_old():
    """The rule of CONTRIBUTING: a release that was taken over is mostly found and withdrawn within days."""
    chosen = [line for line in played("pins") if "pip-compile" in line]
    assert len(chosen) == 5
    assert all("--uploaded-prior-to P7D" in line for line in chosen)
    (asked,) = [line for line in played("aged") if "--uploaded-prior-to P7D" in line]
    assert "--require-hashes" in asked
    assert "seven days" in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("file", ["core.txt", "live.txt", "dev.txt"])
def test_every_pin_takes_the_first_python_that_is_promised(file):
    """Debian's is 3.11.2, and some releases ask for 3.11.5 and newer."""
    asked = {
        name: metadata.metadata(name).get("Requires-Python") or ""
        for name in pins_of(file)
        if installed(name)
    }
    assert len(asked) > len(pins_of(file)) * 0.9
    assert {name: wants for name, wants in asked.items() if "3.11.0" not in SpecifierSet(wants)} == {}


def test_the_bill_of_materials_names_every_package_with_its_hashes(tmp_path):
    made = tmp_path / "bill.json"
    subprocess.run(
        ["make", "--silent", "sbom", f"SBOM={made}", "ARGS=--no-validate", "DEV="],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    bill = json.loads(made.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "tradewind"
    listed = {
        part["name"]: (part["version"], {h["content"] for h in part["externalReferences"][0]["hashes"]})
        for part in bill["components"]
    }
    pins = {
        name: (pin.split()[0], set(re.findall(r"sha256:(\w+)", pin)))
        for name, pin in pins_of("live.txt").items()
    }
    assert listed == pins
    assert str(ROOT) not in made.read_text()
