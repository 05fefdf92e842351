"""The study of six optimizers, with fewer and shorter runs: its table, figure and comparison.

Covers ``studies.optimizers``, ``studies.optimizers_runs`` and ``studies.optimizers_figure``.
"""

from __future__ import annotations

import pytest

from studies import optimizers, optimizers_runs
from studies.shared import csv_rows

NAMES = ["SGD", "Adagrad", "Adam"]


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    """Train for fewer updates."""
    monkeypatch.setattr(optimizers_runs, "PROBE_STEPS", 25)
    monkeypatch.setattr(optimizers_runs, "FINAL_STEPS", 60)


def test_the_study_prints_a_row_for_each_optimizer_and_draws_it(capsys, folder) -> None:
    page = folder / "page.html"
    optimizers.main(["--optimizers", *NAMES, "--output", str(page)])
    printed = capsys.readouterr().out
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
