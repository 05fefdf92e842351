"""The winner's rate, bracket and status follow from the evidence; the final one is corrected.

Covers ``search.horizon`` and ``decisions.winner``.
"""

from __future__ import annotations

import math

import optuna
import pytest

from optuna_bisect import BisectionSampler, Bracket, VerdictPruner, find_winner
from optuna_bisect.decisions.outcome import HIGH_EDGE, LOW_EDGE
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.horizon import correct
from optuna_bisect.search.probe import Probe

GRID = Grid(1e-6, 1.0)


def full(number: int, k: float, value: float) -> Probe:
    return Probe(number, GRID.rate_at(k), value=value)


def lopsided(trial: optuna.Trial) -> float:
    distance = math.log(trial.suggest_float("lr", 1e-6, 10, log=True)) + 2
    return abs(distance) * (3 if distance > 0 else 1)


def test_an_endless_search_names_a_winner_inside_its_own_bracket() -> None:
    study = optuna.create_study(sampler=BisectionSampler())
    for n_trials in range(1, 26):
        study.optimize(lopsided, 1)
        winner = find_winner(study)
        assert winner is not None, n_trials
        assert winner.lr in winner.bracket, n_trials


def test_the_correction_is_a_power_of_the_horizons() -> None:
    assert correct(0.1, 100, 10_000, 0.5) == pytest.approx(0.01)
    assert correct(0.1, 100, 10_000, 0.0) == 0.1
    assert correct(0.1, 100, None, 0.5) == 0.1


def train(trial: optuna.Trial, best: float) -> float:
    """Train a pretended network whose speed falls off on both sides of its best rate."""
    rate = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    offset = math.log10(rate / best)
    speed = 0.005 * 10 ** -abs(offset)
    loss = 2.3
    for step in range(0, 5001, 50):
        loss = 1 + 1.3 * math.exp(-speed * step)
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def search(best: float) -> optuna.Study:
    sampler = BisectionSampler(probe_steps=1000, final_steps=5001)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(lambda trial: train(trial, best))
    return study


def test_the_winner_is_found_with_its_bracket_and_the_final_trial_is_the_best() -> None:
    study = search(best=2e-3)
    winner = find_winner(study)
    assert winner is not None
    assert winner.bracket is not None
    assert 2e-3 in winner.bracket
    assert winner.lr == pytest.approx(2e-3, rel=0.8)
    assert winner.status.startswith("converged")
    assert study.best_trial.user_attrs["bisect_role"] == "final"
    horizon = study.trials[winner.number].last_step + 1
    exponent = study.best_trial.user_attrs["bisect_exponent"]
    corrected = winner.lr * (horizon / 5001) ** exponent
    assert study.best_trial.params["lr"] == pytest.approx(corrected)
    assert study.best_trial.user_attrs["bisect_start_lr"] == pytest.approx(winner.lr)


def test_a_rate_that_ended_as_low_is_named_and_not_called_worse() -> None:
    def plateau(trial: optuna.Trial) -> float:
        offset = math.log10(trial.suggest_float("lr", 1e-5, 1e-1, log=True) / 2e-3)
        for step in range(0, 1001, 50):
            loss = 1 + 1.3 * math.exp(-0.05 * 10 ** -(offset**2) * step)
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    sampler = BisectionSampler(probe_steps=1000, final_steps=1001)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(plateau)
    winner = find_winner(study)
    assert winner is not None
    alike = [
        trial.params["lr"]
        for trial in study.trials
        if trial.user_attrs.get("bisect_verdict") == "balanced" and trial.number != winner.number
    ]
    assert alike
    names = ", ".join(f"{rate:.3g}" for rate in sorted(alike))
    assert winner.status == (
        f"converged: {names} ended within 1% of its progress, the rest is worse"
    )


@pytest.mark.parametrize(("best", "status"), [(1e-9, LOW_EDGE), (1e3, HIGH_EDGE)])
def test_an_optimum_outside_the_range_is_reported_at_its_edge(best: float, status: str) -> None:
    winner = find_winner(search(best))
    assert winner is not None
    assert winner.status == status


def test_a_search_that_is_not_over_has_no_winner() -> None:
    sampler = BisectionSampler(probe_steps=1000, final_steps=5001)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    assert find_winner(study) is None
    study.optimize(lambda trial: train(trial, 2e-3), n_trials=2)
    assert find_winner(study) is None


def test_without_lengths_the_winner_so_far_is_returned() -> None:
    study = optuna.create_study(sampler=BisectionSampler())
    objective = lambda t: abs(math.log10(t.suggest_float("lr", 1e-6, 1, log=True)) + 2)  # noqa: E731
    study.optimize(objective, n_trials=10)
    winner = find_winner(study)
    assert winner is not None
    assert winner.number == study.best_trial.number
    assert winner.value == study.best_value
    assert isinstance(winner.bracket, Bracket)
    assert winner.lr in winner.bracket
