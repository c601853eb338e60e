"""Another ccxt than the one that was looked at gets no key and does not run; what is held is closed all the same."""

from __future__ import annotations

import sys

import pytest

from tradewind.cli.entry import run_command
from tradewind.venues import genuine
from tradewind.venues.genuine import CCXT_SEEN

pytest.importorskip("ccxt")

ACCOUNT = """
[accounts.main]
venue = "blofin_swap"
kind = "demo"
"""
SESSION = """
strategy = "ema_cross"
accounts = ["main"]
protection = "resting"
dead_man = { policy = "none" }
market = { venue = "blofin_swap", symbols = ["BTC-USDT"], bars = "1m" }
limits = { max_exposure_total_x = 1.0, loss_day_pct = 5.0, max_orders_per_minute = 30, price_band_pct = 3.0 }
"""


@pytest.fixture
def other_ccxt(tmp_path, monkeypatch):
    """Return what puts a ccxt of a version in front of the true one; it leaves a file where it is run."""

    def put(version):
        folder, touched = tmp_path / "elsewhere", tmp_path / "touched"
        (folder / "ccxt").mkdir(parents=True)
        (folder / "ccxt" / "__init__.py").write_text(f"open({str(touched)!r}, 'w').close()\n")
        told = folder / f"ccxt-{version}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ccxt\nVersion: {version}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "ccxt", raising=False)
        genuine._installed.cache_clear()
        return touched

    yield put
    monkeypatch.undo()
    genuine._installed.cache_clear()


@pytest.mark.parametrize(
    ("version", "told"), [("4.6.0", "this is ccxt 4.6.0, not "), (CCXT_SEEN.version, "1 files of ccxt")]
)
@pytest.mark.parametrize(
    "words",
    [
        "trade --live sessions/live.toml --confirm main",
        "session adopt sessions/live.toml --confirm main",
        "venue certify blofin_swap --account main",
        "keys test main",
        "keys add main --venue blofin_swap --demo --stdin",
    ],
)
def test_no_command_that_signs_runs_it(desk, refuse, other_ccxt, words, version, told):
    touched = other_ccxt(version)
    settings = desk.root / "tradewind.toml"
    settings.write_text(settings.read_text() + ACCOUNT)
    (desk.root / "sessions" / "live.toml").write_text(SESSION)
    refused = refuse(desk.root, words.split(), "CCXT_CHANGED", 5)
    assert told in refused["message"]
    assert not touched.exists()


def test_what_is_held_is_closed_by_it_all_the_same(desk, other_ccxt, capsys):
    other_ccxt("4.6.0")
    desk.session_dir("main").mkdir(parents=True)
    assert run_command(["session", "flatten", "main", "--takeover"]) == 6
    assert "warning: CCXT_CHANGED: this is ccxt 4.6.0" in capsys.readouterr().err


def test_the_doctor_tells_it(desk, other_ccxt, capsys):
    other_ccxt("4.6.0")
    assert run_command(["doctor"]) != 0
    assert "wrong   ccxt: CCXT_CHANGED this is ccxt 4.6.0" in capsys.readouterr().out
