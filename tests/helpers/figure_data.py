"""Studies to draw, and a figure's data as the browser gets it."""

from __future__ import annotations

import json
import math

import optuna
import pytest
from synthetic_trainer import BEST, HIGH, LOW, STEPS, Trainer, make_objective

import optuna_bisect as ob

OPTIMUM_EDGE = 100 * BEST


def search(trainer: Trainer | None = None, n_trials: int = 30) -> optuna.Study:
    """Run a whole search with a synthetic trainer."""
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, seed=0), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(trainer or Trainer(edge=OPTIMUM_EDGE)), n_trials=n_trials)
    return study


QUALITIES = (0.9, 1.0, 0.3)


def search_several(
    qualities=QUALITIES,
    n_trials: int | None = None,
    sign: int = 1,
    storage: object = None,
    study_name: str | None = None,
    **settings,
) -> optuna.Study:
    """Search the rate of one configuration for each quality, the share that may be learnt."""

    def objective(trial: optuna.Trial) -> float:
        quality = trial.suggest_categorical("quality", qualities)
        lr = trial.suggest_float("lr", 1e-6, 1, log=True)
        best = quality * math.exp(-0.5 * (math.log10(lr / 2e-3) / 0.6) ** 2)
        for step in range(0, ob.trial_plan(trial).n_steps, 2):
            loss = sign * (2.3 - 2 * best * step / (step + 8))
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    options = {**STEPS, "n_configurations": len(qualities), "seed": 0, "group_by": ()}
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**{**options, **settings}),
        pruner=ob.VerdictPruner(),
        storage=storage,
        study_name=study_name,
        direction="minimize" if sign > 0 else "maximize",
    )
    for quality in qualities:
        study.enqueue_trial({"quality": quality})
    study.optimize(objective, n_trials=n_trials)
    return study


def add_trial(study, rate, reports, state=optuna.trial.TrialState.PRUNED, **attrs):
    """Add a trial with these reports, as if it had run."""
    study.add_trial(
        optuna.trial.create_trial(
            state=state,
            value=1.0 if state == optuna.trial.TrialState.COMPLETE else None,
            params={"lr": rate},
            distributions={"lr": optuna.distributions.FloatDistribution(LOW, HIGH, log=True)},
            intermediate_values=dict(enumerate(reports)),
            user_attrs={
                "bisect_number": len(study.trials),
                "bisect_role": "probe",
                **{f"bisect_{key}": value for key, value in attrs.items()},
            },
        )
    )


def data_of(figure) -> dict:
    """Return a figure as the browser gets it; NaN and inf would be no JSON."""
    return json.loads(figure.to_json(), parse_constant=pytest.fail)
