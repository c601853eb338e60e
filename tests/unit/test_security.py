"""What must not stand in our code, what must not be read from data, and whom our libraries are."""

from __future__ import annotations

import ast
import os
import pickle
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tradewind.config import Workspace, load_backtest
from tradewind.errors import TradewindError

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tradewind"

# Calls and modules that turn data into code, or into whatever its author wanted.
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "os.execv", "os.execve", "os.execvp", "os.spawnl", "os.spawnv"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "numpy.load", "np.load", "np.lib.format.read_array"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn", "code.interact", "runpy.run_path"),
}
FORBIDDEN_MODULES = {
    *("pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"),
    *("yaml", "telnetlib", "ftplib", "xmlrpc", "pty", "code"),
}

# A strategy is a program that its user chose to run (docs/concepts/security.md); arrays come without objects.
ALLOWED = {
    ("strategies/source.py", "exec"): "runs the file of a strategy, which is trusted code",
    ("strategies/source.py", "compile"): "makes code of that file",
    ("strategies/binding.py", "exec"): "runs the entry that we wrote for a strategy",
    ("strategies/binding.py", "compile"): "makes code of that entry",
    ("market/readers.py", "np.load"): "with allow_pickle=False, which a test below proves",
}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{_name(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def dangers(tree: ast.Module) -> Iterator[str]:
    """Yield what of a file turns data into code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in FORBIDDEN_CALLS:
                yield name
            if any(k.arg == "shell" and getattr(k.value, "value", True) for k in node.keywords):
                yield "shell=True"
            if any(k.arg == "allow_pickle" and getattr(k.value, "value", True) for k in node.keywords):
                yield "allow_pickle"
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            yield str(node.module)


def test_nothing_turns_data_into_code():
    found = {
        (path.relative_to(SOURCE).as_posix(), danger)
        for path in sorted(SOURCE.rglob("*.py"))
        for danger in dangers(ast.parse(path.read_text()))
    }
    assert found == set(ALLOWED), "a danger that is new, or a permission that is not needed any more"


@pytest.mark.parametrize(
    "code",
    [
        "eval(x)",
        "exec(x)",
        "import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load(x, allow_pickle=True)",
        "import subprocess\nsubprocess.run(x, shell=True)",
        "import subprocess\nsubprocess.run(x, shell=wanted)",
        "import os\nos.system(x)",
        "import yaml",
        "import joblib",
        "import marshal",
    ],
)
def test_the_search_sees_each_danger(code):
    assert list(dangers(ast.parse(code)))


# ---------------------------------------------------------------------- files that want to be code


class _Bomb:
    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple:
        return Path.touch, (self.touched,)


def test_an_array_that_holds_a_program_is_refused_and_not_run(tmp_path):
    from tradewind.cli.entry import run_command

    touched = tmp_path / "touched"
    desk = Workspace.create(tmp_path / "desk")
    bomb = np.array([_Bomb(touched)], dtype=object)
    np.save(tmp_path / "bars.npy", bomb, allow_pickle=True)
    words = ["data", "import", str(tmp_path / "bars.npy"), "--venue", "binance_usdm", "--symbol", "BTCUSDT"]
    assert run_command([*words, "--bars", "1m", "--workspace", str(desk.root)]) in (2, 3)
    (tmp_path / "bars.pkl").write_bytes(pickle.dumps(_Bomb(touched)))
    assert run_command(
        [*words[:2], str(tmp_path / "bars.pkl"), *words[3:], "--workspace", str(desk.root)]
    ) in (2, 3)
    assert not touched.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bomb.yaml", "!!python/object/apply:os.system ['touch touched']\n"),
        ("bomb.toml", "!!python/object/apply:os.system ['touch touched']\n"),
        ("bomb.toml", 'strategy = "$(touch touched)"\n'),
        ("bomb.toml", 'strategy = "${HOME}"\n'),
        ("bomb.json", '{"__reduce__": ["os.system", "touch touched"]}'),
    ],
)
def test_a_file_of_settings_is_data_and_nothing_else(tmp_path, monkeypatch, name, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(TradewindError):
        load_backtest([tmp_path / name])
    assert not (tmp_path / "touched").exists()


# ---------------------------------------------------------------------- who may read what we write

_WRITE = """
import asyncio, os, sys
os.umask(0)
from pathlib import Path
from tradewind.config import KEYS_FOLDER, Workspace
from tradewind.venues.keys import KeyStore, Secret, StoredText, Vault
from tradewind.venues.keys.sealing import Cost
from tradewind.journal import FileDisk
desk = Workspace.create(Path(sys.argv[1]))
store = KeyStore(desk.root / KEYS_FOLDER, Cost(1, 64, 1))
store.write(Vault().holding(StoredText("t", Secret("a text"))), Secret("pass phrase"), "passphrase")
with store.held():
    pass
folder = desk.session_dir("main")
disk = FileDisk()
disk.make_folder(folder)
disk.create(folder / "segment").close()
disk.lock(folder / "lock", "test").release()
from tradewind.live.epochs import Epoch, begin_epoch, epoch_of
from tradewind.ops.upkeep import Upkeep
epoch_of(folder)
begin_epoch(desk.session_dir("next"), Epoch("ABCDEF"))
asyncio.run(Upkeep("main", folder, lambda: 10**18, None, None).look())
from tradewind.cli.certify import _keep
from tradewind.live.certify import Certificate
_keep(desk, Certificate("okx_swap", "main", "BTC-USDT-SWAP", "1", "1", 0, ()))
from tradewind.cli.failures import _keep_traceback
_keep_traceback(ValueError("as it is"))
"""


def test_under_a_umask_that_forbids_nothing_our_files_are_still_ours_alone(tmp_path):
    desk = tmp_path / "desk"
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", _WRITE, desk], check=True, env=os.environ | state)
    private = [desk, desk / ".keys", desk / "certificates", desk / "journal"]
    private += [path for path in (desk / "journal").rglob("*") if path.is_dir()]
    assert {str(p): oct(stat.S_IMODE(p.stat().st_mode)) for p in private} == dict.fromkeys(
        map(str, private), "0o700"
    )
    tops = [desk / name for name in (".keys", ".locks", "journal", "certificates")]
    files = [path for top in tops for path in top.rglob("*") if path.is_file()]
    files += [desk / "tradewind.toml", *tmp_path.rglob("tradewind-crash-*.txt")]
    assert len(files) >= 11
    assert {str(p): oct(stat.S_IMODE(p.stat().st_mode)) for p in files} == dict.fromkeys(
        map(str, files), "0o600"
    )


def test_no_mark_of_a_session_is_made_with_the_modes_of_the_umask():
    rooms = [ROOT / "src" / "tradewind" / name for name in ("live", "ops", "journal")]
    sources = [path for room in rooms for path in room.rglob("*.py")]
    assert len(sources) > 60
    assert [path.name for path in sources if ".touch()" in path.read_text()] == []


def test_every_promise_of_the_page_on_security_names_a_test_that_exists():
    page = (ROOT / "docs" / "concepts" / "security.md").read_text()
    named = re.findall(r"`((?:unit|property|simulation|acceptance)/[\w/.]+)::(\w+)`", page)
    missing = [f"{f}::{t}" for f, t in named if f"\ndef {t}(" not in (ROOT / "tests" / f).read_text()]
    assert len(named) > 15
    assert not missing


def test_no_secret_stands_in_the_environment_of_a_test():
    assert not [name for name in os.environ if name.startswith("TRADEWIND_KEYS")]
