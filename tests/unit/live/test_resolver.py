"""When an order is asked about, and which answers count."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.live.resolver import Resolver
from tradewind.testing.puppets import Desk
from tradewind.units.enums import FactKind, OrderState, Rule
from tradewind.venues.port import FACT

S = 1_000_000_000
PATIENCE_NS = 10 * S
BID = {"slot": 3, "price_tick": 4_990, "qty_lot": 10}


@pytest.fixture
def desk():
    desk = Desk()
    desk.bar(5_000)
    desk.want(BID)
    return desk


def cid_of(desk):
    return int(desk.order(3)["cid"])


def not_found(cid):
    rows = np.zeros(1, FACT)
    rows["kind"], rows["cid"], rows["code"] = FactKind.NOT_SENT, cid, Rule.NOT_SENT
    return rows


def test_an_order_is_asked_about_after_the_patience_and_again_after_it(desk):
    resolver = Resolver(desk.world, PATIENCE_NS)
    desk.wake()
    sent_ns = desk.now_ns
    asked = [s for s in range(0, 40) if resolver.overdue(sent_ns + s * S) == [cid_of(desk)]]
    assert asked == [10, 20, 30]


def test_an_amend_that_follows_an_answer_at_once_has_its_own_time_on_the_way(desk):
    resolver = Resolver(desk.world, PATIENCE_NS)
    requests = desk.wake()
    assert resolver.overdue(desk.now_ns) == []
    desk.now_ns += 8 * S
    assert resolver.overdue(desk.now_ns) == []
    desk.acknowledge(requests)
    desk.want({**BID, "qty_lot": 12})
    desk.wake()
    assert desk.order(3)["state"] == OrderState.AMENDING
    amended_ns = desk.now_ns
    asked = [s for s in range(0, 15) if resolver.overdue(amended_ns + s * S)]
    assert asked == [10]


def test_an_order_in_doubt_that_was_asked_for_long_ago_is_asked_about_at_once(desk):
    resolver = Resolver(desk.world, PATIENCE_NS)
    desk.acknowledge(desk.wake())
    desk.now_ns += 3_600 * S
    assert resolver.overdue(desk.now_ns) == []
    desk.tell(FactKind.UNKNOWN, cid=cid_of(desk))
    assert resolver.overdue(desk.now_ns) == [cid_of(desk)]


def test_a_restarted_resolver_still_counts_from_the_request(desk):
    desk.wake()
    assert Resolver(desk.world, PATIENCE_NS).overdue(desk.now_ns + 9 * S) == []
    assert Resolver(desk.world, PATIENCE_NS).overdue(desk.now_ns + 10 * S) == [cid_of(desk)]


def test_not_found_counts_only_when_it_is_said_twice_about_the_same_request(desk):
    resolver = Resolver(desk.world, PATIENCE_NS)
    desk.wake()
    cid, sent_ns = cid_of(desk), desk.now_ns
    resolver.overdue(sent_ns + 10 * S)
    assert len(resolver.evidence(not_found(cid)).facts) == 0
    resolver.overdue(sent_ns + 20 * S)
    assert resolver.evidence(not_found(cid)).facts["kind"].tolist() == [FactKind.NOT_SENT]
    # A later request about it, and the count begins anew.
    resolver = Resolver(desk.world, PATIENCE_NS)
    resolver.overdue(sent_ns + 10 * S)
    resolver.evidence(not_found(cid))
    desk.world.contexts["working"]["order"]["asked_ns"][0, 3] += 5 * S
    resolver.overdue(sent_ns + 25 * S)
    assert len(resolver.evidence(not_found(cid)).facts) == 0


def test_an_audit_asks_about_what_works(desk):
    resolver = Resolver(desk.world, PATIENCE_NS, audit_ns=60 * S)
    desk.acknowledge(desk.wake())
    begun_ns = desk.now_ns
    asked = [s for s in range(0, 200, 5) if resolver.overdue(begun_ns + s * S)]
    assert asked == [0, 60, 120, 180]
