"""Storages in one process: same search everywhere, resuming, Ctrl-C, threads, few reads."""

from __future__ import annotations

import threading
import time

import optuna
import pytest
from expected_study import assert_one_final, rates, unbroken
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from synthetic_trainer import HIGH, LOW, STEPS, Trainer, make_objective, roles, with_role
from worker_process import load_study, open_storage

import optuna_bisect as ob
from optuna_bisect.study import liveness


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


def test_a_sign_of_life_keeps_a_slow_trial_from_going_stale() -> None:
    settings = {**STEPS, "stale_after": 0.8}
    study = optuna.create_study(sampler=ob.BisectionSampler(**settings), pruner=ob.VerdictPruner())
    slow = study.ask()
    lr = slow.suggest_float("lr", LOW, HIGH, log=True)
    for step in range(5):
        time.sleep(0.25)
        slow.report(Trainer().loss(lr, step), step)
        slow.should_prune()
    other = study.ask()
    assert isinstance(slow.user_attrs["bisect_alive"], str)
    assert other.suggest_float("lr", LOW, HIGH, log=True) != lr
    time.sleep(0.9)
    assert study.ask().suggest_float("lr", LOW, HIGH, log=True) == lr


class CountingStorage(InMemoryStorage):
    """The storage in memory, which counts how often all trials are read."""

    n_reads = 0

    def get_all_trials(self, *args, **kwargs):
        self.n_reads += 1
        return super().get_all_trials(*args, **kwargs)


@pytest.mark.parametrize("settings", [STEPS, {}], ids=["probes", "no steps"])
def test_storage_is_not_read_at_each_report(settings) -> None:
    """That is quadratic: 80 ms a report at 2,000 reports on SQLite."""
    storage = CountingStorage()
    study = optuna.create_study(
        storage=storage, sampler=ob.BisectionSampler(**settings), pruner=ob.VerdictPruner()
    )
    n_reads = []
    for every in (8, 1):
        before = storage.n_reads
        study.enqueue_trial({"lr": 1e-3})
        study.optimize(make_objective(every=every), n_trials=1)
        n_reads.append(storage.n_reads - before)
    few, many = (len(t.intermediate_values) for t in study.trials)
    assert many >= 8 * few - 8
    assert n_reads[1] < n_reads[0] + 10


def test_prune_sees_the_role_of_a_trial_that_another_hook_reads_from_storage_too() -> None:
    """Written twice: what is in storage alone is never seen by the live trial or ``prune()``."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    trial = study.ask()
    stored = study._storage.get_trial(trial._trial_id)
    assert trial.user_attrs["bisect_role"] == stored.user_attrs["bisect_role"] == "probe"
    assert trial.user_attrs["bisect_number"] == stored.user_attrs["bisect_number"] == 0


def test_user_attributes_are_plain_json_scalars() -> None:
    study = unbroken()
    values = [v for t in study.trials for v in t.user_attrs.values()]
    assert {type(v) for v in values} <= {str, int, float, bool}
    assert all(key.startswith("bisect_") for t in study.trials for key in t.user_attrs)
    assert roles(study)[-1] == "final"


def test_a_thread_that_ends_after_a_reading_began_is_no_abandoned_worker() -> None:
    """Its trial may be RUNNING in that reading though it is complete: two finals came of it."""
    names, go = [], threading.Event()

    def work() -> None:
        names.append(liveness.worker_id())
        go.wait()

    thread = threading.Thread(target=work)
    thread.start()
    while not names:
        time.sleep(0.001)
    before = liveness.live_threads()
    go.set()
    thread.join()
    assert not liveness.is_abandoned(names[0], before)
    assert liveness.is_abandoned(names[0], liveness.live_threads())
