"""Exits that protect what a strategy holds, as data: the core carries them out in a backtest, on paper and live."""

from typing import Literal, Self

from pydantic import model_validator

from tradewind.config.fields import Model, Pct, Span, refusal

__all__ = ["Exits", "Protection", "check_protection"]

Protection = Literal["resting", "watched", "none"]
"""Where a strategy's stops are: at the venue, in the core, or nowhere."""


class Exits(Model):
    """When the core closes what a strategy holds, whatever the strategy says; the strategy's own stops go on.

    Every level that is set counts, and the first that is reached closes the whole position of that side. Afterwards the
    side opens again once the strategy has wanted nothing there, or after `reopen_after`.
    """

    stop_loss_pct: Pct | None = None
    """Loss from the average entry at which a position is closed."""
    take_profit_pct: Pct | None = None
    """Gain from the average entry at which it is closed, always watched by the core."""
    trailing_pct: Pct | None = None
    """Fall from the best price since the entry at which it is closed."""
    profit_lock_from_pct: Pct | None = None
    """Gain from which a profit is locked in."""
    profit_lock_back_pct: Pct | None = None
    """How much of the best gain may be given back from then on, in percent of the entry."""
    max_age: Span | None = None
    """Longest time for which a position is held."""
    trigger: Literal["last", "mark"] = "last"
    """The price that is watched: the last trade, or the mark."""
    reopen_after: Span | None = None
    """How long nothing opens on that side after an exit; unless given, until the strategy has wanted nothing there."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        start, back = self.profit_lock_from_pct, self.profit_lock_back_pct
        if (start is None) != (back is None):
            missing = "profit_lock_back_pct" if back is None else "profit_lock_from_pct"
            raise refusal("CONFIG_CONFLICT", f"a profit lock needs {missing}", "write both", key=missing)
        if start is not None and back is not None and back > start:
            raise refusal(
                "CONFIG_CONFLICT",
                f"a lock from {start:g} % that gives back {back:g} % locks in a loss",
                "let profit_lock_back_pct be the smaller one",
                key="profit_lock_back_pct",
            )
        return self

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is set that would close a position."""
        levels = (self.stop_loss_pct, self.take_profit_pct, self.trailing_pct, self.profit_lock_from_pct)
        return not any(levels) and self.max_age is None

    def guarded_by(self, protection: Protection | None) -> Protection:
        """Return who guards: as stated, else the core where anything is set."""
        return protection or ("none" if self.is_empty else "watched")


def check_protection(exits: Exits, protection: Protection | None, key: str) -> None:
    """Refuse exits under ``protection = "none"``; ``key`` is where that is written."""
    if protection == "none" and not exits.is_empty:
        raise refusal(
            "CONFIG_CONFLICT",
            'exits are set, and protection = "none" would switch them off',
            'write "watched" or "resting", or leave the exits out',
            key=key,
        )
