"""A week on paper in virtual time: three strategies, two accounts at two fake venues, swarms of faults, kills.

``python -m tradewind.testing.week FOLDER [DAYS [SEED]]`` leaves a workspace in a new folder, with the session's file
and journal, the summary of each day, the statistics and one order explained; ``tradewind journal verify week``,
``journal replay week`` and ``session summary week`` work there. Bars and funding are heard, no trades and no quotes:
orders fill on bars.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
import tomllib
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tradewind.cli.entry import run_command
from tradewind.cli.listening import Bound, with_accounts
from tradewind.config import Capital, Workspace, session_from
from tradewind.journal import FileDisk, JournalReader, RecordKind, verify_journal
from tradewind.journal.bodies import FACT, Boot, decode_facts, layouts_at
from tradewind.live.replay import replay_journal
from tradewind.live.venue import LiveRules
from tradewind.market import Store
from tradewind.market.rules.answers import RuleSet
from tradewind.market.rules.book import RuleBook
from tradewind.research.resolve import resolve
from tradewind.testing.commands import Arguments, end_with
from tradewind.testing.swarm import swarm_plan
from tradewind.testing.venue_reach import FOLDER, Berth
from tradewind.testing.virtual_venues import START_NS
from tradewind.testing.voyage import Deck, Landfall, Voyage, sail
from tradewind.units.enums import MONEY, FactKind
from tradewind.units.time import DAY_NS, MINUTE_NS
from tradewind.venues.fake.listings import listed
from tradewind.venues.gateway import StreamKind
from tradewind.venues.simulated.streamed import MarketStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.live.streaming import MarketSource
    from tradewind.venues.fake.misfortunes import Strike

__all__ = ["SESSION", "Week", "main"]

SESSION = """\
accounts   = ["alpha", "beta"]
protection = "resting"
external   = "ignore"

[market]
venue   = "binance_usdm"
symbols = ["BTCUSDT", "ETHUSDT", "okx_swap:BTC-USDT-SWAP", "okx_swap:ETH-USDT-SWAP"]
bars    = "1m"

[exits]
stop_loss_pct = 2.0
trailing_pct  = 1.5

[account]
leverage = 2.0

[limits]
max_exposure_total_x = 1.5
loss_day_pct = 5.0

[[strategies]]
strategy = "ema_cross"
params   = { fast_period = 60, slow_period = 300, size_pct = 15.0, shorts = true }

[[strategies]]
strategy = "mean_reversion"
symbols  = ["BTCUSDT", "okx_swap:ETH-USDT-SWAP"]
params   = { period = 240, size_pct = 10.0, shorts = true }

[[strategies]]
strategy = "donchian_breakout"
symbols  = ["ETHUSDT", "okx_swap:BTC-USDT-SWAP"]
params   = { channel_period = 180, size_pct = 10.0, shorts = true }
"""
NAME = "week"
_BERTHS = (Berth("binance_usdm", "alpha", 2), Berth("okx_swap", "beta", 2))
_HEARD = frozenset({StreamKind.BARS, StreamKind.FUNDING})
_MONEY = 100_000
_SWARM_H, _KILLS_A_DAY = 3, 2
_RULE_CHANGES = frozenset({"F43", "F44", "F45"})
_STEPS_OF_A_LIFE = 200_000
_DAYS_MAX = 366.0


class _Funded:
    """A market before which each wallet is given its money, once."""

    def __init__(self, market: MarketSource, rows: np.ndarray) -> None:
        self._market, self._rows = market, rows

    async def open(self) -> None:
        await self._market.open()

    async def next_step(self) -> MarketStep | None:
        if len(self._rows):
            step = MarketStep(self._rows, None, int(self._rows["recv_ts_ns"].max()))
            self._rows = self._rows[:0]
            return step
        return await self._market.next_step()

    async def close(self) -> None:
        await self._market.close()


class Week:
    """A session file bound to two fake venues, and what comes of it.

    Parameters
    ----------
    folder
        New; the workspace.
    days, seed
        How long, and the seed of markets, faults and kills.
    """

    def __init__(self, folder: Path, days: float = 7.0, seed: int = 1) -> None:
        self.days, self.seed = days, seed
        self.desk = Workspace.create(folder)
        (self.desk.root / "sessions").mkdir(exist_ok=True)
        (self.desk.root / "sessions" / f"{NAME}.toml").write_text(SESSION, encoding="utf-8")
        self.bound = self._bind()
        self._begun = False

    def _bind(self) -> Bound:
        venues = tuple(berth.venue for berth in _BERTHS)
        with RuleBook.changing(Store(self.desk.data).root) as book:
            for venue in venues:
                book.add(RuleSet(venue, {each.symbol: each for each in listed(venue)}), START_NS)
        session = session_from(tomllib.loads(SESSION)).config
        now = datetime.fromtimestamp(START_NS / 1e9, UTC)
        capital = Capital(amount=float(_MONEY), currency="USDT")
        view = session.backtest_view(now, now + timedelta(days=365), capital)
        prices = tuple(60_000.0 if "BTC" in symbol else 3_000.0 for _, symbol in session.market.instruments)
        return with_accounts(Bound(session, resolve(view, self.desk), prices), venues)

    def sail(self) -> Landfall:
        """Live through it, judged as every voyage; the journal is kept in the workspace day by day."""
        draw = random.Random(f"week {self.seed}")  # noqa: S311 - dice, not secrets
        life: dict[str, Any] = {
            "berths": _BERTHS,
            "paper": True,
            "kinds": _HEARD,
            "make_world": lambda traded, seed: self.bound.make_world(),
            "heard_as": self._fund,
            "boot": self._boot,
            "rules": LiveRules(warm_bars=self.bound.warm_bars),
            "dies_at": [draw.randrange(2, _STEPS_OF_A_LIFE) for _ in range(int(self.days * _KILLS_A_DAY))],
        }
        acts = [(day * 86_400.0 + 60.0, self._keep) for day in range(1, int(self.days) + 1)]
        landfall = sail(
            Voyage(
                _BERTHS[0].venue,
                self.seed,
                minutes=self.days * 1_440.0,
                calm_minutes=5.0,
                plan=self._plans(),
                acts=acts,
                life=life,
                protection_s=75.0,
                look_s=10.0,
                again="python -m tradewind.testing.week FOLDER",
            )
        )
        self._keep(Deck(landfall.life, landfall.lookout.world))
        return landfall

    def _fund(self, market: MarketSource) -> MarketSource:
        """Put what the accounts hold before the market, where the session has not begun."""
        rows = np.zeros(0 if self._begun else len(_BERTHS), FACT)
        rows["kind"], rows["amount"] = FactKind.TRANSFER, _MONEY * MONEY
        rows["wallet"] = rows["trade_id"] = np.arange(len(rows))
        rows["trade_id"] += 1
        rows["venue_ts_ns"] = rows["recv_ts_ns"] = START_NS - DAY_NS
        self._begun = True
        return _Funded(market, rows)

    def _boot(self, process: int) -> Boot:
        return msgspec.structs.replace(self.bound.boot("virtual"), process=process, snapshot_every=4096)

    def _plans(self) -> Mapping[str, list[Strike]]:
        """Return a swarm for every few hours at each venue; what changes its rules for good comes once."""
        plans: dict[str, list[Strike]] = {}
        for number, berth in enumerate(_BERTHS):
            changed: set[str] = set()
            plan = plans.setdefault(berth.venue, [])
            for turn in range(max(1, int(self.days * 24 / _SWARM_H))):
                seed = 1_000 * self.seed + 2 * turn + number
                for strike in swarm_plan(seed, 60.0 * _SWARM_H, turn * _SWARM_H * 60 * MINUTE_NS):
                    if strike.fault not in changed:
                        plan.append(strike)
                    if strike.fault in _RULE_CHANGES:
                        changed.add(strike.fault)
        return plans

    def _keep(self, deck: Deck) -> None:
        """Copy the journal as it is on the simulated disk, and say how far it is."""
        folder = self.desk.session_dir(NAME)
        folder.mkdir(parents=True, exist_ok=True)
        for name in deck.disk.names(FOLDER):
            if not name.endswith(".lock"):
                (folder / name).write_bytes(deck.disk.read(FOLDER / name))
        day, ended = (deck.world.loop.now_ns() - START_NS) / DAY_NS, deck.life.lives
        _say(f"day {day:.2f}: {ended} processes ended, {time.process_time():.0f} s of CPU")

    def report(self) -> str:
        """Verify, replay, sum up and explain, as the product does; return what was found, also kept in report.txt."""
        folder = self.desk.session_dir(NAME)
        verified = verify_journal(FileDisk(), folder)
        replayed = replay_journal(folder, self.bound.make_world())
        parts = [
            f"journal: {verified.verdict}, {verified.records:,} records, {verified.snapshots} snapshots agree",
            f"replay: {replayed.batches:,} batches came out as written, state {replayed.state_hash}",
        ]
        days = (
            datetime.fromtimestamp(START_NS / 1e9, UTC) + timedelta(days=n)
            for n in range(max(1, int(self.days)))
        )
        asked = [["session", "summary", NAME, "--day", f"{day:%Y-%m-%d}"] for day in days]
        asked += [
            ["session", "stats", NAME],
            ["journal", "explain", str(_last_filled(folder)), "--session", NAME],
        ]
        parts += [f"$ tradewind {' '.join(words)}\n{self._ask(words)}" for words in asked]
        text = "\n\n".join(parts) + "\n"
        (self.desk.root / "report.txt").write_text(text, encoding="utf-8")
        return text

    def _ask(self, words: list[str]) -> str:
        """Return what a command says."""
        heard = io.StringIO()
        with redirect_stdout(heard):
            run_command([*words, "--workspace", str(self.desk.root)])
        return heard.getvalue()


def _last_filled(folder: Path) -> int:
    """Return the order that filled last; 0 where none did."""
    reader, found = JournalReader(FileDisk(), folder), 0
    for record in reader.records():
        if record.kind == RecordKind.FACTS:
            rows = decode_facts(record, layouts_at(reader.headers, record.seq))[1]
            filled = rows["cid"][rows["kind"] == FactKind.FILL]
            found = int(filled[-1]) if len(filled) else found
    return found


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Make the week of a folder, a number of days and a seed; return 0."""
    parser = Arguments("tradewind.testing.week", __doc__)
    parser.add_argument("folder", metavar="FOLDER", type=_new_folder, help="is made; what it holds is told")
    parser.add_argument("days", metavar="DAYS", nargs="?", type=_days, default=7.0, help="7 unless given")
    parser.add_argument("seed", metavar="SEED", nargs="?", type=int, default=1, help="1 unless given")
    asked = parser.parse_args(arguments)
    week = Week(asked.folder, asked.days, asked.seed)
    landfall = week.sail()
    for venue, plan in landfall.misfortunes.items():
        _say(f"{venue}: {sum(s.struck > 0 for s in plan.plan)} of {len(plan.plan)} faults struck")
    fills = [len([e for e in landfall.entries_of(n) if e["what"] == "fill"]) for n in range(len(_BERTHS))]
    _say(f"fills of each account: {fills}; processes ended: {landfall.life.ends}")
    _say(week.report())
    return 0


def _new_folder(word: str) -> Path:
    """Return a folder that is to be made. Raises ArgumentTypeError for one that holds something."""
    folder = Path(word)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise argparse.ArgumentTypeError(f"{word} is there already; name a new folder")
    return folder


def _days(word: str) -> float:
    """Return a number of days. Raises ArgumentTypeError for none."""
    try:
        days = float(word)
    except ValueError:
        days = 0.0
    if not 0 < days <= _DAYS_MAX:
        raise argparse.ArgumentTypeError(f"{word[:40]!r} is no number of days up to {_DAYS_MAX:g}")
    return days


if __name__ == "__main__":
    end_with(main)
