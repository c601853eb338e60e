"""What an operator asks of a running session, as facts; and what a session says of itself.

Every command that changes something is written down with who gave it, then told to the core as a fact, and is
answered when that fact is durable and applied. What must be waited for, an account that becomes flat, is waited
for with a bound, and the answer says how far it came.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tradewind.errors import UsageError
from tradewind.journal.bodies import Audit
from tradewind.live.amounts import counted
from tradewind.live.facts import Told, rows_of
from tradewind.live.held_words import held_words, why_held
from tradewind.live.trading_state import is_flat, losses_of
from tradewind.ops.alerts import Alert
from tradewind.units.enums import BUY, FactKind, Halt, IntentKind, OperatorCode, OrderState, names_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tradewind.engine.world import World
    from tradewind.live.control import Command
    from tradewind.live.outside import Feature
    from tradewind.live.session import Session
    from tradewind.venues.gateway import OrderSeen

__all__ = ["Audit", "OnStop", "Operator"]

OnStop = Literal["keep", "close"]
_LOOK_S = 0.2
_BOOKED_S, _BOOKED_MAX_S = 1.0, 5.0
_HALTS, _KINDS = names_of(Halt), names_of(IntentKind)
_UNDER_WAY = (OrderState.PENDING, OrderState.AMENDING, OrderState.CANCELLING)


class Operator:
    """Answers commands of `live.control`.

    Parameters
    ----------
    session, world
        What is commanded, and what its core believes.
    labels
        Names of the instruments, and of the strategies.
    clock
        Our time, nanoseconds UTC.
    notify
        Is told of what a person should know.
    accounts
        Names of the accounts, in the order of the core's.
    on_stop
        Whether `stop` closes what is held first.
    patience_s
        So long an answer waits for orders to go or positions to close.
    features
        The values from outside that the session takes.
    others
        Returns orders of others that rest in the session's instruments, each with when that was asked, nanoseconds.
    resumed_ns
        When a process began that goes on with a session, by `clock`: what is believed is older until something newer
        was read. 0 for a first one.
    """

    def __init__(
        self,
        session: Session,
        world: World,
        labels: tuple[tuple[str, ...], tuple[str, ...]],
        clock: Callable[[], int],
        *,
        notify: Callable[[Alert], None],
        accounts: tuple[str, ...] = (),
        on_stop: OnStop = "keep",
        patience_s: float = 30.0,
        features: Sequence[Feature] = (),
        resumed_ns: int = 0,
        others: Callable[[], Sequence[tuple[OrderSeen, int]]] = lambda: (),
    ) -> None:
        self.stopped = False
        self._session, self._world, self._clock, self._notify = session, world, clock, notify
        self._instruments, self._strategies = labels
        self._accounts = accounts
        self._on_stop = on_stop
        self._patience_s = patience_s
        self._features = features
        self._resumed_ns = resumed_ns
        self._others = others
        self._why_held: dict[int, str] = {}
        self._commands: dict[str, Callable[[Command], Awaitable[dict[str, Any]]]] = {
            "status": self._answer_status,
            "pause": self._pause,
            "resume": self._resume,
            "flatten": self._flatten,
            "stop": self._stop,
        }

    async def answer(self, command: Command) -> dict[str, Any]:
        """Do what is asked; return what to tell. Raises UsageError for a command that is none."""
        do = self._commands.get(command.name)
        if do is None:
            raise UsageError(
                "USAGE", f"a session knows no command {command.name[:40]!r}", known=tuple(self._commands)
            )
        return await do(command)

    def status(self) -> dict[str, Any]:
        """Return what the core believes now."""
        world, standing = self._world, self._session.sequencer.standing
        core = world.core[0]
        return {
            "now_ns": standing.now_ns,
            "starting": standing.now_ns < self._resumed_ns,
            "ending": self.stopped,
            "batches": standing.batch,
            "steps": standing.steps,
            "requests": standing.requests,
            "fills": int(core["fills"]),
            "halts": _halts_of(int(core["halts"])),
            "held": [self._strategies[g] for g in np.flatnonzero(world.strategies["held"])],
            "held_for": self._held_for(),
            "wallets": self._wallets(),
            "positions": self._positions(),
            "external": self._external(),
            "orders": self._orders(),
            "external_orders": [self._other(seen, read_ns) for seen, read_ns in self._others()],
            "stale": [self._instruments[j] for j in np.flatnonzero(world.views["stale"])],
            "outside": self._outside(),
        }

    def note_change(self, change: Audit) -> None:
        """Keep why a strategy is held, of a change of `changes_of`: what it wants at later bars is no reason."""
        if change.what == "held":
            self._why_held[change.detail["strategy"]] = held_words(change.detail, self._instruments)

    # ------------------------------------------------------------------ commands

    async def _answer_status(self, command: Command) -> dict[str, Any]:
        return self.status()

    async def _pause(self, command: Command) -> dict[str, Any]:
        await self._tell_core(command, OperatorCode.PAUSE)
        await self._wait(lambda: not self._openers())
        return self.status()

    async def _resume(self, command: Command) -> dict[str, Any]:
        await self._tell_core(command, OperatorCode.RESUME)
        return self.status()

    async def _flatten(self, command: Command) -> dict[str, Any]:
        await self._tell_core(command, OperatorCode.FLATTEN)
        flat = await self._wait(lambda: not self._positions() and not self._openers())
        if flat:
            await self._booked()
        return self.status() | {"flat": flat}

    async def _stop(self, command: Command) -> dict[str, Any]:
        """Let openers go, or everything, then end; protectors stay where positions stay."""
        closes = self._on_stop == "close"
        await self._tell_core(command, OperatorCode.FLATTEN if closes else OperatorCode.PAUSE)
        done = await self._wait(lambda: not self._openers() and not (closes and self._positions()))
        if closes and done:
            await self._booked()
        told = self.status() | {"done": done, "closes": closes}
        self.stopped = True
        self._session.stop()
        return told

    async def _tell_core(self, command: Command, code: int) -> None:
        text = f"{command.name} by {command.actor}"
        fields = {"actor": str(command.actor)} | command.arguments
        self._notify(Alert("OPERATOR", text, self._clock(), fields=fields))
        await self.say(code, Audit(self._clock(), str(command.actor), command.name, command.arguments))

    async def say(self, code: int, *notes: Audit) -> None:
        """Tell the core an operator's word, with what is written down beside it; return once it is applied."""
        now_ns = max(self._clock(), self._session.sequencer.standing.now_ns)
        await self._session.post(rows_of([Told(FactKind.OPERATOR, now_ns, now_ns, code=code)]), *notes)

    async def hold(self, strategy: int, rule: int) -> None:
        """Hold a strategy by a rule; return once that is durable and applied."""
        now_ns = max(self._clock(), self._session.sequencer.standing.now_ns)
        await self._session.post(rows_of([Told(FactKind.HELD, now_ns, now_ns, code=rule, qty_lot=strategy)]))

    async def _wait(self, done: Callable[[], bool]) -> bool:
        """Return True once `done`, False when patience is over."""
        for _ in range(int(self._patience_s / _LOOK_S)):
            if done():
                return True
            await asyncio.sleep(_LOOK_S)
        return done()

    async def _booked(self) -> None:
        """Wait until no money has been booked for a while: fees are told after the fills that they belong to."""
        before, still_s = b"", 0.0
        for _ in range(int(_BOOKED_MAX_S / _LOOK_S)):
            now = self._world.accounts["balance"].tobytes()
            still_s = still_s + _LOOK_S if now == before else 0.0
            if still_s >= _BOOKED_S:
                return
            before = now
            await asyncio.sleep(_LOOK_S)

    # ------------------------------------------------------------------ what is believed

    def _wallets(self) -> list[dict[str, Any]]:
        """Return what each wallet holds in whole units of its currency, and whose it is.

        Equity is the balance and what is held at its last mark, that of `marked_ns`; who holds nothing has his balance,
        and no mark.
        """
        found, flat = [], is_flat(self._world)
        for setup, wallet in zip(self._world.wallet_setups, self._world.accounts, strict=True):
            named = setup.account < len(self._accounts)
            name = self._accounts[setup.account] if named else str(setup.account)
            scale = float(wallet["scale"])
            amounts = {key: float(wallet[key]) / scale for key in ("balance", "equity", "used")}
            held = 0.0 if flat else float(wallet["unrealised"]) / scale
            amounts["equity"] = amounts["balance"] + held
            marked_ns = None if flat else int(wallet["ts_ns"])
            told = {
                "account": name,
                "currency": setup.currency,
                "marked_ns": marked_ns,
                "losses": losses_of(wallet),
            }
            found.append(told | amounts)
        return found

    def _positions(self) -> list[dict[str, Any]]:
        held = self._world.contexts["working"]["holding"]["pos_lot"]
        found = []
        for context, side in zip(*np.nonzero(held), strict=True):
            strategy = self._strategies[int(self._world.contexts["strategy"][context])]
            instrument = int(self._world.contexts["instrument"][context])
            found.append({"strategy": strategy} | self._lots_held(instrument, side, int(held[context, side])))
        return found

    def _external(self) -> list[dict[str, Any]]:
        """Return what the accounts hold that no strategy of the session opened: it does not close it."""
        held = self._world.views["external_lot"]
        return [
            self._lots_held(int(j), side, int(held[j, side]))
            for j, side in zip(*np.nonzero(held), strict=True)
        ]

    def _lots_held(self, instrument: int, side: int, lots: int) -> dict[str, Any]:
        return {
            "instrument": self._instruments[instrument],
            "side": ("long", "short")[side],
            "lots": lots,
        } | self._counted(instrument, lots)

    def _orders(self) -> list[dict[str, Any]]:
        orders = self._world.contexts["working"]["order"]
        found = []
        for context, slot in zip(*np.nonzero(orders["state"]), strict=True):
            order = orders[context, slot]
            instrument = int(self._world.contexts["instrument"][context])
            found.append(
                {
                    "cid": int(order["cid"]),
                    "instrument": self._instruments[instrument],
                    "state": names_of(OrderState)[int(order["state"])],
                    "kind": _KINDS[int(order["kind"])],
                    "side": "buy" if order["side"] == BUY else "sell",
                    "reduce": bool(order["reduce"]),
                    "price_tick": int(order["price_tick"]),
                    "price": self._price(instrument, int(order["price_tick"])),
                    "lots": int(order["qty_lot"]),
                    "filled": int(order["filled_lot"]),
                }
                | self._counted(instrument, int(order["qty_lot"]))
            )
        return found

    def _other(self, seen: OrderSeen, read_ns: int) -> dict[str, Any]:
        """Return an order of somebody else as it was when the account was read."""
        return {
            "instrument": self._instruments[seen.instrument],
            "side": "buy" if seen.side == BUY else "sell",
            "stop": seen.stop,
            "reduce": bool(seen.reduce),
            "price": self._price(seen.instrument, seen.price_tick),
            "lots": seen.qty_lot,
            "read_ns": read_ns,
        } | self._counted(seen.instrument, seen.qty_lot)

    def _counted(self, instrument: int, lots: int) -> dict[str, str]:
        """Return lots as the venue counts its instrument, and what they are where a contract is not one coin."""
        quantity, amount = counted(self._world.instrument_setups[instrument].instrument, lots)
        return {"quantity": f"{quantity:f}"} | ({"amount": amount} if amount else {})

    def _price(self, instrument: int, tick: int) -> str:
        setup = self._world.instrument_setups[instrument]
        return f"{tick * setup.instrument.tick_size:f}"

    def _held_for(self) -> list[dict[str, str]]:
        """Return each strategy that is held, and why."""
        world, found = self._world, []
        for g in np.flatnonzero(world.strategies["held"]).tolist():
            why = self._why_held.get(g) or why_held(world, g, self._instruments)
            found.append({"strategy": self._strategies[g], "why": why})
        return found

    def _outside(self) -> list[dict[str, Any]]:
        """Return the values from outside, each with the time at which it was known; None for none that counts."""
        found = []
        for each in self._features:
            view = self._world.views[each.instrument]
            known_ns = int(view["feature_ns"][each.code])
            value = float(view["feature"][each.code]) if known_ns else None
            found.append(
                {"name": each.name, "symbol": each.symbol, "value": value, "known_ns": known_ns or None}
            )
        return found

    def _openers(self) -> bool:
        """Say whether an order may still open something, or an end is asked for and not answered."""
        orders = self._world.contexts["working"]["order"]
        alive = orders["state"] != OrderState.FREE
        return bool((alive & (orders["reduce"] == 0)).any() or np.isin(orders["state"], _UNDER_WAY).any())


def _halts_of(bits: int) -> list[str]:
    return [name for code, name in _HALTS.items() if bits & code]
