"""What the accounts of a session say, as facts: orders, money, positions, settings, and the comparison with all of it.

Its memory (the order ledger, transfers and takings that were told, when each instrument last traded) follows
from the batches taken and the requests handed out; it is kept in the session's snapshots.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.journal.bodies import Audit
from tradewind.live.answers import Waits, answer_facts, asks_at_once
from tradewind.live.belief import asked_ns_of, belief_of, coins_in, is_unknown, setting_of, terms_of, worth_in
from tradewind.live.evidence import refuse_unissued
from tradewind.live.facts import Told, halt_fact
from tradewind.live.hearing import funding_fact, setting_fact, settlements_of, taken_fact, transfer_fact
from tradewind.live.inbox import Answered, Heard, Item, Looked, Seen
from tradewind.live.orders import Known, OrderLedger
from tradewind.live.reconcile import Claim, Compared, Policy, compare, was_changed
from tradewind.live.relieving import Relieving
from tradewind.live.resolver import Absences
from tradewind.live.statuses import Statuses
from tradewind.live.takeover import is_of_takeover, taken_over_facts
from tradewind.ops.alerts import Alert
from tradewind.units.enums import FactKind, Halt, IntentKind, RequestKind, Rule, SettingCode, names_of
from tradewind.venues import gateway as port
from tradewind.venues.gateway import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.live.accounts import TradingAccount
    from tradewind.venues.gateway import Event, OrderSeen, Snapshot

__all__ = ["Books", "ended_contexts"]

_KEYS_KEPT = 4096
_TAKEN = (FactKind.ACCOUNT_LIQUIDATED, FactKind.ADL, FactKind.DELISTED)
_MOVES = (FactKind.FILL, FactKind.BOOKED, *_TAKEN)
_ENDS = (FactKind.CANCELLED, FactKind.EXPIRED, FactKind.BOOKED)
_PATIENT_NS = 5_000_000_000
_GONE_NS = 10_000_000_000
"""An order that works no more, by the venue's word, is searched for so long before a person is told."""
_TOLD_FOR_NS = 5_000_000_000
_FAILURES_MAX = 5
_UNSENT = {
    Rule.CLOSED: "CAP_HIT",
    Rule.ORDER_NOTIONAL: "CAP_HIT",
    Rule.ORDER_RATE: "CAP_HIT",
    Rule.SETTINGS: "ORDER_IMPOSSIBLE",
}
"""What is told of an order that never left because of an account's caps or because its venue has no such order."""


class Books:
    """Memory of the accounts of a session, and the way from their events to facts.

    Parameters
    ----------
    world
        What the core believes; only read.
    accounts
        In the order of their numbers.
    policy
        What to do about differences.
    notify
        Is told of what a person should know.

    Attributes
    ----------
    compare_at_ns
        When each account is to be compared with its venue next, by number; 0: at once.
    agreed_ns
        When the venue was last asked for a position that agreed, by instrument.
    user_streams
        What is heard of each account's own stream: (number, `StreamCode`, when), for whoever marks data as stale.
    """

    def __init__(
        self,
        world: World,
        accounts: Sequence[TradingAccount],
        policy: Policy,
        notify: Callable[[Alert], None],
    ) -> None:
        self.compare_at_ns: dict[int, int] = {account.number: 0 for account in accounts}
        self.agreed_ns: dict[int, int] = {}
        self.user_streams: list[tuple[int, int, int]] = []
        self._world, self._accounts, self._policy, self._notify = world, accounts, policy, notify
        self._statuses = Statuses(world, notify)
        self._worth = worth_in(world)
        self._ledger = OrderLedger(self._worth, self._wallet_of, coins_in(world))
        self._relieving = Relieving(world, self._ledger, notify)
        for account in accounts:
            account.is_stop, account.notify = self._ledger.is_stop, notify
            account.knows = lambda cid: self._ledger.known(cid) is not None
        self._waits = Waits(int(world.core["retry_ns"][0]), int(world.views["interval_ns"][0]))
        self._absences = Absences()
        self._fences: dict[int, int] = {}
        self._gone: dict[int, tuple[str, int]] = {}
        self._failures: Counter[int] = Counter()
        self._keys: dict[int, None] = {}
        self._claims: dict[int, dict[Claim, int]] = {}
        self._doubtful: set[int] = set()
        self._notes: list[Audit] = []
        self._elsewhere: set[tuple[str, str]] = set()
        self._moved_ns: dict[int, int] = {}
        self._read_ns: dict[int, int] = {}
        self._told_ns: dict[tuple[int, str, int, str], int] = {}
        self._account_of = {j: a.number for a in accounts for j in a.terms.instruments}

    # ------------------------------------------------------------------ memory

    def note(self, facts: NDArray[Any], requests: NDArray[Any] | None) -> None:
        """Remember a batch that was taken, and what it led to; from a tape as from a venue, once or twice."""
        if any(kind > FactKind.WAKE for kind in facts["kind"].tolist()):
            self._note_facts(facts)
        if requests is not None:
            self._ledger.note_requests(requests)

    def _note_facts(self, facts: NDArray[Any]) -> None:
        """Remember facts of an account; the market's move nothing here."""
        self._ledger.note_facts(facts)
        for kind, key, instrument, at_ns in facts[["kind", "trade_id", "instrument", "recv_ts_ns"]].tolist():
            if kind == FactKind.TRANSFER or kind in _TAKEN:
                self._note_key(key)
            if kind in _MOVES:
                self._moved_ns[instrument] = max(at_ns, self._moved_ns.get(instrument, 0))

    def save(self, after: int) -> bytes:
        """Return the memory as it is after batch `after`, the last that was taken."""
        return msgspec.msgpack.encode((self._ledger.save(), list(self._keys), self._moved_ns))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved memory."""
        orders, keys, moved = msgspec.msgpack.decode(saved, type=tuple[bytes, list[int], dict[int, int]])
        self._ledger.restore(orders)
        self._keys, self._moved_ns = dict.fromkeys(keys), moved

    def _note_key(self, key: int) -> bool:
        """Note the number of something that counts once; say whether it is new. 0 is nobody's."""
        if key in self._keys:
            return False
        if key:
            self._keys[key] = None
            if len(self._keys) > _KEYS_KEPT:
                del self._keys[next(iter(self._keys))]
        return True

    # ------------------------------------------------------------------ what was said

    def facts_of(self, item: Item, now_ns: int) -> list[Told]:
        """Return what the core is to know of something that arrived."""
        self._say_gone(now_ns)
        if isinstance(item, Heard):
            return self._heard(item.account, item.event, now_ns)
        if isinstance(item, Answered):
            return self._answered(item, now_ns)
        if isinstance(item, Looked):
            return self._looked(item, now_ns)
        if isinstance(item, Seen):
            return self._seen(item, now_ns)
        raise item.error

    def _heard(self, number: int, event: Event, now_ns: int) -> list[Told]:
        facts: list[Told] = []
        if isinstance(event, port.OrderSeen):
            facts = self._order(number, event)
            self._doubt_terms(number, event, now_ns)
            if number in self._relieving.leaving:
                self._relieving.note_standing(self._accounts[number], event, now_ns)
        elif isinstance(event, port.FillSeen):
            facts = self._fill(event)
        elif isinstance(event, port.PositionSeen):
            self._doubt_position(number, event, now_ns)
        elif isinstance(event, port.StatusSeen):
            facts = self._statuses.tell(self._accounts[number], event, now_ns)
            if event.cause == "maintenance":
                self.compare_at_ns[number] = 0
        elif isinstance(event, port.StreamSeen):
            self.user_streams.append((number, event.code, event.recv_ns))
        else:
            facts = self._money(number, event)
        if self._ledger.suspects or (number in self._relieving.leaving and isinstance(event, port.FillSeen)):
            self._compare_soon(number, now_ns)
            self._ledger.suspects.clear()
        return facts

    def _fill(self, event: port.FillSeen) -> list[Told]:
        """Tell a trade; one of a takeover closed position of ours while nobody listened."""
        if not is_of_takeover(event.cid):
            return self._ledger.tell_fill(event)
        if not self._note_key(event.trade_key):
            return []
        self._alert("OPERATOR", f"a takeover closed {event.qty_lot} lots", event.recv_ns)
        wallet = int(self._world.views["wallet"][event.instrument])
        return taken_over_facts(event, wallet, self._wallet_of(event.instrument, event.fee_currency))

    def _order(self, number: int, event: OrderSeen) -> list[Told]:
        """Tell a state. One that works after it had ended is looked for: it may be old news, or it must go."""
        self._accounts[number].note_place(event)
        self._doubt_end(number, event)
        return [self._waits.eased(fact) for fact in self._ledger.tell_order(event)]

    def _doubt_terms(self, number: int, event: OrderSeen, now_ns: int) -> None:
        """Compare soon where an order of ours works with other terms than it was given."""
        terms = terms_of(self._world, event.cid) if event.cid else None
        if terms is not None and was_changed(terms, event, now_ns - self._policy.protect_ns):
            self._compare_soon(number, now_ns)

    def _doubt_end(self, number: int, event: OrderSeen) -> None:
        """Look for an order that had ended and is said to work."""
        known = self._ledger.known(event.cid)
        if known is not None and known.ended and _works(event):
            self._accounts[number].look_for(event.instrument, event.cid, event.ts_ns)

    def _money(self, number: int, event: Event) -> list[Told]:
        """Tell what moved money or position without an order, once; balances are compared, not told."""
        wallets = self._accounts[number].terms.wallets
        if isinstance(event, port.FundingPaidSeen):
            return [funding_fact(event, self._wallet_of(event.instrument, event.currency) or 0)]
        if isinstance(event, port.TransferSeen):
            key = _key_of(event.transfer_id)
            wallet = wallets.get(event.currency)
            fresh = wallet is not None and self._note_key(key)
            return [transfer_fact(event, wallet, key)] if fresh and wallet is not None else []
        if isinstance(event, port.TakenSeen):
            if not self._note_key(event.trade_key):
                return []
            self._alert("LIQUIDATED", f"the venue closed {event.qty_lot} lots ({event.kind})", event.recv_ns)
            return [taken_fact(event, int(self._world.views["wallet"][event.instrument]))]
        if isinstance(event, port.SettingSeen):
            self._say_setting(number, event, now_ns=event.recv_ns)
            return [setting_fact(event)]
        return []

    def _say_setting(self, number: int, event: port.SettingSeen, now_ns: int) -> None:
        """Tell a person that somebody has changed a setting, or the venue a rule."""
        believed = setting_of(self._world, event.instrument, event.code)
        if believed is None or abs(believed - event.value) > 1e-9 * max(1.0, abs(believed)):
            name = names_of(SettingCode)[event.code].lower().replace("_", " ")
            was = "" if believed is None else f", not {believed:g}"
            text = f"{self._accounts[number].terms.name}: {name} is {event.value:g}{was}"
            self._alert("RECONCILED", text, now_ns)

    def _doubt_position(self, number: int, event: port.PositionSeen, now_ns: int) -> None:
        """Compare soon where the stream's word of a position is not what is known."""
        held = self._world.contexts["working"]["holding"]["pos_lot"]
        mine = held[self._world.contexts["instrument"] == event.instrument]
        known = int(mine[:, event.position_side].sum())
        known += int(self._world.views["external_lot"][event.instrument, event.position_side])
        if known != event.qty_lot:
            self._compare_soon(number, now_ns)

    def _compare_soon(self, number: int, now_ns: int) -> None:
        due_ns = now_ns + self._policy.protect_ns
        self.compare_at_ns[number] = min(self.compare_at_ns[number], due_ns)

    # ------------------------------------------------------------------ answers and searches

    def _answered(self, item: Answered, now_ns: int) -> list[Told]:
        account, outcome = self._accounts[item.account], item.outcome
        if outcome.order is not None:
            account.note_place(outcome.order)
        if outcome.kind is port.OutcomeKind.ACCEPTED:
            known = self._ledger.known(item.cid)
            opens = item.kind == RequestKind.NEW and known is not None and not known.closes
            self._statuses.note_accepted(item.account, now_ns, opens=opens)
            if item.account in self._relieving.leaving and self._ledger.is_stop(item.cid):
                self._compare_soon(item.account, now_ns)
        if outcome.kind is port.OutcomeKind.UNKNOWN:
            self._fences[item.cid] = outcome.fence_ns
            if outcome.gone and item.kind != RequestKind.NEW:
                self._gone.setdefault(item.cid, (outcome.text, now_ns + _GONE_NS))
            else:
                self._alert("ORDER_UNKNOWN", outcome.text or "no answer", now_ns)
        facts = answer_facts(self._ledger, item, now_ns, self._waits)
        facts += self._weigh(item, now_ns)
        if outcome.rule in _UNSENT and not (item.kind == RequestKind.AMEND and outcome.rule == Rule.SETTINGS):
            self._alert(_UNSENT[outcome.rule], outcome.text, now_ns)
        elif self._is_refused_close(item):
            self._alert(
                "CLOSE_REFUSED", f"{account.terms.name}: {outcome.text or outcome.kind.value}", now_ns
            )
        if outcome.rule == Rule.VENUE_REDUCE_ONLY:
            self._compare_soon(item.account, now_ns)  # What we believe to hold is not there (F36).
        if asks_at_once(item):
            account.look_for(item.instrument, item.cid, now_ns)
        return facts

    def _say_gone(self, now_ns: int) -> None:
        """Tell of orders that the venue says are gone and that no search has settled for a while.

        That a cancel came too late is no news: what became of the order mostly follows within a second.
        """
        due = [cid for cid, (_, from_ns) in self._gone.items() if from_ns <= now_ns]
        for cid in due:
            text, _ = self._gone.pop(cid)
            if is_unknown(self._world, cid):
                self._alert("ORDER_UNKNOWN", text or "the venue knows no such order", now_ns)

    def _is_refused_close(self, item: Answered) -> bool:
        """Say whether a venue did not take what was to close a position, on no rung of the ladder (F27)."""
        known, outcome = self._ledger.known(item.cid), item.outcome
        asked = known is not None and known.kind == IntentKind.TARGET and known.closes
        closes = asked and item.kind == RequestKind.NEW
        refused = outcome.kind in (port.OutcomeKind.REJECTED, port.OutcomeKind.NOT_SENT)
        return closes and refused and outcome.rule != Rule.VENUE_REDUCE_ONLY

    def look_for(self, cid: int) -> None:
        """Ask what became of an order."""
        known = self._ledger.known(cid)
        if known is not None:
            account = self._accounts[self._account_of[known.instrument]]
            account.look_for(known.instrument, cid, asked_ns_of(self._world, cid))

    def _looked(self, item: Looked, now_ns: int) -> list[Told]:
        """Tell what a search found: fills first, for they are exact; then the state."""
        account, found = self._accounts[item.account], item.found
        known = self._ledger.known(item.cid)
        if known is None:
            return []
        facts = [fact for fill in found.fills for fact in self._ledger.tell_fill(fill)]
        if found.order is not None:
            self._absences.note_found(item.cid)
            account.note_place(found.order)
            if known.ended and _works(found.order):
                self._alert(
                    "ORDER_ABANDONED", "an order appeared after it had ended; it is cancelled", now_ns
                )
                account.cancel_late(known.instrument, item.cid)
            unknown = is_unknown(self._world, item.cid)
            facts += self._ledger.find(found.order) if unknown else self._ledger.tell_order(found.order)
            if known.ended and asked_ns_of(self._world, item.cid):
                facts += self._ledger.give_up(item.cid, now_ns)
        elif found.absent and known.ended and asked_ns_of(self._world, item.cid):
            facts += self._ledger.give_up(item.cid, now_ns)
        elif found.absent and not known.ended and self._is_proven_absent(item, known.instrument):
            self._alert("ORDER_ABANDONED", "an order is in none of the venue's lists; it is given up", now_ns)
            self._notes.append(self._abandoned(item, known, now_ns))
            facts += self._ledger.give_up(item.cid, now_ns)
        return facts

    def _abandoned(self, item: Looked, known: Known, now_ns: int) -> Audit:
        """Return what is written down of an order that is given up: why, and what was looked at."""
        first_ns, looks = self._absences.looks(item.cid)
        fence_ns = self._fence_of(item)
        detail = {
            "cid": item.cid,
            "account": self._accounts[item.account].terms.name,
            "reason": "it is in none of the venue's lists of what works, what ended and what traded",
            "looks": looks,
            "first_look_ns": first_ns,
            "last_look_ns": item.asked_ns,
            "asked_ns": asked_ns_of(self._world, item.cid),
            "fence_ns": fence_ns,
            "position_agreed_ns": self.agreed_ns.get(known.instrument, 0),
            "acknowledged": known.acknowledged,
            "filled_lot": known.told_lot,
        }
        return Audit(now_ns, "", "ABANDONED", detail)

    def take_notes(self) -> tuple[Audit, ...]:
        """Return what is to be written down for people, once."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def _fence_of(self, item: Looked) -> int:
        """Return how long a request about an order may still arrive after it was made, 0 where nothing bounds that."""
        fence_ns = self._fences.get(item.cid, 0) - asked_ns_of(self._world, item.cid)
        return max(self._accounts[item.account].terms.fence_ns, fence_ns)

    def _is_proven_absent(self, item: Looked, instrument: int) -> bool:
        """Say whether nothing can come of an order any more; while a request about it has not left, it still can."""
        if self._accounts[item.account].is_asking(item.cid):
            return False
        asked_ns = asked_ns_of(self._world, item.cid)
        fence_ns = self._fence_of(item)
        explained_ns = self.agreed_ns.get(instrument, 0)
        if not fence_ns:
            self.compare_at_ns[item.account] = 0  # Whether the position is explained is part of the proof.
        return self._absences.note_absent(
            item.cid, asked_ns, item.asked_ns, fence_ns, explained_ns=explained_ns
        )

    def _weigh(self, item: Answered, now_ns: int) -> list[Told]:
        """Count an answer as silence, as a word of the venue, or as neither, where we ourselves refused.

        Once new risk is held, only a reading of the account lets it in again.
        """
        outcome, number = item.outcome, item.account
        if outcome.kind in (port.OutcomeKind.UNKNOWN, port.OutcomeKind.NOT_SENT):
            return self._failed(number, now_ns) if outcome.rule not in _UNSENT else []
        if outcome.rule != Rule.NOT_SENT and self._failures[number] < _FAILURES_MAX:
            self._failures[number] = 0
        return []

    def _failed(self, number: int, now_ns: int) -> list[Told]:
        """Count questions in a row that brought nothing; so many let no new risk in until it can be read (F01)."""
        self._failures[number] += 1
        if self._failures[number] != _FAILURES_MAX:
            return []
        self._alert("HALTED", f"{_FAILURES_MAX} questions in a row were not answered", now_ns)
        return [
            halt_fact(
                Halt.ERRORS, self._wallet(number), now_ns, on=True, limit=_FAILURES_MAX, value=_FAILURES_MAX
            )
        ]

    def _seen(self, item: Seen, now_ns: int) -> list[Told]:
        """Tell what a snapshot says, or that there is none."""
        if item.snapshot is None:
            return self._failed(item.account, now_ns)
        healed = self._failures.pop(item.account, 0) >= _FAILURES_MAX
        wallet = self._wallet(item.account)
        calm = [halt_fact(Halt.ERRORS, wallet, now_ns, on=False)] if healed else []
        calm += self._statuses.note_read(self._accounts[item.account], now_ns)
        return calm + self._read(item.account, item.snapshot, now_ns)

    def _wallet(self, number: int) -> int:
        """Return a wallet of an account, by which facts name it."""
        return min(self._accounts[number].terms.wallets.values())

    # ------------------------------------------------------------------ the whole account

    def heard_ns(self, number: int) -> int:
        """Return when an account was last read, or last traded as far as is known; 0 for neither."""
        mine = self._accounts[number].terms.instruments
        moved_ns = [at_ns for instrument, at_ns in self._moved_ns.items() if instrument in mine]
        return max([self._read_ns.get(number, 0), *moved_ns])

    def _read(self, number: int, snapshot: Snapshot, now_ns: int) -> list[Told]:
        """Tell what a snapshot knows more of orders, fills and money; the comparison comes after it is applied."""
        account = self._accounts[number]
        if number not in self._read_ns:
            refuse_unissued(snapshot, int(self._world.core["counter"][0]), account.terms.name)
        self._read_ns[number] = snapshot.asked_ns
        facts = [f for fill in sorted(snapshot.fills, key=_by_time) for f in self._fill(fill)]
        for seen in snapshot.orders:
            account.note_place(seen)
            self._doubt_end(number, seen)
            facts += self._ledger.find(seen) if self._is_in_question(seen) else self._ledger.tell_order(seen)
        money: tuple[Event, ...] = (*settlements_of(snapshot.funding), *snapshot.transfers)
        for event in money:
            facts += self._money(number, event)
        self._ledger.suspects.clear()
        self._look_for_missing(account, snapshot)
        return facts

    def _is_in_question(self, seen: OrderSeen) -> bool:
        """Say whether nobody knows what became of the last request about an order, made long enough ago."""
        known = self._ledger.known(seen.cid)
        if known is None or known.ended or not is_unknown(self._world, seen.cid):
            return False
        return asked_ns_of(self._world, seen.cid) < seen.recv_ns - _PATIENT_NS

    def _look_for_missing(self, account: TradingAccount, snapshot: Snapshot) -> None:
        """Ask about every order that works here and not there: absence from a list is no end (F61)."""
        there = {seen.cid for seen in snapshot.orders}
        for cid, known in self._ledger.working().items():
            asked_ns = asked_ns_of(self._world, cid)
            old = asked_ns < snapshot.asked_ns - _PATIENT_NS
            if known.instrument in account.terms.instruments and cid not in there and old:
                account.look_for(known.instrument, cid, asked_ns)
        for cid in self._ledger.unexplained():
            self.look_for(cid)

    def compare(self, number: int, snapshot: Snapshot, now_ns: int, *, sure: bool = False) -> list[Told]:
        """Compare an account with a snapshot whose orders and money have been applied; return what follows.

        sure: whether this one look is enough, since a person has said that it is right.
        """
        account = self._accounts[number]
        terms = account.terms
        belief = belief_of(self._world, terms.instruments, set(terms.wallets.values()), self._moved_ns)
        first = not self._world.core["requests"][0]
        compared = compare(
            belief, self._relieving.read(account, snapshot), self._policy, terms.wallets, self._worth, first=first,
            before=None if sure else self._claimed_before(number, snapshot.asked_ns),
        )  # fmt: skip
        self._note_claims(number, compared, snapshot.asked_ns, now_ns)
        self.agreed_ns.update(dict.fromkeys(compared.agreed, snapshot.asked_ns))
        if compared.deferred:
            self._compare_soon(number, now_ns)
        self._report(compared, account, now_ns)
        self._relieving.relieve(account, snapshot, compared, belief, now_ns)
        if any(difference.what in ("position", "taken") for difference in compared.differences):
            account.gateway.doubt_rules()  # Perhaps the lots that are counted in are others now (F56).
        found = sum(difference.halts for difference in compared.differences)
        halt = halt_fact(Halt.EXTERNAL, self._wallet(number), now_ns, on=True, value=float(found))
        return [*compared.facts, *([halt] if found else [])]

    def doubts(self, number: int) -> bool:
        """Say whether the last look at an account claimed a position or an order that is to be confirmed."""
        return number in self._doubtful

    def _claimed_before(self, number: int, asked_ns: int) -> set[Claim]:
        """Return what was claimed of an account long enough before a look that this look confirms it."""
        latest_ns = asked_ns - self._policy.confirm_ns
        return {claim for claim, first_ns in self._claims.get(number, {}).items() if first_ns <= latest_ns}

    def _note_claims(self, number: int, compared: Compared, asked_ns: int, now_ns: int) -> None:
        """Remember what a look claims and when that was first claimed; ask again soon where it is not believed yet.

        Of what moved too recently it says nothing, so what was claimed of that before still stands.
        """
        before = self._claims.get(number, {})
        standing = {
            claim: at_ns
            for claim, at_ns in before.items()
            if claim[0] == "position" and claim[1] in compared.deferred
        }
        fresh = {claim: before.get(claim, asked_ns) for claim in compared.doubted}
        self._claims[number] = {**standing, **fresh}
        self._doubtful.discard(number)
        if compared.doubted:
            due_ns = now_ns + self._policy.confirm_ns
            self.compare_at_ns[number] = min(self.compare_at_ns[number], due_ns)
        if any(what != "balance" for what, *_ in compared.doubted):
            self._doubtful.add(number)

    def _report(self, compared: Compared, account: TradingAccount, now_ns: int) -> None:
        """Tell what was otherwise; what was told moments ago, when the account was read before, is told once."""
        before = {key for key, at_ns in self._told_ns.items() if now_ns < at_ns + _TOLD_FOR_NS}
        self._told_ns = {key: self._told_ns[key] for key in before}
        for difference in compared.differences:
            code = "UNEXPLAINED" if difference.halts else "RECONCILED"
            key = (account.number, difference.what, difference.place, difference.text)
            if key not in before:
                self._told_ns[key] = now_ns
                self._alert(code, f"{account.terms.name}: {difference.text}", now_ns)

    def _alert(self, code: str, text: str, now_ns: int) -> None:
        self._notify(Alert(code, text, now_ns))

    def _wallet_of(self, instrument: int, currency: str) -> int | None:
        """Return the wallet of a currency in the account of an instrument; "": the instrument's own."""
        if not currency:
            return int(self._world.views["wallet"][instrument])
        terms = self._accounts[self._account_of[instrument]].terms
        if currency not in terms.wallets and (terms.name, currency) not in self._elsewhere:
            self._elsewhere.add((terms.name, currency))
            text = f"{terms.name}: the venue charges in {currency}, which is in none of the session's wallets"
            self._alert("FEES_ELSEWHERE", text, int(self._world.core["now_ns"][0]))
        return terms.wallets.get(currency)


def ended_contexts(facts: Sequence[Told]) -> set[int]:
    """Return the contexts in which an order ended by these facts, or had filled more; they may decide again."""
    return {fact.cid >> 8 & 0xFFF for fact in facts if fact.kind in _ENDS}


def _works(seen: OrderSeen) -> bool:
    return seen.status in (OrderStatus.WORKING, OrderStatus.TRIGGERED)


def _by_time(fill: port.FillSeen) -> tuple[int, int]:
    return fill.ts_ns, fill.trade_key


def _key_of(text: str) -> int:
    """Return a venue's id as a positive 62-bit number."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 2
