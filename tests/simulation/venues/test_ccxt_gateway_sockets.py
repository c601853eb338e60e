"""The gateway over real sockets with TLS, at the fake BloFin: what memory shows holds on a wire."""

from __future__ import annotations

import asyncio
import random
import time
from decimal import Decimal

from tradewind.testing.wire_recorder import keys_for
from tradewind.units.enums import BUY, LONG, IntentKind
from tradewind.venues.ccxt.exchange import CLIENTS, open_session
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.listings import listed
from tradewind.venues.fake.server import FakeServer
from tradewind.venues.fake.sockets import SocketService
from tradewind.venues.fake.spoken import protocol_of
from tradewind.venues.gateway import FillSeen, Listing, NewOrder, OutcomeKind

VENUE = "blofin_swap"


async def traded(folder):
    """Return what was told of an order at market, and what the venue holds after it."""
    exchange, keys = FakeExchange(listed(VENUE), seed=3, clock=time.time_ns), keys_for(VENUE)
    parts = {
        "api_key": keys.api_key.reveal(),
        "secret": keys.secret.reveal(),
        "passphrase": keys.passphrase.reveal(),
    }
    exchange.open_account("main", balances={"USDT": Decimal(100_000)}, **parts)
    server = FakeServer([protocol_of(VENUE, exchange)])
    async with (
        SocketService(server, folder) as address,
        open_session(
            CLIENTS[VENUE].hosts, addresses=address.addresses(), ssl_context=address.ssl_context()
        ) as session,
    ):
        gateway = CcxtTradingGateway(
            TradingSettings(VENUE, "abc123"),
            [Listing(0, listed(VENUE)[0])],
            session,
            keys,
            now_ns=time.time_ns,
            chance=random.Random(1),
        )
        try:
            await gateway.open()
            order = NewOrder(0, 1 << 20, IntentKind.TARGET, BUY, LONG, False, False, 0, 10)
            (outcome,) = await gateway.create([order])
            fills = []
            while not fills:
                fills = [event for event in await gateway.next_events() if isinstance(event, FillSeen)]
        finally:
            await gateway.close()
        return outcome.kind, fills, exchange.accounts[0].positions()[0].qty


def test_an_order_is_sent_filled_and_told_over_tls(tmp_path):
    kind, fills, held = asyncio.run(asyncio.wait_for(traded(tmp_path), 60))
    assert kind is OutcomeKind.ACCEPTED
    assert [(fill.cid, fill.qty_lot) for fill in fills] == [(1 << 20, 10)]
    assert held == listed(VENUE)[0].lot_size * 10
