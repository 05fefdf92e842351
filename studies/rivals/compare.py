"""Compare ways to find a learning rate on the digits task: what each costs, and what it finds.

Every method sees the same short runs and is judged on one full run at the rate that it picks, at a
constant rate, so that nothing but the pick differs. Run ``python -m studies.rivals.compare``;
rows go to a CSV file, and the same command goes on where it stopped. ``--table`` prints the table.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import optuna
import torch

from optuna_bisect import BisectionSampler
from studies.digits_task import OPTIMIZERS, batches, build_model, evaluate, load, train_step
from studies.shared import csv_rows
from studies.shared.probe_searches import (
    DEFAULT_RATES,
    EXPONENT,
    HIGH,
    LOW,
    best_of,
    run_bisection,
    run_grid,
    run_tpe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studies.digits_task import Digits

PROBE_STEPS, FULL_STEPS, N_REPORTS = 100, 2000, 20
ROWS = Path(__file__).parent / "rivals.csv"


class Pick(NamedTuple):
    """The rate that a method chose, and what it paid for it in steps."""

    lr: float
    n_steps: int


class Bench:
    """One optimizer with one seed: probes, and the full run that judges a pick."""

    def __init__(self, digits: Digits, optimizer: str, seed: int) -> None:
        self.optimizer, self.seed, self._digits = optimizer, seed, digits

    def probe(self, lr: float, seed: int) -> Iterator[tuple[int, float]]:
        """Yield step and mean loss since the last report, starting with the untrained loss."""
        return self._train(lr, seed, PROBE_STEPS, PROBE_STEPS // N_REPORTS)

    def judge(self, lr: float) -> tuple[float, float]:
        """Return validation loss and test accuracy of the full run."""
        for _ in self._train(lr, 1000 + self.seed, FULL_STEPS, FULL_STEPS):
            pass
        loss, _ = evaluate(self._model, self._digits.validation)
        return loss, evaluate(self._model, self._digits.test)[1]

    def _train(
        self, lr: float, seed: int, n_steps: int, every: int
    ) -> Iterator[tuple[int, float]]:
        self._model = build_model(seed)
        optimizer = OPTIMIZERS[self.optimizer](self._model, lr)
        losses: list[float] = []
        for step, batch in zip(range(n_steps), batches(self._digits.train, seed)):
            losses.append(train_step(self._model, optimizer, batch))
            if step == 0 or (step + 1) % every == 0:
                yield step, sum(losses) / len(losses)
                losses.clear()


def default(bench: Bench) -> Pick:
    """Search nothing."""
    return Pick(DEFAULT_RATES[bench.optimizer], 0)


def grid(exponent: float) -> Callable[[Bench], Pick]:
    """Take the best of six probes."""

    def search(bench: Bench) -> Pick:
        ends = run_grid(partial(bench.probe, seed=bench.seed))
        return Pick(_corrected(best_of(ends), exponent), len(ends) * PROBE_STEPS)

    return search


def tpe(exponent: float) -> Callable[[Bench], Pick]:
    """Take the best of 20 trials of TPE with the median pruner."""

    def search(bench: Bench) -> Pick:
        lr, n_steps = run_tpe(partial(bench.probe, seed=bench.seed), bench.seed)
        return Pick(_corrected(lr, exponent), n_steps)

    return search


def bisection(bench: Bench) -> Pick:
    """Search with this package."""
    sampler = BisectionSampler(
        probe_steps=PROBE_STEPS, final_steps=FULL_STEPS, horizon_exponent=EXPONENT, seed=bench.seed
    )
    return Pick(*run_bisection(bench.probe, sampler, (LOW, HIGH)))


def _corrected(lr: float, exponent: float) -> float:
    return lr * (PROBE_STEPS / FULL_STEPS) ** exponent


METHODS: dict[str, Callable[[Bench], Pick]] = {
    "fixed default": default,
    "grid of 6": grid(0.0),
    "grid of 6 + our correction": grid(EXPONENT),
    "20 TPE + median": tpe(0.0),
    "20 TPE + median + our correction": tpe(EXPONENT),
    "optuna_bisect": bisection,
}


def run(path: Path, optimizers: list[str], n_seeds: int) -> None:
    """Append a row for every method, optimizer and seed that the file does not hold yet."""
    done = {(row["method"], row["optimizer"], row["seed"]) for row in csv_rows.read(path)}
    digits = load()
    for optimizer, seed, (name, method) in product(optimizers, range(n_seeds), METHODS.items()):
        if (name, optimizer, str(seed)) in done:
            continue
        bench = Bench(digits, optimizer, seed)
        pick = method(bench)
        loss, accuracy = bench.judge(pick.lr)
        row = {"method": name, "optimizer": optimizer, "seed": seed, "lr": pick.lr}
        row |= {"cost": pick.n_steps / FULL_STEPS, "loss": loss, "accuracy": accuracy}
        csv_rows.append(path, row)


def format_table(rows: list[dict[str, str]]) -> str:
    """Return the mean over seeds by method and optimizer as Markdown."""
    cells = defaultdict(list)
    for row in rows:
        cells[row["method"], row["optimizer"]].append(row)
    optimizers = sorted({row["optimizer"] for row in rows})
    lines = [
        "| method | " + " | ".join(f"{o}: cost, loss, accuracy" for o in optimizers) + " |",
        "| --- |" + " --- |" * len(optimizers),
    ]
    for method in METHODS:
        texts = [_format_cell(cells[method, optimizer]) for optimizer in optimizers]
        lines.append(f"| {method} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _format_cell(rows: list[dict[str, str]]) -> str:
    if not rows:
        return ""
    means = [statistics.fmean(float(row[c]) for row in rows) for c in ("cost", "loss", "accuracy")]
    return f"{means[0]:.2f}, {means[1]:.3f}, {means[2]:.3f}"


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add, defaults = parser.add_argument, ["momentum", "adam"]
    add("--rows", type=Path, default=ROWS)
    add("--optimizers", nargs="+", choices=list(OPTIMIZERS), default=defaults)
    add("--seeds", type=int, default=3)
    add("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not options.table:
        run(options.rows, options.optimizers, options.seeds)
    print(format_table(csv_rows.read(options.rows)))


if __name__ == "__main__":
    main()
