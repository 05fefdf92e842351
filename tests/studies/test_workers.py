"""The studies of part 3: many processes on one study, and a final trial that resumes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import checkpoint
from optuna.trial import TrialState
from synthetic_trainer import with_role
from worker_process import start_python

if TYPE_CHECKING:
    import optuna

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


def test_a_final_trial_taken_over_from_its_checkpoint_equals_an_unbroken_one(
    folder, monkeypatch
) -> None:
    for name, n in {"FULL_STEPS": 400, "PROBE_STEPS": 40, "SAVE_EVERY": 50}.items():
        monkeypatch.setattr(checkpoint, name, n)

    def crash(study: optuna.Study, folder: Path) -> None:
        def objective(trial: optuna.Trial) -> float:
            report = trial.report

            def report_and_die(value: float, step: int) -> None:
                report(value, step)
                if step > checkpoint.FULL_STEPS // 2:
                    raise KeyboardInterrupt

            trial.report = report_and_die
            return checkpoint.train(trial, folder)

        try:
            study.optimize(objective)
        except KeyboardInterrupt:
            return
        raise AssertionError("the final trial was not interrupted")

    whole, broken = folder / "whole", folder / "broken"
    expected = checkpoint.load(whole)
    expected.optimize(lambda trial: checkpoint.train(trial, whole))
    crash(checkpoint.load(broken), broken)
    study = checkpoint.load(broken)
    study.optimize(lambda trial: checkpoint.train(trial, broken))
    first, second = with_role(study, "final")
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert min(second.intermediate_values) > checkpoint.FULL_STEPS // 2 - checkpoint.SAVE_EVERY
    assert second.params == first.params
    assert study.best_value == expected.best_value
