"""Replay searches on recorded sweeps: what each pays for probes, and what its pick loses.

A search sees the recorded reports of a probe one by one and pays for each of them. Its pick is
judged by the recorded full run at the nearest rate: regret is the share of the attainable loss
reduction that is lost. Every seed shifts the range by up to half a decade, so that no method lives
on a lucky grid, and chooses one recorded seed for all probes of a search.

    python studies/replay.py --horizon 0.05
    python studies/replay.py --noise 0.1 --workers 4
    python studies/replay.py --method all --by-optimizer --figure studies/figures/pareto.png

The lines of a table hold task, lr, seed, initial, report_steps, reports, total_steps and final;
``sweep.py`` records them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optuna
from searches import METHODS
from sweep_figure import write_pareto

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

N_REPORTS = 12
DATA = Path(__file__).parent / "data"
TABLES = [DATA / "sweep_constant.jsonl.gz", DATA / "sweep_cosine.jsonl.gz"]


class Setting(NamedTuple):
    """What is replayed, beside the table and the method."""

    horizon: float
    low: float
    high: float
    noise: float = 0.0
    flip: float = 0.0
    workers: int = 1
    schedule: str = "constant"
    fresh_seeds: bool = False


class Task:
    """One recorded task at one horizon: probes to look at, full runs to judge by."""

    def __init__(self, name: str, runs: list[dict], full_runs: list[dict], horizon: float) -> None:
        self.name = name
        total, width = runs[0]["total_steps"], runs[0]["report_steps"]
        n_windows = max(1, round(horizon * total / width / N_REPORTS))
        self.probe_share = n_windows * width * N_REPORTS / total
        self.initial = float(np.median([r["initial"] for r in runs if r["initial"] is not None]))
        self._curves = {
            lr: [_curve(r["reports"], n_windows) for r in rs] for lr, rs in _by_rate(runs).items()
        }
        self._finals = {
            lr: min(self.initial, float(np.mean([_loss(r["final"]) for r in rs])))
            for lr, rs in _by_rate(full_runs).items()
        }

    @property
    def rates(self) -> list[float]:
        """The recorded rates in ascending order."""
        return list(self._curves)

    def curve(self, lr: float, seed: int) -> list[float]:
        """Return the reports of a probe without the untrained loss."""
        curves = self._curves[_nearest(lr, tuple(self._curves))]
        return curves[seed % len(curves)]

    def regret(self, lr: float) -> float:
        """Return the share of the attainable loss reduction that a full run at a rate loses."""
        best = min(self._finals.values())
        return (self._finals[_nearest(lr, tuple(self._finals))] - best) / (self.initial - best)


def _by_rate(runs: list[dict]) -> dict[float, list[dict]]:
    """Group runs by their rate, seeds in order."""
    found = defaultdict(list)
    for run in sorted(runs, key=lambda r: (r["lr"], r["seed"])):
        found[run["lr"]].append(run)
    return found


def _nearest(lr: float, rates: tuple[float, ...]) -> float:
    """Return the recorded rate that is nearest in log space."""
    return min(rates, key=lambda rate: abs(math.log(rate / lr)))


def _loss(value: float | None) -> float:
    return math.inf if value is None else value


def _curve(reports: list[float | None], n_windows: int) -> list[float]:
    """Average consecutive windows; the first that is not finite ends the curve."""
    losses = []
    for i in range(N_REPORTS):
        part = reports[i * n_windows : (i + 1) * n_windows]
        if len(part) < n_windows or None in part:
            return [*losses, math.nan]
        losses.append(float(np.mean(part)))
    return losses


class Bench:
    """One search on one task: hands out reports, and counts them."""

    # Step numbers like a real trainer's: the reports of a probe are this far apart.
    steps_per_report = 1000

    def __init__(self, task: Task, setting: Setting, seed: int) -> None:
        shift = 10 ** np.random.default_rng([7, seed]).uniform(-0.5, 0.5)
        self.low, self.high = setting.low * shift, setting.high * shift
        self.probe_share, self.setting, self.n_paid = task.probe_share, setting, 0
        self.rng = np.random.default_rng(seed)
        self.seed = int(self.rng.integers(2**31))
        self._task, self._n_probes = task, 0

    @property
    def range(self) -> tuple[float, float]:
        """The range of the search."""
        return self.low, self.high

    @property
    def initial(self) -> float:
        """The loss before training."""
        return self._task.initial

    @property
    def cost(self) -> float:
        """What was paid so far, in full runs."""
        return self.n_paid * self.probe_share / N_REPORTS

    @property
    def steps(self) -> dict[str, int]:
        """Lengths of a probe and of the full run, as the sampler takes them."""
        probe_steps = N_REPORTS * self.steps_per_report
        return {
            "probe_steps": probe_steps,
            "final_steps": round(probe_steps / self.probe_share),
        }

    def reports(self, lr: float) -> Iterator[float]:
        """Yield the reports of a probe, with noise where the setting asks for it."""
        self._n_probes += 1
        seed = self.seed + self._n_probes * self.setting.fresh_seeds
        for loss in self._task.curve(lr, seed):
            self.n_paid += 1
            yield loss * (1 + self.setting.noise * self.rng.standard_normal())


def load(paths: Iterable[Path], horizon: float, schedule: str = "constant") -> list[Task]:
    """Read tables; tasks of several files come in the order of their names.

    Probes run at a constant rate; the full runs are those with the given schedule.
    """
    runs = defaultdict(list)
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                run = json.loads(line)
                runs[run["task"], run.get("schedule", "constant")].append(run)
    names = sorted({name for name, _ in runs})
    return [Task(n, runs[n, "constant"], runs[n, schedule], horizon) for n in names]


def evaluate(tasks: list[Task], method: str, setting: Setting, n_seeds: int) -> list[dict]:
    """Run one method on all tasks with all seeds; return a row for each."""
    rows = []
    for seed in range(n_seeds):
        for task in tasks:
            bench = Bench(task, setting, seed)
            lr = METHODS[method](bench)
            regret = 1.0 if math.isnan(lr) else task.regret(lr)
            rows.append({"task": task.name, "regret": regret, "cost": bench.cost, "lr": lr})
    return rows


def summarize(rows: list[dict]) -> dict[str, float]:
    """Return mean cost, mean and median regret, and the share that loses over a fifth."""
    regrets = np.array([row["regret"] for row in rows])
    return {
        "cost": float(np.mean([row["cost"] for row in rows])),
        "regret": float(regrets.mean()),
        "median": float(np.median(regrets)),
        "fails": float(np.mean(regrets > 0.2)),
    }


def print_line(label: str, rows: list[dict]) -> None:
    """Print one line of the table."""
    row = summarize(rows)
    print(
        f"{label:42s} cost {row['cost']:.3f}  regret mean {row['regret']:6.2%} "
        f"median {row['median']:6.2%}  fails {row['fails']:5.1%}",
        flush=True,
    )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add = parser.add_argument
    add("--tables", nargs="+", type=Path, default=TABLES)
    add("--horizon", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="share of a full run")
    add("--method", nargs="+", default=["optuna_bisect"], choices=[*METHODS, "all"])
    add("--range", type=float, nargs=2, default=[1e-6, 1.0], metavar=("LOW", "HIGH"))
    add("--seeds", type=int, default=5)
    add("--noise", type=float, default=0.0, help="relative noise of each report")
    add("--flip", type=float, default=0.0, help="share of recorded verdicts that are replaced")
    add("--workers", type=int, default=1, help="workers of optuna_bisect that report in turn")
    add("--schedule", choices=["constant", "cosine"], default="constant", help="of full runs")
    add("--fresh-seeds", action="store_true", help="another recorded seed for every probe")
    add("--by-optimizer", action="store_true", help="one line for each optimizer as well")
    add("--figure", type=Path, help="write cost over regret, one line a method")
    return parser.parse_args()


def main() -> None:
    """Replay, print the table and draw the figure."""
    options = parse()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    methods = list(METHODS) if "all" in options.method else options.method
    points = defaultdict(list)
    for horizon in options.horizon:
        tasks = load(options.tables, horizon, options.schedule)
        setting = Setting(
            horizon,
            *options.range,
            options.noise,
            options.flip,
            options.workers,
            options.schedule,
            options.fresh_seeds,
        )
        for method in methods:
            rows = evaluate(tasks, method, setting, options.seeds)
            print_line(f"{horizon:5.1%} {method}", rows)
            points[method].append((horizon, summarize(rows)))
            if options.by_optimizer:
                for optimizer in sorted({row["task"].split("/")[-1] for row in rows}):
                    own = [row for row in rows if row["task"].endswith("/" + optimizer)]
                    print_line(f"      {method} {optimizer}", own)
    if options.figure:
        write_pareto(points, options.figure)


if __name__ == "__main__":
    main()
