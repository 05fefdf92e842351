"""A search that starts from an earlier study asks fewer questions, and never many more."""

from __future__ import annotations

import statistics

import optuna
import pytest
from synthetic_trainer import Trainer, make_objective

from optuna_bisect import BisectionSampler, VerdictPruner, find_winner

STEPS = {"probe_steps": 40, "final_steps": 160}
OPTIMA = [1e-4, 4e-4, 1.3e-3, 6e-3, 2e-2]


def search(best: float, sampler: BisectionSampler) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(make_objective(Trainer(best=best)), n_trials=40)
    assert study.best_trial.user_attrs["bisect_role"] == "final"
    return study


def n_probes(study: optuna.Study) -> int:
    return sum(t.user_attrs["bisect_role"] == "probe" for t in study.trials)


def compare(moved_by: float) -> tuple[float, float]:
    cold, warm = [], []
    for best in OPTIMA:
        earlier = search(best, BisectionSampler(**STEPS))
        now = best * 10**moved_by
        cold.append(n_probes(search(now, BisectionSampler(**STEPS))))
        again = search(now, BisectionSampler.from_study(earlier, **STEPS))
        warm.append(n_probes(again))
        assert find_winner(again).lr == pytest.approx(now, rel=0.8)
    return statistics.fmean(cold), statistics.fmean(warm)


def test_an_optimum_that_stayed_costs_three_probes() -> None:
    assert compare(0.0)[1] == 3


def test_a_third_of_the_probes_is_saved_where_the_optimum_moved_by_less_than_half_a_decade() -> (
    None
):
    pairs = [compare(moved_by) for moved_by in (-0.45, -0.2, 0.0, 0.2, 0.45)]
    cold, warm = (statistics.fmean(side) for side in zip(*pairs, strict=True))
    assert warm <= 0.65 * cold


@pytest.mark.parametrize("moved_by", [-2.0, 2.0])
def test_at_most_one_probe_is_lost_where_it_moved_by_two_decades(moved_by: float) -> None:
    cold, warm = compare(moved_by)
    assert warm <= cold + 1


def test_an_earlier_study_without_a_winner_raises() -> None:
    with pytest.raises(ValueError, match="with a winner but got"):
        BisectionSampler.from_study(optuna.create_study(), **STEPS)


def test_a_start_outside_the_range_is_ignored() -> None:
    sampler = BisectionSampler(**STEPS, warm_start=1e6)
    study = search(1e-3, sampler)
    assert study.trials[0].params["lr"] == pytest.approx(1e-3)


def test_probes_of_another_length_start_at_the_corrected_rate() -> None:
    earlier = search(1e-3, BisectionSampler(**STEPS))
    longer = BisectionSampler.from_study(earlier, probe_steps=400, final_steps=1600)
    study = optuna.create_study(sampler=longer)
    rate = study.ask().suggest_float("lr", 1e-6, 1.0, log=True)
    assert rate < 0.6 * find_winner(earlier).lr
