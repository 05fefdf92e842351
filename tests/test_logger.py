"""What the package says reaches the user: as Optuna's own lines, or by the user's logging."""

from __future__ import annotations

import logging
import subprocess
import sys
from textwrap import dedent

import optuna
import pytest

import optuna_bisect as ob

STUDY = """
import logging, optuna, optuna_bisect as ob
{setting}
study = optuna.create_study(sampler=ob.BisectionSampler(probe_steps=1, final_steps=3))
def objective(trial):
    trial.suggest_float("lr", 1e-3, 1, log=True)
    trial.report(float("nan"), 0)
    raise optuna.TrialPruned
study.optimize(objective, n_trials=20)
"""


def said(setting: str) -> list[str]:
    """Run a study that ends without a winner; return the lines that say so."""
    code = dedent(STUDY.format(setting=setting))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return [line for line in done.stderr.splitlines() if "surplus" in line]


def test_a_warning_looks_like_optunas_and_comes_once() -> None:
    (line,) = said("")
    assert line.startswith("[W 20")


def test_optunas_verbosity_silences_it() -> None:
    assert said("optuna.logging.set_verbosity(optuna.logging.ERROR)") == []


def test_a_users_own_logging_gets_it_once() -> None:
    (line,) = said("optuna.logging.disable_default_handler(); logging.basicConfig()")
    assert line.startswith("WARNING:optuna_bisect:")


def complete() -> optuna.Study:
    study = optuna.create_study(sampler=ob.BisectionSampler(probe_steps=1, final_steps=3))
    study.optimize(lambda trial: abs(trial.suggest_float("lr", 1e-3, 1, log=True) - 0.03))
    return study


@pytest.mark.parametrize(("level", "n_lines"), [(logging.INFO, 1), (logging.WARNING, 0)])
def test_what_asks_nothing_of_the_user_is_information_only(caplog, level, n_lines) -> None:
    study = complete()
    caplog.set_level(level)
    study.optimize(lambda trial: trial.suggest_float("lr", 1e-3, 1, log=True))
    assert len([r for r in caplog.records if "is complete" in r.getMessage()]) == n_lines


def test_a_choice_among_unknown_names_is_told_once(caplog) -> None:
    def objective(trial: optuna.Trial) -> float:
        alpha = trial.suggest_float("alpha", 1e-6, 1, log=True)
        return alpha + trial.suggest_float("gamma", 1e-6, 1, log=True)

    optuna.create_study(sampler=ob.BisectionSampler()).optimize(objective, n_trials=3)
    (record,) = caplog.records
    assert "'alpha' is taken for the learning rate" in record.getMessage()
    caplog.clear()
    optuna.create_study(sampler=ob.BisectionSampler("gamma")).optimize(objective, n_trials=3)
    assert not caplog.records
