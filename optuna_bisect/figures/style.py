"""How every figure looks: colours, markers, axes, layout and hover texts.

A figure is laid out as plain dictionaries, in plotly's words. Plotly is given them here and
nowhere else; ``visualization.matplotlib`` draws the same dictionaries.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.figures.rows import format_params

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import plotly.graph_objects as go

    from optuna_bisect.figures.rows import Configuration, Row

BRACKET_COLOR = "rgba(120, 130, 150, 0.25)"
LIMITS_COLOR = "rgba(230, 159, 0, 0.25)"
WINNER_COLOR = "#E69F00"
# Seen on white and on black, as all colours of outcomes are.
FINAL_COLOR = "#8659C9"
# Widest line of a hover box, in characters.
HOVER_WIDTH = 60
_SUBTITLE_WIDTH = 60
# A logarithmic axis of fewer decades than this has ticks at 2 and 5 too.
_WIDE_DECADES = 3
# And on one of fewer than this, these may all lie outside.
_NARROW_DECADES = 0.8
# A logarithmic axis with a tick at each power of ten.
LOG_AXIS: dict[str, Any] = {"type": "log", "exponentformat": "power", "dtick": 1}


def _template(ink: str, paper: str, grid: str, line: str) -> dict[str, Any]:
    axis = {"gridcolor": grid, "linecolor": line, "showline": True}
    return {
        "layout": {
            "font": {"family": "Helvetica, Arial, sans-serif", "size": 13, "color": ink},
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "hoverlabel": {"align": "left"},
            "annotationdefaults": {"bgcolor": paper, "opacity": 0.85},
            "xaxis": axis,
            "yaxis": axis,
        }
    }


# What another template of plotly, such as a dark one, replaces as a whole.
TEMPLATE = _template("#222222", "#FFFFFF", "#E4E7EB", "#9AA0A6")
DARK_TEMPLATE = _template("#E6E6E6", "#161A1F", "#343A42", "#7A828C")


class Look(NamedTuple):
    """Colour, marker, legend text and dash of an outcome."""

    color: str
    symbol: str
    label: str
    dash: str = "solid"


# In the order of the legend. Most colours are those of Okabe and Ito, which colour-blind readers
# can tell apart; in grey print, dashes and marks do. Triangles point to where better rates are.
LOOKS = {
    "overshoot": Look("#D55E00", "triangle-down", "overshoot: rate too high", "dash"),
    "balanced": Look("#009E73", "circle", "balanced"),
    "undershoot": Look("#0072B2", "triangle-up", "undershoot: rate too low", "dot"),
    "final": Look(FINAL_COLOR, "star", "final trial"),
    "lost": Look(FINAL_COLOR, "star-open", "final trial that broke off", "longdash"),
    "running": Look("#CC79A7", "hourglass-open", "running", "dashdot"),
    "other": Look("#8A8A8A", "diamond-open", "no verdict", "longdashdot"),
}


class Drawing(NamedTuple):
    """A figure as data, in plotly's words: its traces, and the layout around them."""

    traces: tuple[dict[str, Any], ...]
    layout: dict[str, Any]


def look_of(row: Row) -> Look:
    """Return the look of a trial; final trials that ended in vain have their own."""
    if row.is_final:
        return LOOKS["final" if row.outcome in ("complete", "running") else "lost"]
    return LOOKS.get(row.outcome, LOOKS["other"])


def hover_text(row: Row) -> str:
    """Return what a hover box says about a trial."""
    kind = "Final trial" if row.is_final else "Probe"
    lines = [f"<b>{kind} {row.number}: {row.outcome}</b>", f"rate {row.rate:.4g}"]
    if row.bracket is not None:
        lines.append(f"bracket {row.bracket.low:.3g} .. {row.bracket.high:.3g}")
    lines.append(f"{row.n_steps} steps")
    return "<br>".join([*lines, *textwrap.wrap(row.reason, HOVER_WIDTH)])


def title_for(what: str, configuration: Configuration | None, n: int) -> str:
    """Return a title that says which one of several configurations is shown."""
    if configuration is None:
        return what
    told = {"winner": f"the best of {n}", "best so far": f"the best so far of {n}"}
    place = told.get(configuration.result, f"one of {n} ({configuration.result})")
    held = format_params(configuration.params)
    text = f"configuration {configuration.number}, {place}"
    return what + subtitle(f"{text}: {held}" if held else text)


def subtitle(text: str) -> str:
    """Return smaller lines below a title, that a telephone has room for."""
    lines = "<br>".join(textwrap.wrap(text, _SUBTITLE_WIDTH))
    return f'<br><span style="font-size: 12px">{lines}</span>' if lines else ""


def marker_trace(
    look: Look, points: Sequence[tuple[float, float, str]], **marker: Any
) -> dict[str, Any]:
    """Return points of one look, each with its hover text."""
    return {
        "type": "scatter",
        "x": [x for x, _, _ in points],
        "y": [y for _, y, _ in points],
        "mode": "markers",
        "name": look.label,
        "marker": {"color": look.color, "symbol": look.symbol} | marker,
        "hovertext": [text for _, _, text in points],
        "hoverinfo": "text",
    }


def line_trace(
    name: str, points: Sequence[tuple[float, float | None]], **line: Any
) -> dict[str, Any]:
    """Return points joined by a line."""
    x, y = [x for x, _ in points], [y for _, y in points]
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "name": name, "line": line}


def axis(title: str | None = None, **options: Any) -> dict[str, Any]:
    """Return an axis with what all axes share."""
    return {
        "title": title,
        "ticks": "outside",
        "zeroline": False,
        "automargin": True,
    } | options


def log_axis(n_decades: float) -> dict[str, Any]:
    """Return a logarithmic axis with as many ticks as its width in decades has room for."""
    if n_decades < _NARROW_DECADES:
        # Of 1, 2 and 5 none may lie inside; plotly chooses ticks that do.
        return {"type": "log", "tickformat": "~g", "nticks": 6, "minexponent": 9}
    is_wide = n_decades > _WIDE_DECADES
    return LOG_AXIS if is_wide else {"type": "log", "tickformat": "~g", "dtick": "D2"}


def note(text: str, y: float, xref: str = "paper") -> dict[str, Any]:
    """Return a text at the left of a figure or panel, as the title of what is below it."""
    place = {"x": 0, "xref": xref, "xanchor": "left", "y": y, "yref": "paper"}
    return {"text": text, "showarrow": False, "yanchor": "bottom", **place}


def graph_objects() -> Any:
    """Import the part of plotly that figures are made with; an error names the extra."""
    try:
        import plotly.graph_objects  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "optuna_bisect.visualization needs plotly: pip install 'optuna_bisect[plot]'."
        ) from error
    return plotly.graph_objects


def lay_out(
    title: str, traces: Iterable[dict[str, Any]], *, if_empty: str, **layout: Any
) -> Drawing:
    """Lay out a figure as all figures are.

    Args:
        title: Its title.
        traces: What it shows, as plotly's dictionaries; those without points are left out.
        if_empty: What it says in its middle if nothing is left.
        layout: What it has besides the shared layout, such as axes.

    Returns:
        The figure, as data.
    """
    shown = tuple(trace for trace in traces if trace["x"])
    if not shown:
        middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
        empty = {"text": if_empty, "showarrow": False, **middle}
        layout["annotations"] = [*layout.get("annotations", []), empty]
    return Drawing(shown, layout_for(title) | layout)


def to_plotly(drawing: Drawing) -> go.Figure:
    """Make plotly's figure; an ImportError names the extra where plotly is missing."""
    return with_template(graph_objects().Figure(list(drawing.traces), drawing.layout))


def make_figure(
    title: str, traces: Iterable[dict[str, Any]], *, if_empty: str, **layout: Any
) -> go.Figure:
    """Lay out a figure and make plotly's of it."""
    return to_plotly(lay_out(title, traces, if_empty=if_empty, **layout))


def with_template(figure: go.Figure) -> go.Figure:
    """Give a figure our own template, unless the user chose one for all figures.

    Plotly's own would put 7 kB of defaults into every stored figure.
    """
    import plotly.io  # noqa: PLC0415

    if plotly.io.templates.default in (None, "plotly"):
        figure.layout.template = TEMPLATE
    return figure


def layout_for(title: str) -> dict[str, Any]:
    """Return the layout that all figures share; a title of several lines gets more room."""
    n_more = title.count("<br>")
    return {
        "title": {
            "text": title,
            "x": 0.02,
            "xanchor": "left",
            "y": 0.97 - 0.02 * n_more,
            "yanchor": "top",
            "yref": "container",
        },
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "margin": {"l": 75, "r": 30, "t": 50 + 20 * n_more, "b": 45},
    }
