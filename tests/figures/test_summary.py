"""The summary tells in words what became of a study."""

from __future__ import annotations

import math

import optuna
import pytest
from figure_data import search
from synthetic_trainer import HIGH, LOW, STEPS, Trainer, make_objective, with_role

import optuna_bisect as ob
from optuna_bisect.figures.summary import summarize


def test_summary_tells_cost_and_correction(finished) -> None:
    summary = summarize(finished)
    paid = sum(
        t.last_step + 1
        for t in finished.trials
        if t.values is None or t.number < summary.final.number
    )
    assert summary.cost == pytest.approx(paid / STEPS["final_steps"])
    assert f"{summary.final.rate / summary.winner.lr:.3g}" in summary.conclusion
    assert (
        f"{len(search(n_trials=2).trials)} probes so far"
        in summarize(search(n_trials=2)).conclusion
    )


def test_a_conclusion_tells_what_became_of_the_search() -> None:
    """A correction is not the reason for the rate of a final trial that others diverged before."""

    def ending(value: float, **settings) -> str:
        def objective(trial: optuna.Trial) -> float:
            loss = make_objective()(trial)
            is_first = len(with_role(study, "final")) == 1
            return value if ob.trial_plan(trial).is_final and is_first else loss

        sampler = ob.BisectionSampler(**STEPS, seed=0)
        study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner(), **settings)
        study.optimize(objective, n_trials=40)
        return summarize(study).conclusion

    assert "That diverged; final trial" in ending(math.inf)
    assert "diverged" not in ending(1.0)
    assert "The study stopped" not in ending(math.inf)


def test_a_conclusion_tells_why_there_is_no_winner() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    assert "No learning rate yet" in summarize(study).conclusion
    objective = make_objective(Trainer(edge=LOW / 10))
    study.optimize(objective, n_trials=1)
    assert "No winner yet: 1 probe so far." in summarize(study).conclusion
    study.optimize(objective)
    told = summarize(study).conclusion
    assert f"No winner after {len(with_role(study, 'probe'))} probes: " in told
    assert "lower the range" in told


def test_a_conclusion_tells_that_failed_final_trials_stopped_the_study() -> None:
    def objective(trial: optuna.Trial) -> float:
        if ob.trial_plan(trial).is_final:
            trial.suggest_float("lr", LOW, HIGH, log=True)
            raise RuntimeError
        return make_objective()(trial)

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(objective, catch=RuntimeError)
    told = summarize(study).conclusion
    assert "The study stopped: final trials" in told
    assert f"for final trial {with_role(study, 'final')[-1].number}." in told


def test_where_another_sampler_chose_the_rates_nobody_has_won() -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(make_objective(), n_trials=3)
    summary = summarize(study)
    assert summary.winner is None
    assert "another sampler" in summary.conclusion
    assert "another sampler" not in summarize(search(n_trials=1)).conclusion
