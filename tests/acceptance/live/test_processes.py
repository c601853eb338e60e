"""Sessions as processes, against fake venues over sockets: killed with SIGKILL, hung, flattened from a second terminal.

Bars last a minute and nobody can hurry a process, so this takes some minutes of waiting and little work; all of it
shares one wait.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.config import lock_holder

pytest.importorskip("ccxt")

KEEPER = '''
"""Hold a position, a stop under it, and an order far below the market."""

from tradewind.strategies import BUY, LONG, SET, Number, lots_for, order_tick, rest, stop, target


class Params:
    size_pct = Number(5.0, 0.1, 50.0, "worth of the position, percent of equity")


class Memory:
    bars: int
    lots: int
    close: int


def warmup(params):
    return 3


def decide(view, account, working, params, memory, intents):
    if memory.bars == 0:
        memory.bars = view.bars
        memory.close = view.close
        memory.lots = lots_for(view, account, params.size_pct)
    target(intents, LONG, memory.lots)
    stop(intents, 2, LONG, order_tick(view, memory.close * 0.9, -1))
    rest(intents, 1, LONG, order_tick(view, memory.close * 0.97, BUY), 1)
    return SET
'''

HANGS = '''
"""Learn three bars, and never come back from the fourth."""

from tradewind.strategies import SET


class Params:
    pass


class Memory:
    bars: int
    turns: int


def warmup(params):
    return 6


def decide(view, account, working, params, memory, intents):
    memory.bars += 1
    while memory.bars > 3 and memory.turns >= 0:
        memory.turns = (memory.turns + 1) % 7
    return SET
'''

SESSION = """
strategy = "keeper"
protection = "resting"
dead_man = {{ policy = "none" }}
{account}
[market]
venue = "{venue}"
symbols = ["{symbol}"]
bars = "1m"
[account]
leverage = 2
[limits]
max_exposure_total_x = 2.0
loss_day_pct = 20
max_orders_per_minute = 60
price_band_pct = 5
"""

ACCOUNT = """
[accounts.main]
venue = "blofin_swap"
kind = "demo"
[accounts.main.caps]
symbols = ["BTC-USDT"]
max_notional_per_order = 5000.0
max_orders_per_minute = 60
"""


def wait_for(what, seconds: float, told=lambda: "", every: float = 0.25):
    """Return what `what` returns as soon as that is something; fail after so many seconds."""
    for _ in range(int(seconds / every)):
        found = what()
        if found:
            return found
        threading.Event().wait(every)
    raise AssertionError(f"waited {seconds} s in vain: {told()}")


class Terminal:
    """A folder with a workspace, and the commands that are run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk = folder / "desk"
        self.environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "120"}
        self.running: list[subprocess.Popen[bytes]] = []
        self.tradewind("new", str(self.desk), where=folder)

    def tradewind(
        self, *arguments: str, status: int = 0, where: Path | None = None, **environment: str
    ) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tradewind.cli", *arguments], cwd=where or self.desk,
            env=self.environment | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{arguments}\nexit {done.returncode}\n{done.stdout}"
        return done.stdout

    def asked(self, *arguments: str, **environment: str) -> dict:
        told = self.tradewind(*arguments, "--json", **environment)
        return json.loads(told[told.index("{") :])

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        out = (self.folder / f"{name}.out").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewind.cli", *arguments], cwd=self.desk, env=self.environment | environment,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        out.close()
        self.running.append(process)
        return process

    def out(self, name: str) -> str:
        return (self.folder / f"{name}.out").read_text()

    def fake(self, venue: str, faults: str = "") -> dict:
        """Start a fake venue; return what its account signs with and the environment in which it is found."""
        place, record = self.folder / venue, self.folder / f"{venue}.jsonl"
        arguments = (
            "venue",
            "fake",
            venue,
            "--port",
            "0",
            "--folder",
            str(place),
            "--record",
            str(record),
            "--faults",
            faults,
            "--json",
        )
        self.start(venue, *arguments)
        wait_for(lambda: self.out(venue).endswith("}\n"), 300, lambda: self.out(venue))
        said = self.out(venue)
        told = json.loads(said[said.index("{") :])  # A slow machine is told before that what is waited for.
        account = told["account"]
        return {
            "TRADEWIND_FAKE_VENUE": told["place"],
            "TRADEWIND_KEYS__MAIN__API_KEY": account["api_key"],
            "TRADEWIND_KEYS__MAIN__SECRET": account["secret"],
            "TRADEWIND_KEYS__MAIN__PASSPHRASE": account["passphrase"] or "",
            "TRADEWIND_KEYS__MAIN__DEMO": "true",
        }

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        for lock in self.desk.rglob("lock"):
            holder = lock_holder(lock)
            if holder is not None and int(holder.get("pid") or 0) > 1:
                os.kill(int(holder["pid"]), signal.SIGKILL)


@pytest.fixture
def terminal(tmp_path):
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


class LiveSession:
    """The session `live`, from a second terminal."""

    def __init__(self, terminal: Terminal, environment: dict[str, str]) -> None:
        self.terminal, self.environment = terminal, environment
        self.folder = terminal.desk / "journal" / "live"

    def start(self) -> subprocess.Popen[bytes]:
        return self.terminal.start(
            "live", "trade", "--live", "sessions/live.toml", "--confirm", "main", **self.environment
        )

    def ask(self, command: str, *arguments: str) -> dict:
        return self.terminal.asked("session", command, "live", *arguments, **self.environment)["standing"]

    def out(self) -> str:
        return self.terminal.out("live")

    @property
    def pid(self) -> int:
        holder = lock_holder(self.folder / "lock")
        return 0 if holder is None else int(holder.get("pid", 0))

    def standing(self) -> dict | None:
        """Return where it stands, None while it does not answer yet."""
        if not self.pid or not (self.folder / "control.sock").exists():
            return None
        try:
            return self.ask("status")
        except AssertionError:
            return None

    def holds(self, seconds: float) -> dict:
        def look():
            standing = self.standing()
            return standing if standing and standing["positions"] else None

        return wait_for(look, seconds, self.out)

    def dies(self, pid: int) -> None:
        assert pid > 1, "nobody runs the session"
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.pid != pid, 30, self.out)

    def answers(self, seconds: float = 300, after: int = 0) -> dict:
        """Wait until another process than `after` runs the session and has read its account."""

        def look():
            standing = self.standing() if self.pid != after else None
            return standing if standing and not standing["stale"] else None

        return wait_for(look, seconds, self.out)


def damage(folder: Path) -> None:
    """Flip a bit in the middle of a journal."""
    segment = sorted(folder.glob("*.twj"))[-1]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 16
    segment.write_bytes(data)


def record_of(terminal: Terminal, venue: str) -> list[dict]:
    whole, _, _ = (terminal.folder / f"{venue}.jsonl").read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def placed_at(terminal: Terminal, venue: str) -> list[str]:
    """Return our id of each order that the venue has taken, in their order."""
    orders = [entry for entry in record_of(terminal, venue) if entry["what"] == "order"]
    return [order["client_id"] for order in orders if order["cause"] == "placed" and order["client_id"]]


def bought(terminal: Terminal) -> Decimal:
    """Return what the venue's own record says that the account holds."""
    sides = {"buy": 1, "sell": -1}
    fills = [entry for entry in record_of(terminal, "blofin_swap") if entry["what"] == "fill"]
    return sum((sides[fill["side"]] * Decimal(fill["qty"]) for fill in fills), Decimal(0))


def test_a_session_survives_two_kills_a_flatten_and_a_takeover(terminal):
    """F75, F78: real processes over sockets, with a person at a second terminal."""
    (terminal.desk / "strategies" / "keeper.py").write_text(KEEPER)
    sessions = terminal.desk / "sessions"
    sessions.joinpath("live.toml").write_text(
        SESSION.format(venue="blofin_swap", symbol="BTC-USDT", account='accounts = ["main"]')
    )
    capital = 'capital = { amount = 10_000, currency = "USDT" }'
    sessions.joinpath("paper.toml").write_text(
        SESSION.format(venue="binance_usdm", symbol="BTCUSDT", account=capital)
    )
    settings = terminal.desk / "tradewind.toml"
    settings.write_text(settings.read_text() + ACCOUNT)
    at_blofin = terminal.fake("blofin_swap", "F03@0:for=86400:times=1")
    at_binance = terminal.fake("binance_usdm")
    live = LiveSession(terminal, at_blofin)

    guard = live.start()
    terminal.start(
        "paper",
        "trade",
        "--paper",
        "sessions/paper.toml",
        TRADEWIND_FAKE_VENUE=at_binance["TRADEWIND_FAKE_VENUE"],
    )

    # F78: told to end while its first order is on its way, and the answer is half a minute late.
    first = wait_for(lambda: placed_at(terminal, "blofin_swap"), 400, live.out)[0]
    guard.terminate()
    assert guard.wait(45) in (0, 130)
    guard = live.start()
    held = live.holds(400)["positions"]
    assert placed_at(terminal, "blofin_swap").count(first) == 1

    # Killed alone, it is started again by its guard; killed with its guard, by the same command.
    first = live.pid
    live.dies(first)
    assert live.answers(after=first)["positions"] == held
    second = live.pid
    # It dies where it stands, and does not end in order because its guard is gone.
    os.kill(second, signal.SIGSTOP)
    guard.kill()
    guard.wait()
    live.dies(second)
    guard = live.start()
    assert live.answers(after=second)["positions"] == held
    assert bought(terminal) > 0

    # It dies once more, and its journal is damaged: what the account holds begins a new one, once somebody says so.
    third = live.pid
    os.kill(third, signal.SIGSTOP)
    guard.kill()
    guard.wait()
    live.dies(third)
    damage(live.folder)
    adopting = ("session", "adopt", "sessions/live.toml", "--give", "BTC-USDT=keeper", "--watch", "1")
    looked = terminal.tradewind(*adopting, status=5, **at_blofin)
    assert "journal     is damaged after" in looked
    assert "LIVE_UNCONFIRMED" in looked
    assert {path.name for path in live.folder.parent.glob("live*")} == {"live"}

    # Killed in its middle it leaves nothing that trades, and nothing that the next one does not finish.
    adopter = terminal.start("adopter", *adopting, "--confirm", "main", **at_blofin)
    began = live.folder.parent / "live-old1", live.folder / "orders.tag"
    wait_for(lambda: all(path.exists() for path in began), 60, lambda: terminal.out("adopter"), every=0.002)
    adopter.kill()
    assert adopter.wait() == -signal.SIGKILL
    trading = ("trade", "--live", "sessions/live.toml", "--confirm", "main")
    assert "ADOPT_UNFINISHED" in terminal.tradewind(*trading, status=5, **at_blofin)
    told = terminal.asked(*adopting, "--confirm", "main", **at_blofin)
    (position,) = told["accounts"]["main"]["positions"]
    assert (told["kept"], position["given"]) == ("live-old2", "given to keeper")
    assert "JOURNAL_CORRUPT" in terminal.tradewind("journal", "verify", "live-old1", status=3)
    live.start()
    (row,) = live.answers(after=third)["positions"]
    assert (row["strategy"], row["side"]) == ("keeper", "long")
    assert row["lots"] == pytest.approx(held[0]["lots"], rel=0.05)

    # A second terminal closes everything; resumed, the strategy wants it again.
    flat = live.ask("flatten", "--reason", "lunch")
    assert (flat["flat"], flat["positions"], flat["halts"]) == (True, [], ["OPERATOR", "FLATTEN"])
    assert bought(terminal) == 0
    live.ask("resume")

    paper = wait_for(
        lambda: terminal.asked("session", "status", "paper")["standing"]["positions"],
        90,
        lambda: terminal.out("paper"),
    )
    assert [(row["strategy"], row["side"]) for row in paper] == [("keeper", "long")]
    stopped = terminal.asked("session", "stop", "paper")["standing"]
    assert (stopped["done"], stopped["halts"]) == (True, ["OPERATOR"])

    # Hung: it says nothing and hears nothing; its guard and it are ended, and what it holds is closed without it.
    live.holds(150)
    hung = live.pid
    assert hung > 1
    os.kill(hung, signal.SIGSTOP)
    told = terminal.asked("session", "flatten", "live", "--takeover", "--reason", "drill", **at_blofin)
    assert (told["accounts"]["main"]["flat"], told["not_recorded"]) == (True, "")
    assert live.pid == 0
    assert bought(terminal) == 0

    # Its next start knows what closed its position, to the unit of money, and waits for its operator.
    live.start()
    live.answers(after=hung)

    def look():
        standing = live.standing()
        return standing if standing and not standing["positions"] and not standing["orders"] else None

    standing = wait_for(look, 60, live.out)
    assert (standing["positions"], standing["orders"], standing["halts"]) == ([], [], ["OPERATOR"])
    assert "a takeover closed" in live.out()
    assert "UNEXPLAINED" not in live.out()
    assert live.ask("stop")["done"]
    wait_for(lambda: live.pid == 0, 30, live.out)

    entries = record_of(terminal, "blofin_swap")
    placed = Counter(
        e["client_id"] for e in entries if e["what"] == "order" and e["cause"] == "placed" and e["client_id"]
    )
    assert len(placed) >= 6
    assert max(placed.values()) == 1
    for session in ("live", "paper"):
        assert f"{session}: whole" in terminal.tradewind("journal", "verify", session)
        terminal.tradewind("journal", "replay", session)


def test_a_strategy_that_never_returns_is_found_killed_with_its_process_and_held(terminal):
    """F88: real processes: it never returns."""
    (terminal.desk / "strategies" / "hangs.py").write_text(HANGS)
    capital = 'capital = { amount = 10_000, currency = "USDT" }'
    text = SESSION.format(venue="binance_usdm", symbol="BTCUSDT", account=capital)
    (terminal.desk / "sessions" / "stuck.toml").write_text(text.replace('"keeper"', '"hangs"'))
    place = terminal.fake("binance_usdm")["TRADEWIND_FAKE_VENUE"]
    guard = terminal.start("stuck", "trade", "--paper", "sessions/stuck.toml", TRADEWIND_FAKE_VENUE=place)
    wait_for(
        lambda: "is held until an operator resumes" in terminal.out("stuck") or guard.poll() is not None,
        180,
        lambda: terminal.out("stuck"),
    )
    assert "strategy 0 was deciding and begins held" in terminal.out("stuck")

    def look():
        if not (terminal.desk / "journal" / "stuck" / "control.sock").exists():
            return None
        return terminal.asked("session", "status", "stuck")["standing"]["held"]

    assert wait_for(look, 60, lambda: terminal.out("stuck")) == ["hangs"]
    # It is held in the journal now: the next start finds it so.
    assert terminal.asked("session", "stop", "stuck")["standing"]["held"] == ["hangs"]
    assert terminal.out("stuck").count("guard: hung") <= 1
    assert "stuck: whole" in terminal.tradewind("journal", "verify", "stuck")
    terminal.tradewind("journal", "replay", "stuck")
