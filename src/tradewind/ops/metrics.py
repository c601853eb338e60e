"""Figures of a running session for Prometheus: the loop, the venues, the risk, the journal.

Off unless a port is given, and then on loopback unless told otherwise. Labels are names of the user's own (session,
wallet, instrument, strategy), bounded in number; no key, no address, no id of the exchange's is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Metrics"]

_LOOP_BUCKETS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
_CALL_BUCKETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Metrics:
    """The figures of one process.

    Attributes
    ----------
    batches, requests, fills
        Counters by session: batches lived through, requests handed out, fills booked. Batches are those of this
        process, without history.
    batch_s, sync_s
        Histograms by session: seconds from the time of a batch until its requests have left, of each that `batches`
        counts, and of a sync of the journal.
    orders
        Gauge by session and state: orders that are not over, those in doubt among them.
    stale
        Gauge by session and instrument: 1 while its data is too old to be traded on.
    clock_offset_s
        Gauge by session: the venue's clock that differs most, less ours.
    equity, balance, used
        Gauges by session, wallet and currency: marked to market, booked, and margin used.
    halts
        Gauge by session and breaker: 1 while it holds.
    held
        Gauge by session and strategy: 1 while it is held alone.
    trading
        Gauge by session: 1 while it may take new risk, 0 while anything halts it or it starts.
    lost, lost_limit
        Gauges by session, wallet, currency and breaker (day, session, drawdown), where that breaker is set: share of
        the equity it counts from that is lost, and at which it trips.
    reading_age_s
        Gauge by session and account: seconds since the account was read from its venue.
    streams
        Gauge by session, account ("market" for market data), stream and state: how many are "up", how many are not.
    calls
        Counter by session, account ("market" for market data) and outcome of requests to its venue: "answered",
        "refused", "rate limited", "unknown" where nothing came back that says what became of it, "not sent" where our
        own limits kept it or no connection was made. A look at all rules of a venue counts once.
    call_s
        Histogram by session and account: seconds from the signature of a request, of market data from asking, to its
        answer.
    budget_used
        Gauge by session and account: share of the fullest window of the venue's limits that is spent.
    banned_s
        Gauge by session and account: seconds until its venue wants to be asked again.
    journal_bytes
        Gauge by session: length of its journal.
    alerts
        Counter by code.
    alerts_told
        Counter by session, recipient and outcome of attempts to tell somebody: "taken", "not taken"; and of alerts that
        he never got: "given up", "dropped".
    alerts_waiting, alerts_failing
        Gauges by session and recipient: alerts that he has not got yet, and 1 while he cannot be told.
    heartbeats
        Counter by session and outcome of calls: "taken", "not taken", "left out".
    heartbeat_age_s
        Gauge by session: seconds since a heartbeat was taken, from its first call on.
    signals
        Counter by session and outcome of signals from outside: "taken", or the code of a refusal.
    refused
        Counter of requests to these figures that asked for something else, or were no HTTP.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        made: dict[str, Any] = {"registry": self.registry, "namespace": "tradewind"}
        timed = made | {"buckets": _LOOP_BUCKETS}
        wallet = ["session", "wallet", "currency"]
        self.batches = Counter("batches", "Batches lived through.", ["session"], **made)
        self.requests = Counter("requests", "Requests handed out.", ["session"], **made)
        self.fills = Counter("fills", "Fills booked.", ["session"], **made)
        self.batch_s = Histogram("batch_seconds", "From a batch to its requests.", ["session"], **timed)
        self.sync_s = Histogram("sync_seconds", "Syncs of the journal.", ["session"], **timed)
        self.orders = Gauge("orders", "Orders that are not over.", ["session", "state"], **made)
        self.stale = Gauge("stale", "1 while data is too old.", ["session", "instrument"], **made)
        self.clock_offset_s = Gauge("clock_offset_seconds", "Venue's clock less ours.", ["session"], **made)
        self.equity = Gauge("equity", "Marked to market.", wallet, **made)
        self.balance = Gauge("balance", "Booked.", wallet, **made)
        self.used = Gauge("margin_used", "Margin used.", wallet, **made)
        self.halts = Gauge("halted", "1 while a breaker holds.", ["session", "breaker"], **made)
        self.held = Gauge("held", "1 while a strategy is held.", ["session", "strategy"], **made)
        self.trading = Gauge("trading", "1 while new risk may be taken.", ["session"], **made)
        breaker = [*wallet, "breaker"]
        self.lost = Gauge("lost_ratio", "Lost of what a breaker counts from.", breaker, **made)
        self.lost_limit = Gauge("lost_limit_ratio", "Where that breaker trips.", breaker, **made)
        self._watch_venues(made)
        self.journal_bytes = Gauge("journal_bytes", "Length of the journal.", ["session"], **made)
        self.alerts = Counter("alerts", "Alerts by code.", ["code"], **made)
        told = ["session", "recipient"]
        self.alerts_told = Counter("alerts_told", "Attempts to tell somebody.", [*told, "outcome"], **made)
        self.alerts_waiting = Gauge("alerts_waiting", "Alerts that somebody has not got yet.", told, **made)
        self.alerts_failing = Gauge("alerts_failing", "1 while somebody cannot be told.", told, **made)
        self.heartbeats = Counter("heartbeats", "Calls by outcome.", ["session", "outcome"], **made)
        self.heartbeat_age_s = Gauge("heartbeat_age_seconds", "Since one was taken.", ["session"], **made)
        self.signals = Counter("signals", "Signals from outside by outcome.", ["session", "outcome"], **made)
        self.refused = Counter("figures_refused", "Requests that were none for figures.", **made)
        self._server: Any = None

    def _watch_venues(self, made: dict[str, Any]) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        account = ["session", "account"]
        self.reading_age_s = Gauge("reading_age_seconds", "Since an account was read.", account, **made)
        self.streams = Gauge("streams", "Streams by state.", [*account, "stream", "state"], **made)
        self.calls = Counter("venue_calls", "Requests by outcome.", [*account, "outcome"], **made)
        timed = made | {"buckets": _CALL_BUCKETS}
        self.call_s = Histogram("venue_call_seconds", "From signature to answer.", account, **timed)
        self.budget_used = Gauge("venue_budget_used_ratio", "Of the fullest window.", account, **made)
        self.banned_s = Gauge("venue_banned_seconds", "Until a venue may be asked.", account, **made)

    def offered(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """Return attribute, name, kind and labels of every figure of ours."""
        from prometheus_client.metrics import MetricWrapperBase

        found = {name: each for name, each in vars(self).items() if isinstance(each, MetricWrapperBase)}
        kinds = {name: next(iter(each.describe())) for name, each in found.items()}
        return [
            (
                name,
                kinds[name].name + "_total" * (kinds[name].type == "counter"),
                kinds[name].type,
                each._labelnames,
            )
            for name, each in found.items()
        ]

    def serve(self, port: int, host: str = "127.0.0.1") -> int:
        """Offer the figures over HTTP; return the port. Raises UsageError (PORT_INVALID, PORT_BUSY)."""
        from tradewind.ops.offering import FiguresServer

        if not 0 <= port <= 65_535:
            raise UsageError("PORT_INVALID", f"{port} is no port.", known=["1..65535", "0: any that is free"])
        try:
            self._server = FiguresServer(host, port, self.registry, self.refused.inc)
        except OSError as error:
            raise UsageError(
                "PORT_BUSY", f"port {port} of {host} cannot be used: {error.strerror}."
            ) from error
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop offering."""
        if self._server is not None:
            self._server.close()
            self._server = None
