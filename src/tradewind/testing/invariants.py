"""What must hold after every batch whatever anybody asked for, recomputed outside the core in whole numbers.

The checker trusts nothing that the core sums up: it adds held lots, margin, money and positions again from the
orders and holdings, and compares what the core believes with what the simulated venue knows, including what is
still on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.units.enums import AttemptState, FactKind, IntentKind, OrderState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.engine.world import World

__all__ = ["InvariantBroken", "Invariants"]

_SIGN = np.array([1, -1])
_TAKEN = (FactKind.ACCOUNT_LIQUIDATED, FactKind.ADL, FactKind.DELISTED)


class InvariantBroken(AssertionError):
    """A promise of the core does not hold."""


def _require(holds: Any, what: str, *values: object) -> None:  # noqa: ANN401
    if not np.all(holds):
        raise InvariantBroken(f"{what}: " + "; ".join(str(value) for value in values))


class Invariants:
    """Checks one world after each batch.

    Parameters
    ----------
    world
        The world to check, before its first batch.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        accounts = world.accounts
        self._started = accounts["balance"].copy()
        self._holding_before = np.zeros((len(world.contexts), 2), np.int64)
        self._side_before = np.zeros((len(world.views), 2), np.int64)
        self._true_before = np.zeros((len(world.contexts), 2), np.int64)
        self._closers_before = np.zeros((len(world.contexts), 2), np.int64)

    def check(self) -> None:
        """Raise InvariantBroken with the promise and the numbers that break it."""
        self.check_belief()
        self._check_marks()
        self.check_agreement()

    def check_belief(self) -> None:
        """Check what the core sums up about itself."""
        self._check_slots()
        self._check_limits()
        self._check_money()

    def check_truth(self) -> None:
        """Check limits and positions with what the venue knows and the core does not yet."""
        orders, table = self._world.contexts["working"]["order"], self._world.venue_contexts["order"]
        self._check_truth(orders, table, orders["state"] != OrderState.FREE, self._there(orders.shape[1]))

    # ------------------------------------------------------------------ what the core believes

    def _check_slots(self) -> None:
        """Held lots per class, live masks, counts."""
        working = self._world.contexts["working"]
        orders, holdings = working["order"], working["holding"]
        live = orders["state"] != OrderState.FREE
        _require(orders["held_lot"][~live] == 0, "a free slot holds lots")
        _require(orders["reserve"][~live] == 0, "a free slot holds margin")
        left = orders["qty_lot"] - orders["filled_lot"]
        _require((orders["held_lot"] >= left) | ~live, "an order holds less than it may fill")
        opener, stop = orders["reduce"] == 0, orders["kind"] == IntentKind.STOP
        for side in (0, 1):
            mine = live & (orders["position_side"] == side)
            for name, which in (
                ("open_lot", opener),
                ("close_lot", ~opener & ~stop),
                ("stop_lot", ~opener & stop),
            ):
                held = np.where(mine & which, orders["held_lot"], 0).sum(1)
                _require(
                    held == holdings[name][:, side], f"held lots, {name}", side, held, holdings[name][:, side]
                )
        bits = np.unpackbits(np.ascontiguousarray(working["live"]).view(np.uint8), axis=1, bitorder="little")
        _require(bits[:, : live.shape[1]].astype(bool) == live, "live mask")
        _require(working["live_count"] == live.sum(1), "live count")
        core = self._world.core[0]
        _require(core["open_orders"] == live.sum(), "open orders", core["open_orders"], live.sum())
        _require(core["errors"] == 0, "log overflow", core["errors"])

    def _check_limits(self) -> None:
        """Rule D at the holding and at the venue's side, and closers; a breach from outside may stand but not grow."""
        world = self._world
        holdings = world.contexts["working"]["holding"]
        total = holdings["pos_lot"] + holdings["open_lot"]
        _require(holdings["pos_lot"] >= 0, "a holding is negative")
        bound = np.maximum(holdings["limit_lot"], self._holding_before)
        _require(total <= bound, "rule D, holding", total, holdings["limit_lot"])
        self._holding_before = total.copy()
        sides = np.zeros((len(world.views), 2), np.int64)
        np.add.at(sides, world.contexts["instrument"], total)
        _require(sides == world.views["side_lot"], "lots per side", sides, world.views["side_lot"])
        outside = np.where(sides > 0, world.views["external_lot"] + world.views["external_open_lot"], 0)
        bound = np.maximum(world.views["side_limit_lot"] - outside, self._side_before)
        _require(sides <= bound, "rule D, side", sides, world.views["side_limit_lot"])
        self._side_before = sides
        self._check_closers()

    def _check_closers(self) -> None:
        """Closers of a shared position fit the book.

        A liquidation may take it while one is on the way, which nobody can call back; more may not follow.
        """
        working = self._world.contexts["working"]
        orders, held = working["order"], working["holding"]["pos_lot"]
        shared = self._world.views["shared"][self._world.contexts["instrument"]] == 1
        closers = working["holding"]["close_lot"] + working["holding"]["stop_lot"]
        bound = np.maximum(held, self._closers_before)
        _require(closers[shared] <= bound[shared], "closers of a shared position", closers)
        self._closers_before = closers.copy()
        rests = np.isin(orders["state"], (OrderState.LIVE, OrderState.TRIGGERED)) & (orders["reduce"] == 1)
        for side in (0, 1):
            resting = np.where(rests & (orders["position_side"] == side), orders["held_lot"], 0).sum(1)
            _require(
                resting[shared] <= held[shared, side], "closers of a shared position at work", side, resting
            )

    def _check_money(self) -> None:
        """Margin, cash and equity, to the last unit."""
        world, accounts = self._world, self._world.accounts
        views = world.views[world.contexts["instrument"]]
        holdings = world.contexts["working"]["holding"]
        margin = (holdings["cost"] / views["leverage"][:, None]).astype(np.int64).sum(1)
        used = (
            self._by_wallet(margin + world.contexts["working"]["order"]["reserve"].sum(1)) + self._spending()
        )
        _require(used == accounts["used"], "margin", used, accounts["used"])
        realised = self._by_wallet(holdings["realised"].sum(1))
        _require(realised == accounts["realised"], "realised", realised, accounts["realised"])
        moved = accounts["transferred"] + accounts["adjusted"] - accounts["fees"] - accounts["funding"]
        cash = self._started + realised + moved
        _require(cash == accounts["balance"], "cash", cash, accounts["balance"])

    def _check_marks(self) -> None:
        """Value at the last close; it is not of today where fills became known after the batch was marked."""
        world, accounts = self._world, self._world.accounts
        views = world.views[world.contexts["instrument"]]
        unrealised = self._by_wallet(_values(views, world.contexts["working"]["holding"]))
        _require(unrealised == accounts["unrealised"], "unrealised", unrealised, accounts["unrealised"])

    def _by_wallet(self, amounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add amounts of contexts up per wallet."""
        total = np.zeros(len(self._world.accounts), np.int64)
        np.add.at(total, self._world.contexts["wallet"], amounts)
        return total

    def _spending(self) -> NDArray[np.int64]:
        """Return what attempts in flight reserve, per wallet."""
        attempts = self._world.core[0]["attempt"]
        alive = (attempts["state"] > AttemptState.NONE) & (attempts["state"] < AttemptState.INCLUDED)
        total = np.zeros(len(self._world.accounts), np.int64)
        np.add.at(total, attempts["wallet"][alive], attempts["reserve"][alive])
        return total

    # ------------------------------------------------------------------ what the venue knows

    def check_agreement(self) -> None:
        """Positions, orders and money at the venue against what the core believes plus what is on its way."""
        world, venue = self._world, self._world.venues[0]
        _require(venue["overflow"] == 0, "the rings overflowed", venue["overflow"])
        _require(world.venue_instruments["pos_lot"] >= 0, "a venue position is negative")
        orders, table = world.contexts["working"]["order"], world.venue_contexts["order"]
        there = self._there(orders.shape[1])
        live = orders["state"] != OrderState.FREE
        if not self._in_flight():
            _require(there == live, "venue and core disagree about what works")
            for name in ("cid", "filled_lot", "qty_lot", "notional", "side", "position_side"):
                _require((table[name] == orders[name]) | ~live, f"venue and core disagree about {name}")
            self._check_flows()
        if not self._position_on_its_way():
            self._check_truth(orders, table, live, there)

    def _there(self, slots: int) -> NDArray[np.bool_]:
        """Return which slots work at the venue."""
        bits = np.ascontiguousarray(self._world.venue_contexts["live"]).view(np.uint8)
        return np.unpackbits(bits, axis=1, bitorder="little")[:, :slots].astype(bool)

    def _in_flight(self) -> bool:
        venue = self._world.venues[0]
        return bool(venue["request_head"] < venue["request_tail"] or venue["fact_head"] < venue["fact_tail"])

    def _position_on_its_way(self) -> bool:
        """Tell whether a liquidation or a delisting is not known to the core yet."""
        venue = self._world.venues[0]
        ring = np.arange(venue["fact_head"], venue["fact_tail"]) % len(venue["fact"])
        return bool(np.isin(venue["fact"]["kind"][ring], _TAKEN).any())

    def _check_truth(
        self, orders: NDArray[Any], table: NDArray[Any], live: NDArray[Any], there: NDArray[Any]
    ) -> None:
        """Rule D with fills that the core does not know yet, and the venue's position as the sum of holdings."""
        world = self._world
        holdings = world.contexts["working"]["holding"]
        unknown = np.where(
            live & (table["cid"] == orders["cid"]), table["filled_lot"] - orders["filled_lot"], 0
        )
        _require(unknown >= 0, "the core knows of fills that did not happen")
        rests = np.where(there, table["qty_lot"] - table["filled_lot"], 0)
        true, worst = np.zeros((2, len(world.contexts), 2), np.int64)
        for side in (0, 1):
            mine = orders["position_side"] == side
            opening = np.where(mine & (orders["reduce"] == 0), unknown, 0).sum(1)
            closing = np.where(mine & (orders["reduce"] == 1), unknown, 0).sum(1)
            true[:, side] = holdings["pos_lot"][:, side] + opening - closing
            opens = (table["position_side"] == side) & ((table["side"] == 1) == (side == 0))
            worst[:, side] = true[:, side] + np.where(opens, rests, 0).sum(1)
        bound = np.maximum(holdings["limit_lot"], self._true_before)
        _require((true >= 0) & (worst <= bound), "rule D, truth", true, worst, holdings["limit_lot"])
        self._true_before = worst
        net = np.zeros((len(world.views), 2), np.int64)
        np.add.at(net, world.contexts["instrument"], true)
        position = world.venue_instruments["pos_lot"]
        hedge = world.views["hedge"] == 1
        _require(net[hedge] == position[hedge], "position of a hedge account", net, position)
        _require((net @ _SIGN)[~hedge] == (position @ _SIGN)[~hedge], "netted position", net, position)

    def _check_flows(self) -> None:
        """Cash less what positions cost is the same at both ends: no order of closing creates money."""
        world = self._world
        sense = world.views["sense"]
        costs = world.contexts["working"]["holding"]["cost"] @ _SIGN * sense[world.contexts["instrument"]]
        here = world.accounts["balance"] - self._by_wallet(costs)
        there = world.venue_wallets["balance"].copy()
        np.subtract.at(there, world.views["wallet"], world.venue_instruments["cost"] @ _SIGN * sense)
        _require(here == there, "money at the venue", here, there)


def _values(views: NDArray[Any], holdings: NDArray[Any]) -> NDArray[np.int64]:
    """Return the unrealised value of each context at its last close, in money."""
    lots, close, unit = holdings["pos_lot"], views["close"][:, None], views["unit"][:, None]
    linear = (lots * close * unit).astype(np.int64)
    inverse = (lots * unit / np.maximum(close, 1)).astype(np.int64)
    worth = np.where(views["sense"][:, None] > 0, linear, inverse)
    value: NDArray[np.int64] = np.where(lots > 0, worth - holdings["cost"], 0) @ _SIGN * views["sense"]
    return value
