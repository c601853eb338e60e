"""A planted key is traded with while everything goes wrong, at DEBUG, and nothing that is written down sings."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tradewind.testing.canary import leaks, leaks_in

PROGRAM = Path(__file__).with_name("canary_program.py")


def played(venue: str, folder: Path, how: str) -> str:
    ended = subprocess.run(
        [sys.executable, PROGRAM, venue, folder, how], capture_output=True, text=True, check=False
    )
    (folder / "said.txt").write_text(ended.stdout + ended.stderr)
    assert "the last words" in ended.stderr, ended.stderr[-2000:]
    return ended.stdout


@pytest.mark.parametrize("venue", ["binance_usdm", "blofin_swap", "bybit_linear", "okx_swap"])
def test_no_sink_of_a_trading_process_holds_a_secret(venue, tmp_path):
    said = played(venue, tmp_path, "redacted")
    log = (tmp_path / "debug.log").read_text()
    assert "Traceback" in log
    assert "***" in log
    assert "'VenueDown'" in said
    assert "'AuthenticationError'" in said
    struck = ast.literal_eval(said.partition("struck ")[2])
    assert sum(count > 0 for count in struck.values()) >= 12
    assert leaks_in([tmp_path]) == {}


def test_neither_journal_nor_alerts_of_a_session_hold_a_secret(tmp_path):
    played("okx_swap", tmp_path, "session")
    journal = b"".join(path.read_bytes() for path in tmp_path.glob("journal-*.twj"))
    assert len(journal) > 10_000
    assert (tmp_path / "alerts.txt").read_text()
    answers = "".join(path.read_text() for path in tmp_path.glob("signals-*.txt"))
    assert all(f"SIGNAL_{code}" in answers for code in ("DENIED", "REPLAYED", "FORM"))
    assert "'values': 1" in answers
    assert (tmp_path / "journal-signals.taken").read_bytes().count(b"mood/X") >= 2
    assert leaks_in([tmp_path]) == {}


def test_without_the_redactor_the_search_finds_what_it_looks_for(tmp_path):
    played("binance_usdm", tmp_path, "plain")
    found = leaks_in([tmp_path])
    assert {Path(name).name for name in found} >= {"debug.log", "said.txt"}
    assert any("signature=" in place for place in found[str(tmp_path / "debug.log")])
    # What our own code makes of an error is clean without any help.
    ours = (tmp_path / "told.txt").read_bytes()
    assert ours.count(b"\n") > 100
    assert leaks(ours) == []
