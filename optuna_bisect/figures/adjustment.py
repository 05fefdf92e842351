"""The figure of Phase 2: the rate of the final trial, its moves, and the loss below."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from optuna_bisect.figures.style import LIMITS_COLOR, LOOKS, Look, axis, layout, note_empty
from optuna_bisect.study import attributes

if TYPE_CHECKING:
    from optuna.study import Study

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.study.attributes import Attrs

_LINE = "#111111"
# Reports that spread over more than this factor are drawn on a log axis.
_WIDE = 10
# In the order of the legend.
_MOVES = {
    "leg": Look("#56B4E9", "line-ns-open", "leg of the race begins"),
    "settled": Look("#009E73", "circle", "race settled"),
    "overshoot": Look(LOOKS["overshoot"].color, "triangle-down", "overshoot: down"),
    "undershoot": Look(LOOKS["undershoot"].color, "triangle-up", "undershoot: up"),
    "stall": Look("#7B4FA3", "arrow-down", "stall: back to good weights"),
    "collapse": Look("#CC79A7", "x", "collapse: back to good weights"),
    "pause": Look("#8A8A8A", "square", "feedback ends, rate decays"),
    "anneal": Look("#E69F00", "diamond", "anneal begins"),
    "finished": Look(_LINE, "star", "finished"),
}


class AdjustmentInfo(NamedTuple):
    """What the figure of Phase 2 shows.

    Attributes:
        number: Trial number, None where no final trial has moved yet.
        path: Steps and rates in the order of time.
        moves: Step, rate from then on, and signal.
        bracket: The limits of Phase 2.
        curve: Steps and reported values.
    """

    number: int | None
    path: tuple[tuple[int, float], ...] = ()
    moves: tuple[tuple[int, float, str], ...] = ()
    bracket: Bracket | None = None
    curve: tuple[tuple[int, float], ...] = ()


def get_adjustment_info(study: Study) -> AdjustmentInfo:
    """Read the last final trial that carries moves.

    Args:
        study: The study.

    Returns:
        The data of the figure.
    """
    for trial in reversed(study.get_trials(deepcopy=False)):
        attrs = attributes.read(trial)
        if attrs.adjustment:
            curve = tuple(sorted(trial.intermediate_values.items()))
            moves = tuple((s, lr, signal) for s, lr, signal in attrs.adjustment["moves"])
            path = _with_start(attrs, [(s, lr) for s, lr in attrs.adjustment["path"]], moves)
            return AdjustmentInfo(trial.number, path, moves, attrs.bracket, curve)
    return AdjustmentInfo(None)


def _with_start(
    attrs: Attrs, points: list[tuple[int, float]], moves: tuple[tuple[int, float, str], ...]
) -> tuple[tuple[int, float], ...]:
    """Join the start, the regular points and the moves into one line."""
    points += [(step, lr) for step, lr, _ in moves]
    if attrs.start_lr is not None:
        points.append((0, attrs.start_lr))
    return tuple(sorted(set(points), key=lambda point: point[0]))


def draw_adjustment(info: AdjustmentInfo) -> go.Figure:
    """Draw the figure.

    Args:
        info: Its data.

    Returns:
        The figure.
    """
    figure = go.Figure()
    figure.update_layout(layout("How the rate moved in the final trial"))
    lower = [0.0, 0.3] if info.curve else [0.0, 0.0]
    log = {"type": "log", "exponentformat": "power", "dtick": 1}
    rate_axis = {"title": {"text": "learning rate"}, "domain": [lower[1] + 0.07, 1.0]}
    figure.update_layout(xaxis=axis() | {"title": {"text": "step"}, "anchor": "free"})
    figure.update_layout(yaxis=axis() | log | rate_axis)
    if info.number is None:
        note_empty(figure, "no final trial has moved its rate yet")
        return figure
    _add_bracket(figure, info)
    _add_path(figure, info)
    if info.curve:
        loss_axis = {"title": {"text": "reported"}, "domain": lower, "nticks": 4}
        figure.update_layout(yaxis2=axis() | loss_axis)
        steps, values = zip(*info.curve, strict=True)
        if min(values) > 0 and max(values) > _WIDE * min(values):
            figure.update_layout(yaxis2=log)
        style = {"color": "#8A8A8A", "width": 1.5}
        figure.add_trace(
            go.Scatter(x=steps, y=values, yaxis="y2", mode="lines", line=style, name="reported")
        )
    return figure


def _add_bracket(figure: go.Figure, info: AdjustmentInfo) -> None:
    if info.bracket is not None:
        low, high = info.bracket.low, info.bracket.high
        style = {"fillcolor": LIMITS_COLOR, "line_width": 0, "layer": "below"}
        figure.add_hrect(y0=low, y1=high, name="limits", showlegend=True, **style)


def _add_path(figure: go.Figure, info: AdjustmentInfo) -> None:
    """Draw the rate as steps, zero left out of the log axis, and a mark for each move."""
    points = [(step, lr) for step, lr in info.path if lr > 0]
    figure.add_trace(
        go.Scatter(
            x=[step for step, _ in points],
            y=[lr for _, lr in points],
            mode="lines",
            line={"color": _LINE, "width": 2, "shape": "hv"},
            name="rate",
        )
    )
    lowest = min((lr for _, lr in points), default=1.0)
    for signal, look in _MOVES.items():
        chosen = [(step, lr) for step, lr, name in info.moves if name == signal]
        if chosen:
            figure.add_trace(
                go.Scatter(
                    x=[step for step, _ in chosen],
                    y=[max(lr, lowest) for _, lr in chosen],
                    mode="markers",
                    name=look.label,
                    hovertext=[f"<b>{signal}</b><br>step {s}, rate {lr:.4g}" for s, lr in chosen],
                    hoverinfo="text",
                    marker={
                        "symbol": look.symbol,
                        "color": look.color,
                        "size": 12,
                        "line": {"width": 2 if "open" in look.symbol else 0, "color": look.color},
                    },
                )
            )
