"""A fake exchange by itself, with a clock that is turned by hand: for tests of the domain and of what stands on it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.market.generate import MarketSpec, generate_market
from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.misfortunes import Misfortunes, Strike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradewind.market import Instrument
    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.entry import Habits
    from tradewind.venues.fake.events import Event

__all__ = ["START_NS", "FakeDesk", "made_up_rules"]

START_NS = 1_790_000_000 * SECOND_NS


def made_up_rules(count: int = 2, **changes: object) -> list[Instrument]:
    """Return the rules of so many generated perpetuals, BTCUSDT first, with these changes to each."""
    made = generate_market(MarketSpec(seed=1, start_ns=0, bars=2)).instruments
    return [replace(rules, **changes) for rules in list(made.values())[:count]]  # type: ignore[arg-type]


class FakeDesk:
    """An exchange with one account, or more, and everything that it told.

    Parameters
    ----------
    plan
        Strikes; their times count from the start of the exchange.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        rules: Sequence[Instrument] | None = None,
        plan: Sequence[Strike] = (),
        habits: Habits | None = None,
        cash: int = 10_000,
        names: Sequence[str] = ("ours",),
    ) -> None:
        self.now_ns = START_NS
        for strike in plan:
            strike.at_ns += START_NS
        self.exchange = FakeExchange(
            made_up_rules() if rules is None else rules,
            seed=seed,
            clock=lambda: self.now_ns,
            misfortunes=Misfortunes(plan) if plan else None,
            habits=habits,
        )
        self.events: list[Event] = []
        self.exchange.listen(self.events.append)
        self.accounts = [
            self.exchange.open_account(name, api_key=name, secret="s", balances={"USDT": Decimal(cash)})  # noqa: S106
            for name in names
        ]

    @property
    def account(self) -> FakeAccount:
        """Return the first account."""
        return self.accounts[0]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += int(seconds * SECOND_NS)
        self.exchange.advance()

    def price(self, percent: float = 0.0, symbol: str = "BTCUSDT") -> Decimal:
        """Return the last price and so many percent, on the tick."""
        tick = self.exchange.instruments[symbol].tick_size
        return self.exchange.last(symbol) * Decimal(str(1 + percent / 100)) // tick * tick
