"""What ``optimizers.py`` runs: one network, six optimizers, in one study or in six."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import optuna
import torch
from torch.nn.functional import cross_entropy

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.decisions.configurations import find_searches
from optuna_bisect.decisions.searches import best_of
from optuna_bisect.study.history import read_history
from studies.shared.data import mnist
from studies.shared.networks import cnn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optuna_bisect.decisions.searches import Search

LOW, HIGH = 1e-6, 1.0
PROBE_STEPS, FINAL_STEPS = 100, 2000
BATCH_SIZE, N_REPORTS = 32, 25

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": torch.optim.SGD,
    "momentum": lambda weights, lr: torch.optim.SGD(weights, lr, momentum=0.9),
    "Adagrad": torch.optim.Adagrad,
    "RMSprop": torch.optim.RMSprop,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
}


class Run:
    """One run of the network; the same seed gives the same weights and order of the data."""

    def __init__(self, optimizer: str, lr: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = cnn(14)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters(), lr=lr)
        self._generator = torch.Generator().manual_seed(seed)

    def train(self, n_steps: int) -> Iterator[tuple[int, float]]:
        """Train; yield the step and the training loss before each update."""
        step = 0
        while True:
            order = torch.randperm(len(mnist().targets), generator=self._generator)
            for chosen in order.split(BATCH_SIZE):
                if step == n_steps:
                    return
                loss = cross_entropy(self.model(mnist().inputs[chosen]), mnist().targets[chosen])
                yield step, loss.item()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                step += 1

    @torch.no_grad()
    def validate(self) -> float:
        """Return the loss on the held-out images."""
        return float(cross_entropy(self.model(mnist().held_inputs), mnist().held_targets))
