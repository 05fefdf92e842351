"""Learning rates in parameter groups: ratios, and tensors that stay the same objects."""

from __future__ import annotations

import math

import pytest
import torch
from linear_fit import build, make, train

torch.set_num_threads(1)


def test_param_groups_keep_their_ratios():
    _, optimizer = build(0.5, ratios=(1.0, 0.1, 3.0))
    scheduler = make(0.2, optimizer=optimizer)
    for _ in range(100):
        scheduler.step(1.0)
        first, *others = scheduler.get_last_lr()
        assert others == pytest.approx([0.1 * first, 3.0 * first])


def test_a_group_added_later_keeps_its_ratio_too():
    _, optimizer = build(0.1)
    scheduler = make(0.1, optimizer=optimizer)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.05})
    scheduler.step(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.1, 0.05])


@pytest.mark.parametrize("group", [{}, {"lr": None}])
def test_an_optimizer_that_has_no_rate_is_refused_with_a_sentence(group):
    parameter = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ValueError, match="the lr of each group must be a number but got None"):
        make(optimizer=torch.optim.Optimizer([parameter], group))


def test_a_tensor_rate_is_filled_in_place_also_by_a_restore():
    model = torch.nn.Linear(3, 1)
    lr = torch.tensor(0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, foreach=False, capturable=True)
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.1, optimizer=optimizer, **options)
    for _ in range(40):
        scheduler.step(1.0 + 1e-3 * torch.rand(()))
    assert optimizer.param_groups[0]["lr"] is lr
    before = float(lr)
    assert scheduler.step(math.nan)
    assert optimizer.param_groups[0]["lr"] is lr
    assert float(lr) == pytest.approx(before / 3, rel=0.02)
    assert scheduler.get_last_lr()[0] is not lr


def test_first_weights_that_come_back_leave_the_unit_of_the_groups():
    model, optimizer = build(0.1, ratios=(1.0, 0.5))
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.1, optimizer=optimizer, **options)
    assert scheduler.step(math.nan)
    assert scheduler.get_last_lr()[0] < 0.05
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1})
    scheduler.step(1.0)
    first, *others = scheduler.get_last_lr()
    assert others == pytest.approx([0.5 * first, first])


def test_a_run_that_went_back_to_its_first_weights_is_resumed_at_its_end():
    """Where the rate is 0 and says nothing about the groups."""

    def begin():
        model, optimizer = build(0.1, ratios=(1.0, 0.5))
        return model, optimizer, make(0.1, optimizer=optimizer, restore=(model, optimizer))

    parts, again = begin(), begin()
    train(*parts, 400)
    assert parts[2].get_last_lr() == [0.0, 0.0]
    assert any(entry.signal == "leg" for entry in parts[2].history)
    for part, other in zip(parts, again):
        other.load_state_dict(part.state_dict())
    assert again[2].get_last_lr() == [0.0, 0.0]
