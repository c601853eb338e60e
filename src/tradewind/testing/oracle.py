"""Accounting once more, slowly, in exact fractions: the oracle of what the core computes in whole money.

It knows prices, quantities and amounts as rational numbers, books each fill at its true worth, and rounds
nothing. The core truncates money once where it is born, so that it may differ by less than one unit for every
amount that was born; `Ledger.births` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["Ledger", "Position"]


@dataclass(slots=True)
class Position:
    """One side of one instrument: lots and what they cost, exactly."""

    lots: int = 0
    cost: Fraction = Fraction(0)
    realised: Fraction = Fraction(0)


@dataclass(slots=True)
class Ledger:
    """A wallet with one instrument.

    Parameters
    ----------
    payoff
        linear, inverse or spot.
    unit
        Money per lot and tick; inverse: money times ticks per lot.
    """

    payoff: str
    unit: Fraction
    start: Fraction
    sides: tuple[Position, Position] = field(default_factory=lambda: (Position(), Position()))
    fees: Fraction = Fraction(0)
    funding: Fraction = Fraction(0)
    transferred: Fraction = Fraction(0)
    births: int = 0

    def worth(self, lots: int, price_tick: Fraction) -> Fraction:
        """Return the notional of lots at a price, exactly."""
        if self.payoff == "inverse":
            return lots * self.unit / price_tick
        return lots * price_tick * self.unit

    def fill(self, side: int, lots: int, price_tick: int, *, opens: bool, fee_rate: Fraction) -> Fraction:
        """Book a fill and its fee; return the fee."""
        position = self.sides[side]
        notional = self.worth(lots, Fraction(price_tick))
        if opens:
            position.lots += lots
            position.cost += notional
        else:
            part = position.cost * lots / position.lots
            position.lots -= lots
            position.cost -= part
            position.realised += self._sign(side) * (notional - part)
        self.births += 3
        fee = notional * fee_rate
        self.fees += fee
        return fee

    def settle(self, side: int, mark: Fraction, rate: Fraction) -> Fraction:
        """Pay or receive funding on one side; return what is paid."""
        paid = self.worth(self.sides[side].lots, mark) * rate * (1 - 2 * side)
        self.funding += paid
        self.births += 1
        return paid

    def transfer(self, amount: int) -> None:
        """Move money in or out."""
        self.transferred += amount

    @property
    def balance(self) -> Fraction:
        """Return the cash."""
        realised = self.sides[0].realised + self.sides[1].realised
        return self.start + realised - self.fees - self.funding + self.transferred

    def equity(self, close_tick: int) -> Fraction:
        """Return cash and the value of what is held at a close."""
        value = Fraction(0)
        for side, position in enumerate(self.sides):
            value += self._sign(side) * (self.worth(position.lots, Fraction(close_tick)) - position.cost)
        return self.balance + value

    def _sign(self, side: int) -> int:
        """Return +1 where this side gains as worth rises."""
        sense = -1 if self.payoff == "inverse" else 1
        return sense * (1 - 2 * side)
