"""What a session with accounts will do with their money, as somebody reads it before he confirms it.

Everything that decides over money is told, also what the file leaves out: a default that nobody saw was agreed to by
nobody. The journal keeps the same terms, defaults included, in the record of each start.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tradewind.cli.output import Output
    from tradewind.config import AccountEntry, SessionConfig, Workspace
    from tradewind.config.exits import Exits
    from tradewind.config.limits import Limits
    from tradewind.config.session import SessionUse

__all__ = ["show_terms", "terms_of"]

_UNSAID = " *"
_EXTERNAL = {
    "halt": "orders and positions that are not ours stop new risk until an operator resumes",
    "ignore": "orders and positions that are not ours are left alone and count against the limits",
    "adopt": "positions that are not ours become ours; orders that are not count against the limits",
}
_ON_STOP = {
    "keep": "at an ordered end openers are cancelled, positions stay with their stops",
    "close": "at an ordered end everything is closed",
}
_PROTECTION = {
    "resting": "stops lie at the venue",
    "watched": "stops are watched here: a dead machine has none",
    "none": "without stops",
}


def show_terms(
    say: "Output", desk: "Workspace", config: "SessionConfig", accounts: "dict[str, AccountEntry]"
) -> None:
    """Say the terms of a session before it is confirmed."""
    from tradewind.cli.certify import unseen_at
    from tradewind.cli.seen_keys import known_addresses

    for name, told in terms_of(
        config, accounts, partial(known_addresses, desk), unseen_at=partial(unseen_at, desk)
    ):
        say.note(f"{name:12}{told}")


def terms_of(
    config: "SessionConfig",
    accounts: "dict[str, AccountEntry]",
    addresses_of: Callable[[str], str] = lambda _: "",
    unseen_at: Callable[[str], str] = lambda _: "",
) -> Iterator[tuple[str, str]]:
    """Yield what holds for each part of a session, and its name; * follows what the file does not say.

    addresses_of: says from where the key of an account of real money may be used, "" where that is not known yet.
    unseen_at: says what the certificate of a venue of real money has not seen, "" where it has seen all.
    """
    yield "terms", f"as they hold;{_UNSAID} stands behind what the file does not say"
    for name, entry in accounts.items():
        yield "account", _account(name, entry)
        addresses = addresses_of(name) if entry.kind == "live" else ""
        if addresses:
            yield "key", f"{name}: {addresses}"
    for venue in dict.fromkeys(entry.venue for entry in accounts.values() if entry.kind == "live"):
        unseen = unseen_at(venue)
        if unseen:
            yield "certificate", unseen
    mode = "one of each instrument" if config.account.position_mode == "one_way" else "long beside short"
    yield (
        "set there",
        f"leverage {config.account.leverage:g}{_mark(config.account, 'leverage')}, "
        f"{config.account.margin_mode} margin{_mark(config.account, 'margin_mode')}, "
        f"positions {mode}{_mark(config.account, 'position_mode')}",
    )
    for use in config.uses:
        yield "strategy", _strategy(use)
    yield "limits", ", ".join(_limits(config.limits))
    yield "external", f"{config.external}: {_EXTERNAL[config.external]}{_mark(config, 'external')}"
    yield "on_stop", f"{config.on_stop}: {_ON_STOP[config.on_stop]}{_mark(config, 'on_stop')}"
    yield "dead_man", _dead_man(config)
    yield "market data", _feed(config)
    if config.signals is not None:
        for name, each in config.signals.features.items():
            yield "signal", f"{name}, taken from {each.min:g} to {each.max:g}, counts for {each.valid_s:g} s"


def _mark(model: "BaseModel", name: str) -> str:
    return "" if name in model.model_fields_set else _UNSAID


def _account(name: str, entry: "AccountEntry") -> str:
    caps = entry.caps
    largest = caps.max_notional_per_order
    told = [
        "no hard cap on an order" if largest is None else f"no order above {largest:,.15g}",
        "any number a minute"
        if caps.max_orders_per_minute is None
        else f"{caps.max_orders_per_minute} a minute",
        "any symbol" if caps.symbols is None else f"{', '.join(caps.symbols)} alone",
    ]
    money = "REAL money" if entry.kind == "live" else "practice money"
    return f"{name} at {entry.venue}, {money}; {', '.join(told)}"


def _strategy(use: "SessionUse") -> str:
    where = f" in {use.account}" if use.account else ""
    given = ", ".join(f"{name} = {value}" for name, value in use.params.items())
    told = [
        f"{use.label} on {', '.join(use.symbols or ())}{where}",
        _PROTECTION[use.protection] if use.protection else "not protected",
        _exits(use.exits),
        f"{given}, other parameters by their defaults" if given else f"parameters by their defaults{_UNSAID}",
    ]
    return "; ".join(told)


def _exits(exits: "Exits | None") -> str:
    if exits is None or exits.is_empty:
        return f"no exits{_UNSAID}"
    found = exits.model_dump(exclude_none=True)
    return ", ".join(f"{name} = {_plain(value)}" for name, value in found.items())


def _limits(limits: "Limits") -> Iterator[str]:
    """Yield each limit that is written, nested ones by their path; what is not written does not limit."""
    yield from _written(limits.model_dump(exclude_none=True), "")


def _written(table: dict[str, object], path: str) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _written(value, f"{path}{name}.")
        else:
            yield f"{path}{name} = {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _dead_man(config: "SessionConfig") -> str:
    terms = config.dead_man
    told = {
        "timer": f"the venue cancels openers {terms.patience_s:g} s after this machine falls silent",
        "expiry": f"openers end by themselves within {terms.patience_s:g} s",
        "none": "openers of a silent machine stay",
    }
    return f"{terms.policy}: {told[terms.policy]}{_mark(terms, 'policy')}"


def _feed(config: "SessionConfig") -> str:
    second = config.feed.secondary
    stands_in = f"no other venue stands in{_mark(config.feed, 'secondary')}"
    if second is not None:
        stands_in = f"{second} stands in"
    every = f"accounts are compared every {config.reconcile_every_s:g} s{_mark(config, 'reconcile_every_s')}"
    return f"bars of {config.market.bars}, {stands_in}; {every}"
