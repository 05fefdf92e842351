"""The ways to find a rate that `epochs_to_target.py` compares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import optuna
from epochs_rules import (
    arithmetic_midpoint,
    diff_lr,
    is_diff_lr_overshoot,
    log_midpoint,
    valley,
)
from epochs_searches import EXPONENT, HIGH, LOW, Pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from epochs_searches import Cell

# What the frameworks and tutorials suggest where nobody tunes.
DEFAULTS = {"momentum": 1e-2, "adam": 1e-3, "adamw": 1e-3}
DIFF_LR_EPOCHS = 3


def default(cell: Cell) -> Pick:
    """Search nothing."""
    return cell.pick(DEFAULTS[cell.bench.task.optimizer], 0)


def steepest(cell: Cell) -> Pick:
    """Take torch-lr-finder's own suggestion."""
    return cell.pick(cell.sweep.suggestion, len(cell.sweep.rates))


def fastai_valley(cell: Cell) -> Pick:
    """Take fastai's suggestion on the same sweep."""
    return cell.pick(valley(cell.sweep.rates, cell.sweep.losses), len(cell.sweep.rates))


def published(midpoint: Callable[[float, float], float]) -> Callable[[Cell], Pick]:
    """Halve 1e-6..1e-1 on runs of three epochs, as Diff-LR does."""

    def search(cell: Cell) -> Pick:
        bench = cell.bench
        n_steps = DIFF_LR_EPOCHS * bench.epoch_steps

        def is_overshoot(lr: float) -> bool:
            for _ in bench.losses(bench.start(lr, bench.seed), bench.seed, n_steps):
                pass
            train = bench.loss(bench.data.inputs, bench.data.targets)
            return is_diff_lr_overshoot(train, bench.held_loss())

        found = diff_lr(is_overshoot, midpoint)
        return cell.pick(found.lr, len(found.tried) * n_steps)

    return search


def grid(exponent: float) -> Callable[[Cell], Pick]:
    """Take the best of six probes."""

    def search(cell: Cell) -> Pick:
        finite = {lr: loss for lr, loss in cell.grid.items() if math.isfinite(loss)}
        best = min(finite, key=finite.__getitem__)
        return cell.pick(best * cell.correction(exponent), 6 * cell.bench.probe_steps)

    return search


def tpe(cell: Cell) -> Pick:
    """Run 20 trials of TPE with the median pruner: common practice."""
    paid = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal paid
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        before, loss = paid, math.inf
        for step, loss in cell.bench.probe(lr, cell.probe_seed):
            paid = before + step + 1
            trial.report(loss, step)
            if not math.isfinite(loss) or trial.should_prune():
                raise optuna.TrialPruned
        return loss

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=cell.bench.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
    )
    study.optimize(objective, n_trials=20)
    return cell.pick(study.best_params["lr"], paid)


def ours(exponent: float) -> Callable[[Cell], Pick]:
    """Search with this package, then train at a constant rate."""

    def search(cell: Cell) -> Pick:
        found = cell.found
        # The study corrects with the default power; another one needs no other search.
        power = exponent / EXPONENT
        lr = found.winner * (found.corrected / found.winner) ** power
        return cell.pick(lr, found.n_steps)

    return search


def ours_with_phase_2(cell: Cell) -> Pick:
    """Take the final trial of the study as it is."""
    return Pick(cell.found.corrected, cell.found.n_paid, cell.found.minima)


METHODS: dict[str, Callable[[Cell], Pick]] = {
    "fixed default": default,
    "torch-lr-finder": steepest,
    "fastai valley": fastai_valley,
    "Diff-LR, log midpoint": published(log_midpoint),
    "Diff-LR, arithmetic midpoint": published(arithmetic_midpoint),
    "grid of 6": grid(0.0),
    "grid of 6 + our correction": grid(EXPONENT),
    "20 TPE + median": tpe,
    "optuna_bisect": ours(EXPONENT),
    "optuna_bisect, exponent 0.15": ours(0.15),
    "optuna_bisect, exponent 0": ours(0.0),
    "optuna_bisect with Phase 2": ours_with_phase_2,
}
