"""Ctrl-C at any moment, ``sys.exit`` and MemoryError in the objective, and clocks that differ.

No worker here is killed: each one ends as Python ends, so that ``stale_after`` is not needed.
"""

from __future__ import annotations

import os
import random
import signal
import textwrap
import time
from typing import TYPE_CHECKING

import pytest
from expected_study import assert_one_final, rates, unbroken
from forked_workers import OWN_TO_OPTUNA, Nursery, exceptions_in
from many_workers import join_study, summarize
from optuna.trial import TrialState
from synthetic_trainer import make_objective, with_role
from worker_process import load_study, open_storage, start_python

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

N_PROBES = 6


def interrupt(nursery: Nursery, storage: BaseStorage, name: str, n_times: int) -> int:
    """Press Ctrl-C at random moments, in one worker after the other; then let one finish."""
    chance, n_hits = random.Random(name), 0
    for _ in range(n_times):
        before, worker = count_trials(storage, name), nursery.start(name)
        end = time.monotonic() + 30
        while count_trials(storage, name) == before and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.4))
        os.kill(worker, signal.SIGINT)
        n_hits += nursery.wait(worker) != 0
    assert nursery.wait(nursery.start(name)) == 0
    return n_hits


def count_trials(storage: BaseStorage, name: str) -> int:
    return len(join_study(storage, name).get_trials(deepcopy=False))


def check_interruptions(url: str, n_studies: int, n_times: int) -> None:
    storage = open_storage(url)
    options = CHECKED if url.startswith("sqlite") else {}
    with Nursery(url, grace=0.2, **options) as nursery:
        n_hits = sum(interrupt(nursery, storage, f"s{i}", n_times) for i in range(n_studies))
    summaries = [summarize(storage, f"s{i}") for i in range(n_studies)]
    n_extra = sum(s["probes"] - N_PROBES for s in summaries)
    n_failed = sum(s["failed"] for s in summaries)
    seen = exceptions_in(nursery.errors)
    told = f"{n_hits} interruptions, {n_failed} of them in a trial, {n_extra} extra probes"
    print(told, dict(seen))  # noqa: T201
    assert {(s["complete"], s["complete_in_all"]) for s in summaries} == {(1, 1)}
    # Between Optuna's creation of a trial and the sampler's first hook nobody can close it.
    trials = [t for i in range(n_studies) for t in join_study(storage, f"s{i}").get_trials()]
    assert not [t for t in trials if t.state == TrialState.RUNNING and t.user_attrs]
    assert set(seen) <= {"KeyboardInterrupt", *OWN_TO_OPTUNA}, nursery.errors
    assert n_extra <= n_hits


CHECKED = {"skip_table_creation": True, "skip_compatibility_check": True}


def test_ctrl_c_at_random_moments(url) -> None:
    check_interruptions(url, 1, 4)


@pytest.mark.soak
def test_ctrl_c_at_a_hundred_random_moments(journal) -> None:
    check_interruptions(journal, 10, 10)


@pytest.mark.soak
def test_ctrl_c_at_twenty_random_moments_over_a_database(folder) -> None:
    check_interruptions(f"sqlite:///{folder}/s.db", 4, 5)


ENDS = """
import sys, worker_process, optuna_bisect as ob
worker_process.optuna.logging.set_verbosity(worker_process.optuna.logging.ERROR)
study = worker_process.load_study({url!r}, "s")
def objective(trial):
    trial.suggest_float("lr", 1e-6, 1.0, log=True)
    if ob.trial_plan(trial).is_final if {where!r} == "final" else trial.number == 2:
        trial.report(2.0, 0)
        {end}
    return worker_process.make_objective(every=4)(trial)
study.optimize(objective)
"""
# With the exit code of a worker and the exceptions that it prints.
ERRORS = {"sys.exit(3)": (3, ""), "raise MemoryError": (1, "MemoryError")}


@pytest.mark.parametrize("where", ["probe", "final"])
@pytest.mark.parametrize("end", ERRORS)
def test_one_more_worker_finishes_after(end, where, url) -> None:
    worker = start_python(["-c", textwrap.dedent(ENDS.format(url=url, where=where, end=end))])
    told = worker.communicate(timeout=60)[1]
    code, name = ERRORS[end]
    assert (worker.returncode, told.strip().rpartition("\n")[2]) == (code, name)
    study = load_study(url, "s")
    assert study.trials[-1].state == TrialState.FAIL
    study.optimize(make_objective(every=4))
    assert_one_final(study)
    assert len(with_role(study, "final")) == (2 if where == "final" else 1)
    ended = [t.params["lr"] for t in study.trials if t.state != TrialState.FAIL]
    assert ended == rates(unbroken())


STALE_AFTER = 1.0


def check_clocks(journal: str, names: list[str]) -> None:
    """Kill one of three workers, an hour behind, on time or ahead; one on time finishes."""
    n_probes, n_finals = 0, 0
    with Nursery(journal, grace=0.5) as nursery:
        for name in names:
            chance, hours = random.Random(name), [-1, 0, 1]
            workers = [nursery.start(name, hours_ahead=h, stale_after=STALE_AFTER) for h in hours]
            time.sleep(chance.uniform(0.2, 1.2))
            nursery.kill(workers.pop(chance.randrange(3)))
            codes = [nursery.wait(worker) for worker in workers]
            time.sleep(STALE_AFTER + 0.1)
            codes.append(nursery.wait(nursery.start(name, stale_after=STALE_AFTER)))
            summary = summarize(open_storage(journal), name)
            print(summary)  # noqa: T201
            assert codes == [0, 0, 0], nursery.errors
            assert (summary["complete"], summary["complete_in_all"]) == (1, 1)
            n_probes += summary["probes"]
            n_finals += summary["finals"]
    print(f"{len(names)} studies, {n_probes} probes, {n_finals} final trials begun")  # noqa: T201


@pytest.mark.soak
def test_three_clocks_that_differ_by_hours_in_ten_studies(journal) -> None:
    check_clocks(journal, [f"s{i}" for i in range(10)])
