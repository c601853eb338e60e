"""Binance USD-M's codes and texts for what it refuses and for what fails by misfortune."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.venues.fake.binance_access import trouble
from tradewind.venues.fake.envelopes import Objection
from tradewind.venues.fake.orders import Reason
from tradewind.venues.fake.protocol import Failure, Reply

if TYPE_CHECKING:
    from tradewind.venues.fake.orders import Refused

__all__ = ["failure_of", "objection_of"]

_CODES: dict[Reason, tuple[int, str, int]] = {
    Reason.POST_ONLY: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not "
        "be recorded in the order history",
        400,
    ),
    Reason.FOK: (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be "
        "recorded in the order history",
        400,
    ),
    Reason.IOC: (-2010, "Order would not match immediately.", 400),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected.", 400),
    Reason.MIN_NOTIONAL: (
        -4164,
        "Order's notional must be no smaller than the minimum (unless you choose reduce only).",
        400,
    ),
    Reason.MIN_QTY: (-4004, "Quantity less than min quantity.", 400),
    Reason.MAX_QTY: (-4005, "Quantity greater than max quantity.", 400),
    Reason.TICK: (-4014, "Price not increased by tick size.", 400),
    Reason.LOT: (-1111, "Precision is over the maximum defined for this asset.", 400),
    Reason.MARGIN: (-2019, "Margin is insufficient.", 400),
    Reason.DUPLICATE_ID: (-4116, "ClientOrderId is duplicated.", 400),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist.", 400),
    Reason.ENDED_ORDER: (-2011, "Unknown order sent.", 400),
    Reason.SYMBOL_UNKNOWN: (-1121, "Invalid symbol.", 400),
    Reason.SYMBOL_CLOSED: (-4140, "Invalid symbol status for opening position.", 400),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger.", 400),
    Reason.PRICE_BAND: (
        -4016,
        "Limit price can't be higher or lower than the allowed multiple of the mark.",
        400,
    ),
    Reason.ORDER_LIMIT: (-2025, "Reach max open order limit.", 400),
    Reason.MODE_MISMATCH: (-4061, "Order's position side does not match user's setting.", 400),
    Reason.MODE_LOCKED: (-4067, "Position side cannot be changed if there exists open orders.", 400),
    Reason.REDUCE_ONLY_REGIME: (
        -4400,
        "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, please try again later.",
        403,
    ),
    Reason.LIQUIDATING: (-2023, "User in liquidation mode now.", 400),
    Reason.PERMISSION: (-2015, "Invalid API-key, IP, or permissions for action.", 401),
    Reason.KEY_INVALID: (-2015, "Invalid API-key, IP, or permissions for action.", 401),
    Reason.ADDRESS: (-2015, "Invalid API-key, IP, or permissions for action.", 401),
    Reason.NO_CHANGE: (-5027, "No need to modify the order.", 400),
    Reason.LEVERAGE: (-4028, "Leverage is not valid", 400),
    Reason.AMEND_QTY: (-4003, "Quantity less than or equal to zero.", 400),
    Reason.NOT_AMENDABLE: (-5025, "Only limit order is supported.", 400),
    Reason.SHAPE: (-1106, "Parameter sent when not required.", 400),
    Reason.MAINTENANCE: (-1016, "This service is no longer available.", 503),
    Reason.OVERLOAD: (
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        503,
    ),
    Reason.REGION: (0, "Service unavailable from a restricted location according to 'b. Eligibility'.", 451),
    Reason.INTERNAL: (-1001, "Internal error; unable to process your request. Please try again.", 500),
}


def objection_of(error: Refused) -> Objection:
    """Return a refusal of the domain in Binance's code and text."""
    code, text, status = _CODES[error.reason]
    return Objection(str(code), text, status)


def failure_of(failure: Failure, seconds: float, peer: str) -> Reply:
    """Return a failure by misfortune in Binance's words; a ban is `BinanceAccess.ban`'s."""
    if failure is Failure.RATE_LIMIT:
        reply = trouble(-1003, f"Too many requests; current limit of IP({peer}) is reached.", 429)
        reply.headers["Retry-After"] = str(max(int(seconds), 1))
        return reply
    code, text, status = {
        Failure.ORDER_LIMIT: (
            -1015,
            "Too many new orders; current limit is 300 orders per TEN_SECONDS.",
            429,
        ),
        Failure.MAINTENANCE: _CODES[Reason.MAINTENANCE],
        Failure.UNKNOWN_STATUS: (
            -1000,
            "Unknown error, please check your request or try again later.",
            503,
        ),
        Failure.OVERLOAD: _CODES[Reason.OVERLOAD],
        Failure.ADDRESS_DENIED: (
            -2015,
            f"Invalid API-key, IP, or permissions for action, request ip: {peer}",
            401,
        ),
        Failure.KEY_REVOKED: _CODES[Reason.KEY_INVALID],
        Failure.REGION: _CODES[Reason.REGION],
        Failure.CLOCK: (-1021, "Timestamp for this request is outside of the recvWindow.", 400),
    }[failure]
    return trouble(code, text, status)
