"""Objectives that never give a usable value: the study stops by itself or makes the best."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.pruners import NopPruner
from synthetic_trainer import HIGH, LOW, STEPS, Trainer, decades, make_objective, with_role

import optuna_bisect as ob

LIMIT = 60


def new_study() -> optuna.Study:
    return optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())


def stop_at_limit(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """End a study that should have ended by itself."""
    if trial.number >= LIMIT:
        study.stop()


def lr_of(trial: optuna.Trial) -> float:
    return trial.suggest_float("lr", LOW, HIGH, log=True)


def always_raise(trial: optuna.Trial) -> float:
    lr_of(trial)
    raise RuntimeError


def raise_before_the_rate(trial: optuna.Trial) -> float:
    raise RuntimeError


def raise_after_reports(trial: optuna.Trial) -> float:
    lr = lr_of(trial)
    for step in range(0, 20, 2):
        trial.report(Trainer().loss(lr, step), step)
    raise RuntimeError


def return_nan(trial: optuna.Trial) -> float:
    lr_of(trial)
    return math.nan


def return_nothing(trial: optuna.Trial) -> None:
    lr_of(trial)


def prune_at_once(trial: optuna.Trial) -> float:
    lr_of(trial)
    raise optuna.TrialPruned


HOPELESS = [
    always_raise,
    raise_before_the_rate,
    raise_after_reports,
    return_nan,
    return_nothing,
    prune_at_once,
    make_objective(Trainer(edge=1e-9)),
]


@pytest.mark.parametrize("objective", HOPELESS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n_trials", [None, 40])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_hopeless_study_with_known_steps_stops_by_itself(objective, n_trials, n_jobs) -> None:
    """``max_probes`` are spent and none was finite: the sampler stops the study."""
    study = new_study()
    study.optimize(
        objective,
        n_trials=n_trials,
        n_jobs=n_jobs,
        catch=(Exception,),
        callbacks=[stop_at_limit],
    )
    assert len(study.trials) <= (n_trials or LIMIT)
    assert len(study.trials) < 30, "the study did not stop by itself"


def test_one_rate_for_all_trials_stops_by_itself() -> None:
    """``low == high``: nothing to search, and the sampler knows the steps, so it stops."""
    study = new_study()
    study.optimize(make_objective(low=1e-3, high=1e-3), callbacks=[stop_at_limit])
    assert len(study.trials) < LIMIT


def test_returned_nan_after_healthy_reports_is_judged_by_the_last_report() -> None:
    def objective(trial: optuna.Trial) -> float:
        value = make_objective(n_steps=None)(trial)
        return value if ob.trial_plan(trial).is_final else math.nan

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=NopPruner())
    study.optimize(objective, n_trials=LIMIT)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert ob.trial_plan(study.best_trial).is_final


def test_probes_that_all_break_late_point_to_the_rate_with_most_progress() -> None:
    """A broken trial is judged by its last report: its curve is evidence."""
    study = new_study()
    study.optimize(raise_after_reports, n_trials=LIMIT, catch=(RuntimeError,))
    rate = ob.trial_plan(with_role(study, "final")[0]).start_lr
    assert decades(rate) < 1.0


def slow_start(n_flat: int):
    """Make an objective whose loss does not move for some steps, as under a warm-up."""

    def objective(trial: optuna.Trial) -> float:
        lr = lr_of(trial)
        for step in range(0, 160, 2):
            trial.report(Trainer(edge=0.1).loss(lr, max(0, step - n_flat)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return Trainer().loss(lr, 160)

    return objective


@pytest.mark.parametrize("n_flat", [4, 8])
def test_a_run_that_begins_to_descend_after_a_fifth_of_a_probe_is_not_flat(n_flat) -> None:
    study = new_study()
    study.optimize(slow_start(n_flat), n_trials=LIMIT)
    assert decades(ob.find_winner(study).lr) < 0.25


def test_a_winner_without_a_balanced_probe_is_no_run_that_overshoots() -> None:
    """Then the winner is the highest *undershoot*."""
    study = new_study()
    study.optimize(slow_start(8), n_trials=LIMIT)
    winner = ob.find_winner(study)
    assert study.trials[winner.number].user_attrs["bisect_verdict"] != "overshoot"


def test_an_early_return_without_reports_may_be_the_best_and_breaks_nothing() -> None:
    def objective(trial: optuna.Trial) -> float:
        return 0.01 if 5e-4 < lr_of(trial) < 2e-3 else make_objective()(trial)

    for study in (new_study(), optuna.create_study(sampler=ob.BisectionSampler())):
        study.pruner = ob.VerdictPruner()
        study.optimize(objective, n_trials=20)
        assert len(study.trials) >= 4
