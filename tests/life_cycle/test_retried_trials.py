"""Retried trials: clones that carry the parameters and attributes of the trial that died."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState, create_trial
from synthetic_trainer import STEPS, decades, make_objective, roles

import optuna_bisect as ob


def cloned(study: optuna.Study, number: int) -> None:
    """Add the clone that ``RetryHeartbeatStaleTrialCallback`` makes of a trial."""
    dead = study.trials[number]
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=dead.params,
            distributions=dead.distributions,
            user_attrs=dead.user_attrs,
            system_attrs={"failed_trial": number, "retry_history": [number]},
        )
    )


def with_dead_trial(n_probes: int, *, verdict: str | None = None) -> optuna.Study:
    """Run some probes, then one trial that dies after its first report."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(), n_trials=n_probes)
    trial = study.ask()
    trial.suggest_float("lr", 1e-6, 1.0, log=True)
    trial.report(2.3, 0)
    if verdict:
        trial.set_user_attr("bisect_verdict", verdict)
    study.tell(trial, state=TrialState.FAIL)
    return study


def test_the_clone_of_a_dead_probe_is_a_probe_at_its_rate() -> None:
    study = with_dead_trial(2)
    cloned(study, 2)
    study.optimize(make_objective())
    assert roles(study)[3] == "probe"
    assert study.trials[3].params == study.trials[2].params
    assert roles(study)[-1] == "final"


def test_the_clone_of_a_dead_probe_is_no_final_even_when_one_is_due() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    n_probes = len(study.trials) - 1
    study = with_dead_trial(2)
    study.optimize(make_objective(), n_trials=n_probes - 2)
    cloned(study, 2)
    study.optimize(make_objective())
    assert roles(study)[-2:] == ["probe", "final"]
    assert study.trials[-2].params == study.trials[2].params
    assert decades(study.best_trial.params["lr"]) < 0.5


def test_the_verdict_of_a_dead_trial_is_not_its_clones() -> None:
    study = with_dead_trial(0, verdict="overshoot")
    cloned(study, 0)
    study.optimize(make_objective(), n_trials=1)
    assert study.trials[1].user_attrs["bisect_verdict"] == "balanced"
    assert study.trials[1].user_attrs["bisect_number"] == 1


def test_the_clone_of_a_dead_final_is_the_one_final() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    study = with_dead_trial(len(study.trials) - 1)
    dead = study.trials[-1]
    assert ob.trial_plan(dead).is_final
    cloned(study, dead.number)
    study.optimize(make_objective())
    assert study.best_trial.number == dead.number + 1
    assert ob.trial_plan(study.best_trial) == ob.trial_plan(dead)


def test_the_clone_of_a_dead_final_is_surplus_once_another_is_complete() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    study = with_dead_trial(len(study.trials) - 1)
    dead = len(study.trials) - 1
    study.optimize(make_objective())
    best = study.best_trial.number
    cloned(study, dead)
    study.optimize(make_objective(), n_trials=3)
    assert study.best_trial.number == best
    assert len(study.trials) == best + 2
    assert roles(study)[-1] == "surplus"
    assert study.trials[-1].state == TrialState.PRUNED
