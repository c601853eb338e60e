"""Who waits for the compiler is told so, on a terminal at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

pytest.importorskip("ccxt")

SAID = ("loading the engine", "compiling the engine, once on this machine")


def on_terminal(arguments, folder):
    """Run a command until it says a line; return that line and what its terminal showed by then."""
    terminal, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewind.cli", *arguments],
        cwd=folder, env=os.environ | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    shown: list[bytes] = []

    def watch() -> None:
        try:
            while said := os.read(terminal, 4096):
                shown.append(said)
        except OSError:
            return  # Nobody has the other end open any more.

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        line = process.stdout.readline()
    finally:
        process.terminate()
        process.communicate()
        watching.join()
        os.close(terminal)
    return line, b"".join(shown).decode(errors="replace")


def test_a_fake_venue_says_what_it_waits_for_until_it_answers(tmp_path):
    line, shown = on_terminal(["venue", "fake", "blofin_swap", "--port", "0"], tmp_path)
    assert line.startswith("blofin_swap on port ")
    assert any(said in shown for said in SAID)
    assert "opening blofin_swap" in shown


IMPATIENT = """
from tradewind.cli.compiling import load_engine
from tradewind.cli.output import Output, Steps

say = Output(as_json=True)
say.steps = lambda title: Steps(title, silence_s=0.001)
load_engine(say, simulated=True)
"""
"""In a process of its own, where nothing is loaded yet."""


def test_a_log_hears_of_the_engine_each_time_silence_grows_long():
    told = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, check=True)
    assert told.stdout == ""
    assert any(line.startswith(SAID) for line in told.stderr.splitlines())
