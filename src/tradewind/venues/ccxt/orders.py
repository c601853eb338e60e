"""An order in ticks and lots, spelled as a venue wants it: exact decimals, its words, its switches.

Nothing is rounded here but limits of what takes at once, where the step of a price depends on the price. What a venue
cannot express (an expiry, a trailing stop, a switch) is said before anything is sent, never left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import msgspec

from tradewind.units.enums import BUY, LONG, SELL, IntentKind, TriggerKind
from tradewind.venues.ccxt.dialect import fill_template, filled_in_part, nested

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.market import Instrument
    from tradewind.venues.ccxt.client_ids import ClientIds
    from tradewind.venues.ccxt.dialect import Call, Dialect
    from tradewind.venues.gateway import NewOrder, OrderRef

__all__ = ["AccountModes", "Spelled", "Speller", "Unspeakable", "step_of", "text_of", "wrapped"]

_MS_NS = 1_000_000
_MARKET_AWAY, _STOP_AWAY = Decimal("0.05"), Decimal("0.1")
"""How far an order at market may be filled from the price, a triggered stop from its trigger, where that is said."""
_SIGNIFICANT = 5
_RATIO_STEP = Decimal("0.1")
_RATIO_LEAST, _RATIO_MOST = Decimal("0.1"), Decimal(10)


class Unspeakable(Exception):
    """The venue has no word for what is asked; the text says what."""


@dataclass(frozen=True, slots=True)
class AccountModes:
    """How the account is set: both sides of a position at once, and margin of each position apart."""

    hedge: bool = False
    isolated: bool = False


class Spelled(msgspec.Struct, frozen=True):
    """A new order as the venue wants it: the style, the call, the fields of its row."""

    style: str
    call: Call
    fields: dict[str, object]
    client_id: str


Step = tuple[int, int]
"""The step of a price or a quantity: so many units of the last of so many decimal places."""


class _Form(msgspec.Struct, frozen=True):
    """What all orders of one sort have in common, and of what each has for itself the field and the name."""

    instrument: Instrument
    style: str
    call: Call
    tick: Step
    lot: Step
    fields: dict[str, object]
    own: tuple[tuple[str, str], ...]
    deep: bool


class Speller:
    """Writes requests of one account.

    Parameters
    ----------
    number_of
        Returns the number by which a symbol goes at a venue that numbers its instruments.

    Attributes
    ----------
    modes
        How the account is set.
    margin_word
        The venue's word for its margin mode.
    leverages
        What `set_leverage` was told, by symbol.
    """

    def __init__(
        self,
        dialect: Dialect,
        ids: ClientIds,
        modes: AccountModes,
        number_of: Callable[[str], int | None] = lambda _symbol: None,
    ) -> None:
        self._dialect = dialect
        self._number_of = number_of
        self._words = dialect.words
        self._ids = ids
        self._forms: dict[object, _Form] = {}
        self.leverages: dict[str, str] = {}
        self.set_modes(modes)

    def set_modes(self, modes: AccountModes) -> None:
        """Write orders for an account that is set like this from now on."""
        words = self._words
        self.modes = modes
        self._forms.clear()
        self._long, self._short = (words.long, words.short) if modes.hedge else (words.net, words.net)
        self._reduce = words.yes if not modes.hedge or self._dialect.reduce_in_hedge else None
        self.margin_word = words.isolated if modes.isolated else words.cross

    def set_leverage(self, symbol: str, leverage: str) -> None:
        """Name this leverage in each order of a symbol from now on, where a venue wants it there."""
        self.leverages[symbol] = leverage
        self._forms.clear()

    def create(self, order: NewOrder, instrument: Instrument) -> Spelled:
        """Return a new order's request. Raises Unspeakable for what this venue has no word for."""
        sort = (
            instrument.symbol, order.kind, order.side, order.position_side, order.reduce, order.post_only,
            order.trigger, order.price_tick == 0, order.trail_tick == 0, order.expires_ns == 0,
        )  # fmt: skip
        form = self._forms.get(sort)
        if form is None or form.instrument is not instrument:
            form = self._forms[sort] = self._form(order, instrument)
        client_id = self._ids.encode(order.cid)
        price = text_of(order.price_tick, form.tick) if order.price_tick else "0"
        values = {
            "qty": self._qty(order.side, text_of(order.qty_lot, form.lot), in_parts=form.lot[1] > 0),
            "price": price,
            "trigger": price,
            "trail": self._trail(order, instrument) if order.trail_tick else None,
            "expires_ms": order.expires_ns // _MS_NS,
            "client_id": client_id,
        }
        fields = form.fields.copy()
        for name, value in form.own:
            fields[name] = values[value] if value != "guard" else self._guard(order, instrument)
        return Spelled(form.style, form.call, nested(fields) if form.deep else fields, client_id)

    def _qty(self, side: int, text: str, *, in_parts: bool) -> object:
        """Return a quantity as the venue writes it: with the side in it, and as a number where there are no parts."""
        if self._dialect.whole_qty:
            return int(text)
        if not self._dialect.signed_qty:
            return text
        signed = text if side == BUY else f"-{text}"
        return signed if in_parts else int(signed)

    def _form(self, order: NewOrder, instrument: Instrument) -> _Form:
        """Return how orders like this one are written for an instrument, all but what `create` adds to each."""
        style = self._style(order)
        call = self._dialect.create.get(style)
        if call is None:
            raise Unspeakable(f"{self._dialect.venue} has no order of the kind {style}")
        if instrument.lot_size % 1:
            call = self._dialect.create.get(f"{style}_in_parts", call)
        self._check_leverage(order, instrument, call)
        if self._dialect.holds_coins:
            self._check_coins(order)
        if self._dialect.actions and self.number_of(instrument) is None:
            raise Unspeakable(f"{self._dialect.venue} has not said by which number {instrument.symbol} goes")
        buys, words = order.side == BUY, self._words
        leads = self.modes.hedge and words.opens is not None
        named = order.position_side == LONG if leads else buys
        reduces = order.closes if self.modes.hedge and self._dialect.reduce_is_side else order.reduce
        values = {
            "symbol": instrument.symbol,
            "settle": instrument.settle,
            "side": words.buy if named else words.sell,
            "leads": (words.closes if order.closes else words.opens) if leads else None,
            "position_side": self._long if order.position_side == LONG else self._short,
            "reduce": self._reduce if reduces else words.no,
            "margin_mode": self.margin_word,
            "trigger_by": words.mark if order.trigger == TriggerKind.MARK else words.last,
            "direction": words.up if buys else words.down,
            "buys": buys,
            "asset": self.number_of(instrument),
            "order_leverage": self.leverages.get(instrument.symbol) if self.modes.isolated else None,
            "activation": None,
        }
        steps = step_of(instrument.tick_size), step_of(instrument.lot_size)
        deep = any("." in name for name in call.fields)
        return _Form(instrument, style, call, *steps, *filled_in_part(call.fields, values), deep)

    def _check_leverage(self, order: NewOrder, instrument: Instrument, call: Call) -> None:
        """Refuse what opens without a leverage where margin is isolated and each order names it. Raises Unspeakable."""
        wanted = self.modes.isolated and "$order_leverage" in call.fields.values()
        if wanted and not order.closes and instrument.symbol not in self.leverages:
            raise Unspeakable(f"{self._dialect.venue} wants a leverage in each order that opens: set one")

    def _check_coins(self, order: NewOrder) -> None:
        """Refuse what a market has no word for at which coins are bought and sold. Raises Unspeakable."""
        if order.position_side != LONG:
            raise Unspeakable(f"{self._dialect.venue} sells what is held, and nothing short")
        if order.kind == IntentKind.STOP and order.trigger == TriggerKind.MARK:
            raise Unspeakable(f"{self._dialect.venue} has no mark price that a stop could watch")

    def _style(self, order: NewOrder) -> str:
        if order.kind == IntentKind.STOP:
            return "stop_trailing" if order.trail_tick else "stop"
        if order.kind == IntentKind.TARGET:
            return "ioc" if order.price_tick else "market"
        if not order.expires_ns:
            return "post_only" if order.post_only else "limit"
        if order.post_only:
            raise Unspeakable(f"{self._dialect.venue} has no post-only order that expires")
        return "limit_expiring"

    def _trail(self, order: NewOrder, instrument: Instrument) -> str:
        """Return the distance that a stop follows at: in price, or in percent of the price that it now follows."""
        if self._dialect.trail == "distance":
            return _text(order.trail_tick * instrument.tick_size)
        behind = order.trail_tick if order.side == SELL else -order.trail_tick
        peak = order.price_tick + behind if order.price_tick else order.near_tick
        if peak <= 0:
            raise Unspeakable(
                "a trailing stop whose distance is larger than the price, or a price not known yet"
            )
        percent = Decimal(100) * order.trail_tick / peak
        # Rounded to the nearer side of protection: closer, never further away.
        percent = percent.quantize(_RATIO_STEP, ROUND_DOWN)
        if not _RATIO_LEAST <= percent <= _RATIO_MOST:
            raise Unspeakable(f"a trailing distance of {percent} % is not between 0.1 and 10")
        return _text(percent)

    def _guard(self, order: NewOrder, instrument: Instrument) -> str:
        """Return the limit of what takes at once, or of a stop, where a venue wants one on the step of its own price.

        A limit that was asked for is never passed: it lies on the step inside of it. Raises Unspeakable where no price
        is known that an order at market could be away from.
        """
        near_tick, away, rounding = order.near_tick, _MARKET_AWAY, ROUND_HALF_EVEN
        if order.kind == IntentKind.STOP:
            near_tick, away = order.price_tick, _STOP_AWAY
        elif order.price_tick:
            near_tick, away = order.price_tick, Decimal(0)
            rounding = ROUND_FLOOR if order.side == BUY else ROUND_CEILING
        if not near_tick:
            raise Unspeakable(f"{self._dialect.venue} takes no order at market while no price is known")
        price = near_tick * instrument.tick_size * (1 + (away if order.side == BUY else -away))
        step = Decimal(1).scaleb(min(price.adjusted() - _SIGNIFICANT + 1, 0))
        return _text(price.quantize(max(step, instrument.tick_size), rounding))

    def number_of(self, instrument: Instrument) -> int | None:
        """Return the venue's number of an instrument, None where orders go by the symbol or it is not known."""
        return self._number_of(instrument.symbol) if self._dialect.actions else None

    # ------------------------------------------------------------------ orders that are there

    def amend(
        self, order: OrderRef, instrument: Instrument, side: int, price_tick: int, qty_lot: int
    ) -> dict[str, object]:
        """Return the fields of an amend. Raises Unspeakable where the venue has none for this order."""
        call = self._dialect.amend
        if call is None or order.algo:
            raise Unspeakable(f"{self._dialect.venue} cannot change this order; cancel it and send another")
        values = {
            **self.reference(order, instrument),
            "side": self._words.buy if side == BUY else self._words.sell,
            "qty": self._qty(
                side, _text(qty_lot * instrument.lot_size), in_parts=bool(instrument.lot_size % 1)
            ),
            "price": _text(price_tick * instrument.tick_size),
        }
        return fill_template(call.fields, values)

    def reference(self, order: OrderRef, instrument: Instrument) -> dict[str, object]:
        """Return what names an order: the venue's id where it is known, else ours; never both.

        An order of somebody else has no id of ours.
        """
        ours = self._ids.encode(order.cid) if order.cid or not order.venue_id else None
        return {
            "symbol": instrument.symbol,
            "settle": instrument.settle,
            "venue_id": order.venue_id or None,
            "client_id": None if order.venue_id else ours,
            "named": order.venue_id or ours,
            "number": int(order.venue_id) if order.venue_id.isdigit() else None,
            "numbered": int(order.venue_id) if order.venue_id.isdigit() else ours,
            "asset": self.number_of(instrument),
        }


def wrapped(call: Call, rows: list[dict[str, object]]) -> object:
    """Return the parameters of a request: one row, a list of rows, or a list by name with what stands beside it."""
    if call.wrap == "[]":
        return rows
    if not call.wrap:
        return rows[0]
    first = rows[0]
    beside = {
        name: first.get(word[1:]) if isinstance(word, str) and word[:1] == "$" else word
        for name, word in call.outer.items()
    }
    inner = [{name: value for name, value in row.items() if name not in beside} for row in rows]
    return {**{name: value for name, value in beside.items() if value is not None}, call.wrap: inner}


def step_of(size: Decimal) -> Step:
    """Return the size of a step as `text_of` takes it."""
    places = max(0, -int(size.as_tuple().exponent))
    return int(size.scaleb(places)), places


def text_of(count: int, step: Step) -> str:
    """Return so many steps, none or more, as `_text` writes their exact decimal: two whole numbers are quicker."""
    units, places = step
    text = str(count * units)
    if not places:
        return text
    text = text.rjust(places + 1, "0")
    return f"{text[:-places]}.{text[-places:]}".rstrip("0").rstrip(".")


def _text(number: Decimal) -> str:
    """Return an exact decimal without an exponent or zeros at its end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
