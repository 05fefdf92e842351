"""The benchmark of several hyperparameters: what it pays, what it compares, what it draws."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from studies.configurations.figure import draw
from studies.configurations.methods import METHODS
from studies.configurations.report import RIVALS, compare, table
from studies.configurations.tasks import Config, Task
from studies.configurations.training import full_loss
from studies.full_runs.data import Data

WORDS = {"method": "ours-tpe", "budget": "1", "seed": "0", "paid": "0.6"}


def tiny() -> Task:
    """A task whose full run takes a tenth of a second."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 3, generator=generator)
    y = x.sum(1, keepdim=True)
    data = Data(x[:64], y[:64], x[64:], y[64:])
    return Task(lambda: data, lambda width, _: _network(width), (2, 4), 500)


def _network(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), nn.Linear(width, 1))


@pytest.mark.parametrize("method", ["tpe-median", "tpe-short", "ours-tpe"])
def test_a_method_stays_inside_its_budget(method) -> None:
    task = tiny()
    found = METHODS[method](task, 0, 1)
    assert 0 < found.n_paid <= task.n_steps
    assert isinstance(found.config, Config)
    untrained = full_loss(task, found.config, 1e-12, 1000)
    loss = full_loss(task, found.config, found.lr, 1000)
    # The others may recommend what diverges in a longer run; it counts as untrained.
    assert loss < untrained or (loss == untrained and not method.startswith("ours"))


def rows(**losses: tuple[float, ...]) -> list[dict[str, str]]:
    """Make the rows of methods, one loss a seed."""
    return [
        {**WORDS, "task": "t", "method": name.replace("_", "-"), "seed": str(i), "loss": str(loss)}
        for name, values in losses.items()
        for i, loss in enumerate(values)
    ]


def test_losses_are_compared_with_the_best_rival_of_the_task_whatever_its_kind() -> None:
    rivals = {name.replace("-", "_"): (2.0, 2.0) for name in RIVALS}
    rivals["smac_hyperband"] = (1.0, 4.0)
    rivals["tpe_short"] = (1.5, 1.5)
    found = {line.method: line for line in compare(rows(**rivals, ours_tpe=(1.2, 1.8)))}
    ours = found["ours-tpe"]
    assert ours.loss == pytest.approx(math.sqrt(1.2 * 1.8 / 1.5**2))
    assert (ours.wins, ours.n, ours.paid) == (1, 2, pytest.approx(0.6))
    assert found["tpe-short"].loss == 1.0


def test_a_pair_that_the_best_rival_has_not_run_is_left_out() -> None:
    rivals = {name.replace("-", "_"): (2.0,) for name in RIVALS}
    ours = next(x for x in compare(rows(**rivals, ours_tpe=(1.0, 9.0))) if x.method == "ours-tpe")
    assert (ours.loss, ours.n) == (0.5, 1)


def test_the_table_and_the_figure_show_every_method_that_was_run() -> None:
    rivals = {name.replace("-", "_"): (2.0,) for name in RIVALS}
    known = rows(**rivals, ours_tpe=(1.0,))
    text = "\n".join(table(known))
    assert "| ours-tpe | 0.500 | 1 of 1 | 0.60 |" in text
    assert "| ours-random | not run" in text
    names = {trace.name: len(trace.x) for trace in draw(compare(known)).data}
    assert names == {name: int(name != "ours-random") for name in METHODS}
