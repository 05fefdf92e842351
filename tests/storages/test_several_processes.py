"""Several processes on one study: resume, kill, take over, and exactly one final trial."""

from __future__ import annotations

import signal
import time
import warnings

import optuna
from expected_study import assert_one_final, rates, unbroken
from optuna.trial import TrialState
from synthetic_trainer import STEPS, make_objective, roles, with_role
from worker_process import (
    finish,
    kill_when_hanging,
    load_study,
    open_storage,
    start_python,
    start_worker,
    wait_until_hanging,
)

import optuna_bisect as ob


def test_a_new_process_resumes_in_the_middle_and_after_the_end(url) -> None:
    finish(start_worker(url, n_trials=3))
    study = load_study(url, "s")
    assert len(study.trials) == 3
    assert not with_role(study, "final")
    finish(start_worker(url))
    assert rates(study) == rates(unbroken())
    n = len(study.trials)
    finish(start_worker(url))
    assert roles(study)[n:] in ([], ["surplus"])
    assert all(t.state == TrialState.PRUNED for t in study.trials[n:])
    assert_one_final(study)


def test_ctrl_c_in_another_process_leaves_no_trace_in_the_search(journal) -> None:
    kill_when_hanging(start_worker(journal, "hang"), signal.SIGINT)
    study = load_study(journal, "s")
    assert [t.state for t in study.trials] == [TrialState.FAIL]
    study.optimize(make_objective(every=4))
    assert rates(study)[1:] == rates(unbroken())
    assert_one_final(study)


def test_a_worker_killed_in_a_probe_goes_stale_and_its_question_is_asked_again(journal) -> None:
    kill_when_hanging(start_worker(journal, "hang"))
    study = load_study(journal, "s", stale_after=1.0)
    assert [t.state for t in study.trials] == [TrialState.RUNNING]
    time.sleep(1.1)
    study.optimize(make_objective(every=4))
    assert rates(study)[1:] == rates(unbroken())
    assert_one_final(study)


def test_a_killed_probe_without_stale_after_does_not_block_the_search(journal) -> None:
    """It counts as running for ever: its rate is not asked again, and the study still ends."""
    kill_when_hanging(start_worker(journal, "hang"))
    study = load_study(journal, "s")
    study.optimize(make_objective(every=4), n_trials=30)
    assert_one_final(study)


def test_a_worker_killed_in_the_final_is_taken_over_as_it_was(url) -> None:
    kill_when_hanging(start_worker(url, "hang-final"))
    study = load_study(url, "s", stale_after=1.0)
    time.sleep(1.1)
    study.optimize(make_objective(every=4))
    dead, final = with_role(study, "final")
    assert dead.state == TrialState.RUNNING
    assert final.params == dead.params
    assert ob.trial_plan(final) == ob.trial_plan(dead)
    assert_one_final(study)


def test_a_second_process_leaves_a_living_final_alone(journal) -> None:
    worker = start_worker(journal, "hang-final")
    wait_until_hanging(worker)
    study = load_study(journal, "s")
    study.optimize(make_objective(every=4), n_trials=5)
    worker.kill()
    worker.communicate()
    assert len(with_role(study, "final")) == 1
    assert len(with_role(study, "surplus")) == 1
    assert study.trials[-1].state == TrialState.PRUNED


HEARTBEAT = """
import functools, warnings, worker_process
warnings.simplefilter("ignore")
worker_process.open_storage = functools.partial(worker_process.open_storage, heartbeat_interval=1)
study = worker_process.load_study({url!r}, "s")
study.optimize(lambda trial: worker_process.objective(trial, "hang-final"))
"""


def test_the_retried_clone_of_a_killed_final_is_one_final_with_its_own_number(folder) -> None:
    """The retry callback clones the dead trial with all its attributes, the role included."""
    url = f"sqlite:///{folder}/s.db"
    kill_when_hanging(start_python(["-c", HEARTBEAT.format(url=url)]))
    time.sleep(2.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
        beat = {
            "heartbeat_interval": 1,
            "grace_period": 1,
            "heartbeat_stale_trial_callback": retry,
        }
        study = optuna.load_study(
            study_name="s",
            storage=open_storage(url, **beat),
            sampler=ob.BisectionSampler(**STEPS),
            pruner=ob.VerdictPruner(),
        )
        study.optimize(make_objective(every=4), n_trials=20)
    assert with_role(study, "final")[0].state == TrialState.FAIL
    assert_one_final(study)
    assert study.best_trial.user_attrs["bisect_number"] == study.best_trial.number
    assert study.best_trial.params == with_role(study, "final")[0].params


def test_three_processes_agree_on_one_final(url) -> None:
    load_study(url, "s")
    workers = [start_worker(url, "slow") for _ in range(3)]
    for worker in workers:
        finish(worker)
    study = load_study(url, "s")
    assert_one_final(study)
    assert len(with_role(study, "final")) == 1
    assert len(with_role(study, "surplus")) <= 3
    assert all(t.state.is_finished() for t in study.trials)
