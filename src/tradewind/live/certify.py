"""A venue tried with a script of orders on an account of practice money, and the certificate of it.

Every kind of question that a session asks is asked once, of the venue as it is today: what the adapter believes of it
may have been true of another version. Each step says what was expected and what came; what a venue has none of is left
out and says so; the first step that fails ends the script. Whatever happens, an interruption too, what the script sent
is cancelled and closed, and the last step says whether the venue agrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tradewind.live.trial import Step, StepFailed, Trial, VenueTraits
from tradewind.live.trial_steps import SCRIPT, clear_away, is_flat

if TYPE_CHECKING:
    from collections.abc import Callable

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
        """Say whether every step passed."""
        return bool(self.steps) and self.failed is None


async def certify_venue(
    gateway: TradingGateway,
    listing: Listing,
    price: float,
    first_cid: int,
    clock: Callable[[], int],
    *,
    traits: VenueTraits,
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
    tell
        Is told each step as it is done.
    """
    trial = Trial(gateway, listing, price, traits, first_cid, clock, tell)
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
