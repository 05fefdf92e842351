"""The figure of the loss curves by verdict."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.figures import style
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import plotly.graph_objects as go
    from optuna.study import Study

    from optuna_bisect.figures.rows import Row
    from optuna_bisect.figures.summary import Summary

# A final run this many times longer than the probes gets a panel of its own.
_LONG_RATIO = 2
# A curve that ends left of this share of its panel has room for its label at its right.
_SHORT = 0.7
# Room around the reports that are worth showing, as a share of their span.
_HEADROOM = 0.12
# Labels nearer than these shares of the panel's width and height are put together.
_NEAR_X, _NEAR_Y = 0.18, 0.06
# Of more curves than this none has its number at its end.
_MOST_LABELLED = 15
# More curves than this cannot be told apart, and take a browser minutes.
_MOST_DRAWN = 100
# Width of a panel for the longest curve and the label at its end, in lengths of that curve.
_ROOM = 1.08
# What plotly fills in for the point of a curve that is hovered over.
_POINT = "after %{x} steps: %{y:.4g}"
_CROSS = style.Look(style.LOOKS["overshoot"].color, "x", "diverged, off the scale")


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

    @property
    def text(self) -> str:
        """What a hover box says at its end."""
        text = style.hover_text(self.row)
        return text if self.cut_loss is None else f"{text}<br>then {self.cut_loss:.4g}"


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
    sign = -1 if summary.is_report_maximized else 1
    reported = [row for row in summary.rows if row.steps]
    rows = _thin_out(reported, summary)
    n = "" if len(rows) == len(reported) else f" ({len(rows)} of {len(reported)} trials)"
    title = style.title_for(f"Loss curves by verdict{n}", shown, len(whole.configurations))
    finals = [row for row in rows if row.is_final]
    probes = [row for row in rows if not row.is_final]
    longest = max((row.n_steps for row in finals), default=0)
    if not probes or longest < _LONG_RATIO * max(row.n_steps for row in probes):
        return CurvesInfo(_to_panel(rows, sign), None, title)
    return CurvesInfo(_to_panel(probes, sign), _to_panel(finals, sign), title)


def _thin_out(rows: Sequence[Row], summary: Summary) -> Sequence[Row]:
    """Choose the winner, the final trial and others at even distances, where there are many."""
    if len(rows) <= _MOST_DRAWN:
        return rows
    kept = {found.number for found in (summary.winner, summary.final) if found is not None}
    n_others = _MOST_DRAWN - len(kept)
    others = [row.number for row in rows if row.number not in kept]
    kept |= {others[i * len(others) // n_others] for i in range(n_others)}
    return [row for row in rows if row.number in kept]


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
    """Draw with plotly what ``lay_out_curves`` says."""
    return style.to_plotly(lay_out_curves(info, target))


def lay_out_curves(info: CurvesInfo, target: str = "reported value") -> style.Drawing:
    """Lay out the curves of both panels, side by side."""
    panels = [("", "", [0.0, 1.0], info.probes)]
    if info.final is not None:
        panels = [("", "probes", [0.0, 0.42], info.probes)]
        panels += [("2", "final trial", [0.6, 1.0], info.final)]
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": []}
    for suffix, name, domain, panel in panels:
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        traces += [trace | axes for trace in _traces(panel)]
        x = {"domain": domain, "anchor": f"y{suffix}", "range": [0, _ROOM * _widest(panel)]}
        y = style.log_axis(panel.limits[1] - panel.limits[0]) if panel.is_log else {}
        layout[f"xaxis{suffix}"] = style.axis("steps", nticks=4, tickangle=0, **x)
        layout[f"yaxis{suffix}"] = style.axis(range=panel.limits, anchor=f"x{suffix}", **y)
        if name:
            layout["annotations"].append(style.note(name, 1.0, f"x{suffix} domain"))
    layout["yaxis"]["title"] = target
    if_empty = "no trial has reported anything yet"
    return style.lay_out(info.title, traces, if_empty=if_empty, **layout)


def _traces(panel: Panel) -> Iterator[dict[str, Any]]:
    """Show each curve, the mark of its verdict at its end, and crosses where curves leave."""
    labels = _label(panel)
    for look in style.LOOKS.values():
        alike = [line for line in panel.lines if style.look_of(line.row) == look]
        yield from (_to_trace(line, look, panel) for line in alike)
        yield _marks(look, [line for line in alike if line.cut_step is None], panel, labels)
    yield _marks(
        _CROSS, [line for line in panel.lines if line.cut_step is not None], panel, labels
    )


def _marks(
    look: style.Look, lines: Sequence[Line], panel: Panel, labels: Mapping[int, str]
) -> dict[str, Any]:
    """Return the marks at the ends of curves, which the legend names, with their numbers."""
    points = [(line.end, _loss_at_end(line, panel), line.text) for line in lines]
    beside = math.inf if look == _CROSS else _SHORT * _widest(panel)
    marker: dict[str, Any] = {"size": 14 if "star" in look.symbol else 10, "line": {"width": 0}}
    if "open" in look.symbol:
        marker["line"] = {"width": 2, "color": look.color}
    return style.marker_trace(look, points, **marker) | {
        "mode": "markers+text",
        "legendgroup": look.label,
        "cliponaxis": False,
        "text": [labels.get(line.row.number, "") for line in lines],
        "textposition": ["middle right" if x < beside else "top center" for x, _, _ in points],
        "textfont": {"color": look.color},
    }


def _label(panel: Panel) -> dict[int, str]:
    """Name curves by trial number at their ends; ends that nearly coincide get one label."""
    if len(panel.lines) > _MOST_LABELLED:
        # Numbers would cover the curves; hovering names each.
        return {}
    widest = _widest(panel)
    places: list[tuple[float, float, list[int]]] = []
    for line in panel.lines:
        loss = _loss_at_end(line, panel)
        height = (math.log10(loss) if panel.is_log else loss) - panel.limits[0]
        x, y = line.end / widest, height / (panel.limits[1] - panel.limits[0])
        near = (n for a, b, n in places if abs(x - a) < _NEAR_X and abs(y - b) < _NEAR_Y)
        numbers = next(near, None)
        if numbers is None:
            places.append((x, y, [line.row.number]))
        else:
            numbers.append(line.row.number)
    return {numbers[0]: ", ".join(map(str, numbers)) for _, _, numbers in places}


def _widest(panel: Panel) -> int:
    return max((line.row.n_steps for line in panel.lines), default=1)


def _loss_at_end(line: Line, panel: Panel) -> float:
    """Return the last report of a curve, or the edge at which it leaves the panel."""
    loss = line.losses[-1] if line.cut_step is None else None
    return panel.edge if loss is None else loss


def _to_trace(line: Line, look: style.Look, panel: Panel) -> dict[str, Any]:
    """Show one curve, up to the edge where it leaves the panel."""
    points = [(step + 1, loss) for step, loss in zip(line.steps, line.losses)]
    if line.cut_step is not None:
        points.append((line.end, panel.edge))
    pen = {"width": 3 if look.symbol == "star" else 2, "dash": look.dash}
    return style.line_trace(look.label, points, color=look.color, **pen) | {
        "legendgroup": look.label,
        "showlegend": False,
        # One text for all points of the curve: plotly wants a list as ``hovertext``.
        "hovertemplate": f"{style.hover_text(line.row)}<br>{_POINT}<extra></extra>",
    }
