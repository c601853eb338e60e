"""Closed sets of integers that cross the compiled core. Kernels compare plain integers; the names live here once."""

from typing import NamedTuple

__all__ = [
    "ALL",
    "BIG",
    "BUY",
    "CONDITION_BITS",
    "DAY_NS",
    "EXIT_BITS",
    "HOLD_BITS",
    "LONG",
    "MONEY",
    "NEVER_HIGH",
    "NEVER_LOW",
    "SELL",
    "SHORT",
    "AttemptState",
    "Breaker",
    "FactKind",
    "Halt",
    "HaltScope",
    "IntentKind",
    "LiquidationRule",
    "LogKind",
    "OperatorCode",
    "OrderState",
    "Payoff",
    "Protection",
    "RequestKind",
    "Role",
    "Rule",
    "SettingCode",
    "StreamCode",
    "TriggerKind",
    "VenueCode",
    "Verdict",
    "WakeCode",
    "names_of",
]

LONG, SHORT = 0, 1
BUY, SELL = 1, -1
BIG = 1 << 62
"""Stands for "no limit" and "never"."""
NEVER_LOW, NEVER_HIGH = -BIG, BIG
ALL = -1
"""Quantity of a closing intent: whatever is held, now and after later fills."""
MONEY = 100_000_000
"""Units of money per unit of currency unless a wallet says otherwise."""
DAY_NS = 86_400_000_000_000


def names_of(codes: tuple[int, ...]) -> dict[int, str]:
    """Return code → name of one of the sets below, for logs, files and documentation."""
    fields: tuple[str, ...] = getattr(codes, "_fields")  # noqa: B009
    return dict(zip(codes, fields, strict=True))


# Each set is a named tuple, which kernels can read as constants of one type.


class _FactKind(NamedTuple):
    """What a fact says. Market facts first, then answers about orders, then the account, then the platform."""

    BAR: int = 0
    TRADE: int = 1
    BOOK_TOP: int = 2
    MARK: int = 3
    FUNDING_RATE: int = 4
    OPEN_INTEREST: int = 5
    LIQUIDATION: int = 6
    FEATURE: int = 7
    TIMER: int = 8
    WAKE: int = 9
    ACK: int = 16
    AMENDED: int = 17
    FILL: int = 18
    CANCELLED: int = 19
    EXPIRED: int = 20
    REJECT: int = 21
    UNKNOWN: int = 22
    TRIGGERED: int = 23
    NOT_SENT: int = 24
    BOOKED: int = 25
    FEE: int = 32
    FUNDING_PAID: int = 33
    ACCOUNT: int = 34
    EXTERNAL_POSITION: int = 35
    EXTERNAL_ORDER: int = 36
    ACCOUNT_LIQUIDATED: int = 37
    ADL: int = 38
    DELISTED: int = 39
    TRANSFER: int = 40
    SETTING: int = 48
    LIMITS: int = 49
    OPERATOR: int = 50
    BOOT: int = 51
    STREAM: int = 52
    VENUE_STATUS: int = 53
    LISTED: int = 54
    ATTEMPT: int = 55
    HALT: int = 56
    HELD: int = 57


FactKind = _FactKind()


class _WakeCode(NamedTuple):
    """Why a batch ends."""

    BATCH: int = 0
    AGAIN: int = 1
    """A cancel was answered: only the strategies it concerns decide again."""
    WARM: int = 2
    """History: everyone decides, nothing is sent."""
    MARK: int = 3
    """A bar finer than anyone decides on: holdings are valued and breakers watched, nobody decides."""


WakeCode = _WakeCode()


class _IntentKind(NamedTuple):
    """The three kinds of intent, and of order."""

    REST: int = 0
    TARGET: int = 1
    STOP: int = 2


IntentKind = _IntentKind()


class _Verdict(NamedTuple):
    """What `decide` and `plan` return."""

    SET: int = 0
    HOLD: int = -1
    PULL: int = -2


Verdict = _Verdict()


class _OrderState(NamedTuple):
    """Life of a slot. FREE alone occupies nothing; only evidence leads there."""

    FREE: int = 0
    PENDING: int = 1
    LIVE: int = 2
    AMENDING: int = 3
    CANCELLING: int = 4
    UNKNOWN: int = 5
    TRIGGERED: int = 6


OrderState = _OrderState()


class _RequestKind(NamedTuple):
    """What the core asks of a venue."""

    NEW: int = 0
    CANCEL: int = 1
    AMEND: int = 2


RequestKind = _RequestKind()


class _TriggerKind(NamedTuple):
    """The price that a stop watches."""

    LAST: int = 0
    MARK: int = 1


TriggerKind = _TriggerKind()


class _Payoff(NamedTuple):
    """How a contract pays."""

    LINEAR: int = 0
    INVERSE: int = 1
    SPOT: int = 2


Payoff = _Payoff()


class _Role(NamedTuple):
    """Why a fill happened."""

    OPEN: int = 0
    CLOSE: int = 1
    STOP: int = 2
    LIQUIDATION: int = 3
    ADL: int = 4
    SETTLEMENT: int = 5


Role = _Role()


class _Rule(NamedTuple):
    """Who refused and why: rules of the gate first, then the venue's reasons."""

    OK: int = 0
    HALTED: int = 1
    STALE: int = 2
    CLOSED: int = 3
    HELD: int = 4
    MIN_QTY: int = 5
    MIN_NOTIONAL: int = 6
    MAX_QTY: int = 7
    HOLDING_LIMIT: int = 8
    SIDE_LIMIT: int = 9
    ORDER_NOTIONAL: int = 10
    POSITION_NOTIONAL: int = 11
    PRICE_BAND: int = 12
    PRICE: int = 13
    MARGIN: int = 14
    LEVERAGE: int = 15
    EXPOSURE_GROUP: int = 16
    EXPOSURE_SIDE: int = 17
    EXPOSURE_TOTAL: int = 18
    OPEN_ORDERS: int = 19
    ORDER_RATE: int = 20
    UNHEDGED: int = 21
    NO_SHORT: int = 22
    NOT_REDUCING: int = 23
    MAILBOX: int = 24
    BAD_OUTPUT: int = 25
    SETTINGS: int = 26
    ATTEMPT_SPEND: int = 27
    EXITED: int = 28
    POSITIONS: int = 29
    EXPOSURE_SECTOR: int = 30
    LOSS_STREAK: int = 31
    RAISED: int = 32
    HUNG: int = 33
    STOP_LOSS: int = 34
    TRAILING: int = 35
    TAKE_PROFIT: int = 36
    MAX_AGE: int = 37
    PROFIT_LOCK: int = 38
    POSITION_LOSS: int = 39
    VENUE_POST_ONLY: int = 40
    VENUE_REDUCE_ONLY: int = 41
    VENUE_MIN_NOTIONAL: int = 42
    VENUE_RATE: int = 43
    VENUE_DUPLICATE: int = 44
    VENUE_PRICE: int = 45
    VENUE_MARGIN: int = 46
    VENUE_CLOSED: int = 47
    VENUE_OTHER: int = 48
    LIQUIDATED: int = 49
    UNFILLED: int = 50
    NOT_SENT: int = 51
    OPERATOR: int = 52
    UNWANTED: int = 53
    REPLACED: int = 54
    FILLED: int = 55


Rule = _Rule()


class _Halt(NamedTuple):
    """Bits of a state of trading, each with the reason in its name.

    Those of HOLD_BITS let no new risk in and leave what rests; LOCK sends nothing; every other one also cancels
    openers. Closers and stops go on under all but LOCK.
    """

    OPERATOR: int = 1
    LOSS_DAY: int = 2
    LOSS_SESSION: int = 4
    DRAWDOWN: int = 8
    LIQUIDATED: int = 16
    VENUE: int = 32
    BANKRUPT: int = 64
    UNHEDGED: int = 128
    FLATTEN: int = 256
    LOSS_STREAK: int = 512
    LOCK: int = 1024
    EMERGENCY: int = 2048
    ERRORS: int = 4096
    STALE: int = 8192
    CLOCK: int = 16384
    DISK: int = 32768
    MEMORY: int = 65536
    RECONCILE: int = 131072
    EXTERNAL: int = 262144
    SETTINGS: int = 524288
    HOLD: int = 1048576


Halt = _Halt()
HOLD_BITS = Halt.HOLD | Halt.ERRORS | Halt.STALE | Halt.CLOCK | Halt.MEMORY
"""No new openers; what rests stays."""
EXIT_BITS = Halt.FLATTEN | Halt.EMERGENCY
"""Everything held is closed."""
CONDITION_BITS = (
    Halt.LOCK
    | Halt.VENUE
    | Halt.ERRORS
    | Halt.STALE
    | Halt.CLOCK
    | Halt.DISK
    | Halt.MEMORY
    | Halt.RECONCILE
    | Halt.SETTINGS
)
"""What lasts as long as its cause: whoever set it clears it, an operator's RESUME does not."""


class _HaltScope(NamedTuple):
    """What a HALT fact is about: the whole core, the account of a wallet, or one instrument."""

    CORE: int = 0
    ACCOUNT: int = 1
    INSTRUMENT: int = 2


HaltScope = _HaltScope()


class _Breaker(NamedTuple):
    """The breakers of an account, as they index its cool-downs."""

    DAY: int = 0
    SESSION: int = 1
    DRAWDOWN: int = 2
    STREAK: int = 3
    EMERGENCY: int = 4


Breaker = _Breaker()


class _VenueCode(NamedTuple):
    """What a VENUE_STATUS fact says of an instrument: it trades, it does not, it takes reductions only."""

    UP: int = 0
    DOWN: int = 1
    REDUCE_ONLY: int = 2


VenueCode = _VenueCode()


class _Protection(NamedTuple):
    """Who watches the exits of a strategy: nobody, the core, or a stop that rests at the venue."""

    NONE: int = 0
    WATCHED: int = 1
    RESTING: int = 2


Protection = _Protection()


class _OperatorCode(NamedTuple):
    """What an operator asks of the core."""

    PAUSE: int = 1
    RESUME: int = 2
    FLATTEN: int = 3
    STOP: int = 4
    LOCK: int = 5
    UNLOCK: int = 6


OperatorCode = _OperatorCode()


class _SettingCode(NamedTuple):
    """Which setting of an instrument a SETTING fact states."""

    LEVERAGE: int = 0
    TICK_STEP: int = 1
    LOT_STEP: int = 2
    MIN_QTY: int = 3
    MIN_NOTIONAL: int = 4
    POSITION_MODE: int = 5
    MARGIN_MODE: int = 6
    AMENDS: int = 7


SettingCode = _SettingCode()


class _StreamCode(NamedTuple):
    """State of a market data stream."""

    UP: int = 0
    DOWN: int = 1
    STALE: int = 2
    GAP: int = 3


StreamCode = _StreamCode()


class _AttemptState(NamedTuple):
    """Life of an atomic on-chain attempt."""

    NONE: int = 0
    PROPOSED: int = 1
    SIMULATED: int = 2
    SIGNED: int = 3
    SENT: int = 4
    INCLUDED: int = 5
    REVERTED: int = 6
    EXPIRED: int = 7
    REORGED: int = 8


AttemptState = _AttemptState()


class _LiquidationRule(NamedTuple):
    """At which prices inside a bar the simulated venue judges margin."""

    EACH_OWN_EXTREME: int = 0
    TOGETHER: int = 1


LiquidationRule = _LiquidationRule()


class _LogKind(NamedTuple):
    """What a row of the cash log says."""

    FUNDING: int = 0
    LIQUIDATION: int = 1
    ADL: int = 2
    SETTLEMENT: int = 3
    TRANSFER: int = 4
    INSURANCE: int = 5


LogKind = _LogKind()
