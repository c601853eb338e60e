"""What forbids a session from its files alone, all of it at once, before anybody types a passphrase."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tradewind.errors import ConfigError, StrategyError, TradewindError

if TYPE_CHECKING:
    from tradewind.config import AccountEntry, BacktestConfig, Loaded, SessionConfig, Workspace

    Terms = Loaded[BacktestConfig] | Loaded[SessionConfig]

__all__ = ["refuse_from_files", "strategy_problems"]

_COMPILER = "numba"


def refuse_from_files(
    loaded: "Terms", desk: "Workspace", *, live: bool, guards: bool
) -> "dict[str, AccountEntry]":
    """Return the accounts that a file trades on, none on paper; everything its files forbid is told at once.

    guards: this process stays small and runs no code of the user's, so that strategies are read in one of their own.

    Raises
    ------
    ConfigError, SafetyRefusal, StrategyError
        The first of: what `check_live` raises, VENUE_UNCERTIFIED, EXCHANGE_UNSUPPORTED for a venue that nobody can
        listen to or that streams no such bars, what signals, strategies and their parameters are refused for. The
        others stand in its `also`.
    """
    from tradewind.cli.certify import require_certificates
    from tradewind.config import SessionConfig, check_live

    accounts: dict[str, AccountEntry] = {}
    problems: list[TradewindError] = []
    if live:
        assert isinstance(loaded.config, SessionConfig)
        try:
            accounts = check_live(loaded, desk.settings)
        except TradewindError as error:
            problems += _alone(error)
        known = desk.settings.accounts
        try:
            require_certificates(
                desk, {name: known[name] for name in loaded.config.accounts if name in known}
            )
        except TradewindError as error:
            problems.append(error)
    problems += _signals(loaded.config, desk)
    problems += _unheard(loaded.config)
    problems += _unstreamed(loaded.config)
    problems += _strategies(loaded.config, desk, guards=guards)
    if problems:
        first, *others = (loaded.placed(problem) for problem in problems)
        first.also = tuple(others)
        raise first
    return accounts


def _signals(config: "BacktestConfig | SessionConfig", desk: "Workspace") -> "Iterator[TradewindError]":
    """Give what the machine forbids of a session's signals; a process that a guard started waits for a port."""
    from tradewind.cli.signals import signal_problems
    from tradewind.config import SessionConfig
    from tradewind.live.guard import GUARDED

    terms = config.signals if isinstance(config, SessionConfig) else None
    return iter(()) if terms is None else signal_problems(terms, desk, port=GUARDED not in os.environ)


def _alone(error: TradewindError) -> Iterator[TradewindError]:
    """Give an error and those that it brings along, each by itself."""
    others, error.also = error.also, ()
    yield error
    for other in others:
        yield from _alone(other)


def _unheard(config: "BacktestConfig | SessionConfig") -> Iterator[ConfigError]:
    """Give a refusal for each venue that nobody can listen to."""
    from tradewind.cli.reaching import client_of

    told = set()
    for place, (venue, _) in enumerate(config.market.instruments):
        try:
            client_of(venue)
        except ConfigError as error:
            if venue in told:
                continue
            told.add(venue)
            error.key = "market.venue" if venue == config.market.venue else f"market.symbols.{place}"
            error.hint = "trade it over a replay: --feed replay:START..END"
            yield error


def _unstreamed(config: "BacktestConfig | SessionConfig") -> Iterator[ConfigError]:
    """Give a refusal for each venue that streams no bars of the file's length, with those that it has."""
    from tradewind.cli.reaching import client_of
    from tradewind.venues.ccxt.feed import refuse_unstreamed

    for venue in dict.fromkeys(venue for venue, _ in config.market.instruments):
        try:
            refuse_unstreamed(venue, client_of(venue), config.market.bar_ns)
        except ConfigError as error:
            if error.key:  # A venue that nobody can listen to is told as that.
                yield error


def _strategies(
    config: "BacktestConfig | SessionConfig", desk: "Workspace", *, guards: bool
) -> list[TradewindError]:
    """Return what the strategies of a file are refused for."""
    from tradewind.config import SessionConfig, to_toml

    session = config if isinstance(config, SessionConfig) else SessionConfig.from_backtest(config)
    if not guards or _COMPILER in sys.modules:
        return strategy_problems(session, desk)
    words = [sys.executable, "-m", "tradewind.cli.refusing", str(desk.root)]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        words, input=to_toml(session), capture_output=True, text=True, check=False
    )
    try:
        told = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = done.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
        message = f"the strategies could not be read: {last[0][:200]}"
        return [StrategyError("STRATEGY_LOAD", message, hint="see 'tradewind strategy check NAME'")]
    return [_problem(fields) for fields in told]


def strategy_problems(session: "SessionConfig", desk: "Workspace") -> list[TradewindError]:
    """Return what the strategies of a session and their parameters are refused for, in the order of the file."""
    from tradewind.research.resolve import check_strategies

    return [alone for error in check_strategies(session, desk) for alone in _alone(error)]


def _fields(problem: TradewindError) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("code", "message", "where", "key", "hint", "known")}


def _problem(fields: dict[str, Any]) -> TradewindError:
    kind = StrategyError if str(fields["code"]).startswith("STRATEGY") else ConfigError
    return kind(fields.pop("code"), fields.pop("message"), **fields)


def _main() -> None:
    """Read a session from stdin and print what its strategies are refused for, as JSON."""
    import tomllib
    from pathlib import Path

    from tradewind.config import Workspace, session_from

    session = session_from(tomllib.loads(sys.stdin.read())).config
    problems = strategy_problems(session, Workspace.open(Path(sys.argv[1])))
    sys.stdout.write("\n" + json.dumps([_fields(problem) for problem in problems]) + "\n")


if __name__ == "__main__":
    _main()
