"""How every figure looks: colours, markers, axes, layout and hover texts.

Figures are made of plain dictionaries, which plotly is given here and nowhere else.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.figures.rows import format_params

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import plotly.graph_objects as go

    from optuna_bisect.figures.rows import Configuration, Row

BRACKET_COLOR = "rgba(120, 130, 150, 0.25)"
LIMITS_COLOR = "rgba(230, 159, 0, 0.25)"
WINNER_COLOR = "#E69F00"
GRID_COLOR = "#E4E7EB"
# Widest line of a hover box, in characters.
HOVER_WIDTH = 60
_SUBTITLE_WIDTH = 110
# A logarithmic axis of fewer decades than this has ticks at 2 and 5 too.
_WIDE_DECADES = 3
# And on one of fewer than this, these may all lie outside.
_NARROW_DECADES = 0.8
# A logarithmic axis with a tick at each power of ten.
LOG_AXIS: dict[str, Any] = {"type": "log", "exponentformat": "power", "dtick": 1}


class Look(NamedTuple):
    """Colour, marker and legend text of an outcome."""

    color: str
    symbol: str
    label: str


# In the order of the legend. The colours are those of Okabe and Ito, which colour-blind readers
# can tell apart; the triangles point to where the better rates are.
LOOKS = {
    "overshoot": Look("#D55E00", "triangle-down", "overshoot: rate too high"),
    "balanced": Look("#009E73", "circle", "balanced"),
    "undershoot": Look("#0072B2", "triangle-up", "undershoot: rate too low"),
    "final": Look("#111111", "star", "final trial"),
    "lost": Look("#111111", "star-open", "final trial that broke off"),
    "running": Look("#CC79A7", "hourglass-open", "running"),
    "other": Look("#8A8A8A", "diamond-open", "no verdict"),
}


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
    return f"{what}: configuration {configuration.number}, {place}{subtitle(configuration.params)}"


def subtitle(params: Mapping[str, Any]) -> str:
    """Return a smaller second line with the values of parameters."""
    text = "<br>".join(textwrap.wrap(format_params(params), _SUBTITLE_WIDTH))
    return f'<br><span style="font-size: 12px">{text}</span>' if text else ""


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
        "gridcolor": GRID_COLOR,
        "linecolor": "#9AA0A6",
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


def note(text: str, y: float) -> dict[str, Any]:
    """Return a text at the left of a figure, as the title of a panel below it."""
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": y, "yref": "paper"}
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


def make_figure(
    title: str, traces: Iterable[dict[str, Any]], *, if_empty: str, **layout: Any
) -> go.Figure:
    """Make a figure in the layout that all figures share.

    Args:
        title: Its title.
        traces: What it shows, as plotly's dictionaries; those without points are left out.
        if_empty: What it says in its middle if nothing is left.
        layout: What it has besides the shared layout, such as axes.

    Returns:
        The figure.

    Raises:
        ImportError: If plotly is missing.
    """
    go = graph_objects()
    figure = go.Figure([trace for trace in traces if trace["x"]], layout_for(title) | layout)
    if not figure.data:
        middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
        figure.add_annotation(text=if_empty, showarrow=False, **middle)
    return without_template(figure)


def without_template(figure: go.Figure) -> go.Figure:
    """Return a figure without plotly's template: 7 kB of defaults in every stored figure."""
    done: go.Figure = figure.update_layout(template=None)
    return done


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
        "font": {"family": "Helvetica, Arial, sans-serif", "size": 13, "color": "#222222"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "margin": {"l": 75, "r": 30, "t": 50 + 20 * n_more, "b": 45},
    }
