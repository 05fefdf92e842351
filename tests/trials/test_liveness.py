"""A worker that lives is not taken for dead."""

from __future__ import annotations

import datetime
import threading
import time

import optuna
from optuna.trial import TrialState
from synthetic_trainer import HIGH, LOW, STEPS, Trainer

import optuna_bisect as ob
from optuna_bisect.trials import liveness


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


def test_a_final_trial_counts_as_dead_only_once_it_was_seen_silent(monkeypatch) -> None:
    """An hour's difference of clocks is no sign of death, whichever of the two is ahead."""
    now, seconds = liveness.utc_now(), [100.0]
    monkeypatch.setattr(liveness.time, "monotonic", lambda: seconds[0])
    threads = frozenset()
    for hours in (-1, 1):
        start = now + datetime.timedelta(hours=hours)
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING, user_attrs={"bisect_role": "final", "bisect_number": 0}
        )
        trial.datetime_start, trial._trial_id, trial.number = start, 10**6 + hours, 0
        assert liveness.is_doubtful(trial, 10.0)
        assert not liveness.is_dead(trial, 10.0, threads)
        seconds[0] += 9
        assert not liveness.is_dead(trial, 10.0, threads)
        trial.intermediate_values[0] = 1.0
        assert not liveness.is_dead(trial, 10.0, threads)
        seconds[0] += 11
        assert liveness.is_dead(trial, 10.0, threads)
        # Under ask-and-tell nobody can wait.
        assert liveness.is_dead(trial, 10.0, None) == (hours < 0)
