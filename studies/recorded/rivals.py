"""The rivals of the replay: grids, and Optuna's samplers with its pruners; each on the same range.

A loss that is not finite counts as the untrained loss for all of them: a huge number in its place
would tell a model of the loss that nothing else matters.
"""

from __future__ import annotations

import math
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import GPSampler, QMCSampler, TPESampler

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.parabola import fit_rate
from optuna_bisect.search.probe import Probe
from optuna_bisect.verdicts.comparison import is_behind
from optuna_bisect.verdicts.curve import Curve
from studies.recorded.bench import N_REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import Trial

    from studies.recorded.bench import Bench

    # Takes a bench and returns the best rate of its probes.
    Search = Callable[[Bench], float]

N_POINTS = 6
# Reports before halving and Hyperband look first; after one, the first updates decide too much.
N_FIRST = 2


def corrected(search: Search, exponent: float) -> Search:
    """Correct the pick of a search for the longer run by a plain power of the probe's share."""
    return lambda bench: search(bench) * bench.probe_share**exponent


def stock(
    make_sampler: Callable[[int], Any], make_pruner: Callable[[], Any], n_trials: int
) -> Search:
    """Search with a sampler and a pruner of Optuna."""

    def search(bench: Bench) -> float:
        def objective(trial: Trial) -> float:
            lr = trial.suggest_float("lr", bench.low, bench.high, log=True)
            value = bench.initial
            for i, loss in enumerate(bench.reports(lr), start=1):
                value = loss if math.isfinite(loss) else bench.initial
                trial.report(value, i)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return value

        with warnings.catch_warnings():
            # Optuna calls two of the samplers experimental.
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = make_sampler(bench.seed)
        study = optuna.create_study(sampler=sampler, pruner=make_pruner())
        study.optimize(objective, n_trials=n_trials)
        return float(study.best_params["lr"])

    return search


def grid_rates(bench: Bench) -> list[float]:
    """Return six rates of the range, evenly spaced in log space, ascending."""
    ratio = bench.high / bench.low
    return [bench.low * ratio ** ((i + 0.5) / N_POINTS) for i in range(N_POINTS)]


def grid(bench: Bench) -> float:
    """Run a whole probe at each of six rates; the lowest last report wins."""
    lasts = {lr: list(bench.reports(lr))[-1] for lr in grid_rates(bench)}
    ends = {lr: loss if math.isfinite(loss) else bench.initial for lr, loss in lasts.items()}
    return min(ends, key=ends.__getitem__)


class WideGrid(Grid):
    """A grid of this package with six points in the range, whatever its width."""

    @cached_property
    def _step(self) -> float:
        return math.log(self.high / self.low) / N_POINTS


def cut_grid(bench: Bench) -> float:
    """Run six rates, middle first, with our cut of a run that falls behind and our parabola."""
    rates = grid_rates(bench)
    middle = (N_POINTS - 1) / 2
    # The lower of the two middles is the first.
    order = sorted(range(N_POINTS), key=lambda i: abs(i - middle))
    points = WideGrid(bench.low, bench.high, origin=rates[order[0]])
    probes: list[Probe] = []
    for number, i in enumerate(order):
        best = assess(probes, points).incumbent
        probes.append(_run_or_cut(bench, number, rates[i], best))
    evidence = assess(probes, points)
    return fit_rate(evidence) if evidence.incumbent else math.nan


def _run_or_cut(bench: Bench, number: int, lr: float, best: Probe | None) -> Probe:
    """Run one probe until it is behind the best one so far at equal steps."""
    curve = Curve((0,), (bench.initial,))
    for i, loss in enumerate(bench.reports(lr), start=1):
        curve = Curve((*curve.steps, i * bench.steps_per_report), (*curve.losses, loss))
        # A run that is behind at its end has run in full.
        is_open = best is not None and i < N_REPORTS
        if is_open and is_behind(curve, bench.initial, best.curve) is not None:
            return Probe(number, lr, curve, is_full=False)
    return Probe(number, lr, curve)


def _median() -> MedianPruner:
    return MedianPruner(n_startup_trials=3, n_warmup_steps=2)


def _halving() -> SuccessiveHalvingPruner:
    return SuccessiveHalvingPruner(min_resource=N_FIRST)


def _hyperband() -> HyperbandPruner:
    return HyperbandPruner(min_resource=N_FIRST, max_resource=N_REPORTS)


def _tpe(seed: int) -> TPESampler:
    return TPESampler(seed=seed)


def _quasi_random(seed: int) -> QMCSampler:
    return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _gaussian_process(seed: int) -> GPSampler:
    # Its default of ten random trials would leave no model for eight.
    return GPSampler(seed=seed, n_startup_trials=3, deterministic_objective=True)


RIVALS: dict[str, Search] = {
    "grid6": grid,
    "cut-grid6": cut_grid,
    "qmc16+halving": stock(_quasi_random, _halving, 16),
    "tpe20+median": stock(_tpe, _median, 20),
    "tpe20+hyperband": stock(_tpe, _hyperband, 20),
    "gp8": stock(_gaussian_process, NopPruner, 8),
}
