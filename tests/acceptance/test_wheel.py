"""What a stranger gets: a wheel that installs into an empty environment, is small, and shows a picture."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

SIZE_LIMIT_MB = 400
NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|ProxyError|Network is unreachable"
)


def call(*command: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a stranger's shell would: without this repository on the path."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=cwd, env=environment | variables, capture_output=True, text=True, check=False
    )


def pip(python: Path, *arguments: object, cwd: Path) -> None:
    """Install, or skip where the package index cannot be reached at all."""
    done = call(python, "-m", "pip", "install", "--quiet", "--no-input", *arguments, cwd=cwd)
    if done.returncode and NO_NETWORK.search(done.stderr):
        pytest.skip("the package index cannot be reached from here")
    assert done.returncode == 0, done.stderr


def megabytes(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6


@pytest.fixture(scope="module")
def built(repository, tmp_path_factory) -> Path:
    """The folder with a wheel and an sdist of the working tree."""
    folder = tmp_path_factory.mktemp("dist")
    done = call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, repository, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built, repository, tmp_path_factory) -> tuple[Path, float]:
    """An environment with the wheel and its core dependencies, and by how much they made it grow."""
    home = tmp_path_factory.mktemp("stranger")
    venv.create(home / "env", with_pip=True)
    empty = megabytes(home / "env")
    python = home / "env" / "bin" / "python"
    pip(python, "--require-hashes", "-r", repository / "constraints" / "core.txt", cwd=home)
    pip(python, "--no-deps", *built.glob("*.whl"), cwd=home)
    return home, megabytes(home / "env") - empty


def test_wheel_holds_the_package_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tradewind"}
    assert "tradewind/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_sdist_builds_the_same_wheel(built, tmp_path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # The first Pythons 3.11 know no filters.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (source,) = tmp_path.iterdir()
    done = call(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (ours,), (theirs,) = built.glob("*.whl"), tmp_path.glob("*.whl")
    assert zipfile.ZipFile(ours).namelist() == zipfile.ZipFile(theirs).namelist()


def test_core_install_fits_its_limit(installed):
    home, grown = installed
    print(f"core install: {grown:.0f} MB")
    assert grown < SIZE_LIMIT_MB
    done = call(home / "env" / "bin" / "python", "-m", "pip", "check", cwd=home)
    assert done.returncode == 0, done.stdout


def test_demo_runs_in_an_empty_folder(installed):
    home, _ = installed
    folder = home / "empty"
    folder.mkdir()
    done = call(
        home / "env" / "bin" / "tradewind", "demo", "--json", cwd=folder, TRADEWIND_CACHE=str(home / "cache")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    report = folder / answer["run_dir"] / "report.html"
    assert report.stat().st_size > 10_000
