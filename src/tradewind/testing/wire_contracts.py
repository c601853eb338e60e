"""What is sent to each venue for each thing that can be asked of it, as it stands on the wire.

``python -m tradewind.testing.wire_contracts FOLDER`` writes one file for each venue. The files in the repository were
written by the pinned ccxt and read by a person against the venue's documentation; a test compares what is
sent now with them. After a change of ccxt or of a table: run it, read the difference, keep it if it is meant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ccxt
import msgspec

from tradewind.config import VENUES
from tradewind.errors import PathError
from tradewind.testing.commands import Arguments, end_with
from tradewind.testing.wire_recorder import ListeningPost, Reply, run_at_post
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, TriggerKind
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.orders import AccountModes
from tradewind.venues.ccxt.trading import TradingSettings
from tradewind.venues.gateway import NewOrder, OrderRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tradewind.testing.wire_recorder import Request
    from tradewind.venues.ccxt.trading import CcxtTradingGateway

__all__ = ["record", "write_contracts"]

_UNSTABLE = frozenset({"timestamp", "signature"})
_HEADERS = (
    "expTime",
    "X-BAPI-RECV-WINDOW",
    "Content-Type",
    "x-simulated-trading",
    "Timestamp",
    "X-CHANNEL-API-CODE",
    "KC-API-PARTNER",
)
_PRICE, _QTY, _CID = 420_000, 10, 7 << 20 | 3 << 8 | 5


def _new(kind: int, side: int, **own: Any) -> NewOrder:  # noqa: ANN401 - any field of an order
    closes = bool(own.get("reduce", False))
    opened = (side == BUY) != closes
    fields = {
        "instrument": 0,
        "cid": _CID,
        "kind": kind,
        "side": side,
        "position_side": LONG if opened else SHORT,
        "reduce": closes,
        "post_only": False,
        "price_tick": _PRICE,
        "qty_lot": _QTY,
    }
    return NewOrder(**(fields | own))


_ORDERS: dict[str, list[NewOrder]] = {
    "limit": [_new(IntentKind.REST, BUY)],
    "post only": [_new(IntentKind.REST, BUY, post_only=True)],
    "IOC": [_new(IntentKind.TARGET, SELL)],
    "market": [_new(IntentKind.TARGET, BUY, price_tick=0, near_tick=_PRICE)],
    "reduce only": [_new(IntentKind.REST, SELL, reduce=True)],
    "stop": [_new(IntentKind.STOP, SELL, reduce=True)],
    "stop by mark": [_new(IntentKind.STOP, BUY, reduce=True, trigger=TriggerKind.MARK)],
    "trailing stop": [_new(IntentKind.STOP, SELL, reduce=True, trail_tick=8_400)],
    "expiring": [_new(IntentKind.REST, BUY, expires_ns=1_767_230_000_000_000_000)],
    "batch": [_new(IntentKind.REST, BUY, cid=_CID), _new(IntentKind.TARGET, SELL, cid=_CID + (1 << 20))],
}
_BY_OUR_ID = OrderRef(0, _CID)
_ASKED: dict[str, Callable[[CcxtTradingGateway], Awaitable[object]]] = {
    "amend": lambda gateway: gateway.amend(OrderRef(0, _CID, "12345"), _PRICE - 10, _QTY + 1),
    "cancel by our id": lambda gateway: gateway.cancel(_BY_OUR_ID),
    "cancel by the venue's id": lambda gateway: gateway.cancel(OrderRef(0, _CID, "12345")),
    "cancel a stop": lambda gateway: gateway.cancel(OrderRef(0, _CID, algo=True)),
    "cancel all": lambda gateway: gateway.cancel_all(0),
    "leverage": lambda gateway: gateway.set_leverage(0, 5),
    "hedge mode": lambda gateway: gateway.set_modes(0, hedge=True, isolated=False),
    "isolated margin": lambda gateway: gateway.set_modes(0, hedge=False, isolated=True),
    "dead man": lambda gateway: gateway.arm_dead_man(60),
    "find": lambda gateway: gateway.find(_BY_OUR_ID, 1_767_225_600_000_000_000),
}


_FINE: dict[str, object] = {"kucoin": {"code": "200000"}}
"""What is answered where an answer without a code is an error."""


def record(venue: str) -> dict[str, object]:
    """Return what is sent to a venue for each of the things above, by name."""
    requests: dict[str, object] = run_at_post(venue, _record)
    return {"venue": venue, "ccxt": ccxt.__version__, "requests": requests}


async def _record(post: ListeningPost) -> dict[str, object]:
    found: dict[str, object] = {}
    if post.venue in _FINE:
        post.answer = lambda _: Reply(_FINE[post.venue])
    one_way = await _ready(post, AccountModes())
    for name, orders in _ORDERS.items():
        found[name] = await _sent(post, one_way.create(_of_coins(orders) if _is_spot(post) else orders))
    for name, ask in _ASKED.items():
        found[name] = await _sent(post, ask(await _knowing(post)))
    if _is_spot(post):
        return found
    if not VENUES[post.venue].hedges:
        return found
    hedged = await _ready(post, AccountModes(hedge=True, isolated=True))
    await hedged.set_leverage(0, 5)  # Where margin is isolated a venue may want it in each order.
    for name, order in {
        "hedge: open long": _new(IntentKind.REST, BUY),
        "hedge: close long": _new(IntentKind.REST, SELL, reduce=True),
        "hedge: open short": _new(IntentKind.TARGET, SELL),
        "hedge: close short": _new(IntentKind.TARGET, BUY, reduce=True, price_tick=0),
        "hedge: stop of a long": _new(IntentKind.STOP, SELL, reduce=True),
    }.items():
        found[name] = await _sent(post, hedged.create([order]))
    return found


def _is_spot(post: ListeningPost) -> bool:
    return VENUES[post.venue].payoff == "spot"


def _of_coins(orders: list[NewOrder]) -> list[NewOrder]:
    """Return orders as a spot market has them: what sells takes away from what is held, and nothing is short."""
    return [msgspec.structs.replace(one, position_side=LONG, reduce=one.side == SELL) for one in orders]


async def _ready(post: ListeningPost, modes: AccountModes) -> CcxtTradingGateway:
    gateway = post.gateway(TradingSettings(post.venue, "tag001", modes=modes))
    await gateway.measure_clock()
    return gateway


async def _knowing(post: ListeningPost) -> CcxtTradingGateway:
    """Return a gateway that has sent the order that is then changed."""
    gateway = await _ready(post, AccountModes())
    await gateway.create(_ORDERS["limit"])
    return gateway


async def _sent(post: ListeningPost, asking: Awaitable[object]) -> list[dict[str, object]]:
    post.requests.clear()
    await asking
    return [_stable(request) for request in post.requests]


def _stable(request: Request) -> dict[str, object]:
    body = request.body
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in _UNSTABLE}
        body |= {name: "a time" for name in ("nonce", "expiresAfter") if name in body}
    query = {name: value for name, value in request.query.items() if name not in _UNSTABLE}
    headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    headers |= {name: "a time" for name in ("expTime", "Timestamp") if name in headers}
    for field in ("startTime", "endTime", "begin", "end"):
        if field in query:
            query[field] = "a time"
    return {
        "method": request.method,
        "host": request.host,
        "path": request.path,
        "query": query,
        "body": body,
        "headers": headers,
    }


def write_contracts(folder: Path) -> list[Path]:
    """Write a file for each venue; return them."""
    written = []
    for venue in DIALECTS:
        path = folder / f"{venue}.json"
        path.write_text(json.dumps(record(venue), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def main(arguments: list[str]) -> int:
    """Write the contracts into a folder and name each; return 0."""
    parser = Arguments("tradewind.testing.wire_contracts", __doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a file for each venue is written here")
    folder = parser.parse_args(arguments).folder
    if not folder.is_dir():
        raise PathError("PATH_INVALID", "there is no such folder.", where=str(folder))
    for made in write_contracts(folder):
        sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    end_with(main)
