"""The range test and the bisection on one network, side by side.

The first document calls Leslie Smith's finder the linear search to its own binary one. Here one
network for digits (momentum 0.9) is swept once from 1e-7 to 10 (torch-lr-finder), the sweep is
read by four rules, and the bisection runs beside it, as does the document's own rule as printed:
arithmetic midpoints and absolute thresholds. A full run at each pick is the judge. Run from the
repository root, about a minute:

    python -m studies.range_test
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from plotly.subplots import make_subplots

from studies.epochs.bench import Bench
from studies.epochs.searches import Cell, Sweep
from studies.epochs.tasks import TASKS
from studies.range_test_picks import Pick, as_published, bisect, from_sweep
from studies.shared import figure_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

TASK = "mlp-small-digits"
# The height of the probes' marks, which have no loss of a full run.
RUG, TICKS = 0.045, [0.05, 0.1, 0.2, 0.5, 1, 2]
FIGURE = Path("studies/figures/range_test.png")
OURS, FIRST = "bisection", "document's rule"
LOOKS = {
    "steepest": ("#56B4E9", "square"),
    "valley": ("#0072B2", "diamond"),
    "minimum": ("#D55E00", "x"),
    "minimum / 10": ("#CC79A7", "cross"),
    FIRST: ("#111111", "triangle-up"),
    OURS: ("#009E73", "star"),
}
VERDICTS = {
    "overshoot": ("#D55E00", "triangle-left", "probe: too high"),
    "balanced": ("#009E73", "circle", "probe: good"),
    "undershoot": ("#0072B2", "triangle-right", "probe: too low"),
}


class Findings(NamedTuple):
    """All that was run.

    Attributes:
        sweep: The range test.
        picks: By method.
        losses: Lowest held-out loss of a full run at each pick.
        probes: Rate and verdict of the bisection's probes.
        response: Rates, and the same loss at each.
        n_steps: Length of a full run.
    """

    sweep: Sweep
    picks: dict[str, Pick]
    losses: dict[str, float]
    probes: list[tuple[float, str]]
    response: list[tuple[float, float]]
    n_steps: int


def collect(n_epochs: int | None = None, n_rates: int = 21) -> Findings:
    """Run every search, a full run at each pick, and full runs from 1e-5 to 1."""
    bench = Bench(TASKS[TASK], 0, n_epochs)
    cell, bisected = Cell(bench), bisect(bench)
    picks = from_sweep(cell.sweep) | {FIRST: as_published(bench), OURS: bisected.pick}

    def full_loss(lr: float) -> float:
        return bench.full_run(lr)[-1].loss if math.isfinite(lr) else math.nan

    return Findings(
        sweep=cell.sweep,
        picks=picks,
        losses={name: full_loss(pick.lr) for name, pick in picks.items()},
        probes=bisected.probes,
        response=[(lr, full_loss(lr)) for lr in np.logspace(-5, 0, n_rates).tolist()],
        n_steps=bench.n_steps,
    )


def print_table(found: Findings) -> None:
    """Print each pick, what it cost, and what a full run at it reaches."""
    print("| method | rate | cost in full runs | held-out loss of a full run |")
    print("| --- " * 4 + "|")
    for name, pick in found.picks.items():
        cost = pick.n_steps / found.n_steps
        print(f"| {name} | {pick.lr:.2g} | {cost:.3f} | {found.losses[name]:.3f} |")
    print(f"Best of {len(found.response)} rates: {min(y for _, y in found.response):.3f}\n")


def sentence(found: Findings) -> str:
    """Say what the comparison shows."""
    read = {name: loss for name, loss in found.losses.items() if name not in (OURS, FIRST)}
    best = min(read, key=lambda name: read[name])
    worst = max(read, key=lambda name: read[name])
    swept, ours, first = (found.picks[n].n_steps / found.n_steps for n in (best, OURS, FIRST))
    return (
        f"On this network one range test ({swept:.2f} of a full run) ends in a loss between "
        f"{read[best]:.3f} ({best}) and {read[worst]:.3f} ({worst}), by how its curve is read; "
        f"the bisection ({ours:.2f}) ends in {found.losses[OURS]:.3f}, and "
        f"the document's rule as printed ({first:.2f}) in {found.losses[FIRST]:.3f}."
    )


def draw(found: Findings) -> go.Figure:
    """Draw the sweep with its picks, and the loss of full runs with all picks and the probes."""
    figure = make_subplots(
        1,
        2,
        horizontal_spacing=0.1,
        subplot_titles=["the range test: one run, rate rising", "full runs: lower is better"],
    )
    read = [found.losses[name] for name in found.picks if name not in (OURS, FIRST)]
    top = 1.4 * found.sweep.losses[0]
    line = {"color": "#555555", "width": 2}
    x, y = found.sweep.rates, np.minimum(found.sweep.losses, top)
    figure.add_scatter(x=x, y=y, mode="lines", line=line, showlegend=False, row=1, col=1)
    x, y = zip(*found.response)
    figure.add_scatter(x=x, y=y, mode="lines", line=line, showlegend=False, row=1, col=2)
    for name, pick in found.picks.items():
        _add_pick(figure, name, pick, found)
    for verdict, (color, symbol, label) in VERDICTS.items():
        rates = [lr for lr, v in found.probes if v == verdict]
        marker = {"color": color, "symbol": symbol, "size": 9}
        heights = [RUG] * len(rates)
        figure.add_scatter(
            x=rates, y=heights, mode="markers", name=label, marker=marker, row=1, col=2
        )
    figure.update_xaxes(type="log", dtick=1, exponentformat="power", title="learning rate")
    figure.update_yaxes(title="training loss during the test", row=1, col=1)
    figure.update_yaxes(title="held-out loss", type="log", tickvals=TICKS, row=1, col=2)
    return figure.update_layout(
        template="plotly_white",
        title=f"One range test, read in {len(read)} ways: losses from {min(read):.2g} to "
        f"{max(read):.2g}; the bisection tries rates out: {found.losses[OURS]:.2g}",
        legend={"orientation": "h", "x": 0.0, "y": -0.2, "entrywidth": 135},
        margin={"l": 65, "r": 20, "t": 90, "b": 60},
    )


def _add_pick(figure: go.Figure, name: str, pick: Pick, found: Findings) -> None:
    """Mark a pick on the response, and on the sweep if it was read from that."""
    if not math.isfinite(pick.lr):
        return
    color, symbol = LOOKS[name]
    marker = {"color": color, "symbol": symbol, "size": 14}
    shared = {"mode": "markers", "marker": marker, "legendgroup": name}
    y = [found.losses[name]]
    figure.add_scatter(x=[pick.lr], y=y, name=name, **shared, row=1, col=2)
    if name not in (OURS, FIRST):
        height = _at(list(zip(found.sweep.rates, found.sweep.losses)), pick.lr)
        figure.add_scatter(x=[pick.lr], y=[height], **shared, showlegend=False, row=1, col=1)


def _at(curve: Sequence[tuple[float, float]], lr: float) -> float:
    """Read a curve at a rate between its points."""
    rates, losses = zip(*curve)
    return float(np.interp(np.log(lr), np.log(rates), losses))


def main(argv: Sequence[str] | None = None) -> None:
    """Run, draw and say it."""
    output = figure_file.start(__doc__, FIGURE, argv)
    found = collect()
    figure_file.write_small(draw(found), output, 1000, 470)
    print_table(found)
    print(sentence(found))


if __name__ == "__main__":
    main()
