"""Whatever the study's pruner is, the life cycle of trials is kept.

Covers ``trials.internals``.
"""

from __future__ import annotations

import optuna
import pytest
from optuna import pruners
from optuna.trial import TrialState
from synthetic_trainer import (
    FINAL_STEPS,
    HIGH,
    LOW,
    STEPS,
    Trainer,
    make_objective,
    roles,
    run,
    with_role,
)

import optuna_bisect as ob

experimental = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
STRICT = {
    "percentile": lambda: pruners.PercentilePruner(10.0, n_startup_trials=1),
    "halving": pruners.SuccessiveHalvingPruner,
    "hyperband": lambda: pruners.HyperbandPruner(min_resource=1, max_resource=FINAL_STEPS),
    "patient": lambda: pruners.PatientPruner(None, patience=1),
}


def lagging(trial: optuna.Trial) -> float:
    """Train a final trial that is slower and rougher than its probes."""
    lr = trial.suggest_float("lr", LOW, HIGH, log=True)
    is_final = ob.trial_plan(trial).is_final
    trainer = Trainer(scale=0.5, noise=0.1) if is_final else Trainer()
    return run(trial, trainer, lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))


@experimental
@pytest.mark.parametrize("pruner", STRICT.values(), ids=STRICT)
def test_no_pruner_that_compares_runs_cuts_the_final_trial(pruner) -> None:
    # Hyperband chooses a trial's bracket by the study's name.
    sampler = ob.BisectionSampler(**STEPS, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=pruner(), study_name="a")
    study.optimize(lagging, n_trials=60)
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]
    assert roles(study)[-1] == "final"


def test_threads_wait_for_the_final_trial_under_hyperband_too() -> None:
    """Hyperband hands the sampler a study that does not know that it is being optimised."""
    pruner = pruners.HyperbandPruner(min_resource=1, max_resource=FINAL_STEPS)
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS, seed=0), pruner=pruner)
    study.optimize(lagging, n_jobs=4)
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]
    for trial in with_role(study, "surplus"):
        assert trial.params == with_role(study, "final")[0].params
        assert "is complete" in trial.user_attrs["bisect_reason"]


def test_a_limit_that_the_user_set_holds_in_the_final_trial() -> None:
    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        trainer = Trainer(initial=100.0 if ob.trial_plan(trial).is_final else 2.3)
        return run(trial, trainer, lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))

    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS), pruner=pruners.ThresholdPruner(upper=5.0)
    )
    study.optimize(objective, n_trials=40)
    assert {t.state for t in with_role(study, "final")} == {TrialState.PRUNED}


def test_a_running_trial_gives_signs_of_life_under_any_pruner() -> None:
    """Without them a final trial that takes longer than ``stale_after`` is taken for dead."""
    sampler = ob.BisectionSampler(**STEPS, stale_after=1e-3)
    study = optuna.create_study(sampler=sampler, pruner=pruners.MedianPruner())
    study.optimize(make_objective(), n_trials=40)
    assert roles(study)[-1] == "final"
    assert "bisect_alive" in study.trials[-1].user_attrs
