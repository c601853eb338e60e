"""What a person is told when the core itself halts trading or holds a strategy: nobody else knows of it.

What a watchdog, a venue's word or an operator has halted is told by whoever found it out. A breaker and the judge of a
strategy's answers stand in the core: all that comes of them is a change of its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tradewind.live.held_words import held_words
from tradewind.ops.alerts import Alert
from tradewind.ops.causes import MEANINGS
from tradewind.units.enums import Rule, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradewind.engine.setup import WalletSetup
    from tradewind.journal.bodies import Audit

__all__ = ["state_alert"]

_BREAKERS: Final = (
    *("LOSS_DAY", "LOSS_SESSION", "DRAWDOWN", "EMERGENCY"),
    *("LOSS_STREAK", "UNHEDGED", "BANKRUPT"),
)
_SHARES: Final = _BREAKERS[:4]
"""Those that compare a loss with a share of the equity."""
_TOLD_ELSEWHERE: Final = frozenset(
    names_of(Rule)[rule] for rule in (Rule.OK, Rule.HELD, Rule.HUNG, Rule.OPERATOR)
)
"""Nobody is held, or he who held it has told it."""


def state_alert(
    change: Audit, wallets: Sequence[WalletSetup], strategies: Sequence[str], instruments: Sequence[str] = ()
) -> Alert | None:
    """Return what a person is told of a change of `live.trading_state.changes_of`; None where somebody else tells it.

    Parameters
    ----------
    wallets, strategies, instruments
        Those of the world, in its order.
    """
    detail = change.detail
    if change.what == "held":
        return _held(change.at_ns, detail, strategies, instruments)
    where = ""
    if detail["scope"] == "account":
        setup = wallets[detail["place"]]
        where = f"{setup.account or setup.currency}: "
    elif detail["scope"] != "core":
        return None
    begun = [name for name in _BREAKERS if name in detail["set"]]
    if begun:
        return Alert("HALTED", f"{where}{'; '.join(_words(name, detail) for name in begun)}", change.at_ns)
    over = [name for name in _BREAKERS if name in detail["cleared"]]
    if over:
        return Alert("RESUMED", f"{where}over: {', '.join(MEANINGS[name] for name in over)}", change.at_ns)
    return None


def _held(
    at_ns: int, detail: dict[str, Any], strategies: Sequence[str], instruments: Sequence[str]
) -> Alert | None:
    if detail["rule"] in _TOLD_ELSEWHERE:
        return None
    name = strategies[detail["strategy"]]
    return Alert("STRATEGY_HELD", f"{name} is held alone: {held_words(detail, instruments)}", at_ns)


def _words(name: str, detail: dict[str, Any]) -> str:
    """Return a breaker in words, with its figures where it is the cause that the core noted."""
    if detail["cause"] != [name] or not detail["limit"]:
        return f"{name}, {MEANINGS[name]}"
    if name in _SHARES:
        return f"{name}, {MEANINGS[name]}: {detail['value']:.2%} lost, {detail['limit']:.2%} allowed"
    return f"{name}, {MEANINGS[name]}: {detail['value']:g}, {detail['limit']:g} allowed"
