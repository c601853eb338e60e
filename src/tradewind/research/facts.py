"""Everything that becomes known during a run beside bars, as columns in the order in which it becomes known.

At one time: who leaves, marks, open interest, values from outside, settlements (on the mark just told), who enters.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewind.config.problems import did_you_mean
from tradewind.errors import ConfigError, DataUnfit
from tradewind.research.history import Histories, History
from tradewind.research.outside import claim
from tradewind.research.resolve import Resolved
from tradewind.strategies.exposures import EXPOSURES_NAME, ExposureTable
from tradewind.units.enums import FactKind
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact

__all__ = ["Facts", "gather_facts"]

Ints = npt.NDArray[np.int64]
Records = np.ndarray

_Part = tuple[int, Ints, npt.NDArray[np.float64], int, int]
"""Kind, times, values, instrument and code of facts of one kind."""

_ORDER = (
    FactKind.DELISTED,
    FactKind.MARK,
    FactKind.OPEN_INTEREST,
    FactKind.FEATURE,
    FactKind.FUNDING_RATE,
    FactKind.LISTED,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts as columns of one length, sorted. value: rate, mark in ticks, open interest, feature; code: which one."""

    known_ns: Ints
    kind: Ints
    column: Ints
    code: Ints
    value: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.known_ns)

    def rows(self, start: int, stop: int) -> Records:
        """Return facts start..stop-1 as records for the driver."""
        part = slice(start, stop)
        rows = allocate(Fact, max(0, stop - start))
        rows["seq"] = np.arange(start, stop)
        rows["kind"], rows["instrument"] = self.kind[part], self.column[part]
        rows["venue_ts_ns"] = rows["recv_ts_ns"] = self.known_ns[part]
        rows["code"], rows["value"] = self.code[part], self.value[part]
        return rows


def gather_facts(
    resolved: Resolved, histories: Histories, features: Mapping[str, ExposureTable] | None = None
) -> Facts:
    """Return all facts of a run but bars.

    features: name of a value from outside → its table. Raises DATA_MISSING where a strategy needs a feature that is not
    given, CONFIG_INFEASIBLE where an instrument would carry too many, SYMBOL_UNKNOWN and CONFIG_CONFLICT for values
    that nobody would read.
    """
    parts: list[_Part] = []
    for column, history in enumerate(histories.each):
        parts += _of_instrument(column, history, histories)
    parts += _features(resolved, features or {})
    parts = [part for part in parts if len(part[1])]
    if not parts:
        none = np.empty(0, np.int64)
        return Facts(none, none, none, none, np.empty(0))
    lengths = [len(part[1]) for part in parts]
    rank = np.repeat([_ORDER.index(part[0]) for part in parts], lengths)
    columns = np.repeat(np.array([part[3] for part in parts], np.int64), lengths)
    known_ns = np.concatenate([part[1] for part in parts])
    order = np.lexsort((columns, rank, known_ns))
    return Facts(
        known_ns[order],
        np.array(_ORDER, np.int64)[rank][order],
        columns[order],
        np.repeat(np.array([part[4] for part in parts], np.int64), lengths)[order],
        np.concatenate([part[2] for part in parts])[order],
    )


def _of_instrument(column: int, history: History, histories: Histories) -> list[_Part]:
    tick = float(history.grid.step)
    found: list[_Part] = []
    funding = history.funding
    found.append((FactKind.FUNDING_RATE, funding.ts_ns, funding.rate, column, 0))
    if history.mark is not None:
        found.append((FactKind.MARK, history.mark.end_ns, history.mark.close / tick, column, 0))
    # Told again just before it is settled on, whatever the bars' marks said.
    found.append((FactKind.MARK, funding.ts_ns, history.settled_price / tick, column, 1))
    interest = history.open_interest
    if interest is not None:
        known = np.isfinite(interest.qty)
        found.append((FactKind.OPEN_INTEREST, interest.ts_ns[known], interest.qty[known], column, 0))
    first_ns = int(histories.aligned.ts_ns[0])
    enters = np.array([e.start_ns for e in history.episodes if e.start_ns > first_ns], np.int64)
    leaves = np.array([e.stop_ns for e in history.episodes if e.ends], np.int64)
    found.append((FactKind.LISTED, enters, np.zeros(len(enters)), column, 0))
    found.append((FactKind.DELISTED, leaves, np.zeros(len(leaves)), column, 0))
    return found


def _features(resolved: Resolved, features: Mapping[str, ExposureTable]) -> list[_Part]:
    found: list[_Part] = []
    taken: dict[tuple[int, int], str] = {}
    for name, table in features.items():
        _refuse_unread(resolved, name, table)
    for part in resolved.parts:
        for code, name in enumerate(part.code.features):
            if name not in features:
                raise DataUnfit(
                    "DATA_MISSING",
                    f"{part.label} wants the values '{name}' from outside, and none are given",
                    key="strategy",
                    hint=f"hand them over in Python: tradewind.backtest(file, {_given_as(name)})",
                )
            for column in part.columns:
                claim(taken, column, code, name)
                known_ns, values = features[name].of(resolved.labels[column])
                found.append((FactKind.FEATURE, known_ns, values, column, code))
    return found


def _given_as(name: str) -> str:
    """Return how values of this name are handed over in Python."""
    return "exposures=table" if name == EXPOSURES_NAME else f"features={{{name!r}: table}}"


def _refuse_unread(resolved: Resolved, name: str, table: ExposureTable) -> None:
    """Refuse values that nobody would read. Raises SYMBOL_UNKNOWN, CONFIG_CONFLICT."""
    wanted = {need.partition(":")[2] for need in resolved.needs if need.startswith("feature:")}
    if name not in wanted:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"values '{name}' are given, and no strategy of the file reads them.",
            where=_given_as(name),
            key="strategy",
            hint="run a strategy that does, such as target_table"
            if name == EXPOSURES_NAME
            else f'write NEEDS = ("feature:{name}",) in the strategy',
        )
    strangers = [symbol for symbol in table.symbols() if symbol not in resolved.labels]
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise ConfigError(
            "SYMBOL_UNKNOWN",
            f"the table has values for {strangers[0]!r}{more}, which the file does not trade.",
            where=_given_as(name),
            key="symbol",
            hint=did_you_mean(strangers[0], resolved.labels)
            or "leave it out, or list it under market.symbols",
            known=resolved.labels[:20],
        )
