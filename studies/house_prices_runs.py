"""What ``house_prices.py`` runs: the document's training, StepLR, Adam, and the bisection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optuna
import torch
from torch.nn.functional import mse_loss

from optuna_bisect import BisectionSampler, VerdictPruner
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.curvature import sharpness

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import Trial
    from torch.optim.lr_scheduler import LRScheduler

SIZES = torch.tensor([[1.5], [2.0], [2.5], [3.0], [3.5]])  # in 1000 square feet
PRICES = torch.tensor([[300.0], [400.0], [500.0], [600.0], [700.0]])  # in 1000 dollars
RATES = (0.0001, 0.1, 0.01)
N_EPOCHS, PROBE_EPOCHS = 50, 10


class Findings(NamedTuple):
    """All that was run.

    Attributes:
        curves: By name: the loss before each epoch, and after the last.
        verdicts: By rate of the document: what the bisection's probe says.
        found: The rate that the bisection gave its final trial.
        n_probes: Number of its probes, those of the document's rates among them.
        n_epochs: Epochs that they took.
        edge: 2 / sharpness.
        response: Rates, and the loss after a full run at each.
    """

    curves: dict[str, list[float]]
    verdicts: dict[float, str]
    found: float
    n_probes: int
    n_epochs: int
    edge: float
    response: list[tuple[float, float]]


def build(seed: int = 0) -> torch.nn.Linear:
    """Build the document's model; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return torch.nn.Linear(1, 1)


def loss_of(model: torch.nn.Module) -> torch.Tensor:
    """Return the mean squared error on the five houses."""
    return mse_loss(model(SIZES), PRICES)


def train(
    lr: float,
    optimizer_class: type[torch.optim.Optimizer] = torch.optim.SGD,
    schedule: Callable[[torch.optim.Optimizer], LRScheduler] | None = None,
) -> list[float]:
    """Train a fresh model; return the loss before each epoch, and after the last."""
    model = build()
    optimizer = optimizer_class(model.parameters(), lr)  # type: ignore[call-arg]  # each has a rate
    scheduler = schedule(optimizer) if schedule else None
    losses = []
    for _ in range(N_EPOCHS):
        losses.append(descend(model, optimizer))
        if scheduler is not None:
            scheduler.step()
    return [*losses, loss_of(model).item()]


def descend(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> float:
    """Do one epoch, which is one update on all five houses; return the loss before it."""
    loss = loss_of(model)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch
    optimizer.step()
    return loss.item()


class Objective:
    """The document's training as an objective; remembers the curve of the final trial."""

    def __init__(self) -> None:
        self.curve: list[float] = []

    def __call__(self, trial: Trial) -> float:
        """Return the loss after the last epoch."""
        lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
        model = build()
        optimizer = torch.optim.SGD(model.parameters(), lr)
        scheduler = BisectionLR.for_trial(optimizer, trial)
        self.curve = []
        for epoch in range(N_EPOCHS):
            self.curve.append(descend(model, optimizer))
            scheduler.step(self.curve[-1])
            trial.report(self.curve[-1], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        self.curve.append(loss_of(model).item())
        return self.curve[-1]


def search() -> tuple[optuna.Study, list[float]]:
    """Judge the document's rates, go on with the bisection; return the final trial's curve too."""
    sampler = BisectionSampler(probe_steps=PROBE_EPOCHS, final_steps=N_EPOCHS, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    for lr in RATES:
        study.enqueue_trial({"lr": lr})
    objective = Objective()
    study.optimize(objective)
    return study, objective.curve


def collect(n_rates: int = 81) -> Findings:
    """Run everything; ``n_rates`` full runs from 1e-5 to 1 show the loss over the rate."""
    study, curve = search()
    probes = study.trials[:-1]
    found = study.best_params["lr"]
    curves = {f"SGD, {lr:g}": train(lr) for lr in RATES}
    curves[f"bisection, {found:.2g}"] = curve
    curves["StepLR from 0.01"] = train(
        0.01, schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=10, gamma=0.1)
    )
    curves["Adam, 0.01"] = train(0.01, torch.optim.Adam)
    rates = np.logspace(-5, 0, n_rates).tolist()
    return Findings(
        curves=curves,
        verdicts={lr: t.user_attrs["bisect_verdict"] for lr, t in zip(RATES, probes)},
        found=found,
        n_probes=len(probes),
        n_epochs=sum((t.last_step or 0) + 1 for t in probes),
        edge=2 / sharpness(build(), mse_loss, (SIZES, PRICES)),
        response=[(lr, train(lr)[-1]) for lr in rates],
    )
