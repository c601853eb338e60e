"""What an account is set to: leverage, position mode, margin mode, the venue's dead-man timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.errors import VenueDown
from tradewind.units.enums import Rule, SettingCode
from tradewind.venues.ccxt.budget import Urgency
from tradewind.venues.ccxt.dialect import fill_template
from tradewind.venues.gateway import Outcome, OutcomeKind, SettingSeen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tradewind.market import Instrument
    from tradewind.venues.ccxt.account_reading import AccountReader
    from tradewind.venues.ccxt.dialect import Call, Dialect
    from tradewind.venues.ccxt.orders import AccountModes, Speller
    from tradewind.venues.gateway import Listing

__all__ = ["AccountSwitches"]

_ACCEPTED = Outcome(OutcomeKind.ACCEPTED)


class AccountSwitches:
    """Sets what an account is set to.

    Parameters
    ----------
    change
        Sends a request that changes something and says what it proves.
    """

    def __init__(
        self,
        dialect: Dialect,
        speller: Speller,
        account: AccountReader,
        listings: Mapping[int, Listing],
        change: Callable[[Call, dict[str, object], Urgency], Awaitable[Outcome]],
    ) -> None:
        self._dialect = dialect
        self._speller = speller
        self._account = account
        self._listings = listings
        self._change = change

    async def set_leverage(self, instrument: Instrument, leverage: float) -> Outcome:
        """Set the leverage of an instrument, of both sides where each has its own."""
        modes, words = self._speller.modes, self._dialect.words
        call = self._dialect.hedged.get("leverage") if modes.hedge else None
        call = call or self._dialect.leverage
        if call is None:
            text = f"{self._dialect.venue} has no leverage: what is bought is paid whole"
            return _ACCEPTED if leverage == 1 else _no_such(text)
        if "$leverage_number" in call.fields.values() and leverage != int(leverage):
            return _no_such(f"{self._dialect.venue} takes whole numbers for the leverage, not {leverage:g}")
        sides: tuple[object, ...] = (None,)
        if modes.hedge and modes.isolated and "$leverage_side" in call.fields.values():
            sides = (words.long, words.short)
        self._speller.set_leverage(instrument.symbol, f"{leverage:g}")
        for side in sides:
            values = {
                "symbol": instrument.symbol,
                "settle": instrument.settle,
                "leverage": f"{leverage:g}",
                "isolated_leverage": f"{leverage:g}" if modes.isolated else "0",
                "cross_leverage": None if modes.isolated else f"{leverage:g}",
                "margin_mode": self._speller.margin_word,
                "leverage_side": side,
                "leverage_number": int(leverage),
                "crosses": not modes.isolated,
                "asset": self._speller.number_of(instrument),
            }
            outcome = await self._change(call, fill_template(call.fields, values), Urgency.OPEN)
            if outcome.kind is not OutcomeKind.ACCEPTED:
                return outcome
        return _ACCEPTED

    async def set_modes(self, instrument: int, modes: AccountModes) -> Outcome:
        """Set position and margin mode; what is so already is left alone, since a venue refuses it with orders open."""
        words = self._dialect.words
        if modes.hedge and self._dialect.position_mode is None:
            return _no_such(f"{self._dialect.venue} does not hold long and short beside each other")
        self._speller.set_modes(modes)
        wishes: list[tuple[Call | None, int, bool]] = [
            (self._dialect.position_mode, SettingCode.POSITION_MODE, modes.hedge),
            (self._dialect.margin_mode, SettingCode.MARGIN_MODE, modes.isolated),
        ]
        values = {
            "symbol": self._listings[instrument].instrument.symbol,
            "settle": self._listings[instrument].instrument.settle,
            "hedge": words.hedged if modes.hedge else words.one_way,
            "margin_mode": self._speller.margin_word,
        }
        for call, code, wish in wishes:
            if call is None or await self._is_set(instrument, code, wish):
                continue
            outcome = await self._change(call, fill_template(call.fields, values), Urgency.OPEN)
            if outcome.kind is not OutcomeKind.ACCEPTED:
                return outcome
        return _ACCEPTED

    async def _is_set(self, instrument: int, code: int, wish: bool) -> bool:
        for reading in self._dialect.settings:
            if getattr(SettingCode, getattr(reading.shape, "code", ""), -1) != code:
                continue
            try:
                events = await self._account.read(reading, only=instrument)
            except VenueDown:
                return False
            told = [e.value for e in events if isinstance(e, SettingSeen) and e.instrument == instrument]
            return bool(told) and all(bool(value) == wish for value in told)
        return False

    async def arm_dead_man(self, timeout_s: float) -> Outcome:
        """Set the venue's timer, of each instrument where it keeps one for each."""
        call = self._dialect.dead_man
        if call is None:
            return _no_such(f"{self._dialect.venue} has no such timer")
        timeout = str(int(timeout_s * 1000) // self._dialect.dead_man_unit_ms)
        per_symbol = "$symbol" in call.fields.values()
        symbols = [listing.instrument.symbol for listing in self._listings.values()] if per_symbol else [""]
        for symbol in symbols:
            fields = fill_template(call.fields, {"symbol": symbol, "timeout": timeout})
            outcome = await self._change(call, fields, Urgency.PROTECT)
            if outcome.kind is not OutcomeKind.ACCEPTED:
                return outcome
        return _ACCEPTED


def _no_such(text: str) -> Outcome:
    """Return that a venue has nothing of the kind that is to be set."""
    return Outcome(OutcomeKind.REJECTED, rule=Rule.SETTINGS, text=text)
