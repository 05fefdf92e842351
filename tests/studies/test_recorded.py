"""Searches on recorded runs: every rival gets the same range, losses and correction as ours."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("plotly")
import optuna

from studies.recorded import rivals
from studies.recorded.bench import N_REPORTS, Bench, Setting, Task
from studies.recorded.searches import METHODS
from studies.shared.probe_searches import EXPONENT

BEST, INITIAL = 10**-2.25, 2.3
SETTING = Setting(0.12, 1e-6, 1.0)


def loss(lr: float, step: int) -> float:
    """Return a loss that falls fastest at ``BEST`` and is not finite from 1.5 decades above on."""
    decades = math.log10(lr / BEST)
    if decades >= 1.5:
        return math.nan
    return INITIAL - 2 * math.exp(-((decades / 0.6) ** 2)) * step / (step + 6)


def record(lr: float) -> dict:
    """Return a recorded run; tables hold None where a loss is not finite."""
    losses = [loss(lr, step) for step in range(1, 121)]
    reports = [value if math.isfinite(value) else None for value in losses]
    run = {"lr": lr, "seed": 0, "initial": INITIAL, "reports": reports, "final": reports[-1]}
    return run | {"task": "toy/sgd", "report_steps": 1, "total_steps": 100}


@pytest.fixture
def bench():
    """Return a bench over one task, recorded at 16 rates a decade."""
    runs = [record(10 ** (-7 + i / 16)) for i in range(130)]
    return Bench(Task("toy/sgd", runs, runs, 0.12), SETTING, 3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_search_ends_near_the_best_rate_of_an_easy_task(method, bench) -> None:
    exponent = EXPONENT if method.endswith("+horizon") else 0.0
    aim = BEST * bench.probe_share**exponent
    # Ours has its own law, between the two.
    width = 1.0 if method == "optuna_bisect" else 0.6
    assert abs(math.log10(METHODS[method](bench) / aim)) < width
    assert 0 < bench.n_paid <= 20 * N_REPORTS


def test_the_correction_of_a_rival_is_a_plain_power_of_the_share_of_a_probe(bench) -> None:
    assert bench.probe_share == pytest.approx(0.12)
    assert rivals.corrected(lambda _: 0.5, 0.0)(bench) == 0.5
    assert rivals.corrected(lambda _: 0.5, EXPONENT)(bench) == pytest.approx(0.5 * 0.12**EXPONENT)


def test_a_loss_that_is_not_finite_counts_as_the_untrained_one(bench) -> None:
    seen = []

    class Watched(optuna.samplers.RandomSampler):
        def after_trial(self, study, trial, state, values) -> None:
            seen.append((trial.params["lr"], values[0], list(trial.intermediate_values.values())))

    rivals.stock(Watched, optuna.pruners.NopPruner, 16)(bench)
    broken = [row for row in seen if row[0] > 1.1 * BEST * 10**1.5]
    assert broken
    assert {(value, *reports) for _, value, reports in broken} == {(INITIAL, INITIAL)}
    assert all(math.isfinite(value) and value <= INITIAL for _, value, _ in seen)


def test_a_grid_takes_no_run_that_broke(bench) -> None:
    assert rivals.grid(bench) < BEST * 10
    assert len(rivals.grid_rates(bench)) == 6
    assert bench.low < rivals.grid_rates(bench)[0] < rivals.grid_rates(bench)[-1] < bench.high


def test_a_cut_grid_begins_in_the_middle_and_pays_less_than_whole_probes(bench, monkeypatch):
    tried = []
    reports = bench.reports
    monkeypatch.setattr(bench, "reports", lambda lr: tried.append(lr) or reports(lr))
    rivals.cut_grid(bench)
    rates = rivals.grid_rates(bench)
    assert tried == [rates[i] for i in (2, 3, 1, 4, 0, 5)]
    assert bench.n_paid < 5 * N_REPORTS


def test_a_cut_grid_picks_between_its_points_where_the_neighbours_ran_in_full() -> None:
    def record_slowly(lr: float) -> dict:
        slow = 0.03 * math.log10(lr / BEST) ** 2
        reports = [INITIAL - (0.15 - slow / 100) * step for step in range(1, 13)]
        return record(lr) | {"reports": reports}

    runs = [record_slowly(10 ** (-7 + i / 16)) for i in range(130)]
    bench = Bench(Task("slow", runs, runs, 0.12), SETTING, 3)
    pick, rates = rivals.cut_grid(bench), rivals.grid_rates(bench)
    assert all(abs(math.log10(pick / rate)) > 0.01 for rate in rates)
    assert abs(math.log10(pick / BEST)) < min(abs(math.log10(rate / BEST)) for rate in rates)


def test_a_cut_grid_without_any_progress_has_no_pick() -> None:
    runs = [record(1e-9) | {"lr": 10.0**-i} for i in range(8)]
    assert math.isnan(rivals.cut_grid(Bench(Task("flat", runs, runs, 0.12), SETTING, 3)))
