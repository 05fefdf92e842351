"""A worker that lives is not taken for dead."""

from __future__ import annotations

import threading
import time

import optuna
from synthetic_trainer import HIGH, LOW, STEPS, Trainer

import optuna_bisect as ob
from optuna_bisect.study import liveness


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
