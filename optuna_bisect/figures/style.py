"""How every figure looks: colours, markers, axes, layout and hover texts.

Figures are made of plain dictionaries, which plotly is given here and nowhere else.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import plotly.graph_objects as go

    from optuna_bisect.figures.summary import Row

BRACKET_COLOR = "rgba(120, 130, 150, 0.25)"
LIMITS_COLOR = "rgba(230, 159, 0, 0.25)"
WINNER_COLOR = "#E69F00"
GRID_COLOR = "#E4E7EB"
# Widest line of a hover box, in characters.
HOVER_WIDTH = 60
# A logarithmic axis with a tick at each power of ten.
LOG_AXIS = {"type": "log", "exponentformat": "power", "dtick": 1}


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
        The figure, without plotly's template: 7 kB of defaults in every stored figure.

    Raises:
        ImportError: If plotly is missing.
    """
    try:
        import plotly.graph_objects as go  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "optuna_bisect.visualization needs plotly: pip install 'optuna_bisect[plot]'."
        ) from error
    shared = {
        "title": {"text": title, "x": 0.02, "xanchor": "left", "y": 0.97, "yanchor": "top"},
        "font": {"family": "Helvetica, Arial, sans-serif", "size": 13, "color": "#222222"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "margin": {"l": 75, "r": 30, "t": 50, "b": 45},
    }
    figure = go.Figure([trace for trace in traces if trace["x"]], shared | layout)
    if not figure.data:
        middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
        figure.add_annotation(text=if_empty, showarrow=False, **middle)
    return figure.update_layout(template=None)
