"""Odd but legal uses: scales, batches of asks, shared samplers, objectives that always fail."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial, TrialState
from synthetic_trainer import (
    FINAL_STEPS,
    HIGH,
    LOW,
    PROBE_STEPS,
    STEPS,
    Trainer,
    decades,
    make_objective,
    roles,
    run,
    with_role,
)

import optuna_bisect as ob

LIMIT = 60


def new_study(**settings) -> optuna.Study:
    return optuna.create_study(
        sampler=ob.BisectionSampler(**{**STEPS, **settings}), pruner=ob.VerdictPruner()
    )


def lr_of(trial: optuna.Trial) -> float:
    return trial.suggest_float("lr", LOW, HIGH, log=True)


@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_losses_times_a_constant_take_the_same_rates(factor) -> None:
    plain, scaled = new_study(), new_study()
    plain.optimize(make_objective(Trainer(edge=0.1)))
    scaled.optimize(make_objective(Trainer(edge=0.1, initial=2.3 * factor)))
    assert [t.params for t in scaled.trials] == [t.params for t in plain.trials]


@pytest.mark.parametrize("trainer", [Trainer(initial=-5.0), Trainer(initial=1.0, scale=3.0)])
def test_negative_losses_and_losses_that_cross_zero(trainer) -> None:
    study = new_study()
    study.optimize(make_objective(trainer), n_trials=LIMIT)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert roles(study)[-1] == "final"


def test_numpy_numbers_as_settings_and_reports() -> None:
    """Attributes are JSON, which knows no numpy."""

    def objective(trial: optuna.Trial) -> float:
        lr = lr_of(trial)
        for step in np.arange(0, FINAL_STEPS, 2):
            trial.report(np.float32(Trainer().loss(lr, int(step))), int(step))
            if trial.should_prune():
                raise optuna.TrialPruned
        return np.float32(Trainer().loss(lr, FINAL_STEPS))

    study = new_study(
        probe_steps=np.int64(PROBE_STEPS),
        final_steps=np.int64(FINAL_STEPS),
        max_probes=np.int64(9),
        stale_after=np.float32(60.0),
        seed=np.int64(3),
    )
    study.optimize(objective)
    assert roles(study)[-1] == "final"
    assert decades(ob.find_winner(study).lr) < 0.25


def tell(study: optuna.Study, trial: optuna.Trial) -> None:
    try:
        study.tell(trial, make_objective()(trial))
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)


def test_ask_and_tell_in_batches_ends_in_one_final_and_raises_nothing() -> None:
    study = new_study()
    for _ in range(12):
        for trial in [study.ask() for _ in range(3)]:
            tell(study, trial)
    assert len(with_role(study, "final")) == 1
    assert ob.trial_plan(study.best_trial).is_final
    assert {t.state for t in with_role(study, "surplus")} == {TrialState.PRUNED}


def test_ask_with_fixed_distributions_takes_the_rate_of_the_search() -> None:
    study = new_study()
    space = {"lr": optuna.distributions.FloatDistribution(LOW, HIGH, log=True)}
    assert study.ask(space).params["lr"] == pytest.approx(1e-3)


def test_two_studies_share_one_sampler_and_one_pruner() -> None:
    sampler, pruner = ob.BisectionSampler(**STEPS), ob.VerdictPruner()
    studies = [optuna.create_study(sampler=sampler, pruner=pruner) for _ in range(2)]
    bests = [1e-4, 0.1]
    for _ in range(30):
        for study, best in zip(studies, bests):
            if not with_role(study, "final"):
                study.optimize(make_objective(Trainer(best)), n_trials=1)
    for study, best in zip(studies, bests):
        assert decades(ob.find_winner(study).lr, best) < 0.25


def test_objective_that_returns_before_its_first_report() -> None:
    def objective(trial: optuna.Trial) -> float:
        return 5.0 if decades(lr_of(trial)) > 1.2 else make_objective()(trial)

    study = new_study()
    study.optimize(objective, n_trials=LIMIT)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert roles(study)[-1] == "final"


def test_objective_that_reports_and_never_asks_should_prune() -> None:
    def objective(trial: optuna.Trial) -> float:
        lr = lr_of(trial)
        for step in range(0, FINAL_STEPS, 2):
            trial.report(Trainer(edge=0.1).loss(lr, step), step)
        return Trainer(edge=0.1).loss(lr, FINAL_STEPS)

    study = new_study()
    study.optimize(objective)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert roles(study)[-1] == "final"


def test_objective_that_prunes_itself() -> None:
    def objective(trial: optuna.Trial) -> float:
        lr = lr_of(trial)
        if decades(lr) > 1:
            raise optuna.TrialPruned
        return run(trial, Trainer(), lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))

    study = new_study()
    study.optimize(objective)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert roles(study)[-1] == "final"


def test_rate_that_raises_above_an_edge_is_caught_and_the_search_goes_round_it() -> None:
    def objective(trial: optuna.Trial) -> float:
        if lr_of(trial) > 0.01:
            raise FloatingPointError
        return make_objective()(trial)

    study = new_study()
    study.optimize(objective, catch=(FloatingPointError,))
    assert decades(ob.find_winner(study).lr) < 0.25
    assert roles(study)[-1] == "final"


def test_the_objective_runs_on_a_fixed_trial() -> None:
    """How Optuna re-runs an objective: full length, its own rate, no bracket."""
    trial = FixedTrial({"lr": 0.1})
    assert isinstance(ob.trial_plan(trial).seed, int)  # torch.manual_seed takes no None
    plan = ob.trial_plan(trial)
    assert (plan.is_final, plan.start_lr, plan.bracket) == (True, 0.1, None)
    assert math.isfinite(make_objective(n_steps=None)(trial))


def test_a_trial_of_another_sampler_has_no_plan() -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    plan = ob.trial_plan(study.ask())
    assert (plan.role, plan.n_steps, plan.bracket, plan.is_final) == (None, None, None, False)


def test_best_trial_raises_while_nothing_is_complete() -> None:
    study = new_study()
    study.optimize(make_objective(), n_trials=2)
    with pytest.raises(ValueError, match="No trials are completed"):
        _ = study.best_trial


def test_optunas_own_visualisation_data_and_copy_keep_working() -> None:
    study = new_study()
    study.optimize(make_objective())
    storage = optuna.storages.InMemoryStorage()
    optuna.copy_study(
        from_study_name=study.study_name, from_storage=study._storage, to_storage=storage
    )
    copy = optuna.load_study(study_name=study.study_name, storage=storage)
    assert ob.find_winner(copy) == ob.find_winner(study)


def test_settings_changed_on_resume_apply_to_the_rest_of_the_search() -> None:
    study = new_study()
    study.optimize(make_objective(), n_trials=3)
    study.sampler = ob.BisectionSampler(probe_steps=20, final_steps=80)
    study.optimize(make_objective(n_steps=80), n_trials=LIMIT)
    assert ob.trial_plan(study.best_trial).final_steps == 80
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_noisy_reports_come_within_a_decade_and_end(noise) -> None:
    study = new_study()
    study.optimize(make_objective(Trainer(noise=noise, edge=0.1)), n_trials=LIMIT)
    assert roles(study)[-1] == "final"
    assert decades(ob.find_winner(study).lr) < 0.75
