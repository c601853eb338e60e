"""A trading process whose guard died before it traded: told, written down, and nothing is begun."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradewind.cli.session_state import GUARD_DIED, brief, is_paper
from tradewind.config import Workspace
from tradewind.errors import Exit
from tradewind.journal import FileDisk, JournalReader
from tradewind.journal.bodies import decode_audit
from tradewind.live.pulse import PULSE, Pulse
from tradewind.ops.alerting import last_alerts
from tradewind.ops.governance import governance_of

START = """
import os, sys
from pathlib import Path
from tradewind.cli.failures import Leave
from tradewind.cli.live_trade import trade_now
from tradewind.cli.output import Output
from tradewind.config import Workspace
from tradewind.errors import VenueDown

gone = str(os.getpid())  # Nobody's parent: whoever guarded is gone.


class Loaded:
    @property
    def config(self):
        os.environ["TRADEWIND_GUARDED"] = gone
        raise VenueDown("VENUE_DOWN", "it does not answer")


os.environ["TRADEWIND_GUARDED"] = gone if sys.argv[2] == "before" else str(os.getppid())
try:
    trade_now(Loaded(), Workspace.open(Path(sys.argv[1])), "alpha", Output(False), None, tuple(sys.argv[3:]))
except Leave as leaving:
    sys.exit(leaving.status)
except VenueDown as error:
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(
    ("dies", "accounts", "status"),
    [("before", ("main",), Exit.REFUSED), ("while the venue is asked in vain", (), Exit.VENUE)],
)
def test_a_start_whose_guard_is_gone_begins_nothing_and_says_so(tmp_path, dies, accounts, status):
    desk = Workspace.create(tmp_path / "desk")
    folder = desk.session_dir("alpha")
    folder.mkdir(parents=True)
    pulse = Pulse(folder / PULSE)
    pulse.begin()
    pulse.close()
    command = [sys.executable, "-c", START, str(desk.root), dies, *accounts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert (
        "critical: GUARD_DIED: its guard died while it started, so it did not begin to trade" in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert brief(desk, folder)["state"] == GUARD_DIED
    assert [each["code"] for each in last_alerts(folder, 9)] == ["GUARD_DIED"]
    reader = JournalReader(FileDisk(), governance_of(folder))
    assert [decode_audit(record).what for record in reader.records()] == ["GUARD_DIED"]
    assert reader.headers[0].identity.accounts == (accounts or ("paper",))
    assert is_paper(folder) is (not accounts)
