"""A synthetic network whose other parameters move the best rate and the loss that it reaches."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from synthetic_trainer import STEPS, Trainer, run

import optuna_bisect as ob

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

BEST_OF = {"sgd": 1e-1, "adam": 2e-3}
BEST_DECAY = 1e-4


def scale_of(decay: float, optimizer: str) -> float:
    """Return the share of the loss that the best rate takes off."""
    return 0.9 - 0.1 * abs(math.log10(decay / BEST_DECAY)) - 0.2 * (optimizer == "sgd")


def objective(
    trial: optuna.Trial, *, every: int = 2, pause: float = 0.0, length: int | None = None
) -> float:
    """Train a network whose best rate depends on its optimizer, and pause at each report.

    The run is as long as ``trial_plan`` says, or has a ``length`` and is cut by the pruner.
    """
    decay = trial.suggest_float("decay", 1e-6, 1e-2, log=True)
    optimizer = trial.suggest_categorical("optimizer", list(BEST_OF))
    lr = trial.suggest_float("lr", 1e-6, 10, log=True)
    best = BEST_OF[optimizer]
    trainer = Trainer(best=best, edge=100 * best, scale=scale_of(decay, optimizer), noise=0.001)
    n_steps = length or ob.trial_plan(trial).n_steps
    return run(trial, trainer, lr, n_steps, _paused(range(0, n_steps, every), pause))


def _paused(steps: range, seconds: float) -> Iterator[int]:
    for step in steps:
        time.sleep(seconds)
        yield step


def others_of(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """Return the parameters that are not the rate."""
    return {name: value for name, value in trial.params.items() if name != "lr"}


def settings(n_configurations: int, **more: Any) -> dict[str, Any]:
    """Return arguments of the sampler."""
    return {**STEPS, "n_configurations": n_configurations, "seed": 0, **more}
