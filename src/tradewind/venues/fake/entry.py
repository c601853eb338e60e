"""What a fake exchange checks before it takes an order: status, modes, shape, grid, sizes, ids, margin."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradewind.market import Instrument
from tradewind.units.enums import BUY, LONG, SELL, SHORT
from tradewind.venues.fake.orders import Placement, Reason, Refused, SymbolStatus

__all__ = [
    "ALGO_KINDS",
    "Habits",
    "Terms",
    "check_grid",
    "check_shape",
    "check_sizes",
    "check_status",
    "terms_of",
]

ALGO_KINDS = frozenset(
    {"stop_market", "stop_limit", "take_profit_market", "take_profit_limit", "trailing_stop"}
)


@dataclass(frozen=True, slots=True)
class Habits:
    """What exchanges do differently.

    Parameters
    ----------
    post_only
        A post-only order that would take is refused, or taken and cancelled at once.
    unique_ids
        Client ids are unique among working orders, or for ever.
    self_trade
        What meets an order of its own account: the resting one ends, the new one ends, or nothing is done.
    child_keeps_id
        The order of a stop that triggered carries the stop's client id.
    leverage
        Of a new account, at most what the instrument allows.
    asynchronous
        Orders are acknowledged before they are checked against margin and reduce-only (Bybit): what fails then
        is told as a rejected order instead of a refusal.
    """

    post_only: Literal["refuse", "cancel"] = "refuse"
    unique_ids: Literal["open", "ever"] = "open"
    self_trade: Literal["expire_maker", "expire_taker", "none"] = "expire_maker"
    child_keeps_id: bool = True
    leverage: Decimal = Decimal(20)
    asynchronous: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """A placement in the ledger's words: side +1 or -1, LONG or SHORT, and whether it may only reduce."""

    side: int
    position_side: int
    reduces: bool


def terms_of(placement: Placement, *, hedge: bool) -> Terms:
    """Return the ledger's words. Raises Refused(MODE_MISMATCH) for a position side that the mode does not have."""
    if hedge == (placement.position_side == "both"):
        raise Refused(Reason.MODE_MISMATCH)
    side = BUY if placement.side == "buy" else SELL
    own = LONG if side == BUY else SHORT
    if hedge:
        position_side = LONG if placement.position_side == "long" else SHORT
        return Terms(side, position_side, own != position_side)
    reduces = placement.reduce_only or placement.close_position
    return Terms(side, 1 - own if reduces else own, reduces)


def check_status(status: SymbolStatus, *, reduces: bool, text: str) -> None:
    """Refuse what the symbol's status does not allow."""
    if status == "maintenance":
        raise Refused(Reason.MAINTENANCE, text)
    if status in ("closed", "settling") and not (reduces and status == "settling"):
        raise Refused(Reason.SYMBOL_CLOSED, text)
    if status == "reduce_only" and not reduces:
        raise Refused(Reason.REDUCE_ONLY_REGIME, text)


def check_shape(p: Placement) -> None:
    """Refuse fields that do not go together."""
    limited = p.kind in ("limit", "stop_limit", "take_profit_limit")
    if limited != (p.price is not None):
        raise Refused(Reason.SHAPE, "a limit needs a price, an order at market has none")
    trails = p.kind == "trailing_stop"
    if trails and not (p.callback or p.callback_ratio):
        raise Refused(Reason.SHAPE, "a trailing stop needs its distance")
    if p.kind in ALGO_KINDS and not trails and p.trigger is None:
        raise Refused(Reason.SHAPE, "a stop needs a trigger price")
    if p.close_position and (p.kind not in ALGO_KINDS or p.qty):
        raise Refused(Reason.SHAPE, "only a stop without quantity closes the position")
    if p.tif == "GTX" and not limited:
        raise Refused(Reason.SHAPE, "only a limit can be post-only")


def check_grid(p: Placement, rules: Instrument, mark: Decimal) -> None:
    """Refuse prices off the tick or far from the mark, and quantities off the lot."""
    for price in (p.price, p.trigger):
        if price is not None and (price <= 0 or price % rules.tick_size):
            raise Refused(Reason.TICK, f"{price} is no multiple of {rules.tick_size}")
    if p.qty % rules.lot_size:
        raise Refused(Reason.LOT, f"{p.qty} is no multiple of {rules.lot_size}")
    if rules.price_band_ratio is not None and p.price is not None and p.kind == "limit":
        away = (p.price - mark) / mark * (1 if p.side == "buy" else -1)
        if away > rules.price_band_ratio:
            raise Refused(Reason.PRICE_BAND, f"{p.price} is {away:.2%} beyond the mark {mark}")


def check_sizes(p: Placement, rules: Instrument, price: Decimal, *, reduces: bool) -> None:
    """Refuse what is too small or too large; what reduces may be worth less than the least notional."""
    if p.close_position:
        return
    if p.qty <= 0 or p.qty < rules.min_qty:
        raise Refused(Reason.MIN_QTY, f"{p.qty} is below {rules.min_qty}")
    if rules.max_qty is not None and p.qty > rules.max_qty:
        raise Refused(Reason.MAX_QTY, f"{p.qty} is above {rules.max_qty}")
    if rules.payoff == "inverse":
        return
    notional = p.qty * rules.contract_size * price
    if notional < rules.min_notional and not reduces:
        raise Refused(Reason.MIN_NOTIONAL, f"{notional} is below {rules.min_notional}")
