"""The mean of an interval: read late, cut from the graph, in at least single precision."""

from __future__ import annotations

import pytest
import torch
from linear_fit import make

torch.set_num_threads(1)


def test_losses_are_read_from_the_device_only_at_interval_ends(monkeypatch):
    reads = []
    original = torch.Tensor.__float__
    monkeypatch.setattr(torch.Tensor, "__float__", lambda x: reads.append(1) or original(x))
    scheduler = make(interval_steps=50)
    for _ in range(49):
        scheduler.step(torch.tensor(1.0), torch.tensor(1.0))
    assert reads == []
    scheduler.step(torch.tensor(1.0))
    assert len(reads) == 3


def test_a_loss_keeps_no_graph_alive_and_must_be_one_number():
    scheduler = make()
    loss = (torch.ones(1, requires_grad=True) * 2).reshape(1, 1)
    scheduler.step(loss)
    assert not scheduler._run.meter.excess.requires_grad
    with pytest.raises(ValueError, match=r"train_loss must be one number, .* but got tensor"):
        scheduler.step(torch.ones(3))


def test_half_precision_losses_are_summed_in_single():
    scheduler = make(interval_steps=399)
    for loss in [0.0] + [1000.0] * 300:
        scheduler.step(torch.tensor(loss, dtype=torch.float16))
    assert scheduler.state_dict()["meter"]["excess"] == 300_000.0


@pytest.mark.parametrize("loss", [2.3, 0.1, torch.tensor(2.3), torch.tensor(10.0).log()])
def test_a_rate_too_low_to_change_the_loss_goes_up(loss):
    """The mean of equal losses is that loss: the rounding of a sum is neither fall nor rise."""
    scheduler = make()
    for _ in range(200):
        scheduler.step(loss)
    assert {e.signal for e in scheduler.history} == {"undershoot", "anneal"}
    assert scheduler.history[-1].lr > 0.1
