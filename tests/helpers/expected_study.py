"""The study that every storage and every number of workers must come to."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState
from synthetic_trainer import STEPS, decades, make_objective, with_role

import optuna_bisect as ob


def rates(study: optuna.Study) -> list[float]:
    return [t.params["lr"] for t in study.trials if t.params]


def unbroken() -> optuna.Study:
    """Return the same study in memory, never interrupted."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(every=4))
    return study


def assert_one_final(study: optuna.Study) -> None:
    finals = with_role(study, "final")
    assert sum(t.state == TrialState.COMPLETE for t in finals) == 1
    assert ob.trial_plan(study.best_trial).is_final
    assert decades(ob.find_winner(study).lr) < 0.25
