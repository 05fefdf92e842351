"""Storages with a heartbeat: the dead are found by it, and the living that it fails go on."""

from __future__ import annotations

import contextlib
import pickle
import warnings
from typing import TYPE_CHECKING

import optuna
import pytest
import storage_servers
from expected_study import assert_one_final
from failing_storage import DyingDatabase, die_and_finish
from many_workers import join_study
from optuna.trial import TrialState
from synthetic_trainer import LOW, make_objective, with_role
from worker_process import open_storage

import optuna_bisect as ob
from optuna_bisect.workers import role_claim

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds without a heartbeat after which a trial counts as dead here; Optuna takes whole ones.
GRACE = 0.05


@contextlib.contextmanager
def postgres() -> Iterator[optuna.storages.RDBStorage]:
    """A database whose heartbeat finds the dead within a moment, and retries their trials."""
    with storage_servers.storage("postgres") as url, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback()
        options = {"heartbeat_interval": 60, "heartbeat_stale_trial_callback": retry}
        storage = open_storage(url, **options)
        storage.grace_period = GRACE
        try:
            yield storage
        finally:
            storage_servers.close(storage)


def test_a_worker_killed_before_its_first_heartbeat_leaves_no_claim_for_ever(monkeypatch) -> None:
    """Optuna's heartbeat begins after ``ask``; the claim of the final trial is written in it."""
    with postgres() as storage:
        whole = DyingDatabase(storage, 10**9)
        die_and_finish(whole, "whole", monkeypatch, seconds=0)
        writes = [args[1:] for _, args in whole.calls]
        claimed = 1 + writes.index(("bisect_role", "final"))
        for n_calls in (claimed, claimed + 1, claimed + 2, claimed - 1):
            dying = DyingDatabase(storage, n_calls, after=True)
            study = die_and_finish(dying, f"s{n_calls}", monkeypatch, seconds=2 * GRACE)
            assert dying.is_dead
            assert_one_final(study)
            assert all(t.state.is_finished() for t in study.trials), n_calls


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_a_worker_of_a_database_may_die_at_any_call(after, monkeypatch) -> None:
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.05)
    with postgres() as storage:
        n_probes, has_died, n_calls = None, True, 4 + after
        while has_died:
            dying = DyingDatabase(storage, n_calls if n_probes else 10**9, after=after)
            study = die_and_finish(dying, f"s{n_calls}", monkeypatch, seconds=2 * GRACE)
            assert_one_final(study)
            # The dead trial's question is asked again, and the clone that the callback made runs.
            n_probes = n_probes or len(with_role(study, "probe"))
            assert len(with_role(study, "probe")) <= n_probes + 2, n_calls
            has_died, n_calls = dying.is_dead or n_calls == 4 + after, n_calls + 9
        assert n_calls > 200


def with_heartbeat(folder) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=2)
        storage = open_storage(
            f"sqlite:///{folder}/s.db",
            heartbeat_interval=60,
            heartbeat_stale_trial_callback=retry,
        )
    return join_study(storage, "s")


@pytest.mark.parametrize("role", ["probe", "final"])
@pytest.mark.parametrize("when", ["before a report", "before the end"])
def test_a_live_trial_that_the_heartbeat_failed_ends_quietly(folder, role, when) -> None:
    """Another worker took it for dead: its clone is run, and the worker goes on."""
    study, failed = with_heartbeat(folder), []
    stranger = open_storage(f"sqlite:///{folder}/s.db")

    def fail(trial: optuna.Trial) -> None:
        failed.append(trial.number)
        stranger.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        study._storage.get_heartbeat_stale_trial_callback()(study, study.trials[trial.number])

    def objective(trial: optuna.Trial) -> float:
        is_victim = not failed and ob.trial_plan(trial).role == role
        if is_victim and when == "before a report":
            trial.suggest_float("lr", LOW, 1.0, log=True)
            fail(trial)
        try:
            return make_objective(every=8)(trial)
        finally:
            if is_victim and not failed:
                fail(trial)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.optimize(objective)
    assert study.trials[failed[0]].state == TrialState.FAIL
    assert_one_final(study)
    assert study.best_trial.number not in failed
    assert all(t.state.is_finished() for t in study.trials)


def test_a_guarded_storage_can_be_copied_to_another_process(folder) -> None:
    study = with_heartbeat(folder)
    study.optimize(make_objective(every=8), n_trials=1)
    copy = pickle.loads(pickle.dumps(study))  # noqa: S301 (our own)
    copy.optimize(make_objective(every=8))
    assert_one_final(study)
