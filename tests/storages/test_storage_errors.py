"""Calls of a storage that fail at random, and a database server that is killed and comes back."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import storage_servers
from expected_study import assert_one_final
from flaky_storage import FlakyStorage, flaky_statements, run_until_done
from forked_workers import OWN_TO_OPTUNA, Nursery, exceptions_in
from many_workers import join_study, summarize
from optuna.exceptions import StorageInternalError
from optuna.storages import InMemoryStorage
from synthetic_trainer import HIGH, LOW, make_objective, with_role
from worker_process import open_storage

from optuna_bisect.workers import role_claim

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

# Workers that are started again after an exception, before the storage is whole again.
N_WORKERS = 10
CHECKED = {"skip_table_creation": True, "skip_compatibility_check": True}


@pytest.fixture(autouse=True)
def short_patience(monkeypatch) -> None:
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.05)


def join_patiently(make_storage: Callable[[int], Any]) -> optuna.Study:
    """Join a study by a way to its storage that may fail at once."""
    for i in range(100):
        with contextlib.suppress(StorageInternalError):
            return join_study(make_storage(i), "s")
    raise AssertionError


def finish(shared: Any, seen: list[str]) -> Counter[str]:
    """End a study on a whole storage; what its workers saw before that names the storage."""
    study = join_study(shared, "s")
    study.optimize(make_objective(every=8))
    assert_one_final(study)
    assert all("StorageInternalError" in name for name in seen), seen
    counted = Counter(seen)
    counted["extra probes"] = count_probes(study) - N_PROBES
    return counted


def count_probes(study: optuna.Study) -> int:
    return len(with_role(study, "probe"))


# Probes of a study that nothing disturbs.
N_PROBES = 6


def fail_calls(seed: int, **options: Any) -> Counter[str]:
    """Let calls fail, before they are carried out or after it."""
    shared = InMemoryStorage()
    study = join_patiently(lambda i: FlakyStorage(shared, 1000 * i + seed))
    return finish(shared, run_until_done(study, make_objective(every=8), N_WORKERS, **options))


def fail_statements(seed: int, folder) -> Counter[str]:
    """Let statements fail, in the driver of the database."""
    shared = open_storage(f"sqlite:///{folder}/{seed}.db")
    study = join_study(shared, "s")
    with flaky_statements(shared, seed):
        seen = run_until_done(study, make_objective(every=8), N_WORKERS)
    return finish(shared, seen)


def test_calls_that_fail_at_random_cost_what_was_running(folder) -> None:
    seen = fail_calls(0) + fail_calls(1, catch=(StorageInternalError,))
    seen += fail_statements(0, folder)
    assert sum(seen.values()) > N_WORKERS


@pytest.mark.soak
def test_calls_that_fail_at_random_in_a_hundred_studies(folder) -> None:
    raised = sum((fail_calls(seed) for seed in range(40)), Counter())
    caught = (StorageInternalError,)
    raised += sum((fail_calls(seed, catch=caught) for seed in range(40)), Counter())
    raised += sum((fail_statements(seed, folder) for seed in range(20)), Counter())
    print(dict(raised))  # noqa: T201


def test_exceptions_of_the_objective_are_its_own_and_those_of_the_storage_are_not() -> None:
    """Three final trials that the objective ends are enough; the storage may end any number."""

    def run(error: Exception) -> optuna.Study:
        study = join_study(InMemoryStorage(), "s")

        def fail_in_final(trial: optuna.Trial) -> float:
            value = make_objective(every=8)(trial)
            if len(with_role(study, "final")) <= 4:
                raise error
            return value

        study.optimize(fail_in_final, n_trials=30, catch=(Exception,))
        return study

    assert len(with_role(run(ValueError("of the objective")), "final")) == 3
    lost = run(StorageInternalError("of the storage"))
    assert len(with_role(lost, "final")) == 5
    assert_one_final(lost)


def test_a_question_that_ctrl_c_ended_any_number_of_times_is_asked_again() -> None:
    """Neither is its rate given up, nor are the probes spent of which it took none."""
    study = join_study(InMemoryStorage(), "s")
    study.optimize(make_objective(every=8), n_trials=2)

    def interrupted(trial: optuna.Trial) -> float:
        trial.report(2.0, int(trial.suggest_float("lr", LOW, HIGH, log=True)))
        raise KeyboardInterrupt

    for _ in range(20):
        with pytest.raises(KeyboardInterrupt):
            study.optimize(interrupted)
    study.optimize(make_objective(every=8))
    lost = {t.params["lr"] for t in study.trials[2:22]}
    assert lost == {study.trials[22].params["lr"]}
    assert count_probes(study) == N_PROBES + 20
    assert_one_final(study)


@pytest.mark.soak
def test_postgres_killed_and_restarted_under_four_workers() -> None:
    """The workers die of it; those that are started afterwards go on."""
    with storage_servers.server_folder() as folder:
        options = {"settings": "synchronous_commit = on"}
        with storage_servers.postgres(folder, **options) as url:
            storage_servers.make_tables(url)
            told, n_lost = [], 0
            for name in ("s0", "s1"):
                with Nursery(url, grace=1.0, **CHECKED) as nursery:
                    for _ in range(3):
                        n_lost += kill_postgres_under_four(nursery, url, folder, name)
                    time.sleep(1.1)
                    assert nursery.wait(nursery.start(name, stale_after=1.0)) == 0
                told += nursery.errors
                storage = open_storage(url, **CHECKED)
                summary = summarize(storage, name)
                storage_servers.close(storage)
                print(summary)  # noqa: T201
                assert (summary["complete"], summary["complete_in_all"]) == (1, 1)
    seen = exceptions_in("".join(told))
    print(f"{n_lost} of 24 workers lost the server", dict(seen))  # noqa: T201
    assert set(seen) <= {"StorageInternalError", *OWN_TO_OPTUNA}, "".join(told)
    assert n_lost >= 8


def kill_postgres_under_four(nursery: Nursery, url: str, folder, name: str) -> int:
    """Start four workers, kill the server after two more trials, and start it again."""
    workers = [nursery.start(name, stale_after=1.0) for _ in range(4)]
    storage = open_storage(url, **CHECKED)
    study = join_study(storage, name)
    before, end = len(study.trials), time.monotonic() + 30
    while len(study.trials) < before + 2 and time.monotonic() < end:
        time.sleep(0.05)
    storage_servers.close(storage)
    storage_servers.crash_postgres(folder)
    return sum(nursery.wait(worker) != 0 for worker in workers)
