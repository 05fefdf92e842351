"""A study is read as often as needed, not at each report.

Covers ``study.reading``.
"""

from __future__ import annotations

import optuna
import pytest
from optuna.storages import InMemoryStorage
from synthetic_trainer import STEPS, make_objective

import optuna_bisect as ob


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
