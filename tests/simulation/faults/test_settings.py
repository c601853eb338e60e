"""Settings that turn bad, and the turn of the year, while a session runs (F72, F90)."""

from tradewind.config import load_session
from tradewind.errors import ConfigError
from tradewind.testing.logbook import placed_s
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.steady import sail_steady, steady_world
from tradewind.testing.venue_live import VenueLife
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import Halt

GOOD = """\
strategy = "ema_cross"
accounts = ["main"]
protection = "resting"

[market]
venue = "binance_usdm"
symbols = ["BTCUSDT"]
bars = "1m"

[account]
leverage = 5.0
"""


MINUTE_NS = 60_000_000_000
MIDNIGHT_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC."""
EVE_NS = MIDNIGHT_NS - 7 * MINUTE_NS


class NewYear(VenueLife):
    """A life that begins seven minutes before the year does."""

    @property
    def end_ns(self):
        return EVE_NS + int(self.minutes * MINUTE_NS)


def frugal_world(instrument, seed, *, amends):
    """Return a world in which the first fee is more than may be lost in a day."""
    world = steady_world(instrument, seed, amends=amends)
    world.accounts["loss_day"] = 1e-7
    return world


def test_F72_the_turn_of_the_year_is_one_more_midnight():
    """Time is UTC: bars go on without a gap or a double, and what may be lost in a day begins anew once."""
    life, seen = NewYear("binance_usdm", 13.0, make_world=frugal_world), []

    async def happen(world):
        exchange = world.exchanges["binance_usdm"]
        life.at_end = lambda life, world: seen.append(int(life.world.accounts["halts"][0]))
        await life.live(world)
        placed = [e for e in exchange.record.of("order") if e["cause"] == "placed" and e["kind"] == "market"]
        return [(e["ts_ns"] - MIDNIGHT_NS) / 1e9 for e in placed if not e["reduce_only"]]

    with dropping_the_dead():
        opened = run_world(happen, seed=1, start_ns=EVE_NS)
    assert len([at for at in opened if at < 0]) == 1
    assert len([at for at in opened if at >= 0]) == 1
    assert seen[0] & Halt.LOSS_DAY
    assert life.world.accounts["day_end_ns"][0] == MIDNIGHT_NS + 86_400_000_000_000


def test_F90_a_file_that_turns_bad_changes_nothing_until_the_next_start(tmp_path):
    """A running session keeps the settings it began with; the next process refuses a file with every error shown, and
    starts once it is mended."""
    path = tmp_path / "session.toml"
    path.write_text(GOOD)
    refused = []

    def from_file(instrument, seed, *, amends):
        try:
            leverage = load_session([path]).config.account.leverage
        except ConfigError as error:
            refused.append(error.message)
            raise
        return steady_world(instrument, seed, amends=amends, leverage=leverage)

    acts = [
        (190, lambda deck: path.write_text(GOOD.replace("5.0", '"much"').replace('"1m"', '"1 x"'))),
        (250, lambda deck: deck.process.kill()),
        (290, lambda deck: path.write_text(GOOD)),
    ]
    sea = sail_steady("binance_usdm", acts=acts, life={"make_world": from_file}, minutes=6.0)
    assert any(240 < at < 250 for at in placed_s(sea))
    assert [at for at in placed_s(sea) if 250 < at < 290] == []
    assert any(at > 299 for at in placed_s(sea))
    assert sea.life.ends[0] == "killed"
    assert all("ConfigError" in end or "SETTINGS" in end for end in sea.life.ends[1:])
    assert refused
