"""What a venue says of a key, and what that means for trading with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from tradewind.errors import AuthFailed, SafetyRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.venues.keys.entries import AccountKeys

__all__ = [
    "CLOCK_LIMIT_MS",
    "KeyFinding",
    "KeyProbe",
    "KeyReport",
    "explain",
    "refuse_other_mode",
    "refuse_powerful",
]

CLOCK_LIMIT_MS: Final = 1_000.0
"""Offset of the clock from which signed requests may be refused by a venue."""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What a venue says of a key; None where it says nothing.

    Parameters
    ----------
    venue, demo
        Who was asked, and whether it was its practice side.
    can_read, can_trade, can_withdraw
        What the key may do.
    addresses
        Addresses from which it may be used; empty where from any.
    clock_offset_ms
        The venue's time less ours.
    hedge, isolated
        Position and margin mode of the account.
    can_transfer
        Whether it may move money to another account of the same owner.
    """

    venue: str
    demo: bool
    can_read: bool | None = None
    can_trade: bool | None = None
    can_withdraw: bool | None = None
    addresses: tuple[str, ...] | None = None
    clock_offset_ms: float | None = None
    hedge: bool | None = None
    isolated: bool | None = None
    can_transfer: bool | None = None


class KeyProbe(Protocol):
    """Asks a venue about a key, and does nothing else with it."""

    async def __call__(self, keys: AccountKeys) -> KeyReport:
        """Return what the venue says.

        Raises
        ------
        AuthFailed
            KEY_REJECTED: it does not know the key, or not from here.
        VenueDown
            It does not answer.
        """


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """One thing that a key's report means."""

    state: Literal["ok", "warning", "wrong"]
    name: str
    detail: str
    remedy: str = ""


def refuse_powerful(report: KeyReport, name: str) -> None:
    """Refuse a key that may take money away: out of the venue, or, real money, to another account there.

    A transfer loses nothing by itself. It leaves an open position without what stands behind it, though, and what
    holds such a key can undo what keeps it in bounds: at Bybit it may write its own list of addresses.

    Raises SafetyRefusal (KEY_TOO_POWERFUL).
    """
    moves = report.can_transfer and not report.demo
    if report.can_withdraw or moves:
        right = "withdraw money" if report.can_withdraw else "transfer money to another account"
        raise SafetyRefusal(
            "KEY_TOO_POWERFUL",
            f"the key {name!r} may {right}, which nothing here ever needs.",
            where=name,
            hint=f"make a key at {report.venue} that may read and trade only, and delete this one there",
        )


def refuse_other_mode(report: KeyReport, keys: AccountKeys) -> None:
    """Refuse a key that the other side of a venue knows. Raises AuthFailed (KEY_MODE_MISMATCH)."""
    if report.demo != keys.demo:
        sides = ("real", "practice") if keys.demo else ("practice", "real")
        raise AuthFailed(
            "KEY_MODE_MISMATCH",
            f"the key {keys.name!r} was added for {sides[1]} money, and the venue knows it for {sides[0]} money.",
            where=keys.name,
        )


def explain(report: KeyReport) -> tuple[KeyFinding, ...]:
    """Return what the report means for trading, the things that are wrong among them."""
    return tuple(_findings(report))


def _findings(report: KeyReport) -> Iterator[KeyFinding]:
    yield KeyFinding("ok", "key", f"accepted by {report.venue}{' (practice money)' if report.demo else ''}")
    yield _permission("read", report.can_read)
    yield _permission("trade", report.can_trade)
    yield _withdrawal(report.can_withdraw)
    yield _transfer(report.can_transfer, demo=report.demo)
    yield _addresses(report)
    yield _clock(report.clock_offset_ms)
    yield _mode("position mode", report.hedge, ("one way", "hedge"))
    yield _mode("margin mode", report.isolated, ("cross", "isolated"))


def _permission(name: str, may: bool | None) -> KeyFinding:
    if may is None:
        return KeyFinding("warning", name, "the venue does not say", "look at the key on the venue's page")
    if may:
        return KeyFinding("ok", name, "allowed")
    return KeyFinding("wrong", name, "not allowed", f"allow the key to {name} futures on the venue's page")


def _withdrawal(may: bool | None) -> KeyFinding:
    if may is None:
        remedy = "make sure on the venue's page that it may not"
        return KeyFinding("warning", "withdraw", "the venue does not say", remedy)
    if may:
        return KeyFinding(
            "wrong", "withdraw", "allowed", "make another key that may not, and delete this one"
        )
    return KeyFinding("ok", "withdraw", "not allowed, as it should be")


def _transfer(may: bool | None, *, demo: bool) -> KeyFinding:
    if may is None:
        remedy = "where it may, a sub-account of its own bounds what it can move"
        return KeyFinding("warning", "transfer", "the venue does not say", remedy)
    if may:
        remedy = "make another key that may not, and delete this one"
        return KeyFinding("warning" if demo else "wrong", "transfer", "allowed", remedy)
    return KeyFinding("ok", "transfer", "not allowed, as it should be")


def _addresses(report: KeyReport) -> KeyFinding:
    if report.addresses is None:
        return KeyFinding("warning", "addresses", "the venue does not say from where it may be used")
    if not report.addresses:
        remedy = "list this machine's address at the venue: a stolen key is then of no use elsewhere"
        return KeyFinding("warning", "addresses", "it may be used from anywhere", remedy)
    return KeyFinding("ok", "addresses", ", ".join(report.addresses[:8]))


def _clock(offset_ms: float | None) -> KeyFinding:
    if offset_ms is None:
        return KeyFinding("warning", "clock", "the venue does not tell its time")
    told = f"{offset_ms:+.0f} ms from ours"
    if abs(offset_ms) > CLOCK_LIMIT_MS:
        return KeyFinding("wrong", "clock", told, "let the system keep its clock by NTP")
    return KeyFinding("ok", "clock", told)


def _mode(name: str, value: bool | None, told: tuple[str, str]) -> KeyFinding:
    if value is None:
        return KeyFinding("warning", name, "the venue does not say")
    return KeyFinding("ok", name, told[value])
