"""How many steps of Python lie between a bar and its order: counted, so that no noise of a machine touches it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

import tradewind

if TYPE_CHECKING:
    from types import FrameType

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
OURS = f"{Path(tradewind.__file__).parent}/"
VIRTUAL = f"{OURS}testing/"
STEPS_MAX, CALLS_MAX = 3_900, 114
"""A little above what they are; who needs more says why here."""
ORDERS = 10


class Way:
    """Counts the bytecodes and the calls of this package, between `begin` and `end`, of each order."""

    def __init__(self) -> None:
        self.orders: list[Counter[str]] = []
        self._before: Any = None
        self._is_on = False

    def begin(self) -> None:
        self.orders.append(Counter())
        self._before, self._is_on = sys.gettrace(), True
        sys.settrace(self._trace)

    def end(self) -> None:
        if self._is_on:
            self._is_on = False
            sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(OURS) or file.startswith(VIRTUAL):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event in ("call", "opcode"):
            self.orders[-1][event] += 1
        return self._trace


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each version of Python has bytecodes of its own")
def test_a_bar_becomes_an_order_in_few_steps(monkeypatch):
    """From the decoded message to aiohttp, through journal, core, gate and adapter: `benchmarks/live_path.py`."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import live_path

    way, hand_over, watched = Way(), live_path.hand_over, live_path.watched

    def begun(exchange: Any, message: object, clock: Any) -> int:
        if hasattr(exchange, "bench"):
            return hand_over(exchange, message, clock)  # ccxt's own way has no bar of ours.
        (client,) = exchange.clients.values()
        way.begin()
        client.on_message_callback(client, message)
        return clock()

    def ended(exchange: Any, clock: Any) -> Any:
        watch, post = watched(exchange, clock), exchange.session.post

        def posted(*arguments: Any, **named: Any) -> Any:
            way.end()
            return post(*arguments, **named)

        exchange.session.post = posted
        return watch

    monkeypatch.setattr(live_path, "hand_over", begun)
    monkeypatch.setattr(live_path, "watched", ended)
    try:
        live_path.measured(ORDERS, close=True)
    finally:
        way.end()
    found = way.orders[-ORDERS:]
    assert len(way.orders) == live_path.WARM + ORDERS
    steps, calls = (median(order[event] for order in found) for event in ("opcode", "call"))
    assert STEPS_MAX // 2 < steps <= STEPS_MAX, f"{steps} bytecodes of ours lie between a bar and its order"
    assert CALLS_MAX // 2 < calls <= CALLS_MAX, f"{calls} calls of ours lie between a bar and its order"
