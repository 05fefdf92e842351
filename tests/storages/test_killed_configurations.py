"""Several configurations on several processes, killed or not: one final, every value held."""

from __future__ import annotations

from collections import Counter

import optuna
import pytest
import storage_servers
from forked_workers import Nursery
from random_kills import run_and_kill
from worker_process import open_storage

from optuna_bisect.trials import attributes

N_WORKERS = 4
N_CONFIGURATIONS = 10
HEARTBEAT = {"heartbeat_interval": 1, "grace_period": 2}
CHECKED = {"skip_table_creation": True, "skip_compatibility_check": True}


def check_kills(nursery: Nursery, storage, n_studies: int, n_kills: int, pause, **settings):
    """One complete final, no verdict lost, nothing asked twice, every search holds its values."""
    settings = {"n_configurations": N_CONFIGURATIONS, **settings}
    killed = [
        run_and_kill(nursery, storage, f"c{i}", n_kills, pause, n_workers=N_WORKERS, **settings)
        for i in range(n_studies)
    ]
    found = [o.summary for o in killed]
    totals = {f: sum(s[f] for s in found) for f in ("probes", "duplicates", "outside", "searches")}
    print(f"{n_studies} studies, {n_studies * n_kills} kills: {totals}")  # noqa: T201
    for field in ("complete", "complete_in_all"):
        assert Counter(s[field] for s in found) == {1: n_studies}, field
    assert [o.lost for o in killed] == [set()] * n_studies
    assert totals["duplicates"] == totals["outside"] == 0
    # A search whose every worker was killed is given up, and another one is begun for it.
    n_more = totals["searches"] - n_studies * settings["n_configurations"]
    assert 0 <= n_more <= n_studies * n_kills


def kills_journal(folder, n_studies: int, n_kills: int, **settings) -> None:
    url = f"journal:{folder}/s"
    with Nursery(url, grace=1.0) as nursery:
        storage = open_storage(url)
        check_kills(nursery, storage, n_studies, n_kills, (0.02, 0.6), **settings)


@pytest.mark.soak
def test_two_studies_of_two_configurations_survive_kills(folder) -> None:
    kills_journal(folder, 2, 2, n_configurations=2, stale_after=1.0)


@pytest.mark.soak
@pytest.mark.parametrize("n_workers", [4, 8])
def test_processes_begin_no_configuration_too_many(folder, n_workers) -> None:
    """Without kills: they spread over the configurations first, and then meet on the last ones.

    With one worker the study has about 35 probes. Workers that begin at one moment know of no
    rate to start at, and need about six for a configuration instead of three.
    """
    url = f"journal:{folder}/s"
    with Nursery(url) as nursery:
        storage = open_storage(url)
        crowd = {"n_workers": n_workers, "n_configurations": N_CONFIGURATIONS}
        found = run_and_kill(nursery, storage, "crowd", 0, **crowd).summary
        study = optuna.load_study(study_name="crowd", storage=storage)
    first = {attributes.read(t).search for t in study.trials[:n_workers]}
    print(f"{n_workers} processes: {found['probes']} probes")  # noqa: T201
    assert (found["complete"], found["searches"]) == (1, N_CONFIGURATIONS)
    assert len(first) > n_workers // 2
    assert found["duplicates"] == found["outside"] == 0
    assert found["probes"] <= 7 * N_CONFIGURATIONS + n_workers


@pytest.mark.soak
def test_twenty_studies_over_a_journal_file_survive_kills(folder) -> None:
    kills_journal(folder, 20, 8, stale_after=1.0)


@pytest.mark.soak
@pytest.mark.parametrize("retry", [False, True])
def test_ten_studies_over_postgres_survive_kills(retry) -> None:
    """The heartbeat fails the trials of the dead; with ``retry`` their clones wait for workers."""
    with storage_servers.storage("postgres") as url:
        storage = open_storage(url)
        with Nursery(url, grace=1.0, retry=retry, **HEARTBEAT, **CHECKED) as nursery:
            check_kills(nursery, storage, 10, 8, (0.1, 1.0))
        storage_servers.close(storage)
