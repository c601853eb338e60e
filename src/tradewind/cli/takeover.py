"""``tradewind session flatten --takeover``: close what a session holds without asking the session."""

import asyncio
import getpass
import json
import os
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewind.errors import NotFound, SafetyRefusal, TradewindError, UsageError, VenueDown

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from pathlib import Path

    from tradewind.cli.output import Output
    from tradewind.config import AccountEntry, SessionConfig, Workspace
    from tradewind.live.epochs import Epoch
    from tradewind.live.flatten import Flattened, FlattenPolicy
    from tradewind.live.takeover import Lease
    from tradewind.market import Instrument
    from tradewind.venues.ccxt.trading import CcxtTradingGateway
    from tradewind.venues.gateway import Listing
    from tradewind.venues.keys import AccountKeys

__all__ = ["close_account", "take_over"]

_OPEN_WITHIN_S = 30.0
_TRIES = 3
_NOBODYS = "TAKEOV"
"""Signs for a takeover's orders where the session's own are lost."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a session trades, as its journal says, or else its file."""

    session: "SessionConfig"
    instruments: "tuple[Instrument, ...]"
    accounts: "dict[str, AccountEntry]"

    def listings(self, venue: str) -> "list[Listing]":
        from tradewind.live.amounts import listing_of

        return [listing_of(j, each) for j, each in enumerate(self.instruments) if each.venue == venue]


def take_over(desk: "Workspace", name: str, say: "Output", reason: str, *, everything: bool = False) -> None:
    """End the processes of a session, close what its accounts hold in its instruments, and say what is left.

    The journal is read where it can be and written to at the end; what the venue says counts in any case. Orders that
    are not the session's are left alone unless everything is meant, or nobody knows any more which are its own.

    Raises
    ------
    Busy
        LOCKED: what holds its leases is not this session's, or does not end.
    VenueDown
        FLATTEN_INCOMPLETE: the venue does not say that nothing is left.
    """
    from tradewind.cli.claiming import session_of
    from tradewind.live.takeover import end_processes, hold_leases
    from tradewind.venues.extras import require_live

    require_live()
    _warn_of_ccxt(say)
    folder = desk.session_dir(name)
    known = _known(desk, folder, name, say)
    keys = _keys(desk, known, say)
    leases = _leases(desk, name, known.accounts, keys, say)
    ended = end_processes(leases, say.note)
    with hold_leases(leases, f"takes over in {session_of(desk, name)}"):
        done = asyncio.run(_close_all(desk, folder, known, keys, say, everything=everything))
    unwritten = _write_down(
        folder, name, known, {"reason": reason, "ended": list(ended), "accounts": _told(done)}
    )
    _tell(say, name, done, unwritten)


def _warn_of_ccxt(say: "Output") -> None:
    """Say that another ccxt closes what is held: leaving it open because of that would be worse."""
    from tradewind.venues.genuine import refuse_changed_ccxt

    try:
        refuse_changed_ccxt()
    except SafetyRefusal as error:
        say.note(f"warning: {error.code}: {error.message} It closes what is held all the same.")


def _leases(
    desk: "Workspace",
    name: str,
    accounts: "dict[str, AccountEntry]",
    keys: "dict[str, AccountKeys]",
    say: "Output",
) -> "list[Lease]":
    """Return what a session holds: its accounts, its journal, and its keys for this user of this machine."""
    from tradewind.cli.claiming import claim_paths, session_of
    from tradewind.live.takeover import Lease

    guarded = [Lease(desk.account_lock(account), f"session {name}") for account in accounts]
    claims = claim_paths(desk, accounts, keys, say.note).values()
    return [
        *guarded,
        Lease(desk.session_dir(name) / "lock", name),
        *(Lease(path, session_of(desk, name)) for path in claims),
    ]


def _keys(desk: "Workspace", known: _Known, say: "Output") -> "dict[str, AccountKeys]":
    from tradewind.cli.keys import asking, key_store
    from tradewind.venues.keys import install, keys_for, protect_process

    protect_process()
    install()
    store, around = key_store(desk), asking(say)
    return {
        account: keys_for(account, entry.venue, store, around, demo=entry.kind == "demo")
        for account, entry in known.accounts.items()
    }


# ---------------------------------------------------------------------- what is known


def _known(desk: "Workspace", folder: "Path", name: str, say: "Output") -> _Known:
    """Return what a session trades. Raises NotFound where neither its journal nor its file says it."""
    try:
        session, instruments = _of_journal(folder, name)
    except (TradewindError, OSError, ValueError) as error:
        told = error.message if isinstance(error, TradewindError) else str(error)
        say.note(f"the journal does not say what the session trades ({told}); its file does")
        session, instruments = _of_file(desk, name)
    if not session.accounts:
        raise UsageError(
            "USAGE",
            f"{name} is a session on paper: it holds nothing at a venue.",
            where="--takeover",
            hint=f"tradewind session stop {name}",
        )
    accounts = {account: desk.settings.accounts[account] for account in session.accounts}
    return _Known(session, instruments, accounts)


def _of_journal(folder: "Path", name: str) -> "tuple[SessionConfig, tuple[Instrument, ...]]":
    from tradewind.cli.listening import first_boot
    from tradewind.config import session_from
    from tradewind.market import Instrument

    boot = first_boot(folder)
    if boot is None:
        raise NotFound("SESSION_UNKNOWN", "it has no record of a start", where=str(folder))
    session = session_from(tomllib.loads(boot.config), name=f"{name}, record of its start").config
    labels = [instrument.symbol for instrument in boot.instruments]
    return session, tuple(
        Instrument.from_dict(table, label) for table, label in zip(boot.rules, labels, strict=True)
    )


def _of_file(desk: "Workspace", name: str) -> "tuple[SessionConfig, tuple[Instrument, ...]]":
    from tradewind.config import load_session
    from tradewind.market import Store, resolve_instrument

    path = desk.root / "sessions" / f"{name}.toml"
    if not path.is_file():
        raise NotFound(
            "SESSION_UNKNOWN",
            f"neither a journal nor {desk.shown(path)} says what {name} trades",
            where=str(path),
        )
    session = load_session([path]).config
    store = Store(desk.data)
    places = session.market.instruments if session.accounts else ()
    return session, tuple(resolve_instrument(store, *place) for place in places)


# ---------------------------------------------------------------------- closing


async def _close_all(
    desk: "Workspace",
    folder: "Path",
    known: _Known,
    keys: "dict[str, AccountKeys]",
    say: "Output",
    *,
    everything: bool,
) -> "dict[str, Flattened]":
    from tradewind.live.epochs import coins_noted

    epoch = _epoch(folder)
    if epoch is None:
        say.note("the signs of the session's orders are lost; every order in its instruments is cancelled")
    coins = _begun_ns(folder) if epoch is not None else None, coins_noted(folder)
    work = [
        _close(desk, known, _Place(account, keys[account], epoch, everything, coins), say)
        for account in known.accounts
    ]
    return dict(zip(known.accounts, await asyncio.gather(*work), strict=True))


@dataclass(frozen=True, slots=True)
class _Place:
    """An account, and which of its orders are cancelled; `epoch` is None where their signs are lost.

    coins: from when on orders may bear them, None where nobody knows, and how many coins were the session's then.
    """

    account: str
    keys: "AccountKeys"
    epoch: "Epoch | None"
    everything: bool
    coins: "tuple[int | None, dict[str, Decimal]]"

    @property
    def policy(self) -> "FlattenPolicy":
        from tradewind.live.flatten import FlattenPolicy

        if self.epoch is None:
            return FlattenPolicy(everything=True)
        return FlattenPolicy(
            everything=self.everything, earlier=self.epoch.earlier, coins_since_ns=self.coins[0],
            coins_given=self.coins[1],
        )  # fmt: skip


async def _close(desk: "Workspace", known: _Known, place: _Place, say: "Output") -> "Flattened":
    """Close one account. One that cannot be opened is tried again, and then said to be as it was."""
    from tradewind.cli.live_accounts import open_gateway, settings_of
    from tradewind.live.flatten import Flattened

    account = place.account
    entry = known.accounts[account]
    listings = known.listings(entry.venue)
    settings = settings_of(known.session, entry, place.epoch.tag if place.epoch else _NOBODYS)
    failed = Flattened()
    for attempt in range(_TRIES):
        gateway, session = open_gateway(desk, settings, listings, place.keys)
        try:
            return await close_account(
                gateway, listings, lambda step: say.note(f"{account}: {step}"), place.policy
            )
        except (TradewindError, TimeoutError) as error:
            told = error.message if isinstance(error, TradewindError) else "the venue does not answer"
            failed.steps.append(told)
            say.note(f"{account}: {told}")
        finally:
            await gateway.close()
            await session.close()
        await asyncio.sleep(2.0**attempt)
    return failed


async def close_account(
    gateway: "CcxtTradingGateway",
    listings: "list[Listing]",
    tell: "Callable[[str], None]",
    policy: "FlattenPolicy | None" = None,
) -> "Flattened":
    """Close what an account holds in some instruments by requests alone; return what the venue says is left.

    A signature needs the venue's time and nothing else: neither its streams nor its word about the key are waited for,
    since they may be what fails, nor its list of markets, except where orders go by numbers that only this list tells.
    Raises VenueDown, VenueRefused (CLOCK_OFFSET), TimeoutError.
    """
    from tradewind.live.flatten import flatten_account
    from tradewind.live.takeover import first_cid

    await asyncio.wait_for(gateway.measure_clock(), _OPEN_WITHIN_S)
    await asyncio.wait_for(gateway.learn_numbers(), _OPEN_WITHIN_S)
    return await flatten_account(gateway, listings, first_cid(time.time_ns()), policy, tell)


def _epoch(folder: "Path") -> "Epoch | None":
    """Return by which signs the session's orders are known, None where they are lost."""
    from tradewind.live.epochs import epoch_of

    try:
        return epoch_of(folder, draws=False)
    except (OSError, TradewindError, ValueError):
        return None


def _begun_ns(folder: "Path") -> int | None:
    """Return from when on orders may bear the session's signs, None where nobody knows."""
    from tradewind.live.epochs import begun_ns

    try:
        return begun_ns(folder)
    except OSError:
        return None


# ---------------------------------------------------------------------- saying


def _told(done: "dict[str, Flattened]") -> dict[str, Any]:
    return {
        account: {
            "flat": closed.flat,
            "steps": closed.steps,
            "left": [(seen.instrument, seen.position_side, seen.qty_lot) for seen in closed.left],
            "strangers": list(closed.strangers),
            "others": closed.others,
        }
        for account, closed in done.items()
    }


def _write_down(folder: "Path", name: str, known: _Known, detail: dict[str, Any]) -> str:
    from tradewind import __version__
    from tradewind.journal import Identity
    from tradewind.journal.bodies import Audit
    from tradewind.live.takeover import write_down

    actor = f"{getpass.getuser()} (process {os.getpid()})"
    plain = json.loads(json.dumps(detail))
    audit = Audit(time.time_ns(), actor, "takeover", plain)
    return write_down(folder, Identity(name, tuple(known.accounts)), __version__, audit)


def _tell(say: "Output", name: str, done: "dict[str, Flattened]", unwritten: str) -> None:
    for account, closed in done.items():
        say.line(f"{account:16}{'nothing is left' if closed.flat else 'NOT FLAT'}")
        for held in closed.held:
            say.line(f"{'left':16}{held}")
        for symbol in closed.strangers:
            say.line(f"{'not touched':16}{symbol}, which the session does not trade")
        if closed.others:
            say.line(f"{'not touched':16}{closed.others} orders of others; --every-order cancels them")
    if unwritten:
        say.line(f"{'not recorded':16}{unwritten}")
    if not all(closed.flat for closed in done.values()):
        raise VenueDown(
            "FLATTEN_INCOMPLETE",
            "the venue does not say that nothing is left.",
            where=", ".join(account for account, closed in done.items() if not closed.flat),
        )
    say.done(
        {"session": name, "accounts": _told(done), "not_recorded": unwritten},
        f"tradewind session status {name}",
        f"tradewind journal verify {name}",
    )
