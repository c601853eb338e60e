"""The port of a session's figures: one of a workspace, unless its environment gives it another."""

import socket

from tradewind.cli.beside import _observer
from tradewind.cli.output import Output
from tradewind.config import Workspace


def observer_at(root, port):
    """Return who observes session `beta` where its environment gives it a port."""
    desk = Workspace.open(root, {"TRADEWIND__METRICS__PORT": str(port)})
    return _observer(Output(as_json=False), desk, "beta")


def test_a_second_session_whose_port_is_taken_is_told_how_it_gets_one_of_its_own(tmp_path, capsys):
    root = Workspace.create(tmp_path / "desk").root
    (root / "tradewind.toml").write_text("[metrics]\nport = 9177\n")
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as spare:
        taken, free = (each.getsockname()[1] for each in (other, spare))
        spare.close()
        assert observer_at(root, taken) is None
        said = capsys.readouterr().err
        assert f"port {taken}" in said
        assert "TRADEWIND__METRICS__PORT" in said
        observer = observer_at(root, free)
        assert observer is not None
        observer.metrics.close()
    assert f":{free}/metrics" in capsys.readouterr().err
