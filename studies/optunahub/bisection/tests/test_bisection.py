"""Run in the root of the registry: ``pytest package/samplers/bisection``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import optunahub
import pytest
from optuna.testing.pytest_samplers import BasicSamplerTestCase, SingleOnlySamplerTestCase

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.samplers import BaseSampler

bisection = optunahub.load_local_module(package="samplers/bisection", registry_root="package/")


class TestBisectionSampler(BasicSamplerTestCase, SingleOnlySamplerTestCase):
    """All of Optuna's tests for a sampler with one objective."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        """Return what makes a sampler."""
        return bisection.BisectionSampler


def test_a_study_ends_with_one_full_trial_near_the_best_rate() -> None:
    """The trials before it are pruned, and the study stops by itself."""

    def objective(trial: optuna.Trial) -> float:
        lr, loss = trial.suggest_float("lr", 1e-6, 10.0, log=True), 1.0
        for step in range(1_000):
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
            loss *= 1 - 0.1 * lr if lr < 1 else 1.5  # descends faster and faster, breaks at 1
        return loss

    sampler = bisection.BisectionSampler(probe_steps=25, final_steps=1_000, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=bisection.VerdictPruner())
    study.optimize(objective)
    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert [bisection.trial_plan(trial).role for trial in complete] == ["final"]
    assert 0.05 < bisection.find_winner(study).lr < 1
