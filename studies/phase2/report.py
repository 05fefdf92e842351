"""The tables of the comparison: lowest losses, relative to cosine's from its own best start."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

from studies.phase2.methods import FIXED, OURS, RIVALS
from studies.phase2.rows import FACTORS
from studies.phase2.tasks import HELD_OUT, TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studies.phase2.rows import Row


class Results:
    """Geometric means over seeds of one metric, by task, method and factor.

    Args:
        rows: All runs.
        metric: ``"lowest"`` or ``"last"``.
        seeds: Which seeds count; None: all.
    """

    def __init__(
        self, rows: Sequence[Row], metric: str = "lowest", seeds: Sequence[int] | None = None
    ) -> None:
        self._values: dict[tuple[str, str, float], list[float]] = {}
        for row in rows:
            if row.method != "search" and (seeds is None or row.seed in seeds):
                factors = FACTORS if row.method == "prodigy" else (row.factor,)
                for factor in factors:
                    key = (row.task, row.method, factor)
                    value = min(getattr(row, metric), 1e3)
                    self._values.setdefault(key, []).append(math.log(value))

    def mean(self, task: str, method: str, factor: float) -> float:
        """Return the geometric mean over seeds, NaN where there is no run."""
        values = self._values.get((task, method, factor))
        return math.exp(fmean(values)) if values else math.nan

    def count(self, method: str, factor: float, tasks: Sequence[str]) -> int:
        """Count the runs."""
        return sum(len(self._values.get((task, method, factor), ())) for task in tasks)

    def best(self, task: str, method: str = "cosine") -> float:
        """Return the mean at the method's own best start."""
        means = [self.mean(task, method, factor) for factor in FACTORS]
        return min((m for m in means if not math.isnan(m)), default=math.nan)

    def ratio(self, method: str, factor: float, tasks: Sequence[str]) -> float:
        """Return the geometric mean over tasks, relative to cosine from its own best start."""
        ratios = [self.mean(task, method, factor) / self.best(task) for task in tasks]
        known = [math.log(ratio) for ratio in ratios if not math.isnan(ratio)]
        return math.exp(fmean(known)) if known else math.nan


def print_report(rows: Sequence[Row], seeds: Sequence[int]) -> None:
    """Print all tables."""
    chosen = [task for task in TASKS if task not in HELD_OUT]
    for name, tasks in (("all tasks", list(TASKS)), ("chosen on", chosen), ("held out", HELD_OUT)):
        for metric in ("lowest", "last"):
            print(f"\n{name}, {metric} validation loss / cosine's from its own best start\n")
            print_table(Results(rows, metric, seeds), tasks)
    print_tasks(Results(rows, "lowest", seeds))
    print_bars(Results(rows, "lowest", seeds), list(TASKS))
    print_ablations(rows)


def print_ablations(rows: Sequence[Row]) -> None:
    """Print the parts of Phase 2, on the runs that all of them have."""
    keys = [{(r.task, r.factor, r.seed) for r in rows if r.method == m} for m in OURS]
    common = set.intersection(*keys)
    chosen = [r for r in rows if (r.task, r.factor, r.seed) in common and r.method in OURS]
    cosine = [r for r in rows if r.method == "cosine" and r.seed in {key[2] for key in common}]
    results = Results([*chosen, *cosine])
    tasks = [task for task in TASKS if any(key[0] == task for key in common)]
    print(f"\nablations, {len(common)} runs each on {', '.join(tasks)}\n")
    print_table(results, tasks)


def print_table(results: Results, tasks: Sequence[str]) -> None:
    """Print methods over start rates."""
    print("| method | " + " | ".join(f"{factor:g}x" for factor in FACTORS) + " |")
    print("| --- |" + " --- |" * len(FACTORS))
    for method in ("phase 2", *RIVALS, *(m for m in OURS if m != "phase 2")):
        cells = [results.ratio(method, factor, tasks) for factor in FACTORS]
        if not all(math.isnan(cell) for cell in cells):
            texts = ["" if math.isnan(cell) else f"{cell:.3f}" for cell in cells]
            print(f"| {method} | " + " | ".join(texts) + " |")


def print_tasks(results: Results) -> None:
    """Print the lowest loss of every task: of Phase 2 by start, and of all methods at 1x."""
    print("\nphase 2 by task and start\n\n| task | 0.1x | 1x | 10x | cosine's best |")
    print("| --- " * 5 + "|")
    for task in TASKS:
        own = [f"{results.mean(task, 'phase 2', factor):.4g}" for factor in (0.1, 1.0, 10.0)]
        print(f"| {task} | " + " | ".join([*own, f"{results.best(task):.4g}"]) + " |")
    methods = ["phase 2", *RIVALS]
    print("\nat 1x, by task\n\n| task | " + " | ".join(methods) + " |")
    print("| --- |" + " --- |" * len(methods))
    for task in TASKS:
        means = [f"{results.mean(task, method, 1.0):.4g}" for method in methods]
        print(f"| {task} | " + " | ".join(means) + " |")


def print_bars(results: Results, tasks: Sequence[str]) -> None:
    """Print what the bars of the plan ask for."""
    own = results.ratio("phase 2", 1.0, tasks)
    print(f"\nbar 1: {own:.3f} of cosine from its best start (at most 0.99)")
    for rival in ("plateau", "greedy"):
        print(f"bar 1: {own / results.ratio(rival, 1.0, tasks):.3f} of {rival} (at most 0.97)")
    for factor in (0.1, 10.0):
        wrong = results.ratio("phase 2", factor, tasks)
        print(f"bar 2: {factor:g}x is {wrong / own:.3f} of its own 1x (at most 1.10)")
        for method in FIXED:
            share = wrong / results.ratio(method, factor, tasks)
            print(f"bar 2: {factor:g}x is {share:.3f} of {method} (at most 0.90)")
    for task in tasks:
        means = {m: results.mean(task, m, 1.0) for m in RIVALS}
        best = min((m for m in means if not math.isnan(means[m])), key=lambda m: means[m])
        share = results.mean(task, "phase 2", 1.0) / means[best]
        print(f"bar 3: {task}: {share:.3f} of the best rival, {best} (at most 1.03)")
