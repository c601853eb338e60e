"""The page about adding a venue names every table that knows one that is traded, and nothing that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.exchange import CLIENTS
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.names import ABILITIES, NO_PRACTICE

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "tradewind"
TEXT = (ROOT / "docs" / "howto" / "add-a-venue.md").read_text(encoding="utf-8")


def test_every_module_that_has_a_row_for_a_venue_is_named():
    rows = re.compile(r'^    "blofin_swap": |\("binance_usdm", .*"blofin_swap"\)|BLOFIN_SWAP\)', re.MULTILINE)
    rooms = (SOURCE / "config", SOURCE / "market", SOURCE / "venues")
    found = {
        path.relative_to(SOURCE).as_posix()
        for room in rooms
        for path in room.rglob("*.py")
        if rows.search(path.read_text(encoding="utf-8"))
    }
    assert len(found) >= 5
    assert {name for name in found if name not in TEXT} == set()


def test_every_file_and_name_on_the_page_is_there():
    for name in re.findall(r"`((?:config|venues)/[a-z_/]+\.py)`", TEXT):
        assert (SOURCE / name).is_file(), name
    for table, file in re.findall(r"^\| `([A-Z_]+)` \| `([a-z_/]+\.py)` \|", TEXT, re.MULTILINE):
        assert re.search(rf"^{table}\b", (SOURCE / file).read_text(encoding="utf-8"), re.MULTILINE), table


def test_what_can_be_done_at_a_venue_is_what_the_tables_say():
    for word, table in (("data", STREAMS), ("trade", DIALECTS), ("fake", FAKE_VENUES)):
        assert {venue for venue, able in ABILITIES.items() if word in able} == set(table), word


def test_venues_without_practice_money_are_those_that_ccxt_reaches_none_at():
    assert {venue for venue in DIALECTS if not CLIENTS[venue].demo} == NO_PRACTICE
