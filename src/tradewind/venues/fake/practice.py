"""A fake venue to practise on: one exchange on a port of loopback, with a market that has lived for a while."""

from __future__ import annotations

import asyncio
import hashlib
import math
import signal
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.config import writing
from tradewind.errors import ConfigError
from tradewind.units.time import HOUR_NS, MINUTE_NS, SECOND_NS, format_utc
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.faults import FAULTS
from tradewind.venues.fake.listings import habits_of, listed
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.fake.record import Record
from tradewind.venues.fake.server import FakeServer
from tradewind.venues.fake.sockets import FakeVenueAddress, SocketService
from tradewind.venues.fake.spoken import protocol_of
from tradewind.venues.keys import form_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

__all__ = [
    "PRACTICE_NS",
    "Practice",
    "PracticeAccount",
    "plan_of",
    "practice_account",
    "serve_practice",
    "told_plan",
]

_FOR, _TIMES, _SWARM = "for", "times", "swarm"
PRACTICE_NS = 30 * MINUTE_NS
"""The stretch over which what goes wrong is spread, where nothing else is said: somebody watches."""
_MOST = 1e9
_LEAST_MOST = {_FOR: (0.001, 31_622_400), _TIMES: (1, _MOST)}
"""Of the numbers of a fault: seconds that it lasts, up to a year; how often it strikes."""
_NAMES = 1_000
"""More than there are faults, so that each is drawn by itself."""


@dataclass(frozen=True, slots=True)
class PracticeAccount:
    """An account of the fake: made up, worth nothing, and therefore shown."""

    name: str
    api_key: str
    secret: str
    passphrase: str
    balances: Mapping[str, Decimal]


def practice_account(venue: str, amount: Decimal) -> PracticeAccount:
    """Return an account of a fake venue that holds so many USDT; its keys have the form of the venue's own."""
    key, secret = (
        hashlib.sha256(f"practice {what} of {venue}".encode()).hexdigest() for what in ("key", "secret")
    )
    cut_key, cut_secret = _FORMS.get(venue.partition("_")[0], (len(key), len(secret)))
    if venue.startswith("okx"):
        key = str(uuid.UUID(key[:32]))
    phrase = "fake-passphrase" if form_of(venue).has_passphrase else ""
    return PracticeAccount("practice", key[:cut_key], secret[:cut_secret], phrase, {"USDT": amount})


_FORMS = {"bybit": (18, 36), "okx": (36, 32), "blofin": (32, 32)}
"""How long key and secret are."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What a fake venue is.

    Parameters
    ----------
    venue
        Our name of it, one of `FAKE_VENUES`.
    folder
        Where its certificate and `fake.json` are written.
    port
        On loopback; 0 takes a free one.
    seed
        Of its market.
    accounts
        Those that may trade.
    faults, over_ns
        As `plan_of` takes them.
    record
        File that gets a JSON line for each request, state of an order and fill.
    history_hours
        So long the market has lived when it opens, so that there are bars of before.
    """

    venue: str
    folder: Path
    port: int = 0
    seed: int = 1
    accounts: tuple[PracticeAccount, ...] = ()
    faults: tuple[str, ...] = ()
    record: Path | None = None
    history_hours: int = 6
    over_ns: int = PRACTICE_NS


def plan_of(
    faults: Sequence[str], seed: int, start_ns: int, over_ns: int = PRACTICE_NS
) -> Misfortunes | None:
    """Return a plan of misfortunes for a fake venue, None for good fortune.

    Parameters
    ----------
    faults
        Names as ``F02``, each striking within a minute and perhaps again by the seed; ``F02@30`` strikes 30 s after
        the start and as the fault usually does; ``swarm`` draws a part of them all. Numbers of the fault may follow, as
        in ``F22@30:retry_s=60:for=20:times=3``: those of the catalogue by their names, how many seconds it lasts and
        how often it strikes.
    over_ns
        The time from the start within which everything happens that says no time of its own.

    Raises
    ------
    ConfigError
        CONFIG_CHOICE for a name that is none, a fault that does not happen at a venue, a number that it does not have.
    """
    drawn: dict[str, dict[str, float]] = {}
    strikes: list[Strike] = []
    for text in faults:
        if text == _SWARM:
            continue
        said, *numbers = text.split(":")
        name, at, seconds = said.partition("@")
        _refuse_unknown(name, text)
        given = _numbers_of(name, numbers, text)
        if not at:
            drawn[name] = given
        elif seconds.isascii() and seconds.isdigit() and int(seconds) <= _LEAST_MOST[_FOR][1]:
            strikes.append(_with_numbers(Strike(start_ns + int(seconds) * SECOND_NS, name), given))
        else:
            raise ConfigError(
                "CONFIG_CHOICE", f"{text[:20]!r}: after @ stand seconds, of a year at most", where="--faults"
            )
    found = _drawn(tuple(drawn), seed, start_ns, over_ns, swarm=_SWARM in faults)
    strikes += [_with_numbers(strike, drawn.get(strike.fault, {})) for strike in found]
    return Misfortunes(strikes, seed=seed) if strikes else None


def _drawn(names: tuple[str, ...], seed: int, start_ns: int, over_ns: int, *, swarm: bool) -> list[Strike]:
    """Return strikes by the seed: of each name one soon and perhaps more, and of all others a part."""
    minutes = over_ns / MINUTE_NS
    found: list[Strike] = []
    for name in names:
        number = seed * _NAMES + int(name[1:])
        first, *later = Misfortunes.swarm(number, minutes, start_ns=start_ns, faults=(name,)).plan
        first.at_ns = start_ns + (first.at_ns - start_ns) % min(MINUTE_NS, over_ns)
        found += [first, *later]
    if swarm:
        others = tuple(each for each, fault in FAULTS.items() if fault.points and each not in names)
        found += Misfortunes.swarm(seed, minutes, start_ns=start_ns, faults=others).plan
    return found


def _refuse_unknown(name: str, text: str) -> None:
    known = [each for each, fault in FAULTS.items() if fault.points]
    if name not in known:
        raise ConfigError(
            "CONFIG_CHOICE", f"{text[:20]!r} is no fault of a venue", where="--faults", known=known
        )


def _numbers_of(name: str, texts: Sequence[str], whole: str) -> dict[str, float]:
    """Return the numbers that stand behind a fault. Raises ConfigError (CONFIG_CHOICE)."""
    known = (*FAULTS[name].args, _FOR, _TIMES)
    found = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        least, most = _LEAST_MOST.get(key, (-_MOST, _MOST))
        if key not in known or not least <= number <= most:
            raise ConfigError(
                "CONFIG_CHOICE",
                f"{whole[:40]!r}: {text[:20]!r} is no number of {name}",
                where="--faults",
                known=[f"{each}=NUMBER" for each in known],
            )
        found[key] = number
    return found


def _with_numbers(strike: Strike, given: Mapping[str, float]) -> Strike:
    """Return a strike with the numbers that were given in the place of its own."""
    strike.args |= {key: number for key, number in given.items() if key not in (_FOR, _TIMES)}
    if _FOR in given:
        strike.duration_ns = int(given[_FOR] * SECOND_NS)
    if _TIMES in given and not FAULTS[strike.fault].once:
        strike.count = max(1, int(given[_TIMES]))
    return strike


def told_plan(plan: Misfortunes) -> list[tuple[str, str, str]]:
    """Return a row for each strike of a plan: when, which and for how long, and what happens with which numbers."""
    rows = []
    for strike in sorted(plan.plan, key=lambda each: each.at_ns):
        fault = FAULTS[strike.fault]
        numbers = ", ".join(f"{key} {number:g}" for key, number in strike.args.items())
        often = (
            ""
            if fault.lasting or not strike.count
            else f", {strike.count} times"
            if strike.count > 1
            else ", once"
        )
        rows.append((
            format_utc(strike.at_ns)[:19] + "Z",
            strike.fault,
            f"{fault.title}{f' ({numbers})' if numbers else ''}, for {strike.duration_ns / SECOND_NS:.0f} s{often}",
        ))  # fmt: skip
    return rows


async def serve_practice(
    practice: Practice, ready: Callable[[FakeVenueAddress, Misfortunes | None], None]
) -> None:
    """Serve a fake venue until SIGINT or SIGTERM.

    ready: is told where it is found once it answers, and what will go wrong.

    Raises
    ------
    UsageError
        PORT_BUSY.
    ConfigError
        As `plan_of` does.
    PathError
        PATH_INVALID, PATH_DENIED for a folder or a record that cannot be written.
    """
    clock = _Clock(time.time_ns() - practice.history_hours * HOUR_NS)
    plan = plan_of(practice.faults, practice.seed, time.time_ns(), practice.over_ns)
    with writing(practice.record or practice.folder):
        record = Record(practice.record, keep=False)
    exchange = FakeExchange(
        listed(practice.venue), seed=practice.seed, clock=clock.now_ns, misfortunes=plan,
        habits=habits_of(practice.venue), record=record,
    )  # fmt: skip
    for account in practice.accounts:
        exchange.open_account(
            account.name, api_key=account.api_key, secret=account.secret, passphrase=account.passphrase,
            balances=dict(account.balances),
        )  # fmt: skip
    clock.past_ns = None
    exchange.advance()
    server = FakeServer([protocol_of(practice.venue, exchange)])
    try:
        async with SocketService(server, practice.folder, practice.port) as address:
            ready(address, plan)
            await _until_stopped()
    finally:
        record.close()


@dataclass(slots=True)
class _Clock:
    """Stands in the past until it is let go."""

    past_ns: int | None = field(default=None)

    def now_ns(self) -> int:
        return time.time_ns() if self.past_ns is None else self.past_ns


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
