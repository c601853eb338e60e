"""Put the page together: one file that needs nothing else, holds no address and asks no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING

from tradewind.config.files import write_atomic
from tradewind.report import sections
from tradewind.report.basis import prepare
from tradewind.report.files import load_run
from tradewind.report.markup import Markup, element, join
from tradewind.report.metrics import encode_metrics, measure
from tradewind.report.payload import build_payload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradewind.report.basis import Basis
    from tradewind.report.metrics import Metrics
    from tradewind.report.payload import Payload
    from tradewind.report.pyramid import BarColumns

SCRIPTS = ("data.js", "format.js", "plot.js", "curves.js", "price.js", "trades.js", "page.js")
"""One after another they are the page's script; each uses only what stands before it."""

_SLOT = re.compile(r"<!--slot:([a-z_]+)-->")


def write_report(run_dir: Path | str, bars: Mapping[str, BarColumns]) -> Path:
    """Write metrics.json and report.html of a run folder; return the path of the page.

    ``bars`` are the candles of the run by symbol; a symbol without bars has no price chart.
    """
    basis = prepare(load_run(run_dir))
    metrics = measure(basis)
    folder = basis.run.run_dir
    write_atomic(folder / "metrics.json", encode_metrics(metrics))
    path = folder / "report.html"
    write_atomic(path, render_page(basis, metrics, build_payload(basis, metrics, bars)).encode())
    return path


def render_page(basis: Basis, metrics: Metrics, payload: Payload) -> str:
    """Return the whole page."""
    style = _asset("report.css")
    script = "(() => {\n'use strict';\n" + "\n".join(_asset(name) for name in SCRIPTS) + "\n})();"
    slots = {
        "policy": policy(style, script),
        "title": join([sections.title(basis)]),
        "style": Markup(f"<style>{style}</style>"),
        "head": sections.head(basis, metrics),
        "tiles": sections.tiles(basis, metrics),
        "sources": sections.sources(basis, metrics),
        "months": sections.months(metrics),
        "drawdowns": sections.drawdowns(metrics),
        "trade_groups": sections.trade_groups(basis),
        "distribution": sections.distribution(basis, metrics),
        "out_of_sample": sections.out_of_sample(basis),
        "all_metrics": sections.all_metrics(basis, metrics),
        "assumptions": sections.assumptions(basis),
        "order_counts": sections.order_counts(basis),
        "settings": sections.settings(basis),
        "hashes": sections.hashes(basis),
        "facts": element("script", _inert_json(payload.facts), type="application/json", id="facts"),
        "columns": element("script", Markup(payload.columns), type="text/plain", id="columns"),
        "script": Markup(f"<script>{script}</script>"),
    }
    # One pass over the template only: what is put in is never searched for slots again.
    return _SLOT.sub(lambda found: slots[found[1]], _asset("report.html"))


def policy(style: str, script: str) -> Markup:
    """Return a content policy that lets only this style and this script work, and nothing be fetched."""
    rule = (
        f"default-src 'none'; style-src '{_fingerprint(style)}'; script-src '{_fingerprint(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return element("meta", http_equiv="Content-Security-Policy", content=rule)


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _inert_json(facts: Mapping[str, object]) -> Markup:
    # A name with "</script>" in it must not end the element: no angle bracket leaves as itself.
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _asset(name: str) -> str:
    return resources.files("tradewind.report").joinpath("assets", name).read_text(encoding="utf-8")
