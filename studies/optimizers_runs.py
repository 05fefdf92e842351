"""What ``optimizers.py`` runs: one network, six optimizers, in one study or in six."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import optuna
import torch
from torch.nn.functional import cross_entropy

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.decisions.configurations import find_searches
from optuna_bisect.decisions.searches import best_of
from optuna_bisect.study.reading import read_history
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


class Objective:
    """Train with the optimizer and the rate that the study suggests, and count the updates.

    Args:
        names: The optimizers to choose from.
        has_final: Whether the final trial is trained as well; else it ends at once.
    """

    def __init__(self, names: Sequence[str], *, has_final: bool) -> None:
        self._names, self._has_final = list(names), has_final
        self.n_paid = dict.fromkeys(names, 0)

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the loss on the held-out images."""
        name = trial.suggest_categorical("optimizer", self._names)
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        plan = trial_plan(trial)
        if plan.is_final and not self._has_final:
            return 0.0
        run = Run(name, lr, plan.seed or 0)
        scheduler = BisectionLR.for_trial(run.optimizer, trial)
        n_steps = plan.n_steps or FINAL_STEPS
        for step, loss in run.train(n_steps):
            self.n_paid[name] += not plan.is_final
            scheduler.step(loss)
            if step % (n_steps // N_REPORTS) == 0 or step == n_steps - 1:
                trial.report(run.validate(), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return run.validate()


class Found(NamedTuple):
    """What one study found.

    Attributes:
        study: The study.
        searches: Its searches, one for each optimizer.
        best: The search that won.
        n_paid: Updates in probes, by optimizer.
    """

    study: optuna.Study
    searches: tuple[Search, ...]
    best: Search
    n_paid: dict[str, int]


def search(names: Sequence[str], seed: int, *, has_final: bool = False) -> Found:
    """Search the rate of each optimizer in one study."""
    sampler = BisectionSampler(
        probe_steps=PROBE_STEPS,
        final_steps=FINAL_STEPS,
        n_configurations=len(names),
        group_by=("optimizer",),
        seed=seed,
    )
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    objective = Objective(names, has_final=has_final)
    study.optimize(objective)
    searches = find_searches(read_history(study))
    return Found(study, searches, best_of(searches), objective.n_paid)


def compare(seed: int, names: Sequence[str] = tuple(OPTIMIZERS)) -> dict[str, object]:
    """Search all optimizers in one study and each in one of its own; return a row of results."""
    together = search(names, seed)
    apart = {name: search([name], seed) for name in names}
    best = min(apart, key=lambda name: apart[name].best.score)
    paid, each = sum(together.n_paid.values()), {n: f.n_paid[n] for n, f in apart.items()}
    return {
        "seed": seed,
        "winner": together.best.held["optimizer"],
        "winner_apart": best,
        "loss": together.best.score,
        "loss_apart": apart[best].best.score,
        "steps": paid,
        "steps_apart": sum(each.values()),
        "ratio": paid / sum(each.values()),
    }
