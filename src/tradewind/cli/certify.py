"""``tradewind venue certify``: try a venue with practice money; real money asks for the certificate of it."""

import asyncio
import secrets
import signal
import string
import time
from typing import TYPE_CHECKING

from tradewind.errors import ConfigError, SafetyRefusal, VenueDown, VenueRefused
from tradewind.venues.names import NO_PRACTICE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from tradewind.cli.output import Output
    from tradewind.config import AccountEntry, Workspace
    from tradewind.live.certify import Certificate, Step
    from tradewind.market import Instrument
    from tradewind.venues.keys import AccountKeys

__all__ = ["certify", "require_certificates", "unseen_at"]

_FOLDER = "certificates"
_SIGNS = string.ascii_letters + string.digits
_OPEN_WITHIN_S = 60.0


def certify(desk: "Workspace", venue: str, account: str, symbol: str | None, say: "Output") -> None:
    """Run the script of orders and keep its certificate.

    Raises
    ------
    UsageError
        EXCHANGE_UNKNOWN, EXCHANGE_UNSUPPORTED for a venue that orders cannot be sent to.
    ConfigError
        CONFIG_CHOICE for an account that is not known, CONFIG_CONFLICT for one at another venue, KEY_MODE_MISMATCH for
        one that is not of practice money, SYMBOL_UNKNOWN.
    SafetyRefusal
        CCXT_CHANGED.
    Busy
        LOCKED: another process acts for the account.
    VenueRefused
        VENUE_UNCERTIFIED: a step came out otherwise than it should.
    """
    from tradewind.cli.claiming import claimed
    from tradewind.cli.keys import asking, key_store
    from tradewind.config import lock
    from tradewind.venues.extras import require_live
    from tradewind.venues.genuine import refuse_changed_ccxt

    require_live()
    refuse_changed_ccxt()
    from tradewind.venues.ccxt.capabilities import dialect_of
    from tradewind.venues.keys import install, keys_for, protect_process

    dialect_of(venue)
    if venue in NO_PRACTICE:
        raise _without_practice(venue)
    entry = _practice_account(desk, venue, account)
    protect_process()
    install()
    keys = keys_for(account, venue, key_store(desk), asking(say), demo=True)
    purpose = f"certifies {venue} with {account} in the workspace {desk.root}"
    with (
        lock(desk.account_lock(account), purpose),
        claimed(desk, {account: entry}, {account: keys}, lambda _: purpose, say.note),
    ):
        done = asyncio.run(_patient(_certified(desk, account, entry, keys, symbol, say), say))
    say.table(
        ("step", "", "what came"),
        [(step.name, step.word, step.text) for step in done.steps],
    )
    if done.failed is not None:
        raise VenueRefused(
            "VENUE_UNCERTIFIED",
            f"{done.failed.name}: {done.failed.text}",
            where=account,
            hint=""
            if done.steps[-1] is not done.failed
            else "cancel and close at the venue what is there, or try another --symbol; then run it again",
        )
    path = _keep(desk, done)
    where = (
        "a fake exchange, which opens no door to real money" if done.fake else "the venue's practice trading"
    )
    say.line(f"certificate  {desk.shown(path)}: got at {where}")
    say.line(f"tried        {venue} with ccxt {done.ccxt}")
    unseen = [step.name for step in done.steps if step.unseen]
    if unseen:
        say.line(f"not seen     {', '.join(unseen)}: run it again when the market moves; it counts as it is")
    say.done(
        {
            "certificate": str(path),
            "venue": venue,
            "fake": done.fake,
            "ccxt": done.ccxt,
            "steps": len(done.steps),
            "not_seen": unseen,
        }
    )


def require_certificates(desk: "Workspace", accounts: "dict[str, AccountEntry]") -> None:
    """Refuse real money at a venue that was not tried with this version of ccxt.

    A trial at a fake exchange counts where the session itself reaches the fake, and nowhere else.

    Raises
    ------
    SafetyRefusal
        VENUE_UNCERTIFIED.
    UsageError, PathError
        FAKE_VENUE_UNREADABLE, PATH_INVALID: what says where the fake is cannot be read.
    """
    for entry in accounts.values():
        if entry.kind != "live":
            continue
        _, lack = _counting(desk, entry.venue)
        if lack:
            raise _uncertified(desk, entry.venue, lack)


def unseen_at(desk: "Workspace", venue: str) -> str:
    """Return what the certificate of a venue has not seen and a session relies on, "" where it has seen all.

    Raises UsageError, PathError (FAKE_VENUE_UNREADABLE, PATH_INVALID).
    """
    found, _ = _counting(desk, venue)
    if found is None or found.saw_a_stop:
        return ""
    return (
        f"{venue}: no stop was seen to trigger when it was tried; "
        "what one becomes there is known from documents alone"
    )


def _counting(desk: "Workspace", venue: str) -> "tuple[Certificate | None, str]":
    """Return the certificate that counts for a venue and "", or None and what it lacks."""
    from tradewind.cli.reaching import practice_of

    places = [_path(desk, venue, fake=False)]
    if practice_of(desk, venue) is not None:
        places.append(_path(desk, venue, fake=True))
    lack = ""
    for path in places:
        found = _kept(path)
        lack = _lack_of(found, stands_in=len(places) > 1)
        if not lack:
            return found, ""
    return None, lack


def _lack_of(found: "Certificate | None", *, stands_in: bool) -> str:
    """Return why a certificate does not count, nothing where it does; stands_in: a fake exchange is what is reached."""
    if found is None:
        return "there is no certificate"
    if found.ccxt != _ccxt_version():
        return f"its certificate is of ccxt {found.ccxt}"
    if not found.passed:
        return "its certificate is of a trial that failed"
    if stands_in or found.fake is False:
        return ""
    told = "was got at a fake exchange" if found.fake else "does not say whether a fake exchange was tried"
    return f"its certificate {told}"


def _uncertified(desk: "Workspace", venue: str, lack: str) -> SafetyRefusal:
    """Return that real money does not trade at a venue, and what it lacks."""
    if venue in NO_PRACTICE:
        return _without_practice(venue)
    if not lack.startswith("its") and _path(desk, venue, fake=True).exists():
        lack += " but one that was got at a fake exchange"
    return SafetyRefusal(
        "VENUE_UNCERTIFIED",
        f"{venue} was not tried with ccxt {_ccxt_version()}: {lack}.",
        where=str(_path(desk, venue, fake=False)),
        hint=f"tradewind venue certify {venue} --account NAME, an account of practice money there",
    )


def _without_practice(venue: str) -> SafetyRefusal:
    """Return that a venue cannot be tried, and so not be traded with real money."""
    from tradewind.config import VENUES

    title = VENUES[venue].title
    return SafetyRefusal(
        "VENUE_UNCERTIFIED",
        f"{title} cannot be tried: there is no practice money that a key could reach.",
        where=venue,
        hint="trade it on paper; real money is taken at venues that were tried",
    )


def _practice_account(desk: "Workspace", venue: str, account: str) -> "AccountEntry":
    entry = desk.settings.accounts.get(account)
    if entry is None:
        raise ConfigError(
            "CONFIG_CHOICE",
            f"no account is called {account!r}.",
            where="--account",
            known=tuple(desk.settings.accounts),
        )
    if entry.venue != venue:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"the account {account} is at {entry.venue}, not at {venue}.",
            where="tradewind.toml",
            key=f"accounts.{account}.venue",
            hint=f"tradewind venue certify {entry.venue} --account {account}, or name an account at {venue}",
        )
    if entry.kind != "demo":
        raise ConfigError(
            "KEY_MODE_MISMATCH",
            f"{account} is an account of kind {entry.kind}, and the script of orders wants practice money.",
            where="tradewind.toml",
            key=f"accounts.{account}.kind",
            hint=f'make a key of {venue}\'s practice trading and an account of kind = "demo" for it',
        )
    return entry


async def _certified(
    desk: "Workspace",
    account: str,
    entry: "AccountEntry",
    keys: "AccountKeys",
    symbol: str | None,
    say: "Output",
) -> "Certificate":
    from tradewind import __version__
    from tradewind.cli.live_accounts import open_gateway
    from tradewind.cli.reaching import client_of, practice_of
    from tradewind.live.amounts import listing_of
    from tradewind.live.certify import Certificate, VenueTraits, certify_venue
    from tradewind.live.takeover import first_cid
    from tradewind.venues.ccxt.capabilities import dialect_of
    from tradewind.venues.ccxt.exchange import build_exchange
    from tradewind.venues.ccxt.trading import TradingSettings
    from tradewind.venues.gateway import AccountMode, Listing

    fake = practice_of(desk, entry.venue) is not None
    instrument, price = await _tried(desk, entry, symbol, say)
    listing = Listing(0, instrument)
    tag = "".join(secrets.choice(_SIGNS) for _ in range(6))
    settings = TradingSettings(entry.venue, tag, AccountMode.DEMO)
    gateway, session = open_gateway(desk, settings, [listing_of(0, instrument)], keys)
    client = build_exchange(client_of(entry.venue), session, mode=AccountMode.DEMO)

    def tell(step: "Step") -> None:
        say.note(f"{step.word:8}  {step.name}")

    try:
        await asyncio.wait_for(gateway.open(), _OPEN_WITHIN_S)
        steps = await certify_venue(
            gateway, listing, price, first_cid(time.time_ns()), time.time_ns,
            traits=VenueTraits.of(dialect_of(entry.venue)), market=_asking_price(client, instrument), tell=tell,
        )  # fmt: skip
    except TimeoutError:
        raise VenueDown("VENUE_DOWN", f"{entry.venue} does not answer", where=account) from None
    finally:
        await gateway.close()
        await client.close()
        await session.close()
    return Certificate(
        entry.venue, account, instrument.symbol, _ccxt_version(), __version__, time.time_ns(), steps, fake
    )


def _asking_price(client: "Any", instrument: "Instrument") -> "Callable[[], Awaitable[float]]":  # noqa: ANN401
    """Return what asks where an instrument trades now, in the world that a ccxt object speaks to."""
    from tradewind.venues.ccxt.history import RestReader
    from tradewind.venues.ccxt.last_price import last_price
    from tradewind.venues.ccxt.stream_table import STREAMS

    reader = RestReader(client, STREAMS[instrument.venue].rest, time.time_ns, attempts=2)

    async def ask() -> float:
        if not client.markets:
            await reader.call("load_markets")
        return await last_price(reader, client, instrument.venue, instrument.symbol)

    return ask


async def _patient(work: "Coroutine[object, object, Certificate]", say: "Output") -> "Certificate":
    """Do the work; one signal ends it in order, and no later one keeps it from closing what it has left.

    Raises KeyboardInterrupt where a signal has ended it.
    """
    task = asyncio.ensure_future(work)
    told: list[int] = []

    def end(number: int) -> None:
        told.append(number)
        say.note("what is left is being closed; wait for it")
        if len(told) == 1:
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _tried(
    desk: "Workspace", entry: "AccountEntry", symbol: str | None, say: "Output"
) -> "tuple[Instrument, float]":
    """Return the instrument that is traded, the cheapest bitcoin contract unless one is named, and its price."""
    from tradewind.cli.listening import prices_at
    from tradewind.cli.venue import fetch_rules
    from tradewind.config import did_you_mean

    say.note(f"asking {entry.venue} for its rules")
    found = await fetch_rules(desk, entry.venue)
    name = symbol
    if name is None:
        name = next(each for each, rules in found.instruments.items() if rules.base == "BTC" and rules.active)
    if name not in found.instruments:
        raise ConfigError(
            "SYMBOL_UNKNOWN",
            f"{entry.venue} lists no {name!r}.",
            where="--symbol",
            hint=did_you_mean(name, list(found.instruments)),
        )
    instrument = found.instruments[name]
    return instrument, (await prices_at(desk, [instrument]))[0]


# ---------------------------------------------------------------------- certificates


def _path(desk: "Workspace", venue: str, *, fake: bool) -> "Path":
    """Return where a certificate lies: practice at a fake exchange leaves the venue's own as it is."""
    return desk.root / _FOLDER / (f"{venue}.fake.json" if fake else f"{venue}.json")


def _keep(desk: "Workspace", done: "Certificate") -> "Path":
    import msgspec

    from tradewind.config import write_atomic

    path = _path(desk, done.venue, fake=bool(done.fake))
    write_atomic(path, msgspec.json.format(msgspec.json.encode(done)) + b"\n", private=True)
    return path


def _kept(path: "Path") -> "Certificate | None":
    import msgspec

    from tradewind.live.certify import Certificate

    try:
        return msgspec.json.decode(path.read_bytes(), type=Certificate)
    except (OSError, msgspec.MsgspecError):
        return None


def _ccxt_version() -> str:
    from importlib.metadata import version

    return version("ccxt")
