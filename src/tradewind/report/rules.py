"""What the rules of the gate compare: quantities, money, or plain ratios and counts."""

from typing import Literal

from tradewind.units.enums import Rule

__all__ = ["RULES_IN_LOTS", "RULES_IN_MONEY", "unit_of"]

RULES_IN_LOTS = frozenset(
    {Rule.MIN_QTY, Rule.MAX_QTY, Rule.HOLDING_LIMIT, Rule.SIDE_LIMIT, Rule.NO_SHORT, Rule.NOT_REDUCING}
)
RULES_IN_MONEY = frozenset({Rule.MIN_NOTIONAL, Rule.ORDER_NOTIONAL, Rule.MARGIN, Rule.UNHEDGED})
_RATIO_MAX = 1e6


def unit_of(rule: int, amount: float) -> Literal["quantity", "money", ""]:
    """Return the unit of an amount that a rule compared.

    A position's notional is compared as money, or as a multiple of equity where that is the limit.
    """
    if rule in RULES_IN_LOTS:
        return "quantity"
    if rule in RULES_IN_MONEY or (rule == Rule.POSITION_NOTIONAL and abs(amount) > _RATIO_MAX):
        return "money"
    return ""
