"""What the callbacks share: when a loss is reported, what it is, and who sets the rate."""

from __future__ import annotations

import math
import sys
from importlib import import_module

import optuna
import pytest
import torch

from optuna_bisect import BisectionSampler, VerdictPruner
from optuna_bisect.integrations.trial_reports import TrialReports

PROBE_STEPS, FULL_STEPS = 100, 1_000
PACKAGES = {"lightning": "lightning.pytorch.callbacks", "keras": "keras.callbacks"}


def ask(sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner):
    """Return a study, and a running trial of it with a rate."""
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    trial = study.ask()
    trial.suggest_float("lr", 1e-5, 1.0, log=True)
    return study, trial


@pytest.fixture
def probe() -> optuna.Trial:
    """The first trial of a search."""
    sampler = BisectionSampler(probe_steps=PROBE_STEPS, final_steps=FULL_STEPS)
    return ask(sampler, VerdictPruner())[1]


def reported(trial: optuna.Trial) -> dict[int, float]:
    """Return what a trial has reported."""
    return trial.study.trials[trial.number].intermediate_values


@pytest.mark.parametrize("name", ["lightning", "transformers", "keras"])
def test_without_its_package_an_integration_names_the_extra(name, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    if name in PACKAGES:
        monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    monkeypatch.delitem(sys.modules, f"optuna_bisect.integrations.{name}", raising=False)
    with pytest.raises(ImportError, match=rf"pip install optuna_bisect\[{name}\]"):
        import_module(f"optuna_bisect.integrations.{name}")


def test_a_probe_is_reported_26_times_by_the_means_between_and_ends_at_its_length(probe) -> None:
    reports = TrialReports(probe, FULL_STEPS)
    ends = [reports.add(2.0 - n / 100) for n in range(PROBE_STEPS)]
    assert ends == [False] * 99 + [True]
    found = reported(probe)
    assert list(found) == [0, *range(3, 100, 4)]
    assert found[0] == 2.0
    assert found[3] == pytest.approx(2.0 - (1 + 2 + 3) / 3 / 100)
    assert found[7] == pytest.approx(2.0 - (4 + 5 + 6 + 7) / 4 / 100)


def test_a_probe_ends_at_its_length_also_between_two_reports() -> None:
    trial = ask(BisectionSampler(probe_steps=99, final_steps=FULL_STEPS), VerdictPruner())[1]
    reports = TrialReports(trial, FULL_STEPS)
    assert [reports.add(2.0 - n / 100) for n in range(99)].index(True) == 98


def test_means_of_several_updates_are_weighted_by_them(probe) -> None:
    """Keras may hand on several batches at once, Transformers its own lines of the log."""
    reports = TrialReports(probe, FULL_STEPS)
    reports.add(2.0)
    assert not reports.is_due(3)
    reports.add(torch.tensor(1.9), 2)
    assert reports.is_due(4)
    reports.add(1.6)
    assert reported(probe)[3] == pytest.approx((1.9 * 2 + 1.6) / 3)


def test_a_loss_that_is_not_finite_ends_a_probe_as_an_overshoot(probe) -> None:
    reports = TrialReports(probe, FULL_STEPS)
    ends = [reports.add(2.0), reports.add(math.nan), reports.add(1.0), reports.add(1.0)]
    assert ends == [False, False, False, True]
    assert probe.user_attrs["bisect_verdict"] == "overshoot"


def test_a_trainer_of_another_length_than_the_samplers_is_named(probe, said) -> None:
    TrialReports(probe, 2_000)
    assert said("2000 updates", "final_steps=1000", "give it final_steps=2000")


def test_a_trial_of_another_sampler_keeps_the_trainers_schedule() -> None:
    _, trial = ask(optuna.samplers.TPESampler(), optuna.pruners.NopPruner())
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    reports = TrialReports(trial, FULL_STEPS)
    reports.adjust(optimizer, schedule)
    assert not any(reports.add(1.0) for _ in range(5))
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_in_the_full_run_the_trainers_schedule_tells_the_rate_and_ours_sets_it() -> None:
    trial = optuna.trial.FixedTrial({"lr": 0.1})
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
    assert optimizer.param_groups[0]["lr"] == 0.0
    reports = TrialReports(trial, FULL_STEPS)
    reports.adjust(optimizer, warm_up, probe_steps=PROBE_STEPS, final_steps=FULL_STEPS)
    rates = []
    for n in range(FULL_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        warm_up.step()
        assert not reports.add(1.0 / (n + 1))
    assert rates[0] == rates[FULL_STEPS // 2 - 1] == 0.1
    assert rates[FULL_STEPS * 3 // 4] == pytest.approx(0.05, rel=0.02)
    assert warm_up.get_last_lr()[0] == rates[-1]
    assert optimizer.param_groups[0]["lr"] == 0.0


def test_a_trainers_own_reports_are_left_to_it_where_a_probe_has_four(probe) -> None:
    reports = TrialReports(probe, FULL_STEPS)
    found = []
    for every in (25, 26, None):
        reports.leave(every)
        found.append(reports.is_silent)
    assert found == [True, False, False]
    reports.leave(25)
    assert not any(reports.add(math.nan) for _ in range(PROBE_STEPS))
    assert not reported(probe)


def test_a_full_run_is_left_to_the_trainer_and_a_surplus_trial_is_not() -> None:
    _, final = ask(BisectionSampler(final_steps=FULL_STEPS), VerdictPruner())
    for role, is_silent in (("final", True), ("surplus", False)):
        final.set_user_attr("bisect_role", role)
        reports = TrialReports(final, FULL_STEPS)
        reports.leave(None)
        assert reports.is_silent == is_silent
