"""What a rule of the gate is called where a person's order is refused for the same: one table for both ways in.

A strategy's wants are judged in ticks and lots by the core's gate, which names a rule; what a person or a script writes
is judged by `venues.ordering`, which raises a code. Whoever reads a journal finds both, and the remedy of the code.
"""

from typing import Final

from tradewind.units.enums import Rule

__all__ = ["ORDER_CODES", "order_code"]

ORDER_CODES: Final = {
    Rule.MIN_QTY: "ORDER_MIN_QTY",
    Rule.MAX_QTY: "ORDER_MAX_QTY",
    Rule.MIN_NOTIONAL: "ORDER_MIN_NOTIONAL",
    Rule.VENUE_MIN_NOTIONAL: "ORDER_MIN_NOTIONAL",
    Rule.PRICE: "ORDER_PRICE",
    Rule.VENUE_PRICE: "ORDER_PRICE",
    Rule.PRICE_BAND: "ORDER_PRICE_BAND",
    Rule.NO_SHORT: "ORDER_SHAPE",
    Rule.NOT_REDUCING: "ORDER_REDUCE_FLAT",
    Rule.VENUE_REDUCE_ONLY: "ORDER_REDUCE_FLAT",
    Rule.VENUE_DUPLICATE: "ORDER_CLIENT_ID",
    Rule.BAD_OUTPUT: "STRATEGY_OUTPUT",
}
"""Codes of `errors.ERROR_CODES` by rule. What has a negative amount, an unknown kind, side or trigger, a slot twice, or
is at market and post-only cannot be wanted at all: BAD_OUTPUT, which holds the strategy."""


def order_code(rule: int, value: float = 0.0) -> str:
    """Return the code of an order that was refused by a rule, "" for a rule that is no fault of the order.

    value: what the rule saw. PRICE sees 0 where a price is missing, and the trigger of a stop on the wrong side.
    """
    if rule == Rule.PRICE and value > 0.0:
        return "ORDER_STOP_SIDE"
    return ORDER_CODES.get(rule, "")
