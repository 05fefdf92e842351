"""The figure of epochs to a target: what search and training cost, one bar a method."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from studies.epochs.score import by_method
from studies.shared import figure_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studies.epochs.score import Score

SEARCH, RUN, OURS = "#d98c3f", "#9db4c8", "#2f6690"
EXPLAINED = (
    "cell: a network, its data, a seed; target: 98 % of what the best of nine rates gains; "
    "a run that misses it counts in full"
)


class Bar(NamedTuple):
    """Means over all cells, in full runs."""

    method: str
    search: float
    run: float
    failed: float

    @property
    def total(self) -> float:
        """Search and run."""
        return self.search + self.run


def bars(scores: Sequence[Score]) -> list[Bar]:
    """Return a bar a method, the dearest first.

    Args:
        scores: Scores of all cells.

    Returns:
        The bars; a run that never reached the target counts with its full length.
    """
    found = []
    for method, cells in by_method(scores).items():
        own = cells.values()
        failed = fmean(not s.is_reached for s in own)
        search, run = (fmean(x) for x in zip(*((s.search / s.full, s.run / s.full) for s in own)))
        found.append(Bar(method, search, run, failed))
    return sorted(found, key=lambda bar: -bar.total)


def write_figure(scores: Sequence[Score], path: Path) -> None:
    """Draw the bars, the cheapest method on top.

    Args:
        scores: Scores of all cells.
        path: Where to, ``.png`` or ``.html``.
    """
    found = bars(scores)
    names = [f"<b>{b.method}</b>" if _is_ours(b.method) else b.method for b in found]
    figure = go.Figure()
    figure.add_bar(
        y=names, x=[b.search for b in found], orientation="h", name="search", marker_color=SEARCH
    )
    figure.add_bar(
        y=names,
        x=[b.run for b in found],
        orientation="h",
        name="full run until the target loss",
        marker_color=[OURS if _is_ours(b.method) else RUN for b in found],
        text=[f"{b.total:.2f}, {b.failed:.0%} never reach it" for b in found],
        textposition="outside",
        textfont={"color": "#222"},
    )
    n = len({(s.task, s.seed) for s in scores})
    figure.update_layout(
        template="plotly_white",
        barmode="stack",
        title={
            "text": f"Cost of reaching the target loss, mean of {n} cells: shorter is better",
            "subtitle": {"text": EXPLAINED},
        },
        xaxis={"title": "full runs, search included", "range": [0, 1.45 * found[0].total]},
        legend={"x": 0.98, "y": 0.98, "xanchor": "right", "traceorder": "normal"},
        margin={"l": 10, "r": 10, "t": 80, "b": 50},
    )
    figure_file.write(figure, path)


def _is_ours(method: str) -> bool:
    return method.startswith("optuna_bisect")
