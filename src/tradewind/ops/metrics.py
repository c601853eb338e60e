"""Figures of a running session for Prometheus: the loop, the venues, the risk, the journal.

Off unless a port is given, and then on loopback unless told otherwise. Labels are names of the user's own (session,
account, venue, stream), bounded in number; no key, no address, no id of the exchange's is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Metrics"]

_LOOP_BUCKETS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)


class Metrics:
    """The figures of one process.

    Attributes
    ----------
    batches, wakes_skipped
        Counters by session: batches lived through, and WAKEs that came too late to be decided on.
    batch_s, sync_s
        Histograms: seconds from a batch to its requests, and of a sync of the journal.
    requests, outcomes
        Counters by account and kind of request, and by account and outcome.
    streams_up, data_age_s
        Gauges by venue and stream: 1 while it is up; seconds since it was last heard.
    weight_used
        Gauge by account: share of the venue's allowance that is used, 0 to 1.
    clock_offset_s
        Gauge by account.
    equity, exposure_x, halts
        Gauges by account: equity in its currency, notional over equity, and whether each breaker holds.
    orders_unknown
        Gauge: orders of which it is not known what became of them.
    journal_bytes
        Counter: bytes appended.
    alerts
        Counter by code.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = registry or CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry, "namespace": "tradewind"}
        self.batches = Counter("batches", "Batches lived through.", ["session"], **made)
        self.wakes_skipped = Counter("wakes_skipped", "WAKEs too old to be decided on.", ["session"], **made)
        self.batch_s = Histogram(
            "batch_seconds", "From a batch to its requests.", ["session"], buckets=_LOOP_BUCKETS, **made
        )
        self.sync_s = Histogram(
            "sync_seconds", "Syncs of the journal.", ["session"], buckets=_LOOP_BUCKETS, **made
        )
        self.requests = Counter("requests", "Requests handed out.", ["account", "kind"], **made)
        self.outcomes = Counter("outcomes", "What became of requests.", ["account", "outcome"], **made)
        self.streams_up = Gauge("stream_up", "1 while a stream is up.", ["venue", "stream"], **made)
        self.data_age_s = Gauge("data_age_seconds", "Since a stream was heard.", ["venue", "stream"], **made)
        self.weight_used = Gauge("weight_used_ratio", "Used share of an allowance.", ["account"], **made)
        self.clock_offset_s = Gauge("clock_offset_seconds", "Venue's clock less ours.", ["account"], **made)
        self.equity = Gauge("equity", "Marked to market.", ["account", "currency"], **made)
        self.exposure_x = Gauge("exposure_ratio", "Notional over equity.", ["account"], **made)
        self.halts = Gauge("halted", "1 while a breaker holds.", ["account", "breaker"], **made)
        self.orders_unknown = Gauge("orders_unknown", "Orders in doubt.", ["account"], **made)
        self.journal_bytes = Counter("journal_bytes", "Bytes appended.", ["session"], **made)
        self.alerts = Counter("alerts", "Alerts by code.", ["code"], **made)
        self._server: Any = None

    def serve(self, port: int, host: str = "127.0.0.1") -> int:
        """Offer the figures over HTTP; return the port. Raises UsageError (PORT_INVALID, PORT_BUSY)."""
        from prometheus_client import start_http_server

        if not 0 <= port <= 65_535:
            raise UsageError("PORT_INVALID", f"{port} is no port.", known=["1..65535", "0: any that is free"])
        try:
            self._server, _ = start_http_server(port, host, self.registry)
        except OSError as error:
            raise UsageError(
                "PORT_BUSY", f"port {port} of {host} cannot be used: {error.strerror}."
            ) from error
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop offering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
