"""A newer tradewind goes on with what an older one left at an exchange (F91)."""

import asyncio

import tradewind.live.opening as opening
from tradewind.journal import JournalReader
from tradewind.journal.bodies import LAYOUTS
from tradewind.testing.logbook import orders_of, placed_s
from tradewind.testing.steady import sail_steady
from tradewind.testing.venue_live import FOLDER

OLDER = LAYOUTS | {
    "REQUEST": tuple(("hidden" if name == "show_lot" else name, form) for name, form in LAYOUTS["REQUEST"])
}
"""As if requests had had another field where they have `show_lot` now, which no order here makes use of."""


def test_F91_an_upgrade_with_open_orders_goes_on_with_them(monkeypatch):
    """The journal says in which layout it was written: records of an older one are read by their names, orders and
    positions are known, and what is written from then on says the new layout."""
    monkeypatch.setattr(opening, "LAYOUTS", OLDER)

    async def upgrade(deck):
        deck.process.kill()
        await asyncio.sleep(0.1)
        monkeypatch.setattr(opening, "LAYOUTS", LAYOUTS)

    sea = sail_steady("binance_usdm", acts=[(200, upgrade)], minutes=6.0)
    assert sea.life.ends == ["killed"]
    headers = JournalReader(sea.life.disk, FOLDER).headers
    written = [{name for name, _ in header.layouts["REQUEST"]} & {"hidden", "show_lot"} for header in headers]
    assert written[0] == {"hidden"}
    assert written[-1] == {"show_lot"}
    placed = [entry["client_id"] for entry in orders_of(sea, cause="placed")]
    assert len(placed) == len(set(placed))
    assert any(at > 239 for at in placed_s(sea, reduces=False))
    assert any(359 < at < 370 for at in placed_s(sea, reduces=True))
