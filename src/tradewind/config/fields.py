"""The kinds of value that settings are made of, and the two base models.

Every number has a range and every name an alphabet, so that nothing unchecked goes further. Nothing is converted:
``"5"``, ``true`` and ``5.0`` are not the integer 5. Validators raise `refusal`, which carries one of our codes through
pydantic.
"""

import math
import re
from datetime import UTC, date, datetime, time
from ipaddress import ip_address
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from tradewind.errors import ConfigError
from tradewind.units.time import TIMEFRAME, parse_timeframe

__all__ = [
    "Address",
    "Bps",
    "Currency",
    "FeeRate",
    "FilePath",
    "Instant",
    "Millis",
    "Model",
    "Money",
    "Name",
    "Pct",
    "Plain",
    "Port",
    "Rate",
    "Scalar",
    "Seed",
    "Span",
    "Symbol",
    "SymbolList",
    "Timeframe",
    "read_instant",
    "refusal",
    "to_ns",
]


def refusal(code: str, message: str, hint: str = "", key: str = "") -> PydanticCustomError:
    """Return the error by which a validator refuses a value with one of our codes.

    ``key`` is the dotted path below the model that refuses, where the fault lies in one field of several.
    """
    # The text travels as data: pydantic would read braces in it as places to fill in.
    return PydanticCustomError(
        "tradewind", "refused", {"code": code, "text": message, "hint": hint, "key": key}
    )


class Model(BaseModel):
    """A frozen table of settings: unknown keys and converted values are errors."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


def _refuse_minus_zero(value: float) -> float:
    if value == 0.0 and math.copysign(1.0, value) < 0:
        raise refusal(
            "CONFIG_RANGE", "-0.0 is below zero in some places and zero in others", "write 0 or leave it out"
        )
    return value


_NotMinusZero = AfterValidator(_refuse_minus_zero)

Money = Annotated[float, Field(gt=0, le=1e12), _NotMinusZero]
Bps = Annotated[float, Field(ge=0, le=1_000), _NotMinusZero]
Pct = Annotated[float, Field(gt=0, le=100), _NotMinusZero]
Rate = Annotated[float, Field(ge=-0.01, le=0.05), _NotMinusZero]
FeeRate = Annotated[float, Field(ge=0, le=0.1), _NotMinusZero]
Millis = Annotated[float, Field(ge=0, le=600_000), _NotMinusZero]
Plain = Annotated[float, Field(ge=-1e15, le=1e15), _NotMinusZero]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise refusal(
            "ID_INVALID",
            f"{value[:40]!r} cannot be used as a name",
            "begin with a letter, then a-z, 0-9, _ and -, 32 characters at most",
        )
    return value


Name = Annotated[str, AfterValidator(_check_name)]

_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{1,11}")


def _check_currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise refusal(
            "CONFIG_CHOICE", f"{value[:40]!r} is no currency", "write it as the venue does, such as USDT"
        )
    return value


Currency = Annotated[str, AfterValidator(_check_currency)]


_PAIR = re.compile(r"([A-Za-z0-9]{1,20})/([A-Za-z0-9]{1,20})(?::[A-Za-z0-9-]{1,20})?")
"""Base and quote as libraries write them, such as BTC/USDT:USDT."""
_SYMBOL_SIGNS = re.compile(r"[\w.:@$+&#-]+")
"""Letters and digits of any script, since venues list such, and the signs that they put between them."""


def _check_symbol(value: str) -> str:
    if len(value) > 64 or value.count(":") > 1 or not _SYMBOL_SIGNS.fullmatch(value):
        pair = _PAIR.fullmatch(value)
        meant = f"did you mean {(pair[1] + pair[2]).upper()!r}? " if pair else ""
        raise refusal(
            "SYMBOL_UNKNOWN",
            f"{value[:64]!r} is not how a venue writes a symbol",
            f"{meant}Symbols are the venue's own, such as BTCUSDT; one of another venue is venue:SYMBOL",
        )
    return value


Symbol = Annotated[str, AfterValidator(_check_symbol)]


def _refuse_twins(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise refusal("CONFIG_CONFLICT", f"{symbol!r} is listed twice", "name each symbol once")
    return symbols


# A TOML array arrives as a list; strictness about that would only hurt.
SymbolList = Annotated[
    tuple[Symbol, ...], Field(strict=False, min_length=1, max_length=1_000), AfterValidator(_refuse_twins)
]


def _check_file(text: str) -> str:
    if not text or not text.isprintable() or len(text) > 1_024:
        raise refusal("PATH_INVALID", f"{text[:40]!r} names no file", "write the path of a file")
    return text


FilePath = Annotated[str, AfterValidator(_check_file)]
"""A path of a file: absolute, or below the workspace."""


def _check_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise refusal(
            "CONFIG_CHOICE", f"{text[:40]!r} is no address of this machine", 'write "127.0.0.1"'
        ) from None


Address = Annotated[str, AfterValidator(_check_address)]
"""An address on which this machine may listen."""


def _check_port(port: int) -> int:
    if not 1 <= port <= 65_535:
        raise refusal("PORT_INVALID", f"{port} is no port", "allowed: 1..65535")
    return port


Port = Annotated[
    int,
    AfterValidator(_check_port),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 65_535}),
]
"""Where something of ours listens."""


def _check_timeframe(value: object) -> object:
    if isinstance(value, str):
        try:
            parse_timeframe(value)
        except ValueError as error:
            text, _, hint = str(error).partition("; ")
            raise refusal("TIMEFRAME_INVALID", text, hint) from error
    return value


Timeframe = Annotated[
    str,
    BeforeValidator(_check_timeframe),
    WithJsonSchema({"type": "string", "pattern": f"^{TIMEFRAME}$", "examples": ["1m", "45m", "4h", "1w"]}),
]


def _check_span(value: object) -> object:
    if isinstance(value, str):
        try:
            parse_timeframe(value)
        except ValueError as error:
            hint = "write a whole number and s, m, h, d or w, such as 12h, 52w at most; or leave it out"
            raise refusal("TIMEFRAME_INVALID", f"{value[:40]!r} is no length of time", hint) from error
    return value


Span = Annotated[
    str,
    BeforeValidator(_check_span),
    WithJsonSchema({"type": "string", "pattern": f"^{TIMEFRAME}$", "examples": ["30m", "12h", "3d", "1w"]}),
]
"""A length of time, written as that of a bar is."""

_DATE_HINT = "write YYYY-MM-DD (midnight UTC) or YYYY-MM-DDTHH:MM:SSZ"
_YEARS = range(2009, 2101)
_ASCII_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)


def _read_instant(value: object) -> object:
    """Return a time in UTC; a bare date is its midnight, a time without a zone is refused."""
    if isinstance(value, str):
        value = _parse_instant(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime):
        raise refusal("DATE_INVALID", f"{str(value)[:40]!r} is no date; numbers hide their unit", _DATE_HINT)
    if value.tzinfo is None:
        raise refusal("DATE_INVALID", f"'{value.isoformat()}' names no time zone", f"{_DATE_HINT}")
    utc = value.astimezone(UTC)
    if utc.year not in _YEARS:
        raise refusal("DATE_INVALID", f"the year {utc.year} lies outside 2009..2100", _DATE_HINT)
    return utc


def _parse_instant(text: str) -> datetime | date:
    if not _ASCII_DATE.fullmatch(text):
        raise refusal("DATE_INVALID", f"{text[:40]!r} is no date", _DATE_HINT)
    try:
        return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError as error:
        raise refusal("DATE_INVALID", f"{text!r} does not exist: {error}", _DATE_HINT) from error


Instant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    WithJsonSchema({"type": "string", "description": "YYYY-MM-DD (midnight UTC) or YYYY-MM-DDTHH:MM:SSZ"}),
]


def read_instant(text: str, where: str) -> datetime:
    """Return the time that a flag names; ``where`` is the flag. Raises `ConfigError` (DATE_INVALID)."""
    try:
        instant = _read_instant(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise ConfigError("DATE_INVALID", f"{context['text']}.", where=where, hint=context["hint"]) from error
    assert isinstance(instant, datetime)
    return instant


def to_ns(instant: datetime) -> int:
    """Return nanoseconds since 1970 of a time with a zone, exactly."""
    elapsed = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return ((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1_000


def _check_scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise refusal(
            "CONFIG_TYPE", "a parameter is one number, one word, true or false", "write a single value"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise refusal("CONFIG_NOT_FINITE", f"{value} is no finite number")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise refusal("CONFIG_RANGE", "the number is larger than 2^63")
    return value


Scalar = Annotated[
    bool | int | float | str,
    PlainValidator(_check_scalar),
    WithJsonSchema({"type": ["boolean", "integer", "number", "string"]}),
]
"""The value of a strategy's parameter; its range is the strategy's to declare."""
