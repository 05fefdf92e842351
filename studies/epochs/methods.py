"""The ways to find a rate that are compared by epochs to a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.epochs.finder_rules import (
    arithmetic_midpoint,
    diff_lr,
    is_diff_lr_overshoot,
    log_midpoint,
    valley,
)
from studies.epochs.searches import Pick
from studies.shared.probe_searches import DEFAULT_RATES, EXPONENT, best_of, run_tpe

if TYPE_CHECKING:
    from collections.abc import Callable

    from studies.epochs.searches import Cell

DIFF_LR_EPOCHS = 3


def default(cell: Cell) -> Pick:
    """Search nothing."""
    return cell.pick(DEFAULT_RATES[cell.bench.task.optimizer], 0)


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
        lr = best_of(cell.grid) * cell.correction(exponent)
        return cell.pick(lr, len(cell.grid) * cell.bench.probe_steps)

    return search


def tpe(cell: Cell) -> Pick:
    """Take the best of 20 trials of TPE with the median pruner."""
    return cell.pick(*run_tpe(cell.probe, cell.bench.seed))


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
