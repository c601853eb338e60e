"""Who or what had the platform act in a strategy's stead, as a journal tells it: an operator's word, a halt, an exit.

The journal holds an operator's command before the fact that it became, the states of trading that followed after it,
and then what was decided. A state without an operator's word beside it was set by the platform or the venue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tradewind.engine.diff import CORE_SLOTS
from tradewind.ops.causes import MEANINGS
from tradewind.units.enums import EXIT_BITS, HOLD_BITS, FactKind, Halt, OperatorCode, names_of
from tradewind.units.jit import SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tradewind.journal.bodies import Audit

__all__ = ["Cause", "Causes", "is_own"]

_BITS: Final[Mapping[str, int]] = {name: bit for bit, name in names_of(Halt).items()}
_ASKED: Final = {
    OperatorCode.PAUSE: frozenset(("OPERATOR",)),
    OperatorCode.FLATTEN: frozenset(("OPERATOR", "FLATTEN")),
    OperatorCode.STOP: frozenset(("OPERATOR", "FLATTEN")),
    OperatorCode.LOCK: frozenset(("LOCK",)),
}
"""The states that an operator's word sets."""
_WORDS: Final = {code: name.lower() for code, name in names_of(OperatorCode).items()}


@dataclass(frozen=True, slots=True)
class Cause:
    """What an order was made or cancelled for.

    Parameters
    ----------
    seq
        The record that says it.
    ts_ns
        When it was known.
    detail
        ``by`` and ``reason`` of an operator, or the state of trading and what it means.
    """

    seq: int
    ts_ns: int
    detail: dict[str, object]


@dataclass(slots=True)
class Causes:
    """The states of trading that hold while a journal is read, each with who or what set it."""

    _standing: dict[tuple[str, int, str], Cause] = field(default_factory=dict)
    _said: Audit | None = None
    _word: tuple[int, int, Cause] | None = None

    def take_facts(self, seq: int, now_ns: int, rows: NDArray[Any]) -> None:
        """Note an operator's word among facts that became known together."""
        for row in rows[rows["kind"] == FactKind.OPERATOR]:
            told: dict[str, object] = {"operator": _WORDS.get(int(row["code"]), str(int(row["code"])))}
            if self._said is not None:
                told = {"operator": f"{self._said.what} by {self._said.actor}"} | _plain(self._said.detail)
            self._word = now_ns, int(row["code"]), Cause(seq, now_ns, told)
            self._said = None

    def take_audit(self, seq: int, audit: Audit) -> None:
        """Note a command as it was given, or a change of what is halted."""
        if audit.actor:
            self._said = audit
        elif audit.what == "halts":
            self._take_halts(seq, audit)

    def _take_halts(self, seq: int, audit: Audit) -> None:
        scope, place = str(audit.detail["scope"]), int(audit.detail["place"])
        for name in audit.detail["cleared"]:
            self._standing.pop((scope, place, name), None)
        for name in audit.detail["set"]:
            self._standing[scope, place, name] = self._cause_of(seq, audit, name)

    def _cause_of(self, seq: int, audit: Audit, name: str) -> Cause:
        """Return who set a state: the operator whose word came with it, or nobody."""
        if self._word is not None:
            now_ns, code, cause = self._word
            if now_ns == audit.at_ns and name in _ASKED.get(code, ()):
                return cause
        return Cause(seq, audit.at_ns, {"halt": name, "because": MEANINGS.get(name, "no more is noted")})

    def find(self, slot: int, instrument: int, *, cancels_opener: bool, alone: bool) -> Cause | None:
        """Return what had the platform act, None where a strategy or an exit of its settings did.

        Parameters
        ----------
        slot
            Of the order; the last ones are the platform's own.
        instrument
            What it is for.
        cancels_opener
            It is the cancel of an order that would add to a position, which every halt but a hold has cancelled.
        alone
            The session has one account; of several the journal does not say which one an instrument belongs to.
        """
        holding = [
            (_BITS.get(name, 0), cause)
            for (scope, place, name), cause in self._standing.items()
            if scope == "core" or (place == instrument if scope == "instrument" else alone)
        ]
        closing = [cause for bit, cause in holding if bit & EXIT_BITS]
        if closing and (is_own(slot) or cancels_opener):
            return closing[0]
        if not cancels_opener:
            return None
        return next((cause for bit, cause in holding if not bit & (HOLD_BITS | Halt.LOCK)), None)


def is_own(slot: int) -> bool:
    """Say whether a slot is the platform's: what closes and protects in a strategy's stead."""
    return slot >= SLOTS - CORE_SLOTS


def _plain(detail: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a command that say something to a person."""
    return {name: value for name, value in detail.items() if isinstance(value, str | int | float) and value}
