"""Search spaces: which parameter is the rate, what stands beside it, and what users fix."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.trial import TrialState
from synthetic_trainer import (
    BEST,
    FINAL_STEPS,
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


def new_study(param_name: str | None = None, **settings) -> optuna.Study:
    sampler = ob.BisectionSampler(param_name, **{**STEPS, **settings})
    return optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())


def train(trial: optuna.Trial, lr: float, trainer: Trainer | None = None) -> float:
    return run(trial, trainer or Trainer(), lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))


def test_other_parameters_go_to_the_independent_sampler() -> None:
    def also(trial: optuna.Trial) -> None:
        trial.suggest_categorical("optimizer", ["sgd", "adam", None])
        trial.suggest_int("depth", 1, 9)
        trial.suggest_int("width", 8, 512, log=True)
        trial.suggest_float("dropout", 0.0, 0.5)
        trial.suggest_float("momentum", 0.8, 1.0, step=0.05)

    study = new_study(independent_sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(make_objective(also=also))
    assert decades(ob.find_winner(study).lr) < 0.25
    names = ("optimizer", "depth", "width", "dropout", "momentum")
    held = {tuple(t.params[name] for name in names) for t in with_role(study, "probe")}
    assert len(held) == 1, "verdicts compared two configurations"


@pytest.mark.parametrize("name", ["lr", "learning_rate", "optimizer.lr", "lr_init"])
def test_weight_decay_suggested_first_is_not_taken_for_the_rate(name) -> None:
    def also(trial: optuna.Trial) -> None:
        trial.suggest_float("weight_decay", 1e-8, 1e-1, log=True)

    study = new_study(seed=0)
    study.optimize(make_objective(name=name, also=also))
    assert decades(ob.find_winner(study).lr) < 0.25
    decay = {t.params["weight_decay"] for t in study.trials}
    assert len(decay) == 1, "weight_decay was bisected, not held"


@pytest.mark.parametrize("steps", [STEPS, {"probe_steps": None, "final_steps": None}])
def test_an_unknown_name_is_the_rate_if_it_is_the_first_log_float(steps) -> None:
    study = new_study(**steps)
    study.optimize(make_objective(name="rho"), n_trials=25)
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize("steps", [STEPS, {"probe_steps": None, "final_steps": None}])
def test_no_log_float_at_all_falls_back_and_does_not_raise(steps) -> None:
    study = new_study(**steps)
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=5)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 5
    assert ob.find_winner(study) is None


def test_no_parameter_at_all_does_not_raise() -> None:
    study = new_study()
    study.optimize(lambda trial: 1.0, n_trials=5)
    assert len(study.trials) == 5


@pytest.mark.parametrize(("low", "high"), [(-0.05, 0.1), (0.0, 0.1), (1e-4, 0.1)])
def test_linear_rate_given_by_name(low, high) -> None:
    """A range that reaches 0 or below is bisected linearly."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("eta0", low, high)
        return train(trial, max(lr, 1e-9), Trainer(best=0.03))

    study = new_study("eta0")
    study.optimize(objective, n_trials=40)
    assert abs(study.trials[ob.find_winner(study).number].params["eta0"] - 0.03) < 0.02
    assert roles(study)[-1] == "final"
    assert all(low <= t.params["eta0"] <= high for t in study.trials)
    middle = (low + high) / 2 if low <= 0 else math.sqrt(low * high)
    assert study.trials[0].params["eta0"] == pytest.approx(middle)


@pytest.mark.parametrize("shift", [-0.5, -0.03])
def test_shifting_a_linear_range_shifts_the_picks(shift) -> None:
    """A rate of 0.0 beside the best one is a rate like any other."""

    def picks(low: float) -> list[float]:
        study = optuna.create_study(sampler=ob.BisectionSampler("x"))
        study.optimize(lambda t: abs(t.suggest_float("x", low, low + 1) - low - 0.03), 30)
        assert study.best_params["x"] - low == pytest.approx(0.03, abs=1e-5)
        return [t.params["x"] - low for t in study.trials]

    assert picks(shift) == pytest.approx(picks(0.0), abs=1e-9)


def test_linear_rate_with_a_step_stays_on_its_steps() -> None:
    def objective(trial: optuna.Trial) -> float:
        return train(trial, trial.suggest_float("eta0", 0.01, 0.1, step=0.01), Trainer(0.05))

    study = new_study("eta0")
    study.optimize(objective, n_trials=40)
    assert all(round(100 * t.params["eta0"], 6) % 1 == 0 for t in study.trials)


def test_named_parameter_wins_over_a_known_name() -> None:
    def also(trial: optuna.Trial) -> None:
        trial.suggest_float("lr", 1e-5, 1e-1, log=True)

    study = new_study("head.rate")
    study.optimize(make_objective(name="head.rate", also=also))
    assert decades(ob.find_winner(study).lr) < 0.25


def test_enqueued_rates_are_probes_and_count_as_evidence() -> None:
    study = new_study()
    study.enqueue_trial({"lr": BEST})
    study.enqueue_trial({"lr": 3e-5})
    study.optimize(make_objective())
    assert [t.params["lr"] for t in study.trials[:2]] == [BEST, 3e-5]
    assert roles(study)[:2] == ["probe", "probe"]
    assert ob.find_winner(study).number == 0
    assert decades(study.best_trial.params["lr"]) < 0.35


def test_enqueued_other_parameter_leaves_the_rate_to_the_sampler() -> None:
    study = new_study()
    study.enqueue_trial({"depth": 7})
    study.optimize(make_objective(also=lambda trial: trial.suggest_int("depth", 1, 9)))
    assert study.trials[0].params["depth"] == 7
    assert study.trials[0].params["lr"] == pytest.approx(1e-3)


def test_fixed_rate_outside_the_range_is_left_alone() -> None:
    study = new_study()
    study.enqueue_trial({"lr": 1e-9})
    with pytest.warns(UserWarning, match="out of range"):
        study.optimize(make_objective(), n_trials=1)
    study.optimize(make_objective())
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize("steps", [STEPS, {"probe_steps": None, "final_steps": None}])
def test_low_equals_high_never_reaches_the_sampler_and_ends(steps) -> None:
    study = new_study(**steps)
    study.optimize(make_objective(low=1e-3, high=1e-3), n_trials=30)
    assert {t.params["lr"] for t in study.trials} == {1e-3}
    assert all(t.state != TrialState.FAIL for t in study.trials)


@pytest.mark.parametrize(
    ("low", "high"),
    [(1e-4, 1e-1), (1e-9, 1e2), (1e-2, 10.0)],
    ids=["narrower", "wider", "shifted"],
)
def test_range_changed_between_trials(low, high) -> None:
    study = new_study()
    study.optimize(make_objective(), n_trials=3)
    study.optimize(make_objective(low=low, high=high), n_trials=40)
    assert roles(study)[-1] == "final"
    assert all(low <= t.params["lr"] <= high for t in study.trials[3:])
    assert decades(ob.find_winner(study).lr, max(BEST, low)) < 0.3


def test_range_changed_to_one_that_shares_no_rate() -> None:
    study = new_study()
    study.optimize(make_objective(low=1e-9, high=1e-7), n_trials=3)
    study.optimize(make_objective(), n_trials=40)
    assert decades(ob.find_winner(study).lr) < 0.25


def test_partial_fixed_sampler_around_the_sampler() -> None:
    base = ob.BisectionSampler(**STEPS)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        sampler = optuna.samplers.PartialFixedSampler({"depth": 3}, base)
    study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
    study.optimize(make_objective(also=lambda trial: trial.suggest_int("depth", 1, 9)))
    assert {t.params["depth"] for t in study.trials} == {3}
    assert decades(ob.find_winner(study).lr) < 0.25
    assert roles(study)[-1] == "final"


def test_partial_fixed_sampler_that_fixes_the_rate_comes_to_an_end() -> None:
    base = ob.BisectionSampler(**STEPS)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        sampler = optuna.samplers.PartialFixedSampler({"lr": BEST}, base)
    study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
    study.optimize(make_objective(), n_trials=30)
    assert {t.params["lr"] for t in study.trials} == {BEST}
    assert len(study.trials) < 20


def test_study_first_filled_by_another_sampler() -> None:
    """Its trials are evidence; none of them has a role."""
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=0), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(), n_trials=10)
    study.sampler = ob.BisectionSampler(**STEPS)
    study.optimize(make_objective(), n_trials=40)
    assert roles(study)[:10] == [None] * 10
    assert roles(study)[-1] == "final"
    assert decades(ob.find_winner(study).lr) < 0.25


def test_study_first_filled_by_another_sampler_without_pruning() -> None:
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner()
    )
    study.optimize(make_objective(), n_trials=10)
    study.sampler, study.pruner = ob.BisectionSampler(**STEPS), ob.VerdictPruner()
    study.optimize(make_objective(), n_trials=40)
    assert len(with_role(study, "final")) == 1
    assert study.trials[-1].last_step >= FINAL_STEPS - 2
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, optuna.pruners.NopPruner])
def test_study_first_filled_with_values_and_no_reports(pruner) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner())
    study.optimize(make_objective(every=0), n_trials=6)
    study.sampler = ob.BisectionSampler(**STEPS)
    study.optimize(make_objective(), n_trials=40)
    assert roles(study)[-1] == "final"
    assert decades(ob.find_winner(study).lr) < 0.3


def test_a_clamped_rate_lies_in_the_distribution() -> None:
    """``exp((log a + log b) / 2)`` leaves such ranges; Optuna would refuse the rate."""
    for low, high in [(1e-5, 1.0000000000000003e-5), (0.1, 0.3), (7e-7, 7.1e-7)]:
        study = optuna.create_study(sampler=ob.BisectionSampler())
        study.optimize(lambda t, a=low, b=high: t.suggest_float("lr", a, b, log=True), n_trials=6)
        rates = [t.params["lr"] for t in study.trials]
        assert all(low <= rate <= high for rate in rates)
        assert {type(rate) for rate in rates} == {float}


def test_a_probe_that_went_a_way_without_the_rate_ends_at_its_length() -> None:
    """Where another branch of the objective names its rate otherwise, or has none."""

    def objective(trial: optuna.Trial) -> float:
        is_other = trial.number % 3 == 1
        return make_objective(name="adam_lr" if is_other else "lr")(trial)

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(objective, n_trials=40)
    others = [t for t in with_role(study, "probe") if "lr" not in t.params]
    assert others
    assert {t.state for t in others} == {TrialState.PRUNED}
    assert {t.last_step for t in others} == {PROBE_STEPS}
    assert all("has no 'lr'" in t.user_attrs["bisect_reason"] for t in others)
    assert study.best_trial.number == with_role(study, "final")[-1].number


def test_a_fixed_trial_whose_rate_is_no_number_has_a_plan_without_one() -> None:
    plan = ob.trial_plan(optuna.trial.FixedTrial({"lr": "auto"}))
    assert (plan.is_final, plan.start_lr) == (True, None)
