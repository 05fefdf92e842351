"""The figure of verdicts beside the truth: stated confidence over the share that is right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from studies.judgements.tables import calibration_error, make_bins
from studies.shared import figure_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from studies.judgements.tables import Bin, Judgement

COLOURS = ("#1f77b4", "#d95f02")
# Fewer verdicts of one confidence are not drawn: their share is chance.
MIN_DRAWN = 20
FITTED = "confidences were fitted on our own sweeps"


def write_reliability(found: Mapping[str, Sequence[Judgement]], path: Path) -> None:
    """Draw one line for each set of verdicts; on the diagonal they are as sure as they are right.

    Args:
        found: Judgements by the name of their set.
        path: Where to, ``.png`` or ``.html``.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0.5, 1],
        y=[0.5, 1],
        name="right as often as stated",
        mode="lines",
        line={"color": "#bbbbbb"},
    )
    for i, (name, judgements) in enumerate(found.items()):
        bins = [b for b in make_bins(judgements) if b.n >= MIN_DRAWN]
        figure.add_scatter(
            x=[b.confidence for b in bins],
            y=[b.right for b in bins],
            text=[f"{b.n}" for b in bins],
            name=f"{name}: {calibration_error(judgements):.3f} off on average",
            mode="lines+markers+text",
            textposition=[_place(b, "left" if i else "right") for b in bins],
            textfont={"color": COLOURS[i], "size": 11},
            line={"color": COLOURS[i], "dash": "dot" if i else None},
            marker={"size": [5 + math.sqrt(b.n) / 4 for b in bins], "opacity": 0.8},
        )
    figure.update_layout(
        template="plotly_white",
        title={
            "text": "How often verdicts are right, by the confidence that they state",
            "subtitle": {"text": f"a point: verdicts of like confidence, and how many; {FITTED}"},
        },
        xaxis={"title": "confidence that the verdict states", "range": [0.48, 1.03]},
        yaxis={"title": "share of verdicts that are right", "range": [0.3, 1.05]},
        legend={"x": 0.98, "y": 0.05, "xanchor": "right"},
    )
    figure_file.write(figure, path)


def _place(dot: Bin, side: str) -> str:
    """Put the number away from the diagonal and from the other set."""
    return f"{'top' if dot.right > dot.confidence - 0.01 else 'bottom'} {side}"
