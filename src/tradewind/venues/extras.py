"""What going live needs beside the core install: looked for when it is needed, and how to get it."""

from importlib.util import find_spec

from tradewind.errors import UsageError

__all__ = ["require_live"]

_NEEDED = (
    "aiohttp",
    "apprise",
    "argon2",
    "ccxt",
    "cryptography",
    "keyring",
    "prometheus_client",
    "sqlalchemy",
)


def require_live() -> None:
    """Return where the extra `live` is installed. Raises UsageError (EXTRA_MISSING) where any part of it is not."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            "EXTRA_MISSING",
            f"this needs {', '.join(missing)}, which the core install leaves out.",
            hint="in a clone: make live; elsewhere: pip install 'tradewind[live]'",
        )
