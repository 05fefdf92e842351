"""Storages in one process: same search everywhere, resuming, Ctrl-C, threads, few reads."""

from __future__ import annotations

import time

import optuna
import pytest
from expected_study import assert_one_final, rates, unbroken
from optuna.trial import TrialState
from synthetic_trainer import HIGH, LOW, STEPS, Trainer, make_objective, with_role
from worker_process import load_study, open_storage

import optuna_bisect as ob


def test_every_storage_takes_the_same_rates_and_winner(url) -> None:
    study = load_study(url, "s")
    study.optimize(make_objective(every=4))
    assert rates(study) == rates(unbroken())
    assert_one_final(study)
    stranger = optuna.load_study(study_name="s", storage=open_storage(url))
    assert ob.find_winner(stranger) == ob.find_winner(study)
    assert ob.trial_plan(stranger.best_trial) == ob.trial_plan(study.best_trial)


def test_a_fresh_sampler_and_pruner_for_every_trial_change_nothing() -> None:
    """Storage is the only memory."""
    study = optuna.create_study()
    while not with_role(study, "final"):
        study.sampler, study.pruner = ob.BisectionSampler(**STEPS), ob.VerdictPruner()
        study.optimize(make_objective(every=4), n_trials=1)
    assert rates(study) == rates(unbroken())


def test_ctrl_c_in_a_probe_leaves_a_study_that_goes_on_as_if_unbroken() -> None:
    def interrupt(trial: optuna.Trial) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    with pytest.raises(KeyboardInterrupt):
        study.optimize(make_objective(every=4, also=interrupt))
    study.optimize(make_objective(every=4))
    assert study.trials[2].state == TrialState.FAIL
    assert rates(study) == rates(unbroken())


def test_ctrl_c_after_the_rate_was_chosen_asks_its_question_again() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())

    def interrupted(trial: optuna.Trial) -> float:
        trial.report(Trainer().loss(trial.suggest_float("lr", LOW, HIGH, log=True), 0), 0)
        raise KeyboardInterrupt

    study.optimize(make_objective(every=4), n_trials=1)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted)
    study.optimize(make_objective(every=4))
    assert study.trials[1].params == study.trials[2].params
    assert "bisect_verdict" not in study.trials[1].user_attrs
    assert_one_final(study)


@pytest.mark.parametrize("where", ["memory", "sqlite", "journal"])
def test_four_threads_agree_on_one_final(where, folder) -> None:
    urls = {"sqlite": f"sqlite:///{folder}/s.db", "journal": f"journal:{folder}/s"}
    study = (
        optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
        if where == "memory"
        else load_study(urls[where], "s")
    )
    pause = make_objective(every=8, also=lambda trial: time.sleep(0.02))
    study.optimize(pause, n_jobs=4)
    assert_one_final(study)
    assert len(with_role(study, "final")) == 1
    assert all(t.state.is_finished() for t in study.trials)
    assert {t.state for t in with_role(study, "surplus")} <= {TrialState.PRUNED}
    assert len(with_role(study, "surplus")) <= 4


def test_workers_ask_different_questions_at_once() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    trials = [study.ask() for _ in range(6)]
    assert len({trial.suggest_float("lr", LOW, HIGH, log=True) for trial in trials}) == 6


def test_rates_do_not_depend_on_who_asks_first() -> None:
    """A running probe without a rate counts by its rank in trial number."""

    def ask(order: list[int]) -> dict[int, float]:
        study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS))
        trials = [study.ask() for _ in order]
        return {i: trials[i].suggest_float("lr", LOW, HIGH, log=True) for i in order}

    rates = ask([2, 1, 0])
    assert len(set(rates.values())) == 3
