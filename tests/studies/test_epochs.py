"""The live benchmark: rules of finders on made-up runs, scores, and the whole in a short form."""

from __future__ import annotations

import math

import pytest

from studies.epochs import compare
from studies.epochs.bench import Bench
from studies.epochs.figure import bars, write_figure
from studies.epochs.finder_rules import (
    arithmetic_midpoint,
    diff_lr,
    is_diff_lr_overshoot,
    log_midpoint,
    valley,
)
from studies.epochs.score import best_rates, first_step, late_targets, score, targets
from studies.epochs.searches import Cell, Pick
from studies.epochs.tables import format_tables, interval
from studies.epochs.tasks import TASKS
from studies.shared import csv_rows

RATES = [10 ** (-7 + 8 * i / 99) for i in range(100)]


def sweep(start: int, end: int) -> list[float]:
    """Return losses that fall from one point to another and rise behind it."""
    falling = [2.3 - 0.02 * (min(i, end) - start) for i in range(100)]
    return [2.3 if i < start else x + 0.5 * max(0, i - end) for i, x in enumerate(falling)]


def test_valley_suggests_the_middle_of_the_descent() -> None:
    found = valley(RATES, sweep(40, 80))
    assert found == pytest.approx(math.sqrt(RATES[40] * RATES[80]), rel=0.25)


def test_valley_skips_over_single_spikes_in_the_descent() -> None:
    losses = sweep(40, 80)
    losses[55] += 3
    assert valley(RATES, losses) == pytest.approx(valley(RATES, sweep(40, 80)), rel=0.25)


def test_valley_ends_at_the_first_loss_that_is_not_a_number() -> None:
    losses = sweep(40, 80)
    losses[60:] = [math.nan] * 40
    assert RATES[40] < valley(RATES, losses) < RATES[60]


def test_valley_of_a_sweep_that_was_stopped_at_once_is_not_a_number() -> None:
    assert math.isnan(valley(RATES[:12], sweep(40, 80)[:12]))
    assert math.isnan(valley(RATES, [math.nan] * 100))


def test_valley_refuses_losses_that_do_not_belong_to_the_rates() -> None:
    with pytest.raises(ValueError, match="as many losses as rates but got 3, 100"):
        valley(RATES, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("edge", [3e-6, 1e-4, 0.02])
def test_diff_lr_in_log_space_tries_five_rates_and_ends_just_below_the_edge(edge) -> None:
    found = diff_lr(lambda lr: lr > edge, log_midpoint)
    assert len(found.tried) == 5
    assert edge / 10 ** (5 / 2**5) <= found.lr <= edge


def test_diff_lr_with_the_arithmetic_midpoint_needs_ten_rates_for_a_low_edge() -> None:
    found = diff_lr(lambda lr: lr > 1e-5, arithmetic_midpoint)
    assert len(found.tried) == 10
    assert found.lr == 1e-3, "nothing was below the edge: the published fallback"
    assert diff_lr(lambda lr: False, arithmetic_midpoint).tried == (
        pytest.approx(0.05, rel=1e-4),
        pytest.approx(0.075, rel=1e-4),
    )


def test_diff_lr_refuses_an_empty_range() -> None:
    with pytest.raises(ValueError, match=r"expected 0 < low < high but got 1 and 0\.1"):
        diff_lr(lambda lr: True, log_midpoint, low=1, high=0.1)


def test_diff_lr_calls_a_gap_and_nothing_else_an_overshoot() -> None:
    assert is_diff_lr_overshoot(0.1, 0.16)
    assert is_diff_lr_overshoot(math.nan, math.nan)
    assert not is_diff_lr_overshoot(2.3, 2.3), "a collapsed run has no gap"
    assert not is_diff_lr_overshoot(math.inf, math.inf)


def test_first_step_is_where_the_target_was_reached_first() -> None:
    minima = [(0, 2.0), (10, 1.0), (30, 0.5)]
    assert first_step(minima, 1.0) == 10
    assert first_step(minima, 0.4) is None
    assert first_step([], 0.4) is None


def row(method: str, minima: str, *, seed: int = 0, search_steps: int = 0) -> dict[str, str]:
    lr = method.removeprefix("reference ") if method.startswith("reference ") else "0.1"
    values = ["mlp-small-digits", str(seed), method, lr, str(search_steps), "10", "100", minima]
    return dict(zip(compare.COLUMNS, values))


ROWS = [
    row("reference 0.1", "0:2 40:1.0 80:0.5", seed=100),
    row("reference 0.1", "0:2 50:0.9 60:0.7", seed=101),
    row("reference 1", "0:2 10:1.5", seed=100),
    row("reference 1", "0:2 10:0.1", seed=101),
    row("torch-lr-finder", "0:2 30:1.0", search_steps=5),
    row("grid of 6", "0:2 60:0.5", search_steps=30),
    row("optuna_bisect", "0:2 90:1.1", search_steps=20),
    row("fastai valley", "", search_steps=5),
]


def test_the_target_is_a_share_of_what_the_best_rate_attains_over_all_seeds() -> None:
    assert targets(ROWS, 1.0) == {"mlp-small-digits": pytest.approx(0.6)}
    assert targets(ROWS, 0.5) == {"mlp-small-digits": pytest.approx(1.3)}
    assert best_rates(ROWS) == {"mlp-small-digits": 0.1}


def test_the_late_target_is_what_the_best_rate_reaches_in_time_with_every_seed() -> None:
    assert late_targets(ROWS, 0.75) == {"mlp-small-digits": 1.0}
    assert late_targets(ROWS, 0.3) == {"mlp-small-digits": 1.5}


def test_a_run_that_never_reaches_the_target_counts_in_full() -> None:
    found = {s.method: (s.total, s.is_reached) for s in score(ROWS, targets(ROWS, 0.7))}
    assert found == {
        "torch-lr-finder": (3.5, True),
        "grid of 6": (9.0, True),
        "optuna_bisect": (12.0, False),
        "fastai valley": (10.5, False),
    }


def test_the_tables_show_who_is_better_than_we_are() -> None:
    lines = format_tables(ROWS, [0.7]).splitlines()
    ours = next(line for line in lines if line.startswith("| optuna_bisect |"))
    assert (
        ours == "| optuna_bisect | 12.0 | 2.0 | 10.0 | 3.43 (3.43 to 3.43) | 0 / 1 | 100 % | 1 |"
    )


def test_the_interval_holds_the_mean_and_narrows_where_tasks_agree() -> None:
    ratios = {(f"task {i}", str(seed)): 0.5 + 0.1 * i for i in range(10) for seed in range(3)}
    low, high = interval(ratios)
    assert 0.5 < low < math.exp(sum(map(math.log, ratios.values())) / 30) < high < 1.4
    assert interval(dict.fromkeys(ratios, 0.5)) == pytest.approx((0.5, 0.5))


def test_bars_are_shares_of_a_full_run_with_the_dearest_first(tmp_path) -> None:
    found = bars(score(ROWS, targets(ROWS, 0.7)))
    assert [bar.method for bar in found][::3] == ["optuna_bisect", "torch-lr-finder"]
    assert found[0].total == pytest.approx(1.2)
    assert found[0].failed == 1
    write_figure(score(ROWS, targets(ROWS, 0.7)), tmp_path / "figure.html")
    assert "optuna_bisect" in (tmp_path / "figure.html").read_text()


def test_a_cell_is_measured_once_and_a_second_run_adds_nothing(tmp_path) -> None:
    path, methods = tmp_path / "rows.csv", ["torch-lr-finder", "optuna_bisect with Phase 2"]
    for _ in range(2):
        compare.run(path, ["mlp-small-digits"], [0], methods, n_epochs=12)
    rows = csv_rows.read(path)
    assert [r["method"] for r in rows] == methods
    finder, ours = rows
    assert 17 <= int(finder["search_steps"]) <= 100
    assert 0 < int(ours["search_steps"]) < int(ours["full_steps"]) == 12 * 46
    assert float(ours["minima"].split(":")[-1]) < 0.7


def test_the_same_rate_gives_the_same_run_and_no_suggestion_gives_none() -> None:
    bench = Bench(TASKS["cnn-small-digits"], 0, n_epochs=1)
    once, again = bench.full_run(1e-3), Bench(bench.task, 0, n_epochs=1).full_run(1e-3)
    assert once == again
    assert [minimum.step for minimum in once][:1] == [0]
    assert Cell(bench).pick(math.nan, 7) == Pick(pytest.approx(math.nan, nan_ok=True), 7, [])


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_learns(name) -> None:
    bench = Bench(TASKS[name], 0)
    losses = list(bench.losses(bench.start(3e-3, 0), 0, 20))
    assert sum(losses[-5:]) < sum(losses[:5])
