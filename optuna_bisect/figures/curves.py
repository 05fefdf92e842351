"""The figure of the loss curves by verdict."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.figures import style
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import plotly.graph_objects as go
    from optuna.study import Study

    from optuna_bisect.figures.rows import Row

# A final run this many times longer than the probes gets a panel of its own.
_LONG_RATIO = 2
# Room around the reports that are worth showing, as a share of their span.
_HEADROOM = 0.12
# Labels nearer than this, as a share of the panel's width and height, are put together.
_NEAR = 0.06
# Of more curves than this none has its number at its end.
_MOST_LABELLED = 15
# Width of a panel for the longest curve and the label at its end, in lengths of that curve.
_ROOM = 1.08
# What plotly fills in for the point of a curve that is hovered over.
_POINT = "after %{x} steps: %{y:.4g}"
_CROSS = style.Look(style.LOOKS["overshoot"].color, "x", "off the scale")


class Line(NamedTuple):
    """The part of a curve that is shown, and the first report after it."""

    row: Row
    steps: tuple[int, ...]
    losses: tuple[float | None, ...]
    cut_step: int | None
    cut_loss: float | None

    @property
    def end(self) -> int:
        """Steps done where the curve ends or leaves the panel."""
        return 1 + (self.steps[-1] if self.cut_step is None else self.cut_step)


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
    title: str


def get_curves_info(study: Study, search: int | None = None) -> CurvesInfo:
    """Choose the panels, and what they show of each curve: of one search, the best one's."""
    whole = summarize(study)
    shown = whole.choose(search)
    summary = whole.of(shown)
    title = style.title_for("Loss curves by verdict", shown, len(whole.configurations))
    sign = -1 if summary.is_report_maximized else 1
    rows = [row for row in summary.rows if row.steps]
    finals = [row for row in rows if row.is_final]
    probes = [row for row in rows if not row.is_final]
    longest = max((row.n_steps for row in finals), default=0)
    if not probes or longest < _LONG_RATIO * max(row.n_steps for row in probes):
        return CurvesInfo(_to_panel(rows, sign), None, title)
    return CurvesInfo(_to_panel(probes, sign), _to_panel(finals, sign), title)


def _to_panel(rows: Sequence[Row], sign: int) -> Panel:
    """Fit a panel to its curves; a spike that recovers may leave it."""
    worst = _find_worst(rows, sign)
    top = math.inf if worst is None else worst + abs(worst) * _HEADROOM
    lines = tuple(_cut(row, sign, top) for row in rows)
    shown = [sign * loss for line in lines for loss in line.losses if loss is not None]
    if not shown:
        return Panel(lines, (0.0, 1.0), is_log=False, edge=1.0 if sign > 0 else 0.0)
    low, high = min(shown), min(max(shown if worst is None else [*shown, worst]), top)
    is_log = sign > 0 and low > 0
    if is_log:
        low, high = math.log10(low), math.log10(high)
    room = _HEADROOM * (high - low) or max(abs(high), 1.0) * _HEADROOM
    edge = sign * (high + room)
    limits = (low - room, edge) if sign > 0 else (edge, room - low)
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
    losses = tuple(loss if math.isfinite(loss) else None for loss in row.losses[:end])
    if end == len(row.losses):
        return Line(row, row.steps, losses, None, None)
    return Line(row, row.steps[:end], losses, row.steps[end], row.losses[end])


def draw_curves(info: CurvesInfo, target: str = "reported value") -> go.Figure:
    """Draw the curves of both panels, side by side."""
    panels = [("", "trials", [0.0, 1.0], info.probes)]
    if info.final is not None:
        panels = [("", "probes", [0.0, 0.46], info.probes)]
        panels += [("2", "final trial", [0.54, 1.0], info.final)]
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    for suffix, name, domain, panel in panels:
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        traces += [trace | axes for trace in _traces(panel)]
        x = {"domain": domain, "anchor": f"y{suffix}", "range": [0, _ROOM * _widest(panel)]}
        y = {"range": panel.limits, "anchor": f"x{suffix}"} | _ticks(panel)
        layout[f"xaxis{suffix}"] = style.axis(f"steps of the {name}", **x)
        layout[f"yaxis{suffix}"] = style.axis(**y)
    layout["yaxis"]["title"] = target
    if_empty = "no trial has reported anything yet"
    return style.make_figure(info.title, traces, if_empty=if_empty, **layout)


def _ticks(panel: Panel) -> dict[str, Any]:
    if not panel.is_log:
        return {}
    return style.log_axis(panel.limits[1] - panel.limits[0])


def _traces(panel: Panel) -> Iterator[dict[str, Any]]:
    """Show each curve, with one legend entry for each look, and crosses where curves end."""
    labels = _label(panel)
    for look in style.LOOKS.values():
        alike = [line for line in panel.lines if style.look_of(line.row) == look]
        for i, line in enumerate(alike):
            label = labels.get(line.row.number, "") if line.cut_step is None else ""
            yield _to_trace(line, look, panel, label) | {"showlegend": i == 0}
    cuts = [line for line in panel.lines if line.cut_step is not None]
    crosses = [
        (line.end, panel.edge, f"{style.hover_text(line.row)}<br>then {line.cut_loss:.4g}")
        for line in cuts
    ]
    yield style.marker_trace(_CROSS, crosses, size=10) | {
        "mode": "markers+text",
        "legendgroup": _CROSS.label,
        "cliponaxis": False,
        "text": [labels.get(line.row.number, "") for line in cuts],
        "textposition": "middle right",
    }


def _label(panel: Panel) -> dict[int, str]:
    """Name curves by trial number at their ends; ends that nearly coincide get one label."""
    if len(panel.lines) > _MOST_LABELLED:
        # Numbers would cover the curves; hovering names each.
        return {}
    widest = _widest(panel)
    places: list[tuple[float, float, list[int]]] = []
    for line in panel.lines:
        x, y = line.end / widest, _height_of(line, panel)
        near = (n for a, b, n in places if abs(x - a) < _NEAR and abs(y - b) < _NEAR)
        numbers = next(near, None)
        if numbers is None:
            places.append((x, y, [line.row.number]))
        else:
            numbers.append(line.row.number)
    return {numbers[0]: " " + ", ".join(map(str, numbers)) for _, _, numbers in places}


def _widest(panel: Panel) -> int:
    return max((line.row.n_steps for line in panel.lines), default=1)


def _height_of(line: Line, panel: Panel) -> float:
    """Return where a curve ends, as a share of the panel's height."""
    loss = line.losses[-1] if line.cut_step is None else None
    if loss is None:
        return 1.0
    low, high = panel.limits
    return ((math.log10(loss) if panel.is_log else loss) - low) / (high - low)


def _to_trace(line: Line, look: style.Look, panel: Panel, label: str) -> dict[str, Any]:
    """Show one curve, up to the edge where it leaves the panel."""
    points = [(step + 1, loss) for step, loss in zip(line.steps, line.losses)]
    if line.cut_step is not None:
        points.append((line.end, panel.edge))
    width = 3 if look == style.LOOKS["final"] else 2
    return style.line_trace(look.label, points, color=look.color, width=width) | {
        "mode": "lines+text" if len(points) > 1 else "markers+text",
        "text": [""] * (len(points) - 1) + [label],
        "textposition": "top right",
        "textfont": {"color": look.color},
        "legendgroup": look.label,
        # One text for all points of the curve: plotly wants a list as ``hovertext``.
        "hovertemplate": f"{style.hover_text(line.row)}<br>{_POINT}<extra></extra>",
    }
