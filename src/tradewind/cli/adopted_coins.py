"""How many of the coins that accounts hold are a session's, by somebody's word: nothing at a venue tells."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tradewind.errors import UsageError

if TYPE_CHECKING:
    from tradewind.market import Instrument

__all__ = ["CoinsHeld", "given_lots"]


@dataclass(frozen=True, slots=True)
class CoinsHeld:
    """Coins of one instrument at an account.

    Parameters
    ----------
    symbol
        As the session names the instrument.
    rules
        The venue's.
    lots
        How many there are, in lots of the core.
    """

    symbol: str
    rules: "Instrument"
    lots: int

    @property
    def least(self) -> int:
        """Return the lots of the least order: fewer of them nobody can sell."""
        return self.lots_in(max(self.rules.lot_size, self.rules.min_qty))

    def lots_in(self, amount: Decimal) -> int:
        """Return the whole lots in so many coins."""
        from tradewind.engine.world import lot_of

        return int(amount / lot_of(self.rules))

    def amount(self, lots: int) -> str:
        """Return lots as a person counts coins."""
        from tradewind.live.amounts import counted

        return f"{counted(self.rules, lots)[0].normalize():f}"


def given_lots(
    quantities: Collection[str], given: Collection[int], held: Mapping[int, CoinsHeld], external: str
) -> dict[int, int]:
    """Return how many lots of coins are given to a strategy, by instrument.

    Parameters
    ----------
    quantities
        ``SYMBOL=AMOUNT``, in coins.
    given
        Instruments of which somebody has said whose they are.
    held
        What is there of each coin, by instrument.
    external
        What the session file says of what is nobody's.

    Raises
    ------
    UsageError
        The words are no such amounts; of what is given nobody has said how many; there are not so many, or they are too
        few to be sold; what is left over would be taken over as well.
    """
    found = _said(quantities, given, held)
    for instrument in given:
        coins = held.get(instrument)
        if coins is None or coins.lots < coins.least:
            continue
        _refuse_wrong(coins, found.get(instrument), external)
    return found


def _said(
    quantities: Collection[str], given: Collection[int], held: Mapping[int, CoinsHeld]
) -> dict[int, int]:
    """Return the lots that were said, by instrument. Raises UsageError."""
    known = {coins.symbol: instrument for instrument, coins in held.items() if instrument in given}
    found: dict[int, int] = {}
    for text in quantities:
        symbol, _, word = text.partition("=")
        instrument = known.get(symbol)
        if instrument is None:
            raise UsageError(
                "USAGE",
                f"{text[:60]!r} is about no coin that is held and given to somebody with --give.",
                where="--qty",
                known=tuple(known),
            )
        if instrument in found:
            raise UsageError("USAGE", f"{text[:60]!r} counts it a second time.", where="--qty")
        found[instrument] = held[instrument].lots_in(_amount(word, text))
    return found


def _amount(word: str, text: str) -> Decimal:
    try:
        amount = Decimal(word)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 < amount < 10**15):
        raise UsageError("USAGE", f"{text[:60]!r} says no number of coins.", where="--qty")
    return amount


def _refuse_wrong(coins: CoinsHeld, lots: int | None, external: str) -> None:
    """Refuse a number of coins that cannot be a session's. Raises UsageError."""
    there, whole = f"{coins.amount(coins.lots)} {coins.rules.base}", coins.amount(coins.lots)
    if lots is None:
        raise UsageError(
            "USAGE",
            f"there are {there}, and nothing tells how many of them were the session's.",
            where=coins.symbol,
            hint=f"say how many: --qty {coins.symbol}={whole} for all of them, or fewer",
        )
    if lots > coins.lots:
        raise UsageError("USAGE", f"there are {there} and no more.", where=f"--qty {coins.symbol}")
    if lots < coins.least:
        raise UsageError(
            "USAGE",
            f"{coins.amount(lots)} {coins.rules.base} are fewer than the venue's least order, "
            f"{coins.amount(coins.least)}: nothing could sell them.",
            where=f"--qty {coins.symbol}",
        )
    if external == "adopt" and coins.lots - lots >= coins.least:
        raise UsageError(
            "USAGE",
            f"the other {coins.amount(coins.lots - lots)} {coins.rules.base} would become the session's too, since its "
            'file says external = "adopt".',
            where=f"--qty {coins.symbol}",
            hint='write external = "ignore" or "halt" into the session file',
        )
