"""Atomic on-chain attempts at the gate: no slot, no order, a worst spend that stays reserved until the end.

An attempt is proposed, simulated, signed and sent, then included, reverted, expired or reorged (DESIGN
section 1, rule 7). Wei stay in Python; the gate sees money rounded up. A reorg takes an inclusion back: what
was spent returns and the worst spend is reserved again.
"""

from tradewind.engine.registers import refuse
from tradewind.units.enums import AttemptState, Rule
from tradewind.units.jit import kernel
from tradewind.units.records import ATTEMPTS, Account, Attempt, Core
from tradewind.units.wire import Fact

__all__ = ["apply_attempt", "propose_attempt"]


@kernel
def propose_attempt(
    core: Core, account: Account, wallet: int, attempt_id: int, worst_spend: int, deadline_ns: int
) -> int:
    """Reserve the worst spend of an attempt; return 1, or 0 with the rule left in `core`.

    worst_spend: money, rounded up by the caller. attempt_id: positive, never used before in this session.
    """
    halts = core.own_halts | account.halts
    if halts:
        return refuse(core, Rule.HALTED, 0.0, float(halts))
    free = account.balance + min(0, account.margined) - account.used
    if worst_spend <= 0 or worst_spend > free:
        return refuse(core, Rule.ATTEMPT_SPEND, float(free), float(worst_spend))
    for i in range(ATTEMPTS):
        attempt = core.attempt[i]
        if attempt.id == attempt_id:
            return refuse(core, Rule.ATTEMPT_SPEND, float(attempt_id), float(attempt_id))
    for i in range(ATTEMPTS):
        attempt = core.attempt[i]
        if attempt.state == AttemptState.NONE or _is_over(attempt.state):
            attempt.id = attempt_id
            attempt.wallet = wallet
            attempt.reserve = worst_spend
            attempt.spent = 0
            attempt.state = AttemptState.PROPOSED
            attempt.deadline_ns = deadline_ns
            account.used += worst_spend
            return 1
    return refuse(core, Rule.MAILBOX, float(ATTEMPTS), float(ATTEMPTS))


@kernel
def _is_over(state: int) -> bool:
    """Tell whether an attempt has ended. An included one may still be taken back by a reorg while its row is kept."""
    return state == AttemptState.REVERTED or state == AttemptState.EXPIRED or state == AttemptState.INCLUDED


@kernel
def apply_attempt(core: Core, account: Account, fact: Fact) -> None:
    """Advance an attempt: `cid` its id, `code` its state, `amount` what it really cost (gas included)."""
    core.facts += 1
    for i in range(ATTEMPTS):
        attempt = core.attempt[i]
        if attempt.id == fact.cid:
            _advance(account, attempt, fact)
            return


@kernel
def _advance(account: Account, attempt: Attempt, fact: Fact) -> None:
    """States only go forward; REORGED alone goes back, from INCLUDED or REVERTED to SENT."""
    if fact.code == AttemptState.REORGED:
        if attempt.state == AttemptState.INCLUDED or attempt.state == AttemptState.REVERTED:
            account.balance += attempt.spent
            account.adjusted += attempt.spent
            attempt.spent = 0
            account.used += attempt.reserve
            attempt.state = AttemptState.SENT
        return
    if fact.code <= attempt.state or _is_over(attempt.state):
        return
    attempt.state = fact.code
    if _is_over(fact.code):
        account.used -= attempt.reserve
        attempt.spent = fact.amount
        account.balance -= fact.amount
        account.adjusted -= fact.amount
