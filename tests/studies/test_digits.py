"""The main study in a short form: runs, resumes, says that it is complete."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import digits
import digits_figure
import optuna
import pytest
from figure_data import search
from optuna.trial import TrialState

from optuna_bisect import find_winner

ROOT = Path(__file__).parents[2]
SHORT = ["--probe-steps", "40", "--final-steps", "200", "--low", "1e-4"]
LAST_LINE = re.compile(r"accuracy=(\d\.\d+) cost=(\d\.\d+) final_lr=(\S+)$")


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch) -> None:
    """Work where the default storage and the page may be written."""
    monkeypatch.chdir(folder)


def load(path: str = "digits.db") -> optuna.Study:
    return optuna.load_study(study_name=None, storage=f"sqlite:///{path}")


def last_line(printed: str) -> tuple[float, float, float]:
    """Return accuracy, cost and final rate."""
    found = LAST_LINE.search(printed.strip())
    assert found, printed
    return float(found[1]), float(found[2]), float(found[3])


def test_the_study_ends_in_one_final_trial_and_a_second_run_leaves_it_alone(capsys) -> None:
    assert digits.main(SHORT) == 0
    printed = capsys.readouterr().out
    accuracy, cost, rate = last_line(printed)
    study = load()
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert [t.user_attrs["bisect_role"] for t in complete] == ["final"]
    assert accuracy == pytest.approx(complete[0].user_attrs["accuracy"], abs=1e-4)
    assert accuracy > 0.9
    paid = sum(t.last_step + 1 for t in study.trials if t.state != TrialState.COMPLETE)
    assert cost == pytest.approx(paid / 200, abs=1e-3)
    assert rate == pytest.approx(study.best_params["lr"], rel=1e-3)
    for trial in study.trials[:-1]:
        assert re.search(rf"(?m)^trial {trial.number}: rate .* \(bracket .*\)$", printed)
        assert trial.user_attrs["bisect_reason"] in printed

    page = Path("digits.html").read_text()
    assert "How the bracket closed" in page
    assert "Loss curves by verdict" in page
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page), "it must need no network"

    assert digits.main(SHORT) == 0
    again = capsys.readouterr().out
    assert "is complete already" in again
    assert last_line(again) == (accuracy, cost, rate)
    assert len(load().trials) == len(study.trials)


@pytest.mark.soak
def test_ctrl_c_in_a_probe_and_the_same_command_again_give_the_same_rate(capsys) -> None:
    assert digits.main([*SHORT, "--storage", "sqlite:///unbroken.db"]) == 0
    expected = last_line(capsys.readouterr().out)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", ROOT / "studies" / "digits.py", *SHORT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout.readline().startswith("loading torch")
    assert process.stdout.readline().startswith("trial 0")
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130, printed + errors
    assert "goes on from here" in errors
    assert "Traceback" not in errors
    assert digits.main(SHORT) == 0
    resumed = capsys.readouterr().out
    assert "resuming" in resumed
    assert last_line(resumed)[::2] == expected[::2]


def test_a_study_in_which_everything_diverges_says_so(capsys) -> None:
    hopeless = ["--low", "1e3", "--high", "1e6", "--final-steps", "200", "--probe-steps", "40"]
    assert digits.main(hopeless) == 1
    printed = capsys.readouterr().out
    assert "not complete" in printed
    assert Path("digits.html").exists()


def test_probes_may_see_a_share_of_the_data_only(capsys) -> None:
    assert digits.main([*SHORT, "--probe-share", "0.25", "--optimizer", "adam"]) == 0
    assert last_line(capsys.readouterr().out)[0] > 0.9
    assert "adam" in load().study_name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--low", "1", "--high", "0.1"], "expected 0 < --low <= --high but got 1.0 and 0.1"),
        (["--probe-share", "0"], "must lie in (0, 1] but got 0.0"),
        (["--probe-steps", "2000"], "but got 2000 and 2000"),
        (["--optimizer", "magic"], "invalid choice"),
    ],
)
def test_bad_options_are_refused_before_anything_is_stored(capsys, options, message) -> None:
    with pytest.raises(SystemExit, match="2"):
        digits.main(options)
    assert message in capsys.readouterr().err
    assert not Path("digits.db").exists()


def test_the_figure_of_the_readme_says_little_and_says_it_of_the_right_trials() -> None:
    study = search()
    figure = digits_figure.make_figure(study)
    legend = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert legend == list(digits_figure.LEGEND.values())
    first, best, final = figure.layout.annotations
    assert (first.x, best.x, final.x) == (0, find_winner(study).number, study.best_trial.number)
    assert 10**final.y == pytest.approx(study.best_params["lr"])
    probes = len(study.trials) - 1
    assert figure.layout.title.text.startswith(f"{probes} short trials")
