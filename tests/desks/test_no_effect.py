"""Studies whose rate has no effect, or another one than it seems: what they say is true.

Covers ``search.effect``.
"""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from synthetic_trainer import (
    BEST,
    FINAL_STEPS,
    HIGH,
    LOW,
    STEPS,
    Trainer,
    decades,
    make_objective,
    with_role,
)

import optuna_bisect as ob
from optuna_bisect.search.effect import carried_over
from optuna_bisect.search.probe import Probe
from optuna_bisect.verdicts.curve import Curve

SAME = "made no difference beyond the noise"
CARRIED = "each probe begins where the one before it ended"


def new_study(pruner: optuna.pruners.BasePruner | None = None, **settings) -> optuna.Study:
    sampler = ob.BisectionSampler(**{**STEPS, "seed": 0, **settings})
    return optuna.create_study(sampler=sampler, pruner=pruner or ob.VerdictPruner())


def said(caplog) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def lr_of(trial: optuna.Trial) -> float:
    return trial.suggest_float("lr", LOW, HIGH, log=True)


def report_all(trial: optuna.Trial, losses) -> float:
    for step, loss in losses:
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def ignoring(noise: float, first: int):
    """Make an objective that trains at a rate of its own."""

    def objective(trial: optuna.Trial) -> float:
        lr_of(trial)
        steps = range(first, FINAL_STEPS, 2)
        return report_all(
            trial, ((s, Trainer(noise=noise).loss(BEST, s, trial.number)) for s in steps)
        )

    return objective


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.01, 0.02])
@pytest.mark.parametrize("first", [0, 1])
def test_an_objective_that_ignores_the_rate_has_not_converged(noise, first, caplog) -> None:
    study = new_study()
    study.optimize(ignoring(noise, first), n_trials=30)
    assert SAME in ob.find_winner(study).status
    assert said(caplog).count(SAME) == 1


@pytest.mark.parametrize("value", [1.0, 0.0, -3.5])
@pytest.mark.parametrize("steps", [STEPS, {"probe_steps": None, "final_steps": None}])
def test_one_value_at_every_rate_has_not_converged(value, steps) -> None:
    study = new_study(**steps)
    study.optimize(lambda trial: lr_of(trial) * 0 + value, n_trials=15)
    assert SAME in ob.find_winner(study).status
    assert not any("rate below it" in str(t.user_attrs) for t in study.trials)


def test_one_loss_that_never_moves_has_not_converged(caplog) -> None:
    study = new_study()
    study.optimize(
        lambda trial: lr_of(trial) * 0 + report_all(trial, ((s, 2.3) for s in range(160)))
    )
    assert "converged" not in str(ob.find_winner(study))
    assert SAME in said(caplog)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("best", [1e-4, BEST, 0.1])
def test_a_rate_with_an_effect_is_not_suspected(noise, best, caplog) -> None:
    study = new_study()
    study.optimize(make_objective(Trainer(best=best, noise=noise, edge=0.5)), n_trials=30)
    assert ob.find_winner(study).status.startswith("converged")
    assert not caplog.records


class KeptModel:
    """One linear model that every trial trains on: what a global model in a notebook becomes."""

    def __init__(self, factor: float, every: int, noise: float = 0.0) -> None:
        rng = np.random.default_rng(0)
        self.inputs = rng.normal(size=(64, 8)) * factor
        self.targets = self.inputs @ rng.normal(size=8) + 0.1 * rng.normal(size=64)
        self.weights = np.zeros(8)
        self.every, self.noise, self.rng = every, noise, rng

    @property
    def loss(self) -> float:
        with np.errstate(all="ignore"):
            error = self.inputs @ self.weights - self.targets
            return float(np.mean(error**2)) * (1 + self.noise * self.rng.normal())

    def train(self, lr: float):
        for step in range(FINAL_STEPS):
            if step % self.every == 0:
                yield step, self.loss
            with np.errstate(all="ignore"):
                error = self.inputs @ self.weights - self.targets
                self.weights = self.weights - lr * 2 * self.inputs.T @ error / 64

    def objective(self, trial: optuna.Trial) -> float:
        return report_all(trial, self.train(lr_of(trial)))


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("every", [2, 4])
@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_one_model_that_is_trained_on_has_not_converged(factor, every, noise, caplog) -> None:
    study = new_study()
    study.optimize(KeptModel(factor, every, noise).objective, n_trials=30)
    winner = ob.find_winner(study)
    assert CARRIED in said(caplog)
    assert winner is None or CARRIED in winner.status


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_a_model_that_is_built_anew_is_not_suspected(factor, noise, caplog) -> None:
    study = new_study()
    study.optimize(lambda trial: KeptModel(factor, 2, noise).objective(trial), n_trials=30)
    assert ob.find_winner(study).status.startswith("converged")
    assert CARRIED not in said(caplog)


def test_accuracies_after_a_first_update_are_no_sign_of_a_kept_model() -> None:
    """At a higher rate the first update does more, so it begins higher (seen on digits)."""
    seen = {
        0.00012: [0.267, 0.344, 0.133],
        0.085: [
            0.404,
            0.587,
            0.787,
            0.816,
            0.887,
            0.831,
            0.862,
            0.822,
            0.916,
            0.884,
            0.887,
            0.896,
        ],
        0.77: [0.709, 0.729, 0.782, 0.818, 0.851, 0.811, 0.824, 0.831, 0.902, 0.816, 0.898, 0.924],
        2.3: [0.42, 0.727, 0.764, 0.718, 0.769, 0.847, 0.833, 0.816, 0.907, 0.767, 0.862, 0.884],
        0.26: [0.693, 0.671, 0.856, 0.824, 0.887, 0.844, 0.873, 0.853, 0.92, 0.882, 0.853, 0.931],
    }
    curves = [Curve(tuple(range(len(y))), tuple(-v for v in y)) for y in seen.values()]
    assert not carried_over(
        [Probe(i, lr, curve) for i, (lr, curve) in enumerate(zip(seen, curves))]
    )


@pytest.mark.parametrize(
    ("low", "high"), [(1e-3, 2e-3), (1.9e-3, 2.1e-3), (0.01, 0.02), (0.1, 0.1)]
)
def test_a_range_narrower_than_a_step_is_no_edge(low, high) -> None:
    study = new_study()
    study.optimize(make_objective(low=low, high=high), n_trials=30)
    status = ob.find_winner(study).status
    assert "narrower than a step" in status
    assert "edge" not in status
    assert all(low <= t.params["lr"] <= high for t in study.trials)


def in_full(trial: optuna.Trial) -> float:
    """Train in full, whatever the trial is for: the best constant rate is that of a full run."""
    return decades(lr_of(trial)) ** 2 + 5e-4


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, optuna.pruners.NopPruner])
@pytest.mark.parametrize("final_steps", [80, 160, 4000])
def test_probes_that_ran_in_full_hand_over_the_best_rate_as_it_is(
    pruner, final_steps, caplog
) -> None:
    study = new_study(pruner(), final_steps=final_steps)
    study.optimize(in_full, n_trials=30)
    (final,) = with_role(study, "final")
    assert final.params["lr"] == pytest.approx(ob.find_winner(study).lr)
    assert final.value <= min(t.value for t in with_role(study, "probe"))
    assert said(caplog).count("reported nothing and did not ask for its length") == 1
    assert study.best_trial.number == final.number


@pytest.mark.parametrize("ask", [lambda plan: plan.n_steps, lambda plan: plan.is_final])
def test_probes_that_ask_for_their_length_are_corrected(ask, caplog) -> None:
    def objective(trial: optuna.Trial) -> float:
        lr, is_asked = lr_of(trial), ask(ob.trial_plan(trial))
        return Trainer().loss(lr, ob.trial_plan(trial).n_steps) + 0 * bool(is_asked)

    study = new_study()
    study.optimize(objective, n_trials=30)
    ratio = with_role(study, "final")[0].params["lr"] / ob.find_winner(study).lr
    assert ratio < 0.9
    assert not caplog.records


def test_a_final_worse_than_the_probes_that_were_full_runs_is_told(caplog) -> None:
    def objective(trial: optuna.Trial) -> float:
        ob.trial_plan(trial)
        return in_full(trial)

    study = new_study(final_steps=4000)
    study.optimize(objective, n_trials=30)
    assert "worse than probe" in said(caplog)
    assert math.isclose(study.best_value, 5e-4, abs_tol=0.05)
    assert not ob.trial_plan(study.best_trial).is_final
