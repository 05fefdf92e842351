"""The table of the benchmark: losses beside those of the other methods, by budget."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from studies.configurations.methods import METHODS, Ours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RIVALS = [name for name, method in METHODS.items() if not isinstance(method, Ours)]


class Cell(NamedTuple):
    """One study: what was tuned, by what, for how much, and from which seed."""

    task: str
    method: str
    budget: int
    seed: str


class Line(NamedTuple):
    """A method at one budget.

    Attributes:
        loss: Final losses over those of ``beside``, geometric mean.
        wins: In how many of the ``n`` pairs of task and seed it is the lower one.
        paid: Updates paid for the search in full runs, mean.
    """

    method: str
    budget: int
    loss: float
    wins: int
    n: int
    paid: float


def read_losses(rows: Sequence[Mapping[str, str]]) -> dict[Cell, float]:
    """Return the final loss of each study."""
    return {_cell(row): float(row["loss"]) for row in rows}


def _cell(row: Mapping[str, str]) -> Cell:
    return Cell(row["task"], row["method"], int(row["budget"]), row["seed"])


def compare(rows: Sequence[Mapping[str, str]]) -> list[Line]:
    """Compare each method with the best rival of each task and budget.

    That is the rival with the lowest geometric mean over seeds, chosen by the losses that it is
    compared by, which is hard on whom it is compared with. Pairs that a method has not run are
    left out.
    """
    losses = read_losses(rows)
    paid = {_cell(row): float(row["paid"]) for row in rows}
    lines = []
    for budget in sorted({cell.budget for cell in losses}):
        for method in METHODS:
            own = [c for c in losses if (c.method, c.budget) == (method, budget)]
            ratios = [
                losses[cell] / losses[beside]
                for cell in own
                if (beside := cell._replace(method=_best_rival(losses, cell))) in losses
            ]
            if ratios:
                mean, wins = statistics.geometric_mean(ratios), sum(r < 1 for r in ratios)
                cost = statistics.fmean(paid[cell] for cell in own)
                lines.append(Line(method, budget, mean, wins, len(ratios), cost))
    return lines


def _best_rival(losses: Mapping[Cell, float], place: Cell) -> str:
    """Return the rival that is best on a task and a budget, over the seeds that all rivals ran."""
    seeds = {c.seed for c in losses if (c.task, c.budget) == (place.task, place.budget)}
    known = {
        name: {s for s in seeds if place._replace(method=name, seed=s) in losses}
        for name in RIVALS
    }
    common = set.intersection(*known.values()) or seeds

    def mean(name: str) -> float:
        found = [place._replace(method=name, seed=s) for s in common & known[name]]
        return statistics.geometric_mean(losses[c] for c in found) if found else float("inf")

    return min(RIVALS, key=mean)


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Format the comparison, one line a method, three columns a budget."""
    found = {(line.method, line.budget): line for line in compare(rows)}
    budgets = sorted({budget for _, budget in found})
    heads = [f"{b} full run{'s' * (b > 1)}: loss | lower in | paid" for b in budgets]
    lines = ["| method | " + " | ".join(heads) + " |", "| --- |" + " --- |" * 3 * len(budgets)]
    for method in METHODS:
        cells = [_format(found.get((method, budget))) for budget in budgets]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines


def _format(line: Line | None) -> str:
    if line is None:
        return "not run | | "
    return f"{line.loss:.3f} | {line.wins} of {line.n} | {line.paid:.2f}"
