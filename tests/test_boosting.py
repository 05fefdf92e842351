"""Boosting, with the real libraries: ``_boosting`` sees who trains, and what is said then."""

from __future__ import annotations

import optuna
import pytest
from sklearn.datasets import load_diabetes
from synthetic_trainer import STEPS, make_objective

import optuna_bisect as ob

lightgbm = pytest.importorskip("lightgbm")
X, Y = load_diabetes(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def train_lightgbm(trial: optuna.Trial, *, is_pruned: bool = True) -> float:
    from optuna_integration import LightGBMPruningCallback

    rate = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
    settings = {"objective": "l2", "learning_rate": rate, "verbosity": -1, "num_threads": 1}
    data = lightgbm.Dataset(X[:300], Y[:300])
    losses: dict = {}
    callbacks = [lightgbm.record_evaluation(losses)]
    callbacks += [LightGBMPruningCallback(trial, "l2")] if is_pruned else []
    held = data.create_valid(X[300:], Y[300:])
    lightgbm.train(settings, data, 50, valid_sets=[held], callbacks=callbacks)
    return losses["valid_0"]["l2"][-1]


def train_xgboost(trial: optuna.Trial) -> float:
    from optuna_integration import XGBoostPruningCallback

    xgboost = pytest.importorskip("xgboost")
    rate = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
    losses: dict = {}
    xgboost.train(
        {"learning_rate": rate, "nthread": 1, "eval_metric": "rmse"},
        xgboost.DMatrix(X[:300], Y[:300]),
        50,
        evals=[(xgboost.DMatrix(X[300:], Y[300:]), "held")],
        evals_result=losses,
        callbacks=[XGBoostPruningCallback(trial, "held-rmse")],
        verbose_eval=False,
    )
    return losses["held"]["rmse"][-1]


@pytest.mark.parametrize(
    ("objective", "name"), [(train_lightgbm, "LightGBM"), (train_xgboost, "XGBoost")]
)
def test_probes_of_a_booster_are_warned_of_once(objective, name, said) -> None:
    sampler = ob.BisectionSampler(probe_steps=5, final_steps=50)
    study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
    study.optimize(objective)
    (text,) = said("boosting")
    assert text.startswith(f"Trial 0 is trained by {name}.")
    assert study.best_trial.user_attrs["bisect_role"] == "final"


def test_other_objectives_are_left_alone_in_a_process_that_has_loaded_a_booster(said) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    assert said("boosting") == []


def test_what_is_advised_finds_a_rate_as_good_as_the_best_of_a_grid(said) -> None:
    """Whole runs; what falls behind at equal rounds may be pruned."""
    study = optuna.create_study(sampler=ob.BisectionSampler(), pruner=ob.VerdictPruner())
    study.optimize(train_lightgbm, n_trials=6)
    assert said("boosting") == []
    rates = [10**-x for x in (0, 0.5, 1, 1.5, 2, 3)]
    fixed = [optuna.trial.FixedTrial({"learning_rate": rate}) for rate in rates]
    assert study.best_value <= 1.01 * min(train_lightgbm(t, is_pruned=False) for t in fixed)
