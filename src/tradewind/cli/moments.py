"""Times that a person writes as flags."""

from tradewind.errors import UsageError

__all__ = ["moment"]


def moment(text: str, flag: str) -> int:
    """Return a time in UTC, nanoseconds. Raises UsageError for what is none."""
    from tradewind.units.time import parse_utc

    try:
        return parse_utc(text)
    except ValueError as error:
        raise UsageError("USAGE", f"{error}.", where=flag) from error
