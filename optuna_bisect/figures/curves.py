"""The figure of the loss curves by verdict."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go

from optuna_bisect.figures.style import LOOKS, axis, group_by_look, hover_text, layout, note_empty
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study

    from optuna_bisect.figures.style import Look
    from optuna_bisect.figures.summary import Row

# A final run this many times longer than the probes gets a panel of its own.
_LONG_RATIO = 2
# Room around the reports that are worth showing, as a share of their span.
_HEADROOM = 0.12
# A logarithmic axis of fewer decades than this has ticks at 2 and 5 too.
_WIDE_DECADES = 3
# Labels nearer than this, as a share of the panel's width and height, are put together.
_NEAR = 0.06


class Line(NamedTuple):
    """The part of a curve that is shown, and the first report after it."""

    row: Row
    steps: tuple[int, ...]
    losses: tuple[float | None, ...]
    cut_step: int | None
    cut_loss: float | None


class Panel(NamedTuple):
    """Curves that share their axes.

    Attributes:
        lines: The curves by trial number.
        limits: Limits of the axis, logarithms where it is logarithmic.
        is_log: Whether it is.
        edge: The loss at which diverging curves leave the panel.
    """

    lines: tuple[Line, ...]
    limits: tuple[float, float]
    is_log: bool
    edge: float


class CurvesInfo(NamedTuple):
    """The panel of the probes, and that of the final trials where it is another one."""

    probes: Panel
    final: Panel | None


def get_curves_info(study: Study) -> CurvesInfo:
    """Decide what the figure shows.

    Args:
        study: The study.

    Returns:
        The data of the figure.
    """
    summary = summarize(study)
    sign = -1 if summary.is_report_maximized else 1
    rows = [row for row in summary.rows if row.steps]
    finals = [row for row in rows if row.is_final]
    probes = [row for row in rows if not row.is_final]
    longest = max((row.n_steps for row in finals), default=0)
    if not probes or longest < _LONG_RATIO * max(row.n_steps for row in probes):
        return CurvesInfo(_to_panel(rows, sign), None)
    return CurvesInfo(_to_panel(probes, sign), _to_panel(finals, sign))


def _to_panel(rows: Sequence[Row], sign: int) -> Panel:
    """Fit a panel to its curves; all losses are turned by the sign to be minimised."""
    worst = _find_worst(rows, sign)
    top = math.inf if worst is None else worst + abs(worst) * _HEADROOM
    lines = tuple(_cut(row, sign, top) for row in rows)
    shown = [loss for line in lines for loss in line.losses if loss is not None]
    if not shown:
        return Panel(lines, (0.0, 1.0), is_log=False, edge=1.0 if sign > 0 else 0.0)
    ends = [*shown, sign * worst if worst is not None else shown[0]]
    is_log = sign > 0 and min(ends) > 0
    low, high = (math.log10(x) if is_log else x for x in (min(shown), max(ends)))
    if sign > 0:
        # A spike that recovers may leave the panel.
        high = min(high, math.log10(top) if is_log else top)
    else:
        low = max(low, sign * top)
    room = _HEADROOM * (high - low) or max(abs(high), 1.0) * _HEADROOM
    limits = (low - room, high + room)
    edge = limits[1] if sign > 0 else limits[0]
    return Panel(lines, limits, is_log, 10**edge if is_log else edge)


def _find_worst(rows: Sequence[Row], sign: int) -> float | None:
    """Find the worst report worth showing: what runs start with, or healthy ones end near.

    Diverged runs must not set the scale: the others would be flat lines below 1e17.
    """
    starts = [sign * row.losses[0] for row in rows if math.isfinite(row.losses[0])]
    healthy = [
        sign * loss
        for row in rows
        if row.outcome in ("balanced", "undershoot", "complete", "running")
        for loss in row.losses[len(row.losses) // 2 :]
        if math.isfinite(loss)
    ]
    return max([*healthy, *([statistics.median(starts)] if starts else [])], default=None)


def _cut(row: Row, sign: int, top: float) -> Line:
    """End a curve where it leaves the panel for good."""
    inside = [i for i, loss in enumerate(row.losses) if sign * loss <= top and math.isfinite(loss)]
    end = inside[-1] + 1 if inside else 0
    is_cut = end < len(row.losses)
    return Line(
        row=row,
        steps=row.steps[:end],
        losses=tuple(loss if math.isfinite(loss) else None for loss in row.losses[:end]),
        cut_step=row.steps[end] if is_cut else None,
        cut_loss=row.losses[end] if is_cut else None,
    )


def draw_curves(info: CurvesInfo) -> go.Figure:
    """Draw the figure.

    Args:
        info: Its data.

    Returns:
        The figure.
    """
    figure = go.Figure()
    panels = [("", info.probes), *([("2", info.final)] if info.final else [])]
    names = ("probes" if info.final else "trials", "final trial")
    width = 1.0 if info.final is None else 0.46
    figure.update_layout(layout("Loss curves by verdict"))
    for i, (suffix, panel) in enumerate(panels):
        _add_panel(figure, panel, suffix)
        x = {
            "title": {"text": f"steps of the {names[i]}"},
            "rangemode": "tozero",
            "domain": [i * (1 - width), i * (1 - width) + width],
            "anchor": f"y{suffix}",
        }
        y: dict[str, Any] = {"range": panel.limits, "anchor": f"x{suffix}"}
        if panel.is_log:
            is_wide = panel.limits[1] - panel.limits[0] > _WIDE_DECADES
            ticks = {"exponentformat": "power", "dtick": 1}
            y |= {"type": "log"} | (ticks if is_wide else {"tickformat": "~g", "dtick": "D2"})
        if i == 0:
            y["title"] = {"text": "reported value"}
        figure.layout[f"xaxis{suffix}"] = axis() | x
        figure.layout[f"yaxis{suffix}"] = axis() | y
    if not info.probes.lines:
        note_empty(figure, "no trial has reported anything yet")
    return figure


def _add_panel(figure: go.Figure, panel: Panel, suffix: str) -> None:
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    lines = {line.row.number: line for line in panel.lines}
    labels = _label(panel)
    for look, rows in group_by_look(line.row for line in panel.lines):
        for i, row in enumerate(rows):
            line = lines[row.number]
            label = labels.get(row.number, "") if line.cut_step is None else ""
            trace = _trace(line, look, panel, label)
            figure.add_trace(trace | axes | {"showlegend": i == 0})
    cuts = [line for line in panel.lines if line.cut_step is not None]
    if cuts:
        figure.add_trace(_crosses(cuts, panel, labels) | axes)


def _label(panel: Panel) -> dict[int, str]:
    """Name curves by trial number at their ends; ends that nearly coincide get one label."""
    widest = max((line.row.n_steps for line in panel.lines), default=1)
    labels: dict[int, str] = {}
    places: list[tuple[float, float, int]] = []
    for line in panel.lines:
        x, y = _end_of(line, panel, widest)
        near = [n for a, b, n in places if abs(x - a) < _NEAR and abs(y - b) < _NEAR]
        if near:
            labels[near[0]] += f", {line.row.number}"
        else:
            places.append((x, y, line.row.number))
            labels[line.row.number] = f" {line.row.number}"
    return labels


def _end_of(line: Line, panel: Panel, widest: int) -> tuple[float, float]:
    """Return where a curve ends, as shares of the panel's width and height."""
    if line.cut_step is not None or not line.losses:
        return ((line.cut_step or 0) + 1) / widest, 1.0
    low, high = panel.limits
    loss = line.losses[-1] or 0.0
    return line.row.n_steps / widest, (_scaled(loss, panel.is_log) - low) / (high - low)


def _scaled(loss: float, is_log: bool) -> float:
    return math.log10(loss) if is_log else loss


def _trace(line: Line, look: Look, panel: Panel, label: str) -> dict[str, Any]:
    """Draw one curve, up to the edge where it leaves the panel."""
    steps, losses = [step + 1 for step in line.steps], list(line.losses)
    if line.cut_step is not None:
        steps.append(line.cut_step + 1)
        losses.append(panel.edge)
    return {
        "type": "scatter",
        "x": steps,
        "y": losses,
        "mode": "lines+text" if len(steps) > 1 else "markers+text",
        "text": [""] * (len(steps) - 1) + [label],
        "textposition": "top right",
        "textfont": {"color": look.color},
        "name": look.label,
        "legendgroup": look.label,
        "line": {"color": look.color, "width": 3 if look == LOOKS["final"] else 2},
        "hovertext": hover_text(line.row),
        "hovertemplate": "%{hovertext}<br>after %{x} steps: %{y:.4g}<extra></extra>",
    }


def _crosses(cuts: Sequence[Line], panel: Panel, labels: dict[int, str]) -> dict[str, Any]:
    """Mark where curves leave the panel."""
    return {
        "type": "scatter",
        "x": [(line.cut_step or 0) + 1 for line in cuts],
        "y": [panel.edge] * len(cuts),
        "mode": "markers+text",
        "name": "off the scale",
        "legendgroup": "off the scale",
        "cliponaxis": False,
        "marker": {"symbol": "x", "size": 10, "color": LOOKS["overshoot"].color},
        "text": [labels.get(line.row.number, "") for line in cuts],
        "textposition": "middle right",
        "hovertext": [f"{hover_text(c.row)}<br>then {c.cut_loss:.4g}" for c in cuts],
        "hoverinfo": "text",
    }
