"""The market feed against fake exchanges in virtual time: what it tells while the venue and the network misbehave.

After every run: each minute is told once, in order, after its end, as the exchange itself has it; no top of book
is crossed; no price is impossible; everything is up again in the end.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from tradewind.errors import ConfigError, DataUnfit, TradewindError
from tradewind.testing.feed_runs import FeedRun, run_feed
from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.enums import StreamCode
from tradewind.units.time import HOUR_NS, MINUTE_NS, SECOND_NS, parse_interval
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.gateway import (
    FundingRateSeen,
    Listing,
    MarkSeen,
    OpenInterestSeen,
    StreamKind,
    StreamSeen,
    TopSeen,
    TradeSeen,
)

VENUES = ("binance_usdm", "blofin_swap", "okx_swap", "bybit_linear")
TAKEN_IN_TURN = [(VENUES[form % len(VENUES)], form) for form in range(6)]
"""A venue and a form of a fault: each form at one venue, since the same code reads them all."""

KINDS = (StreamKind.TRADES, StreamKind.BARS, StreamKind.TOP, StreamKind.MARK)


def strike(fault: str, after_s: float = 60.0, lasts_s: float = 30.0, count: int = 0, **args: float) -> Strike:
    """Return a strike so long after the beginning of the world."""
    return Strike(
        START_NS + int(after_s * SECOND_NS),
        fault,
        duration_ns=int(lasts_s * SECOND_NS),
        count=count,
        args=args,
    )


def check(run: FeedRun, *, revised: int = 0) -> None:
    """Hold a run to what is always true."""
    bars = run.bars()
    due = {key for key in run.truth if key[1] >= min(ts for _, ts in bars)}
    late = {key for key in due - set(bars) if run.ended_ns - key[1] > MINUTE_NS + 10 * SECOND_NS}
    assert not late, f"bars were not told: {late}"
    wrong = [key for key, prices in bars.items() if run.truth[key] != prices]
    assert len(wrong) <= revised, f"bars differ from those of the exchange: {wrong}"
    closes = {prices[3] for prices in run.truth.values()}
    low, high = min(closes) // 2, max(closes) * 2
    for event in run.events:
        if isinstance(event, TopSeen):
            assert low < event.bid_tick < event.ask_tick < high
            assert min(event.bid_lot, event.ask_lot) > 0
        elif isinstance(event, TradeSeen):
            assert low < event.price_tick < high
        elif isinstance(event, MarkSeen):
            assert low < event.mark < high
        elif isinstance(event, StreamSeen):
            assert "object has no attribute" not in event.text
    assert run.not_up == []


def outage_s(run: FeedRun, kind: StreamKind, instrument: int = 0) -> list[tuple[float, float]]:
    """Return when a stream ceased to be up, and when it was again, in seconds after the opening."""
    found, since = [], None
    for at_s, code, _ in run.states(kind, instrument):
        if code == StreamCode.UP and since is not None:
            found.append((since, at_s))
            since = None
        elif code != StreamCode.UP and since is None:
            since = at_s
    return found


@pytest.mark.parametrize("venue", VENUES)
def test_a_quiet_market_is_told_whole(venue: str) -> None:
    run = run_feed(venue, 3)
    check(run)
    assert run.dropped == {}
    assert len(run.bars()) == 6
    opens = run.fetched[:, 0]
    assert (opens[1:] - opens[:-1] == MINUTE_NS).all()
    assert len(opens) >= 28
    assert run.ended_ns - 2 * MINUTE_NS - 3 * SECOND_NS <= opens[-1] <= run.ended_ns - MINUTE_NS
    for row in run.fetched.tolist():
        assert tuple(row[1:5]) == run.truth[0, row[0]]
    assert all(run.states(kind) == [(pytest.approx(0.0, abs=2.0), StreamCode.UP, "")] for kind in KINDS)


def test_the_same_seed_gives_the_same_world() -> None:
    one, two = (run_feed("blofin_swap", 2, strike("F11"), seed=7) for _ in range(2))
    assert one.digest == two.digest
    assert one.events == two.events


@pytest.mark.parametrize("venue", VENUES)
def test_f10_a_silent_stream_is_stale_or_its_connection_dead(venue: str) -> None:
    run = run_feed(venue, 3, strike("F10", after_s=30.0))
    check(run)
    began_s, _ = outage_s(run, StreamKind.TOP)[0]
    silent_since_s = 30.0 - (run.began_ns - START_NS) / SECOND_NS
    assert 0.0 < began_s - silent_since_s <= 17.0


@pytest.mark.parametrize("venue", VENUES)
def test_f11_a_closed_connection_is_made_again(venue: str) -> None:
    run = run_feed(venue, 2, strike("F11"))
    check(run)
    down = [outage for kind in KINDS for outage in outage_s(run, kind)]
    assert down
    assert all(end - start < 6.0 for start, end in down)


@pytest.mark.parametrize("venue", ["binance_usdm", "blofin_swap"])
def test_f12_failing_dials_are_spaced_out(venue: str) -> None:
    run = run_feed(venue, 8, strike("F11"), strike("F12", lasts_s=200.0))
    check(run)
    start, end = max(
        ((outage) for kind in KINDS for outage in outage_s(run, kind)), key=lambda at: at[1] - at[0]
    )
    assert 150.0 < end - start < 330.0


@pytest.mark.parametrize(("venue", "form"), TAKEN_IN_TURN[1:5])
def test_f13_a_malformed_frame_costs_seconds_at_most(venue: str, form: int) -> None:
    run = run_feed(venue, 2.5, strike("F13", count=1, form=form))
    check(run)
    assert all(end - start < 15.0 for kind in KINDS for start, end in outage_s(run, kind))


@pytest.mark.parametrize("venue", VENUES)
def test_f14_what_is_told_twice_is_heard_once(venue: str) -> None:
    run = run_feed(venue, 2.5, strike("F14"))
    check(run)
    assert run.dropped.keys() == {"repeated_trade"}
    assert outage_s(run, StreamKind.TOP) == []
    keys = [(event.instrument, event.trade_key) for event in run.events if isinstance(event, TradeSeen)]
    assert len(keys) == len(set(keys)) > 100


@pytest.mark.parametrize("venue", VENUES)
def test_f17_a_gap_in_the_book_ends_it_until_it_is_whole_again(venue: str) -> None:
    run = run_feed(venue, 3, strike("F17", lasts_s=4.0))
    check(run)
    outages = outage_s(run, StreamKind.TOP)
    assert outages
    for start, end in outages:
        inside = [
            event
            for event in run.events
            if isinstance(event, TopSeen)
            and event.instrument == 0
            and start < (event.recv_ns - run.began_ns) / SECOND_NS < end
        ]
        assert inside == []


def test_f18_a_snapshot_older_than_the_first_change_is_not_taken() -> None:
    run = run_feed("binance_usdm", 3, strike("F17", lasts_s=4.0), strike("F18"))
    check(run)
    assert max(end - start for start, end in outage_s(run, StreamKind.TOP)) > 15.0


@pytest.mark.parametrize("venue", VENUES)
def test_f19_strangers_are_counted(venue: str) -> None:
    run = run_feed(venue, 2.5, strike("F19"))
    check(run)
    assert run.dropped["unknown_symbol"] > 50


@pytest.mark.parametrize(("venue", "seed"), [("binance_usdm", 1), ("blofin_swap", 2), ("binance_usdm", 2)])
def test_f20_a_burst_or_a_huge_frame_is_survived(venue: str, seed: int) -> None:
    check(run_feed(venue, 2.5, strike("F20", count=2), seed=seed))


@pytest.mark.parametrize(("venue", "form"), TAKEN_IN_TURN[1:6])
def test_f58_impossible_prices_are_never_told(venue: str, form: int) -> None:
    run = run_feed(venue, 2.5, strike("F58", form=form))
    check(run)
    assert sum(run.dropped.values()) > 20


@pytest.mark.parametrize(("venue", "form"), TAKEN_IN_TURN[0:4])
def test_f59_candles_missing_repeated_revised_or_late(venue: str, form: int) -> None:
    """A bar that the venue changes after its end stays as it was told, and the change is told."""
    run = run_feed(venue, 3.5, strike("F59", form=form, after_s=30.0, lasts_s=60.0))
    check(run, revised=2 if form == 2 else 0)
    changed = [text for _, _, text in run.states(StreamKind.BARS) if "was changed after its end" in text]
    assert len(changed) == (1 if form == 2 else 0)


def test_f59_a_hole_within_a_page_of_history_is_no_history() -> None:
    """Nobody learns from bars one of which is missing; asked again, the venue has them all."""
    venue, begin_ns, end_ns = "binance_usdm", START_NS - 31 * MINUTE_NS, START_NS - MINUTE_NS
    lacking = Strike(START_NS, "F59", duration_ns=MINUTE_NS, count=1, args={"form": 0.0})

    async def work(world: VirtualWorld) -> tuple[TradewindError, np.ndarray]:
        rules = next(iter(world.exchanges[venue].instruments.values()))
        exchange = build_exchange(CLIENTS[venue], world.session())
        feed = CcxtMarketFeed(
            venue,
            exchange,
            [Listing(0, rules)],
            kinds=frozenset({StreamKind.BARS}),
            intervals_ns=(MINUTE_NS,),
            now_ns=world.loop.now_ns,
            rng=random.Random(1),
        )
        await feed.rest.call("load_markets")
        asked = (0, MINUTE_NS, begin_ns, end_ns)
        with pytest.raises(DataUnfit) as caught:
            await feed.bars(*asked)
        rows = await feed.bars(*asked)
        await feed.close()
        return caught.value, rows

    error, rows = run_world(
        work, seed=1, venues=(venue,), misfortunes={venue: Misfortunes([lacking], seed=1)}
    )
    assert error.code == "DATA_GAP"
    assert rows[:, 0].tolist() == list(range(begin_ns, end_ns, MINUTE_NS))


@pytest.mark.parametrize("venue", VENUES)
def test_f71_times_never_go_back(venue: str) -> None:
    run = run_feed(venue, 2.5, strike("F71"))
    latest: dict[tuple[type, int], int] = {}
    for event in run.events:
        if isinstance(event, TradeSeen | TopSeen | MarkSeen):
            key = type(event), event.instrument
            assert event.ts_ns >= latest.get(key, 0)
            latest[key] = event.ts_ns


@pytest.mark.parametrize("venue", VENUES)
def test_a_dead_connection_is_found_within_fifteen_seconds(venue: str) -> None:
    """Nothing arrives, nothing is refused: only silence tells."""
    died_s = 50.0

    def cut(world: VirtualWorld) -> None:
        at_s = died_s - (world.loop.now_ns() - START_NS) / SECOND_NS
        world.loop.call_later(at_s, world.network.ail, "from_venue", 40.0)

    run = run_feed(venue, 3.5, also=cut)
    check(run)
    # Trades may be silent for ever: they are down only because their connection was found dead.
    began_s, _ = outage_s(run, StreamKind.TRADES)[0]
    assert began_s + (run.began_ns - START_NS) / SECOND_NS - died_s <= 15.0


def test_a_connection_that_only_speaks_is_renewed_without_a_hole() -> None:
    """Our pings do not reach the venue; what it says is as fresh as ever until somebody hangs up."""

    def cut(world: VirtualWorld) -> None:
        world.loop.call_later(40.0, world.network.ail, "to_venue", 40.0)

    check(run_feed("binance_usdm", 3.5, also=cut))


@pytest.mark.parametrize("venue", ["binance_usdm", "blofin_swap", "bybit_linear"])
def test_a_settlement_is_told_once_with_the_rate_of_the_venue(venue: str) -> None:
    kinds = frozenset({StreamKind.FUNDING, StreamKind.MARK})
    settles_ns = START_NS + 8 * HOUR_NS
    run = run_feed(venue, 8, kinds=kinds, start_ns=settles_ns - MINUTE_NS)
    told = [event for event in run.events if isinstance(event, FundingRateSeen)]
    assert [(event.instrument, event.ts_ns) for event in told] == [(0, settles_ns), (1, settles_ns)]
    assert [event.rate for event in told] == pytest.approx([run.settled[0], run.settled[1]])
    assert all(event.recv_ns > event.ts_ns for event in told)


@pytest.mark.parametrize("venue", ["binance_usdm", "okx_swap", "bybit_linear"])
def test_open_interest_is_told(venue: str) -> None:
    kinds = frozenset({StreamKind.OPEN_INTEREST, StreamKind.MARK})
    run = run_feed(venue, 2.5, kinds=kinds)
    told = [event for event in run.events if isinstance(event, OpenInterestSeen)]
    assert {event.instrument for event in told} == {0, 1}
    assert all(event.open_interest > 0.0 for event in told)


def test_what_a_venue_does_not_tell_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match="does not tell liquidations"):
        run_feed("blofin_swap", 1, kinds=frozenset({StreamKind.LIQUIDATIONS}))


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("bars", ["2m", "1w"])
def test_bars_that_cannot_be_followed_are_refused_with_those_that_can(venue: str, bars: str) -> None:
    """No stream has two minutes, and a week begins on a Monday: a session of such bars heard nothing for ever."""

    async def work(world: VirtualWorld) -> None:
        listing = Listing(0, next(iter(world.exchanges[venue].instruments.values())))
        CcxtMarketFeed(
            venue, build_exchange(CLIENTS[venue], world.session()), [listing],
            kinds=frozenset({StreamKind.BARS}), intervals_ns=(parse_interval(bars),),
            now_ns=world.loop.local_ns, rng=random.Random(1),
        )  # fmt: skip

    with pytest.raises(ConfigError, match=f"streams no bars of {bars}") as refused:
        run_world(work, seed=1, venues=(venue,))
    assert {"1m", "1h", "1d"} <= set(refused.value.known)
