"""What deciding costs, in memory: our sampler and pruner beside Optuna's own, within one run.

    python -m studies.scaling.overhead
    python -m studies.scaling.overhead --part trials --trials 50 1000

The parts: ``trials``, ask and suggest among finished probes, beside RandomSampler and TPESampler;
``reports``, a whole probe of many reports, beside no pruner; ``median``, one ``should_prune``
among finished trials, beside MedianPruner. The objective does not count.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

import optuna
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from studies.scaling.rounds import loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

RATE = FloatDistribution(1e-6, 1.0, log=True)
BEST_RATE = 1e-2
N_REPORTS, STEPS_PER_REPORT = 20, 5
# What the sampler is told: a search that ends in a final trial, and one that goes on for ever.
SEARCHES = {
    "with lengths": {"probe_steps": N_REPORTS * STEPS_PER_REPORT, "final_steps": 5_000},
    "endless": {},
}


def curve(lr: float, n_reports: int) -> dict[int, float]:
    """Return the reports of a probe by step."""
    steps = [STEPS_PER_REPORT * (i + 1) - 1 for i in range(n_reports)]
    return {step: loss(lr, BEST_RATE, step) for step in steps}


def end(study: optuna.Study, trial: optuna.Trial, n_reports: int) -> None:
    """End a trial: a probe as probes end; a final trial as if its worker were killed."""
    if trial_plan(trial).is_final:
        # Another worker takes it over, so that the next trial has the same to decide.
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return
    reports = curve(trial.params["lr"], n_reports)
    for step, value in reports.items():
        trial.report(value, step)
    if reports:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, loss(trial.params["lr"], BEST_RATE, 99))


def finished_probes(settings: dict[str, int], n_trials: int, n_reports: int) -> list[FrozenTrial]:
    """Make probes at rates all over the range, with the attributes that our sampler writes."""
    study = optuna.create_study(sampler=BisectionSampler(**settings))
    end(study, ask(study), n_reports)
    (first,) = study.trials
    rates = [10 ** (-6 + 6 * (i * 0.618 % 1)) for i in range(n_trials)]
    return [
        optuna.create_trial(
            state=first.state,
            params={"lr": lr},
            distributions={"lr": RATE},
            intermediate_values=curve(lr, n_reports),
            value=None if n_reports else loss(lr, BEST_RATE, 99),
            user_attrs=first.user_attrs | {"bisect_number": i},
        )
        for i, lr in enumerate(rates)
    ]


def ask(study: optuna.Study) -> optuna.Trial:
    """Ask for a trial and its rate."""
    trial = study.ask()
    trial.suggest_float("lr", RATE.low, RATE.high, log=True)
    return trial


class Asking(NamedTuple):
    """Seconds of ``ask`` and ``suggest_float``, and the role that the last trial got."""

    first: float
    median: float
    role: str | None


def time_asking(
    sampler: BaseSampler, probes: Sequence[FrozenTrial], n_reports: int, n_calls: int
) -> Asking:
    """Time a first call, and calls between which one more trial finishes each time."""
    study = optuna.create_study(sampler=sampler)
    study.add_trials(probes)
    times = []
    for _ in range(n_calls + 1):
        begin = time.perf_counter()
        trial = ask(study)
        times.append(time.perf_counter() - begin)
        role = trial_plan(trial).role
        end(study, trial, n_reports)
    return Asking(times[0], statistics.median(times[1:]), role)


def print_trials(n_trials: int, n_reports: int, n_calls: int) -> None:
    """Print both searches beside the two samplers that everybody uses."""
    probes = finished_probes({}, n_trials, n_reports)
    random = time_asking(RandomSampler(seed=0), probes, n_reports, n_calls).median
    tpe = time_asking(TPESampler(seed=0), probes, n_reports, n_calls).median
    for name, settings in SEARCHES.items():
        own = finished_probes(settings, n_trials, n_reports)
        ours = time_asking(BisectionSampler(**settings), own, n_reports, n_calls)
        print(
            f"| {n_trials} | {n_reports} | {name}, {ours.role} | {1e3 * ours.first:.2f} "
            f"| {1e3 * ours.median:.3f} | {ours.median / random:.1f} | {ours.median / tpe:.2f} |",
            flush=True,
        )


def time_probe(pruner: BasePruner, n_reports: int) -> float:
    """Return the seconds of a probe that reports at every step, beside a finished one."""
    sampler = BisectionSampler(probe_steps=n_reports, final_steps=50 * n_reports)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    other = ask(study)
    for step in range(n_reports):
        other.report(2.3 - step / n_reports, step)
    study.tell(other, state=TrialState.PRUNED)
    trial = ask(study)
    begin = time.perf_counter()
    for step in range(n_reports):
        trial.report(2.3 - 1.1 * step / n_reports, step)
        if trial.should_prune() and step < n_reports - 1:
            raise RuntimeError(f"the probe was cut at step {step}")
    return time.perf_counter() - begin


def print_reports(n_reports: int) -> None:
    """Print one line: a probe with our pruner beside one with none."""
    ours, none = (time_probe(pruner, n_reports) for pruner in (VerdictPruner(), NopPruner()))
    print(
        f"| {n_reports} | {ours:.2f} | {none:.2f} | {ours / none:.2f} "
        f"| {1e3 * (ours - none) / n_reports:.3f} |",
        flush=True,
    )


def time_pruner(pruner: BasePruner, n_trials: int, n_reports: int, n_calls: int) -> float:
    """Return the median time of ``should_prune`` in a trial with many reports."""
    study = optuna.create_study(sampler=RandomSampler(seed=0), pruner=pruner)
    study.add_trials(finished_probes({}, n_trials, 0))
    trial = ask(study)
    for step in range(n_reports):
        trial.report(1.0 / (1 + step), step)
    times = []
    for _ in range(n_calls + 1):
        begin = time.perf_counter()
        trial.should_prune()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def print_median(n_trials: int, n_reports: int, n_calls: int) -> None:
    """Print one line: our pruner beside Optuna's."""
    ours = time_pruner(VerdictPruner(), n_trials, n_reports, n_calls)
    stock = time_pruner(MedianPruner(), n_trials, n_reports, n_calls)
    print(f"| {n_trials} | {n_reports} | {1e3 * ours:.3f} | {ours / stock:.2f} |")


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add, parts = parser.add_argument, ["trials", "reports", "median"]
    add("--part", nargs="+", choices=parts, default=parts)
    add("--trials", type=int, nargs="+", default=[10, 50, 100, 1_000, 3_000, 10_000])
    add("--reports", type=int, nargs="+", default=[1_000, 8_000, 32_000], help="of a long probe")
    add("--calls", type=int, default=20)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if "trials" in options.part:
        print("| finished probes | reports of each | search, next trial ", end="")
        print("| first call, ms | next calls, ms | of RandomSampler | of TPESampler |")
        print("| --- " * 7 + "|")
        for n_trials in options.trials:
            for n_reports in (0, N_REPORTS):
                print_trials(n_trials, n_reports, options.calls)
    if "reports" in options.part:
        print("\n| reports of a probe | s | s without a pruner | ratio | ms more a report |")
        print("| --- " * 5 + "|")
        for n_reports in options.reports:
            print_reports(n_reports)
    if "median" in options.part:
        print("\n| finished trials | reports | should_prune, ms | of MedianPruner |")
        print("| --- " * 4 + "|")
        print_median(1_000, 1_000, 10 * options.calls)


if __name__ == "__main__":
    main()
