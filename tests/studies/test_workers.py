"""The study of several workers starts processes and reports."""

from __future__ import annotations

import re
from pathlib import Path

from worker_process import start_python

STUDIES = Path(__file__).parents[2] / "studies"
PRINTED = re.compile(
    r"(\d+) workers, (\d+) probes in (\d+) rounds, search \S+ s, speed-up (\S+), (\d+) duplicates"
)


def test_workers_py_starts_processes_and_reports(tmp_path) -> None:
    options = ["--workers", "3", "--storage", f"journal:{tmp_path}/w.log", "--pause", "0.002"]
    process = start_python([str(STUDIES / "scaling" / "workers.py"), *options])
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    n_workers, n_probes, n_rounds, _, n_duplicates = PRINTED.search(printed).groups()
    assert 1 <= int(n_workers) <= 3
    assert int(n_rounds) <= int(n_probes)
    assert n_duplicates == "0"
    assert "1 complete final trial" in printed
