"""The words in which three fake venues are asked for the same: an order, a list of positions, what an answer says."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake.orders import Placement

if TYPE_CHECKING:
    from tradewind.testing.still_venues import StillVenue
    from tradewind.venues.fake.protocol import Reply

__all__ = ["CLIENT_ID", "PLACING", "POSITIONS", "PRICE", "SIZE", "code_of", "order", "place", "read", "rest"]

POSITIONS = {
    "blofin_swap": ("/api/v1/account/positions", {}),
    "okx_swap": ("/api/v5/account/positions", {}),
    "bybit_linear": ("/v5/position/list", {"category": "linear", "settleCoin": "USDT"}),
}
PLACING = {
    "blofin_swap": "/api/v1/trade/order",
    "okx_swap": "/api/v5/trade/order",
    "bybit_linear": "/v5/order/create",
}


def code_of(answer: dict[str, Any]) -> str:
    """Return the code that names what is wrong, wherever the venue puts it."""
    if "retCode" in answer:
        return str(answer["retCode"])
    rows = answer.get("data") or []
    inner = rows[0].get("sCode", rows[0].get("code")) if isinstance(rows, list) and rows else None
    return str(inner if inner not in (None, "0") else answer["code"])


def read(still: StillVenue, **more: Any) -> Reply:  # noqa: ANN401 - as `StillVenue.ask`
    """Ask for the positions."""
    path, said = POSITIONS[still.venue]
    return still.ask("GET", path, said, **more)


def order(still: StillVenue, **more: object) -> dict[str, object]:
    """Return the body of a limit order that rests, in the venue's words, with changes."""
    price = (still.exchange.last(still.symbol) * Decimal("0.97")).quantize(Decimal("0.1"))
    lot = str(still.exchange.instruments[still.symbol].min_qty)
    body = {
        "blofin_swap": {
            "instId": still.symbol, "marginMode": "cross", "positionSide": "net", "side": "buy",
            "orderType": "limit", "price": str(price), "size": lot,
        },
        "okx_swap": {
            "instId": still.symbol, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": str(price),
            "sz": lot,
        },
        "bybit_linear": {
            "category": "linear", "symbol": still.symbol, "side": "Buy", "orderType": "Limit",
            "price": str(price), "qty": lot,
        },
    }[still.venue]  # fmt: skip
    return {**body, **more}


def place(still: StillVenue, **more: object) -> Any:  # noqa: ANN401 - JSON
    """Place such an order; return the answer."""
    return still.post(PLACING[still.venue], order(still, **more))


CLIENT_ID = {"blofin_swap": "clientOrderId", "okx_swap": "clOrdId", "bybit_linear": "orderLinkId"}
PRICE = {"blofin_swap": "price", "okx_swap": "px", "bybit_linear": "price"}
SIZE = {"blofin_swap": "size", "okx_swap": "sz", "bybit_linear": "qty"}


def rest(still: StillVenue, count: int) -> set[str]:
    """Let so many orders rest, past the wire; return their numbers."""
    price = (still.exchange.last(still.symbol) * Decimal("0.97")).quantize(Decimal("0.1"))
    lot = still.exchange.instruments[still.symbol].min_qty
    placement = Placement(still.symbol, "buy", "limit", lot, price)
    return {str(still.account.place(placement).order_id) for _ in range(count)}
