"""What is believed against what the venue says: every difference is named, and becomes facts by a stated policy.

Pure: a belief and a snapshot go in; facts and a report come out. After the facts are applied the belief agrees with the
snapshot, a second look finds nothing, and the order of the snapshot's lists does not matter.

Positions. What the venue has more of than we know is external: told as such, it counts against every limit. By the
policy ``adopt`` it becomes ours instead, at the venue's entry price: it is booked into the holding of the strategy that
trades the instrument, of several the first in the session file. Where the venue has less than our holdings, position
was taken from us: it is shared out over the holdings as the core shares out what the venue closes, and openers halt.
In a netted account only the sum of both sides can be compared; what is external grows or shrinks first.

Money. What remains between the balances after transfers, funding and fees were told is stated as an
adjustment; above a tolerance openers halt. At the first start the venue's balance is what the session begins with.

Nothing of an instrument is compared that traded, or had an order under way, shortly before the snapshot was
asked for: a venue's positions may lag behind its trades by seconds (F60). It is compared again later.

Two looks. One answer of a venue may be wrong, such as an empty list for positions that are there. So what differs in
position, in the terms of an order of ours, in what others' orders may open, or in money is a claim, which becomes facts
when a later look claims the same. Only at the first start is the balance that is found believed at once.

Orders of ours. One that works with another price or quantity than it was given was changed by somebody else. Its terms
are told as the venue has them, so that they are what counts; what the strategy or the core still wants it asks for
anew, as always.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from tradewind.live.believed import Belief, Terms, was_changed
from tradewind.live.facts import Told, halt_fact
from tradewind.live.hearing import setting_fact
from tradewind.live.orders import booking_key
from tradewind.units.enums import BUY, LONG, MONEY, SELL, SHORT, FactKind, Halt, SettingCode, names_of
from tradewind.units.ids import client_id
from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tradewind.venues.gateway import OrderSeen, PositionSeen, Snapshot

__all__ = [
    "PROTECT_NS",
    "Belief",
    "Claim",
    "Compared",
    "Difference",
    "External",
    "Policy",
    "Terms",
    "compare",
    "was_changed",
]

PROTECT_NS = 5_000_000_000
Claim = tuple[str, int, int, int, int]
"""What a look says otherwise: its word, its place (two numbers, as the word needs), and how (two more)."""
_BALANCE_TOLERANCE = 0.001
_ENTRY_PARTS = 1_000_000
_SETTINGS = names_of(SettingCode)

External = Literal["adopt", "ignore", "halt"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do about what is not ours.

    Parameters
    ----------
    external
        Orders and positions of others, in our symbols or in symbols that the session does not trade. They
        always count against the limits; ``ignore`` trades on beside them, ``halt`` stops openers until an
        operator resumes, ``adopt`` makes positions in our symbols ours and ignores the rest: nobody's order is
        taken over.
    balance_tolerance
        Share of the balance that may be unexplained without a halt.
    protect_ns
        So long before the question nothing of an instrument may have moved for its position to be compared.
    confirm_ns
        So long after a first look a second one must be asked for to confirm what it claims.
    given
        Context that takes over what nobody has, by instrument, whatever ``external`` says: somebody has named it.
    given_lots
        How many lots it holds at most then, by instrument; without one all that is there.
    """

    external: External = "halt"
    balance_tolerance: float = _BALANCE_TOLERANCE
    protect_ns: int = PROTECT_NS
    confirm_ns: int = 2_000_000_000
    given: Mapping[int, int] = field(default_factory=dict)
    given_lots: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was otherwise.

    Parameters
    ----------
    what
        ``position``, ``adopted``, ``dust``, ``taken``, ``order``, ``terms``, ``balance``, ``setting``, ``stranger`` or
        ``history``: what happened before a time is told by nobody any more.
    place
        Instrument or wallet, -1 for a symbol that is none of ours.
    believed, found
        Lots of what differs, money or the setting's value.
    text
        A sentence.
    halts
        Whether it stops openers.
    """

    what: str
    place: int
    believed: float
    found: float
    text: str
    halts: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison led to.

    Parameters
    ----------
    facts
        To be applied in this order.
    differences
        What they are for.
    deferred
        Instruments to look at again: they moved too recently.
    agreed
        Instruments whose position is just what is known, also of those that moved.
    claims
        Everything that this look says otherwise.
    doubted
        Those that no earlier look confirms: nothing follows from them yet.
    """

    facts: tuple[Told, ...]
    differences: tuple[Difference, ...]
    deferred: frozenset[int]
    agreed: frozenset[int]
    claims: frozenset[Claim] = frozenset()
    doubted: frozenset[Claim] = frozenset()

    @property
    def halts(self) -> bool:
        """Say whether openers must stop."""
        return any(difference.halts for difference in self.differences)


@dataclass(slots=True)
class _Comparison:
    """The lists that grow while one account is compared."""

    belief: Belief
    snapshot: Snapshot
    policy: Policy
    worth: Callable[[int, int, float], int]
    facts: list[Told] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    entries: dict[tuple[int, int], float] = field(default_factory=dict)
    before: Collection[Claim] | None = None
    first: bool = False
    claims: set[Claim] = field(default_factory=set)
    doubted: set[Claim] = field(default_factory=set)

    def confirms(self, claim: Claim) -> bool:
        """Note a claim; say whether it is to be believed."""
        self.claims.add(claim)
        if self.before is None or claim in self.before:
            return True
        self.doubted.add(claim)
        return False

    def terms(self, instrument: int, of: Terms | OrderSeen) -> str:
        """Return how many at what price an order is."""
        price = Decimal(f"{of.price_tick * self.belief.tick_size.get(instrument, 1.0):.12g}")
        return f"{self.belief.counted(instrument, of.qty_lot)} at {price:f}"

    def tell(self, fact: Told) -> None:
        now_ns = self.snapshot.told_ns
        self.facts.append(fact._replace(venue_ts_ns=now_ns, recv_ts_ns=now_ns))

    def note(self, what: str, place: int, believed: float, found: float, text: str, *, halts: bool) -> None:
        self.differences.append(Difference(what, place, believed, found, text, halts))

    def words(self, instrument: int, side: int, lots: int) -> str:
        """Return lots on a side as a person counts them."""
        return f"{self.belief.counted(instrument, lots)} {('long', 'short')[side]}"

    @property
    def halts_external(self) -> bool:
        return self.policy.external == "halt"


def compare(
    belief: Belief,
    snapshot: Snapshot,
    policy: Policy,
    wallets: Mapping[str, int],
    worth: Callable[[int, int, float], int],
    *,
    first: bool = False,
    before: Collection[Claim] | None = None,
) -> Compared:
    """Compare an account with the venue's word.

    Parameters
    ----------
    belief, snapshot, policy
        Both sides, and what to do. Orders of ours, their fills, funding and transfers in the snapshot must have been
        told before: they explain the rest.
    wallets
        Index of the wallet of each currency.
    worth
        Returns the money that (instrument, lots, price in ticks) are worth.
    first
        Nothing was traded yet: where nothing is held either, the balance found is what the session begins with, and
        no difference.
    before
        What an earlier look claimed, long enough ago; None: one look is enough.
    """
    at = _Comparison(belief, snapshot, policy, worth, before=before, first=first)
    before_ns = snapshot.asked_ns - policy.protect_ns
    deferred = frozenset(j for j in belief.instruments if belief.moved_ns.get(j, 0) > before_ns)
    _compare_settings(at)
    agreed = _compare_positions(at, deferred)
    _compare_terms(at)
    _compare_orders(at)
    if snapshot.history_from_ns:
        begins = format_utc(snapshot.history_from_ns)
        text = f"the venue tells no more what was traded and paid before {begins}"
        at.note("history", -1, 0, 0, text, halts=False)
    for symbol in sorted(snapshot.strangers):
        text = f"{symbol} has a position or orders, and the session does not trade it"
        at.note("stranger", -1, 0, 1, text, halts=at.halts_external)
    if not deferred and not any(what == "position" for what, *_ in at.doubted):
        _compare_balances(at, wallets, agreed, first=first and not any(belief.held.values()))
    return Compared(
        tuple(at.facts), tuple(at.differences), deferred, agreed, frozenset(at.claims), frozenset(at.doubted)
    )


def _compare_settings(at: _Comparison) -> None:
    found = {(seen.instrument, seen.code): seen for seen in at.snapshot.settings}
    for (instrument, code), believed in sorted(at.belief.settings.items()):
        seen = found.get((instrument, code))
        if seen is None or abs(seen.value - believed) <= 1e-9 * max(1.0, abs(believed)):
            continue
        text = f"{_SETTINGS[code].lower().replace('_', ' ')} is {seen.value:g}, not {believed:g}"
        modes = code in (SettingCode.POSITION_MODE, SettingCode.MARGIN_MODE)
        at.note("setting", instrument, believed, seen.value, text, halts=modes)
        at.tell(setting_fact(seen))


def _compare_positions(at: _Comparison, deferred: frozenset[int]) -> frozenset[int]:
    """State what differs, and return the instruments in which nothing does."""
    found: dict[int, dict[int, PositionSeen]] = defaultdict(dict)
    for seen in at.snapshot.positions:
        found[seen.instrument][seen.position_side] = seen
        at.entries[seen.instrument, seen.position_side] = seen.entry
    agreed = set()
    for instrument in at.belief.instruments:
        lots = [_lots(found[instrument].get(side)) for side in (LONG, SHORT)]
        same = _agrees(at.belief, instrument, lots)
        if same:
            agreed.add(instrument)
            if instrument not in deferred:
                _sweep(at, instrument, lots)
        if instrument in deferred or (same and not _may_adopt(at, instrument)):
            continue
        if not (same or _confirms_position(at, instrument, lots)):
            continue
        if instrument in at.belief.hedged:
            for side in (LONG, SHORT):
                _compare_side(at, instrument, side, lots[side])
        else:
            _compare_net(at, instrument, lots[LONG] - lots[SHORT])
    return frozenset(agreed)


def _agrees(belief: Belief, instrument: int, found: list[int]) -> bool:
    return not any(_surplus(belief, instrument, found))


def _surplus(belief: Belief, instrument: int, found: list[int]) -> tuple[int, int]:
    """Return how many lots more than is known the venue has on each side; of a netted sum, (more, 0)."""
    more = _more(belief, instrument, found)
    if instrument in belief.hedged:
        return more[LONG], more[SHORT]
    net = more[LONG] - more[SHORT]
    return (0 if abs(net) < belief.coins.get(instrument, 1) else net), 0


def _more(belief: Belief, instrument: int, found: list[int]) -> list[int]:
    return [found[s] - belief.held[instrument, s] - belief.external[instrument, s] for s in (LONG, SHORT)]


def _sweep(at: _Comparison, instrument: int, found: list[int]) -> None:
    """Count what fees have left of coins, once it is worth counting: they are charged more finely than is counted."""
    dust, context = _more(at.belief, instrument, found)[LONG], at.belief.adopter.get(instrument)
    least = at.belief.coins.get(instrument, 0)
    if not least or 2 * dust < least or context is None or not at.belief.held[instrument, LONG]:
        return
    at.note(
        "dust",
        instrument,
        0,
        dust,
        f"{at.words(instrument, LONG, dust)} are dust of fees, or of before",
        halts=False,
    )
    at.tell(
        Told(
            FactKind.BOOKED, instrument=instrument, wallet=at.belief.wallet[instrument],
            cid=client_id(0, context, 0), side=BUY, position_side=LONG,
            price_tick=max(1, at.belief.close_tick.get(instrument, 1)), qty_lot=dust,
            trade_id=booking_key("dust", instrument, dust, at.snapshot.asked_ns),
        )
    )  # fmt: skip


def _confirms_position(at: _Comparison, instrument: int, found: list[int]) -> bool:
    """Say whether a position is to be believed: an earlier look said as well that there is more, or less, of it."""
    longs, shorts = (_sign(more) for more in _surplus(at.belief, instrument, found))
    return at.confirms(("position", instrument, 0, longs, shorts))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _may_adopt(at: _Comparison, instrument: int) -> bool:
    """Say whether something external is known that is to be ours, such as after a change of the policy."""
    known = [at.belief.external[instrument, side] for side in (LONG, SHORT)]
    return _adopter(at, instrument) is not None and any(known)


def _adopter(at: _Comparison, instrument: int) -> int | None:
    """Return the context that takes over what nobody has, None for none."""
    by_policy = at.belief.adopter.get(instrument) if at.policy.external == "adopt" else None
    return at.policy.given.get(instrument, by_policy)


def _lots(seen: PositionSeen | None) -> int:
    return 0 if seen is None else seen.qty_lot


def _compare_side(at: _Comparison, instrument: int, side: int, found: int) -> None:
    """Compare one side of an account that keeps both apart."""
    held, external = at.belief.held[instrument, side], at.belief.external[instrument, side]
    surplus = found - held - external
    _settle_external(at, instrument, side, max(0, external + surplus))
    if external + surplus < 0:
        _take(at, instrument, side, -(external + surplus))


def _compare_net(at: _Comparison, instrument: int, found: int) -> None:
    """Compare the sum of an account that nets: what is external moves first, then what was taken from us."""
    held = [at.belief.held[instrument, side] for side in (LONG, SHORT)]
    external = [at.belief.external[instrument, side] for side in (LONG, SHORT)]
    surplus = found - (held[LONG] - held[SHORT]) - (external[LONG] - external[SHORT])
    grows, shrinks = (LONG, SHORT) if surplus > 0 else (SHORT, LONG)
    left = abs(surplus)
    back = min(left, external[shrinks])
    left -= back
    taken = 0 if external[grows] else min(left, held[shrinks])
    for side, lots in ((shrinks, external[shrinks] - back), (grows, external[grows] + left - taken)):
        _settle_external(at, instrument, side, lots)
    if taken:
        _take(at, instrument, shrinks, taken)


def _settle_external(at: _Comparison, instrument: int, side: int, lots: int) -> None:
    """Make lots that are nobody's ours where the policy says so and a price is known, else state them as external."""
    entry_tick, adopter = _entry_tick(at, instrument, side), _adopter(at, instrument)
    held = at.belief.held[instrument, side]
    given = min(lots, at.policy.given_lots.get(instrument, held + lots) - held)
    if adopter is not None and given > 0 and entry_tick > 0:
        _adopt(at, (instrument, side), adopter, given, entry_tick)
        lots -= given
        lots = 0 if lots < at.belief.coins.get(instrument, 0) else lots
    _set_external(at, instrument, side, lots)


def _entry_tick(at: _Comparison, instrument: int, side: int) -> float:
    """Return the venue's entry price in ticks, the last close where it states none, 0 for neither."""
    entry, tick = at.entries.get((instrument, side), 0.0), at.belief.tick_size.get(instrument, 0.0)
    return entry / tick if entry > 0.0 and tick else float(at.belief.close_tick.get(instrument, 0))


def _adopt(at: _Comparison, place: tuple[int, int], context: int, lots: int, entry_tick: float) -> None:
    """Book lots of others into the holding of a context."""
    instrument, side = place
    text = f"{at.words(instrument, side, lots)}, which were none of ours, are taken over"
    at.note("adopted", instrument, 0, lots, text, halts=False)
    at.tell(
        Told(
            FactKind.BOOKED, instrument=instrument, wallet=at.belief.wallet[instrument],
            cid=client_id(0, context, 0), side=BUY if side == LONG else SELL, position_side=side,
            price_tick=max(1, round(entry_tick)), qty_lot=lots, amount=at.worth(instrument, lots, entry_tick),
            trade_id=booking_key("adopted", instrument, side, lots, at.snapshot.asked_ns), value=1.0,
        )
    )  # fmt: skip
    if instrument in at.belief.coins:  # What they are worth is brought in with them.
        cost = at.worth(instrument, lots, entry_tick)
        at.tell(Told(FactKind.TRANSFER, wallet=at.belief.wallet[instrument], amount=cost))


def _set_external(at: _Comparison, instrument: int, side: int, lots: int) -> None:
    """State how much of a side is none of ours."""
    believed = at.belief.external[instrument, side]
    if lots == believed:
        return
    text = _others_text(at, instrument, side, lots)
    at.note("position", instrument, believed, lots, text, halts=at.halts_external and lots > believed)
    at.tell(
        Told(FactKind.EXTERNAL_POSITION, instrument=instrument, position_side=side, qty_lot=lots)
    )  # fmt: skip


def _others_text(at: _Comparison, instrument: int, side: int, lots: int) -> str:
    """Return how much others hold now, and how much it was."""
    believed = at.belief.external[instrument, side]
    before = at.words(instrument, side, believed)
    if not lots:
        return f"{before}, which were none of ours, are held no more"
    now = f"{at.words(instrument, side, lots)} are none of ours"
    now += f"; before it was {before}" if believed else ""
    stops = [seen.stop for seen in at.snapshot.orders if seen.instrument == instrument and seen.cid == 0]
    if stops:
        others = len(stops) - sum(stops)
        now += f"; with them rest orders of nobody: stops {sum(stops)}, others {others}"
    if at.first and at.halts_external:
        now += (
            "; if this session held them and its journal was lost, end it and run 'tradewind session adopt'"
        )
    return now


def _take(at: _Comparison, instrument: int, side: int, lots: int) -> None:
    """Shrink our holdings to what the venue has left of them.

    It is booked as what a venue takes, and whoever took it stands nowhere: the halt is that of others who trade the
    account, so the one of a liquidation is lifted again where the venue has told of none.
    """
    held = at.belief.held[instrument, side]
    price_tick = at.belief.close_tick.get(instrument, 0)
    left = at.words(instrument, side, held - lots) if held > lots else "none"
    text = f"{at.words(instrument, side, lots)} of ours are gone; what is left is {left}"
    at.note("taken", instrument, held, held - lots, text, halts=True)
    at.tell(
        Told(
            FactKind.ADL, instrument=instrument, wallet=at.belief.wallet[instrument], position_side=side,
            price_tick=price_tick, qty_lot=lots, amount=at.worth(instrument, lots, price_tick),
        )
    )  # fmt: skip
    wallet = at.belief.wallet[instrument]
    if wallet not in at.belief.liquidated:
        at.tell(halt_fact(Halt.LIQUIDATED, wallet, at.snapshot.told_ns, on=False))


def _compare_terms(at: _Comparison) -> None:
    """State which orders of ours work with other terms than they were given."""
    settled_ns = at.snapshot.asked_ns - at.policy.protect_ns
    ours = [seen for seen in at.snapshot.orders if seen.cid in at.belief.orders]
    for seen in sorted(ours, key=lambda seen: seen.cid):
        terms = at.belief.orders[seen.cid]
        if not was_changed(terms, seen, settled_ns):
            continue
        if at.confirms(("terms", seen.instrument, seen.cid, seen.price_tick, seen.qty_lot)):
            was, now = at.terms(seen.instrument, terms), at.terms(seen.instrument, seen)
            text = (
                f"{'a stop' if seen.stop else 'an order'} of ours was changed by somebody: {now}, not {was}"
            )
            at.note(
                "terms", seen.instrument, terms.price_tick, seen.price_tick, text, halts=at.halts_external
            )
            unknown = Told(FactKind.UNKNOWN, instrument=seen.instrument, cid=seen.cid)
            at.tell(unknown)
            at.tell(
                unknown._replace(
                    kind=FactKind.AMENDED, code=1, price_tick=seen.price_tick, qty_lot=seen.qty_lot
                )
            )


def _compare_orders(at: _Comparison) -> None:
    """State what others' orders may still open, per side."""
    found: dict[tuple[int, int], int] = defaultdict(int)
    for seen in at.snapshot.orders:
        if seen.cid == 0 and not seen.reduce:
            found[seen.instrument, opens_side(seen)] += seen.qty_lot - seen.filled_lot
    for place in sorted(at.belief.external_open.keys()):
        believed, lots = at.belief.external_open[place], found.get(place, 0)
        if lots != believed and at.confirms(("order", *place, _sign(lots - believed), 0)):
            instrument, side = place
            text = f"orders that are none of ours may open {at.words(instrument, side, lots)}"
            at.note("order", instrument, believed, lots, text, halts=at.halts_external and lots > believed)
            at.tell(
                Told(FactKind.EXTERNAL_ORDER, instrument=instrument, position_side=side, qty_lot=lots)
            )  # fmt: skip


def opens_side(seen: OrderSeen) -> int:
    """Return the side on which an order that is no reduction adds."""
    return LONG if seen.side == BUY else SHORT


def _compare_balances(
    at: _Comparison, wallets: Mapping[str, int], agreed: frozenset[int], *, first: bool
) -> None:
    for seen in sorted(at.snapshot.balances, key=lambda seen: seen.currency):
        wallet = wallets.get(seen.currency)
        if wallet is None or seen.balance == at.belief.balances[wallet]:
            continue
        believed = at.belief.balances[wallet]
        ahead, blur = _netting(at, wallet, agreed)
        ahead -= at.belief.spent.get(wallet, 0)
        missing = seen.balance - believed - ahead
        if abs(missing) <= blur:
            continue
        large = abs(missing) > at.policy.balance_tolerance * max(abs(believed), 1)
        if first:
            at.tell(Told(FactKind.TRANSFER, wallet=wallet, amount=missing))
            continue
        if not at.confirms(("balance", wallet, 0, _sign(missing), 0)):
            continue
        text = f"the balance is off by {Decimal(missing) / MONEY:+f} {seen.currency}"
        at.note("balance", wallet, believed, believed + missing, text, halts=large)
        at.tell(Told(FactKind.ACCOUNT, wallet=wallet, amount=believed + missing))


def _netting(at: _Comparison, wallet: int, agreed: frozenset[int]) -> tuple[int, int]:
    """Return how far the venue's balance is ahead of ours by netting, and how finely that is known, both in money.

    What a venue nets it realises by one average price, we by that of each holding: equity is the same, and so is the
    balance again once nothing is held. At any price balance less cost is the same on both sides, which says by how
    much balances differ meanwhile. Prices of entry are rounded, to a millionth of what is held at worst.
    """
    belief, ahead, blur = at.belief, 0, 0
    for instrument, ours in sorted(belief.netted_cost.items()):
        external = any(belief.external[instrument, side] for side in (LONG, SHORT))
        if instrument not in agreed or external or belief.wallet[instrument] != wallet:
            continue
        lots = belief.held[instrument, LONG] - belief.held[instrument, SHORT]
        side = LONG if lots >= 0 else SHORT
        entry_tick = at.entries.get((instrument, side), 0.0) / belief.tick_size[instrument]
        if lots and entry_tick <= 0.0:
            continue
        worth = at.worth(instrument, abs(lots), entry_tick) if lots else 0
        theirs = worth if side == LONG else -worth
        ahead += (ours - theirs) if instrument in belief.inverse else (theirs - ours)
        blur += 2 + (abs(theirs) + abs(ours)) // _ENTRY_PARTS
    return ahead, blur
