"""What holds for every test: no network, no stray settings, named data, and no skip that hides a failure."""

from __future__ import annotations

import gc
import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# The only TRADEWIND_ variables that may reach a test from outside; every other one is a person's setting.
KEPT_VARIABLES = {
    "TRADEWIND_CACHE",
    "TRADEWIND_HYPOTHESIS",
    "TRADEWIND_REQUIRE",
    "TRADEWIND_SHARED",
    "TRADEWIND_SLOTS",
}

# With TRADEWIND_REQUIRE=1 (CI) every skip is a failure, except those whose reason matches a line here.
ALLOWED_SKIPS: dict[str, str] = {
    r"the processor has no ": "a promise about one instruction set can be tried only where it exists",
    r"PostgreSQL is not installed": "a database server is no part of Python; CI's machine has it",
    r"systemd is not here": "a service manager is no part of Python; CI's machine has it",
}


def pytest_configure(config: pytest.Config) -> None:
    """Choose how hypothesis searches, and drop settings of the person who runs the tests."""
    common: dict[str, Any] = {"deadline": None, "print_blob": True}
    # The same examples each time, so that a red test is red for everybody; `explore` looks for new ones.
    hypothesis.settings.register_profile("ci", derandomize=True, database=None, **common)
    hypothesis.settings.register_profile("explore", max_examples=300, **common)
    hypothesis.settings.register_profile("soak", max_examples=2000, **common)
    hypothesis.settings.load_profile(os.environ.get("TRADEWIND_HYPOTHESIS", "ci"))
    for name in [n for n in os.environ if n.startswith("TRADEWIND_") and n not in KEPT_VARIABLES]:
        del os.environ[name]


def pytest_collection_finish() -> None:
    """Let no later search for garbage look at what all tests share: half a million objects, a third of a second."""
    gc.collect()
    gc.freeze()


def _forbidden_skip(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Return why a skip must fail this run, or None."""
    if (
        os.environ.get("TRADEWIND_REQUIRE", "") in ("", "0")
        or report.outcome != "skipped"
        or hasattr(report, "wasxfail")
    ):
        return None
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if any(re.search(pattern, reason) for pattern in ALLOWED_SKIPS):
        return None
    return f"skipped, but everything is required here (TRADEWIND_REQUIRE): {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip that is not on the list into a failure where everything is required."""
    report = yield
    failure = _forbidden_skip(report)
    if failure:
        report.outcome, report.longrepr = "failed", failure
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """The same for a whole file that skips itself while it is collected."""
    report = yield
    failure = _forbidden_skip(report)
    if failure:
        report.outcome, report.longrepr = "failed", failure
    return report


def _is_loopback(host: object) -> bool:
    if host in ("localhost", "", None):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    """Let no test of ours reach a machine other than this one."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse_far(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise RuntimeError(f"a test tried to reach {address}: only loopback is open")

    def near_connect(sock: socket.socket, address: Any) -> None:
        refuse_far(sock, address)
        connect(sock, address)

    def near_connect_ex(sock: socket.socket, address: Any) -> int:
        refuse_far(sock, address)
        return connect_ex(sock, address)

    def near_resolve(host: Any, *rest: Any, **options: Any) -> Any:
        if not _is_loopback(host):
            raise RuntimeError(f"a test tried to look up {host}: only loopback is open")
        return resolve(host, *rest, **options)

    patch.setattr(socket.socket, "connect", near_connect)
    patch.setattr(socket.socket, "connect_ex", near_connect_ex)
    patch.setattr(socket, "getaddrinfo", near_resolve)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _no_state_of_a_person(tmp_path_factory):
    """Let no test, nor a process that it starts, take the locks of whoever runs the tests."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checked-out repository."""
    return ROOT


def _shared(folder: str) -> Path:
    given = os.environ.get("TRADEWIND_SHARED")
    path = (Path(given) if given else ROOT.parent / "shared") / folder
    if not path.is_dir():
        pytest.skip(
            f"../shared/{folder} is absent beside the repository (TRADEWIND_SHARED names another place)"
        )
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data, or a skip that says where it was looked for."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_oracles() -> Path:
    """The folder of other engines' outputs on that data, or a skip."""
    return _shared("oracles")
