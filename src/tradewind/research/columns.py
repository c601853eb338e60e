"""Rows that the core logged, as a person reads them: words, prices and amounts as decimals, money in currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tradewind.engine.world import World, lot_of
from tradewind.report.rules import RULES_IN_LOTS, RULES_IN_MONEY
from tradewind.research.drive import Driven, Ints, Records
from tradewind.research.history import Histories
from tradewind.research.resolve import Resolved
from tradewind.units.enums import BUY, Halt, IntentKind, LogKind, OrderState, Role, Rule, names_of
from tradewind.units.ids import wire_id
from tradewind.units.layout import Layout, dtype_of, joined
from tradewind.units.wire import CashRow, FillRow, OrderRow, RefusalRow

__all__ = ["Columns", "Translator"]

Columns = dict[str, npt.NDArray[np.generic]]
_PREFIX = "bt"
_SIDES = np.array(["long", "short"], dtype=object)
_ENDED = {Rule.FILLED: "filled", Rule.UNFILLED: "expired", Rule.NOT_SENT: "rejected"}
_VENUE_RULES = range(Rule.VENUE_POST_ONLY, Rule.VENUE_OTHER + 1)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Numerator and denominator by which whole steps become a decimal, one of each per instrument."""

    over: npt.NDArray[np.float64]
    under: npt.NDArray[np.float64]

    @classmethod
    def of(cls, steps: Sequence[Decimal]) -> "_Scale":
        ratios = [Fraction(step) for step in steps]
        return cls(
            np.array([float(r.numerator) for r in ratios]), np.array([float(r.denominator) for r in ratios])
        )

    def apply(self, counts: Ints, column: Ints) -> npt.NDArray[np.float64]:
        """Return the double next to each decimal: one product of integers and one division round once."""
        found: npt.NDArray[np.float64] = counts * self.over[column] / self.under[column]
        return found


class Translator:
    """Knows names and units of one run."""

    def __init__(self, resolved: Resolved, histories: Histories, world: World) -> None:
        self._labels = np.array(resolved.labels, dtype=object)
        self._strategies = np.array(
            [part.label for part in resolved.parts for _ in part.columns], dtype=object
        )
        self._tags = [part.code.tags for part in resolved.parts for _ in part.columns]
        self._price = _Scale.of([history.grid.step for history in histories.each])
        self._qty = _Scale.of([lot_of(instrument) for instrument in resolved.instruments])
        self._wallet = world.views["wallet"].astype(np.int64)
        self._money = world.accounts["scale"].astype(np.float64)
        wallets = (resolved.config.capital, *resolved.config.wallets)
        self._currency = np.array([wallet.currency for wallet in wallets], dtype=object)
        self._settled = _settled_prices(histories)
        self._ids: dict[int, str] = {}

    def fills(self, driven: Driven) -> Columns:
        """Return the fills in the order in which they were booked, times ascending."""
        rows = _joined(driven.fills, FillRow)
        column = rows["instrument"]
        scale = self._money[self._wallet[column]]
        return {
            "ts_ns": rows["ts_ns"],
            "symbol": self._labels[column],
            "side": _word(rows["side"] == BUY, "buy", "sell"),
            "position_side": _SIDES[rows["position_side"]],
            "price": self._price.apply(rows["price_tick"], column),
            "qty": self._qty.apply(rows["qty_lot"], column),
            "notional": rows["notional"] / scale,
            "liquidity": _word(rows["maker"] == 1, "maker", "taker"),
            "fee": rows["fee"] / scale,
            "realized_pnl": rows["realised"] / scale,
            "role": _words(rows["role"], Role),
            "order_id": self._order_ids(rows["cid"]),
            "strategy": self._strategies[rows["context"]],
            "tag": self._tag_words(rows["context"], rows["tag"]),
            "currency": self._currency[self._wallet[column]],
            "trade_id": rows["trade_id"],
        }

    def orders(self, driven: Driven) -> Columns:
        """Return every change of state of every order."""
        rows = _joined(driven.orders, OrderRow)
        column = rows["instrument"]
        return {
            "ts_ns": rows["ts_ns"],
            "symbol": self._labels[column],
            "strategy": self._strategies[rows["context"]],
            "order_id": self._order_ids(rows["cid"]),
            "slot": rows["slot"],
            "state": _states(rows["state"], rows["reason"]),
            "reason": _reasons(rows["reason"]),
            "kind": _words(rows["kind"], IntentKind),
            "side": _word(rows["side"] == BUY, "buy", "sell"),
            "position_side": _SIDES[rows["position_side"]],
            "reduce": rows["reduce"] == 1,
            "price": self._asked_price(rows["price_tick"], column),
            "qty": self._qty.apply(rows["qty_lot"], column),
            "filled_qty": self._qty.apply(rows["filled_lot"], column),
            "tag": self._tag_words(rows["context"], rows["tag"]),
        }

    def refused(self, driven: Driven) -> Columns:
        """Return what the gate did not let out and what the venue rejected, with the rule, its limit and the value."""
        gate, orders = _joined(driven.refusals, RefusalRow), _joined(driven.orders, OrderRow)
        told = orders[(orders["state"] == OrderState.FREE) & np.isin(orders["reason"], _VENUE_RULES)]
        column = np.concatenate([gate["instrument"], told["instrument"]])
        rule = np.concatenate([gate["rule"], told["reason"]])
        none = np.full(len(told), np.nan)
        limit, value = np.concatenate([gate["limit"], none]), np.concatenate([gate["value"], none])
        ts_ns = np.concatenate([gate["ts_ns"], told["ts_ns"]])
        both = {
            "ts_ns": ts_ns,
            "symbol": self._labels[column],
            "strategy": self._strategies[np.concatenate([gate["context"], told["context"]])],
            "by": _word(np.arange(len(rule)) < len(gate), "gate", "venue"),
            "rule": _rules(rule, value),
            "limit": self._in_units(rule, limit, column),
            "value": self._in_units(rule, value, column),
            "side": _word(np.concatenate([gate["side"], told["side"]]) == BUY, "buy", "sell"),
            "price": self._asked_price(np.concatenate([gate["price_tick"], told["price_tick"]]), column),
            "qty": self._qty.apply(np.concatenate([gate["qty_lot"], told["qty_lot"]]), column),
        }
        order = np.argsort(ts_ns, kind="stable")
        return {name: values[order] for name, values in both.items()}

    def _asked_price(self, ticks: Ints, column: Ints) -> npt.NDArray[np.float64]:
        """Return the prices that orders ask for, not a number where one takes what the market gives."""
        return np.where(ticks == 0, np.nan, self._price.apply(ticks, column))

    def funding(self, driven: Driven) -> Columns:
        """Return the settlements that moved money: quantity negative for a short, amount as the balance changed."""
        rows = _joined(driven.cash, CashRow)
        rows = rows[rows["kind"] == LogKind.FUNDING]
        column = rows["instrument"]
        held = self._qty.apply(rows["qty_lot"], column)
        prices = [
            self._settled.get((int(j), int(ts)), 0.0) for j, ts in zip(column, rows["ts_ns"], strict=True)
        ]
        return {
            "ts_ns": rows["ts_ns"],
            "symbol": self._labels[column],
            "rate": rows["rate"],
            "mark_price": np.array(prices, np.float64),
            "qty": np.where(rows["position_side"] == 1, -held, held),
            "amount": rows["amount"] / self._money[rows["wallet"]],
            "currency": self._currency[rows["wallet"]],
        }

    def equity(self, driven: Driven, ts_ns: Ints, rows: npt.NDArray[np.int64], wallet: int) -> Columns:
        """Return one wallet at some places of the grid."""
        money = driven.equity[rows, wallet] / self._money[wallet]
        units = driven.equity[rows, wallet]
        return {
            "ts_ns": ts_ns[rows],
            "balance": money[:, 0],
            "equity": money[:, 1],
            "unrealized_pnl": (units[:, 1] - units[:, 0]) / self._money[wallet],
            "margin_used": money[:, 2],
        }

    def _order_ids(self, cids: Ints) -> npt.NDArray[np.generic]:
        """Return order ids as they would stand on the wire; nothing for what the venue did by itself."""
        unique, place = np.unique(cids, return_inverse=True)
        words = np.array([wire_id(_PREFIX, 0, int(cid)) if cid else "" for cid in unique], dtype=object)
        return words[place] if len(unique) else np.empty(0, dtype=object)

    def _tag_words(self, context: Ints, tag: Ints) -> npt.NDArray[np.generic]:
        key = context * 1_000_000 + tag
        unique, place = np.unique(key, return_inverse=True)
        words = [self._tag_word(*divmod(int(each), 1_000_000)) for each in unique]
        return np.array(words, dtype=object)[place] if words else np.empty(0, dtype=object)

    def _tag_word(self, context: int, tag: int) -> str:
        names = self._tags[context]
        return names[tag - 1] if 0 < tag <= len(names) else (str(tag) if tag else "")

    def _in_units(self, rule: Ints, amount: npt.NDArray[np.float64], column: Ints) -> npt.NDArray[np.float64]:
        """Return what a rule compared in the unit of the rule: quantity, money, or a plain ratio or count."""
        lots, money = np.isin(rule, list(RULES_IN_LOTS)), np.isin(rule, list(RULES_IN_MONEY))
        # A position's notional is compared as money, or as a multiple of equity where that is the limit.
        money |= (rule == Rule.POSITION_NOTIONAL) & (np.abs(amount) > 1e6)
        qty = amount * self._qty.over[column] / self._qty.under[column]
        found: npt.NDArray[np.float64] = np.where(
            lots, qty, np.where(money, amount / self._money[self._wallet[column]], amount)
        )
        return found


def _settled_prices(histories: Histories) -> Mapping[tuple[int, int], float]:
    """Return (column, time) → mark price of each settlement, exactly as the history says it."""
    return {
        (column, int(ts)): float(price)
        for column, history in enumerate(histories.each)
        for ts, price in zip(history.funding.ts_ns, history.settled_price, strict=True)
    }


def _joined(parts: Sequence[Records], layout: type[Layout]) -> Records:
    return joined(parts) if parts else np.empty(0, dtype_of(layout))


def _word(which: npt.NDArray[np.bool_], yes: str, no: str) -> npt.NDArray[np.generic]:
    found: npt.NDArray[np.generic] = np.where(which, np.array(yes, dtype=object), np.array(no, dtype=object))
    return found


def _rules(rule: Ints, value: npt.NDArray[np.float64]) -> npt.NDArray[np.generic]:
    """Return the name of each rule; of a halt also what had halted trading."""
    named = _words(rule, Rule)
    for at in np.flatnonzero(rule == Rule.HALTED):
        causes = [name.lower() for bit, name in names_of(Halt).items() if int(value[at]) & bit]
        named[at] = f"halted: {', '.join(causes)}" if causes else "halted"
    return named


def _words(codes: Ints, names: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """Return the names of codes in small letters."""
    known = names_of(names)
    unique, place = np.unique(codes, return_inverse=True)
    words = np.array([known.get(int(code), str(code)).lower() for code in unique], dtype=object)
    return words[place] if len(unique) else np.empty(0, dtype=object)


def _reasons(codes: Ints) -> npt.NDArray[np.generic]:
    words = _words(codes, Rule)
    words[codes == Rule.OK] = ""
    return words


def _states(states: Ints, reasons: Ints) -> npt.NDArray[np.generic]:
    """Return the state of an order as people call it: a freed slot is filled, expired, rejected or cancelled."""
    words = _words(states, OrderState)
    words[states == OrderState.LIVE] = "working"
    ended = states == OrderState.FREE
    words[ended] = "cancelled"
    for reason, word in _ENDED.items():
        words[ended & (reasons == reason)] = word
    words[ended & np.isin(reasons, _VENUE_RULES)] = "rejected"
    return words
