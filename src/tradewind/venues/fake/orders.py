"""The words of a fake exchange: what is asked of it and what it keeps, in the venue's own units.

Prices, quantities and money are decimals as a venue writes them, never ticks or lots: the protocols print them
as they are. Quantities are in the instrument's own unit (contracts, or base coin; see
`Instrument.contract_size`). All times are ns UTC by the exchange's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Literal

__all__ = [
    "ENDED",
    "Book",
    "Candle",
    "FakeBalance",
    "FakeIncome",
    "FakeOrder",
    "FakePosition",
    "FakeTrade",
    "FundingNow",
    "IncomeKind",
    "OrderKind",
    "OrderState",
    "Placement",
    "PositionSide",
    "PublicTrade",
    "Reason",
    "Refused",
    "Side",
    "SymbolStatus",
    "Tif",
    "TradeKind",
]

Side = Literal["buy", "sell"]
PositionSide = Literal["both", "long", "short"]
OrderKind = Literal[
    "limit", "market", "stop_market", "stop_limit", "take_profit_market", "take_profit_limit", "trailing_stop"
]
Tif = Literal["GTC", "IOC", "FOK", "GTX"]
OrderState = Literal["new", "partially_filled", "filled", "canceled", "expired", "rejected", "triggered"]
TradeKind = Literal["trade", "liquidation", "adl", "settlement"]
IncomeKind = Literal["funding", "transfer", "fee", "realized_pnl", "insurance"]
SymbolStatus = Literal["trading", "settling", "closed", "reduce_only", "maintenance"]

ENDED: frozenset[str] = frozenset({"filled", "canceled", "expired", "rejected", "triggered"})
"""States after which an order changes no more. A stop that triggered has ended: its child goes on."""

ZERO = Decimal(0)


class Reason(Enum):
    """Why the venue did not do what was asked; each protocol has its own code and text for it."""

    POST_ONLY = "the order would take, and was to rest only"
    REDUCE_ONLY = "there is nothing to reduce"
    MIN_NOTIONAL = "worth less than the least order"
    MIN_QTY = "smaller than the least order"
    MAX_QTY = "larger than the largest order"
    TICK = "the price is off the tick"
    LOT = "the quantity is off the lot"
    MARGIN = "the margin does not suffice"
    DUPLICATE_ID = "the client id is in use or was used"
    UNKNOWN_ORDER = "no such order"
    ENDED_ORDER = "the order has ended"
    SYMBOL_UNKNOWN = "no such symbol"
    SYMBOL_CLOSED = "the symbol does not trade"
    WOULD_TRIGGER = "the stop would trigger at once"
    PRICE_BAND = "the price is too far from the mark"
    ORDER_LIMIT = "too many working orders"
    MODE_MISMATCH = "the position side does not agree with the position mode"
    MODE_LOCKED = "the mode cannot change while orders or positions exist"
    REDUCE_ONLY_REGIME = "the account or symbol may only reduce"
    LIQUIDATING = "the account is being liquidated"
    PERMISSION = "the key lacks the permission"
    KEY_INVALID = "the key is not valid"
    ADDRESS = "the key is not valid from this address"
    SELF_TRADE = "the order would trade with one of its own account"
    FOK = "the order cannot be filled whole at once"
    IOC = "nothing was there to take within the limit"
    NO_CHANGE = "it is so already"
    LEVERAGE = "the leverage is out of range"
    AMEND_QTY = "the new quantity is not above what was filled"
    NOT_AMENDABLE = "this order cannot be changed"
    SHAPE = "fields that do not go together"
    MAINTENANCE = "the exchange is under maintenance"
    OVERLOAD = "the exchange is overloaded"
    REGION = "not available where you are"
    INTERNAL = "the exchange failed"


class Refused(Exception):
    """The exchange refuses a request; nothing came of it, except where a misfortune says otherwise."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason.name}: {text or reason.value}")


@dataclass(frozen=True, slots=True)
class Placement:
    """An order as it is asked for.

    Parameters
    ----------
    qty
        In the instrument's unit; 0 with `close_position`.
    price
        Limit in quote units; None at market.
    tif
        GTX rests only (post-only).
    close_position
        A stop or take-profit that closes whatever is held when it triggers.
    position_side
        "both" in one-way mode, else the side of the position that is opened or reduced.
    client_id
        The client's id; "" lets the exchange leave it empty.
    trigger, trigger_by
        Price that sets off a stop or take-profit, and which price is watched.
    callback_ratio, callback
        Distance of a trailing stop from the best price: as a ratio (0.01 is 1 %), or as a price difference.
    expires_ns
        The exchange lets the order expire then; 0: never.
    tag
        What a protocol notes about the order for its lists; the exchange does not look at it.
    """

    symbol: str
    side: Side
    kind: OrderKind
    qty: Decimal
    price: Decimal | None = None
    tif: Tif = "GTC"
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = "both"
    client_id: str = ""
    trigger: Decimal | None = None
    trigger_by: Literal["last", "mark"] = "last"
    callback_ratio: Decimal | None = None
    callback: Decimal | None = None
    expires_ns: int = 0
    tag: str = ""


@dataclass(slots=True)
class FakeOrder:
    """An order as the exchange keeps it. What is handed out is a copy.

    Parameters
    ----------
    order_id
        Rises with every order of the exchange.
    placement
        What it stands for now; an amendment replaces price and quantity in it.
    filled, quote, fee
        Cumulative: quantity, notional in quote units (inverse: in the settling coin), fee paid.
    priced
        Sum over its fills of price times quantity.
    algo
        It waits (or waited) in the list of stops.
    child_id
        Of a stop that triggered: the order that came of it, 0 for none.
    parent_id
        Of an order that came of a stop: that stop.
    reason
        Why it ended or was refused, "" while it works.
    stop_price
        Where a waiting stop triggers now; it moves with a trailing stop.
    """

    order_id: int
    placement: Placement
    state: OrderState
    created_ns: int
    updated_ns: int
    filled: Decimal = ZERO
    quote: Decimal = ZERO
    fee: Decimal = ZERO
    priced: Decimal = ZERO
    algo: bool = False
    reason: str = ""
    child_id: int = 0
    parent_id: int = 0
    stop_price: Decimal | None = None

    @property
    def working(self) -> bool:
        """Return whether it may still fill or trigger."""
        return self.state not in ENDED

    @property
    def remaining(self) -> Decimal:
        """Return the quantity that is not filled."""
        return self.placement.qty - self.filled

    @property
    def average(self) -> Decimal:
        """Return the mean price of its fills, 0 without fills."""
        return self.priced / self.filled if self.filled else ZERO


@dataclass(frozen=True, slots=True)
class FakeTrade:
    """A fill of one order of an account. `fee` is paid (a rebate is negative), `realized_pnl` is before it."""

    trade_id: int
    order_id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    price: Decimal
    qty: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    realized_pnl: Decimal
    ts_ns: int
    kind: TradeKind = "trade"


@dataclass(frozen=True, slots=True)
class FakePosition:
    """One side of one instrument. `qty` is signed: negative is short, also for position side "short"."""

    symbol: str
    position_side: PositionSide
    qty: Decimal
    entry: Decimal
    mark: Decimal
    unrealized: Decimal
    leverage: Decimal
    isolated: bool
    isolated_margin: Decimal
    liquidation_price: Decimal
    updated_ns: int


@dataclass(frozen=True, slots=True)
class FakeBalance:
    """One asset: cash without what is unrealised, what may be used for new orders, what is unrealised."""

    asset: str
    wallet: Decimal
    available: Decimal
    unrealized: Decimal


@dataclass(frozen=True, slots=True)
class FakeIncome:
    """A change of the wallet; received is positive."""

    kind: IncomeKind
    asset: str
    amount: Decimal
    symbol: str
    ts_ns: int
    income_id: int
    position_side: PositionSide = "both"
    rate: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Book:
    """The best levels, (price, quantity) from the touch outwards; `update_id` rises with every change."""

    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    update_id: int
    ts_ns: int


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade of the market; `side` is the taker's."""

    trade_id: int
    symbol: str
    price: Decimal
    qty: Decimal
    side: Side
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Candle:
    """A bar by open time; `closed` is False for the one that still grows."""

    open_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    closed: bool


@dataclass(frozen=True, slots=True)
class FundingNow:
    """The last settled rate and when, the next settlement and what it would be by now."""

    rate: Decimal
    settled_ns: int
    next_ns: int
    predicted: Decimal
    interval_ns: int
