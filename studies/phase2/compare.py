"""Compare Phase 2 with the schedules that people use, from right and from wrong start rates.

Every method gets the same start rate: 0.1 to 10 times the one that a search with this package
found with short probes. Run ``python -m studies.phase2.compare``; each run adds one row to a
CSV file, and the same command goes on where it stopped. ``--table`` prints the tables,
``--figure`` draws.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch

from optuna_bisect import BisectionSampler
from studies.phase2.figure import draw
from studies.phase2.methods import METHODS, PROBE_FRACTION
from studies.phase2.report import print_report
from studies.phase2.rows import FACTORS, PATH, Row, append, read
from studies.phase2.tasks import TASKS, TIMED, batches, build, validate
from studies.shared.probe_searches import run_bisection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from studies.phase2.methods import Method
    from studies.phase2.tasks import Task

# Validations of a run, beside the one before it.
N_LOOKS = 25
SEARCH_SEEDS = (100, 101, 102)


def losses_of(task: Task, method: Method, seed: int) -> Iterator[tuple[int, float | None]]:
    """Train; yield the number of steps done, and the validation loss where it is due."""
    yield 0, look(task, method, seed)
    for step, batch in zip(range(1, task.n_steps + 1), batches(task, seed)):
        loss = method.update(*batch)
        is_due = step * N_LOOKS // task.n_steps > (step - 1) * N_LOOKS // task.n_steps
        val_loss = look(task, method, seed) if is_due else None
        method.step(loss.item(), val_loss)
        yield step, val_loss
        if method.finished:
            return


def look(task: Task, method: Method, seed: int) -> float:
    """Validate; averaged weights need batch norm's means anew."""
    if not method.is_averaged:
        return validate(task, method.model)
    method.optimizer.eval()
    with torch.no_grad():
        for _, (x, _) in zip(range(10), batches(task, seed + 1000)):
            method.model(x)
    loss = validate(task, method.model)
    method.optimizer.train()
    return loss


def run(task: Task, make: Callable[..., Method], rate: float, base: float, seed: int) -> Row:
    """Do one full run; the names are for the caller to fill in."""
    begin = time.perf_counter()
    method = make(task, build(task, seed), rate, base)
    if method.is_averaged:
        method.optimizer.train()
    values, step = [], 0
    try:
        for n_steps, value in losses_of(task, method, seed):
            step = n_steps
            if value is not None:
                values.append(value if math.isfinite(value) else math.inf)
    except FloatingPointError:
        values.append(math.inf)
    seconds = time.perf_counter() - begin
    counts = (step, method.n_moves, method.n_restores)
    return Row("", "", 0.0, seed, rate, min(values), values[-1], *counts, seconds)


def search(task: Task, seed: int) -> float:
    """Search as a study does; return the rate, corrected for the full length."""
    probe_steps = round(PROBE_FRACTION * task.n_steps)
    every = max(1, probe_steps // 25)

    def probe(lr: float, _: int) -> Iterator[tuple[int, float]]:
        method = METHODS["constant"](task, build(task, seed), lr, lr)
        losses: list[float] = []
        for step, batch in zip(range(probe_steps + every), batches(task, seed)):
            losses.append(method.update(*batch).item())
            if step == 0 or (step + 1) % every == 0:
                yield step, sum(losses) / len(losses)
                losses.clear()

    sampler = BisectionSampler(probe_steps=probe_steps, final_steps=task.n_steps, seed=0)
    return run_bisection(probe, sampler, (1e-5, 10.0))[0]


def find_base(name: str, path: Path) -> float:
    """Look the winner's rate up, or search three times and take the median."""
    for row in read(path):
        if (row.task, row.method) == (name, "search"):
            return row.rate
    begin = time.perf_counter()
    found = [search(TASKS[name], seed) for seed in SEARCH_SEEDS]
    print(name, found)
    base = statistics.median(found)
    seconds = time.perf_counter() - begin
    append(path, Row(name, "search", 1.0, SEARCH_SEEDS[0], base, 0.0, 0.0, 0, 0, 0, seconds))
    return base


def record(options: argparse.Namespace) -> None:
    """Do every run that is not in the file yet."""
    for seed, name in product(options.seed, options.task):
        base = find_base(name, options.output)
        for method, factor in product(options.method, options.factor):
            key = (name, method, factor, seed)
            # Prodigy has no start rate.
            if method == "prodigy" and factor != 1.0:
                continue
            if any(row[:4] == key for row in read(options.output)):
                continue
            row = run(TASKS[name], METHODS[method], factor * base, base, seed)
            append(options.output, row._replace(task=name, method=method, factor=factor))
            print(f"{key}: {row.lowest:.4g} {row.last:.4g} in {row.seconds:.1f} s")


def measure_overhead(task: Task) -> float:
    """Return the time in ``BisectionLR.step``, snapshots included, over that of the updates."""
    method = METHODS["phase 2"](task, build(task, 0), 0.03, 0.03)
    # CPU time: other processes on the machine do not count.
    training = scheduling = 0.0
    for _, batch in zip(range(task.n_steps), batches(task, 0)):
        begin = time.thread_time()
        loss = method.update(*batch)
        middle = time.thread_time()
        method.step(loss, None)
        training += middle - begin
        scheduling += time.thread_time() - middle
    return scheduling / training


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    add, seeds = parser.add_argument, [0, 1, 2, 3, 4, 5]
    add("--task", nargs="+", choices=list(TASKS), default=list(TASKS), help="which tasks")
    add("--method", nargs="+", choices=list(METHODS), default=list(METHODS), help="which methods")
    add("--factor", nargs="+", type=float, default=list(FACTORS), help="start / winner's rate")
    add("--seed", nargs="+", type=int, default=seeds, help="weights and order of the data")
    add("--output", type=Path, default=PATH, help="the CSV file")
    add("--table", action="store_true", help="print the tables; run nothing")
    add("--overhead", action="store_true", help="time the scheduler beside a training step")
    add("--figure", type=Path, help="draw the figure; run nothing")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, or show what is there."""
    options = parse(argv)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.overhead:
        for name, task in TIMED.items():
            print(f"step() takes {measure_overhead(task):.2%} of a training step of {name}")
    elif options.figure:
        draw(read(options.output)).write_image(options.figure, width=960, height=560)
    elif options.table:
        print_report(read(options.output), options.seed)
    else:
        record(options)


if __name__ == "__main__":
    main()
