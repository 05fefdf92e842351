"""Labelled loss curves, and a synthetic trainer whose loss depends on the rate as a network's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

import optuna_bisect as ob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOW, HIGH = 1e-6, 1.0
BEST = 2e-3
PROBE_STEPS, FINAL_STEPS, REPORT_EVERY = 40, 160, 2
STEPS = {"probe_steps": PROBE_STEPS, "final_steps": FINAL_STEPS}


@dataclass(frozen=True)
class Trainer:
    """A run that makes most progress at ``best``, little far below, and diverges above ``edge``.

    Args:
        best: Rate with the lowest loss, at every length of run.
        edge: Rate above which the loss grows until it is not finite.
        initial: Loss before training.
        scale: Share of the initial loss that the best rate takes off.
        time: Steps after which half of a run's progress is made.
        noise: Standard deviation of one report, as a share of the initial loss.
    """

    best: float = BEST
    edge: float = math.inf
    initial: float = 2.3
    scale: float = 0.9
    time: float = 8.0
    noise: float = 0.0

    def progress(self, lr: float) -> float:
        """Return the share of the attainable progress: 1 at the best rate, 0.73 a third off."""
        return math.exp(-0.5 * (math.log10(lr / self.best) / 0.6) ** 2)

    def loss(self, lr: float, step: int, seed: int = 0) -> float:
        """Return the loss after ``step`` updates."""
        if lr > self.edge:
            exponent = 0.5 * step * math.log10(lr / self.edge) + 0.2 * step
            return math.inf if exponent > 20 else abs(self.initial) * 10**exponent
        done = self.scale * self.progress(lr) * step / (step + self.time)
        error = self.noise * np.random.default_rng([seed, step]).standard_normal()
        return self.initial - abs(self.initial) * (done - float(error))


def run(
    trial: optuna.Trial, trainer: Trainer, lr: float, n_steps: int, reports: Iterator[int] | range
) -> float:
    """Train, report at the given steps, and return the loss at the end."""
    for step in reports:
        loss = trainer.loss(lr, step, seed=trial.number)
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return trainer.loss(lr, n_steps, seed=trial.number)


def make_objective(
    trainer: Trainer | None = None,
    *,
    n_steps: int | None = FINAL_STEPS,
    every: int = REPORT_EVERY,
    first: int = 0,
    name: str = "lr",
    low: float = LOW,
    high: float = HIGH,
    also: Callable[[optuna.Trial], Any] = lambda trial: None,
) -> Callable[[optuna.Trial], float]:
    """Make an objective as a user writes it.

    Args:
        trainer: What is trained.
        n_steps: Length of a run; None: as long as ``trial_plan`` says.
        every: Steps between reports; 0 for none.
        first: Step of the first report.
        name: Name of the rate.
        low: Low end of its range.
        high: High end of its range.
        also: Called first, for other parameters.
    """
    chosen = trainer or Trainer()

    def objective(trial: optuna.Trial) -> float:
        also(trial)
        lr = trial.suggest_float(name, low, high, log=True)
        length = n_steps or ob.trial_plan(trial).n_steps or FINAL_STEPS
        reports = range(first, length, every) if every else range(0)
        return run(trial, chosen, lr, length, reports)

    return objective


def decades(lr: float, best: float = BEST) -> float:
    """Distance between two rates in decades."""
    return abs(math.log10(lr / best))


def roles(study: optuna.Study) -> list[str | None]:
    """Return the role of every trial."""
    return [ob.trial_plan(t).role for t in study.trials]


def with_role(study: optuna.Study, role: str | None) -> list[optuna.trial.FrozenTrial]:
    """Return the trials of one role."""
    return [t for t in study.trials if ob.trial_plan(t).role == role]


def verdicts(study: optuna.Study) -> list[str | None]:
    """Return the recorded verdict of every trial."""
    return [t.user_attrs.get("bisect_verdict") for t in study.trials]


@dataclass(frozen=True)
class Labelled:
    """A loss curve with the verdict that a person would give."""

    name: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    verdict: str


def labelled() -> list[Labelled]:
    """Return one curve for each sign that the seeds list, 40 steps of a run that starts at 2.3."""
    steps = tuple(range(0, PROBE_STEPS, REPORT_EVERY))
    t = np.array(steps, dtype=float)
    wobble = 0.01 * np.random.default_rng(0).standard_normal(len(steps))
    shapes = {
        "steady": (2.3 - 1.8 * t / (t + 8) + wobble, "balanced"),
        "oscillating but descending": (2.3 - 1.8 * t / (t + 8) + 0.1 * np.cos(t), "balanced"),
        "spike that recovers": (
            2.3 - 1.8 * t / (t + 8) + np.where(t == 10, 9.0, 0.0) + wobble,
            "balanced",
        ),
        "rising": (2.3 + 0.1 * t + wobble, "overshoot"),
        "diverging": (2.3 * 1.3**t, "overshoot"),
        "not a number": (np.where(t >= 6, math.nan, 2.3 + t), "overshoot"),
        "infinite": (np.where(t >= 6, math.inf, 2.3 + t), "overshoot"),
        "plateau": (2.3 + wobble, "undershoot"),
    }
    return [
        Labelled(name, steps, tuple(losses.tolist()), verdict)
        for name, (losses, verdict) in shapes.items()
    ]
