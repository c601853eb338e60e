"""The model of a backtest file; a paper session reads the same file.

Every default of a run stands here and nowhere else. None of them is optimistic; each one that matters to the result
is listed by `tradewind.config.assumptions` and printed in the report.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tradewind.config.data_policy import DataPolicy
from tradewind.config.exits import Exits, Protection
from tradewind.config.fields import (
    Bps,
    Currency,
    FeeRate,
    Instant,
    Millis,
    Model,
    Money,
    Name,
    Rate,
    Scalar,
    Seed,
    SymbolList,
    Timeframe,
    refusal,
    to_ns,
)
from tradewind.config.limits import Limits
from tradewind.config.venue_defaults import VENUES, VenueDefaults
from tradewind.units.time import parse_timeframe

__all__ = [
    "SCHEMA_VERSION",
    "Account",
    "BacktestConfig",
    "Capital",
    "Checks",
    "Costs",
    "Market",
    "Period",
    "Report",
    "StrategyUse",
    "Warmup",
]

SCHEMA_VERSION = 1
"""Version of the files this package reads."""


class Period(Model):
    """The time that is traded, in UTC; the end is not part of it."""

    start: Instant
    """First moment that is traded."""
    end: Instant
    """First moment that is not traded any more."""

    @model_validator(mode="after")
    def _run_forwards(self) -> Self:
        if self.end <= self.start:
            raise refusal(
                "DATE_RANGE", f"the period ends at {self.end:%Y-%m-%d %H:%M}, not after its start", key="end"
            )
        return self

    @property
    def start_ns(self) -> int:
        """Return the start in nanoseconds since 1970."""
        return to_ns(self.start)

    @property
    def end_ns(self) -> int:
        """Return the end in nanoseconds since 1970."""
        return to_ns(self.end)


class Capital(Model):
    """One wallet at the start."""

    amount: Money
    """What it holds, in `currency`."""
    currency: Currency
    """What it is counted in, such as USDT."""


class Market(Model):
    """What is traded, where, and on which bars."""

    venue: str
    """Venue of every symbol that names no other."""
    symbols: SymbolList
    """The venue's own symbols; one of another venue is written ``venue:SYMBOL``."""
    bars: Timeframe
    """What the engine steps on: any multiple of the bars that are stored, put together from them."""
    decide_on: Timeframe | None = None
    """Any multiple of `bars`: the strategy decides at its close, fills happen on `bars`; as `bars` unless given."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for venue, symbol in self.instruments:
            if venue not in VENUES:
                key = "venue" if venue == self.venue else "symbols"
                raise refusal("EXCHANGE_UNKNOWN", f"no venue is called {venue[:40]!r} ({symbol})", key=key)
        if self.decide_ns % self.bar_ns:
            raise refusal(
                "CONFIG_CONFLICT",
                f"decide_on {self.decide_on!r} cannot be put together from bars of {self.bars!r}",
                "choose a multiple of market.bars",
                key="decide_on",
            )
        return self

    @property
    def instruments(self) -> tuple[tuple[str, str], ...]:
        """Return (venue, symbol) of each instrument, in the order of the file."""
        pairs = (text.partition(":") for text in self.symbols)
        return tuple((head, tail) if colon else (self.venue, head) for head, colon, tail in pairs)

    @property
    def bar_ns(self) -> int:
        """Return the length of a bar in nanoseconds."""
        return parse_timeframe(self.bars)

    @property
    def decide_ns(self) -> int:
        """Return the time between two decisions in nanoseconds."""
        return parse_timeframe(self.decide_on or self.bars)

    @property
    def defaults(self) -> VenueDefaults:
        """Return what is assumed of the venue."""
        return VENUES[self.venue]


class Costs(Model):
    """What trading costs and how the simulated venue fills. Zero must be written."""

    funding: Literal["history", "none"] = "history"
    """Settlements from the history, where a missing one is an error; or none at all."""
    slippage_bps: Bps = 1.0
    """What a market order pays beyond the price it meets."""
    spread_bps: Bps = 1.0
    """Distance between bid and ask; a market order pays half of it."""
    fill: Literal["strict", "touch", "volume"] = "strict"
    """``strict``: a limit order fills when the price trades through it; ``touch``: at it; ``volume``: through it, no
    more than a share of the bar's volume."""
    fill_share_pct: Annotated[float, Field(gt=0, le=100)] = 10.0
    """The share of a bar's volume that may fill, in `volume` mode."""
    limit_gap: Literal["limit", "open"] = "limit"
    """A bar that opens beyond a resting limit order fills it at its limit, which is the worse price, or at the open."""
    latency_bars: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Decided at the close of bar k, eligible from the open of k + 1; each more waits a bar."""
    latency_ms: Millis = 0.0
    """Time from a decision to the venue, beside the bars; 0 leaves it out."""
    answer_latency_ms: Millis = 0.0
    """Time from the venue's answer to us."""
    feed_latency_ms: Millis = 0.0
    """Time from the market to us."""
    maker_rate: Rate | None = None
    """Fee of a resting order as a share of notional, negative for a rebate; the venue's unless given."""
    taker_rate: FeeRate | None = None
    """Fee of an order that takes; the venue's unless given."""
    liquidation_fee_rate: FeeRate | None = None
    """Fee of a liquidation; the venue's unless given."""
    liquidation: Literal["each_own_extreme", "together"] = "each_own_extreme"
    """In a bar each instrument is judged at its own worse extreme, or all at their lows, then all at their highs."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.fill != "volume" and self.fill_share_pct != type(self).model_fields["fill_share_pct"].default:
            raise refusal(
                "CONFIG_CONFLICT",
                f"fill_share_pct has no meaning with fill = {self.fill!r}",
                'write fill = "volume" or leave it out',
                key="fill_share_pct",
            )
        if None not in (self.maker_rate, self.taker_rate) and self.maker_rate + self.taker_rate < 0:  # type: ignore[operator]
            raise refusal(
                "CONFIG_CONFLICT",
                "the rebate is larger than the taker's fee, so trading with oneself would earn money",
                key="maker_rate",
            )
        return self


class Account(Model):
    """How the account is set at the venue."""

    leverage: Annotated[float, Field(ge=1, le=200)] = 1.0
    """Leverage of every instrument."""
    margin_mode: Literal["cross", "isolated"] = "cross"
    """Whether positions share one margin."""
    position_mode: Literal["one_way", "hedge"] = "one_way"
    """Whether long and short of one instrument may be held side by side."""


class Warmup(Model):
    """Where the bars come from that a strategy must have seen before it may act."""

    taken_from: Literal["period", "history"] = "period"
    """``period``: the first bars of the period only warm up; ``history``: bars before the period, which must exist."""
    bars: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Bars to warm up; what the strategy declares unless given, and never fewer."""


class Checks(Model):
    """What each run is examined for."""

    lookahead_cuts: Annotated[int, Field(ge=1, le=1_000)] = 4
    """Places at which the future is cut off to see whether a past decision changes."""
    costs_doubled: bool = True
    """Whether the result with fees, slippage and spread doubled is computed too."""


class Report(Model):
    """What the report shows beside the run."""

    title: Annotated[str, Field(max_length=120)] = ""
    """Heading; strategy and symbols unless given."""
    out_of_sample_from: Instant | None = None
    """From here on the report is shaded: this part was not used to choose the parameters."""
    bootstrap_samples: Annotated[int, Field(ge=0, le=10_000)] = 1_000
    """Samples behind the confidence bands; 0 leaves them out."""
    seed: Seed = 1
    """Seed of those samples."""
    equity_points_max: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Most rows of the stored equity; longer runs are thinned, with the interval stated."""


class StrategyUse(Model):
    """One of several strategies on one account."""

    strategy: Name
    """Name of the strategy: a file of the workspace or a shipped one."""
    name: Name | None = None
    """What this use is called, where a strategy is used twice."""
    symbols: SymbolList | None = None
    """The symbols it trades; all of the market's unless given."""
    params: dict[str, Scalar] = {}
    """Values of its declared parameters; the others keep their defaults."""
    protection: Protection | None = None
    """Who guards what it holds; as for all strategies unless given."""
    exits: Exits | None = None
    """When the core closes what it holds; as for all strategies unless given."""

    @property
    def label(self) -> str:
        """Return the name of this use."""
        return self.name or self.strategy


class BacktestConfig(Model):
    """One backtest, or one paper session on the same terms."""

    schema_version: int = SCHEMA_VERSION
    """Version of this form; 1 where missing."""
    strategy: Name | None = None
    """Name of the strategy: a file of the workspace or a shipped one."""
    strategies: Annotated[tuple[StrategyUse, ...], Field(strict=False, max_length=256)] = ()
    """Instead of `strategy`: several on one account, each with its own holdings."""
    period: Period
    """The time that is traded."""
    capital: Capital
    """The account's wallet and currency."""
    wallets: Annotated[tuple[Capital, ...], Field(strict=False, max_length=16)] = ()
    """Further wallets in other currencies."""
    market: Market
    """What is traded, where, and on which bars."""
    params: dict[str, Scalar] = {}
    """Values of the strategy's declared parameters; the others keep their defaults."""
    protection: Protection | None = None
    """Who guards positions: ``resting``: a stop at the venue, ``watched``: the core, or ``none``. Unless given the core
    watches where exits are set."""
    exits: Exits = Exits()
    """When the core closes what a strategy holds."""
    costs: Costs = Costs()
    """What trading costs and how the simulated venue fills."""
    account: Account = Account()
    """How the account is set at the venue."""
    limits: Limits = Limits()
    """The risk limits."""
    data: DataPolicy = DataPolicy()
    """What is done about defects of the history."""
    warmup: Warmup = Warmup()
    """Where the warm-up comes from."""
    checks: Checks = Checks()
    """What the run is examined for."""
    report: Report = Report()
    """What the report shows beside the run."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        # Imported here because these rules read this very model.
        from tradewind.config.agreement import check_agreement

        check_agreement(self)
        return self

    @property
    def uses(self) -> tuple[StrategyUse, ...]:
        """Return the strategies of the run, one or several, each with its symbols."""
        if self.strategy is not None:
            return (
                StrategyUse(
                    strategy=self.strategy,
                    symbols=self.market.symbols,
                    params=self.params,
                    protection=self.protection,
                    exits=self.exits,
                ),
            )
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
