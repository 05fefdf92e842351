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
        label: The method.
        ratios: By task, the geometric mean over seeds of its lowest validation loss relative to
            the best of five cosine runs of the same seed.
        paid: Mean updates paid, in full runs.
        worst: The highest ratio of a single run.
        is_own: Whether the method is of this package.
        rates: By task, the rates of its runs, in the order of the seeds.
    """

    label: str
    ratios: dict[str, float]
    paid: float
    worst: float
    is_own: bool
    rates: dict[str, list[float]]

    @property
    def mean(self) -> float:
        """The geometric mean over the tasks."""
        return geometric_mean(self.ratios.values())


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
        min(runs, key=lambda r: r.lowest)._replace(n_steps=sum(r.n_steps for r in runs))
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
            if name == "cosine":
                label = f"cosine, {variant:g}x the default rate"
                label = "cosine, default rate" if variant == 1 else label
            else:
                label = method.label + (f", {variant:g}x" if len(method.variants) > 1 else "")
            if chosen:
                yield label, chosen


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
    is_own = rows[0].method in ("phase2", "own-cosine", "race")
    return Score(label, means, paid, worst, is_own, rates)
