"""Record full training runs at many learning rates, for searches to be replayed on.

Run ``python studies/sweep.py`` for all tasks, or name some (``digits-mlp/sgd``). The same command
goes on where it stopped; ``--table`` prints the best rates instead.

All rates of a task and a seed train at once, at a constant rate and with a cosine decay to zero,
from the same weights and on the same batches. Each line of ``data/sweep_constant.jsonl.gz`` is one
run:

    task          problem/optimizer
    lr, seed      learning rate, seed of weights and batches
    initial       held-out loss before training
    reports       mean training loss of consecutive windows of `report_steps` steps
                  (null: not finite; nothing follows it)
    total_steps   length of the full run in steps
    final         lowest held-out loss after training began (null: never finite)

``data/sweep_cosine.jsonl.gz`` adds ``"schedule": "cosine"``; its windows are ten times as long.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sweep_tasks import PROBLEMS, RULES, TASKS, loss_of
from torch.func import functional_call, grad_and_value, vmap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sweep_tasks import Data, Problem

DATA = Path(__file__).parent / "data"
RATES = tuple(float(f"{10**k:.4g}") for k in np.arange(-7, 1.01, 0.25))
SEEDS = (0, 1, 2)
SCHEDULES = ("constant", "cosine")
N_REPORTS, COSINE_THINNING, N_EVALUATIONS = 500, 10, 25


class Fleet:
    """Copies of one network that train side by side, each with its own rate and schedule.

    Their weights are the rows of one matrix, so that an optimizer is a few lines and a model that
    broke is left out by an index.
    """

    def __init__(
        self, network: torch.nn.Module, optimizer: str, lrs: torch.Tensor, cosine: torch.Tensor
    ) -> None:
        self._network, self._rule = network, RULES[optimizer]()
        self._shapes = {name: w.shape for name, w in network.named_parameters()}
        self._buffers = dict(network.named_buffers())
        flat = torch.cat([w.detach().flatten() for w in network.parameters()])
        self.weights = flat.repeat(len(lrs), 1)
        self._lrs, self._cosine = lrs[:, None], cosine[:, None]
        self._losses = vmap(self._loss, in_dims=(0, None, None))
        self._gradients = vmap(grad_and_value(self._loss), in_dims=(0, None, None))

    def _loss(
        self, row: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        parts = torch.split(row, [shape.numel() for shape in self._shapes.values()])
        weights = {
            name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts)
        }
        outputs = functional_call(self._network, {**weights, **self._buffers}, (inputs,))
        return loss_of(outputs, targets)

    @torch.no_grad()
    def losses(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of every model."""
        losses: torch.Tensor = self._losses(self.weights, inputs, targets)
        return losses

    def step(self, inputs: torch.Tensor, targets: torch.Tensor, done: float) -> torch.Tensor:
        """Update every model on the same batch, `done` of the run behind it; return the losses."""
        losses: torch.Tensor
        gradients, losses = self._gradients(self.weights, inputs, targets)
        decay = 0.5 * (1 + math.cos(math.pi * done))
        lrs = torch.where(self._cosine, self._lrs * decay, self._lrs)
        self.weights.sub_(lrs * self._rule.direction(gradients, self.weights))
        return losses

    def keep(self, alive: torch.Tensor) -> None:
        """Leave out the models that are not `alive`: their arithmetic is slow and of no use."""
        self.weights, self._lrs = self.weights[alive], self._lrs[alive]
        self._cosine = self._cosine[alive]
        self._rule.keep(alive)


class Recorder:
    """The curves and the lowest held-out losses of a fleet; NaN where nothing was recorded."""

    def __init__(self, n_models: int, n_reports: int) -> None:
        self.reports = np.full((n_models, n_reports), np.nan)
        self.finals = np.full(n_models, np.inf)
        self.alive = np.arange(n_models)

    def report(self, index: int, losses: torch.Tensor) -> torch.Tensor:
        """Write the means of a window; return which of the models are still finite."""
        self.reports[self.alive, index] = losses
        finite = torch.isfinite(losses)
        self.alive = self.alive[finite.numpy()]
        return finite

    def evaluate(self, losses: torch.Tensor) -> None:
        """Write held-out losses."""
        self.finals[self.alive] = np.fmin(self.finals[self.alive], losses.numpy())


def batches(
    data: Data, problem: Problem, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the batches of a full run, in an order that the seed alone decides."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(problem.total_steps):
        if len(order) < problem.batch_size:
            order = torch.randperm(len(data.targets), generator=generator)
        chosen, order = order[: problem.batch_size], order[problem.batch_size :]
        yield data.inputs[chosen], data.targets[chosen]


def train(
    problem: Problem, optimizer: str, seed: int, lrs: tuple[float, ...], n_reports: int
) -> tuple[float, Recorder]:
    """Train at all rates, constant and cosine; return the untrained loss and the record."""
    data = problem.load()
    held = (data.held_inputs, data.held_targets)
    torch.manual_seed(seed)
    cosine = torch.arange(2 * len(lrs)) >= len(lrs)
    fleet = Fleet(problem.build(), optimizer, torch.tensor(lrs * 2), cosine)
    recorder = Recorder(2 * len(lrs), n_reports)
    initial = float(fleet.losses(*held)[0])
    width = problem.total_steps // n_reports
    window = []
    for step, batch in enumerate(batches(data, problem, seed), start=1):
        window.append(fleet.step(*batch, done=(step - 1) / problem.total_steps))
        if step % width == 0:
            alive = recorder.report(step // width - 1, torch.stack(window).double().mean(0))
            window = []
            if not alive.all():
                fleet.keep(alive)
        if step % (problem.total_steps // N_EVALUATIONS) == 0:
            recorder.evaluate(fleet.losses(*held))
    return initial, recorder


def record(
    task: str, seed: int, lrs: tuple[float, ...] = RATES, n_reports: int = N_REPORTS
) -> list[dict[str, Any]]:
    """Record all rates and both schedules of a task with one seed."""
    name, optimizer = task.split("/")
    problem = PROBLEMS[name]
    initial, recorder = train(problem, optimizer, seed, lrs, n_reports)
    rows = []
    for i, (reports, final) in enumerate(zip(recorder.reports, recorder.finals)):
        schedule = SCHEDULES[i // len(lrs)]
        thinning = 1 if schedule == "constant" else COSINE_THINNING
        curve = reports.reshape(-1, thinning).mean(1)
        row = {
            "task": task,
            "lr": lrs[i % len(lrs)],
            "seed": seed,
            "initial": _short(initial),
            "report_steps": problem.total_steps // n_reports * thinning,
            "total_steps": problem.total_steps,
            "final": _short(final),
            "reports": _until_broken(curve),
        }
        rows.append(row | ({"schedule": schedule} if schedule == "cosine" else {}))
    return rows


def _short(value: float) -> float | None:
    """Return four digits, None for what is not finite."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _until_broken(curve: np.ndarray) -> list[float | None]:
    """Return the reports up to and with the first that is not finite."""
    broken = np.flatnonzero(~np.isfinite(curve))
    return [_short(v) for v in (curve[: broken[0] + 1] if broken.size else curve)]


class Archive:
    """The recorded runs: finished tasks in two gzipped files, the one at work in a plain one."""

    def __init__(self, folder: Path, n_runs: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._plain = folder / "sweep.jsonl"
        self._packed = {name: folder / f"sweep_{name}.jsonl.gz" for name in SCHEDULES}
        self._n_runs = n_runs  # of a task and a seed
        self._mend()

    def seeds(self) -> set[tuple[str, int]]:
        """Return the task and seed pairs that are recorded."""
        return set(self._units())

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Append the runs of a task and a seed."""
        with self._plain.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def pack(self) -> None:
        """Move everything into the gzipped files; the same runs give the same bytes."""
        rows = [row for _, unit in sorted(self._units().items()) for row in unit]
        for name, path in self._packed.items():
            lines = [
                json.dumps(row, separators=(",", ":")) + "\n"
                for row in rows
                if row.get("schedule", "constant") == name
            ]
            scratch = path.with_suffix(".tmp")
            with scratch.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
                packed.write("".join(lines).encode())
            scratch.replace(path)
        self._plain.unlink(missing_ok=True)

    def _units(self) -> dict[tuple[str, int], list[dict[str, Any]]]:
        """Return what is recorded in full, each run once."""
        runs: dict[tuple[str, int], dict[tuple[str, float], dict[str, Any]]] = defaultdict(dict)
        for path in (*self._packed.values(), self._plain):
            for row in _read(path):
                key = (row.get("schedule", "constant"), row["lr"])
                runs[row["task"], row["seed"]][key] = row
        return {unit: list(r.values()) for unit, r in runs.items() if len(r) == self._n_runs}

    def _mend(self) -> None:
        """Drop what an interrupted write left in the plain file."""
        if not self._plain.exists():
            return
        units = self._units()
        whole = [row for row in _read(self._plain) if (row["task"], row["seed"]) in units]
        scratch = self._plain.with_suffix(".tmp")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in whole))
        scratch.replace(self._plain)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file up to a line that was not written to its end."""
    if not path.exists():
        return
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            if not line.endswith("\n"):
                return
            yield json.loads(line)


def sweep(
    tasks: list[str],
    folder: Path = DATA,
    seeds: tuple[int, ...] = SEEDS,
    lrs: tuple[float, ...] = RATES,
    n_reports: int = N_REPORTS,
) -> None:
    """Record what is missing, task by task."""
    archive = Archive(folder, 2 * len(lrs))
    recorded = archive.seeds()
    for task in tasks:
        for seed in seeds:
            if (task, seed) in recorded:
                continue
            start = time.perf_counter()
            archive.add(record(task, seed, lrs, n_reports))
            print(f"{task}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
        archive.pack()


def best_rates(rows: list[dict[str, Any]], losses: list[float]) -> tuple[float, float]:
    """Return the rate (by a parabola) of the lowest mean loss over the seeds, and that loss."""
    by_rate = defaultdict(list)
    for row, loss in zip(rows, losses):
        by_rate[math.log10(row["lr"])].append(loss)
    x = sorted(by_rate)
    y = np.minimum([np.mean(by_rate[k]) for k in x], rows[0]["initial"])
    i = int(y.argmin())
    if not 0 < i < len(x) - 1:
        return 10 ** x[i], float(y[i])
    left, right = y[i - 1] - y[i], y[i + 1] - y[i]
    shift = (left - right) / (left + right) / 2 if left + right else 0.0
    return 10 ** (x[i] + shift * (x[i + 1] - x[i])), float(y[i])


def short_loss(row: dict[str, Any], share: float) -> float:
    """Return the mean training loss of the last quarter of the first `share` of a run."""
    n = round(share * row["total_steps"] / row["report_steps"])
    reports = row["reports"][:n]
    if len(reports) < n or reports[-1] is None:
        return math.inf
    return float(np.mean(reports[-max(1, n // 4) :]))


def summarize(folder: Path, share: float) -> list[dict[str, Any]]:
    """Return the best rates of each task after a share of the run and after full runs.

    Beta says how they differ: the best rate falls with the length of the run to the power -beta.
    """
    tables: dict[str, dict[str, list[dict[str, Any]]]] = {n: defaultdict(list) for n in SCHEDULES}
    for name, tasks in tables.items():
        for row in _read(folder / f"sweep_{name}.jsonl.gz"):
            tasks[row["task"]].append(row)
    summary = []
    for task, rows in tables["constant"].items():
        short, _ = best_rates(rows, [short_loss(row, share) for row in rows])
        entry = {"task": task, "initial": rows[0]["initial"], "short": short}
        for name in SCHEDULES:
            runs = tables[name][task]
            finals = [math.inf if row["final"] is None else row["final"] for row in runs]
            lr, loss = best_rates(runs, finals)
            entry[name] = (lr, loss, math.log(short / lr) / math.log(1 / share))
        summary.append(entry)
    return summary


def print_table(folder: Path = DATA, share: float = 0.05) -> None:
    """Print the best rates by task, and beta by optimizer (mean, standard deviation)."""
    betas = defaultdict(list)
    print("| task | untrained | short lr | constant: lr, loss, beta | cosine: lr, loss, beta |")
    print("| --- | --- | --- | --- | --- |")
    for entry in summarize(folder, share):
        cells = [
            "{:.1e}, {:.3g}, {:.2f}".format(*entry[name])  # a star cannot stand in an f-string
            for name in SCHEDULES
        ]
        print(f"| {entry['task']} | {entry['initial']:.3g} | {entry['short']:.1e} |", end=" ")
        print(*cells, sep=" | ", end=" |\n")
        for group in (entry["task"].split("/")[1], "all"):
            betas[group].append([entry[name][2] for name in SCHEDULES])
    print("\n| optimizer | tasks | constant: beta | cosine: beta |\n| --- | --- | --- | --- |")
    for group, values in sorted(betas.items()):
        means, spreads = np.mean(values, 0), np.std(values, 0)
        cells = [f"{mean:.2f} ± {spread:.2f}" for mean, spread in zip(means, spreads)]
        print("|", " | ".join([group, str(len(values)), *cells]), "|")


def main() -> None:
    """Record, or print the table."""
    names = sys.argv[1:]
    if names == ["--table"]:
        print_table()
        return
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # numbers below 1e-38 are a hundred times slower
    sweep(names or TASKS)


if __name__ == "__main__":
    main()
