"""The rate that each weight really gets: how the steps of six optimizers change during a run.

``optimizers.py`` draws it, with the rate that it found for each optimizer, kept constant.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

import torch
from plotly.subplots import make_subplots

from studies.optimizers_runs import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import plotly.graph_objects as go

# Updates at which a run is measured: about as many in each doubling.
N_MEASURED = 60
# The first updates of a run say more about zero gradients and full averages than about its course.
FIRST = 10
TICKS = [10.0**i for i in range(-4, 3)]
# Okabe and Ito's colours; lines without adaptation are dashed, for prints in grey.
LOOKS = {
    "SGD": ("#000000", "dash"),
    "momentum": ("#9AA0A6", "dash"),
    "Adagrad": ("#D55E00", "solid"),
    "RMSprop": ("#009E73", "solid"),
    "Adam": ("#0072B2", "solid"),
    "AdamW": ("#56B4E9", "dot"),
}


class Measured(NamedTuple):
    """One update of a run.

    Attributes:
        step: Number of the update, from 1.
        lr: The rate that the optimizer was given.
        rate: Median over the weights of the rate that each gets.
        spread: Rate of the weight at 90 %, over that of the weight at 10 %.
        distance: How far all weights together moved.
    """

    step: int
    lr: float
    rate: float
    spread: float
    distance: float


def effective_rates(optimizer: torch.optim.Optimizer) -> torch.Tensor:
    """Return what each weight's gradient is multiplied by, after an update, in one vector.

    The rate over the root of the squared gradients, as the optimizer keeps them: their sum
    (Adagrad), or their mean (RMSprop, Adam, there of the averaged gradient). With momentum m a
    gradient goes on in later updates, 1 / (1 - m) times in all.
    """
    (group,) = optimizer.param_groups
    rates = [_rates(group, optimizer.state.get(p, {}), p) for p in group["params"]]
    return torch.cat([rate.flatten() for rate in rates])


def _rates(
    group: dict[str, float], state: Mapping[str, torch.Tensor], weights: torch.Tensor
) -> torch.Tensor:
    lr, eps = group["lr"], group.get("eps", 0.0)
    if "sum" in state:
        return lr / (state["sum"].sqrt() + eps)
    if "square_avg" in state:
        return lr / (state["square_avg"].sqrt() + eps)
    if "exp_avg_sq" in state:
        correction = 1 - group["betas"][1] ** float(state["step"])
        return lr / ((state["exp_avg_sq"] / correction).sqrt() + eps)
    return torch.full_like(weights, lr / (1 - group["momentum"]))


def measure(optimizer: str, lr: float, seed: int, n_steps: int) -> list[Measured]:
    """Train at a constant rate and measure some updates."""
    run = Run(optimizer, lr, seed)
    weights, rows = list(run.model.parameters()), []
    last = max(n_steps, FIRST)
    marks = {round(last ** (i / (N_MEASURED - 1))) for i in range(N_MEASURED)}
    before: torch.Tensor | None = None
    for step, _ in run.train(last + 1):
        if before is None and step + 1 not in marks:
            continue
        now = torch.nn.utils.parameters_to_vector(weights).detach()
        if before is not None:
            rates = effective_rates(run.optimizer)
            low, middle, high = torch.quantile(rates, torch.tensor([0.1, 0.5, 0.9])).tolist()
            rows.append(Measured(step, lr, middle, high / low, float((now - before).norm())))
        before = now if step + 1 in marks else None
    return rows


def measure_all(rates: Mapping[str, float], seed: int, n_steps: int) -> dict[str, list[Measured]]:
    """Measure each optimizer at its rate."""
    return {name: measure(name, rate, seed, n_steps) for name, rate in rates.items()}


def table(measured: Mapping[str, Sequence[Measured]]) -> list[str]:
    """Format how the rate of the weights changed, and how much they differ at the end."""
    lines = [
        f"| optimizer | rate | median weight's, update {FIRST} | at the end | 90 % / 10 % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, rows in measured.items():
        cells = (rows[0].lr, _begin(rows), rows[-1].rate, rows[-1].spread)
        lines.append(f"| {name} | {' | '.join(f'{cell:.2g}' for cell in cells)} |")
    return lines


def finding(measured: Mapping[str, Sequence[Measured]]) -> str:
    """Say in a sentence between what the change of the optimizers lies."""
    changes = {name: rows[-1].rate / _begin(rows) for name, rows in measured.items()}
    low, high = min(changes, key=changes.__getitem__), max(changes, key=changes.__getitem__)
    n_steps = measured[low][-1].step
    return (
        f"From update {FIRST} to {n_steps} the rate of the median weight goes to "
        f"{changes[low]:.2g} times with {low} and to {changes[high]:.2g} times with {high}."
    )


def _begin(rows: Sequence[Measured]) -> float:
    return next(row.rate for row in rows if row.step >= FIRST)


def draw(measured: Mapping[str, Sequence[Measured]]) -> go.Figure:
    """Draw the median weight's rate, and the length of the updates, over the run."""
    titles = ["what the median weight gets of its rate", "how far an update moves the network"]
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.12)
    for name, rows in measured.items():
        color, dash = LOOKS[name]
        courses = [row.rate for row in rows], [row.distance for row in rows]
        for column, values in enumerate(courses, start=1):
            line = {"color": color, "dash": dash, "width": 2}
            points = {
                "x": [r.step for r in rows],
                "y": list(_smooth(values)),
                "name": f"{name} {rows[0].lr:.2g}",
            }
            figure.add_scatter(
                **points, mode="lines", line=line, showlegend=column == 1, row=1, col=column
            )
    figure.update_xaxes(type="log", dtick=1, title="update")
    figure.update_yaxes(type="log", tickvals=TICKS)
    figure.update_yaxes(title="effective rate", row=1, col=1)
    figure.update_yaxes(title="length of the update", row=1, col=2)
    return figure.update_layout(
        template="plotly_white",
        title="One rate kept all along: Adagrad gives its weights ever less of it, Adam does not",
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.18},
        margin={"l": 70, "r": 20, "t": 85, "b": 80},
    )


def _smooth(values: Sequence[float]) -> Iterator[float]:
    """Geometric means over neighbours: one batch says little about the length of an update."""
    logs = [math.log(max(value, 1e-12)) for value in values]
    for i in range(len(logs)):
        yield math.exp(statistics.fmean(logs[max(0, i - 2) : i + 3]))
