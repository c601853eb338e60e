"""What ``tradewind doctor`` looks at before real money is traded: disk, memory, dumps, clocks, rules, alerts."""

import asyncio
import os
import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from tradewind.errors import TradewindError

if TYPE_CHECKING:
    from tradewind.config import Workspace

__all__ = ["Finding", "look_at_machine", "look_at_venues"]

_SYNC_SLOW_S = 0.05
_SYNCS = 5
_MEMORY_MIN_BYTES = 500_000_000
_FILES_MIN = 1_024
_RULES_OLD_DAYS = 30
_JOURNAL_BIG_BYTES = 20_000_000_000
_CLOCK_WARN_S, _CLOCK_WRONG_S = 0.25, 1.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do where it is not right."""

    name: str
    state: Literal["ok", "warning", "wrong"]
    detail: str
    remedy: str = ""


def look_at_machine(desk: "Workspace") -> Iterator[Finding]:
    """Yield what is found of the machine and of the workspace, without asking anybody outside."""
    yield _sync_speed(desk.root)
    yield from _memory(Path("/proc/meminfo"))
    yield _open_files()
    yield _core_dumps()
    yield from _swap(desk, Path("/proc/swaps"))
    yield from _rules(desk)
    yield from _newest_data(desk)
    yield from _journals(desk)
    yield from _alerts(desk)
    yield from _untold(desk)


def _sync_speed(folder: Path) -> Finding:
    """Measure what every order waits for: a small record made durable."""
    path = folder / f".doctor-{os.getpid()}"
    spent = []
    try:
        with path.open("wb") as file:
            for _ in range(_SYNCS):
                began_s = time.perf_counter()
                file.write(b"\1" * 256)
                file.flush()
                os.fsync(file.fileno())
                spent.append(time.perf_counter() - began_s)
    except OSError as error:
        return Finding("sync", "wrong", f"nothing can be made durable: {error.strerror}", "look at the disk")
    finally:
        path.unlink(missing_ok=True)
    took_s = median(spent)
    text = f"a record is durable after {1_000 * took_s:.1f} ms"
    if took_s > _SYNC_SLOW_S:
        return Finding(
            "sync", "warning", text, "every order waits for this: put the workspace on a faster disk"
        )
    return Finding("sync", "ok", text)


def _memory(source: Path) -> Iterator[Finding]:
    free_bytes = _available(source)
    if free_bytes is None:
        return
    text = f"{free_bytes / 1e9:.1f} GB can be had"
    if free_bytes < _MEMORY_MIN_BYTES:
        yield Finding("memory", "warning", text, "end what else runs here, or trade fewer symbols")
    else:
        yield Finding("memory", "ok", text)


def _available(source: Path) -> int | None:
    try:
        for line in source.read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1_024
    except (OSError, ValueError, IndexError):
        return None
    return None


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"a process may hold {soft} of them" if soft >= 0 else "no limit"
    if 0 <= soft < _FILES_MIN:
        return Finding("open files", "warning", text, f"ulimit -n {_FILES_MIN}")
    return Finding("open files", "ok", text)


def _core_dumps() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft == 0:
        return Finding("core dumps", "ok", "off")
    return Finding("core dumps", "ok", "on here, but a process that holds keys turns its own off")


def _swap(desk: "Workspace", source: Path) -> Iterator[Finding]:
    """Warn where memory with keys may come to lie on a disk in the clear."""
    from tradewind.cli.keys import key_store

    try:
        lines = source.read_text().splitlines()[1:]
    except OSError:
        return
    plain = [line.split()[0] for line in lines if line and not line.startswith(("/dev/zram", "/dev/dm-"))]
    if plain and key_store(desk).exists():
        remedy = "swapoff -a, or let the swap lie in memory (zram) or encrypted"
        yield Finding("swap", "warning", f"memory with keys may be written to {', '.join(plain)}", remedy)
    else:
        yield Finding("swap", "ok", "on a disk" if plain else "none that is not in memory or encrypted")


def _rules(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.market import Store
    from tradewind.market.rules.book import RuleBook

    try:
        book = RuleBook.load(Store(desk.data).root)
    except TradewindError as error:
        fields = error.to_json()
        yield Finding("venue rules", "wrong", f"{error.code} {fields['message']}", str(fields["hint"]))
        return
    venues = {entry.venue for entry in desk.settings.accounts.values()}
    for venue in sorted(venues):
        days = [
            age for symbol in book.symbols(venue) if (age := _rule_age_days(book, venue, symbol)) is not None
        ]
        if not days:
            yield Finding("venue rules", "ok", f"{venue}: asked for when a session starts")
        elif min(days) > _RULES_OLD_DAYS:
            told = f"{venue}: {min(days)} days old"
            yield Finding("venue rules", "warning", told, f"tradewind venue rules {venue}")
        else:
            yield Finding("venue rules", "ok", f"{venue}: {len(days)} instruments, {min(days)} days old")


def _rule_age_days(book: "object", venue: str, symbol: str) -> int | None:
    """Return how old the rules of an instrument are by their provenance, None where that gives no day."""
    found = book.find(venue, symbol)  # type: ignore[attr-defined]
    try:
        asked = datetime.fromisoformat(found.provenance[-10:]).replace(tzinfo=UTC)
    except (AttributeError, ValueError):
        return None
    return (datetime.now(UTC) - asked).days


def _newest_data(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.market import Store
    from tradewind.units.time import format_utc

    if not desk.data.is_dir():
        return
    known = Store(desk.data).list()
    if known:
        newest = max(info.last_ns for info in known)
        age_days = (time.time_ns() - newest) / 1e9 / _DAY_S
        yield Finding(
            "data age",
            "ok",
            f"the newest of {len(known)} series ends {format_utc(newest)}, {age_days:,.0f} days ago",
        )


def _journals(desk: "Workspace") -> Iterator[Finding]:
    if not desk.journal.is_dir():
        return
    size = sum(path.stat().st_size for path in desk.journal.rglob("*.tw?") if path.is_file())
    text = f"{size / 1e9:.1f} GB of journals"
    if size > _JOURNAL_BIG_BYTES and desk.settings.retention.market_days is None:
        remedy = "write [retention] market_days = 30 into tradewind.toml, then tradewind journal expire"
        yield Finding("journals", "warning", text, remedy)
    else:
        yield Finding("journals", "ok", text)


def _alerts(desk: "Workspace") -> Iterator[Finding]:
    """Compare who is to be told with the addresses that are kept."""
    from tradewind.cli.keys import key_store

    wanted = desk.settings.alerts
    live = [name for name, entry in desk.settings.accounts.items() if entry.kind == "live"]
    if not wanted:
        if live:
            remedy = "tradewind keys add phone --text, then [alerts.phone] in tradewind.toml"
            yield Finding("alerts", "warning", "nobody is told when something goes wrong", remedy)
        return
    try:
        kept = {line.name for line in key_store(desk).lines()}
    except TradewindError:
        return  # It is a finding of its own that the key store cannot be read.
    for name in wanted:
        if name not in kept:
            yield Finding(
                "alerts", "wrong", f"no address is kept for {name}", f"tradewind keys add {name} --text"
            )
    yield Finding("alerts", "ok", f"{len(wanted)} are to be told; --alerts sends each of them a test")
    if live and desk.settings.heartbeat_url is None:
        remedy = 'write heartbeat_url = "https://..." of a service that watches for silence'
        yield Finding("heartbeat", "warning", "nobody notices when this machine falls silent", remedy)


def _untold(desk: "Workspace") -> Iterator[Finding]:
    """Say who could not be told by a session, or does not take its heartbeat, by the last word of it.

    What a session that has ended could not tell is a warning, for a day.
    """
    from tradewind.config import lock_holder
    from tradewind.ops.outward import read_outward
    from tradewind.units.time import SECOND_NS, format_utc

    if not desk.journal.is_dir():
        return
    for folder in sorted(path for path in desk.journal.iterdir() if path.is_dir()):
        reach, runs = read_outward(folder), lock_holder(folder / "lock") is not None
        for name, told in reach.alerts.items():
            is_recent = runs or time.time_ns() - told.at_ns < _DAY_S * 1e9
            if told.in_row and name in desk.settings.alerts and is_recent:
                text = f"{name} cannot be told by {folder.name} since {format_utc(told.since_ns)}: {told.why}"
                yield Finding("alerts", "wrong" if runs else "warning", text, f"tradewind keys test {name}")
        for name, waits in () if runs else reach.kept.items():
            oldest = format_utc(waits.oldest_ns // SECOND_NS * SECOND_NS)
            text = f"{waits.count} of {folder.name} wait for {name}, the oldest of {oldest}"
            remedy = f"the next start tells them; see 'tradewind session status {folder.name}'"
            yield Finding("alerts", "warning", text, remedy)
        beat = reach.heartbeat if runs and desk.settings.heartbeat_url is not None else None
        if beat is not None and beat.at_ns != beat.well_ns:
            text = f"nobody takes that of {folder.name}, since {format_utc(beat.at_ns)} at least"
            yield Finding("heartbeat", "wrong", text, "see heartbeat_url, and the service")


def look_at_venues(desk: "Workspace") -> Iterator[Finding]:
    """Ask every venue of an account for its time, and compare it with ours."""
    from tradewind.venues.extras import require_live

    try:
        require_live()
    except TradewindError as error:
        yield Finding("venue clock", "warning", f"{error.code} {error.message}", error.hint)
        return
    for venue in sorted({entry.venue for entry in desk.settings.accounts.values()}):
        try:
            offset_s, trip_s = asyncio.run(_venue_offset(desk, venue))
        except TradewindError as error:
            yield Finding(
                "venue clock", "warning", f"{venue}: {error.code} {error.message}", "try again later"
            )
            continue
        yield _clock_finding(venue, offset_s, trip_s)


def _clock_finding(venue: str, offset_s: float, trip_s: float) -> Finding:
    # Half the way there and back is not known of any offset.
    certain_s = max(0.0, abs(offset_s) - trip_s / 2)
    text = f"{venue}: {1_000 * offset_s:+.0f} ms from ours, asked within {1_000 * trip_s:.0f} ms"
    remedy = "let the system keep its clock by NTP: timedatectl set-ntp true"
    if certain_s > _CLOCK_WRONG_S:
        return Finding("venue clock", "wrong", text, remedy)
    if certain_s > _CLOCK_WARN_S:
        return Finding("venue clock", "warning", text, remedy)
    return Finding("venue clock", "ok", text)


async def _venue_offset(desk: "Workspace", venue: str) -> tuple[float, float]:
    """Return how far a venue's clock is ahead of ours, and how long the question took, in seconds."""
    from tradewind.cli.reaching import client_of, way_to
    from tradewind.errors import VenueDown
    from tradewind.venues.ccxt.exchange import build_exchange
    from tradewind.venues.ccxt.history import RestReader
    from tradewind.venues.ccxt.stream_table import STREAMS

    async with way_to(desk, venue) as session:
        exchange = build_exchange(client_of(venue), session)
        try:
            reader = RestReader(exchange, STREAMS[venue].rest, time.time_ns)
            began_s = time.time()
            if exchange.has.get("fetchTime"):
                told_s, coarse_s = await reader.call("fetch_time"), 0.0
                told_s = told_s / 1_000 if isinstance(told_s, int | float) else None
            else:
                # A venue that has no question for it says it in the head of every answer, to the second.
                await reader.call("load_markets")
                told_s, coarse_s = _date_of(exchange.last_response_headers), 1.0
            ended_s = time.time()
        finally:
            await exchange.close()
    if told_s is None:
        raise VenueDown("VENUE_DOWN", f"{venue} does not tell its time", where=venue)
    return told_s + coarse_s / 2 - (began_s + ended_s) / 2, ended_s - began_s + coarse_s


def _date_of(headers: Mapping[str, str] | None) -> float | None:
    """Return the time in the head of an answer, None where it tells none."""
    for name, text in (headers or {}).items():
        if name.lower() == "date":
            try:
                return parsedate_to_datetime(text).timestamp()
            except ValueError:
                return None
    return None
