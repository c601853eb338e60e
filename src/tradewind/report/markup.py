"""HTML that cannot be broken by its content: every text is escaped unless it is markup already."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VOID = frozenset({"br", "hr", "img", "input", "meta", "rect", "line", "path", "circle"})


class Markup(str):
    """Text that is HTML already. Only `element` and `join` make it."""

    __slots__ = ()


Content: TypeAlias = "str | Markup"


def element(name: str, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Return one element. A trailing underscore of an attribute is dropped, others become hyphens.

    An attribute that is None or False is left out; True stands without a value.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    if name in VOID:
        # The stroke matters inside a drawing: without it the next shape would lie within this one.
        return Markup(f"{opened}/>")
    return Markup(f"{opened}>{join(content)}</{name}>")


def join(parts: Iterable[Content]) -> Markup:
    """Return parts one after another, each escaped unless it is markup."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Content]], *, words: int = 1, class_: str = ""
) -> Markup:
    """Return a table whose first ``words`` columns are text and whose other ones are numbers."""
    head = [element("th", text, scope="col", class_=_kind(at, words)) for at, text in enumerate(heads)]
    body = [element("tr", *(_cell(at, content, words) for at, content in enumerate(row))) for row in rows]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_=class_ or None,
    )
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _cell(at: int, content: Content, words: int) -> Markup:
    if at == 0:
        return element("th", content, scope="row", class_=_kind(at, words))
    return element("td", content, class_=_kind(at, words))


def _kind(at: int, words: int) -> str:
    return "word" if at < words else "number"


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
