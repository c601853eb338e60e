"""A fake exchange: a seeded market, accounts that trade in it, and the misfortunes that befall both.

It has no clock of its own. Somebody gives it the time and lets it live until then (`advance`); what happens is told
to listeners synchronously. The market moves by whole seconds, requests are taken at any time in between.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.fake.account import FakeAccount
from tradewind.venues.fake.entry import Habits
from tradewind.venues.fake.events import StatusChanged
from tradewind.venues.fake.mischief import befall
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.record import Record
from tradewind.venues.fake.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tradewind.market import Instrument
    from tradewind.venues.fake.misfortunes import Misfortunes, Strike
    from tradewind.venues.fake.orders import SymbolStatus

__all__ = ["FakeExchange"]

_FIXED = ("maker_rate", "taker_rate", "settle", "payoff", "symbol", "liquidation_fee_rate", "tiers")
"""Rules that the ledgers have taken in and that cannot change afterwards."""


class FakeExchange(Telling):
    """One venue.

    Parameters
    ----------
    instruments
        Their rules; `symbol` in the venue's own spelling.
    seed
        Of the market: the same seed and start give the same market, whoever trades in it.
    clock
        Gives ns UTC.
    misfortunes
        The plan, None for good fortune.
    habits
        What this venue does differently from others.
    prices
        First prices in quote units by symbol or base coin; others are made up.
    record
        Where the truth is written.

    Raises
    ------
    ValueError
        For spot instruments: perpetuals only, linear or inverse.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        seed: int,
        clock: Callable[[], int],
        misfortunes: Misfortunes | None = None,
        habits: Habits | None = None,
        prices: Mapping[str, Decimal] | None = None,
        record: Record | None = None,
    ) -> None:
        if any(instrument.payoff == "spot" for instrument in instruments):
            raise ValueError("a fake exchange trades perpetuals only")
        now_ns = clock()
        super().__init__(instruments, seed, (now_ns // MINUTE_NS - 1) * MINUTE_NS, prices or {}, misfortunes)
        self.habits = habits or Habits()
        self.record = record or Record()
        self.accounts: list[FakeAccount] = []
        self.announced_ns = (0, 0)
        """Begin and end of a maintenance that is announced or goes on, 0 for none; an end that nobody knows is 0."""
        self._clock = clock
        self._within_ns: int | None = None
        self._last_ns = 0
        self._ids = 1_000
        self._order_ids = 10_000_000
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self.market.paths.advance((now_ns - self.market.paths.start_ns) // SECOND_NS)
        if misfortunes is not None:
            misfortunes.on_strike = self._note_strike

    # ------------------------------------------------------------------ time

    def now_ns(self) -> int:
        """Return the exchange's time: the end of the second that is happening, else the clock's; it never falls."""
        found = self._clock() if self._within_ns is None else self._within_ns
        self._last_ns = max(self._last_ns, found)
        return self._last_ns

    def told_ns(self) -> int:
        """Return the time that the exchange says it is: by misfortune (F71) it jumped back."""
        strike = self.strike("F71", "clock")
        return self.now_ns() - (0 if strike is None else int(strike.arg("back_s") * SECOND_NS))

    def advance(self) -> None:
        """Let everything happen until the clock's time: seconds of the market, then what is due."""
        now_ns, paths = self._clock(), self.market.paths
        target = (now_ns - paths.start_ns) // SECOND_NS
        while paths.done < target:
            self._within_ns = paths.start_ns + (paths.done + 1) * SECOND_NS
            skipped = self._quiet_until(target)
            if skipped > paths.done + 1:
                paths.advance(skipped - 1)
                self._within_ns = paths.start_ns + skipped * SECOND_NS
            self._run_due(self._within_ns)
            self._step()
        self._within_ns = None
        self._run_due(now_ns)

    def later(self, at_ns: int, what: Callable[[], None]) -> None:
        """Do something at a time, when the exchange lives until then."""
        heapq.heappush(self._due, (at_ns, self.next_id(), what))

    # ------------------------------------------------------------------ accounts

    def open_account(
        self,
        name: str,
        *,
        api_key: str,
        secret: str,
        passphrase: str = "",
        balances: Mapping[str, Decimal],
        permissions: frozenset[str] = frozenset({"read", "trade"}),
        ips: Sequence[str] = (),
    ) -> FakeAccount:
        """Open an account with its key. Raises ValueError for a name or key that is taken."""
        if any(name == account.name or api_key == account.api_key for account in self.accounts):
            raise ValueError(f"account {name} or its key exists")
        account = FakeAccount(
            self,
            name,
            balances,
            api_key=api_key,
            secret=secret,
            passphrase=passphrase,
            permissions=permissions,
            ips=tuple(ips),
        )
        self.accounts.append(account)
        for asset, amount in balances.items():
            self.record.add("account", self.now_ns(), account=name, asset=asset, amount=format(amount, "f"))
        return account

    def account(self, api_key: str) -> FakeAccount | None:
        """Return the account of a key."""
        return next((account for account in self.accounts if account.api_key == api_key), None)

    def check(self, account: FakeAccount, permission: str = "read", peer: str = "") -> None:
        """Refuse a signed request before it is looked at.

        Raises Refused: MAINTENANCE, REGION, KEY_INVALID, ADDRESS, PERMISSION.
        """
        if "maintenance" in self.statuses:
            raise Refused(Reason.MAINTENANCE)
        if self.strike("F63", "check", account=account.name, detail=permission) is not None:
            raise Refused(Reason.REGION)
        revoked = self.strike("F65", "check", account=account.name, detail=permission)
        if not account.key_valid or revoked is not None:
            raise Refused(Reason.KEY_INVALID)
        if account.ips and peer and peer not in account.ips:
            raise Refused(Reason.ADDRESS, peer)
        if permission != "read" and permission not in account.permissions:
            raise Refused(Reason.PERMISSION, permission)

    # ------------------------------------------------------------------ by hand

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Return the present rules by symbol; closed symbols are among them (see `status`)."""
        return {rule.symbol: rule for rule in self.market.rules}

    def set_rules(self, symbol: str, **changes: object) -> None:
        """Change rules of a symbol: steps, sizes, leverage, funding interval, contract size.

        Raises ValueError for rules that cannot change, for a tick or lot finer than the first ones, and for a
        contract that is not a whole part of the present one.
        """
        j = self.market.at(symbol)
        old, first = self.market.rules[j], self.market.paths.instruments[j]
        if set(changes) & set(_FIXED):
            raise ValueError(f"{sorted(set(changes) & set(_FIXED))} cannot change")
        new = replace(old, **changes)  # type: ignore[arg-type]
        if new.tick_size % first.tick_size or new.lot_size % first.lot_size:
            raise ValueError("steps cannot become finer than they were at first")
        if new.contract_size != old.contract_size:
            if old.contract_size % new.contract_size:
                raise ValueError("a contract can only become a whole part of itself")
            self._resize(j, new.contract_size / old.contract_size)
        self.market.rules[j] = new
        self.record.add(
            "market", self.now_ns(), symbol=symbol, changes={k: str(v) for k, v in changes.items()}
        )
        self.tell(StatusChanged(symbol, self.statuses[j], "rules", self.now_ns()))

    def set_status(self, symbol: str, status: SymbolStatus, text: str = "") -> None:
        """Change the status of a symbol ("": of all). Closing settles every position at the mark."""
        chosen = [self.market.at(symbol)] if symbol else range(len(self.statuses))
        for j in chosen:
            if status == "closed" and self.statuses[j] != "closed":
                for account in self.accounts:
                    account.delist(j)
            elif self.statuses[j] == "closed" and status != "closed":
                for account in self.accounts:
                    account.ledger.relist(j)
            self.statuses[j] = status
        self._note_maintenance()
        self.record.add("market", self.now_ns(), symbol=symbol, status=status)
        self.tell(StatusChanged(symbol, status, text, self.now_ns()))

    def _note_maintenance(self) -> None:
        """Say that a maintenance goes on which nobody announced, and that one is over."""
        now_ns, (begin_ns, _) = self.now_ns(), self.announced_ns
        if "maintenance" in self.statuses:
            self.announced_ns = self.announced_ns if begin_ns else (now_ns, 0)
        elif 0 < begin_ns <= now_ns:
            self.announced_ns = (0, 0)

    def move_price(self, symbol: str, ratio: float) -> None:
        """Multiply a symbol's price from the next second on."""
        self.market.paths.move(self.market.at(symbol), ratio)
        self.record.add("market", self.now_ns(), symbol=symbol, moved=ratio)

    def rename(self, symbol: str, new: str, ratio: float = 1.0) -> None:
        """Give a symbol another name and denomination: positions are settled, the old name is gone."""
        j = self.market.at(symbol)
        self.set_status(symbol, "closed", f"renamed to {new}")
        del self.market.index[symbol]
        self.market.index[new] = j
        self.market.rules[j] = replace(self.market.rules[j], symbol=new)
        self.market.paths.move(j, ratio)
        self.set_status(new, "trading", f"was {symbol}")

    # ------------------------------------------------------------------ numbers

    def next_id(self) -> int:
        """Return a number that rises: of trades and incomes."""
        self._ids += 1
        return self._ids

    def next_order_id(self) -> int:
        """Return a number that rises with every order."""
        self._order_ids += 1
        return self._order_ids

    # ------------------------------------------------------------------ inside

    def _quiet_until(self, target: int) -> int:
        """Return the next second in which something may happen besides prices: until it nobody looks."""
        paths = self.market.paths
        busy = self.is_watched or any(account.is_busy for account in self.accounts)
        if busy or (self.misfortunes is not None and self.misfortunes.end_ns > self.now_ns()):
            return paths.done + 1
        due_ns = [self._due[0][0]] if self._due else []
        for rule in self.market.rules:
            if rule.funding_interval_ns:
                due_ns.append((self._within() // rule.funding_interval_ns + 1) * rule.funding_interval_ns)
                if self._within() % rule.funding_interval_ns == 0:
                    due_ns.append(self._within())
        first = min(((at - paths.start_ns) // SECOND_NS for at in due_ns), default=target)
        return max(paths.done + 1, min(target, first))

    def _within(self) -> int:
        assert self._within_ns is not None
        return self._within_ns

    def _step(self) -> None:
        """Let the next second happen."""
        paths, now_ns = self.market.paths, self._within()
        step = paths.done
        paths.advance(step + 1)
        self.books.turn()
        if self.misfortunes is not None:
            befall(self)
        if any(account.is_busy for account in self.accounts):
            bars = paths.bars(step)
            seconds = [paths.second(j, step) for j in range(len(self.market.rules))]
            for account in self.accounts:
                account.step(bars, seconds, now_ns - SECOND_NS)
        for j, rule in enumerate(self.market.rules):
            if rule.funding_interval_ns and now_ns % rule.funding_interval_ns == 0:
                self._settle_funding(j, rule.funding_interval_ns)
        if self.is_watched:
            self._tell_market(step)

    def _settle_funding(self, j: int, interval_ns: int) -> None:
        if self.statuses[j] == "closed":
            return
        now_ns = self._within()
        rate = self.market.carry.rate(j, now_ns - interval_ns, now_ns)
        self.market.carry.settled[j].append((now_ns, rate))
        for account in self.accounts:
            account.settle_funding(j, rate)

    def _resize(self, j: int, ratio: Decimal) -> None:
        self.market.paths.resize(j, 1.0 / float(ratio))
        for account in self.accounts:
            account.resize(j, float(ratio))

    def _run_due(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            heapq.heappop(self._due)[2]()

    def _note_strike(self, strike: Strike, point: str, now_ns: int, symbol: str, account: str) -> None:
        self.record.add(
            "strike",
            now_ns,
            fault=strike.fault,
            point=point,
            symbol=symbol,
            account=account,
            args=dict(strike.args),
        )
