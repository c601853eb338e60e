"""Put a configuration together: file < later file < ``TRADEWIND__A__B`` < flag, with the origin of each value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from tradewind.config.backtest import SCHEMA_VERSION, BacktestConfig
from tradewind.config.fields import Model
from tradewind.config.problems import did_you_mean, translate, value_at
from tradewind.config.schema import describe_keys, parse_text, schema_at
from tradewind.config.secrets import is_secret_name, looks_secret
from tradewind.config.session import SessionConfig
from tradewind.config.settings import Settings
from tradewind.config.toml_lines import KeyPath
from tradewind.config.toml_source import Source, read_source
from tradewind.errors import ConfigError, TradewindError

__all__ = [
    "ENV_PREFIX",
    "Loaded",
    "OriginOf",
    "backtest_from",
    "is_session_file",
    "load_backtest",
    "load_session",
    "load_settings",
    "with_house_limits",
]

ENV_PREFIX = "TRADEWIND__"
"""Beginning of the variables that set values; parts of the path are joined by two underscores."""

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class OriginOf:
    """One value of a configuration and where it comes from: a place, or ``default``."""

    key: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M]):
    """A configuration that holds, with the layers it was put together from."""

    config: M
    layers: tuple[Source, ...]

    def where(self, key: str) -> str:
        """Return the place of a dotted key, or of the nearest table around it."""
        return _where(self.layers, tuple(key.split(".")))

    def placed(self, error: TradewindError) -> TradewindError:
        """Return an error about a key with the place of that key, where it names none itself.

        Parameters are checked by the strategy that declares them, which knows no file; this adds file and line.
        """
        if not error.where and error.key:
            error.where = self.where(error.key.removeprefix("strategy."))
        if error.key.startswith("params."):
            error.key = f"strategy.{error.key}"
        for other in error.also:
            self.placed(other)
        return error

    def origins(self) -> tuple[OriginOf, ...]:
        """Return every value with its origin, in the order of the model."""
        return tuple(
            OriginOf(".".join(path), value, self._origin(path))
            for path, value in leaves(self.config.model_dump(mode="json"))
        )

    def _origin(self, path: KeyPath) -> str:
        for layer in reversed(self.layers):
            if path in layer.places:
                return layer.places[path]
            if value_at(layer.values, path) is not None:
                return layer.where(path)
        return "default"


def load_backtest(
    files: Sequence[Path],
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    *,
    now: datetime | None = None,
) -> Loaded[BacktestConfig]:
    """Return the backtest that the files describe, later files over earlier ones.

    ``env`` is searched for ``TRADEWIND__A__B``, ``flags`` maps dotted keys to texts. With ``now`` a period that begins
    later is refused. Raises `ConfigError` or `PathError`.
    """
    loaded = _load(BacktestConfig, files, env or {}, flags or {})
    start = loaded.config.period.start
    if now is not None and start > now:
        raise ConfigError(
            "DATE_RANGE",
            f"the period starts in the future, on {start:%Y-%m-%d}.",
            where=loaded.where("period.start"),
            key="period.start",
            hint=f"today is {now:%Y-%m-%d}",
        )
    return loaded


def load_session(
    files: Sequence[Path], env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Loaded[SessionConfig]:
    """Return the session that the files describe; a file with a period is a backtest, whose terms are then traded.

    Raises `ConfigError` or `PathError`.
    """
    layers = [read_source(path) for path in files]
    if not any(_trades_on(layer) for layer in layers):
        tested = _from_layers(BacktestConfig, layers, env or {}, flags or {})
        return Loaded(SessionConfig.from_backtest(tested.config), tested.layers)
    return _from_layers(SessionConfig, layers, env or {}, flags or {})


def is_session_file(path: Path) -> bool:
    """Return whether a file describes a session: it has nothing of what only a backtest has. Raises ConfigError."""
    return _trades_on(read_source(path))


def _trades_on(source: Source) -> bool:
    return not _ONLY_TESTED & source.values.keys()


def load_settings(
    file: Path | None, env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Loaded[Settings]:
    """Return the settings of a workspace. A file with nothing but comments means the defaults."""
    return _load(Settings, [file] if file else [], env or {}, flags or {})


T = TypeVar("T", BacktestConfig, SessionConfig)


def with_house_limits(loaded: Loaded[T], settings: Settings) -> Loaded[T]:
    """Return a backtest or a session whose limits are not looser than those of the workspace and of its accounts."""
    config = loaded.config
    limits = config.limits.tightened(settings.limits)
    for name in getattr(config, "accounts", ()):
        limits = limits.tightened(settings.accounts[name].limits) if name in settings.accounts else limits
    fitting = limits.fitting(config.market.symbols, config.account.leverage)
    return replace(loaded, config=config.model_copy(update={"limits": fitting}))


def backtest_from(
    values: Mapping[str, object],
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    *,
    name: str = "backtest",
) -> Loaded[BacktestConfig]:
    """Return a backtest from tables made in Python, under the same layers; ``name`` is what errors call them."""
    return _from_layers(BacktestConfig, [Source(name, dict(values))], env or {}, flags or {})


def session_from(values: Mapping[str, object], *, name: str = "session") -> Loaded[SessionConfig]:
    """Return a session from tables made in Python, such as those that a journal keeps."""
    return _from_layers(SessionConfig, [Source(name, dict(values))], {}, {})


def _load(
    model: type[M], files: Sequence[Path], env: Mapping[str, str], flags: Mapping[str, str]
) -> Loaded[M]:
    layers = [source for source in (_read(model, path) for path in files) if source]
    return _from_layers(model, layers, env, flags)


def _from_layers(
    model: type[M], layers: list[Source], env: Mapping[str, str], flags: Mapping[str, str]
) -> Loaded[M]:
    layers.append(_from_texts(model, "environment", _env_paths(model, env)))
    layers.append(_from_texts(model, "flags", _flag_paths(flags)))
    kept = tuple(layers)
    return Loaded(_validate(model, kept), kept)


def _read(model: type[Model], path: Path) -> Source | None:
    try:
        return read_source(path)
    except ConfigError as error:
        # Every setting of a workspace has a default; a backtest has none for what it is about.
        if error.code == "CONFIG_EMPTY" and model is Settings:
            return None
        raise


def _validate(model: type[M], layers: tuple[Source, ...]) -> M:
    values: dict[str, object] = {}
    for layer in layers:
        values = _merged(values, layer.values)
    _check_version(values, layers)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise translate(error, model, values, lambda path: _where(layers, path)) from None


def _merged(low: Mapping[str, object], high: Mapping[str, object]) -> dict[str, object]:
    """Return tables laid over tables; a list replaces a list."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def _check_version(values: Mapping[str, object], layers: tuple[Source, ...]) -> None:
    version = values.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        hint = "install the tradewind that wrote it"
    else:
        hint = f"write schema_version = {SCHEMA_VERSION} after reading the change notes"
    raise ConfigError(
        "CONFIG_VERSION",
        f"the file has schema version {version if abs(version) < 10**6 else 'far beyond'}, "
        f"this tradewind reads version {SCHEMA_VERSION}.",
        where=_where(layers, ("schema_version",)),
        key="schema_version",
        hint=hint,
    )


def _where(layers: tuple[Source, ...], path: KeyPath) -> str:
    """Return the place of the layer that decided, else of the nearest table around the key, else the first file."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            if path[:length] in layer.places:
                return layer.places[path[:length]]
    return layers[0].name if layers else ""


def _env_paths(model: type[Model], env: Mapping[str, str]) -> Iterator[tuple[str, KeyPath, str]]:
    for name in sorted(env):
        if not name.startswith(ENV_PREFIX):
            continue
        parts = tuple(name.removeprefix(ENV_PREFIX).split("__"))
        own = _spelled(model, parts)
        if schema_at(model, own) is not None:
            yield name, own, env[name]
            continue
        kinds = [(kind, _spelled(kind, parts)) for kind in (model, *(k for k in _KINDS if k is not model))]
        if not any(schema_at(*kind) is not None for kind in kinds):
            # The kind of file that knows more of the path is the one that was meant.
            meant, path = max(kinds, key=lambda each: _known_parts(*each))
            raise _unknown(meant, name, path)


def _known_parts(model: type[Model], path: KeyPath) -> int:
    """Return how many parts of a path, from the left, a model has."""
    return next((n for n in range(len(path), 0, -1) if schema_at(model, path[:n]) is not None), 0)


def _spelled(model: type[Model], parts: Sequence[str]) -> KeyPath:
    """Return the path with the case of the model; symbols keep theirs, every other free name is lower case."""
    path: KeyPath = ()
    for part in parts:
        is_symbol = path[-1:] == ("symbols",)
        path = (*path, part if is_symbol else part.lower())
    return path


def _flag_paths(flags: Mapping[str, str]) -> Iterator[tuple[str, KeyPath, str]]:
    for key, text in flags.items():
        path = tuple(key.split("."))
        # Errors speak of strategy.params.X, so that spelling is understood as well.
        yield f"--set {key}", path[1:] if path[:2] == ("strategy", "params") else path, text


def _from_texts(model: type[Model], name: str, settings: Iterator[tuple[str, KeyPath, str]]) -> Source:
    source = Source(name, {})
    for place, path, text in settings:
        node = schema_at(model, path)
        if node is None or not all(path):
            raise _unknown(model, place, path)
        _refuse_secret(place, path, text)
        _put(source, path, parse_text(node, text), place)
    return source


def _put(source: Source, path: KeyPath, value: object, place: str) -> None:
    table: dict[str, object] = source.values
    for part in path[:-1]:
        below = table.setdefault(part, {})
        if not isinstance(below, dict):
            raise ConfigError(
                "CONFIG_CONFLICT",
                "a table and one of its keys are both set.",
                where=place,
                key=".".join(path),
            )
        table = below
    table[path[-1]] = value
    source.places[path] = place


def _refuse_secret(place: str, path: KeyPath, text: str) -> None:
    if looks_secret(text) or any(is_secret_name(part) for part in path):
        raise ConfigError(
            "SECRET_IN_CONFIG",
            "a secret stands here (its value is not shown)",
            where=place,
            key=".".join(path),
        )


def _unknown(model: type[Model], place: str, path: KeyPath) -> ConfigError:
    parent = path[:-1]
    while parent and schema_at(model, parent) is None:
        parent = parent[:-1]
    known = describe_keys(model, parent)
    wrong = path[len(parent)]
    return ConfigError(
        "CONFIG_UNKNOWN_KEY",
        f"unknown key {wrong[:40]!r}{f' in [{chr(46).join(parent)}]' if parent else ''}.",
        where=place,
        key=".".join(path),
        hint=did_you_mean(wrong, [text.partition(" ")[0] for text in known]),
        known=known,
    )


def leaves(values: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield every value below tables with its path; a list of plain values is one value, nothing is left out."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    elif isinstance(values, list) and values and isinstance(values[0], Mapping):
        for place, value in enumerate(values):
            yield from leaves(value, (*path, str(place)))
    else:
        yield path, values


_ONLY_TESTED = BacktestConfig.model_fields.keys() - SessionConfig.model_fields.keys()
_KINDS: tuple[type[Model], ...] = (BacktestConfig, Settings, SessionConfig)
