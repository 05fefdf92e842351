"""What a process leaves RUNNING at its exit is failed, and nothing else."""

from __future__ import annotations

import os
import sys

import pytest
from many_workers import join_study
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from synthetic_trainer import make_objective

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
