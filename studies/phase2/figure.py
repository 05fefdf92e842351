"""The figure of the comparison: lowest validation loss over the start rate, a line a method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from studies.phase2.report import Results
from studies.phase2.rows import FACTORS
from studies.phase2.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studies.phase2.rows import Row

N_COLUMNS = 5
COLORS = {
    "phase 2": "#D55E00",
    "cosine": "#0072B2",
    "warm-up + linear": "#56B4E9",
    "late decay": "#009E73",
    "one cycle": "#CC79A7",
    "constant": "#222222",
    "plateau": "#E69F00",
    "greedy": "#8C6D31",
    "schedule-free": "#7B4FA3",
    "prodigy": "#8A8A8A",
}
TITLE = "Lowest validation loss of a run; Phase 2 (thick) suffers least from a wrong start rate"
AXIS = {"gridcolor": "#E4E7EB", "linecolor": "#9AA0A6", "ticks": "outside", "type": "log"}


def draw(rows: Sequence[Row]) -> go.Figure:
    """Draw all tasks first, then each task."""
    results, tasks = Results(rows), list(TASKS)
    titles = ["all, over cosine's best", *tasks]
    gaps = {"horizontal_spacing": 0.06, "vertical_spacing": 0.12}
    figure = make_subplots(rows=2, cols=N_COLUMNS, subplot_titles=titles, **gaps)
    for method in COLORS:
        whole = [results.ratio(method, factor, tasks) for factor in FACTORS]
        figure.add_trace(_line(method, whole, in_legend=True), **_place(0))
        for i, task in enumerate(tasks, 1):
            means = [results.mean(task, method, factor) for factor in FACTORS]
            figure.add_trace(_line(method, means), **_place(i))
    figure.update_xaxes(**AXIS, tickvals=FACTORS, ticktext=["0.1", "0.3", "1", "3", "10"])
    figure.update_yaxes(**AXIS, minor={"showgrid": False}, exponentformat="none")
    figure.update_yaxes(range=[math.log10(0.85), math.log10(5)], **_place(0))
    for i, task in enumerate(tasks, 1):
        figure.update_yaxes(range=_limits(results, task), nticks=5, **_place(i))
    figure.update_xaxes(title_text="start rate / the search's", row=2)
    figure.update_layout(
        template=None,
        title={"text": TITLE, "x": 0.02},
        font={"family": "Helvetica, Arial, sans-serif", "size": 12},
        legend={"orientation": "h", "y": -0.17, "x": 0},
        margin={"l": 50, "r": 20, "t": 80, "b": 110},
    )
    figure.update_annotations(font_size=12)
    return figure


def _place(i: int) -> dict[str, int]:
    return {"row": i // N_COLUMNS + 1, "col": i % N_COLUMNS + 1}


def _line(method: str, losses: Sequence[float], *, in_legend: bool = False) -> go.Scatter:
    is_own = method == "phase 2"
    line = {"color": COLORS[method], "width": 4 if is_own else 1.6}
    line["dash"] = "dot" if method == "prodigy" else "solid"
    return go.Scatter(
        x=FACTORS,
        y=losses,
        name=method,
        mode="lines+markers",
        line=line,
        marker={"size": 8 if is_own else 5},
        connectgaps=True,
        legendgroup=method,
        showlegend=in_legend,
    )


def _limits(results: Results, task: str) -> list[float]:
    """Return the ends of the axis: a run that learned nothing would flatten all others."""
    lowest = min(results.best(task, method) for method in COLORS)
    worst = max(results.mean(task, method, 0.1) for method in COLORS)
    return [math.log10(0.93 * lowest), math.log10(min(4 * lowest, 1.05 * worst))]
