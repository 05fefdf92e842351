"""Every example runs as it stands, from any folder, with warnings as errors."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from synthetic_trainer import with_role
from worker_process import finish, open_storage, start_python

from studies.examples import checkpoint

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "studies" / "examples"
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")


def run(name: str, folder: Path) -> str:
    """Run an example in a folder that is not the repository; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_numpy_only_runs_and_finds_a_rate(tmp_path) -> None:
    assert "'lr':" in run("numpy_only.py", tmp_path)


def test_quickstart_prints_what_the_readme_shows_up_to_its_numbers(tmp_path) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"(?ms)Three of them:\n\n```\n(.*?)^```$", readme)[1]
    printed = run("quickstart.py", tmp_path)
    assert "'lr':" in printed
    assert set(NUMBER.sub("#", shown).splitlines()) <= set(NUMBER.sub("#", printed).splitlines())


def test_the_core_example_is_about_25_lines_and_needs_no_torch() -> None:
    code = (EXAMPLES / "numpy_only.py").read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    assert "torch" not in code


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_enough_to_copy(path) -> None:
    assert len(path.read_text().splitlines()) < 60


def test_two_workers_started_from_one_file_share_a_study_with_one_final_trial(
    url, folder, monkeypatch
) -> None:
    """As in two terminals: a journal file without a word, a database after its tables exist."""
    monkeypatch.chdir(folder)
    arguments = [str(EXAMPLES / "workers.py")]
    if url.startswith("sqlite"):
        optuna.create_study(study_name="workers", storage=url)
        arguments.append(url)
    else:
        url = f"journal:{folder}/workers.log"
    workers = [start_python(arguments) for _ in range(2)]
    for printed in [finish(worker) for worker in workers]:
        assert "converged" in printed
    study = optuna.load_study(study_name="workers", storage=open_storage(url))
    assert len({t.user_attrs["bisect_worker"] for t in study.trials}) == 2
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert [t.user_attrs["bisect_role"] for t in complete] == ["final"]


def test_the_checkpoint_example_runs_as_a_script(folder, monkeypatch, capsys) -> None:
    monkeypatch.chdir(folder)
    runpy.run_path(str(EXAMPLES / "checkpoint.py"), run_name="__main__")
    assert "'lr':" in capsys.readouterr().out


def test_a_final_trial_taken_over_from_its_checkpoint_equals_an_unbroken_one(
    folder, monkeypatch
) -> None:
    for name, n in {"FULL_STEPS": 400, "PROBE_STEPS": 40, "SAVE_EVERY": 50}.items():
        monkeypatch.setattr(checkpoint, name, n)

    def load(name: str) -> optuna.Study:
        (folder / name).mkdir(exist_ok=True)
        os.chdir(folder / name)
        return checkpoint.load()

    def crash(study: optuna.Study) -> None:
        def objective(trial: optuna.Trial) -> float:
            report = trial.report

            def report_and_die(value: float, step: int) -> None:
                report(value, step)
                if step > checkpoint.FULL_STEPS // 2:
                    raise KeyboardInterrupt

            trial.report = report_and_die
            return checkpoint.objective(trial)

        try:
            study.optimize(objective)
        except KeyboardInterrupt:
            return
        raise AssertionError("the final trial was not interrupted")

    monkeypatch.chdir(folder)
    expected = load("whole")
    expected.optimize(checkpoint.objective)
    crash(load("broken"))
    study = load("broken")
    study.optimize(checkpoint.objective)
    first, second = with_role(study, "final")
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert min(second.intermediate_values) > checkpoint.FULL_STEPS // 2 - checkpoint.SAVE_EVERY
    assert second.params == first.params
    assert study.best_value == expected.best_value


@pytest.mark.soak
def test_several_hyperparameters_end_with_the_best_configuration_in_full(tmp_path) -> None:
    winner, final = run("configurations.py", tmp_path).splitlines()[-2:]
    assert "params={'width'" in winner
    assert final.startswith("{'width'")
    assert float(final.split()[-1]) < 0.3


@pytest.mark.soak
def test_a_scikit_learn_model_whose_accuracy_is_maximised_ends_in_full(tmp_path) -> None:
    printed = run("partial_fit.py", tmp_path)
    assert printed.startswith("{'eta0': ")
    assert float(printed.split()[-1]) > 0.93
