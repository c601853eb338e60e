"""The report as a reader meets it: opened, drawn, zoomed, printed, on a desk and on a phone."""

from __future__ import annotations

import pytest

from tradewind.report import write_report

LOAD_MS_MAX = 2_000
PAGE_BYTES_MAX = 5_000_000
HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>")

# How many different colours a canvas shows: a blank one has one or two.
COLOURS = """(id) => {
  const canvas = document.querySelector(`#${id} canvas`);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) seen.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
  return seen.size;
}"""


@pytest.fixture(scope="session")
def pages(builders, tmp_path_factory):
    """Pages of runs of every size."""
    minute = builders.MINUTE_NS
    specs = {
        "one": builders.RunSpec(bars=1, fills=0),
        "quiet": builders.RunSpec(fills=0),
        "small": builders.RunSpec(out_of_sample=0.7),
        "huge": builders.RunSpec(bars=500_000, interval_ns=minute, fills=50_000, leverage=0.02),
        "hostile": builders.RunSpec(symbols=HOSTILE, fills=40),
    }
    made = {}

    def page(name):
        if name not in made:
            made[name] = write_report(
                *builders.build_run(tmp_path_factory.mktemp("runs") / name, specs[name])
            )
        return made[name]

    return page


def opened(browser, path, **look):
    browser.show(path, **look)
    assert browser.evaluate("document.documentElement.dataset.ready") == "yes"
    assert browser.complaints == []
    assert browser.requests == [path.as_uri()]


def ready_ms(browser, path):
    opened(browser, path)
    return int(browser.evaluate("document.documentElement.dataset.readyMs"))


@pytest.mark.parametrize("name", ["one", "quiet", "small", "huge", "hostile"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_report_opens_draws_and_stays_within_the_screen(browser, pages, name, width, dark):
    opened(browser, pages(name), width=width, dark=dark)
    assert browser.evaluate(f"({COLOURS})('curve-plot')") > 5
    assert browser.evaluate(f"({COLOURS})('price-plot')") > 5
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_largest_report_is_small_and_fast(browser, pages):
    path = pages("huge")
    assert path.stat().st_size < PAGE_BYTES_MAX
    # The best of ten: while others compute on the same cores, a page waits for its turn.
    assert any(ready_ms(browser, path) < LOAD_MS_MAX for _ in range(10))


def test_every_trade_opens_the_chart_at_its_place(browser, pages):
    opened(browser, pages("small"))
    whole = browser.evaluate("document.querySelector('#price-plot .readout').textContent")
    browser.evaluate("document.querySelector('#trade-list tbody tr:nth-child(3) button').click()")
    seen = browser.evaluate(
        "new Promise((done) => { const until = performance.now() + 10_000; const look = () => {"
        " const box = document.querySelector('#price-plot canvas').getBoundingClientRect();"
        " const seen = box.top >= 0 && box.top < innerHeight;"
        " if (seen || performance.now() > until) done(seen); else setTimeout(look, 50); }; look(); })"
    )
    entry = browser.evaluate("document.querySelector('#trade-list tr.chosen td:nth-child(2)').textContent")
    assert browser.evaluate("document.querySelector('#price-plot .readout').textContent") != whole
    assert browser.evaluate("document.activeElement.closest('figure').id") == "price-plot"
    assert seen, "the chart did not come into view"
    assert entry.startswith("2024-01-")
    assert browser.complaints == []


def test_chart_zooms_to_the_single_bar(browser, pages):
    opened(browser, pages("huge"))
    browser.evaluate("document.querySelector('#trade-list tbody tr:nth-child(4) button').click()")
    browser.evaluate(
        "for (let n = 0; n < 12; n += 1) document.querySelector('#price-plot canvas')"
        ".dispatchEvent(new KeyboardEvent('keydown', { key: '+' }))"
    )
    browser.evaluate("document.querySelector('#price-plot button[title=\"Next fill\"]').click()")
    browser.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert "1 min" in browser.evaluate("document.querySelector('#price-plot .readout').textContent")


def test_bars_and_fills_in_the_page_are_those_of_the_run(browser, pages, builders):
    """What the script unpacks, checked where a reader sees it: the last bar's prices in the readout."""
    opened(browser, pages("small"))
    bars = builders.make_bars(builders.RunSpec(), 0)
    browser.evaluate(
        "(() => { const canvas = document.querySelector('#price-plot canvas');"
        " for (let n = 0; n < 40; n += 1) canvas.dispatchEvent(new KeyboardEvent('keydown', { key: '+' }));"
        " for (let n = 0; n < 4000; n += 1) canvas.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));"
        " canvas.dispatchEvent(new PointerEvent('pointerleave')); })()"
    )
    browser.evaluate("new Promise((done) => setTimeout(done, 200))")
    said = browser.evaluate("document.querySelector('#price-plot .readout').textContent")
    for name in ("open", "high", "low", "close"):
        assert f"{name.capitalize()} {getattr(bars, name)[-1]:,.1f}" in said


def test_trades_are_sorted_by_a_click(browser, pages):
    opened(browser, pages("small"))
    browser.evaluate(
        "[...document.querySelectorAll('#trade-list thead button')].find((b) => b.textContent === 'Profit').click()"
    )
    shown = browser.evaluate(
        "[...document.querySelectorAll('#trade-list tbody tr')].map((row) => row.cells[8].textContent)"
    )
    profits = [float(text.replace("−", "-").replace(",", "").replace("+", "")) for text in shown]
    assert profits == sorted(profits, reverse=True)
    assert (
        browser.evaluate("document.querySelector('#trade-list th[aria-sort=descending]').textContent")
        == "Profit"
    )


def test_quantities_of_a_symbol_have_the_same_decimals(browser, pages):
    opened(browser, pages("small"))
    shown = "[...document.querySelectorAll('#trade-list tbody tr')]"
    rows = browser.evaluate(f"{shown}.map((row) => [row.cells[2].textContent, row.cells[5].textContent])")
    places: dict[str, set[int]] = {}
    for symbol, quantity in rows:
        places.setdefault(symbol, set()).add(len(quantity.partition(".")[2]))
    assert all(len(found) == 1 for found in places.values()), places
    given = {0.001: 3, 0.1 + 0.2: 1, 5: 0, 1e-8: 8, 12.340: 2}
    assert [called(browser, "placesIn", value) for value in given] == list(given.values())


def called(browser, name, value):
    """Return what a function of the page's own script gives for a value."""
    text = browser.evaluate("[...document.scripts].map((each) => each.textContent).join('')")
    start = text.index(f"function {name}")
    function = text[start : text.index("\n}\n", start) + 2]
    return browser.evaluate(f"(() => {{ {function} return {name}({value!r}); }})()")


def test_hostile_names_are_shown_as_text(browser, pages):
    opened(browser, pages("hostile"))
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    options = browser.evaluate(
        "[...document.querySelectorAll('#price-plot option')].map((o) => o.textContent)"
    )
    assert [text.rsplit(" (", 1)[0] for text in options] == list(HOSTILE)


def test_theme_changes_by_button(browser, pages):
    opened(browser, pages("small"))
    paper = "getComputedStyle(document.body).backgroundColor"
    light = browser.evaluate(paper)
    browser.evaluate("document.getElementById('theme').click()")
    assert browser.evaluate(paper) != light


@pytest.mark.parametrize(
    ("step", "places"), [(50, 0), (2.5, 1), (1, 0), (0.5, 1), (0.25, 2), (0.2, 1), (0.025, 3), (1e-8, 8)]
)
def test_labels_of_an_axis_have_the_decimals_of_its_step(browser, pages, step, places):
    """Read from the page's own script: a line at 2.5 % that is called 3 % is a false picture."""
    opened(browser, pages("small"))
    assert called(browser, "placesOf", step) == places


def test_settings_are_unfolded_on_paper(browser, pages):
    opened(browser, pages("small"))
    is_open = "document.querySelector('details').open"
    assert browser.evaluate(is_open) is False
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate(is_open) is True
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate(is_open) is False


def test_report_prints_in_few_pages(browser, pages, tmp_path):
    for name, most in (("one", 5), ("huge", 8)):
        opened(browser, pages(name), dark=True)
        browser.print_pdf(tmp_path / "page.pdf")
        content = (tmp_path / "page.pdf").read_bytes()
        assert content.startswith(b"%PDF")
        assert 1 <= content.count(b"/Type /Page\n") <= most
