"""Long: a real study survives being killed again and again, and ends as an unbroken one."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

ROOT = Path(__file__).parents[2]
LAST_LINE = re.compile(r"accuracy=(\S+) cost=(\S+) final_lr=(\S+)$")
N_KILLS = 5
# A process is killed after so many reports of its own: in a probe, between two, or in the final.
KILL_REPORTS = (1, 30)


def start(folder: Path, seed: int) -> subprocess.Popen[str]:
    """Start the study as a user would."""
    return subprocess.Popen(
        [sys.executable, ROOT / "studies" / "digits.py", "--seed", str(seed)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(folder: Path, seed: int) -> tuple[float, str]:
    """Run the study to its end; accuracy and rate of the final trial."""
    process = start(folder, seed)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    found = LAST_LINE.search(printed.strip())
    return float(found[1]), found[3]


def load(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder}/digits.db"
    return optuna.load_study(study_name=None, storage=storage).trials


def count_reports(folder: Path) -> int:
    if not (folder / "digits.db").exists():
        return 0
    try:
        return sum(len(t.intermediate_values) for t in load(folder))
    except (ValueError, KeyError, optuna.exceptions.StorageInternalError):
        # The tables, or the study in them, are being made.
        return 0


def kill_after(folder: Path, seed: int, n_reports: int) -> None:
    """Start the study and end it with SIGKILL after some reports, wherever that is."""
    before, process = count_reports(folder), start(folder, seed)
    while process.poll() is None and count_reports(folder) < before + n_reports:
        time.sleep(0.2)
    process.kill()
    process.communicate()


@pytest.mark.soak
@pytest.mark.parametrize("seed", [0, 1])
def test_a_study_killed_at_any_moment_ends_as_an_unbroken_one(tmp_path, seed) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    _, expected_rate = finish(whole, seed)
    # The schema of a fresh file is made once: two processes that make it at once fail in Optuna.
    optuna.create_study(storage=f"sqlite:///{broken}/digits.db", study_name="first")
    optuna.delete_study(storage=f"sqlite:///{broken}/digits.db", study_name="first")
    rng = random.Random(seed)
    for _ in range(N_KILLS):
        kill_after(broken, seed, rng.randint(*KILL_REPORTS))
    accuracy, rate = finish(broken, seed)
    complete = [t for t in load(broken) if t.state == TrialState.COMPLETE]
    assert [t.user_attrs["bisect_role"] for t in complete] == ["final"]
    assert rate == expected_rate
    assert accuracy > 0.97
    surplus = [t for t in load(broken) if t.user_attrs.get("bisect_role") == "surplus"]
    assert not surplus
