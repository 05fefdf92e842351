"""Lightning with two processes, on the CPU: who launches them, who decides, who is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning", reason="needs optuna_bisect[lightning]")
pytest.importorskip("optuna_integration", reason="needs optuna-integration")
# Each process imports Lightning, which takes many seconds.
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform == "win32", reason="forks, and gloo"),
]
ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "tests" / "helpers" / "lightning_group.py")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def printed(*arguments: str) -> tuple[list[dict], list[dict]]:
    """Return what each process of each run printed, and the trials of the study."""
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    ranks = [line for line in lines if "rank" in line]
    return ranks, [line for line in lines if "role" in line]


def by_rank(lines: list[dict], rank: int) -> list[tuple[int, float]]:
    return [(line["steps"], line["rate"]) for line in lines if line["rank"] == rank]


@pytest.mark.parametrize("strategy", ["ddp_fork", "ddp_notebook", "torchrun"])
def test_a_study_ends_with_equal_processes_and_what_they_saw_in_the_storage(
    strategy, tmp_path
) -> None:
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2", SCRIPT, "ddp"]
    if strategy != "torchrun":
        launch = [SCRIPT, strategy, f"sqlite:///{tmp_path}/s.db"]
    ranks, trials = printed(*launch)
    assert by_rank(ranks, 0) == by_rank(ranks, 1)
    assert [t["state"] for t in trials] == ["PRUNED"] * (len(trials) - 1) + ["COMPLETE"]
    assert [t["role"] for t in trials] == ["probe"] * (len(trials) - 1) + ["final"]
    # As many updates as reports: all processes of a probe stop at its last one.
    assert [steps for steps, _ in by_rank(ranks, 0)] == [t["last"] + 1 for t in trials]
    assert [t["last"] < 30 for t in trials] == [True] * (len(trials) - 1) + [False]
    assert trials[0]["verdict"] == "overshoot"
    assert None not in [t["verdict"] for t in trials[:-1]]
    # BisectionLR has annealed, and its losses got back.
    assert by_rank(ranks, 0)[-1][1] == 0
    assert trials[-1]["losses"]
    assert trials[-1]["value"] < 1e-6


def test_spawned_processes_prune_a_trial_too(tmp_path) -> None:
    ranks, trials = printed(SCRIPT, "ddp_spawn", f"sqlite:///{tmp_path}/s.db", "1")
    assert by_rank(ranks, 0) == by_rank(ranks, 1) == [(trials[0]["last"] + 1, 1e3)]
    assert (trials[0]["state"], trials[0]["verdict"]) == ("PRUNED", "overshoot")


@pytest.mark.parametrize("strategy", ["ddp_fork", "ddp"])
def test_processes_that_cannot_share_the_trial_are_told_what_can(strategy, tmp_path) -> None:
    storage = [f"sqlite:///{tmp_path}/s.db"] if strategy == "ddp" else []
    done = run(SCRIPT, strategy, *storage)
    assert done.returncode != 0
    told = "start it with torchrun" if strategy == "ddp" else "storage='sqlite:///study.db'"
    assert "ValueError: BisectionCallback" in done.stderr
    assert told in done.stderr
