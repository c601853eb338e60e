"""Misfortunes that nobody asked for: once a second the plan may change rules, hands may trade, stops may vanish."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.units.enums import LONG, SHORT
from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.orders import Placement, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.misfortunes import Strike

__all__ = ["befall"]


_TICKS_LEAST = 100
"""So many ticks a price has at least: a tick as large as the price would leave none."""
_CONTRACT_LEAST = Decimal("1e-9")


def befall(exchange: FakeExchange) -> None:
    """Carry out what the plan has for this second. What cannot be done now is tried again within its window."""
    assert exchange.misfortunes is not None
    now_ns = exchange.now_ns()
    _diverge(exchange)
    for symbol in list(exchange.market.index):
        for strike in exchange.misfortunes.all_at("step", now_ns=now_ns, symbol=symbol):
            if strike.fault in _MARKET and _MARKET[strike.fault](exchange, symbol, strike):
                exchange.misfortunes.use(strike, "step", now_ns=now_ns, symbol=symbol)
        for account in exchange.accounts:
            for strike in exchange.misfortunes.all_at(
                "step", now_ns=now_ns, symbol=symbol, account=account.name
            ):
                if strike.fault in _ACCOUNT and _ACCOUNT[strike.fault](exchange, account, symbol, strike):
                    exchange.misfortunes.use(
                        strike, "step", now_ns=now_ns, symbol=symbol, account=account.name
                    )


def _diverge(exchange: FakeExchange) -> None:
    """F57: the mark stands away from the last price while a strike lasts."""
    assert exchange.misfortunes is not None
    exchange.market.mark_ratio.clear()
    for symbol, j in exchange.market.index.items():
        for strike in exchange.misfortunes.all_at("mark", now_ns=exchange.now_ns(), symbol=symbol):
            exchange.market.mark_ratio[j] = strike.arg("ratio")
            strike.count = 0
            if not strike.struck:
                exchange.misfortunes.use(strike, "mark", now_ns=exchange.now_ns(), symbol=symbol)


# ---------------------------------------------------------------------- the exchange


def _maintain(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    if exchange.status(symbol) != "trading":
        return False
    begin_ns = exchange.now_ns() + int(strike.arg("ahead_s") * SECOND_NS)
    end_ns = begin_ns + int(strike.arg("duration_s") * SECOND_NS)
    exchange.announced_ns = (begin_ns, end_ns)
    if begin_ns > exchange.now_ns():
        exchange.later(begin_ns, lambda: exchange.set_status("", "maintenance", "maintenance"))
    else:
        exchange.set_status("", "maintenance", "maintenance")
    exchange.later(end_ns, lambda: _resume(exchange))
    return True


def _resume(exchange: FakeExchange) -> None:
    exchange.announced_ns = (0, 0)
    for symbol in list(exchange.market.index):
        if exchange.status(symbol) == "maintenance":
            exchange.set_status(symbol, "trading", "resumed")


def _change_tick(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    tick = exchange.instruments[symbol].tick_size * int(strike.arg("ratio"))
    if tick * _TICKS_LEAST > exchange.last(symbol):
        return False
    exchange.set_rules(symbol, tick_size=tick)
    return True


def _raise_lot(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    rules, ratio = exchange.instruments[symbol], int(strike.arg("ratio"))
    lot, least = rules.lot_size * ratio, rules.min_qty * ratio
    if rules.max_qty is not None and max(lot, least) > rules.max_qty:
        return False
    exchange.set_rules(symbol, lot_size=lot, min_qty=least)
    return True


def _raise_notional(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    rules = exchange.instruments[symbol]
    exchange.set_rules(symbol, min_notional=max(rules.min_notional, Decimal(1)) * int(strike.arg("ratio")))
    return True


def _jump_funding(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    exchange.market.carry.override[exchange.market.at(symbol)] = strike.arg("rate")
    exchange.set_rules(symbol, funding_interval_ns=int(strike.arg("interval_s") * SECOND_NS))
    return True


def _delist(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    if exchange.status(symbol) != "trading":
        return False
    exchange.set_status(symbol, "settling", "to be delisted")
    at_ns = exchange.now_ns() + int(strike.arg("after_s") * SECOND_NS)
    exchange.later(at_ns, lambda: exchange.set_status(symbol, "closed", "delisted"))
    return True


def _rename(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    if exchange.status(symbol) != "trading":
        return False
    ratio = int(strike.arg("ratio"))
    exchange.rename(symbol, f"{ratio}{symbol}", float(ratio))
    return True


def _resize(exchange: FakeExchange, symbol: str, strike: Strike) -> bool:
    size = exchange.instruments[symbol].contract_size / round(1 / strike.arg("ratio"))
    if size < _CONTRACT_LEAST:
        return False
    exchange.set_rules(symbol, contract_size=size)
    return True


# ---------------------------------------------------------------------- accounts


def _held(exchange: FakeExchange, account: FakeAccount, symbol: str) -> tuple[int, int]:
    """Return side and lots of the larger position of a symbol."""
    j = exchange.market.at(symbol)
    lots, side = max((account.ledger.lots(j, side), side) for side in (LONG, SHORT))
    return side, lots


def _lose_stop(_: FakeExchange, account: FakeAccount, symbol: str, __: Strike) -> bool:
    waiting = account.statement.open_orders(symbol, algo=True)
    if not waiting:
        return False
    account.end(account.statement.working[waiting[0].order_id], "expired", "VANISHED")
    return True


def _lose_order(_: FakeExchange, account: FakeAccount, symbol: str, __: Strike) -> bool:
    resting = account.statement.open_orders(symbol, algo=False)
    if not resting:
        return False
    account.end(account.statement.working[resting[0].order_id], "expired", "EXPIRED_IN_MATCH")
    return True


def _set_leverage(exchange: FakeExchange, account: FakeAccount, symbol: str, strike: Strike) -> bool:
    account.set_leverage(
        symbol, min(Decimal(int(strike.arg("leverage"))), exchange.instruments[symbol].leverage_max)
    )
    return True


def _set_modes(exchange: FakeExchange, account: FakeAccount, symbol: str, _: Strike) -> bool:
    """Change the position mode, or where something is open, the margin mode, which venues let an owner do."""
    try:
        account.set_hedge(not account.hedge)
    except Refused:
        j = exchange.market.at(symbol)
        account.force_isolated(j, not account.isolated[j])
    return True


def _trade_by_hand(exchange: FakeExchange, account: FakeAccount, symbol: str, strike: Strike) -> bool:
    """Open, or where something is held, close or enlarge a position at market."""
    assert exchange.misfortunes is not None
    side, lots = _held(exchange, account, symbol)
    j, chance = exchange.market.at(symbol), exchange.misfortunes.chance()
    closes = bool(lots) and chance < 0.4
    qty = exchange.market.qty(j, lots) if closes else _qty_of(exchange, symbol, strike.arg("notional"))
    buys = (side == SHORT) if closes else (side == LONG if lots else chance < 0.5)
    return _by_hand(account, symbol, "buy" if buys else "sell", qty, None, closes=closes, held=side)


def _order_by_hand(exchange: FakeExchange, account: FakeAccount, symbol: str, strike: Strike) -> bool:
    """Cancel an order of the account, or where there is none place one far from the price."""
    resting = account.statement.open_orders(symbol)
    if resting:
        account.end(account.statement.working[resting[0].order_id], "canceled", "USER")
        return True
    tick = exchange.instruments[symbol].tick_size
    price = exchange.last(symbol) * 97 / 100 // tick * tick
    qty = _qty_of(exchange, symbol, strike.arg("notional"))
    return _by_hand(account, symbol, "buy", qty, price, closes=False, held=LONG)


def _qty_of(exchange: FakeExchange, symbol: str, notional: float) -> Decimal:
    rules = exchange.instruments[symbol]
    worth = exchange.last(symbol) * rules.contract_size if rules.payoff != "inverse" else rules.contract_size
    lots = Decimal(str(notional)) / worth // rules.lot_size + 1
    return max(lots * rules.lot_size, rules.min_qty)


def _by_hand(
    account: FakeAccount,
    symbol: str,
    side: str,
    qty: Decimal,
    price: Decimal | None,
    *,
    closes: bool,
    held: int,
) -> bool:
    """Place an order as the owner would at the venue's own page; return whether it was taken."""
    position_side = "both" if not account.hedge else "long" if held == LONG else "short"
    if account.hedge and not closes:
        position_side = "long" if side == "buy" else "short"
    kind = "market" if price is None else "limit"
    try:
        account.place(
            Placement(
                symbol,
                side,  # type: ignore[arg-type]
                kind,  # type: ignore[arg-type]
                qty,
                price,
                reduce_only=closes and not account.hedge,
                position_side=position_side,  # type: ignore[arg-type]
                client_id="",
            )
        )
    except Refused:
        return False
    return True


def _move_money(exchange: FakeExchange, account: FakeAccount, symbol: str, strike: Strike) -> bool:
    asset = exchange.instruments[symbol].settle
    amount = (account.balance(asset).wallet * Decimal(str(strike.arg("ratio")))).quantize(Decimal("0.01"))
    try:
        account.transfer(asset, amount)
    except Refused:
        return False
    return True


def _take_position(exchange: FakeExchange, account: FakeAccount, symbol: str, strike: Strike) -> bool:
    if not _held(exchange, account, symbol)[1]:
        return False
    if strike.arg("adl"):
        account.adl(symbol, strike.arg("share"))
    else:
        account.liquidate(symbol)
    return True


_MARKET: dict[str, Callable[[FakeExchange, str, Strike], bool]] = {
    "F25": _maintain,
    "F43": _change_tick,
    "F44": _raise_lot,
    "F45": _raise_notional,
    "F53": _jump_funding,
    "F54": _delist,
    "F55": _rename,
    "F56": _resize,
}
_ACCOUNT: dict[str, Callable[[FakeExchange, FakeAccount, str, Strike], bool]] = {
    "F39": _lose_stop,
    "F41": _lose_order,
    "F46": _set_leverage,
    "F47": _set_modes,
    "F48": _trade_by_hand,
    "F49": _order_by_hand,
    "F50": _move_money,
    "F51": _take_position,
}
