"""What ``landscape.py`` trains over epochs: digits, at rates around the one that is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import optuna
import torch

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from studies.shared.data import loss_of
from studies.shared.networks import mlp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.trial import Trial

    from studies.shared.data import Data

BATCH_SIZE, N_EPOCHS, PROBE_EPOCHS = 32, 20, 2


def build(seed: int = 0) -> torch.nn.Module:
    """Build the network for digits."""
    torch.manual_seed(seed)
    return mlp(64, 10)


def train(lr: float, data: Data, seed: int = 0) -> Iterator[float]:
    """Train at a constant rate; yield the loss of each batch."""
    model, generator = build(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for _ in range(N_EPOCHS):
        order = torch.randperm(len(data.targets), generator=generator)
        for chosen in order.split(BATCH_SIZE):  # type: ignore[no-untyped-call]  # torch
            loss = loss_of(model(data.inputs[chosen]), data.targets[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            yield loss.item()


def n_batches(data: Data) -> int:
    """Return the number of batches of an epoch."""
    return -(-len(data.targets) // BATCH_SIZE)


def search(data: Data) -> float:
    """Let the bisection find the rate of a constant run; it needs no final trial for that."""

    def objective(trial: Trial) -> float:
        lr = trial.suggest_float("lr", 1e-5, 100.0, log=True)
        if trial_plan(trial).is_final:
            return 0.0
        for step, loss in enumerate(train(lr, data)):
            if step % 4 == 0:
                trial.report(loss, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return loss

    steps = n_batches(data)
    sampler = BisectionSampler(
        probe_steps=PROBE_EPOCHS * steps,
        final_steps=N_EPOCHS * steps,
        final_schedule="constant",
        seed=0,
    )
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(objective)
    return float(study.best_params["lr"])


def epoch_losses(lr: float, data: Data) -> list[float]:
    """Return the mean training loss of each epoch."""
    return np.array(list(train(lr, data))).reshape(N_EPOCHS, -1).mean(1).tolist()
