"""Read the JSON schema of a model: what a table knows, what a value must be, and how a text becomes one.

Editors complete and check with the same schema, so what they say and what we say is the same.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

from pydantic import BaseModel

__all__ = [
    "Schema",
    "describe_keys",
    "describe_value",
    "json_schema",
    "parse_text",
    "schema_at",
    "schema_text",
]

Schema = Mapping[str, object]


@cache
def json_schema(model: type[BaseModel]) -> Schema:
    """Return the JSON schema of a settings file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def schema_text(model: type[BaseModel]) -> str:
    """Return the schema as the text of a file."""
    return json.dumps(json_schema(model), indent=2, ensure_ascii=False) + "\n"


def schema_at(model: type[BaseModel], path: Sequence[str]) -> Schema | None:
    """Return the schema of the value at ``path``, or None where the model knows no such key."""
    root = json_schema(model)
    node: Schema | None = root
    for part in path:
        if node is None:
            return None
        node = _below(_resolve(root, node), part)
    return None if node is None else _resolve(root, node)


def _below(node: Schema, part: str) -> Schema | None:
    properties = cast("Mapping[str, Schema]", node.get("properties", {}))
    if part in properties:
        return properties[part]
    for name in ("additionalProperties", "items"):
        found = node.get(name)
        if isinstance(found, Mapping) and (name != "items" or part.isdigit()):
            return cast("Schema", found)
    return None


def _resolve(root: Schema, node: Schema) -> Schema:
    """Follow references and drop the alternative ``null``, which TOML cannot write."""
    while True:
        if "$ref" in node:
            name = str(node["$ref"]).rsplit("/", 1)[-1]
            rest = {key: value for key, value in node.items() if key != "$ref"}
            node = {**cast("Mapping[str, Schema]", root["$defs"])[name], **rest}
        elif "anyOf" in node:
            options = [
                option for option in cast("list[Schema]", node["anyOf"]) if option.get("type") != "null"
            ]
            rest = {key: value for key, value in node.items() if key != "anyOf"}
            node = {**options[0], **rest}
        else:
            return node


def describe_keys(model: type[BaseModel], path: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of a table, each with what it may be: ``leverage (1..200)``."""
    node = schema_at(model, path) or {}
    names = cast("Mapping[str, Schema]", node.get("properties", {}))
    told = ((name, describe_value(schema_at(model, (*path, name)) or {})) for name in names)
    return tuple(f"{name} ({text})" if text else name for name, text in told)


def describe_value(node: Schema) -> str:
    """Return what a value may be, in a few signs: ``2..500``, ``cross|isolated``, or nothing for free text."""
    if "enum" in node:
        return "|".join(map(str, cast("list[object]", node["enum"])))
    low = _bound(node, "minimum", "exclusiveMinimum", "above ")
    high = _bound(node, "maximum", "exclusiveMaximum", "below ")
    if low or high:
        return f"{low}..{high}"
    return {"boolean": "true|false", "array": "list", "object": "table"}.get(str(node.get("type")), "")


def _bound(node: Schema, closed: str, opened: str, word: str) -> str:
    if closed in node:
        return _short(cast("float", node[closed]))
    return f"{word}{_short(cast('float', node[opened]))}" if opened in node else ""


def _short(number: float) -> str:
    return f"{number:g}" if number < 10**9 else f"{number:.3g}"


def parse_text(node: Schema, text: str) -> object:
    """Return the value that a variable or a flag means, by the type its setting has.

    A text that does not fit is returned as it is; the model then refuses it with the right words.
    """
    kind = node.get("type")
    if kind == "array" and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind == "string":
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, KeyError):
        return text
