"""Streams that lie, stop, stutter and flood: what is trusted, what is read again, what is never lost (F09-F20)."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise

from tradewind.journal import JournalReader, RecordKind
from tradewind.journal.bodies import decode_audit
from tradewind.testing.logbook import alerted_s, asked_s, ended_as, orders_of, placed_s, seconds, told
from tradewind.testing.tidal import sail_tidal
from tradewind.testing.venue_live import FOLDER
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, RequestKind, StreamCode
from tradewind.venues.gateway import StreamKind

MONEY = Decimal(100_000_000)
WITH_TOPS = {"kinds": frozenset({StreamKind.BARS, StreamKind.MARK, StreamKind.TOP})}


def outages_s(sea):
    """Return from when to when the instrument was not trusted, after the session's first minute."""
    changes = [(s, row["code"]) for s, row in told(sea, FactKind.STREAM) if s > 61]
    downs = [s for s, code in changes if code != StreamCode.UP]
    ups = [s for s, code in changes if code == StreamCode.UP]
    return [(down, next((up for up in ups if up > down), 1e9)) for down in downs]


def fees_agree(sea):
    """Say whether the fees that were booked are the venue's, trade by trade."""
    booked = Counter(int(row["amount"]) for _, row in told(sea, FactKind.FEE))
    charged = Counter(int(Decimal(str(fill["fee"])) * MONEY) for fill in sea.of("fill"))
    return booked == charged and len(booked) > 2


def test_F09_an_own_stream_that_only_answers_pings_is_found_out():
    """Within 15 s of the first thing that it did not tell, it is known to be dead; the account is read every few
    seconds until another has taken its place, and nothing is opened before it was read."""
    sea = sail_tidal("binance_usdm", strike("F09", 119, 70))
    [(down, up)] = [(down, up) for down, up in outages_s(sea) if down > 119][:1]
    assert 119 < down < 135
    assert alerted_s(sea, "STREAM_DOWN")[0] == down
    assert not [at for at in asked_s(sea, reduces=False) if down < at < up]
    reads = [line for line in sea.trace if "positionRisk" in line and down < line_s(line) < up]
    assert len(reads) >= (up - down) / 10 - 1
    assert fees_agree(sea)


def line_s(line):
    return seconds(int(line.partition(" ")[0]))


def test_F10_a_silent_public_stream_makes_its_instrument_stale():
    """Data that is older than it may be lets nothing be opened; what is held stays protected and may be closed."""
    sea = sail_tidal("binance_usdm", strike("F10", 125, 120), minutes=4.1, calm_minutes=2.9)
    (down, up) = outages_s(sea)[0]
    assert 130 < down < 141
    assert 245 < up < 260
    assert alerted_s(sea, "STREAM_DOWN")
    assert not [at for at in placed_s(sea, reduces=False) if down < at < up]
    assert [at for at in placed_s(sea, reduces=False) if at > up]


def test_F11_a_socket_that_the_venue_closes_is_opened_again():
    """Another connection takes its place after a short random wait; the account is read before anything is opened."""
    sea = sail_tidal("okx_swap", strike("F11", 125), strike("F11", 185, pattern="[!B]*"), strike("F11", 245))
    outages = outages_s(sea)
    assert sea.struck("F11") == 3
    assert len(outages) >= 2
    assert all(up - down < 15 for down, up in outages)
    assert len({round((up - down) % 1, 3) for down, up in outages}) > 1
    assert not [at for at in asked_s(sea, reduces=False) for down, up in outages if down < at < up]


def test_F12_two_hundred_dials_that_fail_are_spread_over_time():
    """The waits between attempts grow to half a minute: the venue's limit of connections is never near."""
    closed = [strike("F11", 126), strike("F11", 126)]
    sea = sail_tidal(
        "binance_usdm", strike("F12", 125, 90, count=200), *closed, minutes=4.0, calm_minutes=3.0
    )
    assert 6 < sea.struck("F12") < 30
    (down, up) = outages_s(sea)[0]
    assert up < 119 + 96 + 35
    assert not [at for at in asked_s(sea, reduces=False) if down < at < up]
    assert [at for at in placed_s(sea, reduces=False) if at > up]


def test_F13_a_frame_that_is_no_message_costs_a_connection_at_most():
    """Cut JSON, a list of nothing, a number that is none, plain text: a stream is down for 15 s at the most, and what
    it would have said is read again."""
    forms = [strike("F13", 70 + 25 * form, 20, form=form) for form in (1, 2, 3, 4)]
    own = [strike("F13", 184 + form, 1, form=form, pattern="[!B]*") for form in (1, 2, 3, 4)]
    sea = sail_tidal("okx_swap", *forms, *own, minutes=4.0)
    assert sea.struck("F13") >= 5
    assert outages_s(sea)
    assert all(up - down < 15 for down, up in outages_s(sea))
    assert fees_agree(sea)


def test_F14_every_frame_twice_counts_once():
    """An order's state and a trade are known by their ids: told twice they are counted once."""
    sea = sail_tidal("bybit_linear", strike("F14", 5, 170, count=0))
    assert sea.struck("F14") > 100
    assert fees_agree(sea)
    fills = [(int(row["cid"]), int(row["qty_lot"])) for _, row in told(sea, FactKind.FILL)]
    assert len(fills) == len(set(fills)) == len(sea.of("fill"))


def test_F15_updates_out_of_order_never_go_back():
    """What is filled never becomes less, and an order that is over stays over, whatever is told afterwards."""
    sea = sail_tidal("binance_usdm", strike("F15", 100, 80, count=0))
    assert sea.struck("F15") > 3
    ends = (FactKind.CANCELLED, FactKind.EXPIRED)
    filled, over = Counter(), set()
    for _, rows in sea.journal():
        for row in rows if "trade_id" in rows.dtype.names else ():
            cid = int(row["cid"])
            if row["kind"] == FactKind.FILL:
                assert row["qty_lot"] > filled[cid]
                filled[cid] = int(row["qty_lot"])
            assert not (row["kind"] in (FactKind.ACK, *ends) and cid in over)
            over |= {cid} if row["kind"] in ends else set()
    assert over
    assert fees_agree(sea)


def test_F16_a_fill_that_nobody_told_is_fetched():
    """A total that grew without its trade is noticed, and the trade is asked for: money is exact to the last unit."""
    sea = sail_tidal("okx_swap", strike("F16", 50, 200, count=0))
    assert sea.struck("F16") >= 3
    assert fees_agree(sea)
    booked = [s for s, _ in told(sea, FactKind.FEE)]
    filled = [seconds(int(str(fill["ts_ns"]))) for fill in sea.of("fill")]
    assert all(0 < later - sooner < 15 for sooner, later in zip(filled, booked, strict=True))


def test_F17_a_gap_in_the_book_begins_it_anew():
    """From the first change that does not follow the last one no price of the book is used until it was read anew."""
    sea = sail_tidal("okx_swap", strike("F17", 70, 60, count=30), life=WITH_TOPS)
    assert sea.struck("F17") == 30
    assert any("must begin anew" in alert.text for alert in sea.alerts("STREAM_DOWN"))
    (down, up) = outages_s(sea)[0]
    assert 70 < down < 85
    assert up - down < 15
    tops = [s for s, _ in told(sea, FactKind.BOOK_TOP)]
    assert not [s for s in tops if down <= s < up]
    assert [s for s in tops if s > up]
    assert not [at for at in asked_s(sea, reduces=False) if down < at < up]


def test_F18_a_book_whose_snapshot_does_not_reach_its_first_change_is_discarded():
    """A snapshot that is older than the first change is thrown away and asked for again, once a second; until one
    joins the changes no price of the book is used."""
    gap, old = strike("F17", 70, 4, count=0), strike("F18", 65, 60, pattern="*depth", count=3)
    sea = sail_tidal("binance_usdm", gap, old, life=WITH_TOPS)
    assert sea.struck("F17")
    assert sea.struck("F18") == 3
    asked = [line_s(line) for line in sea.trace if "/depth?" in line]
    assert len(asked) == 1 + 3 + 1
    assert all(0.9 < later - sooner < 1.1 for sooner, later in pairwise(asked[1:]))
    tops = [s for s, _ in told(sea, FactKind.BOOK_TOP)]
    assert [s for s in tops if 65 < s < 70]
    assert not [s for s in tops if asked[1] - 1 < s < asked[-1]]
    assert [s for s in tops if asked[-1] < s < asked[-1] + 5]
    assert [at for at in asked_s(sea, reduces=False) if at > asked[-1]]


def test_F19_messages_about_others_are_counted_and_ignored():
    """A message of a symbol that is not traded here changes nothing; it is counted."""
    sea = sail_tidal("binance_usdm", strike("F19", 5, 170, count=0))
    assert sea.struck("F19") > 100
    assert sea.life.dropped["order: symbol not traded here"] >= 3
    assert sea.life.dropped["fill: symbol not traded here"] >= 1
    assert len(list(told(sea, FactKind.FILL))) == len(sea.of("fill"))
    found = sea.alerts("RECONCILED") + sea.alerts("UNEXPLAINED")
    assert [alert.text for alert in found] == ["main: leverage is 20, not 5"]


def test_F20_a_flood_is_conflated_and_nothing_private_is_lost():
    """Of a burst of market data only the newest is kept, and how many gave way stands in the journal; a message of ten
    megabytes is survived, and every event of the account is told."""
    sea = sail_tidal("binance_usdm", strike("F20", 115, 70, count=6, frames=1_000), life=WITH_TOPS)
    assert sea.struck("F20") == 6
    tops = [s for s, _ in told(sea, FactKind.BOOK_TOP) if 115 < s < 185]
    assert 20 < len(tops) < 75
    records = JournalReader(sea.life.disk, FOLDER).of_kind(RecordKind.AUDIT)
    notes = [audit.detail["streams"] for audit in map(decode_audit, records) if audit.what == "conflated"]
    assert sum(count for streams in notes for kind, _, count in streams if kind == "top") > 50
    assert fees_agree(sea)
    assert set(ended_as(sea).values()) <= {"new", "filled", "canceled"}
    assert len(orders_of(sea, cause="placed")) == len(sea.requests(RequestKind.NEW))
    assert len([at for at in placed_s(sea) if 115 < at < 185]) >= 4
