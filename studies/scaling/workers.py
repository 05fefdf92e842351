"""Several workers on one study: rounds, speed-up, duplicates.

    python -m studies.scaling.workers --workers 4 --storage journal:w.log

Starts N processes that share a study, waits for them, and prints what became of it. The storage is
``journal:PATH``, ``grpc:HOST:PORT`` or a database URL (``sqlite:///w.db``,
``postgresql+psycopg://...``, ``mysql+pymysql://...``). On a cluster each job runs this file with
``--join`` and the same storage; nothing else has to know how many there are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import optuna
from optuna.storages import GrpcStorageProxy, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner, find_winner, trial_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FULL_STEPS = 2_000
PROBE_STEPS = 100
STEPS_PER_REPORT = 5
# A worker that says nothing for so long counts as dead. The gap between two reports is far less.
STALE_AFTER = 60.0
HEARTBEAT_SECONDS = 20


def open_storage(url: str) -> BaseStorage:
    """Open a storage as a worker should: with a heartbeat where there is one."""
    kind, _, rest = url.partition(":")
    if kind == "journal":
        return JournalStorage(JournalFileBackend(rest))
    if kind == "grpc":
        host, port = rest.split(":")
        return GrpcStorageProxy(host=host, port=int(port))
    return RDBStorage(url, heartbeat_interval=HEARTBEAT_SECONDS)


def objective(trial: optuna.Trial, pause: float) -> float:
    """Fit a badly scaled linear model; ``pause`` makes a step as slow as a network's."""
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    data = np.random.default_rng(0)
    x = data.normal(size=(2_000, 20)) * np.geomspace(0.1, 3, 20)
    y = x @ data.normal(size=20) + 0.1 * data.normal(size=2_000)
    order, weights = np.random.default_rng(trial_plan(trial).seed), np.zeros(20)
    for step in range(FULL_STEPS):
        if step % STEPS_PER_REPORT == 0:
            time.sleep(STEPS_PER_REPORT * pause)
            trial.report(float(np.mean((x @ weights - y) ** 2)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        batch = order.integers(len(x), size=32)
        weights -= lr * x[batch].T @ (x[batch] @ weights - y[batch]) / 32
    return float(np.mean((x @ weights - y) ** 2))


def join(url: str, name: str, pause: float) -> optuna.Study:
    """Work on the study until its final trial is complete, or runs in another process."""
    study = load(url, name)
    study.optimize(lambda trial: objective(trial, pause))
    return study


def load(url: str, name: str) -> optuna.Study:
    """Create the study, or join it: all workers say the same."""
    return optuna.create_study(
        study_name=name,
        storage=open_storage(url),
        load_if_exists=True,
        sampler=BisectionSampler(
            probe_steps=PROBE_STEPS, final_steps=FULL_STEPS, stale_after=STALE_AFTER
        ),
        pruner=VerdictPruner(),
    )


def start(options: argparse.Namespace, name: str) -> subprocess.Popen[bytes]:
    """Start one worker process."""
    arguments = ["--storage", options.storage, "--study", name, "--pause", str(options.pause)]
    return subprocess.Popen([sys.executable, __file__, "--join", *arguments])  # noqa: S603


def count_rounds(probes: Sequence[FrozenTrial]) -> int:
    """Return the length of the longest chain of probes that ran one after the other."""
    depths: list[tuple[FrozenTrial, int]] = []
    for probe in sorted(probes, key=lambda t: t.datetime_start):
        before = [n for t, n in depths if t.datetime_complete <= probe.datetime_start]
        depths.append((probe, 1 + max(before, default=0)))
    return max((n for _, n in depths), default=0)


def count_duplicates(probes: Sequence[FrozenTrial]) -> int:
    """Count the probes that repeat a rate for as many steps."""
    return len(probes) - len({(t.params["lr"], t.last_step) for t in probes})


def print_report(study: optuna.Study) -> None:
    """Say how the study went."""
    trials = study.get_trials(deepcopy=False)
    ended = [t for t in trials if t.state == TrialState.PRUNED and t.params]
    probes = [t for t in ended if trial_plan(t).role == "probe"]
    finals = [t for t in trials if trial_plan(t).is_final and t.state == TrialState.COMPLETE]
    worked = sum(t.duration.total_seconds() for t in probes)
    searched = max(t.datetime_complete for t in probes) - min(t.datetime_start for t in probes)
    workers = {t.user_attrs["bisect_worker"] for t in probes}
    winner = find_winner(study)
    print(
        f"{len(workers)} workers, {len(probes)} probes in {count_rounds(probes)} rounds, "
        f"search {searched.total_seconds():.1f} s, speed-up "
        f"{worked / searched.total_seconds():.2f}, {count_duplicates(probes)} duplicates"
    )
    print(
        f"{len(finals)} complete final trial, winner {winner.lr:.3g} ({winner.status}), "
        f"final loss {study.best_value:.4g}"
    )


def main() -> None:
    """Start the workers, or be one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--storage", default="journal:workers.log")
    parser.add_argument("--study", help="name of the study; by default a new one")
    parser.add_argument("--pause", type=float, default=0.002, help="seconds added to a step")
    parser.add_argument("--join", action="store_true", help="be one worker of --study")
    options = parser.parse_args()
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.join:
        join(options.storage, options.study or "workers-0", options.pause)
        return
    names = {s.study_name for s in optuna.get_all_study_summaries(open_storage(options.storage))}
    name = options.study or next(n for i in count() if (n := f"workers-{i}") not in names)
    # Tables and study are made once, before the workers start.
    study = load(options.storage, name)
    workers = [start(options, name) for _ in range(options.workers)]
    codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit(f"workers ended with {codes}")
    print_report(study)


if __name__ == "__main__":
    main()
