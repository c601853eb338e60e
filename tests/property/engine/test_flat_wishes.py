"""A wish to be flat leads to an order that closes, whatever rests, whoever trades beside, however late the venue is."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.engine.setup import ExitSetup, VenueSetup
from tradewind.engine.venue_records import FillRule
from tradewind.testing.invariants import Invariants
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import LATENCIES, MINUTE_NS
from tradewind.units.enums import ALL, LONG, SHORT, IntentKind, Protection

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
FLAT = (5_000, 5_010, 4_990, 5_000)
SLOTS = st.lists(st.integers(0, 11), unique=True, max_size=6)
BARS_WITHOUT_DELAY, BARS_WITH_DELAY = 3, 12


def closers_of(draw: st.DrawFn) -> list[dict[str, int]]:
    """Draw closers of every class, at rest on either side: reached, far away, for a part or for all."""
    rows = []
    for slot in draw(SLOTS):
        side, kind = draw(st.integers(0, 1)), draw(st.sampled_from([REST, STOP]))
        gains = (kind == REST) == (side == LONG)
        away = draw(st.integers(20, 400))
        rows.append(
            {
                "slot": slot,
                "kind": kind,
                "reduce": 1,
                "position_side": side,
                "price_tick": 5_000 + away if gains else 5_000 - away,
                "qty_lot": draw(st.sampled_from([ALL, 1, 4, 10])),
                "epoch": draw(st.integers(0, 2)),
            }
        )
    return rows


closers = st.composite(closers_of)()
exits = st.sampled_from(
    [
        ExitSetup(),
        ExitSetup(Protection.WATCHED, stop_loss=0.05),
        ExitSetup(Protection.RESTING, stop_loss=0.05, take_profit=0.06),
        ExitSetup(Protection.RESTING, trailing=0.04, max_age_ns=5 * MINUTE_NS),
    ]
)
venues = st.sampled_from([None, *(VenueSetup(*delays) for delays in LATENCIES.values())])


def held(side: int, lots: int, slot: int) -> dict[str, int]:
    return {"kind": TARGET, "slot": slot, "position_side": side, "qty_lot": lots}


def play_checked(desk: Desk, checks: Invariants, bars: int) -> None:
    for _ in range(bars):
        desk.play(FLAT)
        checks.check()


def lots_of(desk: Desk, context: int) -> list[int]:
    return [int(desk.holding(side, context)["pos_lot"]) for side in (LONG, SHORT)]


@settings(max_examples=120)
@given(
    before=st.tuples(closers, closers),
    still=st.booleans(),
    sizes=st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)),
    exits=exits,
    venue=venues,
    setup=st.fixed_dictionaries(
        {
            "hedge": st.booleans(),
            "amends": st.booleans(),
            "strategies": st.integers(1, 2),
            "fill_rule": st.sampled_from([FillRule.STRICT, FillRule.VOLUME]),
        }
    ),
    slots=st.permutations(range(12)).map(lambda order: order[:2]),
    first=st.booleans(),
)
def test_a_wish_to_be_flat_is_fulfilled(
    before: tuple[list[dict[str, int]], list[dict[str, int]]],
    still: bool,
    sizes: tuple[int, int, int],
    exits: ExitSetup,
    venue: VenueSetup | None,
    setup: dict[str, Any],
    slots: tuple[int, int],
    first: bool,
):
    """Both sides are entered, closers come to rest, then the first strategy wants out; its targets may be last."""
    desk = Desk(exits=exits, venue=venue, balance=1e6, **setup)
    checks = Invariants(desk.world)
    long, short, other = sizes
    entries = [held(LONG, long, 20), held(SHORT, short, 21)]
    for rows in (entries, [*entries, *before[0]], [*entries, *before[1]]):
        desk.want(*rows)
        if setup["strategies"] == 2:
            desk.want(held(SHORT, other, 0), context=1)
        play_checked(desk, checks, 2 if venue is None else 5)
    out = [held(side, 0, slots[side]) for side in (LONG, SHORT)]
    others = [row for row in before[1] if row["slot"] not in slots] if still else []
    desk.want(*([*out, *others] if first else [*others, *out]))
    play_checked(desk, checks, BARS_WITHOUT_DELAY if venue is None else BARS_WITH_DELAY)
    assert lots_of(desk, 0) == [0, 0]
    if setup["strategies"] == 2 and exits.max_age_ns == 0:
        assert lots_of(desk, 1) == [0, other], "who wants to stay is left alone"
