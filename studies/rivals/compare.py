"""Compare ways to find a learning rate on the digits task: what each costs, and what it finds.

Every method sees the same short runs and is judged on one full run at the rate that it picks, at a
constant rate, so that nothing but the pick differs. Run ``python studies/rivals.py``; rows go to
a CSV file, and the same command goes on where it stopped. ``--table`` prints the table.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import optuna
import torch
from digits_task import OPTIMIZERS, batches, build_model, evaluate, load, train_step

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from digits_task import Digits

LOW, HIGH = 1e-6, 1.0
PROBE_STEPS, FULL_STEPS, N_REPORTS = 100, 2000, 20
EXPONENT = 0.32
# What the frameworks and tutorials suggest where nobody tunes.
DEFAULTS = {"sgd": 1e-2, "momentum": 1e-2, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3}
COLUMNS = ["method", "optimizer", "seed", "lr", "cost", "loss", "accuracy"]


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
        yield from self._train(lr, seed, PROBE_STEPS, PROBE_STEPS // N_REPORTS)

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
    return Pick(DEFAULTS[bench.optimizer], 0)


def grid(n: int, exponent: float) -> Callable[[Bench], Pick]:
    """Run n probes, evenly spaced in log space; the lowest last loss wins."""

    def search(bench: Bench) -> Pick:
        rates = [LOW * (HIGH / LOW) ** ((i + 0.5) / n) for i in range(n)]
        ends = {lr: list(bench.probe(lr, bench.seed))[-1][1] for lr in rates}
        finite = {lr: loss for lr, loss in ends.items() if math.isfinite(loss)}
        return Pick(_corrected(min(finite, key=finite.__getitem__), exponent), n * PROBE_STEPS)

    return search


def tpe(n: int, exponent: float) -> Callable[[Bench], Pick]:
    """Run n trials of TPE with the median pruner: common practice."""

    def search(bench: Bench) -> Pick:
        paid = 0

        def objective(trial: optuna.Trial) -> float:
            nonlocal paid
            lr = trial.suggest_float("lr", LOW, HIGH, log=True)
            before, loss = paid, math.inf
            for step, loss in bench.probe(lr, bench.seed):
                paid = before + step + 1
                trial.report(loss, step)
                if not math.isfinite(loss) or trial.should_prune():
                    raise optuna.TrialPruned
            return loss

        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=bench.seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
        )
        study.optimize(objective, n_trials=n)
        return Pick(_corrected(study.best_params["lr"], exponent), paid)

    return search


def bisection(bench: Bench) -> Pick:
    """Search with this package."""
    paid, final = 0, math.nan

    def objective(trial: optuna.Trial) -> float:
        nonlocal paid, final
        lr, plan = trial.suggest_float("lr", LOW, HIGH, log=True), trial_plan(trial)
        if plan.is_final:
            final = lr
            return 0.0
        before = paid
        for step, loss in bench.probe(lr, plan.seed or 0):
            paid = before + step + 1
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return math.inf

    sampler = BisectionSampler(
        probe_steps=PROBE_STEPS, final_steps=FULL_STEPS, horizon_exponent=EXPONENT, seed=bench.seed
    )
    optuna.create_study(sampler=sampler, pruner=VerdictPruner()).optimize(objective)
    return Pick(final, paid)


def _corrected(lr: float, exponent: float) -> float:
    return lr * (PROBE_STEPS / FULL_STEPS) ** exponent


METHODS: dict[str, Callable[[Bench], Pick]] = {
    "fixed default": default,
    "grid of 6": grid(6, 0.0),
    "grid of 6 + our correction": grid(6, EXPONENT),
    "20 TPE + median": tpe(20, 0.0),
    "20 TPE + median + our correction": tpe(20, EXPONENT),
    "optuna_bisect": bisection,
}


def run(path: Path, optimizers: list[str], n_seeds: int) -> None:
    """Append a row for every method, optimizer and seed that the file does not hold yet."""
    rows = read(path)
    done = {(row["method"], row["optimizer"], row["seed"]) for row in rows}
    digits = load()
    for optimizer in optimizers:
        for seed in range(n_seeds):
            for name, method in METHODS.items():
                if (name, optimizer, str(seed)) in done:
                    continue
                bench = Bench(digits, optimizer, seed)
                pick = method(bench)
                loss, accuracy = bench.judge(pick.lr)
                cost = pick.n_steps / FULL_STEPS
                append(path, [name, optimizer, seed, pick.lr, cost, loss, accuracy])


def read(path: Path) -> list[dict[str, str]]:
    """Read the rows so far."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: list[object]) -> None:
    """Append one row, with a header in front of the first."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


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
    parser.add_argument("--rows", type=Path, default=Path(__file__).parent / "rivals.csv")
    parser.add_argument(
        "--optimizers", nargs="+", choices=list(OPTIMIZERS), default=["momentum", "adam"]
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not options.table:
        run(options.rows, options.optimizers, options.seeds)
    print(format_table(read(options.rows)))


if __name__ == "__main__":
    main()
