"""What a probe tells the search about the final run: its anneal, and a warm-up that is too long.

Covers ``training.warmup_check``.
"""

from __future__ import annotations

import logging

import optuna
import pytest
import torch
from synthetic_trainer import STEPS

import optuna_bisect as ob
from optuna_bisect import _logger
from optuna_bisect.adjuster import BisectionLR

N_FEATURES = 4


def train(trial: optuna.Trial, warmup: int = 0, **options: float) -> float:
    """Fit a line; the rate rises over the first steps where asked."""
    lr = trial.suggest_float("lr", 1e-5, 10.0, log=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, N_FEATURES, generator=generator)
    y = x.sum(1)
    weights = torch.nn.Parameter(torch.zeros(N_FEATURES))
    optimizer = torch.optim.SGD([weights], lr)
    scheduler = BisectionLR.for_trial(optimizer, trial, **options)
    is_final = ob.trial_plan(trial).is_final
    for step in range(STEPS["final_steps"]):
        loss = ((x @ weights - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if warmup and not is_final:
            optimizer.param_groups[0]["lr"] = lr * min(1.0, (step + 1) / warmup)
        scheduler.step(loss)
        if step % 4 == 0:
            trial.report(loss.item(), step)
            if trial.should_prune():
                raise optuna.TrialPruned
    return loss.item()


def run(final_schedule: str | None = None, **options: float) -> optuna.Study:
    sampler = ob.BisectionSampler(**STEPS, final_schedule=final_schedule)
    study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
    study.optimize(lambda trial: train(trial, **options))
    return study


def exponent(study: optuna.Study) -> float:
    return study.best_trial.user_attrs["bisect_exponent"]


def test_the_hand_over_knows_the_anneal_of_the_final_trial_without_being_told() -> None:
    study = run()
    assert {t.user_attrs["bisect_workings_cool_down"] for t in study.trials[:-1]} == {0.5}
    assert exponent(study) == exponent(run("decay"))
    assert exponent(run(anneal_fraction=0.0)) == exponent(run("constant"))
    assert exponent(run(anneal_fraction=0.0)) > exponent(study)


def test_what_the_user_says_about_the_full_run_comes_first() -> None:
    assert exponent(run("constant")) == exponent(run("constant", anneal_fraction=0.0))


@pytest.mark.parametrize(
    ("warmup", "is_warned"), [(0, False), (10, False), (20, True), (9_999, True)]
)
def test_a_warm_up_that_outlasts_a_probe_is_said_once(warmup, is_warned, caplog) -> None:
    _logger._said.clear()
    optuna.logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        run(warmup=warmup)
    lines = [r.getMessage() for r in caplog.records if "still rises" in r.getMessage()]
    assert len(lines) == is_warned
    assert all("probe_steps" in line for line in lines)
