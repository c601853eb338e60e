"""What gateways say, as facts: one function a kind of event, without memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradewind.live.facts import Told
from tradewind.units.enums import FactKind, SettingCode
from tradewind.venues import gateway as seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradewind.venues.gateway import Event

__all__ = [
    "REDUCE_ONLY",
    "VENUE_CLOSED",
    "bar_fact",
    "funding_fact",
    "is_market",
    "market_fact",
    "setting_fact",
    "settlements_of",
    "status_fact",
    "taken_fact",
    "transfer_fact",
]

VENUE_CLOSED, REDUCE_ONLY = 1, 2
"""Codes of VENUE_STATUS: nothing trades, or reductions only."""
_TAKEN = {
    "liquidation": FactKind.ACCOUNT_LIQUIDATED,
    "adl": FactKind.ADL,
    "settlement": FactKind.DELISTED,
}  # fmt: skip


def is_market(event: Event) -> bool:
    """Say whether an event is about the market, which everybody sees, and becomes a fact by itself."""
    return type(event) in _MARKET


def market_fact(event: Event) -> Told:
    """Return a market event as the core takes it."""
    return _MARKET[type(event)](event)


def bar_fact(event: seen.BarSeen) -> Told:
    """Return a bar as the core takes it; each place is filled here, since this is on the way of every order."""
    return tuple.__new__(Told, (
        FactKind.BAR, event.ts_ns, event.recv_ns, event.instrument, 0, 0, 0, 0, 0, event.close_tick,
        event.volume_lot, event.open_tick, event.high_tick, event.low_tick, 0, 0, 0.0,
    ))  # fmt: skip


def _trade(event: seen.TradeSeen) -> Told:
    return Told(
        FactKind.TRADE, event.ts_ns, event.recv_ns, event.instrument, side=event.side,
        price_tick=event.price_tick, qty_lot=event.qty_lot, trade_id=event.trade_key,
    )  # fmt: skip


def _top(event: seen.TopSeen) -> Told:
    return Told(
        FactKind.BOOK_TOP, event.ts_ns, event.recv_ns, event.instrument, low_tick=event.bid_tick,
        open_tick=event.bid_lot, high_tick=event.ask_tick, qty_lot=event.ask_lot,
    )  # fmt: skip


def _mark(event: seen.MarkSeen) -> Told:
    return Told(FactKind.MARK, event.ts_ns, event.recv_ns, event.instrument, value=event.mark)


def _rate(event: seen.FundingRateSeen) -> Told:
    return Told(FactKind.FUNDING_RATE, event.ts_ns, event.recv_ns, event.instrument, value=event.rate)


def _interest(event: seen.OpenInterestSeen) -> Told:
    return Told(
        FactKind.OPEN_INTEREST, event.ts_ns, event.recv_ns, event.instrument, value=event.open_interest
    )


def _liquidation(event: seen.LiquidationSeen) -> Told:
    return Told(
        FactKind.LIQUIDATION, event.ts_ns, event.recv_ns, event.instrument, side=event.side,
        value=event.notional,
    )  # fmt: skip


_MARKET: dict[type, Callable[..., Told]] = {
    seen.BarSeen: bar_fact,
    seen.TradeSeen: _trade,
    seen.TopSeen: _top,
    seen.MarkSeen: _mark,
    seen.FundingRateSeen: _rate,
    seen.OpenInterestSeen: _interest,
    seen.LiquidationSeen: _liquidation,
}


def funding_fact(event: seen.FundingPaidSeen, wallet: int) -> Told:
    """Return funding paid as the core takes it; it knows a settlement by its time."""
    return Told(
        FactKind.FUNDING_PAID, event.ts_ns, event.recv_ns, event.instrument, wallet,
        position_side=event.position_side, amount=event.amount, value=event.rate,
    )  # fmt: skip


def settlements_of(paid: Sequence[seen.FundingPaidSeen]) -> list[seen.FundingPaidSeen]:
    """Return what was charged for each settlement, oldest first: the core takes one of a time, and no older one after.

    A venue may charge the two sides of a hedge apart and not say which is which.
    """
    summed: dict[tuple[int, int, int, str], seen.FundingPaidSeen] = {}
    for each in sorted(paid, key=lambda each: each.ts_ns):
        key = each.ts_ns, each.instrument, each.position_side, each.currency
        before = summed.get(key)
        summed[key] = each if before is None else replace(each, amount=each.amount + before.amount)
    return list(summed.values())


def transfer_fact(event: seen.TransferSeen, wallet: int, key: int) -> Told:
    """Return a transfer as the core takes it, with the number by which it counts once."""
    return Told(
        FactKind.TRANSFER, event.ts_ns, event.recv_ns, wallet=wallet, amount=event.amount, trade_id=key
    )


def taken_fact(event: seen.TakenSeen, wallet: int) -> Told:
    """Return position that the venue closed as the core takes it."""
    return Told(
        _TAKEN[event.kind], event.ts_ns, event.recv_ns, event.instrument, wallet,
        position_side=event.position_side, price_tick=event.price_tick, qty_lot=event.qty_lot,
        amount=event.notional, trade_id=event.trade_key,
    )  # fmt: skip


def status_fact(event: seen.StatusSeen, instrument: int) -> Told:
    """Return the state of a venue for one instrument."""
    code = VENUE_CLOSED if event.down else REDUCE_ONLY * event.reduce_only
    return Told(FactKind.VENUE_STATUS, event.recv_ns, event.recv_ns, instrument, code=code)


def setting_fact(event: seen.SettingSeen) -> Told:
    """Return a setting as the core takes it: a leverage as a number, a notional as money, all else whole."""
    fact = Told(FactKind.SETTING, event.ts_ns, event.recv_ns, event.instrument, code=event.code)
    if event.code == SettingCode.LEVERAGE:
        return fact._replace(value=float(event.value))
    if event.code == SettingCode.MIN_NOTIONAL:
        return fact._replace(amount=int(event.value))
    return fact._replace(qty_lot=int(event.value))
