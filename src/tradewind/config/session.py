"""The model of a session file: what trades on which account, and what happens when something goes wrong.

What is traded is written with the same tables as in a backtest file, so that a backtest becomes a session by leaving
out its period and naming an account. Nothing that decides over real money has a default that trades: a live session
names its account, its limits and how each strategy is protected (`tradewind.config.live_terms`).
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tradewind.config.backtest import (
    SCHEMA_VERSION,
    Account,
    BacktestConfig,
    Capital,
    Costs,
    Market,
    Period,
    StrategyUse,
    Warmup,
)
from tradewind.config.exits import Exits, Protection
from tradewind.config.fields import Model, Name, Scalar, refusal
from tradewind.config.limits import Limits
from tradewind.config.signals import SignalTerms
from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError

__all__ = ["DeadMachine", "Feed", "SessionConfig", "SessionUse"]

_Seconds = Annotated[float, Field(ge=1, le=86_400)]


class Feed(Model):
    """Market data: how long is waited for it, and who stands in."""

    grace_ms: Annotated[int, Field(ge=50, le=60_000)] = 2_000
    """Time after the close of a bar in which the others of its time may come; what comes later is marked late."""
    secondary: str | None = None
    """Venue whose data takes over when the first fails; the difference of their prices is tracked and taken off."""
    healed_after_s: _Seconds = 60.0
    """Time for which the first must be well again before it is returned to."""

    @model_validator(mode="after")
    def _check_venue(self) -> Self:
        if self.secondary is not None and self.secondary not in VENUES:
            raise refusal("EXCHANGE_UNKNOWN", f"no venue is called {self.secondary[:40]!r}", key="secondary")
        return self


class DeadMachine(Model):
    """What becomes of openers when this machine falls silent. Protectors stay in every case."""

    policy: Literal["timer", "expiry", "none"] = "expiry"
    """``timer``: the venue cancels unless it is called again; ``expiry``: openers carry an end; ``none``: they stay."""
    after_s: Annotated[float, Field(ge=10, le=3_600)] | None = None
    """Time of silence after which openers go; unsaid: 120, with ``expiry`` 900, as Binance takes none below 600."""

    @property
    def patience_s(self) -> float:
        """Return the time of silence after which openers go, seconds."""
        if self.after_s is not None:
            return self.after_s
        return 900.0 if self.policy == "expiry" else 120.0


class SessionUse(StrategyUse):
    """One of several strategies of a session."""

    account: Name | None = None
    """The account that it trades on; list under `symbols` those at its venue, unless all of the session's are there."""


class SessionConfig(Model):
    """One session: on paper, on a practice account or with real money."""

    schema_version: int = SCHEMA_VERSION
    """Version of this form; 1 where missing."""
    accounts: Annotated[tuple[Name, ...], Field(strict=False, max_length=16)] = ()
    """Accounts of tradewind.toml that are traded, one of a venue; none on paper."""
    strategy: Name | None = None
    """Name of the strategy: a file of the workspace or a shipped one."""
    strategies: Annotated[tuple[SessionUse, ...], Field(strict=False, max_length=256)] = ()
    """Instead of `strategy`: several, each with its own holdings."""
    protection: Protection | None = None
    """Where the stops of the strategy are; must be said in a live session, for each strategy."""
    exits: Exits = Exits()
    """When the core closes what a strategy holds."""
    market: Market
    """What is traded, where, and on which bars."""
    params: dict[str, Scalar] = {}
    """Values of the strategy's declared parameters; the others keep their defaults."""
    capital: Capital | None = None
    """Wallet and currency on paper; live it is what the account holds."""
    wallets: Annotated[tuple[Capital, ...], Field(strict=False, max_length=16)] = ()
    """Further wallets on paper."""
    costs: Costs = Costs()
    """What trading costs on paper and how the simulated venue fills."""
    account: Account = Account()
    """How the accounts are set at their venues: leverage, margin and position mode."""
    limits: Limits = Limits()
    """The risk limits; a live session must have some."""
    feed: Feed = Feed()
    """Market data."""
    # Left out where nothing is said, so that the hash of such a session is what it was before there were signals.
    signals: Annotated[SignalTerms | None, Field(exclude_if=lambda terms: terms is None)] = None
    """Values from outside that strategies read."""
    warmup_bars: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Bars fetched before the first decision; what the strategies declare unless given, and never fewer."""
    external: Literal["adopt", "ignore", "halt"] = "halt"
    """Orders and positions that are not ours.

    ``halt``: openers stop until an operator resumes. ``ignore``: left alone; they count against the limits. ``adopt``:
    positions become ours, held by the strategy that trades the instrument, of several the first in this file; orders
    of others are never taken over, they count as with ``ignore``.
    """
    on_stop: Literal["keep", "close"] = "keep"
    """At an ordered end: openers go and positions stay with their protectors, or everything is closed first."""
    dead_man: DeadMachine = DeadMachine()
    """What becomes of openers when this machine falls silent."""
    reconcile_every_s: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    """Time between two comparisons of what is believed with what the venue says."""
    memory_max_mb: Annotated[int, Field(ge=64, le=1_048_576)] | None = None
    """Most memory that the trading process may use, in MiB; half of the machine's unless given.

    Above it nothing new is opened. After a minute the process ends in order and its guard starts it again, once in an
    hour at most.
    """

    @model_validator(mode="after")
    def _agree(self) -> Self:
        # Imported here because these rules read this very model.
        from tradewind.config.session_rules import check_session

        check_session(self)
        return self

    @property
    def uses(self) -> tuple[SessionUse, ...]:
        """Return the strategies of the session, one or several, each with symbols, account and protection."""
        if self.strategy is not None:
            alone = SessionUse(
                strategy=self.strategy,
                symbols=self.market.symbols,
                params=self.params,
                protection=self.protection,
                exits=self.exits,
            )
            return (alone,)
        return tuple(
            use.model_copy(
                update={
                    "symbols": use.symbols or self.market.symbols,
                    "protection": use.protection or self.protection,
                    "exits": use.exits or self.exits,
                }
            )
            for use in self.strategies
        )

    @classmethod
    def from_backtest(cls, config: BacktestConfig) -> Self:
        """Return the session that trades what a backtest describes; its period and its data policy fall away."""
        shared = set(cls.model_fields) & set(BacktestConfig.model_fields)
        plain = {name: getattr(config, name) for name in shared - {"strategies"}}
        uses = tuple(SessionUse(**dict(use)) for use in config.strategies)
        return cls(**plain, strategies=uses, warmup_bars=config.warmup.bars)

    def backtest_view(self, start: datetime, end: datetime, capital: Capital | None = None) -> BacktestConfig:
        """Return what binds strategies, instruments and limits to the engine, as a backtest of the same terms.

        It warms up on bars before its start, since a session must not wait for them.

        Parameters
        ----------
        start, end
            The time that is traded; the end of a session that is not over is any time after its start.
        capital
            What the account holds, where the file does not say it. Raises ConfigError through pydantic without both.
        """
        wallet = capital or self.capital
        if wallet is None:
            raise ConfigError(
                "CONFIG_MISSING",
                "a session without an account needs a capital to trade on paper.",
                key="capital",
                hint='capital = { amount = 10_000, currency = "USDT" }',
            )
        plain = tuple(
            StrategyUse(**use.model_dump(include=set(StrategyUse.model_fields))) for use in self.strategies
        )
        return BacktestConfig(
            strategy=self.strategy,
            strategies=plain,
            period=Period(start=start, end=end),
            capital=wallet,
            wallets=self.wallets,
            market=self.market,
            params=self.params,
            protection=self.protection,
            exits=self.exits,
            costs=self.costs,
            account=self.account,
            limits=self.limits,
            warmup=Warmup(taken_from="history", bars=self.warmup_bars),
        )
