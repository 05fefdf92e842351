"""A study says in the terminal what it does: verdicts, progress, and how Ctrl-C ended it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import optuna
import pytest
from figure_data import search_several
from synthetic_trainer import STEPS, make_objective
from worker_process import finish, start_python

import optuna_bisect as ob
from optuna_bisect.terminal import print_verdict, show_progress

HELPERS = Path(__file__).parent / "helpers"
SCRIPT = """
import sys, time, optuna, optuna_bisect as ob
from optuna_bisect.terminal import print_verdict, show_progress
from synthetic_trainer import STEPS, make_objective

url, seconds = sys.argv[1] or None, float(sys.argv[2])
sampler = ob.BisectionSampler(**STEPS, seed=0)
study = optuna.create_study(study_name="s", storage=url, load_if_exists=True, sampler=sampler,
                            pruner=ob.VerdictPruner())

def objective(trial):
    report = trial.report
    def slow(value, step):
        report(value, step)
        time.sleep(seconds)
    trial.report = slow
    return make_objective()(trial)

with show_progress(study):
    study.optimize(objective, callbacks=[print_verdict])
print("after")
"""

# Readings of a log file come closer together than in earnest.
PATCH = """
from optuna_bisect import terminal
terminal._LOG_GAP, terminal._READING_SHARE = 0.01, 1.0
"""


def run_in_terminal(arguments, *, interrupt_at=None, columns=80) -> tuple[str, int]:
    """Run the script in a terminal of its own; press Ctrl-C when a text appears."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    path = os.pathsep.join([str(HELPERS), str(HELPERS.parents[1])])
    env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**env, "PYTHONPATH": path, "NO_COLOR": "1"},
    )
    os.close(theirs)
    shown = ""
    # The end of a terminal that nobody writes into any more is an error on Linux.
    try:
        while data := os.read(ours, 65536).decode():
            shown += data
            if interrupt_at is not None and interrupt_at in shown:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
    except OSError:
        pass
    os.close(ours)
    return shown.replace("\r\n", "\n"), process.wait(timeout=60)


def test_a_terminal_gets_one_line_that_is_rewritten_and_never_cut() -> None:
    shown, code = run_in_terminal(["", 0.02])
    assert code == 0
    lines = [line.strip() for line in re.findall(r"\r([^\r\n]*)", shown)]
    progress = [line for line in lines if line.startswith("phase")]
    assert any(re.match(r"phase 1, probe \d+, .*bracket .* \.\. .*, \d+ %", p) for p in progress)
    assert any(re.match(r"phase 2, final trial \d+, .*\d+ %, \d+:\d\d left", p) for p in progress)
    assert max(map(len, progress)) < 80
    for line in progress:
        assert re.search(r"( left| %|\])$", line), line
    # What Optuna logs and what the callback prints have lines of their own.
    text = [line.rpartition("\r")[2] for line in shown.split("\n")]
    assert sum("pruned" in line for line in text) == sum(": rate" in line for line in text) - 1
    assert not any("pruned" in line and "phase" in line for line in text)
    assert text[-2] == "after"


def test_a_log_file_gets_lines() -> None:
    process = start_python(["-c", SCRIPT.replace("with show", PATCH + "with show"), "", "0.01"])
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "\r" not in errors
    lines = [line for line in errors.splitlines() if line.startswith("phase")]
    assert len(lines) > 3
    assert len(set(lines)) == len(lines)
    assert len(re.findall(r"(?m)^trial \d+: rate .* \(bracket .*\)$", printed)) > 3


@pytest.mark.parametrize("sampler", ["ours", "tpe"])
def test_the_callback_prints_a_line_per_trial_of_any_sampler(capsys, sampler) -> None:
    ours = ob.BisectionSampler(**STEPS, seed=0)
    study = optuna.create_study(
        sampler=ours if sampler == "ours" else optuna.samplers.TPESampler(seed=0),
        pruner=ob.VerdictPruner(),
    )
    study.optimize(make_objective(), n_trials=4, callbacks=[print_verdict])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    for trial, line in zip(study.trials, printed, strict=True):
        assert line.startswith(f"trial {trial.number}: rate {trial.params['lr']:.3g}, ")
        attrs = trial.user_attrs
        assert attrs.get("bisect_reason", "returned") in line
        assert ("bracket" in line) == ("bisect_low" in attrs)


def test_the_callback_passes_over_trials_without_a_rate(capsys) -> None:
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_int("n", 1, 3), n_trials=2, callbacks=[print_verdict])
    assert capsys.readouterr().out == ""


@pytest.mark.soak
def test_ctrl_c_in_a_probe_and_in_the_final_trial_ends_in_one_sentence(folder) -> None:
    url = f"sqlite:///{folder}/s.db"
    shown, code = run_in_terminal([url, 0.05], interrupt_at="phase 1, probe")
    assert code == 130
    assert re.search(r"\ninterrupted in trial \d+: .*the next run goes on from here\n$", shown)
    assert "Traceback" not in shown
    shown, code = run_in_terminal([url, 0.1], interrupt_at="phase 2, final trial")
    assert code == 130
    assert "goes on from here" not in shown
    assert re.search(
        r"\ninterrupted in final trial \d+ after \d+ steps: .* begins the final trial again, "
        r"at step 0 unless .*\n$",
        shown,
    )
    for _ in range(2):
        shown, _ = run_in_terminal([url, 0.1], interrupt_at="phase 2, final trial")
    assert shown.endswith("after 3 final trials that broke off the study is over\n")


def test_ctrl_c_on_a_study_in_memory_does_not_promise_to_go_on() -> None:
    shown, code = run_in_terminal(["", 0.05], interrupt_at="phase 1, probe")
    assert code == 130
    assert shown.endswith("kept in memory alone, so the next run begins anew\n")
    assert "Traceback" not in shown


def test_before_the_first_trial_there_is_nothing_to_name(capsys) -> None:
    with pytest.raises(SystemExit, match="130"), show_progress(optuna.create_study()):
        raise KeyboardInterrupt
    assert "interrupted before the first trial: " in capsys.readouterr().err


def test_other_exceptions_pass_and_a_storage_that_fails_ends_the_bar_alone(caplog) -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with pytest.raises(ZeroDivisionError), show_progress(study):
        raise ZeroDivisionError
    assert "Progress is not shown any more: A learning rate is bisected for one" in caplog.text


def test_the_user_may_have_silenced_optuna() -> None:
    """A logger that writes nothing to the terminal is not made to."""
    code = SCRIPT.replace("with show", "optuna.logging.disable_default_handler()\nwith show")
    printed = finish(start_python(["-c", code, "", "0"]))
    assert "Trial 0 pruned" not in printed
    assert "after" in printed


def test_of_several_configurations_a_line_says_which_one(capsys) -> None:
    study = search_several()
    for trial in study.trials:
        print_verdict(study, trial)
    lines = capsys.readouterr().out.splitlines()
    for trial, line in zip(study.trials, lines, strict=True):
        told = f"trial {trial.number} of configuration {trial.user_attrs['bisect_search']}: rate"
        assert line.startswith(told)
