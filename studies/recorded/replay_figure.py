"""The figure of ``replay.py``: cost over regret, one line a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from studies.shared import figure_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TICKS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]


def write_pareto(
    points: Mapping[str, Sequence[tuple[float, Mapping[str, float]]]], path: Path
) -> None:
    """Draw one line a method through its horizons; lower left is better.

    Args:
        points: By method: horizon, and its mean cost and regret.
        path: Where to, ``.png`` or ``.html``.
    """
    figure = go.Figure()
    for method, rows in points.items():
        is_ours = method == "optuna_bisect"
        figure.add_scatter(
            x=[row["cost"] for _, row in rows],
            y=[100 * row["regret"] for _, row in rows],
            text=[f"{horizon:.0%}" for horizon, _ in rows],
            name=method,
            mode="lines+markers+text",
            # Those of a rival with and without the correction lie close together.
            textposition="bottom left" if method.endswith("+horizon") else "top right",
            line={"width": 4 if is_ours else 2, "dash": None if is_ours else "dot"},
            marker={"size": 10},
        )
    figure.update_layout(
        template="plotly_white",
        title="Lower left is better; numbers: length of a probe, share of a full run",
        xaxis={"title": "cost of the search, in full runs", "type": "log", "tickvals": TICKS},
        yaxis={"title": "mean regret, % of the attainable loss", "type": "log", "tickvals": TICKS},
        legend={"x": 0.01, "y": 0.01},
    )
    figure_file.write(figure, path)
