"""Every finished trial is read once, however many decisions follow .

Covers ``study.trial_kinds`` and ``trials.view``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

import optuna_bisect as ob
from optuna_bisect.study import finished
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import view

if TYPE_CHECKING:
    import pytest
    from optuna.trial import FrozenTrial

RANGE = FloatDistribution(1e-6, 1.0, log=True)


def complete(number: int, **params: float) -> FrozenTrial:
    trial = create_trial(params=params, distributions=dict.fromkeys(params, RANGE), value=1.0)
    trial.number = number
    return trial


def test_a_finished_trial_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, original = [], finished.to_probe
    monkeypatch.setattr(
        finished,
        "to_probe",
        lambda trial, *rest: read.append(trial.number) or original(trial, *rest),
    )
    study = optuna.create_study(sampler=ob.BisectionSampler())
    for i in range(20):
        study.add_trial(complete(i, lr=10.0 ** (-i / 4 - 1)))
    for _ in range(10):
        trial = study.ask()
        trial.suggest_float("lr", 1e-6, 1.0, log=True)
        study.tell(trial, 0.5)
    read_history(study)
    assert sorted(read) == list(range(30))


def test_what_is_remembered_says_what_a_new_process_would_read() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(probe_steps=10, final_steps=100))
    waiting = study.ask()
    for value in (0.3, None, 0.2, float("inf")):
        trial = study.ask()
        lr = trial.suggest_float("lr", 1e-6, 1.0, log=True)
        for step in range(10):
            trial.report(2.0 - lr * step, step)
        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        study.tell(trial, value, state=state)
        read_history(study)
    study.tell(waiting, state=TrialState.FAIL)
    fresh = optuna.create_study()
    for trial in study.get_trials():
        fresh.add_trial(trial)
    mine, other = read_history(study), read_history(fresh)
    assert sorted(mine.finished.probes, key=lambda p: p.number) == list(other.finished.probes)
    assert mine.evidence() == other.evidence()
    assert (mine.finished.n_probes, mine.finished.finals) == (
        other.finished.n_probes,
        other.finished.finals,
    )


def test_runs_count_as_full_by_the_longest_one_whenever_that_one_came() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler())
    for n_steps in (3, 5):
        trial = study.ask()
        trial.suggest_float("lr", 1e-6, 1.0, log=True)
        for step in range(n_steps):
            trial.report(1.0 / (1 + step), step)
        study.tell(trial, state=TrialState.PRUNED)
        probes = read_history(study).finished.probes
    assert [probe.is_full for probe in probes] == [False, True]


def test_a_curve_is_read_while_another_thread_reports() -> None:
    """In memory a running trial's reports are the very dict that its thread writes into."""
    reports: dict[int, float] = {}

    class Busy(float):
        def __abs__(self) -> float:
            reports[len(reports)] = 1.0
            return super().__abs__()

    reports |= {0: Busy(2.0), 1: Busy(1.5)}
    trial = create_trial(state=TrialState.RUNNING)
    trial.intermediate_values = reports
    assert view.curve_of(trial, 1).losses == (2.0, 1.5)
    assert len(reports) == 4
