"""Whether what a record was made with is what a file says now, and where the two differ.

A newer version may know settings that an older one did not. A record that does not mention them was made without them,
which is what their defaults stand for; so what was stored is read as a file of today before it is compared.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tradewind.config.load import backtest_from, session_from
from tradewind.config.stored import config_hash, to_toml
from tradewind.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradewind.config.fields import Model

__all__ = ["changed_settings", "is_unchanged"]

_RECORD = "record of the start"


def is_unchanged(stored: str, hash_now: str) -> bool:
    """Say whether a stored configuration, read as a file of today, is the one of a hash.

    stored: what `to_toml` wrote, by any version.
    """
    try:
        return config_hash(_read(stored)) == hash_now
    except (ConfigError, tomllib.TOMLDecodeError):
        return False


def changed_settings(stored: str, now: str) -> list[str]:
    """Return each setting that differs between two stored configurations, with both values.

    A setting that a version of today refuses is among them, by its name.
    """
    try:
        before = tomllib.loads(to_toml(_read(stored)))
    except ConfigError as error:
        return [f"{error.key or 'a setting'}: {error.message}"]
    except tomllib.TOMLDecodeError:
        return []
    old, new = dict(_leaves(before, "")), dict(_leaves(tomllib.loads(now), ""))
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key} was {_told(old, key)}, is {_told(new, key)}" for key in keys]


def _read(stored: str) -> Model:
    table = tomllib.loads(stored)
    if "period" in table:
        return backtest_from(table, name=_RECORD).config
    return session_from(table, name=_RECORD).config


def _leaves(table: Mapping[str, object], above: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _told(leaves: Mapping[str, object], key: str) -> str:
    return repr(leaves[key]) if key in leaves else "not set"
