"""Many workers on many studies: ``python many_workers.py URL N_WORKERS N_STUDIES [EVERY]``.

All workers begin each study at one moment. Prints one JSON object: what each study ended with, and
every exception of a worker. ``memory`` as the URL makes the workers threads.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import GrpcStorageProxy, InMemoryStorage
from optuna.trial import TrialState
from synthetic_trainer import STEPS, make_objective
from worker_process import open_storage, start_python

import optuna_bisect as ob
from optuna_bisect.search.running import founded
from optuna_bisect.study.configuration import is_inside
from optuna_bisect.study.reading import read_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.storages import BaseStorage

# A worker that waits longer for the others than this has lost one.
PATIENCE_SECONDS = 300


def run_crowd(url: str, n_workers: int, n_studies: int, every: int = 8) -> dict[str, Any]:
    """Run a crowd in a process of its own; return its report."""
    crowd = start_python([__file__, url, str(n_workers), str(n_studies), str(every)])
    printed, errors = crowd.communicate(timeout=900)
    assert crowd.returncode == 0, errors
    return json.loads(printed)


def join_study(storage: BaseStorage, name: str, **settings: Any) -> optuna.Study:
    """Create or join a study of the synthetic trainer."""
    return optuna.create_study(
        study_name=name,
        storage=storage,
        load_if_exists=True,
        sampler=ob.BisectionSampler(**{**STEPS, **settings}),
        pruner=ob.VerdictPruner(),
    )


def work(
    open_own: Callable[[], BaseStorage], index: int, n_studies: int, every: int, barrier: Any
) -> list[str]:
    """Go through the studies with all the others; return tracebacks."""
    errors, random_wait = [], random.Random(index)
    storage = open_own()
    objective = make_objective(
        every=every, also=lambda trial: time.sleep(0.005 * random_wait.random())
    )
    for i in range(n_studies):
        if index == 0 and isinstance(storage, GrpcStorageProxy):
            # Optuna's cache forgets trials that begin while another thread creates their study.
            join_study(storage, f"s{i}")
        barrier.wait(PATIENCE_SECONDS)
        try:
            join_study(storage, f"s{i}").optimize(objective)
        except Exception:  # noqa: BLE001 (each one is a finding)
            errors.append(traceback.format_exc())
    return errors


def _work_in_process(url: str, found: Any, *arguments: Any) -> None:
    found.put(work(lambda: open_storage(url), *arguments))


def crowd_of_processes(url: str, n_workers: int, n_studies: int, every: int) -> list[str]:
    """Fork the workers, which costs no imports; storages are opened after that."""
    context = multiprocessing.get_context("fork")
    barrier, found = context.Barrier(n_workers), context.Queue()
    arguments = [(url, found, i, n_studies, every, barrier) for i in range(n_workers)]
    workers = [context.Process(target=_work_in_process, args=a) for a in arguments]
    for worker in workers:
        worker.start()
    errors = [error for _ in workers for error in found.get(timeout=PATIENCE_SECONDS * 3)]
    for worker in workers:
        worker.join()
    return errors


def crowd_of_threads(
    storage: BaseStorage, n_workers: int, n_studies: int, every: int
) -> list[str]:
    """Run the workers as threads on one storage object."""
    barrier, errors = threading.Barrier(n_workers), []

    def target(i: int) -> None:
        errors.extend(work(lambda: storage, i, n_studies, every, barrier))

    threads = [threading.Thread(target=target, args=(i,)) for i in range(n_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def summarize(storage: BaseStorage, name: str) -> dict[str, Any]:
    """Say how a study ended."""
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.get_trials(deepcopy=False)
    with_role = {role: [] for role in ("probe", "final", "surplus", None)}
    for trial in trials:
        with_role[ob.trial_plan(trial).role].append(trial)
    return {
        "complete": sum(t.state == TrialState.COMPLETE for t in with_role["final"]),
        "complete_in_all": sum(t.state == TrialState.COMPLETE for t in trials),
        "finals": len(with_role["final"]),
        "probes": len(with_role["probe"]),
        "surplus": len(with_role["surplus"]),
        "no_role": len(with_role[None]),
        "running": sum(not t.state.is_finished() for t in trials),
        "failed": sum(t.state == TrialState.FAIL for t in trials),
        "duplicates": count_repeated(study),
        "outside": count_outside(study),
        "searches": len({p.search for p in read_history(study).finished.probes}),
    }


def count_repeated(study: optuna.Study) -> int:
    """Count the probes that ran at a rate of another one of their search without a reason.

    There are four reasons: the question was to run the rate once more, or in full; the first one's
    verdict fell with the run that it was cut against; the first one broke off; or Optuna's retry
    cloned a trial whose worker had died after the verdict and before the end.
    """
    history = read_history(study)
    clones = {t.number for t in study.get_trials(deepcopy=False) if _is_clone(t)}
    n_repeated = 0
    for search in history.searches:
        standing = founded(history.of(search).finished.probes)
        standing = [p for p in standing if p.number not in clones and not p.is_broken]
        rates = [p.rate for p in standing if p.question not in ("recheck", "deepen")]
        n_repeated += len(rates) - len(set(rates))
    return n_repeated


def _is_clone(trial: optuna.trial.FrozenTrial) -> bool:
    return bool(trial.system_attrs.get("retry_history"))


def count_outside(study: optuna.Study) -> int:
    """Count the finished probes that ran with other values than their search holds."""
    history = read_history(study)
    probes = history.finished.probes
    return sum(not is_inside(p, p.search, history.held(p.search)) for p in probes)


def main(url: str, n_workers: int, n_studies: int, every: int) -> None:
    """Run the crowd and print the report."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    started = time.monotonic()
    if url == "memory":
        storage: BaseStorage = InMemoryStorage()
        errors = crowd_of_threads(storage, n_workers, n_studies, every)
    else:
        errors = crowd_of_processes(url, n_workers, n_studies, every)
        storage = open_storage(url)
    seconds = time.monotonic() - started
    studies = [summarize(storage, f"s{i}") for i in range(n_studies)]
    print(json.dumps({"errors": errors, "studies": studies, "seconds": seconds}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in [*sys.argv[2:], "8"][:3]))
