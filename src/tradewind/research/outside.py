"""Where values from outside stand in the core: `view.feature[code]` of an instrument, in the order of NEEDS."""

from collections.abc import Iterator, Mapping, Sequence

from tradewind.config import SessionConfig
from tradewind.errors import ConfigError
from tradewind.research.resolve import Part
from tradewind.units.records import FEATURES

__all__ = ["claim", "feature_places", "feature_problems"]


def feature_places(parts: Sequence[Part]) -> dict[str, list[tuple[int, int]]]:
    """Return by name where a value stands: (place of the instrument, code). Raises CONFIG_INFEASIBLE."""
    taken: dict[tuple[int, int], str] = {}
    places: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        for code, name in enumerate(part.code.features):
            for column in part.columns:
                is_new = (column, code) not in taken
                claim(taken, column, code, name)
                if is_new:
                    places.setdefault(name, []).append((column, code))
    return places


def claim(taken: dict[tuple[int, int], str], column: int, code: int, name: str) -> None:
    """Refuse two strategies that read different values from the same place of one instrument."""
    if code >= FEATURES or taken.setdefault((column, code), name) != name:
        raise ConfigError(
            "CONFIG_INFEASIBLE",
            f"the values '{name}' and '{taken.get((column, code), '')}' claim the same place of one instrument",
            key="strategies",
            hint="run the strategies in two runs",
        )


def feature_problems(session: SessionConfig, parts: Sequence[Part]) -> Iterator[ConfigError]:
    """Give what is wrong between the values that strategies want and those that a session takes."""
    try:
        places = feature_places(parts)
    except ConfigError as error:
        yield error
        return
    features = {} if session.signals is None else session.signals.features
    for name in places:
        if name not in features:
            yield ConfigError(
                "CONFIG_MISSING",
                f"a strategy wants the values '{name}' from outside, and it is not said where they come from.",
                key=f"signals.features.{name}",
                hint=f"write [signals.webhook] and [signals.features.{name}] into a session file",
            )
    yield from _unread(session, places)


def _unread(session: SessionConfig, places: Mapping[str, list[tuple[int, int]]]) -> Iterator[ConfigError]:
    """Give values that nobody reads, whole or of some symbol."""
    features = {} if session.signals is None else session.signals.features
    symbols = session.market.symbols
    for name, terms in features.items():
        read = {symbols[column] for column, _ in places.get(name, ())}
        strangers = [symbol for symbol in terms.symbols or () if symbol not in read]
        if read and not strangers:
            continue
        of = f" of {strangers[0]}" if read else ""
        yield ConfigError(
            "CONFIG_CONFLICT",
            f"no strategy reads the values '{name}'{of}.",
            key=f"signals.features.{name}",
            hint=f'leave them out, or write NEEDS = ("feature:{name}",) in the strategy',
        )
