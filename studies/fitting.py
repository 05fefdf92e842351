"""Under-fitting, a good fit and over-fitting, as real runs: the pictures of the first document.

One network learns handwritten digits. On 1497 of them the bisection finds a rate and its full run
fits well; at a thousandth of that rate the same run under-fits; on 100 digits, some of them
labelled wrongly, a full run that the bisection found over-fits. ``optuna_bisect.diagnose`` names
all three. Run from the repository root, some seconds:

    python -m studies.fitting
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import optuna
import torch
from plotly.subplots import make_subplots
from torch import nn

from optuna_bisect import BisectionSampler, Fit, VerdictPruner, diagnose, judge_fit, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.fitting.records import losses_of
from studies.shared import figure_file
from studies.shared.data import Data, digits, loss_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

FIGURE = Path("studies/figures/fitting.png")
FULL_STEPS, PROBE_STEPS, EVERY, BATCH = 1_500, 60, 3, 32
N_FEW, WRONG_SHARE, FACTOR = 100, 0.2, 1e-3
NAMES = ("under-fitting", "good fit", "over-fitting")
COLORS = {"training loss": "#0072B2", "validation loss": "#D55E00"}


class Run(NamedTuple):
    """One full run: what it trained on, its losses, and what is said of it."""

    told: str
    points: tuple[tuple[int, float, float], ...]
    fit: Fit


def few(data: Data) -> Data:
    """Keep few digits, some with a wrong label, and all that are held out."""
    labels = data.targets[:N_FEW].clone()
    n_wrong = int(WRONG_SHARE * N_FEW)
    labels[:n_wrong] = (labels[:n_wrong] + 1) % 10
    return Data(data.inputs[:N_FEW], labels, data.held_inputs, data.held_targets)


class Objective:
    """Train the network; the training and the validation loss go to the scheduler."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the validation loss at the end."""
        data, lr = self._data, trial.suggest_float("lr", 1e-5, 10.0, log=True)
        torch.manual_seed(trial_plan(trial).seed or 0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
        scheduler = BisectionLR.for_trial(optimizer, trial)
        for step in range(FULL_STEPS):
            chosen = torch.randint(len(data.targets), (BATCH,))
            loss = loss_of(model(data.inputs[chosen]), data.targets[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            is_due = step % EVERY == 0
            scheduler.step(loss, validate(model, data) if is_due else None)
            if is_due:
                trial.report(loss.item(), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return validate(model, data)


@torch.no_grad()
def validate(model: nn.Module, data: Data) -> float:
    """Return the loss on the digits that are held out."""
    return loss_of(model(data.held_inputs), data.held_targets).item()


def search(data: Data, told: str) -> tuple[Run, float]:
    """Find a rate and train at it; return the full run and its rate."""
    sampler = BisectionSampler(probe_steps=PROBE_STEPS, final_steps=FULL_STEPS, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(Objective(data))
    final = study.best_trial
    both, rate = losses_of(final), final.params["lr"]
    if both is None:
        raise RuntimeError("the final trial has no losses.")
    return Run(f"{told}, rate {rate:.2g}", both.points, diagnose(study)[final.number]), rate


def train_at(data: Data, rate: float, told: str) -> Run:
    """Train at a rate of one's own, in a study of another sampler."""
    rows: list[tuple[int, float, float]] = []
    study = optuna.create_study(sampler=BisectionSampler(probe_steps=FULL_STEPS, seed=0))
    study.enqueue_trial({"lr": rate})
    study.optimize(Objective(data), n_trials=1)
    both = losses_of(study.trials[0])
    rows += both.points if both else ()
    fit = judge_fit(*zip(*rows), initial=both.first if both else None)
    if fit is None:
        raise RuntimeError("the run has too few losses.")
    return Run(f"{told}, rate {rate:.2g}", tuple(rows), fit)


def collect() -> list[Run]:
    """Run all three."""
    data = digits()
    good, rate = search(data, "1497 digits")
    over, _ = search(few(data), f"{N_FEW} digits, {WRONG_SHARE:.0%} wrong labels")
    return [train_at(data, FACTOR * rate, "1497 digits"), good, over]


def draw(runs: Sequence[Run]) -> go.Figure:
    """Draw training and validation loss of each run, with its name and its best step."""
    titles = [f"<b>{r.fit.name}</b><br><sup>{r.told}</sup>" for r in runs]
    figure = make_subplots(
        1, len(runs), subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.04
    )
    for col, run in enumerate(runs, start=1):
        steps, *curves = zip(*run.points)
        for (name, color), curve in zip(COLORS.items(), curves):
            line = {"color": color, "width": 3, "dash": "dot" if "train" in name else "solid"}
            shown = {"name": name, "showlegend": col == 1, "line": line}
            figure.add_scatter(x=steps, y=curve, mode="lines", row=1, col=col, **shown)
        marker = {"symbol": "star", "size": 15, "color": "#E69F00"}
        best = {"x": [run.fit.best_step], "y": [run.fit.best_val_loss], "marker": marker}
        told = {"name": "best step for validation", "showlegend": col == 1}
        figure.add_scatter(**best, **told, cliponaxis=False, mode="markers", row=1, col=col)
    figure.update_yaxes(type="log", tickformat="~g", dtick="D2", gridcolor="#E4E7EB")
    figure.update_yaxes(title="loss", col=1)
    figure.update_xaxes(title="steps", range=[0, 1.02 * FULL_STEPS], gridcolor="#E4E7EB")
    figure.update_layout(
        template="plotly_white",
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.2},
        margin={"l": 60, "r": 15, "t": 60, "b": 70},
    )
    return figure


def sentence(runs: Sequence[Run]) -> str:
    """Say what was seen."""
    over = runs[-1].fit
    named = ", ".join(f"{run.fit.name} ({run.told})" for run in runs)
    return (
        f"The three runs are named {named}; the last one's validation loss was lowest, "
        f"{over.best_val_loss:.3g}, after {over.best_step} of {FULL_STEPS} steps, and ended at "
        f"{runs[-1].points[-1][2]:.3g}."
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run, draw and say it."""
    output = figure_file.start(__doc__, FIGURE, argv)
    runs = collect()
    figure_file.write_small(draw(runs), output, 1000, 430)
    for run in runs:
        print(f"{run.told}: {run.fit}")
    print(sentence(runs))


if __name__ == "__main__":
    main()
