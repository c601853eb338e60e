"""A configuration as a file and as a hash."""

import hashlib
import json

import tomlkit

from tradewind.config.fields import Model

__all__ = ["config_hash", "to_toml"]


def to_toml(config: Model) -> str:
    """Return the configuration as TOML with every value resolved, defaults included; it loads to the same."""
    tables = _without_none(config.model_dump(mode="json"))
    assert isinstance(tables, dict)
    return tomlkit.dumps(tables)


def config_hash(config: Model) -> str:
    """Return the SHA-256 of what the configuration says; the order and form of its file do not matter."""
    said = json.dumps(
        config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(said.encode()).hexdigest()


def _without_none(value: object) -> object:
    """TOML has no null: what is not set is left out."""
    if isinstance(value, dict):
        return {key: _without_none(below) for key, below in value.items() if below is not None}
    if isinstance(value, list):
        return [_without_none(below) for below in value]
    return value
