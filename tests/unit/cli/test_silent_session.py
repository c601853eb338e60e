"""A session whose processes are frozen: whoever asks it is told so soon, and not after his patience."""

import socket

import pytest

from tradewind.cli import session as command
from tradewind.cli.output import Output
from tradewind.errors import DeadlineExceeded
from tradewind.live import control
from tradewind.live.pulse import PULSE, Pulse, silent_s


@pytest.fixture
def frozen(tmp_path, monkeypatch):
    """Return the folder of a session that takes connections and does not answer, as a stopped process does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "_PATIENCE_S", 0.3)
    (tmp_path / control.SECRET).write_text("00")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(control.SOCKET)
        listening.listen()
        yield tmp_path


@pytest.mark.parametrize(("silent_for_s", "told"), [(0.01, True), (0.05, True), (600.0, False)])
def test_it_is_said_that_the_loop_is_silent_and_what_can_be_done(
    frozen, monkeypatch, capsys, silent_for_s, told
):
    monkeypatch.setattr(command, "SILENT_S", silent_for_s)
    pulse = Pulse(frozen / PULSE)
    pulse.beat()
    pulse.close()
    with pytest.raises(DeadlineExceeded):
        command._asked(Output(as_json=False), frozen, "status", {})
    said = capsys.readouterr().err
    assert said.count(f"the loop of {frozen.name} has not answered since 20") == told
    assert said.count(f"session flatten {frozen.name} --takeover") == told


def test_a_pulse_is_silent_from_its_last_beat_on(tmp_path):
    path = tmp_path / PULSE
    assert silent_s(path) is None
    path.write_bytes(b"short")
    assert silent_s(path) is None
    pulse = Pulse(path)
    assert silent_s(path) is None
    pulse.beat()
    first = silent_s(path)
    assert first is not None
    assert 0 <= first <= (silent_s(path) or 0)
    pulse.begin()
    assert silent_s(path) is None
    pulse.close()
