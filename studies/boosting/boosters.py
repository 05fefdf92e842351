"""LightGBM and XGBoost with their defaults; only the learning rate is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm
import xgboost
from optuna_integration import LightGBMPruningCallback, XGBoostPruningCallback

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from studies.boosting.tasks import Task

ROUNDS = 300
_LIGHTGBM = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "rmse"}
_XGBOOST = {
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
    "regression": ("reg:squarederror", "rmse"),
}


def run_lightgbm(task: Task, rate: float, trial: optuna.Trial | None = None) -> float:
    """Train for all rounds, unless the trial is pruned; return the last loss on held-out data."""
    metric = _LIGHTGBM[task.kind]
    settings = {"objective": task.kind, "metric": metric, "learning_rate": rate}
    settings |= {"verbosity": -1, "num_threads": 1, "seed": 0}
    if task.kind == "multiclass":
        settings["num_class"] = len(set(task.y))
    data = lightgbm.Dataset(task.x, task.y)
    losses: dict[str, dict[str, list[float]]] = {}
    callbacks: list[Callable[..., None]] = [lightgbm.record_evaluation(losses)]
    if trial is not None:
        callbacks.append(LightGBMPruningCallback(trial, metric))
    held = data.create_valid(task.held_x, task.held_y)
    lightgbm.train(settings, data, ROUNDS, valid_sets=[held], callbacks=callbacks)
    return losses["valid_0"][metric][-1]


def run_xgboost(task: Task, rate: float, trial: optuna.Trial | None = None) -> float:
    """Train for all rounds, unless the trial is pruned; return the last loss on held-out data."""
    objective, metric = _XGBOOST[task.kind]
    settings = {"objective": objective, "eval_metric": metric, "learning_rate": rate}
    settings |= {"nthread": 1, "seed": 0, "verbosity": 0}
    if task.kind == "multiclass":
        settings["num_class"] = len(set(task.y))
    callbacks = [] if trial is None else [XGBoostPruningCallback(trial, f"held-{metric}")]
    losses: dict[str, dict[str, list[float]]] = {}
    xgboost.train(
        settings,
        xgboost.DMatrix(task.x, task.y),
        ROUNDS,
        evals=[(xgboost.DMatrix(task.held_x, task.held_y), "held")],
        evals_result=losses,
        callbacks=callbacks,
        verbose_eval=False,
    )
    return losses["held"][metric][-1]


BOOSTERS = {"LightGBM": run_lightgbm, "XGBoost": run_xgboost}
