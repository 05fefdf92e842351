"""The figure of Phase 2: the rate of the final trial, its moves, and the loss below."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.figures import style
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator

    import plotly.graph_objects as go
    from optuna.study import Study

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.fitting.fit import Fit

_VALIDATION = "#D55E00"
# Reports that spread over more than this factor are drawn on a log axis.
_WIDE = 10
# In the order of the legend.
_MOVES = {
    "leg": style.Look("#56B4E9", "line-ns-open", "leg of the race begins"),
    "settled": style.Look("#009E73", "circle", "race settled"),
    "overshoot": style.Look(style.LOOKS["overshoot"].color, "triangle-down", "overshoot: down"),
    "undershoot": style.Look(style.LOOKS["undershoot"].color, "triangle-up", "undershoot: up"),
    "stall": style.Look("#A8703A", "arrow-down", "stall: back to good weights"),
    "collapse": style.Look("#CC79A7", "x", "collapse: back to good weights"),
    "pause": style.Look("#8A8A8A", "square", "feedback ends, rate decays"),
    "anneal": style.Look("#E69F00", "diamond", "anneal begins"),
    "finished": style.Look(style.FINAL_COLOR, "star", "finished"),
}


class AdjustmentInfo(NamedTuple):
    """What the figure of Phase 2 shows.

    Attributes:
        number: Trial number, None where no final trial has moved yet.
        path: Steps and rates in the order of time.
        moves: Step, rate from then on, and signal.
        bracket: The limits of Phase 2.
        curve: Steps and reported values.
        validation: Steps and validation losses.
        fit: How well the run fits, None where that is unknown.
        anneal: Step at which the rate leaves its limits on purpose, None where it does not.
    """

    number: int | None
    path: tuple[tuple[int, float], ...] = ()
    moves: tuple[tuple[int, float, str], ...] = ()
    bracket: Bracket | None = None
    curve: tuple[tuple[int, float], ...] = ()
    validation: tuple[tuple[int, float], ...] = ()
    fit: Fit | None = None
    anneal: int | None = None


def get_adjustment_info(study: Study) -> AdjustmentInfo:
    """Collect what the last trial that carries moves of Phase 2 has to show."""
    row = next((row for row in reversed(summarize(study).rows) if row.adjustment), None)
    if row is None or row.adjustment is None:
        return AdjustmentInfo(None)
    moves = tuple((step, lr, signal) for step, lr, signal in row.adjustment["moves"])
    # The first rate is the trial's own: what the plan would have started a decay from never ran.
    points = [(0, row.rate), *((step, lr) for step, lr in row.adjustment["path"])]
    points += [(step, lr) for step, lr, _ in moves]
    path = tuple(sorted(dict.fromkeys(points), key=itemgetter(0)))
    curve = tuple(zip(row.steps, row.losses, strict=True))
    validation = tuple((step, val) for step, _, val in row.both.points) if row.both else ()
    anneal = next((step for step, _, signal in moves if signal == "anneal"), None)
    return AdjustmentInfo(row.number, path, moves, row.bracket, curve, validation, row.fit, anneal)


def draw_adjustment(info: AdjustmentInfo, target: str = "loss") -> go.Figure:
    """Draw the rate with its moves and limits, and below it what the trial reported."""
    share = 0.38 if info.curve or info.validation else 0.0
    layout: dict[str, Any] = {
        "xaxis": style.axis("step", anchor="free"),
        "yaxis": style.axis("learning rate", domain=[share + 0.07, 1.0], **_rate_axis(info)),
    }
    traces = [] if info.number is None else list(_path(info))
    if share:
        layout["yaxis2"] = style.axis(target, domain=[0.0, share], **_loss_axis(info))
        traces += [trace | {"yaxis": "y2"} for trace in _losses(info)]
    title = "How the rate moved in the final trial"
    if info.fit is not None:
        title += f'<br><span style="font-size: 12px">{info.fit.name}</span>'
    if_empty = "no final trial has moved its rate yet"
    figure = style.make_figure(title, traces, if_empty=if_empty, **layout)
    if info.bracket is not None:
        low, high = info.bracket.low, info.bracket.high
        band = {"fillcolor": style.LIMITS_COLOR, "line_width": 0, "layer": "below"}
        end = max((step for step, _ in info.path), default=0)
        # An anneal leaves the limits on purpose: they end where it begins.
        until = end if info.anneal is None else info.anneal
        told = "limits" if info.anneal is None else "limits before the anneal"
        where = {"x0": 0, "x1": until, "y0": low, "y1": high}
        figure.add_shape(type="rect", **where, name=told, showlegend=True, **band)
    return figure


def _rate_axis(info: AdjustmentInfo) -> dict[str, Any]:
    """Return a logarithmic axis whose ticks fit the rates, a rate near zero left out."""
    rates = [lr for _, lr in info.path if lr > 0]
    if info.bracket is not None:
        rates += [info.bracket.low, info.bracket.high]
    if not rates:
        return style.LOG_AXIS
    return style.log_axis(math.log10(max(rates) / min(rates)))


def _loss_axis(info: AdjustmentInfo) -> dict[str, Any]:
    values = [value for _, value in (*info.curve, *info.validation) if math.isfinite(value)]
    is_log = bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)
    return {"nticks": 4} | (style.LOG_AXIS if is_log else {})


def _losses(info: AdjustmentInfo) -> Iterator[dict[str, Any]]:
    """Show what was reported, the validation loss, and where that was lowest."""
    yield style.line_trace("reported", info.curve, color="#8A8A8A", width=1.5)
    yield style.line_trace(
        "validation loss", info.validation, color=_VALIDATION, width=2, dash="dash"
    )
    best = []
    if info.fit is not None:
        step, loss = info.fit.best_step, info.fit.best_val_loss
        best = [(step, loss, f"<b>lowest validation loss</b><br>{loss:.4g} at step {step}")]
    look = style.Look(_VALIDATION, "circle-open", "best step for validation")
    yield style.marker_trace(look, best, size=13, line={"width": 3})


def _path(info: AdjustmentInfo) -> Iterator[dict[str, Any]]:
    """Show the rate as steps, zero left out of the log axis, and a mark for each move."""
    points = [(step, lr) for step, lr in info.path if lr > 0]
    yield style.line_trace("rate", points, color=style.FINAL_COLOR, width=2, shape="hv")
    lowest = min((lr for _, lr in points), default=1.0)
    for signal, look in _MOVES.items():
        moves = [
            (step, max(lr, lowest), f"<b>{signal}</b><br>step {step}, rate {lr:.4g}")
            for step, lr, name in info.moves
            if name == signal
        ]
        line = {"width": 2 if "open" in look.symbol else 0, "color": look.color}
        yield style.marker_trace(look, moves, size=12, line=line)
