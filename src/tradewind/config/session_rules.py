"""The rules between tables of a session file, and what a session with an account must say beside them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tradewind.config.agreement import check_terms
from tradewind.config.fields import refusal
from tradewind.config.problems import did_you_mean
from tradewind.config.venue_defaults import DEAD_MAN_TIMERS, EXPIRING_ORDERS, VENUES
from tradewind.errors import ConfigError

if TYPE_CHECKING:
    from tradewind.config.load import Loaded
    from tradewind.config.session import SessionConfig
    from tradewind.config.settings import AccountEntry, Settings

__all__ = ["accounts_by_venue", "check_live", "check_session"]


def check_session(config: "SessionConfig") -> None:
    """Refuse a session whose tables contradict each other."""
    check_terms(config)
    _check_accounts(config)
    _check_feed(config)
    _check_dead_man(config)
    _check_signals(config)


def _check_accounts(config: "SessionConfig") -> None:
    for place, name in enumerate(config.accounts):
        if name in config.accounts[:place]:
            raise refusal("CONFIG_CONFLICT", f"the account {name!r} is listed twice", key=f"accounts.{place}")
    for place, use in enumerate(config.strategies):
        if use.account is not None and use.account not in config.accounts:
            raise refusal(
                "CONFIG_CONFLICT",
                f"the account {use.account!r} is not among those of the session",
                "name it in accounts = [...]",
                key=f"strategies.{place}.account",
            )


def _check_feed(config: "SessionConfig") -> None:
    if config.feed.secondary == config.market.venue:
        raise refusal(
            "CONFIG_CONFLICT",
            f"{config.feed.secondary!r} cannot stand in for itself",
            "name another venue, or leave it out",
            key="feed.secondary",
        )
    if config.feed.grace_ms * 1_000_000 >= config.market.bar_ns:
        raise refusal(
            "CONFIG_CONFLICT",
            f"a wait of {config.feed.grace_ms} ms is as long as a bar of {config.market.bars}",
            "wait less than one bar",
            key="feed.grace_ms",
        )


def _check_dead_man(config: "SessionConfig") -> None:
    if config.dead_man.policy != "timer":
        return
    for venue in dict.fromkeys(venue for venue, _ in config.market.instruments):
        if venue not in DEAD_MAN_TIMERS:
            raise refusal(
                "EXCHANGE_UNSUPPORTED",
                f"{VENUES[venue].title} has no timer that cancels the orders of a silent machine",
                _policies_of(venue),
                key="dead_man.policy",
            )


def _policies_of(venue: str) -> str:
    """Return which policies for a silent machine can be carried out at a venue, as they are written."""
    can = {"timer": venue in DEAD_MAN_TIMERS, "expiry": venue in EXPIRING_ORDERS, "none": True}
    return " or ".join(f'policy = "{policy}"' for policy in can if can[policy]) + " under [dead_man]"


def _check_signals(config: "SessionConfig") -> None:
    features = {} if config.signals is None else config.signals.features
    for name, terms in features.items():
        for place, symbol in enumerate(terms.symbols or ()):
            if symbol not in config.market.symbols:
                raise refusal(
                    "SYMBOL_UNKNOWN",
                    f"{symbol!r} is not traded in this session",
                    did_you_mean(symbol, config.market.symbols) or "name it under market.symbols",
                    key=f"signals.features.{name}.symbols.{place}",
                )


# ---------------------------------------------------------------------- with an account


def accounts_by_venue(loaded: "Loaded[SessionConfig]", settings: "Settings") -> "dict[str, AccountEntry]":
    """Return the account entry of each account that a session names, in the order of the file; none on paper.

    Raises
    ------
    ConfigError
        CONFIG_CHOICE for an account that tradewind.toml does not know; CONFIG_CONFLICT for two of one venue, for a
        symbol whose venue has no account, or a strategy whose symbols lie elsewhere than its account.
    """
    config = loaded.config
    if not config.accounts:
        return {}
    entries: dict[str, AccountEntry] = {}
    for place, name in enumerate(config.accounts):
        entry = settings.accounts.get(name)
        if entry is None:
            raise loaded.placed(_unknown_account(name, f"accounts.{place}", settings))
        twin = next((other for other, known in entries.items() if known.venue == entry.venue), None)
        if twin is not None:
            raise loaded.placed(
                ConfigError(
                    "CONFIG_CONFLICT",
                    f"{twin} and {name} are both at {entry.venue}: a symbol would not say on which it trades.",
                    key=f"accounts.{place}",
                    hint="run a session for each of them",
                )
            )
        entries[name] = entry
    _check_places(loaded, entries)
    return entries


def _unknown_account(name: str, key: str, settings: "Settings") -> ConfigError:
    return ConfigError(
        "CONFIG_CHOICE",
        f"no account is called {name!r}.",
        key=key,
        hint=did_you_mean(name, settings.accounts) or f"write [accounts.{name}] into tradewind.toml",
        known=settings.accounts,
    )


def _check_places(loaded: "Loaded[SessionConfig]", entries: "dict[str, AccountEntry]") -> None:
    config = loaded.config
    venues = {entry.venue for entry in entries.values()}
    for place, (venue, symbol) in enumerate(config.market.instruments):
        if venue not in venues:
            raise loaded.placed(
                ConfigError(
                    "CONFIG_CONFLICT",
                    f"{symbol} is at {venue}, where the session has no account.",
                    key=f"market.symbols.{place}",
                    hint="name an account of that venue in accounts = [...]",
                )
            )
    where = dict(zip(config.market.symbols, config.market.instruments, strict=True))
    for place, use in enumerate(config.strategies):
        strangers = [
            symbol
            for symbol in use.symbols or config.market.symbols
            if use.account is not None and where[symbol][0] != entries[use.account].venue
        ]
        if strangers:
            raise loaded.placed(
                ConfigError(
                    "CONFIG_CONFLICT",
                    f"{strangers[0]} is not at the venue of the account {use.account}.",
                    key=f"strategies.{place}.symbols",
                    hint="name the symbols that this strategy trades on that account",
                )
            )


def check_live(loaded: "Loaded[SessionConfig]", settings: "Settings") -> "dict[str, AccountEntry]":
    """Return the accounts of a session that may trade with them; everything that forbids it is told at once.

    Raises
    ------
    ConfigError
        What `accounts_by_venue` raises; CONFIG_MISSING without accounts or without a strategy's protection;
        KEY_MODE_MISMATCH for an account of paper; LIVE_REQUIRES_LIMITS; CONFIG_CONFLICT for a symbol that the caps of
        its account forbid.
    """
    if not loaded.config.accounts:
        raise loaded.placed(
            ConfigError(
                "CONFIG_MISSING",
                "the session names no account.",
                key="accounts",
                hint='accounts = ["NAME"], with [accounts.NAME] in tradewind.toml',
            )
        )
    entries = accounts_by_venue(loaded, settings)
    problems = [
        *_paper_accounts(entries),
        *_missing_protection(loaded.config),
        *_missing_limits(loaded.config, settings),
        *_missing_caps(entries),
        *_forbidden_symbols(loaded.config, entries),
        *_missing_expiry(loaded.config, entries),
    ]
    if problems:
        first, *others = [loaded.placed(problem) for problem in problems]
        first.also = tuple(others)
        raise first
    return entries


def _paper_accounts(entries: "dict[str, AccountEntry]") -> Iterator[ConfigError]:
    for name, entry in entries.items():
        if entry.kind == "paper":
            yield ConfigError(
                "KEY_MODE_MISMATCH",
                f"the account {name} is for paper.",
                where="tradewind.toml",
                key=f"accounts.{name}.kind",
                hint='write kind = "demo" or kind = "live"',
            )


def _missing_protection(config: "SessionConfig") -> Iterator[ConfigError]:
    for place, use in enumerate(config.uses):
        if use.protection is None:
            yield ConfigError(
                "CONFIG_MISSING",
                f"it is not said how {use.label} is protected.",
                key=f"strategies.{place}.protection" if config.strategies else "protection",
                hint='"resting": stops lie at the venue; "watched": the core watches; "none": on purpose',
            )


_NEEDED = (
    ("a largest exposure", ("max_exposure_total_x", "max_exposure_side_x")),
    ("a loss that halts", ("loss_day_pct", "loss_session_pct", "drawdown_pct")),
    ("a rate of orders", ("max_orders_per_minute",)),
    ("a band around the mark price", ("price_band_pct",)),
)


def _missing_limits(config: "SessionConfig", settings: "Settings") -> Iterator[ConfigError]:
    limits = config.limits.tightened(settings.limits)
    for told, names in _NEEDED:
        if all(getattr(limits, name) is None for name in names):
            yield ConfigError(
                "LIVE_REQUIRES_LIMITS",
                f"a session with an account needs {told}.",
                key=f"limits.{names[0]}",
                hint=f"write {' or '.join(names)} under [limits]",
            )


def _missing_caps(entries: "dict[str, AccountEntry]") -> Iterator[ConfigError]:
    for name, entry in entries.items():
        if entry.kind == "live" and entry.caps.max_notional_per_order is None:
            yield ConfigError(
                "LIVE_REQUIRES_LIMITS",
                f"the account {name} of real money has no hard cap on an order.",
                where="tradewind.toml",
                key=f"accounts.{name}.caps.max_notional_per_order",
                hint=f"write [accounts.{name}.caps] max_notional_per_order = ...",
            )


def _forbidden_symbols(config: "SessionConfig", entries: "dict[str, AccountEntry]") -> Iterator[ConfigError]:
    """Give a refusal for each symbol whose every order the caps of its account would refuse."""
    names = {entry.venue: name for name, entry in entries.items()}
    for place, (venue, symbol) in enumerate(config.market.instruments):
        allowed = entries[names[venue]].caps.symbols
        if allowed is not None and symbol not in allowed:
            key = f"accounts.{names[venue]}.caps.symbols"
            yield ConfigError(
                "CONFIG_CONFLICT",
                f"the session trades {symbol}, which {key} in tradewind.toml does not allow: nothing would be sent.",
                key=f"market.symbols.{place}",
                hint=did_you_mean(symbol, allowed) or f"leave {symbol} out, or add it to {key}",
                known=allowed,
            )


def _missing_expiry(config: "SessionConfig", entries: "dict[str, AccountEntry]") -> Iterator[ConfigError]:
    if config.dead_man.policy != "expiry":
        return
    said = "policy" in config.dead_man.model_fields_set
    for entry in entries.values():
        if entry.venue not in EXPIRING_ORDERS:
            lacking = f"orders cannot carry an end at {VENUES[entry.venue].title}"
            yield ConfigError(
                "EXCHANGE_UNSUPPORTED" if said else "CONFIG_MISSING",
                f"{lacking}." if said else f"{lacking}: say what a dead machine leaves there.",
                key="dead_man.policy",
                hint=_policies_of(entry.venue),
            )
        elif config.dead_man.patience_s < EXPIRING_ORDERS[entry.venue]:
            yield ConfigError(
                "CONFIG_RANGE",
                f"{VENUES[entry.venue].title} refuses an order whose end is that near: it must be "
                f"{EXPIRING_ORDERS[entry.venue]:g} s or more.",
                key="dead_man.after_s",
                hint=_policies_of(entry.venue),
            )
