"""The page as a file: verdict first, nothing from outside, nothing unescaped, small enough."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from tradewind.report import write_report
from tradewind.report.markup import Markup, element, join, table

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>")


class Outline(HTMLParser):
    """Collect tags, addresses and the texts of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[tuple[dict, str]] = []
        self.styles: list[str] = []
        self._open: str = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open == "script":
            self.scripts.append((self.tags[-1][1], data))
        elif self._open == "style":
            self.styles.append(data)


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    return parser


@pytest.fixture(scope="module")
def small_page(small_run):
    return write_report(*small_run).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile_page(builders, tmp_path_factory):
    failed = {"name": "look-ahead", "verdict": "fail", "detail": "3 of 25 cuts <b>changed</b> a decision"}
    spec = builders.RunSpec(
        symbols=HOSTILE, strategy='a"b<c>&', bars=2000, checks=[*builders.PASSED[:2], failed], fills=20
    )
    return write_report(*builders.build_run(tmp_path_factory.mktemp("runs") / "hostile", spec)).read_text(
        "utf-8"
    )


def test_every_part_is_filled(small_page):
    assert "<!--slot" not in small_page
    headings = re.findall(r"<h2>(.*?)</h2>", small_page)
    assert headings[:4] == ["Equity and underwater", "Where the money came from", "Price and fills", "Trades"]
    for word in (
        "Months",
        "Drawdowns",
        "Distribution",
        "All numbers",
        "What this result assumes",
        "Fingerprints",
    ):
        assert word in headings


def test_page_asks_for_nothing_from_outside(small_page):
    found = outline(small_page)
    for tag, attributes in found.tags:
        for name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
        assert tag not in ("iframe", "object", "embed", "link", "base"), tag
    for style in found.styles:
        assert "url(" not in style
        assert "@import" not in style
    code = "".join(text for attributes, text in found.scripts if not attributes)
    for word in (
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "EventSource",
        "sendBeacon",
        "import(",
        "http:",
        "https:",
    ):
        assert word not in code, word


def test_policy_allows_this_script_and_style_and_nothing_else(small_page):
    found = outline(small_page)
    (policy,) = (a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    script = "".join(text for attributes, text in found.scripts if not attributes)
    for kind, text in (("script", script), ("style", "".join(found.styles))):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not any("style" in attributes for _, attributes in found.tags)
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)


def test_hostile_names_stay_text(hostile_page):
    found = outline(hostile_page)
    assert not any(tag == "img" for tag, _ in found.tags)
    assert len([tag for tag, _ in found.tags if tag == "script"]) == 3
    assert "alert(" not in "".join(text for attributes, text in found.scripts if not attributes)
    for name in HOSTILE:
        assert html.escape(name) in hostile_page
    (facts,) = (text for attributes, text in found.scripts if attributes.get("id") == "facts")
    assert "<" not in facts
    assert json.loads(facts)["symbols"] == list(HOSTILE)


def test_failed_check_is_the_first_thing_said(hostile_page, small_page):
    body = hostile_page[hostile_page.index("</nav>") :]
    words = html.unescape(re.sub(r"<[^>]+>", " ", body)).split()
    said = " ".join(words[:40])
    assert "Do not trust this result: 1 check failed (look-ahead)." in said
    assert said.index("Do not trust") < said.index("3 of 25 cuts <b>changed</b>") < said.index("warm-up")
    assert "All 5 checks passed." in small_page


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ({"checks": []}, "Nothing was checked"),
        (
            {"checks": [{"name": "data", "verdict": "warn", "detail": "d"}]},
            "No check failed; 1 doubt to read.",
        ),
        ({"checks": [{"name": "data", "verdict": "pass"}], "warnings": ["w1", "w2"]}, "2 doubts to read."),
    ],
)
def test_verdict_says_what_is_known(builders, tmp_path, checks, said):
    folder = builders.write_run(tmp_path / "run", equity=builders.curve([1000.0] * 3), checks=checks)
    assert said in write_report(folder, {}).read_text(encoding="utf-8")


def test_out_of_sample_is_told_only_where_there_is_a_cut(builders, tmp_path, small_page):
    spec = builders.RunSpec(out_of_sample=0.6)
    page = write_report(*builders.build_run(tmp_path / "run", spec)).read_text(encoding="utf-8")
    assert "Out of sample" in page
    assert "Out of sample" not in small_page


def test_report_is_the_same_bytes_again(small_run, small_page):
    assert write_report(*small_run).read_text(encoding="utf-8") == small_page


def test_run_without_bars_and_rows_still_has_a_page(builders, tmp_path):
    page = write_report(builders.write_run(tmp_path / "run"), {}).read_text(encoding="utf-8")
    assert "No month to show." in page
    assert "No trade was closed." in page


def test_element_escapes_text_and_attributes():
    made = element("p", 'a<b>&"', element("b", "x"), class_='q"<', data_id=1, hidden=True, title=None)
    assert made == '<p class="q&quot;&lt;" data-id="1" hidden>a&lt;b&gt;&amp;&quot;<b>x</b></p>'
    assert join(["<", Markup("<i/>")]) == "&lt;<i/>"
    assert "<script>" not in table("<script>", ["<script>"], [["<script>"]])
