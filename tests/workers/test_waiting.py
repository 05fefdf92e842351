"""A worker that has nothing to ask waits for the others, but not for ever.

Covers ``decisions.next_rate``.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from expected_study import assert_one_final
from many_workers import join_study
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from synthetic_trainer import HIGH, LOW, Trainer, make_objective, roles, with_role

from optuna_bisect.decisions.next_rate import is_idle
from optuna_bisect.study.reading import read_history
from optuna_bisect.workers import waiting
from optuna_bisect.workers.waiting import Patience, longest_probe

if TYPE_CHECKING:
    import optuna


def with_last_probe_running(**settings) -> tuple[optuna.Study, optuna.Trial, float]:
    """Return a study whose search ends with the probe that runs, the probe, and its rate."""
    whole = join_study(InMemoryStorage(), "s")
    whole.optimize(make_objective(every=8))
    study = join_study(InMemoryStorage(), "s", **settings)
    study.optimize(make_objective(every=8), n_trials=len(with_role(whole, "probe")) - 1)
    last = study.ask()
    return study, last, last.suggest_float("lr", LOW, HIGH, log=True)


def run_to_its_end(study: optuna.Study, trial: optuna.Trial, lr: float) -> None:
    for step in range(6, 48, 6):
        trial.report(Trainer().loss(lr, step), step)
        if trial.should_prune():
            break
    study.tell(trial, state=TrialState.PRUNED)


def test_only_a_worker_whose_probe_others_would_answer_at_once_is_idle() -> None:
    study, last, _ = with_last_probe_running()
    assert is_idle(read_history(study), last.number + 1)
    assert not is_idle(read_history(study, exclude=last.number), last.number)
    fresh = join_study(InMemoryStorage(), "s")
    fresh.ask().suggest_float("lr", LOW, HIGH, log=True)
    assert not is_idle(read_history(fresh), 1)


def test_an_idle_worker_waits_and_takes_the_final_trial(monkeypatch) -> None:
    monkeypatch.setattr(waiting, "longest_probe", lambda study: 60.0)
    study, last, lr = with_last_probe_running()
    other = threading.Thread(target=lambda: study.optimize(make_objective(every=8)))
    other.start()
    while len(study.trials) <= last.number + 1:
        time.sleep(0.01)
    time.sleep(0.1)
    assert [roles(study)[last.number + 1], len(study.trials)] == [None, last.number + 2]
    run_to_its_end(study, last, lr)
    other.join(30)
    assert_one_final(study)
    assert study.best_trial.number == last.number + 1


def test_an_idle_worker_goes_on_where_a_probe_takes_longer_than_any_before(monkeypatch) -> None:
    """Nobody may know that its worker is dead."""
    study, last, _ = with_last_probe_running()
    assert 0 < longest_probe(study) < 1
    study.optimize(make_objective(every=8), n_trials=1)
    assert study.trials[last.number + 1].user_attrs["bisect_workings_question"] == "spread"


def test_an_idle_worker_waits_as_long_as_others_report(monkeypatch) -> None:
    monkeypatch.setattr(waiting, "longest_probe", lambda study: 60.0)
    study, last, lr = with_last_probe_running()
    patience = Patience()
    for step, now in enumerate((0.0, 50.0, 100.0)):
        last.report(Trainer().loss(lr, step), step)
        assert not patience.is_over(study, read_history(study), now)
    assert not patience.is_over(study, read_history(study), 159.0)
    assert patience.is_over(study, read_history(study), 160.0)


def test_a_worker_that_waits_shows_that_it_lives(monkeypatch) -> None:
    """Others would take it for dead, and the final trial that it is to run for abandoned."""
    monkeypatch.setattr(waiting, "longest_probe", lambda study: 60.0)
    study, last, lr = with_last_probe_running(stale_after=0.4)
    other = threading.Thread(target=lambda: study.optimize(make_objective(every=8)))
    other.start()
    for step in range(6):
        time.sleep(0.1)
        last.report(Trainer().loss(lr, step), step)
        last.should_prune()
    seen = [r for r in read_history(study, study.sampler._settings).running if r.role is None]
    assert [r.number for r in seen] == [last.number + 1]
    run_to_its_end(study, last, lr)
    other.join(30)
    assert_one_final(study)
