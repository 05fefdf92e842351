"""Studies to draw, and a figure's data as the browser gets it."""

from __future__ import annotations

import json

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
