"""How far a study has come is computed from storage: phase, share, time left."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest
from figure_data import add_trial, search
from optuna.trial import TrialState
from synthetic_trainer import FINAL_STEPS, PROBE_STEPS, STEPS, make_objective

import optuna_bisect as ob
from optuna_bisect.figures.progress import read_progress

MAX_PROBES = 12


def watch(also=lambda trial: None, **settings) -> list:
    """Run a whole study; return its progress at every report of every trial, and at the end."""
    seen = []
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, seed=0, **settings), pruner=ob.VerdictPruner()
    )

    def objective(trial: optuna.Trial) -> float:
        report = trial.report

        def look(value: float, step: int) -> None:
            report(value, step)
            # From another thread: one that trains a second trial has left the first one behind.
            seen.append(other_thread.submit(read_progress, study).result())

        trial.report = look
        return make_objective(also=also)(trial)

    with ThreadPoolExecutor(1) as other_thread:
        study.optimize(objective)
    return [*seen, read_progress(study)]


def test_the_share_grows_from_the_first_report_to_the_end_of_the_final_trial() -> None:
    *seen, end = watch()
    shares = [progress.share for progress in seen]
    most = MAX_PROBES * PROBE_STEPS + FINAL_STEPS
    assert shares[0] == pytest.approx(1 / most)
    assert shares == sorted(shares)
    assert end.share == pytest.approx(1.0, abs=0.01)
    phases = [progress.phase for progress in seen]
    assert phases == sorted(phases)
    assert set(phases) == {1, 2}
    assert all(len(progress.running) == 1 for progress in seen)
    assert (end.running, end.is_complete, end.phase) == ((), True, 2)
    assert all(p.running[0].is_final == (p.phase == 2) for p in seen)


def test_the_time_left_is_that_of_the_other_steps_at_the_mean_speed() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS, seed=0))
    plan = {"probe_steps": PROBE_STEPS, "final_steps": FINAL_STEPS, "max_probes": 1}
    add_trial(study, 0.1, [2.0 - 0.01 * i for i in range(PROBE_STEPS)], **plan)
    trial = study._storage._studies[study._study_id].trials[0]
    trial.datetime_complete = trial.datetime_start + datetime.timedelta(seconds=2 * PROBE_STEPS)
    progress = read_progress(study)
    assert progress.share == pytest.approx(PROBE_STEPS / (PROBE_STEPS + FINAL_STEPS))
    assert progress.seconds_left == pytest.approx(2 * FINAL_STEPS)
    assert (progress.phase, progress.n_probes) == (2, 1)


def test_a_worker_whose_clock_is_ahead_leaves_no_negative_time() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    trial = study.ask()
    trial.report(trial.suggest_float("lr", 1e-6, 1.0, log=True), 0)
    started = study._storage._studies[study._study_id].trials[0]
    started.datetime_start += datetime.timedelta(minutes=1)
    progress = read_progress(study)
    assert [row.number for row in progress.running] == [0]
    assert progress.seconds_left is None


def test_a_final_trial_that_broke_off_is_paid_and_not_done() -> None:
    study = search(n_trials=40)
    before = [t for t in study.trials if t.state != TrialState.COMPLETE]
    copy = optuna.create_study(sampler=ob.BisectionSampler(**STEPS, seed=0))
    copy.add_trials(before)
    paid = sum(t.last_step + 1 for t in before)
    plan = {"probe_steps": PROBE_STEPS, "final_steps": FINAL_STEPS, "max_probes": MAX_PROBES}
    add_trial(copy, 0.1, [2.0] * 100, TrialState.FAIL, **plan, role="final")
    assert read_progress(copy).share == pytest.approx((paid + 100) / (paid + 100 + FINAL_STEPS))


def test_a_study_without_a_planned_final_trial_has_no_share() -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    assert read_progress(study) == (None, (), 0, None, None, False, None)
    study.optimize(make_objective(), n_trials=2)
    assert read_progress(study) == (None, (), 2, None, None, False, None)


def test_a_trial_that_gives_no_sign_of_life_does_not_run() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS, stale_after=60))
    study.ask().suggest_float("lr", 1e-6, 1, log=True)
    assert [row.number for row in read_progress(study).running] == [0]
    trial = study._storage._studies[study._study_id].trials[0]
    trial.datetime_start -= datetime.timedelta(hours=1)
    # The sampler notes a sign of life when it gives the trial its role.
    trial.user_attrs["bisect_alive"] = trial.datetime_start.astimezone().isoformat()
    assert read_progress(study).running == ()


def test_the_share_of_several_configurations_counts_those_to_come() -> None:
    *seen, end = watch(n_configurations=4, also=lambda t: t.suggest_float("dropout", 0, 0.5))
    assert end.share == pytest.approx(1.0, abs=0.01)
    assert end.configurations is None
    begun = [p.configurations for p in seen if p.phase == 1]
    assert begun == sorted(begun)
    assert (begun[0], begun[-1]) == ((1, 4), (4, 4))
    most = 4 * MAX_PROBES * PROBE_STEPS + FINAL_STEPS
    assert seen[0].share == pytest.approx(1 / most), "while none is done each may take all probes"
    two = next(p for p in seen if p.configurations == (2, 4))
    paid = sum(p.configurations == (1, 4) for p in seen)
    assert two.share > paid / most, "the second one is expected to cost what the first did"
