"""Judge an order that a person or a script wants before anything is sent, against the venue's rules.

What a strategy wants is judged by the core's gate, in ticks and lots. What comes from outside comes as text: it is
read here, exactly, and either becomes a `CheckedOrder` on the venue's grid or an error that says everything that is
wrong with it. Nothing is rounded: an amount that does not fit is somebody's mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Final, Literal

from tradewind.config import did_you_mean
from tradewind.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tradewind.market import Instrument

__all__ = [
    "CLIENT_ID_MAX",
    "KINDS",
    "SIDES",
    "TIFS",
    "CheckedOrder",
    "OrderPlace",
    "OrderWish",
    "check_order",
]

SIDES: Final = ("buy", "sell")
KINDS: Final = ("limit", "market", "stop", "stop_limit")
TIFS: Final = ("gtc", "ioc", "fok", "post_only")
CLIENT_ID_MAX: Final = 32
"""Longest id that every venue takes."""

_CLIENT_ID = re.compile(rf"[A-Za-z0-9]{{1,{CLIENT_ID_MAX}}}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DIGITS = 80
_LARGEST = Decimal("1e18")
_PRICED = ("limit", "stop_limit")
_TRIGGERED = ("stop", "stop_limit")


@dataclass(frozen=True, slots=True)
class OrderWish:
    """An order as somebody wrote it; nothing of it is trusted.

    Parameters
    ----------
    side, kind, tif
        Of `SIDES`, `KINDS` and `TIFS`, in exactly this spelling.
    amount
        In the instrument's own units (contracts, or base units on spot): text, an integer or a decimal. A float is
        read as the shortest text that means it.
    price
        Limit price in quote units, for the kinds that have one.
    trigger
        Price at which a stop wakes.
    reduce_only
        Whether it may only make a position smaller.
    client_id
        Our own id; "" where the sender makes one.
    """

    side: object
    kind: object
    amount: object
    price: object = None
    tif: object = "gtc"
    trigger: object = None
    reduce_only: object = False
    client_id: object = ""


@dataclass(frozen=True, slots=True)
class OrderPlace:
    """What an order is judged against.

    Parameters
    ----------
    instrument
        The venue's rules.
    mark
        Mark price, or the last where the venue has none.
    position
        Held now in the instrument's units, negative when short.
    band_ratio
        Farthest distance of a price from the mark that our own limits allow, as a ratio; None for no limit.
    used_ids
        Ids of orders that were sent before: none is used twice.
    """

    instrument: Instrument
    mark: Decimal
    position: Decimal = Decimal(0)
    band_ratio: Decimal | None = None
    used_ids: Collection[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that the venue's rules allow, on its grid.

    Parameters
    ----------
    price_tick, trigger_tick
        In whole ticks; 0 for none.
    qty_lot
        In whole lots.
    notional
        What it is worth at its own price, in quote units.
    """

    side: Literal["buy", "sell"]
    kind: Literal["limit", "market", "stop", "stop_limit"]
    tif: Literal["gtc", "ioc", "fok", "post_only"]
    qty_lot: int
    price_tick: int
    trigger_tick: int
    notional: Decimal
    reduce_only: bool
    client_id: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A wish whose words are known and whose numbers are numbers."""

    side: Literal["buy", "sell"]
    kind: Literal["limit", "market", "stop", "stop_limit"]
    tif: Literal["gtc", "ioc", "fok", "post_only"]
    amount: Decimal
    price: Decimal | None
    trigger: Decimal | None
    reduce_only: bool
    client_id: str


def check_order(wish: OrderWish, place: OrderPlace) -> CheckedOrder:
    """Return the order on the venue's grid.

    Raises
    ------
    UsageError
        ORDER_ENUM, ORDER_AMOUNT, ORDER_PRICE, ORDER_SHAPE, ORDER_CLIENT_ID for what cannot be read; then ORDER_MIN_QTY,
        ORDER_MAX_QTY, ORDER_MIN_NOTIONAL, ORDER_PRICE, ORDER_PRICE_BAND, ORDER_STOP_SIDE, ORDER_REDUCE_FLAT for what
        the venue would refuse. Everything that is wrong is told at once; each names its field.
    """
    with localcontext(prec=_DIGITS):
        read = _read(wish)
        _raise(problem for rule in _RULES for problem in rule(read, place))
        return _placed(read, place)


def _placed(read: _Read, place: OrderPlace) -> CheckedOrder:
    instrument = place.instrument
    return CheckedOrder(
        read.side,
        read.kind,
        read.tif,
        int(read.amount / instrument.lot_size),
        _steps(read.price, instrument.tick_size),
        _steps(read.trigger, instrument.tick_size),
        _notional(read.amount, read.price or read.trigger or place.mark, instrument),
        read.reduce_only,
        read.client_id,
    )


def _raise(problems: Iterator[UsageError]) -> None:
    found = list(problems)
    if found:
        first, *others = found
        first.also = tuple(others)
        raise first


def _refused(code: str, key: str, message: str, hint: str = "", known: tuple[str, ...] = ()) -> UsageError:
    return UsageError(code, message, where="order", key=key, hint=hint, known=known)


# ---------------------------------------------------------------------- reading


def _read(wish: OrderWish) -> _Read:
    problems: list[UsageError] = []

    def tried(read: Callable[..., object], *given: object) -> object:
        try:
            return read(*given)
        except UsageError as error:
            problems.append(error)
            return None

    side, kind, tif = (
        tried(_word, name, getattr(wish, name), known)
        for name, known in (("side", SIDES), ("kind", KINDS), ("tif", TIFS))
    )
    amount = tried(_positive, "ORDER_AMOUNT", "amount", wish.amount)
    price = None if wish.price is None else tried(_positive, "ORDER_PRICE", "price", wish.price)
    trigger = None if wish.trigger is None else tried(_positive, "ORDER_PRICE", "trigger", wish.trigger)
    reduce_only = tried(_flag, wish.reduce_only)
    client_id = tried(_client_id, wish.client_id)
    if kind is not None and tif is not None:
        problems.extend(_misshapen(str(kind), str(tif), wish))
    _raise(iter(problems))
    return _Read(side, kind, tif, amount, price, trigger, bool(reduce_only), str(client_id))  # type: ignore[arg-type]


def _word(name: str, value: object, known: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in known:
        return value
    told = repr(value)[:40]
    hint = did_you_mean(value, known) if isinstance(value, str) else ""
    raise _refused("ORDER_ENUM", name, f"{told} is no {name} of an order.", hint, known)


def _positive(code: str, name: str, value: object) -> Decimal:
    number = _decimal(value)
    if number is None or not number.is_finite():
        raise _refused(code, name, f"{name} = {repr(value)[:40]} is no number.", "write digits with a point")
    if number <= 0:
        raise _refused(code, name, f"{name} = {number} is not above zero.", "write a number above zero")
    if number > _LARGEST:
        raise _refused(code, name, f"{name} = {number:.3g} is beyond any order.")
    return number


def _decimal(value: object) -> Decimal | None:
    """Return the exact number that a value writes, or None; true is no number, nor is a text with blanks in it."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    if not _NUMBER.fullmatch(text) or len(text) > 60:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _refused("ORDER_SHAPE", "reduce_only", f"{repr(value)[:40]} is neither true nor false.")
    return value


def _client_id(value: object) -> str:
    if value == "" or (isinstance(value, str) and _CLIENT_ID.fullmatch(value)):
        return str(value)
    fault = (
        f"has {len(value)} signs"
        if isinstance(value, str) and len(value) > CLIENT_ID_MAX
        else "is no such id"
    )
    raise _refused(
        "ORDER_CLIENT_ID",
        "client_id",
        f"the order's own id {fault}.",
        f"letters and digits only, {CLIENT_ID_MAX} at most: every venue takes those",
    )


def _misshapen(kind: str, tif: str, wish: OrderWish) -> Iterator[UsageError]:
    """Yield what of an order's parts contradicts its kind."""
    for name, has, kinds in (
        ("price", wish.price is not None, _PRICED),
        ("trigger", wish.trigger is not None, _TRIGGERED),
    ):
        if has and kind not in kinds:
            yield _refused("ORDER_SHAPE", name, f"a {kind} order has no {name}.", "leave it out")
        if not has and kind in kinds:
            yield _refused("ORDER_SHAPE", name, f"a {kind} order needs a {name}.", f"add the {name}")
    if tif != "gtc" and kind != "limit":
        yield _refused(
            "ORDER_SHAPE",
            "tif",
            f"{tif} has no meaning for a {kind} order.",
            'only a limit order has one: "gtc"',
        )


# ---------------------------------------------------------------------- the venue's rules


def _check_amount(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    rules = place.instrument
    if read.amount < max(rules.min_qty, rules.lot_size):
        least = max(rules.min_qty, rules.lot_size)
        yield _refused("ORDER_MIN_QTY", "amount", f"{read.amount} is below the smallest order, {least:f}.")
    elif read.amount % rules.lot_size:
        below = read.amount // rules.lot_size * rules.lot_size
        yield _refused(
            "ORDER_AMOUNT",
            "amount",
            f"{read.amount} is no multiple of the step {rules.lot_size:f}.",
            f"write {below:f} or {below + rules.lot_size:f}",
        )
    if rules.max_qty is not None and read.amount > rules.max_qty:
        yield _refused(
            "ORDER_MAX_QTY", "amount", f"{read.amount} is above the largest order, {rules.max_qty:f}."
        )


def _check_grid(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    tick = place.instrument.tick_size
    for name, price in (("price", read.price), ("trigger", read.trigger)):
        if price is not None and price % tick:
            below = price // tick * tick
            yield _refused(
                "ORDER_PRICE",
                name,
                f"{name} {price} is no multiple of the tick {tick:f}.",
                f"write {below:f} or {below + tick:f}",
            )


def _check_notional(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    """Yield an order that is worth too little; a reduction may be as small as what is left of a position."""
    if read.reduce_only:
        return
    worth = _notional(read.amount, read.price or read.trigger or place.mark, place.instrument)
    least = place.instrument.min_notional
    if worth < least:
        yield _refused(
            "ORDER_MIN_NOTIONAL", "amount", f"the order is worth {worth:.8g}, below the venue's {least:f}."
        )


def _check_band(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    """Yield a price too far from the mark. A reduction is held to the venue's band only, not to ours."""
    own = None if read.reduce_only else place.band_ratio
    given = [ratio for ratio in (place.instrument.price_band_ratio, own) if ratio is not None]
    if read.price is None or not given:
        return
    reach = min(given)
    low, high = place.mark * (1 - reach), place.mark * (1 + reach)
    if not low <= read.price <= high:
        yield _refused(
            "ORDER_PRICE_BAND",
            "price",
            f"the price {read.price} lies {abs(read.price / place.mark - 1):.1%} from the mark price {place.mark:f}.",
            f"write a price between {low:.8g} and {high:.8g}",
        )


def _check_stop(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    if read.trigger is None:
        return
    above = read.side == "buy"
    if (read.trigger > place.mark) != above:
        side = "above" if above else "below"
        yield _refused(
            "ORDER_STOP_SIDE",
            "trigger",
            f"a stop that {read.side}s at {read.trigger} would wake at once: the mark price is {place.mark:f}.",
            f"write a trigger {side} the mark price",
        )


def _check_reduction(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    if not read.reduce_only:
        return
    held = place.position if read.side == "sell" else -place.position
    if place.instrument.payoff == "spot":
        yield _refused(
            "ORDER_SHAPE", "reduce_only", "spot has no position that could be reduced.", "leave it out"
        )
    elif held <= 0:
        told = "no position" if place.position == 0 else f"a position of {place.position:f}"
        yield _refused(
            "ORDER_REDUCE_FLAT", "reduce_only", f"there is {told}, which a {read.side} does not reduce."
        )


def _check_reuse(read: _Read, place: OrderPlace) -> Iterator[UsageError]:
    if read.client_id and read.client_id in place.used_ids:
        yield _refused(
            "ORDER_CLIENT_ID", "client_id", f"the id {read.client_id!r} was used before.", "choose a new one"
        )


_RULES = (
    _check_amount,
    _check_grid,
    _check_notional,
    _check_band,
    _check_stop,
    _check_reduction,
    _check_reuse,
)


def _steps(price: Decimal | None, tick: Decimal) -> int:
    return 0 if price is None else int(price / tick)


def _notional(amount: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    """Return what an amount is worth in quote units."""
    if instrument.payoff == "inverse":
        return amount * instrument.contract_size
    return amount * instrument.contract_size * price
