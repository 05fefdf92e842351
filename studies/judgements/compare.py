"""How right verdicts are: what was recorded on each probe, beside what the recorded runs know.

Searches are replayed as in ``studies.recorded.replay``. A verdict on a rate is about runs of the
probe's length, so the truth is the best rate among such runs of the same task with the same seed,
inside the range of the search: it lies below (``overshoot``), above (``undershoot``) or here
(``balanced``), where here is within half a point of the search's grid, or within 1 % of the
attainable loss reduction.

    python -m studies.judgements.compare
    python -m studies.judgements.compare --held-out other.jsonl.gz --figure confidence.png
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import optuna

from optuna_bisect import BisectionSampler, VerdictPruner
from optuna_bisect.search.grid import SPACING
from studies.judgements.reliability_figure import write_reliability
from studies.judgements.tables import Judgement, print_tables
from studies.recorded.bench import Bench, Setting, Task, load, nearest
from studies.recorded.searches import search
from studies.shared.probe_searches import EXPONENT
from studies.sweeps.archive import table_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from optuna.trial import FrozenTrial

# Half a point of the grid, in decades.
HALF_POINT = math.log10(SPACING) / 2
# Ends that differ by less than this share of the attainable loss reduction are equally good.
SAME = 0.01
RANGES = ((1e-6, 1.0), (1e-5, 10.0), (1e-8, 100.0))
# What tells the rules' reasons apart; the first that fits.
RULES = {
    "not finite": "is not finite",
    "answered by others": "answered by others",
    "above the initial loss": "above the initial",
    "turned round": "turned round",
    "moved and came back": "went from",
    "no progress, higher since": "ever since",
    "no progress": "no progress beyond",
    "alone, straight": "still descends",
    "alone, flattened": "descends from",
    "end, best so far": "the best so far",
    "end, as good": "as good",
    "end, behind": "ends at",
    "cut behind the incumbent": "progress",
}


class Truth(NamedTuple):
    """What the recorded runs of one task with one seed say.

    Args:
        best: Best rate of runs of the probe's length inside the range.
        full_best: Best rate of the full run inside the range, corrected for the probe's length.
        loss: Share of the attainable loss reduction that a rate misses at the probe's length.
    """

    best: float
    full_best: float
    loss: Callable[[float], float]

    def about(self, lr: float) -> str:
        """Return the verdict that is right about a rate."""
        return "balanced" if self.loss(lr) <= SAME else _side(lr, self.best)

    def about_full(self, lr: float) -> str:
        """Return the verdict that would be right about full runs."""
        return _side(lr, self.full_best)


def _side(lr: float, best: float) -> str:
    decades = math.log10(lr / best)
    if abs(decades) <= HALF_POINT:
        return "balanced"
    return "overshoot" if decades > 0 else "undershoot"


def rule_of(reason: str) -> str:
    """Return the rule that gives such a reason."""
    return next(rule for rule, phrase in RULES.items() if phrase in reason)


def find_truth(task: Task, bench: Bench) -> Truth:
    """Look up which rate is best among those that the search can reach."""

    def end(lr: float) -> float:
        last = task.curve(lr, bench.seed)[-1]
        return min(last, task.initial) if math.isfinite(last) else task.initial

    # A rate outside the recorded ones counts as the nearest recorded one.
    low, high = nearest(bench.low, task.rates), nearest(bench.high, task.rates)
    inside = [rate for rate in task.rates if low <= rate <= high]
    best = min(inside, key=end)
    full_best = min(inside, key=task.regret) / bench.probe_share**EXPONENT
    attainable = task.initial - end(best)
    return Truth(best, full_best, lambda lr: (end(lr) - end(best)) / attainable)


def judge_search(task: Task, setting: Setting, seed: int) -> Iterator[Judgement]:
    """Replay one search and hold its verdicts against the truth."""
    bench = Bench(task, setting, seed)
    sampler = BisectionSampler(horizon_exponent=EXPONENT, seed=bench.seed, **bench.steps)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    search(study, bench)
    truth = find_truth(task, bench)
    for trial in study.trials:
        attrs = trial.user_attrs
        if attrs.get("bisect_role") == "probe" and "bisect_verdict" in attrs:
            yield _compare(trial, task.name, truth, bench)


def _compare(trial: FrozenTrial, task: str, truth: Truth, bench: Bench) -> Judgement:
    attrs, lr = trial.user_attrs, trial.params["lr"]
    return Judgement(
        task=task,
        rule=rule_of(attrs["bisect_reason"]),
        verdict=attrs["bisect_verdict"],
        confidence=attrs["bisect_confidence"],
        share=(trial.last_step or 0) / bench.steps["probe_steps"],
        decades=abs(math.log10(lr / truth.best)),
        truth=truth.about(lr),
        full_truth=truth.about_full(lr),
    )


def collect(paths: Iterable[Path], settings: Iterable[Setting], n_seeds: int) -> list[Judgement]:
    """Replay all tasks of some tables under all settings, with every seed."""
    by_horizon = defaultdict(list)
    for setting in settings:
        by_horizon[setting.horizon].append(setting)
    found = []
    for horizon, group in by_horizon.items():
        tasks = load(paths, horizon)
        for setting in group:
            for seed in range(n_seeds):
                found += [j for task in tasks for j in judge_search(task, setting, seed)]
    return found


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add = parser.add_argument
    add("--tables", nargs="+", type=Path, default=[table_path("constant")])
    add("--held-out", nargs="+", type=Path, default=[], help="tables that nothing was fitted on")
    add("--horizon", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="share of a full run")
    add("--range", type=float, nargs=2, action="append", metavar=("LOW", "HIGH"))
    add("--seeds", type=int, default=5, help="shifts of the range")
    add("--noise", type=float, default=0.0, help="relative noise of each report")
    add("--workers", type=int, default=1, help="workers that report in turn")
    add("--figure", type=Path, help="write stated confidence over observed share")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Replay, print the tables and draw the figure."""
    options = parse(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    settings = [
        Setting(horizon, low, high, options.noise, workers=options.workers)
        for horizon in options.horizon
        for low, high in options.range or RANGES
    ]
    groups = {"own sweeps": options.tables, "held out": options.held_out}
    found = {
        name: collect(paths, settings, options.seeds) for name, paths in groups.items() if paths
    }
    for name, judgements in found.items():
        print_tables(name, judgements, tuple(RULES))
    if options.figure:
        write_reliability(found, options.figure)


if __name__ == "__main__":
    main()
