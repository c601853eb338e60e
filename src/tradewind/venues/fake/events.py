"""What happens at a fake exchange, told to who listens: synchronously, in order, as values that do not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.orders import (
        Candle,
        FakeBalance,
        FakeIncome,
        FakeOrder,
        FakePosition,
        FakeTrade,
        Side,
        SymbolStatus,
    )

__all__ = [
    "BalanceChanged",
    "BookChanged",
    "CandleChanged",
    "Channel",
    "Event",
    "FundingSettled",
    "LiquidationPrinted",
    "Listener",
    "MarkChanged",
    "OrderChanged",
    "PositionChanged",
    "SettingChanged",
    "StatusChanged",
    "TradePrinted",
]

Levels = list[tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order came, changed or ended; with the fill that did it. `order` is a copy of that moment."""

    account: FakeAccount
    order: FakeOrder
    trade: FakeTrade | None = None
    cause: Literal["placed", "filled", "canceled", "amended", "expired", "rejected", "triggered"] = "placed"


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """One side of a position changed."""

    account: FakeAccount
    position: FakePosition
    cause: Literal["trade", "funding", "liquidation", "adl", "settlement", "setting"] = "trade"


@dataclass(frozen=True, slots=True)
class BalanceChanged:
    """The cash of an asset changed by `change`."""

    account: FakeAccount
    balance: FakeBalance
    cause: Literal["trade", "funding", "transfer", "liquidation", "adl", "settlement"]
    change: Decimal


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """Leverage, margin mode ("isolated": 1 or 0) or position mode ("hedge") changed; symbol "" for the account."""

    account: FakeAccount
    symbol: str
    setting: Literal["leverage", "isolated", "hedge"]
    value: Decimal
    ts_ns: int


@dataclass(frozen=True, slots=True)
class FundingSettled:
    """Funding moved an account's cash."""

    account: FakeAccount
    income: FakeIncome


@dataclass(frozen=True, slots=True)
class TradePrinted:
    """A trade of the market; `side` is the taker's."""

    symbol: str
    price: Decimal
    qty: Decimal
    side: Side
    trade_id: int
    ts_ns: int


@dataclass(frozen=True, slots=True)
class BookChanged:
    """Levels that changed since update `previous_id`; quantity 0 removes one."""

    symbol: str
    bids: Levels
    asks: Levels
    first_id: int
    last_id: int
    previous_id: int
    ts_ns: int


@dataclass(frozen=True, slots=True)
class CandleChanged:
    """A bar grew or closed."""

    symbol: str
    interval_ns: int
    row: Candle
    ts_ns: int


@dataclass(frozen=True, slots=True)
class MarkChanged:
    """Mark and index moved; the rate is what the next settlement would be by now."""

    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_ns: int
    ts_ns: int


@dataclass(frozen=True, slots=True)
class LiquidationPrinted:
    """Somebody's position was liquidated; `side` of the order that closed it."""

    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    ts_ns: int


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A symbol ("": the whole exchange) changed its status, or its rules did."""

    symbol: str
    status: SymbolStatus
    text: str
    ts_ns: int


Event = (
    OrderChanged
    | PositionChanged
    | BalanceChanged
    | SettingChanged
    | FundingSettled
    | TradePrinted
    | BookChanged
    | CandleChanged
    | MarkChanged
    | LiquidationPrinted
    | StatusChanged
)
Listener = Callable[[Event], None]
Channel = Literal["trades", "book", "candles", "mark", "liquidations"]
"""What of the market can be watched; account and status events are told without asking."""
