"""The benchmark of full runs: each method once on a tiny task, the file, the scores, AdaLRS."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from studies.full_runs import compare
from studies.full_runs.adalrs import AdaLrs, measure
from studies.full_runs.data import Data
from studies.full_runs.figure import spread
from studies.full_runs.methods import HALF_DECADES, METHODS
from studies.full_runs.report import loss_table, rate_table
from studies.full_runs.rows import Row, append, read
from studies.full_runs.score import scores
from studies.full_runs.tasks import Task

EXTRAS = {
    "finder": "torch_lr_finder",
    "prodigy": "prodigyopt",
    "schedule-free": "schedulefree",
    "mechanic": "mechanic_pytorch",
}


def clouds() -> Data:
    """Draw two clouds of points that a line separates."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(200) % 2
    x = torch.randn(200, 4, generator=draw) + 2 * y[:, None]
    return Data(x[:160], y[:160], x[160:], y[160:])


def tiny(optimizer: str = "momentum", **changes) -> Task:
    return Task(clouds, lambda: nn.Linear(4, 2), cross_entropy, optimizer, 250, 8, **changes)


def row(method: str, variant: float, lowest: float, n_steps: int = 8000) -> Row:
    return Row("fashion-mlp", method, variant, 0, 0.1, lowest, lowest, n_steps, 1.0)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("name", METHODS)
def test_each_method_trains_a_tiny_task_to_its_end(name, optimizer) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"{EXTRAS[name]} is not installed")
    task = tiny(optimizer, n_warmup_steps=10)
    result = METHODS[name].run(task, 0, METHODS[name].variants[-1])
    assert result.rate > 0
    assert result.n_steps >= task.n_steps
    assert result.lowest < 0.69
    assert result.lowest <= result.last


def test_a_run_that_diverges_ends_early_with_an_infinite_last_loss() -> None:
    task = tiny()._replace(loss=lambda out, y: cross_entropy(out, y) / 0.0)
    result = METHODS["cosine"].run(task, 0, 1.0)
    assert result.last == math.inf
    assert result.n_steps < task.n_steps


def test_the_same_command_goes_on_where_it_stopped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(compare, "TASKS", {"tiny": tiny()})
    path = tmp_path / "rows.csv"
    options = SimpleNamespace(task=["tiny"], method=["cosine"], seed=[0], output=path)
    compare.record(options)
    whole = path.read_text().splitlines()
    path.write_text("\n".join(whole[:3]) + "\n")
    compare.record(options)
    assert [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()] == [
        line.rsplit(",", 1)[0] for line in whole
    ]
    assert [r.variant for r in read(path)] == list(HALF_DECADES)


def test_rows_come_back_as_they_were_written(tmp_path) -> None:
    path = tmp_path / "rows.csv"
    for r in (row("cosine", 0.316, 0.25), row("finder", 1.0, 0.5, 8100)):
        append(path, r)
    assert read(path) == [row("cosine", 0.316, 0.25), row("finder", 1.0, 0.5, 8100)]


def test_scores_are_relative_to_the_best_of_five_cosine_runs() -> None:
    cosines = [row("cosine", v, loss) for v, loss in zip(HALF_DECADES, (9, 4, 2, 3, 8))]
    best, *others = scores([*cosines, row("finder", 1.0, 2.5, 8800)])
    assert (best.mean, best.paid) == (1.0, 5.0)
    finder = others[-1]
    assert finder.mean == pytest.approx(1.25)
    assert finder.paid == pytest.approx(1.1)
    assert loss_table([best, finder])[-1].endswith("| 1.10 | 1.250 | 1.250 | 1.250 |")
    assert "0.1" in rate_table([best, finder])[-1]


def test_nothing_is_scored_before_all_five_cosine_runs_are_there() -> None:
    assert not scores([row("cosine", v, 1.0) for v in HALF_DECADES[:4]])


def test_labels_of_a_figure_keep_their_order_and_their_distance() -> None:
    places = spread([1.0, 1.01, 1.0, 2.0], 0.05)
    assert sorted(places) == [places[i] for i in (0, 2, 1, 3)]
    assert min(b - a for a, b in zip(sorted(places), sorted(places)[1:])) >= 0.05 - 1e-9


def test_a_window_measures_the_speed_of_a_descent_and_its_error() -> None:
    straight = measure([5 - 0.1 * i for i in range(20)])
    assert straight.speed == pytest.approx(0.1)
    assert straight.error == pytest.approx(0, abs=1e-9)


def drive(speeds) -> tuple[float, float]:
    """Feed AdaLRS losses that fall at given speeds, one a window; return its peak and a weight."""
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    task, loss = tiny()._replace(n_steps=500), 100.0
    driver = AdaLrs(task, model, 0.1)
    for speed in speeds:
        for _ in range(10):
            loss -= speed
            driver.step(loss)
        with torch.no_grad():
            model.weight += 1
    return driver.peak, model.weight.item()


def test_adalrs_keeps_a_higher_rate_that_descends_faster() -> None:
    assert drive([1.0] * 6 + [0.9, 1.5]) == (pytest.approx(0.2), 8)


def test_adalrs_goes_back_and_lower_where_a_higher_rate_descends_more_slowly() -> None:
    peak, weight = drive([1.0] * 6 + [0.9, 0.5])
    assert peak == pytest.approx(0.1 / (1.67 * 0.99))
    assert weight == 7
