"""What all figures share: looks that can be told apart, and colours that suit any template."""

from __future__ import annotations

import pytest
from figure_data import data_of

from optuna_bisect.figures import style
from optuna_bisect.visualization import plot_bracket, plot_curves, plot_response

PLOTS = [plot_bracket, plot_curves, plot_response]
# Of figures and large text (Web Content Accessibility Guidelines 2.2, criterion 1.4.11).
LEAST_CONTRAST = 3.0


def brightness(color: str) -> float:
    """Return the relative luminance of a colour, as the guidelines define it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("plot", PLOTS)
def test_a_figure_carries_a_template_of_its_own_that_is_small(finished, plot) -> None:
    figure = plot(finished)
    assert figure.layout.template.layout.paper_bgcolor == "#FFFFFF"
    assert len(figure.layout.template.to_plotly_json()["layout"]) < 10
    assert not figure.layout.template.data.to_plotly_json()


@pytest.mark.parametrize("plot", PLOTS)
def test_a_dark_template_of_the_user_rules_before_and_after_drawing(
    finished, plot, monkeypatch
) -> None:
    import plotly.io

    late = plot(finished).update_layout(template="plotly_dark")
    monkeypatch.setattr(plotly.io.templates, "default", "plotly_dark")
    dark = plotly.io.templates["plotly_dark"]
    for figure in (late, plot(finished)):
        assert figure.layout.template == dark
        own = data_of(figure)["layout"]
        assert not {"paper_bgcolor", "plot_bgcolor", "font"} & own.keys(), "would win over it"
        assert "gridcolor" not in own["xaxis"]


@pytest.mark.parametrize("template", [style.TEMPLATE, style.DARK_TEMPLATE])
def test_every_look_is_seen_on_light_and_on_dark_paper(template) -> None:
    paper = template["layout"]["paper_bgcolor"]
    for color in [look.color for look in style.LOOKS.values()]:
        low, high = sorted((brightness(color), brightness(paper)))
        assert (high + 0.05) / (low + 0.05) > LEAST_CONTRAST, color


def test_looks_differ_without_their_colours() -> None:
    looks = [(look.symbol, look.dash) for name, look in style.LOOKS.items()]
    assert len({symbol for symbol, _ in looks}) == len(looks)
    verdicts = ("overshoot", "balanced", "undershoot")
    assert len({style.LOOKS[name].dash for name in verdicts}) == len(verdicts)
