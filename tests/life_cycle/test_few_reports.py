"""Probes with one to three reports, of runs that differ from each other whatever their rate is."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest

from optuna_bisect import BisectionSampler, VerdictPruner, find_winner

LOW, HIGH = 1e-8, 1.0
UNTRAINED, FULL = 2.3, 50
# Rates below this one end a probe less than 0.2 better than untrained.
HARDLY_MOVED = 2e-3


def loss_after(lr: float, epochs: float, trial_number: int, seed: int) -> float:
    """SGD on a network whose progress is in proportion to rate times steps; unseeded."""
    luck = 0.005 * np.random.default_rng([seed, trial_number]).standard_normal()
    if lr > 0.7:
        return math.nan
    return 0.1 + (UNTRAINED - 0.1) * math.exp(-40 * lr * epochs) + float(luck)


def search(seed: int, n_reports: int, *, untrained: bool) -> optuna.Study:
    """Search with probes of one epoch; ``untrained`` reports the loss before training as well."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        if untrained:
            trial.report(UNTRAINED - 0.003, 0)
        for i in range(1, FULL * n_reports):
            value = loss_after(lr, i / n_reports, trial.number, seed)
            trial.report(value, 10 * i if untrained else i - 1)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    length = 10 * n_reports if untrained else n_reports
    sampler = BisectionSampler(probe_steps=length, final_steps=FULL * length, seed=seed)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(objective, n_trials=30)
    return study


@pytest.mark.parametrize(
    ("n_reports", "untrained"), [(1, False), (2, False), (3, False), (1, True), (2, True)]
)
@pytest.mark.parametrize("seed", [3, 6, 13, 24, 30, 38])
def test_luck_is_no_verdict_and_the_way_is_up(seed: int, n_reports: int, untrained: bool) -> None:
    winner = find_winner(search(seed, n_reports, untrained=untrained))
    assert winner is not None
    assert winner.lr > HARDLY_MOVED


def test_a_first_loss_above_the_held_out_one_is_no_overshoot() -> None:
    study = search(0, 1, untrained=True)
    verdicts = [t.user_attrs["bisect_verdict"] for t in study.trials if t.params["lr"] < 1e-4]
    assert verdicts
    assert "overshoot" not in verdicts
