"""Good weights: which come back, and when."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from linear_fit import build, lr_of, make, train

from optuna_bisect.training.snapshot import Snapshot

torch.set_num_threads(1)


def test_a_collapse_restores_the_last_good_weights_and_optimizer_and_cuts_the_rate():
    model, optimizer = build(0.03)
    scheduler = make(0.03, optimizer=optimizer, restore=(model, optimizer), interval_steps=2)
    train(model, optimizer, scheduler, 200)
    good, before = model.weight.detach().clone(), lr_of(scheduler)
    with torch.no_grad():
        model.weight.fill_(math.nan)
    flags = train(model, optimizer, scheduler, 2, begin=200)
    assert [restored for restored, _ in flags] == [False, True]
    assert torch.allclose(model.weight, good, atol=0.5)
    buffer = optimizer.state[model.weight]["momentum_buffer"]
    assert bool(torch.isfinite(buffer).all())
    assert lr_of(scheduler) == pytest.approx(before / 3, rel=0.02)
    entry = scheduler.history[-1]
    assert (entry.step, entry.signal) == (202, "collapse")
    assert entry.lr == lr_of(scheduler)
    assert "back" in entry.reason
    train(model, optimizer, scheduler, 50, begin=202)
    assert torch.allclose(model.weight, good, atol=0.5)


def test_a_stall_puts_the_last_good_weights_back_and_cuts_the_rate_to_a_third():
    model, optimizer = build(0.05)
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.05, optimizer=optimizer, decay="none", **options)
    for step in range(100):
        before = lr_of(scheduler)
        with torch.no_grad():
            model.weight.fill_(step)
        # The loss stands still from step 30 on.
        if scheduler.step(2.0 * 0.9 ** min(step, 30) + 0.1 + 1e-4 * (step % 3)):
            break
    entry = scheduler.history[-1]
    assert (entry.signal, entry.lr) == ("stall", pytest.approx(before / 3))
    assert "back" in entry.reason
    assert float(model.weight.detach().max()) <= step - 8


def test_a_stall_before_the_first_copy_leaves_the_weights_and_after_one_copy_trusts_it():
    model, optimizer = build()
    snapshot = Snapshot((model, optimizer))
    assert not snapshot.put_back(snapshot.good or snapshot.pending)
    with torch.no_grad():
        model.weight.fill_(3.0)
    snapshot.offer()
    with torch.no_grad():
        model.weight.fill_(5.0)
    assert snapshot.put_back(snapshot.good or snapshot.pending)
    assert float(model.weight.detach().max()) == 3.0


def test_weights_ruined_by_the_update_after_a_good_loss_are_not_what_comes_back():
    model, optimizer = build(0.05)
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.05, optimizer=optimizer, **options)
    flags = []
    for step in range(64):
        if step == 63:  # the end of the 64th interval, where a snapshot is due
            with torch.no_grad():
                model.weight.fill_(math.nan)
        flags.append(scheduler.step(2.0 * 0.9**step + 0.1))
    assert not any(flags)
    assert scheduler.step(math.nan)
    assert bool(torch.isfinite(model.weight).all())


def test_after_loading_a_collapse_goes_back_to_weights_that_were_loaded():
    model, optimizer = build()
    scheduler = make(optimizer=optimizer, restore=(model, optimizer), interval_steps=1)
    scheduler.load_state_dict(scheduler.state_dict())
    with torch.no_grad():
        model.weight.fill_(7.0)
    scheduler.step(1.0)
    assert scheduler.step(math.nan)
    assert float(model.weight.detach().mean()) == 7.0


class Tied(torch.nn.Module):
    """Two names of one matrix, and statistics that are no parameters."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = (torch.nn.Linear(4, 4, bias=False) for _ in range(2))
        self.outer.weight = self.inner.weight
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, x):
        return self.outer(self.norm(self.inner(x)))


def test_copies_share_nothing_with_the_model_and_carry_no_graph():
    model = Tied()
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.1), foreach=False)
    snapshot = Snapshot((model, optimizer))

    def update():
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()

    update()
    snapshot.keep()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    update()
    assert not torch.equal(model.inner.weight, before[0]["inner.weight"])
    assert snapshot.put_back(snapshot.trusted)
    after = (model.state_dict(), optimizer.state_dict())
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert model.inner.weight is model.outer.weight
    tensors = [*snapshot.good[0].values(), *snapshot.good[1]["state"][0].values()]
    assert not any(tensor.requires_grad for tensor in tensors)
    update()
    torch.testing.assert_close(tuple(snapshot.good), before, rtol=0, atol=0)
