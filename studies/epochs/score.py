"""Targets and scores of epochs to a target, from the rows of the CSV file alone."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rows = Sequence[Mapping[str, str]]
    Minima = list[tuple[int, float]]
    Place = tuple[str, str]

REFERENCE, ORACLE = "reference ", "best rate known"
# Targets, as shares of the attainable loss reduction; the first one counts.
SHARES = (0.98, 0.95, 0.99)


class Score(NamedTuple):
    """What one method needed in one cell.

    Attributes:
        task: Model, size and data set.
        seed: Seed of the cell.
        method: Name of the method.
        search: Epochs of the search.
        run: Epochs of the run until it reached the target; all of them if it never did.
        full: Epochs of a full run.
        is_reached: Whether the run reached the target.
    """

    task: str
    seed: str
    method: str
    search: float
    run: float
    full: float
    is_reached: bool

    @property
    def total(self) -> float:
        """Epochs of search and run."""
        return self.search + self.run


def references(rows: Rows) -> dict[str, dict[float, list[Minima]]]:
    """Return the reference runs by task and rate, one for each seed."""
    found: dict[str, dict[float, list[Minima]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["method"].startswith(REFERENCE):
            found[row["task"]][float(row["lr"])].append(_minima(row))
    return found


def best_rates(rows: Rows) -> dict[str, float]:
    """Return for every task the reference rate with the lowest held-out loss, mean over seeds."""
    return {
        task: min(runs, key=lambda lr: fmean(minima[-1][1] for minima in runs[lr]))
        for task, runs in references(rows).items()
    }


def targets(rows: Rows, share: float) -> dict[str, float]:
    """Return the target of every task: most of the loss reduction that is attainable.

    Args:
        rows: Rows of the file; those of the references count.
        share: The share of the attainable reduction: from the untrained loss down to the lowest
            held-out loss of a full run at the best rate of the dense grid, means over seeds.

    Returns:
        The target loss by task.
    """
    best, found = best_rates(rows), dict[str, float]()
    for task, runs in references(rows).items():
        initial = fmean(minima[0][1] for same in runs.values() for minima in same)
        lowest = fmean(minima[-1][1] for minima in runs[best[task]])
        found[task] = initial - share * (initial - lowest)
    return found


def late_targets(rows: Rows, time: float = 0.75) -> dict[str, float]:
    """Return what a run at the best rate has reached late in the run: another kind of target.

    Args:
        rows: Rows of the file; those of the references count.
        time: When, as a share of a full run.

    Returns:
        By task the lowest loss, over the rates, that the runs of all reference seeds have reached
        by then.
    """
    ends = {row["task"]: time * int(row["full_steps"]) for row in rows}
    return {
        task: min(max(_loss_at(m, ends[task]) for m in same) for same in runs.values())
        for task, runs in references(rows).items()
    }


def _loss_at(minima: Minima, end: float) -> float:
    return [loss for step, loss in minima if step <= end][-1]


def score(rows: Rows, target: Mapping[str, float]) -> list[Score]:
    """Score every row whose task has a target.

    Args:
        rows: Rows of the file.
        target: The loss to reach, by task.

    Returns:
        The scores, in the order of the rows.
    """
    return [
        _score(row, target[row["task"]])
        for row in rows
        if row["task"] in target and not row["method"].startswith(REFERENCE)
    ]


def _score(row: Mapping[str, str], target: float) -> Score:
    epoch, full = int(row["epoch_steps"]), int(row["full_steps"])
    step = first_step(_minima(row), target)
    run = full if step is None else step
    search = int(row["search_steps"]) / epoch
    cell = row["task"], row["seed"], row["method"]
    return Score(*cell, search, run / epoch, full / epoch, is_reached=step is not None)


def first_step(minima: Sequence[tuple[int, float]], target: float) -> int | None:
    """Return the step at which a run first reached a loss, None if it never did.

    Args:
        minima: Step and loss wherever the loss was the lowest so far.
        target: The loss to reach.

    Returns:
        The step.
    """
    return next((step for step, loss in minima if loss <= target), None)


def _minima(row: Mapping[str, str]) -> Minima:
    pairs = (pair.split(":") for pair in row["minima"].split())
    return [(int(step), float(loss)) for step, loss in pairs]


def by_method(scores: Sequence[Score]) -> dict[str, dict[Place, Score]]:
    """Return the scores by method and cell."""
    found: dict[str, dict[Place, Score]] = defaultdict(dict)
    for one in scores:
        found[one.method][one.task, one.seed] = one
    return found
