"""What the commands say of a recorded session: a day, its trades, a backtest beside it, a bundle, a unit."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace
from tradewind.journal import FileDisk, Identity
from tradewind.journal.bodies import Boot, Instrument
from tradewind.live.opening import Place, open_session
from tradewind.market.tables import write_parquet
from tradewind.ops.record import read_session
from tradewind.testing.sessions import small_world, walk
from tradewind.units.time import MINUTE_NS, format_utc
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", 'strategy = "restless"\n',
    [Instrument("S0USDT", "0.1", "0.001", "USDT", 100_000_000)],
    [("restless", ("noise", "phase"), ("first", "second", "third"))], [(0, 0)], 20,
)  # fmt: skip
RUN = "20260101-000000000-restless"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    desk = Workspace.create(tmp_path_factory.mktemp("reports") / "desk")
    place = Place(FileDisk(), desk.session_dir("calm"), Identity("calm", ("sim",)), lambda: 0, "test")
    exchange = SimulatedExchange(small_world(), walk(150))
    opened = open_session(place, small_world(), LocalVenue(exchange), inside=exchange, boot=BOOT)
    asyncio.run(opened.session.run())
    opened.close(finished=True)
    account = opened.session.sequencer.world.accounts[0]
    scale = float(account["scale"])
    (desk.root / "newest").write_text(repr(float(account["balance"] + account["unrealised"]) / scale))
    return desk


@pytest.fixture
def desk(recorded, monkeypatch):
    monkeypatch.chdir(recorded.root)
    return recorded


def answer(capsys, *arguments, status=0):
    capsys.readouterr()
    assert run_command([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_a_day_is_summed_up(desk, capsys):
    record = read_session(desk.session_dir("calm"))
    last = answer(capsys, "session", "summary", "calm")
    first = answer(capsys, "session", "summary", "calm", "--day", format_utc(record.fills()[0].ts_ns)[:10])
    assert first["end_ns"] == last["start_ns"]  # It passes midnight.
    days = (first, last)
    assert sum(day["fills"] for day in days) == len(record.fills()) > 10
    assert sum(day["executed"] for day in days) == len(record.tables["requests"])
    wallets = [day["wallets"]["0"] for day in days]
    assert sum(wallet["fees"] for wallet in wallets) == pytest.approx(
        sum(fill.fee for fill in record.fills())
    )
    assert last["lines"][0].startswith("calm, ")
    assert wallets[0]["equity_end"] == wallets[1]["equity_start"]
    assert answer(capsys, "session", "summary", "calm", "--day", "2031-01-01")["fills"] == 0


def test_the_newest_equity_is_that_of_the_end_and_not_of_the_last_full_hour(desk, capsys):
    newest = float((desk.root / "newest").read_text())
    (wallet,) = answer(capsys, "session", "summary", "calm")["wallets"].values()
    assert wallet["equity_end"] == pytest.approx(newest, abs=1e-9)
    assert wallet["result"] == pytest.approx(newest - wallet["equity_start"], abs=1e-9)
    (told,) = answer(capsys, "session", "stats", "calm")["statistics"]
    assert told["equity"] == pytest.approx(newest, abs=1e-9)


def test_statistics_begin_at_the_reset_and_say_why_they_are_empty(desk, capsys):
    (whole,) = answer(capsys, "session", "stats")["statistics"]
    assert len(whole["trips"]) > 3
    middle_ns = whole["trips"][2]["end_ns"]
    assert answer(capsys, "session", "reset", "calm", "--at", format_utc(middle_ns))["since_ns"] == middle_ns
    (later,) = answer(capsys, "session", "stats")["statistics"]
    assert later["trips"] == [trip for trip in whole["trips"] if trip["start_ns"] >= middle_ns]
    assert later["earlier"] + later["carried"] + len(later["trips"]) >= len(whole["trips"])
    (empty,) = answer(capsys, "session", "stats", "--since", "2031-01-01T00:00Z")["statistics"]
    assert "before the reset at 2031-01-01" in empty["why_empty"]
    assert answer(capsys, "session", "reset", "calm", "--off")["since_ns"] == 0
    assert answer(capsys, "session", "stats")["statistics"] == [whole]
    assert answer(capsys, "session", "stats", "--since", "tea time", status=2)["code"] == "USAGE"


def stored_run(desk, fills, period):
    """Store the part of a run that a comparison reads."""
    folder = desk.runs / RUN
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text('[period]\nstart = "{}"\nend = "{}"\n'.format(*period))
    columns = {
        "ts_ns": [f.ts_ns for f in fills], "order_id": [str(f.order) for f in fills],
        "symbol": [f.symbol for f in fills], "side": [f.side for f in fills],
        "position_side": [f.position_side for f in fills], "price": [f.price * 1.001 for f in fills],
        "qty": [f.quantity for f in fills], "notional": [f.notional for f in fills],
        "fee": [f.fee for f in fills],
    }  # fmt: skip
    write_parquet(folder / "fills.parquet", {name: np.array(values) for name, values in columns.items()})


def test_a_session_stands_beside_a_run_of_the_same_time(desk, capsys):
    record = read_session(desk.session_dir("calm"))
    buys = [fill for fill in record.fills() if fill.side == "buy"]
    day = format_utc(record.end_ns - 200 * MINUTE_NS)
    stored_run(desk, buys, (day, "2031-01-01T00:00:00Z"))
    told = answer(capsys, "session", "compare", "calm", RUN)
    assert len(told["pairs"]) == len({fill.order for fill in buys})
    assert told["slippage_bps"] == pytest.approx(-10_000 * (1 - 1 / 1.001), rel=1e-6)
    assert told["missed"] == []
    assert {order["side"] for order in told["extra"]} == {"sell"}
    assert told["filled_share"] == 1.0
    stored_run(desk, buys, ("2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z"))
    assert "no time is in both" in answer(capsys, "session", "compare", "calm", RUN, status=2)["message"]


def test_an_incident_is_packed_for_its_owner_alone(desk, capsys, tmp_path):
    target = tmp_path / "told.zip"
    told = answer(capsys, "session", "incident", "calm", "--output", str(target), "--records", "50")
    assert told["bytes"] == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        told = [json.loads(line) for line in archive.read("journal.jsonl").splitlines()]
        assert len(told) == 50
        assert not [line for line in told if "undecoded" in line]
        assert "max_orders_per_minute" in archive.read("tradewind.toml").decode()
    unsaid = answer(capsys, "session", "incident", "calm", "--records", "5")
    (packed,) = desk.session_dir("calm").glob("incident-*.zip")
    assert unsaid["file"] == str(packed), "into the workspace, wherever the command is given"
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    packed.unlink()
    nowhere = answer(capsys, "session", "incident", "calm", "--output", str(tmp_path / "a/b.zip"), status=2)
    assert nowhere["code"] == "PATH_INVALID"


def test_every_record_is_exported_with_its_body(desk, capsys, tmp_path):
    told = answer(capsys, "journal", "export", "calm", "--output", str(tmp_path / "calm.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "calm.jsonl").read_text().splitlines()]
    assert len(lines) == told["records"]
    assert not [line for line in lines if "undecoded" in line]
    batches = [line["batch"]["number"] for line in lines if "batch" in line]
    assert len(set(batches)) > 100


TWO_ACCOUNTS = """
strategy = "ema_cross"
accounts = ["main", "side"]
protection = "resting"
dead_man = { policy = "none" }
[market]
venue = "blofin_swap"
symbols = ["BTC-USDT", "okx_swap:BTC-USDT-SWAP"]
bars = "1m"
[limits]
max_exposure_total_x = 1.0
loss_day_pct = 5.0
max_orders_per_minute = 30
price_band_pct = 3.0
"""
ACCOUNTS = """
[accounts.main]
venue = "blofin_swap"
kind = "demo"
[accounts.side]
venue = "okx_swap"
kind = "demo"
"""


@pytest.fixture
def two(desk):
    """Return the desk with a session of two accounts."""
    before = desk.settings_file.read_text()
    desk.settings_file.write_text(before + ACCOUNTS)
    (desk.root / "sessions" / "two.toml").write_text(TWO_ACCOUNTS)
    yield desk
    desk.settings_file.write_text(before)


def test_a_unit_confirms_every_account_of_its_file(two, capsys):
    words = ("session", "unit", "sessions/two.toml")
    unit = answer(capsys, *words, "--live", "main", "--live", "side")["unit"]
    assert (
        f" --live {two.root}/sessions/two.toml --confirm main --confirm side --workspace {two.root}" in unit
    )
    assert f"WorkingDirectory={two.root}" in unit
    refused = answer(capsys, *words, "--live", "main", status=2)
    assert (refused["where"], refused["known"]) == ("--live", ["--live main", "--live side"])
    assert "it trades side too" in refused["message"]
    assert "does not trade rich" in answer(capsys, *words, "--live", "rich", status=2)["message"]


def test_the_command_of_a_unit_goes_as_far_as_the_keys_without_a_home_or_a_terminal(two, capsys):
    """What a service manager starts has little around it; everything but the passphrase is there."""
    words = ("session", "unit", "sessions/two.toml", "--live", "main", "--live", "side")
    unit = answer(capsys, *words)["unit"]
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    command = shlex.split(settings["ExecStart"])
    assert command[:3] == [sys.executable, "-m", "tradewind.cli"]
    for path in settings["ReadWritePaths"].split():
        assert Path(path.removeprefix("-")).is_dir(), (
            "a path that is not there ends the service before it begins"
        )
    name, _, value = settings["Environment"].partition("=")
    started = subprocess.run(
        command, cwd=settings["WorkingDirectory"], env={"PATH": "/usr/bin:/bin", name: value}, umask=0o077,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert "account     main at " in started.stderr
    assert "KEYSTORE_PASSPHRASE" in started.stderr, started.stderr
    assert "Traceback" not in started.stderr
    assert str(started.returncode) in settings["RestartPreventExitStatus"].split()


def test_a_unit_is_printed_of_a_session_that_may_start_only(two, capsys):
    file = two.root / "sessions" / "two.toml"
    file.write_text(TWO_ACCOUNTS.replace("ema_cross", "ema_crosss").replace("price_band_pct = 3.0", ""))
    words = ("session", "unit", "sessions/two.toml", "--live", "main", "--live", "side")
    refused = answer(capsys, *words, status=2)
    assert [refused["code"], refused["also"][0]["code"]] == ["LIVE_REQUIRES_LIMITS", "CONFIG_CHOICE"]


def test_a_unit_on_paper_needs_no_account(two, capsys):
    file = two.root / "sessions" / "two.toml"
    file.write_text(
        TWO_ACCOUNTS.replace('accounts = ["main", "side"]', 'capital = { amount = 9, currency = "USDT" }')
    )
    capsys.readouterr()
    assert run_command(["session", "unit", "sessions/two.toml"]) == 0
    hidden = two.root.is_relative_to("/tmp")
    assert (f"{two.root} lies where PrivateTmp=yes hides it" in capsys.readouterr().err) is hidden
    paper = answer(capsys, "session", "unit", "sessions/two.toml")["unit"]
    assert " trade --paper " in paper
    assert "--confirm" not in paper
    assert answer(capsys, "session", "unit", "nothing.toml", status=2)["code"] == "PATH_INVALID"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_a_unit_of_two_accounts(two, capsys, tmp_path):
    words = ("session", "unit", "sessions/two.toml", "--live", "main", "--live", "side")
    path = tmp_path / "tradewind-two.service"
    path.write_text(answer(capsys, *words, "--credential", str(tmp_path / "opener"))["unit"])
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
    )
    about_it = [line for line in verified.stderr.splitlines() if "tradewind-two" in line]
    assert (verified.returncode, about_it) == (0, []), verified.stderr
