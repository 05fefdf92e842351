"""How outcomes look in every figure: colours, markers, words and hover texts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    import plotly.graph_objects as go

    from optuna_bisect.figures.summary import Row

BRACKET_COLOR = "rgba(120, 130, 150, 0.25)"
LIMITS_COLOR = "rgba(230, 159, 0, 0.25)"
WINNER_COLOR = "#E69F00"
GRID_COLOR = "#E4E7EB"
# Widest line of a hover box, in characters.
HOVER_WIDTH = 60


class Look(NamedTuple):
    """Colour, marker and legend text of an outcome."""

    color: str
    symbol: str
    label: str


# Colours of Okabe and Ito, which colour-blind readers can tell apart; the triangles point to
# where the better rates are.
LOOKS = {
    "overshoot": Look("#D55E00", "triangle-down", "overshoot: rate too high"),
    "balanced": Look("#009E73", "circle", "balanced"),
    "undershoot": Look("#0072B2", "triangle-up", "undershoot: rate too low"),
    "final": Look("#111111", "star", "final trial"),
    "lost": Look("#111111", "star-open", "final trial that broke off"),
    "other": Look("#8A8A8A", "diamond-open", "no verdict"),
}


def group_by_look(rows: Iterable[Row]) -> list[tuple[Look, list[Row]]]:
    """Sort rows into the groups of the legend, in its order, without empty ones."""
    groups: dict[Look, list[Row]] = {look: [] for look in LOOKS.values()}
    for row in rows:
        groups[_look_of(row)].append(row)
    return [(look, group) for look, group in groups.items() if group]


def _look_of(row: Row) -> Look:
    """Tell finals that are complete, or may still be, from those that were in vain."""
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


def axis() -> dict[str, Any]:
    """Return what all axes share."""
    return {
        "gridcolor": GRID_COLOR,
        "linecolor": "#9AA0A6",
        "ticks": "outside",
        "zeroline": False,
        "automargin": True,
    }


def layout(title: str) -> dict[str, Any]:
    """Return the layout that all figures share.

    There is no plotly template in it: that would be 7 kB of defaults in every stored figure.
    """
    return {
        "template": None,
        "title": {"text": title, "x": 0.02, "xanchor": "left", "y": 0.97, "yanchor": "top"},
        "font": {"family": "Helvetica, Arial, sans-serif", "size": 13, "color": "#222222"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "margin": {"l": 75, "r": 30, "t": 50, "b": 45},
    }


def note_empty(figure: go.Figure, text: str) -> None:
    """Say in the middle of a figure why there is nothing in it."""
    figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
