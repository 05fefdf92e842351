"""What the rows say: losses relative to the best of five cosine runs, and the updates paid."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from studies.full_runs.methods import HALF_DECADES, METHODS
from studies.full_runs.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from studies.full_runs.rows import Row

BASELINE = "best of five cosine runs"


class Score(NamedTuple):
    """One line of the table.

    Attributes:
        label: What the line is called.
        method: Name of the method; ``"best"`` for the best of five cosine runs.
        variant: Factor of the field's default rate.
        ratios: By task, the geometric mean over seeds of its lowest validation loss relative to
            the best of five cosine runs of the same seed.
        paid: Mean updates paid, in full runs.
        worst: The highest ratio of a single run.
        rates: By task, the rates of its runs, in the order of the seeds.
    """

    label: str
    method: str
    variant: float
    ratios: dict[str, float]
    paid: float
    worst: float
    rates: dict[str, list[float]]

    @property
    def mean(self) -> float:
        """The geometric mean over the tasks."""
        return geometric_mean(self.ratios.values())

    @property
    def is_own(self) -> bool:
        """Whether the method is of this package."""
        return self.method in ("phase2", "own-cosine", "race")


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(fmean(math.log(value) for value in values))


def best_cosines(rows: Sequence[Row]) -> list[Row]:
    """Return the best of five cosine runs, by task and seed, where all five are there."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row.method == "cosine":
            found.setdefault((row.task, row.seed), []).append(row)
    whole = [runs for runs in found.values() if len(runs) == len(HALF_DECADES)]
    return [
        min(runs, key=lambda r: r.lowest)._replace(
            method="best", variant=1.0, n_steps=sum(r.n_steps for r in runs)
        )
        for runs in whole
    ]


def scores(rows: Sequence[Row]) -> list[Score]:
    """Score every method on the tasks and seeds that have all five cosine runs."""
    best = best_cosines(rows)
    lowest = {(row.task, row.seed): row.lowest for row in best}
    known = [row for row in rows if (row.task, row.seed) in lowest]
    return [score(label, chosen, lowest) for label, chosen in groups(known, best)]


def groups(rows: Sequence[Row], best: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield each line's label and runs."""
    if best:
        yield BASELINE, list(best)
    for name, method in METHODS.items():
        for variant in method.variants:
            chosen = [row for row in rows if (row.method, row.variant) == (name, variant)]
            suffix = f", {variant:g}x the default" if len(method.variants) > 1 else ""
            if chosen:
                yield method.label + suffix, chosen


def score(label: str, rows: Sequence[Row], lowest: dict[tuple[str, int], float]) -> Score:
    """Compare runs with the best cosine of the same task and seed."""
    ratios: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: (list(TASKS).index(row.task), row.seed)):
        ratios.setdefault(row.task, []).append(row.lowest / lowest[row.task, row.seed])
        rates.setdefault(row.task, []).append(row.rate)
    means = {task: geometric_mean(values) for task, values in ratios.items()}
    paid = fmean(row.n_steps / TASKS[row.task].n_steps for row in rows)
    worst = max(value for values in ratios.values() for value in values)
    return Score(label, rows[0].method, rows[0].variant, means, paid, worst, rates)
