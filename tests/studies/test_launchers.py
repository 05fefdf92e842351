"""The examples for launchers, each with the real package: Hydra, Dask and Ray Tune."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[2]
LAUNCHERS = ROOT / "studies" / "launchers"
# Ray gives its own processes 30 s each to start, which a loaded machine may not keep to.
RAY_PATIENCE = {
    "RAY_gcs_server_port_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "300",
}


def run(folder: Path, name: str, *arguments: str) -> tuple[str, str]:
    """Run an example in a folder of its own; return what it printed, also as errors."""
    done = subprocess.run(
        [sys.executable, LAUNCHERS / name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),  # where Ray keeps its results
            "RAY_USAGE_STATS_ENABLED": "0",
            **RAY_PATIENCE,
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_hydra_hands_each_job_its_length_and_nothing_to_those_after_the_final_one(
    n_jobs, tmp_path
) -> None:
    pytest.importorskip("hydra")
    printed, _ = run(tmp_path, "hydra_app.py", "--multirun", f"hydra.sweeper.n_jobs={n_jobs}")
    lengths = [int(n) for n in re.findall(r"n_steps=(\d+)", printed)]
    n_probes = lengths.index(2_000)
    assert lengths == [40] * n_probes + [2_000] + [0] * (14 - 1 - n_probes)
    assert n_probes <= 7
    result = next(tmp_path.rglob("optimization_results.yaml")).read_text()
    assert "n_steps: 2000" in result
    assert 0.003 < float(re.search(r"lr: (.*)", result)[1]) < 0.1


def test_a_study_of_dask_workers_ends_by_itself_and_quietly(tmp_path) -> None:
    pytest.importorskip("distributed")
    printed, errors = run(tmp_path, "dask_workers.py")
    # Which of the two depends on the order in which the workers came.
    alike = r"[^']+ ended within 1% of its progress, the rest is"
    said = rf"(the rates beside the winner's are|{alike}) worse"
    assert re.search(rf"status=['\"]converged: {said}['\"]", printed)
    assert len(re.findall(r"Trial \d+ finished with value", errors)) == 1
    assert "Traceback" not in errors
    assert "never awaited" not in errors


def test_ray_ends_with_the_final_trial_and_starts_no_surplus_one(tmp_path) -> None:
    pytest.importorskip("ray.tune")
    printed, _ = run(tmp_path, "ray_tune.py")
    n_trials, rate, loss = re.search(r"(\d+) trials: (\S+) (\S+)", printed).groups()
    assert int(n_trials) <= 9
    assert 0.003 < float(rate) < 0.1
    assert float(loss) < 0.02
