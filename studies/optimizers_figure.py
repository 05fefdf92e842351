"""The figure of ``optimizers.py``: the probes of each optimizer, and what each search cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from plotly.subplots import make_subplots

from studies.optimizers_runs import FINAL_STEPS, HIGH, LOW, PROBE_STEPS

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from optuna_bisect.decisions.searches import Search
    from studies.optimizers_runs import Found

WINNER, CONVERGED, DROPPED = "#E69F00", "#0072B2", "#9AA0A6"
LABELS = {WINNER: "winner", CONVERGED: "converged", DROPPED: "dropped"}


def color_of(one: Search, found: Found) -> str:
    """Return the colour of a search: winner, loser that converged, or dropped."""
    if one.number == found.best.number:
        return WINNER
    return CONVERGED if one.dropped is None else DROPPED


def draw(found: Found) -> go.Figure:
    """Draw brackets with probes, where a larger mark ran longer, and the cost beside them."""
    figure = make_subplots(
        1,
        2,
        shared_yaxes=True,
        column_widths=[0.68, 0.32],
        horizontal_spacing=0.04,
        subplot_titles=["probes (larger: ran longer) and bracket", "cost in full runs"],
    )
    seen: set[str] = set()
    # Plotly draws the first one at the bottom.
    for one in sorted(found.searches, key=lambda s: -found.n_paid[s.held["optimizer"]]):
        name, color = one.held["optimizer"], color_of(one, found)
        _add_search(figure, one, name, color)
        cost = {"x": [found.n_paid[name] / FINAL_STEPS], "y": [name]}
        shown = {"name": LABELS[color], "showlegend": color not in seen}
        figure.add_bar(
            **cost, **shown, orientation="h", marker={"color": color}, width=0.5, row=1, col=2
        )
        seen.add(color)
    figure.update_xaxes(
        type="log", dtick=1, exponentformat="power", range=_decades(), title="learning rate", col=1
    )
    n_full = sum(found.n_paid.values()) / FINAL_STEPS
    names = f"{len(found.searches)} optimizers"
    return figure.update_layout(
        template="plotly_white",
        title=f"{names} in one study: {n_full:.2f} of a full run for the search",
        legend={"orientation": "h", "x": 0.68, "y": -0.16},
        margin={"l": 85, "r": 20, "t": 85, "b": 70},
        yaxis={"categoryorder": "trace"},
    )


def _add_search(figure: go.Figure, one: Search, name: str, color: str) -> None:
    winner = one.outcome.winner
    if winner is not None and winner.bracket is not None:
        line = {"color": color, "width": 14}
        ends = {"x": [winner.bracket.low, winner.bracket.high], "y": [name, name]}
        figure.add_scatter(
            **ends, mode="lines", line=line, opacity=0.35, showlegend=False, row=1, col=1
        )
    probes = one.history.finished.probes
    sizes = [6 + 12 * p.curve.horizon / PROBE_STEPS for p in probes]
    text = [f"{p.rate:.3g}: {p.curve.horizon} updates" for p in probes]
    marker = {"color": color, "size": sizes, "line": {"color": "white", "width": 1}}
    points = {"x": [p.rate for p in probes], "y": [name] * len(probes), "hovertext": text}
    figure.add_scatter(
        **points, mode="markers", marker=marker, showlegend=False, hoverinfo="text", row=1, col=1
    )


def _decades() -> list[float]:
    return [math.log10(LOW) - 0.2, math.log10(HIGH) + 0.2]
