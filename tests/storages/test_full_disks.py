"""A disk that is full in the middle of a study, and has room again later."""

from __future__ import annotations

import gc
import os
import random
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from expected_study import assert_one_final
from flaky_storage import run_until_done
from many_workers import join_study
from synthetic_trainer import make_objective
from worker_process import open_storage

from optuna_bisect.workers import role_claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import optuna

KINDS = ("sqlite", "journal")
# What the user sees: SQLite's words in Optuna's exception, or the operating system's own.
TOLD = {"StorageInternalError", "OSError"}


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of a megabyte, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk may be mounted here: {error}")
    yield folder
    unmount = ["umount", "--lazy", str(folder)]
    subprocess.run(unmount, check=True)


def fill(folder: Path, rest: int) -> None:
    """Leave so many bytes of a disk; less than a block stays in the files' last blocks."""
    free = os.statvfs(folder)
    with (folder / "filler").open("wb") as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - rest)))


def check_full_disk(kind: str, folder: Path, seed: int) -> Counter[str]:
    """Fill the disk in a probe or in the final trial, let workers die, make room, and finish."""
    # A connection that nobody has closed yet keeps the room of a file that is deleted.
    gc.collect()
    for old in folder.iterdir():
        old.unlink()
    url = f"sqlite:///{folder}/s.db" if kind == "sqlite" else f"journal:{folder}/s"
    chance = random.Random(seed)
    n_reports, rest = chance.randrange(1, 40), 4096 * chance.randrange(3)
    study, n_seen = join_study(open_storage(url), "s"), 0

    def count(trial: optuna.Trial) -> None:
        report = trial.report

        def count_and_report(value: float, step: int) -> None:
            nonlocal n_seen
            n_seen += 1
            if n_seen == n_reports:
                fill(folder, rest)
            report(value, step)

        trial.report = count_and_report

    # Optuna tries for ten seconds to create a trial in a database that takes none.
    n_workers = 1 if kind == "sqlite" else 3
    seen = run_until_done(study, make_objective(every=8, also=count), n_workers)
    (folder / "filler").unlink()
    last = join_study(open_storage(url), "s", stale_after=0.01)
    last.optimize(make_objective(every=8))
    assert_one_final(last)
    return Counter(seen)


def check_told(seen: Counter[str]) -> None:
    """Every exception names the cause; Optuna's own end of a trial falls over some of them."""
    print(sum(seen.values()), dict(seen))  # noqa: T201
    assert seen
    assert all(TOLD & set(name.replace(" < ", " ").split()) for name in seen)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_costs_what_was_running(kind, small_disk, monkeypatch) -> None:
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.05)
    check_told(check_full_disk(kind, small_disk, 1))


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_disks_full_at_twenty_moments(kind, small_disk, monkeypatch) -> None:
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.05)
    check_told(sum((check_full_disk(kind, small_disk, s) for s in range(20)), Counter()))
