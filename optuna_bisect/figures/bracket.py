"""The figure of the bracket over trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go

from optuna_bisect.figures.style import (
    BRACKET_COLOR,
    LIMITS_COLOR,
    WINNER_COLOR,
    axis,
    group_by_look,
    hover_text,
    layout,
    note_empty,
)
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study

    from optuna_bisect.decisions.winner import Winner
    from optuna_bisect.figures.style import Look
    from optuna_bisect.figures.summary import Row


# With more trials than this, plotly chooses the ticks.
_MAX_TICKS = 30


class BracketInfo(NamedTuple):
    """What the figure of the bracket shows."""

    rows: tuple[Row, ...]
    winner: Winner | None
    final: Row | None
    is_log: bool
    param_name: str


def get_bracket_info(study: Study) -> BracketInfo:
    """Decide what the figure shows.

    Args:
        study: The study.

    Returns:
        The data of the figure.
    """
    summary = summarize(study)
    return BracketInfo(
        rows=summary.rows,
        winner=summary.winner,
        final=summary.final,
        is_log=all(row.rate > 0 for row in summary.rows),
        param_name=summary.param_name or "learning rate",
    )


def draw_bracket(info: BracketInfo) -> go.Figure:
    """Draw the figure.

    Args:
        info: Its data.

    Returns:
        The figure.
    """
    figure = go.Figure()
    probes = [row for row in info.rows if not row.is_final]
    finals = [row for row in info.rows if row.is_final]
    _add_bars(figure, probes, "bracket before the trial", BRACKET_COLOR)
    _add_bars(figure, finals, "limits of the final trial", LIMITS_COLOR)
    _add_winner(figure, info)
    for look, rows in group_by_look(info.rows):
        figure.add_trace(_marks(look, rows))
    x = {"title": {"text": "trial"}, "dtick": 1 if len(info.rows) <= _MAX_TICKS else None}
    y: dict[str, Any] = {"title": {"text": f"{info.param_name} tried"}}
    if info.is_log:
        y |= {"type": "log", "exponentformat": "power", "dtick": 1}
    figure.update_layout(layout("How the bracket closed"), barmode="overlay")
    figure.update_layout(xaxis=axis() | x, yaxis=axis() | y)
    if not info.rows:
        note_empty(figure, "no trial has a rate yet")
    return figure


def _add_bars(figure: go.Figure, rows: Sequence[Row], name: str, color: str) -> None:
    """Draw each bracket as a bar from its low to its high end."""
    known = [(row, row.bracket) for row in rows if row.bracket is not None]
    if not known:
        return
    figure.add_trace(
        go.Bar(
            x=[row.number for row, _ in known],
            base=[bracket.low for _, bracket in known],
            y=[bracket.high - bracket.low for _, bracket in known],
            width=0.86,
            name=name,
            marker={"color": color, "line": {"width": 0}},
            hoverinfo="skip",
        )
    )


def _marks(look: Look, rows: Sequence[Row]) -> go.Scatter:
    return go.Scatter(
        x=[row.number for row in rows],
        y=[row.rate for row in rows],
        mode="markers",
        name=look.label,
        marker={
            "color": look.color,
            "symbol": look.symbol,
            "size": 17 if look.symbol == "star" else 13,
            "line": {"width": 1, "color": "white" if "open" not in look.symbol else look.color},
        },
        hovertext=[hover_text(row) for row in rows],
        hoverinfo="text",
    )


def _add_winner(figure: go.Figure, info: BracketInfo) -> None:
    """Ring the winner, and lead from its rate to that of the final trial."""
    row = next((r for r in info.rows if info.winner and r.number == info.winner.number), None)
    if row is None or info.winner is None:
        return
    figure.add_trace(
        go.Scatter(
            x=[row.number],
            y=[row.rate],
            mode="markers",
            name="winner",
            marker={
                "symbol": "circle-open",
                "size": 24,
                "color": WINNER_COLOR,
                "line": {"width": 4},
            },
            hoverinfo="skip",
        )
    )
    if info.final is None:
        return
    figure.add_trace(
        go.Scatter(
            x=[row.number, info.final.number, info.final.number],
            y=[info.winner.lr, info.winner.lr, info.final.rate],
            mode="lines",
            name="corrected for the longer run",
            line={"color": WINNER_COLOR, "width": 2, "dash": "dot"},
            hoverinfo="skip",
        )
    )
