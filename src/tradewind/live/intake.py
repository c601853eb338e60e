"""Whether a signal from outside is taken: signed, fresh, new, well formed, of a known name, within its bounds.

Pure but for the memory of what was taken: a request and the time go in, values or a refusal come out. The signature
is compared before anything of the body is looked at, so nobody without the key learns or costs much.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from tradewind.errors import SafetyRefusal
from tradewind.live.signing import path_of, read_envelope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradewind.live.nonces import Nonces
    from tradewind.venues.keys import Secret

__all__ = ["STATUS", "FeatureBounds", "Intake", "IntakeTerms", "Taken", "Value"]

STATUS: Final = {
    "SIGNAL_DENIED": 401,
    "SIGNAL_LATE": 403,
    "SIGNAL_UNKNOWN": 404,
    "SIGNAL_REPLAYED": 409,
    "SIGNAL_TOO_LARGE": 413,
    "SIGNAL_FORM": 400,
    "SIGNAL_RANGE": 422,
    "SIGNAL_RATE": 429,
    "SIGNAL_CLOSED": 503,
}
"""How each refusal is answered over HTTP."""
_MINUTE_MS = 60_000
_VALUES_MAX = 1_000


class _Said(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    value: float
    symbol: str | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    values: list[_Said]


@dataclass(frozen=True, slots=True)
class FeatureBounds:
    """One value that is taken.

    Parameters
    ----------
    low, high
        Its bounds, both taken.
    symbols
        The symbols it is taken for.
    """

    low: float
    high: float
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IntakeTerms:
    """What a session takes, and from whom.

    Parameters
    ----------
    session
        Its name.
    key
        What signals are signed with.
    features
        The values by name.
    window_ms
        How far the time of a signal may lie from ours.
    max_body_bytes, per_minute
        Longest signal, and most of them within a minute.
    """

    session: str
    key: Secret
    features: Mapping[str, FeatureBounds]
    window_ms: int = 30_000
    max_body_bytes: int = 16_384
    per_minute: int = 120


@dataclass(frozen=True, slots=True)
class Value:
    """One value for one symbol."""

    name: str
    symbol: str
    value: float

    @property
    def place(self) -> str:
        """Return what a newer value takes the place of."""
        return f"{self.name}/{self.symbol}"


@dataclass(frozen=True, slots=True)
class Taken:
    """A signal that is taken once `line` is durable.

    Parameters
    ----------
    values
        What it says, in its order.
    stamp_ms
        When it was signed.
    line
        What `Nonces.keep` makes durable.
    """

    values: tuple[Value, ...]
    stamp_ms: int
    line: bytes


class Intake:
    """Judges signals.

    Parameters
    ----------
    terms
        What is taken.
    nonces
        What was taken.
    """

    def __init__(self, terms: IntakeTerms, nonces: Nonces) -> None:
        self._terms, self._nonces = terms, nonces
        self._path = path_of(terms.session)
        self._left, self._filled_ms = float(terms.per_minute), 0

    def judge(self, path: str, headers: Mapping[str, str], body: bytes, now_ms: int) -> Taken:
        """Return what a request says.

        Raises
        ------
        SafetyRefusal
            A code of `STATUS`; a request that is refused changes nothing but the rate.
        """
        terms = self._terms
        if len(body) > terms.max_body_bytes:
            _refuse("SIGNAL_TOO_LARGE", f"it is longer than {terms.max_body_bytes} bytes")
        envelope = read_envelope(headers)
        if envelope is None or path != self._path or not envelope.is_signed(terms.key, path, body):
            _refuse("SIGNAL_DENIED", "it is not signed with the key of this session")
        self._nonces.advance(now_ms)
        if not self._nonces.horizon_ms <= envelope.stamp_ms <= now_ms + terms.window_ms:
            off_s = (envelope.stamp_ms - now_ms) / 1e3
            _refuse(
                "SIGNAL_LATE",
                f"it was signed {off_s:+.1f} s from now, {terms.window_ms / 1e3:g} s are allowed",
            )
        if self._nonces.is_taken(envelope.nonce):
            _refuse("SIGNAL_REPLAYED", "a signal of this nonce was taken before")
        self._pay(now_ms)
        values = self._values(_read(body))
        if envelope.stamp_ms < self._nonces.last_ms(value.place for value in values):
            _refuse("SIGNAL_LATE", "one of its values was told anew by a signal that was signed later")
        line = self._nonces.take(envelope.nonce, envelope.stamp_ms, {value.place for value in values})
        return Taken(values, envelope.stamp_ms, line)

    def _pay(self, now_ms: int) -> None:
        """Count a signal against the rate: a minute's share may come at once, then as much as time brings."""
        per_minute = self._terms.per_minute
        passed_ms = max(0, now_ms - self._filled_ms)
        self._left = min(float(per_minute), self._left + per_minute * passed_ms / _MINUTE_MS)
        self._filled_ms = max(now_ms, self._filled_ms)
        if self._left < 1.0:
            _refuse("SIGNAL_RATE", f"more than {per_minute} came within a minute")
        self._left -= 1.0

    def _values(self, said: Sequence[_Said]) -> tuple[Value, ...]:
        found: dict[str, Value] = {}
        for each in said:
            for symbol in self._symbols(each):
                value = Value(each.name, symbol, each.value)
                if value.place in found:
                    _refuse("SIGNAL_FORM", f"{each.name} of {symbol} is said twice")
                found[value.place] = value
        return tuple(found.values())

    def _symbols(self, said: _Said) -> tuple[str, ...]:
        """Return for which symbols a value is meant. Raises SIGNAL_UNKNOWN, SIGNAL_RANGE."""
        bounds = self._terms.features.get(said.name)
        if bounds is None:
            _refuse("SIGNAL_UNKNOWN", f"no value is called {said.name[:40]!r}", tuple(self._terms.features))
        if not bounds.low <= said.value <= bounds.high:
            told = f"{said.name} is {said.value:g}; allowed: {bounds.low:g}..{bounds.high:g}"
            _refuse("SIGNAL_RANGE", told)
        if said.symbol is None:
            return bounds.symbols
        if said.symbol not in bounds.symbols:
            _refuse("SIGNAL_UNKNOWN", f"{said.name} is not taken for {said.symbol[:40]!r}", bounds.symbols)
        return (said.symbol,)


def _read(body: bytes) -> list[_Said]:
    """Return what a body says: strict JSON, each key once, every number finite. Raises SIGNAL_FORM."""
    try:
        plain = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        values = msgspec.convert(plain, _Body).values
    except msgspec.ValidationError as error:
        _refuse("SIGNAL_FORM", str(error))
    except (ValueError, RecursionError, OverflowError) as error:
        text = str(error) if type(error) is ValueError else "it is no JSON"
        _refuse("SIGNAL_FORM", text[:200])
    if not 1 <= len(values) <= _VALUES_MAX:
        _refuse("SIGNAL_FORM", f"it holds {len(values)} values; allowed: 1..{_VALUES_MAX}")
    if not all(math.isfinite(each.value) for each in values):
        _refuse("SIGNAL_FORM", "a value is no finite number")
    return values


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return table


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _refuse(code: str, text: str, known: Sequence[str] = ()) -> NoReturn:
    raise SafetyRefusal(code, f"The signal is refused: {text}.", known=known[:20])
