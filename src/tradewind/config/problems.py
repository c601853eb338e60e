"""Turn what pydantic found into our coded errors, in the words of the file."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tradewind.config.schema import describe_keys, describe_value, schema_at
from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError

__all__ = ["did_you_mean", "nearest", "translate"]

_SHOWN_MAX = 20
_Path = tuple[str, ...]
_Where = Callable[[_Path], str]


def translate(error: ValidationError, model: type[BaseModel], values: object, where: _Where) -> ConfigError:
    """Return one error that carries everything that pydantic found, first things first.

    ``values`` is what was validated; ``where`` tells the place of a key.
    """
    found: dict[_Path, ConfigError] = {}
    for detail in error.errors(include_url=False, include_input=False):
        problem = _problem(detail, model, values, where)
        path = tuple(problem.key.split("."))
        is_follow_up = any(path[: len(known)] == known or known[: len(path)] == path for known in found)
        if not is_follow_up:
            found[path] = problem
    first, *others = list(found.values())[:_SHOWN_MAX]
    first.also = tuple(others)
    return first


def _problem(detail: ErrorDetails, model: type[BaseModel], values: object, where: _Where) -> ConfigError:
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if kind == "tradewind":
        return _refused(detail, path, where)
    if kind == "missing":
        return _missing(model, path, where)
    if kind == "extra_forbidden":
        return _unknown(model, path, where)
    return _unfit(kind, model, path, value_at(values, path), where)


def _refused(detail: ErrorDetails, path: _Path, where: _Where) -> ConfigError:
    context = cast("Mapping[str, str]", detail.get("ctx", {}))
    inner = tuple(context["key"].split(".")) if context["key"] else ()
    place = (*path, *inner)
    known: tuple[str, ...] = ()
    hint = context["hint"]
    if context["code"] == "EXCHANGE_UNKNOWN":
        known = tuple(VENUES)
        hint = did_you_mean(context["text"].split("'")[1], known)
    elif hint.startswith("known: "):
        known, hint = tuple(hint.removeprefix("known: ").split(", ")), ""
    return ConfigError(
        context["code"],
        _sentence(context["text"]),
        where=where(place),
        key=".".join(place),
        hint=hint,
        known=known,
    )


def _missing(model: type[BaseModel], path: _Path, where: _Where) -> ConfigError:
    node = schema_at(model, path) or {}
    meaning = str(node.get("description", "")).strip()
    return ConfigError(
        "CONFIG_MISSING",
        f"'{path[-1]}' is missing{_table(path)}.",
        where=where(path[:-1]),
        key=".".join(path),
        hint=_first_sentence(meaning),
        known=describe_keys(model, path),
    )


def _unknown(model: type[BaseModel], path: _Path, where: _Where) -> ConfigError:
    known = describe_keys(model, path[:-1])
    names = [text.partition(" ")[0] for text in known]
    return ConfigError(
        "CONFIG_UNKNOWN_KEY",
        f"unknown key {path[-1][:40]!r}{_table(path)}.",
        where=where(path),
        key=".".join(path),
        hint=_misplaced(model, path) or did_you_mean(path[-1], names),
        known=known,
    )


def _misplaced(model: type[BaseModel], path: _Path) -> str:
    """Say where a key belongs that stands in a table and is one of the top level; "" for any other."""
    node = (schema_at(model, path[-1:]) if len(path) > 1 else None) or {}
    if node.get("type") not in ("string", "integer", "number", "boolean"):
        return ""
    return f"'{path[-1]}' is a key of the top level: write it before the first [table]"


def _unfit(kind: str, model: type[BaseModel], path: _Path, value: object, where: _Where) -> ConfigError:
    node = schema_at(model, path) or {}
    allowed = describe_value(node)
    code, text, hint = _judge(kind, str(node.get("type", "")), allowed, path[-1] if path else "file", value)
    known = tuple(allowed.split("|")) if code == "CONFIG_CHOICE" else ()
    if code == "CONFIG_CHOICE" and isinstance(value, str):
        hint = did_you_mean(value, known)
    return ConfigError(code, text, where=where(path), key=".".join(path), hint=hint, known=known)


def _judge(kind: str, wanted: str, allowed: str, name: str, value: object) -> tuple[str, str, str]:
    """Return code, sentence and hint for one of pydantic's kinds of error."""
    shown, needs = show(value), _WANTED.get(wanted, "another type of value")
    if kind == "literal_error" and isinstance(value, str):
        return "CONFIG_CHOICE", f"{shown} is no choice for '{name}'.", ""
    if kind == "finite_number":
        return "CONFIG_NOT_FINITE", f"{shown} is no finite number.", ""
    if kind == "too_short" and isinstance(value, Sequence) and not value:
        return "CONFIG_EMPTY_LIST", f"'{name}' is an empty list.", ""
    if kind.startswith(("greater_than", "less_than", "too_long", "too_short", "string_too")):
        return "CONFIG_RANGE", f"{name} = {shown} is out of range.", f"allowed: {allowed or 'a shorter one'}"
    if isinstance(value, int) and not isinstance(value, bool) and wanted in {"number", "integer"}:
        return "CONFIG_RANGE", f"{name} = {shown} is out of range.", f"allowed: {allowed}"
    fits = f"allowed: {allowed}; " if allowed else ""
    return (
        "CONFIG_TYPE",
        f"{name} = {shown} is {_type_name(value)}, not {needs}.",
        f"{fits}nothing is converted",
    )


_WANTED = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text in quotes",
    "boolean": "true or false",
    "array": "a list in [brackets]",
    "object": "a table",
}


def _type_name(value: object) -> str:
    names = ((bool, "true or false"), (int, "a whole number"), (float, "a number with a fraction"))
    more = ((str, "a text"), (Mapping, "a table"), (Sequence, "a list"), (date, "a date"))
    return next((name for kind, name in (*names, *more) if isinstance(value, kind)), "nothing")


def show(value: object) -> str:
    """Return a value as the file has it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:40]}"' + ("…" if len(value) > 40 else "")
    if isinstance(value, int) and abs(value) > 10**15:
        return f"about 10^{len(hex(value)) * 120 // 100}"
    if isinstance(value, Mapping):
        return "{…}" if value else "{}"
    return str(value)[:40]


def value_at(values: object, path: Iterable[str]) -> object:
    """Return the value at a path of keys and numbers, or None."""
    for part in path:
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, Sequence) and not isinstance(values, str) and part.isdigit():
            values = values[int(part)] if int(part) < len(values) else None
        else:
            return None
    return values


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that a mistyped one most likely means, or nothing."""
    options = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold()[:64], options, n=1, cutoff=0.6)
    return options[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question that offers the nearest known word, or nothing."""
    found = nearest(word, known)
    return f"Did you mean '{found}'?" if found else ""


def _table(path: _Path) -> str:
    return f" in [{'.'.join(path[:-1])}]" if len(path) > 1 else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].replace("`", "'").strip()
