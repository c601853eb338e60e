"""Keys that are refused, clocks that are wrong, a second session on one account (F65-F74)."""

import asyncio

import pytest

from tradewind.errors import Busy
from tradewind.testing.logbook import alerted_s, asked_s, called_s, placed_s, told
from tradewind.testing.steady import halts, sail_steady, steady_world
from tradewind.testing.venue_live import VenueLife
from tradewind.testing.virtual_venues import START_NS
from tradewind.testing.voyage import strike
from tradewind.units.enums import FactKind, Halt, StreamCode
from tradewind.venues.fake.orders import Placement

S = 1_000_000_000


def locked(sea):
    return [at for at, bits, on in halts(sea) if bits & Halt.LOCK and on]


def test_F65_a_revoked_key_locks_its_account():
    """At the first refusal nothing more is sent and a person is told; what rests at the exchange goes on protecting,
    and nobody knocks again and again."""
    sea = sail_steady("binance_usdm", strike("F65", 200, 300), minutes=9.0, calm_minutes=3.0)
    assert len(locked(sea)) == 1
    assert 200 < locked(sea)[0] < 242
    assert len(sea.alerts("LOCKED")) == 1
    assert [at for at in asked_s(sea) if locked(sea)[0] < at < 500] == []
    trading = [at for words in ("/order", "/algoOrder") for at in called_s(sea, f"POST /fapi/v1{words}")]
    assert [at for at in trading if 240 < at < 500] == []
    assert any(at > 560 for at in placed_s(sea))


def test_F66_a_key_that_may_no_longer_trade_locks_its_account():
    """The refusal is told in the venue's words, which name the permission; one try in a while finds out whether it is
    back."""
    sea = sail_steady("binance_usdm", strike("F66", 170, 290), minutes=8.0)
    assert 170 < locked(sea)[0] < 182
    assert len(sea.alerts("LOCKED")) == 1
    assert "permissions" in sea.alerts("LOCKED")[0].text
    assert sea.struck("F66") < 15
    assert any(at > 460 for at in placed_s(sea))
    assert any("taken again" in alert.text for alert in sea.alerts("RESUMED"))


def test_F67_a_key_that_may_withdraw_is_not_taken():
    """No session starts with it, and nothing switches that off."""
    sea = sail_steady("bybit_linear", strike("F67", 0, 90), minutes=2.0, calm_minutes=3.0, judges="abcdeg")
    refusals = [end for end in sea.life.ends if "KEY_TOO_POWERFUL" in end]
    assert len(refusals) > 2
    assert min(placed_s(sea)) > 90


def test_F68_a_second_session_on_the_same_journal_is_refused():
    """One journal, one session: the second one does not start while the first lives."""
    refused = []

    def second(deck):
        other = VenueLife(deck.life.venue, 1.0, disk=deck.disk, make_world=steady_world)
        with pytest.raises(Busy) as caught:
            other._open(deck.world)
        refused.append(caught.value.code)

    sea = sail_steady("binance_usdm", acts=[(200, second)])
    assert refused == ["LOCKED"]
    assert any(at > 240 for at in placed_s(sea))


def test_F68_orders_of_another_session_on_the_account_stop_openers():
    """Another machine that trades the account is noticed by its orders, which are none of ours: nothing new is
    opened beside them, and none of them is touched."""

    def another(deck):
        rules = deck.exchange.instruments[deck.symbol]
        price = deck.exchange.last(deck.symbol) * 9 / 10 // rules.tick_size * rules.tick_size
        lots = 40 * rules.lot_size
        deck.account.place(Placement(deck.symbol, "buy", "limit", lots, price, client_id="twOTHERS4Ombm"))

    sea = sail_steady("binance_usdm", acts=[(200, another)])
    stopped = [at for at, bits, on in halts(sea) if bits & Halt.EXTERNAL and on]
    assert 200 < stopped[0] < 262
    assert [at for at in asked_s(sea, reduces=False) if at > stopped[0]] == []
    assert [order.placement.client_id for order in sea.account.open_orders()] == ["twOTHERS4Ombm"]


def step(seconds):
    """Return an act that sets the clock of the day by so much."""

    def act(deck):
        deck.process.offset_ns += int(seconds * S)

    return act


HOURS = 3 * 3600


@pytest.mark.parametrize(
    ("seconds", "venue"), [(-30, "binance_usdm"), (HOURS, "binance_usdm"), (-HOURS, "blofin_swap")]
)
def test_F69_a_clock_that_somebody_sets_moves_no_timer_and_no_order(seconds, venue):
    """By seconds or by hours, forwards or back: the session keeps its own time, which the exchange confirms within
    seconds. Stops stay, what was to be sent is sent at its time, no stream is given up, and a person is told that the
    clock is wrong and when it agrees again."""
    sea = sail_steady(venue, acts=[(200, step(seconds)), (400, step(-seconds))], minutes=6.0)
    asked = [round(at) for at in asked_s(sea) if 200 < at < 420]
    assert (
        asked == {"binance_usdm": [240, 300, 360, 360], "blofin_swap": [240, 300, 300, 360, 360, 361]}[venue]
    )
    assert len([at for at in placed_s(sea) if 200 < at < 420]) == len(asked)
    assert [200 < at < 204 for at in alerted_s(sea, "CLOCK_OFFSET")] == [True]
    assert [400 < at < 404 for at in alerted_s(sea, "RESUMED")] == [True]
    lost = {"STREAM_DOWN", "LOOP_STALLED", "DATA_STALE", "PROTECTOR_MISSING", "HALTED", "VENUE_SILENT"}
    assert not lost & {alert.code for alert in sea.life.alerts}
    times = [now_ns for now_ns, _ in sea.journal() if now_ns > START_NS + 61 * S]
    assert times == sorted(times)
    assert times[-1] < START_NS + 560 * S


def resume(deck):
    """Let a machine that was halted run again: its count of the time stood still, its clock of the day was set."""
    deck.process.lost_ns = 300 * S
    deck.process.thaw(deck.world.loop)


def test_F69_a_halted_machine_takes_the_time_that_the_exchange_confirms():
    """Where the session's own time stood still, the clock that was set is right: it is taken once the exchange says so,
    and everything is read again before anything is done."""
    sea = sail_steady(
        "binance_usdm", acts=[(200, lambda deck: deck.process.freeze()), (500, resume)], minutes=10.0
    )
    assert any("slept" in alert.text for alert in sea.alerts("LOOP_STALLED"))
    assert [at for at in called_s(sea, "order") if 500 < at < 501] == []
    assert any(at > 540 for at in placed_s(sea))
    assert sea.alerts("CLOCK_OFFSET") == []
    assert [now_ns for now_ns, _ in sea.journal()][-1] > START_NS + 700 * S


async def drift(deck):
    """Let the clock gain 20 ms a second for a minute."""
    for _ in range(60):
        deck.process.offset_ns += S // 50
        await asyncio.sleep(1)


def test_F70_a_clock_that_drifts_is_told_at_half_a_second():
    """Beyond half a second nothing is signed and a person is told; when the clock is right again trading goes on."""
    sea = sail_steady("okx_swap", acts=[(150, drift), (300, step(-1.2))], minutes=6.0)
    assert len(sea.alerts("CLOCK_OFFSET")) == 1
    assert 175 < alerted_s(sea, "CLOCK_OFFSET")[0] < 245
    assert sea.alerts("RESUMED")
    assert [at for at in called_s(sea, "/trade/") if 245 < at < 300] == []
    assert any(at > 301 for at in placed_s(sea))


def test_F71_time_never_goes_back_when_the_server_says_so():
    """A server clock that jumps back stops what is signed with it; bars and facts stay in the order of time."""
    sea = sail_steady("binance_usdm", strike("F71", 170, 60))
    assert sea.struck("F71")
    bars = [int(row["venue_ts_ns"]) for _, row in told(sea, FactKind.BAR)]
    assert bars == sorted(set(bars))
    times = [now_ns for now_ns, _ in sea.journal() if now_ns > START_NS + 61 * S]
    assert times == sorted(times)
    assert any(at > 235 for at in placed_s(sea))


def after(sea, at_s):
    """Return the lines of the trace from a time on."""
    return [line for line in sea.trace if int(line.split(maxsplit=1)[0]) > START_NS + at_s * S]


def test_F73_an_expired_listen_key_is_replaced_and_the_account_read():
    """A new key, a new socket; until the account was read again nothing new is opened, and what ended meanwhile is
    known within seconds."""
    sea = sail_steady("binance_usdm", strike("F73", 170, 60))
    assert sea.struck("F73") == 1
    assert any("POST" in line and "listenKey" in line for line in after(sea, 180))
    states = [(at, row["code"]) for at, row in told(sea, FactKind.STREAM) if 180 <= at < 235]
    assert states[0][1] == StreamCode.DOWN
    assert states[-1][1] == StreamCode.UP
    assert states[-1][0] < 195
    assert any(at > 239 for at in placed_s(sea))


def test_F74_a_refused_time_stamp_is_measured_and_asked_again():
    """The request was not taken: it is known not to be sent, the clock is measured, and it is wanted anew."""
    sea = sail_steady("binance_usdm", strike("F74", 179, 60, count=5))
    assert sea.struck("F74") == 5
    unsent = [at for at, _ in told(sea, FactKind.NOT_SENT)]
    assert 180 < min(unsent) < 182
    assert sea.alerts("ORDER_UNKNOWN") == []
    assert any(at > 239 for at in placed_s(sea))
