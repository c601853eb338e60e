"""Bind a session file to real accounts: keys, caps, the gateways that sign, the wallets that they hold."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.cli.listening import Bound, open_feeds

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from tradewind.config import AccountEntry, SessionConfig, Workspace
    from tradewind.engine.world import World
    from tradewind.live.accounts import AccountTerms
    from tradewind.live.running import Reached, RunningSetup
    from tradewind.live.venue import LiveRules
    from tradewind.ops.alerts import Alert
    from tradewind.venues.ccxt.budget import Address
    from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
    from tradewind.venues.gateway import Listing, TradingGateway
    from tradewind.venues.keys import AccountKeys

__all__ = ["live_rules", "live_setup", "open_gateway", "settings_of", "terms_of_account"]

_S = 1_000_000_000


def live_setup(
    bound: Bound,
    desk: "Workspace",
    accounts: "dict[str, AccountEntry]",
    keys: "dict[str, AccountKeys]",
    version: str,
) -> "RunningSetup":
    """Return what the live loop needs to trade a bound file on accounts."""
    from tradewind.live.running import RunningSetup

    async def reach(world: "World", folder: "Path", notify: Callable[["Alert"], None]) -> "Reached":
        return await _reach(bound, desk, accounts, keys, (world, folder, notify))

    return RunningSetup(
        bound.make_world,
        bound.boot(version),
        tuple(accounts),
        reach,
        bound.labels,
        bound.clock,
        bound.session.on_stop,
        (bound.session.memory_max_mb or 0) << 20,
    )


async def _reach(
    bound: Bound,
    desk: "Workspace",
    accounts: "dict[str, AccountEntry]",
    keys: "dict[str, AccountKeys]",
    around: "tuple[World, Path, Callable[[Alert], None]]",
) -> "Reached":
    from tradewind.live.epochs import epoch_of
    from tradewind.live.running import Reached
    from tradewind.live.venue import LiveVenue
    from tradewind.venues.ccxt.budget import Address, Sharing

    world, folder, notify = around
    feeds, closing = open_feeds(bound, desk)
    trading: list[tuple[AccountTerms, TradingGateway]] = []
    after: list[Callable[[], Awaitable[Any]]] = list(closing)
    gateways: list[CcxtTradingGateway] = []
    epoch = epoch_of(folder)
    addresses = {entry.venue: Address() for entry in accounts.values() if entry.kind == "live"}
    for feed in feeds.values():
        if isinstance(feed, Sharing):
            feed.share(addresses)
    for name, entry in accounts.items():
        settings = settings_of(bound.session, entry, epoch.tag)
        gateway, session = open_gateway(
            desk, settings, bound.listings(entry.venue), keys[name], address=addresses.get(entry.venue),
            clock=bound.clock,
        )  # fmt: skip
        after.append(session.close)
        gateways.append(gateway)
        trading.append((replace(terms_of_account(bound, name, entry), earlier=epoch.earlier), gateway))
    venue = LiveVenue(
        world, trading, dict(feeds), live_rules(bound.session, bound.warm_bars), bound.clock, notify=notify
    )

    def clock_ns() -> int:
        return max((gateway.clock_offset_ns for gateway in gateways), key=abs)

    return Reached(
        venue, venue.books, venue.books, tuple(after), clock_ns, venue.stand_down, venue.inbox.tell_conflated,
        venue.figures, venue.others,
    )  # fmt: skip


def open_gateway(
    desk: "Workspace",
    settings: "TradingSettings",
    listings: "list[Listing]",
    keys: "AccountKeys",
    *,
    address: "Address | None" = None,
    clock: Callable[[], int] = time.time_ns,
) -> "tuple[CcxtTradingGateway, aiohttp.ClientSession]":
    """Return a gateway that is not open yet, and the session to close after it; needs a running loop.

    address: what it shares with others of this process that ask the venue; clock: the session's time.
    """
    import random

    from tradewind.cli.reaching import way_to
    from tradewind.venues.ccxt.trading import CcxtTradingGateway

    session = way_to(desk, settings.venue, settings.mode)
    chance = random.Random()  # noqa: S311 - spreads waits, guards nothing
    gateway = CcxtTradingGateway(
        settings, listings, session, keys, now_ns=clock, chance=chance, address=address
    )
    return gateway, session


def settings_of(session: "SessionConfig", entry: "AccountEntry", tag: str) -> "TradingSettings":
    """Return what signs the requests of an account, with its hard caps.

    tag: six signs that tell the session's orders.
    """
    from tradewind.config import VENUES
    from tradewind.venues.ccxt.caps import Caps
    from tradewind.venues.ccxt.orders import AccountModes
    from tradewind.venues.ccxt.trading import TradingSettings
    from tradewind.venues.gateway import AccountMode

    caps, account = entry.caps, session.account
    spot, hedge = VENUES[entry.venue].payoff == "spot", account.position_mode == "hedge"
    largest = caps.max_notional_per_order
    return TradingSettings(
        entry.venue,
        tag,
        AccountMode.LIVE if entry.kind == "live" else AccountMode.DEMO,
        AccountModes() if spot else AccountModes(hedge, account.margin_mode == "isolated"),
        Caps(
            None if caps.symbols is None else frozenset(caps.symbols),
            None if largest is None else Decimal(repr(largest)),
            caps.max_orders_per_minute,
        ),
    )


def terms_of_account(bound: Bound, name: str, entry: "AccountEntry") -> "AccountTerms":
    """Return what the live loop must know of an account of a bound file."""
    from tradewind.config import VENUES
    from tradewind.live.accounts import AccountTerms
    from tradewind.venues.ccxt.capabilities import dialect_of

    session, dead_man = bound.session, bound.session.dead_man
    window_ms = dialect_of(entry.venue).receive_window_ms if dialect_of(entry.venue).fence else 0
    listings = bound.listings(entry.venue)
    _refuse_shared_coins(name, listings)
    indices = frozenset(listing.index for listing in listings)
    wallets = {bound.resolved.instruments[j].settle: bound.columns[j] for j in sorted(indices)}
    account, spot = session.account, VENUES[entry.venue].payoff == "spot"
    return AccountTerms(
        name,
        indices,
        wallets,
        fence_ns=window_ms * 1_000_000 + 2 * _S if window_ms else 0,
        opener_life_ns=int(dead_man.patience_s * _S) if dead_man.policy == "expiry" else 0,
        dead_man_s=dead_man.patience_s if dead_man.policy == "timer" else 0.0,
        leverage=1.0 if spot else account.leverage,
        hedge=account.position_mode == "hedge" and not spot,
        isolated=account.margin_mode == "isolated" and not spot,
        coins=spot,
    )


def _refuse_shared_coins(name: str, listings: "list[Listing]") -> None:
    """Refuse a coin that is held for two instruments, or is money for one: its balance would tell of neither.

    Raises ConfigError (CONFIG_CONFLICT).
    """
    from tradewind.errors import ConfigError

    coins = [one.instrument for one in listings if one.instrument.payoff == "spot"]
    money = {one.instrument.settle for one in listings}
    for place, rules in enumerate(coins):
        others = [other.symbol for other in coins[:place] if other.base == rules.base]
        if others or rules.base in money:
            what = f"is traded as {others[0]} too" if others else "is money of this account too"
            raise ConfigError(
                "CONFIG_CONFLICT",
                f"{rules.base} of {rules.symbol} {what}: what is held of it could not be told apart.",
                where=name,
            )


def live_rules(session: "SessionConfig", warm_bars: int) -> "LiveRules":
    """Return the times and policies that a session file asks of the live loop."""
    from tradewind.live.reconcile import Policy
    from tradewind.live.venue import LiveRules

    return LiveRules(
        warm_bars=warm_bars,
        grace_ns=int(session.feed.grace_ms * 1_000_000),
        reconcile_ns=int(session.reconcile_every_s * _S),
        policy=Policy(external=session.external),
    )
