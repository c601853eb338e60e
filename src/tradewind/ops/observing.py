"""Feeds the figures for Prometheus from what a session says of itself, every few seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradewind.units.enums import WakeCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tradewind.ops.alerts import Alert
    from tradewind.ops.metrics import Metrics
    from tradewind.ops.outward import Reach
    from tradewind.venues.port import Batch

__all__ = ["Observer"]


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """How an account stands at its venue, or all that is asked for market data.

    Parameters
    ----------
    account
        Its name, "market" for market data.
    read_ns
        When it was read last, nanoseconds UTC; 0: not yet, or nothing is read of it.
    calls
        Requests by outcome, since the process began.
    waits_s
        How long answers took since that was asked last, from the signature on.
    budget_share
        How much of the fullest window of the venue's limits is spent; None where there is no window.
    banned_until_ns
        Until when the venue wants no request at all; in the past or 0 for none.
    """

    account: str
    read_ns: int
    calls: Mapping[str, int] = field(default_factory=dict)
    waits_s: Sequence[float] = ()
    budget_share: float | None = 0.0
    banned_until_ns: int = 0


@dataclass(frozen=True, slots=True)
class VenueFigures:
    """How accounts and streams stand; of streams how many are up and how many not, by account and kind."""

    accounts: Sequence[AccountFigures] = ()
    streams: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Observer:
    """Turns a session's standing into figures.

    Parameters
    ----------
    metrics
        Where they are offered.
    session, folder
        Its name, and its folder.
    since_ns
        When this process began to look; what became known before is history.
    """

    metrics: Metrics
    session: str
    folder: Path
    since_ns: int = 0
    _silent_ns: int = 0
    _counted: dict[str, int] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def look(self, status: Mapping[str, Any], clock_offset_ns: int = 0) -> None:
        """Take what `session status` says, and how far the venue's clock is ahead, in nanoseconds."""
        metrics, name = self.metrics, self.session
        metrics.batches.labels(name)
        self._count(metrics.requests, "requests", int(status["requests"]))
        self._count(metrics.fills, "fills", int(status["fills"]))
        self._flag(metrics.halts, "halts", set(status["halts"]))
        self._flag(metrics.held, "held", set(status["held"]))
        self._flag(metrics.stale, "stale", set(status["stale"]))
        self._count_orders([str(order["state"]) for order in status["orders"]])
        for place, wallet in enumerate(status["wallets"]):
            labels = (name, str(place), str(wallet["currency"]))
            metrics.equity.labels(*labels).set(wallet["equity"])
            metrics.balance.labels(*labels).set(wallet["balance"])
            metrics.used.labels(*labels).set(wallet["used"])
            for breaker, told in wallet["losses"].items():
                metrics.lost.labels(*labels, breaker).set(told["lost"])
                metrics.lost_limit.labels(*labels, breaker).set(told["limit"])
        metrics.trading.labels(name).set(not status["halts"] and not status["starting"])
        metrics.clock_offset_s.labels(name).set(clock_offset_ns / 1e9)
        size = sum(path.stat().st_size for path in self.folder.glob("*.twj"))
        metrics.journal_bytes.labels(name).set(size)

    def look_at_venues(self, figures: VenueFigures, now_ns: int) -> None:
        """Take how accounts and streams stand, at a time of ours in nanoseconds UTC."""
        metrics, name = self.metrics, self.session
        for told in figures.accounts:
            labels = name, told.account
            if told.read_ns:
                metrics.reading_age_s.labels(*labels).set((now_ns - told.read_ns) / 1e9)
            for outcome, total in told.calls.items():
                self._count(metrics.calls, f"{told.account} {outcome}", total, told.account, outcome)
            for wait_s in told.waits_s:
                metrics.call_s.labels(*labels).observe(wait_s)
            if told.budget_share is not None:
                metrics.budget_used.labels(*labels).set(told.budget_share)
            metrics.banned_s.labels(*labels).set(max(0, told.banned_until_ns - now_ns) / 1e9)
        for (account, stream), (up, down) in figures.streams.items():
            for state, count in (("up", up), ("down", down)):
                metrics.streams.labels(name, account, stream, state).set(count)

    def look_outside(self, reach: Reach, now_ns: int) -> None:
        """Take who outside could be told, at a time of ours in nanoseconds UTC."""
        metrics, name = self.metrics, self.session
        for who, told in reach.alerts.items():
            outcomes = (
                ("taken", told.sent),
                ("not taken", told.failed),
                ("given up", told.given_up),
                ("dropped", told.lost),
            )
            for outcome, total in outcomes:
                self._count(metrics.alerts_told, f"{who} {outcome}", total, who, outcome)
            metrics.alerts_waiting.labels(name, who).set(told.waiting)
            metrics.alerts_failing.labels(name, who).set(told.in_row > 0)
        beat = reach.heartbeat
        if beat is not None:
            for outcome, total in (
                ("taken", beat.sent),
                ("not taken", beat.failed),
                ("left out", beat.skipped),
            ):
                self._count(metrics.heartbeats, f"heartbeat {outcome}", total, outcome)
            self._silent_ns = 0 if beat.well_ns else self._silent_ns or beat.at_ns
            age_ns = now_ns - (beat.well_ns or self._silent_ns)
            metrics.heartbeat_age_s.labels(name).set(max(0, age_ns) / 1e9)

    def count_alert(self, alert: Alert) -> None:
        """Count an alert."""
        self.metrics.alerts.labels(alert.code).inc()

    def count_signal(self, outcome: str) -> None:
        """Count a signal from outside: "taken", or the code of its refusal."""
        self.metrics.signals.labels(self.session, outcome).inc()

    def timed_batch(self, batch: Batch, now_ns: int) -> None:
        """Count a batch that was done with at `now_ns`, its requests handed over, and how long after its time it was.

        History is neither counted nor timed: what warms up, and what became known before this process looked.
        """
        is_history = batch.wake == WakeCode.WARM or batch.now_ns < self.since_ns
        if not is_history:
            self.metrics.batches.labels(self.session).inc()
            self.metrics.batch_s.labels(self.session).observe(max(0, now_ns - batch.now_ns) / 1e9)

    def timed_sync(self, spent_s: float) -> None:
        """Take how long a sync of the journal took."""
        self.metrics.sync_s.labels(self.session).observe(spent_s)

    def _count(self, counter: Any, name: str, total: int, *labels: str) -> None:  # noqa: ANN401 - the library's
        """Let a counter rise to a total that a restart does not reset."""
        before = self._counted.get(name, 0)
        self._counted[name] = max(before, total)
        counter.labels(self.session, *labels).inc(max(0, total - before))

    def _flag(self, gauge: Any, name: str, now: set[str]) -> None:  # noqa: ANN401 - the library's classes
        """Set what holds, and clear what held before."""
        seen = self._seen.setdefault(name, set())
        seen |= now
        for each in seen:
            gauge.labels(self.session, each).set(each in now)

    def _count_orders(self, states: list[str]) -> None:
        seen = self._seen.setdefault("orders", {"LIVE", "UNKNOWN"})
        seen.update(states)
        for state in seen:
            self.metrics.orders.labels(self.session, state).set(states.count(state))
