"""Two workers that choose one rate at one moment end with two."""

from __future__ import annotations

import threading

from many_workers import join_study
from optuna.storages import InMemoryStorage
from synthetic_trainer import (
    HIGH,
    LOW,
)

from optuna_bisect.decisions import next_rate
from optuna_bisect.search.proposal import Proposal


def test_two_that_choose_the_same_rate_at_one_moment_end_with_two_rates(monkeypatch) -> None:
    storage, meet, chosen = InMemoryStorage(), threading.Barrier(2), []
    choose, first = next_rate.choose, threading.local()

    def choose_alike(*args, **kwargs) -> Proposal:
        if not getattr(first, "done", False):
            first.done = True
            meet.wait(10)
            return Proposal(1e-3, "halve")
        return choose(*args, **kwargs)

    monkeypatch.setattr(next_rate, "choose", choose_alike)

    def work() -> None:
        trial = join_study(storage, "s").ask()
        chosen.append(trial.suggest_float("lr", LOW, HIGH, log=True))

    join_study(storage, "s")
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(chosen)) == 2
