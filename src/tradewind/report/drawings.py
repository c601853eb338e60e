"""Small still pictures as SVG: bars of money and histograms. They need no script and print sharply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradewind.report.markup import Markup, element
from tradewind.report.wording import money, percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.report.files import FloatColumn

BINS_MAX = 41
WIDTH, HEIGHT = 640, 200
PAD_LEFT, PAD_RIGHT, PAD_TOP, PAD_BOTTOM = 8, 8, 22, 24


def money_bar(amount: float, largest: float) -> Markup:
    """Return a bar to the left (cost) or right (gain) of a middle line, as long as its share of the largest."""
    length = 100.0 * abs(amount) / largest if largest > 0.0 else 0.0
    start = 100.0 - length if amount < 0.0 else 100.0
    return element(
        "svg",
        element("line", x1=100, x2=100, y1=0, y2=16, class_="axis"),
        element(
            "rect", x=round(start, 2), y=2, width=round(length, 2), height=12,
            class_="loss" if amount < 0.0 else "gain",
        ),
        viewBox="0 0 200 16", preserveAspectRatio="none", class_="moneybar", aria_hidden="true",
    )  # fmt: skip


def return_histogram(returns: FloatColumn, mark: float | None) -> Markup:
    """Return the distribution of daily returns (n,); ``mark`` is the value at risk."""
    edge: Callable[[float], str] = lambda value: percent(value, signed=True)  # noqa: E731
    return _histogram(returns, "Daily returns", "days", edge, mark)


def profit_histogram(profits: FloatColumn, currency: str) -> Markup:
    """Return the distribution of what closed trades earned (n,), in account currency."""
    edge: Callable[[float], str] = lambda value: money(value, currency, signed=True)  # noqa: E731
    return _histogram(profits, "Profit of closed trades", "trades", edge, None)


def bin_edges(values: FloatColumn) -> FloatColumn:
    """Return equal bins with a border at zero; the far tails share the first and the last bin."""
    low, high = (float(edge) for edge in np.percentile(values, [0.5, 99.5]))
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 0.0:
        low, high = -1e-9, 1e-9
    bins = int(np.clip(np.sqrt(len(values)) * 2.0, 5, BINS_MAX))
    step = (high - low) / bins
    below, above = int(np.ceil(-low / step - 1e-9)), int(np.ceil(high / step - 1e-9))
    edges: FloatColumn = step * np.arange(-below, above + 1, dtype=np.float64)
    return edges


def _histogram(
    values: FloatColumn, title: str, what: str, edge: Callable[[float], str], mark: float | None
) -> Markup:
    edges = bin_edges(values)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    across = (WIDTH - PAD_LEFT - PAD_RIGHT) / len(counts)
    floor = HEIGHT - PAD_BOTTOM
    unmoved = int((values == 0.0).sum())
    bars = []
    for at, count in enumerate(counts.tolist()):
        still = unmoved if edges[at] == 0.0 else 0
        note = f"{edge(float(edges[at]))} to {edge(float(edges[at + 1]))}: {count} {what}"
        note += f", {still} of them without any change" if still else ""
        drawn, low = [element("title", note)], float(floor)
        # What neither won nor lost stands at the bottom of its bar, in neither colour.
        for part, kind in ((still, "flat"), (count - still, "loss" if edges[at] < 0.0 else "gain")):
            tall = (floor - PAD_TOP) * part / int(counts.max())
            low -= tall
            drawn += [_bar(PAD_LEFT + at * across, low, across, tall, kind)] if part else []
        bars.append(element("g", *drawn))
    lines = [element("line", x1=PAD_LEFT, x2=WIDTH - PAD_RIGHT, y1=floor, y2=floor, class_="axis")]
    marks = [(0.0, "0")]
    if mark is not None and edges[0] <= mark <= edges[-1]:
        marks.append((mark, f"VaR {percent(mark)}"))
    for value, text in marks:
        lines += _upright(PAD_LEFT + across * (value - edges[0]) / (edges[1] - edges[0]), text, floor)
    lines.append(_word(PAD_LEFT, HEIGHT - 6, edge(float(edges[0])), "start"))
    lines.append(_word(WIDTH - PAD_RIGHT, HEIGHT - 6, edge(float(edges[-1])), "end"))
    told = f"{title}: {len(values)} {what}, from {edge(float(values.min()))} to {edge(float(values.max()))}"
    picture = element(
        "svg", *bars, *lines, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="histogram", role="img", aria_label=told
    )
    return element("figure", element("figcaption", told), picture)


def _bar(x: float, y: float, across: float, tall: float, kind: str) -> Markup:
    return element(
        "rect", x=round(x + 0.5, 2), y=round(y, 2), width=round(max(across - 1.0, 0.5), 2),
        height=round(tall, 2), class_=kind,
    )  # fmt: skip


def _upright(x: float, text: str, floor: float) -> list[Markup]:
    anchor = "start" if x < WIDTH / 2 else "end"
    away = 4 if anchor == "start" else -4
    return [
        element("line", x1=round(x, 2), x2=round(x, 2), y1=PAD_TOP - 8, y2=floor, class_="mark"),
        _word(x + away, PAD_TOP - 8, text, anchor),
    ]


def _word(x: float, y: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=round(x, 2), y=y, text_anchor=anchor)
