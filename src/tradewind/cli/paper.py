"""Bind a backtest file to a paper session: the same instruments, limits and history, driven by the live loop."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.cli.backtest import load_file
from tradewind.cli.config import parse_sets
from tradewind.cli.workspace import find_file
from tradewind.errors import UsageError

if TYPE_CHECKING:
    from tradewind.config import BacktestConfig, Loaded, SessionConfig, Workspace
    from tradewind.engine.world import World
    from tradewind.journal.bodies import Boot
    from tradewind.live.paper import PaperSetup
    from tradewind.research.history import Histories
    from tradewind.research.resolve import Resolved
    from tradewind.venues.simulated.feed import ReplayFeed

__all__ = ["Bound", "bind", "load_terms", "replayed_period"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A configuration with its history, from which worlds and the feed are made; `worlds` are those made so far."""

    resolved: "Resolved"
    histories: "Histories"
    worlds: list["World"] = field(default_factory=list)

    def make_world(self) -> "World":
        """Return a fresh world of the session."""
        from tradewind.research.worlds import build_world

        self.worlds.append(build_world(self.resolved, self.histories))
        return self.worlds[-1]

    @contextmanager
    def strategy_faults(self) -> Iterator[None]:
        """Turn what a strategy raises inside into STRATEGY_OUTPUT; the first world made inside decides."""
        from tradewind.research.faults import strategy_faults

        self.worlds.clear()
        try:
            yield
        except Exception:
            if not self.worlds:
                raise
            with strategy_faults(self.resolved, self.worlds[0]):
                raise

    def setup(self, version: str) -> "PaperSetup":
        """Return what the live loop needs."""
        from tradewind.live.paper import PaperSetup

        return PaperSetup(self.make_world, self._feed(), self._boot(version))

    def _feed(self) -> "ReplayFeed":
        """Return the whole history as the backtest's driver would take it."""
        import numpy as np

        from tradewind.research.drive import integers_of
        from tradewind.research.facts import gather_facts
        from tradewind.venues.simulated.feed import ReplayFeed

        aligned, each = self.histories.aligned, self.histories.each
        bars = np.zeros((len(aligned.ts_ns), len(each), 5), np.int64)
        for column, history in enumerate(each):
            there = aligned.row[column] >= 0
            bars[there, column] = integers_of(history, aligned.row[column][there])
        facts = gather_facts(self.resolved, self.histories)
        interval_ns = self.resolved.config.market.bar_ns
        times = np.ascontiguousarray(aligned.ts_ns)
        return ReplayFeed(bars, times, facts.rows(0, len(facts)), interval_ns, self.histories.warm_stop)

    def _boot(self, version: str) -> "Boot":
        from tradewind.config import config_hash, to_toml
        from tradewind.engine.world import lot_of
        from tradewind.journal.bodies import Boot, Instrument
        from tradewind.units.enums import MONEY

        parts = self.resolved.parts
        return Boot(
            process=0,
            version=version,
            code_hash=_digest(part.code.source_hash for part in parts),
            config_hash=config_hash(self.resolved.config),
            data_hash=_digest(history.bars.content_hash() for history in self.histories.each),
            config=to_toml(self.resolved.config),
            instruments=[
                Instrument(
                    history.label,
                    f"{history.grid.step:f}",
                    f"{lot_of(history.instrument):f}",
                    history.instrument.settle,
                    MONEY,
                )
                for history in self.histories.each
            ],
            strategies=[(part.label, part.code.signals, part.code.tags) for part in parts],
            contexts=[(number, column) for number, part in enumerate(parts) for column in part.columns],
            snapshot_every=0,
        )


def bind(config: "BacktestConfig", desk: "Workspace") -> Bound:
    """Look up what a configuration names and read its history. Raises what a backtest of it would raise."""
    from tradewind.research.history import read_histories
    from tradewind.research.resolve import resolve

    resolved = resolve(config, desk)
    return Bound(resolved, read_histories(resolved, desk))


def load_terms(
    desk: "Workspace", file: str, sets: list[str] | None
) -> "Loaded[BacktestConfig] | Loaded[SessionConfig]":
    """Return what a backtest or a session file trades, not looser than the limits of the workspace."""
    from tradewind.config import is_session_file, load_session, with_house_limits

    path = find_file(desk, file)
    if not is_session_file(path):
        return load_file(desk, [file], sets)
    return with_house_limits(load_session([path], os.environ, parse_sets(sets or [])), desk.settings)


def replayed_period(config: "BacktestConfig | SessionConfig", feed: str) -> "BacktestConfig":
    """Return the configuration with the period that ``replay:START..END`` names; ``replay:all`` keeps the file's.

    Raises USAGE, also for a session file and ``replay:all``, DATE_INVALID, DATE_RANGE.
    """
    from tradewind.config import Period, SessionConfig, read_instant

    kind, _, span = feed.partition(":")
    start, dots, end = span.partition("..")
    if kind != "replay" or not span or (span != "all" and not dots):
        raise UsageError(
            "USAGE", f"{feed[:60]!r} is no feed.", where="--feed", known=["replay:START..END", "replay:all"]
        )
    if span == "all" and isinstance(config, SessionConfig):
        raise UsageError(
            "USAGE", "a session file has no period.", where="--feed", hint="write --feed replay:START..END"
        )
    if span == "all":
        return config  # type: ignore[return-value]
    first, last = read_instant(start, "--feed"), read_instant(end, "--feed")
    if last <= first:
        raise UsageError("DATE_RANGE", f"{end} does not lie after {start}.", where="--feed")
    if isinstance(config, SessionConfig):
        return config.backtest_view(first, last)
    return config.model_copy(update={"period": Period(start=first, end=last)})


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
