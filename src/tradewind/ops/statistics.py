"""Statistics of what a session traded since a point in time: trades before it are left out, capital starts there.

A trade is a trip: from flat to flat of one strategy in one instrument on one side. One that was open at the reset is
left out whole and counted, since part of its result belongs before it; so is one with lots that were adopted. Times are
UTC throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.ops.record import SessionFill, SessionRecord

__all__ = ["Statistics", "Trip", "statistics_since", "trips_of"]


@dataclass(frozen=True, slots=True)
class Trip:
    """One trade, flat to flat.

    Parameters
    ----------
    symbol, side, strategy
        What, ``long`` or ``short``, and whose.
    start_ns, end_ns
        First and last fill.
    gross, fees
        Result of the prices, and what was paid for the fills, in the instrument's currency.
    adopted
        Whether lots that the account held already are part of it.
    """

    symbol: str
    side: str
    strategy: str
    start_ns: int
    end_ns: int
    gross: float
    fees: float
    adopted: bool = False

    @property
    def net(self) -> float:
        """Return the result after fees."""
        return self.gross - self.fees


@dataclass(slots=True)
class Statistics:
    """What was traded since a point in time, in one currency.

    Parameters
    ----------
    currency, since_ns
        Whose money, and the reset point; 0 for the beginning.
    trips
        Trades that began and ended since.
    carried, open
        How many were open at the reset or adopted and are left out, and how many are open now.
    earlier
        Trades that ended before the reset.
    funding
        Paid since; negative is received.
    capital, equity
        At the reset and at the end of the record, without what was transferred since; None where not known.
    marked_ns
        When equity was last written down; 0 where it is not known.
    drawdown
        Deepest fall of the recorded equity since, as a share of the highest before it; None where not known.
    why_empty
        Why there is no trade, "" where there is one.
    """

    currency: str
    since_ns: int
    trips: list[Trip] = field(default_factory=list)
    carried: int = 0
    open: int = 0
    earlier: int = 0
    funding: float = 0.0
    capital: float | None = None
    equity: float | None = None
    marked_ns: int = 0
    drawdown: float | None = None
    why_empty: str = ""

    @property
    def net(self) -> float:
        """Return the result of all trades after fees, without funding."""
        return sum(trip.net for trip in self.trips)

    @property
    def win_rate(self) -> float | None:
        """Return the share of trades that earned something, None without a trade."""
        return sum(trip.net > 0 for trip in self.trips) / len(self.trips) if self.trips else None

    @property
    def profit_factor(self) -> float | None:
        """Return what winners earned over what losers lost, None without a loser."""
        lost = -sum(trip.net for trip in self.trips if trip.net < 0)
        return sum(trip.net for trip in self.trips if trip.net > 0) / lost if lost else None


_Key = tuple[int, str, str]
_OURS = ("order", "adopted")
_FLAT_LOTS = 1e-6
"""Less than this is rounding of what the venue took from several holdings at once."""


@dataclass(slots=True)
class _Holding:
    strategy: str
    start_ns: int
    lots: float = 0.0
    cost: float = 0.0
    gross: float = 0.0
    fees: float = 0.0
    adopted: bool = False

    def close(self, lots: float, notional: float, sign: float) -> None:
        """Take lots off at a notional; the cost of what goes is its share of the average."""
        closed = min(lots, self.lots)
        share = self.cost * closed / self.lots if self.lots else 0.0
        self.gross += sign * (notional * (closed / lots if lots else 0.0) - share)
        self.lots, self.cost = self.lots - closed, self.cost - share


def trips_of(
    fills: Iterable[SessionFill], inverse: frozenset[str] = frozenset()
) -> tuple[list[Trip], list[int]]:
    """Return trades by the average price of what is held, and since when each that is open now is.

    Parameters
    ----------
    fills
        In the order in which they were known. What the venue took is shared out over who held it, by size.
    inverse
        Symbols whose contracts pay in the coin: their notional falls when the price rises.
    """
    trips: list[Trip] = []
    holdings: dict[_Key, _Holding] = {}
    for fill in fills:
        key = (fill.context, fill.symbol, fill.position_side)
        if fill.role in _OURS and (fill.side == "buy") == (fill.position_side == "long"):
            held = holdings.setdefault(key, _Holding(fill.strategy, fill.ts_ns))
            held.lots, held.cost, held.fees = (
                held.lots + fill.lots,
                held.cost + fill.notional,
                held.fees + fill.fee,
            )
            held.adopted |= not fill.traded
            continue
        sign = 1.0 if (fill.position_side == "long") != (fill.symbol in inverse) else -1.0
        closing = [key] if fill.role in _OURS else [k for k in holdings if k[1:] == key[1:]]
        total = sum(holdings[k].lots for k in closing if k in holdings)
        for each in closing:
            if each not in holdings or not total:
                continue
            held = holdings[each]
            share = held.lots / total
            held.fees += fill.fee * share
            held.close(fill.lots * share, fill.notional * share, sign)
            if held.lots < _FLAT_LOTS:
                trips.append(_ended(each, holdings.pop(each), fill.ts_ns))
    return trips, [held.start_ns for held in holdings.values()]


def _ended(key: _Key, held: _Holding, end_ns: int) -> Trip:
    return Trip(key[1], key[2], held.strategy, held.start_ns, end_ns, held.gross, held.fees, held.adopted)


def statistics_since(record: SessionRecord, since_ns: int = 0) -> list[Statistics]:
    """Return the statistics of each currency that a session trades in, since a reset point (0: its beginning)."""
    inverse = frozenset(row["symbol"] for row in record.instruments if row["payoff"] == "inverse")
    currency_of = {row["symbol"]: str(row["currency"]) for row in record.instruments}
    found = []
    for currency in dict.fromkeys(currency_of.values()):
        fills = [fill for fill in record.fills() if currency_of[fill.symbol] == currency]
        trips, open_since = trips_of(fills, inverse)
        begun = [trip for trip in trips if trip.start_ns >= since_ns]
        told = Statistics(currency, since_ns, [trip for trip in begun if not trip.adopted])
        told.carried = sum(trip.start_ns < since_ns <= trip.end_ns for trip in trips)
        told.carried += sum(trip.adopted for trip in begun)
        told.carried += sum(start_ns < since_ns for start_ns in open_since)
        told.earlier = sum(trip.end_ns < since_ns for trip in trips)
        told.open = len(open_since)
        told.funding = _funding(record, currency, since_ns)
        _mark_equity(record, told)
        told.why_empty = _why_empty(told, [fill for fill in fills if fill.traded], record)
        found.append(told)
    return found


def _funding(record: SessionRecord, currency: str, since_ns: int) -> float:
    rows = [row for row in record.rows("cash", since_ns) if row["kind"] == "FUNDING_PAID"]
    mine = [row for row in rows if record.currency(row["instrument"]) == currency]
    return sum(record.money(row["instrument"], row["amount"]) for row in mine)


def _mark_equity(record: SessionRecord, told: Statistics) -> None:
    """Find capital, equity and drawdown of the wallets of a currency; transfers move neither."""
    wallets = {row["wallet"] for row in record.rows("equity")}
    mine = [wallet for wallet in wallets if record.wallet_currency(wallet) == told.currency]
    if len(mine) != 1:
        return
    opened = record.opened_at().get(mine[0], 0)
    marks = [row for row in record.rows("equity") if row["wallet"] == mine[0] and row["seq"] >= opened]
    before = [row for row in marks if row["ts_ns"] <= told.since_ns]
    marks = before[-1:] + [row for row in marks if row["ts_ns"] > told.since_ns]
    if not marks:
        return
    # In the order of the journal: the first mark holds what came before it, whatever the times say.
    moved = [
        (row["seq"], record.money(row["instrument"], row["amount"]))
        for row in record.rows("cash")
        if row["kind"] == "TRANSFER" and row["wallet"] == mine[0] and row["seq"] > marks[0]["seq"]
    ]
    curve = [
        row["equity"] / row["scale"] - sum(amount for seq, amount in moved if seq < row["seq"])
        for row in marks
    ]
    told.capital, told.equity, told.marked_ns = curve[0], curve[-1], marks[-1]["ts_ns"]
    highest, told.drawdown = curve[0], 0.0
    for equity in curve:
        highest = max(highest, equity)
        told.drawdown = max(told.drawdown, (highest - equity) / highest if highest > 0 else 0.0)


def _why_empty(told: Statistics, fills: list[SessionFill], record: SessionRecord) -> str:
    if told.trips:
        return ""
    if not fills:
        wanted = len(record.tables.get("decisions", []))
        return f"nothing was filled yet, of {wanted} wants" if wanted else "nothing was wanted yet"
    since = format_utc(told.since_ns) if told.since_ns else "its beginning"
    last = format_utc(fills[-1].ts_ns)
    if fills[-1].ts_ns < told.since_ns:
        return (
            f"the last fill was at {last}, before the reset at {since}; {told.earlier} trades lie before it"
        )
    return f"no trade began and ended since {since}: {told.carried} were open then, {told.open} are open now"
