"""A skip fails where everything is required, and no test leaves this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPING = """
import pytest

def test_runs():
    pass

def test_skips():
    pytest.skip({reason!r})
"""


def run_pytest(folder: Path, source: str, **variables: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_it.py"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEWIND_", "PYTEST_"))}
    return subprocess.run(
        command, cwd=folder, env=environment | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("variables", "reason", "closing"),
    [
        ({}, "no candles here", "1 passed, 1 skipped"),
        ({"TRADEWIND_REQUIRE": "1"}, "no candles here", "1 failed, 1 passed"),
        ({"TRADEWIND_REQUIRE": "1"}, "the processor has no FMA", "1 passed, 1 skipped"),
    ],
)
def test_skip_fails_only_where_everything_is_required(tmp_path, variables, reason, closing):
    done = run_pytest(tmp_path, SKIPPING.format(reason=reason), **variables)
    assert closing in done.stdout
    assert done.returncode == ("failed" in closing)


def test_skip_of_a_whole_file_fails_where_everything_is_required(tmp_path):
    source = "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n"
    assert run_pytest(tmp_path, source).returncode == 5  # nothing ran, and pytest says so
    assert run_pytest(tmp_path, source, TRADEWIND_REQUIRE="1").returncode == 2


def test_settings_of_the_person_do_not_reach_a_test(tmp_path):
    source = "import os\ndef test_it():\n    assert 'TRADEWIND_WORKSPACE' not in os.environ\n"
    assert run_pytest(tmp_path, source, TRADEWIND_WORKSPACE="/somewhere").returncode == 0


def test_network_is_refused_beyond_loopback():
    # 192.0.2.0/24 is reserved for documentation: there is nothing to reach even if the guard were broken.
    with pytest.raises(RuntimeError, match="only loopback"), socket.socket() as sock:
        sock.connect(("192.0.2.1", 9))
    with pytest.raises(RuntimeError, match="only loopback"):
        socket.getaddrinfo("venue.invalid", 443)


def test_network_is_open_on_loopback():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as one,
    ):
        assert one.getpeername() == server.getsockname()
