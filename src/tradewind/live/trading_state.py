"""What is halted and who is held, as it can be compared from batch to batch and written down when it changes.

The core sets and clears these bits by its facts alone, so a replay sees the same changes; the records of them are
for people, and are compared with nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.journal.bodies import Audit
from tradewind.report.impossible import wanted_impossibly
from tradewind.units.enums import Halt, Rule, names_of

if TYPE_CHECKING:
    from tradewind.engine.world import World

__all__ = ["StateColumns", "TradingState", "changes_of", "is_flat", "losses_of", "wallets_of"]

_HALTS, _RULES = names_of(Halt), names_of(Rule)

TradingState = tuple[bytes, bytes, bytes, bytes]
"""Bits of the core, of each account and of each instrument, and the rule that holds each strategy."""


class StateColumns:
    """Where the trading state of a world lies, found once: it is asked for after every batch.

    Parameters
    ----------
    world
        Whose it is. What `World.move_core` moves is found anew.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._core = world.core
        self._halts = world.core["own_halts"]
        self._accounts, self._views = world.accounts["halts"], world.views["halts"]
        self._held, self._balance = world.strategies["held"], world.accounts["balance"]

    def state(self) -> TradingState:
        """Return what is halted and who is held now."""
        if self._core is not self._world.core:
            self._core, self._halts = self._world.core, self._world.core["own_halts"]
        return (
            self._halts.tobytes(),
            self._accounts.tobytes(),
            self._views.tobytes(),
            self._held.tobytes(),
        )

    def balances(self) -> bytes:
        """Return the balance of every wallet, as bytes that differ where one does."""
        found: bytes = self._balance.tobytes()
        return found


def changes_of(world: World, before: TradingState, now_ns: int) -> list[Audit]:
    """Return what changed since `before`, each with its reason.

    detail: for ``halts`` the scope (``core``, or ``account`` and ``instrument`` with their number), the names of the
    bits that were set and cleared, and the cause that the core noted last; for ``held`` the strategy's number, its rule
    (``OK``: let go), what the rule allowed and what it saw; for BAD_OUTPUT also ``impossible``, the row at fault as
    `report.impossible.wanted_impossibly` returns it.
    """
    core, accounts, views = world.core[0], world.accounts, world.views
    changes = []
    for scope, was, rows in (
        ("core", before[0], world.core["own_halts"]),
        ("account", before[1], accounts["halts"]),
        ("instrument", before[2], views["halts"]),
    ):
        causes = accounts if scope == "account" else None
        for place, old, new in _pairs(was, rows):
            cause = _cause(core if causes is None or not causes[place]["cause"] else causes[place])
            detail = {
                "scope": scope,
                "place": place,
                "set": _names(new & ~old),
                "cleared": _names(old & ~new),
            }
            changes.append(Audit(now_ns, "", "halts", detail | cause))
    for place, _, rule in _pairs(before[3], world.strategies["held"]):
        strategy = world.strategies[place]
        limit, value = float(strategy["held_limit"]), float(strategy["held_value"])
        reason: dict[str, object] = {"limit": limit, "value": value}
        if rule == Rule.BAD_OUTPUT:
            reason |= {"impossible": wanted_impossibly(world, place)}
        changes.append(Audit(now_ns, "", "held", {"strategy": place, "rule": _RULES[rule]} | reason))
    return changes


def is_flat(world: World) -> bool:
    """Say whether nobody holds anything."""
    return not world.contexts["working"]["holding"]["pos_lot"].any()


def losses_of(wallet: Any) -> dict[str, dict[str, float]]:  # noqa: ANN401 - a row of `Account`
    """Return what a wallet has lost of its day, of its session and from its highest, where that is limited.

    lost and limit: shares of the equity from which that breaker counts; equity is that of the last mark.
    """
    found, equity = {}, float(wallet["equity"])
    for name, base, limit in (
        ("day", "day_start", "loss_day"),
        ("session", "session_start", "loss_session"),
        ("drawdown", "fall_from", "drawdown"),
    ):
        if wallet[limit] > 0 and wallet[base] > 0:
            lost = max(0.0, 1.0 - equity / float(wallet[base]))
            found[name] = {"lost": lost, "limit": float(wallet[limit])}
    return found


def wallets_of(world: World, now_ns: int) -> Audit:
    """Return what each wallet holds: balance, equity and used margin in units of money, and how many make one.

    With it the number of the account whose it is, and its currency. Equity is the balance of now and what is held at
    its last mark; the core's own is as old as that mark.
    """
    flat = is_flat(world)
    wallets = []
    for setup, account in zip(world.wallet_setups, world.accounts, strict=True):
        held = {name: int(account[name]) for name in ("balance", "used", "scale")}
        equity = held["balance"] + (0 if flat else int(account["unrealised"]))
        wallets.append(held | {"equity": equity, "account": setup.account, "currency": setup.currency})
    return Audit(now_ns, "", "wallets", {"wallets": wallets})


def _pairs(before: bytes, rows: Any) -> list[tuple[int, int, int]]:  # noqa: ANN401 - a column of integers
    """Return (place, old, new) of each place that differs."""
    old = memoryview(before).cast("q").tolist()
    return [(at, a, b) for at, (a, b) in enumerate(zip(old, rows.tolist(), strict=True)) if a != b]


def _cause(row: Any) -> dict[str, object]:  # noqa: ANN401 - a row of `Core` or `Account`
    names = _names(int(row["cause"]))
    return {"cause": names, "limit": float(row["cause_limit"]), "value": float(row["cause_value"])}


def _names(bits: int) -> list[str]:
    return [name for bit, name in _HALTS.items() if bits & bit]
