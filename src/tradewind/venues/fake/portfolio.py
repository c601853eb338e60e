"""The money of an account as a venue shows it: positions, balances, settings, and what moves cash without an order."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.units.enums import LONG, MONEY, SHORT
from tradewind.venues.fake.events import BalanceChanged, PositionChanged, SettingChanged
from tradewind.venues.fake.ledger import Ledger
from tradewind.venues.fake.orders import FakeBalance, FakeIncome, FakePosition, Reason, Refused
from tradewind.venues.fake.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.fake.events import Event
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.misfortunes import Strike
    from tradewind.venues.fake.orders import IncomeKind, PositionSide

__all__ = ["Portfolio", "decimal_money"]

ZERO = Decimal(0)
_SIDES: tuple[PositionSide, PositionSide] = ("long", "short")


def decimal_money(amount: int) -> Decimal:
    """Return whole money as a decimal in units of the currency."""
    return Decimal(amount) / MONEY


class Portfolio:
    """Cash, positions and settings of one account.

    Parameters
    ----------
    balances
        Starting cash by asset.
    """

    def __init__(self, exchange: FakeExchange, name: str, balances: Mapping[str, Decimal]) -> None:
        self.exchange = exchange
        self.name = name
        self.hedge = False
        self.statement = Statement()
        rules = exchange.market.rules
        wanted = exchange.habits.leverage
        self.leverages = [min(wanted, rule.leverage_max) for rule in rules]
        self.isolated = [False] * len(rules)
        prices = [exchange.market.price(j, exchange.market.last_tick(j)) for j in range(len(rules))]
        self.ledger = Ledger(rules, balances, prices, self.leverages)
        self._updated_ns = [exchange.now_ns()] * len(rules)
        self._past: list[tuple[int, list[FakePosition]]] = [(0, [])]
        self._cash = {asset: self.ledger.balance(asset) for asset in self.ledger.assets}

    # ------------------------------------------------------------------ what it shows

    def positions(self, symbol: str | None = None) -> list[FakePosition]:
        """Return what is held, flat sides left out; by misfortune (F60) as it was some seconds ago, or nothing."""
        shown = self._positions_now()
        strike = self._strike("F60", "query.positions", symbol or "")
        if strike is not None and strike.arg("empty"):
            return []
        if strike is not None:
            until_ns = self.exchange.now_ns() - int(strike.arg("lag_s") * 1e9)
            for at_ns, past in reversed(self._past):
                shown = past
                if at_ns <= until_ns:
                    break
        return [position for position in shown if symbol in (None, position.symbol)]

    def balances(self) -> list[FakeBalance]:
        """Return every asset that the account may hold."""
        return [self.balance(asset) for asset in self.ledger.assets]

    def balance(self, asset: str) -> FakeBalance:
        """Return cash, available margin and unrealised value of one asset, at the mark prices."""
        wallet = self.ledger.balance(asset)
        unrealized = used = 0
        for j in self._settling(asset):
            gain, margin = self._standing(j)
            unrealized += gain
            used += margin
        used += sum(self._reserved(order_id) for order_id in self.statement.working)
        free = max(0, wallet + unrealized - used)
        return FakeBalance(asset, decimal_money(wallet), decimal_money(free), decimal_money(unrealized))

    def position(self, j: int, side: int) -> FakePosition:
        """Return one side of one instrument, also where it is flat."""
        rules = self.exchange.market.rules[j]
        lots, cost = self.ledger.lots(j, side), self.ledger.cost(j, side)
        mark_tick = self.exchange.market.mark_tick(j)
        qty = self.exchange.market.qty(j, lots)
        entry = ZERO
        if lots:
            size, spent = qty * rules.contract_size, decimal_money(cost)
            entry = size / spent if rules.payoff == "inverse" else spent / size
        sign = 1 if side == LONG else -1
        return FakePosition(
            symbol=rules.symbol,
            position_side=_SIDES[side] if self.hedge else "both",
            qty=qty * sign,
            entry=entry,
            mark=self.exchange.market.price(j, mark_tick),
            unrealized=decimal_money(self._gain(j, side, mark_tick)),
            leverage=self.leverages[j],
            isolated=self.isolated[j],
            isolated_margin=decimal_money(int(cost / self.leverages[j])) if self.isolated[j] else ZERO,
            liquidation_price=self._liquidation_price(j, side),
            updated_ns=self._updated_ns[j],
        )

    def margin_for(self, j: int, lots: int, price_tick: int) -> int:
        """Return the initial margin and taker fee of opening so many lots, in `MONEY`."""
        notional = self.ledger.worth(j, lots, price_tick)
        return int(notional / self.leverages[j] + notional * self.exchange.market.rules[j].taker_rate)

    # ------------------------------------------------------------------ settings

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Change the leverage of a symbol. Raises Refused(LEVERAGE) beyond its largest."""
        j = self.exchange.market.at(symbol)
        if not 1 <= leverage <= self.exchange.market.rules[j].leverage_max:
            raise Refused(Reason.LEVERAGE, f"{leverage}")
        if leverage != self.leverages[j]:
            self.leverages[j] = leverage
            self.ledger.set_terms(j, leverage=leverage)
            self._told_setting(symbol, "leverage", leverage)

    def set_hedge(self, hedge: bool) -> None:
        """Keep long and short apart, or not. Raises Refused: NO_CHANGE; MODE_LOCKED while anything is open."""
        if hedge == self.hedge:
            raise Refused(Reason.NO_CHANGE)
        if self.statement.working or self._positions_now():
            raise Refused(Reason.MODE_LOCKED)
        self.hedge = hedge
        for j in range(len(self.leverages)):
            self.ledger.set_terms(j, hedge=hedge)
        self._told_setting("", "hedge", Decimal(int(hedge)))

    def set_isolated(self, symbol: str, isolated: bool) -> None:
        """Give a symbol's positions a margin of their own. Raises Refused: NO_CHANGE; MODE_LOCKED while it is open."""
        j = self.exchange.market.at(symbol)
        if isolated == self.isolated[j]:
            raise Refused(Reason.NO_CHANGE)
        held = self.ledger.lots(j, LONG) or self.ledger.lots(j, SHORT)
        if held or self.statement.open_orders(symbol):
            raise Refused(Reason.MODE_LOCKED)
        self.force_isolated(j, isolated)

    def force_isolated(self, j: int, isolated: bool) -> None:
        """Change the margin mode of an instrument, whatever is open."""
        self.isolated[j] = isolated
        self.ledger.set_terms(j, isolated=isolated)
        self._told_setting(self.exchange.market.rules[j].symbol, "isolated", Decimal(int(isolated)))

    # ------------------------------------------------------------------ cash

    def transfer(self, asset: str, amount: Decimal) -> FakeIncome:
        """Move money in (positive) or out. Raises Refused(MARGIN) for more than is available."""
        if asset not in self.ledger.assets or self.balance(asset).available + amount < 0:
            raise Refused(Reason.MARGIN, f"{amount} {asset}")
        self.ledger.transfer(asset, int(amount * MONEY))
        income = self._earn("transfer", asset, amount, "")
        self._told_balances("transfer")
        return income

    # ------------------------------------------------------------------ inside

    @property
    def is_busy(self) -> bool:
        """Return whether a second may change anything of this account."""
        return bool(self.statement.working) or not self.ledger.is_idle

    def _positions_now(self) -> list[FakePosition]:
        return [
            self.position(j, side)
            for j in range(len(self.leverages))
            for side in (LONG, SHORT)
            if self.ledger.lots(j, side)
        ]

    def _settling(self, asset: str) -> list[int]:
        return [j for j, rule in enumerate(self.exchange.market.rules) if rule.settle == asset]

    def _gain(self, j: int, side: int, price_tick: int) -> int:
        """Return the unrealised value of one side at a price."""
        lots = self.ledger.lots(j, side)
        if not lots:
            return 0
        sense = -1 if self.exchange.market.rules[j].payoff == "inverse" else 1
        sign = sense if side == LONG else -sense
        return sign * (self.ledger.worth(j, lots, price_tick) - self.ledger.cost(j, side))

    def _standing(self, j: int) -> tuple[int, int]:
        """Return unrealised value at the mark and margin used by an instrument; an isolated gain is not lent."""
        cost = self.ledger.cost(j, LONG) + self.ledger.cost(j, SHORT)
        if not cost:
            return 0, 0
        mark_tick = self.exchange.market.mark_tick(j)
        gain = sum(self._gain(j, side, mark_tick) for side in (LONG, SHORT))
        return (0 if self.isolated[j] else gain), int(cost / self.leverages[j])

    def _reserved(self, order_id: int) -> int:
        """Return the margin that a working order occupies."""
        raise NotImplementedError

    def _liquidation_price(self, j: int, side: int) -> Decimal:
        """Return about where this side is liquidated if nothing else moves; 0 where no price does it (linear only)."""
        market, ledger = self.exchange.market, self.ledger
        rules, lots, cost = market.rules[j], ledger.lots(j, side), ledger.cost(j, side)
        if not lots or rules.payoff != "linear":
            return ZERO
        mark_tick = market.mark_tick(j)
        rate, deduction = ledger.maintenance(j, ledger.worth(j, lots, mark_tick))
        if self.isolated[j]:
            slack = int(cost / self.leverages[j])
        else:
            slack = ledger.balance(rules.settle)
            for other in self._settling(rules.settle):
                gain, _ = self._standing(other)
                slack += gain
            slack -= self._gain(j, side, mark_tick)
        one_tick = float(lots) * float(ledger.worth(j, 1_000_000, 1)) / 1_000_000
        if side == LONG:
            tick = (cost - slack - deduction) / (one_tick * (1.0 - rate))
        else:
            tick = (cost + slack + deduction) / (one_tick * (1.0 + rate))
        return market.price(j, round(tick)) if tick > 0 else ZERO

    def _earn(
        self,
        kind: IncomeKind,
        asset: str,
        amount: Decimal,
        symbol: str,
        side: PositionSide = "both",
        rate: Decimal = ZERO,
    ) -> FakeIncome:
        """Note a change of cash that is no trade."""
        now_ns = self.exchange.now_ns()
        income = FakeIncome(kind, asset, amount, symbol, now_ns, self.exchange.next_id(), side, rate)
        self.statement.add_income(income)
        self.exchange.record.add(
            "money",
            now_ns,
            account=self.name,
            kind=kind,
            asset=asset,
            amount=format(amount, "f"),
            symbol=symbol,
        )
        return income

    def _remember(self) -> None:
        """Keep what could be shown late (F60), for ten seconds."""
        now_ns = self.exchange.now_ns()
        self._past.append((now_ns, self._positions_now()))
        while len(self._past) > 2 and self._past[1][0] < now_ns - 10_000_000_000:
            del self._past[0]

    def _strike(self, fault: str, point: str, symbol: str = "", detail: str = "") -> Strike | None:
        return self.exchange.strike(fault, point, symbol=symbol, account=self.name, detail=detail)

    def _tell(self, event: Event) -> None:
        self.exchange.tell(event)

    def _told_setting(self, symbol: str, setting: str, value: Decimal) -> None:
        self._tell(SettingChanged(self, symbol, setting, value, self.exchange.now_ns()))  # type: ignore[arg-type]

    def _told_balances(self, cause: str) -> None:
        """Tell every asset whose cash changed since it was told last."""
        for asset, before in self._cash.items():
            now = self.ledger.balance(asset)
            if now != before:
                self._cash[asset] = now
                change = decimal_money(now - before)
                self._tell(BalanceChanged(self, self.balance(asset), cause, change))  # type: ignore[arg-type]

    def _told_position(self, j: int, side: int, cause: str) -> None:
        self._updated_ns[j] = self.exchange.now_ns()
        self._tell(PositionChanged(self, self.position(j, side), cause))  # type: ignore[arg-type]
