"""A folder of strategy files, and records to call them with."""

import pytest

from tradewind.units.jit import allocate
from tradewind.units.records import Account, Intents, Memory, Params, View, Working


@pytest.fixture
def write(tmp_path):
    """Write a file into the folder and return its path."""

    def write_(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        return path

    return write_


class Desk:
    """The six records of a call: a linear contract at 100.0, ticks of 0.1, lots of 0.001, a wallet of 10,000."""

    def __init__(self):
        self.records = [allocate(each)[0] for each in (View, Account, Working, Params, Memory, Intents)]
        self.view, self.account, self.working, self.params, self.memory, self.intents = self.records
        view, account = self.view, self.account
        view["tick"], view["lot"], view["unit"], view["sense"] = 0.1, 0.001, 0.1 * 0.001 * 1e8, 1
        view["tick_step"] = view["lot_step"] = 1
        view["interval_ns"] = 60_000_000_000
        account["scale"], account["equity"], account["balance"] = 1e8, 10_000 * 10**8, 10_000 * 10**8
        self.close_at(1000)

    def close_at(self, close, high=0, low=0):
        """Let one more bar pass."""
        view = self.view
        view["open"], view["close"] = view["close"], close
        view["high"], view["low"] = high or close, low or close
        view["bars"] += 1
        view["ts_ns"] += view["interval_ns"]
        self.account["ts_ns"] = view["ts_ns"] + view["interval_ns"]

    def ask(self, strategy):
        """Call decide as the core does; return the verdict."""
        self.intents["n"] = 0
        self.intents["sleep"] = 0
        return strategy.decide(*self.records)

    def rows(self):
        """Return the rows that are wanted, as plain dicts of what is not zero."""
        found = self.intents["row"][: self.intents["n"]]
        return [{name: row[name].item() for name in row.dtype.names if row[name]} for row in found]


@pytest.fixture
def desk():
    """A fresh set of records."""
    return Desk()
