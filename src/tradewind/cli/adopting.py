"""``tradewind session adopt``: begin a new epoch of a session with what its accounts hold."""

import asyncio
import getpass
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tradewind.errors import TradewindError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from tradewind.cli.listening import Bound
    from tradewind.cli.output import Output
    from tradewind.config import AccountEntry, Loaded, SessionConfig, Workspace
    from tradewind.journal.bodies import Audit
    from tradewind.live.adopting import AdoptedAccount, Adoption
    from tradewind.live.reconcile import Policy
    from tradewind.ops.alerts import Alert
    from tradewind.venues.gateway import OrderSeen, PositionSeen
    from tradewind.venues.keys import AccountKeys

__all__ = ["AdoptRequest", "adopt_accounts", "given_contexts", "keep_aside", "state_of", "typed_line"]

_NAME_MAX = 32
_VERB = "begins a new epoch"
_SIDES = ("long", "short")


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """What an operator asks for.

    Parameters
    ----------
    file, name
        The session file as it was named, and the name of the session.
    gives
        ``SYMBOL=STRATEGY``: who gets a position.
    quantities
        ``SYMBOL=AMOUNT``: how many of the coins that are there.
    confirmed
        Accounts whose name need not be typed.
    watch_s
        How long it is looked whether somebody else trades.
    reason
        Is written down.
    """

    file: str
    name: str
    gives: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    watch_s: float = 75.0
    reason: str = ""


def adopt_accounts(desk: "Workspace", asked: AdoptRequest, sets: "list[str] | None", say: "Output") -> None:
    """Show what the accounts of a session file hold, and begin a new epoch with it once somebody has said so.

    Raises
    ------
    UsageError
        A position is given to somebody who does not trade it, or coins, and not how many.
    SafetyRefusal
        CCXT_CHANGED, LIVE_UNCONFIRMED, SESSION_ELSEWHERE, and what `refuse_from_files` raises: nothing was changed.
    Busy
        LOCKED: the session or one of its accounts is in use on this machine.
    VenueError
        An account cannot be read: nothing was changed. ADOPT_INCOMPLETE: run it again.
    """
    from tradewind.venues.extras import require_live
    from tradewind.venues.genuine import refuse_changed_ccxt

    require_live()
    refuse_changed_ccxt()
    from tradewind.cli.paper import load_terms
    from tradewind.config import SessionConfig
    from tradewind.venues.keys import install, protect_process

    protect_process()
    install()
    loaded = load_terms(desk, asked.file, sets)
    if not isinstance(loaded.config, SessionConfig):
        raise UsageError(
            "USAGE", "a backtest file names no account.", where=asked.file, hint="name a session file"
        )
    try:
        _adopt(loaded, desk, asked, say)
    except TradewindError as error:
        raise loaded.placed(error) from error


def _adopt(loaded: "Loaded[SessionConfig]", desk: "Workspace", asked: AdoptRequest, say: "Output") -> None:
    from tradewind.cli.claiming import claimed, session_of
    from tradewind.cli.compiling import load_engine
    from tradewind.cli.keys import asking, key_store
    from tradewind.cli.listening import bind_now, with_accounts
    from tradewind.cli.refusing import refuse_from_files
    from tradewind.venues.keys import keys_for

    with say.steps("reading the strategies"):
        accounts = refuse_from_files(loaded, desk, live=True, guards=False)
    with _leases(desk, asked.name, tuple(accounts)) as journal:
        store, around = key_store(desk), asking(say)
        keys = {
            name: keys_for(name, entry.venue, store, around, demo=entry.kind == "demo")
            for name, entry in accounts.items()
        }
        session = session_of(desk, asked.name)
        with claimed(desk, accounts, keys, lambda name: f"adopts {name} in {session}", say.note):
            load_engine(say, simulated=False)
            found = asyncio.run(bind_now(loaded.config, desk, None, say.note))
            bound = with_accounts(found, tuple(entry.venue for entry in accounts.values()))
            result = asyncio.run(_Adopting(bound, desk, asked, say, accounts, keys, journal).run())
    say.line(f"{'adopted':12}{asked.name} begins a new epoch")
    say.done(result, f"tradewind trade --live {asked.file}", f"tradewind journal verify {asked.name}")


@contextmanager
def _leases(desk: "Workspace", name: str, accounts: tuple[str, ...]) -> Iterator[ExitStack]:
    """Hold the accounts, and the journal that there is until what is yielded is closed. Raises Busy (LOCKED)."""
    from tradewind.journal import FileDisk

    disk, folder = FileDisk(), desk.session_dir(name)
    with ExitStack() as held, ExitStack() as journal:
        for account in accounts:
            disk.make_folder(desk.account_lock(account).parent)
            lease = disk.lock(desk.account_lock(account), f"adopts {account} for session {name}")
            held.callback(lease.release)
        if folder.is_dir():
            journal.callback(disk.lock(folder / "lock", f"adopts the accounts of {name}").release)
        yield journal


@dataclass(slots=True)
class _Adopting:
    """One adoption on its way; `journal` is closed to let go of the journal that there was."""

    bound: "Bound"
    desk: "Workspace"
    asked: AdoptRequest
    say: "Output"
    accounts: "dict[str, AccountEntry]"
    keys: "dict[str, AccountKeys]"
    journal: ExitStack
    ways: "list[aiohttp.ClientSession]" = field(default_factory=list)

    @property
    def folder(self) -> "Path":
        """Return the folder of the session."""
        return self.desk.session_dir(self.asked.name)

    async def run(self) -> dict[str, Any]:
        """Look, show and ask; only then change anything."""
        from tradewind.cli.terms import show_terms

        policy = self._policy()
        adoption = await self._look()
        try:
            self.say.note(f"looking for {self.asked.watch_s:g} s whether somebody else trades")
            await adoption.watch(self.asked.watch_s)
            earlier = frozenset(adoption.earlier) | self._known_tags()
            policy = self._counted(policy, adoption)
            found = _Finding(self.bound, adoption, earlier, policy)
            self._show(found)
            show_terms(self.say, self.desk, self.bound.session, self.accounts)
            await self._confirm()
            await adoption.watch(0.0)
            self.journal.close()
            kept = keep_aside(self.desk, self.asked.name)
            if kept:
                self.say.line(f"{'kept':12}the journal of before is session {kept} now")
            await self._begin(adoption, earlier | frozenset(adoption.earlier), policy, kept)
        finally:
            await adoption.close()
            for way in self.ways:
                await way.close()
        return {"session": self.asked.name, "kept": kept, "accounts": found.told()}

    # ------------------------------------------------------------------ looking

    async def _look(self) -> "Adoption":
        """Read every account, under signs that nobody has used."""
        from tradewind.live.epochs import draw_tag

        taken = self._known_tags()
        while True:
            adoption = self._adoption(draw_tag(taken))
            try:
                await adoption.look()
            except BaseException:
                await adoption.close()
                raise
            if adoption.tag not in adoption.earlier:
                return adoption
            taken = taken | {adoption.tag}
            await adoption.close()

    def _adoption(self, tag: str) -> "Adoption":
        from tradewind.cli.live_accounts import open_gateway, settings_of, terms_of_account
        from tradewind.live.adopting import AdoptedAccount, Adoption

        accounts = []
        for name, entry in self.accounts.items():
            settings = settings_of(self.bound.session, entry, tag)
            listings = self.bound.listings(entry.venue)
            gateway, way = open_gateway(self.desk, settings, listings, self.keys[name])
            self.ways.append(way)
            prices = {j: price for j, price in enumerate(self.bound.prices) if self._is_coin(j)}
            accounts.append(AdoptedAccount(terms_of_account(self.bound, name, entry), gateway, prices))
        return Adoption(accounts, tag, time.time_ns, self.say.note)

    def _known_tags(self) -> frozenset[str]:
        """Return the tags of the epochs whose journal lies here, as far as it says them."""
        from tradewind.live.epochs import epoch_of

        try:
            epoch = epoch_of(self.folder, draws=False)
        except (OSError, ValueError):
            return frozenset()
        return epoch.earlier | {epoch.tag}

    def _policy(self) -> "Policy":
        """Return who is given what. Raises UsageError where somebody does not trade what is given."""
        from tradewind.cli.live_accounts import live_rules

        symbols, strategies = self.bound.labels
        contexts = {
            f"{symbols[column]}={strategies[part]}": (index, column)
            for index, (part, column) in enumerate(self.bound.boot("").contexts)
        }
        given = given_contexts(self.asked.gives, contexts)
        return replace(live_rules(self.bound.session, 0).policy, given=given)

    def _is_coin(self, instrument: int) -> bool:
        return self.bound.resolved.instruments[instrument].payoff == "spot"

    def _counted(self, policy: "Policy", adoption: "Adoption") -> "Policy":
        """Return the policy with how many coins are given. Raises UsageError where that cannot be."""
        from tradewind.cli.adopted_coins import CoinsHeld, given_lots

        held = {
            seen.instrument: CoinsHeld(
                self.bound.labels[0][seen.instrument],
                self.bound.resolved.instruments[seen.instrument],
                seen.qty_lot,
            )
            for account in adoption.accounts
            for seen in account.snapshot.positions
            if self._is_coin(seen.instrument)
        }
        lots = given_lots(self.asked.quantities, policy.given, held, policy.external)
        return replace(policy, given_lots=lots)

    def _show(self, found: "_Finding") -> None:
        state = state_of(self.folder, self.asked.name, tuple(self.accounts))
        self.say.line(f"{'journal':12}{state}")
        for line in found.lines():
            self.say.line(line)

    async def _confirm(self) -> None:
        """Let somebody type the name of every account. Raises SafetyRefusal (LIVE_UNCONFIRMED)."""
        from tradewind.cli.live_trade import question_of, refuse_untyped

        for name, entry in self.accounts.items():
            if name not in self.asked.confirmed:
                typed = await typed_line(question_of(name, entry, _VERB), self.say)
                refuse_untyped(name, entry, _VERB, typed)

    # ------------------------------------------------------------------ beginning

    async def _begin(
        self, adoption: "Adoption", earlier: frozenset[str], policy: "Policy", kept: str
    ) -> None:
        """Begin the epoch: its folder and signs, the end of earlier orders, its first records."""
        from tradewind import __version__
        from tradewind.cli.alerting import session_alerts
        from tradewind.journal import FileDisk, Identity
        from tradewind.live.adopting import Adopted, begin_journal, note_beginning
        from tradewind.live.epochs import Epoch, begin_epoch, end_beginning, note_coins
        from tradewind.live.opening import Place
        from tradewind.live.paper import next_boot
        from tradewind.live.session import SNAPSHOT_EVERY

        begin_epoch(self.folder, Epoch(adoption.tag, earlier))
        coins = _Finding(self.bound, adoption, earlier, policy).coins()
        if coins:
            note_coins(self.folder, coins)
        identity = Identity(self.asked.name, tuple(self.accounts))
        place = Place(FileDisk(), self.folder, identity, time.time_ns, __version__)
        boot = next_boot(self.folder, self.bound.boot(__version__), SNAPSHOT_EVERY)
        with session_alerts(self.say, self.desk, identity, __version__) as notify:
            finding = _Finding(self.bound, adoption, earlier, policy)
            note_beginning(place, self._audit("adopt", {"kept": kept, "accounts": finding.told()}))
            await adoption.end_earlier(earlier)
            what = Adopted(
                place, boot, self.bound.make_world(), policy,
                lambda: self._audit("adopted", {"steps": adoption.steps, "accounts": finding.told()}),
            )  # fmt: skip
            await begin_journal(adoption, what, time.time_ns, notify)
            notify(self._alert(kept))
        end_beginning(self.folder)

    def _audit(self, what: str, detail: dict[str, Any]) -> "Audit":
        from tradewind.journal.bodies import Audit

        actor = f"{getpass.getuser()} (process {os.getpid()})"
        return Audit(time.time_ns(), actor, what, {"reason": self.asked.reason, **detail})

    def _alert(self, kept: str) -> "Alert":
        from tradewind.ops.alerts import Alert

        text = f"{getpass.getuser()} adopted what {', '.join(self.accounts)} held"
        told = f"{text}; the journal of before is {kept}" if kept else text
        return Alert("OPERATOR", told, time.time_ns(), self.asked.name)


def state_of(folder: "Path", name: str, accounts: tuple[str, ...]) -> str:
    """Return what is to be said of the journal in a folder before another one begins there."""
    from tradewind import __version__
    from tradewind.journal import FileDisk, JournalReader, verify_journal
    from tradewind.journal.forms import written_by_others

    if not folder.is_dir():
        return "there is none here"
    try:
        found = verify_journal(FileDisk(), folder)
    except TradewindError as error:
        return f"cannot be read ({error.code}) and is kept aside"
    if found.records and (found.session, found.accounts) != (name, accounts):
        return f"is that of {found.session} on {', '.join(found.accounts)} and is kept aside"
    if found.verdict == "corrupt":
        return f"is damaged after {found.records} sound records and is kept aside"
    if found.records == 0:
        return "is empty"
    if written_by_others(JournalReader(FileDisk(), folder), __version__):
        return "is of another version: 'journal replay' says whether this one would go on from it; it is kept aside"
    return "is sound: 'trade --live' would go on from it; it is kept aside"


def keep_aside(desk: "Workspace", name: str) -> str:
    """Rename the folder of the epoch that ends, whole, and return its name as a session, "" where there is none."""
    from tradewind.journal import FileDisk

    folder = desk.session_dir(name)
    if not folder.is_dir():
        return ""
    number, kept = 1, folder
    while kept.exists():
        suffix = f"-old{number}"
        kept = desk.session_dir(name[: _NAME_MAX - len(suffix)] + suffix)
        number += 1
    folder.rename(kept)
    FileDisk().sync_folder(kept.parent)
    return kept.name


async def typed_line(question: str, say: "Output") -> str:
    """Return what somebody types, "" where there is no terminal; streams go on being heard meanwhile."""
    if not sys.stdin.isatty():
        return ""
    say.note(question)
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().strip()


def given_contexts(gives: tuple[str, ...], contexts: dict[str, tuple[int, int]]) -> dict[int, int]:
    """Return the context that is given what is held of an instrument, by instrument.

    contexts: (context, instrument) by ``SYMBOL=STRATEGY``. Raises UsageError for what is none of these, and where one
    symbol is given twice.
    """
    given: dict[int, int] = {}
    for text in gives:
        if text not in contexts:
            raise UsageError(
                "USAGE", f"{text[:60]!r} names nobody who trades that.", where="--give", known=tuple(contexts)
            )
        index, instrument = contexts[text]
        if instrument in given:
            raise UsageError("USAGE", f"{text[:60]!r} gives it a second time.", where="--give")
        given[instrument] = index
    return given


@dataclass(frozen=True, slots=True)
class _Finding:
    """What accounts hold, in words."""

    bound: "Bound"
    adoption: "Adoption"
    earlier: frozenset[str]
    policy: "Policy"

    def lines(self) -> Iterator[str]:
        """Yield a line for each thing that is there, and what becomes of it."""
        for account in self.adoption.accounts:
            snapshot = account.snapshot
            yield f"{'account':12}{account.terms.name}"
            for balance in snapshot.balances:
                yield f"{'balance':12}{balance.balance / 1e8:,.2f} {balance.currency}"
            for position in snapshot.positions:
                yield f"{'position':12}{self._held(position)}: {self._taker(position)}"
            for order in snapshot.orders:
                yield f"{'order':12}{self._order(order)}: {self._becomes(account, order)}"
            for symbol in snapshot.strangers:
                yield f"{'not touched':12}{symbol}, which the session does not trade"
        yield from self._last_seen()
        yield from self._ungiven()

    def told(self) -> dict[str, Any]:
        """Return the same as plain values, for scripts and for the record."""
        return {
            account.terms.name: {
                "balances": {seen.currency: seen.balance / 1e8 for seen in account.snapshot.balances},
                "positions": [
                    {"held": self._held(seen), "given": self._taker(seen)}
                    for seen in account.snapshot.positions
                ],
                "orders": [
                    {"client_id": seen.client_id, "order": self._order(seen), "becomes": self._becomes(account, seen)}
                    for seen in account.snapshot.orders
                ],
                "strangers": list(account.snapshot.strangers),
            }
            for account in self.adoption.accounts
        }  # fmt: skip

    def coins(self) -> dict[str, str]:
        """Return how many coins are given to strategies, by venue and symbol."""
        given: dict[str, str] = {}
        for account in self.adoption.accounts:
            for seen in account.snapshot.positions:
                rules = self.bound.resolved.instruments[seen.instrument]
                if rules.payoff == "spot" and self._taker_of(seen.instrument) is not None:
                    given[rules.where] = self._amount(seen.instrument, self._given(seen))
        return given

    def _given(self, seen: "PositionSeen") -> int:
        """Return how many lots of what is held are given to somebody, where it is given at all."""
        return min(seen.qty_lot, self.policy.given_lots.get(seen.instrument, seen.qty_lot))

    def _amount(self, instrument: int, lots: int) -> str:
        from tradewind.live.amounts import counted

        return f"{counted(self.bound.resolved.instruments[instrument], lots)[0].normalize():f}"

    def _held(self, seen: "PositionSeen") -> str:
        is_coin = self.bound.resolved.instruments[seen.instrument].payoff == "spot"
        at = f" entered at {seen.entry:g}" if seen.entry else ""
        at = f" worth {seen.entry:g} each now" if is_coin else at
        size = self._amount(seen.instrument, seen.qty_lot)
        return f"{self._symbol(seen.instrument)} {_SIDES[seen.position_side]} {size}{at}"

    def _order(self, seen: "OrderSeen") -> str:
        rules = self.bound.resolved.instruments[seen.instrument]
        size = self._amount(seen.instrument, seen.qty_lot - seen.filled_lot)
        at = f" at {(seen.price_tick * rules.tick_size).normalize():f}" if seen.price_tick else ""
        word = "buy" if seen.side > 0 else "sell"
        kind = "stop" if seen.stop else "closes" if seen.reduce else "opens"
        return f"{self._symbol(seen.instrument)} {word} {size}{at}, {kind}"

    def _symbol(self, instrument: int) -> str:
        return self.bound.labels[0][instrument]

    def _taker(self, seen: "PositionSeen") -> str:
        """Return who is given what is held, and how much of it."""
        taker = self._taker_of(seen.instrument)
        if taker is None:
            return "nobody's"
        part, _ = self.bound.boot("").contexts[taker]
        given = self._given(seen)
        what = f"{self._amount(seen.instrument, given)} of them " if given < seen.qty_lot else ""
        return f"{what}given to {self.bound.labels[1][part]}"

    def _taker_of(self, instrument: int) -> int | None:
        columns = [column for _, column in self.bound.boot("").contexts]
        by_policy = columns.index(instrument) if self.policy.external == "adopt" else None
        return self.policy.given.get(instrument, by_policy)

    def _becomes(self, account: "AdoptedAccount", seen: "OrderSeen") -> str:
        """Return what becomes of an order."""
        from tradewind.live.epochs import relieved, unprotecting
        from tradewind.venues.ccxt.client_ids import tag_in

        if tag_in(seen.client_id) not in self.earlier:
            return "not ours, left alone"
        snapshot, hedged = account.snapshot, account.terms.hedge
        going = unprotecting(snapshot, self.earlier, hedged=hedged)
        if seen in going or seen in relieved(snapshot, self.earlier, hedged=hedged):
            return "ours of an earlier epoch, is cancelled"
        kind = "" if seen.reduce or not seen.stop else ", not reduce-only"
        return f"ours of an earlier epoch{kind}, stays until a new stop stands"

    def _last_seen(self) -> Iterator[str]:
        from tradewind.units.time import format_utc

        for tag, at_ns in sorted(self.adoption.earlier.items()):
            yield f"{'epoch':12}{tag}: its last order or trade that the venue shows is of {format_utc(at_ns)}"

    def _ungiven(self) -> Iterator[str]:
        """Yield what to say about positions that nobody is given: the session will halt over them."""
        then = "openers halt" if self.policy.external == "halt" else "it counts against the limits"
        held = {s.instrument: s for account in self.adoption.accounts for s in account.snapshot.positions}
        for instrument, seen in sorted(held.items()):
            symbol, left = self._symbol(instrument), seen.qty_lot - self._given(seen)
            if self._taker_of(instrument) is None:
                parts = [part for part, column in self.bound.boot("").contexts if column == instrument]
                name = f"{symbol}={self.bound.labels[1][parts[0]]}"
                yield f"{'not given':12}{symbol} is nobody's, and {then}; or say --give {name}"
            elif left:
                yield f"{'not given':12}{self._amount(instrument, left)} {symbol} is nobody's, and {then}"
