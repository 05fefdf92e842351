"""Does a first probe at 1 / sharpness, half the edge 2 / sharpness, save probes of plain descent?

Every recorded task of SGD without momentum is searched from the middle of the range, and from
shares of the edge at its untrained weights. ``--live`` trains instead, on tasks that the share
was not chosen on, and counts the time of the measurement as steps.

    python -m studies.recorded.edge_start
    python -m studies.recorded.edge_start --live
"""

from __future__ import annotations

import argparse
import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optuna
import torch

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.curvature import sharpness
from studies.recorded.bench import TABLES, Bench, Setting, load
from studies.recorded.searches import search
from studies.shared.data import loss_of
from studies.sweeps.fleet import batches
from studies.sweeps.tasks import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import Trial
    from torch import nn

    from studies.recorded.bench import Task
    from studies.shared.data import Data
    from studies.sweeps.tasks import Problem

RECORDED = ("digits-mlp", "friedman-mlp", "mnist-cnn", "mnist-residual")
LIVE = ("digits-cnn", "digits-residual", "mnist-mlp", "text-transformer")
HORIZONS, RANGES = (0.02, 0.05, 0.1), ((1e-6, 1.0), (1e-5, 10.0))
# Shares of the edge; None starts in the middle of the range.
SHARES = (None, 1.0, 0.5, 0.2, 0.1)
N_EXAMPLES, N_REPORTS = 128, 25


class Row(NamedTuple):
    """One search: its probes, its cost in full runs, and what its pick costs.

    Attributes:
        n_probes: Number of probes.
        cost: Steps of the probes, and the time of the measurement as steps, in full runs.
        loss: Regret of the pick in a replay, held-out loss of the full run live.
    """

    n_probes: float
    cost: float
    loss: float


def edge(problem: Problem, seed: int) -> float:
    """Return 2 / sharpness of a network before its training."""
    return 2 / sharpness(_build(problem, seed), loss_of, _examples(problem.load()))


def _build(problem: Problem, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return problem.build()


def _examples(data: Data) -> tuple[torch.Tensor, torch.Tensor]:
    return data.inputs[:N_EXAMPLES], data.targets[:N_EXAMPLES]


def _study(seed: int, start: float | None, probe_steps: int, final_steps: int) -> Study:
    steps = {"probe_steps": probe_steps, "final_steps": final_steps}
    sampler = BisectionSampler(seed=seed, final_schedule="constant", warm_start=start, **steps)
    return optuna.create_study(sampler=sampler, pruner=VerdictPruner())


def _n_probes(study: Study) -> int:
    return sum(t.user_attrs.get("bisect_role") == "probe" for t in study.trials)


def replay(task: Task, setting: Setting, seed: int, start: float | None) -> Row:
    """Search a recorded task, from a rate or from the middle of the range."""
    bench = Bench(task, setting, seed)
    if start is not None:
        start = min(max(start, bench.low), bench.high)
    study = _study(bench.seed, start, **bench.steps)
    rate = search(study, bench)
    return Row(_n_probes(study), bench.cost, 1.0 if math.isnan(rate) else task.regret(rate))


class Objective:
    """Trains a problem with plain descent and counts the steps of the probes."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self._seed, self.n_steps = problem, seed, 0

    def __call__(self, trial: Trial) -> float:
        """Return the held-out loss after the last step."""
        lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
        plan, problem, data = trial_plan(trial), self._problem, self._problem.load()
        model, losses = _build(problem, self._seed), []
        every = max(1, (plan.probe_steps or 1) // N_REPORTS)
        for step, (inputs, targets) in enumerate(batches(data, problem, self._seed)):
            loss = loss_of(model(inputs), targets)
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                torch._foreach_add_(list(model.parameters()), gradients, alpha=-lr)
            losses.append(loss.item())
            self.n_steps += not plan.is_final
            if step == 0 or (step + 1) % every == 0:
                trial.report(float(np.mean(losses)), step)
                losses.clear()
                if trial.should_prune():
                    raise optuna.TrialPruned
        with torch.no_grad():
            return loss_of(model(data.held_inputs), data.held_targets).item()


def train(problem: Problem, seed: int, horizon: float, *, is_warm: bool) -> Row:
    """Search and train live; the time of the measurement counts as steps."""
    start, measuring = None, 0.0
    if is_warm:
        before = time.process_time()
        start, measuring = edge(problem, seed) / 2, time.process_time() - before
    objective, total = Objective(problem, seed), problem.total_steps
    study = _study(seed, start, round(horizon * total), total)
    before = time.process_time()
    study.optimize(objective)
    done = objective.n_steps + study.best_trial.last_step + 1
    measured_steps = measuring * done / (time.process_time() - before)
    return Row(
        _n_probes(study), (objective.n_steps + measured_steps) / total, study.best_trial.value
    )


def print_replay(horizons: Sequence[float], seeds: int) -> None:
    """Print one row a horizon, range and start: means over tasks and seeds."""
    edges = {f"{name}/sgd": edge(PROBLEMS[name], 0) for name in RECORDED}
    print("| probe | range | start | probes | cost | regret in % |\n" + "| --- " * 6 + "|")
    for horizon in horizons:
        tasks = [task for task in load(TABLES, horizon) if task.name in edges]
        for low, high in RANGES:
            for share in SHARES:
                starts = {t.name: None if share is None else share * edges[t.name] for t in tasks}
                setting = Setting(horizon, low, high)
                rows = [replay(t, setting, s, starts[t.name]) for t in tasks for s in range(seeds)]
                probes, cost, regret = np.mean(rows, axis=0)
                start = "middle" if share is None else f"{share:g} x edge"
                print(
                    f"| {horizon:.0%} | {low:g}..{high:g} | {start} | {probes:.2f} | {cost:.3f} "
                    f"| {100 * regret:.2f} |",
                    flush=True,
                )


def print_live(names: Sequence[str], horizon: float, seeds: int) -> None:
    """Print one row a task: from the middle, and from half the edge."""
    print("| task | probes | with 1 / sharpness | cost | with it | loss | with it |")
    print("| --- " * 7 + "|")
    for name in names:
        edge(PROBLEMS[name], 0)  # what torch does once is no cost of the method
        cold, warm = (
            np.mean([train(PROBLEMS[name], s, horizon, is_warm=w) for s in range(seeds)], axis=0)
            for w in (False, True)
        )
        cells = [f"{value:.3g}" for pair in zip(cold, warm) for value in pair]
        print("|", " | ".join([name, *cells]), "|", flush=True)


def main() -> None:
    """Replay, or train."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--live", action="store_true", help="train instead of replaying")
    parser.add_argument("--horizons", nargs="+", type=float, default=HORIZONS)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    if not options.live:
        print_replay(options.horizons, options.seeds)
        return
    for horizon in options.horizons:
        print(f"\nprobes of {horizon:.0%}:\n")
        print_live(LIVE, horizon, options.seeds)


if __name__ == "__main__":
    main()
