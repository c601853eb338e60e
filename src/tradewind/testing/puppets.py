"""A strategy that wants exactly what a test tells it to, and a desk around it: facts in, requests out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from tradewind.engine.contract import DECIDE, PLAN
from tradewind.engine.planning import copy_intent, edit
from tradewind.engine.setup import (
    AccountLimits,
    InstrumentSetup,
    StrategySetup,
    VenueSetup,
    WalletSetup,
)
from tradewind.engine.step import step
from tradewind.engine.world import World
from tradewind.testing.scenarios import MINUTE_NS, START_NS, instrument
from tradewind.units.enums import FactKind, RequestKind, Verdict, WakeCode
from tradewind.units.jit import allocate, kernel, overlay
from tradewind.units.layout import Layout, Rows, dtype_of
from tradewind.units.records import (
    MEMORY,
    PARAMS,
    Account,
    Context,
    Intent,
    Intents,
    Memory,
    Params,
    Strategy,
    View,
    Working,
)
from tradewind.units.wire import Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Desk", "PlanStrings", "Strings", "plan_says", "puppet", "puppet_plan"]


class Strings(Layout):
    """What a puppet says next, and how often it was asked."""

    calls: int
    verdict: int
    n: int
    sleep: int
    wake_ns: int
    row: Annotated[Rows[Intent], 64]


class PlanStrings(Layout):
    """What a puppet's plan says next, and how often it was asked."""

    calls: int
    verdict: int
    edits: int
    """1: it takes the editable copy of each context's wants."""
    n: int
    """Rows that it adds to each copy."""
    row: Annotated[Rows[Intent], 4]


_OF_STRATEGY = ("holding_limit_qty", "leg_groups", "exits", "streak", "cool_ns", "bad_limit")
_OF_WALLET = (
    "loss_day",
    "loss_session",
    "drawdown",
    "emergency",
    "position_loss",
    "loss_streak",
    "cool_downs",
)

_strings = overlay(Strings, MEMORY)
_plan_strings = overlay(PlanStrings, MEMORY)


@kernel(sig=DECIDE, checked=True)
def puppet(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Say what the strings say."""
    held = _strings(memory)
    held.calls += 1
    intents.n = held.n
    for i in range(min(max(held.n, 0), 64)):
        copy_intent(intents.row[i], held.row[i])
    intents.sleep = held.sleep
    intents.wake_ns = held.wake_ns
    return held.verdict


@kernel(sig=PLAN)
def puppet_plan(
    account: Account, instruments: Rows[View], contexts: Rows[Context], strategy: Strategy
) -> int:
    """Say what the plan's strings say."""
    held = _plan_strings(strategy.memory)
    held.calls += 1
    if held.edits:
        for k in range(len(contexts)):
            planned = edit(contexts[k])
            for i in range(held.n):
                copy_intent(planned.row[planned.n], held.row[i])
                planned.n += 1
    return held.verdict


class Desk:
    """A world of puppets at which a test sits.

    Parameters
    ----------
    payoffs
        One instrument each; wallet 0 for all.
    strategies
        How many puppets trade each instrument.
    limits, venue
        Of the account and of the simulated venue.
    balance
        Of the wallet, in currency.
    planned
        Whether the puppets have a plan, which says SET and edits nothing until told otherwise.
    **setup
        Fields of `InstrumentSetup` for every instrument; those of the puppets' set-up and of the wallet's limits too.
    """

    def __init__(
        self,
        payoffs: Sequence[str] = ("linear",),
        strategies: int = 1,
        limits: AccountLimits | None = None,
        venue: VenueSetup | None = None,
        balance: float = 10_000.0,
        *,
        planned: bool = False,
        **setup: Any,  # noqa: ANN401
    ) -> None:
        plan = puppet_plan if planned else None
        strategy = StrategySetup(puppet, range(len(payoffs)), np.zeros(PARAMS), plan=plan)
        strategy = replace(strategy, **{n: setup.pop(n) for n in _OF_STRATEGY if n in setup})
        wallet = WalletSetup("USDT", balance)
        wallet = replace(wallet, **{n: setup.pop(n) for n in _OF_WALLET if n in setup})
        setup = {"leverage": 5.0, "highest_price": 1e6, **setup}
        setups = [InstrumentSetup(instrument(payoff, f"S{j}"), **setup) for j, payoff in enumerate(payoffs)]
        self.world = World([wallet], setups, [strategy] * strategies, limits=limits, venue=venue)
        self.now_ns = START_NS
        self.fills: list[NDArray[Any]] = []
        self._fact = allocate(Fact)
        self._trades = 0

    # ------------------------------------------------------------------ what is wanted

    def want(self, *rows: dict[str, int], verdict: int = Verdict.SET, context: int = 0, **say: int) -> None:
        """Let a puppet want exactly these intents from now on; fields that are not given are zero."""
        cells = self.world.contexts["memory"]["v"][context]
        strings = cells[: dtype_of(Strings).itemsize // 8].view(dtype_of(Strings))
        strings["row"][0] = np.zeros((), dtype_of(Intent))
        strings["verdict"], strings["n"] = verdict, len(rows)
        for name in ("sleep", "wake_ns", "n"):
            strings[name] = say.get(name, len(rows) if name == "n" else 0)
        for i, row in enumerate(rows):
            for name, value in row.items():
                strings["row"][name][0, i] = value

    def calls(self, context: int = 0) -> int:
        """Return how often a puppet was asked."""
        return int(self.world.contexts["memory"]["v"][context][:1].view(np.int64)[0])

    # ------------------------------------------------------------------ facts in, requests out

    def tell(self, kind: int, **fields: float) -> list[Any]:
        """Tell the core one fact; return the requests that it leads to."""
        self._fact[:] = 0
        self._fact["kind"] = kind
        self._fact["recv_ts_ns"] = self._fact["venue_ts_ns"] = self.now_ns
        for name, value in fields.items():
            self._fact[name] = value
        world = self.world
        count = step(world.codes, *world.state, self._fact, 0)
        return [world.box["request"][0, q].copy() for q in range(count)]

    def bar(
        self, close: int, high: int = 0, low: int = 0, j: int = 0, volume: int = 1_000, opened: int = 0
    ) -> None:
        """Tell one bar of an instrument; time moves on by its length."""
        self.now_ns += MINUTE_NS
        opened = opened or close
        prices = {
            "open_tick": opened,
            "high_tick": high or max(opened, close),
            "low_tick": low or min(opened, close),
        }
        at_ns = self.now_ns - MINUTE_NS
        self.tell(FactKind.BAR, instrument=j, price_tick=close, qty_lot=volume, venue_ts_ns=at_ns, **prices)

    def wake(self, code: int = WakeCode.BATCH) -> list[Any]:
        """End the batch; return the requests."""
        return self.tell(FactKind.WAKE, code=code)

    def acknowledge(self, requests: Sequence[Any]) -> None:
        """Answer requests as a venue does that takes everything."""
        for request in requests:
            kinds = {
                RequestKind.NEW: FactKind.ACK,
                RequestKind.AMEND: FactKind.AMENDED,
                RequestKind.CANCEL: FactKind.CANCELLED,
            }
            order = self.order(int(request["slot"]), int(request["context"]))
            cancel = request["kind"] == RequestKind.CANCEL
            self.tell(
                kinds[int(request["kind"])],
                instrument=int(request["instrument"]),
                cid=int(request["cid"]),
                price_tick=int(request["price_tick"]),
                qty_lot=int(order["filled_lot"]) if cancel else int(request["qty_lot"]),
                amount=int(order["notional"]) if cancel else 0,
            )

    def fill(self, slot: int, lots: int, price_tick: int, context: int = 0, maker: int = 1) -> int:
        """Report `lots` more filled of a slot's order; return the trade's id."""
        order, view = self.order(slot, context), self.view(int(self.world.contexts["instrument"][context]))
        self._trades += 1
        unit = float(view["unit"])
        worth = lots * float(price_tick) * unit if view["sense"] > 0 else lots * unit / price_tick
        self.tell(
            FactKind.FILL,
            instrument=int(self.world.contexts["instrument"][context]),
            cid=int(order["cid"]),
            price_tick=price_tick,
            qty_lot=int(order["filled_lot"]) + lots,
            amount=int(order["notional"]) + int(worth),
            trade_id=self._trades,
            code=maker,
        )
        return self._trades

    def settle(self) -> list[Any]:
        """End the batch and answer everything until nothing more is asked; return all requests."""
        asked = self.wake()
        every = list(asked)
        for _ in range(3):
            if not asked:
                break
            self.acknowledge(asked)
            asked = self.wake(WakeCode.AGAIN)
            every += asked
        return every

    # ------------------------------------------------------------------ the simulated venue

    def play(
        self,
        *bars: tuple[int, ...],
        marks: Sequence[tuple[int, float]] = (),
        events: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Run bars of the first instrument, (open, high, low, close[, volume]), and return the fills they brought.

        marks: (bar, mark price) told at that bar's end. events: facts instead of marks.
        """
        rows = np.array([[(*bar, 1_000)[:5]] for bar in bars], np.int64)
        count = len(self.world.views)
        rows = np.repeat(rows, count, axis=1)
        ts = self.now_ns + MINUTE_NS * np.arange(len(bars), dtype=np.int64)
        if events is None:
            events = allocate(Fact, len(marks))
            for fact, (at, price) in zip(events, marks, strict=True):
                fact["kind"], fact["value"] = FactKind.MARK, price
                fact["recv_ts_ns"] = fact["venue_ts_ns"] = ts[at] + MINUTE_NS - 1
        self.world.venues["event_at"] = self.world.venues["next_event_ns"] = 0
        equity = np.zeros((len(bars), 1, 3), np.int64)
        at = 0
        while at < len(bars) and not self.world.venues["bankrupt"][0]:
            at = self.world.advance(rows, ts, events, equity, at, len(bars))
        self.now_ns += MINUTE_NS * len(bars)
        fills = self.world.drain().fills
        self.fills.append(fills)
        return fills

    # ------------------------------------------------------------------ what is known

    def order(self, slot: int, context: int = 0) -> Any:  # noqa: ANN401
        """Return what the core believes of a slot."""
        return self.world.contexts["working"]["order"][context, slot]

    def holding(self, side: int = 0, context: int = 0) -> Any:  # noqa: ANN401
        """Return a holding."""
        return self.world.contexts["working"]["holding"][context, side]

    def view(self, j: int = 0) -> Any:  # noqa: ANN401
        """Return the view of an instrument."""
        return self.world.views[j]

    @property
    def account(self) -> Any:  # noqa: ANN401
        """The wallet."""
        return self.world.accounts[0]

    @property
    def core(self) -> Any:  # noqa: ANN401
        """The core's registers."""
        return self.world.core[0]

    def refusals(self) -> list[tuple[int, float, float]]:
        """Return (rule, limit, value) of every refusal since the last look."""
        log = self.world.box["log"][0]
        rows = log["refusal_row"][: log["refusals"]]
        found = [(int(r["rule"]), float(r["limit"]), float(r["value"])) for r in rows]
        self.world.box["log"]["refusals"] = 0
        return found


def plan_says(desk: Desk, *rows: dict[str, int], verdict: int = Verdict.SET, edits: bool = False) -> None:
    """Let the plan of a desk's first strategy say this from now on: edit all wants, with these rows added."""
    cells = desk.world.strategies["memory"]["v"][0]
    strings = cells[: dtype_of(PlanStrings).itemsize // 8].view(dtype_of(PlanStrings))
    strings["row"][0] = np.zeros((), dtype_of(Intent))
    strings["verdict"], strings["n"], strings["edits"] = verdict, len(rows), int(edits or bool(rows))
    for i, row in enumerate(rows):
        for name, value in row.items():
            strings["row"][name][0, i] = value
