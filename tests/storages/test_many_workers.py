"""Four workers on each kind of storage: one complete final in every study, and no exception."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter

import pytest
import storage_servers
from many_workers import join_study, run_crowd, summarize
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from sqlalchemy.pool import QueuePool
from synthetic_trainer import make_objective

KINDS = ("memory", *storage_servers.KINDS)
N_WORKERS = 4


def check_crowd(kind: str, n_studies: int) -> None:
    """Run the crowd on a storage of its own."""
    place = contextlib.nullcontext("memory") if kind == "memory" else storage_servers.storage(kind)
    with place as url:
        report = run_crowd(url, N_WORKERS, n_studies)
    n_probes, n_repeated = (sum(s[f] for s in report["studies"]) for f in ("probes", "duplicates"))
    told = f"{n_probes} probes, {n_repeated} repeated, {report['seconds']:.0f} s"
    print(f"{kind}: {n_studies} studies, {told}")  # noqa: T201
    assert report["errors"] == []
    for field in ("complete", "complete_in_all", "finals"):
        assert Counter(study[field] for study in report["studies"]) == {1: n_studies}
    for field in ("no_role", "running", "failed"):
        assert Counter(study[field] for study in report["studies"]) == {0: n_studies}, field
    assert n_repeated == 0
    assert max(study["surplus"] for study in report["studies"]) <= N_WORKERS


# Servers that take half a minute to come up are soaked below.
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("grpc", "mariadb")])
def test_four_workers_complete_one_final(kind) -> None:
    check_crowd(kind, 1)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_four_workers_complete_one_final_in_each_of_fifty_studies(kind) -> None:
    check_crowd(kind, 50)


N_THREADS = 100


def run_threads(url: str, n_threads: int) -> tuple[list[Exception], dict]:
    """Run threads that have one connection each on one study."""
    options = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    storages = [RDBStorage(url, engine_kwargs=options, **CHECKED) for _ in range(n_threads)]
    barrier, errors = threading.Barrier(n_threads), []
    join_study(storages[0], "s", max_probes=10**6)

    def work(storage: BaseStorage) -> None:
        try:
            study = join_study(storage, "s", max_probes=10**6)
            barrier.wait(120)
            study.optimize(make_objective(every=8), n_trials=3)
        except Exception as error:  # noqa: BLE001 (each one is a finding)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(storage,)) for storage in storages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    summary = summarize(storages[0], "s")
    for storage in storages:
        storage_servers.close(storage)
    return errors, summary


CHECKED = {"skip_table_creation": True, "skip_compatibility_check": True}


@pytest.mark.soak
def test_a_hundred_threads_with_a_connection_each_in_one_postgres() -> None:
    with (
        storage_servers.server_folder() as folder,
        storage_servers.postgres(folder, 2 * N_THREADS) as url,
    ):
        storage_servers.make_tables(url)
        errors, summary = run_threads(url, N_THREADS)
    print(summary)  # noqa: T201
    assert errors == []
    assert summary["complete"] == 1
    assert summary["running"] == 0


class CallCounter(InMemoryStorage):
    """The storage in memory, which counts every call of a method."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = Counter()

    def __getattribute__(self, name: str):
        found = super().__getattribute__(name)
        if name in BaseStorage.__abstractmethods__:
            self.calls[name] += 1
        return found


def calls_of_one_probe(n_before: int) -> Counter:
    """Count the storage calls of a probe with four reports after others have ended."""
    storage = CallCounter()
    study = join_study(storage, "s", max_probes=10**6, final_steps=None)
    for _ in range(n_before):
        study.enqueue_trial({"lr": 1e-3})
    study.optimize(make_objective(every=10, n_steps=None), n_trials=n_before)
    storage.calls.clear()
    study.optimize(make_objective(every=10, n_steps=None), n_trials=1)
    return storage.calls


def test_storage_calls_of_a_trial_do_not_depend_on_the_number_of_trials() -> None:
    few, many = calls_of_one_probe(3), calls_of_one_probe(60)
    print(sum(many.values()), dict(many))  # noqa: T201
    assert few == many
    assert sum(many.values()) <= 31
