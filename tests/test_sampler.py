"""Optuna's own contract for samplers, and pickling."""

# ruff: noqa: S301 (the pickles are our own)

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, SingleOnlySamplerTestCase
from synthetic_trainer import STEPS, decades, make_objective, roles

import optuna_bisect as ob

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.samplers import BaseSampler

FACTORIES = {
    "defaults": ob.BisectionSampler,
    "TPE for the rest": lambda: ob.BisectionSampler(
        independent_sampler=optuna.samplers.TPESampler(seed=0)
    ),
}


class TestBisectionSampler(BasicSamplerTestCase, SingleOnlySamplerTestCase):
    """All of Optuna's tests for a sampler with one objective."""

    @pytest.fixture(params=FACTORIES.values(), ids=FACTORIES)
    def sampler(self, request) -> Callable[[], BaseSampler]:
        return request.param


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, ob.OvershootPruner, ob.UndershootPruner])
def test_pickled_in_the_middle_and_loaded_they_take_the_same_rates(pruner) -> None:
    straight = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner())
    straight.optimize(make_objective())
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner())
    study.optimize(make_objective(), n_trials=3)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.pruner = pickle.loads(pickle.dumps(study.pruner))
    study.optimize(make_objective())
    assert [t.params for t in study.trials] == [t.params for t in straight.trials]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("used", [False, True])
def test_a_whole_study_is_pickled_and_goes_on(used) -> None:
    patient = optuna.pruners.PatientPruner(ob.VerdictPruner(), patience=1)
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=patient)
    study.optimize(make_objective(), n_trials=2 * used)
    study = pickle.loads(pickle.dumps(study))
    study.optimize(make_objective())
    assert roles(study)[-1] == "final"
    assert decades(ob.find_winner(study).lr) < 0.25


def test_a_pickle_holds_settings_and_not_the_study() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    fresh = len(pickle.dumps(study.sampler)), len(pickle.dumps(study.pruner))
    study.optimize(make_objective())
    used = len(pickle.dumps(study.sampler)), len(pickle.dumps(study.pruner))
    assert used[0] <= fresh[0] + 200
    assert used[1] <= fresh[1] + 200


def test_sample_independent_without_before_trial_returns_a_rate() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS))
    trial = study._storage.get_trial(study._storage.create_new_trial(study._study_id))
    space = optuna.distributions.FloatDistribution(1e-6, 1.0, log=True)
    assert study.sampler.sample_independent(study, trial, "lr", space) == pytest.approx(1e-3)


def test_seed_makes_the_other_parameters_repeat() -> None:
    def draw(seed: int | None) -> list[float]:
        study = optuna.create_study(sampler=ob.BisectionSampler(seed=seed))
        study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_int("n", 0, 99), 5)
        return [t.value for t in study.trials]

    assert draw(1) == draw(1) != draw(2)
