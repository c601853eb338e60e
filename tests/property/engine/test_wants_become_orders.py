"""B63-B71 for strategies: whatever a strategy wants, what leaves is an order that the judge of people's orders passes.

The judge reads text and knows nothing of the gate: two ways to the same rules.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tradewind.errors import ERROR_CODES, UsageError
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import instrument
from tradewind.units.enums import ALL, BIG, LONG, SHORT, IntentKind, RequestKind, Rule, TriggerKind
from tradewind.venues.order_codes import ORDER_CODES, order_code
from tradewind.venues.ordering import OrderPlace, OrderWish, check_order

CLOSE = 5_000
RULES = instrument("linear")
HUGE = [1 << 31, 1 << 53, BIG, -1, -(1 << 62), ALL]

LOTS = st.one_of(st.integers(0, 60), st.sampled_from([1 << 31, 1 << 40]))
PRICES = st.one_of(st.integers(4_000, 6_000), st.integers(4_000, 6_000), st.just(0))
PLACES = {"position_side": st.sampled_from([LONG, SHORT]), "price_tick": PRICES, "qty_lot": LOTS}
WAYS = {
    "reduce": st.sampled_from([0, 0, 1]),
    "trigger": st.sampled_from(tuple(TriggerKind)),
}
SOUND = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just(IntentKind.REST), "post_only": st.sampled_from([0, 1]), **PLACES, **WAYS}
    ),
    st.fixed_dictionaries({"kind": st.just(IntentKind.TARGET), **PLACES}),
    st.fixed_dictionaries(
        {"kind": st.just(IntentKind.STOP), "trail_tick": st.sampled_from([0, 0, 20]), **PLACES, **WAYS}
    ),
)
ODDITIES = st.one_of(
    st.builds(lambda value: {"slot": value}, st.sampled_from([60, 64, -1, 1 << 40])),
    st.builds(lambda value: {"kind": value}, st.sampled_from([3, -1])),
    st.builds(lambda value: {"position_side": value}, st.sampled_from([2, -1])),
    st.builds(lambda value: {"reduce": value}, st.sampled_from([2, -1])),
    st.builds(lambda value: {"price_tick": value}, st.sampled_from([1, -5, *HUGE])),
    st.builds(lambda value: {"qty_lot": value}, st.sampled_from(HUGE)),
    st.builds(lambda value: {"post_only": value}, st.sampled_from([1, 2, -1])),
    st.builds(lambda value: {"trail_tick": value}, st.sampled_from([-20, BIG])),
    st.builds(lambda value: {"trigger": value}, st.sampled_from([2, 7, -1])),
)
ODD = st.integers(0, 4).flatmap(lambda drawn: st.just({}) if drawn else ODDITIES)
WANTS = st.lists(st.builds(lambda sound, odd: sound | odd, SOUND, ODD), min_size=1, max_size=2).map(
    lambda wants: [{"slot": place} | want for place, want in enumerate(wants)]
)


def wished(request) -> OrderWish:
    """Return a request as a person would have written it."""
    kind, price = int(request["order_kind"]), int(request["price_tick"]) * RULES.tick_size
    at_price = kind == IntentKind.REST or (kind == IntentKind.TARGET and price > 0)
    stop = kind == IntentKind.STOP
    return OrderWish(
        "buy" if request["side"] > 0 else "sell",
        "stop" if stop else "limit" if at_price else "market",
        int(request["qty_lot"]) * RULES.lot_size,
        price=price if at_price else None,
        trigger=price if stop else None,
        tif="ioc"
        if at_price and kind == IntentKind.TARGET
        else "post_only"
        if request["post_only"]
        else "gtc",
        reduce_only=bool(request["reduce"]),
        client_id=str(int(request["cid"])),
    )


def faults_of(request, place: OrderPlace) -> list[str]:
    """Return what the judge has against a request; a stop that closes may wake at once: it wants out now."""
    try:
        check_order(wished(request), place)
    except UsageError as error:
        codes = [error.code, *(each.code for each in error.also)]
        return [code for code in codes if not (code == "ORDER_STOP_SIDE" and request["reduce"])]
    return []


@settings(max_examples=120)
@given(
    wants=WANTS,
    held=st.sampled_from([0, 0, 7, 40]),
    band=st.sampled_from([0.0, 0.1]),
)
@example(wants=[{"kind": 0, "price_tick": 0, "qty_lot": 10}], held=0, band=0.0)
@example(wants=[{"kind": 2, "price_tick": 4_900, "qty_lot": 10}], held=0, band=0.0)
@example(wants=[{"kind": 1, "post_only": 1, "qty_lot": 10}], held=0, band=0.0)
@example(
    wants=[{"kind": 2, "reduce": 1, "price_tick": 4_900, "trigger": 7, "qty_lot": ALL}], held=7, band=0.0
)
def test_what_leaves_is_an_order_that_a_person_could_have_sent(wants, held, band):
    desk = Desk(price_band=band, hedge=True)
    desk.bar(CLOSE)
    if held:
        desk.want({"kind": IntentKind.TARGET, "slot": 5, "qty_lot": held})
        desk.acknowledge(desk.wake())
        desk.fill(5, held, CLOSE)
        desk.wake()
        desk.bar(CLOSE)
    desk.refusals()
    desk.want(*wants)
    used: set[str] = set()
    for _ in range(3):
        asked = [request for request in desk.wake() if request["kind"] == RequestKind.NEW]
        for request in asked:
            side = int(request["position_side"])
            signed = int(desk.holding(side)["pos_lot"]) * (1 if side == LONG else -1)
            place = OrderPlace(
                RULES, CLOSE * RULES.tick_size, signed * RULES.lot_size,
                band_ratio=Decimal(repr(band)) if band else None, used_ids=frozenset(used),
            )  # fmt: skip
            assert side in (LONG, SHORT)
            assert request["trigger"] in tuple(TriggerKind)
            if request["trail_tick"]:
                assert request["order_kind"] == IntentKind.STOP
                request["price_tick"] = CLOSE + int(request["side"]) * min(int(request["trail_tick"]), 4_000)
            assert faults_of(request, place) == [], request
            used.add(str(int(request["cid"])))
        desk.acknowledge(asked)
    refused = sorted(int(rule) for rule, _, _ in desk.refusals())
    event("nonsense" if desk.world.strategies[0]["held"] else f"refused by {refused}, sent {len(used)}")


def test_every_rule_that_blames_the_order_has_a_code_of_the_list():
    assert set(ORDER_CODES.values()) <= set(ERROR_CODES)
    assert order_code(Rule.PRICE, 0.0) == "ORDER_PRICE"
    assert order_code(Rule.PRICE, 4_990.0) == "ORDER_STOP_SIDE"
    assert order_code(Rule.HALTED) == ""
