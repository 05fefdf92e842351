"""The searches of a cell (one task with one seed) that several methods share."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import optuna
import torch

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from studies.shared.data import loss_of
from studies.shared.probe_searches import EXPONENT, HIGH, LOW, run_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studies.epochs.bench import Bench, Minimum


class Pick(NamedTuple):
    """The rate that a method chose, what it paid for it in steps, and the run that it led to."""

    lr: float
    n_steps: int
    minima: list[Minimum]


class Sweep(NamedTuple):
    """A range test: rates and smoothed losses, and torch-lr-finder's suggestion."""

    rates: list[float]
    losses: list[float]
    suggestion: float


class Found(NamedTuple):
    """What a study of this package gave.

    Attributes:
        winner: The winner's own rate.
        corrected: That rate for the full run.
        n_steps: Steps before the first final trial.
        minima: What the last final trial reached when.
        n_paid: Steps before the last final trial, others that diverged included.
    """

    winner: float
    corrected: float
    n_steps: int
    minima: list[Minimum]
    n_paid: int = 0


class Cell:
    """One bench with the searches that several methods share."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def pick(self, lr: float, n_steps: int) -> Pick:
        """Train in full at the rate; without a rate there is no run."""
        minima = self.bench.full_run(lr) if math.isfinite(lr) else []
        return Pick(lr, n_steps, minima)

    @cached_property
    def probe_seed(self) -> int:
        """The seed that this package gives its probes, for all methods that use probes."""
        trial = optuna.create_study(sampler=_sampler(self.bench)).ask()
        return trial_plan(trial).seed or 0

    def probe(self, lr: float) -> Iterator[tuple[int, float]]:
        """Yield step and loss of every batch of a probe."""
        return self.bench.probe(lr, self.probe_seed)

    @cached_property
    def sweep(self) -> Sweep:
        """The range test of torch-lr-finder with its defaults, from 1e-7 to 10."""
        return _range_test(self.bench)

    @cached_property
    def grid(self) -> dict[float, float]:
        """The last report of a probe at each of six rates, evenly spaced in log space."""
        return run_grid(self.probe)

    @cached_property
    def found(self) -> Found:
        """The study of this package, search and final trial."""
        return _bisect(self.bench)

    def correction(self, exponent: float) -> float:
        """Return the factor for the longer horizon."""
        return float((self.bench.probe_steps / self.bench.n_steps) ** exponent)


def _range_test(bench: Bench) -> Sweep:
    # Late: it loads matplotlib, and warns about its progress bar.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matplotlib.figure import Figure  # noqa: PLC0415
        from torch_lr_finder import LRFinder  # noqa: PLC0415
    data = torch.utils.data.TensorDataset(bench.data.inputs, bench.data.targets)
    loader = torch.utils.data.DataLoader(
        data,
        bench.task.batch_size,
        shuffle=True,
        drop_last=True,
        generator=torch.Generator().manual_seed(bench.seed),
    )
    optimizer = bench.start(1e-7, bench.seed)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        finder = LRFinder(bench.model, optimizer, loss_of)
        finder.range_test(loader, end_lr=10, num_iter=100)
        try:
            _, suggestion = finder.plot(ax=Figure().subplots())
        except RuntimeError:  # its answer to a sweep that it stopped after a few batches
            suggestion = math.nan
    return Sweep(finder.history["lr"], finder.history["loss"], float(suggestion))


def _sampler(bench: Bench) -> BisectionSampler:
    return BisectionSampler(
        probe_steps=bench.probe_steps,
        final_steps=bench.n_steps,
        horizon_exponent=EXPONENT,
        seed=bench.seed,
    )


def _bisect(bench: Bench) -> Found:
    """Run the study as the README shows it; its final trial is a full run with Phase 2."""
    paid = 0
    finals: list[Found] = []

    def objective(trial: optuna.Trial) -> float:
        nonlocal paid
        lr, plan, before = trial.suggest_float("lr", LOW, HIGH, log=True), trial_plan(trial), paid
        seed = bench.full_seed if plan.is_final else plan.seed or 0
        optimizer = bench.start(lr, seed)
        scheduler = BisectionLR.for_trial(optimizer, trial, restore=(bench.model, optimizer))
        losses = _scheduled(bench.losses(optimizer, seed, bench.n_steps), scheduler)
        if plan.is_final:
            finals.append(Found(plan.start_lr or lr, lr, before, []))
            losses = bench.watch(losses, finals[-1].minima)
        for step, loss in enumerate(losses):
            paid = before + step + 1
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return bench.held_loss()

    study = optuna.create_study(sampler=_sampler(bench), pruner=VerdictPruner())
    study.optimize(objective, n_trials=50)
    if not finals:
        return Found(math.nan, math.nan, paid, [])
    # Where a final trial diverged, the search went on; the first one is what the search found.
    return finals[0]._replace(minima=finals[-1].minima, n_paid=finals[-1].n_steps)


def _scheduled(losses: Iterator[float], scheduler: BisectionLR) -> Iterator[float]:
    """Let the scheduler see every loss; where it went back, repeat the last good one."""
    good = math.inf
    for loss in losses:
        good = good if scheduler.step(loss) else loss
        yield good
