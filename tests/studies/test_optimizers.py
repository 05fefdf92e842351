"""The study of six optimizers, with fewer and shorter runs: its table, figure and comparison.

Covers ``studies.optimizers``, ``studies.optimizers_runs``, ``studies.optimizers_figure`` and
``studies.optimizers_steps``.
"""

from __future__ import annotations

import pytest
import torch

from studies import optimizers, optimizers_runs, optimizers_steps
from studies.shared import csv_rows

NAMES = ["SGD", "Adagrad", "Adam"]


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    """Train for fewer updates."""
    monkeypatch.setattr(optimizers_runs, "PROBE_STEPS", 25)
    monkeypatch.setattr(optimizers_runs, "FINAL_STEPS", 60)


def test_the_study_prints_a_row_for_each_optimizer_and_draws_it(
    capsys, folder, monkeypatch
) -> None:
    page, steps_page = folder / "page.html", folder / "steps.html"
    options = ["--output", str(page), "--steps-output", str(steps_page)]
    monkeypatch.setattr(optimizers, "FINAL_STEPS", 60)
    optimizers.main(["--optimizers", *NAMES, *options])
    printed, steps = capsys.readouterr().out.split("\n\n| optimizer | rate ")
    assert all(f"| {name} | " in steps and name in steps_page.read_text() for name in NAMES)
    assert "From update 10 to 60 the rate of the median weight goes to " in steps
    rows = [line for line in printed.splitlines() if line.startswith("| ")][2:]
    assert sorted(row.split(" | ")[0].strip("| ") for row in rows) == sorted(NAMES)
    assert sum("winner" in row for row in rows) == 1
    assert rows[0].split(" | ")[0].strip("| ") in printed.splitlines()[-1]
    assert all(name in page.read_text() for name in NAMES)


def test_the_comparison_counts_what_both_ways_paid_and_goes_on_where_it_stopped(folder) -> None:
    path = folder / "rows.csv"
    row = optimizers_runs.compare(0, NAMES)
    csv_rows.append(path, row)
    assert row["ratio"] == row["steps"] / row["steps_apart"] < 1
    again = optimizers.record(1, path)
    assert [r["winner"] for r in again] == [row["winner"]]
    assert optimizers.comparison(again)[-1] == (
        f"cost={row['ratio']:.3f} same_winner={int(row['winner'] == row['winner_apart'])}/1"
    )


@pytest.mark.parametrize("name", sorted(optimizers_runs.OPTIMIZERS))
def test_each_weight_moves_by_its_rate_times_the_gradient(name) -> None:
    torch.manual_seed(0)
    weights = torch.nn.Parameter(torch.randn(20))
    optimizer = optimizers_runs.OPTIMIZERS[name]([weights], lr=0.01)
    moved, pushed = torch.zeros(20), torch.zeros(20)
    for _ in range(400):
        before = weights.detach().clone()
        weights.grad = torch.linspace(0.1, 2.0, 20)
        optimizer.step()
        if name == "AdamW":  # it also takes a share of the weights away
            before -= 0.01 * optimizer.param_groups[0]["weight_decay"] * before
        moved += before - weights.detach()
        pushed += optimizers_steps.effective_rates(optimizer) * weights.grad
    # A last gradient under momentum has not done all of its work yet, nor have averages begun.
    assert moved == pytest.approx(pushed, rel=0.03)


def test_adagrad_slows_down_and_plain_descent_does_not() -> None:
    for name, slows_down in (("Adagrad", True), ("SGD", False)):
        rows = optimizers_steps.measure(name, 0.01, 0, 40)
        assert [row.step for row in rows] == sorted({row.step for row in rows})
        assert rows[-1].step == 40
        assert (rows[-1].rate < 0.7 * rows[0].rate) is slows_down
        assert all(row.distance > 0 for row in rows)
