"""A venue tried with a script of orders on an account of practice money, and the certificate of it.

Every kind of question that a session asks is asked once, of the venue as it is today: what the adapter believes of it
may have been true of another version. Each step says what was expected and what came; what a venue has none of is left
out and says so, and so does what could not be seen since the market did not come; the first step that fails ends the
script. Whatever happens, an interruption too, what the script sent is cancelled and closed, and the last step says
whether the venue agrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tradewind.live.trial import Step, StepFailed, Trial, VenueTraits
from tradewind.live.trial_steps import SCRIPT, clear_away, is_flat
from tradewind.live.trial_stop import STOP_STEP
from tradewind.venues.gateway import Prompt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tradewind.venues.gateway import Listing, TradingGateway

__all__ = ["Certificate", "Step", "VenueTraits", "certify_venue"]


class Certificate(msgspec.Struct, frozen=True):
    """What a venue was tried with.

    Parameters
    ----------
    venue, account, symbol
        Where it was tried.
    ccxt, tradewind
        Versions that were tried; another ccxt needs another trial.
    at_ns
        When.
    steps
        In their order.
    fake
        Whether a fake exchange stood in for the venue; None where it does not say.
    """

    venue: str
    account: str
    symbol: str
    ccxt: str
    tradewind: str
    at_ns: int
    steps: tuple[Step, ...]
    fake: bool | None = None

    @property
    def failed(self) -> Step | None:
        """Return the first step that came out otherwise than it should, None where all are as they should be."""
        return next((step for step in self.steps if not step.passed), None)

    @property
    def passed(self) -> bool:
        """Say whether every step passed; what was not seen is no failure."""
        return bool(self.steps) and self.failed is None

    @property
    def saw_a_stop(self) -> bool:
        """Say whether a stop was seen to trigger; trials of before this was a step have not."""
        return any(step.name == STOP_STEP and step.passed and not step.unseen for step in self.steps)


async def certify_venue(
    gateway: TradingGateway,
    listing: Listing,
    price: float,
    first_cid: int,
    clock: Callable[[], int],
    *,
    traits: VenueTraits,
    market: Callable[[], Awaitable[float]] | None = None,
    tell: Callable[[Step], None] = lambda _: None,
) -> tuple[Step, ...]:
    """Run the script on an open gateway of an account of practice money; return its steps.

    The last one says whether anything is left. An account that is not flat at the beginning is left as it is.

    Parameters
    ----------
    listing, price
        What is traded, and about where.
    first_cid
        Ids from here on are free.
    traits
        What the venue has: the rest is left out.
    market
        Tells the last price of now where the account trades, to lay a stop beside it; None: `price` is what is known.
    tell
        Is told each step as it is done.
    """
    trial = Trial(gateway, listing, price, traits, first_cid, clock, tell, market=market)
    if isinstance(gateway, Prompt):
        trial.heard = []
        gateway.tell_to(trial.heard.append)
    try:
        await trial.step("the account is flat", is_flat)
    except StepFailed:
        return tuple(trial.steps)
    try:
        for name, work in SCRIPT:
            await trial.step(name, work)
    except StepFailed:
        pass
    finally:
        await clear_away(trial)
    return tuple(trial.steps)
