"""Refuse secrets in files that are not made for them. The value is never shown, not even in the error."""

import re
from collections.abc import Callable

from tradewind.errors import ConfigError

__all__ = ["is_secret_name", "looks_secret", "refuse_secrets"]

_NAMES = re.compile(
    r"(^|_)(secret|password|passwd|passphrase|api_?key|private_?key|mnemonic|seed_?phrase|access_?token|auth_?token"
    r"|bearer)(_|$)|(api|secret|private)key|apisecret",
    re.IGNORECASE,
)
_SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\b0x[0-9a-fA-F]{64}\b"),
    re.compile(r"\bxprv[0-9A-Za-z]{20,}"),
    re.compile(r"\w+://[^/\s:@\"']+:[^/\s:@\"']+@"),
)
# A key of an exchange: long, without blanks, of upper and lower case and digits together.
_LONG = re.compile(r"(?<![\w/.-])[A-Za-z0-9+/_-]{40,}={0,2}(?![\w/.-])")


def is_secret_name(name: str) -> bool:
    """Return whether a setting of this name would hold a secret."""
    return bool(_NAMES.search(name))


def looks_secret(text: str) -> bool:
    """Return whether a text has the shape of a key, a private key or an address with a password."""
    if any(shape.search(text) for shape in _SHAPES):
        return True
    return any(_mixes(found) for found in _LONG.findall(text))


def _mixes(text: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    return all(any(kind(sign) for sign in text) for kind in kinds)


def refuse_secrets(
    values: dict[str, object], text: str, where: Callable[[tuple[str, ...]], str], name: str
) -> None:
    """Raise SECRET_IN_CONFIG if a value, by its name or its shape, or a comment holds a secret."""
    _walk(values, (), where)
    for number, line in enumerate(text.split("\n"), start=1):
        if looks_secret(line):
            raise _error(f"{name}:{number}", "")


def _walk(value: object, path: tuple[str, ...], where: Callable[[tuple[str, ...]], str]) -> None:
    if isinstance(value, dict):
        for key, below in value.items():
            _walk(below, (*path, key), where)
    elif isinstance(value, list):
        for place, below in enumerate(value):
            _walk(below, (*path, str(place)), where)
    elif isinstance(value, str) and value:
        names_secret = any(is_secret_name(part) for part in path)
        if names_secret or looks_secret(value):
            raise _error(where(path), ".".join(path))


def _error(where: str, key: str) -> ConfigError:
    return ConfigError(
        "SECRET_IN_CONFIG",
        "a secret stands here (its value is not shown)",
        where=where,
        key=key,
        hint="remove it, revoke it at the venue, and keep the new one in the key store",
    )
