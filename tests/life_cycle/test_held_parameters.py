"""One configuration: a search beside five other parameters judges as well as one without them."""

from __future__ import annotations

import math
import statistics
from typing import Any, NamedTuple

import numpy as np
import optuna
from configured_trainer import others_of, settings
from synthetic_trainer import FINAL_STEPS, Trainer, decades, run, with_role

import optuna_bisect as ob

N_SEEDS = 24


def suggest_others(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "decay": trial.suggest_float("decay", 1e-6, 1e-2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "width": trial.suggest_int("width", 16, 1024, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [16, 64, 256]),
        "optimizer": trial.suggest_categorical("optimizer", ["sgd", "adam"]),
    }


def best_rate(values: dict[str, Any]) -> float:
    """Move the best rate by four decades in all, as the five parameters do in networks."""
    base = 0.1 if values["optimizer"] == "sgd" else 2e-3
    moved = base * math.sqrt(values["batch_size"] / 64) * (64 / values["width"]) ** 0.3
    return moved * 10 ** (-values["dropout"]) * (values["decay"] / 1e-4) ** -0.05


def train(trial: optuna.Trial, values: dict[str, Any], seed: int) -> float:
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    best = best_rate(values)
    scale = 0.9 - 0.05 * abs(math.log10(values["decay"] / 1e-4)) - 0.3 * values["dropout"]
    initial = 2.3 + 0.1 * np.random.default_rng(seed).standard_normal()
    trainer = Trainer(best=best, edge=100 * best, scale=scale, initial=initial, noise=0.01)
    return run(trial, trainer, lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))


class Found(NamedTuple):
    """How well a study judged: verdicts with a direction, right ones, and the winner's error."""

    n_verdicts: int
    n_right: int
    error: float


def judge(study: optuna.Study, best: float) -> Found:
    rates = [(t.params["lr"], t.user_attrs["bisect_verdict"]) for t in with_role(study, "probe")]
    directed = [(lr > best, verdict) for lr, verdict in rates if verdict != "balanced"]
    n_right = sum(is_above == (verdict == "overshoot") for is_above, verdict in directed)
    return Found(len(directed), n_right, decades(ob.find_winner(study).lr, best))


def new_study(seed: int) -> optuna.Study:
    sampler = ob.BisectionSampler(**settings(1, seed=seed))
    return optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())


def test_verdicts_beside_five_parameters_are_right_as_often_as_without_them() -> None:
    beside, alone = [], []
    for seed in range(N_SEEDS):
        study = new_study(seed)
        study.optimize(lambda t: train(t, suggest_others(t), seed))  # noqa: B023 (run at once)
        values = others_of(study.trials[0])
        assert all(others_of(t) == values for t in study.trials)
        beside.append(judge(study, best_rate(values)))
        study = new_study(seed)
        study.optimize(lambda t: train(t, values, seed))  # noqa: B023 (run at once)
        alone.append(judge(study, best_rate(values)))
    shares = [sum(f.n_right for f in fs) / sum(f.n_verdicts for f in fs) for fs in (beside, alone)]
    errors = [statistics.fmean(f.error for f in fs) for fs in (beside, alone)]
    n_verdicts = sum(f.n_verdicts for f in beside)
    print(f"right verdicts {shares} of {n_verdicts}, mean error in decades {errors}")  # noqa: T201
    assert shares[0] >= shares[1] > 0.9
    assert errors[0] <= errors[1] * 1.01
    assert errors[0] < 0.25
