"""``tradewind trade`` on venues that are heard now: the guard in front, the trading process behind it."""

import asyncio
import os
import signal
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from tradewind.cli.failures import Leave
from tradewind.errors import Exit, SafetyRefusal, TradewindError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradewind.cli.alerting import GuardAlerts
    from tradewind.cli.listening import Bound
    from tradewind.cli.output import Output
    from tradewind.config import AccountEntry, BacktestConfig, Loaded, SessionConfig, Workspace
    from tradewind.live.running import RunningSetup, RunResult
    from tradewind.ops.heartbeat import Heartbeat
    from tradewind.venues.keys import KeyStore

    Terms = Loaded[BacktestConfig] | Loaded[SessionConfig]

__all__ = [
    "guard_session",
    "question_of",
    "refuse_untyped",
    "trade_live",
    "trade_now",
]


def trade_live(
    loaded: "Terms", desk: "Workspace", name: str, say: "Output", *, guarded: bool, confirmed: tuple[str, ...]
) -> None:
    """Trade a session file on its accounts, after somebody has said that this is meant.

    Raises what `refuse_from_files` does, CCXT_CHANGED, LIVE_UNCONFIRMED, KEY_*, LOCKED.
    """
    from tradewind.venues.extras import require_live
    from tradewind.venues.genuine import refuse_changed_ccxt

    require_live()
    refuse_changed_ccxt()
    from tradewind import __version__
    from tradewind.cli.claiming import claimed, session_of
    from tradewind.cli.compiling import load_engine
    from tradewind.cli.keys import asking, key_store
    from tradewind.cli.listening import with_accounts
    from tradewind.cli.live_accounts import live_setup
    from tradewind.cli.refusing import refuse_from_files
    from tradewind.cli.signals import needs_store
    from tradewind.cli.terms import show_terms
    from tradewind.config import SessionConfig
    from tradewind.live.epochs import refuse_unfinished
    from tradewind.live.guard import GUARDED
    from tradewind.venues.keys import find_passphrase, hand_over, keys_for

    if not isinstance(loaded.config, SessionConfig):
        raise UsageError(
            "USAGE", "a backtest file names no account.", where="--live", hint="write a session file"
        )
    try:
        guards = guarded and GUARDED not in os.environ
        refuse_unfinished(desk.session_dir(name))
        with say.steps("reading the strategies"):
            accounts = refuse_from_files(loaded, desk, live=True, guards=guards)
        store, around = key_store(desk), asking(say)
        if guards:
            show_terms(say, desk, loaded.config, accounts)
            _confirm(accounts, confirmed, say)
            passed = (
                ()
                if _keys_in_environment(accounts, store) and not needs_store(loaded.config)
                else (hand_over(find_passphrase(store, around), os.environ),)
            )
            guard_session(desk, name, tuple(accounts), say, passed)
            return
        if GUARDED not in os.environ:
            show_terms(say, desk, loaded.config, accounts)
            _confirm(accounts, confirmed, say)
        keys = {
            account: keys_for(account, entry.venue, store, around, demo=entry.kind == "demo")
            for account, entry in accounts.items()
        }
        venues = tuple(entry.venue for entry in accounts.values())

        def setup_of(bound: "Bound") -> "RunningSetup":
            return live_setup(with_accounts(bound, venues), desk, accounts, keys, __version__)

        # The guard holds the accounts of the workspace and knows no key; who knows the keys takes their locks, and the
        # guard keeps them between two of its children.
        with claimed(
            desk, accounts, keys, lambda account: f"trades {account} in {session_of(desk, name)}", say.note
        ):
            load_engine(say, simulated=False)
            trade_now(loaded, desk, name, say, setup_of, tuple(accounts))
    except TradewindError as error:
        raise loaded.placed(error) from error


def _keys_in_environment(accounts: "dict[str, AccountEntry]", store: "KeyStore") -> bool:
    """Say whether no key has to be taken out of the store: the child finds them where this process did."""
    from tradewind.venues.keys.opening import environment_names

    return not store.exists() or set(accounts) <= set(environment_names(os.environ))


def _confirm(accounts: "dict[str, AccountEntry]", confirmed: tuple[str, ...], say: "Output") -> None:
    """Let somebody type the name of every account that trades. Raises SafetyRefusal (LIVE_UNCONFIRMED)."""
    for name, entry in accounts.items():
        if name in confirmed:
            continue
        typed = ""
        if sys.stdin.isatty():
            say.note(question_of(name, entry, "trades"))
            typed = sys.stdin.readline().strip()
        refuse_untyped(name, entry, "trades", typed)


def question_of(name: str, entry: "AccountEntry", verb: str) -> str:
    """Return what is asked before an account does something."""
    return f"{name} at {entry.venue} {verb} with {_money(entry)}. Type its name to go on:"


def refuse_untyped(name: str, entry: "AccountEntry", verb: str, typed: str) -> None:
    """Raise SafetyRefusal (LIVE_UNCONFIRMED) where something else was typed than the name of the account."""
    if typed != name:
        raise SafetyRefusal(
            "LIVE_UNCONFIRMED",
            f"nobody said that {name} {verb} with {_money(entry)}.",
            hint=f"type its name, or add --confirm {name}",
        )


def _money(entry: "AccountEntry") -> str:
    return "REAL money" if entry.kind == "live" else "practice money"


def guard_session(
    desk: "Workspace",
    name: str,
    accounts: tuple[str, ...],
    say: "Output",
    passed: tuple[int, ...] = (),
    *,
    opens_store: bool = False,
) -> None:
    """Run this very command as a child that is watched; leave as it leaves.

    The leases of the accounts, none on paper, are held here, so that nobody steps in between two lives of the child.
    passed: open files that the child is given; opens_store: it needs the passphrase of the key store. Raises Busy
    (LOCKED), SafetyRefusal (CRASH_LOOP).
    """
    from contextlib import ExitStack, closing

    from tradewind import __version__
    from tradewind.cli.alerting import guard_alerts, incident_alert
    from tradewind.cli.keys import asking, key_store
    from tradewind.journal import FileDisk, Identity
    from tradewind.live.guard import GUARDED, Guard
    from tradewind.live.kept_locks import KeptLocks
    from tradewind.venues.keys import find_passphrase, hand_over

    disk, folder = FileDisk(), desk.session_dir(name)
    if (desk.settings.alerts or opens_store) and not passed:
        passed = (hand_over(find_passphrase(key_store(desk), asking(say)), os.environ),)
    with ExitStack() as held:
        locks = desk.session_locks(name, accounts)
        for account, path in locks.items():
            disk.make_folder(path.parent)
            lease = disk.lock(path, f"guards {account} in session {name}")
            held.callback(lease.release)
        disk.make_folder(folder)
        # The audit is one of both processes, so both name the same accounts: on paper the one that is made up.
        alerts = held.enter_context(guard_alerts(say, desk, Identity(name, tuple(locks)), __version__))
        os.environ[GUARDED] = str(os.getpid())
        kept = held.enter_context(closing(KeptLocks()))
        url = desk.settings.heartbeat_url
        guard = Guard(
            [sys.executable, "-m", "tradewind.cli", *sys.argv[1:]],
            folder,
            tell=lambda incident: alerts.tell(incident_alert(incident, name)),
            heartbeat=_heartbeat(url, alerts, name) if url else None,
            passed=passed,
            locks=kept,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: guard.stop())
        status = guard.run()
    if status:
        _leave_nothing(folder)
        raise Leave(Exit(status) if status in set(Exit) else Exit.OUR_FAULT)


def _heartbeat(url: str, alerts: "GuardAlerts", name: str) -> "Heartbeat":
    """Return the heartbeat of a session; what becomes of it is kept in the session's folder, a long silence told."""
    import time

    from tradewind.ops.alerts import Alert
    from tradewind.ops.heartbeat import Heartbeat

    def tell(text: str) -> None:
        alerts.tell_beside(Alert("HEARTBEAT_FAILED", text, time.time_ns(), name))

    return Heartbeat(url, tell=tell, heard=alerts.outward.note_heartbeat)


def _leave_nothing(folder: "Path") -> None:
    """Remove the folder of a session whose first start was refused: it has no journal, nothing but its pulse."""
    from tradewind.live.pulse import PULSE
    from tradewind.ops.outward import OUTWARD_FILES

    if {path.name for path in folder.iterdir()} <= {PULSE, *OUTWARD_FILES}:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def trade_now(
    loaded: "Terms",
    desk: "Workspace",
    name: str,
    say: "Output",
    setup_of: "Callable[[Bound], RunningSetup]",
    accounts: tuple[str, ...] = (),
) -> None:
    """Bind a file to its venues, trade until somebody ends it, and say where it stands.

    accounts: the names of those it trades on, none on paper. A start whose guard dies is told as such.
    """
    from tradewind.live.guard import follow_guard, guard_is_gone
    from tradewind.live.pulse import PULSE, STARTING, state_of
    from tradewind.venues.keys import install, protect_process

    protect_process()
    install()
    try:
        follow_guard()
        result = _traded(loaded, desk, name, say, setup_of)
    except (KeyboardInterrupt, Exception) as failure:
        if not guard_is_gone() or state_of(desk.session_dir(name) / PULSE) != STARTING:
            raise
        _tell_unguarded(desk, name, say, accounts)
        if isinstance(failure, KeyboardInterrupt):
            raise Leave(Exit.REFUSED) from None
        raise
    _tell(say, desk, result)


def _traded(
    loaded: "Terms", desk: "Workspace", name: str, say: "Output", setup_of: "Callable[[Bound], RunningSetup]"
) -> "RunResult":
    """Bind a file to its venues and trade until somebody ends it."""
    from tradewind import __version__
    from tradewind.cli.alerting import session_alerts
    from tradewind.cli.beside import beside_session
    from tradewind.cli.listening import bind_now
    from tradewind.cli.signals import beside_with_signals, features_of, signal_key, with_forgetting
    from tradewind.config import SessionConfig
    from tradewind.journal import Identity
    from tradewind.live.running import run_session

    signals = loaded.config.signals if isinstance(loaded.config, SessionConfig) else None
    key = None if signals is None else signal_key(signals.webhook, desk, say)
    bound = asyncio.run(bind_now(loaded.config, desk, desk.session_dir(name), say.note))
    say.note(
        f"session {name}: {', '.join(bound.resolved.labels)} at {', '.join(bound.venues)}; Ctrl-C ends it in order"
    )
    taking = None if key is None else partial(beside_with_signals, bound, desk, name, key)
    setup = with_forgetting(setup_of(bound), features_of(bound))
    with (
        session_alerts(say, desk, Identity(name, setup.accounts), __version__) as notify,
        bound.strategy_faults(),
    ):
        beside, counted = beside_session(say, desk, name, notify, taking)
        return run_session(setup, desk, name, version=__version__, notify=counted, beside=beside)


def _tell_unguarded(desk: "Workspace", name: str, say: "Output", accounts: tuple[str, ...]) -> None:
    """Tell that the guard died while the session started."""
    import time

    from tradewind import __version__
    from tradewind.cli.alerting import session_alerts
    from tradewind.journal import Identity
    from tradewind.live.running import mark_unguarded, tell_unguarded

    mark_unguarded(desk.session_dir(name))
    whose = Identity(name, tuple(desk.session_locks(name, accounts)))
    with session_alerts(say, desk, whose, __version__) as notify:
        tell_unguarded(desk.session_dir(name), notify, time.time_ns)


def _tell(say: "Output", desk: "Workspace", result: "RunResult") -> None:
    from tradewind.report.wording import money
    from tradewind.units.time import format_utc

    status = result.status
    say.line(f"session    {result.session}, ended at {format_utc(status['now_ns'])}")
    say.line(
        f"decided    {status['steps']:,} times, {status['requests']:,} requests, {status['fills']:,} fills"
    )
    for wallet in status["wallets"]:
        say.line(f"equity     {money(wallet['equity'], wallet['currency'])} in {wallet['account']}")
    for held in status["positions"]:
        say.line(f"holds      {held['quantity']} {held['instrument']}, {held['side']}")
    for held in status.get("held_for", ()):
        say.line(f"held       {held['strategy']}: {held['why']}")
    folder: Path = desk.session_dir(result.session)
    say.line(f"journal    {desk.shown(folder)}; the same command goes on from here")
    say.done(
        asdict(result),
        f"tradewind session status {result.session}",
        f"tradewind journal verify {result.session}",
        f"tradewind journal explain last --session {result.session}",
    )
