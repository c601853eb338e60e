"""Closed sets of integers that cross the compiled core. Kernels compare plain integers; the names live here once."""

__all__ = [
    "ALL",
    "BIG",
    "BUY",
    "DAY_NS",
    "LONG",
    "MONEY",
    "NEVER_HIGH",
    "NEVER_LOW",
    "SELL",
    "SHORT",
    "AttemptState",
    "FactKind",
    "Halt",
    "IntentKind",
    "LiquidationRule",
    "LogKind",
    "OperatorCode",
    "OrderState",
    "Payoff",
    "RequestKind",
    "Role",
    "Rule",
    "SettingCode",
    "StreamCode",
    "TriggerKind",
    "Verdict",
    "WakeCode",
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


class _Codes:
    """A namespace of integers: class attributes stay plain `int`, which is what kernels need."""

    @classmethod
    def names(cls) -> dict[int, str]:
        """Return code → name, for logs, files and documentation."""
        return {value: name for name, value in vars(cls).items() if name.isupper() and isinstance(value, int)}


class FactKind(_Codes):
    """What a fact says. Market facts first, then answers about orders, then the account, then the platform."""

    BAR = 0
    TRADE = 1
    BOOK_TOP = 2
    MARK = 3
    FUNDING_RATE = 4
    OPEN_INTEREST = 5
    LIQUIDATION = 6
    FEATURE = 7
    TIMER = 8
    WAKE = 9
    ACK = 16
    AMENDED = 17
    FILL = 18
    CANCELLED = 19
    EXPIRED = 20
    REJECT = 21
    UNKNOWN = 22
    TRIGGERED = 23
    NOT_SENT = 24
    FEE = 32
    FUNDING_PAID = 33
    ACCOUNT = 34
    EXTERNAL_POSITION = 35
    EXTERNAL_ORDER = 36
    ACCOUNT_LIQUIDATED = 37
    ADL = 38
    DELISTED = 39
    TRANSFER = 40
    SETTING = 48
    LIMITS = 49
    OPERATOR = 50
    BOOT = 51
    STREAM = 52
    VENUE_STATUS = 53
    LISTED = 54
    ATTEMPT = 55


class WakeCode(_Codes):
    """Why a batch ends."""

    BATCH = 0
    AGAIN = 1
    """A cancel was answered: only the strategies it concerns decide again."""
    WARM = 2
    """History: everyone decides, nothing is sent."""


class IntentKind(_Codes):
    """The three kinds of intent, and of order."""

    REST = 0
    TARGET = 1
    STOP = 2


class Verdict(_Codes):
    """What `decide` and `plan` return."""

    SET = 0
    HOLD = -1
    PULL = -2


class OrderState(_Codes):
    """Life of a slot. FREE alone occupies nothing; only evidence leads there."""

    FREE = 0
    PENDING = 1
    LIVE = 2
    AMENDING = 3
    CANCELLING = 4
    UNKNOWN = 5
    TRIGGERED = 6


class RequestKind(_Codes):
    """What the core asks of a venue."""

    NEW = 0
    CANCEL = 1
    AMEND = 2


class TriggerKind(_Codes):
    """The price that a stop watches."""

    LAST = 0
    MARK = 1


class Payoff(_Codes):
    """How a contract pays."""

    LINEAR = 0
    INVERSE = 1
    SPOT = 2


class Role(_Codes):
    """Why a fill happened."""

    OPEN = 0
    CLOSE = 1
    STOP = 2
    LIQUIDATION = 3
    ADL = 4
    SETTLEMENT = 5


class Rule(_Codes):
    """Who refused and why: rules of the gate first, then the venue's reasons."""

    OK = 0
    HALTED = 1
    STALE = 2
    CLOSED = 3
    HELD = 4
    MIN_QTY = 5
    MIN_NOTIONAL = 6
    MAX_QTY = 7
    HOLDING_LIMIT = 8
    SIDE_LIMIT = 9
    ORDER_NOTIONAL = 10
    POSITION_NOTIONAL = 11
    PRICE_BAND = 12
    PRICE = 13
    MARGIN = 14
    LEVERAGE = 15
    EXPOSURE_GROUP = 16
    EXPOSURE_SIDE = 17
    EXPOSURE_TOTAL = 18
    OPEN_ORDERS = 19
    ORDER_RATE = 20
    UNHEDGED = 21
    NO_SHORT = 22
    NOT_REDUCING = 23
    MAILBOX = 24
    BAD_OUTPUT = 25
    SETTINGS = 26
    ATTEMPT_SPEND = 27
    VENUE_POST_ONLY = 40
    VENUE_REDUCE_ONLY = 41
    VENUE_MIN_NOTIONAL = 42
    VENUE_RATE = 43
    VENUE_DUPLICATE = 44
    VENUE_PRICE = 45
    VENUE_MARGIN = 46
    VENUE_CLOSED = 47
    VENUE_OTHER = 48
    LIQUIDATED = 49
    UNFILLED = 50
    NOT_SENT = 51
    OPERATOR = 52
    UNWANTED = 53
    REPLACED = 54
    FILLED = 55


class Halt(_Codes):
    """Bits of a state of trading. Any bit below LOCK is HALT or HOLD for openers; closers and stops go on."""

    OPERATOR = 1
    LOSS_DAY = 2
    LOSS_SESSION = 4
    DRAWDOWN = 8
    LIQUIDATED = 16
    VENUE = 32
    BANKRUPT = 64
    UNHEDGED = 128
    FLATTEN = 256
    LOCK = 1024


class OperatorCode(_Codes):
    """What an operator asks of the core."""

    PAUSE = 1
    RESUME = 2
    FLATTEN = 3
    STOP = 4
    LOCK = 5
    UNLOCK = 6


class SettingCode(_Codes):
    """Which setting of an instrument a SETTING fact states."""

    LEVERAGE = 0
    TICK_STEP = 1
    LOT_STEP = 2
    MIN_QTY = 3
    MIN_NOTIONAL = 4
    POSITION_MODE = 5
    MARGIN_MODE = 6
    AMENDS = 7


class StreamCode(_Codes):
    """State of a market data stream."""

    UP = 0
    DOWN = 1
    STALE = 2
    GAP = 3


class AttemptState(_Codes):
    """Life of an atomic on-chain attempt."""

    NONE = 0
    PROPOSED = 1
    SIMULATED = 2
    SIGNED = 3
    SENT = 4
    INCLUDED = 5
    REVERTED = 6
    EXPIRED = 7
    REORGED = 8


class LiquidationRule(_Codes):
    """At which prices inside a bar the simulated venue judges margin."""

    EACH_OWN_EXTREME = 0
    TOGETHER = 1


class LogKind(_Codes):
    """What a row of the cash log says."""

    FUNDING = 0
    LIQUIDATION = 1
    ADL = 2
    SETTLEMENT = 3
    TRANSFER = 4
    INSURANCE = 5
