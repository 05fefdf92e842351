"""The figure of Phase 2: the rate of the final trial, its moves, and the loss below."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.figures import style
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator

    import plotly.graph_objects as go
    from optuna.study import Study

    from optuna_bisect.bracket import Bracket

_LINE = "#111111"
# Reports that spread over more than this factor are drawn on a log axis.
_WIDE = 10
# In the order of the legend.
_MOVES = {
    "leg": style.Look("#56B4E9", "line-ns-open", "leg of the race begins"),
    "settled": style.Look("#009E73", "circle", "race settled"),
    "overshoot": style.Look(style.LOOKS["overshoot"].color, "triangle-down", "overshoot: down"),
    "undershoot": style.Look(style.LOOKS["undershoot"].color, "triangle-up", "undershoot: up"),
    "stall": style.Look("#7B4FA3", "arrow-down", "stall: back to good weights"),
    "collapse": style.Look("#CC79A7", "x", "collapse: back to good weights"),
    "pause": style.Look("#8A8A8A", "square", "feedback ends, rate decays"),
    "anneal": style.Look("#E69F00", "diamond", "anneal begins"),
    "finished": style.Look(_LINE, "star", "finished"),
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
    """Collect what the last trial that carries moves of Phase 2 has to show."""
    row = next((row for row in reversed(summarize(study).rows) if row.adjustment), None)
    if row is None or row.adjustment is None:
        return AdjustmentInfo(None)
    moves = tuple((step, lr, signal) for step, lr, signal in row.adjustment["moves"])
    points = [] if row.start_lr is None else [(0, row.start_lr)]
    points += [(step, lr) for step, lr in row.adjustment["path"]]
    points += [(step, lr) for step, lr, _ in moves]
    path = tuple(sorted(dict.fromkeys(points), key=itemgetter(0)))
    curve = tuple(zip(row.steps, row.losses, strict=True))
    return AdjustmentInfo(row.number, path, moves, row.bracket, curve)


def draw_adjustment(info: AdjustmentInfo) -> go.Figure:
    """Draw the rate with its moves and limits, and below it what the trial reported."""
    share = 0.3 if info.curve else 0.0
    layout: dict[str, Any] = {
        "xaxis": style.axis("step", anchor="free"),
        "yaxis": style.axis("learning rate", domain=[share + 0.07, 1.0], **style.LOG_AXIS),
    }
    traces = [] if info.number is None else list(_path(info))
    if info.curve:
        values = [value for _, value in info.curve]
        is_log = min(values) > 0 and max(values) > _WIDE * min(values)
        log = style.LOG_AXIS if is_log else {}
        layout["yaxis2"] = style.axis("reported", domain=[0.0, share], nticks=4, **log)
        reports = style.line_trace("reported", info.curve, color="#8A8A8A", width=1.5)
        traces.append(reports | {"yaxis": "y2"})
    title = "How the rate moved in the final trial"
    if_empty = "no final trial has moved its rate yet"
    figure = style.make_figure(title, traces, if_empty=if_empty, **layout)
    if info.bracket is not None:
        low, high = info.bracket.low, info.bracket.high
        band = {"fillcolor": style.LIMITS_COLOR, "line_width": 0, "layer": "below"}
        figure.add_hrect(y0=low, y1=high, name="limits", showlegend=True, **band)
    return figure


def _path(info: AdjustmentInfo) -> Iterator[dict[str, Any]]:
    """Show the rate as steps, zero left out of the log axis, and a mark for each move."""
    points = [(step, lr) for step, lr in info.path if lr > 0]
    yield style.line_trace("rate", points, color=_LINE, width=2, shape="hv")
    lowest = min((lr for _, lr in points), default=1.0)
    for signal, look in _MOVES.items():
        moves = [
            (step, max(lr, lowest), f"<b>{signal}</b><br>step {step}, rate {lr:.4g}")
            for step, lr, name in info.moves
            if name == signal
        ]
        line = {"width": 2 if "open" in look.symbol else 0, "color": look.color}
        yield style.marker_trace(look, moves, size=12, line=line)
