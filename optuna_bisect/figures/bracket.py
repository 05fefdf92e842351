"""The figures of the bracket: over trials, and of the loss over the rate that it closes around."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from optuna_bisect.figures import style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import plotly.graph_objects as go

    from optuna_bisect.figures.rows import Row
    from optuna_bisect.figures.summary import Summary

# With more trials than this, plotly chooses the ticks.
_MAX_TICKS = 30
# And marks are smaller, down to this share of their size.
_LEAST_SCALE = 0.4
# Losses that spread over more than this factor are drawn on a logarithmic axis.
_WIDE = 10
# Reports of which the last level of a probe is the median.
_N_LAST = 3
_WINNER = style.Look(style.WINNER_COLOR, "circle-open", "winner")


def draw_bracket(
    whole: Summary, edge: float | None = None, search: int | None = None
) -> go.Figure:
    """Draw with plotly what ``lay_out_bracket`` says."""
    return style.to_plotly(lay_out_bracket(whole, edge, search))


def lay_out_bracket(
    whole: Summary, edge: float | None = None, search: int | None = None
) -> style.Drawing:
    """Lay out the bracket and rate of every trial, the winner, the final rate, and an edge.

    Of several configurations only one is shown: their brackets have nothing to do with each other.
    """
    shown = whole.choose(search)
    summary = whole.of(shown)
    rows = summary.rows
    finals = [row for row in rows if row.is_final]
    traces = [
        _bars(summary.probes, "bracket before the trial", style.BRACKET_COLOR),
        _bars(finals, "limits of the final trial", style.LIMITS_COLOR),
        *_winner(summary, "winner" if shown is None or shown.result == "winner" else "best probe"),
        *(_marks(look, rows) for look in style.LOOKS.values()),
    ]
    is_log = all(row.rate > 0 for row in rows)
    # Trials of other searches lie between those of this one: no gaps for them.
    order = {"type": "category", "categoryarray": [row.number for row in rows]} if shown else {}
    name = summary.param_name or "learning rate"
    return style.lay_out(
        style.title_for("How the bracket closed", shown, len(whole.configurations)),
        traces,
        if_empty="no trial has a rate yet",
        barmode="overlay",
        xaxis=style.axis("trial", dtick=1 if len(rows) <= _MAX_TICKS else None, **order),
        yaxis=style.axis(f"{name} tried", **(style.LOG_AXIS if is_log else {})),
        **({} if edge is None else _edge(edge, is_log=is_log)),
    )


def _edge(edge: float, *, is_log: bool) -> dict[str, Any]:
    """Return a line at the highest rate that plain descent can stand, and its name."""
    color = style.LOOKS["overshoot"].color
    line = {"type": "line", "line": {"color": color, "dash": "dash"}}
    ends = {"xref": "x domain", "x0": 0, "x1": 1, "y0": edge, "y1": edge}
    # An annotation on a logarithmic axis stands at a logarithm, unlike a line.
    place = {"x": 0, "xref": "paper", "y": math.log10(edge) if is_log else edge}
    anchor = {"xanchor": "left", "yanchor": "bottom", "showarrow": False}
    note = {"text": f"2 / sharpness = {edge:.3g}", **place, **anchor}
    return {"shapes": [line | ends], "annotations": [note]}


def _bars(rows: Sequence[Row], name: str, color: str) -> dict[str, Any]:
    """Return each bracket as a bar from its low to its high end."""
    known = [(row.number, row.bracket) for row in rows if row.bracket is not None]
    return {
        "type": "bar",
        "x": [number for number, _ in known],
        "base": [bracket.low for _, bracket in known],
        "y": [bracket.high - bracket.low for _, bracket in known],
        "width": 0.86,
        "name": name,
        "marker": {"color": color, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def _marks(look: style.Look, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the rates of the trials that have a look."""
    alike = [row for row in rows if style.look_of(row) == look]
    # Thousands of marks of full size would be one block of colour.
    scale = max(_LEAST_SCALE, min(1.0, _MAX_TICKS / max(len(rows), 1)))
    return style.marker_trace(
        look,
        [(row.number, row.rate, style.hover_text(row)) for row in alike],
        size=17 if look.symbol == "star" else 13 * scale,
        line={"width": scale, "color": look.color if "open" in look.symbol else "white"},
    )


def _winner(summary: Summary, label: str) -> Iterator[dict[str, Any]]:
    """Ring the winner, and lead from its rate to that of the final trial."""
    winner, final = summary.winner, summary.final
    row = next((row for row in summary.rows if winner and row.number == winner.number), None)
    if winner is None or row is None:
        return
    mute = {"hovertext": None, "hoverinfo": "skip"}
    ring = [(row.number, row.rate, "")]
    yield (
        style.marker_trace(_WINNER._replace(label=label), ring, size=24, line={"width": 4}) | mute
    )
    if final is not None:
        path = [(row.number, winner.lr), (final.number, winner.lr), (final.number, final.rate)]
        line = {"color": style.WINNER_COLOR, "width": 2, "dash": "dot"}
        yield style.line_trace("corrected for the longer run", path, **line) | mute


def draw_response(whole: Summary, search: int | None = None, target: str = "loss") -> go.Figure:
    """Draw what probes ended with over their rates, the winner, its bracket and the final rate."""
    shown = whole.choose(search)
    summary = whole.of(shown)
    probes = [row for row in summary.probes if any(map(math.isfinite, row.losses))]
    sign = -1 if summary.is_report_maximized else 1
    traces = [_ends(look, probes, sign) for look in style.LOOKS.values()]
    values = [y for trace in traces for y in trace["y"]]
    is_wide = bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)
    is_log = all(row.rate > 0 for row in summary.rows)
    name, n = summary.param_name or "learning rate", len(whole.configurations)
    figure = style.make_figure(
        style.title_for("Loss over the rate", shown, n),
        traces,
        if_empty="no probe has reported anything yet",
        xaxis=style.axis(
            f"{name} (numbers: steps of a probe)", **(style.LOG_AXIS if is_log else {})
        ),
        yaxis=style.axis(
            f"{target} where the probe ended", **({"type": "log"} if is_wide else {})
        ),
    )
    if figure.data:
        _mark_result(figure, summary, is_log=is_log)
    return figure


def _ends(look: style.Look, probes: Sequence[Row], sign: int) -> dict[str, Any]:
    """Return where probes of a look ended, at most as bad as the worst beginning of any."""
    firsts = [sign * row.losses[0] for row in probes if math.isfinite(row.losses[0])]
    worst = max(firsts, default=math.inf)
    alike = [row for row in probes if style.look_of(row) == look]
    points = []
    for row in alike:
        last = [sign * x if math.isfinite(x) else math.inf for x in row.losses[-_N_LAST:]]
        end = sign * min(statistics.median(last), worst)
        points.append((row.rate, end, style.hover_text(row)))
    line = {"width": 1, "color": look.color if "open" in look.symbol else "white"}
    texts = {"text": [f"{row.n_steps}" for row in alike], "textposition": "top center"}
    return style.marker_trace(look, points, size=13, line=line) | {"mode": "markers+text"} | texts


def _mark_result(figure: go.Figure, summary: Summary, *, is_log: bool) -> None:
    """Shade the winner's bracket, and draw its rate and that of the final trial as lines."""
    winner, final = summary.winner, summary.final
    if winner is None:
        return
    if winner.bracket is not None:
        band = {"fillcolor": style.BRACKET_COLOR, "line_width": 0, "layer": "below"}
        figure.add_vrect(x0=winner.bracket.low, x1=winner.bracket.high, **band)
    lines = [(winner.lr, "solid", f"winner {winner.lr:.3g}", 0.6, "left")]
    if final is not None:
        factor = final.rate / winner.lr if winner.lr else 1.0
        told = f"full run {final.rate:.3g} (x {factor:.2g})"
        lines.append((final.rate, "dot", told, 0.5, "right" if factor <= 1 else "left"))
    for rate, dash, text, height, side in lines:
        figure.add_vline(x=rate, line={"color": style.WINNER_COLOR, "width": 2, "dash": dash})
        place = {"x": math.log10(rate) if is_log else rate, "y": height, "yref": "paper"}
        anchor = {"xanchor": side, "yanchor": "top"}
        figure.add_annotation(text=f" {text} ", showarrow=False, **place, **anchor)
