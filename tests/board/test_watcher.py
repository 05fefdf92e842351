"""Given to ``optimize``, publishing goes on while the final trial runs; ``board.study_note``."""

from __future__ import annotations

import threading
import time

import optuna
import pytest
from optuna_dashboard import get_note
from synthetic_trainer import STEPS, Trainer, make_objective

import optuna_bisect as ob
from optuna_bisect.board import watcher
from optuna_bisect.dashboard import publish

GAP = 0.05


@pytest.fixture(autouse=True)
def fast(monkeypatch) -> None:
    monkeypatch.setattr(watcher, "_GAP", GAP)
    monkeypatch.setattr(watcher, "_SHARE", 1e9)
    monkeypatch.setattr(watcher, "_PATIENCE", 20 * GAP)


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "optuna_bisect publisher"]


def wait_for(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(GAP / 5)


def test_a_callback_publishes_during_the_final_trial_too() -> None:
    said = []

    def look(trial: optuna.Trial) -> None:
        if ob.trial_plan(trial).is_final:
            wait_for(lambda: "**Running now:** phase 2, final trial" in get_note(study))
            said.append(get_note(study))

    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, seed=0), pruner=ob.VerdictPruner()
    )

    def objective(trial: optuna.Trial) -> float:
        value = make_objective(Trainer())(trial)
        look(trial)
        return value

    study.optimize(objective, callbacks=[publish])
    assert len(said) == 1
    assert "Running now" not in get_note(study)
    assert get_note(study).startswith(f"## Final trial {study.best_trial.number}")
    wait_for(lambda: not threads())


def test_one_study_has_one_thread_and_it_ends_with_the_program() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS))
    study.ask()
    for _ in range(3):
        watcher.watch(study, lambda study: None)
    (found,) = threads()
    found.end()
    assert not threads()


def test_a_slow_page_does_not_end_the_refreshing_of_a_trial_that_runs(monkeypatch) -> None:
    monkeypatch.setattr(watcher, "_PATIENCE", 2 * GAP)
    study = optuna.create_study()
    trial, said = study.ask(), []

    def write(study: optuna.Study) -> None:
        said.append(study.trials[0].last_step)
        time.sleep(6 * GAP)

    watcher.watch(study, write)
    for step in range(3):
        trial.report(1.0, step)
        wait_for(lambda step=step: step in said)
    study.tell(trial, 1.0)
    wait_for(lambda: not threads())


def test_a_storage_that_fails_stops_the_thread_and_nothing_else(caplog) -> None:
    study = optuna.create_study()
    study.ask()

    def fail(study: optuna.Study) -> None:
        raise OSError("gone")

    watcher.watch(study, fail)
    wait_for(lambda: not threads())
    assert "not refreshed during trials any more: gone" in caplog.text
