"""
The page in a real browser: nothing is loaded, nothing is complained of, and it fits.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chromium_kit import WIDTHS, browser, chromium
from page_kit import EVIL, call, read, run
from rights_kit import need

from greensdk.report import EnergyReport
from greensdk.report.page import page

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow

CLIPPED = """[...document.querySelectorAll('svg')].filter(each => each.getBoundingClientRect().width > 0).flatMap(
    svg => [...svg.querySelectorAll('text')].filter(text => {
        const inner = text.getBoundingClientRect(), outer = svg.getBoundingClientRect();
        return inner.left < outer.left - 4 || inner.right > outer.right + 12;
    }).map(text => text.textContent))"""
"""The texts of the pictures on show that stand out of their picture."""

SMALLEST = """Math.min(...[...document.querySelectorAll('svg text')].map(
    text => text.getBoundingClientRect().height).filter(height => height > 0))"""
"""Height in pixels of the lowest text in a picture on show."""

CONTRAST = """(() => {
    const light = text => { const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map(v => v / 255).map(
        v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const paper = light(getComputedStyle(document.body).backgroundColor);
    const parts = selector => [...document.querySelectorAll(selector)];
    const least = (selector, key) => Math.min(...parts(selector).map(
        each => ratio(light(getComputedStyle(each)[key]), paper)));
    return [least('p, th, td, caption, .what', 'color'), least('.box', 'backgroundColor')];
})()"""
"""The least contrast of text, and of a colour in a picture, with the page (WCAG 2.1, relative luminance)."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """
    A browser.
    """
    need(chromium(), "chromium")
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """
    The page of a run of 500 calls.
    """
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page(EnergyReport(run()), sources=["energy.jsonl"], made=datetime(2026, 3, 2, tzinfo=UTC)))
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_loads_nothing_and_can_be_read(tab, shown, width, dark):
    """
    In a wide window and on a telephone, light and dark.
    """
    tab.requests.clear()
    tab.open(shown, width=width, dark=dark)
    text_ratio, colour_ratio = tab.ask(CONTRAST)

    assert [shown.as_uri()] == tab.requests
    assert [] == tab.complaints
    assert [width, width] == tab.ask(WIDTHS)
    assert [] == tab.ask(CLIPPED)
    assert 9.0 <= tab.ask(SMALLEST)
    assert 4.5 <= text_ratio
    assert 3.0 <= colour_ratio
    assert "Energy report" == tab.ask("document.querySelector('h1').textContent")


def test_the_dark_page_is_dark(tab, shown):
    """
    Its pictures too: their text has the page's colour.
    """
    found = []
    for dark in (False, True):
        tab.open(shown, width=1280, dark=dark)
        found.append(tab.ask("getComputedStyle(document.querySelector('svg text')).fill"))

    assert 2 == len(set(found))


def test_it_prints(tab, shown):
    """
    A PDF of a few pages, without a second copy of the pictures.
    """
    tab.open(shown, width=1280)
    pdf = tab.pdf()

    assert pdf.startswith(b"%PDF")
    assert 3 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 12


def test_names_that_would_do_harm_do_none(tab, tmp_path):
    """
    No script runs, nothing is asked for, and even the longest name leaves the page as wide as the window.
    """
    records = [
        call(number, float(number), function=evil, label=evil, readings=[read(evil, evil, 1.0, quality="estimated")])
        for number, evil in enumerate(EVIL)
    ]
    path = tmp_path / "evil.html"
    path.write_text(page(EnergyReport(records), sources=EVIL, unreadable=EVIL))
    tab.requests.clear()
    for width in (1280, 400):
        tab.open(path, width=width)

        assert [width, width] == tab.ask(WIDTHS)
    assert 0 == tab.ask("document.querySelectorAll('script, img, a, b').length")
    assert {path.as_uri()} == set(tab.requests)
    assert [] == tab.complaints
