"""Workers that die at any call, stand still, or are taken for dead by mistake.

Covers ``workers.role_claim``.
"""

from __future__ import annotations

import os
import random
import signal
import time

import optuna
import pytest
import storage_servers
from expected_study import assert_one_final
from failing_storage import DyingStorage, die_and_finish
from forked_workers import Nursery
from many_workers import join_study, summarize
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from random_kills import run_and_kill
from synthetic_trainer import LOW, STEPS, Trainer, make_objective, with_role
from worker_process import open_storage

import optuna_bisect as ob
from optuna_bisect.decisions import next_rate
from optuna_bisect.study.reading import read_history
from optuna_bisect.workers import role_claim

STALE_AFTER = 0.1


@pytest.fixture
def short_patience(monkeypatch) -> None:
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(next_rate, "RATE_GRACE_SECONDS", 0.05)


def die_at(n_calls: int, monkeypatch, *, after: bool) -> tuple[bool, optuna.Study]:
    """Die at a call, where nothing but ``stale_after`` tells; whether the worker died at all."""
    dying = DyingStorage(InMemoryStorage(), n_calls, after=after)
    settings = {"seconds": STALE_AFTER + 0.01, "stale_after": STALE_AFTER}
    study = die_and_finish(dying, "s", monkeypatch, **settings)
    return dying.is_dead, study


def check_deaths(calls: range, monkeypatch, *, after: bool) -> int:
    """Die at each of the calls in turn; return the number of deaths."""
    unbroken = die_at(10**9, monkeypatch, after=after)[1]
    n_probes = len(with_role(unbroken, "probe"))
    for n_deaths, n_calls in enumerate(calls):
        has_died, study = die_at(n_calls, monkeypatch, after=after)
        if not has_died:
            return n_deaths
        assert_one_final(study)
        assert len(with_role(study, "probe")) <= n_probes + 1, n_calls
    raise AssertionError("the study was killed at every call; it never got to its end")


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_a_worker_may_die_at_any_storage_call(after, monkeypatch, short_patience) -> None:
    assert check_deaths(range(4 + after, 10**6, 11), monkeypatch, after=after) > 10


@pytest.mark.soak
@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_a_worker_may_die_at_every_storage_call(after, monkeypatch, short_patience) -> None:
    assert check_deaths(range(4, 10**6), monkeypatch, after=after) > 100


def test_the_verdict_of_a_worker_that_died_before_it_ended_its_trial_counts() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    dead = study.ask()
    lr = dead.suggest_float("lr", LOW, 1.0, log=True)
    for step in range(0, 41, 2):
        dead.report(Trainer().loss(lr, step), step)
        if dead.should_prune():
            break
    assert study.trials[0].state == TrialState.RUNNING
    assert [p.number for p in read_history(study).finished.probes] == [0]
    study.optimize(make_objective())
    assert lr not in [t.params["lr"] for t in study.trials[1:]]
    assert_one_final(study)


def kills_journal(folder, n_studies: int, n_kills: int) -> None:
    url = f"journal:{folder}/s"
    storage = open_storage(url)
    with Nursery(url, grace=1.0) as nursery:
        check_kills(nursery, storage, n_studies, n_kills, (0.02, 0.4), stale_after=1.0)


def check_kills(nursery, storage, n_studies, n_kills, pause, **settings) -> None:
    """One complete final, no verdict lost, one extra probe for each kill at most.

    The moments are random: over 104 kills 0.2 to 0.4 extra probes a kill were seen. A study has 6
    or 7 without any, so that a few kills leave room for chance; what was counted is printed.
    """
    whole = run_and_kill(nursery, storage, "whole", 0, **settings)
    names = [f"k{i}" for i in range(n_studies)]
    killed = [run_and_kill(nursery, storage, name, n_kills, pause, **settings) for name in names]
    assert {o.summary["complete"] for o in killed} == {1}
    assert {o.summary["complete_in_all"] for o in killed} == {1}
    assert [o.lost for o in killed] == [set()] * n_studies
    n_extra = sum(o.summary["probes"] - whole.summary["probes"] for o in killed)
    print(f"{n_studies * n_kills} kills, {n_extra} extra probes")  # noqa: T201
    assert n_extra <= max(12, n_studies * n_kills)


def test_workers_killed_at_random_moments_lose_nothing(folder) -> None:
    kills_journal(folder, 1, 6)


@pytest.mark.soak
def test_a_hundred_kills_over_a_journal_file_lose_nothing(folder) -> None:
    kills_journal(folder, 13, 8)


HEARTBEAT = {"heartbeat_interval": 1, "grace_period": 2}
CHECKED = {"skip_table_creation": True, "skip_compatibility_check": True}


@pytest.mark.soak
def test_a_hundred_kills_over_postgres_lose_nothing() -> None:
    """The heartbeat fails the trials of the dead, the retry callback clones them."""
    with storage_servers.storage("postgres") as url:
        storage = open_storage(url)
        with Nursery(url, grace=1.0, retry=True, **HEARTBEAT, **CHECKED) as nursery:
            check_kills(nursery, storage, 13, 8, (0.1, 1.0))
        storage_servers.close(storage)


def stop_and_go(nursery: Nursery, storage, name: str, n_pauses: int) -> None:
    """Stop one of three workers for longer than others wait for it, again and again."""
    chance = random.Random(name)
    workers = [nursery.start(name) for _ in range(3)]
    for _ in range(n_pauses):
        time.sleep(chance.uniform(0.0, 0.3))
        stopped = chance.choice(workers)
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(stopped, signal.SIGCONT)
    assert [nursery.wait(worker) for worker in workers] == [0, 0, 0]
    summary = summarize(storage, name)
    assert (summary["complete"], summary["running"]) == (1, 0)


def test_workers_that_stand_still_for_longer_than_the_grace_period(journal) -> None:
    with Nursery(journal, grace=0.2) as nursery:
        stop_and_go(nursery, open_storage(journal), "s", 4)


@pytest.mark.parametrize("meanwhile", ["completed", "running"])
def test_a_final_trial_that_stood_still_until_another_took_over(journal, meanwhile) -> None:
    """Of two at once the older one stays; it ends as well where the other one is complete."""
    with Nursery(journal) as nursery:
        first = nursery.start("s", stale_after=1.0, stops_in_final=True)
        nursery.wait_until_stopped(first)
        time.sleep(1.1)  # a busy machine alone may hold a worker up for half a second
        second = nursery.start("s", stale_after=1.0, stops_in_final=meanwhile == "running")
        if meanwhile == "completed":
            assert nursery.wait(second) == 0
        else:
            nursery.wait_until_stopped(second)
        os.kill(first, signal.SIGCONT)
        time.sleep(0.3)
        if meanwhile == "running":
            os.kill(second, signal.SIGCONT)
            assert nursery.wait(second) == 0
        assert nursery.wait(first) == 0
    summary = summarize(open_storage(journal), "s")
    assert (summary["complete"], summary["complete_in_all"], summary["running"]) == (1, 1, 0)


@pytest.mark.soak
def test_many_pauses_longer_than_the_grace_period(journal) -> None:
    with Nursery(journal, grace=0.2) as nursery:
        for i in range(30):
            stop_and_go(nursery, open_storage(journal), f"s{i}", 4)


def test_a_claim_that_took_too_long_looks_again_and_gives_way(monkeypatch) -> None:
    """The other worker has waited out its patience meanwhile and runs the final trial."""
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.0)
    storage = InMemoryStorage()
    study = join_study(storage, "s")
    while not with_role(study, "final"):
        trial = study.ask()
        if ob.trial_plan(trial).is_final:
            break
        study.tell(trial, state=run_probe(trial))
    late = storage.get_trial(storage.create_new_trial(study._study_id))
    settings = study.sampler._settings
    decision = role_claim._reconsider(study, late, settings)
    assert decision.role == "surplus"
    assert f"final trial {trial.number} began" in decision.reason
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    assert role_claim._reconsider(study, late, settings).role == "final"


def run_probe(trial: optuna.Trial) -> TrialState:
    with pytest.raises(optuna.TrialPruned):
        make_objective(every=8)(trial)
    return TrialState.PRUNED
