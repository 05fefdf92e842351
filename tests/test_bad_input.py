"""Bad input: a ValueError that says what was expected and what came, and a clean storage.

Covers ``study.settings``.
"""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.trial import TrialState
from synthetic_trainer import HIGH, LOW, STEPS, make_objective

import optuna_bisect as ob

SETTINGS = [
    {"probe_steps": 0},
    {"probe_steps": -5},
    {"probe_steps": 2.5},
    {"probe_steps": "40"},
    {"probe_steps": math.nan},
    {"probe_steps": True},
    {"final_steps": 0},
    {"final_steps": -1},
    {"final_steps": math.inf},
    {"probe_steps": 100, "final_steps": 99},
    {"max_probes": 0},
    {"max_probes": -1},
    {"max_probes": 1.5},
    {"stale_after": 0},
    {"stale_after": -1.0},
    {"stale_after": math.nan},
    {"stale_after": "60"},
    {"horizon_exponent": -0.01},
    {"horizon_exponent": 1.01},
    {"horizon_exponent": math.nan},
    {"horizon_exponent": "0.3"},
    {"report_direction": "min"},
    {"final_schedule": "onecycle"},
    {"final_schedule": 1.5},
    {"final_schedule": -0.1},
    {"final_schedule": math.nan},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_sampler_rejects_settings_outside_their_range_at_construction(settings) -> None:
    name, value = list(settings.items())[-1]
    with pytest.raises(ValueError, match=r"but got .*\.$") as error:
        ob.BisectionSampler(**settings)
    assert name in str(error.value)
    assert str(value) in str(error.value)


@pytest.mark.parametrize(
    "sampler",
    [
        optuna.samplers.RandomSampler,
        "random",
        optuna.samplers.GridSampler({"x": [0, 1]}),
    ],
)
def test_a_sampler_that_would_end_the_study_or_is_none_is_rejected(sampler) -> None:
    """GridSampler stops the study after its last point, silently and before there is a winner."""
    with pytest.raises(ValueError, match=r"independent_sampler .* but got "):
        ob.BisectionSampler(independent_sampler=sampler)


@pytest.mark.parametrize(
    "settings",
    [
        {"probe_steps": 1, "final_steps": 1},
        {"final_steps": 1},
        {"max_probes": 1},
        {"stale_after": 1e-3},
        {"horizon_exponent": 0},
        {"horizon_exponent": 1.0},
        {"param_name": "x", "seed": 0},
    ],
    ids=str,
)
def test_sampler_accepts_the_ends_of_each_range(settings) -> None:
    ob.BisectionSampler(**settings)


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, ob.OvershootPruner, ob.UndershootPruner])
@pytest.mark.parametrize(
    "settings",
    [{"report_direction": "max"}, {"n_warmup_steps": -1}, {"n_warmup_steps": 0.5}],
    ids=str,
)
def test_pruners_reject_settings_outside_their_range(pruner, settings) -> None:
    with pytest.raises(ValueError, match="but got"):
        pruner(**settings)


@pytest.mark.parametrize(
    ("low", "high"),
    [(1e-2, 1e-3), (1e-3, 1e-3), (0.0, 1.0), (-1.0, 1.0), (1e-3, math.inf), (math.nan, 1.0)],
)
def test_bracket_rejects_anything_but_a_positive_finite_ordered_pair(low, high) -> None:
    with pytest.raises(ValueError, match="but got"):
        ob.Bracket(low, high)


@pytest.mark.parametrize(
    ("name", "confidence"), [("high", 0.9), ("balanced", 0.5), ("balanced", 2)]
)
def test_verdict_rejects_unknown_words_and_confidences(name, confidence) -> None:
    with pytest.raises(ValueError, match="but got"):
        ob.Verdict(name, confidence, "why")


def assert_nothing_half_written(study: optuna.Study) -> None:
    """No trial is left RUNNING, and none of the finished ones has a verdict."""
    assert all(t.state.is_finished() for t in study.trials)
    assert not any("bisect_verdict" in t.user_attrs for t in study.trials)


@pytest.mark.parametrize("steps", [STEPS, {}], ids=["steps", "no steps"])
def test_unknown_parameter_name_raises_and_leaves_no_zombie(steps) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler("rate", **steps))
    with pytest.raises(ValueError, match=r"'rate'"):
        study.optimize(make_objective(every=0), n_trials=3)
    assert len(study.trials) == 1
    assert all(t.state.is_finished() for t in study.trials)


def test_unknown_parameter_name_raises_also_after_a_pruned_trial() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler("rate", **STEPS))

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("lr", LOW, HIGH, log=True)
        raise optuna.TrialPruned

    with pytest.raises(ValueError, match=r"'rate'.*but got|but got.*'rate'"):
        study.optimize(objective, n_trials=3)
    assert_nothing_half_written(study)


def test_named_parameter_that_one_branch_lacks_does_not_raise() -> None:
    """Only a name that is unknown to every trial is a mistake."""
    study = optuna.create_study(sampler=ob.BisectionSampler("lr"))
    study.optimize(make_objective(every=0), n_trials=1)
    study.optimize(lambda trial: 1.0, n_trials=1)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2


@pytest.mark.parametrize("suggest", ["categorical", "int"])
def test_named_parameter_that_is_no_float_raises(suggest) -> None:
    def objective(trial: optuna.Trial) -> float:
        if suggest == "int":
            return float(trial.suggest_int("lr", 1, 9))
        return float(trial.suggest_categorical("lr", [0.1, 0.01]))

    study = optuna.create_study(sampler=ob.BisectionSampler("lr", **STEPS))
    with pytest.raises(ValueError, match=r"'lr'.*float.*but got"):
        study.optimize(objective, n_trials=3)
    assert_nothing_half_written(study)


@pytest.mark.parametrize("directions", [["minimize", "minimize"], ["minimize", "maximize"]])
@pytest.mark.parametrize("how", ["optimize", "ask"])
def test_multi_objective_study_raises_and_leaves_no_zombie(directions, how) -> None:
    study = optuna.create_study(directions=directions, sampler=ob.BisectionSampler(**STEPS))
    act = study.ask if how == "ask" else lambda: study.optimize(lambda trial: (0.0, 1.0), 2)
    with pytest.raises(ValueError, match="one objective but got"):
        act()
    assert_nothing_half_written(study)
    assert not any(t.user_attrs for t in study.trials)


def test_winner_of_a_multi_objective_or_empty_study() -> None:
    assert ob.find_winner(optuna.create_study()) is None
    with pytest.raises(ValueError, match="one objective but got"):
        ob.find_winner(optuna.create_study(directions=["minimize", "maximize"]))


def test_bad_range_is_optunas_own_error_and_leaves_no_zombie() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS))
    with pytest.raises(ValueError, match="low"):
        study.optimize(make_objective(low=1.0, high=1e-6), n_trials=1)
    assert_nothing_half_written(study)
