"""What a result rests on: every setting that moves it, with its value, whether chosen or not."""

from dataclasses import dataclass

from tradewind.config.backtest import BacktestConfig
from tradewind.config.load import leaves
from tradewind.config.schema import schema_at

__all__ = ["Assumption", "assumptions"]

_TABLES = ("market", "costs", "account", "limits", "data", "warmup")
_NOT_ASSUMED = {"market.venue", "market.symbols"}


@dataclass(frozen=True, slots=True)
class Assumption:
    """One setting that moves the result.

    Parameters
    ----------
    key
        Dotted path in the backtest file.
    value
        What holds in this run; None where nothing limits or the venue's own value is taken.
    is_default
        Whether the file left it out.
    meaning
        One sentence from the reference.
    """

    key: str
    value: object
    is_default: bool
    meaning: str


def assumptions(config: BacktestConfig) -> tuple[Assumption, ...]:
    """Return every setting that moves the result, in the order of the file; limits only where they are set."""
    written = {path for path, _ in leaves(config.model_dump(mode="json", exclude_unset=True))}
    result = []
    for path, value in leaves(config.model_dump(mode="json", include=set(_TABLES))):
        key = ".".join(path)
        if key in _NOT_ASSUMED or (path[0] == "limits" and value in (None, {})):
            continue
        node = schema_at(BacktestConfig, path) or {}
        result.append(Assumption(key, value, path not in written, str(node.get("description", ""))))
    return tuple(result)
