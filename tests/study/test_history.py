"""A study is read as often as needed, not at each report.

Covers ``study.reading``.
"""

from __future__ import annotations

import optuna
import pytest
from optuna.storages import InMemoryStorage
from storage_servers import grpc_proxy, make_tables
from synthetic_trainer import HIGH, LOW, STEPS, Trainer, make_objective
from worker_process import open_storage

import optuna_bisect as ob
from optuna_bisect.study.reading import read_history


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


@pytest.mark.soak
def test_the_first_of_several_rates_is_known_where_a_storage_mixes_them(folder) -> None:
    """Optuna's gRPC hands parameters out in an order that differs from process to process."""
    names = [f"{part}_lr" for part in "hgfedcba"]

    def objective(trial: optuna.Trial) -> float:
        rates = [trial.suggest_float(name, LOW, HIGH, log=True) for name in names]
        for step in range(0, 20, 4):
            trial.report(Trainer().loss(rates[0], step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return rates[0]

    make_tables(database := f"sqlite:///{folder}/s.db")
    with grpc_proxy(database) as url:
        for pruner, rate in ((ob.VerdictPruner(), "h_lr"), (optuna.pruners.NopPruner(), "a_lr")):
            sampler = optuna.samplers.RandomSampler(seed=0)
            study = optuna.create_study(storage=open_storage(url), sampler=sampler, pruner=pruner)
            study.optimize(objective, n_trials=2)
            assert read_history(study).view.param_name == rate
            recorded = ["bisect_workings_param" in t.user_attrs for t in study.trials]
            assert recorded == [rate == "h_lr", False]
