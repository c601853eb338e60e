"""What an answer proves, on answers that real ccxt has read: each code of each venue, and what proves nothing."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tradewind.testing.wire_recorder import Reply, run_at_post
from tradewind.units.enums import BUY, LONG, IntentKind, Rule
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.classification import judge, rule_named
from tradewind.venues.ccxt.dialect import Meaning
from tradewind.venues.gateway import NewOrder, OrderRef, OutcomeKind

ORDER = NewOrder(0, 7 << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)
REF = OrderRef(0, 7 << 20)
IN_ROW = {"okx_swap": "sCode", "blofin_swap": "code"}
SPEAKS_AS = {"binance_spot": "binance_usdm", "bybit_spot": "bybit_linear", "okx_spot": "okx_swap"}
"""Venues whose answers have the form of another's."""


def errors_of(venue):
    """Return the rows of a venue's codes that stand for one thing each; of the others `test_spot` speaks."""
    rows = DIALECTS[venue].errors
    codes = [row.code for row in rows]
    return [row for row in rows if codes.count(row.code) == 1]


def sentence_of(words):
    """Write an error as Hyperliquid does: a sentence about one order, or about the whole request."""
    if words == "unknownOid":
        return Reply({"status": words})
    if words.startswith(("User or", "Too many")):
        return Reply({"status": "err", "response": f"{words}0x2a does not exist (5 > 4)."})
    row = {"error": f"{words} asset=0"}
    return Reply({"status": "ok", "response": {"type": "order", "data": {"statuses": [row]}}})


def body_of(venue, code):
    """Write an error as its venue does: OKX names request errors outside and order errors within."""
    venue = SPEAKS_AS.get(venue, venue)
    if venue == "binance_usdm":
        said = "No need to change margin type." if code == "-4046" else "what it says"
        return Reply({"code": int(code), "msg": said}, status=400)
    if venue == "bitget_swap":
        return Reply({"code": code, "msg": "what it says", "requestTime": 1, "data": None}, status=400)
    if venue == "kucoin":
        return Reply({"code": code, "msg": "what it says"})
    if venue == "hyperliquid":
        return sentence_of(code)
    if venue == "gate_swap":
        return Reply({"label": code, "message": "what it says"}, status=400)
    if venue == "bybit_linear":
        return Reply({"retCode": int(code), "retMsg": "what it says", "result": {}, "time": 1})
    if (venue == "okx_swap" and code.startswith("50")) or code == "429":
        return Reply({"code": code, "msg": "what it says", "data": []})
    row = {"ordId": "", "clOrdId": "", "orderId": None, IN_ROW[venue]: code, "sMsg": "", "msg": ""}
    return Reply({"code": "1", "msg": "All operations failed", "data": [row]})


async def ready(post):
    gateway = post.gateway()
    await gateway.measure_clock()
    return gateway


def ask(venue, replies, asking=lambda gateway: gateway.create([ORDER])):
    """Return, by name, the outcome of a request that is answered so and how many requests were sent."""

    async def work(post):
        gateway, found = await ready(post), {}
        for name, reply in replies.items():
            post.requests.clear()
            post.answer = lambda _, told=reply: told
            outcome = await asking(gateway)
            found[name] = (outcome[0] if isinstance(outcome, list) else outcome, len(post.requests))
            # Whatever the venue wanted to be left alone for is over.
            await asyncio.sleep(300)
        return found

    return run_at_post(venue, work)


def raised_by_ccxt(venue, replies):
    """Return the class that ccxt raises for each answer to a new order."""

    async def work(post):
        gateway = await ready(post)
        found = {}
        for code, reply in replies.items():
            post.answer = lambda _, told=reply: told
            wire = gateway._wire
            spelled = gateway._speller.create(ORDER, gateway._listings[0].instrument)
            params = [spelled.fields] if spelled.call.wrap else spelled.fields
            answer = await wire._send(spelled.call, params)
            found[code] = type(answer.error).__name__
        return found

    return run_at_post(venue, work)


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_ccxt_raises_the_class_that_the_table_names(venue):
    rows = errors_of(venue)
    found = raised_by_ccxt(venue, {row.code: body_of(venue, row.code) for row in rows})
    hidden = {"ExchangeError"} if venue == "blofin_swap" else set()
    wrong = {row.code: (found[row.code], row.ccxt_class) for row in rows}
    wrong = {code: pair for code, pair in wrong.items() if pair[0] not in {pair[1], *hidden}}
    assert wrong == {}


def test_blofins_codes_within_are_of_the_class_that_the_table_names_where_ccxt_sees_them():
    """It looks at the row only where the answer as a whole is fine."""
    rows = [row for row in DIALECTS["blofin_swap"].errors if row.code != "429"]
    replies = {
        row.code: Reply({"code": "0", "msg": "", "data": [{"code": row.code, "msg": "what it says"}]})
        for row in rows
    }
    found = raised_by_ccxt("blofin_swap", replies)
    assert {row.code: row.ccxt_class for row in rows} == found


KINDS = {
    Meaning.REJECTED: OutcomeKind.REJECTED,
    Meaning.CLOSED: OutcomeKind.REJECTED,
    Meaning.REDUCE_ONLY: OutcomeKind.REJECTED,
    Meaning.KEY: OutcomeKind.REJECTED,
    Meaning.CLOCK: OutcomeKind.NOT_SENT,
    Meaning.RATE: OutcomeKind.NOT_SENT,
    Meaning.DONE: OutcomeKind.ACCEPTED,
    Meaning.GONE: OutcomeKind.UNKNOWN,
    Meaning.DUPLICATE: OutcomeKind.UNKNOWN,
    Meaning.OUTAGE: OutcomeKind.UNKNOWN,
    Meaning.DOUBT: OutcomeKind.UNKNOWN,
}


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_a_code_on_the_list_proves_what_the_list_says(venue):
    # That nothing is left to change is no answer to an order.
    rows = [row for row in errors_of(venue) if row.meaning is not Meaning.DONE]
    found = ask(venue, {row.code: body_of(venue, row.code) for row in rows})
    for row in rows:
        outcome, _ = found[row.code]
        assert (outcome.kind, outcome.rule) == (KINDS[row.meaning], rule_named(row.rule)), row.code
        assert row.code.strip() in outcome.text


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_a_code_that_nobody_knows_proves_nothing(venue):
    for outcome, _ in ask(venue, {code: body_of(venue, code) for code in ("-99999", "99999")}).values():
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert bool(outcome.fence_ns) == bool(DIALECTS[venue].fence)


GARBAGE = {
    "html": Reply("<html>busy</html>"),
    "empty": Reply(""),
    "no order": Reply({}),
    "a list": Reply([]),
    "null": Reply("null"),
    "cut": Reply('{"orderId": 12, "clientOr'),
    "502": Reply("bad gateway", status=502),
    "504": Reply("gateway timeout", status=504),
    "503 unknown": Reply({"code": -1000, "msg": "Unknown error, please check your request"}, status=503),
    "reset": Reply(cut=True),
    "500": Reply({"code": "500", "msg": "Internal Server Error"}, status=500),
}


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_an_answer_that_names_no_order_proves_nothing_and_is_not_asked_for_again(venue):
    for name, (outcome, sent) in ask(venue, GARBAGE).items():
        assert (outcome.kind, sent) == (OutcomeKind.UNKNOWN, 1), name


def test_binances_unknown_outcomes_are_unknown():
    codes = (-1000, -1001, -1006, -1007, -1008)
    replies = {code: Reply({"code": code, "msg": "what it says"}, status=503) for code in codes}
    for code, (outcome, _) in ask("binance_usdm", replies).items():
        assert outcome.kind is OutcomeKind.UNKNOWN, code


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_an_order_named_by_somebody_elses_id_is_not_ours(venue):
    named = {
        "orderId": "5",
        "ordId": "5",
        "algoId": "5",
        "clientOrderId": "x",
        "clOrdId": "x",
        "orderLinkId": "x",
    }
    bodies = {
        "binance_usdm": named,
        "bybit_linear": {"retCode": 0, "result": named},
        "okx_swap": {"code": "0", "data": [named | {"sCode": "0"}]},
        "blofin_swap": {"code": "0", "data": [named | {"code": "0"}]},
        "gate_swap": {"id": 5, "text": "t-x", "status": "open"},
        "hyperliquid": {
            "status": "ok",
            "response": {
                "type": "order",
                "data": {"statuses": [{"resting": {"oid": 5, "cloid": f"0x{5:032x}"}}]},
            },
        },
        "bitget_swap": {"code": "00000", "msg": "success", "data": {"orderId": "5", "clientOid": "x"}},
        "kucoin": {"code": "200000", "data": {"orderId": "5", "clientOid": "x"}},
    }
    outcome, _ = ask(venue, {"named": Reply(bodies[SPEAKS_AS.get(venue, venue)])})["named"]
    assert outcome.kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("venue", sorted(DIALECTS))
def test_no_connection_is_proof_that_nothing_was_sent(venue):
    async def work(post):
        gateway, found = await ready(post), []
        for ailment in ("refused", "name", "certificate"):
            post.network.reset()
            await asyncio.sleep(0.5)
            post.network.ail(ailment, 60)
            found += await gateway.create([ORDER])
            await asyncio.sleep(61)
        return found, len(post.requests)

    outcomes, sent = run_at_post(venue, work)
    assert [(o.kind, o.rule) for o in outcomes] == [(OutcomeKind.NOT_SENT, Rule.NOT_SENT)] * 3
    assert sent == 0


def test_the_clock_is_measured_and_the_same_order_sent_once_more():
    """-1021: the venue did not look at it; the same id goes out again, once."""

    async def work(post):
        gateway = await ready(post)
        post.answer = lambda _: body_of("binance_usdm", "-1021")
        outcomes = await gateway.create([ORDER])
        return outcomes[0].kind, [request.body["newClientOrderId"] for request in post.requests]

    kind, ids = run_at_post("binance_usdm", work)
    assert kind is OutcomeKind.NOT_SENT
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_an_order_that_is_gone_when_it_is_cancelled_may_have_been_filled():
    replies = {"gone": body_of("binance_usdm", "-2011")}
    outcome, _ = ask("binance_usdm", replies, lambda gateway: gateway.cancel(REF))["gone"]
    assert outcome.kind is OutcomeKind.UNKNOWN


def test_a_batch_is_judged_row_by_row():
    async def work(post):
        gateway = await ready(post)
        post.answer = lambda request: Reply(
            [
                {"code": -2019, "msg": "Margin is insufficient."},
                {
                    "orderId": 5,
                    "clientOrderId": json.loads(request.body["batchOrders"])[1]["newClientOrderId"],
                },
                {"code": -1000, "msg": "unknown"},
            ]
        )
        orders = [
            NewOrder(0, n << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10) for n in (1, 2, 3)
        ]
        return await gateway.create(orders)

    outcomes = run_at_post("binance_usdm", work)
    assert [outcome.kind for outcome in outcomes] == [
        OutcomeKind.REJECTED,
        OutcomeKind.ACCEPTED,
        OutcomeKind.UNKNOWN,
    ]
    assert outcomes[0].rule == Rule.VENUE_MARGIN


def test_a_batch_whose_answer_has_too_few_rows_proves_nothing():
    async def work(post):
        gateway = await ready(post)
        post.answer = lambda _: Reply([{"orderId": 5}])
        orders = [NewOrder(0, n << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10) for n in (1, 2)]
        return await gateway.create(orders)

    assert {outcome.kind for outcome in run_at_post("binance_usdm", work)} == {OutcomeKind.UNKNOWN}


def batch_outcomes(venue, rows_of, code="0"):
    """Return the outcomes of a batch of two at a venue that puts codes into rows, answered with `rows_of(ids)`."""

    async def work(post):
        gateway = await ready(post)
        ids = [gateway._ids.encode(n << 20) for n in (1, 2)]
        post.answer = lambda _: Reply({"code": code, "msg": "", "data": rows_of(ids)})
        orders = [NewOrder(0, n << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10) for n in (1, 2)]
        return [outcome.kind for outcome in await gateway.create(orders)]

    return run_at_post(venue, work)


@pytest.mark.parametrize("code", ["0", "1", "2"])
def test_an_order_that_was_accepted_beside_a_refused_one_is_not_taken_for_refused(code):
    """ccxt raises for the first row of BloFin's answer, whatever the others say; at OKX for the whole with code 1."""
    refused = {"orderId": None, "clientOrderId": "", "code": "103003", "msg": "Insufficient margin"}
    found = batch_outcomes(
        "blofin_swap", lambda ids: [refused, {"orderId": "5", "clientOrderId": ids[1], "code": "0"}], code
    )
    assert found == [OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]
    refused = {"ordId": "", "clOrdId": "", "sCode": "51008", "sMsg": "Insufficient margin"}
    found = batch_outcomes(
        "okx_swap", lambda ids: [refused, {"ordId": "5", "clOrdId": ids[1], "sCode": "0"}], code
    )
    assert found == [OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]


@pytest.mark.parametrize("code", ["0", "1", "2"])
def test_a_refused_row_says_nothing_of_rows_that_are_missing(code):
    refused = {"orderId": None, "clientOrderId": "", "code": "103003", "msg": "Insufficient margin"}
    assert batch_outcomes("blofin_swap", lambda _: [refused], code) == [OutcomeKind.UNKNOWN] * 2
    refused = {"ordId": "", "clOrdId": "", "sCode": "51008", "sMsg": "Insufficient margin"}
    assert batch_outcomes("okx_swap", lambda _: [refused], code) == [OutcomeKind.UNKNOWN] * 2


def test_a_known_code_of_another_class_proves_nothing():
    """ccxt or the venue has changed: the list is not believed any more."""
    from ccxt.base.errors import OrderNotFound

    found = judge(DIALECTS["binance_usdm"], OrderNotFound("x"), {"code": -2019, "msg": ""})
    assert found.kind is OutcomeKind.UNKNOWN


def test_no_code_is_in_a_table_twice_for_one_class_and_sentence():
    for dialect in DIALECTS.values():
        codes = [(row.code, row.ccxt_class, row.text) for row in dialect.errors]
        assert len(codes) == len(set(codes))


def test_a_lost_reply_is_no_missing_connection():
    error = RuntimeError()
    error.__cause__ = aiohttp.ServerDisconnectedError()
    assert judge(DIALECTS["binance_usdm"], error, None).kind is OutcomeKind.UNKNOWN
