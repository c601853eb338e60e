"""The spot market of OKX (v5), in the grammar of `dialect`; most of it is said in `okx_swap`.

There are no positions: what the account holds of a coin is the position. Quantities are coins, also of what is bought
at market, which the venue otherwise counts in the money that is spent. Nothing is borrowed: orders are of the mode
"cash". Stops live in the list of algo orders, as those of swaps.
"""

from __future__ import annotations

from dataclasses import replace

from tradewind.venues.ccxt.dialect import Call, Dialect, Meaning, Reading, Stream, Topic, error_rows
from tradewind.venues.ccxt.okx_swap import OKX_SWAP
from tradewind.venues.ccxt.shapes import BalanceShape, FillShape, HoldingShape, OrderShape

__all__ = ["OKX_SPOT"]

_ROWS = ("data", "*")
_ORDER = {"instId": "$symbol", "tdMode": "cash", "side": "$side", "sz": "$qty", "clOrdId": "$client_id"}


def _order(**own: object) -> Call:
    return Call("private", "POST", "trade/batch-orders", {**_ORDER, **own}, _ROWS, wrap="[]", group="order")


_STOP = Call(
    "private",
    "POST",
    "trade/order-algo",
    {
        **_ORDER,
        "algoClOrdId": "$client_id",
        "ordType": "conditional",
        "slTriggerPx": "$trigger",
        "slOrdPx": "-1",
        "slTriggerPxType": "$trigger_by",
    },
    _ROWS,
    group="algo",
)


def _reading(reading: Reading) -> Reading:
    """Return a list of the swaps about the spot market, its archive too."""
    call = replace(reading.call, fields={**reading.call.fields, "instType": "SPOT"})
    archive = _reading(reading.archive) if reading.archive is not None else None
    return replace(reading, call=call, shape=_shape(reading.shape), archive=archive)


def _shape(shape: object) -> OrderShape | FillShape:
    """Return how orders and trades read where there are no positions to name and nobody liquidates."""
    if isinstance(shape, OrderShape):
        return replace(shape, position_side="", reduce="")
    assert isinstance(shape, FillShape)
    return replace(shape, position_side="", reduce="", taken={}, taken_by="")


def _is_trailing(reading: Reading) -> bool:
    return reading.call.fields.get("ordType") == "move_order_stop"


_BALANCE = BalanceShape("ccy", "cashBal", "uTime")
_HOLDING = HoldingShape("ccy", "cashBal", "uTime")
_DETAILS = ("data", "*", "details", "*")
assert OKX_SWAP.by_id is not None
assert OKX_SWAP.by_id_algo is not None

OKX_SPOT: Dialect = replace(
    OKX_SWAP,
    venue="okx_spot",
    provenance="documentation; assumed: that the timer of a silent account leaves its algo orders, as that of swaps",
    words=replace(OKX_SWAP.words, net=None, long=None, short=None, yes=None, mark=None),
    create={
        "limit": _order(ordType="limit", px="$price"),
        "post_only": _order(ordType="post_only", px="$price"),
        "ioc": _order(ordType="ioc", px="$price"),
        "market": _order(ordType="market", tgtCcy="base_ccy"),
        "stop": _STOP,
    },
    by_id=replace(OKX_SWAP.by_id, shape=_shape(OKX_SWAP.by_id.shape)),
    by_id_algo=replace(OKX_SWAP.by_id_algo, shape=_shape(OKX_SWAP.by_id_algo.shape)),
    working=tuple(_reading(one) for one in OKX_SWAP.working if not _is_trailing(one)),
    ended=tuple(_reading(one) for one in OKX_SWAP.ended),
    fills=_reading(OKX_SWAP.fills),
    positions=replace(OKX_SWAP.balances, shape=_HOLDING),
    funding=None,
    settings=(),
    leverage=None,
    position_mode=None,
    margin_mode=None,
    trail="",
    errors=(
        *OKX_SWAP.errors,
        *error_rows("51119 51127", "InsufficientFunds", Meaning.REJECTED, "VENUE_MARGIN"),
        *error_rows("51100 51118 51120", "InvalidOrder", Meaning.REJECTED, "VENUE_MIN_NOTIONAL"),
        *error_rows(
            "51116 51122 51135 51136 51137 51138 51250", "InvalidOrder", Meaning.REJECTED, "VENUE_PRICE"
        ),
        *error_rows("51005 51185 51201 51203", "InvalidOrder", Meaning.REJECTED),
        *error_rows("51021 51022", "ContractUnavailable", Meaning.CLOSED, "VENUE_CLOSED"),
    ),
    streams=(
        Stream("watch_orders", {"params": {"type": "spot"}}),
        Stream("watch_orders", {"params": {"trigger": True, "type": "spot"}}),
        Stream("watch_balance"),
    ),
    topics=(
        *(
            replace(topic, shape=_shape(topic.shape))
            for topic in OKX_SWAP.topics
            if isinstance(topic.shape, OrderShape | FillShape)
        ),
        Topic("account", _DETAILS, _HOLDING),
        Topic("account", _DETAILS, _BALANCE),
    ),
    acks=3,
)
"""Proven on the wire of a listening post and by documented answers; `venue certify` proves it on a demo account."""
