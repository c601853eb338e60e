"""What a key may do, by the venue's word, before anything is traded with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.errors import AuthFailed, VenueDown, VenueRefused
from tradewind.venues.ccxt.classification import code_of, look_up
from tradewind.venues.ccxt.dialect import Meaning, value_at
from tradewind.venues.ccxt.parsing import word_of
from tradewind.venues.gateway import AccountMode
from tradewind.venues.keys.report import KeyReport, refuse_powerful

if TYPE_CHECKING:
    from tradewind.venues.ccxt.dialect import Call, Path
    from tradewind.venues.ccxt.wire import Answer, Wire

__all__ = ["check_key", "check_kind", "read_key"]

_OTHER_WORLD = frozenset({"50101", "40099"})
"""Codes that say that a key belongs to the other world, of practice or of real money (OKX, Bitget)."""


async def check_key(wire: Wire, mode: AccountMode, name: str) -> KeyReport:
    """Return what a key may do, if that is to trade and not to move money away.

    Raises AuthFailed (KEY_REJECTED, KEY_MODE_MISMATCH), VenueRefused (KEY_PERMISSION, SETTINGS_REFUSED), SafetyRefusal
    (KEY_TOO_POWERFUL), VenueDown.
    """
    report = await read_key(wire, mode)
    refuse_powerful(report, name)
    if report.can_trade is False:
        raise VenueRefused("KEY_PERMISSION", f"the key {name!r} may not trade.", where=name)
    await check_kind(wire)
    return report


async def read_key(wire: Wire, mode: AccountMode) -> KeyReport:
    """Return what the venue says of the key. Raises AuthFailed, VenueDown."""
    shape, demo = wire.dialect.key, mode is AccountMode.DEMO
    offset_ms = wire.clock.offset_ns / 1_000_000 if wire.clock.known else None
    if shape.call is None or (demo and not shape.demo_too):
        # The practice side does not say; that the key is accepted at all is asked of the balance.
        await _asked(wire, mode, wire.dialect.balances.call)
        return KeyReport(wire.dialect.venue, demo, can_read=True, clock_offset_ms=offset_ms)
    answer = await _asked(wire, mode, shape.call)
    owner = word_of(value_at(answer.body, shape.owner)).lower() if shape.owner else ""
    if owner and owner != str(wire.exchange.walletAddress).lower():
        text = "the private key signs for another account than the address that stands beside it."
        raise AuthFailed("KEY_REJECTED", text, where=wire.dialect.venue)
    if shape.user:
        wire.exchange.uid = word_of(value_at(answer.body, shape.user))
    return KeyReport(
        venue=wire.dialect.venue,
        demo=demo,
        can_read=True,
        can_trade=_says(answer.body, shape.trades),
        can_withdraw=_says(answer.body, shape.withdraws),
        can_transfer=_says(answer.body, shape.transfers),
        addresses=_addresses(answer.body, shape.ips, shape.unrestricted),
        clock_offset_ms=offset_ms,
    )


async def check_kind(wire: Wire) -> None:
    """Refuse an account whose money the lists that are read here do not tell. Raises VenueDown, VenueRefused."""
    call, venue = wire.dialect.key.account, wire.dialect.venue
    if call is None:
        return
    answer = await wire.ask(call, dict(call.fields))
    if answer.error is not None or answer.refused or not isinstance(answer.body, str):
        raise VenueDown("VENUE_DOWN", f"{venue} does not say how the account is kept: {wire.text_of(answer)}")
    if answer.body not in wire.dialect.key.kinds:
        raise VenueRefused(
            "SETTINGS_REFUSED",
            f"{venue} keeps the account as {answer.body[:40]!r}: its money would be read as none.",
            where=venue,
            hint="make it a standard account at the venue while it holds nothing, or use another one",
        )


async def _asked(wire: Wire, mode: AccountMode, call: Call) -> Answer:
    answer = await wire.ask(call, dict(call.fields))
    code = code_of(wire.dialect, answer.body)
    row = look_up(wire.dialect, code)
    if row is not None and row.meaning is Meaning.KEY:
        text = wire.text_of(answer)
        if code in _OTHER_WORLD:
            raise AuthFailed("KEY_MODE_MISMATCH", f"the key is not one of {mode.value} trading: {text}")
        raise AuthFailed("KEY_REJECTED", f"{wire.dialect.venue} does not accept the key: {text}")
    if not answer.fine or code:
        raise VenueDown("VENUE_DOWN", f"{wire.dialect.venue}: {wire.text_of(answer)}")
    return answer


def _says(body: object, places: tuple[tuple[Path, frozenset[str]], ...]) -> bool | None:
    """Return whether any place holds one of its words; None where no place is there at all."""
    told = [(_words(body, path), words) for path, words in places]
    if all(found is None for found, _ in told):
        return None
    return any(found is not None and bool(found & words) for found, words in told)


def _words(body: object, path: Path) -> frozenset[str] | None:
    """Return the words at a place: of a list, of a text with commas, of a switch; None where there is none."""
    value = value_at(body, path)
    if value is None:
        return None
    parts = value if isinstance(value, list) else word_of(value).split(",")
    return frozenset(word_of(part).strip() for part in parts)


def _addresses(body: object, path: Path, unrestricted: tuple[Path, str] | None) -> tuple[str, ...] | None:
    if unrestricted is not None and word_of(value_at(body, unrestricted[0])) == unrestricted[1]:
        return ()
    found = _words(body, path) if path else None
    return tuple(sorted(found - {"", "*"})) if found is not None else None
