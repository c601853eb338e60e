"""Whose fault it is when a world fails: a strategy's is said with its author's file and line."""

from collections.abc import Iterator
from contextlib import contextmanager

from tradewind.engine.world import World
from tradewind.errors import TradewindError
from tradewind.research.resolve import Resolved
from tradewind.strategies.faults import Call, strategy_fault

__all__ = ["strategy_faults"]


@contextmanager
def strategy_faults(resolved: Resolved, world: World) -> Iterator[None]:
    """Turn what a strategy of this world raises inside into a StrategyError (STRATEGY_OUTPUT).

    What is not a strategy's fault comes out as it is.
    """
    try:
        yield
    except TradewindError:
        raise
    except Exception as fault:
        error = strategy_fault(
            fault, ((part.code, _calls(world, g)) for g, part in enumerate(resolved.parts))
        )
        if error is None:
            raise
        raise error from fault


def _calls(world: World, strategy: int) -> Iterator[Call]:
    """Yield the records with which `decide` of a strategy may last have been called, one context after the other."""
    for context in world.contexts[world.contexts["strategy"] == strategy]:
        view, account = world.views[context["instrument"]], world.accounts[context["wallet"]]
        yield (view, account, *(context[name] for name in ("working", "params", "memory", "intents")))
