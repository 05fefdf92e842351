"""One figure: the loss of each method over what it pays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studies.full_runs.score import Score

# Updates paid where the column of names stands.
COLUMN = 1.6
OWN, OTHER, GREY = "#D55E00", "#0072B2", "#5F6B76"


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Move values apart until they lie ``gap`` from each other, in their order, around their mean.

    Neighbours that are too close form a block; blocks that touch are joined.
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    blocks: list[list[int]] = []
    for i in order:
        blocks.append([i])
        while len(blocks) > 1 and bottom(blocks[-1], values, gap) < (
            bottom(blocks[-2], values, gap) + gap * len(blocks[-2])
        ):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    places = [0.0] * len(values)
    for block in blocks:
        for rank, i in enumerate(block):
            places[i] = bottom(block, values, gap) + gap * rank
    return places


def bottom(block: Sequence[int], values: Sequence[float], gap: float) -> float:
    """Return the place of a block's first label."""
    return sum(values[i] for i in block) / len(block) - gap * (len(block) - 1) / 2


def shown(lines: Sequence[Score]) -> list[Score]:
    """Leave out cosines from other rates than the default, which are no method."""
    return [line for line in lines if line.method != "cosine" or line.variant == 1]


def draw(lines: Sequence[Score]) -> go.Figure:
    """Draw one mark a method; names stand beside those that pay much, else in one column."""
    lines = sorted(shown(lines), key=lambda line: line.mean)
    column = [line for line in lines if line.paid < COLUMN]
    heights = [math.log10(line.mean) for line in column]
    gap = 0.05 * max(heights[-1] - heights[0], 0.03)
    figure = go.Figure()
    figure.add_hline(y=1, line={"color": GREY, "width": 1, "dash": "dot"})
    for line in lines:
        mark = {"size": 13, "color": color_of(line), "line": {"color": "white", "width": 1}}
        figure.add_scatter(x=[line.paid], y=[line.mean], mode="markers", marker=mark)
    for line, place in zip(column, spread(heights, gap)):
        add_name(figure, line, ax=math.log10(COLUMN), ay=place, axref="x", ayref="y")
    for line in lines:
        if line not in column:
            add_name(figure, line, ax=12, ay=0)
    lay_out(figure)
    return figure


def color_of(line: Score) -> str:
    """Tell this package's methods from the others'."""
    return OWN if line.is_own else OTHER


def add_name(figure: go.Figure, line: Score, **place: object) -> None:
    """Write the method's name and its mean, with a line to its mark."""
    color = color_of(line)
    figure.add_annotation(
        # On a log axis an annotation stands at the logarithm.
        x=math.log10(line.paid),
        y=math.log10(line.mean),
        text=f"{line.label}  {line.mean:.3f}",
        font={"color": color, "size": 13},
        bgcolor="white",
        xanchor="left",
        arrowhead=0,
        arrowwidth=1,
        arrowcolor="#C3C8CD",
        standoff=7,
        **place,
    )


def lay_out(figure: go.Figure) -> None:
    """Set titles and axes."""
    look = {"type": "log", "gridcolor": "#E4E7EB", "linecolor": "#9AA0A6", "ticks": "outside"}
    paid, losses = [1, 1.2, 1.5, 2, 3, 5], [0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3, 5]
    figure.update_xaxes(**look, range=[math.log10(0.93), 1], tickvals=paid)
    figure.update_xaxes(title_text="cost, search included, in full runs")
    figure.update_yaxes(**look, tickvals=losses)
    figure.update_yaxes(title_text="validation loss / best of five cosine runs")
    figure.update_layout(
        template=None,
        title={
            "text": "What a full run reaches, and what it costs: lower and further left is better",
            "subtitle": {"text": "geometric means over all tasks; orange: ours"},
            "x": 0.02,
        },
        font={"family": "Helvetica, Arial, sans-serif", "size": 13},
        showlegend=False,
        margin={"l": 70, "r": 20, "t": 80, "b": 60},
    )
