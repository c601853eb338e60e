"""What stands between the live loop and an exchange: words in ticks and lots, and the two halves of a gateway.

A `MarketFeed` reads what everybody may read and has no key; a `TradingGateway` trades one account. Both speak
of instruments by their index in the session, of prices in ticks, of quantities in lots, of money in whole
units of the wallet's currency (`units.enums.MONEY`), of times in nanoseconds UTC. What an exchange says is
validated before it becomes one of these: finite, in range, on the grid, of a known word. What cannot be
validated is counted and dropped, never passed on.

They are structs of msgspec: a market tells a thousand a second, and dataclasses take ten times as long to make.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

from tradewind.units.enums import BUY, LONG, SELL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from tradewind.market import Instrument

__all__ = [
    "NO_HISTORY",
    "AccountMode",
    "BalanceSeen",
    "BarSeen",
    "Event",
    "FillSeen",
    "Found",
    "FundingPaidSeen",
    "FundingRateSeen",
    "LiquidationSeen",
    "Listing",
    "MarkSeen",
    "MarketFeed",
    "NewOrder",
    "OpenInterestSeen",
    "OrderRef",
    "OrderSeen",
    "OrderStatus",
    "Outcome",
    "OutcomeKind",
    "PositionSeen",
    "Prompt",
    "SettingSeen",
    "Settling",
    "Snapshot",
    "StatusSeen",
    "StreamKind",
    "StreamSeen",
    "TakenSeen",
    "TopSeen",
    "TradeSeen",
    "TradingGateway",
    "TransferSeen",
    "closes_side",
]

NO_HISTORY = 1 << 62
"""Asked for since then, an account's trades, funding and transfers are not read: half a year of them takes minutes."""


def closes_side(side: int, position_side: int) -> bool:
    """Say whether an order of a side takes away from a position side, whatever it tells the venue of reduce-only.

    Where the venue's position is not just one strategy's, what closes leaves without that word: `reduce` is 0.
    """
    return side == (SELL if position_side == LONG else BUY)


class Listing(msgspec.Struct, frozen=True):
    """An instrument of the session.

    Parameters
    ----------
    index
        Its index in the session's world.
    instrument
        The venue's rules: steps, sizes, fees; `symbol` is the venue's own spelling. Quantities are counted in its lots.
    parts
        How many of these are one lot of the venue: coins are counted more finely, since fees may be taken in them.
    """

    index: int
    instrument: Instrument
    parts: int = 1


# ---------------------------------------------------------------------- what happens at the account


class OrderStatus(Enum):
    """Where an order stands by the venue's word."""

    WORKING = "working"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class OrderSeen(msgspec.Struct, frozen=True, gc=False):
    """What the venue says of one order; cumulative, so that a message lost or told twice changes nothing.

    Parameters
    ----------
    instrument
        Index of the instrument.
    cid
        Our id of it in the core, 0 for an order that is not of this session.
    client_id, venue_id
        Both spellings at the venue, "" where it did not say.
    status
        Where it stands.
    side, position_side, reduce
        As in `units.wire.Request`.
    price_tick, qty_lot
        Its limit (a stop's trigger), 0 for none, and its total quantity.
    filled_lot, notional
        Filled so far, and the money that was worth.
    rule
        Why it ended (`units.enums.Rule`), `Rule.OK` while it works.
    ts_ns, recv_ns
        The venue's time of this state, and ours of hearing it.
    stop
        Whether it waits for a trigger, in the venue's list of stops where it has one.
    """

    instrument: int
    cid: int
    client_id: str
    venue_id: str
    status: OrderStatus
    side: int
    position_side: int
    reduce: int
    price_tick: int
    qty_lot: int
    filled_lot: int
    notional: int
    rule: int
    ts_ns: int
    recv_ns: int
    stop: bool = False


class FillSeen(msgspec.Struct, frozen=True, gc=False):
    """One trade of ours. `trade_id` is the venue's; `trade_key` the same as a positive 62-bit number."""

    instrument: int
    cid: int
    client_id: str
    venue_id: str
    trade_id: str
    trade_key: int
    side: int
    position_side: int
    price_tick: int
    qty_lot: int
    notional: int
    fee: int
    fee_currency: str
    maker: int
    ts_ns: int
    recv_ns: int


class PositionSeen(msgspec.Struct, frozen=True, gc=False):
    """Lots held on one side, never negative; 0: flat. `entry` and `mark` are prices, 0.0 where not said."""

    instrument: int
    position_side: int
    qty_lot: int
    entry: float
    mark: float
    ts_ns: int
    recv_ns: int


class BalanceSeen(msgspec.Struct, frozen=True, gc=False):
    """Cash of one currency without what is unrealised."""

    currency: str
    balance: int
    ts_ns: int
    recv_ns: int


class FundingPaidSeen(msgspec.Struct, frozen=True, gc=False):
    """Funding charged for one settlement; paying is positive. `rate` 0.0 where not said."""

    instrument: int
    position_side: int
    currency: str
    amount: int
    rate: float
    ts_ns: int
    recv_ns: int


class TransferSeen(msgspec.Struct, frozen=True, gc=False):
    """Money moved in (positive) or out; not profit."""

    currency: str
    amount: int
    transfer_id: str
    ts_ns: int
    recv_ns: int


class TakenSeen(msgspec.Struct, frozen=True, gc=False):
    """Position that the venue closed itself: `kind` is "liquidation", "adl" or "settlement"."""

    kind: str
    instrument: int
    position_side: int
    price_tick: int
    qty_lot: int
    notional: int
    trade_key: int
    ts_ns: int
    recv_ns: int


class SettingSeen(msgspec.Struct, frozen=True, gc=False):
    """A setting of the account or of an instrument's rules: `code` as in `units.enums.SettingCode`.

    value: leverage; whole ticks, lots or money; position mode 1 for hedge; margin mode 1 for isolated.
    """

    instrument: int
    code: int
    value: float
    ts_ns: int
    recv_ns: int


class StatusSeen(msgspec.Struct, frozen=True, gc=False):
    """What the venue says of itself or of one instrument (-1: of all).

    `down`: it does not trade; `reduce_only`: it takes reductions only; `permanent`: no retry will help. `cause`: "key"
    where it refuses our key, "clock" where our clock is not the venue's, "settling" where what is held will be closed
    by the venue, "maintenance" where it announces one (`reduce_only`: near or going on), "banned" where it answers this
    address no more for a time, "" for anything else.
    """

    instrument: int
    down: bool
    reduce_only: bool
    permanent: bool
    text: str
    recv_ns: int
    cause: Literal["", "key", "clock", "settling", "maintenance", "banned"] = ""


# ---------------------------------------------------------------------- what happens in the market


class StreamKind(Enum):
    """What is watched. USER is the account's own stream."""

    BARS = "bars"
    TRADES = "trades"
    TOP = "top"
    MARK = "mark"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"
    LIQUIDATIONS = "liquidations"
    USER = "user"


class BarSeen(msgspec.Struct, frozen=True, gc=False):
    """A bar that is over: five integers in ticks and lots, stamped by its open time."""

    instrument: int
    interval_ns: int
    open_tick: int
    high_tick: int
    low_tick: int
    close_tick: int
    volume_lot: int
    ts_ns: int
    recv_ns: int


class TradeSeen(msgspec.Struct, frozen=True, gc=False):
    """A trade of the market; `side` is the taker's."""

    instrument: int
    side: int
    price_tick: int
    qty_lot: int
    trade_key: int
    ts_ns: int
    recv_ns: int


class TopSeen(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of a book whose sequence is unbroken."""

    instrument: int
    bid_tick: int
    bid_lot: int
    ask_tick: int
    ask_lot: int
    ts_ns: int
    recv_ns: int


class MarkSeen(msgspec.Struct, frozen=True, gc=False):
    """Mark price in ticks, not rounded."""

    instrument: int
    mark: float
    ts_ns: int
    recv_ns: int


class FundingRateSeen(msgspec.Struct, frozen=True, gc=False):
    """A rate that was settled at `ts_ns`; what is only expected is no fact."""

    instrument: int
    rate: float
    ts_ns: int
    recv_ns: int


class OpenInterestSeen(msgspec.Struct, frozen=True, gc=False):
    """Open interest in the instrument's own units."""

    instrument: int
    open_interest: float
    ts_ns: int
    recv_ns: int


class LiquidationSeen(msgspec.Struct, frozen=True, gc=False):
    """Somebody's liquidation: `side` of the order that closed it, worth `notional` in the quote currency."""

    instrument: int
    side: int
    notional: float
    ts_ns: int
    recv_ns: int


class StreamSeen(msgspec.Struct, frozen=True, gc=False):
    """A stream changed its state (`units.enums.StreamCode`); -1: all instruments of it.

    After DOWN or GAP of the USER stream the session compares everything with a snapshot before it trades on.
    """

    stream: StreamKind
    instrument: int
    code: int
    text: str
    recv_ns: int
    lost: int = 0
    """Messages that were dropped because nobody took them in time; the stream itself goes on."""


Event = (
    OrderSeen
    | FillSeen
    | PositionSeen
    | BalanceSeen
    | FundingPaidSeen
    | TransferSeen
    | TakenSeen
    | SettingSeen
    | StatusSeen
    | BarSeen
    | TradeSeen
    | TopSeen
    | MarkSeen
    | FundingRateSeen
    | OpenInterestSeen
    | LiquidationSeen
    | StreamSeen
)
"""Everything that a gateway tells unasked."""


# ---------------------------------------------------------------------- what is asked of an account


class OutcomeKind(Enum):
    """What became of a request. Only what is proven is more than UNKNOWN."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Outcome(msgspec.Struct, frozen=True):
    """The answer to one request.

    Parameters
    ----------
    kind
        REJECTED and NOT_SENT are proofs that nothing came of it; NOT_SENT may be tried again with the same id.
    order
        The order as the venue described it, where it did.
    rule, text
        The venue's reason in our words (`units.enums.Rule`), and in its own, without secrets.
    retry_ns
        Do not ask before this time; 0: at once.
    fence_ns
        After this time a request that cannot be found can no longer appear; 0: the venue has no such fence.
    gone
        The venue says that the order works no more, and not how it ended, or that it knows none.
    """

    kind: OutcomeKind
    order: OrderSeen | None = None
    rule: int = 0
    text: str = ""
    retry_ns: int = 0
    fence_ns: int = 0
    gone: bool = False


class NewOrder(msgspec.Struct, frozen=True, gc=False):
    """A new order: fields as in `units.wire.Request`; `limit_tick` 0: at market.

    `kind` is `IntentKind`: REST rests (post-only where said), TARGET takes within its limit (IOC), STOP
    protects at `price_tick`, trailing where `trail_tick` is not 0.
    """

    instrument: int
    cid: int
    kind: int
    side: int
    position_side: int
    reduce: bool
    post_only: bool
    price_tick: int
    qty_lot: int
    trail_tick: int = 0
    trigger: int = 0
    expires_ns: int = 0
    near_tick: int = 0
    """Last price in ticks, 0: unknown; what an order at market is worth, for caps."""

    @property
    def closes(self) -> bool:
        """Say whether it takes away from its position side; `reduce` says whether the venue is told so."""
        return closes_side(self.side, self.position_side)


class OrderRef(msgspec.Struct, frozen=True, gc=False):
    """An order by our id, and by the venue's where it is known; `algo`: it waits in the venue's list of stops."""

    instrument: int
    cid: int
    venue_id: str = ""
    algo: bool = False


class Found(msgspec.Struct, frozen=True):
    """What a search found: the order, or that it is in none of the lists (`absent`), or neither: nobody answered."""

    order: OrderSeen | None
    fills: tuple[FillSeen, ...] = ()
    absent: bool = False
    text: str = ""


class AccountMode(Enum):
    """Which world the account's keys belong to."""

    DEMO = "demo"
    LIVE = "live"


class Snapshot(msgspec.Struct, frozen=True):
    """The account by the venue's word, each list complete (all pages).

    Parameters
    ----------
    orders
        Everything that works, stops included, ours and others'.
    fills
        Trades since the time that was asked for, oldest first.
    positions, balances, settings
        Of the session's instruments and their currencies; what is flat is absent.
    strangers
        Symbols with a position or orders that the session does not trade.
    asked_ns, told_ns
        Between these times of ours the answers were made.
    history_from_ns
        What was traded and paid before is told by nobody any more; 0: it is whole since the time asked for.
    """

    orders: tuple[OrderSeen, ...]
    fills: tuple[FillSeen, ...]
    positions: tuple[PositionSeen, ...]
    balances: tuple[BalanceSeen, ...]
    settings: tuple[SettingSeen, ...]
    funding: tuple[FundingPaidSeen, ...]
    transfers: tuple[TransferSeen, ...]
    strangers: tuple[str, ...]
    asked_ns: int
    told_ns: int
    history_from_ns: int = 0


@runtime_checkable
class Prompt(Protocol):
    """A feed or gateway that can tell its events in the turn of the loop in which it hears them."""

    def tell_to(self, hear: Callable[[Event], None]) -> None:
        """Give every event to `hear` from now on, what waits first, in order of receipt.

        `next_events` has nothing more to return then; it still raises what ends the source.
        """


@runtime_checkable
class Settling(Protocol):
    """A feed that knows the settlements of before."""

    async def settlements(self, instrument: int, start_ns: int, end_ns: int) -> list[FundingRateSeen]:
        """Return the rates that were settled after `start_ns` and not after `end_ns`, by REST, the oldest first."""


class MarketFeed(Protocol):
    """What everybody may read at one venue. It has no key and cannot sign."""

    async def open(self) -> None:
        """Connect and subscribe; return when every stream has been heard of. Raises VenueDown, VenueRefused."""

    async def next_events(self) -> list[Event]:
        """Return what came in since the last call, at least one event, in order of receipt."""

    async def bars(self, instrument: int, interval_ns: int, start_ns: int, end_ns: int) -> np.ndarray:
        """Return closed bars by REST: (n, 6) int64 of open time, OHLC in ticks, volume in lots; never a gap untold."""

    async def close(self) -> None:
        """Let go of everything."""


class TradingGateway(Protocol):
    """One account at one venue."""

    async def open(self) -> None:
        """Load rules, measure the clock, prove the key, open the user's stream and wait for it.

        Raises VenueDown, and VenueRefused for a key that may not trade or that may withdraw.
        """

    async def next_events(self) -> list[Event]:
        """Return what came in since the last call, at least one event. Nothing of an account is ever dropped."""

    async def create(
        self, orders: Sequence[NewOrder], hear: Callable[[int, Outcome], None] = lambda _place, _outcome: None
    ) -> list[Outcome]:
        """Send new orders, in batches if it can; an outcome for each. `hear` may be told some sooner, by place."""

    async def amend(self, order: OrderRef, price_tick: int, qty_lot: int) -> Outcome:
        """Change price and total quantity of a working order, where the venue can (`amends`)."""

    async def cancel(self, order: OrderRef) -> Outcome:
        """Ask for an end of an order; ACCEPTED says that the venue took the wish, not that it ended unfilled."""

    async def cancel_all(self, instrument: int) -> Outcome:
        """Ask for an end of all our orders of an instrument; for emergencies."""

    async def find(self, order: OrderRef, sent_ns: int) -> Found:
        """Look for an order wherever the venue may show it: by id, working, ended, in the trades."""

    async def snapshot(self, fills_since_ns: int) -> Snapshot:
        """Read the whole account. Raises VenueDown where any part of it cannot be read.

        `NO_HISTORY`: what stands now, and nothing that has happened.
        """

    async def set_leverage(self, instrument: int, leverage: float) -> Outcome:
        """Set the leverage of an instrument; saying what it is already is ACCEPTED."""

    async def set_modes(self, instrument: int, *, hedge: bool, isolated: bool) -> Outcome:
        """Set position and margin mode, likewise."""

    def doubt_rules(self) -> None:
        """Have the venue's rules read again soon: what it says does not add up by those that are known."""

    async def arm_dead_man(self, timeout_s: float) -> Outcome:
        """Let the venue cancel what opens unless called again in time; 0: no more. REJECTED where it has no timer."""

    async def close(self) -> None:
        """Let go; orders stay as they are."""
