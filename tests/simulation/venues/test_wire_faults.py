"""What goes wrong on the way to a fake venue, as an unmodified client meets it; and what is true at the venue then."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

from tradewind.testing.virtual_venues import START_NS, Login, run_world
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.fake.orders import Placement

VENUE = "binance_usdm"
SYMBOL = "BTC/USDT:USDT"
ID = "BTCUSDT"
SECOND = 1_000_000_000


def plan(fault, *, count=1, at_s=5.0, lasts_s=60.0, pattern="*", **args):
    strike = Strike(
        START_NS + int(at_s * SECOND),
        fault,
        pattern,
        duration_ns=int(lasts_s * SECOND),
        count=count,
        args=args,
    )
    return {VENUE: Misfortunes([strike])}


def away(world, ratio="0.98"):
    """Return a price that rests."""
    return float((world.exchanges[VENUE].last(ID) * Decimal(ratio)).quantize(Decimal("0.1")))


async def ready(world, **config):
    """Return a client with its markets, after the plan has begun."""
    client = world.client(VENUE, **config)
    await client.load_markets()
    await asyncio.sleep(6)
    return client


def requests(world, what):
    return [entry for entry in world.exchanges[VENUE].record.of("request") if entry["request"] == what]


async def submit(world, **config):
    """Send one resting order; return (what it raised or returned, ids open at the venue, requests taken)."""
    client = await ready(world, **config)
    try:
        result = await client.create_order(
            SYMBOL, "limit", "buy", 0.01, away(world), {"clientOrderId": "one"}
        )
    except ccxt.BaseError as error:
        result = error
    working = [order.placement.client_id for order in world.account(VENUE).open_orders()]
    return result, working, len(requests(world, "POST /fapi/v1/order"))


@pytest.mark.parametrize(
    ("fault", "args", "raised"),
    [
        ("F02", {}, ccxt.ExchangeNotAvailable),
        ("F03", {"late_s": 30.0}, ccxt.RequestTimeout),
        ("F04", {"status": 504}, ccxt.RequestTimeout),
        ("F04", {"status": 502}, ccxt.ExchangeNotAvailable),
        ("F26", {"live": 1.0}, ccxt.OperationFailed),
        ("F29", {}, ccxt.ExchangeNotAvailable),
    ],
)
def test_an_order_whose_answer_is_lost_is_live(fault, args, raised):
    result, working, taken = run_world(submit, seed=1, misfortunes=plan(fault, **args))
    assert isinstance(result, raised)
    assert (working, taken) == (["one"], 1)


@pytest.mark.parametrize("form", [1, 2, 3, 4, 5, 6])
def test_an_order_answered_with_garbage_is_live_and_has_no_id(form):
    result, working, _ = run_world(submit, seed=1, misfortunes=plan("F05", form=form))
    assert result["id"] is None
    assert working == ["one"]


@pytest.mark.parametrize(
    ("fault", "raised", "says"),
    [
        ("F21", ccxt.AuthenticationError, "-2015"),
        ("F22", ccxt.DDoSProtection, "429"),
        ("F23", ccxt.DDoSProtection, "banned until"),
        ("F24", ccxt.DDoSProtection, "-1015"),
        ("F74", ccxt.InvalidNonce, "-1021"),
    ],
)
def test_an_order_that_the_venue_turns_away_is_not_there(fault, raised, says):
    result, working, taken = run_world(submit, seed=1, misfortunes=plan(fault))
    assert isinstance(result, raised)
    assert says in str(result)
    assert (working, taken) == ([], 0)


def test_half_of_the_unknown_ones_are_not_there():
    result, working, taken = run_world(submit, seed=1, misfortunes=plan("F26", live=0.0))
    assert isinstance(result, ccxt.OperationFailed)
    assert (working, taken) == ([], 0)


@pytest.mark.parametrize(("form", "cause"), [(1, "refused"), (2, "name"), (3, "certificate")])
def test_an_order_whose_dial_fails_was_never_sent(form, cause):
    result, working, taken = run_world(
        submit, seed=1, misfortunes=plan("F01", pattern="/fapi/v1/order", form=form)
    )
    assert isinstance(result, ccxt.ExchangeNotAvailable)
    assert cause in str(result.__cause__)
    assert (working, taken) == ([], 0)


def test_the_headers_say_how_long_to_wait():
    async def work(world):
        client = await ready(world)
        told = []
        for _ in range(2):
            with pytest.raises(ccxt.DDoSProtection):
                await client.fetch_balance()
            told.append(client.last_response_headers["Retry-After"])
        await asyncio.sleep(125)
        await client.fetch_balance()
        told.append(client.last_response_headers["X-MBX-USED-WEIGHT-1M"])
        return told

    # The ban outlasts the misfortune that began it: the second request is banned by the venue's own memory.
    first, second, used = run_world(work, seed=1, misfortunes=plan("F23", retry_s=100.0))
    assert 95 <= int(second) <= int(first) == 100
    assert used == "5"


def test_a_cancel_whose_answer_is_lost_is_sent_again_by_the_http_layer():
    async def work(world):
        client = await ready(world)
        order = await client.create_order(SYMBOL, "limit", "buy", 0.01, away(world))
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(order["id"], SYMBOL)
        state = world.account(VENUE).order(ID, order_id=int(order["id"])).state
        return len(requests(world, "DELETE /fapi/v1/order")), state

    assert run_world(work, seed=1, misfortunes=plan("F06")) == (2, "canceled")


def test_reads_may_take_half_a_minute():
    async def work(world):
        client = await ready(world, timeout=60_000)
        before = world.loop.time()
        await client.fetch_balance()
        return world.loop.time() - before

    assert run_world(work, seed=1, misfortunes=plan("F07", late_s=30.0)) > 30


def test_rest_can_be_dead_while_events_arrive():
    async def work(world):
        client = await ready(world)
        heard = []

        async def listen():
            while True:
                heard.extend(await client.watch_trades(SYMBOL))

        listening = asyncio.ensure_future(listen())
        with pytest.raises(ccxt.RequestTimeout):
            await client.fetch_balance()
        listening.cancel()
        return len(heard)

    assert run_world(work, seed=1, misfortunes=plan("F08", count=0)) > 20


# ---------------------------------------------------------------------- streams


class Ear:
    """A plain WebSocket client that keeps what it hears with the time."""

    def __init__(self, world, url):
        self.world, self.url = world, url
        self.heard, self.closed = [], None

    async def listen(self, subscribe=None, seconds=30.0):
        async with self.world.session().ws_connect(self.url, max_msg_size=1 << 24) as socket:
            if subscribe:
                await socket.send_json({"method": "SUBSCRIBE", "params": subscribe, "id": 1})
            end = self.world.loop.time() + seconds
            while (left := end - self.world.loop.time()) > 0 and not socket.closed:
                try:
                    message = await socket.receive(timeout=left)
                except TimeoutError:
                    break
                if message.type.name == "TEXT":
                    self.heard.append((self.world.loop.time(), message.data))
            self.closed = socket.close_code
        return self

    def rows(self, event):
        found = []
        for _, text in self.heard:
            try:
                row = json.loads(text)
            except ValueError:
                continue
            if isinstance(row, dict) and row.get("e") == event:
                found.append(row)
        return found


def public(world, *streams, **more):
    ear = Ear(world, "wss://fstream.binance.com/public/ws/1")
    return ear.listen([f"btcusdt@{stream}" for stream in streams], **more)


async def marks(world):
    return await public(world, "markPrice@1s")


def test_a_public_stream_falls_silent_while_its_socket_lives():
    ear = run_world(marks, seed=1, misfortunes=plan("F10", lasts_s=15.0))
    stamps = [row["E"] for row in ear.rows("markPriceUpdate")]
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    assert 14_000 <= max(gaps) <= 17_000
    assert sorted(gaps)[len(gaps) // 2] == 1000


def test_the_server_closes_a_socket():
    ear = run_world(marks, seed=1, misfortunes=plan("F11", code=1001))
    assert (ear.closed, len(ear.heard)) == (1001, 6)


def test_a_frame_can_come_twice():
    ear = run_world(marks, seed=1, misfortunes=plan("F14"))
    stamps = [row["E"] for row in ear.rows("markPriceUpdate")]
    assert len(stamps) == len(set(stamps)) + 1


@pytest.mark.parametrize("form", [1, 2, 3, 4])
def test_a_frame_can_be_malformed(form):
    ear = run_world(marks, seed=1, misfortunes=plan("F13", form=form))
    odd = [text for _, text in ear.heard if '"p":"NaN"' in text or not text.endswith("}")]
    assert len(odd) == 1


def test_a_book_can_have_a_gap():
    async def work(world):
        return await public(world, "depth@100ms")

    books = run_world(work, seed=1, misfortunes=plan("F17")).rows("depthUpdate")
    broken = [one for one, next_one in pairwise(books) if next_one["pu"] != one["u"]]
    assert len(broken) == 1


def test_a_snapshot_can_be_older_than_the_first_change():
    async def work(world):
        client = await ready(world)
        first = await client.fapiPublicGetDepth({"symbol": ID, "limit": 5})
        second = await client.fapiPublicGetDepth({"symbol": ID, "limit": 5})
        return int(second["lastUpdateId"]) - int(first["lastUpdateId"])

    assert run_world(work, seed=1, misfortunes=plan("F18", pattern="*depth")) >= 5_000


def test_a_frame_of_an_unknown_symbol_can_come():
    ear = run_world(marks, seed=1, misfortunes=plan("F19"))
    assert [row["s"] for row in ear.rows("markPriceUpdate")].count("ZZZBTCUSDT") == 1


def test_a_frame_of_ten_megabytes_or_a_burst_can_come():
    sizes = set()
    for seed in range(4):
        misfortunes = {VENUE: Misfortunes([Strike(START_NS + 5 * SECOND, "F20")], seed=seed)}
        ear = run_world(marks, seed=1, misfortunes=misfortunes)
        longest = max(len(text) for _, text in ear.heard)
        sizes.add("large" if longest > 9_000_000 else "many" if len(ear.heard) > 5_000 else "none")
    assert sizes == {"large", "many"}


@pytest.mark.parametrize("form", [1, 2, 3, 4, 5])
def test_a_price_can_be_impossible(form):
    ear = run_world(marks, seed=1, misfortunes=plan("F58", form=form))
    said = {row["p"] for row in ear.rows("markPriceUpdate")} & {"0", "-1", "NaN", "1000000000000", "null"}
    assert len(said) == 1


def test_dials_of_sockets_can_fail():
    async def work(world):
        client = await ready(world)
        failures = 0
        for _ in range(4):
            try:
                await client.watch_mark_price(SYMBOL)
            except ccxt.NetworkError:
                failures += 1
        return failures

    assert run_world(work, seed=1, misfortunes=plan("F12", count=3)) == 3


def test_pongs_can_stop():
    async def work(world):
        client = await ready(world, streaming={"keepAlive": 5_000})
        await client.watch_mark_price(SYMBOL)
        world.server.stop_pongs()
        begun = world.loop.time()

        async def listen():
            while True:
                await client.watch_mark_price(SYMBOL)

        with pytest.raises(ccxt.RequestTimeout):
            await listen()
        return world.loop.time() - begun

    # A ping each 5 s, and two may be missed.
    assert 10 <= run_world(work, seed=1) <= 20


async def user_stream(world):
    client = await ready(world)
    key = (await client.fapiPrivatePostListenKey())["listenKey"]
    ear = Ear(world, f"wss://fstream.binance.com/private/ws?listenKey={key}")

    async def trade():
        for number in range(10):
            await asyncio.sleep(2)
            await client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": f"m{number}"})

    trading = asyncio.ensure_future(trade())
    await ear.listen()
    await trading
    return ear


def test_a_user_stream_falls_silent():
    ear = run_world(user_stream, seed=1, misfortunes=plan("F09", lasts_s=13.0))
    told = {row["o"]["c"] for row in ear.rows("ORDER_TRADE_UPDATE")}
    assert "m0" not in told
    assert "m9" in told


def test_a_listen_key_expires_and_nothing_more_is_told():
    ear = run_world(user_stream, seed=1, misfortunes=plan("F73", at_s=12.0))
    events = [json.loads(text)["e"] for _, text in ear.heard]
    assert "ORDER_TRADE_UPDATE" in events
    assert events.index("listenKeyExpired") >= len(events) - 2


def test_a_listen_key_that_nobody_renews_expires_after_an_hour():
    async def work(world):
        client = world.client(VENUE)
        key = (await client.fapiPrivatePostListenKey())["listenKey"]
        ear = Ear(world, f"wss://fstream.binance.com/private/ws?listenKey={key}")
        await ear.listen(seconds=3700)
        return [(round(at), json.loads(text)["e"]) for at, text in ear.heard]

    ((at, event),) = run_world(work, seed=1)
    assert event == "listenKeyExpired"
    assert 3599 <= at <= 3603


def test_a_socket_ends_after_a_day_and_is_pinged_until_then():
    async def work(world):
        ear = Ear(world, "wss://fstream.binance.com/public/ws/1")
        await ear.listen(seconds=90_000)
        return ear.closed, world.loop.time()

    closed, at = run_world(work, seed=1)
    assert closed == 1001
    assert 86_399 <= at <= 86_402


# ---------------------------------------------------------------------- the venue's own rules of access


def test_only_who_signs_in_time_is_heard():
    async def work(world):
        client = world.client(VENUE)
        await client.load_markets()
        said = []
        for change in (
            {"secret": "wrong"},
            {"apiKey": "nobody"},
            {"nonce": lambda: client.milliseconds() - 20_000},
            {"nonce": lambda: client.milliseconds() + 5_000},
        ):
            kept = {name: getattr(client, name) for name in change}
            for name, value in change.items():
                setattr(client, name, value)
            with pytest.raises(ccxt.BaseError) as caught:
                await client.fetch_balance()
            said.append((type(caught.value).__name__, json.loads(str(caught.value).split(" ", 1)[1])["code"]))
            for name, value in kept.items():
                setattr(client, name, value)
        return said

    assert run_world(work, seed=1) == [
        ("AuthenticationError", -1022),
        ("AuthenticationError", -2015),
        ("InvalidNonce", -1021),
        ("InvalidNonce", -1021),
    ]


def test_a_key_is_good_from_its_addresses_only():
    async def work(world):
        client = world.client(VENUE)
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await client.fetch_balance()

    run_world(work, seed=1, logins=(Login(ips=("203.0.113.7",)),))


def test_weight_is_counted_and_who_goes_on_is_banned():
    async def work(world):
        client = world.client(VENUE)
        said = []
        for number in range(100):
            try:
                await client.fapiPrivateGetIncome()
            except ccxt.DDoSProtection as error:
                said.append((number, str(error)[:16], client.last_response_headers["Retry-After"]))
        return said

    said = run_world(work, seed=1)
    # 2,400 a minute at 30 each: the 81st is one too many, and twenty more are a ban.
    assert said[0][0] == 80
    assert [status for _, status, _ in said] == ["binanceusdm 429 "] * 20
    assert 1 <= int(said[0][2]) <= 60


def test_orders_are_counted_by_account():
    async def work(world):
        client = world.client(VENUE)
        await client.load_markets()
        one = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.002, "price": away(world)}
        taken = 0
        for _ in range(60):
            taken += len(await client.create_orders([one] * 5))
            await client.cancel_all_orders(SYMBOL)
        with pytest.raises(ccxt.DDoSProtection, match="-1015"):
            await client.create_orders([one] * 5)
        return taken, client.last_response_headers["X-MBX-ORDER-COUNT-10S"]

    assert run_world(work, seed=1, latency_s=(0.0005, 0.001)) == (300, "305")


def test_somebody_else_is_not_heard():
    async def work(world):
        client = world.client(VENUE, "main")
        other = world.client(VENUE, "other")
        await client.load_markets()
        await other.load_markets()
        order = await client.create_order(SYMBOL, "limit", "buy", 0.01, away(world))
        with pytest.raises(ccxt.OrderNotFound):
            await other.fetch_order(order["id"], SYMBOL)
        world.account(VENUE, "other").place(Placement(ID, "buy", "market", Decimal("0.01")))
        return await client.fetch_positions([SYMBOL]), len(await other.fetch_positions([SYMBOL]))

    logins = (Login(), Login("other", "key-of-other", "secret-of-other"))
    assert run_world(work, seed=1, logins=logins) == ([], 1)
