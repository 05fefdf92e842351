"""What a process leaves RUNNING at its exit is failed, and nothing else."""

from __future__ import annotations

import os
import sys

import pytest
from many_workers import join_study
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from synthetic_trainer import make_objective
from worker_process import load_study, start_python

from optuna_bisect.workers import exit_guard


def leave(storage: InMemoryStorage) -> None:
    """End a worker past every handler of Optuna."""
    with pytest.raises(SystemExit):
        join_study(storage, "s").optimize(make_objective(every=8, also=lambda trial: sys.exit()))


def test_a_trial_that_its_process_leaves_is_failed(monkeypatch) -> None:
    storage = InMemoryStorage()
    leave(storage)
    study = join_study(storage, "s")
    assert [t.state for t in study.trials] == [TrialState.RUNNING]
    with monkeypatch.context() as patch:
        # A fork leaves its parent's trials alone.
        patch.setattr(os, "getpid", lambda: -1)
        exit_guard.fail_unfinished()
    assert [t.state for t in study.trials] == [TrialState.RUNNING]
    exit_guard.fail_unfinished()
    assert [t.state for t in study.trials] == [TrialState.FAIL]


def test_trials_that_ended_and_trials_of_ask_are_left_alone() -> None:
    study = join_study(InMemoryStorage(), "s")
    study.optimize(make_objective(every=8), n_trials=2)
    study.ask()
    exit_guard.fail_unfinished()
    states = [t.state for t in study.trials]
    assert states == [TrialState.PRUNED, TrialState.PRUNED, TrialState.RUNNING]


CTRL_C = """
import sys, worker_process
from sqlalchemy.engine.default import DefaultExecutionContext as Statement
worker_process.optuna.logging.set_verbosity(worker_process.optuna.logging.ERROR)
study = worker_process.load_study({url!r}, "s")
read = Statement.post_exec
def press(statement):
    # The rows of this statement are not read yet.
    Statement.post_exec = read
    raise KeyboardInterrupt
def objective(trial):
    trial.suggest_float("lr", 1e-6, 1.0, log=True)
    if {where!r} == "report":
        Statement.post_exec = press
    trial.report(2.0, 0)
    Statement.post_exec = press
    return 2.0
study.optimize(objective)
"""
# Optuna cannot store the end of either trial, and what it raises then is its own. In Python 3.10
# the rollback after the report closes the cursor, and nothing is locked.
REPORT = "AssertionError" if sys.version_info >= (3, 11) else "KeyboardInterrupt"
RAISED = {"report": REPORT, "end": "UnboundLocalError"}


@pytest.mark.parametrize("where", RAISED)
def test_ctrl_c_that_leaves_a_database_locked_leaves_no_trial_running(where, folder) -> None:
    url = f"sqlite:///{folder}/s.db?timeout=0.5"
    study = load_study(url, "s")
    worker = start_python(["-c", CTRL_C.format(url=url, where=where)])
    assert RAISED[where] in worker.communicate(timeout=60)[1]
    assert [t.state for t in study.trials] == [TrialState.FAIL]
