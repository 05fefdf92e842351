"""One figure: the final loss of each method over what was paid for its search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from studies.configurations.methods import METHODS, Ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studies.configurations.report import Line

OWN, OTHER, GREY = "#D55E00", "#0072B2", "#5F6B76"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")


def draw(lines: Sequence[Line]) -> go.Figure:
    """Draw one line a method, over the budgets that our own was run at in all pairs."""
    ours = [line for line in lines if isinstance(METHODS[line.method], Ours)]
    n_pairs = max((line.n for line in ours), default=0)
    budgets = {line.budget for line in ours if line.n == n_pairs}
    lines = [line for line in lines if line.budget in budgets]
    figure = go.Figure()
    figure.add_hline(y=1, line={"color": GREY, "width": 1, "dash": "dot"})
    n_rivals = 0
    for method, kind in METHODS.items():
        own = [line for line in lines if line.method == method]
        is_own = isinstance(kind, Ours)
        figure.add_scatter(
            x=[line.paid for line in own],
            y=[line.loss for line in own],
            mode="lines+markers",
            name=method,
            line={
                "color": OWN if is_own else OTHER,
                "width": 3 if is_own else 1.5,
                "dash": DASHES[0 if method == "ours-tpe" else 1 if is_own else n_rivals],
            },
            marker={"size": 9, "symbol": SYMBOLS[0 if is_own else n_rivals]},
        )
        n_rivals += not is_own
    lay_out(figure, lines)
    return figure


def lay_out(figure: go.Figure, lines: Sequence[Line]) -> None:
    """Set titles and axes."""
    look = {"type": "log", "gridcolor": "#E4E7EB", "linecolor": "#9AA0A6", "ticks": "outside"}
    budgets = sorted({line.budget for line in lines})
    figure.update_xaxes(**look, tickvals=[0.5, *budgets], title_text="updates paid / a full run")
    losses = [0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2, 3, 5]
    figure.update_yaxes(**look, tickvals=losses, title_text="final loss / best rival of the task")
    figure.update_layout(
        template=None,
        title={"text": "Six parameters tuned at once: lower is better", "x": 0.02},
        font={"family": "Helvetica, Arial, sans-serif", "size": 13},
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
    )
