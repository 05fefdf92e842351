"""This package: a study with its final trial, and the adjuster alone without a search."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import optuna

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.bracket import Bracket
from studies.full_runs import schedules
from studies.full_runs.tasks import HIGH, LOW
from studies.full_runs.training import Driver, Outcome, full_run, probe

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from studies.full_runs.tasks import Task


class Adjusted(Driver):
    """``BisectionLR`` moves the rate."""

    def __init__(self, optimizer: Optimizer, scheduler: BisectionLR) -> None:
        super().__init__(optimizer)
        self._adjuster = scheduler

    def step(self, loss: float) -> None:
        """Tell it the training loss, as the README does."""
        self._adjuster.step(loss)


def adjusted(task: Task, model: nn.Module, trial: optuna.Trial, lr: float) -> Driver:
    """Let the final trial's plan move the rate."""
    optimizer = task.make_optimizer(model, lr)
    options = {"restore": (model, optimizer), "warmup_steps": task.n_warmup_steps}
    return Adjusted(optimizer, BisectionLR.for_trial(optimizer, trial, **options))


def with_own_cosine(task: Task, model: nn.Module, trial: optuna.Trial, lr: float) -> Driver:  # noqa: ARG001
    """Let a cosine move the rate, from the one that the study suggests."""
    return schedules.cosine(task, model, lr)


def raced(task: Task, model: nn.Module, lr: float) -> Driver:
    """Let the adjuster find the rate by its race: no search, the range of all searches."""
    optimizer = task.make_optimizer(model, lr)
    scheduler = BisectionLR(
        optimizer,
        Bracket(min(LOW, lr), max(HIGH, lr)),
        start_lr=lr,
        # The horizon after which it may raise the rate of a run that descends in a straight line.
        probe_steps=task.n_steps // 10,
        final_steps=task.n_steps,
        restore=(model, optimizer),
        warmup_steps=task.n_warmup_steps,
    )
    return Adjusted(optimizer, scheduler)


# Task, model, final trial and its rate.
Drive = Callable[["Task", "nn.Module", optuna.Trial, float], Driver]


class Study:
    """A study of this package as the README shows it, probes and final trial.

    Args:
        task: The task.
        seed: Weights and order of the data of the final trial; probes get the study's own.
        drive: Moves the rate of the final trial.
        final_schedule: What the sampler is told about the final trial.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        drive: Drive,
        final_schedule: str | float,
    ) -> None:
        self._task, self._seed, self._drive = task, seed, drive
        self._sampler = BisectionSampler(
            final_steps=task.n_steps, final_schedule=final_schedule, seed=seed
        )
        self.n_paid, self.lr, self.final = 0, 0.0, Outcome(0.0, 0.0, 0)

    def run(self) -> None:
        """Run it to its end."""
        study = optuna.create_study(sampler=self._sampler, pruner=VerdictPruner())
        study.optimize(self._objective, n_trials=50)

    def _objective(self, trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        plan, before, loss = trial_plan(trial), self.n_paid, math.nan
        if plan.is_final:
            return self._train_in_full(trial, lr)
        for step, loss in probe(self._task, lr, plan.seed or 0):
            self.n_paid = before + step
            trial.report(loss, step - 1)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    def _train_in_full(self, trial: optuna.Trial, lr: float) -> float:
        self.lr = lr
        task, drive = self._task, self._drive
        self.final = full_run(task, self._seed, lambda model: drive(task, model, trial, lr))
        self.n_paid += self.final.n_steps
        # A run that ended in divergence is no final trial; the study then tries a lower rate.
        return self.final.last
