"""Keys, clocks and limits of the fake BloFin, OKX and Bybit: what each venue insists on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tradewind.testing.still_orders import PLACING, POSITIONS, code_of, order, place, read
from tradewind.testing.still_venues import KEY, StillVenue

VENUES = ("blofin_swap", "okx_swap", "bybit_linear")


@pytest.fixture(params=VENUES)
def still(request):
    return StillVenue(request.param)


# ---------------------------------------------------------------------- keys and clocks

WRONG_HEADERS = {
    "blofin_swap": {
        "access-key": "152401",
        "access-passphrase": "152408",
        "access-sign": "152409",
        "access-timestamp": "152410",
    },
    "okx_swap": {
        "ok-access-key": "50111",
        "ok-access-passphrase": "50105",
        "ok-access-sign": "50113",
        "ok-access-timestamp": "50112",
    },
    "bybit_linear": {"x-bapi-api-key": "10003", "x-bapi-sign": "10004", "x-bapi-timestamp": "10001"},
}


def test_a_request_that_is_not_signed_right_is_refused(still):
    assert code_of(read(still).data) == "0"
    for header, code in WRONG_HEADERS[still.venue].items():
        reply = read(still, headers={header: "wrong"})
        assert code_of(reply.data) == code
        assert reply.status == (200 if still.venue == "bybit_linear" else 401)
    signed_for_another = still.ask("POST", PLACING[still.venue], order(still), signed=False)
    assert code_of(signed_for_another.data) != "0"
    assert still.account.open_orders() == []


def test_a_body_that_was_changed_on_the_way_is_refused(still):
    call = still.signed("POST", PLACING[still.venue], order(still))
    changed = replace(call, body=call.body + b" ")
    assert code_of(still.protocol.answer(changed).data) in ("152409", "50113", "10004")
    assert still.account.open_orders() == []
    assert code_of(still.protocol.answer(call).data) == "0"


def test_a_request_of_another_time_is_refused(still):
    window_s = {"blofin_swap": 60.0, "okx_swap": 30.0, "bybit_linear": 5.0}[still.venue]
    call = still.signed("GET", *POSITIONS[still.venue])
    still.live(window_s - 0.1)
    assert code_of(still.protocol.answer(still.now(call)).data) == "0"
    call = still.signed("GET", *POSITIONS[still.venue])
    still.live(window_s + 0.1)
    assert code_of(still.protocol.answer(still.now(call)).data) in ("152405", "50102", "10002")


def test_a_nonce_of_blofin_is_good_once_a_minute():
    still = StillVenue("blofin_swap")
    call = still.signed("GET", *POSITIONS[still.venue])
    assert code_of(still.protocol.answer(call).data) == "0"
    assert code_of(still.protocol.answer(call).data) == "152407"


def test_an_order_of_okx_past_its_own_deadline_is_not_taken():
    still = StillVenue("okx_swap")
    for deadline_ms, code in ((1_000, "0"), (-1_000, "50036")):
        deadline = {"exptime": str(still.now_ns // 1_000_000 + deadline_ms)}
        reply = still.ask("POST", PLACING[still.venue], order(still), headers=deadline)
        assert code_of(reply.data) == code
    assert len(still.account.open_orders()) == 1


def test_a_key_is_good_in_its_own_world_only():
    for venue, host, codes in (
        ("blofin_swap", "demo-trading-openapi.blofin.com", ("152401", "0")),
        ("bybit_linear", "api-demo.bybit.com", ("10003", "0")),
    ):
        still = StillVenue(venue, demo_keys=frozenset({KEY}))
        assert code_of(read(still).data) == codes[0]
        call = still.signed("GET", *POSITIONS[venue])
        assert code_of(still.protocol.answer(replace(call, host=host)).data) == codes[1]
    still = StillVenue("okx_swap", demo_keys=frozenset({KEY}))
    assert code_of(read(still).data) == "50101"
    assert code_of(read(still, headers={"x-simulated-trading": "1"}).data) == "0"


def test_permissions_addresses_and_revocation(still):
    still.account.permissions = frozenset({"read"})
    assert code_of(place(still)) in ("152404", "50120", "10005")
    assert code_of(read(still).data) == "0"
    still.account.permissions = frozenset({"read", "trade", "withdraw"})
    key = {
        "blofin_swap": ("/api/v1/user/query-apikey", lambda said: said["data"]["permissions"]),
        "okx_swap": ("/api/v5/account/config", lambda said: said["data"][0]["perm"].split(",")),
        "bybit_linear": ("/v5/user/query-api", lambda said: said["result"]["permissions"]["Wallet"]),
    }[still.venue]
    assert {"withdraw", "Withdraw"} & set(key[1](still.get(key[0])))
    still.account.ips = ("10.0.0.9",)
    assert code_of(read(still).data) in ("152406", "50110", "10010")
    assert code_of(read(still, peer="10.0.0.9").data) == "0"
    still.account.ips = ()
    still.account.key_valid = False
    assert code_of(read(still).data) in ("152401", "50111", "10003")


# ---------------------------------------------------------------------- limits


def test_requests_beyond_the_limit_are_refused_and_counted(still):
    most = {"blofin_swap": 30, "okx_swap": 60, "bybit_linear": 10}[still.venue]
    replies = [still.ask("POST", PLACING[still.venue], order(still)) for _ in range(most + 1)]
    codes = [code_of(reply.data) for reply in replies]
    assert set(codes[:-1]) == {"0"}
    assert codes[-1] in ("429", "50011", "10006")
    assert replies[-1].status == (200 if still.venue == "bybit_linear" else 429)
    assert len(still.account.open_orders()) == most
    still.live(10)
    assert code_of(place(still)) == "0"


def test_bybit_says_how_much_of_the_limit_is_left():
    still = StillVenue("bybit_linear")
    headers = [still.ask("POST", PLACING[still.venue], order(still)).headers for _ in range(11)]
    assert [int(each["X-Bapi-Limit-Status"]) for each in headers] == [*range(9, -1, -1), 0]
    assert headers[0]["X-Bapi-Limit"] == "10"
    assert int(headers[-1]["X-Bapi-Limit-Reset-Timestamp"]) > still.now_ns // 1_000_000
    for _ in range(600):
        reply = still.protocol.answer(still.unsigned("/v5/market/time"))
    assert (reply.status, reply.data["retCode"]) == (403, 10018)


def test_a_batch_counts_each_of_its_orders():
    still = StillVenue("bybit_linear")
    body = {"category": "linear", "request": [order(still) for _ in range(9)]}
    assert code_of(still.post("/v5/order/create-batch", body)) == "0"
    assert code_of(still.post("/v5/order/create-batch", body)) == "10006"
