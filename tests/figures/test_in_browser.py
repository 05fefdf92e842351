"""What a person sees in Chromium: hover boxes, and a page that needs no network or width."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from figure_data import search

from optuna_bisect.figures.style import DARK_TEMPLATE, LOOKS
from optuna_bisect.page import render_page

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.soak

TELEPHONE = 390
# plotly.js draws the box of a point as it does under the mouse.
HOVER = """([figure, curve]) => {
    const shown = document.querySelectorAll('.js-plotly-plot')[figure];
    Plotly.Fx.hover(shown, [{curveNumber: curve, pointNumber: 0}],
                    shown.data[curve].xaxis === 'x2' ? ['x2y2'] : ['xy']);
    const boxes = shown.querySelectorAll('.hoverlayer .hovertext');
    return Array.from(boxes).map(box => box.textContent);
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    chromium = shutil.which("chromium") or pytest.skip("no chromium")
    file = tmp_path_factory.mktemp("page") / "study.html"
    file.write_text(render_page(search()))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        size = {"width": TELEPHONE, "height": 800}
        opened = browser.new_context(offline=True, viewport=size).new_page()
        opened.goto(file.as_uri(), timeout=120_000)
        yield opened
        browser.close()


def curves_of(page: Any, figure: int) -> list[dict[str, Any]]:
    code = "i => document.querySelectorAll('.js-plotly-plot')[i].data.map(t => ({name: t.name}))"
    return page.evaluate(code, figure)


def test_hovering_a_loss_curve_names_rate_verdict_and_reason(page) -> None:
    labels = {look.label for look in LOOKS.values()}
    seen = 0
    for i, trace in enumerate(curves_of(page, 2)):
        if trace["name"] in labels:
            (text,) = page.evaluate(HOVER, [2, i])
            assert "%{" not in text
            assert text.strip() != "-"
            assert "rate " in text
            assert "bracket" in text
            assert "steps" in text
            seen += 1
    assert seen > 3


def test_hovering_a_mark_of_bracket_and_response_says_its_verdict(page) -> None:
    for figure in (0, 1):
        traces = curves_of(page, figure)
        marks = [i for i, t in enumerate(traces) if t["name"] == LOOKS["overshoot"].label]
        (text,) = page.evaluate(HOVER, [figure, marks[0]])
        assert "overshoot" in text
        assert "rate" in text


def test_the_page_fits_a_telephone_and_draws_without_a_network(page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == TELEPHONE
    assert page.locator(".js-plotly-plot .main-svg").count() >= 3


def paper_of(page: Any) -> set[str]:
    """Return the colours behind the figures and behind the text."""
    code = """() => [document.body, ...document.querySelectorAll('.js-plotly-plot .main-svg')]
        .map(part => getComputedStyle(part).backgroundColor)"""
    return {color for color in page.evaluate(code) if color != "rgba(0, 0, 0, 0)"}


def test_the_page_is_dark_where_the_reader_wants_that_and_changes_with_it(page) -> None:
    dark = DARK_TEMPLATE["layout"]["paper_bgcolor"]
    rgb = tuple(int(dark[i : i + 2], 16) for i in (1, 3, 5))
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "color => document.querySelector('.main-svg').style.background.includes(color)",
        arg=f"rgb{rgb}",
    )
    assert paper_of(page) == {f"rgb{rgb}"}
    page.emulate_media(color_scheme="light")
    page.wait_for_function(
        "document.querySelector('.main-svg').style.background.includes('rgb(255, 255, 255)')"
    )
    assert paper_of(page) == {"rgb(255, 255, 255)"}


def test_axis_titles_of_both_panels_of_curves_stand_apart_on_a_telephone(page) -> None:
    code = """() => Array.from(document.querySelectorAll('.js-plotly-plot')[2]
        .querySelectorAll('.infolayer [class^=g-x] text'))
        .map(text => text.getBoundingClientRect()).map(box => [box.left, box.right])"""
    (_, end), (start, _) = sorted(page.evaluate(code))
    assert end < start
