"""Whatever is asked of a fake exchange, nothing is made or lost: positions, cash, orders, and who may see them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradewind.market.generate import MarketSpec, generate_market
from tradewind.testing.oracle import Ledger as ExactLedger
from tradewind.units.enums import LONG, SHORT
from tradewind.venues.fake.account import FakeAccount
from tradewind.venues.fake.events import Event, OrderChanged
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.fake.orders import ENDED, Placement, Refused

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
RULES = [
    replace(rule, funding_interval_ns=300 * SECOND_NS)
    for rule in generate_market(MarketSpec(seed=1, start_ns=0, bars=2)).instruments.values()
][:2]
SYMBOLS = [rule.symbol for rule in RULES]
SLACK = Decimal("0.00000001")
MONEY_FAULTS = [
    "F28",
    "F30",
    "F31",
    "F32",
    "F33",
    "F39",
    "F40",
    "F41",
    "F42",
    "F48",
    "F49",
    "F50",
    "F51",
    "F52",
    "F53",
]


class Bench:
    """An exchange with two accounts, driven by drawn actions, and what was told of it."""

    def __init__(self, seed: int, *, hedge: bool, misfortunes: Misfortunes | None = None) -> None:
        self.now_ns = START_NS
        self.exchange = FakeExchange(RULES, seed=seed, clock=lambda: self.now_ns, misfortunes=misfortunes)
        self.events: list[Event] = []
        self.exchange.listen(self.events.append)
        self.accounts = [
            self.exchange.open_account(name, api_key=name, secret="s", balances={"USDT": Decimal(20_000)})
            for name in ("ours", "theirs")
        ]
        if hedge:
            for account in self.accounts:
                account.set_hedge(True)

    def act(self, action: tuple[int, int, str, str, int, int, int]) -> None:
        """Do one drawn thing: place in one of many ways, cancel, amend, or let time pass."""
        who, what, kind, side, lots, away, seconds = action
        account, rules = self.accounts[who], RULES[what]
        if rules.symbol not in self.exchange.instruments:
            self.wait(seconds)
            return
        price = self.exchange.last(rules.symbol)
        tick = rules.tick_size
        beside = price * (10_000 + away) / 10_000 // tick * tick
        resting = account.open_orders(rules.symbol)
        try:
            if kind == "cancel" and resting:
                account.cancel(rules.symbol, resting[lots % len(resting)].order_id)
            elif kind == "amend" and resting:
                account.amend(rules.symbol, resting[lots % len(resting)].order_id, price=beside)
            elif kind not in ("cancel", "amend"):
                account.place(_placement(account, rules.symbol, kind, side, lots * rules.lot_size, beside))
        except Refused:
            pass
        self.wait(seconds)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now_ns += seconds * SECOND_NS
        self.exchange.advance()


def _placement(
    account: FakeAccount, symbol: str, kind: str, side: str, qty: Decimal, beside: Decimal
) -> Placement:
    closes = kind.endswith("close")
    position_side = "both"
    if account.hedge:
        position_side = "long" if (side == "buy") != closes else "short"
    common = {"position_side": position_side, "reduce_only": closes and not account.hedge}
    if kind.startswith("market"):
        return Placement(symbol, side, "market", qty, **common)  # type: ignore[arg-type]
    if kind == "stop":
        return Placement(symbol, side, "stop_market", qty, trigger=beside, **common)  # type: ignore[arg-type]
    tif = {"post": "GTX", "ioc": "IOC", "fok": "FOK"}.get(kind, "GTC")
    return Placement(symbol, side, "limit", qty, beside, tif, **common)  # type: ignore[arg-type]


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from(
            [
                "market",
                "market_close",
                "limit",
                "limit_close",
                "post",
                "ioc",
                "fok",
                "stop",
                "cancel",
                "amend",
            ]
        ),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 400),
        st.integers(-30, 30),
        st.sampled_from([0, 0, 1, 7, 60, 400]),
    ),
    min_size=1,
    max_size=25,
)
RUN = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@RUN
@given(seed=st.integers(0, 1000), hedge=st.booleans(), actions=ACTIONS)
def test_positions_are_the_sum_of_trades_and_cash_of_gains_fees_and_funding(seed, hedge, actions) -> None:
    bench = Bench(seed, hedge=hedge)
    for action in actions:
        bench.act(action)
    check(bench)


@RUN
@given(seed=st.integers(0, 1000), hedge=st.booleans(), actions=ACTIONS)
def test_misfortunes_neither_make_nor_lose_anything(seed, hedge, actions) -> None:
    plan = Misfortunes.swarm(seed, 30.0, start_ns=START_NS, faults=MONEY_FAULTS)
    bench = Bench(seed, hedge=hedge, misfortunes=plan)
    for action in actions:
        bench.act(action)
    check(bench)


def check(bench: Bench) -> None:
    """Hold every account against its own trades."""
    for account in bench.accounts:
        check_positions(account)
        check_cash(account)
        check_orders(account, bench.events)
    check_strangers(bench)


def check_positions(account: FakeAccount) -> None:
    summed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for trade in account.statement.trades(limit=100_000):
        sign = 1 if trade.side == "buy" else -1
        summed[trade.symbol, trade.position_side] += sign * trade.qty
    held = {(p.symbol, p.position_side): p.qty for p in account.positions()}
    assert {key: qty for key, qty in summed.items() if qty} == held


def check_cash(account: FakeAccount) -> None:
    trades = account.statement.trades(limit=100_000)
    income = account.statement.income(limit=100_000)
    moved = sum((t.realized_pnl - t.fee for t in trades), Decimal(0))
    moved += sum((i.amount for i in income), Decimal(0))
    assert account.balance("USDT").wallet == Decimal(20_000) + moved


def check_orders(account: FakeAccount, events: list[Event]) -> None:
    """An order's filled quantity never falls, is the sum of its fills, and nothing follows its end."""
    fills: dict[int, Decimal] = defaultdict(Decimal)
    for trade in account.statement.trades(limit=100_000):
        fills[trade.order_id] += trade.qty
    entries = account.exchange.record.of("order", account.name)
    last: dict[object, tuple[Decimal, object]] = {}
    for entry in entries:
        if not entry["order_id"]:
            continue
        filled = Decimal(str(entry["filled"]))
        before, state = last.get(entry["order_id"], (Decimal(0), "new"))
        assert filled >= before
        assert state not in ENDED
        last[entry["order_id"]] = (filled, entry["state"])
    for order in [*account.statement.open_orders(), *account.statement.ended_orders(limit=100_000)]:
        assert order.filled == fills[order.order_id]
        assert order.placement.close_position or order.filled <= order.placement.qty
    assert all(e.account in account.exchange.accounts for e in events if isinstance(e, OrderChanged))


def check_strangers(bench: Bench) -> None:
    ours, theirs = bench.accounts
    own = {o.order_id for o in [*ours.statement.open_orders(), *ours.statement.ended_orders(limit=100_000)]}
    other = {
        o.order_id for o in [*theirs.statement.open_orders(), *theirs.statement.ended_orders(limit=100_000)]
    }
    assert not own & other
    assert {t.order_id for t in ours.statement.trades(limit=100_000)} <= own
    for order_id in other:
        with pytest.raises(Refused):
            ours.order("", order_id)


@RUN
@given(seed=st.integers(0, 1000), hedge=st.booleans(), actions=ACTIONS)
def test_no_misfortune_at_all_breaks_the_exchange(seed, hedge, actions) -> None:
    """Rules, names and contracts change under way: cash and orders stay whole, requests are refused or taken."""
    plan = Misfortunes.swarm(seed, 15.0, start_ns=START_NS)
    bench = Bench(seed, hedge=hedge, misfortunes=plan)
    bench.exchange.watch("book", SYMBOLS[0])
    bench.exchange.watch("candles", SYMBOLS[0], 60 * SECOND_NS)
    for action in actions:
        bench.act(action)
    for account in bench.accounts:
        check_cash(account)
        check_orders(account, bench.events)


@RUN
@given(seed=st.integers(0, 1000), actions=ACTIONS)
def test_money_agrees_with_exact_accounting(seed, actions) -> None:
    """Each side's cost, gain and cash in exact fractions differ by less than a unit for every amount born."""
    bench = Bench(seed, hedge=True)
    for action in actions:
        bench.act(action)
    account = bench.accounts[0]
    unit = {r.symbol: Fraction(r.tick_size) * Fraction(r.lot_size) * Fraction(r.contract_size) for r in RULES}
    exact = {s: ExactLedger("linear", unit[s], Fraction(0)) for s in SYMBOLS}
    rules = {r.symbol: r for r in RULES}
    for trade in account.statement.trades(limit=100_000):
        rule = rules[trade.symbol]
        rate = (
            rule.liquidation_fee_rate
            if trade.kind == "liquidation"
            else (rule.maker_rate if trade.maker else rule.taker_rate)
        )
        side = LONG if trade.position_side == "long" else SHORT
        opens = (trade.side == "buy") == (side == LONG)
        exact[trade.symbol].fill(
            side,
            int(trade.qty / rule.lot_size),
            int(trade.price / rule.tick_size),
            opens=opens,
            fee_rate=Fraction(rate),
        )
    for symbol, ledger in exact.items():
        gain = sum((t.realized_pnl for t in account.statement.trades(symbol, limit=100_000)), Decimal(0))
        fees = sum((t.fee for t in account.statement.trades(symbol, limit=100_000)), Decimal(0))
        slack = Fraction(SLACK) * (ledger.births + 1)
        assert abs(Fraction(gain) - ledger.sides[0].realised - ledger.sides[1].realised) <= slack
        assert abs(Fraction(fees) - ledger.fees) <= slack
