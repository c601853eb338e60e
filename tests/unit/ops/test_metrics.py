"""Metrics: offered on loopback only, under stable names; a port that is taken is told."""

from __future__ import annotations

import socket
from urllib.request import urlopen

import pytest

from tradewind.errors import UsageError
from tradewind.ops.metrics import Metrics


def test_figures_are_offered_under_their_names():
    metrics = Metrics()
    metrics.batches.labels("alpha").inc()
    metrics.halts.labels("main", "LOSS_DAY").set(1)
    metrics.batch_s.labels("alpha").observe(2e-5)
    port = metrics.serve(0)
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            told = answer.read().decode()
    finally:
        metrics.close()
    assert 'tradewind_batches_total{session="alpha"} 1.0' in told
    assert 'tradewind_halted{breaker="LOSS_DAY",session="main"} 1.0' in told
    assert 'tradewind_batch_seconds_bucket{le="3e-05",session="alpha"} 1.0' in told


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"GET /CANARY HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /metrics/CANARY HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (b"GET /metrics HTTP/CANARY\r\nHost: x\r\n\r\n", b""),
        (b"CANARY\r\n\r\n", b""),
        (b"GET /" + b"CANARY" * 20_000 + b" HTTP/1.1\r\n\r\n", b""),
    ],
)
def test_whoever_asks_for_something_else_is_counted_and_told_little(asked, status, capfd):
    metrics = Metrics()
    port = metrics.serve(0)
    try:
        answers = [exchanged(port, asked) for _ in range(2)]
        right = exchanged(port, b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    finally:
        metrics.close()
    for answer in answers:
        assert status in answer.splitlines()[0] if answer else asked.startswith(b"GET /CANARYCANARY")
        assert b"CANARY" not in answer
        assert b"server:" not in answer.lower()
        assert len(answer) < 200
    assert b"tradewind_figures_refused_total 2.0" in right
    assert b"server:" not in right.lower()
    assert capfd.readouterr() == ("", "")


def exchanged(port, asked):
    """Return all that is answered to some bytes; nothing where the connection is cut off."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        try:
            raw.sendall(asked)
            return b"".join(iter(lambda: raw.recv(65_536), b""))
        except ConnectionError:
            return b""


def test_nobody_outside_this_machine_is_served():
    metrics = Metrics()
    metrics.serve(0)
    try:
        assert metrics._server.server_address[0] == "127.0.0.1"
    finally:
        metrics.close()


def test_two_processes_or_tests_share_no_registry():
    assert Metrics().registry is not Metrics().registry


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError) as caught:
            Metrics().serve(taken.getsockname()[1])
    assert caught.value.code == "PORT_BUSY"


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_a_port_that_is_none_is_told(port):
    with pytest.raises(UsageError) as caught:
        Metrics().serve(port)
    assert caught.value.code == "PORT_INVALID"
