"""Whose orders those of an earlier epoch are, and when they go."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from tradewind.errors import SafetyRefusal
from tradewind.journal.bodies import FACT, REQUEST
from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.bookkeeping import Books
from tradewind.live.epochs import (
    ADOPTING,
    Epoch,
    begin_epoch,
    coins_noted,
    draw_tag,
    end_beginning,
    epoch_of,
    note_coins,
    refuse_unfinished,
    relieved,
    signs_of_life,
    tags_in,
    unprotecting,
)
from tradewind.live.inbox import Answered, Heard, Inbox
from tradewind.live.reconcile import Policy
from tradewind.testing.sessions import small_world
from tradewind.testing.small_coins import PARTS, coin_world
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, RequestKind
from tradewind.venues.ccxt.client_ids import ClientIds, tag_in
from tradewind.venues.gateway import (
    FillSeen,
    OrderSeen,
    OrderStatus,
    Outcome,
    OutcomeKind,
    PositionSeen,
    Snapshot,
)

OLD, NEW, OTHER = ClientIds("OLDOLD"), ClientIds("NEWNEW"), ClientIds("OTHERS")
EARLIER = frozenset({"OLDOLD"})


def order(client_id, *, stop=True, reduce=True, lots=7, position_side=LONG, side=None, **more):
    closes = SELL if position_side == LONG else BUY
    text = client_id if isinstance(client_id, str) else client_id.encode(1 << 20 | lots)
    terms = {"status": OrderStatus.WORKING, "price": 100, "cid": 5 if client_id is NEW else 0} | more
    return OrderSeen(
        0, terms["cid"], text, f"v{text}{lots}", terms["status"], side or closes, position_side, int(reduce),
        terms["price"], lots, 0, 0, 0, 1, 1, stop,
    )  # fmt: skip


def snapshot(*orders, held=7, position_side=LONG):
    positions = (PositionSeen(0, position_side, held, 100.0, 100.0, 1, 1),) if held else ()
    return Snapshot(orders, (), positions, (), (), (), (), (), 1, 1)


def test_a_stop_stays_until_stops_of_the_new_epoch_cover_what_is_held():
    old = order(OLD)
    assert relieved(snapshot(old), EARLIER) == []
    assert relieved(snapshot(old, order(NEW, lots=6)), EARLIER) == []
    assert relieved(snapshot(old, order(NEW, lots=6), order(NEW, lots=1)), EARLIER) == [old]
    assert relieved(snapshot(old, held=0), EARLIER) == [old]
    # What only looks like cover is none: a profit, an opener, the other side, somebody else's stop.
    for other in (
        order(NEW, stop=False),
        order(NEW, reduce=False),
        order(NEW, position_side=SHORT),
        order(OTHER),
        order("made by hand"),
    ):
        assert relieved(snapshot(old, other), EARLIER) == []


def test_a_stop_of_coins_stays_until_those_that_are_ours_are_covered():
    """What else the account holds is nobody's to sell, so nothing has to protect it."""
    old, new = order(OLD), order(NEW)
    assert relieved(snapshot(old, new, held=70), EARLIER) == []
    assert relieved(snapshot(old, new, held=70), EARLIER, {(0, LONG): 7}) == [old]
    assert relieved(snapshot(old, new, held=70), EARLIER, {(0, LONG): 8}) == []
    assert relieved(snapshot(old, held=70), EARLIER, {(0, LONG): 0}) == [old]


def test_how_many_coins_an_epoch_began_with_is_written_down(tmp_path):
    assert coins_noted(tmp_path) == {}
    note_coins(tmp_path, {"bybit_spot BTCUSDT": "0.25003", "okx_spot ETH-USDT": "2"})
    assert coins_noted(tmp_path) == {
        "bybit_spot BTCUSDT": Decimal("0.25003"),
        "okx_spot ETH-USDT": Decimal(2),
    }
    (file,) = tmp_path.iterdir()
    for damaged in (b"", b"[]", b'{"BTC', b'{"BTC": "many"}', b"\xff"):
        file.write_bytes(damaged)
        assert coins_noted(tmp_path) == {}


def test_what_opens_or_takes_a_profit_goes_at_once_and_strangers_stay():
    opener = order(OLD, stop=False, reduce=False, side=BUY, lots=1)
    trap = order(OLD, reduce=False, side=BUY, lots=2)
    profit = order(OLD, stop=False, lots=3)
    triggered = order(OLD, stop=False, lots=4, status=OrderStatus.TRIGGERED)
    left_alone = (order(OLD), triggered, order(OTHER, stop=False), order("made by hand", stop=False))
    assert unprotecting(snapshot(opener, trap, profit, *left_alone), EARLIER) == [opener, trap, profit]


def plain(client_id, lots, price, side=SELL):
    """Return a stop that is not reduce-only, as a venue shows it: as an order that opens the other side."""
    opens = SHORT if side == SELL else LONG
    return order(client_id, reduce=False, side=side, position_side=opens, lots=lots, price=price)


def test_a_stop_that_is_not_reduce_only_protects_what_it_would_close():
    """Those of strategies that net at an account. Where both sides are kept apart such an order opens."""
    near, far, opens = plain(OLD, 3, 99), plain(OLD, 4, 95), plain(OLD, 2, 105, BUY)
    there = snapshot(near, far, opens)
    assert unprotecting(there, EARLIER) == [opens]
    assert relieved(there, EARLIER) == [opens]
    assert unprotecting(there, EARLIER, hedged=True) == [near, far, opens]
    short = snapshot(near, opens, held=2, position_side=SHORT)
    assert (unprotecting(short, EARLIER), relieved(short, EARLIER)) == ([near], [near])
    assert unprotecting(snapshot(near, held=0), EARLIER) == [near]


@pytest.mark.parametrize(
    ("held", "new", "going"),
    [
        (7, 0, []),
        (6, 0, []),
        (4, 0, [3]),  # The nearer one is kept as long as it covers what is held with the others.
        (3, 0, [4]),
        (7, 3, [3]),
        (7, 4, [4]),
        (7, 6, [4]),
        (7, 7, [4, 3]),
    ],
)
def test_of_those_that_are_not_reduce_only_no_more_stay_than_cover_what_is_held(held, new, going):
    """Triggered with the others they would open the other side."""
    near, far = plain(OLD, 3, 99), plain(OLD, 4, 95)
    stops = (near, far, *([order(NEW, lots=new)] if new else []))
    assert sorted(seen.qty_lot for seen in relieved(snapshot(*stops, held=held), EARLIER)) == sorted(going)
    # Such as are reduce-only harm nobody and stay until all is covered.
    harmless = (order(OLD, lots=3), order(OLD, lots=4), *stops[2:])
    assert len(relieved(snapshot(*harmless, held=held), EARLIER)) == (2 if new == held else 0)


@pytest.mark.parametrize(
    ("old", "reduce", "lots", "going"),
    [
        ([plain(OLD, 7, 99)], 0, 7, 1),
        ([plain(OLD, 7, 99)], 1, 7, 1),
        ([order(OLD)], 0, 7, 1),
        ([order(OLD)], 1, 7, 0),
        ([plain(OLD, 7, 99)], 0, 6, 0),
        ([plain(OLD, 3, 99), plain(OLD, 4, 95)], 0, 4, 1),
        ([plain(OLD, 7, 99, BUY)], 0, 7, 0),
        ([plain(OTHER, 7, 99)], 0, 7, 0),
    ],
    ids=["both", "old", "new", "neither", "too few", "one of two", "other side", "strangers"],
)
def test_what_would_be_triggered_beside_a_stop_of_the_new_epoch_goes_when_that_stands(
    old, reduce, lots, going
):
    """With the venue's word on its stream, however often that is repeated, and never so many that less is covered than
    is held."""
    world, gone, alerts = small_world(), [], []
    world.contexts["working"]["holding"]["pos_lot"][0, LONG] = 7
    inbox = SimpleNamespace(start=lambda cancelling: gone.append(cancelling.close()))
    account = TradingAccount(
        0, AccountTerms("main", frozenset({0}), {"USDT": 0}, earlier=EARLIER), SimpleNamespace(), inbox, lambda: 0
    )  # fmt: skip
    books = Books(world, [account], Policy(external="ignore"), alerts.append)
    there = snapshot(*old)
    account.note_others(there)
    books.compare(0, replace(there, asked_ns=10**15), 0, sure=True)
    books.note(np.zeros(0, FACT), asked_stop(lots, reduce=reduce))
    gone.clear()
    shown = order(NEW, lots=lots, reduce=bool(reduce), position_side=LONG if reduce else SHORT, side=SELL)
    for _ in range(3):
        books.facts_of(Heard(0, shown), 0)
    assert len(gone) == going
    assert not any(alert.code == "UNEXPLAINED" for alert in alerts)


def test_an_old_stop_that_is_not_reduce_only_halts_nobody_and_one_that_is_covered_goes():
    """It is no order of somebody else that may open the other side."""
    world, gone, alerts = small_world(), [], []
    world.contexts["working"]["holding"]["pos_lot"][0, LONG] = 7
    inbox = SimpleNamespace(start=lambda cancelling: gone.append(cancelling.close()))
    account = TradingAccount(
        0, AccountTerms("main", frozenset({0}), {"USDT": 0}, earlier=EARLIER),
        SimpleNamespace(doubt_rules=lambda: None), inbox, lambda: 0,
    )  # fmt: skip
    books = Books(world, [account], Policy(), alerts.append)
    books.note(np.zeros(0, FACT), asked_stop(reduce=0))
    new = replace(plain(OLD, 7, 98), cid=5, client_id=NEW.encode(5), venue_id="new")
    for orders, going in (((plain(OLD, 7, 99),), 0), ((plain(OLD, 7, 99), new), 1)):
        assert books.compare(0, replace(snapshot(*orders), asked_ns=10**15), 0, sure=True) == []
        assert len(gone) == going
    # One of somebody else, just like it, is an order that may open.
    books.compare(0, replace(snapshot(plain(OTHER, 7, 99)), asked_ns=10**15), 0, sure=True)
    assert "may open" in alerts[-1].text


def test_orders_with_our_signs_that_the_journal_does_not_know_are_told_as_nobodys():
    """Where it was lost the stops of before rest still: who has to decide is told that they do."""
    alerts = []
    account = TradingAccount(
        0, AccountTerms("main", frozenset({0}), {"USDT": 0}), SimpleNamespace(doubt_rules=lambda: None), Inbox(),
        lambda: 0,
    )  # fmt: skip
    books = Books(small_world(), [account], Policy(), alerts.append)
    there = replace(snapshot(order(NEW), order(NEW, lots=3, cid=6)), asked_ns=10**15)
    account.note_others(there)
    assert len(account.others) == 2
    books.compare(0, there, 0, sure=True)
    (told,) = [alert.text for alert in alerts if "none of ours" in alert.text]
    assert "with them rest orders of nobody: stops 2, others 0" in told
    books.note(np.zeros(0, FACT), asked_stop())
    account.note_others(there)
    assert [seen.cid for seen in account.others] == [6]


def test_tags_are_read_from_ids_that_are_ours_whole():
    assert tag_in(OLD.encode(77)) == "OLDOLD"
    broken = OLD.encode(77)[:-1] + "_"
    assert [tag_in(text) for text in (broken, "", "twOLDOLD", "x-my-own")] == ["", "", "", ""]
    assert tags_in(snapshot(order(OLD), order(OTHER), order("made by hand"))) == {"OLDOLD": 1, "OTHERS": 1}


def test_somebody_lives_who_places_or_changes_orders_and_nobody_whose_orders_end():
    resting, stop = order(OLD, stop=False, lots=1), order(OLD, lots=2)
    before = (resting, stop)
    ended = order(OLD, stop=False, lots=1, status=OrderStatus.CANCELLED)
    trailed = order(OLD, lots=2, price=90)
    ours = order(NEW, lots=9)
    by_hand = order("made by hand", lots=9)
    assert signs_of_life(before, (*before, ended, trailed, ours, by_hand), "NEWNEW") == []
    placed, moved = order(OLD, lots=3), order(OLD, stop=False, lots=1, price=99)
    assert signs_of_life(before, (*before, placed, moved), "NEWNEW") == [placed, moved]
    filled = order(OLD, stop=False, lots=4, status=OrderStatus.FILLED)
    assert signs_of_life(before, (filled,), "NEWNEW") == [filled]


def test_a_tag_is_drawn_until_nobody_has_it():
    """Where the journal is gone nobody knows how far it had counted; the dice may well fall on what was before."""
    dice = iter("AAAAAABBBBBBCCCCCC")
    assert draw_tag({"AAAAAA", "BBBBBB"}, lambda signs: next(dice)) == "CCCCCC"
    assert len({draw_tag(()) for _ in range(200)}) == 200


def test_the_first_epoch_is_begun_by_its_first_start_and_stays(tmp_path):
    with pytest.raises(FileNotFoundError):
        epoch_of(tmp_path, draws=False)
    first = epoch_of(tmp_path)
    assert first.earlier == frozenset()
    assert epoch_of(tmp_path) == epoch_of(tmp_path, draws=False) == first
    (tmp_path / "orders.tag").write_bytes(b"")
    with pytest.raises(ValueError, match="unpack"):
        epoch_of(tmp_path)


def test_nobody_trades_on_an_epoch_whose_beginning_is_not_whole(tmp_path):
    folder, epoch = tmp_path / "live", Epoch("NEWNEW", frozenset({"OLDOLD", "OTHERS"}))
    refuse_unfinished(folder)
    begin_epoch(folder, epoch)
    assert epoch_of(folder) == epoch
    assert (folder.stat().st_mode & 0o777, (folder / ADOPTING).exists()) == (0o700, True)
    with pytest.raises(SafetyRefusal) as refused:
        refuse_unfinished(folder)
    assert refused.value.code == "ADOPT_UNFINISHED"
    end_beginning(folder)
    refuse_unfinished(folder)


def accepted(kind):
    """Return the answer to an order of a kind, and its request."""
    asked = np.zeros(1, REQUEST)
    asked["kind"], asked["cid"], asked["order_kind"], asked["qty_lot"] = RequestKind.NEW, 1 << 20, kind, 7
    asked["reduce"] = 1
    return asked, Answered(0, RequestKind.NEW, 0, 1 << 20, 0, 7, Outcome(OutcomeKind.ACCEPTED))


def asked_stop(lots=7, *, cid=5, reduce=1):
    """Return the request of a stop of this epoch over a long position."""
    asked = np.zeros(1, REQUEST)
    asked["kind"], asked["cid"], asked["order_kind"], asked["qty_lot"] = (
        RequestKind.NEW,
        cid,
        IntentKind.STOP,
        lots,
    )
    asked["side"], asked["position_side"], asked["reduce"] = SELL, LONG, reduce
    return asked


def filled():
    """Return a trade of an order, and its request."""
    asked, _ = accepted(IntentKind.REST)
    trade = FillSeen(0, 1 << 20, "", "v", "9", 9, SELL, LONG, 100, 7, 700, 0, "USDT", 0, 1, 1)
    return asked, Heard(0, trade)


@pytest.mark.parametrize(
    ("earlier", "what", "soon"),
    [
        (EARLIER, accepted(IntentKind.STOP), True),
        (EARLIER, filled(), True),
        (EARLIER, accepted(IntentKind.REST), False),
        (frozenset(), accepted(IntentKind.STOP), False),
        (frozenset(), filled(), False),
    ],
)
def test_when_a_stop_may_go_the_account_is_read_soon(earlier, what, soon):
    """Once a stop of the new epoch is taken or something was traded: in seconds, not with the next comparison, some
    minutes later."""
    terms = AccountTerms("main", frozenset({0}), {"USDT": 0}, earlier=earlier)
    gateway = SimpleNamespace(doubt_rules=lambda: None)
    account = TradingAccount(0, terms, gateway, Inbox(), lambda: 0)
    books = Books(small_world(), [account], Policy(), lambda alert: None)
    asked, item = what
    books.note(np.zeros(0, FACT), asked)
    books.compare(0, snapshot(order(OLD)), 0)
    books.compare_at_ns[0] = 300 * 10**9
    books.facts_of(item, 0)
    assert (books.compare_at_ns[0] < 10**10) is soon


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (snapshot(order(OLD), order(NEW)), "the new stops cover the position"),
        (snapshot(order(OLD), held=0), "nothing is left to protect"),
        (snapshot(order(OLD), held=7, position_side=SHORT), "nothing is left to protect"),
        (snapshot(order(OLD)), None),
    ],
)
def test_it_is_said_why_a_stop_of_an_earlier_epoch_goes(seen, why):
    terms = AccountTerms("main", frozenset({0}), {"USDT": 0}, earlier=EARLIER)
    gateway = SimpleNamespace(doubt_rules=lambda: None)
    gone, alerts = [], []
    inbox = SimpleNamespace(start=lambda cancelling: gone.append(cancelling.close()))
    account = TradingAccount(0, terms, gateway, inbox, lambda: 0)
    books = Books(small_world(), [account], Policy(), alerts.append)
    books.note(np.zeros(0, FACT), asked_stop())
    books.compare(0, replace(seen, asked_ns=10**15), 0, sure=True)
    told = [alert.text for alert in alerts if "earlier epoch" in alert.text]
    assert told == ([f"main: a stop of an earlier epoch goes, since {why}"] if why else [])
    assert len(gone) == len(told)


@pytest.mark.parametrize(
    ("ours", "covered", "why"),
    [
        (40 * PARTS + 7, 40 * PARTS, "the new stops cover the position"),
        (40 * PARTS, 39 * PARTS, None),
        (7, 0, "nothing is left to protect"),
    ],
)
def test_an_old_stop_of_coins_goes_when_those_that_are_ours_are_covered_or_sold(ours, covered, why):
    """Whatever else the account holds, which is nobody's to protect."""
    world, alerts = coin_world(), []
    world.contexts["working"]["holding"]["pos_lot"][0, LONG] = ours
    world.views["external_lot"][0, LONG] = 5_000 * PARTS
    account = TradingAccount(
        0, AccountTerms("main", frozenset({0}), {"USDT": 0}, earlier=EARLIER, coins=True),
        SimpleNamespace(doubt_rules=lambda: None), SimpleNamespace(start=lambda cancelling: cancelling.close()),
        lambda: 0,
    )  # fmt: skip
    books = Books(world, [account], Policy(external="ignore"), alerts.append)
    books.note(np.zeros(0, FACT), asked_stop(covered))
    stops = [order(OLD, lots=40 * PARTS), *([order(NEW, lots=covered)] if covered else [])]
    books.compare(0, replace(snapshot(*stops, held=5_000 * PARTS + ours), asked_ns=10**15), 0, sure=True)
    told = [alert.text for alert in alerts if "earlier epoch" in alert.text]
    assert told == ([f"main: a stop of an earlier epoch goes, since {why}"] if why else [])


def test_what_is_found_twice_in_a_row_is_told_once_and_later_again():
    gateway = SimpleNamespace(doubt_rules=lambda: None)
    account = TradingAccount(
        0, AccountTerms("main", frozenset({0}), {"USDT": 0}), gateway, Inbox(), lambda: 0
    )
    alerts = []
    books = Books(small_world(), [account], Policy(), alerts.append)
    other = replace(snapshot(held=0), strangers=("DOGE-USDT", "SOL-USDT"))
    for at_ns in (10**12, 10**12 + 10**8, 10**12 + 60 * 10**9):
        books.compare(0, replace(other, asked_ns=at_ns), at_ns)
    told = [(alert.at_ns, alert.text.split()[1]) for alert in alerts if alert.code == "UNEXPLAINED"]
    later = 10**12 + 60 * 10**9
    assert told == [(at, symbol) for at in (10**12, later) for symbol in ("DOGE-USDT", "SOL-USDT")]
